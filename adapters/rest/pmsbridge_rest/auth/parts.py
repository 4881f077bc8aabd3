"""The parts of a request that stand in what is signed, by the name of their place: ``{step.method}``."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from pmsbridge.transport.http import HttpRequest

__all__ = ["Nonce", "TimeSpelling", "parts_of", "random_nonce"]

Nonce = Callable[[], str]
TimeSpelling = Literal["seconds", "milliseconds", "iso"]


def random_nonce() -> str:
    """A text never used before."""
    return secrets.token_hex(16)


def parts_of(request: HttpRequest, now: datetime, nonce: str, spelling: TimeSpelling = "seconds") -> dict[str, bytes]:
    """The parts of a request at an instant.

    ``method``, ``host``, ``path``, ``path_and_query``, ``query``, ``url``, ``timestamp``, ``nonce``, ``content_type``,
    ``body``, ``body_base64``, ``body_sha256`` and ``body_sha512`` in hexadecimal, ``body_sha256_base64``,
    ``body_md5_base64``.
    """
    address, body = urlsplit(request.url), request.body or b""
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
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "body_sha256_base64": _base64(hashlib.sha256(body).digest()),
        "body_sha512": hashlib.sha512(body).hexdigest(),
        "body_md5_base64": _base64(hashlib.md5(body, usedforsecurity=False).digest()),
        "body_base64": _base64(body),
    }
    return {**{name: value.encode() for name, value in text.items()}, "body": body}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _spelt(now: datetime, spelling: TimeSpelling) -> str:
    if spelling == "iso":
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = int(now.timestamp())
    return str(seconds) if spelling == "seconds" else str(seconds * 1000 + now.microsecond // 1000)
