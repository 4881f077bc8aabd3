"""Submitting inside the caller's own transaction: the action exists exactly when that commits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError, SQLAlchemyError

from pmsbridge.errors import ConfigurationError, InputError, PmsBridgeError, UnavailableError
from pmsbridge.store import postgres, sqlite
from pmsbridge.store.database import Database
from pmsbridge.store.tables import actions

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    OwnTransaction = Connection | Session

__all__ = ["CallersTransactions"]

_R = TypeVar("_R")
_AGAIN: Final = "roll your transaction back, and ask again with the same key"
_ABORTED: Final = "25P02"
_ENOUGH: Final = frozenset({"read committed", "read uncommitted"})
_FACTS: Final = text(
    "SELECT current_setting('transaction_isolation'), current_database(), pg_postmaster_start_time(),"
    f" CAST(to_regclass('{actions.name}') AS bigint)"
)


class CallersTransactions:
    """Transactions that are not ours, on the journal's database."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet.

        Args:
            database: The journal's.
        """
        self._database = database
        self._place: tuple[object, ...] | None = None

    def use(self, own: OwnTransaction, work: Callable[[Connection], _R]) -> _R:
        """Do something in the caller's transaction. What the database cannot do becomes our error.

        Args:
            own: An SQLAlchemy ``Connection``, or an ORM ``Session``, of an engine on the journal's database.
            work: Gets its connection.

        Raises:
            InputError: It is neither, no transaction of it is open, it commits every statement by itself, it has
                failed before, or it is on another database.
            ConfigurationError: Its isolation or driver is not what the journal needs, or its role may not write here.
            UnavailableError: The database cannot be used now. Roll the transaction back.
        """
        try:
            connection = _connection_of(own)
            self._check(connection)
            return work(connection)
        except SQLAlchemyError as error:
            trouble = _told(error)
        # After the handler: an error raised within it keeps the driver's, which may repeat values.
        raise trouble

    def after_commit(self, own: OwnTransaction, act: Callable[[bool], None]) -> None:
        """Call ``act`` when the caller's transaction commits; at once when it is said to be over, else just before.

        Args:
            own: As for ``use``.
            act: Told whether the commit is over (a session says so) or about to be made (a connection says only that).
        """
        if isinstance(own, Connection):
            event.listen(own, "commit", lambda _connection: act(False), once=True)  # noqa: FBT003 - what act is told
        else:
            event.listen(own, "after_commit", lambda _session: act(True), once=True)  # noqa: FBT003

    # -- will it do --------------------------------------------------------------------------------------------------

    def _check(self, connection: Connection) -> None:
        if connection.engine is self._database.engine:
            return
        if connection.dialect.name != self._database.kind:
            raise _elsewhere()
        if connection.dialect.driver != self._database.engine.dialect.driver:
            message = f"your engine speaks to the journal's database through another driver; use {self._drivername}"
            raise ConfigurationError(message, code="transaction_driver")
        if self._database.kind == postgres.KIND:
            self._check_server(connection)
        else:
            self._check_file(connection)

    @property
    def _drivername(self) -> str:
        return f"{self._database.kind}+{self._database.engine.dialect.driver}://"

    def _check_file(self, connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        # The library begins a transaction with the first write, unless it was told never to.
        commits_alone = raw.isolation_level is None or getattr(raw, "autocommit", False) is True
        if commits_alone and not raw.in_transaction:
            raise _no_transaction("commits every statement by itself")
        opened = [row.file for row in connection.exec_driver_sql("PRAGMA database_list") if row.name == "main"]
        ours = Path(str(self._database.engine.url.database))
        if not any(file and Path(file).exists() and ours.exists() and ours.samefile(file) for file in opened):
            raise _elsewhere()

    def _check_server(self, connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        if getattr(raw, "autocommit", False) is True:
            raise _no_transaction("commits every statement by itself")
        isolation, *place = connection.execute(_FACTS).one()
        if isolation not in _ENOUGH:
            message = (
                f"your transaction is {str(isolation).upper()} and would not see payments stored since it began; begin "
                'it with isolation_level="READ COMMITTED"'
            )
            raise ConfigurationError(message, code="transaction_isolation")
        if tuple(place) != self._place and tuple(place) != self._asked_place():
            raise _elsewhere()

    def _asked_place(self) -> tuple[object, ...]:
        """Which database of which server ours is, asked again: a server may have been restarted."""
        with self._database.read() as connection:
            _, *place = connection.execute(_FACTS).one()
        self._place = tuple(place)
        return self._place


def _elsewhere() -> InputError:
    remedy = "Give a transaction of an engine on the address of store.url."
    return InputError("connection", "is not on the journal's database", remedy=remedy)


def _no_transaction(problem: str) -> InputError:
    return InputError("connection", problem, remedy="Call it inside engine.begin() or session.begin().")


def _connection_of(own: OwnTransaction) -> Connection:
    connection = own if isinstance(own, Connection) else _of_session(own)
    if not connection.in_transaction():
        raise _no_transaction("has no open transaction")
    return connection


def _of_session(own: object) -> Connection:
    ask: Callable[[], object] | None = getattr(own, "connection", None)
    found = ask() if callable(ask) else None
    if not isinstance(found, Connection):
        remedy = "Give a Connection or a Session of SQLAlchemy, not of its asyncio extension."
        raise InputError("connection", "is no transaction of SQLAlchemy", shape=type(own).__name__, remedy=remedy)
    return found


# -- what went wrong ---------------------------------------------------------------------------------------------------


def _told(error: SQLAlchemyError) -> PmsBridgeError:
    """Our error for theirs, without a word of the driver's: it may repeat values."""
    if isinstance(error, InvalidRequestError):
        return _no_transaction("has a transaction that failed before, or is over")
    if isinstance(error, DBAPIError):
        return _told_by_driver(error)
    message = f"your engine gives no connection ({type(error).__name__}); {_AGAIN}"
    return UnavailableError(message, code="database_unavailable")


def _told_by_driver(error: DBAPIError) -> PmsBridgeError:
    if getattr(error.orig, "sqlstate", None) == _ABORTED:
        return _no_transaction("has a transaction that failed before")
    kind = type(error.orig).__name__
    if isinstance(error, IntegrityError) or postgres.is_passing(error) or sqlite.is_passing(error):
        message = f"the journal cannot be written in your transaction now ({kind}); {_AGAIN}"
        return UnavailableError(message, code="database_unavailable")
    message = f"the database lets nobody write the journal in your transaction ({kind}); give its role the right to"
    return ConfigurationError(message, code="store_refused")
