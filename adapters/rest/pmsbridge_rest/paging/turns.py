"""One turn of a list: what is asked, what came, and where a position goes into a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = ["Page", "Paginator", "Slot", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What is added to a list's request to ask for one page.

    Attributes:
        position: Where the page begins, as text ("3", "after:981"); empty for the first.
        query: By name.
        body: By path in the request's document.
        headers: By name.
        url: Takes the place of the whole address; None keeps it.
    """

    position: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None

    def __repr__(self) -> str:
        return f"<turn at {len(self.position)} characters>"


@dataclass(frozen=True, slots=True)
class Page:
    """What came.

    Attributes:
        rows: As the envelope gave them.
        document: The whole answer.
        headers: Names in lower case.
        url: The address that was asked, without credentials.
        number: 1 for the first page.
        seen: Rows of all pages so far, this one included.
        is_nothing: The back office has no such list; the document says nothing of it.
    """

    rows: Sequence[Any]
    document: Any
    headers: Mapping[str, str]
    url: str
    number: int = 1
    seen: int = 0
    is_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value of paging goes.

    Attributes:
        place: In the query, in the request's document, or in a header.
        name: Name in the query, path in the document, or header.
    """

    place: Literal["query", "body", "header"]
    name: str

    def put(self, turn: Turn, value: str | int) -> Turn:
        """The turn with a value in this slot. A number stays one in a document."""
        query, body, headers = dict(turn.query), dict(turn.body), dict(turn.headers)
        if self.place == "query":
            query[self.name] = str(value)
        elif self.place == "body":
            body[self.name] = value
        else:
            headers[self.name] = str(value)
        return Turn(turn.position, query, body, headers, turn.url)


class Paginator(Protocol):
    """One way to ask for pages. Pure: it asks nothing itself."""

    @property
    def may_resume(self) -> bool:
        """A position outlives the reading: nothing moves between pages, whatever is added or deleted meanwhile."""

    def first(self, position: str = "") -> Turn:
        """The first turn, or the one at a position where an earlier reading stopped."""

    def following(self, turn: Turn, page: Page) -> Turn | None:
        """The turn after a page; None when it was the last.

        Raises:
            UnavailableError: The answer does not say what it must say to go on.
            ConfigurationError: It leads to another origin.
        """
