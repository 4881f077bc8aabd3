"""Telephone numbers, and names that stand in one text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from pmsbridge.model.people import PersonName, Phone
from pmsbridge_rest.codecs.plain import as_text
from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import NameCodec, PhoneCodec

__all__ = ["FullNames", "Phones"]

_NOT_DIGITS: Final = re.compile(r"[^0-9]")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Phones:
    """A telephone number: raw text is kept beside its international form, where that can be known."""

    section: PhoneCodec

    def decode(self, raw: Any, scene: Scene) -> Phone | None:  # noqa: ANN401
        """The number; None for null or a blank text."""
        del scene
        if raw is None:
            return None
        text = as_text(raw)
        return Phone(raw=text, e164=self._international(text)) if text.strip() else None

    def encode(self, value: Any, scene: Scene) -> str:  # noqa: ANN401
        """As given, its digits, or the international form."""
        del scene
        text = value.raw if isinstance(value, Phone) else as_text(value)
        if self.section.spelt == "raw":
            return text
        if self.section.spelt == "digits":
            return _digits_alone(text)
        known = value.e164 if isinstance(value, Phone) and value.e164 else self._international(text)
        if known is None:
            message = "not a number whose country can be known"
            raise CodecError(message)
        return known

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same text where it is written as given, else the same number."""
        del scene
        one, two = (each.raw if isinstance(each, Phone) else str(each) for each in (value, other))
        if self.section.spelt == "raw":
            return one == two
        return self._number(one) == self._number(two)

    def _number(self, text: str) -> str:
        known = self._international(text) if self.section.country is not None else None
        return known or _NOT_DIGITS.sub("", text)

    def _international(self, text: str) -> str | None:
        digits = _NOT_DIGITS.sub("", text)
        if text.strip().startswith("+"):
            found = f"+{digits}"
        elif self.section.country is not None:
            national = digits.removeprefix(self.section.country) if self._has_country(digits) else digits
            found = f"+{self.section.country}{national}"
        else:
            return None
        return found if _E164.fullmatch(found) else None

    def _has_country(self, digits: str) -> bool:
        """Eleven digits that begin with 1 are a North American number with its country; elsewhere nobody can know."""
        return self.section.country == "1" and len(digits) == len("1") + 10 and digits.startswith("1")


def _digits_alone(text: str) -> str:
    if re.search(r"[A-Za-z]", text):
        message = "an extension or other words, which digits alone cannot say"
        raise CodecError(message)
    return _NOT_DIGITS.sub("", text)


@dataclass(frozen=True, slots=True)
class FullNames:
    """First and last name in one text; everything before the last blank is the first name."""

    section: NameCodec

    def decode(self, raw: Any, scene: Scene) -> PersonName | None:  # noqa: ANN401
        """The name in parts; None for null or a blank text."""
        del scene
        if raw is None or not as_text(raw).strip():
            return None
        text = as_text(raw).strip()
        if self.section.order == "last_comma_first":
            last, _, first = text.partition(",")
        else:
            first, _, last = text.rpartition(" ")
        return PersonName(first=first.strip(), last=last.strip())

    def encode(self, value: Any, scene: Scene) -> str:  # noqa: ANN401
        """First and last name; what else there is cannot be said, and ``say`` refuses it."""
        del scene
        if not isinstance(value, PersonName):
            message = "not a person's name"
            raise CodecError(message)
        if self.section.order == "last_comma_first":
            return f"{value.last}, {value.first}" if value.first else value.last
        return f"{value.first} {value.last}".strip()

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """Equal in every part."""
        del scene
        return bool(value == other)
