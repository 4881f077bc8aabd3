"""Business dates and points in time, in the vendor's spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from pmsbridge_rest.codecs.plain import exact_number
from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import DateCodec, InstantCodec

__all__ = ["Dates", "Instants"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Final = {"YYYY": "year", "MM": "month", "DD": "day", "hh": "hour", "mm": "minute", "ss": "second"}
_PART: Final = re.compile("|".join(_PARTS))
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)
_MICROSECOND: Final = timedelta(microseconds=1)


@lru_cache(maxsize=256)
def _reader(pattern: str) -> re.Pattern[str]:
    """A regular expression with the parts of a pattern as named groups."""
    pieces, place = [], 0
    for found in _PART.finditer(pattern):
        pieces += [re.escape(pattern[place : found.start()]), f"(?P<{_PARTS[found[0]]}>[0-9]{{{len(found[0])}}})"]
        place = found.end()
    return re.compile("".join([*pieces, re.escape(pattern[place:])]), re.ASCII)


def _parts(pattern: str, text: str, *, ignore_rest: bool = False) -> dict[str, int]:
    found = _reader(pattern).match(text) if ignore_rest else _reader(pattern).fullmatch(text)
    rest = text[found.end() :] if found else ""
    if found is None or (rest and rest[0] not in "Tt "):
        message = f"not written like {pattern}"
        raise CodecError(message)
    return {name: int(digits) for name, digits in found.groupdict().items()}


def _written(pattern: str, moment: datetime | date) -> str:
    def part(found: re.Match[str]) -> str:
        return f"{getattr(moment, _PARTS[found[0]], 0):0{len(found[0])}d}"

    return _PART.sub(part, pattern)


@dataclass(frozen=True, slots=True)
class Dates:
    """A day in the facility's own calendar; never converted."""

    section: DateCodec

    def decode(self, raw: Any, scene: Scene) -> date | None:  # noqa: ANN401
        """The day; None for null, an empty text, and texts that mean that there is none."""
        if raw is None or raw == "" or raw in self.section.no_date:
            return None
        if self.section.of_instant and isinstance(raw, str) and _ISO.fullmatch(raw):
            return self._of_instant(raw, scene)
        if not isinstance(raw, str | int) or isinstance(raw, bool):
            message = "not a date"
            raise CodecError(message)
        parts = _parts(self.section.pattern, str(raw), ignore_rest=self.section.ignore_time)
        if not self.section.ignore_time and any(parts.get(name) for name in ("hour", "minute", "second")):
            message = "a date with a time of day; say ignore_time when that is no part of it"
            raise CodecError(message)
        try:
            return date(parts["year"], parts["month"], parts["day"])
        except ValueError:
            message = "no such day"
        raise CodecError(message)

    @staticmethod
    def _of_instant(text: str, scene: Scene) -> date:
        try:
            moment = datetime.fromisoformat(text.upper())
            if moment.tzinfo is not None:
                return moment.astimezone(scene.zone).date()
        except (ValueError, OverflowError):
            pass
        message = "no point in time with its offset"
        raise CodecError(message)

    def encode(self, value: Any, scene: Scene) -> str:  # noqa: ANN401
        """The day in the vendor's pattern; a time of day in it is midnight."""
        del scene
        if not isinstance(value, date) or isinstance(value, datetime):
            message = "not a date"
            raise CodecError(message)
        return _written(self.section.pattern, value)

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same day."""
        del scene
        return bool(value == other)


@dataclass(frozen=True, slots=True)
class Instants:
    """A point in time, UTC with us."""

    section: InstantCodec

    def decode(self, raw: Any, scene: Scene) -> datetime | None:  # noqa: ANN401
        """The instant; None for null, an empty text, and texts that mean that there is none."""
        if raw is None or raw == "" or raw in self.section.no_instant:
            return None
        if self.section.spelt in {"epoch", "epoch_ms"}:
            return self._of_epoch(exact_number(raw))
        if not isinstance(raw, str):
            message = "not a point in time"
            raise CodecError(message)
        try:
            moment = self._of_text(raw)
            return self._placed(moment, scene).astimezone(UTC)
        except (ValueError, OverflowError) as problem:
            message = str(problem) if isinstance(problem, CodecError) else "no such point in time"
        raise CodecError(message)

    def encode(self, value: Any, scene: Scene) -> str | int:  # noqa: ANN401
        """In the vendor's spelling. What has more of a second than that can say is refused by ``say``."""
        if not isinstance(value, datetime) or value.tzinfo is None:
            message = "not a point in time"
            raise CodecError(message)
        if self.section.spelt in {"epoch", "epoch_ms"}:
            step = timedelta(seconds=1) if self.section.spelt == "epoch" else timedelta(milliseconds=1)
            return (value - _EPOCH) // step
        zone = scene.zone if self.section.zone == "facility" else UTC
        local = value.astimezone(zone)
        if self.section.pattern is not None:
            return _written(self.section.pattern, local)
        return local.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + self._fraction(local) + self._suffix()

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same instant."""
        del scene
        return bool(value == other)

    def _of_epoch(self, number: Decimal) -> datetime:
        per_second = 1 if self.section.spelt == "epoch" else 1000
        microseconds = number * (1_000_000 // per_second)
        try:
            return _EPOCH + int(microseconds) * _MICROSECOND
        except OverflowError:
            message = "no such point in time"
        raise CodecError(message)

    def _of_text(self, text: str) -> datetime:
        if self.section.pattern is not None:
            return datetime(**_parts(self.section.pattern, text))  # type: ignore[arg-type]  # noqa: DTZ001 - placed by the caller
        if not _ISO.fullmatch(text):
            message = "not written like 2026-03-01T12:30:00Z"
            raise CodecError(message)
        return datetime.fromisoformat(text.upper())

    def _placed(self, moment: datetime, scene: Scene) -> datetime:
        if moment.tzinfo is not None:
            return moment
        if self.section.zone == "refuse":
            message = "a time without an offset; say which zone it is in"
            raise CodecError(message)
        return moment.replace(tzinfo=scene.zone if self.section.zone == "facility" else UTC)

    def _fraction(self, moment: datetime) -> str:
        digits = self.section.fraction
        return f".{moment.microsecond:06d}"[: digits + 1] if digits else ""

    def _suffix(self) -> str:
        return "" if self.section.zone == "facility" else "Z"
