"""A look behind the counter of a running server, and what its staff do in a demonstration. Money comes as text."""

from __future__ import annotations

from typing import Any, Final

from .cutting import Cutter
from .serving import TrytonServer
from .yard import Yard

__all__ = ["YardControl"]

_PAYMENT_IS_DONE: Final = "model.account.payment.succeed"


class YardControl:
    """What a story asks of the books, as staff, and lets go wrong on the wire.

    Args:
        server: It runs.
        wire: Between the library and the server.
        people: By the part they play.
    """

    def __init__(self, server: TrytonServer, wire: Cutter, people: dict[str, dict[str, Any]]) -> None:
        self._yard = Yard(server.caller("staff"), server.facts)
        self._wire = wire
        self._people = people
        self.base_url = wire.url

    def showcase(self) -> dict[str, dict[str, Any]]:
        """Who there is: tenant_id, name, phone, email, postal_code, and what the story needs of them."""
        return self._people

    # -- the books ----------------------------------------------------------------------------------------------------

    def balance(self, tenant_id: str) -> str:
        """What a customer owes in all; negative for a credit."""
        return format(self._yard.balance(self._yard.known(int(tenant_id))), "f")

    def owed(self, invoice_id: str) -> str:
        """What is left to pay of an invoice."""
        return format(self._yard.owed(int(invoice_id)), "f")

    def payments(self, tenant_id: str) -> list[dict[str, str]]:
        """A customer's payments, oldest first: id, amount, state, reference."""
        rows = self._yard.payments(self._yard.known(int(tenant_id)))
        return [
            {"id": str(row["id"]), "amount": format(row["amount"], "f"), "state": row["state"],
             "reference": row["reference"] or ""} for row in rows
        ]  # fmt: skip

    def items_out(self, contract_id: str) -> dict[str, int]:
        """How many of each product of a contract are out."""
        found: dict[str, int] = {}
        for line in self._yard.lines(_number(contract_id)):
            if line["actual_start"] is not None and line["actual_end"] is None:
                code = line["product."]["code"]
                found[code] = found.get(code, 0) + int(line["quantity"])
        return found

    def collections(self, contract_id: str) -> list[str]:
        """The days on which the yard means to collect what is out, ISO, in order."""
        planned = self._yard.planned_back(_number(contract_id))
        return sorted({day.isoformat() for days in planned.values() for day in days if day is not None})

    def notes(self, contract_id: str) -> list[str]:
        """Notes on a contract, oldest first."""
        return self._yard.notes("sale.rental", _number(contract_id))

    def posts(self, contract_id: str) -> list[str]:
        """What was posted to those who follow a contract."""
        return self._yard.posts("sale.rental", _number(contract_id))

    # -- the staff ----------------------------------------------------------------------------------------------------

    def let_in(self, tenant_id: str) -> None:
        """The counter opens the portal to a customer."""
        category = self._yard.facts["party_categories"]["Portal enabled"]
        self._yard.call.call("model.party.party.write", [int(tenant_id)], {"categories": [["add", [category]]]})

    def acknowledge(self, contract_id: str, reference: str, call_number: str) -> None:
        """The yard takes note of a call-off, and gives it a number of its own."""
        self._yard.note("sale.rental", _number(contract_id), f"{reference} acknowledged {call_number}")

    def take_back(self, contract_id: str, items: dict[str, int]) -> None:
        """The yard collects some of what is out."""
        self._yard.take_back(_number(contract_id), items)

    # -- the wire -----------------------------------------------------------------------------------------------------

    def lose_payment_answer(self) -> None:
        """The answer to the last step of the next payment gets lost: the server has booked it, nobody hears."""
        self._wire.lose_answers(_PAYMENT_IS_DONE)

    def calls(self) -> int:
        """How many requests of the library reached the server."""
        return self._wire.passed.total()


def _number(contract_id: str) -> int:
    return int(contract_id.partition(",")[2])
