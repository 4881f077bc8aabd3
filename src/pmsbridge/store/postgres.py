"""PostgreSQL over psycopg 3: what a connection must promise before the journal is written through it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.pool import QueuePool

from pmsbridge.errors import ConfigurationError, PmsBridgeError, UnavailableError

__all__ = ["KIND", "NAMES", "READING", "checked", "is_passing", "knock", "make_engine", "refused"]

KIND: Final = "postgresql"
NAMES: Final = frozenset({KIND, "postgres"})
"""How addresses call it."""

READING: Final[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Options of a connection that only reads: one picture for all its statements."""

_DRIVER: Final = "postgresql+psycopg"
_KEPT_OPEN: Final = 8
_POOL_SECONDS: Final = 30
_RESTED_SECONDS: Final = 5.0
_LIBPQ: Final[Mapping[str, Any]] = {
    "connect_timeout": 10,
    # A server that is gone without a word is noticed within a minute, while waiting and while sending.
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "client_encoding": "utf8",
    "application_name": "pmsbridge",
}
_SESSION: Final[Mapping[str, str]] = {
    "timezone": "UTC",
    "lock_timeout": "30s",
    "statement_timeout": "60s",
    # A process that is frozen inside a transaction must not stop all others.
    "idle_in_transaction_session_timeout": "60s",
    # A statement that commits by itself goes by these, whatever the role or the database was given.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    # What the journal asks for is in memory. A plan is made once per connection, often while there is little to read:
    # one that reads all of it would be kept while the journal grows.
    "random_page_cost": "1.1",
}
_FACTS: Final = (
    "SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_encoding'), "
    "pg_is_in_recovery()"
)
_PASSING_STATES: Final = ("08", "40", "53", "55", "57", "58", "25006", "25P03")
_OUR_MISTAKES: Final = {
    "password authentication failed": "the password or the user is wrong; look at what store.password names, too",
    "no password supplied": "the server wants a password; set store.password",
    "does not exist": "there is no such database or user; create it first (CREATE ROLE, CREATE DATABASE)",
    "no pg_hba.conf entry": "the server does not let this user in from here",
    "invalid connection option": "an option after the ? is unknown",
    "invalid sslmode": "sslmode is unknown",
    "invalid integer value": "an option after the ? is not a number",
    "root certificate file": "the root certificate of sslmode is not there",
}


def checked(url: URL) -> URL:
    """The address with the driver named.

    Raises:
        ConfigurationError: psycopg 3 is not installed, another driver is named, the database is not named, or a
            password stands among the options.
    """
    if url.drivername not in {*NAMES, _DRIVER}:
        message = "store.url: PostgreSQL is used through psycopg 3; write postgresql://host/name"
        raise ConfigurationError(message, code="store_url")
    if not url.database:
        raise ConfigurationError("store.url: name the database, as in postgresql://host/name", code="store_url")
    if "password" in url.query:
        message = 'store.url: take the password out of the options and let store.password name it, as "env:NAME"'
        raise ConfigurationError(message, code="store_url")
    if importlib.util.find_spec("psycopg") is None:
        message = "store.url: PostgreSQL needs psycopg 3; install it with pip install 'pmsbridge[postgres]'"
        raise ConfigurationError(message, code="store_driver")
    return url.set(drivername=_DRIVER)


def make_engine(url: URL, connections: int) -> Engine:
    """An engine whose connections are proven before their first use and after a rest.

    Raises:
        ConfigurationError: psycopg is there and cannot be loaded: libpq is missing.
    """
    kept = min(_KEPT_OPEN, connections)
    options = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    try:
        engine = create_engine(
            url, poolclass=QueuePool, pool_size=kept, max_overflow=connections - kept, pool_timeout=_POOL_SECONDS,
            pool_use_lifo=True, hide_parameters=True, isolation_level="READ COMMITTED", connect_args=options,
            use_native_hstore=False,
        )  # fmt: skip
    except ImportError:
        message = "store.url: psycopg finds no libpq; install it with pip install 'pmsbridge[postgres]'"
        raise ConfigurationError(message, code="store_driver") from None
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _wake_up(engine))
    event.listen(engine, "handle_error", _take_values_out)
    return engine


