"""The books of the back office in memory: a few facilities, units and tenants, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    PostBulletin,
    PostFutureCharges,
    ReserveUnit,
    ScheduleMoveOut,
    SetAutopay,
    SetConsent,
    TakePayment,
)
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import Bulletin, Document, Note, Quote, Reservation, ReservationState
from pmsbridge.model.ledger import Balances, EntryKind, LedgerEntry
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Allocation, Autopay, AutopayState, Payment, PaymentMethod, PaymentState
from pmsbridge.model.people import ConsentRecord, PersonName, Phone, PostalAddress, Tenant
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.record import Record, Source, VendorRef
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.sealed import CardBrand, CardFace

__all__ = ["Books"]

_R = TypeVar("_R", bound=Record)
_ZONE = "America/Chicago"
_RENT = Money.of("120.00", "USD")
_NAMES = (("Ana", "Müller"), ("Robert", "O'Neil"), ("Chloé", "Dubois"))
_NUMBERS = ("015", "15", "A-101")


@dataclass(slots=True)
class Books:
    """Everything the office holds, by facility and id.

    Attributes:
        changes: A log of records as they changed, for incremental fetches.
        paper_bytes: By facility and id of a document.
        methods: By facility: what is stored to pay with.
        gate_codes: By facility and unit number.
        logins: By facility and login: password and tenant.
    """

    account_name: str
    facilities: dict[str, Facility] = field(default_factory=dict)
    rows: dict[tuple[type[Record], str, str], Record] = field(default_factory=dict)
    changes: dict[tuple[type[Record], str, str], int] = field(default_factory=dict)
    autopay: dict[tuple[str, str], Autopay] = field(default_factory=dict)
    entries: list[tuple[str, LedgerEntry]] = field(default_factory=list)
    payments: list[tuple[str, Payment]] = field(default_factory=list)
    notes: list[tuple[str, Note]] = field(default_factory=list)
    bulletins: list[tuple[str, Bulletin]] = field(default_factory=list)
    paper_bytes: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    methods: list[tuple[str, PaymentMethod]] = field(default_factory=list)
    gate_codes: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    logins: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict, repr=False)
    clock_number: int = 0

    @classmethod
    def seeded(cls, account: str, facilities: Iterable[str], now: datetime) -> Books:
        """Three tenants per facility, each with one unit and 120.00 USD due; tenant T1 has a second unit."""
        books = cls(account)
        for facility in facilities:
            books._seed(facility, now)
        return books

    def _seed(self, facility: str, now: datetime) -> None:
        site = Facility(
            ref=self._ref(facility, "facility", facility), name=f"Facility {facility}", zone=_ZONE, currency="USD",
            email=f"manager@{facility.lower()}.example",
        )  # fmt: skip
        self.facilities[facility] = site
        self.put(facility, site)
        for n, (first, last) in enumerate(_NAMES, start=1):
            tenant = Tenant(
                ref=self._ref(facility, "tenant", f"T{n}"), name=PersonName(first=first, last=last),
                address=PostalAddress(line1=f"{n} Elm St", city="Austin", region="TX", postal_code="78701"),
                phone=Phone(raw=f"(512) 555-010{n}"), email=f"{first.lower()}@example.test", is_active=True,
            )  # fmt: skip
            self.put(facility, tenant)
            self.add_rental(facility, f"R{n}", tenant.id, _NUMBERS[n - 1], now)
            self.add_method(facility, tenant.id, f"M{n}")
        self.add_rental(facility, "R4", "T1", "B-7", now)
        spare = Unit(ref=self._ref(facility, "unit", "U9"), number="C-1", state=UnitState.VACANT, asking_rate=_RENT)
        self.put(facility, spare)

    def add_rental(self, facility: str, rental_id: str, tenant_id: str, number: str, now: datetime) -> Rental:
        """Let a new unit to a tenant, one rent due."""
        unit = Unit(
            ref=self._ref(facility, "unit", f"U{rental_id[1:]}"), number=number, state=UnitState.OCCUPIED,
            asking_rate=_RENT,
        )  # fmt: skip
        self.put(facility, unit)
        rental = Rental(
            ref=self._ref(facility, "rental", rental_id), tenant_id=tenant_id, unit_id=unit.id, unit_number=number,
            state=RentalState.ACTIVE, rent=_RENT, moved_in_on=date(2025, 1, 1), paid_through=date(2026, 10, 31),
        )  # fmt: skip
        self.put(facility, rental)
        self.autopay[facility, rental_id] = Autopay(rental_id=rental_id, state=AutopayState.OFF)
        self.enter(facility, rental_id, EntryKind.CHARGE, _RENT, now, "Rent")
        return rental

    def add_method(
        self, facility: str, tenant_id: str, method_id: str, *, expires_on: date = date(2099, 12, 31)
    ) -> PaymentMethod:
        """Store a card for a tenant; the first one is the default."""
        method = PaymentMethod(
            ref=self._ref(facility, "payment_method", method_id), tenant_id=tenant_id, holder="Test Payer",
            face=CardFace(brand=CardBrand.VISA, last4="1111", expires_on=expires_on), is_usable=True,
            is_default=not self.methods_of(facility, tenant_id),
        )  # fmt: skip
        self.methods.append((facility, method))
        return method

    def methods_of(self, facility: str, tenant_id: str) -> list[PaymentMethod]:
        """What is stored for a tenant to pay with."""
        return [method for code, method in self.methods if code == facility and method.tenant_id == tenant_id]

    def _ref(self, facility: str, entity: str, record_id: str) -> VendorRef:
        return VendorRef(system="memory", account=self.account_name, facility=facility, entity=entity, id=record_id)

    # -- records -------------------------------------------------------------------------------------------------------

    def put(self, facility: str, record: Record) -> None:
        """Store a record; an incremental fetch will show it."""
        self.clock_number += 1
        key = (type(record), facility, record.id)
        self.rows[key] = record
        self.changes[key] = self.clock_number

    def remove(self, kind: type[Record], facility: str, record_id: str) -> None:
        """Delete a record; only a full fetch shows that it is gone."""
        self.rows.pop((kind, facility, record_id))
        self.changes.pop((kind, facility, record_id))

    def find(self, kind: type[_R], facility: str, record_id: str) -> _R | None:
        """One record."""
        found = self.rows.get((kind, facility, record_id))
        return found if isinstance(found, kind) else None

    def all(self, kind: type[_R], facility: str) -> list[_R]:
        """All records of a kind."""
        return [r for (k, f, _), r in self.rows.items() if k is kind and f == facility and isinstance(r, kind)]

    def log(self, kind: type[Record], facility: str) -> list[tuple[int, Record]]:
        """Records with the number of their last change, oldest change first."""
        found = [(self.changes[key], record) for key, record in self.rows.items() if key[:2] == (kind, facility)]
        return sorted(found, key=lambda row: row[0])

    def rentals_of(self, facility: str, tenant_id: str) -> list[Rental]:
        """A tenant's rentals."""
        return [rental for rental in self.all(Rental, facility) if rental.tenant_id == tenant_id]

    def account(self, facility: Facility, tenant: Tenant, now: datetime) -> TenantAccount:
        """A tenant with rentals and balances."""
        code = facility.ref.facility
        rows = tuple(
            RentalAccount(
                rental=rental, balances=Balances.of_ledger(self.balance(code, rental.id)), billed=True,
                unit=self.find(Unit, code, rental.unit_id or ""), autopay=self.autopay[code, rental.id],
            )
            for rental in self.rentals_of(code, tenant.id)
        )  # fmt: skip
        return TenantAccount(facility=facility, tenant=tenant, rentals=rows, as_of=now, source=Source.LIVE)

    # -- money ---------------------------------------------------------------------------------------------------------

    def enter(self, facility: str, rental_id: str, kind: EntryKind, effect: Money, at: datetime, text: str) -> None:
        """Post to a rental's ledger."""
        entry = LedgerEntry(
            ref=self._ref(facility, "ledger_entry", f"L{len(self.entries) + 1}"), rental_id=rental_id, kind=kind,
            effect=effect, effective_on=_day(at), posted_at=at, description=text,
        )  # fmt: skip
        self.entries.append((facility, entry))

    def balance(self, facility: str, rental_id: str) -> Money:
        """Everything posted."""
        return sum_money((e.effect for e in self.ledger_of(facility, rental_id)), "USD")

    def ledger_of(self, facility: str, rental_id: str) -> list[LedgerEntry]:
        """Movements, oldest first."""
        return [entry for code, entry in self.entries if code == facility and entry.rental_id == rental_id]

    def payments_of(self, facility: str, rental_id: str) -> list[Payment]:
        """Payments, newest first."""
        found = [p for code, p in self.payments if code == facility]
        return [p for p in reversed(found) if any(a.rental_id == rental_id for a in p.allocations)]

    # -- papers --------------------------------------------------------------------------------------------------------

    def notes_of(self, facility: str, rental_id: str) -> list[Note]:
        """Notes on a rental."""
        return [note for code, note in self.notes if code == facility and note.rental_id == rental_id]

    def papers_of(self, facility: str, tenant_id: str) -> list[Document]:
        """A tenant's papers, newest first."""
        found = [p for kind in (Document, Quote) for p in self.all(kind, facility) if p.tenant_id == tenant_id]
        return sorted(found, key=lambda paper: (paper.dated_on or date.min, paper.id), reverse=True)

    def board(self, facility: str) -> Sequence[Bulletin]:
        """The bulletin board."""
        return [post for code, post in self.bulletins if code == facility]

    def tenant_by_code(self, facility: str, number: str, code: str) -> str | None:
        """Whose unit it is, when the code is right."""
        if self.gate_codes.get((facility, number)) != code:
            return None
        return next((r.tenant_id for r in self.all(Rental, facility) if r.unit_number == number), None)

    def code_of(self, facility: str, rental_id: str) -> str:
        """The gate code of a rental's unit; empty for none."""
        rental = self.find(Rental, facility, rental_id)
        return self.gate_codes.get((facility, rental.unit_number), "") if rental is not None else ""

    def give_code(self, facility: str, rental_id: str, code: str) -> None:
        """Another gate code for a rental's unit."""
        rental = self.find(Rental, facility, rental_id)
        if rental is not None:
            self.gate_codes[facility, rental.unit_number] = code

    def tenants_by_login(self, facility: str, login: str, password: str) -> list[str]:
        """Who signs in so."""
        kept = self.logins.get((facility, login))
        return [kept[1]] if kept is not None and kept[0] == password else []

    # -- what effects do -----------------------------------------------------------------------------------------------

    def show(self, effect: EffectBody, number: int, at: datetime) -> None:
        """Let an effect show in what is read."""
        for kind, act in _SHOW.items():
            if isinstance(effect, kind):
                act(self, effect, number, at)

    def _paid(self, effect: TakePayment, number: int, at: datetime) -> None:
        allocations = tuple(
            Allocation(rental_id=p.rental_id, amount=p.amount, invoice_id=p.invoice_id, line_id=p.line_id)
            for p in effect.parts
        )
        payment = Payment(
            ref=self._ref(effect.facility, "payment", str(number)), tenant_id=effect.tenant_id, amount=effect.total,
            state=PaymentState.SUCCEEDED, paid_on=_day(at), paid_at=at, receipt=str(number),
            reference=effect.reference, allocations=allocations,
        )  # fmt: skip
        self.payments.append((effect.facility, payment))
        for part in effect.parts:
            self.enter(effect.facility, part.rental_id, EntryKind.PAYMENT, -part.amount, at, "Payment")

    def _billed(self, effect: PostFutureCharges, _number: int, at: datetime) -> None:
        for rental in self.rentals_of(effect.facility, effect.tenant_id):
            if rental.rent is not None:
                self.enter(effect.facility, rental.id, EntryKind.CHARGE, rental.rent * effect.months, at, "Rent ahead")

    def _autopaid(self, effect: SetAutopay, _number: int, _at: datetime) -> None:
        before = self.autopay[effect.facility, effect.rental_id]
        charged = self._charged(effect, before)
        face = effect.method or (charged.face if charged is not None else None)
        on = AutopayState.CARD if isinstance(face, CardFace) else AutopayState.BANK_DEBIT
        self.autopay[effect.facility, effect.rental_id] = Autopay(
            rental_id=effect.rental_id, state=on if effect.on else AutopayState.OFF, method_usable=effect.on,
            method=charged,
        )  # fmt: skip

    def _charged(self, effect: SetAutopay, before: Autopay) -> PaymentMethod | None:
        """What is named of what is stored, else what was charged before; what was typed now is not stored here."""
        if effect.method_id is None:
            return before.method if effect.method is None else None
        stored = self.methods_of(effect.facility, effect.tenant_id)
        found = next((each for each in stored if each.id == effect.method_id), None)
        return None if found is None else found.changed(pays_on_demand=True, is_default=None)

    def _change_rental(self, effect: ScheduleMoveOut | CancelMoveOut, **changes: Any) -> None:
        rental = self.find(Rental, effect.facility, effect.rental_id)
        if rental is not None:
            self.put(effect.facility, rental.changed(**changes))

    def _leaving(self, effect: ScheduleMoveOut, _number: int, _at: datetime) -> None:
        self._change_rental(
            effect, state=RentalState.NOTICE_GIVEN, leaving_on=effect.leaving_on,
            notice_given_on=effect.notice_given_on,
        )  # fmt: skip

    def _staying(self, effect: CancelMoveOut, _number: int, _at: datetime) -> None:
        self._change_rental(effect, state=RentalState.ACTIVE, leaving_on=None, notice_given_on=None)

    def _edited(self, effect: ChangeContact, _number: int, _at: datetime) -> None:
        tenant = self.find(Tenant, effect.facility, effect.tenant_id)
        if tenant is None:
            return
        for name, value in effect.changes.items():
            group, _, part = name.partition(".")
            if group in {"name", "address"}:
                tenant = tenant.changed(**{group: getattr(tenant, group).changed(**{part: value})})
            elif name in {"phone", "mobile"}:
                tenant = tenant.changed(**{name: Phone(raw=value) if value else None})
            elif name == "email":
                tenant = tenant.changed(email=value)
        self.put(effect.facility, tenant)

    def _consented(self, effect: SetConsent, _number: int, at: datetime) -> None:
        tenant = self.find(Tenant, effect.facility, effect.tenant_id)
        if tenant is not None:
            answer = ConsentRecord(channel=effect.channel, purpose=effect.purpose, granted=effect.granted, given_at=at)
            self.put(effect.facility, tenant.changed(consents=(*tenant.consents, answer)))

    def _noted(self, effect: AddNote, number: int, at: datetime) -> None:
        note = Note(
            ref=self._ref(effect.facility, "note", str(number)), tenant_id=effect.tenant_id,
            rental_id=effect.rental_id, kind=effect.note_kind, visibility=effect.visibility,
            text=f"{effect.text} [{effect.reference}]", written_at=at,
        )  # fmt: skip
        self.notes.append((effect.facility, note))

    def _posted(self, effect: PostBulletin, number: int, at: datetime) -> None:
        post = Bulletin(
            ref=self._ref(effect.facility, "bulletin", str(number)), subject=effect.subject,
            body=f"{effect.body} [{effect.reference}]", due_on=effect.due_on, posted_at=at,
        )  # fmt: skip
        self.bulletins.append((effect.facility, post))

    def _reserved(self, effect: ReserveUnit, number: int, _at: datetime) -> None:
        reservation = Reservation(
            ref=self._ref(effect.facility, "reservation", str(number)), tenant_id=effect.tenant_id,
            unit_id=effect.unit_id, state=ReservationState.ACTIVE, needed_on=effect.needed_on,
            expires_on=effect.expires_on or effect.needed_on + timedelta(days=7), comment=effect.reference,
        )  # fmt: skip
        self.put(effect.facility, reservation)


def _day(at: datetime) -> date:
    return at.astimezone(ZoneInfo(_ZONE)).date()


_SHOW: dict[type[EffectBody], Any] = {
    TakePayment: Books._paid,  # noqa: SLF001 - the table of its own methods
    PostFutureCharges: Books._billed,  # noqa: SLF001
    SetAutopay: Books._autopaid,  # noqa: SLF001
    ScheduleMoveOut: Books._leaving,  # noqa: SLF001
    CancelMoveOut: Books._staying,  # noqa: SLF001
    ChangeContact: Books._edited,  # noqa: SLF001
    SetConsent: Books._consented,  # noqa: SLF001
    AddNote: Books._noted,  # noqa: SLF001
    PostBulletin: Books._posted,  # noqa: SLF001
    ReserveUnit: Books._reserved,  # noqa: SLF001
}
