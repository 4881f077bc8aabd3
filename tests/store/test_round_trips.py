"""A worker's commit on PostgreSQL is one round trip, kept or refused whole, and nobody waits for a lane's lease."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from select import select as wait_for
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, insert, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from pmsbridge.errors import UnavailableError
from pmsbridge.store import postgres_texts
from pmsbridge.store.batch import Absence, Commit, Delete, Ensure, Insert, Update, Write, commit_alone, insert_new, run
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.journal import FencedError, Journal, StaleError
from pmsbridge.store.known import Known
from pmsbridge.store.portable import lock_number, lock_scope
from pmsbridge.store.stored import Change, Held, Route, StoredEffect, Submitted, Writing
from pmsbridge.store.tables import lanes, quotes
from pmsbridge.store.write_texts import refusing
from tests.engine.stage import LEASE, Stage, edit, pay

pytestmark = pytest.mark.postgresql

LANE = "memory:mem"
SECRET = "a-secret-value-in-a-row"


@pytest.fixture
def stage(tmp_path: Path, postgres_journal: str) -> Iterator[Stage]:
    made = Stage(tmp_path, postgres_journal)
    yield made
    made.close()


@pytest.fixture
def database(stage: Stage) -> Database:
    return stage.database


class Trips:
    """How often a database was asked, as the driver's library tells it."""

    def __init__(self, database: Database, path: Path) -> None:
        self._path = path
        self._file = path.open("a")
        self._listeners = {
            "checkout": lambda driver, *_: driver.pgconn.trace(self._file.fileno()),
            "checkin": lambda driver, _: driver.pgconn.untrace(),
        }
        self._engine = database.engine
        for name, listener in self._listeners.items():
            event.listen(self._engine, name, listener)

    def of(self, act: Callable[[], object]) -> int:
        """Since the act began."""
        before = self._count()
        act()
        return self._count() - before

    def _count(self) -> int:
        return self._path.read_text().count("ReadyForQuery")

    def close(self) -> None:
        for name, listener in self._listeners.items():
            event.remove(self._engine, name, listener)
        self._file.close()


def _submitted(journal: Journal, key: str = "click-0001") -> StoredEffect:
    wanted = edit(key)
    return journal.submit(wanted, {step.name: Route(LANE) for step in wanted.plan.steps}).action.effects[0]


def _held(journal: Journal, owner: str = "w") -> Held:
    held = journal.claim(LANE, owner, LEASE)
    assert held is not None
    return held


def _decline(journal: Journal, held: Held, effect: StoredEffect, known: Known) -> None:
    with journal.turn(held, known) as turn:
        turn.record(Writing(effect, Change.declined("no")))


def _known(journal: Journal) -> Known:
    page = journal.look(LANE, anyway=True)
    known = Known()
    known.learn(page.effects, page.ends)
    return known


def test_what_became_of_an_effect_is_one_round_trip(stage: Stage, tmp_path: Path) -> None:
    journal = stage.runtime().journal
    first, second = (_submitted(journal, f"click-000{n}") for n in (1, 2))
    held, known = _held(journal), _known(journal)
    _decline(journal, held, first, known)  # the server sees the text for the first time
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: _decline(journal, held, second, known)) == 1

    action = journal.action(second.action_id)
    assert action.effects[0].state == "done"
    assert [entry.event for entry in journal.trail(second.action_id)] == ["submitted", "declined"]
    assert journal.verify_trail(second.action_id)


def _paid(journal: Journal, key: str = "click-0001", *, rental: str = "R1") -> StoredEffect:
    wanted = pay(key, rental=rental)
    return journal.submit(wanted, {step.name: Route(LANE) for step in wanted.plan.steps}).action.effects[0]


def _prepared_texts(journal: Journal) -> None:
    """The server has seen the texts of both once."""
    for number, submit in enumerate((_submitted, _paid), 1):
        effect, held, known = submit(journal, f"click-900{number}"), _held(journal, f"v{number}"), _known(journal)
        _decline(journal, held, effect, known)
        journal.release(held)


def test_what_is_asked_for_is_stored_and_committed_in_one_round_trip(stage: Stage, tmp_path: Path) -> None:
    journal = stage.runtime().journal
    _prepared_texts(journal)
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: _submitted(journal, "click-0003")) == 1
        assert trips.of(lambda: _paid(journal)) == 1

    assert len(journal.actions()) == 4


