"""How a call says who it comes from. Secrets are named here; their values never stand in a mapping."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from pmsbridge_rest.mapping.connection import TokenAddress
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.sections import ExactNumber, HeaderName, Section, Span, Word
from pmsbridge_rest.mapping.templates import Template

__all__ = [
    "ApiKeyAuth",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "ClientCredentialsAuth",
    "JwtAuth",
    "NoAuth",
    "OAuth1Auth",
    "RefreshTokenAuth",
    "SessionAuth",
    "SignatureAuth",
]


class _Scheme(Section):
    """What every scheme may have beside its own.

    Attributes:
        extra_headers: Headers that go with every call, secrets allowed: ``X-App-Key: "{secret.app_key}"``.
        refused_before: Statuses by which the vendor says that a call was refused before anything was done; only after
            one of these a write is repeated, once, with a new token. A read is repeated anyway.
    """

    extra_headers: dict[HeaderName, Template] = Field(default_factory=dict)
    refused_before: tuple[ExactNumber, ...] = ()


class NoAuth(_Scheme):
    """Nothing is said."""

    scheme: Literal["none"] = "none"


class ApiKeyAuth(_Scheme):
    """Fixed values, each in a header or in the query.

    Attributes:
        in_headers: Header to template: ``X-Client-Id: "{secret.client_id}"``.
        in_query: Query name to template.
    """

    scheme: Literal["api_key"]
    in_headers: dict[HeaderName, Template] = Field(default_factory=dict)
    in_query: dict[str, Template] = Field(default_factory=dict)


class BearerAuth(_Scheme):
    """``Authorization: Bearer`` and a fixed token.

    Attributes:
        token: The secret's name.
        word: What stands before the token.
    """

    scheme: Literal["bearer"]
    token: Word
    word: str = "Bearer"


class BasicAuth(_Scheme):
    """HTTP Basic.

    Attributes:
        user: The user's name; ``{secret.NAME}`` where it is one.
        password: The secret's name; None for an empty password.
    """

    scheme: Literal["basic"]
    user: Template
    password: Word | None = None


class OAuth1Auth(_Scheme):
    """One-legged OAuth 1.0: every call is signed with the consumer's key and secret.

    Attributes:
        consumer_key: The secret's name.
        consumer_secret: The secret's name.
        signature: How it is signed.
        realm: Empty for none.
        send_in: Where the parameters go.
    """

    scheme: Literal["oauth1"]
    consumer_key: Word
    consumer_secret: Word
    signature: Literal["hmac_sha1", "hmac_sha256"] = "hmac_sha1"
    realm: str = ""
    send_in: Literal["header", "query"] = "header"


class _TokenScheme(_Scheme):
    """What schemes share that fetch a token.

    Attributes:
        token_url: Whole address, or a path below the base address.
        token_at: Where the answer has the token.
        expires_at: Where it has the seconds the token lives; None when it does not say.
        lifetime: How long a token lives when the answer does not say.
        renew_before: How long before its end a token is renewed.
        token_headers: Headers of the token's own request.
        word: What stands before the token in ``Authorization``.
    """

    token_url: TokenAddress
    token_at: Expression = "access_token"  # noqa: S105 - where it is, not what it is
    expires_at: Expression | None = "expires_in"
    lifetime: Span = timedelta(minutes=30)
    renew_before: Span = timedelta(seconds=60)
    token_headers: dict[HeaderName, Template] = Field(default_factory=dict)
    word: str = "Bearer"


class ClientCredentialsAuth(_TokenScheme):
    """OAuth 2.0 client credentials.

    Attributes:
        client_id: The secret's name.
        client_secret: The secret's name.
        send_as: The two in the body or as HTTP Basic.
        scopes: What is asked for.
        parameters: Further fields of the token's request ("audience").
    """

    scheme: Literal["oauth2_client_credentials"]
    client_id: Word
    client_secret: Word
    send_as: Literal["body", "basic"] = "basic"
    scopes: tuple[str, ...] = ()
    parameters: dict[str, Template] = Field(default_factory=dict)


class RefreshTokenAuth(_TokenScheme):
    """OAuth 2.0 with a refresh token.

    Attributes:
        refresh_token: The secret's name: the first one.
        refresh_token_at: Where the answer has the next one; None when the first stays good.
        client_id: The secret's name; None when none is sent.
        client_secret: The secret's name; None when none is sent.
        send_as: The client's two in the body or as HTTP Basic.
        parameters: Further fields of the token's request.
    """

    scheme: Literal["oauth2_refresh"]
    refresh_token: Word
    refresh_token_at: Expression | None = "refresh_token"  # noqa: S105 - where it is, not what it is
    client_id: Word | None = None
    client_secret: Word | None = None
    send_as: Literal["body", "basic"] = "body"
    parameters: dict[str, Template] = Field(default_factory=dict)


class Carry(Section):
    """Where a session's token goes: exactly one of header, query field or body field.

    Attributes:
        header: Which header.
        query: Which query field.
        body: Which field of the body.
        spelt: ``{step.token}`` is the token.
    """

    header: HeaderName | None = None
    query: str | None = None
    body: str | None = None
    spelt: Template = "{step.token}"


class SessionAuth(_Scheme):
    """A log-on gives a token that every later call carries.

    Attributes:
        log_on: The log-on's call; secrets may stand in its headers, query and body.
        token_at: Where its answer has the token; ``headers."x-token"`` for a header, in small letters.
        carry: Which header carries it, spelt with ``{step.token}`` ("Token {step.token}"), or which field of the query
            or of the body.
        lifetime: How long a session lives; None when only a refusal tells.
        ended: Statuses that say the session is over; then one log-on and one repetition, of reads, and of writes that
            are refused before anything was done.
    """

    scheme: Literal["session"]
    log_on: Call
    token_at: Expression
    carry: Carry
    lifetime: Span | None = None
    ended: tuple[ExactNumber, ...] = (401,)


class SignatureAuth(_Scheme):
    """Every call carries an HMAC over a declared text.

    Attributes:
        key: The secret's name.
        over: The signed text. Beside the usual places, ``{step.method}``, ``{step.url}``, ``{step.host}``,
            ``{step.path}``, ``{step.query}``, ``{step.path_and_query}``, ``{step.content_type}``, ``{step.body}``,
            ``{step.body_base64}``, ``{step.body_sha256}``, ``{step.body_sha512}`` (hexadecimal),
            ``{step.body_sha256_base64}``, ``{step.body_md5_base64}``, ``{step.timestamp}`` and ``{step.nonce}``.
        algorithm: The hash.
        encoding: How the signature is spelt.
        send: Headers to send; ``{step.signature}``, ``{step.timestamp}`` and ``{step.nonce}`` stand in them.
        timestamp: How the time is spelt.
    """

    scheme: Literal["signature"]
    key: Word
    over: Template
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    send: dict[HeaderName, Template] = Field(min_length=1)
    timestamp: Literal["seconds", "milliseconds", "iso"] = "seconds"


class JwtAuth(_Scheme):
    """Every call carries a token signed for it alone.

    Attributes:
        key: The secret's name: a shared secret, or a private key in PEM.
        algorithm: How it is signed.
        key_id: ``kid`` of the token's head; empty for none.
        claims: Further claims; the places of ``SignatureAuth.over`` stand in them.
        digest_over: The text whose SHA-256, base64url, is put into the claim ``digest_claim``; empty for none.
        digest_claim: Which claim; with a colon after what it begins with.
        lifetime: How long it is good.
        word: What stands before the token in ``Authorization``.
    """

    scheme: Literal["jwt"]
    key: Word
    algorithm: Literal["HS256", "RS256", "ES256"]
    key_id: Template = ""
    claims: dict[str, Template] = Field(default_factory=dict)
    digest_over: Template = ""
    digest_claim: str = "jti"
    lifetime: Span = timedelta(minutes=5)
    word: str = "Bearer"


Auth = Annotated[
    NoAuth
    | ApiKeyAuth
    | BearerAuth
    | BasicAuth
    | OAuth1Auth
    | ClientCredentialsAuth
    | RefreshTokenAuth
    | SessionAuth
    | SignatureAuth
    | JwtAuth,
    Field(discriminator="scheme"),
]
"""How a call says who it comes from, told apart by ``scheme``."""
