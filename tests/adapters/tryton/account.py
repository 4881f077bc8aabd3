"""An account of the real server for tests: its options, its adapter, and effects on it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge_tryton.adapter import TrytonAdapter, create
from pmsbridge_tryton.sandbox.serving import TrytonServer

__all__ = ["ACCOUNT", "FACILITY", "KEY", "ZONE", "RealClock", "adapter_of", "days", "options_of", "payment", "today"]

ACCOUNT, FACILITY, ZONE, KEY = "erp", "main", "UTC", "c0ffee00" * 5


class RealClock:
    """The real clock without its waiting."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        import time

        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        pass


def today() -> date:
    """The business date at the facility."""
    return datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date()


def days(count: int) -> date:
    """The business date so many days from now."""
    return today() + timedelta(days=count)


def options_of(server: TrytonServer, **more: object) -> dict[str, Any]:
    """The options of an account that may do everything."""
    found = server.options(
        facility={"code": FACILITY, "zone": ZONE}, payment_journal="Portal", debit_journal="Direct debit",
        portal_category="Portal enabled", cash_only_category="Cash only", dial_code="1",
    )  # fmt: skip
    return {**found, **more}


def adapter_of(server: TrytonServer, **more: object) -> TrytonAdapter:
    """An adapter of it; close it."""
    return create(ACCOUNT, options_of(server, **more), secrets=server, clock=RealClock())


def payment(
    tenant_id: str, amount: Decimal | str, *, rental_id: str, invoice_id: str | None = None, mark: str = "1"
) -> TakePayment:
    """Money that a gateway took for a rental, or for one invoice."""
    part = PaymentPart(
        rental_id=rental_id, invoice_id=invoice_id, unit_id=None, amount=Money.of(Decimal(amount), "USD")
    )
    return TakePayment(
        account=ACCOUNT, facility=FACILITY, tenant_id=tenant_id, parts=(part,), reference=f"PB-TEST{mark:0>8}",
        means=ExternalPayment(gateway="stripe", reference=f"pi_test_{mark}"),
    )  # fmt: skip
