"""Which payments the journal knows of: what is compared with the books of the back office."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select

from pmsbridge.store.database import Database
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import StoredEffect
from pmsbridge.store.tables import effects

__all__ = ["PaymentsAsked"]

_KIND = "take_payment"


class PaymentsAsked:
    """Payments in the journal, by facility and time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, account: str, facility: str, since: datetime, until: datetime) -> tuple[StoredEffect, ...]:
        """Payments asked for, sent or seen in a span of time, and older ones that are not over, as they arrived.

        Args:
            account: The account.
            facility: The facility's code.
            since: First instant of the span.
            until: First instant after the span.
        """
        moments = (effects.c.asked_at, effects.c.last_sent_at, effects.c.receipt_at)
        in_span = [and_(moment >= since, moment < until) for moment in moments]
        is_open = and_(effects.c.state != EffectState.DONE.value, effects.c.asked_at < until)
        query = (
            select(effects)
            .where(
                effects.c.kind == _KIND,
                effects.c.account == account,
                effects.c.facility == facility,
                or_(is_open, *in_span),
            )
            .order_by(effects.c.seq)
        )
        with self._database.read() as connection:
            return tuple(StoredEffect.from_row(row) for row in connection.execute(query))
