"""A RabbitMQ or a Redis of our own: on loopback, in a temporary folder, durable, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Broker", "running_broker"]

_RABBITMQ: Final = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/rabbitmq/sbin")
_PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that accepts connections.

    Attributes:
        name: What it is, and how durable.
        url: Its address.
        pid: The process at the top of it.
    """

    name: str
    url: str
    pid: int


@contextmanager
def running_broker() -> Iterator[Broker | None]:
    """RabbitMQ, else Redis, for as long as the block runs; None where there is neither."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pmsbridge-broker-")))
        if (rabbitmq := _rabbitmq_folder()) is not None:
            yield stack.enter_context(_rabbitmq(rabbitmq, folder))
        elif (redis := shutil.which("redis-server")) is not None:
            yield stack.enter_context(_redis(redis, folder))
        else:
            yield None


def _rabbitmq_folder() -> Path | None:
    found = [Path(folder) for folder in _RABBITMQ if (Path(folder) / "rabbitmq-env").is_file()]
    return found[0] if found and shutil.which("epmd") else None


@contextmanager
def _rabbitmq(tools: Path, folder: Path) -> Iterator[Broker]:
    """A node of its own: own cookie, own name daemon, own folders; nothing of the machine's is touched."""
    port, dist, names = _free_port(), _free_port(), _free_port()
    (folder / "plugins").write_text("[].\n")
    (folder / "empty.conf").write_text("loopback_users = none\n")
    environment = {
        "PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LANG": "C.UTF-8", "HOSTNAME": "localhost",
        "RABBITMQ_NODENAME": f"bench{port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(dist),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_CONFIG_FILE": str(folder / "empty"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_PID_FILE": str(folder / "pid"),
        "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1",
    }  # fmt: skip
    epmd = subprocess.Popen(
        [str(shutil.which("epmd")), "-port", str(names), "-address", "127.0.0.1"], env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(names, epmd)
        with _process([str(tools / "rabbitmq-server")], environment, folder) as node:
            _wait_for(port, node)
            yield Broker(
                "RabbitMQ, durable queues, publisher confirms", f"amqp://guest:guest@127.0.0.1:{port}//", node.pid
            )
    finally:
        epmd.terminate()
        epmd.wait(timeout=_PATIENCE_SECONDS)


@contextmanager
def _redis(program: str, folder: Path) -> Iterator[Broker]:
    port = _free_port()
    command = [
        program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes",
        "--appendfsync", "always", "--save", "",
    ]  # fmt: skip
    with _process(command, dict(os.environ), folder) as server:
        _wait_for(port, server)
        yield Broker("Redis, appendonly, fsync always", f"redis://127.0.0.1:{port}/0", server.pid)


@contextmanager
def _process(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; the group ends with the block."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, _PATIENCE_SECONDS)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    message = f"nothing listens on port {port}"
    raise RuntimeError(message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
