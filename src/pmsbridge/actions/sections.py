"""The sections of a portal. One that is switched off at a facility is off in the library, not only in the page."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.errors import IneligibleError
from pmsbridge.model.record import Value

__all__ = ["SECTION_OF", "PortalRules", "Section", "refuse_closed"]


class Section(StrEnum):
    """What a portal is divided into, whatever a page calls it.

    ``RENTALS``: units, vehicles, contracts and what may be done with them. ``SHOP``: what can be reserved or ordered.
    """

    RENTALS = "rentals"
    EVENTS = "events"
    SHOP = "shop"
    BILLING = "billing"
    DOCUMENTS = "documents"
    SETTINGS = "settings"


class PortalRules(Value):
    """What an operator decided about the portal of one facility.

    Attributes:
        closed_sections: Neither shown nor used.
        opens_with: What a portal shows first; the first open section where this one is closed.
        unlicensed: Effects that the operator has no licence for at the back office ("take_payment").
        office_hours: When somebody is there, in the operator's own words; empty when not told.
        access_hours: When tenants reach their units, in the operator's own words; empty when not told.
        emergency_contact: Whom to call when nobody is there; empty when not told.
    """

    closed_sections: frozenset[Section] = frozenset()
    opens_with: Section = Section.RENTALS
    unlicensed: frozenset[str] = frozenset()
    office_hours: str = ""
    access_hours: str = ""
    emergency_contact: str = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The open ones, the one to show first at the head."""
        is_open = [section for section in Section if section not in self.closed_sections]
        return tuple(sorted(is_open, key=lambda section: section is not self.opens_with))


_K = ActionKind
SECTION_OF: Final[dict[ActionKind, Section]] = {
    _K.PAY_RENTAL: Section.BILLING,
    _K.PAY_ALL: Section.BILLING,
    _K.PREPAY: Section.BILLING,
    _K.PAY_INVOICE: Section.BILLING,
    _K.PAY_ON_ACCOUNT: Section.BILLING,
    _K.AUTOPAY_ON: Section.BILLING,
    _K.AUTOPAY_CHANGE: Section.BILLING,
    _K.AUTOPAY_OFF: Section.BILLING,
    _K.REQUEST_MOVE_OUT: Section.RENTALS,
    _K.CANCEL_MOVE_OUT: Section.RENTALS,
    _K.REQUEST_CALL_OFF: Section.RENTALS,
    _K.TRANSFER: Section.RENTALS,
    _K.ACCEPT_QUOTE: Section.SHOP,
    _K.RESERVE_UNIT: Section.SHOP,
    _K.ATTACH_DOCUMENT: Section.DOCUMENTS,
    _K.EDIT_CONTACT: Section.SETTINGS,
    _K.SET_CONSENT: Section.SETTINGS,
    _K.SET_LANGUAGE: Section.SETTINGS,
    _K.CHANGE_PASSWORD: Section.SETTINGS,
}
"""Where each verb belongs. Notes and requests to staff belong nowhere: they are always possible."""


def refuse_closed(section: Section, rules: PortalRules) -> None:
    """Refuse a read of a section that is switched off.

    Raises:
        IneligibleError: It is ("section_off").
    """
    if section in rules.closed_sections:
        message = f"The section {section.value} is switched off at this facility."
        raise IneligibleError(message, code="section_off", unblock="Please call the office.")
