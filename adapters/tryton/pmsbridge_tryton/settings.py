"""Settings of one account. Unknown names are refused; secrets are references, never values."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import redact
from pmsbridge.model.places import FacilityPolicy, ZoneName
from pmsbridge_tryton.connection import ConnectionSettings, Duration

__all__ = ["FacilitySettings", "TrytonSettings", "read_settings"]

_LONGEST_WINDOW: Final = timedelta(days=1)


def _within_a_day(span: timedelta) -> timedelta:
    if not timedelta(0) <= span <= _LONGEST_WINDOW:
        message = "must be at most 24h"
        raise ValueError(message)
    return span


_DayAtMost = Annotated[Duration, AfterValidator(_within_a_day)]


class FacilitySettings(BaseModel):
    """The one facility of the account: a company of the back office.

    Attributes:
        code: What the portal calls it ("main").
        zone: IANA time zone of its business dates.
        name: Shown instead of the company's own; empty for that.
        email: Where notices to staff go; empty for the company's own.
        policy: Overrides of the operator's rules, by field of ``FacilityPolicy``.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    code: str = Field(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9_-]+$")
    zone: ZoneName
    name: str = ""
    email: str = ""
    policy: dict[str, Any] = Field(default_factory=dict)

    @field_validator("code")
    @classmethod
    def _code_is_no_secret(cls, code: str) -> str:
        # Codes are written into the journal and its call counts.
        if redact(code) != code:
            message = "looks like a card number; a code is short, such as main"
            raise ValueError(message)
        return code

    @field_validator("policy")
    @classmethod
    def _policy_fits(cls, policy: dict[str, Any]) -> dict[str, Any]:
        try:
            FacilityPolicy.model_validate(policy)
        except ValidationError as error:
            wrong = sorted(".".join(map(str, one["loc"])) for one in error.errors(include_input=False))
        else:
            return policy
        message = f"not a rule, or not a value of it: {', '.join(wrong)}"
        raise ValueError(message)


class TrytonSettings(ConnectionSettings):
    """One account of the back office.

    Attributes:
        facility: See ``FacilitySettings``.
        payment_journal: Name of the payment journal that the portal's payments are booked in: its own, with a clearing
            account, processed by hand, so that nothing else charges anybody.
        debit_journal: Name of the payment journal of direct debits; None when autopay is staff's business.
        portal_category: Name of the party category that opens the portal; None opens it to every party.
        cash_only_category: Name of the party category of customers who pay cash only; None for none.
        dial_code: Written before a telephone number that brings none ("1"); None leaves it to the back office.
        customer_mark: What a note begins with that a customer may read.
        settle_window: How long after an unknown outcome nothing can be concluded. At most a day.
        overlap: How far before its mark an incremental reading starts: longer than the longest transaction there.
        paper_bytes: Largest paper that is handed out.
    """

    facility: FacilitySettings
    payment_journal: str = Field(min_length=1)
    debit_journal: str | None = Field(default=None, min_length=1)
    portal_category: str | None = Field(default=None, min_length=1)
    cash_only_category: str | None = Field(default=None, min_length=1)
    dial_code: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,3}$")
    customer_mark: str = Field(default="[customer]", min_length=3, max_length=40)
    settle_window: _DayAtMost = timedelta(seconds=90)
    overlap: _DayAtMost = timedelta(minutes=15)
    paper_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)


def read_settings(account: str, options: Mapping[str, Any]) -> TrytonSettings:
    """Read an account's settings table.

    Raises:
        ConfigurationError: Something is missing, unknown or wrong; every such place is named, no value is repeated.
    """
    try:
        return TrytonSettings.model_validate(dict(options))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        problems = "; ".join(_problem(account, dict(one)) for one in found)
    # After the handler: an error raised within it keeps the library's, which holds what was typed.
    raise ConfigurationError(problems, code="invalid_settings")


def _problem(account: str, found: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        *above, word = found["loc"]
        return f"accounts.{account}.{place}: there is no such setting. {_did_you_mean(str(word), above)}"
    if found["type"] == "missing":
        return f"accounts.{account}.{place}: is missing"
    return f"accounts.{account}.{place}: {found['msg'].removeprefix('Value error, ')}"


def _did_you_mean(word: str, above: list[str | int]) -> str:
    table: type[BaseModel] = TrytonSettings
    for part in above:
        kind = table.model_fields[str(part)].annotation
        sections = [one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, BaseModel)]
        table = sections[0]
    close = difflib.get_close_matches(word, list(table.model_fields), n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Known here: {', '.join(sorted(table.model_fields))}."
