"""Whom a facility's notices go to, and in which words, when nobody says otherwise."""

from __future__ import annotations

from pmsbridge.actions.scribe import Scribe
from pmsbridge.engine.notices.desk import built_in_desk
from pmsbridge.store.mirror import Mirror

__all__ = ["FacilityStaff"]


class FacilityStaff:
    """The staff of facilities, as far as the mirror knows them."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def address(self, account: str, facility: str) -> str:
        """The facility's primary mail address; empty when none is known."""
        known = self._mirror.facility(account, facility)
        return known.email if known else ""

    def scribe(self, account: str, facility: str) -> Scribe:
        """Who finds the words: our own, in English."""
        return built_in_desk().scribe(account, facility, self._mirror.facility(account, facility))
