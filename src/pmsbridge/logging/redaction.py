"""Taking card numbers, passwords, gate codes and keys out of text and values before anybody writes them down.

Text is searched for what looks like a secret wherever it stands; values of a mapping are also judged by their key. All
patterns are linear: hostile text costs time in proportion to its length.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import accumulate
from pathlib import PurePath
from typing import Final
from urllib.parse import unquote_plus
from uuid import UUID

from pmsbridge.errors import PmsBridgeError

__all__ = ["REDACTED", "is_secret_key", "redact", "redact_error", "redact_value"]

REDACTED = "[redacted]"
_DEPTH_CAP = 8
_ITEM_CAP = 1000
_TEXT_CAP = 1_000_000

# -- keys
# ---------------------------------------------------------------------------------------------------------------

_SECRET_PARTS = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "cookie", "cvv", "cvc",
    "creditcard", "cardnumber", "cardnum", "cardno", "securitycode", "ssn", "socialsecurity", "license", "licence",
    "apikey", "privatekey", "signingkey", "gatecode", "accesscode", "track1", "track2", "abarouting", "routingnum",
    "accountnum", "bankaccount", "iban", "sach", "websecurityq", "credential",
)  # fmt: skip
_SECRET_WORDS = frozenset({"pan", "card", "pwd", "pin", "auth", "otp", "track"})
# Said on purpose, and safe: the end of a number, the kind of a card, whether there is one.
_PLAIN_ENDS = ("last4", "lastfour", "brand", "type", "kind", "masked", "method", "_count", "id")
_NOT_KEY = re.compile(r"[^a-z0-9]")
_KEY_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_USER_NAME = re.compile(r"(?i)corpusername")


def is_secret_key(key: str) -> bool:
    """Whether what stands under ``key`` is secret by its name alone."""
    lower = key[:100].lower()
    if lower.endswith(_PLAIN_ENDS):
        return False
    flat = _NOT_KEY.sub("", lower)
    words = {word.lower() for word in _KEY_WORDS.findall(key[:100])}
    return not _SECRET_WORDS.isdisjoint(words) or any(part in flat for part in _SECRET_PARTS)


# -- card numbers
# -------------------------------------------------------------------------------------------------------

_GAP = r"[ \t\u00a0\u2009\u200b\u202f\u2060\ufeff._+\-\u2010-\u2015\u2212/|]"
_DIGIT_RUN = re.compile(rf"\d(?:{_GAP}{{0,3}}\d){{12,}}")
_GROUP = re.compile(r"\d+")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_LONGEST_CARD = 19
_LONGEST_ODD_RUN = 40
# First four digits (from, to) and lengths, as card schemes issue them.
_ISSUED: Final = (
    (4000, 4999, {13, 16, 19}),
    (5100, 5599, {16}), (2221, 2720, {16}), (2200, 2204, {16}), (8100, 8299, {16}), (9792, 9792, {16}),
    (6000, 6699, {16, 17, 18, 19}), (6800, 6999, {16, 17, 18, 19}), (3500, 3599, {16, 17, 18, 19}),
    (3400, 3499, {15}), (3700, 3799, {15}), (1800, 1800, {15}), (2131, 2131, {15}),
    (3000, 3059, {14, 16, 19}), (3600, 3699, {14, 16, 19}), (3800, 3999, {14, 16, 19}),
    (5000, 5099, set(range(13, 20))), (5600, 5899, set(range(13, 20))), (6700, 6799, set(range(13, 20))),
)  # fmt: skip


# Ids of ours, and words of hexadecimal signs as long as digests are cut to.
_OWN_ID = r"(?:act|eff)_[0-9a-f]{24}"
_DIGEST = re.compile(rf"(?<![0-9A-Za-z])(?:{_OWN_ID}|[0-9a-f]{{20,128}}|[0-9A-F]{{20,128}})(?![0-9A-Za-z])")
_HEX_LETTERS = re.compile(r"[a-f]+", re.IGNORECASE)
_DIGIT_GROUPS_IN_A_DIGEST = 4


def _redact_cards(text: str) -> str:
    """Mask card numbers; digests and ids of ours, whose digits look like some now and then, stay whole."""
    if _DIGIT_RUN.search(text) is None:
        return text
    kept: list[str] = []
    done = 0
    for found in _DIGEST.finditer(text):
        if _is_digest(found[0]):
            kept += [_DIGIT_RUN.sub(_redact_run, text[done : found.start()]), found[0]]
            done = found.end()
    return "".join([*kept, _DIGIT_RUN.sub(_redact_run, text[done:])])


def _is_digest(word: str) -> bool:
    """Whether a word is drawn by a hash function, as far as one sees: letters stand between its digits again and again.

    Not so a number with letters before or behind it, or a magnetic stripe in hexadecimal: letters divide and fill it.
    """
    signs = word.rpartition("_")[2]
    return len([digits for digits in _HEX_LETTERS.split(signs) if digits]) >= _DIGIT_GROUPS_IN_A_DIGEST


def _redact_run(match: re.Match[str]) -> str:
    """Replace the card numbers among the groups of digits of one run; leave the rest as it is."""
    run = match[0]
    digits = _digits(run)
    groups = [(found.start(), found.end()) for found in _GROUP.finditer(run)]
    # Where each group begins among the digits alone, and where the last one ends.
    places = [0, *accumulate(end - start for start, end in groups)]
    kept: list[str] = []
    done = 0
    first = 0
    while first < len(groups):
        last = _card_from(digits, places, first)
        if last > first:
            kept += [run[done : groups[first][0]], _masked(digits[places[first] : places[last]])]
            done = groups[last - 1][1]
        first = max(last, first + 1)
    return "".join([*kept, run[done:]])


def _card_from(digits: str, places: list[int], first: int) -> int:
    """The group after the card number that begins with group ``first``; ``first`` when none does."""
    begin = places[first]
    if places[first + 1] - begin > _LONGEST_CARD:
        return first + _is_hidden_card(digits[begin : places[first + 1]])
    sizes = _issued_sizes(digits[begin : begin + 4])
    if not sizes:
        return first
    for last in range(first + 1, len(places)):
        size = places[last] - begin
        if size > _LONGEST_CARD:
            break
        if size in sizes and _has_check_digit(digits[begin : places[last]]):
            return last
    return first


def _is_hidden_card(digits: str) -> bool:
    """Whether a run too long for a card number begins or ends with one (an expiry written onto it)."""
    ends = (part for size in (14, 15, 16) for part in (digits[:size], digits[-size:]))
    return len(digits) <= _LONGEST_ODD_RUN and any(is_card_number(part) for part in ends)


def _digits(text: str) -> str:
    if text.isascii():
        return _NOT_DIGIT.sub("", text)
    return "".join(str(int(character)) for character in text if character.isdecimal())


def _masked(digits: str) -> str:
    return f"[card ending {digits[-4:]}]"


def is_card_number(digits: str) -> bool:
    """Whether ASCII digits have the length, the issuer's first digits and the check digit of a card number."""
    return len(digits) in _issued_sizes(digits[:4]) and _has_check_digit(digits)


