"""Where a worker can die: before and after every commit, and before and after whatever leaves the process.

Nothing is listed here. A boundary is counted when it is reached, and a commit that went by uncounted is an error. Its
name tells a commit by what it adds to the trail ("after commit: sending, settled"), one that adds nothing by the
function it is made in ("before commit: watch"), and a call by what is asked ("before TakePayment").
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from pmsbridge.actions.effects import EffectBody
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.mailer import Mail
from pmsbridge.ports.outcome import Attempt, Receipt
from pmsbridge.store import trail as chain
from pmsbridge.store.database import Database

__all__ = ["Boundaries", "FileMailer", "guard_adapter", "guard_database"]

_PRODUCT: Final = f"{os.sep}pmsbridge{os.sep}"
_WRITING: Final = tuple(
    f"{os.sep}store{os.sep}{name}.py" for name in ("database", "batch", "prepared", "portable", "postgres_texts")
)
"""Modules that make every transaction, and name none."""


class Boundaries:
    """Counts the boundaries one process reaches, and ends it at one of them as kill -9 does.

    Attributes:
        reached: How many so far.
    """

    def __init__(
        self, diary: int, *, die_at: int | None, die_in: Collection[str] = (), later_seconds: float | None = None
    ) -> None:
        """Die at one of them.

        Args:
            diary: Descriptor that every boundary is written to when it is reached.
            die_at: The number of the boundary to die at, from 1; None for none.
            die_in: Names of boundaries: die at the first one of them that is reached.
            later_seconds: Go on, and die in the middle of whatever comes then; None dies at once.
        """
        self.reached = 0
        self._diary = diary
        self._die_at = die_at
        self._die_in = frozenset(die_in)
        self._later_seconds = later_seconds

    def reach(self, label: str) -> None:
        """One more boundary."""
        self.reached += 1
        os.write(self._diary, f"{label}\n".encode())
        if self.reached != self._die_at and label not in self._die_in:
            return
        if self._later_seconds is None:
            _die()
        else:
            threading.Thread(target=self._die_later, daemon=True).start()

    def _die_later(self) -> None:
        time.sleep(self._later_seconds or 0)
        _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def guard_database(database: Database, boundaries: Boundaries) -> None:
    """Make every write transaction of a database a place to die: before its commit and after."""
    honest_write, honest_read = database.write, database.read
    known: list[str] = []
    said = _listen_to_the_trail()
    alone = _committed_alone(boundaries, said) if database.kind == "postgresql" else []

    @contextmanager
    def write() -> Iterator[Connection]:
        known.append("write")
        said.clear()
        try:
            with honest_write() as connection:
                yield connection
                name = _name(said)
                if not _is_made(connection, alone):
                    boundaries.reach(f"before commit: {name}")
        finally:
            known.pop()
        boundaries.reach(f"after commit: {name}")

    @contextmanager
    def read() -> Iterator[Connection]:
        known.append("read")
        try:
            with honest_read() as connection:
                yield connection
        finally:
            known.pop()

    def seen(_connection: Connection) -> None:
        if not known:
            message = "a commit went by that is neither of Database.write() nor of Database.read()"
            raise AssertionError(message)

    database.write = write  # type: ignore[method-assign]
    database.read = read  # type: ignore[method-assign]
    event.listen(Engine, "commit", seen)


def _listen_to_the_trail() -> set[str]:
    """What is said to trails from now on in this process, until somebody clears it."""
    said: set[str] = set()
    honest = chain.Event.__init__

    def begin(event: chain.Event, name: str, data: Mapping[str, Any]) -> None:
        said.add(name)
        honest(event, name, data)

    chain.Event.__init__ = begin  # type: ignore[method-assign, assignment]
    return said


def _name(said: Collection[str]) -> str:
    """What a transaction that ends now is called."""
    return ", ".join(sorted(said)) or _maker()


def _maker() -> str:
    """The function of the product that makes the transaction which ends now."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        name = frame.f_code.co_filename
        if _PRODUCT in name and not name.endswith(_WRITING):
            return frame.f_code.co_name
    return "unknown"


def _is_made(connection: Connection, alone: list[Connection]) -> bool:
    """Whether the commit was the last thing that was said, and not a try after which a transaction began."""
    if connection not in alone:
        return False
    from pmsbridge.store import postgres_texts

    alone.remove(connection)
    return postgres_texts.is_untouched(connection)


def _committed_alone(boundaries: Boundaries, said: Collection[str]) -> list[Connection]:
    """Make the last moment before a commit that is one statement a place to die; connections that made one."""
    from pmsbridge.store import postgres_texts

    honest: Callable[..., list[Any] | None] = postgres_texts.commit_alone
    made: list[Connection] = []

    def commit_alone(connection: Connection, text: str, values: Sequence[Any], **more: Any) -> list[Any] | None:
        boundaries.reach(f"before commit: {_name(said)}")
        rows = honest(connection, text, values, **more)
        if rows is not None:
            made.append(connection)
        return rows

    postgres_texts.commit_alone = commit_alone
    return made


def guard_adapter(adapter: Adapter, boundaries: Boundaries) -> None:
    """Make the last moment before a vendor call and the first after it places to die."""
    honest: Callable[[EffectBody, Attempt], Receipt] = adapter.execute

    def execute(effect: EffectBody, attempt: Attempt) -> Receipt:
        with _around(boundaries, type(effect).__name__):
            return honest(effect, attempt)

    adapter.execute = execute  # type: ignore[method-assign]


@contextmanager
def _around(boundaries: Boundaries, what: str) -> Iterator[None]:
    boundaries.reach(f"before {what}")
    try:
        yield
    finally:
        boundaries.reach(f"after {what}")


class FileMailer:
    """A mail server that keeps the Message-IDs it was handed, one a line, whoever dies."""

    def __init__(self, path: Path, boundaries: Boundaries) -> None:
        self._path = path
        self._boundaries = boundaries

    def send(self, mail: Mail) -> str:
        """Keep it."""
        with _around(self._boundaries, "mail"):
            kept = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(kept, f"{mail.message_id}\n".encode())
            finally:
                os.close(kept)
        return "250 kept"
