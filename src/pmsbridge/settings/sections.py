"""The sections of the settings, each with its units and defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pmsbridge.ports.adapter import Secrets
from pmsbridge.settings.portal import PlacePortal, PortalSettings
from pmsbridge.settings.telling import MailSettings, NoticeSettings, PlaceNotices
from pmsbridge.settings.values import (
    REFERENCE,
    AccountName,
    ClockTime,
    Duration,
    SecretReference,
    Section,
    holds_password,
    quoted,
)
from pmsbridge.settings.webhooks import WebhookSettings

__all__ = [
    "AccountSettings",
    "DispatchSettings",
    "Duration",
    "EngineSection",
    "LogSettings",
    "MailSettings",
    "NoticeSettings",
    "PlaceNotices",
    "PlacePortal",
    "PortalSettings",
    "ScheduleSettings",
    "SecretReference",
    "Settings",
    "StoreSettings",
    "WebhookSettings",
]

_SMELLS_SECRET: Final = re.compile(
    r"(password|passwd|secret|token|api_?key|licen[cs]e_?key|private_?key)$", re.IGNORECASE
)


class StoreSettings(Section):
    """Where the journal and the mirror live.

    Attributes:
        url: Database address. A relative SQLite path is relative to the settings file. Without a password.
        password: Reference of the database user's password; None when there is none.
        connections: How many connections one process has open at most; further transactions wait for one.
        keep_feeds: How long changes of the mirror and outcomes of actions are kept in their feeds.
        keep_untold: The same for what some webhook endpoint has not been told; not shorter.
        keep_files: How long what somebody handed in is kept after it was delivered, or given up: so long it can be
            sent once more.
        keep_people: How long somebody is kept who left: after the last sign of them, a night forgets them as ``erase``
            does, unless something is open. None, written "for good", for whoever is not erased by hand.
            At most 36500 days.
    """

    url: str = "sqlite:///pmsbridge.db"
    password: SecretReference | None = None
    connections: int = Field(default=64, ge=2, le=1000)
    keep_feeds: Duration = Field(default=timedelta(days=90), ge=timedelta(days=1))
    keep_untold: Duration = Field(default=timedelta(days=180), ge=timedelta(days=1))
    keep_files: Duration = Field(default=timedelta(days=7), ge=timedelta(hours=1))
    keep_people: Duration | None = Field(default=None, ge=timedelta(days=90), le=timedelta(days=36500))

    @field_validator("keep_people", mode="before")
    @classmethod
    def _for_good(cls, value: object) -> object:
        return None if value == "for good" else value

    @field_validator("url")
    @classmethod
    def _has_no_password(cls, url: str) -> str:
        if holds_password(url):
            message = 'holds a password; take it out and let store.password name it, as "env:NAME"'
            raise ValueError(message)
        if "://" not in url:
            message = "not a database address such as sqlite:///pmsbridge.db"
            raise ValueError(message)
        return url

    @model_validator(mode="after")
    def _untold_is_kept_longer(self) -> Self:
        if self.keep_untold < self.keep_feeds:
            message = "keep_untold: must not be shorter than keep_feeds"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _file_has_no_password(self) -> Self:
        if self.password is not None and self.url.startswith("sqlite"):
            message = "password: a SQLite file takes none; remove it"
            raise ValueError(message)
        return self

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for one on a server."""
        scheme, _, path = self.url.partition(":///")
        return Path(path) if scheme.startswith("sqlite") and path else None

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
        return f"{scheme}://{user}:{quoted(secrets.get(self.password))}{at or '@'}{host}"


class LogSettings(Section):
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


class EngineSection(Section):
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


class ScheduleSettings(Section):
    """When work runs by itself.

    Attributes:
        nightly: Start of the nightly sync, in each facility's own time; None, written "never", for none by the clock.
        reconcile: When payments are compared with the back offices, in each facility's own time. None, written "never",
            for no time of its own: they are then compared after each facility's nightly sync, when it succeeded.
            Only with ``nightly`` "never" as well is nothing compared by the clock.
        reconcile_every_rental: The comparison by the clock reads every rental in the mirror, one call each, not only
            those that were paid through us: only this shows payments at the desk on other rentals.
        daily_close: When the back offices close their day, in each facility's own time: until then a payment can be
            voided. None when it is not known.
        jitter: Each night starts at random within this time from its slot, so that not all facilities, and not all
            customers of a back office, begin at once.
        alarm_after: A night that has not come to its end so long after its slot is told as missed.
    """

    nightly: ClockTime | None = time(2, 30)
    reconcile: ClockTime | None = None
    reconcile_every_rental: bool = False
    daily_close: ClockTime | None = None
    jitter: Duration = Field(default=timedelta(minutes=5), ge=timedelta(0), le=timedelta(hours=3))
    alarm_after: Duration = Field(default=timedelta(hours=4), ge=timedelta(minutes=15), le=timedelta(hours=23))

    @field_validator("nightly", "reconcile", "daily_close", mode="before")
    @classmethod
    def _never(cls, value: object) -> object:
        return None if value == "never" else value


class DispatchSettings(Section):
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
        if broker is not None and holds_password(broker):
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
        return f"{scheme}://{user}:{quoted(secrets.get(self.password))}@{host}"


class AccountSettings(Section):
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
        elif isinstance(value, str) and value and _SMELLS_SECRET.search(name) and not REFERENCE.fullmatch(value):
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
    portal: PortalSettings = PortalSettings()
    log: LogSettings = LogSettings()
    engine: EngineSection = EngineSection()
    schedule: ScheduleSettings = ScheduleSettings()
    dispatch: DispatchSettings = DispatchSettings()
    accounts: dict[AccountName, AccountSettings] = Field(default_factory=dict)
    webhooks: tuple[WebhookSettings, ...] = ()

    _file: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _places_are_accounts(self) -> Self:
        for part, places in (("notices", self.notices.places), ("portal", self.portal.places)):
            if strangers := sorted({name.partition("/")[0] for name in places} - set(self.accounts)):
                message = f"{part}.places: no account is called {', '.join(strangers)}; there is {self._accounts_there}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _webhooks_are_told_apart(self) -> Self:
        names = [each.name for each in self.webhooks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = f"webhooks: two are called {', '.join(twice)}; give each a name of its own"
            raise ValueError(message)
        places = {place.partition("/")[0] for each in self.webhooks for place in each.facilities}
        if strangers := sorted(places - set(self.accounts)):
            message = (
                f"webhooks: facilities: no account is called {', '.join(strangers)}; there is {self._accounts_there}"
            )
            raise ValueError(message)
        return self

    @property
    def _accounts_there(self) -> str:
        return ", ".join(sorted(self.accounts)) or "none"

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
        webhooks = tuple(each.below(folder) for each in self.webhooks)
        changed = {"store": self.store.below(folder), "webhooks": webhooks, "portal": self.portal.below(folder)}
        settings = self.model_copy(update=changed)
        settings._file = file  # noqa: SLF001 - our own copy
        return settings
