"""What may stand in ``[[webhooks]]``: addresses and event types."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from pmsbridge.ports.messages import MESSAGE_TYPES

__all__ = ["checked_address", "checked_type", "fits", "is_loopback_name"]

_ROOTS: Final = frozenset(name.partition(".")[0] for name in MESSAGE_TYPES)


def checked_address(url: str, *, allow_private: bool) -> str:
    """An address that messages may be posted to.

    Raises:
        ValueError: It is none: no address of the web, user information in it, or plain http beyond this machine.
    """
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        is_web, parts = False, urlsplit("")
    if not is_web or "@" in parts.netloc or any(not ("!" <= sign <= "~") for sign in url):
        message = "not an address such as https://hooks.example.com/pmsbridge, without user and password"
        raise ValueError(message)
    if parts.scheme == "http" and not (allow_private and is_loopback_name(parts.hostname or "")):
        message = "must be https; plain http is for this machine alone, with allow_private = true"
        raise ValueError(message)
    return url


def is_loopback_name(host: str) -> bool:
    """Whether a host is said to be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def checked_type(pattern: str) -> str:
    """A message type, ``tenant.*``, or ``*``.

    Raises:
        ValueError: No message has such a type, so it would wait for ever.
    """
    root, dot, rest = pattern.partition(".")
    if pattern == "*" or pattern in MESSAGE_TYPES or (dot and rest == "*" and root in _ROOTS):
        return pattern
    close = difflib.get_close_matches(
        pattern, [*MESSAGE_TYPES, *(f"{name}.*" for name in _ROOTS), "*"], n=1, cutoff=0.5
    )
    message = (
        f"no such type of message; {f'did you mean {close[0]}?' if close else 'write tenant.changed, tenant.* or *'}"
    )
    raise ValueError(message)


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a message type is asked for."""
    asked = {"*", name, f"{name.partition('.')[0]}.*"}
    return any(pattern in asked for pattern in patterns)