def test_in_a_transaction_of_the_callers_it_is_one_round_trip_beside_its_begin_and_commit(
    stage: Stage, tmp_path: Path
) -> None:
    journal = stage.runtime().journal
    _prepared_texts(journal)

    def within(key: str, *, commits: bool) -> None:
        with stage.database.write() as own:
            wanted = pay(key)
            journal.submit(wanted, {step.name: Route(LANE) for step in wanted.plan.steps}, connection=own)
            if not commits:
                own.rollback()

    within("click-0001", commits=False)
    assert len(journal.actions()) == 2
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: within("click-0001", commits=True)) == 1 + 1 + 1
    assert len(journal.actions()) == 3


def test_the_outcome_of_a_payment_is_one_round_trip(stage: Stage, tmp_path: Path) -> None:
    journal = stage.runtime().journal
    _prepared_texts(journal)
    effect = _paid(journal)
    held, known = _held(journal), _known(journal)
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: _decline(journal, held, effect, known)) == 1

    assert journal.action(effect.action_id).outcome == "declined"
    assert journal.guarded(effect.guards) == {}


def test_a_payment_delivered_alone_is_this_many_round_trips(stage: Stage, tmp_path: Path) -> None:
    runtime = stage.runtime()
    runtime.on_poke = lambda _lane, _when: None
    for number in range(2):
        wanted = pay(f"click-200{number}", rental=("R1", "R4")[number])
        runtime.journal.submit(wanted, {step.name: Route(LANE) for step in wanted.plan.steps})
        with closing(Trips(stage.database, tmp_path / "trace")) as trips:
            count = trips.of(lambda: runtime.drain(LANE))
        assert runtime.action(wanted.action_id).outcome == "settled"

    # A look, the taking, what is known of the account (begin, read, end), "sending", the outcome, and a look.
    assert count == 1 + 1 + 3 + 1 + 1 + 1


def test_without_pipelines_it_is_the_same_in_more_round_trips(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_texts, "can_pipeline", lambda: False)
    journal = stage.runtime().journal
    _prepared_texts(journal)
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: _paid(journal)) == 4

    held, known = _held(journal), _known(journal)
    effect = journal.action(pay("click-0001").action_id).effects[0]
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: _decline(journal, held, effect, known)) == 4
    assert journal.action(effect.action_id).outcome == "declined"


def test_who_waits_for_a_tenant_sees_what_was_stored_meanwhile(stage: Stage) -> None:
    journal = stage.runtime().journal
    routes = {step.name: Route(LANE) for step in pay().plan.steps}
    answers: list[Submitted] = []
    waiting = threading.Thread(target=lambda: answers.append(journal.submit(pay("click-0002"), routes)))
    with stage.database.write() as own:
        first = journal.submit(pay("click-0001"), routes, connection=own).action
        waiting.start()
        _until_somebody_waits(stage.database, waiting)
        assert answers == []
    waiting.join(60)

    assert [(answer.action.id, answer.attached) for answer in answers] == [(first.id, True)]


def test_the_outcome_of_a_payment_waits_for_whoever_is_judging_by_it(stage: Stage) -> None:
    journal = stage.runtime().journal
    effect = _paid(journal)
    held, known = _held(journal), _known(journal)
    declining = threading.Thread(target=lambda: _decline(journal, held, effect, known))
    with stage.database.write() as judging:
        lock_scope(judging, "tenant", *effect.scope)
        declining.start()
        _until_somebody_waits(stage.database, declining)
        assert journal.guarded(effect.guards)
    declining.join(60)

    assert not journal.guarded(effect.guards)


def _until_somebody_waits(database: Database, thread: threading.Thread) -> None:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    for _ in range(3000):
        with database.read() as connection:
            if connection.exec_driver_sql(asked).scalar_one():
                return
        assert thread.is_alive(), "it did not wait"
        threading.Event().wait(0.02)
    pytest.fail("nobody waits")


