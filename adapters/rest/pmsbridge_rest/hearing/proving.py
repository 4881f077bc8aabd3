"""Whether a message is the vendor's own. Pure: headers and bytes in, what may be read out.

Whatever is wrong with a proof, the same is said of it: who guesses learns nothing from the words, and every secret is
compared with every signature in a time that does not depend on where they differ.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pmsbridge.errors import ConfigurationError, InputError
from pmsbridge_rest.auth.jwt_signing import jwt_library
from pmsbridge_rest.bodies.exact_json import write_json
from pmsbridge_rest.mapping.webhooks import BasicProof, HookProof, JwtProof, SecretPath, SharedToken, Signature

__all__ = ["Genuine", "Given", "compacted", "digest", "proven"]

_NUMBER: Final = re.compile(r"[0-9]{1,16}")
_STRING_OR_BLANKS: Final = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)
_MILLISECONDS: Final = 100_000_000_000
_MOST_SIGNATURES: Final = 16
_LONGEST_HEADER: Final = 20_000


@dataclass(frozen=True, slots=True)
class Given:
    """A message as it came.

    Attributes:
        headers: Of the request, by name in small letters.
        body: The bytes as they came.
        address: The path to which it was posted.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    address: str = field(default="", repr=False)

    def header(self, name: str) -> str:
        """One header, none of which is longer than any proof.

        Raises:
            InputError: It is not there.
        """
        found = self.headers.get(name.lower(), "").strip()
        if not found or len(found) > _LONGEST_HEADER:
            raise InputError("headers", f"are not those of a message: {name} is missing", code="webhook_headers")
        return found


@dataclass(frozen=True, slots=True)
class Genuine:
    """What may be read of a genuine message.

    Attributes:
        content: The bytes that say what happened.
        stamp: The time, as it was signed; empty when none is.
    """

    content: bytes = field(repr=False)
    stamp: str = ""


def proven(section: HookProof, secrets: Sequence[str], given: Given, now: datetime) -> Genuine:
    """What may be read of a message that is genuine.

    Args:
        section: How the mapping says that one is known.
        secrets: Any of which proves it.
        given: The message.
        now: The instant, aware.

    Raises:
        InputError: It is not genuine: ``code`` is "webhook_headers", "webhook_time" or "webhook_signature".
        ConfigurationError: A secret is empty, or no key of this algorithm.
    """
    if not all(secret.strip() for secret in secrets):
        message = f"the secret {section.key} of the webhooks is empty"
        raise ConfigurationError(message, code="webhook_secret")
    match section:
        case Signature():
            return _signed(section, secrets, given, now)
        case SharedToken():
            return _with_text(given, _bare(given.header(section.header), section.prefix), secrets)
        case BasicProof():
            credentials = _bare(given.header("authorization"), "basic ")
            return _with_bytes(given, _from_base64(credentials), secrets)
        case JwtProof():
            return _with_token(section, secrets, given, now)
        case SecretPath():
            return _with_text(given, given.address.partition("?")[0].rstrip("/").rpartition("/")[2], secrets)


def _refused() -> InputError:
    return InputError("headers", "do not prove that the message is genuine", code="webhook_signature")


def _is_any(found: Iterable[bytes], wanted: Sequence[bytes]) -> bool:
    """Whether one of these is one of those; every pair is compared."""
    is_one = False
    for each in found:
        for one in wanted:
            is_one |= hmac.compare_digest(each, one)
    return is_one


# -- a text that both know


def _bare(text: str, prefix: str) -> str:
    """What stands behind the prefix; another prefix leaves nothing that fits."""
    return text[len(prefix) :].strip() if text[: len(prefix)].lower() == prefix.lower() else ""


def _with_text(given: Given, text: str, secrets: Sequence[str]) -> Genuine:
    return _with_bytes(given, text.encode("utf-8", "surrogatepass"), secrets)


def _with_bytes(given: Given, text: bytes, secrets: Sequence[str]) -> Genuine:
    if not _is_any([text], [secret.strip().encode() for secret in secrets]):
        raise _refused()
    return Genuine(given.body)


# -- a signature


