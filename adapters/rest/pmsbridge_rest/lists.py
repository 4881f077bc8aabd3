"""Reading rows: one answer or many pages, the envelope off, only those that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from pmsbridge.errors import ConfigurationError, RejectedError, UnavailableError
from pmsbridge.ports.calls import Priority
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.connection import Connection, asked
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.paths import write_at
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.matching import row_fits
from pmsbridge_rest.one_look import asked_once
from pmsbridge_rest.paging.choosing import ends_of, paginator_of
from pmsbridge_rest.paging.turns import Page, Turn
from pmsbridge_rest.paging.walk import Walk, WalkRules
from pmsbridge_rest.wire.asking import NO_BODY, Ask, Came
from pmsbridge_rest.wire.channel import Channel

__all__ = ["Listing", "Rows"]

Added = Mapping[str, str]


@dataclass(slots=True)
class Rows:
    """The rows of one page, and where the reading stands after it.

    Attributes:
        rows: Those that the read asks for.
        position: Where the reading goes on; None when it cannot, or after the last page.
        walk: What the whole reading has proven so far.
        came: The answer itself.
        is_missing: There is nothing of the kind that was asked for.
    """

    rows: list[Any]
    position: str | None
    walk: Walk
    came: Came
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One read, ready to be asked.

    Attributes:
        connection: The account.
        facility: Of which facility.
        reading: What is asked.
        filler: Fills its places.
        operation: For logs and errors.
        priority: Who goes first.
        key: Reads a row's id; None when rows have none.
        query: Further names in the query, such as since when.
        headers: Further headers.
        body: Further fields of the document, by path.
    """

    connection: Connection
    facility: str
    reading: Reading
    filler: Filler
    operation: str
    priority: Priority = Priority.INTERACTIVE
    key: Callable[[Any], str] | None = None
    query: Added = field(default_factory=dict)
    headers: Added = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def all(self, deadline: Deadline) -> list[Any]:
        """Every row."""
        return [row for page in self.pages(deadline=lambda: deadline) for row in page.rows]

    def pages(self, *, deadline: Callable[[], Deadline], position: str = "") -> Iterator[Rows]:
        """Every page.

        Args:
            deadline: Makes the end of each answer.
            position: Where an earlier reading stopped; empty for the beginning.

        Raises:
            NotFoundError: The back office says that there is no such thing, and the read does not take that for
                nothing.
            ConfigurationError: A person must act.
            RejectedError: It is refused, or cannot be asked.
            UnavailableError: No usable answer, or the list cannot be read to its end.
        """
        ask = self._ask()
        found: dict[int, tuple[Came, bool]] = {}
        channel = self.connection.channel(self.facility)

        def page(turn: Turn) -> Page:
            asked_for = _with_turn(ask, turn)
            missing = self.reading.missing
            verdict, came = asked_once(channel, asked_for, missing, lambda: channel.read(
                asked_for, deadline=deadline(), priority=self.priority, missing=missing
            ))  # fmt: skip
            found[0] = (came, verdict.is_missing)
            is_nothing = verdict.is_missing or came.status == HTTPStatus.NO_CONTENT
            rows = [] if is_nothing else self._rows(verdict.data)
            return Page(rows, came.document, came.headers, came.url, is_nothing=is_nothing)

        walk = self._walk(channel, page)
        for one, following in walk.read(position):
            came, is_missing = found[0]
            goes_on = following.position if following is not None and self._may_resume(channel) else None
            yield Rows([row for row in one.rows if self._fits(row)], goes_on, walk, came, is_missing)

    def _ask(self) -> Ask:
        ask = asked(self.reading, self.filler, self.operation, is_write=False)
        section = self._section()
        added = {**(section.sort if section is not None else {}), **self.query}
        kept = tuple(pair for pair in ask.query if pair[0] not in added)
        ask = replace(ask, query=(*kept, *added.items()), headers={**ask.headers, **self.headers})
        return _with_body(ask, self.body) if self.body else ask

    def _section(self) -> Any:  # noqa: ANN401 - one of the styles
        name = self.reading.paginate
        if name is None:
            return None
        found = self.connection.mapping.pagination.get(name)
        if found is None:
            message = f"pagination.{name}: is missing in the mapping"
            raise ConfigurationError(message, code="not_mapped")
        return found

    def _walk(self, channel: Channel, page: Callable[[Turn], Page]) -> Walk:
        section = self._section()
        caps = self.connection.mapping.connection.caps
        rules = WalkRules(most_pages=caps.pages, key=self.key)
        if section is not None:
            rules = replace(rules, ends=ends_of(section))
        return Walk(paginator_of(section, base=channel.base, has_keys=self.key is not None), page, rules)

    def _may_resume(self, channel: Channel) -> bool:
        return paginator_of(self._section(), base=channel.base, has_keys=self.key is not None).may_resume

    def _rows(self, data: object) -> list[Any]:
        """The rows of an answer; one table stands for a list of one.

        Raises:
            UnavailableError: What is there is neither: an answer without rows does not say that there are none.
        """
        try:
            rows = search(self.reading.rows, data)
        except ValueError:
            rows = None
        if isinstance(rows, dict):
            return [rows]
        if isinstance(rows, list):
            return rows
        problem = f"{self.operation}: the answer has no rows where the mapping says"
        raise UnavailableError(problem, code="no_rows")

    def _fits(self, row: Any) -> bool:  # noqa: ANN401 - one row as answered
        try:
            return row_fits(self.reading.where, row, self.filler)
        except CannotSayError as problem:
            message = f"{self.operation}: {problem}"
            raise RejectedError(message, code="cannot_be_said") from None


def _with_turn(ask: Ask, turn: Turn) -> Ask:
    return ask.at(turn, _with_body(ask, turn.body).document if turn.body else None)


def _with_body(ask: Ask, fields: Mapping[str, Any]) -> Ask:
    """The request with fields of its document set.

    Raises:
        ConfigurationError: Its document is no object.
    """
    document: Any = {} if ask.document is NO_BODY else ask.document
    try:
        for path, value in fields.items():
            document = write_at(document, path, value)
    except ValueError as problem:
        message = f"{ask.operation}: {problem}"
        raise ConfigurationError(message, code="bad_mapping") from None
    return replace(ask, document=document)