def test_an_error_within_a_pipeline_is_told_and_leaves_the_connection_as_it_was(database: Database) -> None:
    with database.write() as connection:
        with pytest.raises(DBAPIError) as caught:
            postgres_texts.commit_alone(connection, "SELECT CAST($1 AS integer)", (SECRET,), locks=[7])
        assert SECRET not in f"{caught.value} {caught.value.orig} {caught.value.__cause__!r}"
        assert postgres_texts.is_untouched(connection)
        refused = postgres_texts.commit_alone(connection, "SELECT 1 / CAST($1 AS integer)", (0,), locks=[7])
        assert refused is None
        assert postgres_texts.commit_alone(connection, "SELECT CAST($1 AS integer)", (5,), locks=[7, 8]) == [(5,)]
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert postgres_texts.commit_alone(connection, held, ()) == [(0,)]


def test_a_server_that_goes_away_in_a_pipeline_is_unavailable_and_then_back(database: Database) -> None:
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(UnavailableError), database.write() as connection:
        postgres_texts.commit_alone(connection, cut, (), locks=[7])

    with database.write() as connection:
        assert postgres_texts.commit_alone(connection, "SELECT 1", (), locks=[7]) == [(1,)]


def test_a_commit_without_the_lane_leaves_nothing_of_itself(stage: Stage) -> None:
    journal = stage.runtime().journal
    effect = _submitted(journal)
    held, known = _held(journal), _known(journal)
    stage.clock.advance(LEASE + timedelta(seconds=1))
    _held(journal, "another")
    before = journal.action(effect.action_id), journal.trail(effect.action_id)

    with pytest.raises(FencedError):
        _decline(journal, held, effect, known)

    assert (journal.action(effect.action_id), journal.trail(effect.action_id)) == before


def test_a_part_that_does_not_fit_undoes_every_part(database: Database) -> None:
    def lane(name: str, **where: object) -> Update:
        return Update(lanes, {"epoch": 7}, {"name": name, **where})

    with database.write() as connection:
        connection.execute(insert(lanes), [{"name": "a"}, {"name": "b"}])
    misfits: list[Write] = [lane("b", epoch=5), lane("none"), Insert(lanes, [{"name": "b", "owner": "", "epoch": 0}])]
    for misfit in misfits:
        with database.write() as connection:
            assert commit_alone(connection, [lane("a"), misfit]) is Commit.REFUSED
            assert list(run(connection, [lane("a"), misfit])) == [1, 0]
            connection.rollback()
    with database.read() as connection:
        assert set(connection.execute(select(lanes.c.epoch)).scalars()) == {0}

    with database.write() as connection:
        assert commit_alone(connection, [lane("a"), Delete(quotes, {"id": "none"})]) is Commit.MADE
        connection.rollback()  # too late: it is committed
    with database.read() as connection:
        assert connection.execute(select(lanes.c.epoch).where(lanes.c.name == "a")).scalar_one() == 7


def test_what_was_begun_before_is_committed_with_it_or_not_at_all(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="a"))
        writes = [Update(lanes, {"epoch": 7}, {"name": "a"})]
        assert commit_alone(connection, writes) is Commit.NOT_TRIED
        run(connection, writes)
        connection.rollback()

    with database.read() as connection:
        assert connection.execute(select(lanes)).all() == []


def test_a_commit_alone_goes_by_our_isolation_whatever_the_database_was_given(postgres_journal: str) -> None:
    first = open_database(postgres_journal)

    def alter(words: str) -> None:
        name = make_url(postgres_journal).database
        with first.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" {words}'))

    try:
        alter("SET default_transaction_isolation = 'serializable'")
        alter("SET default_transaction_read_only = 'on'")
        other = open_database(postgres_journal)
        with other.write() as connection:
            found = postgres_texts.commit_alone(connection, "SELECT current_setting('transaction_isolation')", ())
            assert found == [("read committed",)]
            commit_alone(connection, [Insert(lanes, [{"name": "a", "owner": "", "epoch": 0}])])
        other.close()
    finally:
        alter("RESET ALL")
        first.close()


def test_after_a_commit_alone_a_transaction_is_one_again(database: Database) -> None:
    with database.write() as connection:
        commit_alone(connection, [Insert(lanes, [{"name": "a", "owner": "", "epoch": 0}])])
        run(connection, [Insert(lanes, [{"name": "b", "owner": "", "epoch": 0}])])
        connection.rollback()

    with database.read() as connection:
        assert list(connection.execute(select(lanes.c.name)).scalars()) == ["a"]


