"""Passwords of a portal's own: kept as salted Argon2id hashes, which cost memory and time to guess at."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from pmsbridge.model.sealed import WebPassword

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["SHORTEST_CHARS", "Verdict", "hashed", "judged"]

SHORTEST_CHARS: Final = 8

_PASSES: Final = 3
_MEMORY_KIB: Final = 64 * 1024
_LANES: Final = 4
"""The second option of RFC 9106, above what OWASP asks for at least. How a hash was made is kept with it."""

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a comparison.

    Attributes:
        is_right: The password is the one that was kept.
        renewed: The hash to keep from now on, where the old one was made at other costs than today's; else empty.
    """

    is_right: bool
    renewed: str = ""


def hashed(password: WebPassword) -> str:
    """What is kept of a password: how it was made, the salt and the hash. It is wiped."""
    with password.open() as parts:
        return _stretched(parts["password"])


def judged(password: WebPassword, kept: str) -> Verdict:
    """Whether a password is the one that was kept; it costs the same where nothing was. The password is wiped.

    Args:
        password: As typed.
        kept: As ``hashed`` gave it; empty where there is none.
    """
    # Made once per process, whoever comes first, so that the first unknown name takes no longer than the first known.
    nobodys = _nobodys(_PASSES, _MEMORY_KIB, _LANES)
    with password.open() as parts:
        fits = _fits(kept or nobodys, parts["password"])
        if not fits or not kept:
            return Verdict(is_right=False)
        renewed = _stretched(parts["password"]) if _hasher().check_needs_rehash(kept) else ""
    return Verdict(is_right=True, renewed=renewed)


def _fits(kept: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - see _hasher

    try:
        return _hasher().verify(kept, password)
    except (InvalidHashError, VerificationError):
        return False


def _stretched(password: str) -> str:
    return _hasher().hash(password)


def _hasher() -> PasswordHasher:
    # Loaded on first use: `import pmsbridge` stays quick, and many a portal has no passwords of its own.
    from argon2 import PasswordHasher, Type  # noqa: PLC0415

    return PasswordHasher(
        time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES,
        type=Type.ID,
    )  # fmt: skip


@cache
def _nobodys(passes: int, memory_kib: int, lanes: int) -> str:  # noqa: ARG001 - the costs it was made at
    """A hash of a password that nobody has."""
    return _stretched(secrets.token_urlsafe(_HASH_BYTES))
