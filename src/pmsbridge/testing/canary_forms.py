"""The ways a secret may be written down: one by one, and as they look when everything between is left out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

__all__ = [
    "SCRIPTS",
    "SEPARATORS",
    "STREAMED",
    "Encoded",
    "condensed",
    "digits_of",
    "forms",
    "groups_of",
    "in_script",
]

_LONG_DIGITS: Final = 13
_SSN_DIGITS: Final = 9

# -- streams
# -----------------------------------------------------------------------------------------------------------

# "x" and "u" go too: they are what is left of &#x34; and \u0034.
_KEPT: Final = frozenset(b"0123456789abcdefghijklmnopqrstvwyzABCDEFGHIJKLMNOPQRSTVWYZ")
_DROPPED: Final = bytes(byte for byte in range(256) if byte not in _KEPT)
_FOLDED: Final = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))  # noqa: PLR2004 - A to Z
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"


def condensed(data: bytes) -> bytes:
    """Only the letters, in lower case, and the digits of ``data``, without x and u."""
    return data.translate(_FOLDED, _DROPPED)


def digits_of(stream: bytes) -> bytes:
    """Only the digits of a condensed stream."""
    return stream.translate(None, _LETTERS)


# -- encodings
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Encoded:
    """One family of encodings.

    Attributes:
        form: What a hit calls it.
        write: Text and the number of a variant to bytes.
        variants: How many there are: three for base64, by the offset in its groups of three.
        words_too: Used for words; False where only numbers can be written so.
        has_gaps: Each character is encoded for itself, so separators may stand between groups of digits.
    """

    form: str
    write: Callable[[str, int], bytes]
    variants: int = 1
    words_too: bool = True
    has_gaps: bool = True

    def only_digits(self, text: str) -> bool:
        """Whether the encoding of ``text`` has no letter."""
        return digits_of(stream := condensed(self.write(text, 0))) == stream


def _plain(text: str, _variant: int) -> bytes:
    return text.encode()


def _hexadecimal(text: str, _variant: int) -> bytes:
    return text.encode().hex().encode()


def _decimal(text: str, _variant: int) -> bytes:
    return "".join(str(ord(character)) for character in text).encode()


def _four_digits(text: str, _variant: int) -> bytes:
    return "".join(f"{ord(character):04x}" for character in text).encode()


def _percent_twice(text: str, _variant: int) -> bytes:
    return "".join(f"25{ord(character):02x}" for character in text).encode()


def _octal(text: str, _variant: int) -> bytes:
    return "".join(f"{ord(character):03o}" for character in text).encode()


def _backwards(text: str, _variant: int) -> bytes:
    return text[::-1].encode()


def _in_base64(data: bytes, offset: int) -> bytes:
    """What of ``data`` is the same in every base64 text that holds it ``offset`` bytes after a full group."""
    whole = base64.b64encode(bytes(offset) + data)
    bits = 8 * (offset + len(data))
    return whole[-(-8 * offset // 6) : bits // 6]


def _base64(text: str, variant: int) -> bytes:
    return _in_base64(text.encode(), variant)


def _base64_wide(text: str, variant: int) -> bytes:
    return _in_base64(text.encode("utf-16-le"), variant)


def _base64_grouped(text: str, variant: int) -> bytes:
    separator = (" ", "-")[variant // 3 % 2]
    size = (4, 6)[variant // 6]
    # Of the shared digits: where groups of four, or one of six, end among them.
    grouped = separator.join(_cut(text, size)) if len(text) < _LONG_DIGITS else separator.join(_groups(text))
    return _in_base64(grouped.encode(), variant % 3)


def _wide_digits(text: str, _variant: int) -> bytes:
    return "".join(f"{ord(digit) + 0xFEE0:04x}" for digit in text).encode()


def _wide_digits_utf8(text: str, _variant: int) -> bytes:
    return _fullwidth(text).encode().hex().encode()


def _arabic_digits(text: str, _variant: int) -> bytes:
    return "".join(f"{ord(digit) - 48 + 0x660:04x}" for digit in text).encode()


STREAMED: Final = (
    Encoded("its characters, whatever stands between", _plain),
    Encoded("hexadecimal, percent-encoded or escaped", _hexadecimal),
    Encoded("decimal codes", _decimal),
    Encoded("escaped with four digits", _four_digits),
    Encoded("percent-encoded twice", _percent_twice),
    Encoded("octal codes", _octal),
    Encoded("backwards", _backwards, has_gaps=False),
    Encoded("base64", _base64, variants=3, has_gaps=False),
    Encoded("base64 of UTF-16", _base64_wide, variants=3, has_gaps=False),
    Encoded("base64 of groups", _base64_grouped, variants=12, has_gaps=False, words_too=False),
    Encoded("escaped fullwidth digits", _wide_digits, words_too=False),
    Encoded("percent-encoded fullwidth digits", _wide_digits_utf8, words_too=False),
    Encoded("escaped Arabic digits", _arabic_digits, words_too=False),
)
SCRIPTS: Final[Mapping[str, int]] = MappingProxyType(
    {"fullwidth digits": 0xFF10, "Arabic digits": 0x660, "Devanagari digits": 0x966}
)
"""Digits that are not ASCII, by the code of their zero."""


# -- one by one
# --------------------------------------------------------------------------------------------------------


def groups_of(number: str) -> tuple[tuple[str, ...], ...]:
    """The ways people group the digits of a number: in fours, and as printed on cards of other lengths."""
    ways = {_cut(number, 4), _groups(number)}
    return tuple(sorted(ways))


def _cut(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def _groups(number: str) -> tuple[str, ...]:
    """As printed: 4-6-5 and 4-6-4 on cards of 15 and 14 digits, 3-2-4 for a social security number, else fours."""
    if len(number) in {14, 15}:
        return number[:4], number[4:10], number[10:]
    if len(number) == _SSN_DIGITS:
        return number[:3], number[3:5], number[5:]
    return _cut(number, 4)


@lru_cache(maxsize=256)
def forms(value: str) -> Mapping[str, bytes]:
    """The written forms of a secret, by name: more than thirty for any value, more than fifty for a number.

    Left out on purpose: encryption and hashes (nobody reads them back), and single digits strewn over a document.
    """
    found = dict(_any_form(value))
    if value.isdigit():
        found |= dict(_number_forms(value))
    return MappingProxyType(found)


def _any_form(value: str) -> Iterator[tuple[str, bytes]]:
    raw = value.encode()
    codes = [ord(character) for character in value]
    half = len(value) // 2
    yield "plain", raw
    if not value.isdigit():
        yield "in lower case", value.lower().encode()
        yield "in upper case", value.upper().encode()
    yield "over two lines", f"{value[:half]}\n{value[half:]}".encode()
    yield "over two lines, indented", f"{value[:half]}\r\n        {value[half:]}".encode()
    yield "percent-encoded", "".join(f"%{code:02X}" for code in codes).encode()
    yield "percent-encoded twice", "".join(f"%25{code:02X}" for code in codes).encode()
    yield "quoted-printable", "".join(f"={code:02X}" for code in codes).encode()
    yield "decimal entities", "".join(f"&#{code};" for code in codes).encode()
    yield "hexadecimal entities", "".join(f"&#x{code:x};" for code in codes).encode()
    yield "entities escaped again", "".join(f"&amp;#{code};" for code in codes).encode()
    yield "JSON escapes", "".join(f"\\u{code:04x}" for code in codes).encode()
    yield "JSON escapes in JSON", "".join(f"\\\\u{code:04X}" for code in codes).encode()
    yield "hexadecimal escapes", "".join(f"\\x{code:02x}" for code in codes).encode()
    yield "octal escapes", "".join(f"\\{code:03o}" for code in codes).encode()
    yield "hexadecimal", raw.hex().encode()
    yield "hexadecimal with colons", raw.hex(":").encode()
    yield "hexadecimal dump", raw.hex(" ").upper().encode()
    yield "list of byte values", str(codes).encode()
    yield "list of characters", str(list(value)).encode()
    yield "JSON list of characters", json.dumps(list(value)).encode()
    for offset in range(3):
        yield f"base64, offset {offset}", _in_base64(raw, offset)
        yield f"base64 of UTF-16, offset {offset}", _in_base64(value.encode("utf-16-le"), offset)
    url_safe = base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield "base64url", url_safe
    yield "base64 over two lines", url_safe[:9] + b"\r\n" + url_safe[9:]
    yield "UTF-16 little-endian", value.encode("utf-16-le")
    yield "UTF-16 big-endian", value.encode("utf-16-be")
    yield "UTF-32", value.encode("utf-32-le")
    yield "backwards", value[::-1].encode()
    yield "with zero-width spaces", "\u200b".join(value).encode()


SEPARATORS: Final = {
    "spaced": " ", "dashed": "-", "dotted": ".", "underscored": "_", "with slashes": "/", "with commas": ",",
    "with plus signs": "+", "with no-break spaces": "\u00a0", "with thin spaces": "\u2009",
    "with narrow spaces": "\u202f", "with en dashes": "\u2013", "with tabs": "\t", "one group a line": "\n",
    "spaced with %20": "%20", "spaced with %2520": "%2520", "no-break spaces percent-encoded": "%C2%A0",
    "thin spaces percent-encoded": "%E2%80%89", "dashes percent-encoded": "%2D", "spaced with &nbsp;": "&nbsp;",
    "spaced with &#160;": "&#160;", "spaced with &#x2009;": "&#x2009;", "spaced with \\u00a0": "\\u00a0",
    "tabs escaped": "\\t", "double spaced": "  ", "dashed with spaces": " - ",
}  # fmt: skip


def _number_forms(number: str) -> Iterator[tuple[str, bytes]]:
    for name, separator in SEPARATORS.items():
        plain = separator.isascii() and len(separator) > 1
        if len(number) >= _LONG_DIGITS or not (plain and any(sign.isdigit() for sign in separator)):
            yield name, separator.join(_groups(number)).encode()
    for name, zero in SCRIPTS.items():
        yield name, in_script(number, zero).encode()
        if len(number) >= _LONG_DIGITS:
            yield f"{name}, spaced", " ".join(in_script(group, zero) for group in _groups(number)).encode()
    yield "escaped fullwidth digits", json.dumps(_fullwidth(number)).strip('"').encode()
    yield "escaped Arabic digits", json.dumps(in_script(number, 0x660)).strip('"').encode()
    yield "percent-encoded fullwidth digits", quote(_fullwidth(number)).encode()
    yield "digit by digit", ", ".join(number).encode()
    if len(number) >= _LONG_DIGITS:
        yield "percent-encoded with its spaces", "".join(f"%{ord(c):02x}" for c in " ".join(_groups(number))).encode()
        for offset in range(3):
            yield f"base64 of groups, offset {offset}", _in_base64(" ".join(_groups(number)).encode(), offset)
            yield f"base64 of dashed groups, offset {offset}", _in_base64("-".join(_groups(number)).encode(), offset)
        hidden = "*" * (len(number) - 12)
        yield "first six and last six digits", f"{number[:6]}{hidden}{number[-6:]}".encode()


def _fullwidth(number: str) -> str:
    return in_script(number, 0xFF10)


def in_script(number: str, zero: int) -> str:
    """ASCII digits in another script, whose zero has the code ``zero``."""
    return "".join(chr(ord(digit) - 48 + zero) for digit in number)
