"""Settings of one account of a REST back office. Unknown names are refused; secrets are references, never values."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import redact
from pmsbridge.model.money import Currency
from pmsbridge.model.places import FacilityPolicy, ZoneName
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.problems import did_you_mean
from pmsbridge_rest.mapping.sections import Span

__all__ = ["FacilitySettings", "RestSettings", "read_settings", "unfit_settings"]


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class FacilitySettings(_Section):
    """One facility of the account.

    Attributes:
        code: What we call it; also what ``{facility.code}`` is.
        name: Shown where the back office has no name for it.
        zone: IANA time zone.
        currency: ISO 4217.
        options: The mapping's options that every facility has its own of.
        policy: Overrides of the operator's rules, by field of ``FacilityPolicy``.
    """

    code: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")
    name: str = ""
    zone: ZoneName
    currency: Currency = "USD"
    options: dict[str, str] = Field(default_factory=dict)
    policy: dict[str, Any] = Field(default_factory=dict)

    @field_validator("code")
    @classmethod
    def _code_is_no_secret(cls, code: str) -> str:
        if redact(code) != code:
            message = "looks like a card number"
            raise ValueError(message)
        return code

    @field_validator("policy")
    @classmethod
    def _policy_fits(cls, policy: dict[str, Any]) -> dict[str, Any]:
        message = ""
        try:
            FacilityPolicy.model_validate(policy)
        except ValidationError:
            message = "not a rule of FacilityPolicy, or not a value of it"
        if message:
            raise ValueError(message)
        return policy


class RestSettings(_Section):
    """One account.

    Attributes:
        mapping: The path of the mapping file, or the name of one that comes with the adapter.
        options: The mapping's options, those that are the same for every facility.
        secrets: By the mapping's name of a secret, its reference ("env:NAME").
        former_secrets: The same for the webhooks' secret of before, which is taken too while the sender changes over.
        facilities: The facilities served.
        base_url: Takes the place of the mapping's, for the vendor's own sandbox; None for the mapping's.
        token_file: Where a token is kept that the back office renews by itself; None where it does not.
        settle_window: Takes the place of the mapping's; None for the mapping's.
        facility_cache: How long a facility's description is reused.
        read_attempts: Times a read is asked for while the back office says "not now".
        monthly_calls: Calls a calendar month that are included in the price; None for no count.
        stop_at_monthly_calls: Refuse calls beyond them. Otherwise a warning is logged and each further call costs.
        verify_tls: True for the system's certificate authorities, or the path of another bundle.
    """

    mapping: str = Field(min_length=1)
    options: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)
    former_secrets: dict[str, str] = Field(default_factory=dict)
    facilities: tuple[FacilitySettings, ...] = Field(min_length=1)
    base_url: str | None = None
    token_file: Path | None = None
    settle_window: Span | None = None
    facility_cache: Span = timedelta(minutes=15)
    read_attempts: int = Field(default=3, ge=1, le=10)
    monthly_calls: int | None = Field(default=None, ge=1)
    stop_at_monthly_calls: bool = False
    verify_tls: bool | str = True

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


def read_settings(account: str, options: Table[str, Any]) -> RestSettings:
    """Read an account's settings table.

    Raises:
        ConfigurationError: Something is missing, unknown or wrong; every such place is named, no value is repeated.
    """
    try:
        return RestSettings.model_validate(dict(options))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        problems = "; ".join(_problem(account, dict(one)) for one in found)
    raise ConfigurationError(problems, code="invalid_settings")


def _problem(account: str, found: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        known = FacilitySettings if "facilities" in found["loc"] else RestSettings
        hint = did_you_mean(str(found["loc"][-1]), known.model_fields)
        return f"accounts.{account}.{place}: there is no such setting. {hint}"
    if found["type"] == "missing":
        return f"accounts.{account}.{place}: is missing"
    return f"accounts.{account}.{place}: {found['msg'].removeprefix('Value error, ')}"


def unfit_settings(account: str, settings: RestSettings, mapping: Mapping) -> list[str]:
    """What the mapping wants of an account and does not get, or gets and does not know; sentences."""
    place = f"accounts.{account}"
    wanted = mapping.connection.options
    own = {name for name, option in wanted.items() if option.per_facility}
    problems = [*_unfit_options(f"{place}.options", settings.options, wanted, set(wanted) - own)]
    for number, facility in enumerate(settings.facilities):
        problems += _unfit_options(f"{place}.facilities.{number}.options", facility.options, wanted, own)
    for name in mapping.connection.secrets:
        if name not in settings.secrets:
            problems.append(f"{place}.secrets.{name}: is missing; write its reference, such as env:NAME")
    for name in settings.secrets:
        if name not in mapping.connection.secrets:
            problems.append(f"{place}.secrets.{name}: no such secret. {did_you_mean(name, mapping.connection.secrets)}")
    return [*problems, *_unfit_former(f"{place}.former_secrets", settings, mapping)]


def _unfit_former(place: str, settings: RestSettings, mapping: Mapping) -> list[str]:
    ours = {mapping.webhooks.verify.key} if mapping.webhooks is not None else set[str]()
    strangers = [name for name in settings.former_secrets if name not in ours]
    return [f"{place}.{name}: only the secret of the mapping's webhooks has one before it" for name in strangers]


def _unfit_options(place: str, given: Table[str, str], wanted: Table[str, Any], here: set[str]) -> list[str]:
    problems = []
    for name in sorted(here):
        if name not in given and wanted[name].default is None:
            problems.append(f"{place}.{name}: is missing ({wanted[name].about})")
        elif name in given and not re.fullmatch(wanted[name].pattern, given[name]):
            problems.append(f"{place}.{name}: does not look as it should ({wanted[name].about})")
    return problems + [
        f"{place}.{name}: no such option here. {did_you_mean(name, here)}" for name in given if name not in here
    ]
