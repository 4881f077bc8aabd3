"""What is asked and what came back, as the wire sees it: no mapping, no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pmsbridge_rest.mapping.requests import CallEncoding, Method
from pmsbridge_rest.paging.turns import Turn

__all__ = ["NO_BODY", "Ask", "Came", "NoBody"]


class NoBody:
    """The type of ``NO_BODY``."""

    def __repr__(self) -> str:
        return "NO_BODY"


NO_BODY = NoBody()
"""There is no body: neither null nor an empty object."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request before it is written out and signed.

    Attributes:
        method: "GET" ...
        path: Below the base address, percent-encoded, beginning with a slash.
        operation: What is asked, for logs and errors; holds nothing of a tenant.
        is_write: Whether the back office may change.
        query: Names and values in order.
        headers: Beside those of the scheme.
        document: The body; ``NO_BODY`` for none.
        encoding: How the body is written.
        url: A whole address that takes the place of base and path; None for these.
    """

    method: Method
    path: str
    operation: str
    is_write: bool
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Any = NO_BODY
    encoding: CallEncoding = "json"
    url: str | None = None

    def __repr__(self) -> str:
        return f"<ask: {self.operation}>"

    def at(self, turn: Turn, body: Any) -> Ask:  # noqa: ANN401 - any JSON
        """The same for one page; ``body`` is the document with the turn's fields in it."""
        if turn.url is not None:
            return replace(self, url=turn.url, query=(), headers={**self.headers, **turn.headers})
        kept = tuple(pair for pair in self.query if pair[0] not in turn.query)
        return replace(
            self,
            query=(*kept, *turn.query.items()),
            headers={**self.headers, **turn.headers},
            document=body if turn.body else self.document,
        )


@dataclass(frozen=True, slots=True)
class Came:
    """An answer, read to its end.

    Attributes:
        status: HTTP status.
        headers: Names in lower case.
        document: The body, numbers exact; None when there is none or it cannot be read.
        unreadable: Why the body cannot be read; empty when it can, or is none.
        is_empty: There was no body.
        url: What was asked, without credentials.
        bytes_read: Length of the body, decoded.
    """

    status: int
    headers: Mapping[str, str]
    document: Any
    unreadable: str = ""
    is_empty: bool = False
    url: str = ""
    bytes_read: int = 0

    def __repr__(self) -> str:
        return f"<came: {self.status}, {self.bytes_read} bytes>"
