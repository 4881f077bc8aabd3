"""The parts of a request that stand in what is signed, by the name of their place: ``{step.method}``."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.http import HttpRequest, StreamedBody

__all__ = ["Nonce", "TimeSpelling", "parts_of", "random_nonce", "whole_body"]

Nonce = Callable[[], str]
TimeSpelling = Literal["seconds", "milliseconds", "iso"]


def random_nonce() -> str:
    """A text never used before."""
    return secrets.token_hex(16)


def parts_of(request: HttpRequest, now: datetime, nonce: str, spelling: TimeSpelling = "seconds") -> dict[str, bytes]:
    """The parts of a request at an instant.

    ``method``, ``host``, ``path``, ``path_and_query``, ``query``, ``url``, ``timestamp``, ``nonce``, ``content_type``,
    ``body``, ``body_base64``, ``body_sha256`` and ``body_sha512`` in hexadecimal, ``body_sha256_base64``,
    ``body_md5_base64``. Those of the body are made when they are asked for: one with a file is then read once more.
    """
    address = urlsplit(request.url)
    path = address.path or "/"
    text = {
        "method": request.method.upper(),
        "host": address.netloc,
        "path": path,
        "path_and_query": f"{path}?{address.query}" if address.query else path,
        "query": address.query,
        "url": request.url,
        "timestamp": _spelt(now, spelling),
        "nonce": nonce,
        "content_type": next((v for name, v in request.headers.items() if name.lower() == "content-type"), ""),
    }
    return _Parts(request, {name: value.encode() for name, value in text.items()})


class _Parts(dict[str, bytes]):
    """Parts of a request; those of its body come when they are asked for."""

    def __init__(self, request: HttpRequest, known: Mapping[str, bytes]) -> None:
        super().__init__(known)
        self._request = request

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in _OF_BODY

    def __missing__(self, name: str) -> bytes:
        self[name] = made = _OF_BODY[name](self._request)
        return made


def whole_body(request: HttpRequest) -> bytes:
    """The body's bytes; none where there is no body.

    Raises:
        ConfigurationError: It is streamed: credentials that go over its text cannot be made. Nothing was sent.
    """
    if isinstance(request.body, StreamedBody):
        message = f"{request.subject}: the credentials go over the text of the body, and a file is not read into one"
        raise ConfigurationError(message, code="body_not_whole")
    return request.body or b""


def _digest(request: HttpRequest, name: str) -> bytes:
    made = hashlib.new(name, usedforsecurity=False)
    body = request.body
    for piece in body.source() if isinstance(body, StreamedBody) else (body or b"",):
        made.update(piece)
    return made.digest()


_OF_BODY: Final[Mapping[str, Callable[[HttpRequest], bytes]]] = {
    "body": whole_body,
    "body_base64": lambda request: _base64(whole_body(request)),
    "body_sha256": lambda request: _digest(request, "sha256").hex().encode(),
    "body_sha256_base64": lambda request: _base64(_digest(request, "sha256")),
    "body_sha512": lambda request: _digest(request, "sha512").hex().encode(),
    "body_md5_base64": lambda request: _base64(_digest(request, "md5")),
}


def _base64(content: bytes) -> bytes:
    return base64.b64encode(content)


def _spelt(now: datetime, spelling: TimeSpelling) -> str:
    if spelling == "iso":
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = int(now.timestamp())
    return str(seconds) if spelling == "seconds" else str(seconds * 1000 + now.microsecond // 1000)
