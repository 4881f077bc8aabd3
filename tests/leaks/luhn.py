"""Any card number in any bytes: what looks like one, has an issuer's first digits and the right check digit.

It knows nothing of the values that tests use, so it sees those nobody thought of. It shares no code with the redactor,
which it is there to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["card_numbers"]

_SEPARATOR: Final = rb"[ \-._/+\t]|\xc2\xa0|\xe2\x80[\x89\xaf\x91\x93]|%20|&#160;|&nbsp;"
# What must not stand before the first digit is asked behind it: so a search goes from one such digit to the next.
# Digits behind a point are the fraction of a number, and behind 0x an id.
_RUN: Final = re.compile(rb"[2-6](?<![0-9].)(?<![0-9]\..)(?<!0x.)[0-9]{12,18}(?![0-9])", re.DOTALL)
_FOURS: Final = re.compile(
    rb"[2-6](?<![0-9].)[0-9]{3}(" + _SEPARATOR + rb")[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{1,3})?(?![0-9])",
    re.DOTALL,
)
_SIXES: Final = re.compile(rb"3(?<![0-9].)[0-9]{3}(" + _SEPARATOR + rb")[0-9]{6}\1[0-9]{4,5}(?![0-9])", re.DOTALL)
_HEX: Final = re.compile(rb"[0-9a-fA-F]{0,40}\Z"), re.compile(rb"[0-9a-fA-F]{0,40}")
_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DIGEST_LENGTH: Final = 20
# Columns of a row stand side by side in a database's file: an id, and a telephone number that tests make up.
_MADE_UP_PHONE: Final = re.compile(r"^[0-9]{1,6}1312555[0-9]{4}$")

# First digits (as far as they are compared) and lengths that a scheme issues.
_ISSUERS: Final = (
    (("4",), {13, 16, 19}),
    (tuple(str(n) for n in range(51, 56)), {16}),
    (tuple(str(n) for n in range(2221, 2721)), {16}),
    (("34", "37"), {15}),
    (("6011", "65", *(str(n) for n in range(644, 650))), {16, 19}),
    (("36", "38", "39", *(str(n) for n in range(300, 306))), {14}),
    (tuple(str(n) for n in range(3528, 3590)), {16}),
    (("62",), {16, 17, 18, 19}),
)


def card_numbers(data: bytes) -> Iterator[tuple[int, str]]:
    """Where card numbers begin, with their first six and last four digits: enough to find them, not enough to pay."""
    for pattern in (_RUN, _FOURS, _SIXES):
        for match in pattern.finditer(data):
            digits = "".join(chr(byte) for byte in match[0] if 48 <= byte <= 57)
            if b"%20" in match[0] or b"&#160;" in match[0]:
                digits = re.sub(r"\D", "", re.sub(r"%20|&#160;", "", match[0].decode("latin-1")))
            is_one = _is_issued(digits) and _checks(digits)
            if is_one and not _in_id(data, match) and not _MADE_UP_PHONE.search(digits):
                yield match.start(), f"{digits[:6]}...{digits[-4:]}"


def _is_issued(digits: str) -> bool:
    return any(len(digits) in sizes and digits.startswith(firsts) for firsts, sizes in _ISSUERS)


def _checks(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _in_id(data: bytes, match: re.Match[bytes]) -> bool:
    """Whether it is a stretch of a digest or of a UUID."""
    if match.re is _RUN:
        return _in_digest(data, match)
    first = max(0, match.start() - 36)
    around = _UUID.finditer(data[first : match.end() + 36])
    return any(first + found.start() <= match.start() < first + found.end() for found in around)


def _in_digest(data: bytes, match: re.Match[bytes]) -> bool:
    """Whether it is a stretch of a hexadecimal digest or id of twenty characters or more."""
    before = _HEX[0].search(data[max(0, match.start() - 40) : match.start()])
    after = _HEX[1].match(data[match.end() : match.end() + 40])
    around = sum(len(part[0]) for part in (before, after) if part)
    return around > 0 and around + len(match[0]) >= _DIGEST_LENGTH
