"""Whole ledgers of rentals for reports: from the copy where it has them, and live only where it has not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pmsbridge.errors import NotFoundError, UnsupportedError
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.record import Source
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.clock import Clock
from pmsbridge.store.mirror import Mirror
from pmsbridge.store.mirror_writes import Scope

__all__ = ["Ledgers", "LedgersRead"]


@dataclass(frozen=True, slots=True)
class LedgersRead:
    """Ledgers of some rentals, one each.

    Attributes:
        as_of: When the back office told them.
    """

    ledgers: tuple[Sequence[LedgerEntry], ...]
    source: Source
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Where the ledgers of one facility are read.

    Attributes:
        copied_at: When the copy of all of them was made; None when there is none.
        may_ask: Whether the back office may be asked, a call or two for each rental.
    """

    adapter: Adapter
    mirror: Mirror
    clock: Clock
    facility: str
    copied_at: datetime | None
    may_ask: bool

    @classmethod
    def of(cls, adapter: Adapter, mirror: Mirror, clock: Clock, facility: str, *, may_ask: bool) -> Self:
        """Look once whether there is a copy."""
        copied_at = mirror.synced_at(Scope(adapter.account_name, facility, LedgerEntry.entity))
        return cls(adapter, mirror, clock, facility, copied_at, may_ask)

    def read(self, rentals: Iterable[Rental]) -> LedgersRead | None:
        """One whole ledger per rental; None where nobody tells one of them.

        Raises:
            UnavailableError: There is no copy, and the back office cannot be read now.
        """
        if self.copied_at is not None:
            return LedgersRead(tuple(self._kept(each) for each in rentals), Source.MIRROR, self.copied_at)
        return self._live(rentals) if self.may_ask else None

    def _kept(self, rental: Rental) -> Sequence[LedgerEntry]:
        scope = Scope(self.adapter.account_name, self.facility, LedgerEntry.entity)
        found = self.mirror.list(scope, sort_by="effective_on", rental_id=rental.id)
        return [each for each in found if isinstance(each, LedgerEntry)]

    def _live(self, rentals: Iterable[Rental]) -> LedgersRead | None:
        try:
            found = [self.adapter.ledger(self.facility, each.tenant_id, each.id) for each in rentals]
        except (NotFoundError, UnsupportedError):
            return None
        return LedgersRead(tuple(found), Source.LIVE, self.clock.now())
