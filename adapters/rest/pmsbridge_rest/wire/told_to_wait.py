"""What the back office said about waiting: after 429, after ``Retry-After``, when its counter is at nothing.

Whoever is told to wait tells everybody of the process. Nobody asks before it is over: a wait longer than there is time
for fails at once, without a call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.http import Deadline, parse_retry_after
from pmsbridge_rest.forking import forgets

__all__ = ["CounterHeaders", "PointsLeft", "ToldToWait"]

_LONGEST: Final = timedelta(hours=1)
_MOST_SECONDS: Final = Decimal(3600)


@dataclass(frozen=True, slots=True)
class CounterHeaders:
    """Headers in which answers count down.

    Attributes:
        remaining: How many calls are left.
        reset: When the count begins again; empty when it is not told.
        reset_is: Seconds from now, an epoch second, or an HTTP date.
    """

    remaining: str
    reset: str = ""
    reset_is: Literal["seconds", "epoch", "date"] = "seconds"


@dataclass(frozen=True, slots=True)
class PointsLeft:
    """A budget of points that answers tell about.

    Attributes:
        available: Reads what is left out of an answer's document.
        restored: Reads how many come back a second; None when that is not told.
        wanted: Reads what the call asked for; None when that is not told.
    """

    available: Callable[[Any], object]
    restored: Callable[[Any], object] | None = None
    wanted: Callable[[Any], object] | None = None

    def missing_seconds(self, document: object) -> Decimal | None:
        """How long until another call like this one can be paid; None when it can be, or nothing is told."""
        left = _points(self.available, document)
        wanted = _points(self.wanted, document) or Decimal(1)
        if left is None or left >= wanted:
            return None
        rate = _points(self.restored, document)
        return (wanted - left) / rate if rate else Decimal(0)


def _points(look: Callable[[Any], object] | None, document: object) -> Decimal | None:
    try:
        found = None if look is None else look(document)
    except ValueError:
        return None
    is_number = isinstance(found, int | Decimal) and not isinstance(found, bool)
    return Decimal(found) if is_number and found >= 0 else None  # type: ignore[arg-type, operator]


class ToldToWait:
    """The instant before which nobody asks; thread-safe.

    Args:
        wait: After "later" that does not say when.
        counter: Headers that count down; None when there are none.
        points: A budget of points; None when there is none.
        clock: Wall clock, aware UTC.
        monotonic: Seconds.
        sleep: Takes seconds.
    """

    def __init__(
        self,
        wait: timedelta,
        counter: CounterHeaders | None = None,
        points: PointsLeft | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._wait = wait
        self._counter = counter
        self._points = points
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._until = 0.0
        self.forget()
        forgets(self)

    def forget(self) -> None:
        """Drop a lock that a parent process's thread may have held; what was said about waiting stays."""
        self._lock = threading.Lock()

    def keep(self, deadline: Deadline) -> None:
        """Wait as long as was said.

        Raises:
            UnavailableError: That is longer than there is time; nothing was sent.
        """
        while (left := self.left()) > 0:
            if left >= deadline.seconds_left():
                message = "the back office said to wait longer than there is time; nothing was sent"
                raise UnavailableError(message, retry_after=timedelta(seconds=left), code="told_to_wait")
            self._sleep(left)

    def left(self) -> float:
        """Seconds still to wait; 0 when nobody has to."""
        with self._lock:
            return max(0.0, self._until - self._monotonic())

    def later(self, headers: Mapping[str, str]) -> timedelta:
        """Take note of "later"; how long it is.

        Args:
            headers: Of the answer, names in lower case.
        """
        said = parse_retry_after(headers.get("retry-after"), now=self._clock())
        span = said or self._reset(headers) or self._wait
        self.hold(span)
        return span

    def noted(self, headers: Mapping[str, str], document: object = None) -> None:
        """Take note of the counter of an answer: at nothing left, nobody asks until it begins again."""
        missing = None if self._points is None else self._points.missing_seconds(document)
        if missing is not None:
            self.hold(timedelta(milliseconds=int(min(missing, _MOST_SECONDS) * 1000)) or self._wait)
        left = None if self._counter is None else _number(headers.get(self._counter.remaining.lower()))
        if left is not None and left <= 0:
            self.hold(self._reset(headers) or self._wait)

    def hold(self, span: timedelta) -> None:
        """Nobody asks for this long; a longer wait that was said before stays. Never more than an hour."""
        until = self._monotonic() + min(span, _LONGEST).total_seconds()
        with self._lock:
            self._until = max(self._until, until)

    def _reset(self, headers: Mapping[str, str]) -> timedelta | None:
        text = headers.get(self._counter.reset.lower()) if self._counter and self._counter.reset else None
        if text is None or self._counter is None:
            return None
        if self._counter.reset_is == "date":
            return _until_date(text, self._clock())
        number = _number(text)
        if number is None:
            return None
        now = Decimal(int(self._clock().timestamp())) if self._counter.reset_is == "epoch" else Decimal(0)
        seconds = min(max(number - now, Decimal(0)), Decimal(int(_LONGEST.total_seconds())))
        return timedelta(milliseconds=int(seconds * 1000))


def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal((text or "").partition(",")[0].strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _until_date(text: str, now: datetime) -> timedelta | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(aware - now, timedelta(0))
