"""Codecs as a mapping declares them: one spelling of one kind of value, used in both directions."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pmsbridge_rest.mapping.conditions import Scalar
from pmsbridge_rest.mapping.sections import ExactNumber, Section, Word

__all__ = [
    "BUILT_IN",
    "BooleanCodec",
    "CodecSection",
    "DateCodec",
    "DecimalCodec",
    "EnumCodec",
    "InstantCodec",
    "IntegerCodec",
    "LastDigitsCodec",
    "MoneyCodec",
    "MonthCodec",
    "NameCodec",
    "PhoneCodec",
    "TextCodec",
    "WordsCodec",
]

_PATTERN_PARTS: Final = re.compile(r"YYYY|MM|DD|hh|mm|ss|[TZ]|[^A-Za-z]")
_DATE_PARTS: Final = ("YYYY", "MM", "DD")


class TextCodec(Section):
    """Text.

    Attributes:
        trim: Blanks around what is read are no part of it.
        longest: Longer text is refused, never cut. None for no limit.
        blank_is_none: An empty text that is read means that there is none.
    """

    kind: Literal["text"]
    trim: bool = False
    longest: ExactNumber | None = Field(default=None, ge=1)
    blank_is_none: bool = False


class IntegerCodec(Section):
    """A whole number.

    Attributes:
        spelt: Written as a number or as text; both are read.
    """

    kind: Literal["integer"]
    spelt: Literal["number", "text"] = "number"


class DecimalCodec(Section):
    """An exact decimal that is no money (a size, a quantity).

    Attributes:
        spelt: Written as a number or as text; both are read.
    """

    kind: Literal["decimal"]
    spelt: Literal["number", "text"] = "number"


class BooleanCodec(Section):
    """Yes or no in the vendor's words; the first of each is written.

    Attributes:
        when_true: ``[true]``, ``["Y"]``, ``[1, "true"]``.
        when_false: Likewise.
        blank_is: What an empty text or null means; None for not known.
    """

    kind: Literal["boolean"]
    when_true: tuple[Scalar, ...] = Field(default=(True,), min_length=1)
    when_false: tuple[Scalar, ...] = Field(default=(False,), min_length=1)
    blank_is: bool | None = None

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        yes, no = ({(type(word), word) for word in words} for words in (self.when_true, self.when_false))
        if yes & no:
            message = "the same word means true and false"
            raise ValueError(message)
        return self


class MoneyCodec(Section):
    """An amount. It is never a binary float, on either way.

    Attributes:
        spelt: ``minor``: a whole number of the currency's smallest unit; ``cents``: of hundredths, whatever the
            currency; ``text``: decimal text of major units; ``number``: a JSON number of major units.
        negate: The vendor's sign is the other way round.
        places: Digits after the point that are written with ``text`` and ``number``; None for the currency's own. An
            amount with more is refused.
        no_amount: Words instead of an amount ("Variable"), which mean that there is none.
    """

    kind: Literal["money"]
    spelt: Literal["minor", "cents", "text", "number"]
    negate: bool = False
    places: ExactNumber | None = Field(default=None, ge=0, le=8)
    no_amount: tuple[str, ...] = ()


def _date_pattern(text: str) -> str:
    parts = _PATTERN_PARTS.findall(text)
    if "".join(parts) != text or any(parts.count(part) != 1 for part in _DATE_PARTS):
        message = "a pattern is made of YYYY, MM and DD, once each, and hh, mm, ss and signs"
        raise ValueError(message)
    return text


Pattern = Annotated[str, Field(min_length=6, max_length=40), AfterValidator(_date_pattern)]
"""How a date is written: ``YYYY-MM-DD``, ``MM/DD/YYYY``, ``YYYYMMDD``, ``YYYY-MM-DD hh:mm:ss``."""


class DateCodec(Section):
    """A business date: a day in the facility's own calendar, never converted.

    Attributes:
        pattern: How it is written.
        ignore_time: What follows the date in what is read is no part of it ("2026-03-01T00:00:00Z" is that day).
        of_instant: What is read is a point in time with its offset; the day is the one it lies in at the facility.
        no_date: Texts that mean that there is none ("0001-01-01"), beside the empty one.
    """

    kind: Literal["date"]
    pattern: Pattern = "YYYY-MM-DD"
    ignore_time: bool = False
    of_instant: bool = False
    no_date: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.of_instant and (self.ignore_time or self.pattern != "YYYY-MM-DD"):
            message = "of_instant goes with the usual pattern, and without ignore_time"
            raise ValueError(message)
        return self


class MonthCodec(Section):
    """A month as it stands on a card; read as its last day. It cannot be written.

    Attributes:
        pattern: How it is written. YY is a year of this century.
    """

    kind: Literal["month"]
    pattern: Literal["MM/YY", "MM/YYYY", "MMYY", "MMYYYY", "YYYY-MM", "YYYYMM"] = "MM/YY"


class LastDigitsCodec(Section):
    """The last four digits of a number that the vendor masks ("****1234"). It cannot be written.

    A text with more than four digits is not masked: nothing of it is kept, as of one with fewer.
    """

    kind: Literal["last_digits"]


class InstantCodec(Section):
    """A point in time.

    Attributes:
        spelt: ISO 8601, seconds or milliseconds since 1970, or a pattern.
        pattern: Of ``spelt: pattern``.
        zone: What a text without an offset is in; ``refuse`` when it must have one. Texts are written in it too: with
            Z for utc, without an offset for facility.
        fraction: Digits of a second's fraction that are written.
        no_instant: Texts that mean that there is none, beside the empty one.
    """

    kind: Literal["instant"]
    spelt: Literal["iso", "epoch", "epoch_ms", "pattern"] = "iso"
    pattern: Pattern | None = None
    zone: Literal["utc", "facility", "refuse"] = "refuse"
    fraction: Literal[0, 3, 6] = 0
    no_instant: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _pattern_is_whole(self) -> Self:
        if (self.spelt == "pattern") != (self.pattern is not None):
            message = "pattern goes with spelt: pattern, and only with it"
            raise ValueError(message)
        if self.spelt == "pattern" and self.zone == "refuse":
            message = "a pattern has no offset; say zone: utc or zone: facility"
            raise ValueError(message)
        return self


class EnumCodec(Section):
    """The vendor's words and ours.

    Attributes:
        words: The vendor's word to ours. Several may mean the same.
        write: Of words of ours that several mean: which is written. Without it, such a word can only be read.
        unknown: What another word of the vendor reads as: ``unknown`` keeps the record, ``refuse`` does not.
        spelt: The vendor's words are texts or whole numbers.
        fold_case: Capitals do not count when reading.
    """

    kind: Literal["enum"]
    words: dict[str, str] = Field(min_length=1)
    write: dict[str, str] = Field(default_factory=dict)
    unknown: Literal["unknown", "refuse"] = "unknown"
    spelt: Literal["text", "integer"] = "text"
    fold_case: bool = False

    @property
    def doubtful(self) -> list[str]:
        """Words of ours that several words of the vendor mean, and none is said to be the one that is written."""
        ours = list(self.words.values())
        return sorted({word for word in ours if ours.count(word) > 1} - set(self.write))

    @model_validator(mode="after")
    def _is_two_way(self) -> Self:
        if self.spelt == "integer" and not all(re.fullmatch(r"-?[0-9]{1,9}", word) for word in self.words):
            message = "spelt: integer, but a word is no whole number"
            raise ValueError(message)
        if any(self.words.get(vendor) != word for word, vendor in self.write.items()):
            message = "write names a word that words does not give that meaning"
            raise ValueError(message)
        return self


class PhoneCodec(Section):
    """A telephone number.

    Attributes:
        spelt: ``raw`` writes what was given, ``digits`` its digits alone, ``e164`` with + and the country.
        country: The calling code that a number without one gets ("1"); None when that cannot be known.
    """

    kind: Literal["phone"]
    spelt: Literal["raw", "digits", "e164"] = "raw"
    country: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")] | None = None

    @model_validator(mode="after")
    def _e164_has_a_country(self) -> Self:
        if self.spelt == "e164" and self.country is None:
            message = "spelt: e164 needs a country"
            raise ValueError(message)
        return self


class NameCodec(Section):
    """A person's name in one text. A name that would be read back otherwise is refused when written.

    Attributes:
        order: "Ada Lane", or "Lane, Ada".
    """

    kind: Literal["name"]
    order: Literal["first_last", "last_comma_first"] = "first_last"


class WordsCodec(Section):
    """Several words in one text, or in a list.

    Attributes:
        separator: What stands between them; None for a list.
    """

    kind: Literal["words"]
    separator: str | None = Field(default=None, min_length=1, max_length=3)


CodecSection = Annotated[
    TextCodec
    | IntegerCodec
    | DecimalCodec
    | BooleanCodec
    | MoneyCodec
    | DateCodec
    | MonthCodec
    | LastDigitsCodec
    | InstantCodec
    | EnumCodec
    | PhoneCodec
    | NameCodec
    | WordsCodec,
    Field(discriminator="kind"),
]
"""One codec, told apart by ``kind``."""

BUILT_IN: Final[dict[Word, CodecSection]] = {
    "text": TextCodec(kind="text"),
    "integer": IntegerCodec(kind="integer"),
    "decimal": DecimalCodec(kind="decimal"),
    "boolean": BooleanCodec(kind="boolean"),
    "cents": MoneyCodec(kind="money", spelt="cents"),
    "amount_text": MoneyCodec(kind="money", spelt="text"),
    "amount_number": MoneyCodec(kind="money", spelt="number"),
    "date": DateCodec(kind="date"),
    "month": MonthCodec(kind="month"),
    "last_digits": LastDigitsCodec(kind="last_digits"),
    "instant": InstantCodec(kind="instant"),
    "epoch": InstantCodec(kind="instant", spelt="epoch"),
    "phone": PhoneCodec(kind="phone"),
    "phone_digits": PhoneCodec(kind="phone", spelt="digits"),
    "words": WordsCodec(kind="words"),
}
"""Codecs that need no declaration."""
