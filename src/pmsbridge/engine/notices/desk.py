"""Who is told, and in which language: from the settings, the back office's own record, and our templates.

Staff get notices; customers get letters, each in their own language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from pmsbridge.actions.scribe import Notice, Written, addresses_in
from pmsbridge.engine.notices.checking import LETTERS, check, refuse_strangers
from pmsbridge.engine.notices.formats import LANGUAGES, one_line
from pmsbridge.engine.notices.phrases import Phrases, built_in
from pmsbridge.model.places import Facility
from pmsbridge.settings import NoticeSettings

__all__ = ["FacilityScribe", "NoticeDesk", "built_in_desk"]


@dataclass(frozen=True, slots=True)
class FacilityScribe:
    """Writes for the staff of one facility.

    Attributes:
        phrases: The templates of its language.
        staff: Where its staff read mail; empty when no address is known.
        zone: What instants are shown in.
        facility_name: Empty when it is not known.
    """

    phrases: Phrases
    staff: tuple[str, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    facility_name: str = ""

    @property
    def language(self) -> str:
        """Which language: "en" or "fr"."""
        return self.phrases.language

    def write(self, notice: Notice) -> Written:
        """A notice in words, without its reference."""
        return self.phrases.write(notice, self.zone)

    def for_mail(self, written: Written, reference: str) -> Written:
        """The same as a mail, which carries its reference."""
        return self._around("mail", written, {"reference": reference})

    def for_board(self, written: Written, *, has_mail: bool) -> Written:
        """The same as a note and a bulletin post, to which the adapter adds the reference."""
        return self._around("board", written, {"has_mail": has_mail})

    def _around(self, layout: str, written: Written, more: Mapping[str, object]) -> Written:
        values = {"subject": written.subject, "text": written.text, "facility_name": one_line(self.facility_name)}
        return self.phrases.fill(layout, {**values, **more})


class NoticeDesk:
    """Finds the scribe of a facility."""

    def __init__(self, settings: NoticeSettings, books: Mapping[str, Phrases]) -> None:
        """Put together; ``open`` makes the parts.

        Args:
            settings: Languages and addresses.
            books: Templates by language.
        """
        self._settings = settings
        self._books = dict(books)

    @classmethod
    def open(cls, settings: NoticeSettings, folder: Path | None = None) -> Self:
        """Read and try every template of every language.

        Args:
            settings: As loaded.
            folder: What a relative ``notices.templates`` is relative to; None for the current folder.

        Raises:
            ConfigurationError: A template of the operator's is broken; the message names file, line and variable.
        """
        if settings.templates is None:
            return cls(settings, {language: built_in(language) for language in LANGUAGES})
        own = (folder or Path.cwd()) / settings.templates
        refuse_strangers(own)
        books = {language: Phrases(language, own / language) for language in LANGUAGES}
        for phrases in books.values():
            check(phrases)
        return cls(settings, books)

    def scribe(self, account: str, facility: str, known: Facility | None) -> FacilityScribe:
        """Who writes to the staff of a facility.

        Args:
            account: The configured account.
            facility: The facility's code.
            known: As the back office describes it; None when it was never read: then instants are in UTC, and only an
                address from the settings is used.
        """
        chosen = self._settings.at(account, facility)
        found = addresses_in(known.email) if known is not None else ()
        return FacilityScribe(
            self._books[chosen.language or self._settings.language],
            chosen.addresses if chosen.addresses is not None else found,
            ZoneInfo(known.zone if known is not None else "UTC"),
            known.name if known is not None else "",
        )

    def letter(self, kind: str, language: str, facts: Mapping[str, object]) -> Written:
        """A mail to a customer, in an operator's own words where there are any.

        Args:
            kind: "invite", "link", "password", "registered", "payment_request" or "payment_request_withdrawn".
            language: "en" or "fr".
            facts: What ``LETTERS`` lists; "link" stands for the address until the mail leaves.

        Returns:
            Subject and text. Own words that leave the link out are not used: the mail would be of no use.
        """
        name = f"letter_{kind}"
        values = {
            key: one_line(said) if isinstance(said, str) and key != "text" else said for key, said in facts.items()
        }
        written = self._books[language].fill(name, values)
        needs_link = "link" in LETTERS[name].must_say
        if needs_link and str(values["link"]) not in written.text:
            return built_in(language).fill(name, values)
        return written


@lru_cache(maxsize=1)
def built_in_desk() -> NoticeDesk:
    """English, in our own words, to the addresses that the back office holds."""
    return NoticeDesk.open(NoticeSettings())
