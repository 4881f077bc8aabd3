"""A back office in memory, with faults on request, and a clock driven by hand: for tests of portals and of pmsbridge.

``MemoryOffice`` is the back office: what it holds is the truth a test judges by. ``MemoryAdapter`` is the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeAccessCode,
    ChangeContact,
    EffectBody,
    PostBulletin,
    PostFutureCharges,
    ReserveUnit,
    ScheduleMoveOut,
    SetAutopay,
    SetConsent,
    SetWebPassword,
    TakePayment,
)
from pmsbridge.errors import InputError, NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Bulletin, Document, Event, Note, Quote, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.payments import Autopay, Payment, PaymentMethod
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.record import Record
from pmsbridge.model.rental import Rental
from pmsbridge.model.requests import Request
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import Batch, Entity, PrepayLine, PrepayQuote, Query, TenantSearch
from pmsbridge.ports.books import PaperContent
from pmsbridge.ports.capability import Dedup, EffectHandlers, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.store.folding import digits_of, fold
from pmsbridge.testing.memory_office import Applied, Call, Fault, MemoryOffice, SimulatedCrash, TestClock

__all__ = ["Applied", "Call", "Fault", "MemoryAdapter", "MemoryOffice", "SimulatedCrash", "TestClock"]

_SOURCE = "in memory; no vendor"


class MemoryAdapter(EffectHandlers):
    """Both ports over a ``MemoryOffice``; several adapters may share one."""

    system = "memory"
    settle_window: timedelta = timedelta(seconds=60)
    send_timeout: timedelta = timedelta(seconds=30)
    pays_together: frozenset[str] = frozenset({"card", "stored", "external"})

    autopay_means: frozenset[str] = frozenset({"card", "bank_debit", "stored"})
    asks_autopay_by_unit: bool = False

    def __init__(self, office: MemoryOffice) -> None:
        self.office = office

    @property
    def account_name(self) -> str:
        """The office's account."""
        return self.office.account

    @property
    def facility_codes(self) -> Sequence[str]:
        """The office's facilities."""
        return tuple(self.office.books.facilities)

    def lane(self, effect: EffectBody) -> str:
        """One lane per account."""
        return f"memory:{effect.account}"

    def close(self) -> None:
        """Nothing to let go of."""

    def diagnose(self) -> Sequence[Mapping[str, str]]:
        """Always well."""
        return [{"name": "office", "status": "ok", "detail": "in memory", "remedy": ""}]

    # -- writing -------------------------------------------------------------------------------------------------------

    def _execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        if attempt.sealed is not None:
            with attempt.sealed.open() as parts:
                self.office.sealed_seen.append(",".join(sorted(parts)))
                return self.office.execute(effect, attempt)
        return self.office.execute(effect, attempt)

    def _probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        self.office.note("probe", effect, attempt.key)
        if self.office.blind:
            self.office.read()
            return CannotTell("the memory office is blind")
        row = self.office.visible(effect)
        if row is None:
            return Absent("no such entry", conclusive=self.office.absence_conclusive)
        return Found(self.office.receipt(row).changed(evidence=f"read back: entry {row.number}"))

    @handles(TakePayment, dedup=Dedup.REFERENCE, absence_conclusive=True, source=_SOURCE)
    def _pay(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @baselines(TakePayment)
    def _before_payment(self, effect: TakePayment) -> Mapping[str, str]:
        self.office.note("baseline", effect, "")
        self.office.read()
        return {"entries": str(len(self.office.of_kind("take_payment")))}

    @handles(PostFutureCharges, dedup=Dedup.NATURAL_KEY, absence_conclusive=True, source=_SOURCE)
    def _bill(self, effect: PostFutureCharges, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(SetAutopay, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(ScheduleMoveOut, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _leave(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(CancelMoveOut, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _stay(self, effect: CancelMoveOut, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(ChangeContact, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _edit(self, effect: ChangeContact, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(SetConsent, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _consent(self, effect: SetConsent, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(AddNote, dedup=Dedup.REFERENCE, absence_conclusive=True, source=_SOURCE)
    def _note(self, effect: AddNote, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(PostBulletin, dedup=Dedup.NONE, source=_SOURCE)
    def _post(self, effect: PostBulletin, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(ReserveUnit, dedup=Dedup.REFERENCE, absence_conclusive=True, source=_SOURCE)
    def _reserve(self, effect: ReserveUnit, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(SetWebPassword, dedup=Dedup.STATE, source=_SOURCE)
    def _password(self, effect: SetWebPassword, attempt: Attempt) -> Receipt:
        return self._execute(effect, attempt)

    @handles(ChangeAccessCode, dedup=Dedup.STATE, source=_SOURCE)
    def _change_code(self, effect: ChangeAccessCode, attempt: Attempt) -> Receipt:
        if attempt.sealed is None:
            message = "the access code is not here"
            raise UnavailableError(message, code="sealed_value_used")
        done = len(self.office.applied)
        with attempt.sealed.open() as parts:
            try:
                return self.office.execute(effect, attempt)
            finally:  # an answer that is lost leaves the code changed
                if len(self.office.applied) > done:
                    self.office.books.give_code(effect.facility, effect.rental_id, parts["gate_code"])

    @probes(TakePayment)
    def _probe_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(PostFutureCharges)
    def _probe_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(SetAutopay)
    def _probe_autopay(self, effect: SetAutopay, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(ScheduleMoveOut)
    def _probe_leaving(self, effect: ScheduleMoveOut, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(CancelMoveOut)
    def _probe_staying(self, effect: CancelMoveOut, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(ChangeContact)
    def _probe_contact(self, effect: ChangeContact, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(SetConsent)
    def _probe_consent(self, effect: SetConsent, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(AddNote)
    def _probe_note(self, effect: AddNote, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    @probes(ReserveUnit)
    def _probe_reservation(self, effect: ReserveUnit, attempt: Attempt) -> Probed:
        return self._probe(effect, attempt)

    # -- reading -------------------------------------------------------------------------------------------------------

    def facilities(self) -> Sequence[Facility]:
        """Every facility."""
        self.office.read()
        return list(self.office.books.facilities.values())

    def facility(self, facility: str) -> Facility:
        """One facility."""
        self.office.read()
        return self._facility(facility)

    def _facility(self, facility: str) -> Facility:
        found = self.office.books.facilities.get(facility)
        if found is None:
            raise NotFoundError("facility", "there is no facility of that code")
        return found

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        """Records changed after a cursor, in batches of two; everything when there is no cursor."""
        self.office.read()
        self._facility(query.facility)
        if query.entity not in _ENTITY:
            message = f"this office has no list of {query.entity.value}"
            raise UnsupportedError(message, code="not_listed")
        start = int(since) if since else 0
        rows = [row for row in self.office.books.log(_ENTITY[query.entity], query.facility) if row[0] > start]
        batches = [rows[i : i + 2] for i in range(0, len(rows), 2)] or [[]]
        for number, rows_ in enumerate(batches, start=1):
            is_last = number == len(batches)
            cursor = str(rows_[-1][0]) if rows_ else None
            yield Batch([row[1] for row in rows_], cursor, is_complete=is_last and since is None)
            if query.facility in self.office.failing_fetches:
                raise self.office.failing_fetches[query.facility]

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Everything about one tenant."""
        self.office.read()
        return self.office.books.account(self._facility(facility), self._tenant(facility, tenant_id), self._now)

    @property
    def _now(self) -> datetime:
        return self.office.clock.now()

    def _tenant(self, facility: str, tenant_id: str) -> Tenant:
        found = self.office.books.find(Tenant, facility, tenant_id)
        if found is None:
            raise NotFoundError("tenant_id", "there is no tenant of that id at this facility")
        return found

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """One tenant."""
        self.office.read()
        return self._tenant(facility, tenant_id)

    def unit(self, facility: str, unit_id: str) -> Unit:
        """One unit."""
        self.office.read()
        found = self.office.books.find(Unit, facility, unit_id)
        if found is None:
            raise NotFoundError("unit_id", "there is no unit of that id at this facility")
        return found

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:
        """Units of a facility."""
        self.office.read()
        for unit in self.office.books.all(Unit, facility):
            if not available_only or unit.state is UnitState.VACANT:
                yield unit

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """Autopay of every rental."""
        rows = self.account(facility, tenant_id).rentals
        return [row.autopay for row in rows if row.autopay is not None]

    @property
    def tells_payment_methods(self) -> bool:
        """It does."""
        return True

    def payment_methods(self, facility: str, tenant_id: str) -> Sequence[PaymentMethod]:
        """What is stored for a tenant, the oldest first."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return self.office.books.methods_of(facility, tenant_id)

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:
        """Payments of a rental, newest first."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return self.office.books.payments_of(facility, rental_id)

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        """Movements of a rental, oldest first."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return self.office.books.ledger_of(facility, rental_id)

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:  # noqa: ARG002
        """This office sends no invoices."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return []

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:
        """Notes on a rental."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return self.office.books.notes_of(facility, rental_id)

    def bulletins(self, facility: str) -> Sequence[Bulletin]:
        """The bulletin board, for judging."""
        self.office.read()
        return self.office.books.board(facility)

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:
        """A tenant's reservations."""
        self.office.read()
        return [row for row in self.office.books.all(Reservation, facility) if row.tenant_id == tenant_id]

    def events(self, facility: str, tenant_id: str) -> Sequence[Event]:
        """What concerns a tenant or everybody."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return [row for row in self.office.books.all(Event, facility) if row.tenant_id in {None, tenant_id}]

    def requests(self, facility: str, tenant_id: str) -> Sequence[Request]:
        """What became of requests, newest first: ``office.books.put(facility, request)`` says it."""
        self.office.read()
        self._tenant(facility, tenant_id)
        found = [row for row in self.office.books.all(Request, facility) if row.tenant_id == tenant_id]
        return sorted(found, key=lambda row: row.asked_at, reverse=True)

    def documents(self, facility: str, tenant_id: str) -> Sequence[Document]:
        """Papers of a tenant, newest first."""
        self.office.read()
        self._tenant(facility, tenant_id)
        return self.office.books.papers_of(facility, tenant_id)

    def quotes(self, facility: str, tenant_id: str) -> Sequence[Quote]:
        """Offers to a tenant."""
        return [paper for paper in self.documents(facility, tenant_id) if isinstance(paper, Quote)]

    @contextmanager
    def content(self, facility: str, tenant_id: str, document_id: str) -> Iterator[PaperContent]:
        """The bytes of one paper."""
        if document_id not in {paper.id for paper in self.documents(facility, tenant_id)}:
            raise NotFoundError("document_id", "is no document of this tenant")
        data = self.office.books.paper_bytes.get((facility, document_id), b"")
        yield PaperContent(f"{document_id}.pdf", "application/pdf", iter([data]))

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """Due now plus the months' rent."""
        account = self.account(facility, tenant_id)
        lines = tuple(
            PrepayLine(rental_id=row.id, due_now=row.balances.payable_now, future=row.rental.rent * months)
            for row in account.current
            if row.rental.rent is not None
        )
        return PrepayQuote(months=months, lines=lines)

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """Who matches exactly, after folding."""
        if search.is_empty:
            raise InputError("search", "is empty")
        self.office.read()
        return [
            TenantMatch(
                tenant_id=t.id, account=self.office.account, facility=facility, name=t.name, email=t.email,
                phone=t.phone, is_exact=True,
            )
            for t in self.office.books.all(Tenant, facility)
            if self._fits(facility, t, search)
        ]  # fmt: skip

    def _fits(self, facility: str, tenant: Tenant, search: TenantSearch) -> bool:
        texts = {
            search.first_name: tenant.name.first, search.last_name: tenant.name.last,
            search.company: tenant.name.company, search.email: tenant.email,
        }  # fmt: skip
        numbers = {r.unit_number for r in self.office.books.rentals_of(facility, tenant.id)}
        phone = digits_of(search.phone)
        return (
            all(fold(asked) == fold(held) for asked, held in texts.items() if asked)
            and (not phone or (tenant.phone is not None and tenant.phone.digits == phone))
            and (not search.unit_number or search.unit_number in numbers)
        )

    def match_gate_code(self, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:
        """The tenant of a unit whose code this is."""
        self.office.read()
        with gate_code.open() as parts:
            return self.office.books.tenant_by_code(facility, unit_number, parts["gate_code"])

    def access_code(self, facility: str, tenant_id: str, rental_id: str) -> GateCode | None:
        """The code of a rental, sealed."""
        self.office.read()
        self._tenant(facility, tenant_id)
        code = self.office.books.code_of(facility, rental_id)
        return GateCode(code) if code else None

    def sign_in(self, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:
        """Tenants whose login this is."""
        self.office.read()
        with password.open() as parts:
            return self.office.books.tenants_by_login(facility, login, parts["password"])


_ENTITY: dict[Entity, type[Record]] = {
    Entity.FACILITIES: Facility,
    Entity.UNITS: Unit,
    Entity.TENANTS: Tenant,
    Entity.RENTALS: Rental,
}
