"""Asking and telling: the envelope, what an answer means, and that a write is sent once."""

from __future__ import annotations

import pickle
import re
import threading
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.ports.calling import for_a_night
from pmsbridge_tryton.client import TrytonClient
from pmsbridge_tryton.faults import StaleError, WarningRaisedError, fault_of
from tests.adapters.tryton.office import HandClock, Office, Reply, broken, client_on, error, result, status

READ = "model.party.party.search_count"
WRITE = "model.account.payment.create"


def asked(client: TrytonClient) -> PmsBridgeError:
    with pytest.raises(PmsBridgeError) as raised:
        client.ask(READ, [])
    return raised.value


def told(client: TrytonClient) -> PmsBridgeError:
    with pytest.raises(PmsBridgeError) as raised:
        client.send(WRITE, [{"amount": Decimal("5.00")}])
    return raised.value


# the time that is given


def test_a_call_has_a_persons_time_and_in_a_night_a_nights(office: Office, clock: HandClock) -> None:
    client, _ = client_on(office, clock, timeouts={"connect": "2s", "read": "2s", "live": "1s", "batch": "60s"})
    office.answer(READ, status(503, Retry_After="5"), status(503, Retry_After="5"), result(3))

    with pytest.raises(UnavailableError):
        client.ask(READ, [])
    with for_a_night():
        assert client.ask(READ, []) == 3
    client.close()


# the envelope


def test_a_question_is_exactly_id_method_and_params_and_ends_with_the_context(
    client: TrytonClient, office: Office
) -> None:
    office.answer(READ, result(3))

    assert client.ask(READ, [["name", "=", "Ada"]], context={"active_test": False}) == 3
    (call,) = office.of(READ)
    assert call.keys == {"id", "method", "params"}
    assert call.path == "/rental/rpc/"
    assert call.headers["content-type"] == "application/json"
    assert "gzip" in call.headers["accept-encoding"]
    assert call.params == [[["name", "=", "Ada"]], {"company": 7, "language": "en", "active_test": False}]


def test_the_company_of_the_settings_wins_and_costs_no_question(office: Office) -> None:
    client, _ = client_on(office, company=9, language="fr")
    office.answer(READ, result(0))

    client.ask(READ, [])

    assert office.of(READ)[0].context == {"company": 9, "language": "fr"}
    assert office.of("model.res.user.get_preferences") == []
    client.close()


def test_the_series_is_asked_of_the_server_without_a_log_on(client: TrytonClient, office: Office) -> None:
    assert client.server_series() == "8.2"
    assert (office.calls[0].path, office.logins) == ("/rpc/", 0)


def test_a_long_answer_comes_compressed(client: TrytonClient, office: Office) -> None:
    office.answer(READ, result("x" * 5000))

    assert len(client.ask(READ, [])) == 5000


@pytest.mark.parametrize(
    ("value", "kind"), [("half \ud800", RejectedError), (1.5, ConfigurationError), (object(), ConfigurationError)]
)
def test_what_cannot_be_said_is_not_sent(
    client: TrytonClient, office: Office, value: object, kind: type[PmsBridgeError]
) -> None:
    with pytest.raises(kind, match="nothing was sent"):
        client.send(WRITE, [{"message": value}])

    assert office.calls == []


