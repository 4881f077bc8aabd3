"""Names, telephone and unit numbers as people write them: one key for all spellings, and how well two of them fit."""

from __future__ import annotations

import re
import string
from enum import IntEnum
from functools import lru_cache
from typing import Final

from pmsbridge.store.folding import digits_of, fold

__all__ = [
    "PHONE_TAIL_DIGITS", "Fit", "fit_of_names", "fit_of_phones", "name_head", "name_key", "name_keys", "name_tail",
    "one_edit_away", "phone_tail", "tail_of", "typos_of", "unit_key",
]  # fmt: skip

PHONE_TAIL_DIGITS: Final = 7
"""By so many last digits numbers are looked up: country prefix and trunk zero stand before them."""

_SHORTEST_WITH_TYPO: Final = 4
_LONGEST_COUNTRY_PREFIX: Final = 3
_APOSTROPHES: Final = str.maketrans("", "", "'\u2018\u2019\u201b\u02bc\u02b9\u0060\u00b4\u2032")
_MORE_LETTERS: Final = str.maketrans({"\u0131": "i", "ð": "d", "þ": "th"})
_WORD: Final = re.compile(r"[^\W_]+")
# What stands for an umlaut or a ring where a keyboard has none: "ae", "oe", "ue", "aa".
_SECOND_VOWEL: Final = re.compile(r"(?<=[aou])e|(?<=a)a")
_SAME_WORDS: Final = {"saint": "st", "sankt": "st"}
_PARTICLES: Final = frozenset((
    "af", "al", "av", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e", "el", "ibn",
    "la", "las", "le", "les", "los", "ten", "ter", "und", "van", "von", "y", "zu", "zum", "zur",
))  # fmt: skip
_remembered: Final = lru_cache(maxsize=4096)
"""People share names: a night meets most of them many times."""
_UNIT_PART: Final = re.compile(r"\d+|[^\W\d_]+")


class Fit(IntEnum):
    """How well what is held fits what was asked for; lower is better.

    ``EXACT`` but for case, accents and blanks; ``SPELLING`` another way to write the same; ``PART`` a part of a name of
    several; ``SWAPPED`` first and last name; ``WITHIN`` what was asked is the beginning or a part of it; ``TYPO`` one
    letter is wrong, missing, too many, or two stand in the wrong order.
    """

    EXACT = 0
    SPELLING = 1
    PART = 2
    SWAPPED = 3
    WITHIN = 4
    TYPO = 5


# -- names -------------------------------------------------------------------------------------------------------------


def _words(name: str) -> list[str]:
    plain = fold(name.translate(_APOSTROPHES)).translate(_MORE_LETTERS)
    return [_SAME_WORDS.get(word, word) for word in _WORD.findall(plain)]


def _squeezed(word: str) -> str:
    plain = _SECOND_VOWEL.sub("", word)
    return f"mc{plain[3:]}" if plain.startswith("mac") else plain


def _is_one_plain_word(name: str) -> bool:
    return name.isascii() and name.isalpha()


@_remembered
def name_key(name: str) -> str:
    """A name without accents, blanks, hyphens and apostrophes; equal for "Müller" and "Mueller", "Mc Kay" and "MacKay".

    Empty where there is no letter and no digit.
    """
    if _is_one_plain_word(name):
        low = name.lower()
        return _squeezed(_SAME_WORDS.get(low, low))
    return _squeezed("".join(_words(name)))


def _parts(name: str) -> list[str]:
    """The words that tell people apart, as keys; all of them where there are only particles."""
    words = _words(name)
    return [_squeezed(word) for word in words if word not in _PARTICLES] or [_squeezed(word) for word in words]


@_remembered
def name_head(name: str) -> str:
    """The key of the first telling word of a name of several; empty for a name of one."""
    if _is_one_plain_word(name):
        return ""
    return _parts(name)[0] if len(_words(name)) > 1 else ""


@_remembered
def name_tail(name: str) -> str:
    """The key of the last telling word, where it is not the first one; else empty."""
    if _is_one_plain_word(name):
        return ""
    parts = _parts(name)
    return parts[-1] if len(parts) > 1 else ""


