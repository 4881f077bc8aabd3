"""What a back office says by itself: heard once, never believed, read afresh by one of several processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from pmsbridge.dispatch.heard_reader import HeardReader
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.hearing import Hearing, hearing_accounts
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import InputError, NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.people import Tenant
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.hearing import Message, Told
from pmsbridge.store.heard import HeardMessages, ToRead, Waiting
from pmsbridge.store.mirror import Scope
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.report_room import KEPT_FOR, ReportRoom
from pmsbridge.store.runs import RunState
from pmsbridge.store.tables import runs
from pmsbridge.testing.memory import MemoryAdapter
from tests.engine.paged_office import PagedAdapter, PagedOffice
from tests.engine.stage import Stage

F1 = FacilityKey("mem", "F1")
GOOD = {"proof": "good"}
T1_AT_F1 = Told(Entity.TENANTS, "F1", "T1", "T1")


class Hears(MemoryAdapter):
    """An adapter that takes every message of a back office that says what a test says."""

    hears = True

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.office)
        self.says = Message("m-1", "tenant.changed", (T1_AT_F1,))
        self.is_away = False
        self.fetched: list[str] = []

    def hear(self, headers: Mapping[str, str], body: bytes, *, address: str = "") -> Message:
        if headers.get("proof") != "good":
            raise InputError("headers", "do not prove it", code="webhook_signature")
        return self.says

    def fetch(self, query: Any, **given: Any) -> Any:
        self.fetched.append(f"{query.facility}/{query.entity.value}")
        if self.is_away:
            message = "not now"
            raise UnavailableError(message)
        return super().fetch(query, **given)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    url = request.getfixturevalue("postgres_journal") if request.param == "postgresql" else ""
    made = Stage(tmp_path, url)
    made.adapter = Hears(made)
    yield made
    made.close()


@pytest.fixture
def adapter(stage: Stage) -> Hears:
    assert isinstance(stage.adapter, Hears)
    return stage.adapter


@pytest.fixture
def runtime(stage: Stage, adapter: Hears) -> Runtime:
    runtime = stage.runtime()
    Sync(runtime).run()
    adapter.fetched.clear()
    return runtime


def mail_changes(stage: Stage, to: str) -> None:
    """At the back office, behind our back."""
    held = stage.office.books.find(Tenant, "F1", "T1")
    assert held is not None
    stage.office.books.put("F1", held.changed(email=to))


def mirrored(runtime: Runtime) -> str:
    found = runtime.mirror.get("mem", "F1", Tenant.entity, "T1")
    assert isinstance(found, Tenant)
    return found.email


def test_what_a_message_is_about_is_read_afresh_and_hearing_it_asks_nobody(
    stage: Stage, adapter: Hears, runtime: Runtime
) -> None:
    mail_changes(stage, "new@x.test")
    hearing = Hearing(runtime)

    heard = hearing.hear("mem", GOOD, b"{}")

    assert (heard.event, heard.is_new, heard.to_read) == ("tenant.changed", True, ("mem/F1/tenants",))
    assert adapter.fetched == []
    assert mirrored(runtime) != "new@x.test"
    assert hearing.read() == 1
    assert mirrored(runtime) == "new@x.test"
    assert adapter.fetched == ["F1/tenants"]
    assert hearing.read() == 0


def test_a_message_that_comes_again_changes_nothing_more(adapter: Hears, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    hearing.read()

    again = hearing.hear("mem", GOOD, b"{}")

    assert (again.is_new, again.to_read) == (False, ())
    assert hearing.read() == 0
    assert adapter.fetched == ["F1/tenants"]


def test_eight_deliveries_of_one_message_at_once_are_one(adapter: Hears, runtime: Runtime) -> None:
    barrier, new = threading.Barrier(8), []

    def deliver() -> None:
        barrier.wait()
        new.append(Hearing(runtime).hear("mem", GOOD, b"{}").is_new)

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(new) == [False] * 7 + [True]


def test_many_messages_about_one_thing_are_one_reading(stage: Stage, adapter: Hears, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    for number in range(5):
        adapter.says = Message(f"m-{number}", "tenant.changed", (T1_AT_F1,))
        assert hearing.hear("mem", GOOD, b"{}").is_new

    assert hearing.read() == 1
    assert adapter.fetched == ["F1/tenants"]


def test_a_message_that_nothing_tells_from_others_always_counts(adapter: Hears, runtime: Runtime) -> None:
    adapter.says = replace(adapter.says, key="")
    hearing = Hearing(runtime)
    for _ in range(2):
        assert hearing.hear("mem", GOOD, b"{}").is_new
        assert hearing.read() == 1


def test_what_is_asked_for_while_it_is_read_is_read_again(adapter: Hears, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    (waiting,) = HeardMessages(runtime.database, runtime.clock).waiting()
    store = HeardMessages(runtime.database, runtime.clock)
    assert store.take(waiting, "me", timedelta(minutes=5))
    adapter.says = replace(adapter.says, key="m-2")
    hearing.hear("mem", GOOD, b"{}")

    assert hearing.read() == 0  # somebody is at it
    store.done(waiting, "me")

    assert hearing.read() == 1


def test_what_a_dead_process_had_taken_is_read_by_the_next(stage: Stage, adapter: Hears, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    store = HeardMessages(runtime.database, runtime.clock)
    (waiting,) = store.waiting()
    assert store.take(waiting, "dead", timedelta(minutes=5))
    assert not store.take(waiting, "me", timedelta(minutes=5))

    stage.later(timedelta(minutes=6))

    assert hearing.read() == 1


def test_what_cannot_be_read_now_waits_longer_each_time_and_is_read_then(
    stage: Stage, adapter: Hears, runtime: Runtime
) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    adapter.is_away = True
    for _ in range(2):
        assert hearing.read() == 0
    stage.later(timedelta(seconds=5))
    assert hearing.read() == 0
    assert len(adapter.fetched) == 1
    stage.later(timedelta(seconds=6))
    assert hearing.read() == 0
    assert len(adapter.fetched) == 2

    adapter.is_away = False
    stage.later(timedelta(minutes=1))

    assert hearing.read() == 1


def test_what_cannot_be_read_for_a_day_is_left_to_the_night(stage: Stage, adapter: Hears, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    adapter.is_away = True
    stage.later(timedelta(days=1, minutes=1))
    hearing.read()
    asked = len(adapter.fetched)

    stage.later(timedelta(days=1))

    assert hearing.read() == 0
    assert len(adapter.fetched) == asked


def test_what_was_said_a_minute_ago_is_not_given_up_with_what_was_said_a_day_ago(
    stage: Stage, adapter: Hears, runtime: Runtime
) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    adapter.is_away = True
    stage.later(timedelta(days=1))
    adapter.says = replace(adapter.says, key="m-2")
    hearing.hear("mem", GOOD, b"{}")
    stage.later(timedelta(minutes=1))
    assert hearing.read() == 0

    adapter.is_away = False
    stage.later(timedelta(seconds=59))
    assert hearing.read() == 0
    stage.later(timedelta(seconds=2))

    assert hearing.read() == 1
    assert hearing.read() == 0
    with runtime.database.read() as connection:
        tenants = runs.c.name.endswith("/tenants")
        states = connection.execute(select(runs.c.state).where(tenants).order_by(runs.c.slot)).scalars().all()
    assert states[-2:] == [RunState.FAILED.value, RunState.DONE.value]


def test_what_is_not_genuine_is_written_nowhere(adapter: Hears, runtime: Runtime) -> None:
    with pytest.raises(InputError) as caught:
        Hearing(runtime).hear("mem", {"proof": "bad"}, b"{}")

    assert caught.value.code == "webhook_signature"
    assert Hearing(runtime).hear("mem", GOOD, b"{}").is_new


def test_an_account_that_nobody_configured_hears_nothing(runtime: Runtime) -> None:
    with pytest.raises(NotFoundError):
        Hearing(runtime).hear("other", GOOD, b"{}")


def test_a_back_office_that_sends_none_says_so(stage: Stage) -> None:
    stage.adapter = MemoryAdapter(stage.office)
    runtime = stage.runtime()

    assert hearing_accounts(runtime) == ()
    with pytest.raises(UnsupportedError):
        Hearing(runtime).hear("mem", GOOD, b"{}")


def test_without_a_facility_it_is_read_where_the_copy_has_it_or_everywhere(adapter: Hears, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    runtime.mirror.get("mem", "F2", Tenant.entity, "T1")
    adapter.says = Message("m-1", "x", (Told(Entity.TENANTS, record_id="T1", tenant_id="T1"),))
    assert hearing.hear("mem", GOOD, b"{}").to_read == ("mem/F1/tenants", "mem/F2/tenants")
    adapter.says = Message("m-2", "x", (Told(Entity.TENANTS, record_id="stranger"),))
    assert hearing.hear("mem", GOOD, b"{}").to_read == ("mem/F1/tenants", "mem/F2/tenants")
    adapter.says = Message("m-3", "x", (Told(Entity.TENANTS, "F9", "T1"),))
    assert hearing.hear("mem", GOOD, b"{}").to_read == ()


def test_the_copied_account_of_who_is_told_of_is_read_anew_by_the_rental_too(
    stage: Stage, adapter: Hears, runtime: Runtime
) -> None:
    account = adapter.account("F1", "T1")
    runtime.mirror.save_account(account)
    runtime.mirror.watch("mem", "F1", "T1")
    rental = account.rentals[0].rental.id
    adapter.says = Message("m-1", "paid", (Told(Entity.LEDGER_ENTRIES, "F1", "e1", "", rental),))
    hearing = Hearing(runtime)

    assert hearing.hear("mem", GOOD, b"{}").to_read == ("mem/F1/account/T1",)
    stage.later(timedelta(minutes=1))
    assert hearing.read() == 1
    kept = runtime.mirror.account("mem", "F1", "T1")
    assert kept is not None
    assert kept.as_of == runtime.clock.now()
    assert adapter.fetched == []


def test_a_record_that_may_be_gone_is_deleted_when_the_whole_list_has_it_no_more(
    stage: Stage, adapter: Hears, runtime: Runtime
) -> None:
    stage.office.books.remove(Tenant, "F1", "T3")
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    hearing.read()
    assert runtime.mirror.get("mem", "F1", Tenant.entity, "T3") is not None

    adapter.says = Message("m-2", "tenant.deleted", (replace(T1_AT_F1, record_id="T3", may_be_gone=True),))
    assert hearing.hear("mem", GOOD, b"{}").to_read == ("mem/F1/tenants/",)
    hearing.read()

    assert runtime.mirror.get("mem", "F1", Tenant.entity, "T3") is None


# -- what broke off, and who else is at it -----------------------------------------------------------------------------


class HearsPages(PagedAdapter):
    """A back office of units behind pages that says that one changed."""

    hears = True

    def hear(self, *_: Any, **__: Any) -> Message:
        return Message("m-1", "unit.changed", (Told(Entity.UNITS, "F1", "u1"),))

    def breaks_off_after(self, page: int) -> None:
        """Once."""

        def hook(number: int) -> None:
            if number == page:
                self.batch_hook = lambda _number: None
                message = "not now"
                raise UnavailableError(message)

        self.batch_hook = hook


@pytest.fixture
def pages(stage: Stage) -> HearsPages:
    """Three pages of units that were never read."""
    office = PagedOffice()
    for number in range(7):
        office.put(f"u{number}", number)
    stage.adapter = HearsPages(office)
    return stage.adapter


def test_a_reading_that_broke_off_goes_on_where_it_stopped_as_soon_as_it_may(stage: Stage, pages: HearsPages) -> None:
    hearing = Hearing(stage.runtime())
    hearing.hear("mem", GOOD, b"{}")
    pages.breaks_off_after(2)
    assert hearing.read() == 0
    assert pages.paged.pages == 2

    stage.later(timedelta(seconds=11))

    assert hearing.read() == 1
    assert pages.paged.pages == 3


def test_a_reading_that_was_stopped_goes_on_in_the_next_process(stage: Stage, pages: HearsPages) -> None:
    hearing = Hearing(stage.runtime())
    hearing.hear("mem", GOOD, b"{}")
    assert hearing.read(lambda: pages.paged.pages > 0) == 0
    assert pages.paged.pages == 1

    stage.later(timedelta(seconds=1))

    assert Hearing(stage.runtime()).read() == 1
    assert pages.paged.pages == 3


def test_what_somebody_else_reads_since_a_reading_broke_off_is_not_overtaken(stage: Stage, pages: HearsPages) -> None:
    runtime = stage.runtime()
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    pages.breaks_off_after(1)
    assert hearing.read() == 0
    stage.later(timedelta(seconds=11))
    pages.breaks_off_after(1)
    Sync(runtime).run([F1], [Entity.UNITS])  # by hand, and as far as anybody knows still at it
    assert pages.paged.pages == 2

    assert hearing.read() == 0
    stage.later(timedelta(minutes=1))
    assert hearing.read() == 0
    assert pages.paged.pages == 2
    stage.later(timedelta(minutes=10))

    assert hearing.read() == 1


def test_who_sees_less_of_what_waits_takes_nothing_of_what_somebody_else_has(
    stage: Stage, adapter: Hears, runtime: Runtime
) -> None:
    store = HeardMessages(runtime.database, runtime.clock)
    what = ToRead("mem", "F1", "tenants")
    lease = timedelta(minutes=5)

    def noted(key: str) -> Waiting:
        store.note("mem", key, [what])
        (waiting,) = store.waiting()
        return waiting

    less, more = noted("m-1"), noted("m-2")
    assert (len(less.slots), len(more.slots)) == (1, 2)

    assert store.take(less, "one", lease)
    assert not store.take(more, "other", lease)
    store.done(less, "one")
    assert store.take(more, "other", lease)
    store.done(more, "other")
    assert store.waiting() == []

    less, more = noted("m-3"), noted("m-4")
    assert store.take(more, "other", lease)
    assert not store.take(less, "one", lease)


@pytest.mark.postgresql
def test_of_two_who_take_at_once_one_waits_and_then_sees_what_the_other_has(
    tmp_path: Path, postgres_journal: str
) -> None:
    stage = Stage(tmp_path, postgres_journal)
    store = HeardMessages(stage.database, stage.clock)
    lease, taken = timedelta(minutes=5), list[bool]()
    store.note("mem", "m-1", [ToRead("mem", "F1", "tenants")])
    (less,) = store.waiting()
    store.note("mem", "m-2", [ToRead("mem", "F1", "tenants")])
    (more,) = store.waiting()
    taking = threading.Thread(target=lambda: taken.append(store.take(more, "other", lease)))
    with stage.database.write() as connection:
        # As the first of two does, up to its commit.
        lock_scope(connection, "heard", "mem")
        mine = runs.c.slot.in_(less.slots) & runs.c.name.endswith("/tenants")
        connection.execute(update(runs).where(mine).values(owner="one", lease_until=stage.clock.now() + lease))
        taking.start()
        for _ in range(1000):
            if _waits(stage) or not taking.is_alive():
                break
            threading.Event().wait(0.01)
    taking.join(60)

    assert taken == [False]
    stage.close()


def _waits(stage: Stage) -> bool:
    with stage.database.read() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(connection.exec_driver_sql(asked).scalar_one())


def test_a_night_under_way_is_not_overtaken(stage: Stage, adapter: Hears, runtime: Runtime) -> None:
    slot = runtime.clock.now()
    assert runtime.runs.start("sync mem/F1", slot, "night", timedelta(minutes=15))
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    assert hearing.read() == 0
    assert adapter.fetched == []

    runtime.runs.finish("sync mem/F1", slot, "night")
    stage.later(timedelta(minutes=1))

    assert hearing.read() == 1


def test_only_what_is_told_of_is_read_and_no_watched_account_besides(adapter: Hears, runtime: Runtime) -> None:
    runtime.mirror.watch("mem", "F1", "T2")
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    hearing.read()

    assert runtime.mirror.account("mem", "F1", "T2") is None
    assert runtime.mirror.synced_at(Scope("mem", "F1", Tenant.entity)) is not None


def test_old_messages_are_forgotten_with_old_runs(stage: Stage, runtime: Runtime) -> None:
    hearing = Hearing(runtime)
    hearing.hear("mem", GOOD, b"{}")
    hearing.read()
    room = ReportRoom(runtime.database)
    assert room.make(stage.clock.now()).runs == 0
    stage.later(KEPT_FOR + timedelta(days=1))

    assert room.make(stage.clock.now()).runs == 2


def test_a_thread_reads_what_was_heard_until_it_is_stopped(stage: Stage, runtime: Runtime) -> None:
    mail_changes(stage, "new@x.test")
    reader = HeardReader(runtime, look_every=timedelta(milliseconds=20))
    reader.start()
    try:
        Hearing(runtime).hear("mem", GOOD, b"{}")
        for _ in range(500):
            if mirrored(runtime) == "new@x.test":
                break
            threading.Event().wait(0.02)
    finally:
        assert reader.stop()

    assert mirrored(runtime) == "new@x.test"


def test_what_is_to_be_read_is_kept_under_a_name_and_found_again() -> None:
    for each in (
        ToRead("main", "L001", "tenants"),
        ToRead("main", "L001", "tenants", whole=True),
        ToRead("main", "L001", "account", "T/1/2"),
    ):
        assert ToRead.named(each.name) == each
        assert each.fits
    assert not ToRead("main", "L001", "account", "9" * 200).fits
