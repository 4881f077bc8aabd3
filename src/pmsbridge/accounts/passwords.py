"""Passwords of a portal's own: kept as salted hashes of a function that costs memory and time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from pmsbridge.model.sealed import WebPassword

__all__ = ["SHORTEST_CHARS", "hashed", "is_right"]

SHORTEST_CHARS: Final = 8
_SCHEME: Final = "scrypt"
_COST: Final = 1 << 14
_BLOCK: Final = 8
_LANES: Final = 5
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_MEMORY_BYTES: Final = 64 * 1024 * 1024


def hashed(password: WebPassword) -> str:
    """What is kept of a password: how it was made, the salt and the hash. It is wiped."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _kept(salt, _stretched(password, salt, _COST, _LANES))


def is_right(password: WebPassword, kept: str) -> bool:
    """Whether a password is the one that was kept; it costs the same where nothing was. The password is wiped."""
    nobodys = _kept(secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))
    _, cost, lanes, salt, wanted = (kept or nobodys).split("$")
    found = _stretched(password, base64.b64decode(salt), int(cost), int(lanes))
    return hmac.compare_digest(found, base64.b64decode(wanted)) and bool(kept)


def _stretched(password: WebPassword, salt: bytes, cost: int, lanes: int) -> bytes:
    with password.open() as parts:
        return hashlib.scrypt(
            parts["password"].encode(), salt=salt, n=cost, r=_BLOCK, p=lanes, maxmem=_MEMORY_BYTES, dklen=_HASH_BYTES
        )


def _kept(salt: bytes, digest: bytes) -> str:
    texts = (base64.b64encode(raw).decode("ascii") for raw in (salt, digest))
    return "$".join((_SCHEME, str(_COST), str(_LANES), *texts))
