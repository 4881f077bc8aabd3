"""Requests signed by HMAC over a declared text."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.auth.parts import Nonce, parts_of, random_nonce
from pmsbridge_rest.auth.scheme import Signed, with_header
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.mapping.auth import SignatureAuth

__all__ = ["HmacSigning"]

_HASHES: Final = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}


class HmacSigning:
    """Signs every request.

    Args:
        section: What the mapping says.
        words: Fills the templates.
        clock: Wall clock, aware UTC.
        nonce: Makes a text never used before.
    """

    def __init__(
        self, section: SignatureAuth, words: Words, *, clock: Callable[[], datetime], nonce: Nonce = random_nonce
    ) -> None:
        self._section = section
        self._words = words
        self._clock = clock
        self._nonce = nonce

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:  # noqa: ARG002 - the port's signature
        """With every declared header."""
        section = self._section
        parts = parts_of(request, self._clock(), self._nonce(), section.timestamp)
        parts["signature"] = self._signature(self._words.content(section.over, parts))
        for name, template in section.send.items():
            request = with_header(request, name, self._words.text(template, parts))
        return Signed(request)

    def renews(self, refused: Signed) -> bool:  # noqa: ARG002 - the port's signature
        """Never: the same secret signs again."""
        return False

    def _signature(self, text: bytes) -> bytes:
        key = self._words.secret(self._section.key).encode()
        made = hmac.new(key, text, _HASHES[self._section.algorithm])
        is_hex = self._section.encoding == "hex"
        return made.hexdigest().encode() if is_hex else base64.b64encode(made.digest())
