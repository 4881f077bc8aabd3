"""What an operator decided about the portal: which sections there are, everywhere or at one place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field

from pmsbridge.actions.effects import EFFECT_KINDS
from pmsbridge.actions.sections import HIDEABLE, PortalRules, Section, ShopItem
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.settings.values import Duration, PlaceName
from pmsbridge.settings.values import Section as Part

__all__ = ["PlacePortal", "PortalSettings"]


def _effect(word: str) -> str:
    if word not in EFFECT_KINDS:
        message = f"no effect; one of: {', '.join(EFFECT_KINDS)}"
        raise ValueError(message)
    return word


def _unit_field(word: str) -> str:
    if word not in HIDEABLE:
        message = f"no field of a unit that can be held back; one of: {', '.join(sorted(HIDEABLE))}"
        raise ValueError(message)
    return word


UnitField = Annotated[str, AfterValidator(_unit_field)]
"""What of a unit can be held back."""

FileSize = Annotated[int, Field(ge=1_000, le=200_000_000)]
"""How large a file may be, in bytes."""

EffectKind = Annotated[str, AfterValidator(_effect)]
"""What a back office is asked to do ("take_payment")."""


class PlacePortal(Part):
    """The portal of one account ("demo") or one facility ("demo/L001"); what is not set is as everywhere.

    Attributes:
        closed_sections: Neither shown nor used; None for as everywhere.
        opens_with: What a portal shows first; None for as everywhere.
        unlicensed: See ``PortalSettings``; None for as everywhere.
        hidden_unit_fields: See ``PortalSettings``; None for as everywhere.
        shop: See ``PortalSettings``; None for as everywhere.
        office_hours: When somebody is there; None for as everywhere.
        access_hours: When tenants reach their units; None for as everywhere.
        emergency_contact: Whom to call when nobody is there; None for as everywhere.
        letterhead: See ``PortalSettings``; the whole of it, None for as everywhere.
        needs_copy: See ``PortalSettings``; None for as everywhere.
        largest_file: See ``PortalSettings``; None for as everywhere.
        first_steps: See ``PortalSettings``; None for as everywhere, empty for none.
    """

    closed_sections: frozenset[Section] | None = None
    opens_with: Section | None = None
    unlicensed: frozenset[EffectKind] | None = None
    hidden_unit_fields: frozenset[UnitField] | None = None
    shop: tuple[ShopItem, ...] | None = None
    office_hours: str | None = None
    access_hours: str | None = None
    emergency_contact: str | None = None
    letterhead: Letterhead | None = None
    needs_copy: bool | None = None
    largest_file: FileSize | None = None
    first_steps: tuple[str, ...] | None = None

    def below(self, folder: Path) -> Self:
        """The same, the letterhead's files below ``folder`` where they are relative."""
        head = self.letterhead
        return self if head is None else self.model_copy(update={"letterhead": _below(head, folder)})


class PortalSettings(Part):
    """The portal.

    Attributes:
        closed_sections: Sections that are neither shown nor used.
        opens_with: What a portal shows first.
        unlicensed: Effects that the operator has no licence for at the back office: denied before anybody tries.
        hidden_unit_fields: Fields of a unit or vehicle that tenants are not shown ("type_name", "asking_rate").
        shop: What can be asked for: ``id``, ``name``, and ``text`` and ``price`` as they are shown.
        office_hours: When somebody is there, in your own words.
        access_hours: When tenants reach their units, in your own words.
        emergency_contact: Whom to call when nobody is there.
        letterhead: Name, address, logo, foot, size, colour and fonts of papers that are made here.
        needs_copy: Tenants whom the nightly copy does not hold yet may do nothing ("not_copied").
        largest_file: How large a document may be that is handed in, in bytes: 1,000 bytes to 200 MB. It waits in the
            database until the back office has it, and a while longer (``store.keep_files``).
        link_address: The portal's page that takes a mailed link, with ``{token}`` where the token belongs.
        link_lives: How long a mailed link works once it was mailed.
        session_lives: How long somebody stays signed in.
        most_attempts: So many failed attempts about one name within ``attempts_within``, and no more is tried.
        attempts_within: See ``most_attempts``.
        most_questions: So many questions of visitors to one facility are taken within ``attempts_within``.
        first_steps: Steps of a first visit, in order ("profile", "contract"); the portal opens after the last one.
        places: By ``ACCOUNT`` or ``ACCOUNT/FACILITY``, what is different there.
    """

    closed_sections: frozenset[Section] = frozenset()
    opens_with: Section = Section.RENTALS
    unlicensed: frozenset[EffectKind] = frozenset()
    hidden_unit_fields: frozenset[UnitField] = frozenset()
    shop: tuple[ShopItem, ...] = ()
    office_hours: str = ""
    access_hours: str = ""
    emergency_contact: str = ""
    letterhead: Letterhead = Letterhead()
    needs_copy: bool = False
    largest_file: FileSize = 20 * 1024 * 1024
    link_address: str = ""
    link_lives: Duration = timedelta(days=2)
    session_lives: Duration = timedelta(days=30)
    most_attempts: int = Field(default=5, ge=1, le=100)
    attempts_within: Duration = timedelta(minutes=15)
    most_questions: int = Field(default=30, ge=1, le=10_000)
    first_steps: tuple[str, ...] = ()
    places: dict[PlaceName, PlacePortal] = Field(default_factory=dict)

    def rules(self, account: str, facility: str) -> PortalRules:
        """What holds at one facility: its own, else its account's, else the general."""
        return PortalRules(**{name: self._said(name, account, facility) for name in PortalRules.model_fields})

    def steps(self, account: str, facility: str) -> tuple[str, ...]:
        """Steps of a first visit to the portal of one facility, in order."""
        found: tuple[str, ...] = self._said("first_steps", account, facility)
        return found

    def _said(self, name: str, account: str, facility: str) -> Any:  # noqa: ANN401 - of any setting
        near = [self.places[place] for place in (f"{account}/{facility}", account) if place in self.places]
        return next(said for place in (*near, self) if (said := getattr(place, name)) is not None)

    def below(self, folder: Path) -> Self:
        """The same settings, files of letterheads below ``folder`` where they are relative."""
        places = {name: place.below(folder) for name, place in self.places.items()}
        return self.model_copy(update={"letterhead": _below(self.letterhead, folder), "places": places})


def _below(head: Letterhead, folder: Path) -> Letterhead:
    fonts = tuple(str((folder / name).resolve()) for name in head.fonts)
    return head.changed(logo=str((folder / head.logo).resolve()) if head.logo else "", fonts=fonts)
