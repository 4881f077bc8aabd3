"""Months ahead: what the vendor says that they cost."""

from __future__ import annotations

from pmsbridge_rest.mapping.entities import FieldMap
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.sections import Section

__all__ = ["Prepay"]


class Prepay(Section):
    """What paying months ahead costs, by the vendor's own reckoning. Nothing is written by asking.

    Attributes:
        of_rental: The read of one rental's price, ``{read.rental_id}`` and ``{read.months}``; its answer is one row.
        future: What the months cost, with tax, on top of what is due now; nothing that is paid already is taken off.
        through: The date through which rent would be paid; None where it does not say.
    """

    of_rental: Reading
    future: FieldMap
    through: FieldMap | None = None
