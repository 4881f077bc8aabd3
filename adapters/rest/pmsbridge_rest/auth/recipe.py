"""Recipes: a declared text with places for parts of a request, from which signatures and digests are made."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.http import HttpRequest

__all__ = ["PARTS", "baked", "parts_of"]

_PLACE: Final = re.compile(r"\{([a-z0-9_]+)\}")
PARTS: Final = frozenset({
    "method", "host", "path", "path_and_query", "query", "url", "timestamp", "timestamp_ms", "timestamp_iso", "nonce",
    "content_type", "body", "body_sha256", "body_sha256_base64", "body_sha512", "body_md5_base64", "body_base64",
})  # fmt: skip
"""Every place a recipe may have."""


def parts_of(request: HttpRequest, now: datetime, *, nonce: str | None = None) -> dict[str, bytes]:
    """The parts of a request at an instant, by the name of their place."""
    address, body = urlsplit(request.url), request.body or b""
    path = address.path or "/"
    digest = hashlib.sha256(body)
    text = {
        "method": request.method.upper(),
        "host": address.netloc,
        "path": path,
        "path_and_query": f"{path}?{address.query}" if address.query else path,
        "query": address.query,
        "url": request.url,
        "timestamp": str(int(now.timestamp())),
        "timestamp_ms": str(int(now.timestamp()) * 1000 + now.microsecond // 1000),
        "timestamp_iso": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": nonce or secrets.token_hex(16),
        "content_type": next((v for name, v in request.headers.items() if name.lower() == "content-type"), ""),
        "body_sha256": digest.hexdigest(),
        "body_sha256_base64": base64.b64encode(digest.digest()).decode("ascii"),
        "body_sha512": hashlib.sha512(body).hexdigest(),
        "body_md5_base64": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii"),
        "body_base64": base64.b64encode(body).decode("ascii"),
    }
    return {**{name: value.encode() for name, value in text.items()}, "body": body}


def baked(recipe: str, parts: Mapping[str, bytes]) -> bytes:
    """The recipe with its places filled; a body stands in it byte by byte.

    Raises:
        ConfigurationError: It has a place that there is not.
    """
    done: list[bytes] = []
    at = 0
    for place in _PLACE.finditer(recipe):
        if place[1] not in parts:
            message = f"there is no {{{place[1]}}} in a request; known: {', '.join(sorted(parts))}"
            raise ConfigurationError(message, code="bad_recipe")
        done += [recipe[at : place.start()].encode(), parts[place[1]]]
        at = place.end()
    return b"".join([*done, recipe[at:].encode()])
