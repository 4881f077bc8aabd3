"""What a rent book does not know: each read answers with nothing, or says that it cannot."""

# ruff: noqa: ARG002 - the arguments are the port's, and nothing here has a use for them
from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from pmsbridge.errors import UnsupportedError
from pmsbridge.model.documents import Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.payments import Autopay, Payment
from pmsbridge.model.places import Unit
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import PrepayQuote

__all__ = ["Blanks"]


def _cannot(what: str) -> UnsupportedError:
    return UnsupportedError(f"a rent book cannot {what}")


class Blanks:
    """Reads of the port that a rent book has no answer for."""

    def unit(self, facility: str, unit_id: str) -> Unit:
        """A rent book has no list of units."""
        raise _cannot("tell about units")

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:
        """None are listed."""
        return iter(())

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """There is no autopay."""
        return []

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        """Payments are not kept one by one."""
        raise _cannot("list payments")

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        """Movements are not kept one by one."""
        raise _cannot("list ledger entries")

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        """There are none."""
        return []

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:
        """There are none."""
        return []

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """It does not calculate."""
        raise _cannot("quote a prepayment")

    def match_gate_code(self, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:
        """There are no gates."""
        return None

    def sign_in(self, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:
        """There are no logins."""
        return []
