"""The trigger that notes outcomes: the same on a new installation and after an upgrade; silent where nobody asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, text

from pmsbridge.store import upgrade
from pmsbridge.store.database import Database, open_database, reach_database
from pmsbridge.store.tables import outcomes
from tests.webhooks.stage import Stage


def triggers(database: Database) -> list[tuple[str, str]]:
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT t.tgname, pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) FROM pg_trigger t "
        "WHERE NOT t.tgisinternal",
    }[database.kind]
    with database.read() as connection:
        return [(row[0], row[1].replace("IF NOT EXISTS ", "")) for row in connection.execute(text(query))]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_an_upgrade_makes_the_trigger_of_a_new_installation(
    kind: str, request: pytest.FixtureRequest, tmp_path: object
) -> None:
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    made = [server.create_database() if server else f"sqlite:///{tmp_path}/{number}.db" for number in range(2)]
    installed, upgraded = open_database(made[0]), reach_database(made[1])
    with upgraded.write() as connection:
        upgrade.migrate(connection)

    assert triggers(installed) == triggers(upgraded)
    assert [name for name, _ in triggers(installed)] == ["pmsbridge_note_outcome"]
    installed.close()
    upgraded.close()
    if server is not None:
        for url in made:
            server.drop_database(url)


def noted(stage: Stage) -> int:
    with stage.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(outcomes)).scalar_one())


def test_nothing_is_noted_where_nobody_is_told(stage: Stage) -> None:
    stage.action("a")
    stage.outcome("a", "settled")

    assert noted(stage) == 0


def test_only_another_outcome_is_noted(stage: Stage, receiver: object) -> None:
    stage.store.register(["crm"])
    stage.action("a")
    for outcome in ("pending", "settled", "settled"):
        stage.outcome("a", outcome)

    assert noted(stage) == 1


def test_an_outcome_that_is_rolled_back_was_never_noted(stage: Stage) -> None:
    stage.store.register(["crm"])
    stage.action("a")

    def fails(write: Callable[[], None]) -> None:
        with stage.database.write() as connection:
            connection.execute(text("UPDATE pmsbridge_actions SET outcome = 'settled'"))
            write()

    with pytest.raises(RuntimeError):
        fails(_raise)

    assert noted(stage) == 0


def _raise() -> None:
    raise RuntimeError
