"""When a list is over, by what its vendor promises; an answer that does not keep the promise is no end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pmsbridge.errors import UnavailableError
from pmsbridge_rest.paging.turns import Page

__all__ = ["Ends", "Look", "number_in", "unusable"]

Look = Callable[[Any], object]
"""Reads one value out of an answer's document."""

_LARGEST: Final = 10**12


@dataclass(frozen=True, slots=True)
class Ends:
    """The rules of a list; the first that says "last" ends it. Without any, an empty page does.

    Attributes:
        total: Where the answer has the number of all rows.
        total_header: Or which header.
        pages: Where the answer has the number of all pages.
        more: Where the answer says whether there is more.
        short_page: A page with fewer rows than asked for is the last. Not for vendors that filter after they cut.
        size: How many rows are asked for; None when that is the back office's own.
    """

    total: Look | None = None
    total_header: str = ""
    pages: Look | None = None
    more: Look | None = None
    short_page: bool = False
    size: int | None = None

    def total_of(self, page: Page) -> int | None:
        """How many rows there are in all; None when the vendor has no such number.

        Raises:
            UnavailableError: It has, and this answer does not say it.
        """
        if self.total_header:
            return number_in(page.headers.get(self.total_header.lower()), "the number of rows")
        return None if self.total is None else number_in(self.total(page.document), "the number of rows")

    def is_last(self, page: Page, *, skipped: int = 0) -> bool:
        """Whether there is no page after this one.

        Args:
            page: The page that came.
            skipped: Rows before the first page that was asked for.

        Raises:
            UnavailableError: A promised number or flag is missing.
        """
        if not page.rows:
            return True
        total = self.total_of(page)
        if total is not None and page.seen + skipped >= total:
            return True
        if self.pages is not None and page.number >= number_in(self.pages(page.document), "the number of pages"):
            return True
        if self.more is not None and not _flag(self.more(page.document)):
            return True
        return self.short_page and self.size is not None and len(page.rows) < self.size


def number_in(value: object, what: str) -> int:
    """A count as an answer spells it.

    Raises:
        UnavailableError: It is none.
    """
    text = str(value) if isinstance(value, int | str | Decimal) and not isinstance(value, bool) else ""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_LARGEST)):
        problem = f"the answer does not say {what}"
        raise unusable(problem)
    return int(text)


def unusable(problem: str) -> UnavailableError:
    """The error of an answer from which no next page follows."""
    return UnavailableError(f"a list cannot be read to its end: {problem}", code="paging_broken")


_FLAGS: Final[Mapping[object, bool]] = {True: True, False: False, "true": True, "false": False}


def _flag(value: object) -> bool:
    if isinstance(value, bool | str) and value in _FLAGS:
        return _FLAGS[value]
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    raise unusable("the answer does not say whether there is more")