def test_no_more_calls_are_in_flight_than_the_server_is_to_bear(office: Office) -> None:
    client, _ = client_on(office, limits={"concurrency": 2})
    client.login()
    inside, most, lock, pair = [0], [0], threading.Lock(), threading.Barrier(2)

    def crowded() -> None:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        # Two are let in: each waits for the other. More than two would be seen by those who stay a little longer.
        pair.wait(20)
        time.sleep(0.05)
        with lock:
            inside[0] -= 1

    office.answer(WRITE, Reply(envelope={"result": 1}, before=crowded))
    threads = [threading.Thread(target=lambda: client.send(WRITE)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (len(office.of(WRITE)), most[0]) == (6, 2)
    client.close()


def test_calls_and_bytes_are_counted(client: TrytonClient, office: Office) -> None:
    office.answer(READ, broken(), result("x" * 2000))

    client.ask(READ, [])

    assert client.calls == len(office.calls) == 4
    assert client.bytes_read > 2000


# what an answer means


REFUSALS: list[tuple[Reply, type[PmsBridgeError], str]] = [
    (error("UserError", ["Bad value", "Because", None]), RejectedError, "user_error"),
    (error("UserWarning", ["party.12ab", "Sure?", ""]), WarningRaisedError, "user_warning"),
    (error("ConcurrencyException", "Records were modified in the meanwhile"), StaleError, "stale"),
    (error("LoginException", ["sms", "Code?", "char"]), ConfigurationError, "login_question"),
    (status(400), RejectedError, "http_400"),
    (status(403), ConfigurationError, "http_403"),
    (status(404), ConfigurationError, "http_404"),
    (status(405), ConfigurationError, "http_405"),
    (status(413), RejectedError, "http_413"),
    (status(422), RejectedError, "http_422"),
    (status(429), UnavailableError, "too_many_logins"),
    (status(503, Retry_After="7"), UnavailableError, "http_503"),
]


@pytest.mark.parametrize(("reply", "kind", "code"), REFUSALS, ids=[row[2] for row in REFUSALS])
def test_a_refusal_is_definite_for_a_write_and_not_asked_again(
    client: TrytonClient, office: Office, reply: Reply, kind: type[PmsBridgeError], code: str
) -> None:
    office.answer(WRITE, reply)

    problem = told(client)

    assert (type(problem), problem.code) == (kind, code)
    assert len(office.of(WRITE)) == 1


NO_ANSWERS: list[tuple[str, Reply]] = [
    ("an exception of the server", error("'nope'", "")),
    ("an exception that calls itself a refusal", error("UserError", "")),
    ("an exception that calls itself a warning", error("UserWarning", "x")),
    ("an exception that calls itself a conflict", error("ConcurrencyException", ["x"])),
    ("an error that is a text", Reply(envelope={"error": "UserError"})),
    ("an error of three parts", error("UserError", ["x", "y", None], "z")),
    ("neither result nor error", Reply(envelope={})),
    ("both result and error", Reply(envelope={"result": 1, "error": ["UserError", ["a", "b", None]]})),
    ("the answer to another question", Reply(envelope={"id": -1, "result": 1})),
    ("no JSON", broken(b"<html>fine</html>")),
    ("a bare result", broken(b"[1]")),
    ("an answer that is cut short", broken(b'{"id": 1, "res', Content_Length="500")),
    ("a cut connection", broken()),
    ("a page of a proxy", status(502)),
    ("a server in trouble", status(500)),
    ("a server that is away", status(503)),
    ("a server that gave up", status(504)),
    ("a redirect", status(302, Location="http://127.0.0.1:9/")),
    ("something that claims to be compressed", broken(b"\x1f\x8b rubbish", Content_Encoding="gzip")),
]


@pytest.mark.parametrize("reply", [row[1] for row in NO_ANSWERS], ids=[row[0] for row in NO_ANSWERS])
def test_a_write_without_a_usable_answer_is_unknown_and_sent_once(
    client: TrytonClient, office: Office, reply: Reply
) -> None:
    office.answer(WRITE, reply)

    assert type(told(client)) is OutcomeUnknownError
    assert len(office.of(WRITE)) == 1


@pytest.mark.parametrize("reply", [row[1] for row in NO_ANSWERS], ids=[row[0] for row in NO_ANSWERS])
def test_a_read_without_a_usable_answer_is_asked_again_a_few_times(
    client: TrytonClient, office: Office, clock: HandClock, reply: Reply
) -> None:
    office.answer(READ, reply)

    assert type(asked(client)) is UnavailableError
    assert len(office.of(READ)) == 3
    assert len(clock.slept) == 2


def test_a_read_that_succeeds_at_last_is_a_success(client: TrytonClient, office: Office) -> None:
    office.answer(READ, status(500), broken(), result(5))

    assert client.ask(READ, []) == 5


def test_a_server_that_is_not_there_has_seen_nothing_of_a_write() -> None:
    office = Office()
    office.url = "http://127.0.0.1:9"
    client, _ = client_on(office)

    problem = told(client)

    assert type(problem) is UnavailableError
    assert "nothing was sent" in problem.message


def test_an_answer_beyond_the_cap_is_not_held(office: Office) -> None:
    client, _ = client_on(office, limits={"decoded_bytes": 20_000})
    office.answer(READ, result("x" * 100_000))
    office.answer(WRITE, result(["x" * 100_000]))

    assert type(asked(client)) is UnavailableError
    assert type(told(client)) is OutcomeUnknownError
    client.close()


def test_nothing_leaves_after_the_lease(client: TrytonClient, office: Office, clock: HandClock) -> None:
    client.login()
    over = client.deadline(timedelta(seconds=30), not_after=clock.now() - timedelta(seconds=1))

    with pytest.raises(UnavailableError) as late:
        client.send(WRITE, [], deadline=over)

    assert late.value.code == "lease_over"
    assert office.of(WRITE) == []


def test_a_refusal_tells_the_servers_words_on_one_line_without_what_looks_secret(
    client: TrytonClient, office: Office
) -> None:
    office.answer(WRITE, error("UserError", ["Bad\ncard 4111 1111 1111 1111", "x" * 900, None]))

    problem = told(client)

    said = re.sub(r"127\.0\.0\.1:\d+", "", problem.message)  # a port may be any number
    assert "4111" not in said
    assert "\n" not in said
    assert len(problem.message) < 600


def test_a_warning_keeps_its_name_and_nobody_says_yes(client: TrytonClient, office: Office) -> None:
    office.answer(WRITE, error("UserWarning", ["12ab.future", "In the future", "Really"]))

    problem = told(client)

    assert isinstance(problem, WarningRaisedError)
    assert problem.name == "12ab.future"
    assert "In the future Really" in problem.message
    assert [call.method for call in office.calls if "warning" in call.method] == []
    again = pickle.loads(pickle.dumps(problem))
    assert (again.name, again.message, again.code) == (problem.name, problem.message, problem.code)


@pytest.mark.parametrize(
    "odd", [None, [], ["UserError"], [["UserError"], []], [5, []], {"UserError": []}, ["UserError", None]]
)
def test_an_error_of_any_other_shape_is_no_refusal(odd: object) -> None:
    assert type(fault_of(odd, subject="x", is_write=True)) is OutcomeUnknownError
    assert type(fault_of(odd, subject="x", is_write=False)) is UnavailableError


# records


@pytest.mark.parametrize("ahead", [False, True])
def test_pages_begin_after_the_last_id_and_end_with_a_short_one(
    client: TrytonClient, office: Office, *, ahead: bool
) -> None:
    method = "model.party.party.search_read"
    office.answer(method, result([{"id": 3}, {"id": 9}]), result([{"id": 10}]))

    pages = list(client.pages("party.party", ["OR", ["a", "=", 1], ["b", "=", 2]], ["name"], page_rows=2, ahead=ahead))

    assert pages == [[{"id": 3}, {"id": 9}], [{"id": 10}]]
    domains = [call.params[0] for call in office.of(method)]
    assert domains == [
        [["OR", ["a", "=", 1], ["b", "=", 2]], ["id", ">", 0]],
        [["OR", ["a", "=", 1], ["b", "=", 2]], ["id", ">", 9]],
    ]
    assert [call.params[1:5] for call in office.of(method)] == [[0, 2, [["id", "ASC"]], ["name"]]] * 2


@pytest.mark.parametrize("ahead", [False, True])
def test_a_full_last_page_is_followed_by_no_empty_one(client: TrytonClient, office: Office, *, ahead: bool) -> None:
    office.answer("model.party.party.search_read", result([{"id": 1}]), result([]))

    assert list(client.pages("party.party", [], [], page_rows=1, ahead=ahead)) == [[{"id": 1}]]
    assert office.of("model.party.party.search_read")[0].params[0] == [["id", ">", 0]]


@pytest.mark.parametrize("ahead", [False, True])
def test_pages_are_halved_where_the_server_refuses_so_many(
    client: TrytonClient, office: Office, *, ahead: bool
) -> None:
    method = "model.party.party.search_read"
    office.answer(method, status(413), status(413), result([{"id": 1}, {"id": 2}]), result([]))

    assert list(client.pages("party.party", [], [], page_rows=9, ahead=ahead)) == [[{"id": 1}, {"id": 2}]]
    assert [call.params[2] for call in office.of(method)] == [9, 4, 2, 2]


@pytest.mark.parametrize("ahead", [False, True])
def test_a_server_that_refuses_even_one_row_ends_the_reading(
    client: TrytonClient, office: Office, *, ahead: bool
) -> None:
    office.answer("model.party.party.search_read", status(413))

    with pytest.raises(RejectedError):
        list(client.pages("party.party", [], [], page_rows=4, ahead=ahead))

    assert len(office.of("model.party.party.search_read")) == 3


def test_pages_are_halved_where_the_server_takes_too_long_but_not_for_ever(office: Office, clock: HandClock) -> None:
    method = "model.party.party.search_read"
    client, _ = client_on(office, clock, timeouts={"connect": "2s", "read": "300ms"}, limits={"read_attempts": 1})
    late = Reply(envelope={"result": []}, before=lambda: time.sleep(1.5))
    office.answer(method, late, late, result([{"id": 1}]))

    assert list(client.pages("party.party", [], [], page_rows=800)) == [[{"id": 1}]]
    assert [call.params[2] for call in office.of(method)] == [800, 400, 200]

    office.calls.clear()
    office.answer(method, late)
    with pytest.raises(UnavailableError):
        list(client.pages("party.party", [], [], page_rows=300))
    assert [call.params[2] for call in office.of(method)] == [300, 150, 75]
    client.close()


@pytest.mark.parametrize("ahead", [False, True])
def test_a_later_page_is_halved_too(client: TrytonClient, office: Office, *, ahead: bool) -> None:
    method = "model.party.party.search_read"
    first, rest = [{"id": number} for number in (1, 2, 3, 4)], [{"id": 5}]
    office.answer(method, result(first), status(413), result(rest))

    assert list(client.pages("party.party", [], [], page_rows=4, ahead=ahead)) == [first, rest]
    assert [call.params[2] for call in office.of(method)] == [4, 4, 2]


def test_the_next_page_is_asked_for_while_the_last_one_is_worked_on(client: TrytonClient, office: Office) -> None:
    method = "model.party.party.search_read"
    asked = threading.Event()
    office.answer(method, result([{"id": 3}]), Reply(envelope={"result": []}, before=asked.set))

    pages = client.pages("party.party", [], [], page_rows=1, ahead=True)
    first = next(pages)

    assert first == [{"id": 3}]
    assert asked.wait(10)
    assert list(pages) == []


@pytest.mark.parametrize("answer", [None, {}, [5], [{}], [{"id": "5"}], "x"])
def test_records_that_are_none_are_no_answer(client: TrytonClient, office: Office, answer: object) -> None:
    office.answer("model.party.party.search_read", result(answer))

    with pytest.raises(UnavailableError) as unusable:
        client.search_read("party.party", [], [])

    assert unusable.value.code == "bad_answer"


def test_more_records_than_allowed_are_no_answer(office: Office) -> None:
    client, _ = client_on(office, limits={"answer_rows": 2})
    office.answer("model.party.party.search_read", result([{"id": 1}, {"id": 2}, {"id": 3}]))

    with pytest.raises(UnavailableError):
        client.search_read("party.party", [], [])

    client.close()


def test_stamps_are_handed_to_the_write_by_record(client: TrytonClient, office: Office) -> None:
    office.answer("model.account.move.line.search_read", result([{"id": 5, "_timestamp": "17.5"}]))
    office.answer(WRITE, result([8]))

    stamps = client.stamps("account.move.line", [5, 6])

    assert stamps == {"account.move.line,5": "17.5"}
    assert client.create("account.payment", [{"line": 5}], stamps=stamps) == [8]
    assert office.of(WRITE)[0].context == {"company": 7, "language": "en", "_timestamp": stamps}


@pytest.mark.parametrize("stamp", [None, "", 17, 17.5])
def test_a_stamp_that_would_guard_nothing_is_refused(client: TrytonClient, office: Office, stamp: object) -> None:
    """The server compares with nothing when it is handed nothing: the write would go through unguarded."""
    office.answer("model.account.move.line.search_read", result([{"id": 5, "_timestamp": stamp}]))

    with pytest.raises(UnavailableError):
        client.stamps("account.move.line", [5])


def test_many_stamps_are_read_some_hundred_at_a_time(client: TrytonClient, office: Office) -> None:
    method = "model.party.party.search_read"
    office.answer(method, result([]))

    client.stamps("party.party", range(1, 1101))

    assert [len(call.params[0][0][2]) for call in office.of(method)] == [500, 500, 100]
    assert all(call.context["active_test"] is False for call in office.of(method))


@pytest.mark.parametrize("answer", [None, [], [1, 2], ["x"], 5])
def test_a_create_that_does_not_name_its_records_is_unknown(
    client: TrytonClient, office: Office, answer: object
) -> None:
    office.answer(WRITE, result(answer))

    with pytest.raises(OutcomeUnknownError):
        client.create("account.payment", [{}])


def test_writes_deletes_and_buttons_name_the_records(client: TrytonClient, office: Office) -> None:
    client.update("party.party", [1, 2], {"name": "Ada"})
    client.delete("party.party", [1])
    client.press("account.payment", "submit", [4])

    said = [
        (call.method, call.params[:-1])
        for call in office.calls
        if call.method.startswith("model.") and "get_pref" not in call.method
    ]
    assert said == [
        ("model.party.party.write", [[1, 2], {"name": "Ada"}]),
        ("model.party.party.delete", [[1]]),
        ("model.account.payment.submit", [[4]]),
    ]


def test_a_report_is_its_kind_its_bytes_and_its_name(client: TrytonClient, office: Office) -> None:
    content = {"__class__": "bytes", "base64": "UERG"}
    office.answer("report.account.invoice.execute", result(["odt", content, False, "Invoice"]))

    assert client.report("account.invoice", "account.invoice", [3]) == ("odt", b"PDF", "Invoice")
    assert office.of("report.account.invoice.execute")[0].params[:2] == [
        [3], {"id": 3, "ids": [3], "model": "account.invoice", "action_id": None},
    ]  # fmt: skip


@pytest.mark.parametrize("answer", [None, [], ["odt", None, False, "x"], ["odt", "x"]])
def test_a_report_that_is_none_is_no_answer(client: TrytonClient, office: Office, answer: object) -> None:
    office.answer("report.account.invoice.execute", result(answer))

    with pytest.raises(UnavailableError):
        client.report("account.invoice", "account.invoice", [3])


# wizards


def a_wizard(office: Office) -> None:
    view = {
        "state": "show",
        "defaults": {"start": 5, "line.": {"rec_name": "x"}, "lines": [{"line": 4, "line.": {"rec_name": "y"}}]},
        "values": {"end": 6},
        "buttons": [],
    }
    office.answer("wizard.sale.rental.pickup.create", result([31, "start", "end"]))
    office.answer("wizard.sale.rental.pickup.execute", result({"view": view}), result({"actions": [[{}, {}]]}))
    office.answer("wizard.sale.rental.pickup.delete", result(None))


def test_a_wizard_is_walked_through_and_tidied_up(client: TrytonClient, office: Office) -> None:
    a_wizard(office)

    with client.wizard("sale.rental.pickup", model="sale.rental", ids=[7]) as pickup:
        shown = pickup.step()
        done = pickup.step("pickup", {shown.state: shown.values}, stamps={"sale.rental,7": "1.5"})

    assert (shown.state, shown.values, shown.is_done) == ("show", {"start": 5, "lines": [{"line": 4}], "end": 6}, False)
    assert done.is_done
    assert len(done.actions) == 1
    calls = [call for call in office.calls if call.method.startswith("wizard.")]
    about = {"company": 7, "language": "en", "active_model": "sale.rental", "active_id": 7, "active_ids": [7]}
    assert [call.method.rpartition(".")[2] for call in calls] == ["create", "execute", "execute", "delete"]
    assert [call.params[:-1] for call in calls] == [
        [], [31, {}, "start"], [31, {"show": {"start": 5, "lines": [{"line": 4}], "end": 6}}, "pickup"], [31],
    ]  # fmt: skip
    assert [call.context for call in calls] == [about, about, {**about, "_timestamp": {"sale.rental,7": "1.5"}}, about]


def test_a_wizard_that_is_refused_is_tidied_up_and_its_refusal_kept(client: TrytonClient, office: Office) -> None:
    a_wizard(office)
    office.answer("wizard.sale.rental.pickup.execute", error("UserError", ["no", "", None]))
    office.answer("wizard.sale.rental.pickup.delete", status(500))

    with pytest.raises(RejectedError), client.wizard("sale.rental.pickup") as pickup:
        pickup.step()

    assert len(office.of("wizard.sale.rental.pickup.delete")) == 1


def test_a_wizard_that_did_not_begin_changed_nothing(client: TrytonClient, office: Office) -> None:
    office.answer("wizard.sale.rental.pickup.create", broken())

    with pytest.raises(UnavailableError), client.wizard("sale.rental.pickup"):
        pass

    assert len(office.of("wizard.sale.rental.pickup.create")) == 1


def test_a_lost_step_of_a_wizard_is_unknown_and_not_taken_again(client: TrytonClient, office: Office) -> None:
    a_wizard(office)
    office.answer("wizard.sale.rental.pickup.execute", broken())

    with pytest.raises(OutcomeUnknownError), client.wizard("sale.rental.pickup") as pickup:
        pickup.step()

    assert len(office.of("wizard.sale.rental.pickup.execute")) == 1


@pytest.mark.parametrize("answer", [None, [], "x", 5])
def test_a_step_that_says_nothing_is_unknown(client: TrytonClient, office: Office, answer: Any) -> None:
    a_wizard(office)
    office.answer("wizard.sale.rental.pickup.execute", result(answer))

    with pytest.raises(OutcomeUnknownError), client.wizard("sale.rental.pickup") as pickup:
        pickup.step()
