from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pmsbridge.model.people import Phone
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.record import Record, Source
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.call_counts import DatabaseCallCounter
from pmsbridge.store.database import open_database
from pmsbridge.store.folding import fold
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.record_rows import document
from pmsbridge.store.tables import accounts_seen, records, seen_marks
from pmsbridge.testing.memory import TestClock
from tests import builders

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


def test_only_what_is_new_or_different_is_written(mirror: Mirror) -> None:
    first = mirror.upsert([unit(1), unit(2)], "r1")
    again = mirror.upsert([unit(1), unit(2, state=UnitState.VACANT)], "r2")

    assert (first.read, first.changed, first.unchanged) == (2, 2, 0)
    assert (again.read, again.changed, again.unchanged) == (2, 1, 1)
    assert [row.state for row in mirror.units("north", "F1")] == [UnitState.UNKNOWN, UnitState.VACANT]
    assert [row.id for row in mirror.units("north", "F1", state=UnitState.VACANT)] == ["U2"]


def test_when_a_record_was_seen_is_no_change(mirror: Mirror, clock: TestClock) -> None:
    mirror.upsert([unit(1)], "r1")
    seen_later = unit(1).changed(ref=unit(1).ref.changed(seen_at=clock.now()))

    assert mirror.upsert([seen_later], "r2").changed == 0


def test_the_order_of_a_set_is_no_change() -> None:
    words = ["drive_up", "climate", "indoor", "power", "tall"]

    assert document(unit(1, features=frozenset(words))) == document(unit(1, features=frozenset(reversed(words))))


def test_a_change_is_told_with_old_and_new(mirror: Mirror) -> None:
    told: list[tuple[Record, Record]] = []
    mirror.upsert([unit(1)], "r1", changed=lambda a, b: told.append((a, b)))
    mirror.upsert([unit(1, floor="2")], "r2", changed=lambda a, b: told.append((a, b)))

    assert told == [(unit(1), unit(1, floor="2"))]


def test_after_a_complete_fetch_what_was_not_seen_is_deleted(mirror: Mirror) -> None:
    mirror.upsert([unit(n) for n in range(10)], "r1")
    mirror.finish(UNITS, "r1", complete=True)
    mirror.upsert([unit(n) for n in range(9)], "r2")

    assert mirror.finish(UNITS, "r2", complete=True).deleted == 1
    assert mirror.get("north", "F1", "unit", "U9") is None
    assert len(mirror.units("north", "F1")) == 9


def test_after_an_incremental_fetch_nothing_is_deleted(mirror: Mirror) -> None:
    mirror.upsert([unit(1), unit(2)], "r1")
    mirror.finish(UNITS, "r1", complete=True)
    mirror.upsert([unit(1)], "r2")

    assert mirror.finish(UNITS, "r2", complete=False).deleted == 0
    assert len(mirror.units("north", "F1")) == 2


def test_a_deletion_of_suspiciously_many_is_held_and_found(mirror: Mirror) -> None:
    from pmsbridge.store.findings import Findings

    mirror.upsert([unit(n) for n in range(20)], "r1")
    mirror.finish(UNITS, "r1", complete=True)
    mirror.upsert([unit(1)], "r2")

    ended = mirror.finish(UNITS, "r2", complete=True, delete_cap_percent=20)

    assert (ended.deleted, ended.held) == (0, 19)
    assert len(mirror.units("north", "F1")) == 20
    assert [f.finding.code for f in Findings(mirror._database).open()] == ["mass_deletion_held"]


def test_a_deleted_record_that_comes_back_is_there_again(mirror: Mirror) -> None:
    for run, rows in (("r1", [unit(1), unit(2)]), ("r2", [unit(1)]), ("r3", [unit(1), unit(2)])):
        mirror.upsert(rows, run)
        mirror.finish(UNITS, run, complete=True)

    assert [row.id for row in mirror.units("north", "F1")] == ["U1", "U2"]


def test_deletions_stay_in_their_own_scope(mirror: Mirror) -> None:
    other = Unit(ref=builders.ref("unit", "U1", facility="F2"), number="001")
    mirror.upsert([unit(1), other], "r1")
    mirror.finish(UNITS, "r2", complete=True)

    assert mirror.units("north", "F1") == ()
    assert len(mirror.units("north", "F2")) == 1


def test_the_end_of_one_run_leaves_the_marks_of_another_alone(mirror: Mirror) -> None:
    mirror.upsert([unit(1)], "20261121T150000-a")
    mirror.upsert([unit(1)], "20261121T150001-b")
    mirror.finish(UNITS, "20261121T150000-a", complete=True)

    assert mirror.finish(UNITS, "20261121T150001-b", complete=True).deleted == 0
    with mirror._database.read() as connection:
        assert connection.execute(select(func.count()).select_from(seen_marks)).scalar() == 0


def test_a_cursor_is_committed_with_its_records(mirror: Mirror) -> None:
    assert mirror.cursor(UNITS) is None

    def torn() -> Iterator[Unit]:
        yield unit(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        mirror.upsert(torn(), "r1", cursor=(UNITS, "7"))
    assert mirror.cursor(UNITS) is None
    assert mirror.units("north", "F1") == ()

    mirror.upsert([unit(1)], "r1", cursor=(UNITS, "7"))
    assert mirror.cursor(UNITS) == "7"
    mirror.finish(UNITS, "r1", complete=False)
    assert mirror.cursor(UNITS) == "7"
    assert mirror.synced_at(UNITS) is not None
    mirror.forget_cursor(UNITS)
    assert mirror.cursor(UNITS) is None


def test_the_same_id_twice_in_a_batch_counts_once_and_the_last_wins(mirror: Mirror) -> None:
    assert mirror.upsert([unit(1), unit(1, floor="2")], "r1").read == 1
    assert mirror.units("north", "F1")[0].floor == "2"


def test_many_records_cost_little_memory_and_all_arrive(mirror: Mirror) -> None:
    counts = mirror.upsert((unit(n) for n in range(1500)), "r1")

    assert counts.changed == 1500
    with mirror._database.read() as connection:
        assert connection.execute(select(func.count()).select_from(records)).scalar() == 1500


def test_records_come_back_as_they_were(mirror: Mirror) -> None:
    tenant = builders.tenant(mobile=Phone(raw="512.555.0199", e164="+15125550199"))
    rental = builders.row().rental
    mirror.upsert([tenant, rental, builders.facility()], "r1")

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
    (TenantSearch(unit_number="15"), 0, False),
    (TenantSearch(last_name="%"), 0, False),
    (TenantSearch(), 0, False),
])  # fmt: skip
def test_tenants_are_found_folded_and_marked_exact_or_not(
    mirror: Mirror, search: TenantSearch, hits: int, exact: bool
) -> None:
    mirror.upsert([builders.tenant(), builders.row().rental], "r1")

    found = mirror.find("north", search)

    assert len(found) == hits
    assert all(match.is_exact is exact and match.has_active_rental for match in found)


def test_archived_and_deleted_tenants_are_found_only_when_asked(mirror: Mirror) -> None:
    mirror.upsert([builders.tenant(is_active=False)], "r1")
    search = TenantSearch(last_name="muller")

    assert mirror.find("north", search) == ()
    assert len(mirror.find("north", search, include_archived=True)) == 1


def test_exact_matches_come_first(mirror: Mirror) -> None:
    longer = builders.tenant(ref=builders.ref("tenant", "A0"), name=builders.tenant().name.changed(last="Mullerbach"))
    mirror.upsert([longer, builders.tenant()], "r1")

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
