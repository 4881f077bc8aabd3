from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DBAPIError

from pmsbridge.errors import NotFoundError, UnavailableError
from pmsbridge.model.people import Contact, ContactRole, Phone
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.record import Record, Source
from pmsbridge.model.rental import RentalKind
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.streams import Rows
from pmsbridge.store import held_rows
from pmsbridge.store.call_counts import DatabaseCallCounter
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.folding import fold
from pmsbridge.store.mirror import FinishCounts, Mirror, Scope, UpsertCounts
from pmsbridge.store.mirror_batch import Different
from pmsbridge.store.mirror_pass import Pass, _as_told_then
from pmsbridge.store.mirror_sql import insert_many, known_rows
from pmsbridge.store.record_rows import document, rows_of
from pmsbridge.store.row_hash import RowHash
from pmsbridge.store.seen_keys import SeenKeys
from pmsbridge.store.tables import MIRROR, accounts_seen
from pmsbridge.testing.memory import TestClock
from tests import builders

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

UNITS = Scope("north", "F1", "unit")


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def mirror(request: pytest.FixtureRequest, tmp_path: Path, clock: TestClock) -> Iterator[Mirror]:
    on_postgresql = request.param == "postgresql"
    database = open_database(
        request.getfixturevalue("postgres_journal") if on_postgresql else f"sqlite:///{tmp_path / 'm.db'}"
    )
    yield Mirror(database, clock)
    database.close()


def unit(number: int, **fields: object) -> Unit:
    return Unit(ref=builders.ref("unit", f"U{number}"), number=f"{number:03}", **fields)  # type: ignore[arg-type]


def read(
    mirror: Mirror, records: Iterable[Record], run: str = "r1", *, scope: Scope = UNITS, complete: bool = True,
    cap: int = 20,
) -> tuple[UpsertCounts, FinishCounts, list[Different]]:  # fmt: skip
    """One reading of one scope, in one batch, to its end."""
    reading = mirror.reading(scope, run, is_full=True)
    different = reading.take(rows_of(records))
    return reading.counts, reading.finish(is_complete=complete, cap_percent=cap), different


def keep(mirror: Mirror, *records: Record) -> None:
    """Records of any scopes."""
    for record in records:
        scope = Scope(record.ref.account, record.ref.facility, record.entity)
        read(mirror, [record], scope=scope, complete=False)


def test_only_what_is_new_or_different_is_written(mirror: Mirror) -> None:
    first, _, _ = read(mirror, [unit(1), unit(2)], "r1")
    again, _, _ = read(mirror, [unit(1), unit(2, state=UnitState.VACANT)], "r2")

    assert (first.read, first.changed, first.unchanged) == (2, 2, 0)
    assert (again.read, again.changed, again.unchanged) == (2, 1, 1)
    assert [row.state for row in mirror.units("north", "F1")] == [UnitState.UNKNOWN, UnitState.VACANT]
    assert [row.id for row in mirror.units("north", "F1", state=UnitState.VACANT)] == ["U2"]


def test_an_unchanged_row_is_not_mapped_and_costs_no_write_transaction(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    reading = mirror.reading(UNITS, "r2", is_full=True)
    rows = rows_of([unit(1), unit(2)])

    def mapped(_raw: bytes) -> dict[str, Any]:
        raise AssertionError

    with patch.object(Database, "write", side_effect=AssertionError):
        reading.take(replace(rows, document=mapped))

    assert reading.counts == UpsertCounts(2, 0, 2)


def same_or_not(reading: Pass, *records: Record) -> Rows:
    """As an adapter hands records out that names those that are as they are held."""
    rows, held = rows_of(records, is_complete=True), reading.held()
    keys = {row_id: held.find(raw) if held else None for row_id, raw in zip(rows.ids, rows.raw, strict=True)}
    different = [(i, raw) for i, raw in zip(rows.ids, rows.raw, strict=True) if keys[i] is None]
    same = [key for key in keys.values() if key is not None]
    return replace(rows, ids=[i for i, _ in different], raw=[raw for _, raw in different], same=same)


def test_rows_that_are_as_they_are_held_are_known_by_their_bytes_alone(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2), unit(3), unit(4)], "r1")
    read(mirror, [unit(1), unit(2), unit(3)], "r2", cap=100)  # 4 is deleted, and not held any more
    reading = mirror.reading(UNITS, "r3", is_full=True)

    rows = same_or_not(reading, unit(1), unit(2, state=UnitState.VACANT), unit(4))
    reading.take(rows)
    ended = reading.finish(is_complete=True, cap_percent=100)

    assert (list(rows.ids), len(rows.same)) == (["U2", "U4"], 1)
    assert reading.counts == UpsertCounts(3, 2, 1)
    assert ended.deleted == 1
    assert [row.id for row in mirror.units("north", "F1")] == ["U1", "U2", "U4"]


