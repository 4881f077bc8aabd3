"""Running servers: each on a copy of the seeded books, on loopback, stopped whatever happens."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .building import configuration, surroundings
from .recipe import DATABASE, NoTrytonError, Recipe
from .rpc import Caller, RefusedError

__all__ = ["Conf", "TrytonServer", "running_tryton"]

Conf = Mapping[str, Mapping[str, object]]
"""Sections of a server's configuration, such as ``{"session": {"timeout": 2}}``."""

_HOST: Final = "127.0.0.1"
_PATIENCE_SECONDS: Final = 120.0
_DIE_WITH_PARENT: Final = 1
_PREFIX: Final = "pmsbridge-tryton-of-"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@dataclass
class TrytonServer:
    """A server that answers.

    Attributes:
        series: "8.2".
        port: On 127.0.0.1.
        database: Name of the database.
        facts: What the seed told: ids by name.
        folder: Its configuration, log and, for SQLite, database.
    """

    series: str
    port: int
    database: str
    facts: dict[str, Any]
    folder: Path
    _command: list[str] = field(repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Of the server, without the database."""
        return f"http://{_HOST}:{self.port}"

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self.folder / "log").read_text(errors="replace")

    def options(self, user: str = "portal", **more: object) -> dict[str, Any]:
        """The options table of an account that logs on as one of the seeded users ("portal", "staff")."""
        return {
            "url": self.url, "database": self.database, "user": user, "password": f"env:TRYTON_{user.upper()}", **more,
        }  # fmt: skip

    def get(self, reference: str) -> str:
        """The secret behind a reference of ``options``: a server is the ``Secrets`` of its own users."""
        return str(self.facts["users"][reference.removeprefix("env:TRYTON_").lower()]["password"])

    def caller(self, user: str = "staff") -> Caller:
        """Somebody who is logged on, and shares nothing with the adapter."""
        found = Caller(_HOST, self.port, self.database)
        found.log_on(user, self.get(f"env:TRYTON_{user.upper()}"))
        return found

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            NoTrytonError: It does not answer.
        """
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True, preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one system call
                env=surroundings(),
            )  # fmt: skip
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError, RefusedError):
                Caller(_HOST, self.port, self.database).version()
                if self._process.poll() is None:
                    return
            time.sleep(0.1)
        message = f"the server does not answer: {self.log[-400:]}"
        self.kill()
        raise NoTrytonError(message)

    def kill(self) -> None:
        """It dies at once, in the middle of whatever it does; what it committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def restart(self) -> None:
        """Start it again on the same port and the same books."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """It takes connections and answers nothing, until ``thaw``."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Frozen while the block runs."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)


@contextmanager
def running_tryton(
    recipe: Recipe,
    books: Path,
    conf: Conf | None = None,
    *,
    database: str = DATABASE,
    address: str = "",
    port: int = 0,
) -> Iterator[TrytonServer]:
    """A server for as long as the block runs.

    Args:
        recipe: What it is made of.
        books: The folder that building gave.
        conf: Added to its configuration.
        database: Its name.
        address: Of a PostgreSQL server that holds the database; empty for a copy of the books in SQLite.
        port: On 127.0.0.1; 0 takes a free one.

    Raises:
        NoTrytonError: It does not start.
        OSError: The port is taken.
    """
    if port:
        _check_free(port)
    folder = _folder()
    server: TrytonServer | None = None
    try:
        if not address:
            shutil.copy(books / f"{DATABASE}.sqlite", folder / f"{database}.sqlite")
        facts = json.loads((books / "seed.json").read_text())
        held = {"uri": address} if address else {"uri": "sqlite://", "path": folder}
        server = _started(recipe, folder, database, facts, {**(conf or {}), "database": held}, port)
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    """A folder in memory, where there is such a thing; what killed processes left there is removed first."""
    where = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())
    for left in where.glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=where))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(
    recipe: Recipe, folder: Path, database: str, facts: dict[str, Any], conf: Conf, wanted_port: int
) -> TrytonServer:
    problem = NoTrytonError("the server does not start")
    for _ in range(3):
        port = wanted_port or _free_port()
        file = configuration(folder / "trytond.conf", {**conf, "web": {"listen": f"{_HOST}:{port}"}})
        # Without the name of the database its first log-on would find no models, and every later one neither.
        command = [recipe.tool("trytond"), "-c", str(file), "-d", database]
        server = TrytonServer(recipe.series, port, database, facts, folder, command)
        try:
            server.start()
        except NoTrytonError as found:
            problem = found
        else:
            return server
    raise problem


def _die_with_parent() -> Callable[[], None] | None:
    """What a child calls to be stopped when the process that started it is killed; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((_HOST, port))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
