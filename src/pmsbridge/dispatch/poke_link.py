"""One PostgreSQL connection per process, without a thread or a pool: for pokes, for the queue's tables, for counts."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from typing import Any, Final, TypeVar

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql

from pmsbridge.errors import ConfigurationError, UnavailableError

__all__ = ["CONNECTING", "PokeLink", "libpq_address", "queue_schema", "session_options"]

_R = TypeVar("_R")
_INSTALL: Final = 7_205_117_631_903_442
_REST_SECONDS: Final = 5.0
_ALL: weakref.WeakSet[PokeLink] = weakref.WeakSet()
_INHERITED: list[object] = []

CONNECTING: Final[dict[str, Any]] = {
    "application_name": "pmsbridge dispatch",
    "connect_timeout": 5,
    # A connection that is half open is noticed within half a minute.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How every connection to the queue is made."""


@cache
def queue_schema() -> str:
    """The PostgreSQL schema that the queue's tables are in.

    Its name follows from the tables themselves, so that two versions of Procrastinate never share any: in a rolling
    deployment each has its own, and nothing is ever migrated. What is in them are wake-ups; losing them harms nothing.
    """
    return f"pmsbridge_queue_{sha256(SchemaManager.get_schema().encode()).hexdigest()[:8]}"


def session_options() -> str:
    """What a session on the queue begins with. A wake-up that a crash of the server forgets is no loss."""
    return f"-c search_path={queue_schema()} -c synchronous_commit=off"


def libpq_address(url: str) -> str:
    """A store's address as the driver itself reads it.

    Raises:
        ConfigurationError: It is no PostgreSQL address.
    """
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in {"postgresql", "postgres"} or not rest:
        message = (
            'dispatch.by = "procrastinate" needs PostgreSQL: store.url must begin with postgresql://, or'
            " dispatch.broker where the queue has a database of its own"
        )
        raise ConfigurationError(message, code="dispatch_needs_postgresql")
    return f"postgresql://{rest}"


class PokeLink:
    """A connection that is made on first use and again after a failure, and forgotten after a fork."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._reset()
        _ALL.add(self)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._rests_until = 0.0

    def forget(self) -> None:
        """After a fork: the connection is the parent's. Closing it would end the parent's session."""
        if self._connection is not None:
            _INHERITED.append(self._connection)
        self._reset()

    def __del__(self) -> None:
        # Whoever forgets to close leaves no session behind; an inherited one is the parent's.
        with suppress(Exception):
            if self._pid == os.getpid():
                self._drop()

    def close(self) -> None:
        """Let go; used again, it connects again."""
        with self._lock:
            self._drop()

    def use(self, what: Callable[[psycopg.Connection[Any]], _R], *, is_patient: bool = True) -> _R:
        """Do something with the connection.

        Args:
            what: Gets a connection that commits every statement by itself.
            is_patient: False to fail at once while a recent failure is young: a person waits for the answer.

        Raises:
            UnavailableError: PostgreSQL cannot be reached, or broke off.
        """
        with self._lock:
            if not is_patient and time.monotonic() < self._rests_until:
                raise UnavailableError("the queue was away a moment ago", code="queue_unavailable")
            try:
                return what(self._connected())
            except psycopg.OperationalError as error:
                self._drop()
                self._rests_until = time.monotonic() + _REST_SECONDS
                message = f"the queue cannot be reached ({type(error).__name__})"
                raise UnavailableError(message, code="queue_unavailable") from None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            options = f"{session_options()} -c statement_timeout=10000"
            self._connection = psycopg.connect(self._address, autocommit=True, options=options, **CONNECTING)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None

    def install(self) -> bool:
        """Make the queue's tables; False when they are there. Several processes may try at once.

        Raises:
            UnavailableError: PostgreSQL cannot be reached.
            ConfigurationError: The role may not make a schema.
        """
        return self.use(_install)


def _install(connection: psycopg.Connection[Any]) -> bool:
    name = queue_schema()
    with _one_at_a_time(connection):
        found = connection.execute("SELECT to_regclass(%s)", (f"{name}.procrastinate_jobs",)).fetchone()
        if found is not None and found[0] is not None:
            return False
        try:
            with connection.transaction():
                connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))
                connection.execute(SchemaManager.get_schema())
        except psycopg.errors.InsufficientPrivilege:
            message = f"the database role may not create the schema {name}; grant it CREATE on the database"
            raise ConfigurationError(message, code="queue_schema") from None
    return True


@contextmanager
def _one_at_a_time(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", (_INSTALL,))
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%s)", (_INSTALL,))


def _forget_all() -> None:
    for link in list(_ALL):
        link.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
