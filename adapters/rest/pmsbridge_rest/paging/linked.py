"""Pages that say where the next one is: a token, a link in a header, an address in the answer, the last row's key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.address import origin_of
from pmsbridge_rest.paging.ends import Ends, Look, unusable
from pmsbridge_rest.paging.turns import Page, Slot, Turn

__all__ = ["ByKey", "ByLink", "ByToken", "links_in", "same_origin"]

_LONGEST_TOKEN: Final = 8_000
_LONGEST_HEADER: Final = 32_000
_NO_RULES: Final = Ends()
_FIRST: Final = Turn()


@dataclass(frozen=True, slots=True)
class ByToken:
    """A token in the answer, in its document or in a header, asks for the next page.

    Attributes:
        token: Where it goes.
        found: Where it is in the answer's document; None when it is in a header.
        found_header: Which header; empty when it is in the document.
        ends: Further rules, such as a flag.
        size: Where the number of rows goes; None when it cannot be asked for.
        may_resume: The vendor promises that a token stays good and that nothing shifts under it.
    """

    token: Slot
    found: Look | None = None
    found_header: str = ""
    ends: Ends = _NO_RULES
    size: Slot | None = None
    may_resume: bool = False

    def first(self, position: str = "") -> Turn:
        """Without a token, or with the one at which a reading stopped."""
        return self._turn(position)

    def following(self, turn: Turn, page: Page) -> Turn | None:  # noqa: ARG002 - the port's signature
        """With the answer's token. A null, an empty or no token ends the list; an empty page with one does not."""
        in_header = page.headers.get(self.found_header.lower()) if self.found_header else None
        token = _token(in_header if self.found is None else self.found(page.document))
        if not token or (page.rows and self.ends.is_last(page)):
            return None
        return self._turn(token)

    def _turn(self, token: str) -> Turn:
        turn = Turn(position=token)
        if self.size is not None and self.ends.size is not None:
            turn = self.size.put(turn, self.ends.size)
        return self.token.put(turn, token) if token else turn


def _token(value: object) -> str:
    if value is None or value is False:
        return ""
    text = str(value) if isinstance(value, str | int | Decimal) and value is not True else None
    if text is None or len(text) > _LONGEST_TOKEN:
        raise unusable("what should be the next page's token is none")
    return text


@dataclass(frozen=True, slots=True)
class ByKey:
    """The key of the last row asks for the rows after it. Nothing shifts, whatever comes or goes meanwhile.

    Attributes:
        after: Where the key goes.
        key: Reads it out of a row.
        ends: When it is over; it says how many rows are asked for.
        limit: Where the number of rows goes; None when it cannot be asked for.
    """

    after: Slot
    key: Look
    ends: Ends
    limit: Slot | None = None
    may_resume: bool = True

    def first(self, position: str = "") -> Turn:
        """From the beginning, or after a key."""
        return self._turn(position)

    def following(self, turn: Turn, page: Page) -> Turn | None:
        """After the last row's key."""
        if self.ends.is_last(page):
            return None
        key = _token(self.key(page.rows[-1]))
        if not key:
            raise unusable("the last row of a page has no key")
        is_only_the_bound = key == turn.position and len(page.rows) == 1
        return None if is_only_the_bound else self._turn(key)

    def _turn(self, key: str) -> Turn:
        turn = Turn(position=key)
        if self.limit is not None and self.ends.size is not None:
            turn = self.limit.put(turn, self.ends.size)
        return self.after.put(turn, key) if key else turn


@dataclass(frozen=True, slots=True)
class ByLink:
    """The answer has the next page's address, in its document or in a header.

    Attributes:
        base: Credentials are sent to this origin only.
        found: Where the address is in the document; None for a header.
        header: Which header.
        relation: Which link of a ``Link`` header; empty when the header is nothing but the address.
        first_turn: What the first page is asked with, such as a number of rows.
    """

    base: str
    found: Look | None = None
    header: str = "Link"
    relation: str = "next"
    first_turn: Turn = _FIRST
    may_resume: bool = False

    def first(self, position: str = "") -> Turn:  # noqa: ARG002 - a reading starts anew
        """The list's own address."""
        return self.first_turn

    def following(self, turn: Turn, page: Page) -> Turn | None:  # noqa: ARG002 - the port's signature
        """The linked address, if it is of the same origin."""
        link = self._link(page)
        if not link:
            return None
        url = same_origin(self.base, urljoin(page.url, link))
        return Turn(position=url, url=url)

    def _link(self, page: Page) -> str:
        if self.found is not None:
            return _token(self.found(page.document))
        text = page.headers.get(self.header.lower(), "")
        if not self.relation:
            return _token(text.strip())
        return next((url for relation, url in links_in(text) if relation == self.relation), "")


def links_in(header: str) -> Iterator[tuple[str, str]]:
    """Relation and address of every link of a ``Link`` header, in order."""
    rest = header[:_LONGEST_HEADER]
    while "<" in rest:
        address, _, rest = rest.partition("<")[2].partition(">")
        words, _, _ = rest.partition("<")
        for parameter in words.split(";"):
            name, _, value = parameter.strip(" ,").partition("=")
            if name.strip().lower() == "rel":
                for relation in value.strip(' "').lower().split():
                    yield relation, address.strip()


def same_origin(base: str, url: str) -> str:
    """The address, if it may be asked with our credentials.

    A link to the same host by plain http is followed by https: back offices behind a proxy often do not know better.

    Raises:
        ConfigurationError: It leads to another origin. The address is not repeated.
    """
    try:
        ours, theirs = origin_of(base), origin_of(url)
        parts = urlsplit(url)
    except ValueError:
        ours, theirs, parts = ("", "", 0), ("?", "", 0), urlsplit("")
    if ours[0] == "https" and theirs[0] == "http" and theirs[1] == ours[1] and not parts.port:
        theirs, parts = ours, parts._replace(scheme="https", netloc=urlsplit(base).netloc)
    if ours != theirs:
        message = "the next page's address is of another origin; our credentials are not sent there"
        raise ConfigurationError(message, code="foreign_link")
    return urlunsplit(parts._replace(fragment=""))
