"""Webhooks of the vendor: how one is known to be genuine, and what it says that changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.sections import HeaderName, Section, Span, Word

__all__ = ["HookEvent", "HookProof", "JwtProof", "SecretPath", "SharedToken", "Signature", "Webhooks"]


class Signature(Section):
    """An HMAC over the body.

    Attributes:
        key: The secret's name.
        header: Which header has it. With ``parts``, that header holds ``t=...,v1=...``.
        algorithm: The hash.
        encoding: How the signature is spelt.
        prefix: What stands before the signature in the header ("sha256=").
        over: ``body``: the bytes as they came; ``timestamp.body``: the timestamp, a dot and the body.
        compact_body: The body is written anew without blanks before it is signed.
        timestamp_header: Which header has the time; None with ``parts`` or when there is none.
        parts: The header holds several parts; the names of the time's and of the signature's.
        tolerance: How old a message may be. Needs a timestamp.
    """

    proof: Literal["hmac"]
    key: Word
    header: HeaderName
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    over: Literal["body", "timestamp.body"] = "body"
    compact_body: bool = False
    timestamp_header: HeaderName | None = None
    parts: tuple[str, str] | None = None
    tolerance: Span = timedelta(minutes=5)


class SharedToken(Section):
    """A fixed text in a header.

    Attributes:
        key: The secret's name.
        header: Which header has it.
        prefix: What stands before it in the header ("Bearer ").
    """

    proof: Literal["token"]
    key: Word
    header: HeaderName
    prefix: str = ""


class JwtProof(Section):
    """A signed token in a header.

    Attributes:
        key: The secret's name: a shared secret, or a public key in PEM.
        header: Which header has it.
        algorithm: How it is signed.
        body_claim: Which claim holds the body; None when the token only says who sends.
    """

    proof: Literal["jwt"]
    key: Word
    header: HeaderName
    algorithm: Literal["HS256", "RS256", "ES256"]
    body_claim: str | None = None


class SecretPath(Section):
    """The vendor signs nothing; the address itself holds the secret, and everything said is read again.

    Attributes:
        key: The secret's name.
    """

    proof: Literal["secret_path"]
    key: Word


HookProof = Annotated[Signature | SharedToken | JwtProof | SecretPath, Field(discriminator="proof")]
"""How a webhook is known to be genuine."""


class HookEvent(Section):
    """What a message says that changed. Its content is never believed: the record is read again.

    Attributes:
        entity: Which noun.
        id_at: Where its id is; None when only the tenant or rental is told.
        tenant_at: Where the tenant's id is.
        facility_at: Where the facility's code is; None when there is one address per facility.
    """

    entity: Word
    id_at: Expression | None = None
    tenant_at: Expression | None = None
    facility_at: Expression | None = None


class Webhooks(Section):
    """What the vendor sends by itself: described, and held against the format; nothing listens to it yet.

    Attributes:
        verify: How a message is known to be genuine.
        id_at: Where the message's own number is, by which a second delivery is known; None when it has none.
        id_header: Or in which header.
        type_at: Where the event's name is.
        events: By the vendor's event name; others are answered and forgotten.
    """

    verify: HookProof
    id_at: Expression | None = None
    id_header: HeaderName | None = None
    type_at: Expression
    events: dict[str, HookEvent] = Field(min_length=1)
