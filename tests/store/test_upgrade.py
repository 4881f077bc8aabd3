"""Schemas: what an upgrade makes is what a new installation has, old journals go on, and old code is kept out."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, inspect, text

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import ConfigurationError
from pmsbridge.model.people import Tenant
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store import installing, upgrade
from pmsbridge.store.audit import Audit
from pmsbridge.store.database import Database, open_database, reach_database
from pmsbridge.store.installing import Standing, State
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.outcome_feed import Outcomes
from pmsbridge.store.reading import ActionFilter
from pmsbridge.store.record_rows import document
from pmsbridge.store.tables import METADATA, OLDEST_CODE, SCHEMA_VERSION, schema_version
from pmsbridge.store.webhooks import Webhooks
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests import builders
from tests.store.releases import by_an_old_release

Addresses = Callable[[], str]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def addresses(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Addresses]:
    """Gives the address of another empty database at each call."""
    made: list[str] = []
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None

    def another() -> str:
        url = f"sqlite:///{tmp_path / f'{len(made)}.db'}" if server is None else server.create_database()
        made.append(url)
        return url

    yield another
    for url in made:
        if server is not None:
            server.drop_database(url)


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    databases: list[Database] = []

    def reach(url: str) -> Database:
        databases.append(reach_database(url))
        return databases[-1]

    yield reach
    for database in databases:
        database.close()


def _differences(database: Database) -> list[Any]:
    def ours(_thing: object, name: str | None, kind: str, _reflected: object, _other: object) -> bool:
        return not (kind == "table" and name == installing.revisions.name)

    with database.read() as connection:
        options = {"include_object": ours}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
        return found


def _shape(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        look = inspect(connection)
        return {
            name: {
                "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(name)},
                "key": look.get_pk_constraint(name)["constrained_columns"],
                "unique": sorted(tuple(u["column_names"]) for u in look.get_unique_constraints(name)),
                "indexes": {i["name"]: (i["column_names"], i["unique"]) for i in look.get_indexes(name)},
                "foreign": sorted(tuple(f["constrained_columns"]) for f in look.get_foreign_keys(name)),
            }
            for name in sorted(look.get_table_names())
        }


# -- one schema, two ways to it --------------------------------------------------------------------------------------


def test_an_upgrade_from_nothing_and_a_new_installation_give_the_same_schema(
    addresses: Addresses, opened: Callable[[str], Database]
) -> None:
    installed, upgraded = addresses(), addresses()
    open_database(installed).close()
    with opened(upgraded).write() as connection:
        upgrade.migrate(connection)

    assert _differences(opened(installed)) == []
    assert _differences(opened(upgraded)) == []
    assert _shape(opened(installed)) == _shape(opened(upgraded))
    assert upgrade.store_status(installed).state is upgrade.store_status(upgraded).state is State.CURRENT


def test_the_newest_step_is_the_one_a_new_installation_is_stamped_with() -> None:
    steps = ScriptDirectory(str(Path(upgrade.__file__).parent / "migrations"))

    assert steps.get_current_head() == installing.HEAD == f"{SCHEMA_VERSION:04d}"
    assert [step.revision for step in steps.walk_revisions()][-1] == "0001"


def test_the_statements_on_paper_do_what_the_upgrade_does(
    addresses: Addresses, opened: Callable[[str], Database]
) -> None:
    url, other = addresses(), addresses()
    with opened(url).write() as connection:
        upgrade.migrate(connection, to="0001")
        connection.execute(text(f"DROP TABLE {installing.revisions.name}"))
    with opened(other).write() as connection:
        upgrade.migrate(connection)

    paper = upgrade.upgrade_sql(url)
    with opened(url).write() as connection:
        for statement in re.sub(r"^(--.*|BEGIN;|COMMIT;)$", "", paper, flags=re.MULTILINE).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%") if "postgresql" in url else statement)

    assert _shape(opened(url)) == _shape(opened(other))
    assert upgrade.store_status(url).state is State.CURRENT
    assert upgrade.upgrade_sql(url) == ""


def test_an_upgrade_that_fails_leaves_the_old_schema_whole(
    addresses: Addresses, opened: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = addresses()
    with opened(url).write() as connection:
        upgrade.migrate(connection, to="0001")
    before = _shape(opened(url))
    with opened(url).write() as connection:  # what the last statement of the step stumbles over
        connection.execute(text("INSERT INTO pmsbridge_schema (version, installed_at) SELECT 2, installed_at "
                                "FROM pmsbridge_schema"))  # fmt: skip
        monkeypatch.setattr(installing, "standing", lambda _connection: Standing(1, 1))

    with pytest.raises(ConfigurationError, match="nothing was changed"):
        upgrade.upgrade(url)

    assert _shape(opened(url)) == before


def test_upgrading_twice_changes_nothing_the_second_time(addresses: Addresses) -> None:
    url = addresses()

    assert upgrade.upgrade(url) == (0, SCHEMA_VERSION)
    assert upgrade.upgrade(url) == (SCHEMA_VERSION, SCHEMA_VERSION)


# -- which code may use which schema ---------------------------------------------------------------------------------


def test_an_older_schema_is_refused_with_the_command_that_helps(
    addresses: Addresses, opened: Callable[[str], Database]
) -> None:
    url = addresses()
    with opened(url).write() as connection:
        upgrade.migrate(connection, to="0001")

    with pytest.raises(ConfigurationError, match="pmsbridge db upgrade"):
        open_database(url)
    assert upgrade.store_status(url).state is State.OLDER


def test_a_schema_that_lacks_a_table_is_refused_by_its_name(
    addresses: Addresses, opened: Callable[[str], Database]
) -> None:
    url = addresses()
    open_database(url).close()
    with opened(url).write() as connection:
        connection.exec_driver_sql("DROP TABLE pmsbridge_file_pieces")

    with pytest.raises(ConfigurationError, match=r"lacks pmsbridge_file_pieces: .* restore a backup") as refused:
        open_database(url)
    assert refused.value.code == "schema_incomplete"


@pytest.mark.parametrize(("oldest", "usable"), [(SCHEMA_VERSION, True), (SCHEMA_VERSION + 1, False)])
def test_a_newer_schema_is_used_when_it_says_that_this_code_may(
    addresses: Addresses, oldest: int, usable: bool
) -> None:
    url = addresses()
    database = open_database(url)
    row = {"version": SCHEMA_VERSION + 1, "installed_at": datetime.now(UTC), "oldest_code": oldest}
    with database.write() as connection:
        connection.execute(insert(schema_version).values(**row))
    database.close()

    if usable:
        open_database(url).close()
        assert upgrade.store_status(url).state is State.NEWER_USABLE
        assert upgrade.upgrade(url) == (SCHEMA_VERSION + 1, SCHEMA_VERSION + 1)
    else:
        with pytest.raises(ConfigurationError, match="newer one"):
            open_database(url)
        with pytest.raises(ConfigurationError, match="newer one"):
            upgrade.upgrade(url)


def test_the_status_of_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    found = upgrade.store_status(f"sqlite:///{tmp_path / 'none.db'}")

    assert (found.state, found.schema, list(tmp_path.iterdir())) == (State.EMPTY, 0, [])


def test_neither_the_package_nor_an_open_database_loads_the_upgrade_tool(tmp_path: Path) -> None:
    program = (
        "import sys, pmsbridge; from pmsbridge.store.database import open_database; "
        f"[open_database('sqlite:///{tmp_path / 'x.db'}').close() for _ in range(2)]; "
        "print([name for name in sys.modules if name.split('.')[0] in {'alembic', 'mako', 'psycopg'}])"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


# -- the first release -----------------------------------------------------------------------------------------------


def _bytes(file: Path) -> dict[str, bytes]:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return {"file": file.read_bytes()}


def test_a_journal_of_the_first_release_is_upgraded_and_delivered_to_its_end(
    first_release: Path, tmp_path: Path, opened: Callable[[str], Database]
) -> None:
    file = tmp_path / "journal.db"
    assert by_an_old_release(first_release, file, "make") == ["settled", "declined", "pending", "pending"]
    url = f"sqlite:///{file}"
    with pytest.raises(ConfigurationError, match="pmsbridge db upgrade"):
        open_database(url)

    assert upgrade.upgrade(url) == (1, SCHEMA_VERSION)

    assert _differences(opened(url)) == []
    _is_delivered_to_its_end(url)


def _is_delivered_to_its_end(url: str) -> None:
    """What an old release left open is finished by this one, and everything it wrote is as it was written."""
    database = open_database(url)
    clock = TestClock()
    clock.advance(timedelta(minutes=3))
    office = MemoryOffice(clock, facilities=("F1",))
    runtime = Runtime(database, {"mem": MemoryAdapter(office)}, clock=clock)
    ids = [action.action_id for action in reversed(runtime.actions(ActionFilter()))]
    before = {name: runtime.trail(name) for name in ids}
    assert list(Audit(database).troubles()) == []
    runtime.run_due()
    clock.advance(timedelta(minutes=3))
    runtime.run_due()
    assert [runtime.action(name).outcome.value for name in ids] == ["settled", "declined", "settled", "settled"]
    assert list(Audit(database).troubles()) == []
    assert all(runtime.trail(name)[: len(before[name])] == before[name] for name in ids)
    assert len(office.of_kind("take_payment")) == 2
    database.close()


def test_the_code_of_the_first_release_refuses_the_new_schema_and_changes_nothing(
    first_release: Path, tmp_path: Path
) -> None:
    file = tmp_path / "journal.db"
    open_database(f"sqlite:///{file}").close()
    before = _bytes(file)

    said = by_an_old_release(first_release, file, "try")

    assert (said["error"], said["code"]) == ("ConfigurationError", "schema_version")
    assert str(SCHEMA_VERSION) in said["message"]
    assert _bytes(file) == before


def test_the_first_step_makes_the_tables_of_the_first_release(
    first_release: Path, tmp_path: Path, opened: Callable[[str], Database]
) -> None:
    file = tmp_path / "old.db"
    by_an_old_release(first_release, file, "make")
    with opened(f"sqlite:///{tmp_path / 'stepped.db'}").write() as connection:
        upgrade.migrate(connection, to="0001")

    ours = _shape(opened(f"sqlite:///{tmp_path / 'stepped.db'}"))
    del ours[installing.revisions.name]
    assert ours == _shape(opened(f"sqlite:///{file}"))


def test_a_schema_never_asks_for_code_that_is_newer_than_itself() -> None:
    assert 1 <= OLDEST_CODE <= SCHEMA_VERSION


# -- the second schema: its mirror is carried over, and its code goes on while a deployment rolls --------------------


def test_a_mirror_of_the_second_schema_is_carried_over_and_read_anew_by_the_next_night(
    second_release: Path, tmp_path: Path
) -> None:
    file = tmp_path / "journal.db"
    assert by_an_old_release(second_release, file, "night") == [5, 2, 0]
    url = f"sqlite:///{file}"

    assert upgrade.upgrade(url) == (2, SCHEMA_VERSION)

    database = open_database(url)
    clock = TestClock()
    office = MemoryOffice(clock, facilities=("F1", "F2"))
    runtime = Runtime(database, {"mem": MemoryAdapter(office)}, clock=clock)
    mirror, units = runtime.mirror, Scope("mem", "F1", "unit")
    assert [unit.number for unit in mirror.units("mem", "F1")] == ["015", "15", "A-101", "B-7", "C-1"]
    assert mirror.tenant("mem", "F1", "T1") == office.books.find(Tenant, "F1", "T1")
    assert len(mirror.rentals("mem", "F1", "T1")) == 2
    assert [match.is_exact for match in mirror.find("mem", TenantSearch(last_name="muller"), facility="F1")] == [True]
    assert mirror.find("mem", TenantSearch(phone="5125550102"), facility="F2")[0].tenant_id == "T2"
    assert mirror.synced_at(units) is not None
    assert mirror.cursor(units) is None
    assert mirror.changes.last() == 0
    uid = mirror.identities.uid("mem", "F1", "tenant", "T1")
    assert uid is not None

    sync, key = Sync(runtime), FacilityKey("mem", "F1")
    # Columns that the old tables had not; fields that these nouns have been given since say nothing here.
    drifts = sync.verify(key).drifts
    assert {drift.kind.value for drift in drifts} == {"columns"}
    report = sync.run()
    assert report.failed == ()
    assert mirror.changes.last() == 0  # carried over, then found unchanged
    assert sync.verify(key).is_equal
    assert mirror.identities.uid("mem", "F1", "tenant", "T1") == uid
    database.close()


def test_code_of_the_second_schema_goes_on_with_this_one(second_release: Path, tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    open_database(f"sqlite:///{file}").close()

    assert by_an_old_release(second_release, file, "make") == ["settled", "declined", "pending", "pending"]
    assert by_an_old_release(second_release, file, "night") == [5, 2, 0]

    database = open_database(f"sqlite:///{file}")
    runtime = Runtime(database, {"mem": MemoryAdapter(MemoryOffice(TestClock(), facilities=("F1", "F2")))})
    assert runtime.mirror.units("mem", "F1") == ()
    assert Sync(runtime).run().failed == ()
    assert len(runtime.mirror.units("mem", "F1")) == 5
    database.close()


@pytest.mark.postgresql
def test_a_mirror_of_the_second_schema_is_carried_over_on_postgresql(
    postgres_url: str, opened: Callable[[str], Database]
) -> None:
    with opened(postgres_url).write() as connection:
        upgrade.migrate(connection, to="0002")
        doc = document(builders.tenant())[0]
        connection.execute(
            text(
                "INSERT INTO pmsbridge_records VALUES ('north', 'F1', 'tenant', 'T1', 'T1', 'renee', 'muller', '', "
                "'renee@example.test', ' 3125550101 ', '', 'active', 'h', :doc, now(), now(), NULL)"
            ),
            {"doc": doc},
        )

    assert upgrade.upgrade(postgres_url) == (2, SCHEMA_VERSION)

    mirror = Mirror(opened(postgres_url))
    assert mirror.tenant("north", "F1", "T1") == builders.tenant()
    assert [match.is_exact for match in mirror.find("north", TenantSearch(phone="3125550101"))] == [True]


# -- later schemas add: old journals go on, and old code goes on beside them; webhooks hear of what that does --------


@pytest.mark.parametrize(("release", "version"), [("third_release", 3), ("fourth_release", 4)])
def test_a_journal_of_a_later_schema_is_upgraded_and_delivered_to_its_end(
    addresses: Addresses,
    opened: Callable[[str], Database],
    release: str,
    version: int,
    request: pytest.FixtureRequest,
) -> None:
    sources, url = request.getfixturevalue(release), addresses()
    with opened(url).write() as connection:
        upgrade.migrate(connection, to=f"{version:04d}")
    assert by_an_old_release(sources, url, "make") == ["settled", "declined", "pending", "pending"]
    assert by_an_old_release(sources, url, "night") == [5, 2, 0]
    with pytest.raises(ConfigurationError, match="pmsbridge db upgrade"):
        open_database(url)

    assert upgrade.upgrade(url) == (version, SCHEMA_VERSION)

    assert _differences(opened(url)) == []
    assert len(Mirror(opened(url)).units("mem", "F1")) == 5
    _is_delivered_to_its_end(url)


@pytest.mark.postgresql
def test_the_upgrade_from_the_fourth_schema_waits_for_nobody_and_nobody_waits_for_it(
    postgres_url: str, opened: Callable[[str], Database]
) -> None:
    database = opened(postgres_url)
    with database.write() as connection:
        upgrade.migrate(connection, to="0004")
    before = set(_shape(database))
    with database.write() as connection:
        upgrade.migrate(connection)
        locks = connection.execute(text(
            "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'"
        )).all()  # fmt: skip

    # Whoever reads or writes rows takes none but these, and lets the others take them, too.
    mild = {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}
    assert "pmsbridge_schema" in {name for name, _ in locks}
    assert [(name, mode) for name, mode in locks if name in before and mode not in mild] == []


@pytest.mark.parametrize("release", ["second_release", "third_release", "fourth_release"])
def test_what_code_of_an_earlier_schema_does_with_this_one_is_told_to_webhooks(
    addresses: Addresses, release: str, request: pytest.FixtureRequest
) -> None:
    sources, url = request.getfixturevalue(release), addresses()
    database = open_database(url)
    Webhooks(database).register(["crm"])
    database.close()

    assert by_an_old_release(sources, url, "try") == "usable"
    assert by_an_old_release(sources, url, "make") == ["settled", "declined", "pending", "pending"]
    assert by_an_old_release(sources, url, "night") == [5, 2, 0]

    database = open_database(url)
    assert [change.outcome.value for change in Outcomes(database).after()] == ["settled", "declined"]
    _is_delivered_to_its_end(url)
    told = [(change.before.value, change.outcome.value) for change in Outcomes(database).after()]
    assert sorted(told) == [("pending", "declined"), *[("pending", "settled")] * 3]
    database.close()
