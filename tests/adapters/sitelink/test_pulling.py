"""Rows for a copy: the same records as the models make, compared before they are mapped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import PmsBridgeError, UnavailableError, UnsupportedError
from pmsbridge.model.people import Tenant
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.streams import BesidePort, PullPort, Rows
from pmsbridge.store.held_rows import HeldByHash
from pmsbridge.store.mirror_batch import text_of
from pmsbridge.store.record_rows import document, record_from
from pmsbridge.store.row_hash import RowHash
from pmsbridge.transport.dataset import DataSetReader
from pmsbridge_sitelink import pulling
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.connection import RawAnswer, cells_of
from pmsbridge_sitelink.mapping.cells import Scope
from pmsbridge_sitelink.mapping.documents import (
    TENANT_COLUMNS,
    Place,
    rental_document,
    tenant_document,
    unit_document,
)
from pmsbridge_sitelink.mapping.people import tenant_of
from pmsbridge_sitelink.mapping.places import unit_of
from pmsbridge_sitelink.mapping.rentals import rental_of_roll
from pmsbridge_sitelink.sandbox import SandboxControl
from pmsbridge_sitelink.wire import POISON
from tests.adapters.sitelink.office import ANAIS, SITE, Judge, attempt, gateway, part, payment

SCOPE = Scope("demo", SITE, "USD", "America/New_York", "ft", datetime(2026, 11, 21, tzinfo=UTC))
PLACE = Place("demo", SITE, "USD", "ft")
NOUNS = [Entity.FACILITIES, Entity.UNITS, Entity.TENANTS, Entity.RENTALS]


def pulled(adapter: SiteLinkAdapter, entity: Entity, since: str | None = None) -> tuple[dict[str, Any], Rows]:
    last, found = None, dict[str, Any]()
    for last in adapter.pull(Query(entity, SITE), since=since):
        found.update((row_id, last.document(raw)) for row_id, raw in zip(last.ids, last.raw, strict=True))
    assert last is not None
    return found, last


@pytest.mark.parametrize("entity", NOUNS)
def test_a_pull_makes_the_records_of_a_fetch(adapter: SiteLinkAdapter, entity: Entity) -> None:
    records = [row for batch in adapter.fetch(Query(entity, SITE)) for row in batch.records]

    found, last = pulled(adapter, entity)

    assert found.keys() == {record.id for record in records}
    for record in records:
        assert text_of(found[record.id]) == document(record)[0]
        assert record_from(entity.noun, text_of(found[record.id])).id == record.id
    assert last.is_complete
    assert isinstance(adapter, PullPort)


@pytest.mark.parametrize("entity", NOUNS)
def test_two_pulls_of_an_unchanged_office_give_the_same_bytes(adapter: SiteLinkAdapter, entity: Entity) -> None:
    one, two = (
        {
            row_id: raw
            for rows in adapter.pull(Query(entity, SITE))
            for row_id, raw in zip(rows.ids, rows.raw, strict=True)
        }
        for _ in range(2)
    )

    assert one == two


class Held:
    """Rows of an earlier pull."""

    def __init__(self, batches: list[Rows]) -> None:
        self.ids = [row_id for rows in batches for row_id in rows.ids]
        self._places = {raw: place for place, raw in enumerate(raw for rows in batches for raw in rows.raw)}

    def find(self, raw: bytes) -> int | None:
        return self._places.get(raw)


@pytest.mark.parametrize("entity", [Entity.UNITS, Entity.TENANTS, Entity.RENTALS])
def test_beside_what_is_held_an_unchanged_office_hands_out_no_row(adapter: SiteLinkAdapter, entity: Entity) -> None:
    first = list(adapter.pull(Query(entity, SITE)))
    held = Held(first)

    again = list(adapter.pull_beside(Query(entity, SITE), held))

    assert [row_id for rows in again for row_id in rows.ids] == []
    assert sorted(held.ids[key] for rows in again for key in rows.same) == sorted(held.ids)
    assert again[-1].is_complete
    assert sum(rows.calls for rows in again) == sum(rows.calls for rows in first)
    assert isinstance(adapter, BesidePort)


@pytest.mark.parametrize("entity", [Entity.UNITS, Entity.TENANTS, Entity.RENTALS])
def test_when_one_more_column_is_dropped_no_row_is_found_as_it_was_kept(
    adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch, entity: Entity
) -> None:
    query = Query(entity, SITE)
    kept = [(RowHash(adapter.fingerprint(query)), raw) for rows in adapter.pull(query) for raw in rows.raw]
    known = HeldByHash({digest(raw): number for number, (digest, raw) in enumerate(kept)}, kept[0][0])
    assert not any(rows.ids for rows in adapter.pull_beside(query, known))

    monkeypatch.setattr(pulling, "POISON", POISON | {"sTenNote"})
    unknown = HeldByHash({digest(raw): 1 for digest, raw in kept}, RowHash(adapter.fingerprint(query)))

    again = list(adapter.pull_beside(query, unknown))
    assert sum(len(rows.ids) for rows in again) == len(kept)
    assert not any(rows.same for rows in again)


def test_beside_what_is_held_only_what_is_different_is_handed_out(adapter: SiteLinkAdapter, judge: Judge) -> None:
    held = Held(list(adapter.pull(Query(Entity.RENTALS, SITE))))
    rental = judge.rental(ANAIS, "F-03")
    adapter.execute(payment(ANAIS, part(rental, "1.00"), means=gateway()), attempt())

    again = list(adapter.pull_beside(Query(Entity.RENTALS, SITE), held))

    told = [row_id for rows in again for row_id in rows.ids]
    assert told == [str(rental["ledger_id"])]
    assert {held.ids[key] for rows in again for key in rows.same} == {*held.ids} - {*told}


def test_calls_and_bytes_are_told_once(adapter: SiteLinkAdapter) -> None:
    batches = list(adapter.pull(Query(Entity.RENTALS, SITE)))

    assert sum(rows.calls for rows in batches) == 3
    assert sum(rows.bytes_read for rows in batches) > 10_000


def test_a_scheduled_move_out_is_part_of_the_row_that_is_compared(
    adapter: SiteLinkAdapter, office: SandboxControl
) -> None:
    rentals, _ = pulled(adapter, Entity.RENTALS)

    assert {row["state"] for row in rentals.values()} == {"active", "notice_given"} or office is None
    assert all((row["leaving_on"] is not None) is (row["state"] == "notice_given") for row in rentals.values())


def test_units_and_tenants_have_a_cursor_and_then_come_as_changes_only(adapter: SiteLinkAdapter) -> None:
    for entity in (Entity.UNITS, Entity.TENANTS):
        _, last = pulled(adapter, entity)
        assert last.cursor is not None
        _, changed = pulled(adapter, entity, since=last.cursor)
        assert not changed.is_complete


def test_what_was_stamped_before_the_mark_and_committed_after_it_comes_too(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    everything, _ = pulled(adapter, Entity.UNITS)
    office.advance(5)
    adapter.execute(payment(ANAIS, part(judge.rental(ANAIS, "F-03"), "1.00"), means=gateway()), attempt())
    _, first = pulled(adapter, Entity.UNITS)

    again, _ = pulled(adapter, Entity.UNITS, since=first.cursor)

    # Its stamp is before the mark: read by the mark alone, such a row would never come.
    assert [unit["number"] for unit in again.values()] == ["F-03"]
    assert len(everything) > 1


def test_a_noun_without_a_list_is_refused_before_any_call(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    before = len(office.calls("RentRoll"))

    for read in (adapter.pull, adapter.fetch):
        with pytest.raises(UnsupportedError):
            next(read(Query(Entity.EVENTS, SITE)))
    assert len(office.calls("RentRoll")) == before


# -- the same as the models say, for any cells ------------------------------------------------------------------------

WORDS = st.sampled_from(["", " ", "0", "1", "true", "false", "Y", "x", "Müller", " 015 ", "12.5000", "129.0000", "-3",
                         "1900-01-01T00:00:00", "0001-01-01T00:00:00", "2026-02-30", "2026-03-01T00:00:00-05:00",
                         "1e3", "NaN", "Rx\x1fy", "(512) 555-0101", "a@b.example", "99999999999999999999"])  # fmt: skip


def cells(*names: str) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(names), WORDS)


_SUFFIXED = ("sMrMrs", "sFName", "sMI", "sLName", "sCompany", "sAddr1", "sAddr2", "sCity", "sRegion", "sPostalCode",
             "sCountry", "sPhone", "sEmail", "sRelationship")  # fmt: skip
TENANT_CELLS = cells(
    "TenantID", "sMobile", "dDOB", "bSMSOptIn", "bCompanyIsTenant", "bHasActiveLedger", "bDisabledWebAccess", "uTS",
    *(name + suffix for name in _SUFFIXED for suffix in ("", "Alt", "Bus", "Add")),
)  # fmt: skip
UNIT_CELLS = cells(
    "UnitID", "sUnitName", "sTypeName", "iFloor", "dcWidth", "dcLength", "dcWebRate", "dcStdRate", "iVacateNoticeDays",
    "bClimate", "bPower", "bInside", "bAlarm", "bMobile", "dUpdated", "UnitTypeID", "dDeleted", "bRented",
    "bWaitingListReserved", "bRentable", "bDamaged", "bServiceRequired",
)  # fmt: skip
RENTAL_CELLS = cells("LedgerID", "TenantID", "UnitID", "sUnitName", "sUnit", "dcRent", "dLeaseDate", "dPaidThru", "uTS")


def both(make: Any, model: Any, row: dict[str, str]) -> tuple[str | None, str | None]:
    """The text each of the two ways gives; None for a row it refuses."""
    found: list[str | None] = []
    ways: list[Callable[[], str]] = [lambda: text_of(make(row, PLACE)), lambda: document(model(row, SCOPE))[0]]
    for way in ways:
        try:
            found.append(way())
        except (ValueError, PmsBridgeError):
            found.append(None)
    return found[0], found[1]


@given(TENANT_CELLS.map(lambda row: {"TenantID": "7", **row}))
def test_a_tenant_is_the_same_by_either_way(row: dict[str, str]) -> None:
    quick, slow = both(tenant_document, tenant_of, row)
    assert quick == slow


@given(TENANT_CELLS.map(lambda row: {"TenantID": "7", "sTenNote": "not kept", **row}))
def test_a_tenant_is_made_of_its_columns_and_of_no_other(row: dict[str, str]) -> None:
    kept = {name: cell for name, cell in row.items() if name in TENANT_COLUMNS}

    assert TENANT_COLUMNS.isdisjoint(POISON)
    assert "sTenNote" not in kept
    assert both(tenant_document, tenant_of, kept) == both(tenant_document, tenant_of, row)


@given(UNIT_CELLS.map(lambda row: {"UnitID": "7", "sUnitName": "015", **row}))
def test_a_unit_is_the_same_by_either_way(row: dict[str, str]) -> None:
    quick, slow = both(unit_document, unit_of, row)
    assert quick == slow


@given(RENTAL_CELLS.map(lambda row: {**row, "LedgerID": "7", "TenantID": "9"}))
def test_a_rental_is_the_same_by_either_way(row: dict[str, str]) -> None:
    quick, slow = both(rental_document, lambda cells, scope: rental_of_roll(cells, scope, {}, {}), row)
    assert quick == slow


def test_a_tenant_of_every_kind_is_a_valid_record() -> None:
    row = {"TenantID": "7", "sFName": "Ana", "sPhoneAlt": "555-0101", "bSMSOptIn": "true", "dDOB": "1980-05-06"}

    found = record_from("tenant", text_of(tenant_document(row, PLACE)))

    assert isinstance(found, Tenant)
    assert found.contacts[0].phone is not None
    assert json.loads(text_of(tenant_document(row, PLACE)))["birth_date"] == "1980-05-06"


# -- rows between the answer and the mirror ----------------------------------------------------------------------------

IN_XML = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n\r", exclude_characters="\ufffe\uffff")
)


@given(st.lists(st.dictionaries(st.sampled_from(["TenantID", "sTenNote", "sName Bäh"]), IN_XML, min_size=1)))
def test_cells_come_back_from_the_disk_as_they_were(rows: list[dict[str, str]]) -> None:
    with RawAnswer() as answer:
        answer.fill((("Table", row) for row in rows), lambda row: row.get("TenantID", ""))

        found = [cells_of(row.line) for row in answer]

    assert found == rows


@pytest.mark.parametrize("sign", ["&#30;", "&#31;", "\x1e", "\x1f"])
def test_no_answer_holds_the_signs_that_part_cells(sign: str) -> None:
    body = f"<a><diffgr:diffgram xmlns:diffgr='urn:schemas-microsoft-com:xml-diffgram-v1'><N><T><c>{sign}</c></T></N>"

    with pytest.raises(UnavailableError):
        DataSetReader([f"{body}</diffgr:diffgram></a>".encode()]).read()