def test_an_update_finds_its_row_by_its_key_although_the_table_is_small(database: Database) -> None:
    shape = ("update", "pmsbridge_effects", ("message",), ("key", "version", "state"), (), 1)
    with database.write() as connection:
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        # A table of one page may be read through; what matters is which index is taken, while others look as good.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql(f"PREPARE found AS {refusing((shape,))}")
        plan = connection.exec_driver_sql("EXPLAIN EXECUTE found ('m', 'k', 1, 'waiting')").scalars().all()
        connection.exec_driver_sql("DEALLOCATE found")

    assert [line for line in plan if "pmsbridge_effects_key_key" in line], plan


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_error_of_a_text_of_ours_repeats_no_value(database: Database) -> None:
    with database.write() as connection:
        with pytest.raises(DBAPIError) as alone:
            postgres_texts.commit_alone(connection, "SELECT CAST($1 AS integer)", (SECRET,))
        with pytest.raises(DBAPIError) as within:
            postgres_texts.fetch(connection, "SELECT CAST($1 AS integer)", (SECRET,))
        connection.rollback()

    for caught in (alone, within):
        assert SECRET not in f"{caught.value} {caught.value.orig} {caught.value.__cause__!r}"


def test_a_lock_that_is_not_given_is_what_is_told_although_the_text_behind_it_fails_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = psycopg.Pipeline.__exit__

    def after_the_answer(pipeline: psycopg.Pipeline, *raised: Any) -> None:
        """The end is sent when the lock's error has come: it and what the driver makes of the text meet there."""
        if raised[0] is None:
            wait_for([pipeline.pgconn.socket], [], [], 60)
        honest(pipeline, *raised)

    with database.write() as holder, database.write() as connection:
        lock_scope(holder, "a", "b")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
        monkeypatch.setattr(psycopg.Pipeline, "__exit__", after_the_answer)
        with pytest.raises(DBAPIError) as caught:
            postgres_texts.fetch(connection, "SELECT 1", (), locks=[lock_number("a", "b")])
        connection.rollback()

    assert isinstance(caught.value.orig, psycopg.errors.LockNotAvailable)


@pytest.mark.parametrize("how", ["alone", "within"])
def test_a_server_that_goes_away_in_a_text_of_ours_is_unavailable_and_then_back(database: Database, how: str) -> None:
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    acts: dict[str, Callable[..., object]] = {"alone": postgres_texts.commit_alone, "within": postgres_texts.fetch}
    with pytest.raises(UnavailableError), database.write() as connection:
        acts[how](connection, cut, ())

    with database.write() as connection:
        assert postgres_texts.fetch(connection, "SELECT 1", ()) == [(1,)]


# -- nobody waits ------------------------------------------------------------------------------------------------------


def test_a_submit_does_not_wait_for_a_worker_that_renews_its_lease(stage: Stage) -> None:
    journal = stage.runtime().journal
    _submitted(journal)
    done: list[StoredEffect] = []
    with stage.database.write() as worker:
        worker.execute(update(lanes).values(owner="w"))
        clicking = threading.Thread(target=lambda: done.append(_submitted(journal, "click-0002")))
        clicking.start()
        clicking.join(20)
        assert done, "it waits"
    clicking.join(60)


def test_a_lane_that_was_taken_since_it_was_looked_at_is_looked_at_again(stage: Stage) -> None:
    journal = stage.runtime().journal
    _submitted(journal)
    seen = journal.look(LANE).standing
    assert seen is not None
    journal.release(_held(journal))  # by somebody who let it go again

    with pytest.raises(StaleError), journal.taking(seen, "v", LEASE):
        pass

    after = journal.look(LANE).standing
    assert (after is not None and after.is_free, after and after.owner) == (True, "")


def test_a_lease_that_was_renewed_after_its_end_is_not_taken_for_over(stage: Stage) -> None:
    journal = stage.runtime().journal
    effect, held = _submitted(journal), _held(journal)
    known = _known(journal)
    stage.clock.advance(LEASE + timedelta(seconds=1))
    seen = journal.look(LANE).standing
    assert seen is not None
    assert seen.is_free
    _decline(journal, held, effect, known)  # it was only slow

    with pytest.raises(StaleError), journal.taking(seen, "v", LEASE):
        pass


