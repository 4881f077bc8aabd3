"""A real RabbitMQ for tests: started on loopback with an Erlang port mapper of its own, stopped whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["NoRabbitError", "RabbitServer", "running_rabbit"]

_PATIENCE_SECONDS = 90.0
# The command in PATH asks to be root or the service's own user; this one does not care.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class NoRabbitError(Exception):
    """There is no rabbitmq-server on this machine, or it does not start."""


@dataclass
class RabbitServer:
    """A server that accepts connections."""

    port: int
    folder: Path
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address for Celery; without a login it is the guest that every new server has."""
        return f"amqp://127.0.0.1:{self.port}//"

    def start(self, program: str, mapper: str) -> None:
        """Start it.

        Raises:
            NoRabbitError: It does not start.
        """
        environment = self._environment()
        self._run([mapper, "-port", environment["ERL_EPMD_PORT"], "-address", "127.0.0.1"], environment)
        server = self._run([program], environment)
        ends = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < ends and server.poll() is None:
            if _answers(self.port):
                return
            time.sleep(0.1)
        raise NoRabbitError("rabbitmq-server does not start")

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            "PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(_free_port()), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"pmsbridge{self.port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_DIST_PORT": str(_free_port()),
            "RABBITMQ_MNESIA_BASE": folder, "RABBITMQ_LOG_BASE": folder, "RABBITMQ_LOGS": f"{folder}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins", "RABBITMQ_CONFIG_FILE": f"{folder}/none",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ERL_ARGS": "+S 1:1 +sbwt none",
        }  # fmt: skip

    def _run(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def kill(self) -> None:
        """It dies at once, and everything it started."""
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(_PATIENCE_SECONDS)
        self._processes.clear()


@contextmanager
def running_rabbit() -> Iterator[RabbitServer]:
    """A server for as long as the block runs.

    Raises:
        NoRabbitError: There is none on this machine.
    """
    program = str(_PROGRAM) if _PROGRAM.is_file() else shutil.which("rabbitmq-server")
    mapper = shutil.which("epmd")
    if program is None or mapper is None:
        raise NoRabbitError("rabbitmq-server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pmsbridge-rabbit-"))
    server = RabbitServer(_free_port(), folder)
    try:
        server.start(program, mapper)
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    """Whether it speaks AMQP: it names its version to whoever asks for one it does not know."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
            probe.sendall(b"AMQP\x00\x00\x00\x00")
            return probe.recv(8).startswith(b"AMQP")
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
