"""The scheme a mapping declares, made for an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.http import HttpClient
from pmsbridge_rest.address import checked_base, joined
from pmsbridge_rest.auth.fixed import ApiKey, Basic, Bearer, Nobody
from pmsbridge_rest.auth.hmac_signing import HmacSigning
from pmsbridge_rest.auth.jwt_signing import JwtSigning
from pmsbridge_rest.auth.oauth1 import OneLegged
from pmsbridge_rest.auth.oauth2 import ClientCredentials, TokenAddress
from pmsbridge_rest.auth.rotating import RotatingTokens
from pmsbridge_rest.auth.scheme import Scheme, WithHeaders
from pmsbridge_rest.auth.session_login import SessionLogin
from pmsbridge_rest.auth.vault import FileVault
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.mapping.auth import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    JwtAuth,
    OAuth1Auth,
    RefreshTokenAuth,
    SessionAuth,
    SignatureAuth,
)
from pmsbridge_rest.mapping.requests import Encoding

__all__ = ["Belongings", "scheme_of"]


@dataclass(frozen=True, slots=True)
class Belongings:
    """What an account brings.

    Attributes:
        words: Fills the templates.
        http: Asks for tokens.
        base: The base address.
        encoding: How bodies are spelt.
        clock: Wall clock, aware UTC.
        token_file: Where rotating tokens are kept; None when the account has no such place.
    """

    words: Words
    http: HttpClient
    base: str
    encoding: Encoding
    clock: Callable[[], datetime]
    token_file: Path | None = None


def scheme_of(auth: Auth, account: Belongings) -> Scheme:
    """The scheme; no network yet.

    Raises:
        ConfigurationError: Something it needs is missing.
    """
    scheme = _scheme(auth, account)
    return WithHeaders(scheme, account.words, auth.extra_headers) if auth.extra_headers else scheme


def _scheme(auth: Auth, account: Belongings) -> Scheme:  # noqa: PLR0911 - one line per scheme
    words = account.words
    match auth:
        case ApiKeyAuth():
            return ApiKey(auth, words)
        case BearerAuth():
            return Bearer(auth, words)
        case BasicAuth():
            return Basic(auth, words)
        case OAuth1Auth():
            return OneLegged(auth, words, clock=account.clock)
        case SignatureAuth():
            return HmacSigning(auth, words, clock=account.clock)
        case JwtAuth():
            return JwtSigning(auth, words, clock=account.clock)
        case ClientCredentialsAuth():
            return ClientCredentials(_token_address(auth, account), auth)
        case RefreshTokenAuth():
            return _rotating(auth, account)
        case SessionAuth():
            return SessionLogin(auth, words, http=account.http, base=account.base, encoding=account.encoding)
        case _:
            return Nobody()


def _token_address(auth: ClientCredentialsAuth | RefreshTokenAuth, account: Belongings) -> TokenAddress:
    is_path = auth.token_url.startswith("/")
    url = joined(account.base, auth.token_url) if is_path else checked_base(account.words.text(auth.token_url))
    return TokenAddress(url, auth, account.words, account.http)


def _rotating(auth: RefreshTokenAuth, account: Belongings) -> RotatingTokens:
    if account.token_file is None:
        message = "token_file: is missing. This back office renews its token by itself; say in which file it is kept."
        raise ConfigurationError(message, code="token_file_missing")
    vault = FileVault(account.token_file)
    return RotatingTokens(_token_address(auth, account), auth, vault=vault, clock=account.clock)
