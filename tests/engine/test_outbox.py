"""In a transaction of the caller's: which ones will do, and what is said when the database cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from pmsbridge.actions.plan import Submission
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import ConfigurationError, InputError, PmsBridgeError, UnavailableError
from pmsbridge.store.database import open_database
from pmsbridge.store.stored import Route
from pmsbridge.store.tables import actions, effects, guards, trail
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice
from tests.engine.stage import Stage, pay

SECRET = "no-word-of-the-driver"


def _chain(error: BaseException) -> str:
    said, at = "", error
    while at is not None:
        said += f"{at!r} "
        at = at.__cause__ or at.__context__  # type: ignore[assignment]
    return said


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


@pytest.fixture
def own(stage: Stage) -> Iterator[Engine]:
    engine = create_engine(stage.database.engine.url, connect_args={"timeout": 0.05})
    yield engine
    engine.dispose()


def test_a_database_that_is_locked_is_said_in_our_words_and_nothing_of_the_drivers(stage: Stage, own: Engine) -> None:
    runtime = stage.runtime()
    with stage.database.write(), own.begin() as connection, pytest.raises(UnavailableError) as caught:
        runtime.submit(pay(), connection=connection)

    assert caught.value.code == "database_unavailable"
    assert "roll your transaction back" in str(caught.value)
    assert "sqlite3" not in _chain(caught.value)
    assert "SELECT" not in _chain(caught.value)
    assert runtime.actions() == ()


@pytest.mark.parametrize(("raised", "ours"), [
    (sqlite3.OperationalError(SECRET), UnavailableError), (sqlite3.IntegrityError(SECRET), UnavailableError),
    (sqlite3.ProgrammingError(SECRET), ConfigurationError), (sqlite3.DataError(SECRET), ConfigurationError),
])  # fmt: skip
@pytest.mark.parametrize("verb", ["submit", "find_click", "attach"])
def test_whatever_the_driver_raises_is_translated_for_every_verb(
    stage: Stage, own: Engine, raised: Exception, ours: type[PmsBridgeError], verb: str
) -> None:
    runtime = stage.runtime()

    def fail(*_: Any, **__: Any) -> None:
        from sqlalchemy.exc import DBAPIError

        raise DBAPIError.instance("INSERT", None, raised, sqlite3.Error)

    with pytest.MonkeyPatch.context() as patch, own.begin() as connection:
        for name in ("take_in", "find_click", "attach"):
            patch.setattr(f"pmsbridge.store.intake.{name}", fail)
        more = {"submit": (), "find_click": (), "attach": ("act_x", "tenant")}[verb]
        with pytest.raises(ours) as caught:
            getattr(runtime, verb)(pay(), *more, connection=connection)

    assert SECRET not in _chain(caught.value)


def test_an_engine_that_has_no_connection_left_is_said_so(stage: Stage) -> None:
    engine = create_engine(
        stage.database.engine.url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05
    )
    with engine.connect(), Session(engine) as session, pytest.raises(UnavailableError, match="gives no connection"):
        stage.runtime().submit(pay(), connection=session)
    engine.dispose()


def test_a_transaction_on_another_file_is_refused_with_a_remedy(stage: Stage, tmp_path: Path) -> None:
    other = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    memory = create_engine("sqlite://")
    for engine in (other.engine, memory):
        with (
            engine.begin() as connection,
            pytest.raises(InputError, match=r"not on the journal's database.*store\.url"),
        ):
            stage.runtime().submit(pay(), connection=connection)
    other.close()
    memory.dispose()

    assert stage.runtime().actions() == ()


def test_the_same_file_by_another_name_is_the_same(stage: Stage, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(str(stage.database.engine.url.database))
    # A name of its own would have a write-ahead log of its own; the library resolves it.
    engine = create_engine(f"sqlite:///{link.resolve().parent}/../{link.resolve().parent.name}/{link.resolve().name}")
    with engine.begin() as connection:
        stage.runtime().submit(pay(), connection=connection)
    engine.dispose()

    assert len(stage.runtime().actions()) == 1


def test_a_connection_that_commits_every_statement_by_itself_is_refused(stage: Stage) -> None:
    engine = create_engine(stage.database.engine.url, isolation_level="AUTOCOMMIT")
    with engine.begin() as connection, pytest.raises(InputError, match="commits every statement by itself"):
        stage.runtime().submit(pay(), connection=connection)
    engine.dispose()

    assert stage.runtime().actions() == ()


def test_an_engine_that_begins_by_itself_will_do(stage: Stage) -> None:
    engine = create_engine(stage.database.engine.url)
    event.listen(engine, "connect", lambda raw, _record: setattr(raw, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        stage.runtime().submit(pay(), connection=connection)
    engine.dispose()

    assert len(stage.runtime().actions()) == 1


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(postgres_journal: str, stage: Stage) -> Iterator[Runtime]:
    database = open_database(postgres_journal)
    yield Runtime(database, {"mem": MemoryAdapter(MemoryOffice(stage.clock, facilities=("F1",)))}, clock=stage.clock)
    database.close()


def _submit(runtime: Runtime, address: str, **options: Any) -> None:
    engine = create_engine(address, **options)
    try:
        with engine.begin() as connection:
            runtime.submit(pay(), connection=connection)
    finally:
        engine.dispose()


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_would_not_see_newer_payments_is_refused(
    served: Runtime, postgres_journal: str, isolation: str
) -> None:
    with pytest.raises(ConfigurationError, match='isolation_level="READ COMMITTED"') as caught:
        _submit(served, postgres_journal, isolation_level=isolation)

    assert caught.value.code == "transaction_isolation"
    _submit(served, postgres_journal)
    assert len(served.actions()) == 1


def test_on_postgresql_a_connection_that_commits_by_itself_is_refused(served: Runtime, postgres_journal: str) -> None:
    with pytest.raises(InputError, match="commits every statement by itself"):
        _submit(served, postgres_journal, isolation_level="AUTOCOMMIT")


def test_another_database_of_the_same_server_is_refused(served: Runtime, postgres_url: str, sqlite_file: str) -> None:
    open_database(postgres_url).close()
    for address in (postgres_url, sqlite_file):
        with pytest.raises(InputError, match="not on the journal's database"):
            _submit(served, address)


def test_a_transaction_that_has_failed_before_is_the_callers_to_end(served: Runtime, postgres_journal: str) -> None:
    engine = create_engine(postgres_journal)
    with engine.connect() as connection:
        with pytest.raises(Exception, match="division"):
            connection.execute(text("SELECT 1/0"))
        with pytest.raises(InputError, match="failed before") as caught:
            served.submit(pay(), connection=connection)
        assert "psycopg" not in _chain(caught.value)
    engine.dispose()


def test_a_role_that_may_not_write_the_journal_is_a_matter_of_configuration(
    served: Runtime, postgres_journal: str
) -> None:
    engine = create_engine(postgres_journal)
    with engine.connect() as connection:
        connection.execute(text("CREATE ROLE pmsbridge_reader"))
        connection.execute(text(f"GRANT SELECT ON {actions.name} TO pmsbridge_reader"))
        connection.execute(text("SET LOCAL ROLE pmsbridge_reader"))
        with pytest.raises(ConfigurationError, match="give its role the right") as caught:
            served.submit(pay(), connection=connection)
        connection.rollback()
    engine.dispose()

    assert caught.value.code == "store_refused"
    assert "permission denied" not in _chain(caught.value)


def test_a_server_that_was_restarted_is_still_the_same(served: Runtime, postgres_journal: str) -> None:
    _submit(served, postgres_journal)
    served._outbox._transactions._place = ("as", "before", "the restart")
    _submit(served, postgres_journal)

    assert len(served.actions()) == 1


@pytest.fixture
def sqlite_file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'callers.db'}"


def test_another_driver_is_named_with_the_one_to_use(served: Runtime, postgres_journal: str) -> None:
    engine = create_engine(postgres_journal)
    engine.dialect.driver = "another"

    def use(connection: Connection) -> None:
        served.submit(pay(), connection=connection)

    with engine.begin() as connection, pytest.raises(ConfigurationError, match=r"postgresql\+psycopg://"):
        use(connection)
    engine.dispose()


# -- all of it or nothing ----------------------------------------------------------------------------------------------


def _someone_holds_the_key_of(runtime: Runtime, wanted: Submission) -> None:
    """What no sequence of calls comes to: an effect of another action has the key of one that was never asked for."""
    other = pay("click-0009", rental="R4")
    with runtime.database.write() as connection:
        runtime.journal.submit(other, {step.name: Route("mem") for step in other.plan.steps}, connection=connection)
        mine = effects.c.action_id == other.action_id
        connection.execute(update(effects).where(mine).values(key=wanted.plan.steps[0].key))


def _rows_of(runtime: Runtime, action_id: str) -> list[str]:
    with runtime.database.read() as connection:
        held = [
            (table.name, connection.execute(select(table).where(column == action_id)).all())
            for table, column in ((actions, actions.c.id), (effects, effects.c.action_id), (guards, guards.c.action_id),
                                  (trail, trail.c.action_id))
        ]  # fmt: skip
    return [name for name, rows in held if rows]


@pytest.mark.parametrize("place", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
@pytest.mark.parametrize("goes_on", [False, True])
def test_whoever_goes_on_after_a_refusal_commits_no_half_of_an_action(
    request: pytest.FixtureRequest, stage: Stage, place: str, *, goes_on: bool
) -> None:
    runtime: Runtime = stage.runtime() if place == "sqlite" else request.getfixturevalue("served")
    _someone_holds_the_key_of(runtime, pay())
    engine = create_engine(runtime.database.engine.url)
    with engine.connect() as connection:
        connection.begin()
        connection.execute(text("UPDATE pmsbridge_lanes SET epoch = 7"))
        savepoint = connection.begin_nested() if goes_on else None
        with pytest.raises(UnavailableError) as caught:
            runtime.submit(pay(), connection=connection)
        if savepoint is not None:
            savepoint.rollback()
        connection.commit()
    engine.dispose()

    assert caught.value.code == "database_unavailable"
    assert "ivision" not in _chain(caught.value)
    assert _rows_of(runtime, pay().action_id) == []
    with pytest.raises(UnavailableError):
        runtime.submit(pay())
    assert _rows_of(runtime, pay().action_id) == []
