"""Counting calls that a vendor charges for, as a port."""

from __future__ import annotations

from typing import Protocol

__all__ = ["CallCounter"]


class CallCounter(Protocol):
    """Where calls of a month are counted; a database-backed one lets several processes share a budget."""

    def add(self, lane: str, month: str, calls: int) -> int:
        """Add ``calls`` (may be negative) to ``month`` ("2026-05", UTC) of ``lane``; return the new total."""
