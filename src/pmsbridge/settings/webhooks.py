"""Who is told what happens, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from pmsbridge.settings.values import AccountName, Duration, PlaceName, SecretReference, Section
from pmsbridge.settings.webhook_rules import checked_address, checked_type, fits

__all__ = ["WebhookSettings"]

MessageType = Annotated[str, AfterValidator(checked_type)]
"""A type of message, ``tenant.*`` or ``*``."""


_RETRIES: Final = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip


class WebhookSettings(Section):
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
        ca_bundle: Path of the certificate authorities (PEM) that are trusted instead of the well-known ones; None for
            these. For receivers on a network with an authority of its own.
    """

    name: AccountName
    url: str = Field(repr=False)
    secret: SecretReference
    former_secrets: tuple[SecretReference, ...] = Field(default=(), max_length=5)
    events: tuple[MessageType, ...] = Field(default=("*",), min_length=1)
    facilities: tuple[PlaceName, ...] = ()
    timeout: Duration = Field(default=timedelta(seconds=15), ge=timedelta(seconds=1), le=timedelta(minutes=1))
    retries: tuple[Duration, ...] = Field(default=_RETRIES, min_length=1, max_length=50)
    allow_private: bool = False
    ca_bundle: Path | None = None

    @model_validator(mode="after")
    def _address_is_safe(self) -> Self:
        try:
            checked_address(self.url, allow_private=self.allow_private)
        except ValueError as error:
            message = f"url: {error}"
            raise ValueError(message) from None
        return self

    def below(self, folder: Path) -> Self:
        """The same endpoint, a relative ``ca_bundle`` made absolute below ``folder``."""
        return self if self.ca_bundle is None else self.model_copy(update={"ca_bundle": folder / self.ca_bundle})

    def wants(self, kind: str, account: str, facility: str) -> bool:
        """Whether a message of this type about this facility is for this endpoint."""
        places = self.facilities
        return fits(kind, self.events) and (not places or account in places or f"{account}/{facility}" in places)
