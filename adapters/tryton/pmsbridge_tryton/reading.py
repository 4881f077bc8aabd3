"""Live reads of one tenant, unit or the facility."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final, NoReturn

from pmsbridge.errors import NotFoundError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import Note, Reservation, ReservationState
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import AgedBalance, LedgerEntry
from pmsbridge.model.payments import Autopay, AutopayState, Payment, PaymentMethod
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Facility, FacilityPolicy, Unit
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.record import Source
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.requests import CallOff
from pmsbridge.ports.adapter import PrepayLine, PrepayQuote
from pmsbridge_tryton.desk import Desk, reference, vendor_id
from pmsbridge_tryton.mapping.calloffs import call_offs_of, is_call_off
from pmsbridge_tryton.mapping.contracts import account_rental, contract_of, is_out, subscription_of, unit_of
from pmsbridge_tryton.mapping.money import Books
from pmsbridge_tryton.mapping.papers import note_of
from pmsbridge_tryton.mapping.people import address_of, first_of, phone_of, portal_account_of, tenant_of
from pmsbridge_tryton.mapping.scope import Scope, account_id, number, one, text
from pmsbridge_tryton.vocabulary import (
    ATTACHMENT,
    ATTACHMENT_FIELDS,
    DEBIT,
    DEBIT_FIELDS,
    INVOICE,
    INVOICE_FIELDS,
    MANDATE,
    MOVE_LINE,
    MOVE_LINE_FIELDS,
    NOTE,
    NOTE_FIELDS,
    PARTY,
    PARTY_FIELDS,
    PAYMENT,
    PAYMENT_FIELDS,
    PRODUCT,
    PRODUCT_FIELDS,
    RENTAL,
    RENTAL_FIELDS,
    SUBSCRIPTION,
    SUBSCRIPTION_FIELDS,
)
from pmsbridge_tryton.wire import Row, nested

__all__ = ["ANY", "LET", "Reading", "debit_id", "draws"]

ANY: Final[dict[str, object]] = {"active_test": False}
"""Context that shows records which were put away, too."""

LET: Final = ["OR", ["rentable", "=", True], ["type", "=", "service"]]
_MOST_MONTHS: Final = 12
_VALID: Final = frozenset({"validated"})


class Reading:
    """The live half of the reading port. Each method says how many calls it makes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # facility and units

    def facilities(self) -> Sequence[Facility]:
        """The one facility; no call for a quarter of an hour."""
        return [self.facility(self._desk.settings.facility.code)]

    def facility(self, facility: str) -> Facility:
        """The company of the account, as a place with rules; no call for a quarter of an hour."""
        settings, scope = self._desk.facility(facility), self._desk.scope(facility)
        party = one(self._desk.company(), "party")
        email = first_of(party, "email")
        return Facility(
            ref=scope.ref("facility", facility),
            name=settings.name or text(party, "name"),
            address=address_of(party),
            phone=phone_of(first_of(party, "phone")),
            email=settings.email or (text(email, "value") if email is not None else ""),
            zone=scope.zone,
            currency=scope.currency,
            policy=FacilityPolicy.model_validate(settings.policy),
        )

    def unit(self, facility: str, unit_id: str) -> Unit:
        """One product that is let; one call.

        Raises:
            NotFoundError: There is no such product.
        """
        scope = self._desk.scope(facility)
        rows = self._desk.read(PRODUCT, [["id", "=", vendor_id("unit", unit_id)], LET], PRODUCT_FIELDS, context=ANY)
        if not rows:
            raise NotFoundError("unit", "there is no such unit", code="unit_not_found")
        return unit_of(rows[0], scope)

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:
        """Products that are let; a call for a page of them. Whether one is free on a day, staff know."""
        scope, context = self._desk.scope(facility), {} if available_only else ANY
        for page in self._desk.client.pages(PRODUCT, [LET], PRODUCT_FIELDS, context=context):
            yield from (unit_of(row, scope) for row in page)

    # one tenant

    def _party(self, tenant_id: str) -> Row:
        rows = self._desk.read(PARTY, [["id", "=", vendor_id("tenant", tenant_id)]], PARTY_FIELDS, context=ANY)
        if not rows or tenant_id == str(self._desk.company().get("party")):
            raise NotFoundError("tenant", "there is no such tenant", code="tenant_not_found")
        return rows[0]

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """One party; one call.

        Raises:
            NotFoundError: There is no such party.
        """
        scope = self._desk.scope(facility)
        return tenant_of(self._party(tenant_id), scope, **self._desk.categories())

    def _contracts(self, tenant_id: str) -> list[Row]:
        domain = [["party", "=", vendor_id("tenant", tenant_id)], self._own]
        return self._desk.read(RENTAL, domain, RENTAL_FIELDS, order=[("id", "ASC")])

    def _subscriptions(self, tenant_id: str) -> list[Row]:
        domain = [["party", "=", vendor_id("tenant", tenant_id)], self._own]
        return self._desk.read(SUBSCRIPTION, domain, SUBSCRIPTION_FIELDS, order=[("id", "ASC")])

    @property
    def _own(self) -> list[object]:
        """The company's own records."""
        return ["company", "=", self._desk.company()["id"]]

    def _books(self, tenant_id: str, scope: Scope, contracts: Sequence[Row], subscriptions: Sequence[Row]) -> Books:
        """Invoices, movements and payments of a party; three calls."""
        party, read = vendor_id("tenant", tenant_id), self._desk.read
        of_party: list[object] = ["party", "=", party]
        receivable = [of_party, ["account.type.receivable", "=", True], self._own]
        return Books(
            tenant_id,
            scope,
            contracts=contracts,
            subscriptions=subscriptions,
            invoices=read(INVOICE, [of_party, ["type", "=", "out"], self._own], INVOICE_FIELDS),
            lines=read(MOVE_LINE, receivable, MOVE_LINE_FIELDS),
            payments=read(PAYMENT, [of_party, ["kind", "=", "receivable"], self._own], PAYMENT_FIELDS),
        )

    def _all_books(self, facility: str, tenant_id: str) -> Books:
        scope = self._desk.scope(facility)
        self._party(tenant_id)
        return self._books(tenant_id, scope, self._contracts(tenant_id), self._subscriptions(tenant_id))

    def _call_off_notes(self, contracts: Sequence[Row], scope: Scope) -> dict[str, list[Row]]:
        """By contract, the notes that may be about a call-off; one call, none when nothing ever went out."""
        out = [f"{RENTAL},{row['id']}" for row in contracts if _ever_out(row)]
        rows = self._desk.read(NOTE, [["resource", "in", out]], NOTE_FIELDS, order=[("id", "ASC")]) if out else []
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(str(row["resource"]), []).append(row)
        return {name: notes for name, notes in found.items() if any(is_call_off(note, scope) for note in notes)}

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Tenant, rentals, balances and autopay in seven to nine calls.

        One is for notes, when a contract ever had something out; one for a mandate, where autopay draws by it.

        What belongs to no one rental is a row of its own: the party's account.

        Raises:
            NotFoundError: There is no such party.
        """
        place, scope, today = self.facility(facility), self._desk.scope(facility), self._desk.today()
        tenant = self.tenant(facility, tenant_id)
        contracts, subscriptions = self._contracts(tenant_id), self._subscriptions(tenant_id)
        books = self._books(tenant_id, scope, contracts, subscriptions)
        notes = self._call_off_notes(contracts, scope)
        found = [
            contract_of(row, scope, call_offs_of(row, notes.get(f"{RENTAL},{row['id']}", ()), scope))
            for row in contracts
        ]
        found += [subscription_of(row, scope) for row in subscriptions]
        (autopay,) = self.autopay(facility, tenant_id)
        rentals = [*(rental for rental in found if rental is not None), account_rental(tenant_id, scope)]
        return TenantAccount(
            facility=place,
            tenant=tenant,
            rentals=tuple(_row(rental, books, today, autopay) for rental in rentals),
            as_of=self._desk.clock.now(),
            source=Source.LIVE,
        )

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """Autopay of the party's account: whether it is debited by itself; one call, two where a mandate is needed."""
        scope = self._desk.scope(facility)
        rows = [row for row in self._debits(tenant_id) if draws(row)]
        method = self._debit_method(tenant_id, scope)
        return [
            Autopay(
                rental_id=account_id(tenant_id),
                state=AutopayState.BANK_DEBIT if rows else AutopayState.OFF,
                vendor_state=text(one(rows[0], "journal"), "name") if rows else "",
                method=method,
                method_usable=bool(rows) or method is not None,
                is_changeable=self._desk.settings.debit_journal is not None,
                read_at=self._desk.clock.now(),
            )
        ]

    @property
    def tells_payment_methods(self) -> bool:
        """Whether a debit of the account can be agreed on here at all."""
        return self._desk.settings.debit_journal is not None

    def payment_methods(self, facility: str, tenant_id: str) -> Sequence[PaymentMethod]:
        """The agreement to debit the party's account, where there is one; two calls, three with a mandate.

        It cannot be charged on demand: what is due is drawn by itself.

        Raises:
            NotFoundError: There is no such party.
        """
        self.tenant(facility, tenant_id)  # the agreement is the office's own, and would be told of anybody
        method = self._debit_method(tenant_id, self._desk.scope(facility))
        return [method.changed(pays_on_demand=False)] if method is not None else []

    def _debits(self, tenant_id: str) -> list[Row]:
        """What the back office debits a party by, whether it draws now or not; one call."""
        name = self._desk.settings.debit_journal
        by_mandate = name is not None and self._desk.needs_mandate(name)
        fields = [*DEBIT_FIELDS, *(["sepa_mandate.state"] if by_mandate else [])]
        return self._desk.read(DEBIT, [["party", "=", vendor_id("tenant", tenant_id)], self._own], fields)

    def _mandate(self, tenant_id: str) -> int | None:
        """The newest mandate that the office has validated; None for none; one call."""
        domain = [["party", "=", vendor_id("tenant", tenant_id)], ["state", "=", "validated"], self._own]
        rows = self._desk.read(MANDATE, domain, ["id"], limit=1, order=[("id", "DESC")])
        return rows[0]["id"] if rows else None

    def _debit_method(self, tenant_id: str, scope: Scope) -> PaymentMethod | None:
        """What a debit of the account would be drawn by; None when the office has no agreement to draw.

        The bank account itself is not read. It is kept with autopay, and says nothing there that came later.
        """
        name = self._desk.settings.debit_journal
        if name is None:
            return None
        if self._desk.needs_mandate(name) and self._mandate(tenant_id) is None:
            return None
        return PaymentMethod(
            ref=scope.ref("payment_method", debit_id(tenant_id)), tenant_id=tenant_id,
            rental_id=account_id(tenant_id), is_usable=True,
        )  # fmt: skip

    # money

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        """Payments of one rental, or of the party's account, newest first; six calls."""
        books = self._all_books(facility, tenant_id)
        own = [row for row in books.payments.values() if books.rental_of_payment(row) == rental_id]
        found = [books.payment(row) for row in own]
        return sorted(found, key=lambda payment: (payment.paid_on, int(payment.id)), reverse=True)

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        """Movements of one rental, or of the party's account, oldest first; six calls."""
        return self._all_books(facility, tenant_id).entries(rental_id)

    def tenant_ledger(self, facility: str, tenant_id: str) -> Sequence[LedgerEntry]:
        """Movements of the party, oldest first; six calls."""
        return self._all_books(facility, tenant_id).entries()

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:
        """Invoices and credit notes issued between two business dates, inclusive; only posted ones; six calls."""
        books = self._all_books(facility, tenant_id)
        found = [books.invoice(row) for row in books.invoices]
        shown = [invoice for invoice in found if invoice.is_visible and since <= invoice.issued_on <= until]
        return sorted(shown, key=lambda invoice: (invoice.issued_on, int(invoice.id)))

    def invoice(self, facility: str, tenant_id: str, invoice_id: str) -> Invoice:
        """One invoice of the party that it may see; six calls.

        Raises:
            NotFoundError: The party has none of that id, or it is not posted.
        """
        books, wanted = self._all_books(facility, tenant_id), vendor_id("invoice", invoice_id)
        found = books.invoice(wanted) if wanted in books.invoices else None
        if found is None or not found.is_visible:
            raise NotFoundError("invoice", "there is no such invoice", code="invoice_not_found")
        return found

    def aged_balance(self, facility: str, tenant_id: str, *, on: date) -> AgedBalance:
        """What was owed on a day, by how long it was due; one call."""
        scope, company = self._desk.scope(facility), self._desk.company()["id"]
        context = {
            "date": on,
            "company": company,
            "type": "customer",
            "unit": "day",
            "term1": 30,
            "term2": 60,
            "term3": 90,
        }
        rows = self._desk.read(
            "account.aged_balance", [["party", "=", vendor_id("tenant", tenant_id)]],
            ["term0", "term1", "term2", "term3", "balance"], context=context,
        )  # fmt: skip
        row = rows[0] if rows else {}
        terms = [number(row, f"term{place}") for place in range(4)]
        return AgedBalance(
            on=on, not_due=scope.money(number(row, "balance") - sum(terms)), up_to_30=scope.money(terms[0]),
            up_to_60=scope.money(terms[1]), up_to_90=scope.money(terms[2]), over_90=scope.money(terms[3]),
        )  # fmt: skip

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """What months ahead of recurring rentals cost, at the rent of today; ten calls at most, nothing is written.

        It is before tax, as the rent of a rental is: where rent is taxed, the months end short by the tax.

        Raises:
            UnsupportedError: The number of months is none of 1 to 12.
        """
        if not 1 <= months <= _MOST_MONTHS:
            message = f"{months} months cannot be prepaid: 1 to {_MOST_MONTHS} can"
            raise UnsupportedError(message, code="prepay_months")
        account = self.account(facility, tenant_id)
        lines = [
            PrepayLine(
                rental_id=row.id,
                due_now=row.balances.payable_now,
                future=row.rental.rent.changed(amount=row.rental.rent.amount * months),
            )
            for row in account.current if row.rental.rent is not None
        ]  # fmt: skip
        return PrepayQuote(months=months, lines=tuple(lines))

    # contracts

    def call_offs(self, facility: str, tenant_id: str) -> Sequence[CallOff]:
        """Call-offs of the party, newest first, as notes, lines and moves of its contracts say; two calls at most."""
        scope, contracts = self._desk.scope(facility), self._contracts(tenant_id)
        notes = self._call_off_notes(contracts, scope)
        found = [call for row in contracts for call in call_offs_of(row, notes.get(f"{RENTAL},{row['id']}", ()), scope)]
        return sorted(found, key=lambda call: int(call.id), reverse=True)

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:
        """Contracts that are confirmed and wait to be picked up; one call."""
        scope = self._desk.scope(facility)
        found = []
        for row in self._contracts(tenant_id):
            rental = contract_of(row, scope)
            if rental is not None and rental.state is RentalState.RESERVED:
                found.append(_reservation(row, rental, scope))
        return found

    # papers and words

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:
        """Notes on one contract, subscription or party, oldest first; two calls.

        Raises:
            NotFoundError: It is not this tenant's.
        """
        scope, resource = self._desk.scope(facility), self._own_resource(tenant_id, rental_id)
        rows = self._desk.read(NOTE, [["resource", "=", resource]], NOTE_FIELDS, order=[("id", "ASC")])
        found = (note_of(row, scope, tenant_id=tenant_id, rental_id=rental_id) for row in rows)
        return [note for note in found if note is not None]

    def _files(self, resources: Sequence[str]) -> list[Row]:
        """Files that a customer may read, newest first: those whose description begins with the mark; one call."""
        domain = [["resource", "in", list(resources)], ["type", "=", "data"]]
        rows = self._desk.read(ATTACHMENT, domain, ATTACHMENT_FIELDS, order=[("id", "DESC")])
        return [row for row in rows if text(row, "description").startswith(self._desk.settings.customer_mark)]

    def _own_resource(self, tenant_id: str, rental_id: str) -> str:
        """The vendor's name of a rental, after making sure that it is the party's; one call, none for the account."""
        if rental_id == account_id(tenant_id):
            return rental_id
        found = reference("rental", rental_id)
        if found.model not in {RENTAL, SUBSCRIPTION}:
            raise NotFoundError("rental", "there is no such rental", code="rental_not_found")
        domain = [["id", "=", found.id], ["party", "=", vendor_id("tenant", tenant_id)], self._own]
        if not self._desk.read(found.model, domain, ["id"]):
            raise NotFoundError("rental", "there is no such rental", code="rental_not_found")
        return str(found)

    def portal_account(self, facility: str, tenant_id: str) -> PortalAccount:
        """Whether a party may use the portal, and if not, why; three calls at most."""
        scope, row = self._desk.scope(facility), self._party(tenant_id)
        tenant = tenant_of(row, scope, **self._desk.categories())
        of_party: list[object] = [["party", "=", row["id"]], ["number", "!=", None], self._own]
        history = any(self._desk.read(model, of_party, ["id"], limit=1) for model in (RENTAL, SUBSCRIPTION))
        return portal_account_of(tenant, scope, has_history=history)

    # what this back office has not

    def match_gate_code(self, facility: str, **_given: Any) -> NoReturn:
        """There are no gates here.

        Raises:
            UnsupportedError: Always; nothing is asked.
        """
        self._desk.facility(facility)
        message = "this back office has no gate codes"
        raise UnsupportedError(message, code="no_gate_codes")

    def sign_in(self, facility: str, **_given: Any) -> NoReturn:
        """It keeps no portal passwords.

        Raises:
            UnsupportedError: Always; nothing is asked.
        """
        self._desk.facility(facility)
        message = "this back office keeps no portal passwords"
        raise UnsupportedError(message, code="no_web_passwords")


