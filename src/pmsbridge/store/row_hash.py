"""The hash by which a row is compared before anything is made of it."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["RowHash"]

_BYTES: Final = 16


class RowHash:
    """Of a row's bytes, and of what beside them decides which record is made of them."""

    def __init__(self, fingerprint: str) -> None:
        """For all rows of one scope."""
        self._key = hashlib.blake2b(fingerprint.encode(), digest_size=32).digest()

    def __call__(self, raw: bytes) -> bytes:
        """Of one row."""
        return hashlib.blake2b(raw, digest_size=_BYTES, key=self._key).digest()
