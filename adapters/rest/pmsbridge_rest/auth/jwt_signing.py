"""A signed JWT for every single request, bound to it by digests among its claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.auth.recipe import baked, parts_of
from pmsbridge_rest.auth.scheme import Signed, with_header

__all__ = ["JwtRules", "JwtSigning"]

_LONGEST_LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class JwtRules:
    """How one signs.

    Attributes:
        key: Reference of the signing key: text for HS, PEM for RS and ES.
        algorithm: As the standard names it.
        claims: Recipes by claim ("jti": "{nonce}.{body_sha256_base64}"); ``iat`` and ``exp`` are added.
        key_id: Reference of ``kid``; None for none.
        life: From ``iat`` to ``exp``; at most an hour.
        sent_as: Name of the header.
        prefix: Stands before the token.
    """

    key: str
    algorithm: Literal["HS256", "HS384", "HS512", "RS256", "ES256"] = "HS256"
    claims: Mapping[str, str] = field(default_factory=dict)
    key_id: str | None = None
    life: timedelta = timedelta(minutes=1)
    sent_as: str = "Authorization"
    prefix: str = "Bearer "


class JwtSigning:
    """Signs every request with a token of its own.

    Args:
        rules: How.
        secrets: Where references are looked up.
        clock: Wall clock, aware UTC.

    Raises:
        ConfigurationError: The library that signs is not installed.
    """

    def __init__(self, rules: JwtRules, *, secrets: Secrets, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock
        self._library = _jwt()

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With a token made for this request and no other."""
        rules, now = self._rules, self._clock()
        parts = parts_of(request, now)
        claims: dict[str, object] = {name: baked(recipe, parts).decode() for name, recipe in rules.claims.items()}
        issued = int(now.timestamp())
        claims |= {"iat": issued, "exp": issued + int(min(rules.life, _LONGEST_LIFE).total_seconds())}
        return Signed(with_header(request, rules.sent_as, rules.prefix + self._token(claims)))

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never: the same key signs again."""
        return False

    def _token(self, claims: dict[str, object]) -> str:
        """The library's own complaints repeat keys, so none of them is passed on."""
        rules = self._rules
        named = {} if rules.key_id is None else {"kid": self._secrets.get(rules.key_id)}
        key = self._secrets.get(rules.key)
        try:
            return str(self._library.encode(claims, key, algorithm=rules.algorithm, headers=named))
        except Exception:  # noqa: BLE001 - whatever it says, the key is not one for this algorithm
            key = ""
        message = f"the signing key does not fit {rules.algorithm}; nothing was sent"
        raise ConfigurationError(message, code="bad_key")


def _jwt() -> Any:  # noqa: ANN401 - a library that is loaded late
    try:
        import jwt  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        message = "signing requests by JWT needs a library that is not installed: pip install 'pmsbridge[rest]'"
    else:
        return jwt
    raise ConfigurationError(message, code="missing_extra")