def _signed(section: Signature, secrets: Sequence[str], given: Given, now: datetime) -> Genuine:
    text = given.header(section.header)
    stamp, signatures = _parts(text, section.parts) if section.parts is not None else ("", [text])
    if section.timestamp_header is not None:
        stamp = given.header(section.timestamp_header)
    body = compacted(given.body) if section.compact_body else given.body
    is_timed = section.over == "timestamp.body"
    if is_timed:
        _check_time(_instant(stamp), now, section.tolerance)
    content = stamp.encode("utf-8", "surrogatepass") + b"." + body if is_timed else body
    expected = [hmac.new(secret.strip().encode(), content, section.algorithm).digest() for secret in secrets]
    found = [_decoded(_bare(each, section.prefix), section.encoding) for each in signatures[:_MOST_SIGNATURES]]
    if not _is_any(found, expected):
        raise _refused()
    return Genuine(given.body, stamp if is_timed else "")


def _parts(text: str, names: tuple[str, str]) -> tuple[str, list[str]]:
    """The time and the signatures of ``t=...,v1=...,v1=...``."""
    pairs = [(name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in text.split(","))]
    stamps = [value for name, value in pairs if name == names[0]]
    return (stamps[0] if stamps else ""), [value for name, value in pairs if name == names[1]]


def _instant(stamp: str) -> float:
    """Seconds since 1970."""
    if not _NUMBER.fullmatch(stamp):
        raise InputError("headers", "are not those of a message: the time is no number", code="webhook_headers")
    number = int(stamp)
    return number / (1000 if number >= _MILLISECONDS else 1)


def _check_time(seconds: float, now: datetime, tolerance: timedelta) -> None:
    if abs(now.timestamp() - seconds) > tolerance.total_seconds():
        raise InputError("headers", "are of a message that is too old or from the future", code="webhook_time")


def _decoded(text: str, encoding: str) -> bytes:
    """The bytes of a signature; none that fits when it is spelt in another way."""
    if encoding == "base64":
        return _from_base64(text)
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def compacted(body: bytes) -> bytes:
    """JSON without the blanks between its parts; texts, numbers and the order of keys stay byte for byte."""
    return _STRING_OR_BLANKS.sub(lambda found: found[1] or b"", body)


# -- a signed token


def _with_token(section: JwtProof, secrets: Sequence[str], given: Given, now: datetime) -> Genuine:
    token = _bare(given.header(section.header), section.prefix)
    claims = next(
        (found for found in [_claims(section, secret, token) for secret in secrets] if found is not None), None
    )
    if claims is None:
        raise _refused()
    stamp = _check_claims(claims, now, section.tolerance)
    if section.body_claim is None:
        return Genuine(given.body, stamp)
    said = claims.get(section.body_claim)
    if said is None:
        raise _refused()
    return Genuine(said.encode("utf-8", "surrogatepass") if isinstance(said, str) else write_json(said), stamp)


def _claims(section: JwtProof, secret: str, token: str) -> dict[str, Any] | None:
    """What a token says that this secret proves; None when it does not."""
    library = jwt_library()
    unchecked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    try:
        found = library.decode(token, secret, algorithms=[section.algorithm], options=unchecked)
    except library.InvalidKeyError:
        pass
    except library.PyJWTError:
        return None
    except (ValueError, TypeError):
        pass
    else:
        return dict(found)
    message = f"the key of the webhooks does not fit {section.algorithm}"
    raise ConfigurationError(message, code="bad_key")


def _check_claims(claims: Mapping[str, Any], now: datetime, tolerance: timedelta) -> str:
    """What tells a token from others, empty where nothing does; one whose time is over or has not come is refused."""
    at, patience = now.timestamp(), tolerance.total_seconds()
    ends, begins = claims.get("exp"), claims.get("nbf", claims.get("iat"))
    last = ends if ends is not None else claims.get("iat")
    times = [each for each in (begins, last) if each is not None]
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in times):
        raise _refused()
    if (last is not None and at > last + patience) or (begins is not None and at < begins - patience):
        raise InputError("headers", "are of a message that is too old or from the future", code="webhook_time")
    return str(claims.get("jti", claims.get("iat", "")))


def digest(*parts: bytes) -> str:
    """What tells messages apart, in a few plain characters."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big") + part)
    return made.hexdigest()
