"""Signatures of the Standard Webhooks specification: who sent a message, when, and that nobody changed it.

Three headers travel with a message: ``webhook-id`` (the same at every attempt), ``webhook-timestamp`` (of the attempt,
whole seconds since 1970) and ``webhook-signature``: ``v1,`` and the base64 of an HMAC-SHA256 over
``id.timestamp.body``; several, with a space between, while a secret is changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from pmsbridge.errors import ConfigurationError, InputError

__all__ = ["ID_HEADER", "SIGNATURE_HEADER", "TIME_HEADER", "TOLERANCE", "SigningKey", "new_secret", "sign", "verify"]

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of sender and receiver may be apart, in both directions."""

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_SHORTEST, _LONGEST = 24, 64
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES: Final = 32


class SigningKey:
    """A secret of an endpoint, ready to sign; it shows itself nowhere and cannot be pickled."""

    __slots__ = ("_key",)

    def __init__(self, secret: str) -> None:
        """Read ``whsec_`` and base64, padded or not.

        Raises:
            ConfigurationError: It has another form, or is shorter than 24 or longer than 64 bytes. The message repeats
                nothing of it.
        """
        self._key = _key_bytes(secret)

    def __repr__(self) -> str:
        return "<SigningKey>"

    def __reduce__(self) -> NoReturn:
        message = "a signing key cannot be pickled"
        raise TypeError(message)

    def digest(self, message_id: str, seconds: str, body: bytes) -> bytes:
        """What is signed with: HMAC-SHA256 over ``id.timestamp.body``."""
        return hmac.new(self._key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()


def new_secret() -> str:
    """A fresh secret of 32 random bytes, ``whsec_...``: for a file or a variable that the settings refer to."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _key_bytes(secret: str) -> bytes:
    text = secret.strip()
    key = b""
    if text.startswith(_PREFIX):
        bare = text.removeprefix(_PREFIX).rstrip("=")
        try:
            key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except (ValueError, binascii.Error):
            key = b""
    if not _SHORTEST <= len(key) <= _LONGEST:
        message = f"a webhook's secret is whsec_ and the base64 of {_SHORTEST} to {_LONGEST} bytes"
        raise ConfigurationError(message, code="webhook_secret")
    return key


def sign(keys: Sequence[SigningKey], message_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of one attempt.

    Args:
        keys: One, or several while a secret is changed: the newest first.
        message_id: The same at every attempt; receivers know a repetition by it. Without a full stop.
        sent_at: The instant of this attempt, aware.
        body: The bytes as they are posted.
    """
    seconds = str(int(sent_at.timestamp()))
    signed = (base64.b64encode(key.digest(message_id, seconds, body)).decode() for key in keys)
    return {
        ID_HEADER: message_id, TIME_HEADER: seconds,
        SIGNATURE_HEADER: " ".join(f"{_VERSION},{signature}" for signature in signed),
    }  # fmt: skip


def verify(
    keys: Sequence[SigningKey],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime | None = None,
    tolerance: timedelta = TOLERANCE,
) -> str:
    """The id of a message that is genuine; for receivers written in Python.

    Args:
        keys: Secrets that are accepted.
        headers: Of the request; names in any case.
        body: The bytes as they came, before anything parsed them.
        now: The instant; None for this machine's clock.
        tolerance: How far the sender's clock may be away, in both directions.

    Raises:
        InputError: A header is missing or no number, the message is too old or from the future, or no signature fits:
            ``code`` is "webhook_headers", "webhook_time" or "webhook_signature". Answer 401 and do nothing.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, seconds = given.get(ID_HEADER, ""), given.get(TIME_HEADER, "")
    passed = given.get(SIGNATURE_HEADER, "")
    if not (message_id and passed and _SECONDS.fullmatch(seconds)):
        raise InputError("headers", "are not those of a webhook", code="webhook_headers")
    if abs((now or datetime.now(UTC)).timestamp() - int(seconds)) > tolerance.total_seconds():
        raise InputError(TIME_HEADER, "is too old or in the future", code="webhook_time")
    if not _is_any_genuine([key.digest(message_id, seconds, body) for key in keys], passed):
        raise InputError(SIGNATURE_HEADER, "does not fit", code="webhook_signature")
    return message_id


def _is_any_genuine(expected: Sequence[bytes], passed: str) -> bool:
    """Whether one signature is one of ours; every pair is compared, each in a time that does not depend on where."""
    is_genuine = False
    for signature in passed.split(" ")[:_MOST_SIGNATURES]:
        version, _, text = signature.partition(",")
        found = _decoded(text) if version == _VERSION else b""
        for digest in expected:
            is_genuine |= hmac.compare_digest(digest, found)
    return is_genuine


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
