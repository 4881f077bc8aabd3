"""What is told of stored cards and bank accounts: the last digits, and the month a card ends. Read only."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pmsbridge_rest.codecs.plain import as_text
from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import LastDigitsCodec, MonthCodec

__all__ = ["LastDigits", "Months"]

_FOUR: Final = 4
_CENTURY: Final = 2000
_PARTS: Final = {"YYYY": "(?P<year>[0-9]{4})", "YY": "(?P<year>[0-9]{2})", "MM": "(?P<month>[0-9]{2})"}
_PART: Final = re.compile("YYYY|YY|MM")


class _ReadOnly:
    """What is only read."""

    def encode(self, value: Any, scene: Scene) -> Any:  # noqa: ANN401 - never returns
        """Refused.

        Raises:
            CodecError: Always.
        """
        del value, scene
        message = "can only be read"
        raise CodecError(message)

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """Equal."""
        del scene
        return bool(value == other)


@dataclass(frozen=True, slots=True)
class Months(_ReadOnly):
    """The last day of a month: a card is good until then."""

    section: MonthCodec

    def decode(self, raw: Any, scene: Scene) -> date | None:  # noqa: ANN401
        """The day; None for null and an empty text."""
        del scene
        if raw is None or raw == "":
            return None
        pattern = self.section.pattern
        found = re.fullmatch(_PART.sub(lambda part: _PARTS[part[0]], pattern), as_text(raw), re.ASCII)
        if found is None or not 1 <= int(found["month"]) <= 12:  # noqa: PLR2004 - months of a year
            message = f"not a month like {pattern}"
            raise CodecError(message)
        year = int(found["year"]) + (_CENTURY if "YYYY" not in pattern else 0)
        if year < 1:
            message = "no such year"
            raise CodecError(message)
        return date(year, int(found["month"]), monthrange(year, int(found["month"]))[1])


@dataclass(frozen=True, slots=True)
class LastDigits(_ReadOnly):
    """The last four digits of a masked number."""

    section: LastDigitsCodec

    def decode(self, raw: Any, scene: Scene) -> str | None:  # noqa: ANN401
        """The digits; None for null, and for a text that does not end in four, or has more than these."""
        del scene
        if raw is None:
            return None
        text = as_text(raw).strip()
        digits, last = re.findall("[0-9]", text, re.ASCII), text[-_FOUR:]
        return last if len(digits) == _FOUR and list(last) == digits else None
