"""Where all trails ended once, as a file an operator keeps elsewhere, and the one digest that stands for it.

One line per action (order of arrival, id, length, digest, with tabs between), in order of arrival; then one line with
the digest of all lines before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, TextIO

from pmsbridge.errors import InputError
from pmsbridge.store.audit import Head

__all__ = ["HeadSum", "read_heads", "write_heads"]

_FIRST: Final = "pmsbridge heads 1\n"
_LAST: Final = "sha256"


class HeadSum:
    """One digest over the heads given to it, in their order.

    Attributes:
        actions: How many.
        entries: Entries of all their trails.
    """

    def __init__(self) -> None:
        self.actions = 0
        self.entries = 0
        self._digest = hashlib.sha256(_FIRST.encode())

    def add(self, head: Head) -> str:
        """The next head; returns its line."""
        line = f"{head.seq}\t{head.action_id}\t{head.length}\t{head.digest}\n"
        self._digest.update(line.encode())
        self.actions += 1
        self.entries += head.length
        return line

    @property
    def hex(self) -> str:
        """The digest so far."""
        return self._digest.hexdigest()


def write_heads(heads: Iterable[Head], file: TextIO | None) -> HeadSum:
    """Sum heads up, and write them to a file when there is one."""
    total = HeadSum()
    if file is not None:
        file.write(_FIRST)
    for head in heads:
        line = total.add(head)
        if file is not None:
            file.write(line)
    if file is not None:
        file.write(f"{_LAST}\t{total.hex}\n")
    return total


def read_heads(file: TextIO, *, digest: str = "") -> Iterator[Head]:
    """The heads in a file, one after the other; at its end, whether it is the file that was written.

    Args:
        file: As ``write_heads`` wrote it.
        digest: The digest that was kept; empty to trust the file's own.

    Raises:
        InputError: It is no such file, it was changed or cut, or it has another digest.
    """
    total, said = HeadSum(), ""
    if file.readline() != _FIRST:
        raise InputError("--against", "is no file of pmsbridge audit head")
    for line in file:
        if said:
            raise InputError("--against", "has lines after its end")
        if line.startswith(f"{_LAST}\t"):
            said = line.strip().partition("\t")[2]
            continue
        head = _head(line)
        total.add(head)
        yield head
    if said != total.hex:
        raise InputError("--against", "was changed or cut: its digest does not fit its lines")
    if digest and digest.strip().lower() != total.hex:
        raise InputError("--digest", "is not the digest of the file")


def _head(line: str) -> Head:
    try:
        seq, action_id, length, digest = line.rstrip("\n").split("\t")
        return Head(int(seq), action_id, int(length), digest)
    except ValueError:
        raise InputError("--against", "has a line that is none of ours") from None
