"""Webhooks of the vendor: how one is known to be genuine, and what it says that changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.sections import HeaderName, Section, Span, Word

__all__ = ["BasicProof", "HookEvent", "HookProof", "JwtProof", "SecretPath", "SharedToken", "Signature", "Webhooks"]


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
        timestamp_header: Which header has the time, in seconds or milliseconds since 1970; None with ``parts`` or when
            there is none. A time that is not signed proves nothing and is not looked at.
        parts: The header holds several parts; the names of the time's and of the signature's.
        tolerance: How far the time that is signed may be from ours, in both directions.
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

    @model_validator(mode="after")
    def _time_is_somewhere(self) -> Self:
        if self.over == "timestamp.body" and self.timestamp_header is None and self.parts is None:
            message = "the time is signed with the body, so say where it is: timestamp_header or parts"
            raise ValueError(message)
        return self


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


class BasicProof(Section):
    """A user and a password in the header ``Authorization``, as ``Basic`` has it.

    Attributes:
        key: The secret's name; the secret is ``user:password``.
    """

    proof: Literal["basic"]
    key: Word


class JwtProof(Section):
    """A signed token in a header.

    Attributes:
        key: The secret's name: a shared secret, or a public key in PEM.
        header: Which header has it.
        prefix: What stands before it in the header ("Bearer ").
        algorithm: How it is signed.
        body_claim: Which claim holds the body, which is then read instead of what was posted; None when the token only
            says who sends.
        tolerance: How long after ``exp``, or where there is none after ``iat``, it is still taken.
    """

    proof: Literal["jwt"]
    key: Word
    header: HeaderName
    prefix: str = ""
    algorithm: Literal["HS256", "RS256", "ES256"]
    body_claim: str | None = None
    tolerance: Span = timedelta(minutes=5)


class SecretPath(Section):
    """The vendor signs nothing; the address itself holds the secret, and everything said is read again.

    Attributes:
        key: The secret's name.
    """

    proof: Literal["secret_path"]
    key: Word


HookProof = Annotated[Signature | SharedToken | BasicProof | JwtProof | SecretPath, Field(discriminator="proof")]
"""How a webhook is known to be genuine."""


class HookEvent(Section):
    """What a message says that changed. Its content is never believed: what it is about is read again.

    Attributes:
        entity: Which noun.
        id_at: Where the record's id is; None when only the tenant or rental is told.
        tenant_at: Where the tenant's id is; a tenant's own is ``id_at``.
        rental_at: Where the rental's id is; a rental's own is ``id_at``.
        facility_at: Where the facility's code, or one of its own options, is; None when the message does not say.
        may_be_gone: The record may have been deleted: the whole list is read, for nothing else shows that.
    """

    entity: Word
    id_at: Expression | None = None
    tenant_at: Expression | None = None
    rental_at: Expression | None = None
    facility_at: Expression | None = None
    may_be_gone: bool = False


class Webhooks(Section):
    """What the vendor sends by itself.

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
