"""A real Redis for tests: started on loopback, writing every command to disk, stopped whatever happens."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NoRedisError", "RedisServer", "running_redis"]

_PATIENCE_SECONDS = 30.0


class NoRedisError(Exception):
    """There is no redis-server on this machine, or it does not start."""


@dataclass
class RedisServer:
    """A server that accepts connections."""

    port: int
    folder: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address for Celery."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what it held before.

        Raises:
            NoRedisError: It does not start.
        """
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--loglevel", "warning"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < ends and self._process.poll() is None:
            if _answers(self.port):
                return
            time.sleep(0.02)
        self.kill()
        raise NoRedisError("redis-server does not start")

    def kill(self) -> None:
        """It dies at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server for as long as the block runs.

    Raises:
        NoRedisError: There is none on this machine.
    """
    if shutil.which("redis-server") is None:
        raise NoRedisError("redis-server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pmsbridge-redis-"))
    server = RedisServer(_free_port(), folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
