"""The sections of the settings, each with its units and defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import quote, unquote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pmsbridge.ports.adapter import Secrets
from pmsbridge.settings.webhook_rules import checked_address, checked_type, fits

__all__ = [
    "AccountSettings",
    "DispatchSettings",
    "Duration",
    "EngineSection",
    "LogSettings",
    "MailSettings",
    "NoticeSettings",
    "PlaceNotices",
    "ScheduleSettings",
    "SecretReference",
    "Settings",
    "StoreSettings",
    "WebhookSettings",
]

_REFERENCE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_DURATION: Final = re.compile(r"([0-9]{1,9}) ?(ms|s|m|h|d)")
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SMELLS_SECRET: Final = re.compile(
    r"(password|passwd|secret|token|api_?key|licen[cs]e_?key|private_?key)$", re.IGNORECASE
)
_CLOCK: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_PASSWORD_OPTION: Final = re.compile(r"[?&;][^=&;]*(?:password|passwd|pwd)\s*=", re.IGNORECASE)
_NEXT_ADDRESS: Final = re.compile(r";(?=[a-z0-9+.-]+://)", re.IGNORECASE)


def _reference(value: str) -> str:
    if not _REFERENCE.fullmatch(value):
        message = "value looks like a secret itself; write env:NAME or file:/path"
        raise ValueError(message)
    return value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        message = 'not a duration; write a number and a unit, such as "90s", "15m", "12h" or "7d"'
        raise ValueError(message)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        message = 'not a time of day; write it as "02:30"'
        raise ValueError(message)
    return time.fromisoformat(value)


SecretReference = Annotated[str, AfterValidator(_reference)]
"""Where a secret is: ``env:NAME`` or ``file:/path``. The secret itself is refused."""

Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, written with its unit: "90s", "15m", "12h", "7d"."""

ClockTime = Annotated[time, BeforeValidator(_clock_time)]
"""A time of day, "02:30"."""

AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
"""How an account is called in settings, addresses and reports."""


Language = Literal["en", "fr"]
"""What staff can be told in."""

MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]
"""One mail address without a name."""

PlaceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}(/[^/\s]+)?$")]
"""An account, or one facility of it: ``main``, ``main/L001``."""


