"""The back office of a run: started, told what to hold, and always ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

__all__ = ["Office", "running_office"]

_FOLDER: Final = Path(__file__).resolve().parent
_PATIENCE_SECONDS: Final = 20


class Office:
    """A back office in a process of its own.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, url: str, orders: IO[str], answers: IO[str]) -> None:
        self.url = url
        self._orders, self._answers = orders, answers
        self._asked = self._answered = ""

    def tell(self, *words: float) -> list[int]:
        """Say what it is to hold, and wait until it does; what it counts.

        Raises:
            RuntimeError: It died.
        """
        line = " ".join(map(str, words))
        if line != self._asked:
            self._orders.write(f"{line}\n")
            self._orders.flush()
            self._asked, self._answered = line, self._answers.readline()
        if not self._answered:
            message = "the back office died"
            raise RuntimeError(message)
        return [int(word) for word in self._answered.split()[1:]]


@contextmanager
def running_office(script: str, arguments: Sequence[str] = ()) -> Iterator[Office]:
    """One of the programs beside this one; it ends with the block, or with this process."""
    command = [sys.executable, str(_FOLDER / f"{script}.py"), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Office(json.loads(process.stdout.readline())["url"], process.stdin, process.stdout)
    finally:
        process.stdin.close()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
