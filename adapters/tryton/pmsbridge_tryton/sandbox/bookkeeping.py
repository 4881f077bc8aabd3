"""What the yard's office does: invoices, credit notes, payments that fail, rent by the month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

from .rpc import Caller, RefusedError

__all__ = ["NUMBERS", "Books", "Customer", "now"]

NUMBERS = count(1)
"""Numbers that nobody else of this process uses."""


@dataclass(frozen=True)
class Customer:
    """Somebody who rents.

    Attributes:
        id: Of the party.
        code: The number by which the yard calls it.
        phone: Valid in the plan, as the server writes it.
        phone_id: Of its contact mechanism; so ``email_id``.
        address_id: Of the one address.
    """

    id: int
    code: str
    name: str
    phone: str
    phone_id: int
    email: str
    email_id: int
    address_id: int
    postal_code: str


class Books:
    """The office.

    Args:
        caller: Logged on as staff.
        facts: What the seed told.
    """

    def __init__(self, caller: Caller, facts: Mapping[str, Any]) -> None:
        self.call = caller
        self.facts = facts
        self._is_old = caller.version() == "8.0"

    # -- invoices -----------------------------------------------------------------------------------------------------

    def post(self, invoice: int, *, on: dt.date | None = None) -> int:
        """Post an invoice, by the date it has, else today's: from now on the customer sees it; its id."""
        (row,) = self.call.read("account.invoice", [["id", "=", invoice]], "invoice_date")
        day = on or row["invoice_date"]
        if day is not None and day < now().date():
            self._new_numbers(day)
        self.call.call("model.account.invoice.write", [invoice], {"invoice_date": day})
        self.confirmed("model.account.invoice.post", [invoice])
        return invoice

    def _new_numbers(self, on: dt.date) -> None:
        """A new row of numbers for a year: numbers follow dates, and others have posted later ones."""
        (year,) = self.call.read(
            "account.fiscalyear", [["start_date", "<=", on], ["end_date", ">=", on]], "invoice_sequences",
            "invoice_sequences.out_invoice_sequence.sequence_type",
        )  # fmt: skip
        (used,) = year["invoice_sequences."]
        number = next(NUMBERS)
        new = {
            "name": f"Row {number}", "sequence_type": used["out_invoice_sequence."]["sequence_type"],
            "company": self.facts["company"], "prefix": f"INV{on.year}-{number}-", "padding": 3,
        }  # fmt: skip
        (row,) = self.call.call("model.ir.sequence.strict.create", [new])
        both = {"out_invoice_sequence": row, "out_credit_note_sequence": row}
        self.call.call("model.account.fiscalyear.invoice_sequence.write", [used["id"]], both)

    def invoice(self, customer: Customer, amount: Decimal, *, on: dt.date | None = None, text: str = "Repair") -> int:
        """A posted invoice of one line without tax, for whatever; its id."""
        return self.post(self.draft_invoice(customer, amount, text=text), on=on)

    def draft_invoice(self, customer: Customer, amount: Decimal, *, text: str = "Repair") -> int:
        """An invoice that the customer does not see yet; its id."""
        line = {
            "type": "line", "description": text, "quantity": 1, "unit_price": amount,
            "account": self.facts["accounts"]["revenue"],
        }  # fmt: skip
        (journal,) = self.call.read("account.journal", [["type", "=", "revenue"]])
        (made,) = self.call.call(
            "model.account.invoice.create",
            [{"type": "out", "journal": journal["id"], "party": customer.id, "invoice_address": customer.address_id,
              "company": self.facts["company"], "currency": self.facts["currency"],
              "account": self.facts["accounts"]["receivable"], "payment_term": self.facts["payment_term"],
              "lines": [["create", [line]]]}],
        )  # fmt: skip
        return int(made)

    def credit(self, invoice: int, *, post: bool = True) -> int:
        """A credit note of a whole invoice, which stays open; its id."""
        (row,) = self.call.read("account.invoice", [["id", "=", invoice]], "party")
        known = {one["id"] for one in self.call.read("account.invoice", [["party", "=", row["party"]]])}
        self.call.wizard("account.invoice.credit", "account.invoice", [invoice], ("credit", {"with_refund": False}))
        (made,) = {one["id"] for one in self.call.read("account.invoice", [["party", "=", row["party"]]])} - known
        return self.post(made) if post else made

    def owed(self, invoice: int) -> Decimal:
        """What is left to pay of an invoice."""
        (row,) = self.call.read("account.invoice", [["id", "=", invoice]], "amount_to_pay")
        return Decimal(row["amount_to_pay"])

    def balance(self, customer: Customer) -> Decimal:
        """What a customer owes in all; negative for a credit."""
        (row,) = self.call.read("party.party", [["id", "=", customer.id]], "receivable")
        return Decimal(row["receivable"])

    def payments(self, customer: Customer) -> list[dict[str, Any]]:
        """Payments of a customer, oldest first."""
        return self.call.read(
            "account.payment", [["party", "=", customer.id]], "amount", "state", "reference", "line", "date",
            order=[["id", "ASC"]],
        )  # fmt: skip

    def paid(self, reference: str) -> list[tuple[str, Decimal]]:
        """State and amount of every payment of that reference, oldest first."""
        rows = self.call.read(
            "account.payment", [["reference", "=", reference]], "state", "amount", order=[["id", "ASC"]]
        )
        return [(row["state"], Decimal(row["amount"])) for row in rows]

    def take_payment(self, customer: Customer, invoice: int, reference: str) -> int:
        """The office books what a customer paid for a whole invoice; the payment's id."""
        (row,) = self.call.read("account.invoice", [["id", "=", invoice]], "lines_to_pay", "amount_to_pay")
        record = {
            "journal": self.facts["payment_journals"]["Portal"], "kind": "receivable", "party": customer.id,
            "line": row["lines_to_pay"][0], "amount": row["amount_to_pay"], "date": now().date(),
            "reference": reference,
        }  # fmt: skip
        (made,) = self.call.call("model.account.payment.create", [record])
        self.press("account.payment", "submit", made)
        self.call.wizard("account.payment.process", "account.payment", [made])
        self.press("account.payment", "succeed", made)
        return int(made)

    def fail_payment(self, payment: int) -> None:
        """The bank takes a payment back."""
        self.press("account.payment", "fail", payment)

    def bank_account(self, customer: Customer) -> int:
        """A customer's bank account, its number made up in the manner of a published example; the id of the number."""
        number = {"type": "iban", "number": _iban(next(NUMBERS))}
        (made,) = self.call.call(
            "model.bank.account.create", [{"owners": [["add", [customer.id]]], "numbers": [["create", [number]]]}]
        )
        (row,) = self.call.read("bank.account", [["id", "=", made]], "numbers")
        return int(row["numbers"][0])

    def cancel_mandate(self, mandate: int) -> None:
        """A mandate is over."""
        self.press("account.payment.sepa.mandate", "cancel", mandate)

    def mandate(self, customer: Customer) -> int:
        """A signed mandate to debit a customer's new bank account; its id."""
        (made,) = self.call.call(
            "model.account.payment.sepa.mandate.create",
            [{"party": customer.id, "address": customer.address_id, "account_number": self.bank_account(customer),
              "identification": f"MANDATE-{next(NUMBERS)}", "type": "recurrent", "scheme": "CORE",
              "company": self.facts["company"], "signature_date": now().date()}],
        )  # fmt: skip
        for button in ("request", "validate_mandate"):
            self.press("account.payment.sepa.mandate", button, made)
        return int(made)

    # -- recurring rent -----------------------------------------------------------------------------------------------

    def let(self, customer: Customer, service: str = "UNIT-1010", *, start: dt.date) -> int:
        """Let a unit by the month: a running subscription, billed every month from ``start``; its id."""
        what = self.facts["services"][service]
        line = {
            "service": what["id"], "quantity": 1, "unit": self.facts["units"]["Unit"],
            "unit_price": Decimal(what["month"]), "start_date": start, "consumption_recurrence": self.facts["monthly"],
        }  # fmt: skip
        (made,) = self.call.call(
            "model.sale.subscription.create",
            [{"party": customer.id, "invoice_address": customer.address_id, "company": self.facts["company"],
              "currency": self.facts["currency"], "payment_term": self.facts["payment_term"], "start_date": start,
              "invoice_recurrence": self.facts["monthly"], "invoice_start_date": start, "lines": [["create", [line]]]}],
        )  # fmt: skip
        for button in ("quote", "run"):
            self.press("sale.subscription", button, made)
        return int(made)

    def bill_units(self, customer: Customer, *, until: dt.date) -> list[int]:
        """Bill the rent of every unit of the house up to a date; ids of this customer's posted invoices of it.

        One run bills a month: repeat it for more.
        """
        known = {one["id"] for one in self.call.read("account.invoice", [["party", "=", customer.id]])}
        for name in ("sale.subscription.line.consumption.create", "sale.subscription.create_invoice"):
            self.call.wizard(name, "", [], ("create_", self._dated(until)))
        made = {one["id"] for one in self.call.read("account.invoice", [["party", "=", customer.id]])} - known
        return [self.post(one) for one in sorted(made)]

    # -- how ----------------------------------------------------------------------------------------------------------

    def press(self, model: str, button: str, *ids: int) -> Any:
        """Press a button of records."""
        return self.call.call(f"model.{model}.{button}", list(ids))

    def confirmed(self, method: str, *params: Any) -> Any:
        """Call a method and say yes to every warning, as somebody at a screen would."""
        while True:
            try:
                return self.call.call(method, *params)
            except RefusedError as refusal:
                if refusal.kind != "UserWarning" or not isinstance(refusal.said, list):
                    raise
                name = refusal.said[0]
            self.call.call("model.res.user.warning.skip", name, False)

    def _dated(self, until: dt.date) -> dict[str, Any]:
        return {"date": until} if self._is_old else {"date": until, "companies": [self.facts["company"]]}


def _iban(number: int) -> str:
    """A number with right check digits, of a bank that is published as an example."""
    bank, account = "WEST", f"123456{number:08}"
    as_digits = "".join(str(int(sign, 36)) for sign in f"{bank}{account}GB00")
    return f"GB{98 - int(as_digits) % 97:02}{bank}{account}"


def now() -> dt.datetime:
    """The instant, as the server has it: UTC without saying so, and no seconds, which rentals do not take."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None, second=0, microsecond=0)