class _Section(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class StoreSettings(_Section):
    """Where the journal and the mirror live.

    Attributes:
        url: Database address. A relative SQLite path is relative to the settings file. Without a password.
        password: Reference of the database user's password; None when there is none.
        connections: How many connections one process has open at most; further transactions wait for one.
    """

    url: str = "sqlite:///pmsbridge.db"
    password: SecretReference | None = None
    connections: int = Field(default=64, ge=2, le=1000)

    @field_validator("url")
    @classmethod
    def _has_no_password(cls, url: str) -> str:
        if _holds_password(url):
            message = 'holds a password; take it out and let store.password name it, as "env:NAME"'
            raise ValueError(message)
        if "://" not in url:
            message = "not a database address such as sqlite:///pmsbridge.db"
            raise ValueError(message)
        return url

    @model_validator(mode="after")
    def _file_has_no_password(self) -> Self:
        if self.password is not None and self.url.startswith("sqlite"):
            message = "a SQLite file takes no password; remove store.password"
            raise ValueError(message)
        return self

    def below(self, folder: Path) -> Self:
        """The same store, a relative SQLite path made absolute below ``folder``."""
        scheme, _, path = self.url.partition(":///")
        if not scheme.startswith("sqlite") or path in {"", ":memory:"} or Path(path).is_absolute():
            return self
        return self.model_copy(update={"url": f"{scheme}:///{(folder / path).resolve()}"})

    def address(self, secrets: Secrets) -> str:
        """The database address with its password, for the driver only.

        Raises:
            ConfigurationError: There is nothing behind the password's reference.
        """
        if self.password is None:
            return self.url
        scheme, _, rest = self.url.partition("://")
        user, at, host = rest.rpartition("@")
        return f"{scheme}://{user}:{_quoted(secrets.get(self.password))}{at or '@'}{host}"


def _quoted(secret: str) -> str:
    return quote(secret, safe="")


def _holds_password(address: str) -> bool:
    """Whether there is a password in an address, or in one of several with a semicolon between.

    Everything before the last @ may be a login: drivers differ on where a password with a slash or a question mark
    in it ends. So an @ elsewhere, after a colon, is to be written %40.
    """
    for each in _NEXT_ADDRESS.split(address):
        login, at, _ = each.partition("://")[2].rpartition("@")
        if at and ":" in login and not login.startswith("/"):
            return True
    return _PASSWORD_OPTION.search(unquote(address)) is not None


class MailSettings(_Section):
    """The mail server that notices to staff go through.

    Attributes:
        host: None while no server is set; notices by mail then fail with a finding instead of getting lost.
        sender: Address in From.
        starttls: Encrypt, and refuse to send when the server cannot.
        username: Login; empty for a server that wants none.
        password: Reference of the login's password.
    """

    host: str | None = None
    port: int = Field(default=25, ge=1, le=65535)
    sender: str = Field(default="pmsbridge@localhost", pattern=r"^[^@\s]+@[^@\s]+$")
    starttls: bool = False
    username: str = ""
    password: SecretReference | None = None

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if bool(self.username) != (self.password is not None):
            message = "username and password go together; set both or neither"
            raise ValueError(message)
        return self


class PlaceNotices(_Section):
    """What is different for the notices of one account or facility; None keeps what is set above it.

    Attributes:
        language: Which language staff are told in.
        addresses: Where staff read mail, in place of the address that the back office holds; an empty list sends none.
    """

    language: Language | None = None
    addresses: tuple[MailAddress, ...] | None = None


class NoticeSettings(_Section):
    """What staff are told, in which language, and where.

    Attributes:
        language: Which language staff are told in.
        templates: Folder of own templates, ``en/`` and ``fr/`` below it; a file that is not there is taken from ours.
            None for ours alone.
        addresses: Where staff read mail; None for the primary address that the back office holds of each facility.
        reply_to: Where answers to our mails go; empty for the sender.
        places: By ``ACCOUNT`` or ``ACCOUNT/FACILITY``, what is different there.
    """

    language: Language = "en"
    templates: Path | None = None
    addresses: tuple[MailAddress, ...] | None = None
    reply_to: MailAddress | Literal[""] = ""
    places: dict[PlaceName, PlaceNotices] = Field(default_factory=dict)

    def at(self, account: str, facility: str) -> PlaceNotices:
        """What holds at a facility: its own, else its account's, else the general setting; an address may be None."""
        found = [self.places.get(f"{account}/{facility}"), self.places.get(account)]
        languages = [place.language for place in found if place is not None and place.language is not None]
        addresses = [place.addresses for place in found if place is not None and place.addresses is not None]
        return PlaceNotices(language=[*languages, self.language][0], addresses=[*addresses, self.addresses][0])


class LogSettings(_Section):
    """What is written to standard error, always redacted.

    Attributes:
        format: "text" for people, "json" for machines: one object per line.
    """

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["text", "json"] = "text"

    @property
    def is_json(self) -> bool:
        """One JSON object per line."""
        return self.format == "json"


class EngineSection(_Section):
    """How actions are delivered.

    Attributes:
        settle_window: Replaces what the adapter declares: how long an unknown outcome sleeps before it is looked for.
            Too short a window can double a payment; shorten it only against a sandbox.
        action_deadline: After this long, money that was never sent is not sent any more.
        notice_deadline: The same for notices and changes without money.
        max_attempts: How often money may be sent when it certainly never arrived. Notices, changes without money and
            money a gateway already took go on until ``notice_deadline``.
    """

    settle_window: Duration | None = None
    action_deadline: Duration = timedelta(minutes=15)
    notice_deadline: Duration = timedelta(days=7)
    max_attempts: int = Field(default=8, ge=1, le=50)


class ScheduleSettings(_Section):
    """When work runs by itself.

    Attributes:
        nightly: Start of the nightly sync, in each facility's own time; None for never.
        reconcile: When payments are compared with the back offices, in each facility's own time; None for never.
        daily_close: When the back offices close their day, in each facility's own time: until then a payment can be
            voided. None when it is not known.
    """

    nightly: ClockTime | None = time(2, 30)
    reconcile: ClockTime | None = None
    daily_close: ClockTime | None = None

    @field_validator("nightly", "reconcile", "daily_close", mode="before")
    @classmethod
    def _never(cls, value: object) -> object:
        return None if value == "never" else value


class DispatchSettings(_Section):
    """Who carries the wake-ups, and does the work that could not be finished at once.

    Attributes:
        by: "embedded" for threads of one process, "procrastinate" for workers over PostgreSQL, "celery" for workers
            over Redis or RabbitMQ, "inline" for whoever asks.
        concurrency: Lanes one process works on at once.
        sweep_every: How often due work is looked for; a part of the time in which a dead worker's work is taken over.
        broker: Address of the queue, without a password. Celery needs one; Procrastinate uses the store's database
            when it is None.
        password: Reference of the broker's password; None when there is none.
    """

    by: Literal["inline", "embedded", "procrastinate", "celery"] = "embedded"
    concurrency: int = Field(default=4, ge=1, le=64)
    sweep_every: Duration = Field(default=timedelta(seconds=2), ge=timedelta(milliseconds=100), le=timedelta(hours=1))
    broker: str | None = None
    password: SecretReference | None = None

    @field_validator("broker")
    @classmethod
    def _is_an_address(cls, broker: str | None) -> str | None:
        if broker is not None and _holds_password(broker):
            message = 'holds a password; take it out and write dispatch.password = "env:NAME"'
            raise ValueError(message)
        if broker is not None and "://" not in broker:
            message = "not an address such as redis://127.0.0.1:6379/0"
            raise ValueError(message)
        return broker

    def address(self, secrets: Secrets) -> str | None:
        """The broker's address with its password, for the driver only; None when none is set.

        Raises:
            ConfigurationError: There is nothing behind the password's reference.
        """
        if self.broker is None or self.password is None:
            return self.broker
        scheme, _, rest = self.broker.partition("://")
        user, _, host = rest.rpartition("@")
        return f"{scheme}://{user}:{_quoted(secrets.get(self.password))}@{host}"


MessageType = Annotated[str, AfterValidator(checked_type)]
"""A type of message, ``tenant.*`` or ``*``."""


def _spans(*texts: str) -> tuple[timedelta, ...]:
    return tuple(_duration(text) for text in texts)


class WebhookSettings(_Section):
    """One endpoint that is told what happens.

    Attributes:
        name: What it is called in reports, and what its place in the feeds is kept under.
        url: Where messages are posted: https. Redirects are not followed.
        secret: Reference of the secret that signs, ``whsec_...``.
        former_secrets: References of secrets that sign too while receivers change over.
        events: Types of message it is told: "tenant.changed", "action.*", "*".
        facilities: ``ACCOUNT`` or ``ACCOUNT/FACILITY``; empty for all.
        timeout: For one attempt, the answer included.
        retries: How long to wait after each attempt that failed. After the last, the endpoint is disabled.
        allow_private: Addresses of private networks may be reached, and plain http on this machine.
    """

    name: AccountName
    url: str = Field(repr=False)
    secret: SecretReference
    former_secrets: tuple[SecretReference, ...] = Field(default=(), max_length=5)
    events: tuple[MessageType, ...] = Field(default=("*",), min_length=1)
    facilities: tuple[PlaceName, ...] = ()
    timeout: Duration = Field(default=timedelta(seconds=15), ge=timedelta(seconds=1), le=timedelta(minutes=1))
    retries: tuple[Duration, ...] = Field(
        default=_spans("5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"), min_length=1, max_length=50
    )
    allow_private: bool = False

    @model_validator(mode="after")
    def _address_is_safe(self) -> Self:
        checked_address(self.url, allow_private=self.allow_private)
        return self

    def wants(self, kind: str, account: str, facility: str) -> bool:
        """Whether a message of this type about this facility is for this endpoint."""
        places = self.facilities
        return fits(kind, self.events) and (not places or account in places or f"{account}/{facility}" in places)


class AccountSettings(_Section):
    """One account at one back office; it may serve many facilities.

    Attributes:
        system: Which back office, as its adapter is registered.
        options: What that adapter wants to know; checked by the adapter. Secrets are references here too.
    """

    system: str = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict, repr=False)

    @field_validator("options")
    @classmethod
    def _secrets_are_references(cls, options: dict[str, Any]) -> dict[str, Any]:
        if bare := sorted(_bare_secrets(options)):
            message = f"{', '.join(bare)}: value looks like a secret itself; write env:NAME or file:/path"
            raise ValueError(message)
        return options


