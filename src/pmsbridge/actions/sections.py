"""The sections of a portal. One that is switched off at a facility is off in the library, not only in the page."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import Field

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.errors import IneligibleError
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.model.places import Unit
from pmsbridge.model.record import Id, Value

__all__ = ["HIDEABLE", "SECTION_OF", "PortalRules", "Section", "ShopItem", "refuse_closed", "shared_unit"]


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


class ShopItem(Value):
    """Something that can be asked for in the shop.

    Attributes:
        id: What it is asked for by.
        price: Per piece, as it is shown ("12.00 USD"); empty when the office tells.
    """

    id: Id
    name: str
    text: str = ""
    price: str = ""


class PortalRules(Value):
    """What an operator decided about the portal of one facility.

    Attributes:
        closed_sections: Neither shown nor used.
        opens_with: What a portal shows first; the first open section where this one is closed.
        unlicensed: Effects that the operator has no licence for at the back office ("take_payment").
        hidden_unit_fields: Fields of a unit or vehicle that are not shared with tenants ("type_name", "asking_rate").
        shop: What can be asked for.
        office_hours: When somebody is there, in the operator's own words; empty when not told.
        access_hours: When tenants reach their units, in the operator's own words; empty when not told.
        emergency_contact: Whom to call when nobody is there; empty when not told.
        letterhead: Whose papers they are that we make, and what they look like.
        needs_copy: Only tenants whom the nightly copy holds may act: the others are told to wait for the night.
        largest_file: How large a file may be that is handed in, in bytes.
    """

    closed_sections: frozenset[Section] = frozenset()
    opens_with: Section = Section.RENTALS
    unlicensed: frozenset[str] = frozenset()
    hidden_unit_fields: frozenset[str] = frozenset()
    shop: tuple[ShopItem, ...] = ()
    office_hours: str = ""
    access_hours: str = ""
    emergency_contact: str = ""
    letterhead: Letterhead = Letterhead()
    needs_copy: bool = False
    largest_file: int = Field(default=20 * 1024 * 1024, ge=1)

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
    _K.PAY_REQUEST: Section.BILLING,
    _K.AUTOPAY_ON: Section.BILLING,
    _K.AUTOPAY_CHANGE: Section.BILLING,
    _K.AUTOPAY_OFF: Section.BILLING,
    _K.REQUEST_MOVE_OUT: Section.RENTALS,
    _K.CANCEL_MOVE_OUT: Section.RENTALS,
    _K.REQUEST_CALL_OFF: Section.RENTALS,
    _K.WITHDRAW_CALL_OFF: Section.RENTALS,
    _K.TRANSFER: Section.RENTALS,
    _K.CHANGE_ACCESS_CODE: Section.RENTALS,
    _K.ACCEPT_QUOTE: Section.SHOP,
    _K.RESERVE_UNIT: Section.SHOP,
    _K.ORDER: Section.SHOP,
    _K.ATTACH_DOCUMENT: Section.DOCUMENTS,
    _K.EDIT_CONTACT: Section.SETTINGS,
    _K.SET_CONSENT: Section.SETTINGS,
    _K.SET_LANGUAGE: Section.SETTINGS,
    _K.CHANGE_PASSWORD: Section.SETTINGS,
}
"""Where each verb belongs. Notes, requests to staff and what only staff do belong nowhere: they are always possible."""


HIDEABLE: Final = frozenset({"type_name", "size", "floor", "asking_rate", "features", "last_changed_on"})
"""What of a unit an operator may hold back; its number, kind and state are what everything else refers to."""


def shared_unit(unit: Unit | None, rules: PortalRules) -> Unit | None:
    """A unit without what is not shared: a field that is held back reads as not known."""
    if unit is None or not rules.hidden_unit_fields:
        return unit
    nothing = {
        name: Unit.model_fields[name].get_default(call_default_factory=True) for name in rules.hidden_unit_fields
    }
    return unit.changed(**nothing)


def refuse_closed(section: Section, rules: PortalRules) -> None:
    """Refuse a read of a section that is switched off.

    Raises:
        IneligibleError: It is ("section_off").
    """
    if section in rules.closed_sections:
        message = f"The section {section.value} is switched off at this facility."
        raise IneligibleError(message, code="section_off", unblock="Please call the office.")
