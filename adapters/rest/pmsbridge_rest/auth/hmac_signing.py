"""Requests signed by HMAC over a declared text."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from pmsbridge.ports.adapter import Secrets
from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.auth.recipe import baked, parts_of
from pmsbridge_rest.auth.scheme import Signed, with_header

__all__ = ["HmacRules", "HmacSigning"]

_HASHES: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class HmacRules:
    r"""How one signs.

    Attributes:
        secret: Reference of the secret.
        signed: Recipe of what is signed ("{method}\n{path_and_query}\n{timestamp}\n{body_sha256}").
        headers: Recipes by header name, with the further places ``signature`` and ``key``
            ("X-Signature": "{key}:{signature}", "X-Timestamp": "{timestamp}").
        key: Reference of the public part; None when there is none.
        algorithm: The hash.
        written: How the signature is written.
        secret_is_base64: The secret's text stands for bytes.
    """

    secret: str
    signed: str
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    written: Literal["hex", "base64"] = "hex"
    secret_is_base64: bool = False


class HmacSigning:
    """Signs every request.

    Args:
        rules: How.
        secrets: Where references are looked up.
        clock: Wall clock, aware UTC.
        nonce: Makes a text never used before; None for a random one.
    """

    def __init__(
        self,
        rules: HmacRules,
        *,
        secrets: Secrets,
        clock: Callable[[], datetime],
        nonce: Callable[[], str] | None = None,
    ) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock
        self._nonce = nonce

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With every declared header."""
        rules = self._rules
        parts = parts_of(request, self._clock(), nonce=self._nonce() if self._nonce else None)
        parts["key"] = b"" if rules.key is None else self._secrets.get(rules.key).encode()
        parts["signature"] = self._signature(baked(rules.signed, parts))
        for name, recipe in rules.headers.items():
            request = with_header(request, name, baked(recipe, parts).decode())
        return Signed(request)

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never: the same secret signs again."""
        return False

    def _signature(self, text: bytes) -> bytes:
        rules = self._rules
        word = self._secrets.get(rules.secret)
        key = base64.b64decode(word) if rules.secret_is_base64 else word.encode()
        made = hmac.new(key, text, _HASHES[rules.algorithm])
        return made.hexdigest().encode() if rules.written == "hex" else base64.b64encode(made.digest())
