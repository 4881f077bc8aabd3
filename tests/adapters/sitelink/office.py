"""What the adapter's tests share: an adapter on a sandbox process, and effects of its showcase tenants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.errors import ConfigurationError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import CardPayment, ExternalPayment, Means
from pmsbridge.model.sealed import Card
from pmsbridge.ports.outcome import Attempt
from pmsbridge_sitelink.adapter import SiteLinkAdapter, create
from pmsbridge_sitelink.sandbox import CORP_CODE, CORP_PASSWORD, CORP_USER, LICENCE_KEY, SandboxControl

TODAY = date(2026, 11, 21)
SITE = "L001"
TEST_PAN = "4111111111111111"
REFUSED_PAN = "4000000000000002"
RENEE, SIOBHAN, LUKASZ, JUERGEN, COMPANY, ZOE, FRANCOIS, ANAIS, SOREN = (str(n) for n in range(1001, 1010))


class FixedSecrets:
    """Secrets of the sandbox by reference."""

    def __init__(self, **changed: str) -> None:
        self.held = {"env:LICENSE": LICENCE_KEY, "env:PASSWORD": CORP_PASSWORD, **changed}

    def get(self, reference: str) -> str:
        if reference not in self.held:
            message = f"{reference} is not set"
            raise ConfigurationError(message, code="secret_missing")
        return self.held[reference]


class OfficeClock:
    """The sandbox's clock as the adapter's: no test waits for anything."""

    def __init__(self, control: SandboxControl) -> None:
        self._control = control
        self._now: datetime | None = None
        self.slept: list[float] = []

    def now(self) -> datetime:
        if self._now is None:
            self._now = datetime.fromisoformat(self._control.health()["now"]).astimezone(UTC)
        return self._now

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def options(control: SandboxControl, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "corp_code": CORP_CODE,
        "user": CORP_USER,
        "license_key": "env:LICENSE",
        "password": "env:PASSWORD",
        "call_center_url": control.call_center_url,
        "reporting_url": control.reporting_url,
        "facilities": [
            {"code": SITE, "zone": "America/New_York"},
            {"code": "L002", "zone": "America/Chicago", "currency": "CAD"},
        ],
        "allow_raw_cards": True,
        "timeouts": {"connect": "2s", "read": "1s", "live": "20s", "write": "20s", "batch": "20s"},
    }
    return {**given, **changes}


OPENED: list[SiteLinkAdapter] = []
"""Adapters made since the test began; closed when it ends."""


def adapter_on(control: SandboxControl, *, secrets: Mapping[str, str] | None = None, **changes: Any) -> SiteLinkAdapter:
    made = create(
        "demo", options(control, **changes), secrets=FixedSecrets(**(secrets or {})), clock=OfficeClock(control)
    )
    OPENED.append(made)
    return made


def card(number: str = TEST_PAN, **parts: Any) -> Card:
    given: dict[str, Any] = {"number": number, "expires_on": date(2029, 5, 31), "holder": "Test Holder", "cvv": "123"}
    return Card(**{**given, **parts})


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def part(rental: Mapping[str, Any], amount: str) -> PaymentPart:
    return PaymentPart(
        rental_id=str(rental["ledger_id"]),
        unit_id=str(rental["unit_id"]),
        unit_number=rental["unit_name"],
        amount=usd(amount),
    )


def payment(
    tenant_id: str, *parts: PaymentPart, means: Means | None = None, reference: str = "PB-TESTPAYMENT"
) -> TakePayment:
    return TakePayment(
        account="demo",
        facility=SITE,
        tenant_id=tenant_id,
        parts=parts,
        means=means or CardPayment(face=card().face),
        reference=reference,
    )


def gateway(reference: str = "pi_3TESTtestTEST") -> ExternalPayment:
    return ExternalPayment(gateway="stripe", reference=reference)


def attempt(
    sealed: Any = None, *, baseline: Mapping[str, str] | None = None, sent_at: datetime | None = None
) -> Attempt:
    return Attempt(key="k" * 40, sealed=sealed, baseline=baseline or {}, sent_at=sent_at)


class Judge:
    """What the back office holds, asked behind the adapter's back."""

    def __init__(self, control: SandboxControl) -> None:
        self.control = control

    def rentals(self, tenant_id: str) -> list[dict[str, Any]]:
        ledgers = self.control.state(SITE, int(tenant_id))["sites"][SITE]["ledgers"]
        return sorted((row for row in ledgers.values() if row["active"]), key=lambda row: row["ledger_id"])

    def rental(self, tenant_id: str, unit_name: str) -> dict[str, Any]:
        return next(row for row in self.rentals(tenant_id) if row["unit_name"] == unit_name)

    def tenant(self, tenant_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.control.state(SITE, int(tenant_id))["sites"][SITE]["tenants"][tenant_id]
        return found

    def effects(self) -> int:
        """How often the books were changed by calls since the last reset."""
        return sum(call["effects"] for call in self.control.calls())

    def operations(self) -> list[str]:
        return [call["operation"] for call in self.control.calls()]
