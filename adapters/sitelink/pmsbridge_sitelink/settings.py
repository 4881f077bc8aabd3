"""Settings of one account. Unknown names are refused; secrets are references, never values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import redact
from pmsbridge.model.money import Currency
from pmsbridge.model.places import FacilityPolicy, ZoneName
from pmsbridge.model.wrong_values import MISSING, problem_of, shape_of, without_echoes

__all__ = ["FacilitySettings", "Limits", "SiteLinkSettings", "Timeouts", "read_settings"]

_FOLDER = Path(__file__).parent / "wsdl"
_DURATION: Final = re.compile(r"([0-9]{1,9}) ?(ms|s|m|h|d)")
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CODE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ISO_DURATION: Final = TypeAdapter(timedelta)


def _duration(value: object) -> timedelta:
    """A number and a unit, or ISO 8601. A bare number does not say its unit."""
    if isinstance(value, timedelta):
        return value
    word = value.strip() if isinstance(value, str) else ""
    if (match := _DURATION.fullmatch(word)) is not None:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        return _ISO_DURATION.validate_python(word if word.startswith(("P", "-P")) else "")
    except ValidationError:
        message = 'not a duration; write a number and a unit, such as "90s", "15m", "12h" or "7d"'
        raise ValueError(message) from None


def _at_most(longest: timedelta, words: str, *, or_none: bool = False) -> Callable[[timedelta], timedelta]:
    def within(span: timedelta) -> timedelta:
        if span > longest or span < timedelta(0) or (not span and not or_none):
            message = f"must be {'0s or more' if or_none else 'more than 0s'} and at most {words}"
            raise ValueError(message)
        return span

    return within


_Duration = Annotated[timedelta, BeforeValidator(_duration)]
_HourAtMost = Annotated[_Duration, AfterValidator(_at_most(timedelta(hours=1), "1h"))]
_SixHoursAtMost = Annotated[_Duration, AfterValidator(_at_most(timedelta(hours=6), "6h"))]
_DayAtMost = Annotated[_Duration, AfterValidator(_at_most(timedelta(days=1), "24h", or_none=True))]
_WeekAtMost = Annotated[_Duration, AfterValidator(_at_most(timedelta(days=7), "7d", or_none=True))]


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class FacilitySettings(_Section):
    """One location of the account.

    Attributes:
        code: The back office's location code ("L001").
        name: Shown until the back office has been asked; empty for none.
        zone: IANA time zone. The back office writes its own server's zone, so this cannot be read from it.
        currency: ISO 4217. The back office does not say.
        measure: What unit sizes are in.
        policy: Overrides of the operator's rules, by field of ``FacilityPolicy``; what is not set here is read or
            defaulted.
    """

    code: str = Field(min_length=1, max_length=20)
    name: str = ""
    zone: ZoneName
    currency: Currency = "USD"
    measure: Literal["ft", "m"] = "ft"
    policy: dict[str, Any] = Field(default_factory=dict)

    @field_validator("code")
    @classmethod
    def _code_is_no_secret(cls, code: str) -> str:
        if not _CODE.fullmatch(code):
            message = "not a location code such as L001; letters, digits, - and _ only"
            raise ValueError(message)
        # Codes are written into the journal and its call counts.
        if redact(code) != code:
            message = "looks like a card number; a location code is short, such as L001"
            raise ValueError(message)
        return code

    @field_validator("policy")
    @classmethod
    def _policy_fits(cls, policy: dict[str, Any]) -> dict[str, Any]:
        message = ""
        try:
            FacilityPolicy.model_validate(policy)
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False)
            message = f"not a rule, or not a value of it: {', '.join(_rule(dict(found)) for found in problems)}"
        if message:
            raise ValueError(message)
        return policy


class Timeouts(_Section):
    """How long things may take: more than nothing, at most an hour, a nightly answer at most six.

    Attributes:
        connect: Until a connection stands.
        read: Between two arrivals of data.
        live: For one live read, repetitions and the waiting for a slot included.
        write: For one effect up to its answer, the reads before it included.
        batch: For one read of a night, large or small, until all of it is here; the waiting for a slot included.
    """

    connect: _HourAtMost = timedelta(seconds=5)
    read: _HourAtMost = timedelta(seconds=30)
    live: _HourAtMost = timedelta(seconds=45)
    write: _HourAtMost = timedelta(seconds=60)
    batch: _SixHoursAtMost = timedelta(minutes=15)


class Limits(_Section):
    """What the account bears.

    Attributes:
        concurrency: Calls at once, all processes that share the database together. Parallel log-ons of one account
            fail for some accounts, so the default is 1.
        calls_per_second: None for no limit.
        monthly_calls: Calls per location and calendar month that are included in the price; None for no count.
        stop_at_monthly_calls: Refuse calls beyond them. Otherwise a warning is logged and each further call costs.
        warn_at_percent: Share of ``monthly_calls`` at which a person is warned.
        nights_percent: Share of ``monthly_calls`` that nights may use up where ``stop_at_monthly_calls`` is set; the
            others are kept for people. 100 keeps none.
        read_attempts: Times a read is asked for while the back office says "busy".
    """

    concurrency: int = Field(default=1, ge=1, le=32)
    calls_per_second: Decimal | None = Field(default=None, gt=0)
    monthly_calls: int | None = Field(default=10_000, ge=1)
    stop_at_monthly_calls: bool = False
    warn_at_percent: int = Field(default=80, ge=1, le=100)
    nights_percent: int = Field(default=95, ge=1, le=100)
    read_attempts: int = Field(default=3, ge=1, le=10)


class SiteLinkSettings(_Section):
    """One account of the back office.

    Attributes:
        corp_code: The corporate account.
        user: API user without the licence key. One that already carries ``:::`` is taken as it is.
        license_key: Reference of the API licence key ("env:SITELINK_LICENSE").
        password: Reference of the API user's password.
        call_center_url: Address of the transaction service.
        reporting_url: Address of the reporting service; not derived from the other one.
        call_center_wsdl: Another request description to validate with, such as a downloaded live one.
        reporting_wsdl: The same for the reporting service.
        facilities: The locations served.
        settle_window: How long after an unknown outcome nothing can be concluded: late commits plus the time until a
            payment shows in reads (10 s were seen). At most a day.
        payment_source: What a payment says about its origin; 10 is "website".
        reservation_source: The same for reservations; there 5 is "website".
        test_mode: Send payments with the back office's test flag. It is no dry run: the record is written for real.
        allow_raw_cards: Let card numbers travel through this process. It puts the application into the scope of PCI
            DSS.
        autopay_days_parameter: How this account spells the days until autopay charges; ``doctor`` tells.
        note_limit_chars: Longest note, our reference included. The real limit is not known; clients use 2,000.
        bulletin_subject_limit_chars: Longest subject of a bulletin post.
        bulletin_body_limit_chars: Longest body, our reference included.
        check_number_limit_chars: Longest reference of a recorded payment. The real limit is not known.
        skew: How far clocks and business dates of the two sides may differ when looking for a payment.
        facility_cache: How long a facility's description is reused.
        verify_tls: True for the system's certificate authorities, or the path of another bundle.
    """

    corp_code: str = Field(min_length=1)
    user: str = Field(min_length=1)
    license_key: str = Field(min_length=1)
    password: str = Field(min_length=1)
    call_center_url: str = "https://api.smdservers.net/CCWs_3.5/CallCenterWs.asmx"
    reporting_url: str = "https://api.smdservers.net/CCWs_3.5/ReportingWs.asmx"
    call_center_wsdl: Path = _FOLDER / "callcenter.wsdl"
    reporting_wsdl: Path = _FOLDER / "reporting.wsdl"
    facilities: tuple[FacilitySettings, ...] = Field(min_length=1)
    settle_window: _DayAtMost = timedelta(seconds=120)
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    payment_source: int = Field(default=10, ge=0)
    reservation_source: int = Field(default=5, ge=0)
    test_mode: bool = False
    allow_raw_cards: bool = False
    autopay_days_parameter: Literal["iAutoBillOnDayPastDue", "iDaysAfterDue"] = "iAutoBillOnDayPastDue"
    note_limit_chars: int = Field(default=2000, ge=100)
    bulletin_subject_limit_chars: int = Field(default=100, ge=20)
    bulletin_body_limit_chars: int = Field(default=2000, ge=100)
    check_number_limit_chars: int = Field(default=60, ge=10)
    skew: _WeekAtMost = timedelta(hours=26)
    facility_cache: _WeekAtMost = timedelta(minutes=15)
    verify_tls: bool | str = True

    @field_validator("corp_code", "user")
    @classmethod
    def _name_is_no_secret(cls, name: str) -> str:
        # Both are written into the names of gates and lanes.
        plain = name.partition(":::")[0]
        if redact(plain) != plain:
            message = "looks like a card number"
            raise ValueError(message)
        return name

    @field_validator("call_center_url", "reporting_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        is_loopback = parts.hostname in {"127.0.0.1", "localhost", "::1"}
        if (
            not parts.hostname
            or parts.username
            or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback))
        ):
            message = "must be an https address without user and password (http is allowed on loopback only)"
            raise ValueError(message)
        return url

    @field_validator("facilities")
    @classmethod
    def _codes_are_unique(cls, facilities: tuple[FacilitySettings, ...]) -> tuple[FacilitySettings, ...]:
        codes = [row.code for row in facilities]
        if len(set(codes)) != len(codes):
            message = "a facility code appears twice"
            raise ValueError(message)
        return facilities

    def facility(self, code: str) -> FacilitySettings | None:
        """The facility of that code; None when it is not configured."""
        return next((row for row in self.facilities if row.code == code), None)


def read_settings(account: str, options: Mapping[str, Any]) -> SiteLinkSettings:
    """Read an account's settings table.

    Raises:
        ConfigurationError: Something is missing, unknown or wrong; every such place is named, no value is repeated.
    """
    try:
        return SiteLinkSettings.model_validate(dict(options))
    except ValidationError as error:
        found = without_echoes([dict(row) for row in error.errors(include_input=False, include_url=False)])
        problems = "\n".join(_problem(account, options, row) for row in found)
    # After the handler: an error raised within it keeps the library's, which holds what was typed.
    raise ConfigurationError(problems, code="invalid_settings")


def _problem(account: str, options: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    place = f"accounts.{account}.options." + ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        *above, word = found["loc"]
        return f"{place}: there is no such setting. {_did_you_mean(str(word), _names_at(above))}"
    if found["type"] == "missing":
        return f"{place}: missing. Add it."
    return f"{place}: {problem_of(found)} (given: {shape_of(_given(options, found['loc']))})."


def _given(options: object, place: Sequence[str | int]) -> object:
    try:
        for part in place:
            options = options[part]  # type: ignore[index]
    except (LookupError, TypeError):
        return MISSING
    return options


def _rule(found: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in found["loc"])
    is_unknown = found["type"] == "extra_forbidden"
    return f"{place} ({_did_you_mean(place, FacilityPolicy.model_fields)})" if is_unknown else place


def _names_at(above: Collection[str | int]) -> Collection[str]:
    """The settings of the table that a place is in; a position in a list is no table of its own."""
    table: type[BaseModel] = SiteLinkSettings
    for part in above:
        kind = table.model_fields[part].annotation if isinstance(part, str) else table
        sections = [one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, BaseModel)]
        table = sections[0]
    return table.model_fields


def _did_you_mean(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(sorted(known))}."
