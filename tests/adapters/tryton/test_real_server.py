"""The client against a real server, which nobody here wrote: values, locks, sessions, lost answers, refusals."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.ports.clock import SystemClock
from pmsbridge_tryton.client import TrytonClient
from pmsbridge_tryton.connection import ConnectionSettings, connect
from pmsbridge_tryton.faults import StaleError, WarningRaisedError
from pmsbridge_tryton.sandbox.cutting import cut_wire
from pmsbridge_tryton.sandbox.rpc import Caller
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, RefusedError, Yard
from pmsbridge_tryton.wire import Number, Reference, reference_of
from tests.servers.tryton.fixtures import FreshTryton

PAY = "model.account.payment.create"


@contextmanager
def connected(server: TrytonServer, user: str = "portal", **more: object) -> Iterator[TrytonClient]:
    settings = ConnectionSettings.model_validate(server.options(user, **more))
    with connect("main", settings, secrets=server, clock=SystemClock()) as client:
        yield client


@pytest.fixture
def client(tryton_server: TrytonServer) -> Iterator[TrytonClient]:
    with connected(tryton_server) as client:
        yield client


def due_line(client: TrytonClient, invoice: int) -> int:
    (row,) = client.search_read("account.invoice", [["id", "=", invoice]], ["lines_to_pay"])
    (line,) = row["lines_to_pay"]
    return int(line)


def payment(yard: Yard, customer: Customer, amount: str, line: int | None, reference: str) -> dict[str, object]:
    return {
        "journal": yard.facts["payment_journals"]["Portal"], "kind": "receivable", "party": customer.id, "line": line,
        "amount": Decimal(amount), "date": datetime.now(UTC).date(), "reference": reference,
    }  # fmt: skip


# values


def test_money_dates_moments_bytes_and_references_come_back_as_they_were_written(
    client: TrytonClient, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    start = date(2026, 3, 1)
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 3}, start=start, days=10)
    client.create("ir.attachment", [{
        "name": "grüße.bin", "resource": Reference("sale.rental", rental), "type": "data", "data": b"\x00\xff\r\n",
    }])  # fmt: skip
    before = datetime.now(UTC)
    client.create("ir.note", [{"resource": Reference("sale.rental", rental), "message": "Grüße\n\t\u2713 \U0001f600"}])

    (line,) = client.search_read(
        "sale.rental.line", [["rental", "=", rental]],
        ["unit_price", "quantity", "planned_start_day", "actual_start", "actual_end", "duration", "amount", "per_day"],
    )  # fmt: skip
    (file,) = client.search_read(
        "ir.attachment", [["resource", "=", f"sale.rental,{rental}"]], ["name", "data", "resource"]
    )
    (note,) = client.search_read("ir.note", [["resource", "=", f"sale.rental,{rental}"]], ["message", "create_date"])

    assert (line["unit_price"], line["quantity"], line["amount"]) == (Decimal("1.50"), 3, Decimal("45.00"))
    assert not any(isinstance(value, float) for value in line.values())
    assert (line["planned_start_day"], line["actual_start"]) == (start, datetime(2026, 3, 1, 8, tzinfo=UTC))
    assert line["actual_end"] is None
    assert line["per_day"] == 1  # SQLite has no true
    assert isinstance(line["duration"], timedelta)
    assert (file["name"], file["data"]) == ("grüße.bin", b"\x00\xff\r\n")
    assert reference_of(file["resource"]) == Reference("sale.rental", rental)
    assert note["message"] == "Grüße\n\t\u2713 \U0001f600"
    assert abs(note["create_date"] - before) < timedelta(hours=1)


def test_a_quantity_and_a_length_of_time_go_in_exactly(tryton_server: TrytonServer) -> None:
    facts = tryton_server.facts
    generator, fence = (facts["products"][code]["id"] for code in ("GEN-20", "FENCE-8"))
    with connected(tryton_server, "staff") as client:
        (price,) = client.create("product.rental.price", [{
            "product": generator, "template": _template(client, generator),
            "duration": timedelta(days=90), "price": Decimal("3000.5000"),
        }])  # fmt: skip
        (row,) = client.search_read("product.rental.price", [["id", "=", price]], ["duration", "price"])
        client.delete("product.rental.price", [price])
        lost, shelf = (_location(client, kind) for kind in ("lost_found", "storage"))
        (move,) = client.create("stock.move", [{
            "product": fence, "quantity": Number(Decimal(7)), "unit": facts["units"]["Unit"], "from_location": lost,
            "to_location": shelf, "company": facts["company"],
        }])  # fmt: skip
        (moved,) = client.search_read("stock.move", [["id", "=", move]], ["quantity"])
        client.delete("stock.move", [move])

    assert (row["duration"], row["price"]) == (timedelta(days=90), Decimal("3000.5000"))
    assert moved["quantity"] == 7


def _template(client: TrytonClient, product: int) -> int:
    (row,) = client.search_read("product.product", [["id", "=", product]], ["template"])
    return int(row["template"])


def _location(client: TrytonClient, kind: str) -> int:
    return int(client.search_read("stock.location", [["type", "=", kind]], [], limit=1)[0]["id"])


# refusals


def test_the_servers_refusals_are_told_apart(client: TrytonClient, tryton_customer: Customer) -> None:
    missing = {"name": "x"}
    phone = [tryton_customer.phone_id]
    tries: list[tuple[type[PmsBridgeError], str, object]] = [
        (RejectedError, "user_error", lambda: client.update("party.party", [10**8], missing)),
        (RejectedError, "user_error", lambda: client.update("party.contact_mechanism", phone, {"value": "abc"})),
        (RejectedError, "user_error", lambda: client.update("res.user", [1], missing)),
        (ConfigurationError, "http_403", lambda: client.send("model.party.party.search_count_all")),
        (OutcomeUnknownError, "server_error", lambda: client.update("party.party", [tryton_customer.id], {"nope": 1})),
        (UnavailableError, "server_error", lambda: client.search_read("party.party", [], ["nope"])),
    ]  # fmt: skip

    for kind, code, work in tries:
        with pytest.raises(PmsBridgeError) as refused:
            work()  # type: ignore[operator]
        assert (type(refused.value), refused.value.code) == (kind, code)


def test_a_warning_is_raised_and_not_confirmed(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    today = datetime.now(UTC).date()
    rental = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=today - timedelta(days=2), days=30)
    with connected(tryton_server, "staff") as client:
        raised = [give_back_too_early(client, rental) for _ in range(2)]
        skipped = client.ask("model.res.user.warning.search_count", [["name", "=", raised[0].name]])

    assert raised[0].name == raised[1].name != ""
    assert [line["rental_state"] for line in tryton_yard.lines(rental)] == ["picked up"]
    assert skipped == 0


def give_back_too_early(client: TrytonClient, rental: int) -> WarningRaisedError:
    with client.wizard("sale.rental.return", model="sale.rental", ids=[rental]) as back:
        shown = back.step()
        lines = [_exact({**line, "quantity_returned": line["quantity"]}) for line in shown.values["lines"]]
        with pytest.raises(WarningRaisedError) as raised:
            back.step("return_", {shown.state: {**shown.values, "lines": lines}})
    return raised.value


def _exact(line: dict[str, object]) -> dict[str, object]:
    return {name: Number(value) if isinstance(value, Decimal) else value for name, value in line.items()}


@pytest.mark.slow
def test_a_wrong_password_is_told_from_a_server_that_counts_log_ons(fresh_tryton: FreshTryton) -> None:
    # Each failed log-on is slowed down twice as much as the last one, so few are counted here.
    server = fresh_tryton({"session": {"timeout": 600, "max_attempt": 2}})
    wrong = connect("main", ConnectionSettings.model_validate(server.options()), secrets=_Wrong(), clock=SystemClock())
    for _ in range(3):
        with pytest.raises(ConfigurationError) as refused:
            wrong.login()
        assert refused.value.code == "login_failed"
    # One try of ours was counted; two more, and the right password is refused too.
    for _ in range(2):
        with pytest.raises(RefusedError):
            Caller("127.0.0.1", server.port, server.database).log_on("portal", "wrong")

    with connected(server) as client, pytest.raises(UnavailableError) as waits:
        client.login()

    assert waits.value.code == "too_many_logins"
    assert waits.value.retry_after == timedelta(minutes=5)
    wrong.close()


class _Wrong:
    def get(self, _reference: str) -> str:
        return "wrong"


def test_a_database_that_is_not_there_is_a_matter_of_settings(tryton_server: TrytonServer) -> None:
    with connected(tryton_server, database="elsewhere") as client, pytest.raises(ConfigurationError) as refused:
        client.login()

    assert refused.value.code == "http_404"


# pages


@pytest.mark.slow
def test_pages_give_every_record_once_where_the_server_allows_few(fresh_tryton: FreshTryton) -> None:
    server = fresh_tryton({"request": {"records_limit": 7}})
    yard = Yard(server.caller("staff"), server.facts)
    with connected(server) as client:
        known = {yard.customer(name=f"Somebody {number}").id for number in range(9)}
        found = [
            row["id"]
            for page in client.pages("party.party", [["name", "like", "Somebody%"]], [], page_rows=20)
            for row in page
        ]

    assert sorted(found) == found
    assert set(found) == known


def test_a_record_that_appears_meanwhile_shifts_no_other(client: TrytonClient, tryton_yard: Yard) -> None:
    first = {tryton_yard.customer(name="Shifting Example").id for _ in range(4)}
    seen: list[int] = []
    for number, page in enumerate(client.pages("party.party", [["name", "=", "Shifting Example"]], [], page_rows=2)):
        seen += [row["id"] for row in page]
        if number == 0:
            client.update("party.party", [seen[0]], {"name": "Shifted Example"})
            first.add(tryton_yard.customer(name="Shifting Example").id)

    assert sorted(seen) == sorted(first)
    assert len(seen) == len(set(seen))


# locks


def test_a_stale_stamp_writes_nothing(client: TrytonClient, tryton_yard: Yard, tryton_customer: Customer) -> None:
    mechanism = tryton_customer.phone_id
    stamps = client.stamps("party.contact_mechanism", [mechanism])
    client.update("party.contact_mechanism", [mechanism], {"comment": "first"}, stamps=stamps)

    with pytest.raises(StaleError):
        client.update("party.contact_mechanism", [mechanism], {"comment": "second"}, stamps=stamps)

    (row,) = tryton_yard.call.read("party.contact_mechanism", [["id", "=", mechanism]], "comment")
    assert row["comment"] == "first"


def test_of_eight_who_pay_the_same_invoice_at_once_one_does(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("80.00"))
    race_for(tryton_server, tryton_yard, tryton_customer, invoice)


@pytest.mark.postgresql
def test_of_eight_who_pay_at_once_on_postgresql_one_does_four_times_over(tryton_pg: TrytonServer) -> None:
    yard = Yard(tryton_pg.caller("staff"), tryton_pg.facts)
    for _ in range(4):
        customer = yard.customer()
        race_for(tryton_pg, yard, customer, yard.invoice(customer, Decimal("80.00")))


def race_for(server: TrytonServer, yard: Yard, customer: Customer, invoice: int) -> None:
    with connected(server, limits={"concurrency": 8}) as client:
        line = due_line(client, invoice)
        stamps = client.stamps("account.move.line", [line])
        gate, outcomes = threading.Barrier(8), []

        def pay(number: int) -> None:
            gate.wait(30)
            try:
                client.create(
                    "account.payment", [payment(yard, customer, "80.00", line, f"race-{number}")], stamps=stamps
                )
                outcomes.append("paid")
            except StaleError:
                outcomes.append("stale")

        threads = [threading.Thread(target=pay, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert sorted(outcomes) == ["paid", *["stale"] * 7]
    assert len(yard.payments(customer)) == 1


# an answer that is lost


def test_a_lost_answer_is_unknown_and_the_repetition_is_stale(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("50.00"))
    with cut_wire(tryton_server) as wire, connected(tryton_server, url=wire.url) as client:
        line = due_line(client, invoice)
        stamps = client.stamps("account.move.line", [line])
        wanted = [payment(tryton_yard, tryton_customer, "50.00", line, "lost-1")]
        wire.lose_answers(PAY)

        with pytest.raises(OutcomeUnknownError):
            client.create("account.payment", wanted, stamps=stamps)
        assert wire.passed[PAY] == 1

        with pytest.raises(StaleError):
            client.create("account.payment", wanted, stamps=stamps)
        found = client.search_read("account.payment", [["reference", "=", "lost-1"]], ["state", "amount"])

    assert [(row["state"], row["amount"]) for row in found] == [("draft", Decimal("50.00"))]


def test_a_lost_request_is_unknown_and_the_repetition_goes_through(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("50.00"))
    with cut_wire(tryton_server) as wire, connected(tryton_server, url=wire.url) as client:
        line = due_line(client, invoice)
        stamps = client.stamps("account.move.line", [line])
        wanted = [payment(tryton_yard, tryton_customer, "50.00", line, "lost-2")]
        wire.lose_requests(PAY)

        with pytest.raises(OutcomeUnknownError):
            client.create("account.payment", wanted, stamps=stamps)
        client.create("account.payment", wanted, stamps=stamps)

    assert [row["reference"] for row in tryton_yard.payments(tryton_customer)] == ["lost-2"]


def test_a_lost_read_is_asked_again(tryton_server: TrytonServer, tryton_customer: Customer) -> None:
    with cut_wire(tryton_server) as wire, connected(tryton_server, url=wire.url) as client:
        wire.lose_answers("model.party.party.search_read", 2)

        (row,) = client.search_read("party.party", [["id", "=", tryton_customer.id]], ["name"])

    assert row["name"] == tryton_customer.name


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_leaves_a_write_unknown_and_comes_back(fresh_tryton: FreshTryton) -> None:
    server = fresh_tryton()
    yard = Yard(server.caller("staff"), server.facts)
    customer = yard.customer()
    with connected(server, timeouts={"live": "60s", "write": "60s"}) as client:
        client.login()
        outcome: list[PmsBridgeError] = []

        def write() -> None:
            with pytest.raises(PmsBridgeError) as lost:
                client.update("party.party", [customer.id], {"name": "Somebody Else"})
            outcome.append(lost.value)

        server.freeze()
        thread = threading.Thread(target=write)
        thread.start()
        while client.calls < 3:
            time.sleep(0.01)
        server.kill()
        thread.join(60)
        server.start()

        assert [type(problem) for problem in outcome] in ([OutcomeUnknownError], [UnavailableError])
        (row,) = client.search_read("party.party", [["id", "=", customer.id]], ["name"])
        assert row["name"] == customer.name


# sessions


def test_a_session_that_the_server_ended_is_renewed_and_the_write_made_once(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    with connected(tryton_server) as client:
        other = tryton_server.caller("portal")
        other._authorization = client.login().authorization
        other._post(f"/{tryton_server.database}/rpc/", "common.db.logout", [])

        client.create("ir.note", [{"resource": f"party.party,{tryton_customer.id}", "message": "once"}])

    assert tryton_yard.notes("party.party", tryton_customer.id) == ["once"]


@pytest.mark.slow
def test_a_method_that_wants_a_fresh_session_is_called_again_after_a_log_on(fresh_tryton: FreshTryton) -> None:
    server = fresh_tryton({"session": {"timeout": 1}})
    yard = Yard(server.caller("staff"), server.facts)
    draft, other = (yard.draft_invoice(yard.customer(), Decimal("20.00")) for _ in range(2))
    with connected(server, "staff") as client:
        first = client.login()
        time.sleep(2.5)
        client.press("account.invoice", "post", [draft])
        second = client.login()

        (row,) = client.search_read("account.invoice", [["id", "=", draft]], ["state", "number"])

    assert first.authorization != second.authorization
    assert row["state"] == "posted"
    assert yard.post(other) == other


def test_closing_ends_the_session_on_the_server(tryton_server: TrytonServer) -> None:
    with connected(tryton_server) as client:
        ended = client.login().authorization
    other = Caller("127.0.0.1", tryton_server.port, tryton_server.database)
    other._authorization = ended

    with pytest.raises(RefusedError, match="HTTP 401"):
        other.read("party.party", [])


# documents and wizards


def test_an_invoice_is_printed_and_the_series_is_known(
    client: TrytonClient, tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("30.00"))

    printed = client.report("account.invoice", "account.invoice", [invoice])

    assert client.server_series() == tryton_server.series
    assert printed.extension == "odt"
    assert printed.content.startswith(b"PK")


def test_a_payment_is_walked_to_its_end_by_the_least_that_a_portal_may(
    client: TrytonClient, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    invoice = tryton_yard.invoice(tryton_customer, Decimal("110.00"))
    line = due_line(client, invoice)
    stamps = client.stamps("account.move.line", [line])
    (made,) = client.create(
        "account.payment", [payment(tryton_yard, tryton_customer, "110.00", line, "all")], stamps=stamps
    )
    client.press("account.payment", "submit", [made])
    with client.wizard("account.payment.process", model="account.payment", ids=[made]) as process:
        process.step()
    client.press("account.payment", "succeed", [made])

    assert [row["state"] for row in tryton_yard.payments(tryton_customer)] == ["succeeded"]
    assert tryton_yard.owed(invoice) == 0
    assert tryton_yard.balance(tryton_customer) == 0
