from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.store import upgrade
from pmsbridge.store.database import reach_database
from pmsbridge.store.tables import SCHEMA_VERSION

Command = Callable[..., Any]


@pytest.fixture
def rentbook(rentbook: Path) -> Path:
    """A rent book whose store was never made."""
    (rentbook.parent / "pmsbridge.db").unlink()
    return rentbook


def _first_schema(folder: Path) -> str:
    url = f"sqlite:///{folder / 'pmsbridge.db'}"
    database = reach_database(url)
    with database.write() as connection:
        upgrade.migrate(connection, to="0001")
    database.close()
    return url


def test_a_database_that_is_not_there_yet_is_no_problem_and_upgrading_makes_it(
    command: Command, rentbook: Path
) -> None:
    before = command("db", "status", "--json")

    made = command("db", "upgrade", "--json")

    assert (before.code, before.data["state"], before.data["usable"]) == (0, "empty", True)
    assert made.data == {"before": 0, "after": SCHEMA_VERSION, "changed": True}
    assert command("db", "status", "--json").data["state"] == "current"
    assert "nothing to do" in command("db", "upgrade").err


def test_an_older_database_fails_every_command_but_the_one_that_helps(command: Command, rentbook: Path) -> None:
    _first_schema(rentbook.parent)

    status, work = command("db", "status", "--json"), command("status", "--json")

    assert (status.code, status.data["state"], status.data["schema"]) == (4, "older", 1)
    assert "pmsbridge db upgrade" in status.data["what_to_do"]
    assert (work.code, work.data["error"]["code"]) == (4, "schema_version")
    assert command("db", "upgrade", "--json").data == {"before": 1, "after": SCHEMA_VERSION, "changed": True}
    assert command("status", "--json").code == 0
    assert command("db", "status").code == 0


def test_statements_are_printed_and_nothing_is_changed(command: Command, rentbook: Path) -> None:
    _first_schema(rentbook.parent)

    ran = command("db", "upgrade", "--sql")

    assert ran.out.startswith("-- Running upgrade 0001 -> 0002")
    assert "ALTER TABLE pmsbridge_findings ADD COLUMN" in ran.out
    assert command("db", "status", "--json").data["schema"] == 1
    assert command("db", "upgrade", "--sql", "--json").data["sql"] == ran.out
    with sqlite3.connect(rentbook.parent / "pmsbridge.db") as connection:
        connection.executescript(ran.out)
    connection.close()
    assert command("db", "status", "--json").data["state"] == "current"


@pytest.mark.parametrize(("version", "step"), [(1, "0002"), (2, "0001"), (2, ""), (0, "0002")])
def test_a_database_whose_two_marks_differ_is_told_and_left_as_it_is(
    command: Command, rentbook: Path, version: int, step: str
) -> None:
    command("db", "upgrade")
    with sqlite3.connect(rentbook.parent / "pmsbridge.db") as connection:
        connection.execute("UPDATE pmsbridge_schema SET version = ?", (version,))
        connection.execute("DELETE FROM pmsbridge_revisions")
        connection.executemany("INSERT INTO pmsbridge_revisions VALUES (?)", [(step,)] if step else [])
    connection.close()

    status, ran = command("db", "status", "--json"), command("db", "upgrade", "--json")
    statements = command("db", "upgrade", "--sql", "--json")

    words = f"pmsbridge_schema says schema {version}, pmsbridge_revisions says step {step or 'none'}"
    assert (status.code, status.data["usable"]) == (4, False)
    assert words in status.data["what_to_do"]
    for refused in (ran, statements):
        assert (refused.code, refused.data["error"]["code"]) == (4, "schema_disagrees")
        assert words in refused.data["error"]["message"]
        assert "Restore the backup" in refused.data["error"]["message"]
    assert "newest" not in ran.err


def test_marks_that_agree_are_no_disagreement(command: Command, rentbook: Path) -> None:
    _first_schema(rentbook.parent)

    older = command("db", "status", "--json").data["disagreement"]
    command("db", "upgrade")

    assert (older, command("db", "status", "--json").data["disagreement"]) == ("", "")
