"""Nightly reads: rows that are compared before they are mapped, by id in pages, and only what changed when asked so.

A record's own stamp does not move when something hangs on it changes (a contract when a part of it comes back, a party
when its telephone number is edited), so what hangs on it is asked for in the same question. Where nothing is stamped
(staff answer a call-off, a day passes), all that it may have happened to is read again. Stamps are those of the
beginning of a transaction: a slow one commits in the past, so every reading starts some minutes before its mark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from pmsbridge.errors import UnsupportedError
from pmsbridge.logging import get_logger
from pmsbridge.model.documents import Document
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.payments import Payment
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.record import Record
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.ports.streams import Document as Fields
from pmsbridge.ports.streams import MonthBudget, Rows
from pmsbridge.ports.watermark import Watermark
from pmsbridge_tryton.beside import CALLS_OF_A_PAGE, HISTORY, NOTES, OF_INVOICE, OF_PARTY, Beside
from pmsbridge_tryton.mapping.calloffs import call_offs_of
from pmsbridge_tryton.mapping.contracts import contract_of, subscription_of, unit_of
from pmsbridge_tryton.mapping.money import invoice_of, payment_of
from pmsbridge_tryton.mapping.papers import attachment_of, invoice_paper
from pmsbridge_tryton.mapping.people import portal_account_of, tenant_of
from pmsbridge_tryton.mapping.scope import OF_RENTAL, Scope, account_id
from pmsbridge_tryton.reading import ANY, LET
from pmsbridge_tryton.stand import CHANGED, Stand
from pmsbridge_tryton.vocabulary import (
    INVOICE,
    INVOICE_FIELDS,
    PARTY,
    PARTY_FIELDS,
    PAYMENT,
    PAYMENT_FIELDS,
    PRODUCT,
    PRODUCT_FIELDS,
    RENTAL,
    RENTAL_FIELDS,
    SHOWN,
    SUBSCRIPTION,
    SUBSCRIPTION_FIELDS,
)
from pmsbridge_tryton.wire import Row, compared, decoded

__all__ = ["Pulling"]

_log = get_logger(__name__)

_MAPPING: Final = "3"
"""Of the functions in ``mapping``: another number maps every row anew once."""

_RECORDS: Final[Mapping[Entity, type[Record]]] = {
    Entity.UNITS: Unit, Entity.TENANTS: Tenant, Entity.RENTALS: Rental, Entity.INVOICES: Invoice,
    Entity.PAYMENTS: Payment, Entity.DOCUMENTS: Document, Entity.PORTAL_ACCOUNTS: PortalAccount,
}  # fmt: skip
_FILE: Final = "file-"


@dataclass(frozen=True, slots=True)
class _Table:
    """One model that is read for a noun.

    Attributes:
        prefix: What makes the model's id the record's.
        children: What is asked whether it changed, besides the record itself.
        whole: Always read to the end: what it is made of changes without any of it being stamped.
        also: What else is read again since a moment, though nothing of it is stamped.
    """

    model: str
    fields: Sequence[str]
    domain: Sequence[object] = ()
    prefix: str = ""
    children: Sequence[str] = ()
    whole: bool = False
    also: Callable[[datetime], Sequence[object]] | None = None


class Pulling(Beside):
    """The half of the reading port that fills a copy."""

    copied_besides: ClassVar[Sequence[Entity]] = (
        Entity.INVOICES, Entity.PAYMENTS, Entity.DOCUMENTS, Entity.PORTAL_ACCOUNTS,
    )  # fmt: skip
    account_calls: ClassVar[int] = 8
    accounts_follow_rows: ClassVar[bool] = False

    def pull(self, query: Query, *, since: str | None = None, resume: str | None = None) -> Iterator[Rows]:
        """Stream one entity of the facility; a call for a page, and one more for the notes of a page of contracts.

        Raises:
            UnsupportedError: This noun is not listed here.
        """
        self._desk.facility(query.facility)
        if query.entity is Entity.FACILITIES:
            yield self._pull_facility(query.facility)
            return
        tables = self._tables(query.entity)
        since = None if any(table.whole for table in tables) else since
        asked = Watermark.of(since, self._desk.settings.overlap)
        at = Stand.of(resume, began=self._desk.clock.now(), mark=asked)
        found = resume is not None
        for place, table in enumerate(tables[at.place :], start=at.place):
            for page in self._pages(table, asked, at.after if place == at.place else 0):
                found, at = True, at.reached(place, page)
                yield self._rows(query, table, self._with_more(query.entity, table.model, page), resume=at.text)
        # An answer without a single row is no proof that everything was deleted.
        yield Rows((), (), json.loads, cursor=at.mark.cursor, is_complete=since is None and found, calls=0)

    def _tables(self, entity: Entity) -> Sequence[_Table]:
        own, customers = self._own, ["id", "!=", self._desk.company().get("party")]
        people, numbered = ("addresses", "contact_mechanisms"), [own, ["number", "!=", None]]
        found: Mapping[Entity, Sequence[_Table]] = {
            Entity.UNITS: [_Table(PRODUCT, PRODUCT_FIELDS, [LET], children=["template"])],
            Entity.TENANTS: [_Table(PARTY, PARTY_FIELDS, [customers], children=people)],
            Entity.PORTAL_ACCOUNTS: [_Table(PARTY, PARTY_FIELDS, [customers], whole=True)],
            Entity.RENTALS: [
                _Table(RENTAL, RENTAL_FIELDS, numbered, f"{RENTAL},", ["lines", "lines.incoming_moves"], also=_out),
                _Table(SUBSCRIPTION, SUBSCRIPTION_FIELDS, numbered, f"{SUBSCRIPTION},", ["lines"], also=_leaving),
            ],
            Entity.INVOICES: [_Table(INVOICE, INVOICE_FIELDS, [own, *SHOWN], children=["lines", "move.lines"])],
            Entity.PAYMENTS: [_Table(PAYMENT, PAYMENT_FIELDS, [own, ["kind", "=", "receivable"]])],
            Entity.DOCUMENTS: [
                _Table(PARTY, ["id"], [customers], _FILE, whole=True),
                _Table(RENTAL, ["party"], numbered, _FILE),
                _Table(SUBSCRIPTION, ["party"], numbered, _FILE),
                _Table(INVOICE, INVOICE_FIELDS, [own, *SHOWN], "invoice-"),
            ],
        }
        if entity not in found:
            message = f"the back office has no list of {entity.value}"
            raise UnsupportedError(message, code="not_listed")
        return found[entity]

    def _pages(self, table: _Table, mark: Watermark, after: int) -> Iterator[list[Row]]:
        domain = [*table.domain]
        if mark.start is not None:
            names = [CHANGED, *(f"{child}.{CHANGED}" for child in table.children)]
            also = [] if table.also is None else [table.also(mark.start)]
            domain.append(["OR", *([name, ">=", mark.start] for name in names), *also])
        return self._desk.client.pages(table.model, domain, table.fields, after=after, context=ANY, ahead=True)

    def _rows(self, query: Query, table: _Table, page: Sequence[Row], *, resume: str) -> Rows:
        scope = self._desk.scope(query.facility, is_compared=True)
        made = self._made(query.entity, table.model)
        raws = [compared(row) for row in page]
        known = dict(zip(raws, page, strict=True))
        return Rows(
            [f"{table.prefix}{row['id']}" for row in page], raws, partial(_document, made, scope, known), resume=resume,
            calls=CALLS_OF_A_PAGE.get(query.entity, 1), bytes_read=sum(map(len, raws)),
        )  # fmt: skip

    def _made(self, entity: Entity, model: str) -> Callable[[Row, Scope], Record | None]:
        if entity is Entity.TENANTS:
            categories = self._desk.categories()
            return lambda row, scope: tenant_of(row, scope, **categories)
        if entity is Entity.RENTALS:
            return _contract if model == RENTAL else subscription_of
        if entity is Entity.DOCUMENTS:
            return _invoice_paper if model == INVOICE else _file
        plain: Mapping[Entity, Callable[[Row, Scope], Record | None]] = {
            Entity.UNITS: unit_of, Entity.INVOICES: invoice_of, Entity.PAYMENTS: _payment,
            Entity.PORTAL_ACCOUNTS: partial(self._portal_account),
        }  # fmt: skip
        return plain[entity]

    def _portal_account(self, row: Row, scope: Scope) -> Record:
        tenant = tenant_of(row, scope, **self._desk.categories())
        return portal_account_of(tenant, scope, has_history=bool(row.get(HISTORY)))

    def _pull_facility(self, facility: str) -> Rows:
        found = _without_time(self.facility(facility))
        raw = json.dumps(found, ensure_ascii=False, sort_keys=True).encode()
        return Rows((facility,), (raw,), json.loads, is_complete=True, calls=1, bytes_read=len(raw))

    def calls_of(self, query: Query) -> int:
        """How many calls one noun costs a night, if it fits a page; 0 for what is not listed."""
        single = {
            Entity.FACILITIES: 1, Entity.UNITS: 1, Entity.TENANTS: 1, Entity.RENTALS: 3, Entity.PAYMENTS: 3,
            Entity.DOCUMENTS: 9,
        }  # fmt: skip
        return single.get(query.entity, CALLS_OF_A_PAGE.get(query.entity, 0))

    def budget_of(self, facility: str) -> MonthBudget:
        """Nothing bounds the calls of a server of one's own."""
        return MonthBudget(f"{self._desk.client.lane}:{facility}", None)

    def fingerprint(self, query: Query) -> str:
        """The version of the mapping, and every setting by which it decides: a row that did not change is made anew."""
        settings = self._desk.settings
        decided_by = (
            settings.facility.zone, settings.portal_category, settings.cash_only_category, settings.customer_mark,
            settings.user, settings.company,
        )  # fmt: skip
        return "/".join([_MAPPING, self._desk.account, query.facility, *map(str, decided_by)])

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        """Stream one entity of the facility as records; see ``pull``. A row that cannot be mapped is left out."""
        unread = 0
        for rows in self.pull(query, since=since):
            records = []
            for raw in rows.raw:
                try:
                    found = self._record(query, rows, raw)
                except ValueError as problem:
                    unread += 1
                    _log.warning("row_left_out", entity=query.entity.value, problem=type(problem).__name__)
                    continue
                if found is not None:
                    records.append(found)
            yield Batch(records, cursor=rows.cursor, is_complete=rows.is_complete and not unread)

    def _record(self, query: Query, rows: Rows, raw: bytes) -> Record | None:
        if query.entity is Entity.FACILITIES:
            return self.facility(query.facility)
        document = rows.document(raw)
        if document is None:
            return None
        whole = {**document, "ref": {**document["ref"], "seen_at": self._desk.clock.now().isoformat()}}
        return _RECORDS[query.entity].model_validate_json(json.dumps(whole))


