"""Who writes to whom: what every letter to a customer may name."""

from __future__ import annotations

from pmsbridge.model.places import Facility
from pmsbridge.portal.office import Office

__all__ = ["names_in_letters"]


def names_in_letters(office: Office, greeting: str, facility: Facility | None) -> dict[str, object]:
    """The customer, the facility and the business.

    Args:
        office: Of the customer.
        greeting: What the customer is called.
        facility: As the back office describes it; None when it was never read.
    """
    place = facility.name if facility is not None else office.facility
    return {
        "name": greeting,
        "facility": place,
        "business": office.rules.letterhead.name or place,
        "phone": facility.phone.raw if facility is not None and facility.phone is not None else "",
        "email": facility.email if facility is not None else "",
    }
