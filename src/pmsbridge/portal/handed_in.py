"""What a person hands in: looked at, measured and kept aside until it is stored; never in memory as a whole."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Final, Protocol

from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.ports.files import PIECE_BYTES, HandedFile

__all__ = ["Readable", "handed_in"]

_BEGINS: Final = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LONGEST_BEGIN: Final = max(map(len, _BEGINS))
_IN_MEMORY: Final = 4 * PIECE_BYTES


class Readable(Protocol):
    """A file that is open for reading bytes, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


@contextmanager
def handed_in(name: str, data: bytes | Readable, *, largest: int) -> Iterator[HandedFile]:
    """A file while it is handed in. A stream is read once, to its end, into a nameless file of this machine.

    Args:
        name: A file name without a folder.
        data: The bytes, or where they are read from; who opened that closes it.
        largest: More bytes than these are refused, and not read to their end.

    Raises:
        InputError: It is neither, it is empty, too large, or no PDF, PNG or JPEG.
        UnavailableError: This machine cannot keep it aside now.
    """
    if isinstance(data, bytes):
        if len(data) > largest:
            raise _too_large(largest, f"{len(data):,} bytes")
        yield HandedFile.of_bytes(data, name=name, media_type=_kind(data[:_LONGEST_BEGIN], len(data)))
        return
    with _aside() as aside:
        digest, size = hashlib.sha256(), 0
        for piece in _read(data):
            size += len(piece)
            if size > largest:
                raise _too_large(largest, f"more than {largest:,} bytes")
            digest.update(piece)
            with _room():
                aside.write(piece)
        with _room():
            aside.seek(0)  # writes what is still in a buffer
            beginning = aside.read(_LONGEST_BEGIN)
        kind = _kind(beginning, size)
        yield HandedFile(name, kind, size, digest.hexdigest(), partial(_again, aside))


def _read(data: Readable) -> Iterator[bytes]:
    read = getattr(data, "read", None)
    if not callable(read):
        raise InputError("data", "must be bytes, or a file that is open for reading", shape=type(data).__name__)
    while True:
        piece: object = read(PIECE_BYTES)
        if not isinstance(piece, bytes):
            remedy = "Open it in binary mode."
            raise InputError("data", "does not read as bytes", shape=type(piece).__name__, remedy=remedy)
        if not piece:
            return
        yield piece


@contextmanager
def _aside() -> Iterator[IO[bytes]]:
    """A nameless file. That it cannot be closed takes nothing from what was done: it is gone all the same."""
    aside = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed below
    try:
        yield aside
    finally:
        with suppress(OSError):
            aside.close()


@contextmanager
def _room() -> Iterator[None]:
    """What the disk cannot do becomes our error, without its text: that may name a folder."""
    try:
        yield
    except OSError:
        message = "the file cannot be kept aside: there is no room on this machine"
    else:
        return
    raise UnavailableError(message, code="no_room")


def _again(aside: IO[bytes]) -> Iterator[bytes]:
    """From the first byte on, whoever else is reading."""
    at = 0
    while True:
        with _room():
            aside.seek(at)
            piece = aside.read(PIECE_BYTES)
        if not piece:
            return
        at += len(piece)
        yield piece


def _kind(beginning: bytes, size: int) -> str:
    """What it is, by how it begins."""
    if not size:
        raise InputError("data", "is empty")
    found = next((kind for start, kind in _BEGINS.items() if beginning.startswith(start)), None)
    if found is None:
        raise InputError("data", "is no PDF, PNG or JPEG", shape=f"{size:,} bytes")
    return found


def _too_large(largest: int, shape: str) -> InputError:
    remedy = "Make it smaller; nothing is cut silently."
    return InputError("data", f"is larger than {largest:,} bytes", shape=shape, remedy=remedy, code="file_too_large")
