"""What a page of rows needs besides itself: asked for once for the whole page, and compared with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from pmsbridge.ports.adapter import Entity
from pmsbridge_tryton.mapping.scope import DUE, OF_RENTAL, STAYS, day_of, one, text
from pmsbridge_tryton.reading import Reading
from pmsbridge_tryton.vocabulary import (
    INVOICE,
    MOVE_LINE,
    PARTY,
    RENTAL,
    SUBSCRIPTION,
    SUBSCRIPTION_LINE,
)
from pmsbridge_tryton.wire import Row, nested, reference_of

__all__ = ["CALLS_OF_A_PAGE", "HISTORY", "NOTES", "OF_INVOICE", "OF_PARTY", "Beside"]

NOTES: Final = "notes"
HISTORY: Final = "has_history"
OF_INVOICE: Final = "of_invoice"
OF_PARTY: Final = "of_party"

CALLS_OF_A_PAGE: Final[Mapping[Entity, int]] = {
    Entity.RENTALS: 2, Entity.INVOICES: 3, Entity.PAYMENTS: 3, Entity.PORTAL_ACCOUNTS: 3, Entity.DOCUMENTS: 2,
}  # fmt: skip
"""Calls of a page with what is beside it; one for every other noun."""

_AIMS: Final = ("sale_rentals", "origin_invoices", "lines.origin")


class Beside(Reading):
    """Pages with their notes, their rentals and their history."""

    def _with_more(self, entity: Entity, model: str, page: list[Row]) -> list[Row]:
        if entity is Entity.DOCUMENTS and model != INVOICE:
            return self._files_on(model, page)
        if model == RENTAL:
            return self._with_notes(page)
        if model == SUBSCRIPTION:
            return self._with_stays(page)
        if model == INVOICE:
            return self._with_dues(page)
        if entity is Entity.PAYMENTS:
            return self._with_aims(page)
        return self._with_history(page) if entity is Entity.PORTAL_ACCOUNTS else page

    def _files_on(self, model: str, page: list[Row]) -> list[Row]:
        """Files that hang on a page of records, each with its party; they are found by what they hang on only."""
        party_of = {f"{model},{row['id']}": row["id"] if model == PARTY else row["party"] for row in page}
        return [{**row, OF_PARTY: party_of[str(row["resource"])]} for row in self._files(list(party_of))]

    def _with_notes(self, page: list[Row]) -> list[Row]:
        """Contracts with their call-offs; only those of which something ever went out are asked for."""
        notes = self._call_off_notes(page, self._desk.scope(self._desk.settings.facility.code))
        return [{**row, NOTES: notes.get(f"{RENTAL},{row['id']}", [])} for row in page]

    def _with_stays(self, page: list[Row]) -> list[Row]:
        """Recurring rentals that are closed there, with whether their day is still to come; nothing is asked."""
        today = self._desk.today()
        return [
            {**row, STAYS: (day_of(row, "end_date") or date.min) >= today} if text(row, "state") == "closed" else row
            for row in page
        ]

    def _with_dues(self, page: list[Row]) -> list[Row]:
        """Invoices with the rental they are about, and the earliest day that is not settled."""
        ids = [line for row in page for line in row.get("lines_to_pay") or ()]
        open_ = [["id", "in", ids], ["reconciliation", "=", None]]
        rows = self._desk.read(MOVE_LINE, open_, ["maturity_date"]) if ids else []
        days = {row["id"]: row["maturity_date"] for row in rows if row.get("maturity_date") is not None}
        rentals = self._rentals_of(page)
        return [
            {
                **row,
                OF_RENTAL: rentals.get(row["id"]),
                DUE: min((days[line] for line in row.get("lines_to_pay") or () if line in days), default=None),
            }
            for row in page
        ]

    def _with_aims(self, page: list[Row]) -> list[Row]:
        """Payments with the invoice and the rental they are for."""
        aims = {row["id"]: reference_of(one(row, "line").get("move_origin")) for row in page}
        invoices = {row: aim.id for row, aim in aims.items() if aim is not None and aim.model == INVOICE}
        domain = [["id", "in", sorted(set(invoices.values()))]]
        rentals = self._rentals_of(self._desk.read(INVOICE, domain, _AIMS)) if invoices else {}
        return [
            {**row, OF_INVOICE: invoices.get(row["id"]), OF_RENTAL: rentals.get(invoices.get(row["id"], 0))}
            for row in page
        ]

    def _rentals_of(self, invoices: Sequence[Row]) -> dict[int, str]:
        """By invoice, the one rental it is about; a credit note's is that of the invoice it credits, if it is here."""
        lines = {row["id"]: self._line_ids(row) for row in invoices}
        wanted = sorted({line for ids in lines.values() for line in ids})
        rows = self._desk.read(SUBSCRIPTION_LINE, [["id", "in", wanted]], ["subscription"]) if wanted else []
        units = {row["id"]: f"{SUBSCRIPTION},{row['subscription']}" for row in rows}
        named = {
            row["id"]: {f"{RENTAL},{each}" for each in row.get("sale_rentals") or ()}
            | {units[line] for line in lines[row["id"]] if line in units}
            for row in invoices
        }
        for row in invoices:
            for credited in row.get("origin_invoices") or ():
                named[row["id"]] |= named.get(credited, set())
        return {invoice: next(iter(found)) for invoice, found in named.items() if len(found) == 1}

    @staticmethod
    def _line_ids(invoice: Row) -> list[int]:
        origins = [reference_of(line.get("origin")) for line in nested(invoice, "lines")]
        return [origin.id for origin in origins if origin is not None and origin.model == SUBSCRIPTION_LINE]

    def _with_history(self, page: list[Row]) -> list[Row]:
        """Parties with whether they ever had a contract or a quote."""
        domain = [["party", "in", [row["id"] for row in page]], ["number", "!=", None], self._own]
        found = {row["party"] for model in (RENTAL, SUBSCRIPTION) for row in self._desk.read(model, domain, ["party"])}
        return [{**row, HISTORY: row["id"] in found} for row in page]
