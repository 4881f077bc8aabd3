from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.store import sqlite as sqlite_module
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.tables import SCHEMA_VERSION, lanes, schema_version
from pmsbridge.store.upgrade import store_status


def _open(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / 'j.db'}")


def test_a_new_database_is_private_and_durable(tmp_path: Path) -> None:
    database = _open(tmp_path)

    assert stat.S_IMODE((tmp_path / "j.db").stat().st_mode) == 0o600
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    database.close()


def test_tables_that_are_there_already_are_left_as_they_are_when_a_database_is_set_up(tmp_path: Path) -> None:
    database = _open(tmp_path)
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="kept"))
        for mark in ("pmsbridge_schema", "pmsbridge_revisions", "pmsbridge_webhooks"):
            connection.exec_driver_sql(f"DROP TABLE {mark}")
    database.close()

    again = _open(tmp_path)

    with again.read() as connection:
        assert connection.execute(select(lanes.c.name)).scalars().all() == ["kept"]
        assert connection.execute(select(schema_version.c.version)).scalars().all() == [SCHEMA_VERSION]
        assert connection.exec_driver_sql("SELECT count(*) FROM pmsbridge_webhooks").scalar() == 0
    again.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="memory"):
        open_database(url)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y"])
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"store\.url"):
        open_database(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@h:5432hunter2/db",
        "postgresql://u:pw@h:hunter2/db",
        "://hunter2",
        "hunter2",
        "mysql://h:hunter2/x",
    ],
)
@pytest.mark.parametrize("ask", [open_database, store_status])
def test_nothing_of_an_address_that_is_none_is_repeated(ask: Callable[[str], object], url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"store\.url") as caught:
        ask(url)

    assert caught.value.code == "store_url"
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__}"
    assert caught.value.__suppress_context__


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    _open(tmp_path).close()
    with _open(tmp_path).read() as connection:
        assert connection.execute(select(schema_version.c.version)).scalars().all() == [SCHEMA_VERSION]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = _open(tmp_path)
    with database.write() as connection:
        connection.execute(update(schema_version).values(version=99, oldest_code=99))

    with pytest.raises(ConfigurationError, match="99"):
        _open(tmp_path)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = _open(tmp_path)

    def writing() -> None:
        with database.write() as connection:
            connection.execute(insert(lanes).values(name="x"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writing()

    with database.read() as connection:
        assert connection.execute(select(lanes)).all() == []


def test_many_processes_may_create_it_at_once(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def open_it() -> None:
        try:
            _open(tmp_path)
        except Exception as error:  # noqa: BLE001 - collected for the assertion
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_a_locked_database_says_so_without_repeating_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "_BUSY_MS", 50)
    first, second = _open(tmp_path), _open(tmp_path)

    with first.write() as connection:
        connection.execute(insert(lanes).values(name="secret-4111111111111111"))
        with pytest.raises(UnavailableError) as error, second.write():
            pass

    assert "4111" not in str(error.value)
    assert error.value.__cause__ is None


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    database = _open(tmp_path)
    with database.write() as writing:
        writing.execute(insert(lanes).values(name="x"))
        with database.read() as reading:
            assert reading.execute(select(lanes)).all() == []


def test_a_forked_child_makes_its_own_connections(tmp_path: Path) -> None:
    database = _open(tmp_path)
    parents = database.engine
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="before"))
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert database.engine is not parents
            with database.write() as connection:
                connection.execute(insert(lanes).values(name="child"))
            code = 0
        finally:
            os.write(into, bytes([code]))
            os._exit(code)
    os.waitpid(child, 0)

    assert os.read(out, 1) == b"\0"
    assert database.engine is parents
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="after"))
        assert set(connection.execute(select(lanes.c.name)).scalars()) == {"before", "child", "after"}


def test_an_instant_without_a_zone_is_refused_and_one_with_a_zone_comes_back_as_utc(tmp_path: Path) -> None:
    database = _open(tmp_path)
    with database.write() as connection:
        connection.execute(insert(lanes).values(name="x", lease_until=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)))
        assert connection.execute(select(lanes.c.lease_until)).scalar() == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    with pytest.raises(Exception, match="time zone"), database.write() as connection:
        connection.execute(insert(lanes).values(name="y", lease_until=datetime(2026, 1, 2)))  # noqa: DTZ001
