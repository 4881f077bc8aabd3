"""Files within a question: their Base64 is put into the JSON while it is sent; memory does not grow with them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Final

from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import StreamedBody

__all__ = ["MARK", "files_in", "spliced"]

MARK: Final = "\x01"
"""Stands in JSON text where a file's Base64 belongs; no text of a value can hold it, because JSON escapes it."""


def files_in(value: object) -> Iterator[HandedFile]:
    """The files within a value, in the order in which they are written."""
    if isinstance(value, HandedFile):
        yield value
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from files_in(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from files_in(held)


def spliced(text: str, files: Sequence[HandedFile]) -> bytes | StreamedBody:
    """JSON text as it is sent, each mark in it replaced by the file whose turn it is."""
    if not files:
        return text.encode()
    parts = [part.encode() for part in text.split(MARK)]
    length = sum(map(len, parts)) + sum((file.size + 2) // 3 * 4 for file in files)
    return StreamedBody(length, partial(_pieces, parts, files))


def _pieces(parts: Sequence[bytes], files: Sequence[HandedFile]) -> Iterator[bytes]:
    begun: list[Iterable[bytes]] = [_in_base64(file.begun()) for file in files]
    begun.append(())  # after the last part there is none
    return chain.from_iterable(chain((part,), file) for part, file in zip(parts, begun, strict=True))


def _in_base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        left += piece
        cut = len(left) - len(left) % 3
        yield b64encode(left[:cut])
        left = left[cut:]
    yield b64encode(left)