def _has_check_digit(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, map(int, digits[-2::-2])))
    return total % 10 == 0


@lru_cache(maxsize=10_000)
def _issued_sizes(first_four: str) -> frozenset[int]:
    """Lengths of the numbers a card scheme issues that begin so; empty when none does."""
    begins = int(first_four or "0")
    return frozenset(size for low, high, sizes in _ISSUED if low <= begins <= high for size in sizes)


# -- encodings a number may hide in
# -------------------------------------------------------------------------------------

_PERCENT = re.compile(r"%3\d|%2[0dD]")
_ESCAPE = r"&#(?:x[0-9a-f]{1,4}|\d{1,5});|&nbsp;|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[tnr]"
# A digit written as an escape, or an escape after a digit.
_CHARACTER = re.compile(rf"&#(?:x3[0-9]|[45]\d);|\\u003[0-9]|\\x3[0-9]|\d(?:{_ESCAPE})", re.IGNORECASE)
_CHARACTER_RUN = re.compile(_ESCAPE, re.IGNORECASE)
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:3\d){13,40}(?![0-9a-fA-F])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_FIRST_SURROGATE = 0xD800


def _redact_encoded(text: str) -> str:
    if _PERCENT.search(text):
        plain = unquote_plus(text)
        text = _redact_cards(plain) if _holds_card(plain) else text
    if _CHARACTER.search(text):
        plain = _CHARACTER_RUN.sub(_one_character, text)
        text = _redact_cards(plain) if _holds_card(plain) else text
    text = _HEX.sub(lambda match: _if_card(match[0], bytes.fromhex), text)
    return _BASE64.sub(lambda match: _if_card(match[0], _from_base64), text)


