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
        key = hashlib.blake2b(fingerprint.encode(), digest_size=32).digest()
        self._begun = hashlib.blake2b(digest_size=_BYTES, key=key)

    def __call__(self, raw: bytes) -> bytes:
        """Of one row."""
        hashed = self._begun.copy()
        hashed.update(raw)
        return hashed.digest()
