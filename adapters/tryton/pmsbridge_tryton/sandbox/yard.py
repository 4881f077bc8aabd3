"""What the people of the rental yard do, over the server's own protocol, as its staff user.

::

    yard = Yard(server.caller("staff"), server.facts)
    ada = yard.customer("Ada Example")
    contract = yard.contract(ada, {"LIFT-26": 3}, start=date(2026, 3, 1), days=14)
    yard.pick_up(contract, {"LIFT-26": 2})
    invoice = yard.bill(contract, until=date(2026, 3, 8))

Everything is named by id, as the books have it. Nothing here is imported from an adapter: it plays the other side.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .bookkeeping import NUMBERS, Books, Customer, now
from .rpc import RefusedError

__all__ = ["Customer", "RefusedError", "Yard"]

_MORNING = dt.time(8)


class Yard(Books):
    """The staff: at the counter, in the yard, and, as ``Books``, in the office."""

    # -- customers ----------------------------------------------------------------------------------------------------

    def customer(
        self,
        name: str = "",
        *,
        portal: bool = True,
        cash_only: bool = False,
        phone: str | None = None,
        email: str | None = None,
        postal_code: str = "60601",
    ) -> Customer:
        """A new customer; without a phone or an e-mail where the text is empty, else with one of its own."""
        number = next(NUMBERS)
        called = name or f"Customer Example {number}"
        phone = f"+1 312-555-{number % 10000:04}" if phone is None else phone
        email = f"customer{number}@example.com" if email is None else email
        reached = [
            {"type": kind, "value": value} for kind, value in (("phone", phone), ("email", email)) if value
        ]  # fmt: skip
        where = {"street": f"{number} Example Street", "city": "Chicago", "postal_code": postal_code}
        wanted = {"Portal enabled": portal, "Cash only": cash_only}
        groups = [self.facts["party_categories"][group] for group, is_in in wanted.items() if is_in]
        (party,) = self.call.call(
            "model.party.party.create",
            [{"name": called, "addresses": [["create", [where]]], "contact_mechanisms": [["create", reached]],
              "categories": [["add", groups]]}],
        )  # fmt: skip
        return self.known(party)

    def known(self, party: int) -> Customer:
        """A customer, as the books have it now."""
        (row,) = self.call.read(
            "party.party", [["id", "=", party]], "code", "name", "addresses", "addresses.postal_code"
        )
        reached = {
            one["type"]: one
            for one in self.call.read("party.contact_mechanism", [["party", "=", party]], "type", "value")
        }
        phone, email = (reached.get(kind, {"value": "", "id": 0}) for kind in ("phone", "email"))
        address = row["addresses."][0]
        return Customer(
            party, row["code"], row["name"], phone["value"], phone["id"], email["value"], email["id"], address["id"],
            address["postal_code"],
        )  # fmt: skip

    # -- contracts ----------------------------------------------------------------------------------------------------

    def draft(self, customer: Customer, items: Mapping[str, int], *, start: dt.date, days: int) -> int:
        """A rental that nobody was told of: so many of each product, from ``start`` for ``days``; its id."""
        lines = [self._line(code, quantity, start, days) for code, quantity in items.items()]
        (rental,) = self.call.call(
            "model.sale.rental.create",
            [{"party": customer.id, "company": self.facts["company"], "invoice_address": customer.address_id,
              "payment_term": self.facts["payment_term"], "currency": self.facts["currency"],
              "lines": [["create", lines]]}],
        )  # fmt: skip
        return int(rental)

    def quote(self, customer: Customer, items: Mapping[str, int], *, start: dt.date, days: int) -> int:
        """A quotation."""
        rental = self.draft(customer, items, start=start, days=days)
        self.press("sale.rental", "quote", rental)
        return rental

    def contract(self, customer: Customer, items: Mapping[str, int], *, start: dt.date, days: int) -> int:
        """A confirmed rental: a reservation, until something is picked up."""
        rental = self.quote(customer, items, start=start, days=days)
        self.press("sale.rental", "confirm", rental)
        return rental

    def on_rent(self, customer: Customer, items: Mapping[str, int], *, start: dt.date, days: int) -> int:
        """A contract whose items are all out since ``start``."""
        rental = self.contract(customer, items, start=start, days=days)
        self.pick_up(rental, at=start)
        return rental

    def pick_up(self, rental: int, items: Mapping[str, int] | None = None, *, at: dt.date | None = None) -> None:
        """Items go out: all that wait, or so many of each product. A line of which some stay behind is split."""
        self._move("sale.rental.pickup", "pickup", "start", "quantity_picked", rental, items, at)

    def take_back(self, rental: int, items: Mapping[str, int] | None = None, *, at: dt.date | None = None) -> None:
        """Items come back, on the planned day unless that is still to come: all that are out, or so many of each."""
        self._move("sale.rental.return", "return_", "end", "quantity_returned", rental, items, at)

    def lines(self, rental: int) -> list[dict[str, Any]]:
        """The lines of a rental, oldest first."""
        return self.call.read(
            "sale.rental.line", [["rental", "=", rental]], "product.code", "quantity", "rental_state", "actual_start",
            "actual_end", "planned_end_day", "incoming_moves", "outgoing_moves", order=[["id", "ASC"]],
        )  # fmt: skip

    def planned_back(self, rental: int) -> dict[int, list[dt.date | None]]:
        """By line, the days on which the yard means to collect what is out: those of moves that are still drafts."""
        drafts = [
            ["state", "=", "draft"],
            ["id", "in", [move for line in self.lines(rental) for move in line["incoming_moves"]]],
        ]
        days = {move["id"]: move["planned_date"] for move in self.call.read("stock.move", drafts, "planned_date")}
        return {
            line["id"]: [days[move] for move in line["incoming_moves"] if move in days] for line in self.lines(rental)
        }  # fmt: skip

    def bill(self, rental: int, *, until: dt.date | None = None, on: dt.date | None = None) -> int:
        """Bill what a contract owes, up to a date when items are still out; the id of the (last) posted invoice."""
        if until is not None:
            self.call.wizard("sale.rental.add_progress", "sale.rental", [rental], ("add", {"date": until}))
        (row,) = self.call.read("sale.rental", [["id", "=", rental]], "has_lines_to_invoice")
        # What came back last was billed by itself, into a draft.
        if row["has_lines_to_invoice"]:
            self.press("sale.rental", "invoice", rental)
        drafts = self._drafts(self.invoices_of(rental))
        for draft in drafts:
            self.post(draft, on=on)
        return drafts[-1]

    def invoices_of(self, rental: int) -> list[int]:
        """Ids of a rental's invoices, in any state."""
        (row,) = self.call.read("sale.rental", [["id", "=", rental]], "lines")
        found = self.call.read(
            "account.invoice.line", [["origin.id", "in", row["lines"], "sale.rental.line"]], "invoice"
        )
        progress = self.call.read("sale.rental.progress", [["rental", "=", rental]])
        ids = [one["id"] for one in progress]
        more = self.call.read("account.invoice.line", [["origin.id", "in", ids, "sale.rental.progress"]], "invoice")
        return sorted({one["invoice"] for one in [*found, *more]})

    # -- words --------------------------------------------------------------------------------------------------------

    def note(self, model: str, record: int, text: str) -> int:
        """Write a note on a record; its id."""
        (made,) = self.call.call("model.ir.note.create", [{"resource": f"{model},{record}", "message": text}])
        return int(made)

    def notes(self, model: str, record: int) -> list[str]:
        """Notes on a record, oldest first."""
        rows = self.call.read("ir.note", [["resource", "=", f"{model},{record}"]], "message", order=[["id", "ASC"]])
        return [row["message"] for row in rows]

    def posts(self, model: str, record: int) -> list[str]:
        """What was posted on a record's board, oldest first."""
        found = self.call.call("model.ir.chat.channel.get", f"{model},{record}", None, None)
        return [str(one["content"]) for one in found]

    def attachments(self, model: str, record: int) -> dict[str, bytes]:
        """Documents on a record, by name."""
        rows = self.call.read("ir.attachment", [["resource", "=", f"{model},{record}"]], "name", "data")
        return {row["name"]: row["data"] for row in rows}

    def attach(self, model: str, record: int, name: str, content: bytes) -> int:
        """Put a document on a record; its id."""
        (made,) = self.call.call(
            "model.ir.attachment.create",
            [{"name": name, "resource": f"{model},{record}", "type": "data", "data": content}],
        )  # fmt: skip
        return int(made)

    # -- how ----------------------------------------------------------------------------------------------------------

    def _line(self, code: str, quantity: int, start: dt.date, days: int) -> dict[str, Any]:
        product = self.facts["products"][code]
        return {
            "product": product["id"], "per_day": True, "quantity": quantity, "unit": self.facts["units"]["Unit"],
            "planned_start_day": start, "planned_end_day": start + dt.timedelta(days=days),
            "unit_price": Decimal(product["day"]), "unit_price_unit": self.facts["units"]["Day"],
            "taxes": [["add", [self.facts["tax"]]]],
        }  # fmt: skip

    def _move(
        self, wizard: str, state: str, when: str, field: str, rental: int, items: Mapping[str, int] | None,
        at: dt.date | None,
    ) -> None:  # fmt: skip
        codes = {line["id"]: line["product."]["code"] for line in self.lines(rental)}

        def fill(values: dict[str, Any]) -> dict[str, Any]:
            wanted = dict(items or {})
            lines = [self._counted(line, codes, field, wanted, take_all=items is None) for line in values["lines"]]
            moment = min(values[when], now()) if at is None else dt.datetime.combine(at, _MORNING)
            return {**values, when: moment, "lines": lines}

        self.call.wizard(wizard, "sale.rental", [rental], (state, fill))

    def _counted(
        self, line: dict[str, Any], codes: Mapping[int, str], field: str, wanted: dict[str, int], *, take_all: bool
    ) -> dict[str, Any]:
        """A line of the wizard with as many as are still wanted of its product; what was taken is wanted no more."""
        code, there = codes[line["rental_line"]], line["quantity"]
        some = there if take_all else min(there, wanted.get(code, 0))
        wanted[code] = wanted.get(code, 0) - some
        return {**line, field: some}

    def _drafts(self, invoices: list[int]) -> list[int]:
        rows = self.call.read("account.invoice", [["id", "in", invoices], ["state", "=", "draft"]])
        return sorted(row["id"] for row in rows)
