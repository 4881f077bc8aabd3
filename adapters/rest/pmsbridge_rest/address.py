"""Addresses: joined, written out and compared. Credentials only ever go to the origin they are for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

from pmsbridge.errors import ConfigurationError

__all__ = ["checked_base", "joined", "origin_of", "query_text", "with_query", "without_query"]

_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute address, as browsers compare them.

    Raises:
        ValueError: It is no absolute http or https address, or carries user information.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        message = "not an absolute http or https address without user information"
        raise ValueError(message)
    return parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme]


def checked_base(url: str) -> str:
    """A base address that may be sent credentials: https, or http on loopback; no query, no fragment.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        scheme, host, _ = origin_of(url)
        is_good = (scheme == "https" or host in _LOOPBACK) and not urlsplit(url).query and "#" not in url
    except ValueError:
        is_good = False
    if not is_good:
        message = "a base address must be https, without user, query and fragment (http is allowed on loopback only)"
        raise ConfigurationError(message, code="bad_base_address")
    return url.rstrip("/")


def joined(base: str, path: str) -> str:
    """The address of a path below a base; the path is already percent-encoded and cannot climb out.

    Raises:
        ConfigurationError: The path holds a query, a fragment, a dot segment, a backslash, or a sign that is not
            percent-encoded.
    """
    segments = path.split("/")
    is_plain = path.isascii() and path.isprintable() and not set(path) & set('?#\\ "<>^`{|}')
    if not is_plain or any(segment.lower().replace("%2e", ".") in {".", ".."} for segment in segments):
        message = "a path must be percent-encoded, without query, fragment and dot segments"
        raise ConfigurationError(message, code="bad_path")
    return f"{base}/{path.lstrip('/')}" if path else base


def query_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values as a query; only unreserved signs stand as they are, so nobody writes it differently."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def with_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The address with further names in its query."""
    text = query_text(pairs)
    if not text:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}{text}"


def without_query(url: str, names: Collection[str]) -> str:
    """The address without these names in its query; the others stay as they are written."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if unquote_plus(pair.partition("=")[0]) not in names]
    return urlunsplit(parts._replace(query="&".join(kept)))