def name_keys(name: str) -> set[str]:
    """What a name may be held by: all of it, it without particles, and each of its telling words."""
    parts = _parts(name)
    return {name_key(name), _squeezed("".join(parts)), *parts} - {""}


def fit_of_names(asked: str, held: str) -> Fit | None:
    """How well a name fits; None when it does not."""
    if fold(asked) == fold(held):
        return Fit.EXACT
    wanted, whole = name_key(asked), name_key(held)
    if not wanted or not whole:
        return None
    if wanted == whole:
        return Fit.SPELLING
    mine, theirs = set(_parts(asked)), set(_parts(held))
    if mine <= theirs or theirs <= mine or "".join(_parts(asked)) == "".join(_parts(held)):
        return Fit.PART
    if wanted in whole or fold(asked) in fold(held):
        return Fit.WITHIN
    return Fit.TYPO if any(one_edit_away(wanted, each) for each in {whole, *theirs}) else None


def one_edit_away(one: str, other: str) -> bool:
    """One letter is different, missing or too many, or two neighbours changed places; not for very short words."""
    if min(len(one), len(other)) < _SHORTEST_WITH_TYPO - 1 or max(len(one), len(other)) < _SHORTEST_WITH_TYPO:
        return False
    short, long = sorted((one, other), key=len)
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(long) - len(short) == 1:
        return short[same:] == long[same + 1 :]
    if len(long) != len(short) or one == other:
        return False
    rest_is_same = short[same + 1 :] == long[same + 1 :]
    is_swapped = short[same : same + 2] == long[same : same + 2][::-1] and short[same + 2 :] == long[same + 2 :]
    return rest_is_same or is_swapped


def typos_of(key: str) -> set[str]:
    """Every key one edit away, over the letters of the key and of the alphabet; empty for a very short one."""
    if len(key) < _SHORTEST_WITH_TYPO:
        return set()
    letters = {*string.ascii_lowercase, *key}
    cuts = [(key[:i], key[i:]) for i in range(len(key) + 1)]
    missing = {a + b[1:] for a, b in cuts if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    wrong = {a + letter + b[1:] for a, b in cuts if b for letter in letters}
    added = {a + letter + b for a, b in cuts for letter in letters}
    return (missing | swapped | wrong | added) - {key}


# -- numbers -----------------------------------------------------------------------------------------------------------


def _national(phone: str) -> str:
    """Digits, without what stands for dialling abroad or between towns."""
    plain = phone.strip()
    if plain.startswith(("+", "00")):
        plain = plain.replace("(0)", "")
    return digits_of(plain).lstrip("0")


def phone_tail(phone: str) -> str:
    """The last digits of a number, zeros before a shorter one; empty when there are none."""
    return tail_of(digits_of(phone))


def tail_of(digits: str) -> str:
    """The same, of nothing but digits."""
    return digits[-PHONE_TAIL_DIGITS:].rjust(PHONE_TAIL_DIGITS, "0") if digits else ""


def fit_of_phones(asked: str, held_digits: str) -> Fit | None:
    """How well a number fits the digits that are held; None when it does not."""
    if not held_digits:
        return None
    if digits_of(asked) == held_digits:
        return Fit.EXACT
    wanted, held = _national(asked), held_digits.lstrip("0")
    if not wanted:
        return None
    short, long = sorted((wanted, held), key=len)
    prefix = long.removesuffix(short)
    # "49 0 30..." has the trunk zero between prefix and number.
    is_prefix = prefix == "" or (prefix != long and len(prefix.rstrip("0")) <= _LONGEST_COUNTRY_PREFIX)
    if len(short) >= PHONE_TAIL_DIGITS + (prefix != "") and is_prefix and len(prefix) <= _LONGEST_COUNTRY_PREFIX + 1:
        return Fit.SPELLING
    return Fit.WITHIN if wanted in held else None


def unit_key(number: str) -> str:
    """A unit number without case, blanks, signs and leading zeros: equal for "A 015" and "a-15", not for "1-5"."""
    parts = [part.lstrip("0") or "0" if part.isdecimal() else part for part in _UNIT_PART.findall(fold(number))]
    key = ""
    for part in parts:
        key += f"-{part}" if key[-1:].isdecimal() and part.isdecimal() else part
    return key
