"""What the story asks of the yard's own books, and of its people. Money comes as text."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["YardControl"]


class YardControl(Protocol):
    """The control of a sandbox that is a rental yard. Ids are the back office's own."""

    @property
    def base_url(self) -> str:
        """Where the library reaches the back office."""

    def showcase(self) -> dict[str, dict[str, Any]]:
        """The people the story can rely on, by the part they play."""

    def balance(self, tenant_id: str) -> str:
        """What a customer owes in all."""

    def owed(self, invoice_id: str) -> str:
        """What is left to pay of an invoice."""

    def payments(self, tenant_id: str) -> list[dict[str, str]]:
        """A customer's payments, oldest first: id, amount, state, reference."""

    def items_out(self, contract_id: str) -> dict[str, int]:
        """How many of each article of a contract are out."""

    def collections(self, contract_id: str) -> list[str]:
        """The days on which the yard means to collect, ISO."""

    def notes(self, contract_id: str) -> list[str]:
        """Notes on a contract, oldest first."""

    def posts(self, contract_id: str) -> list[str]:
        """What was posted to those who follow a contract."""

    def let_in(self, tenant_id: str) -> None:
        """The counter opens the portal to a customer."""

    def acknowledge(self, contract_id: str, reference: str, call_number: str) -> None:
        """The yard takes note of a call-off."""

    def take_back(self, contract_id: str, items: dict[str, int]) -> None:
        """The yard collects some of what is out."""

    def lose_payment_answer(self) -> None:
        """The answer to the next payment gets lost after it was booked."""

    def calls(self) -> int:
        """How many requests of the library arrived."""