def _holds_card(text: str) -> bool:
    return _redact_cards(text) != text


def _one_character(match: re.Match[str]) -> str:
    body = match[0].strip("&#;\\uU")
    if not body[-1].isalnum() or body in {"t", "n", "r", "nbsp"}:
        return " "
    number = int(body.lstrip("xX"), 16) if match[0][0] == "\\" or body[0] in "xX" else int(body)
    return chr(number) if number < _FIRST_SURROGATE else " "


def _if_card(token: str, decode: Callable[[str], bytes]) -> str:
    try:
        plain = decode(token).decode("latin-1")
    except (ValueError, binascii.Error):
        return token
    return REDACTED if _holds_card(plain) else token


def _from_base64(token: str) -> bytes:
    body = token.rstrip("=").replace("-", "+").replace("_", "/")
    # A token may be cut, or begin in the middle of something: what decodes is looked at.
    return base64.b64decode(body[: len(body) - (len(body) % 4 == 1)] + "=" * (-len(body) % 4 % 3))


# -- other secrets in text
# ----------------------------------------------------------------------------------------------

_KEY_TEXT = (
    r"[\w.\-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|authorization|cookie|cvv2?|cvc2?|credit_?card\w{0,20}"
    r"|card_?(?:number|num|no)|ssn|licen[cs]e\w{0,10}|api_?key|gate[_ ]?code|access[_ ]?code|account_?num(?:ber)?"
    r"|routing_?num(?:ber)?)"
)
_ASSIGNED = re.compile(
    rf"(?i)(?<![\w.\-])({_KEY_TEXT})([\"']?\s{{0,3}}[:=]\s{{0,3}})"
    r"(\"[^\"\n]*\"|'[^'\n]*'|(?:bearer|basic)\s+[^\s,;\"'<>&]+|[^\s,;\"'<>&)}\]]+)"
)
_ELEMENT = re.compile(rf"(?i)<((?:\w{{1,20}}:)?{_KEY_TEXT})(\s[^<>]*)?>[^<]*")
_LICENCE = re.compile(r":::[^\s<>\"',;&]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~\-]{6,}")
_KEY_TOKEN = re.compile(r"\b(?:sk|rk|pk|whsec|ghp|xox[abp])_[A-Za-z0-9_+/=\-]{8,}")
_USER_INFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.\-]{1,15}://)[^/\s@\"'<>]{1,200}@")
_QUERY = re.compile(r"(?i)(\bhttps?://[^\s?#\"'<>]{1,300})[?#][^\s\"'<>]+")
_SSN = re.compile(r"(?<![\d\-])\d{3}-\d{2}-\d{4}(?![\d\-])")


# Everything above needs one of these to match; most texts have none, and most calls end here.
_SUSPECT = re.compile(r"[\d:=<&%\\]|[A-Za-z+/_-]{16,}|(?i:bearer|basic)\s|(?:sk|rk|pk|whsec|ghp|xox[abp])_")


