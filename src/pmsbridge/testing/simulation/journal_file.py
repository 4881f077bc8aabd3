"""A real SQLite journal, new for every run, whose process can die before, in and after each transaction."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from pmsbridge.errors import UnavailableError
from pmsbridge.store.database import Connection, Database, Engine, open_database
from pmsbridge.store.prepared import driver_rows, driver_write
from pmsbridge.store.tables import METADATA, schema_version
from pmsbridge.testing.simulation.world import World

__all__ = ["MADE_ANEW_EVERY", "JournalFile", "SimulatedDatabase"]

MADE_ANEW_EVERY: Final = 50
"""Resets of a journal file."""


class JournalFile:
    """One file with the schema of this version, put back to empty between runs.

    The file lies in memory where the machine has such a place: what is simulated is the death of processes, not of
    power, so nothing is gained by waiting for a disk. Pragmas are those of production.
    """

    def __init__(self) -> None:
        room = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of our own is made in it
        self._folder = Path(tempfile.mkdtemp(prefix="pmsbridge-simulation-", dir=room))
        self._path = self._folder / "journal.db"
        self.url = f"sqlite:///{self._path}"
        self.database = open_database(self.url)
        self.database.engine.dispose()
        self._empty = self._path.read_bytes()
        self._resets = 0
        self._idle: dict[bool, list[Connection]] = {False: [], True: []}

    def reset(self) -> None:
        """Put the file back to empty.

        Mostly its rows are deleted, and connections stay open: what a statement means is then found out once for many
        runs. From time to time the file is made anew, so that it does not grow.
        """
        self._resets += 1
        if self._resets % MADE_ANEW_EVERY:
            self._delete_rows()
        else:
            self._make_anew()

    def _delete_rows(self) -> None:
        with self.database.write() as connection:
            for (table,) in driver_rows(connection, _USED, ()):
                driver_write(connection, f"DELETE FROM {table}", ())  # noqa: S608 - names of ours only
            driver_write(connection, "DELETE FROM sqlite_sequence", ())  # rows are numbered from one again

    @contextmanager
    def lend(self, engine: Engine, *, reads: bool) -> Iterator[Connection]:
        """A transaction on a connection that was used before where there is one: to take it up is dear.

        Args:
            engine: Makes a new one.
            reads: It is one for reading.
        """
        idle = self._idle[reads]
        connection = idle.pop() if idle else engine.connect()
        try:
            with connection.begin():
                yield connection
        finally:
            idle.append(connection)

    def _put_away(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _make_anew(self) -> None:
        self._put_away()
        self.database.engine.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        self._path.write_bytes(self._empty)

    def close(self) -> None:
        """Delete the file."""
        self._put_away()
        self.database.close()
        shutil.rmtree(self._folder, ignore_errors=True)


_USED: Final = " UNION ALL ".join(
    f"SELECT '{table.name}' WHERE EXISTS (SELECT 1 FROM {table.name})"  # noqa: S608 - names of ours only
    for table in reversed(METADATA.sorted_tables)
    if table is not schema_version
)
"""Tables with rows, those first that refer to others: to empty one without would write its pages all the same."""


class SimulatedDatabase(Database):
    """The journal as one process sees it."""

    def __init__(self, file: JournalFile, world: World) -> None:
        super().__init__(file.url)
        self._file = file
        self._world = world

    @property
    def engine(self) -> Any:  # noqa: ANN401 - the store's own type
        """One engine for all runs: what it has compiled stays compiled."""
        return self._file.database.engine

    def _begun(self, engine: Engine) -> AbstractContextManager[Connection]:
        return self._file.lend(engine, reads=engine is not self.engine)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction around which the process may die."""
        self._world.step("before a transaction")
        self._may_be_away()
        with super().write() as connection:
            yield connection
            self._world.step("before a commit", pauses=False)
        self._world.step("after a commit")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read. To die before one is to die after what came before it."""
        self._world.must_live()
        with super().read() as connection:
            yield connection

    def _may_be_away(self) -> None:
        if self._world.mishap(self._world.schedule.database):
            self._world.count("fault database away")
            message = "the journal database cannot be used now"
            raise UnavailableError(message, code="database_unavailable")

    def close(self) -> None:
        """The file stays open for the next run."""
