"""How long lists are asked for in pieces, and what is different since the last time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pmsbridge_rest.mapping.conditions import Condition
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.paths import Path
from pmsbridge_rest.mapping.sections import ExactNumber, HeaderName, Section, Span, Word
from pmsbridge_rest.mapping.structures import Structure
from pmsbridge_rest.mapping.templates import Template

__all__ = [
    "CursorPages",
    "FilterTemplate",
    "HeaderPages",
    "KeysetPages",
    "LinkHeaderPages",
    "NextUrlPages",
    "NumberedPages",
    "OffsetPages",
    "Pagination",
    "Since",
    "StoredSetPages",
    "Where",
]

Where = Literal["query", "body", "header"]
"""Which part of a request carries a parameter."""


class _Pages(Section):
    """What every way of asking in pieces has.

    Attributes:
        carried: Which part of the request carries the parameters.
        size_as: Name of the parameter for how many rows a page has; in a body a path. None when it cannot be said.
        size: How many rows to ask for.
        total_at: Where an answer has the number of all rows; None when it does not.
        total_header: Or in which header.
        more_at: Where an answer says whether there is more; None when it does not.
        stop: What ends a list: all counted rows are read (``total``), the answer says so (``more``), a page that has
            fewer rows than asked for (``short_page``), an empty page, or that nothing tells how to go on (``no_next``).
        sort: Query parameters that keep the order while it is read; a list without one may skip rows.
    """

    carried: Where = "query"
    size_as: str | None = None
    size: ExactNumber = Field(default=100, ge=1, le=100_000)
    total_at: Expression | None = None
    total_header: HeaderName | None = None
    more_at: Expression | None = None
    stop: Literal["total", "more", "short_page", "empty_page", "no_next"] = "short_page"
    sort: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _end_can_be_seen(self) -> Self:
        if self.stop == "total" and self.total_at is None and self.total_header is None:
            message = "stops by total, but neither total_at nor total_header says where that is"
            raise ValueError(message)
        if self.stop == "more" and self.more_at is None:
            message = "stops by more, but more_at does not say where that is"
            raise ValueError(message)
        return self


class NumberedPages(_Pages):
    """Page 1, 2, 3.

    Attributes:
        page_as: Name of the parameter.
        first: The first page's number.
        last_at: Where an answer has the last page's number; None when it does not.
    """

    style: Literal["page"]
    page_as: str = "page"
    first: ExactNumber = Field(default=1, ge=0, le=1)
    last_at: Expression | None = None


class OffsetPages(_Pages):
    """So many rows further each time.

    Attributes:
        offset_as: Name of the parameter.
    """

    style: Literal["offset"]
    offset_as: str = "offset"


class CursorPages(_Pages):
    """The answer has a token for the next piece.

    Attributes:
        cursor_as: Name of the parameter; in a body a path.
        next_at: Where an answer has the token; None when ``next_header`` has it.
        next_header: Or in which header.
    """

    style: Literal["cursor"]
    cursor_as: str
    next_at: Expression | None = None
    next_header: HeaderName | None = None
    stop: Literal["total", "more", "short_page", "empty_page", "no_next"] = "no_next"

    @model_validator(mode="after")
    def _next_is_somewhere(self) -> Self:
        if (self.next_at is None) == (self.next_header is None):
            message = "give next_at or next_header, one of them"
            raise ValueError(message)
        return self


class KeysetPages(_Pages):
    """The last row's own value is where the next piece begins.

    Attributes:
        after_as: Name of the parameter; in a body a path.
        row_key: Which value of the last row, a JMESPath into the row.
    """

    style: Literal["keyset"]
    after_as: str
    row_key: Expression = "id"


class LinkHeaderPages(_Pages):
    """``Link: <...>; rel="next"``. Only addresses of the same origin are followed.

    Attributes:
        relation: Which link.
        header: In which header.
    """

    style: Literal["link_header"]
    relation: str = "next"
    header: HeaderName = "Link"
    stop: Literal["total", "more", "short_page", "empty_page", "no_next"] = "no_next"


class NextUrlPages(_Pages):
    """The answer has the next piece's address. Only addresses of the same origin are followed.

    Attributes:
        next_at: Where in the body; None when ``next_header`` has it.
        next_header: Or in which header.
    """

    style: Literal["next_url"]
    next_at: Expression | None = None
    next_header: HeaderName | None = None
    stop: Literal["total", "more", "short_page", "empty_page", "no_next"] = "no_next"

    @model_validator(mode="after")
    def _next_is_somewhere(self) -> Self:
        if (self.next_at is None) == (self.next_header is None):
            message = "give next_at or next_header, one of them"
            raise ValueError(message)
        return self


class HeaderPages(_Pages):
    """The page is asked for in one header whose text says it all.

    Attributes:
        header: Which.
        spelt: Its text; ``{step.page}``, ``{step.offset}`` and ``{step.size}`` stand in it.
        first: The first page's number.
    """

    style: Literal["header"]
    header: HeaderName
    spelt: Template
    first: ExactNumber = Field(default=1, ge=0, le=1)


class StoredSetPages(_Pages):
    """A first call builds a set on the server; pages of that set are then asked for.

    Attributes:
        set_at: Where the first answer has the set's name; None when the server keeps one set per login.
        set_as: Name of the parameter that carries it back.
        page_as: Name of the parameter for the page.
        build_page: The page number that builds the set.
        first: The first page of rows.
    """

    style: Literal["stored_set"]
    set_at: Expression | None = None
    set_as: str | None = None
    page_as: str = "page"
    build_page: ExactNumber = Field(default=0, ge=0)
    first: ExactNumber = Field(default=1, ge=0)


Pagination = Annotated[
    NumberedPages
    | OffsetPages
    | CursorPages
    | KeysetPages
    | LinkHeaderPages
    | NextUrlPages
    | HeaderPages
    | StoredSetPages,
    Field(discriminator="style"),
]
"""How lists are asked for in pieces, told apart by ``style``."""


class FilterTemplate(Section):
    """A filter that is one JSON text, as some back offices take it in a header or in one query field.

    Attributes:
        name: Of the header or query field.
        json_text: The structure; ``{read.since}`` stands in it.
    """

    name: str
    json_text: Structure


class Since(Section):
    """How to ask only for what changed.

    Attributes:
        carried: Which part of the request carries it.
        name: Of the parameter; in a body a path.
        filter: Or one JSON text; then ``name`` is left out.
        spelt_as: The codec of the instant that is sent.
        bound: Whether rows of exactly that instant are among the answer; where they are not, there is an overlap.
        row_changed_at: Where a row has the instant of its last change.
        row_codec: The codec of that.
        server_date: The watermark is the server's ``Date`` header at the first page instead of the newest row's.
        overlap: How much earlier than the watermark to ask: late commits and equal instants.
        deleted_when: When a row is a deleted one. None where the vendor does not show them: then only a reading of
            everything finds what is gone (``pmsbridge sync --full``).
    """

    carried: Where = "query"
    name: str | None = None
    filter: FilterTemplate | None = None
    spelt_as: Word = "instant"
    bound: Literal["inclusive", "exclusive"] = "inclusive"
    row_changed_at: Path | None = None
    row_codec: Word = "instant"
    server_date: bool = False
    overlap: Span = timedelta(minutes=5)
    deleted_when: Condition | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.name is None) == (self.filter is None):
            message = "give name or filter, one of them"
            raise ValueError(message)
        if not self.server_date and self.row_changed_at is None:
            message = "give row_changed_at, or server_date: true, or nothing is there to go on from"
            raise ValueError(message)
        if self.bound == "exclusive" and not self.overlap:
            what = "bound: exclusive without an overlap skips what changed at the very instant of the mark"
            message = f"{what}; leave overlap out, or give one such as 1m"
            raise ValueError(message)
        return self