def _out(_since: datetime) -> Sequence[object]:
    """Contracts of which something is out: what staff answer to a call-off is a note, and stamps nothing."""
    return [["lines", "where", [["actual_start", "!=", None], ["actual_end", "=", None]]]]


def _leaving(since: datetime) -> Sequence[object]:
    """Recurring rentals that are billed to an end that was still to come: they are over when their day has passed."""
    return [["state", "=", "closed"], ["end_date", ">=", since.date() - timedelta(days=1)]]


def _contract(row: Row, scope: Scope) -> Record | None:
    return contract_of(row, scope, call_offs_of(row, row.get(NOTES) or (), scope))


def _payment(row: Row, scope: Scope) -> Record:
    invoice = row.get(OF_INVOICE)
    rental = row.get(OF_RENTAL) or account_id(row["party"])
    return payment_of(row, scope, rental_id=rental, invoice_id=None if invoice is None else str(invoice))


def _file(row: Row, scope: Scope) -> Record:
    return attachment_of(row, scope, tenant_id=str(row[OF_PARTY]))


def _invoice_paper(row: Row, scope: Scope) -> Record:
    return invoice_paper(invoice_of(row, scope))


def _document(
    made: Callable[[Row, Scope], Record | None], scope: Scope, known: Mapping[bytes, Row], raw: bytes
) -> Fields | None:
    """A row's record. Rows of its own page are there as they were read; others are read from their bytes."""
    row = known.get(raw)
    record = made(decoded(raw) if row is None else row, scope)
    return None if record is None else _without_time(record)


def _without_time(record: Record) -> dict[str, Any]:
    found = record.model_dump(mode="json")
    found["ref"].pop("seen_at")
    return found
