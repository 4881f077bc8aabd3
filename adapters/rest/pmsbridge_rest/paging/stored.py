"""Pages of a set that the server builds and keeps: a first call builds it, later ones read it."""

from __future__ import annotations

from dataclasses import dataclass

from pmsbridge_rest.paging.ends import Ends, Look, unusable
from pmsbridge_rest.paging.turns import Page, Slot, Turn

__all__ = ["BySet"]


@dataclass(frozen=True, slots=True)
class BySet:
    """Pages of a stored set. The set does not move, so pages do not shift.

    Attributes:
        page: Where the page's number goes.
        ends: When it is over.
        found: Where the building answer has the set's name; None when the server keeps one per login.
        name: Where that name goes; None when it is not sent.
        size: Where the number of rows goes; None when it cannot be asked for.
        build_page: The number that builds the set.
        begins_at: The first page of rows.
    """

    page: Slot
    ends: Ends
    found: Look | None = None
    name: Slot | None = None
    size: Slot | None = None
    build_page: int = 0
    begins_at: int = 1
    may_resume: bool = False

    def first(self, position: str = "") -> Turn:  # noqa: ARG002 - a set is forgotten; a reading starts anew
        """The call that builds the set; rows that it brings along are not taken for a page."""
        return self._turn(self.build_page, "", "build")

    def following(self, turn: Turn, page: Page) -> Turn | None:
        """The set's next page."""
        number, _, name = turn.position.partition(":")
        if name == "build":
            return self._turn(self.begins_at, self._name(page), self._name(page))
        if self.ends.is_last(page):
            return None
        return self._turn(int(number) + 1, name, name)

    def _name(self, page: Page) -> str:
        if self.found is None:
            return ""
        value = self.found(page.document)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise unusable("the answer does not name the set that was built")
        return str(value)

    def _turn(self, number: int, name: str, kept: str) -> Turn:
        turn = self.page.put(Turn(position=f"{number}:{kept}"), number)
        if self.name is not None and name:
            turn = self.name.put(turn, name)
        return turn if self.size is None or self.ends.size is None else self.size.put(turn, self.ends.size)
