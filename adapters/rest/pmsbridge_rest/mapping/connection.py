"""Who the vendor is, how sure the mapping is of itself, and where and how the back office is reached."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from pmsbridge_rest.mapping.requests import Reading, below_the_base
from pmsbridge_rest.mapping.sections import ExactNumber, HeaderName, Section, ShortForm, Span, Word
from pmsbridge_rest.mapping.templates import Place, Template, parse_template

__all__ = [
    "Address",
    "Caps",
    "Connection",
    "Contract",
    "Evidence",
    "Option",
    "Secret",
    "Timeouts",
    "TokenAddress",
    "Vendor",
]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Evidence(StrEnum):
    """What a mapping was made from, the best first."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    OFFICIAL_SPEC = "official_spec"
    VENDOR_DOCS = "vendor_docs"
    THIRD_PARTY_SPEC = "third_party_spec"
    GUESS = "guess"


class Vendor(Section):
    """Whose back office this is.

    Attributes:
        name: The system's short name, as accounts name it in their settings.
        title: For people.
        api_version: The vendor's own version of what is mapped; empty when it has none.
        evidence: What the mapping was made from. A guess takes no money in production.
        source: Where the evidence is: a document's name and date, for a reader.
    """

    name: Word
    title: str = Field(min_length=1, max_length=80)
    api_version: str = ""
    evidence: Evidence
    source: str = Field(min_length=1, max_length=400)


class Contract(Section):
    """The vendor's own description, to test what is built against; never read at run time.

    Attributes:
        openapi: An OpenAPI document, relative to the mapping file.
        examples: A file of the vendor's example requests and answers, relative to the mapping file.
        accept: Keys that the mapping sends although the description does not name them, with the reason. A name stands
            for that key anywhere, a dotted path ("where.customerId") for the one that is there in a body.
    """

    openapi: str = ""
    examples: str = ""
    accept: dict[str, str] = Field(default_factory=dict)

    def accepts(self, path: str) -> bool:
        """Whether a key is sent although the description does not name it; ``path`` is its dotted one in the body."""
        return path in self.accept or path.rpartition(".")[2] in self.accept


class Option(ShortForm):
    """Something that differs between accounts and is no secret (a host name, a company number).

    Attributes:
        about: For the person who sets it.
        default: None for an option that must be set.
        pattern: What it looks like, a regular expression that matches all of it.
        per_facility: Every facility has its own.
    """

    short = "about"

    about: str = Field(min_length=1, max_length=200)
    default: str | None = None
    pattern: str = Field(default=r"[A-Za-z0-9._-]{1,100}", max_length=200)
    per_facility: bool = False


class Secret(ShortForm):
    """A secret of an account; its settings hold a reference (``env:NAME``), the mapping only its name.

    Attributes:
        about: For the person who sets it.
    """

    short = "about"

    about: str = Field(min_length=1, max_length=200)


class Timeouts(Section):
    """How long things may take.

    Attributes:
        connect: Until a connection stands.
        read: Between two arrivals of data.
        live: For one live read, repetitions included.
        write: For one action up to its answer, all of its steps and looks included.
        batch: For one answer of a nightly reading.
    """

    connect: Span = timedelta(seconds=5)
    read: Span = timedelta(seconds=30)
    live: Span = timedelta(seconds=45)
    write: Span = timedelta(seconds=60)
    batch: Span = timedelta(minutes=15)


class Caps(Section):
    """How much an answer may be; more is refused while it arrives.

    Attributes:
        answer_bytes: Of one answer, decoded.
        file_bytes: Of one document that is fetched.
        pages: Of one list.
        url_characters: The longest address; a longer one is refused before it is sent. None for no limit.
    """

    answer_bytes: ExactNumber = Field(default=20_000_000, ge=1_000, le=1_000_000_000)
    file_bytes: ExactNumber = Field(default=25_000_000, ge=1_000, le=1_000_000_000)
    pages: ExactNumber = Field(default=10_000, ge=1, le=1_000_000)
    url_characters: ExactNumber | None = Field(default=None, ge=100, le=100_000)


def _address(text: str) -> str:
    """An https address without a login, a query or a fragment; only its host may have places, of options."""
    pieces = parse_template(text)
    places = [piece for piece in pieces if isinstance(piece, Place)]
    if any(place.root not in {"option", "facility"} for place in places):
        message = "an address has places of option and facility only"
        raise ValueError(message)
    plain = "".join("x" if isinstance(piece, Place) else piece for piece in pieces)
    parts = urlsplit(plain)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        message = "an address begins with https://"
        raise ValueError(message)
    if not parts.hostname or parts.username or parts.query or parts.fragment or re.search(r"\s", plain):
        message = "an address is a host and a path: no login, no query, no fragment"
        raise ValueError(message)
    return text


def _token_address(text: str) -> str:
    if text.startswith("/"):
        return below_the_base(text)
    return _address(text)


TokenAddress = Annotated[Template, StringConstraints(min_length=1), AfterValidator(_token_address)]
"""A whole address, or a path below the base address."""

Address = Annotated[Template, StringConstraints(min_length=8), AfterValidator(_address)]
"""Where the back office is; ``{option.company}`` and ``{facility.code}`` may stand in it."""


class Connection(Section):
    """Where the back office is and what it bears.

    Attributes:
        base_url: What every path is put behind. Followed links stay on its host.
        options: What differs between accounts, by name: ``{option.NAME}``.
        secrets: What is secret, by name; used in ``auth`` and ``webhooks`` only.
        headers: Sent with every call.
        timeouts: How long things may take.
        caps: How much an answer may be.
        settle_window: The longest late commit plus the lag of reading back: how long an unknown outcome waits before
            it is looked for.
        lane: What must be served one after the other: all writes of the account, of a facility, or of a tenant.
        check: A read that shows whether the login works; changes nothing.
    """

    base_url: Address
    options: dict[Word, Option] = Field(default_factory=dict)
    secrets: dict[Word, Secret] = Field(default_factory=dict)
    headers: dict[HeaderName, Template] = Field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    caps: Caps = Caps()
    settle_window: Span = timedelta(minutes=2)
    lane: Literal["account", "facility", "tenant"] = "facility"
    check: Reading | None = None
