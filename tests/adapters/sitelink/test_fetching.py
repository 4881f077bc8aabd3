"""Nightly reads: complete when they say so, incremental when they have a cursor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pmsbridge.errors import NotFoundError, UnavailableError
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.fetching import _batches, polled_since
from pmsbridge_sitelink.mapping.cells import Scope, required, ticks_of
from pmsbridge_sitelink.mapping.places import unit_of
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.office import ANAIS, SITE, Judge, attempt, gateway, part, payment

SCOPE = Scope("demo", SITE, "USD", "America/New_York", "ft", datetime(2026, 11, 21, tzinfo=UTC))


def everything(adapter: SiteLinkAdapter, entity: Entity, since: str | None = None) -> tuple[list[Any], Batch]:
    batches = list(adapter.fetch(Query(entity, SITE), since=since))
    return [record for batch in batches for record in batch.records], batches[-1]


def test_units_come_whole_and_then_only_what_changed(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    units, last = everything(adapter, Entity.UNITS)
    held = office.state(SITE)["sites"][SITE]["units"]
    assert {unit.id: unit.number for unit in units} == {key: row["name"] for key, row in held.items()}
    assert last.is_complete
    assert last.cursor is not None

    office.advance(5)
    rental = judge.rental(ANAIS, "F-03")
    adapter.execute(payment(ANAIS, part(rental, "1.00"), means=gateway()), attempt())
    changed, later = everything(adapter, Entity.UNITS, last.cursor)

    assert [unit.number for unit in changed] == ["F-03"]
    assert not later.is_complete
    assert later.cursor is not None
    assert int(later.cursor) > int(last.cursor)


def test_units_hidden_from_the_website_are_fetched_too(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    (call, *_) = (list(adapter.fetch(Query(Entity.UNITS, SITE))), office.calls("UnitsInformation_v3"))[1]

    assert call["parameters"]["bReturnExcludedFromWebsiteUnits"] == "true"


def test_nothing_changed_is_no_proof_that_everything_is_gone(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    _, last = everything(adapter, Entity.UNITS)

    units, later = everything(adapter, Entity.UNITS, last.cursor)

    assert units == []
    assert not later.is_complete


def test_rentals_are_the_let_units_with_their_move_outs(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    rentals, last = everything(adapter, Entity.RENTALS)

    held = {key: row for key, row in office.state(SITE)["sites"][SITE]["ledgers"].items() if row["active"]}
    assert last.is_complete
    assert {rental.id for rental in rentals} == set(held)
    for rental in rentals:
        assert isinstance(rental, Rental)
        row = held[rental.id]
        assert (rental.unit_number, rental.tenant_id) == (row["unit_name"], str(row["tenant_id"]))
        assert str(rental.paid_through) == row["paid_through"]
        leaving = (row["scheduled_out"] or "")[:10]
        assert str(rental.leaving_on or "") == leaving
        assert rental.state is (RentalState.NOTICE_GIVEN if leaving else RentalState.ACTIVE)


def test_tenants_come_with_a_cursor_and_without_secrets(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    from pmsbridge_sitelink.sandbox import seeded_web_password

    tenants, last = everything(adapter, Entity.TENANTS)

    held = office.state(SITE)["sites"][SITE]["tenants"]
    assert {tenant.id for tenant in tenants} == set(held)
    assert last.is_complete
    assert last.cursor is not None
    text = "".join(tenant.model_dump_json() for tenant in tenants)
    assert not any(seeded_web_password(int(tenant.id)) in text for tenant in tenants)


def test_a_facility_is_one_record(adapter: SiteLinkAdapter) -> None:
    records, last = everything(adapter, Entity.FACILITIES)

    assert [record.id for record in records] == [SITE]
    assert last.is_complete


def test_an_unknown_facility_is_not_found_before_anything_is_asked(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(NotFoundError):
        next(adapter.fetch(Query(Entity.UNITS, "L999")))

    assert judge.operations() == []


@pytest.mark.parametrize("kind", ["truncate", "drop_after", "not_xml"])
def test_a_broken_answer_is_never_complete(adapter: SiteLinkAdapter, office: SandboxControl, kind: str) -> None:
    office.inject("RentRoll", kind)

    seen: list[Batch] = []
    with pytest.raises(UnavailableError):
        seen.extend(adapter.fetch(Query(Entity.RENTALS, SITE)))

    assert not any(batch.is_complete for batch in seen)


def test_a_fetch_that_is_given_up_lets_the_next_call_in(adapter: SiteLinkAdapter) -> None:
    rows = adapter.fetch(Query(Entity.UNITS, SITE))
    next(rows)
    rows.close()  # type: ignore[attr-defined]

    assert adapter.tenant(SITE, ANAIS).id == ANAIS


def streamed(*rows: tuple[str, dict[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
    yield from rows


def test_a_row_that_cannot_be_read_is_left_out_and_costs_completeness() -> None:
    good = {"UnitID": "1", "sUnitName": "A", "bRented": "false", "bRentable": "true"}
    bad = {**good, "UnitID": "2", "dcStdRate": "1,234"}

    (batch,) = _batches(
        streamed(("Table", good), ("Table", bad), ("Table1", {"lngLastTimePolled": "9"})),
        lambda row: unit_of(row, SCOPE),
        is_full=True,
        fallback=None,
    )

    assert [record.id for record in batch.records] == ["1"]
    assert not batch.is_complete
    assert batch.cursor is None  # the changes since the old mark are asked for again


@pytest.mark.parametrize(("cursor", "asked"), [
    (None, "0"), ("639000000000000000", "638999964000000000"), ("7", "0"), ("", "0"), ("soon", "0"), ("٣", "0"),
])  # fmt: skip
def test_changes_are_asked_for_from_an_hour_before_the_mark(cursor: str | None, asked: str) -> None:
    assert polled_since(cursor) == asked


def test_batches_have_a_few_hundred_records() -> None:
    rows = (("Table", {"UnitID": str(n), "sUnitName": str(n)}) for n in range(1, 1202))

    batches = list(_batches(rows, lambda row: unit_of(row, SCOPE), is_full=True, fallback=None))

    assert [len(batch.records) for batch in batches] == [500, 500, 201]
    assert [batch.is_complete for batch in batches] == [False, False, True]


def test_an_empty_answer_never_deletes_everything() -> None:
    (batch,) = _batches(streamed(), lambda row: unit_of(row, SCOPE), is_full=True, fallback="7")

    assert not batch.is_complete
    assert batch.cursor == "7"


def test_ticks_count_from_the_year_one() -> None:
    assert ticks_of(datetime(1970, 1, 1, tzinfo=UTC)) == "621355968000000000"
    assert ticks_of(datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC)) == str(
        621355968000000000 + 1795262400 * 10**7 + 10
    )


def test_types_of_records_are_what_was_asked_for(adapter: SiteLinkAdapter) -> None:
    units, _ = everything(adapter, Entity.UNITS)

    assert all(isinstance(unit, Unit) for unit in units)
    assert required({"UnitID": "5"}, "UnitID") == "5"
