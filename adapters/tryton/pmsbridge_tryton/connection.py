"""How an account of Tryton is reached: settings, and a client made of them. Secrets are references, never values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from pmsbridge.logging import redact
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.clock import Clock
from pmsbridge.transport.http import HttpClient, HttpLimits
from pmsbridge.transport.limits import LaneLimiter, LaneLimits
from pmsbridge_tryton.client import Credentials, Pacing, TrytonClient
from pmsbridge_tryton.faults import LOGIN_PAUSE

__all__ = ["ConnectionSettings", "Duration", "Limits", "Timeouts", "connect", "lane_of"]

_DURATION: Final = re.compile(r"([0-9]{1,9}) ?(ms|s|m|h|d)")
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def _duration(value: object) -> timedelta:
    """A number and a unit. A bare number does not say its unit."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        message = 'not a duration; write a number and a unit, such as "90s", "15m", "12h" or "7d"'
        raise ValueError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _at_most(longest: timedelta, words: str) -> Callable[[timedelta], timedelta]:
    def within(span: timedelta) -> timedelta:
        if not timedelta(0) < span <= longest:
            message = f"must be more than 0s and at most {words}"
            raise ValueError(message)
        return span

    return within


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, written with its unit: "90s", "15m", "12h", "7d"."""

_HourAtMost = Annotated[Duration, AfterValidator(_at_most(timedelta(hours=1), "1h"))]
_SixHoursAtMost = Annotated[Duration, AfterValidator(_at_most(timedelta(hours=6), "6h"))]


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class Timeouts(_Section):
    """How long things may take: more than nothing, at most an hour, a nightly answer at most six.

    Attributes:
        connect: Until a connection stands.
        read: Between two arrivals of data.
        live: For one live read, repetitions included.
        write: For one effect up to its answer, the reads before it included.
        batch: For one page of a nightly reading.
    """

    connect: _HourAtMost = timedelta(seconds=5)
    read: _HourAtMost = timedelta(seconds=30)
    live: _HourAtMost = timedelta(seconds=30)
    write: _HourAtMost = timedelta(seconds=60)
    batch: _SixHoursAtMost = timedelta(minutes=10)


class Limits(_Section):
    """What the server is asked to bear.

    Attributes:
        concurrency: Calls in flight at once, all processes together.
        read_attempts: How often a read is asked while the answer is "not now".
        page_rows: Rows of one page of a nightly reading. Halved by itself where the server allows less.
        answer_rows: Most records one answer may hold.
        raw_bytes: Largest answer as it arrives.
        decoded_bytes: Largest answer once decoded.
        login_pause: How long no log-on is tried after the server refused one. As long as the server's own
            ``session.timeout`` is right.
    """

    concurrency: int = Field(default=4, ge=1, le=64)
    read_attempts: int = Field(default=3, ge=1, le=10)
    page_rows: int = Field(default=1000, ge=1, le=10_000)
    answer_rows: int = Field(default=100_000, ge=1)
    raw_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    decoded_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    login_pause: _HourAtMost = LOGIN_PAUSE


class ConnectionSettings(_Section):
    """Where the server is and who asks.

    Attributes:
        url: Of the server, without the database: https, or http on loopback.
        database: Its name there.
        user: A user of its own with the few groups it needs, without a second factor.
        password: Where the password is: ``env:NAME`` or ``file:/path``.
        company: Id of the company whose books are meant; None for the user's own.
        language: Of texts and messages ("en").
        timeouts: See ``Timeouts``.
        limits: See ``Limits``.
        verify_tls: True for the system's certificate authorities, or the path of another bundle.
    """

    url: str
    database: str = Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9_.-]+$")
    user: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1)
    company: int | None = Field(default=None, ge=1)
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}(_[A-Za-z0-9]+)?$")
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    verify_tls: bool | str = True

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        is_plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        has_more = "@" in parts.netloc or parts.query or parts.fragment
        if not parts.hostname or has_more or not (parts.scheme == "https" or is_plain):
            message = "must be an https address without user, password and query (http is allowed on loopback only)"
            raise ValueError(message)
        return url.rstrip("/")

    @field_validator("user", "database")
    @classmethod
    def _name_is_no_secret(cls, name: str) -> str:
        # Both are written into the names of gates and lanes.
        if redact(name) != name or not name.isprintable() or ":" in name:
            message = "looks like a secret, or holds a character that no name holds"
            raise ValueError(message)
        return name


def lane_of(account: str, settings: ConnectionSettings) -> str:
    """The name under which all processes share what the server bears."""
    return f"tryton:{settings.database}:{account}"


def connect(
    account: str,
    settings: ConnectionSettings,
    *,
    secrets: Secrets,
    clock: Clock,
    http: HttpClient | None = None,
    gate: CallGate | None = None,
) -> TrytonClient:
    """A client of one account; nothing is sent yet.

    Args:
        account: The configured account's name.
        settings: Its settings.
        secrets: Where the password is looked up, at every log-on, so that a new one is used at once.
        clock: Time.
        http: Takes the place of our own HTTP client (tests).
        gate: Where all processes that use this account take turns; None for this process alone.
    """
    limits, times = settings.limits, settings.timeouts
    bounds = HttpLimits(
        connect_timeout=times.connect, read_timeout=times.read, deadline=times.live, raw_bytes=limits.raw_bytes,
        decoded_bytes=limits.decoded_bytes, rows=limits.answer_rows,
    )  # fmt: skip
    limiter = LaneLimiter(
        LaneLimits(concurrency=limits.concurrency), gate=gate, clock=clock.now, monotonic=clock.monotonic
    )
    return TrytonClient(
        http or HttpClient(bounds, verify=settings.verify_tls, clock=clock.now, monotonic=clock.monotonic),
        url=settings.url,
        credentials=Credentials(settings.database, settings.user, lambda: secrets.get(settings.password)),
        company=settings.company,
        language=settings.language,
        pacing=Pacing(
            limiter=limiter, lane=lane_of(account, settings), sleep=clock.sleep, monotonic=clock.monotonic,
            read_attempts=limits.read_attempts, login_pause=limits.login_pause, live=times.live, write=times.write,
            batch=times.batch, page_rows=limits.page_rows,
        ),
    )  # fmt: skip