def debit_id(tenant_id: str) -> str:
    """The id of the one agreement to debit that a party can have; the back office has none for it."""
    return f"debit-{tenant_id}"


def draws(debit: Row) -> bool:
    """Whether the next run of the back office debits by it: one whose mandate is over is passed over there."""
    return one(debit, "journal").get("process_method") != "sepa" or text(one(debit, "sepa_mandate"), "state") in _VALID


def _ever_out(row: Row) -> bool:
    return any(is_out(line) or line.get("actual_end") is not None for line in nested(row, "lines"))


def _row(rental: Rental, books: Books, today: date, autopay: Autopay) -> RentalAccount:
    paid = [
        p["date"]
        for p in books.payments.values()
        if p.get("state") == "succeeded" and books.rental_of_payment(p) == rental.id
    ]
    return RentalAccount(
        rental=rental,
        balances=books.balances(rental.id, today),
        autopay=autopay if autopay.rental_id == rental.id else None,
        billed=True,
        days_past_due=books.days_past_due(rental.id, today),
        last_payment_on=max(paid, default=None),
    )


def _reservation(row: Row, rental: Rental, scope: Scope) -> Reservation:
    return Reservation(
        ref=scope.ref("reservation", rental.id),
        tenant_id=rental.tenant_id,
        state=ReservationState.ACTIVE,
        vendor_state=rental.vendor_state,
        needed_on=scope.local(row.get("start")),
        global_number=rental.number,
        comment=text(row, "description"),
    )