def redact(text: str) -> str:
    """``text`` without its secrets.

    Card numbers (the last four digits stay), passwords, keys, queries of addresses and social security numbers go. Text
    beyond a million characters is cut, and says so.
    """
    if text in _CLEAN or (len(text) < _TEXT_CAP and _SUSPECT.search(text) is None):
        return text
    redacted = _redact(text)
    if redacted == text and len(text) <= _REMEMBERED_CHARS:
        _remember(text)
    return redacted


# Names of lanes, effects and workers, receipts and ids come again and again. Only what holds no secret is remembered.
_CLEAN: Final[set[str]] = set()
_REMEMBERED: Final = 10_000
_REMEMBERED_CHARS: Final = 100


def _remember(text: str) -> None:
    if len(_CLEAN) >= _REMEMBERED:
        _CLEAN.clear()
    _CLEAN.add(text)


def _redact(text: str) -> str:
    if len(text) > _TEXT_CAP:
        text = f"{text[:_TEXT_CAP]} [{len(text) - _TEXT_CAP} more characters]"
    text = _LICENCE.sub(f":::{REDACTED}", text)
    text = _USER_INFO.sub(rf"\1{REDACTED}@", text)
    text = _QUERY.sub(rf"\1?{REDACTED}", text)
    text = _ELEMENT.sub(rf"<\1\2>{REDACTED}", text)
    text = _ASSIGNED.sub(rf"\1\2{REDACTED}", text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    text = _KEY_TOKEN.sub(REDACTED, text)
    text = _SSN.sub(REDACTED, text)
    return _redact_encoded(_redact_cards(text))


# -- values
# -------------------------------------------------------------------------------------------------------------

_PLAIN = (type(None), date, datetime, time, timedelta, UUID)


def redact_value(value: object, *, _depth: int = 0) -> object:
    """A copy of ``value`` fit to be written down.

    Mappings and sequences are followed all the way; anything strange becomes redacted text.
    """
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return _redact_many(value, _depth) if _depth < _DEPTH_CAP else "[too deep]"
    return _redact_one(value)


def _redact_many(value: Mapping[object, object] | Collection[object], depth: int) -> object:
    if isinstance(value, Mapping):
        return dict(_redact_items(value, depth))
    return [redact_value(item, _depth=depth + 1) for item in list(value)[:_ITEM_CAP]]


def _redact_one(value: object) -> object:
    if isinstance(value, Enum):
        return redact(f"{type(value).__name__}.{value.name}")
    if isinstance(value, str):
        return redact(str(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return redact(bytes(value).decode("utf-8", "backslashreplace"))
    if isinstance(value, (int, float, Decimal)):
        return _redact_number(value)
    return value if isinstance(value, _PLAIN) else _redact_object(value)


def _redact_number(value: float | Decimal) -> object:
    text = str(value)
    return value if redact(text) == text else redact(text)


def _redact_items(value: Mapping[object, object], depth: int) -> Iterator[tuple[str, object]]:
    for key, item in list(value.items())[:_ITEM_CAP]:
        name = redact(str(key))
        if _USER_NAME.search(name) and isinstance(item, str):
            yield name, item.partition(":::")[0] + (f":::{REDACTED}" if ":::" in item else "")
        elif is_secret_key(name) and item not in (None, "", True, False):
            yield name, REDACTED
        else:
            yield name, redact_value(item, _depth=depth + 1)


def _redact_object(value: object) -> object:
    if isinstance(value, BaseException):
        return redact_error(value)
    if isinstance(value, PurePath):
        return redact(str(value))
    try:
        return redact(repr(value))
    except Exception:  # noqa: BLE001  (a repr of somebody else's making)
        return f"[{type(value).__name__}]"


def redact_error(error: BaseException) -> str:
    """Name and message of an error.

    The text of a foreign library's error is withheld: it repeats inputs and documents.
    """
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, PmsBridgeError) or kind.__module__ == "builtins":
        return redact(f"{name}: {error}")
    return f"{name}: [text withheld]"
