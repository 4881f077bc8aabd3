"""What an operator decided about the portal: which sections there are, everywhere or at one place."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from pmsbridge.actions.effects import EFFECT_KINDS
from pmsbridge.actions.sections import PortalRules, Section
from pmsbridge.settings.values import Duration
from pmsbridge.settings.values import Section as Part

__all__ = ["PlacePortal", "PortalSettings"]


def _effect(word: str) -> str:
    if word not in EFFECT_KINDS:
        message = f"no effect; one of: {', '.join(EFFECT_KINDS)}"
        raise ValueError(message)
    return word


EffectKind = Annotated[str, AfterValidator(_effect)]
"""What a back office is asked to do ("take_payment")."""


class PlacePortal(Part):
    """The portal of one account ("demo") or one facility ("demo/L001"); what is not set is as everywhere.

    Attributes:
        closed_sections: Neither shown nor used; None for as everywhere.
        opens_with: What a portal shows first; None for as everywhere.
        unlicensed: See ``PortalSettings``; None for as everywhere.
    """

    closed_sections: frozenset[Section] | None = None
    opens_with: Section | None = None
    unlicensed: frozenset[EffectKind] | None = None


class PortalSettings(Part):
    """The portal.

    Attributes:
        closed_sections: Sections that are neither shown nor used.
        opens_with: What a portal shows first.
        unlicensed: Effects that the operator has no licence for at the back office: denied before anybody tries.
        link_address: The portal's page that takes a mailed link, with ``{token}`` where the token belongs.
        link_lives: How long a mailed link works once it was mailed.
        session_lives: How long somebody stays signed in.
        most_attempts: So many failed attempts about one name within ``attempts_within``, and no more is tried.
        attempts_within: See ``most_attempts``.
        first_steps: Steps of a first visit, in order ("profile", "contract"); the portal opens after the last one.
        places: By "ACCOUNT" or "ACCOUNT/FACILITY", what is different there.
    """

    closed_sections: frozenset[Section] = frozenset()
    opens_with: Section = Section.RENTALS
    unlicensed: frozenset[EffectKind] = frozenset()
    link_address: str = ""
    link_lives: Duration = timedelta(days=2)
    session_lives: Duration = timedelta(days=30)
    most_attempts: int = Field(default=5, ge=1, le=100)
    attempts_within: Duration = timedelta(minutes=15)
    first_steps: tuple[str, ...] = ()
    places: dict[str, PlacePortal] = Field(default_factory=dict)

    def rules(self, account: str, facility: str) -> PortalRules:
        """What holds at one facility: its own, else its account's, else the general."""
        near = [self.places[name] for name in (f"{account}/{facility}", account) if name in self.places]
        closed = [place.closed_sections for place in near if place.closed_sections is not None]
        lacking = [place.unlicensed for place in near if place.unlicensed is not None]
        first = [place.opens_with for place in near if place.opens_with is not None]
        return PortalRules(
            closed_sections=[*closed, self.closed_sections][0],
            opens_with=[*first, self.opens_with][0],
            unlicensed=[*lacking, self.unlicensed][0],
        )
