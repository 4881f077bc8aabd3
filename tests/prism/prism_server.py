"""Prism as a process on loopback, serving a document that is made fit to be served."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STARTUP_SECONDS = 90
_BOUNDS = ("minimum", "maximum")
_WIDTHS = frozenset({"double", "float", "int32", "int64"})


def fit_to_serve(document: Any, first_words: tuple[str, ...]) -> Any:
    """The document, without what only makes its made-up examples absurd.

    Prism answers a number with the smallest that its type allows, which no money is, and a word with the first that is
    listed. Addresses, parameters, bodies and what they must hold stay as they are published.
    """
    if isinstance(document, list):
        words = [word for word in first_words if word in document]
        return [*words, *(fit_to_serve(each, first_words) for each in document if each not in words)]
    if not isinstance(document, dict):
        return document
    kept = {
        key: value
        for key, value in document.items()
        if not (key in _BOUNDS and isinstance(value, int | float)) and not (key == "format" and value in _WIDTHS)
    }
    return {key: fit_to_serve(value, first_words) for key, value in kept.items()}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def prism(program: str, document: Any, folder: Path) -> Iterator[str]:
    """Serve a document; hands out the address, ends the process with the block."""
    file, log = folder / "document.json", folder / "prism.log"
    file.write_text(json.dumps(document), encoding="utf-8")
    port = _free_port()
    command = ["node", program, "mock", "-p", str(port), "-h", "127.0.0.1", "--errors", str(file)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            _wait_for(port, process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _STARTUP_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    message = f"Prism did not come up: {log.read_text(encoding='utf-8', errors='replace')[-500:]}"
    raise AssertionError(message)