def test_whoever_is_too_late_for_a_lane_finds_it_busy(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, other = stage.runtime(), stage.runtime()
    _submitted(runtime.journal)
    honest = other.journal.taking

    def late(*args: Any) -> Any:
        monkeypatch.undo()
        _held(runtime.journal)
        return honest(*args)

    monkeypatch.setattr(other.journal, "taking", late)
    drained = other.drain(LANE)

    assert (drained.busy, drained.delivered) == (True, 0)


def test_of_a_lane_that_is_held_nothing_is_read_unless_it_is_asked_for(stage: Stage) -> None:
    journal = stage.runtime().journal
    effect = _submitted(journal)
    assert journal.look(LANE).effects[0] == effect
    _held(journal)

    assert journal.look(LANE).effects == ()
    assert journal.look(LANE, anyway=True).effects[0] == effect
    stage.clock.advance(LEASE + timedelta(seconds=1))
    assert journal.look(LANE).effects[0] == effect


def test_an_action_alone_in_its_lane_is_a_look_a_commit_per_step_and_one_more_and_a_look(
    stage: Stage, tmp_path: Path
) -> None:
    runtime = stage.runtime()
    runtime.on_poke = lambda _lane, _when: None
    for number in range(2):  # the server sees the texts for the first time
        wanted = edit(f"click-100{number}")
        runtime.journal.submit(wanted, {step.name: Route(LANE) for step in wanted.plan.steps})
        with closing(Trips(stage.database, tmp_path / "trace")) as trips:
            count = trips.of(lambda: runtime.drain(LANE))
        assert runtime.action(wanted.action_id).outcome == "settled"

    assert count == 1 + len(wanted.plan.steps) + 1 + 1
    with closing(Trips(stage.database, tmp_path / "trace")) as trips:
        assert trips.of(lambda: runtime.drain(LANE)) == 1


def test_a_lane_that_is_held_is_busy_and_nobody_comes_again(stage: Stage) -> None:
    runtime = stage.runtime()
    _submitted(runtime.journal)
    _held(runtime.journal)
    told: list[Any] = []
    runtime.on_poke = lambda *said: told.append(said)

    assert runtime.drain(LANE).busy
    assert told == []


# -- what was stored ---------------------------------------------------------------------------------------------------


def test_a_submit_answers_with_what_is_stored(stage: Stage) -> None:
    journal = stage.runtime().journal
    wanted = edit("click-0001")

    answered = journal.submit(wanted, {step.name: Route(LANE) for step in wanted.plan.steps}).action

    assert answered == journal.action(answered.id)
    with stage.database.read() as connection:
        assert list(connection.execute(select(lanes.c.name)).scalars()) == [LANE]


def test_a_row_is_ensured_once(database: Database) -> None:
    row = {"name": "a", "owner": "", "epoch": 0}
    with database.write() as connection:
        run(connection, [Ensure(lanes, row), Ensure(lanes, {**row, "name": "b"})])
        run(connection, [Ensure(lanes, {**row, "epoch": 9})])

        found = connection.execute(select(lanes.c.name, lanes.c.epoch).order_by(lanes.c.name)).all()
    assert found == [("a", 0), ("b", 0)]


def test_what_is_new_is_inserted_whole_or_not_at_all(database: Database) -> None:
    def new(*names: str, unless: str) -> list[tuple[Any, ...]] | None:
        fresh = Insert(lanes, [{"name": name} for name in names], {"owner": "", "epoch": 0})
        absent = [Absence(lanes.c.name, [unless])]
        with database.write() as connection:
            return insert_new(connection, [fresh], [], {0: ("name", "epoch")}, unless=absent)

    assert new("a", "b", unless="a") == [("a", 0), ("b", 0)]
    assert new("c", "d", unless="b") is None
    with pytest.raises(UnavailableError, match="nothing was stored"):
        new("c", "a", unless="none")
    with database.read() as connection:
        assert set(connection.execute(select(lanes.c.name)).scalars()) == {"a", "b"}
