"""A response body in pieces that never outgrow their limits: not raw, not decoded, not in one piece.

Decoding is done here and not in the HTTP library, which inflates whatever arrived in one go: a 194 kB answer became one
67 MB piece.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["BodyRefusedError", "check_announced", "decoded"]

PIECE_BYTES = 65_536
_GZIP_WINDOW = 31
_LENGTH_DIGITS = 18


class BodyRefusedError(Exception):
    """The body is not taken any further; ``code`` says why. It never leaves this package."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_announced(headers: Mapping[str, str], raw_bytes: int) -> None:
    """Refuse, before reading anything, what the headers already say is too large or encoded in a way not asked for.

    Raises:
        BodyRefusedError: ``answer_too_large`` or ``unknown_encoding``.
    """
    length = headers.get("content-length", "").strip()
    if length.isascii() and length.isdigit() and (len(length) > _LENGTH_DIGITS or int(length) > raw_bytes):
        raise BodyRefusedError("answer_too_large")
    if _encoding(headers) not in {"", "identity", "gzip", "x-gzip"}:
        raise BodyRefusedError("unknown_encoding")


def decoded(raw: Iterable[bytes], headers: Mapping[str, str], *, raw_bytes: int, decoded_bytes: int) -> Iterator[bytes]:
    """The body decoded, in pieces of at most 64 KiB.

    Raises:
        BodyRefusedError: ``answer_too_large`` past either cap; ``broken_encoding`` when gzip is damaged, cut or
            followed
            by something else.
    """
    counted = _capped(raw, raw_bytes)
    pieces = _inflated(counted) if _encoding(headers).endswith("gzip") else _cut(counted)
    yield from _capped(pieces, decoded_bytes)


def _encoding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()


def _capped(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > limit:
            raise BodyRefusedError("answer_too_large")
        yield piece


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            yield piece[start : start + PIECE_BYTES]


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    for piece in _cut(pieces):
        yield from _inflate_one(inflater, piece)
        if inflater.unused_data:
            raise BodyRefusedError("broken_encoding")
    if not inflater.eof:
        raise BodyRefusedError("broken_encoding")


def _inflate_one(inflater: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    waiting = piece
    while waiting and not inflater.eof:
        try:
            plain = inflater.decompress(waiting, PIECE_BYTES)
        except zlib.error:
            raise BodyRefusedError("broken_encoding") from None
        waiting = inflater.unconsumed_tail
        if plain:
            yield plain
    if waiting:
        raise BodyRefusedError("broken_encoding")
