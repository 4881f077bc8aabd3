"""Quotes a payment may refer to, until they are too old."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from pmsbridge.actions.quotes import PaymentQuote
from pmsbridge.model.earlier import stored_json
from pmsbridge.store.database import Database
from pmsbridge.store.portable import put
from pmsbridge.store.tables import quotes

__all__ = ["Quotes"]

_KEPT: Final = timedelta(days=1)


class Quotes:
    """Quotes by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, quote: PaymentQuote) -> None:
        """Store a quote; storing it again changes nothing. Quotes that ended a day before it go."""
        row = {
            "id": quote.id, "account": quote.account, "facility": quote.facility, "tenant_id": quote.tenant_id,
            "doc": stored_json(quote), "valid_until": quote.valid_until,
        }  # fmt: skip
        with self._database.write() as connection:
            # Two that clear up at once do not wait for each other: what one has in hand, the other leaves to it.
            old = select(quotes.c.id).where(quotes.c.valid_until < quote.as_of - _KEPT)
            connection.execute(delete(quotes).where(quotes.c.id.in_(old.with_for_update(skip_locked=True))))
            put(connection, quotes, [row])

    def get(self, quote_id: str, *, account: str, facility: str, tenant_id: str) -> PaymentQuote | None:
        """The quote of that id in this scope; None when there is none: never another tenant's."""
        scope = (quotes.c.account == account, quotes.c.facility == facility, quotes.c.tenant_id == tenant_id)
        with self._database.read() as connection:
            doc = connection.execute(select(quotes.c.doc).where(quotes.c.id == quote_id, *scope)).scalar_one_or_none()
        return PaymentQuote.model_validate_json(doc) if doc is not None else None
