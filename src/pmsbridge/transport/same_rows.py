"""Rows that are as a copy holds them: known by their bytes while an answer arrives, and passed over there and then."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Final

from pmsbridge.transport.cut_rows import CutRow

__all__ = ["SameRows"]

_MOST_DIFFERENT: Final = 10_000


class SameRows:
    """Tells them apart, for a ``RowCutter``.

    Of an id that comes twice the last row counts. So a row is not passed over when another one of its id came before
    it and was different; once ten thousand ids were different, no row is.

    Attributes:
        keys: What ``find`` gave for the rows that were passed over, in order.
    """

    def __init__(
        self, find: Callable[[bytes], int | None], prepare: Callable[[CutRow], str | None], *, as_they_came: bool
    ) -> None:
        """Nothing has come yet.

        Args:
            find: Gives a number for a row that is held as it is, else None.
            prepare: Gives a row's id, and may add cells to it; None or empty leaves the row to others. ValueError for
                one that cannot be read.
            as_they_came: ``prepare`` adds nothing to any row that is held: ids are asked for only where one may have
                come twice.
        """
        self.keys = array("q")
        self._find, self._prepare, self._as_they_came = find, prepare, as_they_came
        self._different: set[str] = set()
        self._is_over = False

    def take(self, inner: bytes) -> bool:
        """Pass a row over; False when it has to be looked at."""
        if self._is_over:
            return False
        if self._as_they_came:
            key = self._find(inner)
            if key is None or (self._different and not self._may_pass(CutRow(inner))):
                return False
        else:
            row = CutRow(inner)
            if not self._may_pass(row) or (key := self._find(row.line)) is None:
                return False
        self.keys.append(key)
        return True

    def _may_pass(self, row: CutRow) -> bool:
        row_id = self._id_of(row)
        return bool(row_id) and row_id not in self._different

    def _id_of(self, row: CutRow) -> str | None:
        try:
            return self._prepare(row)
        except ValueError:
            return None

    def differs(self, inner: bytes) -> None:
        """A row was looked at, and is handed out."""
        if self._is_over:
            return
        self._different.add(self._id_of(CutRow(inner)) or "")
        if len(self._different) > _MOST_DIFFERENT:
            self._is_over = True
