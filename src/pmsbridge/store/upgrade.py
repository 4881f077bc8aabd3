"""Upgrading a database of an earlier release. The tool for it loads only here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from pmsbridge.errors import ConfigurationError
from pmsbridge.store import installing
from pmsbridge.store.database import Database, parsed_address, reach_database
from pmsbridge.store.installing import Standing, State, revisions
from pmsbridge.store.tables import SCHEMA_VERSION, schema_version

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["State", "StoreStatus", "migrate", "store_status", "upgrade", "upgrade_sql"]

_FIRST: Final = "0001"
_FOLDER: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """A database beside this code.

    Attributes:
        database: Its address, the password hidden.
        kind: "sqlite" or "postgresql".
        schema: The version of its tables; 0 when there are none.
        code: The version this code writes.
        oldest_code: The oldest code that may use it; 0 when there are no tables.
        state: What it is to this code.
        disagreement: What is wrong when the version and the list of steps say different things; empty when they agree.
    """

    database: str
    kind: str
    schema: int
    code: int
    oldest_code: int
    state: State
    disagreement: str = ""

    @property
    def what_to_do(self) -> str:
        """In one sentence; empty when there is nothing to do."""
        if self.disagreement:
            return self.disagreement
        return {
            State.EMPTY: "Nothing: the tables are made when the database is first used, or by: pmsbridge db upgrade",
            State.OLDER: "Back it up, then run: pmsbridge db upgrade",
            State.TOO_NEW: "Install the pmsbridge that wrote it, or a newer one.",
            State.NEWER_USABLE: "Nothing now; finish the deployment of the newer pmsbridge.",
        }.get(self.state, "")


def store_status(url: str) -> StoreStatus:
    """Which schema a database has; nothing is changed, and no file is made.

    Raises:
        ConfigurationError: The address is wrong, or the user may not read it.
        UnavailableError: It cannot be reached.
    """
    parsed = parsed_address(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        database = Database(url)
        return _status(database, Standing(0, 0))
    with _reached(url) as database, database.read() as connection:
        found = installing.standing(connection)
        return _status(database, found, _disagreement(connection, found))


def _status(database: Database, found: Standing, wrong: str = "") -> StoreStatus:
    versions = found.version, SCHEMA_VERSION, found.oldest_code
    return StoreStatus(database.url, database.kind, *versions, found.state, wrong)


def _disagreement(connection: Connection, found: Standing) -> str:
    """What is wrong when the version and the list of steps say different things; empty when they agree.

    Newer code keeps its own list as it likes, and the first release kept none.
    """
    steps = connection.execute(select(revisions.c.version_num)).scalars().all() if _is_listed(connection) else []
    expected = [f"{found.version:04d}"] if found.version else []
    if found.version > SCHEMA_VERSION or steps == expected or (found.version == 1 and not steps):
        return ""
    return (
        f"The database disagrees with itself: {schema_version.name} says schema {found.version}, "
        f"{revisions.name} says step {', '.join(sorted(steps)) or 'none'}. One of them was changed by hand, or "
        "restored without the other. Restore the backup made before that. Without one, compare the tables with those "
        "of an empty database after 'pmsbridge db upgrade', and correct the one that is wrong."
    )


def _is_listed(connection: Connection) -> bool:
    return inspect(connection).has_table(revisions.name)


def _refuse_disagreement(connection: Connection, found: Standing) -> None:
    if wrong := _disagreement(connection, found):
        message = f"{wrong} Nothing was changed."
        raise ConfigurationError(message, code="schema_disagrees")


def upgrade(url: str) -> tuple[int, int]:
    """Bring a database to the newest schema, in one transaction; set an empty one up.

    Returns:
        The version before (0 for an empty database) and after.

    Raises:
        ConfigurationError: Newer code has written it, its version and its list of steps say different things, or its
            user may not alter tables.
        UnavailableError: It cannot be reached, or is in use for too long; nothing was changed.
    """
    with _reached(url) as database, database.write() as connection, installing.schema_alone(connection):
        before = installing.standing(connection)
        _refuse_disagreement(connection, before)
        if before.state is State.EMPTY:
            installing.install(connection)
        elif before.state is State.OLDER:
            migrate(connection)
        else:
            before.refuse()
        return before.version, installing.standing(connection).version


def migrate(connection: Connection, *, to: str = "head") -> None:
    """Run the steps that a database lacks, from nothing or from any schema, inside the caller's transaction."""
    from alembic import command  # noqa: PLC0415 - loads only where a database is upgraded

    if installing.standing(connection).version == 1 and not _is_listed(connection):
        # The first release kept no list of steps.
        revisions.create(connection)
        connection.execute(insert(revisions).values(version_num=_FIRST))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def upgrade_sql(url: str) -> str:
    """The statements that ``upgrade`` would run, for a person with other rights; empty when there are none.

    Raises:
        ConfigurationError: Newer code has written it, or its version and its list of steps say different things.
        UnavailableError: It cannot be reached.
    """
    from alembic import command  # noqa: PLC0415 - loads only where a database is upgraded

    with _reached(url) as database, database.read() as connection:
        found = installing.standing(connection)
        dialect = connection.dialect
        is_listed = _is_listed(connection)
        _refuse_disagreement(connection, found)
    if found.state not in {State.EMPTY, State.OLDER}:
        found.refuse()
        return ""
    config = _config()
    config.output_buffer = paper = io.StringIO()
    config.attributes["dialect"] = dialect.name
    listing = ""
    if found.version == 1 and not is_listed:
        table = str(CreateTable(revisions).compile(dialect=dialect)).strip()
        listing = f"{table};\n\nINSERT INTO {revisions.name} (version_num) VALUES ('{_FIRST}');\n\n"
    command.upgrade(config, f"{found.version:04d}:head" if found.version else "head", sql=True)
    return listing + paper.getvalue()


@contextmanager
def _reached(url: str) -> Iterator[Database]:
    database = reach_database(url)
    try:
        yield database
    except DBAPIError as error:
        message = f"the database refuses the upgrade ({type(error.orig).__name__}); nothing was changed"
        raise ConfigurationError(message, code="store_refused") from None
    finally:
        database.close()


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - loads only where a database is upgraded

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
