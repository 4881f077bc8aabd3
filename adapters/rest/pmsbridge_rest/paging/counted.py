"""Pages by their number and by an offset. Rows that come or go meanwhile shift what follows."""

from __future__ import annotations

from dataclasses import dataclass

from pmsbridge_rest.paging.ends import Ends
from pmsbridge_rest.paging.turns import Page, Slot, Turn

__all__ = ["ByNumber", "ByOffset", "WholeList"]


@dataclass(frozen=True, slots=True)
class WholeList:
    """No pages: one answer has everything."""

    may_resume: bool = False

    def first(self, position: str = "") -> Turn:  # noqa: ARG002 - the port's signature
        """The only turn."""
        return Turn()

    def following(self, turn: Turn, page: Page) -> Turn | None:  # noqa: ARG002 - the port's signature
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class ByNumber:
    """Pages by their number.

    Attributes:
        number: Where the number goes.
        ends: When it is over.
        size: Where the number of rows goes; None when it cannot be asked for.
        begins_at: The first page's number.
    """

    number: Slot
    ends: Ends
    size: Slot | None = None
    begins_at: int = 1
    may_resume: bool = False

    def first(self, position: str = "") -> Turn:  # noqa: ARG002 - numbers shift; a reading starts anew
        """The first page."""
        return self._turn(self.begins_at)

    def following(self, turn: Turn, page: Page) -> Turn | None:
        """The next number."""
        return None if self.ends.is_last(page) else self._turn(int(turn.position) + 1)

    def _turn(self, number: int) -> Turn:
        turn = self.number.put(Turn(position=str(number)), number)
        return turn if self.size is None or self.ends.size is None else self.size.put(turn, self.ends.size)


@dataclass(frozen=True, slots=True)
class ByOffset:
    """Pages by how many rows to skip.

    Attributes:
        offset: Where the number goes.
        ends: When it is over; it says how many rows are asked for.
        limit: Where the number of rows goes; None when it cannot be asked for.
        overlap: Rows of the last page that every further page begins with again, so that a shift shows.
    """

    offset: Slot
    ends: Ends
    limit: Slot | None = None
    overlap: int = 1
    may_resume: bool = False

    def first(self, position: str = "") -> Turn:  # noqa: ARG002 - offsets shift; a reading starts anew
        """From the first row."""
        return self._turn(0)

    def following(self, turn: Turn, page: Page) -> Turn | None:
        """As many rows further as came, less the overlap. A page of nothing but the overlap is the last."""
        begin, came = int(turn.position), len(page.rows)
        reached = Page(page.rows, page.document, page.headers, page.url, page.number, begin + came)
        is_only_overlap = begin > 0 and came <= self.overlap
        if is_only_overlap or self.ends.is_last(reached):
            return None
        return self._turn(begin + max(came - self.overlap, 1))

    def _turn(self, begin: int) -> Turn:
        turn = self.offset.put(Turn(position=str(begin)), begin)
        return turn if self.limit is None or self.ends.size is None else self.limit.put(turn, self.ends.size)
