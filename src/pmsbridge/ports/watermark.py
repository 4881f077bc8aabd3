"""A cursor by the time of the last change that loses no row: ties, late commits, rounding and skewed clocks included.

The rules, each for a way in which copies were seen to lose rows:

- ask from the mark on *inclusive*: another row may have the same stamp;
- ask from an *overlap before* the mark: a row may be committed after one with a later stamp;
- never move the mark past the *stamps that were read*, by the back office's own clock: ours says nothing about it;
- never move it past where the reading *began*, by the back office's clock, less nothing: what changes meanwhile comes
  again;
- never round it *up*: what the back office counts finer than we write it would fall into the gap.

Rows that come twice cost a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

__all__ = ["Watermark"]


@dataclass(frozen=True, slots=True)
class Watermark:
    """The latest change that was certainly read, by the back office's clock.

    Attributes:
        high: None before the first reading.
        overlap: How far before it the next reading starts: longer than the back office's longest transaction.
    """

    high: datetime | None
    overlap: timedelta

    @classmethod
    def of(cls, cursor: str | None, overlap: timedelta) -> Self:
        """From a stored cursor.

        Raises:
            ValueError: It is none.
        """
        return cls(None if cursor is None else datetime.fromisoformat(cursor).astimezone(UTC), overlap)

    @property
    def start(self) -> datetime | None:
        """Ask for changes at this instant and later; None for everything."""
        return None if self.high is None else self.high - self.overlap

    def seen(self, stamp: datetime, *, began: datetime | None = None) -> Self:
        """After a row with this stamp.

        Args:
            stamp: The row's, aware.
            began: When the reading began, by the back office's clock; None where it does not tell.
        """
        reached = stamp if began is None else min(stamp, began)
        return type(self)(reached if self.high is None else max(self.high, reached), self.overlap)

    @property
    def cursor(self) -> str | None:
        """As text; None when nothing was read yet."""
        return None if self.high is None else self.high.astimezone(UTC).isoformat(timespec="microseconds")
