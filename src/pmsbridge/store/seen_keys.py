"""Which records a reading has met: a bit each, so that half a million take less than a hundred kilobytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final, Self

__all__ = ["SeenKeys"]

_SHIFT: Final = 13
_LOW: Final = (1 << _SHIFT) - 1
_BYTES: Final = 1 << (_SHIFT - 3)
_NUMBER: Final = 8


class SeenKeys:
    """A set of keys. Memory grows with the range in which they lie, in pieces of a kilobyte."""

    def __init__(self) -> None:
        self._pieces: dict[int, bytearray] = {}

    def add(self, keys: Iterable[int]) -> None:
        """They were met."""
        pieces = self._pieces
        for key in keys:
            piece = pieces.get(key >> _SHIFT)
            if piece is None:
                piece = pieces[key >> _SHIFT] = bytearray(_BYTES)
            piece[(key & _LOW) >> 3] |= 1 << (key & 7)

    def meet(self, keys: Iterable[int]) -> list[int]:
        """They were met; those of them that were for the first time."""
        pieces, first = self._pieces, list[int]()
        for key in keys:
            piece = pieces.get(key >> _SHIFT)
            if piece is None:
                piece = pieces[key >> _SHIFT] = bytearray(_BYTES)
            place, bit = (key & _LOW) >> 3, 1 << (key & 7)
            if not piece[place] & bit:
                piece[place] |= bit
                first.append(key)
        return first

    def remove(self, key: int) -> None:
        """It was not met after all."""
        piece = self._pieces.get(key >> _SHIFT)
        if piece is not None:
            piece[(key & _LOW) >> 3] &= ~(1 << (key & 7))

    def __contains__(self, key: int) -> bool:
        piece = self._pieces.get(key >> _SHIFT)
        return piece is not None and bool(piece[(key & _LOW) >> 3] & 1 << (key & 7))

    def missing(self, keys: Iterable[int]) -> list[int]:
        """Those of these that were not met."""
        pieces, found = self._pieces, list[int]()
        for key in keys:
            piece = pieces.get(key >> _SHIFT)
            if piece is None or not piece[(key & _LOW) >> 3] & 1 << (key & 7):
                found.append(key)
        return found

    def __bool__(self) -> bool:
        return any(any(piece) for piece in self._pieces.values())

    def packed(self) -> bytes:
        """As bytes, to be kept."""
        parts = (number.to_bytes(_NUMBER, "big") + bytes(piece) for number, piece in sorted(self._pieces.items()))
        return zlib.compress(b"".join(parts), 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """From what was kept."""
        seen, data = cls(), zlib.decompress(packed)
        step = _NUMBER + _BYTES
        for start in range(0, len(data), step):
            number = int.from_bytes(data[start : start + _NUMBER], "big")
            seen._pieces[number] = bytearray(data[start + _NUMBER : start + step])
        return seen
