"""Files on their way to a back office: known by size and digest, read in pieces, never held as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Self

from pmsbridge.errors import UnavailableError

__all__ = ["PIECE_BYTES", "HandedFile"]

PIECE_BYTES: Final = 64 * 1024
"""The most that one piece of a file holds."""


@dataclass(frozen=True, slots=True)
class HandedFile:
    """A file that somebody handed in. It can be read any number of times; its repr shows the size alone.

    Attributes:
        name: A file name without a folder.
        media_type: What it is, by how it begins ("application/pdf").
        size: In bytes.
        sha256: Of all its bytes, in small hexadecimal.
        source: Opens it: its bytes from the first on, in pieces of whatever size.
    """

    name: str
    media_type: str
    size: int
    sha256: str
    source: Callable[[], Iterator[bytes]] = field(repr=False, compare=False)

    @classmethod
    def of_bytes(cls, data: bytes, *, name: str, media_type: str) -> Self:
        """A file that is in memory already."""
        view = memoryview(data)

        def cut() -> Iterator[bytes]:
            return (bytes(view[start : start + PIECE_BYTES]) for start in range(0, len(view), PIECE_BYTES))

        return cls(name, media_type, len(data), hashlib.sha256(data).hexdigest(), cut)

    def __repr__(self) -> str:
        return f"<file of {self.size:,} bytes>"

    def pieces(self) -> Iterator[bytes]:
        """All of it, in order, in pieces of at most 64 KiB; the last one only once the whole is what it should be.

        Raises:
            UnavailableError: It is not what it was when it was handed in ("file_damaged"), or cannot be read now.
        """
        digest, left, held = hashlib.sha256(), self.size, b""
        for piece in _small(self.source()):
            digest.update(piece)
            left -= len(piece)
            if held:
                yield held
            held = piece
            if left < 0:
                break
        if left or digest.hexdigest() != self.sha256:
            message = "the file that was handed in is not there as it was"
            raise UnavailableError(message, code="file_damaged")
        yield held

    def begun(self) -> Iterator[bytes]:
        """As ``pieces``, the first one read already: a file that cannot be read at all says so before anything is sent.

        Raises:
            UnavailableError: As ``pieces``.
        """
        pieces = self.pieces()
        return chain((next(pieces),), pieces)


def _small(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            yield piece if len(piece) <= PIECE_BYTES else piece[start : start + PIECE_BYTES]
