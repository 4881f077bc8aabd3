"""Walking through the pages of a list: with an end, without a loop, and honest about what moved meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from pmsbridge.errors import UnavailableError
from pmsbridge_rest.bodies.exact_json import write_json
from pmsbridge_rest.paging.counted import ByOffset
from pmsbridge_rest.paging.ends import Ends
from pmsbridge_rest.paging.turns import Page, Paginator, Turn

__all__ = ["Walk", "WalkRules"]

_MOST_PAGES: Final = 10_000
_NO_RULES: Final = Ends()


@dataclass(frozen=True, slots=True)
class WalkRules:
    """Bounds and promises.

    Attributes:
        most_pages: More than these is a mistake, not a list.
        key: Reads a row's id; None when rows have none, and then nothing is known about shifts.
        is_steady: The vendor promises that nothing shifts between pages.
        ends: Where the number of all rows is told.
    """

    most_pages: int = _MOST_PAGES
    key: Callable[[Any], str] | None = None
    is_steady: bool = False
    ends: Ends = _NO_RULES


class Walk:
    """One reading of one list.

    Attributes:
        pages: How many came.
        rows: How many rows came; those that came twice count once where rows have ids.
        has_shifted: Rows moved between pages while it was read: some may have been missed.
    """

    def __init__(self, paginator: Paginator, ask: Callable[[Turn], Page], rules: WalkRules) -> None:
        self._paginator = paginator
        self._ask = ask
        self._rules = rules
        self._turns: set[tuple[str, str | None]] = set()
        self._keys: set[bytes] = set()
        self._before = b""
        self._last_keys: list[str] = []
        self._total: int | None = None
        self._is_over = False
        self.pages = 0
        self.rows = 0
        self.has_shifted = False

    @property
    def is_over(self) -> bool:
        """The last page came."""
        return self._is_over

    @property
    def is_complete(self) -> bool:
        """Read to the end, and proven to have missed nothing: a row that did not come is not there.

        Proven by the vendor's promise, by one page, by keys, by an offset whose pages overlap, or by a total that
        stayed the same and that many different rows.
        """
        if not self._is_over or self.has_shifted:
            return False
        if self.pages <= 1 or self._rules.is_steady or self._paginator.may_resume or self._overlaps():
            return True
        return self._total is not None and self._total == self.rows

    def read(self, position: str = "") -> Iterator[tuple[Page, Turn | None]]:
        """Every page, and the turn after it. Rows that a page only repeats so that a shift shows are left out.

        Raises:
            UnavailableError: The list has no end, goes in a circle, or does not say how it goes on.
        """
        turn: Turn | None = self._paginator.first(position)
        seen = 0
        while turn is not None:
            self._guard(turn)
            came = self._ask(turn)
            self.pages += 1
            seen += len(came.rows)
            page = replace(came, number=self.pages, seen=seen)
            repeated = self._notice(page)
            following = None if page.is_nothing else self._paginator.following(turn, page)
            self._is_over = following is None
            yield replace(page, rows=page.rows[repeated:]) if repeated else page, following
            turn = following

    def _guard(self, turn: Turn) -> None:
        place = (turn.position, turn.url)
        if place in self._turns:
            raise _circle()
        self._turns.add(place)
        if self.pages >= self._rules.most_pages:
            message = f"a list has more than {self._rules.most_pages} pages"
            raise UnavailableError(message, code="too_many_pages")

    def _notice(self, page: Page) -> int:
        """Compare with the pages before; how many rows the page begins with that the one before ended with."""
        digest = _digest(page.rows) if page.rows else b""
        if digest and digest == self._before and not self._overlaps():
            raise _circle()
        self._before = digest
        total = None if page.is_nothing else self._rules.ends.total_of(page)
        self.has_shifted |= self.pages > 1 and total != self._total
        self._total = total
        if self._rules.key is None:
            self.rows += len(page.rows)
            return 0
        return self._notice_keys([self._rules.key(row) for row in page.rows])

    def _notice_keys(self, keys: list[str]) -> int:
        overlap = min(self._overlap(), max(len(self._last_keys) - 1, 0))
        is_repeated = bool(overlap) and keys[:overlap] == self._last_keys[-overlap:]
        self.has_shifted |= bool(overlap) and not is_repeated
        for place, key in enumerate(keys):
            short = hashlib.blake2b(key.encode(), digest_size=8).digest()
            if short in self._keys:
                self.has_shifted |= place >= overlap
            else:
                self._keys.add(short)
                self.rows += 1
        self._last_keys = keys or self._last_keys
        return overlap if is_repeated else 0

    def _overlap(self) -> int:
        return self._paginator.overlap if isinstance(self._paginator, ByOffset) else 0

    def _overlaps(self) -> bool:
        return self._overlap() > 0 and self._rules.key is not None


def _digest(rows: Any) -> bytes:  # noqa: ANN401 - any JSON
    return hashlib.blake2b(write_json(rows), digest_size=16).digest()


def _circle() -> UnavailableError:
    message = "a list goes in a circle: a page came twice"
    return UnavailableError(message, code="paging_loop")
