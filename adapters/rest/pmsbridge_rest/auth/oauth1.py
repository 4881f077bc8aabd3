"""OAuth 1.0 with one leg (RFC 5849): key and secret sign every request; there is no token.

What is signed: the method, the address without its query, and every name and value of query, form and protocol,
percent-encoded and sorted. What follows from it: nothing may rewrite the address between here and the wire.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as randomness
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.address import with_query
from pmsbridge_rest.auth.scheme import Signed, with_header
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.mapping.auth import OAuth1Auth

__all__ = ["OneLegged", "base_string"]

_PORTS: Final = {"http": 80, "https": 443}
_FORM: Final = "application/x-www-form-urlencoded"
_HASHES: Final = {"hmac_sha1": hashlib.sha1, "hmac_sha256": hashlib.sha256}
_NAMES: Final = {"hmac_sha1": "HMAC-SHA1", "hmac_sha256": "HMAC-SHA256"}


def _nonce() -> str:
    return randomness.token_hex(16)


class OneLegged:
    """Signs with key and secret.

    Args:
        section: What the mapping says.
        words: Looks key and secret up.
        clock: Wall clock, aware UTC; the back office refuses what is minutes off.
        nonce: Makes a text never used before.
    """

    def __init__(
        self, section: OAuth1Auth, words: Words, *, clock: Callable[[], datetime], nonce: Callable[[], str] = _nonce
    ) -> None:
        self._section = section
        self._words = words
        self._clock = clock
        self._nonce = nonce

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With the protocol's words in a header or in the query."""
        protocol = {
            "oauth_consumer_key": self._words.secret(self._section.consumer_key),
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": _NAMES[self._section.signature],
            "oauth_timestamp": str(int(self._clock().timestamp())),
            "oauth_version": "1.0",
        }
        protocol["oauth_signature"] = self._signature(base_string(request, protocol))
        if self._section.send_in == "query":
            return Signed(replace(request, url=with_query(request.url, protocol.items())))
        realm = self._section.realm
        shown = {"realm": realm, **protocol} if realm else protocol
        words = ", ".join(f'{_encoded(name)}="{_encoded(value)}"' for name, value in shown.items())
        return Signed(with_header(request, "Authorization", f"OAuth {words}"))

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never: the same key and secret sign again."""
        return False

    def _signature(self, base: str) -> str:
        key = f"{_encoded(self._words.secret(self._section.consumer_secret))}&".encode("ascii")
        digest = hmac.new(key, base.encode("ascii"), _HASHES[self._section.signature]).digest()
        return base64.b64encode(digest).decode("ascii")


def base_string(request: HttpRequest, protocol: dict[str, str]) -> str:
    """What is signed; section 3.4.1 of the standard."""
    parts = urlsplit(request.url)
    scheme, port = parts.scheme.lower(), parts.port
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    where = f"{host}:{port}" if port and port != _PORTS.get(scheme) else host
    uri = f"{scheme}://{where}{parts.path or '/'}"
    named = [*parse_qsl(parts.query, keep_blank_values=True), *_form(request), *protocol.items()]
    return "&".join((request.method.upper(), _encoded(uri), _encoded(_normalised(named))))


def _form(request: HttpRequest) -> Iterable[tuple[str, str]]:
    """A form is signed with the query; any other body is not signed at all."""
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if kind.partition(";")[0].strip().lower() != _FORM or not isinstance(request.body, bytes):
        return ()
    return parse_qsl(request.body.decode("ascii"), keep_blank_values=True)


def _normalised(named: Iterable[tuple[str, str]]) -> str:
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in named)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