def test_a_row_that_comes_again_as_it_is_held_counts_once(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    reading = mirror.reading(UNITS, "r2", is_full=True)
    rows = same_or_not(reading, unit(1))

    reading.take(rows)
    reading.take(rows)
    assert reading.counts == UpsertCounts(1, 0, 1)

    for floor in "23":  # after it, other rows of its id: the last one counts
        reading.take(rows_of([unit(1, floor=floor)]))
    reading.take_rest(rows.document)

    assert reading.counts == UpsertCounts(1, 1, 0)
    assert reading.repeats.ids == {"U1"}
    assert [row.floor for row in mirror.units("north", "F1")] == ["3", ""]


def test_an_unchanged_record_whose_id_comes_again_with_another_row_counts_as_changed(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")

    found = batches(mirror, [unit(1), unit(2)], [unit(1, floor="2")], [unit(1, floor="3")])

    assert found.counts == UpsertCounts(2, 1, 1)


def test_what_came_before_a_reading_was_resumed_is_not_counted_again(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    killed = mirror.reading(UNITS, "killed", is_full=True)
    killed.take(rows_of([unit(1), unit(2, floor="9")], resume="page 2"))

    resumed = mirror.reading(UNITS, "next", is_full=True)
    resumed.take(same_or_not(resumed, unit(1)))
    resumed.take(rows_of([unit(1, floor="3")]))

    assert resumed.resume == "page 2"
    assert resumed.counts == UpsertCounts(0, 0, 0)


def test_nothing_is_held_that_other_settings_other_code_or_distrust_would_read_anew(mirror: Mirror) -> None:
    (raw,) = rows_of([unit(1)]).raw
    assert mirror.reading(UNITS, "r1", is_full=True).held() is None  # the first reading
    read(mirror, [unit(1)], "r1")

    held = mirror.reading(UNITS, "r2", is_full=True).held()
    other = mirror.reading(UNITS, "r2", is_full=True, fingerprint="another version of the mapping").held()
    assert held is not None
    assert held.find(raw) is not None
    assert held.find(raw + b" ") is None
    assert other is not None
    assert other.find(raw) is None

    mirror.distrust(UNITS)
    distrusted = mirror.reading(UNITS, "r2", is_full=True).held()

    assert distrusted is not None
    assert distrusted.find(raw) is None
    assert distrusted.find(b"") is None


def test_what_is_held_is_read_before_the_first_row_is_looked_for(mirror: Mirror) -> None:
    read(mirror, [unit(1)], "r1")
    (raw,) = rows_of([unit(1)]).raw

    held = mirror.reading(UNITS, "r2", is_full=True).held()

    with patch.object(Database, "read", side_effect=AssertionError):  # an account's slot may be taken by now
        assert held is not None
        assert held.find(raw) is not None


def test_of_a_great_scope_nothing_is_kept_in_memory(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_rows, "_MOST", 1)
    read(mirror, [unit(1), unit(2)], "r1")

    reading = mirror.reading(UNITS, "r2", is_full=True)
    reading.take(rows_of([unit(1), unit(2)]))

    assert reading.held() is None
    assert reading.counts == UpsertCounts(2, 0, 2)


@pytest.mark.postgresql
def test_what_is_held_is_looked_through_in_pieces(postgres_journal: str, clock: TestClock) -> None:
    # Memory is not to grow with the facility, and PostgreSQL's own cursor hands over everything at once.
    database = open_database(postgres_journal)
    mirror = Mirror(database, clock)
    read(mirror, [unit(1), unit(2)], "r1")
    cursors: list[str] = []

    def seen(_connection: object, cursor: object, statement: str, *_: object) -> None:
        if "deleted_at IS NULL" in statement and statement.startswith("SELECT key"):
            cursors.append(type(cursor).__name__)

    event.listen(Engine, "before_cursor_execute", seen)
    try:
        _, ended, _ = read(mirror, [unit(1), unit(3)], "r2")
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
        database.close()

    assert ended.deleted == 1
    assert cursors == ["ServerCursor"]


@pytest.mark.parametrize("number", ["001", "001b"])
def test_a_field_that_records_are_given_by_a_new_version_is_kept_and_told_to_nobody(
    mirror: Mirror, number: str
) -> None:
    read(mirror, [unit(1, state=UnitState.VACANT)], "r1")
    table = MIRROR.nouns["unit"]
    held = mirror.units("north", "F1")[0].model_dump(mode="json")
    older = {name: value for name, value in held.items() if name not in {"state", "seen_at"}}
    with mirror._database.write() as connection:
        connection.execute(table.update().values(doc=json.dumps(older)))
        connection.execute(MIRROR.ids.update().values(row_hash=b"of an older version"))
    before = mirror.changes.last()

    read(mirror, [unit(1, state=UnitState.VACANT).changed(number=number)], "r2")

    assert mirror.units("north", "F1")[0].state is UnitState.VACANT
    told = [(set(change.before or {}), change.after) for change in mirror.changes.after(before)]
    assert told == ([] if number == "001" else [({"number"}, {"number": "001b"})])


def test_a_new_field_of_what_a_record_lists_is_told_to_nobody_either() -> None:
    before = {"items": [{"id": "1", "out": "2"}], "extra": {"a": "1"}}
    after = {
        "items": [{"id": "1", "out": "2", "reason": "x"}, {"id": "2", "out": "1", "reason": ""}],
        "extra": {"b": "2"},
    }

    assert _as_told_then(before, after) == {
        "items": [{"id": "1", "out": "2"}, {"id": "2", "out": "1", "reason": ""}], "extra": {"b": "2"},
    }  # fmt: skip


def test_a_rental_is_kept_as_earlier_code_knows_it_and_what_came_later_is_told_when_it_changes(mirror: Mirror) -> None:
    scope, table = Scope("north", "F1", "rental"), MIRROR.nouns["rental"]
    rental = builders.row().rental

    def held() -> set[str]:
        with mirror._database.read() as connection:
            return set(json.loads(connection.execute(select(table.c.doc)).scalar_one()))

    def told(**fields: object) -> list[dict[str, Any]]:
        before = mirror.changes.last()
        read(mirror, [rental.changed(**fields)], "r2", scope=scope)
        assert mirror.rentals("north", "F1") == (rental.changed(ref=rental.ref.changed(seen_at=None), **fields),)
        return [dict(change.after) for change in mirror.changes.after(before)]

    assert told() == [{}]
    assert not held() & {"kind", "number"}
    assert told() == []
    assert told(number="C-1") == []
    assert held() >= {"kind", "number"}
    assert told(number="C-2", kind=RentalKind.CONTRACT) == [{"kind": "contract", "number": "C-2"}]
    assert told(number="C-2", kind=RentalKind.CONTRACT, vendor_state="x") == [{"vendor_state": "x"}]
    assert told() == [{"kind": "unit", "number": "", "vendor_state": ""}]
    assert not held() & {"kind", "number"}
    assert told(vendor_state="y") == [{"vendor_state": "y"}]


def test_a_field_of_the_vendors_own_that_comes_is_told(mirror: Mirror) -> None:
    read(mirror, [unit(1, extra={"sColour": "red"})], "r1")
    before = mirror.changes.last()

    read(mirror, [unit(1, extra={"sColour": "red", "iFloor": "2"})], "r2")

    (told,) = mirror.changes.after(before)
    assert told.after == {"extra.iFloor": "2"}


def test_another_fingerprint_maps_every_row_again_and_tells_no_change(mirror: Mirror) -> None:
    read(mirror, [unit(1)], "r1")
    before = mirror.changes.last()
    reading = mirror.reading(UNITS, "r2", is_full=True, fingerprint="other")
    mapped: list[bytes] = []
    rows = rows_of([unit(1)])

    def seen(raw: bytes) -> Any:
        mapped.append(raw)
        return rows.document(raw)

    reading.take(replace(rows, document=seen))

    assert len(mapped) == 1
    assert reading.counts == UpsertCounts(1, 0, 1)
    assert mirror.changes.last() == before


def test_when_a_record_was_seen_is_no_change(mirror: Mirror, clock: TestClock) -> None:
    read(mirror, [unit(1)], "r1")
    seen_later = unit(1).changed(ref=unit(1).ref.changed(seen_at=clock.now()))

    assert read(mirror, [seen_later], "r2")[0].changed == 0


def test_when_a_contact_of_a_tenant_was_seen_is_no_change(clock: TestClock) -> None:
    contact = Contact(ref=builders.ref("contact", "C1"), tenant_id="T1", role=ContactRole.SPOUSE)
    later = contact.changed(ref=contact.ref.changed(seen_at=clock.now()))

    assert document(builders.tenant(contacts=(contact,))) == document(builders.tenant(contacts=(later,)))


def test_the_order_of_a_set_is_no_change() -> None:
    words = ["drive_up", "climate", "indoor", "power", "tall"]

    assert document(unit(1, features=frozenset(words))) == document(unit(1, features=frozenset(reversed(words))))


def test_a_change_is_told_with_old_and_new(mirror: Mirror) -> None:
    _, _, nothing = read(mirror, [unit(1)], "r1")
    _, _, told = read(mirror, [unit(1, floor="2")], "r2")

    assert nothing == []
    assert [(row.id, row.before["floor"], row.after["floor"]) for row in told] == [("U1", "", "2")]


def test_after_a_complete_reading_what_was_not_seen_is_deleted(mirror: Mirror) -> None:
    read(mirror, [unit(n) for n in range(10)], "r1")

    assert read(mirror, [unit(n) for n in range(9)], "r2")[1].deleted == 1
    assert mirror.get("north", "F1", "unit", "U9") is None
    assert len(mirror.units("north", "F1")) == 9
    assert mirror.count(UNITS) == 9


def test_after_an_incremental_reading_nothing_is_deleted(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")

    assert read(mirror, [unit(1)], "r2", complete=False)[1].deleted == 0
    assert len(mirror.units("north", "F1")) == 2


def test_what_the_back_office_says_is_gone_is_deleted_in_any_reading(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    reading = mirror.reading(UNITS, "r2", is_full=False)
    reading.take(replace(rows_of([]), gone=("U2", "U2", "U77")))

    assert reading.finish(is_complete=False, cap_percent=20).deleted == 1
    assert [row.id for row in mirror.units("north", "F1")] == ["U1"]


def test_a_deletion_of_suspiciously_many_is_held_and_found(mirror: Mirror) -> None:
    from pmsbridge.store.findings import Findings

    read(mirror, [unit(n) for n in range(20)], "r1")

    _, ended, _ = read(mirror, [unit(1)], "r2")

    assert (ended.deleted, ended.held) == (0, 19)
    assert len(mirror.units("north", "F1")) == 20
    assert [f.finding.code for f in Findings(mirror._database).open()] == ["mass_deletion_held"]


@pytest.mark.parametrize(("cap", "deleted"), [(20, 0), (99, 0), (100, 2)])
def test_an_answer_without_any_record_is_believed_only_when_any_answer_is(
    mirror: Mirror, cap: int, deleted: int
) -> None:
    read(mirror, [unit(1), unit(2)], "r1")

    assert read(mirror, [], "r2", cap=cap)[1] == FinishCounts(deleted, 2 - deleted)


def test_a_deleted_record_that_comes_back_is_there_again_under_the_same_id_of_ours(mirror: Mirror) -> None:
    both = [unit(1), unit(2)]
    read(mirror, both, "r1")
    uid = mirror.identities.uid("north", "F1", "unit", "U2")
    read(mirror, [unit(1)], "r2")
    read(mirror, both, "r3")

    assert [row.id for row in mirror.units("north", "F1")] == ["U1", "U2"]
    assert mirror.identities.uid("north", "F1", "unit", "U2") == uid
    assert [change.kind for change in mirror.changes.after(2)] == ["deleted", "restored"]


def test_deletions_stay_in_their_own_scope(mirror: Mirror) -> None:
    other = Unit(ref=builders.ref("unit", "U1", facility="F2"), number="001")
    keep(mirror, unit(1), other)
    read(mirror, [], "r2")

    assert mirror.units("north", "F1") == ()
    assert len(mirror.units("north", "F2")) == 1


def test_what_another_run_brought_meanwhile_is_not_deleted(mirror: Mirror) -> None:
    read(mirror, [unit(1)], "r1")
    slow = mirror.reading(UNITS, "slow", is_full=True)
    read(mirror, [unit(1), unit(2)], "quick")
    slow.take(rows_of([unit(1)]))

    with pytest.raises(UnavailableError, match="another run has written unit records"):
        slow.finish(is_complete=True, cap_percent=20)
    assert len(mirror.units("north", "F1")) == 2


def test_of_two_runs_over_one_scope_the_one_that_writes_first_goes_on(mirror: Mirror) -> None:
    one, two = (mirror.reading(UNITS, run, is_full=True) for run in ("a", "b"))
    one.take(rows_of([unit(1)]))
    with pytest.raises(UnavailableError) as stopped:
        two.take(rows_of([unit(1, floor="old")]))
    one.take(rows_of([unit(2)]))
    one.finish(is_complete=True, cap_percent=20)

    assert stopped.value.code == "reading_overtaken"
    assert [found.floor for found in mirror.units("north", "F1")] == ["", ""]


def test_a_reading_ends_when_its_scope_is_distrusted_meanwhile(mirror: Mirror) -> None:
    read(mirror, [unit(1)])
    under_way = mirror.reading(UNITS, "r2", is_full=True)
    under_way.take(rows_of([unit(1)]))
    mirror.distrust(UNITS)

    with pytest.raises(UnavailableError, match="another run"):
        under_way.finish(is_complete=True, cap_percent=20)


def kinds(mirror: Mirror) -> list[tuple[str, str]]:
    return [(change.id, change.kind.value) for change in mirror.changes.after(0)]


def batches(mirror: Mirror, *parts: list[Unit]) -> Pass:
    """One whole reading, in several batches, to its end."""
    reading = mirror.reading(UNITS, "r", is_full=True)
    for part in parts:
        rows = rows_of(part)
        reading.take(rows)
    reading.take_rest(rows.document)
    reading.finish(is_complete=True, cap_percent=20)
    return reading


def test_an_id_in_two_batches_counts_once_the_last_row_wins_and_no_night_tells_false_changes(mirror: Mirror) -> None:
    nights = [
        batches(mirror, [unit(1, floor="1"), unit(2)], [unit(3), unit(1, floor="2")], [unit(4)]) for _ in range(4)
    ]

    assert [night.repeats.ids for night in nights] == [{"U1"}] * 4
    assert [night.counts for night in nights] == [UpsertCounts(4, 4, 0), *[UpsertCounts(4, 0, 4)] * 3]
    assert [found.floor for found in mirror.units("north", "F1")] == ["2", "", "", ""]
    assert sum(kind != "created" for _, kind in kinds(mirror)) <= 1


@pytest.mark.parametrize("held", [[], [unit(1, floor="1")]], ids=["new", "held"])
def test_an_id_twice_in_one_batch_is_known_when_its_rows_come_in_two(mirror: Mirror, held: list[Unit]) -> None:
    batches(mirror, [*held, unit(2)])
    reading = mirror.reading(UNITS, "r", is_full=True)
    one, other = rows_of([unit(1, floor="1"), unit(2)]), rows_of([unit(1, floor="2")])
    reading.take(replace(one, ids=[*one.ids, *other.ids], raw=[*one.raw, *other.raw]))
    reading.finish(is_complete=True, cap_percent=20)
    first = len(kinds(mirror))

    night = batches(mirror, [unit(2), unit(1, floor="1")], [unit(1, floor="2")])

    assert night.repeats.ids == {"U1"}
    assert [found.floor for found in mirror.units("north", "F1")] in (["2", ""], ["", "2"])
    assert len(kinds(mirror)) == first


@pytest.mark.parametrize("order", [
    ([1, 2], [3, 10], [11, 100]), ([100], [11, 10], [3], [2, 1]), ([10, 2], [2, 3], [10, 11]), ([5], [5], [6], [5]),
])  # fmt: skip
def test_a_first_copy_is_whole_in_whatever_order_ids_come(mirror: Mirror, order: tuple[list[int], ...]) -> None:
    ids = {number for part in order for number in part}

    first = batches(mirror, *([unit(number) for number in part] for part in order))

    assert first.counts == UpsertCounts(len(ids), len(ids), 0)
    assert {found.id for found in mirror.units("north", "F1")} == {f"U{number}" for number in ids}
    assert len(kinds(mirror)) == len(ids)


def test_a_first_copy_looks_up_no_id_above_all_that_came(mirror: Mirror) -> None:
    looked = list[str]()

    def noting(connection: Any, place: int, entity: str, ids: list[str]) -> Any:
        looked.extend(ids)
        return known_rows(connection, place, entity, ids)

    with patch("pmsbridge.store.mirror_pass.known_rows", noting):
        batches(mirror, [unit(9)], [unit(10), unit(11)], [unit(10)], [unit(12)])

    assert looked == ["U10"]


def test_an_id_that_comes_once_again_is_told_when_it_changes(mirror: Mirror) -> None:
    twice = [unit(1, floor="1")], [unit(1, floor="2")]
    batches(mirror, *twice)
    assert batches(mirror, [unit(1, floor="3")]).repeats.ids == set()
    batches(mirror, *twice)

    assert mirror.units("north", "F1")[0].floor == "2"
    first = len(kinds(mirror))
    batches(mirror, *twice)
    assert len(kinds(mirror)) == first


def test_the_same_row_twice_is_no_repetition_worth_a_word(mirror: Mirror) -> None:
    found = batches(mirror, [unit(1)], [unit(1), unit(2)])

    assert (found.repeats.ids, found.counts) == (set(), UpsertCounts(2, 2, 0))


def test_what_was_put_off_is_not_lost_when_the_process_dies(mirror: Mirror) -> None:
    batches(mirror, [unit(1, floor="1")], [unit(1, floor="2")])
    killed = mirror.reading(UNITS, "killed", is_full=True)
    killed.take(rows_of([unit(1, floor="9")], resume="page 2"))
    killed.take(rows_of([unit(2)], resume="page 3"))

    assert mirror.reading(UNITS, "next", is_full=True).resume is None


def test_a_cursor_does_not_move_while_a_row_cannot_be_read(mirror: Mirror) -> None:
    def broken(_raw: bytes) -> Any:
        raise ValueError

    first = mirror.reading(UNITS, "r1", is_full=False)
    first.take(rows_of([unit(1)], cursor="7"))
    first.finish(is_complete=True, cap_percent=20)
    second = mirror.reading(UNITS, "r2", is_full=False)
    second.take(rows_of([unit(2)], cursor="8", resume="page 2"))
    second.take(replace(rows_of([unit(1, floor="2")], cursor="9", resume="page 3"), document=broken))
    assert mirror.reading(UNITS, "next", is_full=False).resume == "page 2"
    second.finish(is_complete=False, cap_percent=20)

    assert mirror.cursor(UNITS) == "7"
    third = mirror.reading(UNITS, "r3", is_full=False)
    third.take(rows_of([unit(1, floor="2")], cursor="9"))
    third.finish(is_complete=False, cap_percent=20)
    assert mirror.cursor(UNITS) == "9"


def test_a_cursor_is_kept_when_the_reading_has_come_to_its_end(mirror: Mirror) -> None:
    reading = mirror.reading(UNITS, "r1", is_full=False)
    reading.take(rows_of([unit(1)], cursor="7", resume="page 2"))
    assert mirror.cursor(UNITS) is None
    assert mirror.synced_at(UNITS) is None
    assert mirror.reading(UNITS, "r2", is_full=False).resume == "page 2"

    reading.finish(is_complete=True, cap_percent=20)
    assert mirror.cursor(UNITS) == "7"
    assert mirror.synced_at(UNITS) is not None
    after = mirror.reading(UNITS, "r3", is_full=False)
    assert (after.since, after.resume) == ("7", None)

    mirror.reading(UNITS, "r4", is_full=True).finish(is_complete=False, cap_percent=20)
    assert mirror.cursor(UNITS) == "7"
    mirror.forget_cursor(UNITS)
    assert mirror.cursor(UNITS) is None


def test_an_unfinished_reading_goes_on_only_as_what_it_was_and_within_hours(mirror: Mirror, clock: TestClock) -> None:
    read(mirror, [unit(n) for n in range(3)], "r0")
    reading = mirror.reading(UNITS, "r1", is_full=True)
    reading.take(rows_of([unit(0), unit(1)], cursor="c", resume="page 2"))

    assert mirror.reading(UNITS, "r2", is_full=True).resume == "page 2"
    resumed = mirror.reading(UNITS, "r3", is_full=True)
    resumed.take(rows_of([]))
    assert resumed.finish(is_complete=True, cap_percent=100).deleted == 1  # the first part was remembered as met

    reading = mirror.reading(UNITS, "r4", is_full=True)
    reading.take(rows_of([unit(0)], cursor="c", resume="page 2"))
    clock.advance(timedelta(hours=7))
    assert mirror.reading(UNITS, "r5", is_full=True).resume is None


def test_a_full_reading_never_goes_on_with_an_unfinished_one_of_changes(mirror: Mirror) -> None:
    first = mirror.reading(UNITS, "r1", is_full=True)
    first.take(rows_of([unit(1), unit(2)], cursor="7"))
    first.finish(is_complete=True, cap_percent=20)
    changes = mirror.reading(UNITS, "r2", is_full=False)
    changes.take(rows_of([unit(1)], cursor="8", resume="page 2"))

    assert mirror.reading(UNITS, "r3", is_full=False).resume == "page 2"
    assert mirror.reading(UNITS, "r4", is_full=True).resume is None


def test_the_same_id_twice_in_a_batch_counts_once_and_the_last_wins(mirror: Mirror) -> None:
    assert read(mirror, [unit(1), unit(1, floor="2")])[0].read == 1
    assert mirror.units("north", "F1")[0].floor == "2"


def test_a_row_that_cannot_be_read_leaves_what_is_held_as_it_is(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    rows = rows_of([unit(1, floor="9"), unit(2)])

    def broken(_raw: bytes) -> Any:
        raise ValueError

    reading = mirror.reading(UNITS, "r2", is_full=True)
    reading.take(replace(rows, document=broken))

    assert reading.unreadable == 1
    assert reading.finish(is_complete=True, cap_percent=20).deleted == 0
    assert [row.floor for row in mirror.units("north", "F1")] == ["", ""]


@pytest.mark.parametrize("bad", ["", "\x00", "a\nb", "x" * 201, "\ud800"])
def test_a_row_whose_id_cannot_be_kept_is_left_out_and_nothing_is_deleted(mirror: Mirror, bad: str) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    rows = rows_of([unit(1)])
    reading = mirror.reading(UNITS, "r2", is_full=True)
    reading.take(replace(rows, ids=(*rows.ids, bad), raw=(*rows.raw, b"{}")))

    assert reading.unreadable == 1
    assert reading.finish(is_complete=True, cap_percent=100).deleted == 0
    assert mirror.count(UNITS) == 2


@pytest.mark.postgresql
def test_an_error_of_a_bulk_insert_repeats_no_value(postgres_journal: str) -> None:
    database = open_database(postgres_journal)

    with pytest.raises(DBAPIError) as caught, database.write() as connection:
        insert_many(connection, MIRROR.places.name, ("place", "account", "facility"), [("secret-value", "a", "f")])
    database.close()

    assert "22P02" in str(caught.value)
    assert "secret-value" not in f"{caught.value}{caught.value.orig!r}{caught.value.__context__!r}"


def test_a_row_that_is_no_record_any_more_is_deleted(mirror: Mirror) -> None:
    read(mirror, [unit(1), unit(2)], "r1")
    rows = rows_of([unit(1), unit(2, floor="9")])
    reading = mirror.reading(UNITS, "r2", is_full=True)
    reading.take(replace(rows, document=lambda _raw: None))

    assert reading.finish(is_complete=True, cap_percent=20).deleted == 1


def test_many_records_in_many_batches_all_arrive(mirror: Mirror) -> None:
    reading = mirror.reading(UNITS, "r1", is_full=True)
    for start in range(0, 1500, 500):
        reading.take(rows_of(unit(n) for n in range(start, start + 500)))

    assert reading.counts.changed == 1500
    assert mirror.count(UNITS) == 1500
    with mirror._database.read() as connection:
        uids = connection.execute(select(MIRROR.ids.c.uid).order_by(MIRROR.ids.c.key)).scalars().all()
    assert len(set(uids)) == 1500
    assert {len(uid) for uid in uids} == {32}


def test_a_batch_that_fails_leaves_nothing(mirror: Mirror) -> None:
    reading = mirror.reading(UNITS, "r1", is_full=True)

    with patch("pmsbridge.store.changes.append", side_effect=RuntimeError), pytest.raises(RuntimeError):
        reading.take(rows_of([unit(1)]))

    assert mirror.units("north", "F1") == ()
    assert mirror.count(UNITS) == 0


def test_the_hash_of_a_row_is_what_earlier_code_wrote() -> None:
    key = hashlib.blake2b(b"settings", digest_size=32).digest()
    hash_of = RowHash("settings")

    for row in (b"", b"a row", b"another row" * 500, b"a row"):
        assert hash_of(row) == hashlib.blake2b(row, digest_size=16, key=key).digest()


def test_sqlite_holds_what_it_always_held(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    mirror = Mirror(database)
    keep(mirror, builders.tenant(is_active=None, is_company=True, portal_disabled=False))

    with database.read() as connection:
        told = connection.exec_driver_sql(
            "SELECT typeof(row_hash), typeof(is_active), typeof(is_company), is_company, portal_disabled, t.deleted_at "
            "FROM pmsbridge_mirror_tenants t JOIN pmsbridge_mirror_ids USING (key)"
        ).all()
        feed = connection.exec_driver_sql('SELECT kind, "before", "after" FROM pmsbridge_mirror_changes').all()
    database.close()
    assert told == [("blob", "null", "integer", 1, 0, None)]
    assert feed == [("created", None, None)]


def failing(rows: Rows, error: Exception, *ids: str) -> Rows:
    """The same, of which some cannot be made."""

    def document(raw: bytes) -> Any:
        found = json.loads(raw)
        if found["ref"]["id"] in ids:
            raise error
        return found

    return replace(rows, document=document)


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_first_batch_every_record_that_can_be_read_is_written_and_told_once(mirror: Mirror, order: int) -> None:
    rows = rows_of([unit(number) for number in range(10, 20)][::order])
    reading = mirror.reading(UNITS, "r1", is_full=True)
    reading.take(failing(rows, ValueError(), "U12", "U19"))
    ended = reading.finish(is_complete=True, cap_percent=20)

    there = [row_id for row_id in rows.ids if row_id not in {"U12", "U19"}]
    assert (reading.unreadable, reading.counts.changed, ended.deleted) == (2, 8, 0)
    assert {row.id for row in mirror.units("north", "F1")} == set(there)
    told = [(change.kind, change.id, change.before, change.after) for change in mirror.changes.after()]
    assert told == [("created", row_id, {}, {}) for row_id in there]
    with mirror._database.read() as connection:
        keys = [connection.execute(select(table.c.id, table.c.key).order_by(table.c.key)).all()
                for table in (MIRROR.ids, MIRROR.nouns["unit"])]  # fmt: skip
    assert keys[0] == keys[1]
    assert [row_id for row_id, _ in keys[0]] == there


@pytest.mark.parametrize("order", [1, -1])
def test_an_error_that_nobody_thought_of_ends_a_batch_of_which_nothing_is_written_or_said_elsewhere(
    mirror: Mirror, order: int
) -> None:
    rows = rows_of([unit(number) for number in range(10, 20)][::order])
    reading = mirror.reading(UNITS, "r1", is_full=True)

    with pytest.raises(KeyError) as caught:
        reading.take(failing(rows, KeyError("secret-value"), "U12"))

    assert caught.value.__context__ is None  # the driver has not met it
    assert (mirror.count(UNITS), mirror.changes.last()) == (0, 0)
    again = mirror.reading(UNITS, "r2", is_full=True)
    again.take(rows)
    assert again.counts.changed == 10


@pytest.mark.postgresql
def test_a_server_is_not_told_why_a_record_could_not_be_made(
    postgres_server: PostgresServer, postgres_journal: str
) -> None:
    if postgres_server.folder is None:
        pytest.skip("needs the log of a server of our own; PMSBRIDGE_TEST_PG names another one")
    log = postgres_server.folder.parent / "log"
    begun = log.stat().st_size
    name = postgres_journal.rpartition("/")[2]
    with postgres_server.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} SET log_min_messages = error")
    database = open_database(postgres_journal)
    try:
        with pytest.raises(DBAPIError), database.write() as written:
            written.exec_driver_sql("SELECT 1 / 0")
        reading = Mirror(database).reading(UNITS, "r1", is_full=True)
        with pytest.raises(KeyError):
            reading.take(failing(rows_of([unit(1), unit(2)]), KeyError("secret-value"), "U2"))
    finally:
        database.close()
        with postgres_server.connect() as connection:
            connection.execute(f"ALTER DATABASE {name} RESET log_min_messages")

    told = log.read_bytes()[begun:]
    assert b"division by zero" in told
    assert b"secret-value" not in told


@pytest.mark.parametrize("number", [0, 1, 8191, 8192, 10**9])
def test_met_keys_are_remembered_packed_and_forgotten(number: int) -> None:
    seen = SeenKeys()
    seen.add([number, number + 2])
    again = SeenKeys.unpacked(seen.packed())
    assert [key in again for key in (number, number + 1, number + 2)] == [True, False, True]
    assert again.missing([number, number + 1, number + 2, number + 10**6]) == [number + 1, number + 10**6]
    again.remove(number)
    assert number not in again


@pytest.mark.fact("S1.62")
def test_an_id_of_ours_leads_back_to_the_record_and_a_merged_one_to_what_it_became(mirror: Mirror) -> None:
    keep(mirror, unit(1), unit(2), unit(3))
    uid = mirror.identities.uid("north", "F1", "unit", "U1")
    assert uid is not None
    assert mirror.identities.whose(uid) == (UNITS, "U1")

    mirror.identities.merge(UNITS, "U1", into="U2")
    mirror.identities.merge(UNITS, "U2", into="U3")

    assert mirror.identities.whose(uid) == (UNITS, "U3")
    assert mirror.identities.uid("north", "F1", "unit", "U1") == mirror.identities.uid("north", "F1", "unit", "U3")
    found = mirror.get("north", "F1", "unit", "U1")
    assert found is not None
    assert found.id == "U3"
    with pytest.raises(ValueError, match="itself"):
        mirror.identities.merge(UNITS, "U3", into="U1")
    with pytest.raises(NotFoundError):
        mirror.identities.merge(UNITS, "U3", into="U99")
    assert mirror.identities.whose("0" * 32) is None


def test_changes_are_read_by_number_with_old_and_new_of_what_changed(mirror: Mirror) -> None:
    read(mirror, [unit(1)], "r1")
    read(mirror, [unit(1, floor="2"), unit(2)], "r2")
    read(mirror, [unit(2)], "r3")

    told = mirror.changes.after(0, account="north", facility="F1")

    assert [(row.kind.value, row.id, row.run_id) for row in told] == [
        ("created", "U1", "r1"), ("changed", "U1", "r2"), ("created", "U2", "r2"), ("deleted", "U1", "r3"),
    ]  # fmt: skip
    assert dict(told[0].after) == {}
    assert (dict(told[1].before), dict(told[1].after)) == ({"floor": ""}, {"floor": "2"})
    assert told[2].after["number"] == "002"
    assert told[3].before["floor"] == "2"
    assert [row.seq for row in mirror.changes.after(told[1].seq)] == [told[2].seq, told[3].seq]
    assert mirror.changes.after(0, facility="F2") == ()
    assert mirror.changes.last() == told[-1].seq


def test_old_changes_are_dropped_and_their_numbers_not_used_again(mirror: Mirror, clock: TestClock) -> None:
    read(mirror, [unit(1)], "r1")
    last = mirror.changes.last()
    clock.advance(timedelta(days=1))

    assert mirror.changes.forget(clock.now()) == 1
    read(mirror, [unit(1, floor="2")], "r2")
    assert mirror.changes.last() > last


def test_records_come_back_as_they_were(mirror: Mirror) -> None:
    tenant = builders.tenant(mobile=Phone(raw="512.555.0199", e164="+15125550199"))
    rental = builders.row().rental
    keep(mirror, tenant, rental, builders.facility())

    assert mirror.tenant("north", "F1", "T1") == tenant
    assert mirror.rentals("north", "F1", "T1") == (rental,)
    assert mirror.facility("north", "F1") == builders.facility()
    assert mirror.tenant("north", "F2", "T1") is None


@pytest.mark.parametrize(("search", "hits", "exact"), [
    (TenantSearch(last_name="müller"), 1, True),
    (TenantSearch(last_name="MULLER"), 1, True),
    (TenantSearch(last_name="mull"), 1, False),
    (TenantSearch(first_name="renee", last_name="muller"), 1, True),
    (TenantSearch(first_name="bob", last_name="muller"), 0, False),
    (TenantSearch(phone="3125550101"), 1, True),
    (TenantSearch(phone="555-0101"), 1, False),
    (TenantSearch(email="RENEE@example.test"), 1, True),
    (TenantSearch(unit_number="015"), 1, True),
    (TenantSearch(unit_number="15"), 1, False),
    (TenantSearch(unit_number="16"), 0, False),
    (TenantSearch(last_name="%"), 0, False),
    (TenantSearch(), 0, False),
])  # fmt: skip
def test_tenants_are_found_folded_and_marked_exact_or_not(
    mirror: Mirror, search: TenantSearch, hits: int, exact: bool
) -> None:
    keep(mirror, builders.tenant(), builders.row().rental)

    found = mirror.find("north", search)

    assert len(found) == hits
    assert all(match.is_exact is exact and match.has_active_rental for match in found)


def test_archived_and_deleted_tenants_are_found_only_when_asked(mirror: Mirror) -> None:
    keep(mirror, builders.tenant(is_active=False))
    search = TenantSearch(last_name="muller")

    assert mirror.find("north", search) == ()
    assert len(mirror.find("north", search, include_archived=True)) == 1


def test_exact_matches_come_first(mirror: Mirror) -> None:
    longer = builders.tenant(ref=builders.ref("tenant", "A0"), name=builders.tenant().name.changed(last="Mullerbach"))
    keep(mirror, longer, builders.tenant())

    assert [match.tenant_id for match in mirror.find("north", TenantSearch(last_name="muller"))] == ["T1", "A0"]


def test_an_account_comes_back_as_mirrored_with_its_time_and_without_tokens(mirror: Mirror) -> None:
    from pydantic import SecretStr

    method = builders.stored_card().changed(token=SecretStr("tok_secret"))
    row = builders.row()
    assert row.autopay is not None
    account = builders.account(row.changed(autopay=row.autopay.changed(method=method)))
    mirror.save_account(account)

    kept = mirror.account("north", "F1", "T1")

    assert kept is not None
    assert kept.source is Source.MIRROR
    assert kept.as_of == account.as_of
    assert kept.rentals[0].balances == account.rentals[0].balances
    assert kept.rentals[0].autopay.method.token is None  # type: ignore[union-attr]
    with mirror._database.read() as connection:
        assert "tok_secret" not in str(connection.execute(select(accounts_seen)).all())


def test_an_older_account_never_replaces_a_newer_one(mirror: Mirror) -> None:
    newer = builders.account(builders.row(balance="0.00"))
    mirror.save_account(newer)
    mirror.save_account(builders.account(builders.row(), as_of=newer.as_of - timedelta(minutes=1)))

    kept = mirror.account("north", "F1", "T1")
    assert kept is not None
    assert kept.as_of == newer.as_of


def test_watched_tenants_are_forgotten_after_a_while(mirror: Mirror, clock: TestClock) -> None:
    mirror.watch("north", "F1", "T1")
    clock.advance(timedelta(days=80))
    mirror.watch("north", "F1", "T2")
    assert mirror.watched("north", "F1") == ("T1", "T2")

    clock.advance(timedelta(days=20))
    assert mirror.watched("north", "F1") == ("T2",)
    mirror.unwatch("north", "F1", "T2")
    assert mirror.watched("north", "F1") == ()


@pytest.mark.parametrize(("text", "folded"), [
    ("  Müller ", "muller"), ("O'NEIL", "o'neil"), ("Straße", "strasse"), ("Chloé   Dubois", "chloe dubois"),
    ("Łódź", "lodz"), ("", ""),
])  # fmt: skip
def test_names_are_compared_without_case_accents_and_doubled_blanks(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_calls_are_counted_over_threads(mirror: Mirror) -> None:
    counter = DatabaseCallCounter(mirror._database)
    threads = [threading.Thread(target=counter.add, args=("lane", "2026-11", 3)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counter.total("lane", "2026-11") == 24
    assert counter.add("lane", "2026-11", -4) == 20
    assert counter.total("lane", "2026-12") == 0
