"""What the back office holds, read behind its counter: the judge of the story believes this and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

__all__ = ["Books", "Control", "Taken"]


class Control(Protocol):
    """The control client of a sandbox, as far as the story uses it. Money comes as text."""

    @property
    def base_url(self) -> str:
        """Where the sandbox listens."""

    def state(self, location: str | None = None, tenant_id: int | None = None) -> dict[str, Any]:
        """Everything the back office holds, or one site or tenant of it."""

    def journal(self, location: str | None = None) -> dict[str, Any]:
        """Double-entry postings and their total."""

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Every call received."""

    def showcase(self) -> dict[str, dict[str, Any]]:
        """The people a story can rely on, by the part they play."""

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change how the back office behaves."""

    def inject(self, operation: str, kind: str, **options: float | str | bool) -> int:
        """Let something go wrong."""

    def clear(self) -> None:
        """Let nothing go wrong any more."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One payment in the back office's own books."""

    receipt: str
    rental_id: str
    unit_number: str
    amount: Decimal
    method: str

    @property
    def facts(self) -> dict[str, str]:
        """As JSON holds it."""
        return {
            "receipt": self.receipt,
            "unit": self.unit_number,
            "amount": format(self.amount, "f"),
            "method": self.method,
        }


class Books:
    """Reads one facility's books."""

    def __init__(self, control: Control, facility: str) -> None:
        self._control, self._facility = control, facility

    def _site(self, tenant_id: str | None = None) -> Mapping[str, Any]:
        number = int(tenant_id) if tenant_id is not None else None
        site: Mapping[str, Any] = self._control.state(self._facility, number)["sites"][self._facility]
        return site

    def rentals(self, tenant_id: str) -> dict[str, Mapping[str, Any]]:
        """A tenant's rentals by id, in door order."""
        found = self._site(tenant_id)["ledgers"]
        return dict(sorted(found.items(), key=lambda item: str(item[1]["unit_name"])))

    def payments(self, tenant_id: str) -> list[Taken]:
        """Every payment of a tenant that counts, oldest first per unit."""
        return [
            Taken(str(each["receipt"]), rental_id, str(row["unit_name"]), Decimal(each["amount"]), str(each["method"]))
            for rental_id, row in self.rentals(tenant_id).items()
            for each in row["payments"]
            if not each.get("reversed")
        ]

    def new_payments(self, tenant_id: str, before: list[Taken]) -> list[Taken]:
        """Payments that were not there before."""
        known = Counter(each.receipt for each in before)
        return [each for each in self.payments(tenant_id) if not known[each.receipt]]

    def notes(self, tenant_id: str) -> list[str]:
        """The texts of the notes on a tenant's rentals, oldest first per rental."""
        return [str(note["text"]) for row in self.rentals(tenant_id).values() for note in row["notes"]]

    def bulletin(self) -> list[tuple[str, str]]:
        """Subject and body of every post on the board, oldest first."""
        return [(str(post["subject"]), str(post["body"])) for post in self._site()["bulletin"]]

    def holds_text(self, tenant_id: str, text: str) -> bool:
        """Whether a field of the tenant's record is exactly this text."""
        return text in self._site(tenant_id)["tenants"][tenant_id]["fields"].values()

    def leaving_on(self, tenant_id: str, rental_id: str) -> str | None:
        """The scheduled move-out of a rental, ISO date. The books may add a time of day, which means nothing."""
        day = self.rentals(tenant_id)[rental_id]["scheduled_out"]
        return str(day)[: len("2026-12-31")] if day is not None else None

    def is_let(self, tenant_id: str, rental_id: str) -> bool:
        """Whether the unit is still let to the tenant."""
        return bool(self.rentals(tenant_id)[rental_id]["active"])

    def billing(self, tenant_id: str, rental_id: str) -> Mapping[str, Any]:
        """Autopay and the stored card, masked."""
        found: Mapping[str, Any] = self.rentals(tenant_id)[rental_id]["billing"]
        return found

    def paid_through(self, tenant_id: str) -> list[str]:
        """Paid-through dates of a tenant's rentals, ISO."""
        return [str(row["paid_through"]) for row in self.rentals(tenant_id).values()]

    def balance(self, tenant_id: str) -> Decimal:
        """What the tenant owes over all rentals."""
        return sum((Decimal(row["balance"]) for row in self.rentals(tenant_id).values()), Decimal(0))

    def move_outs(self) -> int:
        """Rentals that were really ended since the sandbox started."""
        return len(self._site()["move_outs"])

    def is_balanced(self) -> bool:
        """Whether the double-entry postings add up to zero."""
        return Decimal(self._control.journal(self._facility)["total"]) == 0