def _prepare(dbapi_connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    try:
        _set_up(dbapi_connection)
    except PmsBridgeError:
        dbapi_connection.close()
        raise
    except Exception as error:  # noqa: BLE001 - the driver's own, whichever: its text stays here
        dbapi_connection.close()
        message = f"the journal database cannot be reached ({type(error).__name__})"
        raise UnavailableError(message, code="database_unavailable") from None


def _set_up(dbapi_connection: Any) -> None:  # noqa: ANN401 - the driver's own connection
    dbapi_connection.autocommit = True
    chosen = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items())
    dbapi_connection.execute(f"SELECT {chosen}")
    commits, fsync, encoding, is_standby = dbapi_connection.execute(_FACTS).fetchone()
    if is_standby:
        raise UnavailableError("the journal database is a standby and takes no writes", code="database_unavailable")
    if commits == "off":
        commits = dbapi_connection.execute("SELECT set_config('synchronous_commit', 'on', false)").fetchone()[0]
    if commits == "off" or fsync == "off":
        name = "fsync" if fsync == "off" else "synchronous_commit"
        message = f"the journal database runs with {name}=off: it would forget actions that it has confirmed"
        raise ConfigurationError(message, code="store_durability")
    if encoding != "UTF8":
        message = f"the journal database stores text as {encoding}; create it with ENCODING 'UTF8'"
        raise ConfigurationError(message, code="store_encoding")
    dbapi_connection.autocommit = False


def _note_rest(_dbapi_connection: object, record: Any) -> None:  # noqa: ANN401 - the pool's record
    record.info["rested_since"] = time.monotonic()


def _wake_up(engine: Engine) -> Any:  # noqa: ANN401 - a listener
    """Ask a connection that rested for seconds whether it is still there; a fresh question to each would cost more."""

    def ask(dbapi_connection: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the driver's and the pool's
        rested = time.monotonic() - record.info.get("rested_since", time.monotonic())
        if rested < _RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except Exception as error:
            raise DisconnectionError from error

    return ask


def _take_values_out(context: ExceptionContext) -> None:
    """The server's messages repeat values ("Key (id)=(...) already exists"); they end here."""
    if context.connection is None or not isinstance(context.sqlalchemy_exception, DBAPIError):
        return  # while connecting, the message says who refuses, and holds no value; our own words may stay
    state = getattr(context.original_exception, "sqlstate", None) or "no state"
    diagnosis = getattr(context.original_exception, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None) or ""
    said = " ".join(filter(None, (type(context.original_exception).__name__, state, constraint)))
    context.original_exception.args = (said,)
    if hasattr(context.original_exception, "_info"):
        context.original_exception._info = None  # noqa: SLF001 - where psycopg keeps the server's whole message
    context.sqlalchemy_exception.args = (said,)


def is_passing(error: DBAPIError) -> bool:
    """Whether the same may work later: connection lost, deadlock, lock or statement timeout, server full."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state.startswith(_PASSING_STATES)


def knock(engine: Engine) -> None:
    """Connect once, so that what a person must mend is told apart from what passes.

    Raises:
        ConfigurationError: Wrong user, password or database, or a server that would lose data.
        UnavailableError: The server does not answer, or takes nobody in now.
    """
    trouble = _trouble(engine)
    if trouble is not None:
        # After the handler: an error raised within it keeps the driver's, whose frames hold the password.
        raise trouble


def _where(engine: Engine) -> str:
    """Host and port, for a person who looks for the server."""
    return f"{engine.url.host or 'the local socket'}:{engine.url.port or 5432}"


def _trouble(engine: Engine) -> ConfigurationError | UnavailableError | None:
    try:
        engine.connect().close()
    except OperationalError as error:
        said = str(error.orig).lower()
        why = next((ours for theirs, ours in _OUR_MISTAKES.items() if theirs in said), None)
        if why is not None:
            return ConfigurationError(f"store.url: {why}", code="store_url")
        message = f"the journal database cannot be reached at {_where(engine)}; is the server running?"
        return UnavailableError(message, code="database_unavailable")
    except DBAPIError as error:
        return refused(error)
    return None


def refused(error: DBAPIError) -> ConfigurationError:
    """What the server will not let this user do."""
    kind = type(error.orig).__name__
    message = f"store.url: the database refuses what pmsbridge needs ({kind}); let its user create and alter tables"
    return ConfigurationError(message, code="store_refused")
