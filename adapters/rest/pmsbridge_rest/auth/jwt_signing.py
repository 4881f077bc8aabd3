"""A signed JWT for every single request, bound to it by a digest among its claims."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.auth.parts import Nonce, parts_of, random_nonce
from pmsbridge_rest.auth.scheme import Signed, with_header
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.mapping.auth import JwtAuth

__all__ = ["JwtSigning", "jwt_library"]

_LONGEST_LIFE: Final = timedelta(hours=1)


class JwtSigning:
    """Signs every request with a token of its own.

    Args:
        section: What the mapping says.
        words: Fills the templates.
        clock: Wall clock, aware UTC.
        nonce: Makes a text never used before.

    Raises:
        ConfigurationError: The library that signs is not installed.
    """

    def __init__(
        self, section: JwtAuth, words: Words, *, clock: Callable[[], datetime], nonce: Nonce = random_nonce
    ) -> None:
        self._section = section
        self._words = words
        self._clock = clock
        self._nonce = nonce
        self._library = jwt_library()

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With a token made for this request and no other."""
        section, now = self._section, self._clock()
        parts = parts_of(request, now, self._nonce())
        claims: dict[str, object] = {name: self._words.text(each, parts) for name, each in section.claims.items()}
        if section.digest_over:
            claim, _, begins_with = section.digest_claim.partition(":")
            claims[claim] = begins_with + _digest(self._words.content(section.digest_over, parts))
        issued = int(now.timestamp())
        claims |= {"iat": issued, "exp": issued + int(min(section.lifetime, _LONGEST_LIFE).total_seconds())}
        return Signed(with_header(request, "Authorization", f"{section.word} {self._token(claims)}".lstrip()))

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never: the same key signs again."""
        return False

    def _token(self, claims: dict[str, object]) -> str:
        """The library's own complaints repeat keys, so none of them is passed on."""
        section = self._section
        head = {"kid": self._words.text(section.key_id)} if section.key_id else {}
        key = self._words.secret(section.key)
        try:
            return str(self._library.encode(claims, key, algorithm=section.algorithm, headers=head))
        except Exception:  # noqa: BLE001 - whatever it says, the key is not one for this algorithm
            key = ""
        message = f"the signing key does not fit {section.algorithm}; nothing was sent"
        raise ConfigurationError(message, code="bad_key")


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode("ascii").rstrip("=")


def jwt_library() -> Any:  # noqa: ANN401 - a library that is loaded late
    """What signs and reads tokens.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import jwt  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        message = "signing requests by JWT needs a library that is not installed: pip install 'pmsbridge[rest]'"
    else:
        return jwt
    raise ConfigurationError(message, code="missing_extra")
