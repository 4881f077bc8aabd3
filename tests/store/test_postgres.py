"""What only PostgreSQL can get wrong: servers that come and go, several writers at once, texts that repeat values."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.ports.clock import SystemClock
from pmsbridge.store import postgres
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.findings import Findings
from pmsbridge.store.portable import database_now, insert_absent, lock_scope, put, shared_now
from pmsbridge.store.runs import Runs
from pmsbridge.store.tables import call_counts, findings, lanes, runs
from pmsbridge.testing.memory import TestClock
from tests.crowd import at_once
from tests.servers.postgres import PostgresServer, running_postgres

pytestmark = pytest.mark.postgresql

NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
PATIENCE = 60.0
PAN = "4111111111111111"
SECRET = "a-secret-value-in-a-row"
"""What an error must not repeat; it is stored on purpose, so it looks like no card."""


@pytest.fixture
def database(postgres_journal: str) -> Iterator[Database]:
    opened = open_database(postgres_journal)
    yield opened
    opened.close()


# -- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["postgresql://", "postgres://", "postgresql+psycopg://"])
def test_every_usual_spelling_of_the_address_opens_it(postgres_journal: str, prefix: str) -> None:
    database = open_database(prefix + postgres_journal.partition("://")[2] + "?application_name=portal")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT current_setting('application_name')").scalar() == "portal"
    database.close()


def test_an_empty_database_is_set_up_once_by_many_at_the_same_moment(postgres_url: str) -> None:
    opened = at_once(lambda _: open_database(postgres_url), 6)

    with opened[0].read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM pmsbridge_schema").scalar() == 1
    for database in opened:
        database.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda url: url + "_gone", "no such database"),
        (lambda url: url.replace("postgres@", "nobody_here@"), "no such database or user"),
        (lambda url: url + "?sslmode=nonsense", "sslmode"),
        (lambda url: url + "?password=hunter2secret", "take the password out"),
        (lambda url: url.rpartition("/")[0], "name the database"),
        (lambda url: url.replace("+psycopg", "+asyncpg"), "psycopg 3"),
        (lambda url: url.replace("+psycopg", "+psycopg2"), "psycopg 3"),
    ],
)
def test_what_a_person_must_mend_is_a_configuration_error(
    postgres_journal: str, change: Callable[[str], str], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why) as error:
        open_database(change(postgres_journal))

    assert "hunter2" not in str(error.value)


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody:hunter2secret@127.0.0.1:{unused.getsockname()[1]}/x"
        with pytest.raises(UnavailableError) as error:
            open_database(url)

    assert error.value.code == "database_unavailable"
    assert "hunter2" not in f"{error.value} {error.value.__cause__}"


def test_a_password_is_never_shown(postgres_journal: str) -> None:
    database = Database(postgres_journal.replace("postgres@", "postgres:hunter2secret@"))

    assert "hunter2secret" not in f"{database.url} {database!r} {database.engine!r}"
    database.close()


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ConfigurationError, match=r"pmsbridge\[postgres\]"):
        open_database("postgresql://nobody@127.0.0.1:1/x")


def test_a_user_without_the_right_to_make_tables_is_told_so(postgres_server: PostgresServer, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    with postgres_server.connect(name) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("DROP ROLE IF EXISTS reader_only")
        connection.execute("CREATE ROLE reader_only LOGIN")

    with pytest.raises(ConfigurationError, match="create and alter tables"):
        open_database(postgres_url.replace("postgres@", "reader_only@"))


# -- durability ------------------------------------------------------------------------------------------------------


def test_a_commit_is_durable_even_where_the_server_would_rather_not(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_url.rpartition("/")[2]
    with postgres_server.connect() as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    database = open_database(postgres_url)

    with database.read() as reading:
        assert reading.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    database.close()


def test_a_stronger_setting_of_the_server_is_kept(postgres_server: PostgresServer, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    with postgres_server.connect() as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = remote_apply'.encode())
    database = open_database(postgres_url)

    with database.read() as reading:
        assert reading.exec_driver_sql("SHOW synchronous_commit").scalar() == "remote_apply"
    database.close()


def test_a_server_that_forgets_after_a_power_cut_is_refused() -> None:
    with running_postgres(options=("fsync=off",), in_memory=True) as server:
        url = server.create_database()
        with pytest.raises(ConfigurationError, match="fsync=off"):
            open_database(url)


def test_a_database_that_cannot_hold_every_letter_is_refused(postgres_server: PostgresServer) -> None:
    with postgres_server.connect() as connection:
        connection.execute("DROP DATABASE IF EXISTS latin_letters")
        connection.execute("CREATE DATABASE latin_letters ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    with pytest.raises(ConfigurationError, match="UTF8"):
        open_database(postgres_server.url("latin_letters"))


def test_what_was_committed_survives_a_server_that_dies_and_connections_are_made_again() -> None:
    with running_postgres(in_memory=True) as server:
        database = open_database(server.create_database())
        with database.write() as connection:
            connection.execute(insert(lanes).values(name="before"))

        server.kill()
        with pytest.raises(UnavailableError) as error, database.write() as connection:
            connection.execute(insert(lanes).values(name="lost"))
        server.restart()

        assert error.value.code == "database_unavailable"
        with database.write() as connection:
            connection.execute(insert(lanes).values(name="after"))
        with database.read() as connection:
            assert set(connection.execute(select(lanes.c.name)).scalars()) == {"before", "after"}
        database.close()


def test_a_connection_that_was_cut_while_it_rested_is_not_given_out(
    database: Database, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_RESTED_SECONDS", 0.0)
    with database.read() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with postgres_server.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            time.sleep(0.01)

    with database.write() as connection:
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() != pid


# -- transactions ----------------------------------------------------------------------------------------------------


def test_a_read_sees_one_picture_and_writes_nothing(database: Database) -> None:
    with database.read() as reading:
        assert reading.execute(select(lanes)).all() == []
        with database.write() as writing:
            writing.execute(insert(lanes).values(name="meanwhile"))
        assert reading.execute(select(lanes)).all() == []

    with pytest.raises(UnavailableError), database.read() as reading:
        reading.execute(insert(lanes).values(name="never"))


def test_two_that_wait_for_each_other_do_not_wait_for_ever(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes), [{"name": "a"}, {"name": "b"}])
    met = threading.Barrier(2, timeout=20)

    def cross(number: int) -> str:
        first, second = ("a", "b") if number == 0 else ("b", "a")
        try:
            with database.write() as connection:
                connection.execute(update(lanes).where(lanes.c.name == first).values(epoch=1))
                met.wait()
                connection.execute(update(lanes).where(lanes.c.name == second).values(epoch=1))
        except UnavailableError as error:
            return error.code
        return "done"

    assert sorted(at_once(cross, 2)) == ["database_unavailable", "done"]


def test_a_lock_that_is_held_too_long_says_so(database: Database, postgres_journal: str) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="x"))
    with database.write() as holding:
        holding.execute(update(lanes).values(epoch=1))

        def wait() -> None:
            with database.write() as waiting:
                waiting.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
                waiting.execute(update(lanes).values(epoch=2))

        with pytest.raises(UnavailableError, match="LockNotAvailable"):
            wait()


def test_a_full_pool_says_so(postgres_journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_POOL_SECONDS", 0.05)
    database = open_database(postgres_journal, connections=1)

    with database.write(), pytest.raises(UnavailableError, match="in use"), database.write():
        pass
    database.close()


def test_the_server_ends_a_transaction_that_is_left_open(database: Database) -> None:
    with database.write() as connection:
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "1min"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "30s"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


def test_no_value_is_in_an_error_of_the_server(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes).values(name=SECRET))

    with pytest.raises(IntegrityError) as duplicate, database.write() as connection:
        connection.execute(insert(lanes).values(name=SECRET))
    with pytest.raises(DBAPIError) as wrong, database.write() as connection:
        connection.execute(text("SELECT CAST(:value AS integer)"), {"value": f"x{SECRET}"})

    for error in (duplicate.value, wrong.value):
        assert SECRET not in f"{error} {error!r} {error.args} {error.orig} {error.orig!r} {vars(error.orig)}"
    assert "pmsbridge_lanes_pkey" in str(duplicate.value)


# -- values ----------------------------------------------------------------------------------------------------------


def test_an_instant_comes_back_as_utc_to_the_microsecond(database: Database) -> None:
    elsewhere = NOW.astimezone(ZoneInfo("America/Chicago"))
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="x", lease_until=elsewhere))
        found = connection.execute(select(lanes.c.lease_until)).scalar_one()

    assert (found, found.tzinfo) == (NOW, UTC)


def test_what_postgresql_cannot_hold_is_marked_not_refused(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="a\x00b\ud800c" + "x" * 1000))
        assert connection.execute(select(lanes.c.name)).scalar() == "a\ufffdb\ufffdc" + "x" * 1000


def test_text_sorts_by_code_point_whatever_the_locale_of_the_server(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes), [{"name": name} for name in ("b", "A", "a", "é", "B", "_")])
        ordered = list(connection.execute(select(lanes.c.name).order_by(lanes.c.name)).scalars())
        types = connection.exec_driver_sql(
            "SELECT DISTINCT collation_name FROM information_schema.columns "
            "WHERE table_name = 'pmsbridge_lanes' AND column_name = 'name'"
        )
        assert types.scalars().all() == ["C"]

    assert ordered == ["A", "B", "_", "a", "b", "é"]


def test_rows_are_counted_in_64_bits(database: Database) -> None:
    with database.read() as connection:
        kinds = connection.exec_driver_sql(
            "SELECT data_type FROM information_schema.columns "
            "WHERE column_name = 'seq' AND table_name LIKE 'pmsbridge_%%'"
        )
        assert set(kinds.scalars()) == {"bigint"}


# -- several writers -------------------------------------------------------------------------------------------------


def test_one_transaction_at_a_time_is_in_a_scope(database: Database) -> None:
    first_is_in, first_may_go, second_is_in = threading.Event(), threading.Event(), threading.Event()

    def enter(is_in: threading.Event, may_go: threading.Event | None = None) -> None:
        with database.write() as connection:
            lock_scope(connection, "test", "a")
            is_in.set()
            assert may_go is None or may_go.wait(PATIENCE)

    with ThreadPoolExecutor(2) as threads:
        try:
            first = threads.submit(enter, first_is_in, first_may_go)
            assert first_is_in.wait(PATIENCE)
            second = threads.submit(enter, second_is_in)
            _until(lambda: _waiting_for_a_scope(database) == 1 or second_is_in.is_set())
            assert not second_is_in.is_set()
        finally:
            first_may_go.set()
        first.result(PATIENCE)
        second.result(PATIENCE)

    assert _waiting_for_a_scope(database) == 0


def _waiting_for_a_scope(database: Database) -> int:
    with database.read() as connection:
        waiting = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return int(waiting.scalar_one())


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)


def test_other_scopes_do_not_wait(database: Database) -> None:
    with database.write() as one, database.write() as other:
        lock_scope(one, "a", "bc")
        other.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        lock_scope(other, "ab", "c")
        with pytest.raises(DBAPIError, match="LockNotAvailable"), other.begin_nested():
            lock_scope(other, "a", "bc")


def test_the_same_finding_seen_by_many_at_once_is_one(database: Database) -> None:
    finding = Finding(
        code="double_payment", severity=Severity.URGENT, account="main", facility="L001", subject="R1", text="twice",
        found_at=NOW,
    )  # fmt: skip

    at_once(lambda _: Findings(database).add(finding), 8)

    (only,) = Findings(database).open()
    assert only.times == 8


def test_a_closed_finding_says_who_closed_it_and_why(database: Database) -> None:
    book = Findings(database)
    book.add(
        Finding(
            code="x", severity=Severity.URGENT, account="main", facility="L001", subject="R1", text="t", found_at=NOW
        )
    )

    assert book.close(book.open()[0].number, NOW, by="jo", note=f"voided, card {PAN}")

    with database.read() as connection:
        row = connection.execute(select(findings)).one()
    assert (row.closed_at, row.closed_by) == (NOW, "jo")
    assert PAN not in row.note


def test_a_slot_is_taken_by_one_of_many(database: Database) -> None:
    won = at_once(lambda number: Runs(database).start("night", NOW, f"worker-{number}", timedelta(minutes=5)), 8)

    assert won.count(True) == 1


def test_the_lease_of_a_run_is_measured_by_the_server(database: Database) -> None:
    class Fast(SystemClock):
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=1)

    assert Runs(database).start("night", NOW, "here", timedelta(minutes=5))

    assert not Runs(database, Fast()).start("night", NOW, "a machine a day ahead", timedelta(minutes=5))
    assert Runs(database, Fast()).unfinished("night") == ()


def test_a_clock_brought_by_a_test_is_used_and_the_server_has_its_own(database: Database) -> None:
    clock = TestClock()
    with database.write() as connection:
        first = database_now(connection)
        assert shared_now(connection, clock) == clock.now()
        assert first.tzinfo is UTC
        assert first <= database_now(connection)


def test_nothing_counted_by_many_at_once_is_lost(database: Database) -> None:
    row = {"lane": "main", "month": "2026-05", "calls": 0}

    def add(_: int) -> None:
        with database.write() as connection:
            insert_absent(connection, call_counts, [row])
            connection.execute(update(call_counts).values(calls=call_counts.c.calls + 1))

    at_once(add, 8)

    with database.read() as connection:
        assert connection.execute(select(call_counts.c.calls)).scalar_one() == 8


def test_an_older_answer_does_not_replace_a_newer_one(database: Database) -> None:
    key = {"name": "night", "slot": NOW, "owner": "", "started_at": NOW, "lease_until": NOW}
    with database.write() as connection:
        put(connection, runs, [{**key, "state": "new", "finished_at": NOW}], unless_newer="finished_at")
        older = {**key, "state": "old", "finished_at": NOW - timedelta(seconds=1)}
        put(connection, runs, [older], unless_newer="finished_at")
        assert connection.execute(select(runs.c.state)).scalar_one() == "new"


def test_many_rows_written_in_any_order_by_many_end_without_a_deadlock(database: Database) -> None:
    names = [f"lane-{number}" for number in range(2000)]
    with database.write() as connection:
        put(connection, lanes, [{"name": name, "epoch": 9} for name in names])

    def write(number: int) -> None:
        rows = [{"name": name, "epoch": number} for name in (names if number % 2 else reversed(names))]
        with database.write() as connection:
            put(connection, lanes, rows)

    at_once(write, 4)

    with database.read() as connection:
        assert len(set(connection.execute(select(lanes.c.epoch)).scalars())) == 1


def test_a_forked_child_makes_its_own_connections_and_leaves_the_parents_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="before"))
        parents = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with database.write() as own:
                    own.execute(insert(lanes).values(name="child"))
                    code = int(own.exec_driver_sql("SELECT pg_backend_pid()").scalar() == parents)
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() == parents

    gc.collect()  # a connection that nobody closed would say so here
    with database.read() as connection:
        assert set(connection.execute(select(lanes.c.name)).scalars()) == {"before", "child"}
