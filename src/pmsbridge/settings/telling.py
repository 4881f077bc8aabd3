"""How staff are told: the mail server, the languages, the addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pmsbridge.settings.values import Language, MailAddress, PlaceName, SecretReference, Section

__all__ = ["MailSettings", "NoticeSettings", "PlaceNotices"]


class MailSettings(Section):
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
    sender: MailAddress = "pmsbridge@localhost"
    starttls: bool = False
    username: str = ""
    password: SecretReference | None = None

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if bool(self.username) != (self.password is not None):
            message = "password: goes together with username; set both or neither"
            raise ValueError(message)
        return self


class PlaceNotices(Section):
    """What is different for the notices of one account or facility; None keeps what is set above it.

    Attributes:
        language: Which language staff are told in.
        addresses: Where staff read mail, in place of the address that the back office holds; an empty list sends none.
    """

    language: Language | None = None
    addresses: tuple[MailAddress, ...] | None = None


class NoticeSettings(Section):
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
