"""Payments of ours that a reading of the back office may not show yet."""

from __future__ import annotations

from collections.abc import Iterable

from pmsbridge.actions.effects import TakePayment
from pmsbridge.store.stored import StoredEffect

__all__ = ["is_paid_by"]


def is_paid_by(recent: Iterable[StoredEffect], rental_id: str) -> bool:
    """Whether one of these effects brings money to a rental, or may have done so.

    Args:
        recent: Of the rental's tenant, as ``Journal.recent_effects`` tells them.
        rental_id: Which; a part that a person found not to have come is no payment for it.
    """
    return any(
        part.rental_id == rental_id and rental_id not in stored.rentals_missing
        for stored in recent
        if isinstance(stored.effect, TakePayment)
        for part in stored.effect.parts
    )