def _bare_secrets(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted names of secrets written out instead of referred to."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _bare_secrets(value, f"{above}{name}.")
        elif isinstance(value, str) and value and _SMELLS_SECRET.search(name) and not _REFERENCE.fullmatch(value):
            yield f"{above}{name}"


class Settings(BaseSettings):
    """Everything that can be set. Made by ``load_settings``; nothing here is secret, so it may be shown.

    Attributes:
        accounts: By name; one file may hold several.
        webhooks: Who is told what happens.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix="PMSBRIDGE_",
        env_nested_delimiter="__",
    )

    store: StoreSettings = StoreSettings()
    mail: MailSettings = MailSettings()
    notices: NoticeSettings = NoticeSettings()
    log: LogSettings = LogSettings()
    engine: EngineSection = EngineSection()
    schedule: ScheduleSettings = ScheduleSettings()
    dispatch: DispatchSettings = DispatchSettings()
    accounts: dict[AccountName, AccountSettings] = Field(default_factory=dict)
    webhooks: tuple[WebhookSettings, ...] = ()

    _file: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _places_are_accounts(self) -> Self:
        if strangers := sorted({name.partition("/")[0] for name in self.notices.places} - set(self.accounts)):
            message = f"notices.places: no account is called {', '.join(strangers)}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _webhooks_are_told_apart(self) -> Self:
        names = [each.name for each in self.webhooks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = f"webhooks: two are called {', '.join(twice)}"
            raise ValueError(message)
        places = {place.partition("/")[0] for each in self.webhooks for place in each.facilities}
        if strangers := sorted(places - set(self.accounts)):
            message = f"webhooks: facilities: no account is called {', '.join(strangers)}"
            raise ValueError(message)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed over: ``load_settings`` reads file and environment, so that errors can name the place."""
        return (init_settings,)

    @property
    def file(self) -> Path | None:
        """The file these settings were read from; None when they came from the environment alone."""
        return self._file

    @property
    def folder(self) -> Path:
        """What relative paths in the settings are relative to."""
        return self._file.parent if self._file else Path.cwd()

    def read_from(self, file: Path | None) -> Self:
        """These settings with the file they came from, its relative paths made absolute."""
        folder = file.parent if file else Path.cwd()
        settings = self.model_copy(update={"store": self.store.below(folder)})
        settings._file = file  # noqa: SLF001 - our own copy
        return settings
