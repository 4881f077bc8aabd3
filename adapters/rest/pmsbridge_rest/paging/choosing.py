"""The paginator a mapping declares, made for a list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.pagination import (
    CursorPages,
    HeaderPages,
    KeysetPages,
    LinkHeaderPages,
    NextUrlPages,
    NumberedPages,
    OffsetPages,
    Pagination,
    StoredSetPages,
)
from pmsbridge_rest.mapping.templates import Place, parse_template
from pmsbridge_rest.paging.counted import ByNumber, ByOffset, WholeList
from pmsbridge_rest.paging.ends import Ends, Look
from pmsbridge_rest.paging.linked import ByKey, ByLink, ByToken
from pmsbridge_rest.paging.stored import BySet
from pmsbridge_rest.paging.turns import Page, Paginator, Slot, Turn

__all__ = ["ends_of", "paginator_of"]

_WHOLE: Final = WholeList()


def paginator_of(section: Pagination | None, *, base: str, has_keys: bool = True) -> Paginator:  # noqa: PLR0911 - one line per style
    """How pages of a list are asked for.

    Args:
        section: What the mapping says; None for one answer with everything.
        base: The base address; links must be of its origin.
        has_keys: Rows have ids, so that an overlap of pages shows what shifted.
    """
    if section is None:
        return _WHOLE
    ends = ends_of(section)
    size = Slot(section.carried, section.size_as) if section.size_as else None
    match section:
        case NumberedPages():
            return ByNumber(Slot(section.carried, section.page_as), ends, size, section.first)
        case OffsetPages():
            overlap = 1 if has_keys and section.size > 1 else 0
            return ByOffset(Slot(section.carried, section.offset_as), ends, size, overlap)
        case CursorPages():
            return ByToken(
                Slot(section.carried, section.cursor_as), _look(section.next_at), section.next_header or "", ends, size
            )
        case KeysetPages():
            return ByKey(Slot(section.carried, section.after_as), partial(search, section.row_key), ends, size)
        case LinkHeaderPages():
            return ByLink(base, None, section.header, section.relation, _first(size, section.size))
        case NextUrlPages():
            return ByLink(base, _look(section.next_at), section.next_header or "", "", _first(size, section.size))
        case HeaderPages():
            return InHeader(section.header, section.spelt, ends, section.size, section.first)
        case StoredSetPages():
            page = Slot(section.carried, section.page_as)
            name = Slot(section.carried, section.set_as) if section.set_as else None
            return BySet(page, ends, _look(section.set_at), name, size, section.build_page, section.first)


def ends_of(section: Pagination) -> Ends:
    """When a list is over: the declared rule, and, of numbered pages, the last one's number."""
    stop = section.stop
    last_at = section.last_at if isinstance(section, NumberedPages) else None
    return Ends(
        total=_look(section.total_at),
        total_header=section.total_header or "",
        pages=_look(last_at),
        more=_look(section.more_at),
        short_page=stop == "short_page",
        size=section.size,
    )


def _look(expression: str | None) -> Look | None:
    return None if expression is None else partial(search, expression)


def _first(size: Slot | None, rows: int) -> Turn:
    return Turn() if size is None else size.put(Turn(), rows)


@dataclass(frozen=True, slots=True)
class InHeader:
    """The page is asked for in one header whose text says it all.

    Attributes:
        header: Which.
        spelt: Its text, with places ``step.page``, ``step.offset`` and ``step.size``.
        ends: When it is over.
        size: Rows of a page.
        begins_at: The first page's number.
    """

    header: str
    spelt: str
    ends: Ends
    size: int
    begins_at: int = 1
    may_resume: bool = False

    def first(self, position: str = "") -> Turn:  # noqa: ARG002 - numbers shift; a reading starts anew
        """The first page."""
        return self._turn(self.begins_at)

    def following(self, turn: Turn, page: Page) -> Turn | None:
        """The next number."""
        return None if self.ends.is_last(page) else self._turn(int(turn.position) + 1)

    def _turn(self, number: int) -> Turn:
        values = {"page": number, "offset": (number - self.begins_at) * self.size, "size": self.size}
        text = "".join(one if isinstance(one, str) else _value(one, values) for one in parse_template(self.spelt))
        return Turn(position=str(number), headers={self.header: text})


def _value(place: Place, values: dict[str, int]) -> str:
    name = place.path.partition(".")[2]
    if place.root != "step" or name not in values:
        message = f"{{{place.path}}} has no value in a page's header; step.page, step.offset and step.size do"
        raise ConfigurationError(message, code="bad_place")
    return str(values[name])
