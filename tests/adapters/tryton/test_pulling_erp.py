"""Nightly reads of a real server: pages by id, and what changed although the record itself did not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.effects import RequestCallOff, ScheduleMoveOut
from pmsbridge.errors import UnsupportedError
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.outcome import Attempt
from pmsbridge.ports.streams import Rows
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, FACILITY, KEY, adapter_of, days, payment


@pytest.fixture(scope="module")
def sharp(tryton_server: TrytonServer) -> Iterator[TrytonAdapter]:
    """An adapter that overlaps by nothing, so that what it reads again really changed."""
    adapter = adapter_of(tryton_server, overlap="1ms")
    yield adapter
    adapter.close()


@pytest.fixture
def paged(tryton_server: TrytonServer) -> Iterator[TrytonAdapter]:
    """An adapter that reads pages of two."""
    adapter = adapter_of(tryton_server, limits={"page_rows": 2})
    yield adapter
    adapter.close()


def pulled(adapter: TrytonAdapter, entity: Entity, since: str | None = None, resume: str | None = None) -> list[Rows]:
    return list(adapter.pull(Query(entity, FACILITY), since=since, resume=resume))


def ids(batches: Sequence[Rows]) -> list[str]:
    return [each for rows in batches for each in rows.ids]


def now_and_later(adapter: TrytonAdapter, entity: Entity, *, after: int) -> str:
    """The cursor after everything that is there; a record made last keeps the others from coming by their own stamp."""
    batches = pulled(adapter, entity)
    assert any(each.rpartition(",")[2] == str(after) for each in ids(batches))
    cursor = batches[-1].cursor
    assert cursor is not None
    return cursor


def test_pages_bring_everything_once_and_only_the_last_batch_says_so(paged: TrytonAdapter, tryton_yard: Yard) -> None:
    made = [str(tryton_yard.customer().id) for _ in range(3)]

    batches = pulled(paged, Entity.TENANTS)

    assert len(ids(batches)) == len(set(ids(batches)))
    assert set(made) <= set(ids(batches))
    assert [rows.is_complete for rows in batches] == [False] * (len(batches) - 1) + [True]
    assert all(len(rows.ids) <= 2 for rows in batches)


def test_a_telephone_number_that_changed_brings_its_customer(
    sharp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    since = now_and_later(sharp, Entity.TENANTS, after=tryton_yard.customer().id)
    tryton_yard.call.call(
        "model.party.contact_mechanism.write", [tryton_customer.phone_id], {"value": "+1 312-555-9876"}
    )

    batches = pulled(sharp, Entity.TENANTS, since)

    assert str(tryton_customer.id) in ids(batches)
    assert not any(rows.is_complete for rows in batches)
    documents = {each: rows.document(raw) for rows in batches for each, raw in zip(rows.ids, rows.raw, strict=True)}
    found = documents[str(tryton_customer.id)]
    assert found is not None
    assert found["phone"]["e164"] == "+13125559876"


def test_what_comes_back_in_part_brings_its_contract(
    sharp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 4}, start=days(-5), days=9)
    later = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 4}, start=days(-5), days=9)
    since = now_and_later(sharp, Entity.RENTALS, after=later)
    tryton_yard.take_back(rental, {"FENCE-8": 1}, at=days(-1))

    batches = pulled(sharp, Entity.RENTALS, since)

    assert f"sale.rental,{rental}" in ids(batches)


@pytest.mark.postgresql
def test_on_postgresql_pages_changes_and_what_hangs_on_a_record_come_as_well(tryton_pg: TrytonServer) -> None:
    yard, adapter = Yard(tryton_pg.caller("staff"), tryton_pg.facts), adapter_of(
        tryton_pg, overlap="1ms", limits={"page_rows": 2}
    )  # fmt: skip
    customers = [yard.customer() for _ in range(3)]
    rental = yard.on_rent(customers[0], {"FENCE-8": 4}, start=days(-5), days=9)
    later = yard.on_rent(customers[1], {"FENCE-8": 4}, start=days(-5), days=9)
    people = now_and_later(adapter, Entity.TENANTS, after=yard.customer().id)
    contracts = now_and_later(adapter, Entity.RENTALS, after=later)

    nothing = ids(pulled(adapter, Entity.TENANTS, people)), ids(pulled(adapter, Entity.RENTALS, contracts))
    yard.call.call("model.party.contact_mechanism.write", [customers[0].phone_id], {"value": "+1 312-555-9875"})
    yard.take_back(rental, {"FENCE-8": 1}, at=days(-1))
    whole = ids(pulled(adapter, Entity.TENANTS))

    assert len(whole) == len(set(whole))
    assert {str(customer.id) for customer in customers} <= set(whole)
    # The last change that was seen comes again, and contracts of which something is out; no other does.
    assert (len(nothing[0]), nothing[1]) == (1, [f"sale.rental,{each}" for each in (rental, later)])
    assert str(customers[0].id) in ids(pulled(adapter, Entity.TENANTS, people))
    assert f"sale.rental,{rental}" in ids(pulled(adapter, Entity.RENTALS, contracts))
    adapter.close()


def test_a_reading_that_died_goes_on_after_its_last_page(paged: TrytonAdapter, tryton_yard: Yard) -> None:
    for _ in range(3):
        tryton_yard.customer()
    whole = pulled(paged, Entity.TENANTS)
    stopped = whole[0].resume
    assert stopped is not None

    rest = pulled(paged, Entity.TENANTS, resume=stopped)

    assert ids(rest) == ids(whole)[len(whole[0].ids) :]
    assert rest[-1].cursor == whole[-1].cursor
    assert rest[-1].is_complete


def test_the_next_reading_starts_before_the_last_change_it_saw(erp: TrytonAdapter, tryton_yard: Yard) -> None:
    last = tryton_yard.customer()
    since = now_and_later(erp, Entity.TENANTS, after=last.id)

    assert str(last.id) in ids(pulled(erp, Entity.TENANTS, since))


def test_a_call_off_is_part_of_the_copy(erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 4}, start=days(-5), days=9)
    item = str(tryton_yard.lines(rental)[0]["id"])
    effect = RequestCallOff(
        account=ACCOUNT, facility=FACILITY, tenant_id=str(tryton_customer.id), rental_id=f"sale.rental,{rental}",
        item_id=item, quantity=Decimal(2), wanted_on=days(2), reference="PB-PULLCALLOFF1",
    )  # fmt: skip
    erp.execute(effect, Attempt(key=KEY))

    records = [
        record
        for batch in erp.fetch(Query(Entity.RENTALS, FACILITY))
        for record in batch.records
        if record.id == f"sale.rental,{rental}"
    ]

    assert json.loads(records[0].model_dump_json())["items"][0]["call_off_pending"] == "2"


def test_what_staff_answer_to_a_call_off_comes_with_the_next_night(
    sharp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 4}, start=days(-5), days=9)
    effect = RequestCallOff(
        account=ACCOUNT, facility=FACILITY, tenant_id=str(tryton_customer.id), rental_id=f"sale.rental,{rental}",
        item_id=str(tryton_yard.lines(rental)[0]["id"]), quantity=Decimal(2), wanted_on=days(2),
        reference="PB-PULLCALLOFF2",
    )  # fmt: skip
    sharp.execute(effect, Attempt(key=KEY))
    later = tryton_yard.quote(tryton_customer, {"FENCE-8": 4}, start=days(5), days=9)
    since = now_and_later(sharp, Entity.RENTALS, after=later)
    tryton_yard.note("sale.rental", rental, f"[{effect.reference}] refused: it was never delivered there")

    (item,) = documents(sharp, Entity.RENTALS, since)[f"sale.rental,{rental}"]["items"]

    assert Decimal(item["call_off_pending"]) == 0


def test_a_rental_that_was_billed_to_its_end_comes_again_until_its_day_has_passed(
    sharp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    name = f"sale.subscription,{unit}"
    effect = ScheduleMoveOut(
        account=ACCOUNT, facility=FACILITY, tenant_id=str(tryton_customer.id), rental_id=name, leaving_on=days(10),
        notice_given_on=days(0),
    )  # fmt: skip
    sharp.execute(effect, Attempt(key=KEY, baseline=sharp.baseline(effect)))
    tryton_yard.bill_units(tryton_customer, until=days(0))
    since = now_and_later(sharp, Entity.RENTALS, after=tryton_yard.let(tryton_customer, start=days(-40)))

    there = documents(sharp, Entity.RENTALS, since)[name]
    monkeypatch.setattr(type(sharp._desk), "today", lambda _desk: days(11))
    gone = documents(sharp, Entity.RENTALS, since)[name]

    assert (there["state"], there["leaving_on"]) == ("notice_given", days(10).isoformat())
    assert (gone["state"], gone["moved_out_on"]) == ("closed", days(10).isoformat())


@pytest.mark.parametrize(
    "changed",
    [
        {"portal_category": None}, {"cash_only_category": None}, {"customer_mark": "[shown]"}, {"user": "staff"},
        {"company": 1}, {"facility": {"code": FACILITY, "zone": "Europe/Paris"}},
    ],
)  # fmt: skip
def test_a_setting_by_which_rows_are_read_makes_all_of_them_anew(
    tryton_server: TrytonServer, changed: dict[str, Any]
) -> None:
    made = [adapter_of(tryton_server, **more) for more in ({}, {}, changed)]
    query = Query(Entity.PORTAL_ACCOUNTS, FACILITY)

    same, again, other = (adapter.fingerprint(query) for adapter in made)

    for adapter in made:
        adapter.close()
    assert same == again != other


def test_what_is_not_listed_says_so(erp: TrytonAdapter) -> None:
    with pytest.raises(UnsupportedError):
        pulled(erp, Entity.BULLETINS)


def documents(adapter: TrytonAdapter, entity: Entity, since: str | None = None) -> dict[str, dict[str, Any]]:
    found = {}
    for rows in pulled(adapter, entity, since):
        for each, raw in zip(rows.ids, rows.raw, strict=True):
            found[each] = dict(rows.document(raw) or {})
    return found


def test_invoices_and_payments_are_copied_with_the_rental_they_are_about(
    sharp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    tenant = str(tryton_customer.id)
    contract = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-30), days=60)
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    invoice = tryton_yard.bill(contract, until=days(-20))
    rent = tryton_yard.bill_units(tryton_customer, until=days(0))[-1]
    tryton_yard.invoice(tryton_customer, Decimal("9.00"))
    cursor = pulled(sharp, Entity.INVOICES)[-1].cursor
    sharp.execute(
        payment(tenant, "30.00", rental_id=f"sale.rental,{contract}", invoice_id=str(invoice)), Attempt(key=KEY)
    )

    copied = documents(sharp, Entity.INVOICES)
    changed = documents(sharp, Entity.INVOICES, cursor)
    paid = [row for row in documents(sharp, Entity.PAYMENTS).values() if row["tenant_id"] == tenant]
    live = sharp.invoice(FACILITY, tenant, str(invoice)).model_dump(mode="json")

    assert {line["rental_id"] for line in copied[str(invoice)]["lines"]} == {f"sale.rental,{contract}"}
    assert {line["rental_id"] for line in copied[str(rent)]["lines"]} == {f"sale.subscription,{unit}"}
    assert {**copied[str(invoice)], "ref": 0} == {**live, "ref": 0}
    assert changed[str(invoice)]["state"] == "partially_paid"
    assert [row["allocations"][0]["rental_id"] for row in paid] == [f"sale.rental,{contract}"]
    assert [row["allocations"][0]["invoice_id"] for row in paid] == [str(invoice)]


def test_papers_are_copied_as_a_customer_may_see_them(sharp: TrytonAdapter, tryton_yard: Yard) -> None:
    customer = tryton_yard.customer()
    quote = tryton_yard.quote(customer, {"GEN-20": 1}, start=days(5), days=3)
    invoice = tryton_yard.invoice(customer, Decimal("9.00"))
    for model, record in (("party.party", customer.id), ("sale.rental", quote)):
        tryton_yard.attach(model, record, "internal.txt", b"internal")
        shown = tryton_yard.attach(model, record, "lease.pdf", b"%PDF-1.7 made up")
        tryton_yard.call.call("model.ir.attachment.write", [shown], {"description": "[customer]"})

    copied = documents(sharp, Entity.DOCUMENTS, since="2026-01-01T00:00:00+00:00")
    own = [paper for paper in copied.values() if paper["tenant_id"] == str(customer.id)]
    live = sharp.documents(FACILITY, str(customer.id))

    assert f"invoice-{invoice}" in copied
    assert sorted(paper["title"] for paper in own if paper["kind"] == "other") == ["lease.pdf", "lease.pdf"]
    assert {f"sale.rental,{quote}", None} <= {paper["rental_id"] for paper in own}
    assert sorted((p["ref"]["id"], p["title"]) for p in own) == sorted((p.id, p.title) for p in live)


def test_who_may_register_is_copied_with_the_reason(sharp: TrytonAdapter, tryton_yard: Yard) -> None:
    ready, cash, new = tryton_yard.customer(), tryton_yard.customer(cash_only=True), tryton_yard.customer()
    for customer in (ready, cash):
        tryton_yard.quote(customer, {"GEN-20": 1}, start=days(3), days=2)

    copied = documents(sharp, Entity.PORTAL_ACCOUNTS, since="2026-01-01T00:00:00+00:00")

    reasons = {each: copied[str(each.id)]["eligibility_reasons"] for each in (ready, cash, new)}
    assert reasons == {ready: [], cash: ["cash_only"], new: ["no_history"]}
