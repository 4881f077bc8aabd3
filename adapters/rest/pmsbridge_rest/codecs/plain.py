"""Text, numbers, yes and no, and lists of words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import BooleanCodec, DecimalCodec, IntegerCodec, TextCodec, WordsCodec

__all__ = ["Booleans", "Decimals", "Integers", "Texts", "WordLists", "as_text", "exact_number"]

_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST_NUMBER: Final = 60


def as_text(raw: Any) -> str:  # noqa: ANN401
    """A text, or a whole number as one.

    Raises:
        CodecError: Neither.
    """
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    message = "not a text"
    raise CodecError(message)


def exact_number(raw: Any) -> Decimal:  # noqa: ANN401
    """A number, or one as text, exactly. A binary float is refused, because its digits are lost already.

    Raises:
        CodecError: No such number.
    """
    if isinstance(raw, Decimal) and raw.is_finite():
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool):
        return Decimal(raw)
    if isinstance(raw, str) and len(raw) <= _LONGEST_NUMBER and _NUMBER.fullmatch(raw.strip()):
        return Decimal(raw.strip())
    message = "not an exact number"
    raise CodecError(message)


def _is_blank(raw: Any) -> bool:  # noqa: ANN401
    return raw is None or raw == ""


@dataclass(frozen=True, slots=True)
class _Plain:
    """What most codecs share: two of our values say the same when they are equal."""

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """Equal."""
        del scene
        return bool(value == other)


@dataclass(frozen=True, slots=True)
class Texts(_Plain):
    """Text. A whole number that is read becomes its digits; longer text than allowed is refused."""

    section: TextCodec

    def decode(self, raw: Any, scene: Scene) -> str | None:  # noqa: ANN401
        """The text; None for null, and for an empty one where that means none."""
        del scene
        if raw is None:
            return None
        text = as_text(raw)
        text = text.strip() if self.section.trim else text
        return None if self.section.blank_is_none and not text else text

    def encode(self, value: Any, scene: Scene) -> str:  # noqa: ANN401
        """The text itself."""
        del scene
        text = as_text(value)
        if self.section.longest is not None and len(text) > self.section.longest:
            message = f"longer than {self.section.longest} characters"
            raise CodecError(message)
        return text


@dataclass(frozen=True, slots=True)
class Integers(_Plain):
    """A whole number. Ids, which are text with us, may be said as one when their digits are plain."""

    section: IntegerCodec

    def decode(self, raw: Any, scene: Scene) -> int | None:  # noqa: ANN401
        """The number; None for null or an empty text."""
        del scene
        if _is_blank(raw):
            return None
        number = exact_number(raw)
        if number != number.to_integral_value() or abs(number) >= Decimal(10) ** 18:
            message = "not a whole number"
            raise CodecError(message)
        return int(number)

    def encode(self, value: Any, scene: Scene) -> int | str:  # noqa: ANN401
        """A number, or its digits."""
        del scene
        if isinstance(value, bool) or not isinstance(value, int | str) or not _WHOLE.fullmatch(str(value)):
            message = "not a whole number in plain digits"
            raise CodecError(message)
        return int(value) if self.section.spelt == "number" else str(value)

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same digits."""
        del scene
        return str(value) == str(other)


@dataclass(frozen=True, slots=True)
class Decimals(_Plain):
    """An exact decimal that is no money."""

    section: DecimalCodec

    def decode(self, raw: Any, scene: Scene) -> Decimal | None:  # noqa: ANN401
        """The number; None for null or an empty text."""
        del scene
        return None if _is_blank(raw) else exact_number(raw)

    def encode(self, value: Any, scene: Scene) -> Decimal | str:  # noqa: ANN401
        """A number, or its digits without an exponent."""
        del scene
        number = exact_number(value)
        return number if self.section.spelt == "number" else format(number, "f")


@dataclass(frozen=True, slots=True)
class Booleans(_Plain):
    """Yes or no in the vendor's words."""

    section: BooleanCodec

    def decode(self, raw: Any, scene: Scene) -> bool | None:  # noqa: ANN401
        """Yes, no, or None where a blank means that nobody knows."""
        del scene
        for word, means in self._words():
            if _is_same_word(raw, word):
                return means
        if _is_blank(raw):
            return self.section.blank_is
        message = "neither of the words for yes and no"
        raise CodecError(message)

    def encode(self, value: Any, scene: Scene) -> Any:  # noqa: ANN401
        """The first word for it."""
        del scene
        if not isinstance(value, bool):
            message = "neither true nor false"
            raise CodecError(message)
        return (self.section.when_true if value else self.section.when_false)[0]

    def _words(self) -> list[tuple[Any, bool]]:
        yes, no = self.section.when_true, self.section.when_false
        return [(word, True) for word in yes] + [(word, False) for word in no]


def _is_same_word(raw: Any, word: Any) -> bool:  # noqa: ANN401
    """Equal, and both or neither true-or-false: Python takes 1 for true."""
    return isinstance(raw, bool) == isinstance(word, bool) and bool(raw == word)


@dataclass(frozen=True, slots=True)
class WordLists(_Plain):
    """Several words, in one text or in a list. The order does not count for us, so it is sorted when written."""

    section: WordsCodec

    def decode(self, raw: Any, scene: Scene) -> frozenset[str] | None:  # noqa: ANN401
        """The words; None for null."""
        del scene
        if raw is None:
            return None
        separator = self.section.separator
        if separator is None:
            if not isinstance(raw, list):
                message = "not a list"
                raise CodecError(message)
            return frozenset(as_text(word) for word in raw)
        return frozenset(word.strip() for word in as_text(raw).split(separator) if word.strip())

    def encode(self, value: Any, scene: Scene) -> list[str] | str:  # noqa: ANN401
        """A list, or the words with the separator between them."""
        del scene
        words = sorted(as_text(word) for word in value)
        return words if self.section.separator is None else self.section.separator.join(words)

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same words."""
        del scene
        return frozenset(value or ()) == frozenset(other or ())
