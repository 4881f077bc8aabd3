"""The way to a simulated back office, by character; what the wire answers is classified by the product's own rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

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
    SetWebPassword,
    TakePayment,
)
from pmsbridge.errors import NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Note, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.payments import Autopay, Payment
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.ports.adapter import Batch, PrepayLine, PrepayQuote, Query, TenantSearch
from pmsbridge.ports.capability import Dedup, EffectHandlers, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.testing.simulation.baton import SimulatedClock
from pmsbridge.testing.simulation.books import ACCOUNT, FACILITY, BackOffice, Line, Wire, lines_of
from pmsbridge.testing.simulation.plan import WINDOW_MS, Character
from pmsbridge.testing.simulation.world import World
from pmsbridge.transport import status

__all__ = ["LANE", "SimulatedAdapter", "adapter_for"]

LANE = f"{ACCOUNT}:{ACCOUNT}"
_SOURCE = "simulated"


class SimulatedAdapter(EffectHandlers):
    """Reads, and sends; what can be looked for differs by character."""

    system = "sim"
    account_name = ACCOUNT
    facility_codes: Sequence[str] = (FACILITY,)
    settle_window: timedelta = timedelta(milliseconds=WINDOW_MS)
    send_timeout: timedelta = timedelta(seconds=30)
    pays_together: frozenset[str] = frozenset({"card", "stored", "external"})
    autopay_means: frozenset[str] = frozenset({"card", "bank_debit", "stored"})

    def __init__(self, office: BackOffice, world: World, clock: SimulatedClock) -> None:
        self._office = office
        self._world = world
        self._clock = clock

    def lane(self, effect: EffectBody) -> str:  # noqa: ARG002 - one line for everything
        """One line per account."""
        return LANE

    def close(self) -> None:
        """Nothing to let go of."""

    def diagnose(self) -> Sequence[Mapping[str, str]]:
        """Nothing to tell."""
        return []

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        self._world.step("before a call")
        if attempt.not_after is not None and self._clock.now() > attempt.not_after:
            message = "the right to send ended before the first byte left"
            raise UnavailableError(message, code="lease_over")
        wire = self._leave(effect, attempt)
        self._world.step("after a call")
        return self._receipt(effect, wire)

    def _leave(self, effect: EffectBody, attempt: Attempt) -> Wire:
        """The first byte leaves here."""
        if attempt.sealed is None:
            return self._office.ask(effect, attempt.key, LANE, sealed=False)
        with attempt.sealed.open():
            return self._office.ask(effect, attempt.key, LANE, sealed=True)

    def _receipt(self, effect: EffectBody, wire: Wire) -> Receipt:
        if wire.status < 0:
            message = "the connection was refused"
            raise UnavailableError(message, code="refused")
        if wire.status == 0:
            raise status.no_usable_answer("the answer was lost", is_write=True, code="lost")
        if wire.foreign:
            message = "foreign"
            raise KeyError(message)
        error = status.classify_status(wire.status, wire.headers, True)  # noqa: FBT003 - three plain facts
        if error is not None:
            raise error
        if wire.garbled or not wire.number:
            raise status.no_usable_answer("the answer cannot be read", is_write=True, code="garbled")
        kind = str(getattr(effect, "kind", ""))
        return Receipt(
            evidence=f"receipt {wire.number} answered", vendor_ids={kind: str(wire.number)}, at=self._clock.now()
        )

    # -- looking -----------------------------------------------------------------------------------------------------

    def _found(self, lines: Sequence[Line]) -> Found:
        numbers = ", ".join(str(line.number) for line in lines)
        return Found(Receipt(evidence=f"read back: line {numbers}", at=self._clock.now(), read_back=True))

    def _by_reference(self, effect: EffectBody) -> Probed:
        """All lines with our reference: found. None: absent. Some: nobody can tell."""
        _, shown = self._office.read("reference")
        reference = str(getattr(effect, "reference", ""))
        ours = [line for line in shown if line.mark == reference]
        if not ours:
            return Absent(f"none of {len(shown)} lines carries {reference}")
        if len({line.subject for line in ours}) < len(lines_of(effect)):
            return CannotTell("only a part of it is there")
        return self._found(ours)

    def _by_state(self, effect: EffectBody) -> Probed:
        """The value last written is the one that was asked for."""
        _, shown = self._office.read("state")
        ((subject, wanted),) = lines_of(effect)
        kinds = {"schedule_move_out", "cancel_move_out"}
        kind = str(getattr(effect, "kind", ""))
        family = kinds if kind in kinds else {kind}
        rows = [line for line in shown if line.kind in family and line.subject == subject]
        stands = rows[-1].what if rows else self._unwritten(kind)
        if stands != wanted:
            return Absent(f"it stands at {stands or 'nothing'}")
        return self._found(rows[-1:])

    def _unwritten(self, kind: str) -> str:
        return {"set_autopay": "off", "schedule_move_out": "stays", "cancel_move_out": "stays"}.get(kind, "")

    def _payments_before(self, effect: TakePayment) -> Mapping[str, str]:
        _, shown = self._office.read("baseline")
        return {
            f"receipts.{part.rental_id}": "\n".join(
                str(line.number) for line in _same_amount(shown, part.rental_id, part.amount.amount)
            )
            for part in effect.parts
        }

    def _by_amount(self, effect: TakePayment, attempt: Attempt) -> Probed:
        """New payments of the exact amount since the send, told apart where their text shows whose they are."""
        _, shown = self._office.read("amount")
        found: list[Line] = []
        missing = 0
        for part in effect.parts:
            before = set(attempt.baseline.get(f"receipts.{part.rental_id}", "").split("\n"))
            fresh = [
                line for line in _same_amount(shown, part.rental_id, part.amount.amount)
                if str(line.number) not in before and line.mark != "desk"
            ]  # fmt: skip
            if any(not line.mark for line in fresh):
                return CannotTell("a new payment of the amount does not show whose it is")
            if len(fresh) > 1:
                return CannotTell("several new payments of the amount look like it")
            found.extend(fresh)
            missing += not fresh
        if not missing:
            return self._found(found)
        return CannotTell("only a part of it is there") if found else Absent("no new payment of the amount")

    def _charges_before(self, effect: PostFutureCharges) -> Mapping[str, str]:
        _, shown = self._office.read("baseline")
        return {"charges": "\n".join(str(line.number) for line in _charges(shown, effect))}

    def _by_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Probed:
        """Charges of as many months for the tenant that were not there before."""
        _, shown = self._office.read("amount")
        before = set(attempt.baseline.get("charges", "").split("\n"))
        fresh = [line for line in _charges(shown, effect) if str(line.number) not in before]
        return self._found(fresh[:1]) if fresh else Absent("no new charges")

    # -- reading -----------------------------------------------------------------------------------------------------

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        """Everything about one tenant."""
        books, _ = self._office.read("account")
        tenant = books.find(Tenant, facility, tenant_id)
        if tenant is None:
            raise NotFoundError("tenant_id", "there is no tenant of that id")
        return books.account(books.facilities[facility], tenant, self._clock.now())

    def tenant(self, facility: str, tenant_id: str) -> Tenant:
        """One tenant."""
        return self.account(facility, tenant_id).tenant

    def facility(self, facility: str) -> Facility:
        """One facility."""
        books, _ = self._office.read("facility")
        return books.facilities[facility]

    def facilities(self) -> Sequence[Facility]:
        """The only one."""
        return [self.facility(FACILITY)]

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:  # noqa: ARG002
        """Nobody copies this back office."""
        raise UnsupportedError("the simulated back office is not copied", code="no_fetch")

    def unit(self, facility: str, unit_id: str) -> Unit:
        """One unit."""
        books, _ = self._office.read("unit")
        found = books.find(Unit, facility, unit_id)
        if found is None:
            raise NotFoundError("unit_id", "there is no unit of that id")
        return found

    def units(self, facility: str, *, available_only: bool = False) -> Iterator[Unit]:  # noqa: ARG002
        """All units."""
        books, _ = self._office.read("units")
        yield from books.all(Unit, facility)

    def autopay(self, facility: str, tenant_id: str) -> Sequence[Autopay]:
        """Autopay of every rental."""
        return [row.autopay for row in self.account(facility, tenant_id).rentals if row.autopay is not None]

    def payments(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Payment]:  # noqa: ARG002
        """Nobody looks at them here."""
        return []

    def ledger(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:  # noqa: ARG002
        """Movements of a rental."""
        books, _ = self._office.read("ledger")
        return books.ledger_of(facility, rental_id)

    def invoices(self, facility: str, tenant_id: str, *, since: date, until: date) -> Sequence[Invoice]:  # noqa: ARG002
        """None."""
        return []

    def notes(self, facility: str, tenant_id: str, rental_id: str) -> Sequence[Note]:  # noqa: ARG002
        """Nobody looks at them here."""
        return []

    def reservations(self, facility: str, tenant_id: str) -> Sequence[Reservation]:  # noqa: ARG002
        """None."""
        return []

    def prepay_quote(self, facility: str, tenant_id: str, months: int) -> PrepayQuote:
        """Due now plus the months' rent."""
        account = self.account(facility, tenant_id)
        lines = tuple(
            PrepayLine(rental_id=row.id, due_now=row.balances.payable_now, future=row.rental.rent * months)
            for row in account.current
            if row.rental.rent is not None
        )
        return PrepayQuote(months=months, lines=lines)

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:  # noqa: ARG002
        """Nobody searches here."""
        return []

    def match_gate_code(self, facility: str, *, unit_number: str, gate_code: GateCode) -> str | None:  # noqa: ARG002
        """Nobody claims a unit here."""
        return None

    def sign_in(self, facility: str, *, login: str, password: WebPassword) -> Sequence[str]:  # noqa: ARG002
        """Nobody signs in here."""
        return []


def _same_amount(lines: Sequence[Line], rental: str, amount: object) -> list[Line]:
    wanted = format(amount, "f")
    return [line for line in lines if (line.kind, line.subject, line.what) == ("take_payment", rental, wanted)]


def _charges(lines: Sequence[Line], effect: PostFutureCharges) -> list[Line]:
    wanted = lines_of(effect)[0]
    return [line for line in lines if line.kind == "post_future_charges" and (line.subject, line.what) == wanted]


class _ReadBackAdapter(SimulatedAdapter):
    """All but payments can be read back: by our reference, by the state that stands, by what was there before."""

    @handles(SetAutopay, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _do_autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(SetAutopay)
    def _find_autopay(self, effect: SetAutopay, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_state(effect)

    @handles(ScheduleMoveOut, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _do_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(ScheduleMoveOut)
    def _find_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_state(effect)

    @handles(CancelMoveOut, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _do_cancelled(self, effect: CancelMoveOut, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(CancelMoveOut)
    def _find_cancelled(self, effect: CancelMoveOut, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_state(effect)

    @handles(ChangeContact, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _do_contact(self, effect: ChangeContact, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(ChangeContact)
    def _find_contact(self, effect: ChangeContact, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_state(effect)

    @handles(SetConsent, dedup=Dedup.STATE, absence_conclusive=True, source=_SOURCE)
    def _do_consent(self, effect: SetConsent, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(SetConsent)
    def _find_consent(self, effect: SetConsent, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_state(effect)

    @handles(AddNote, dedup=Dedup.REFERENCE, absence_conclusive=True, source=_SOURCE)
    def _do_note(self, effect: AddNote, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(AddNote)
    def _find_note(self, effect: AddNote, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_reference(effect)

    @handles(PostBulletin, dedup=Dedup.NONE, source=_SOURCE)
    def _do_bulletin(self, effect: PostBulletin, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ReserveUnit, dedup=Dedup.REFERENCE, absence_conclusive=True, source=_SOURCE)
    def _do_reservation(self, effect: ReserveUnit, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(ReserveUnit)
    def _find_reservation(self, effect: ReserveUnit, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_reference(effect)

    @handles(PostFutureCharges, dedup=Dedup.NATURAL_KEY, absence_conclusive=True, source=_SOURCE)
    def _do_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @baselines(PostFutureCharges)
    def _before_charges(self, effect: PostFutureCharges) -> Mapping[str, str]:
        return self._charges_before(effect)

    @probes(PostFutureCharges)
    def _find_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Probed:
        return self._by_charges(effect, attempt)

    @handles(SetWebPassword, dedup=Dedup.NONE, source=_SOURCE)
    def _do_password(self, effect: SetWebPassword, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)


class ReferenceAdapter(_ReadBackAdapter):
    """Our reference can be read back, and absence is proof."""

    @handles(TakePayment, dedup=Dedup.REFERENCE, absence_conclusive=True, source=_SOURCE)
    def _do_payment(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @probes(TakePayment)
    def _find_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:  # noqa: ARG002
        return self._by_reference(effect)


class AmountAdapter(_ReadBackAdapter):
    """Payments cannot carry our reference: they are found by what was there before, and by the amount."""

    pays_together: frozenset[str] = frozenset()

    @handles(TakePayment, dedup=Dedup.NATURAL_KEY, absence_conclusive=True, source=_SOURCE)
    def _do_payment(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @baselines(TakePayment)
    def _before_payment(self, effect: TakePayment) -> Mapping[str, str]:
        return self._payments_before(effect)

    @probes(TakePayment)
    def _find_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:
        return self._by_amount(effect, attempt)


class BlindAdapter(SimulatedAdapter):
    """Nothing can be read back."""

    @handles(TakePayment, dedup=Dedup.NONE, source=_SOURCE)
    def _do_payment(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(SetAutopay, dedup=Dedup.NONE, source=_SOURCE)
    def _do_autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ScheduleMoveOut, dedup=Dedup.NONE, source=_SOURCE)
    def _do_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(CancelMoveOut, dedup=Dedup.NONE, source=_SOURCE)
    def _do_cancelled(self, effect: CancelMoveOut, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ChangeContact, dedup=Dedup.NONE, source=_SOURCE)
    def _do_contact(self, effect: ChangeContact, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(SetConsent, dedup=Dedup.NONE, source=_SOURCE)
    def _do_consent(self, effect: SetConsent, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(AddNote, dedup=Dedup.NONE, source=_SOURCE)
    def _do_note(self, effect: AddNote, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(PostBulletin, dedup=Dedup.NONE, source=_SOURCE)
    def _do_bulletin(self, effect: PostBulletin, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ReserveUnit, dedup=Dedup.NONE, source=_SOURCE)
    def _do_reservation(self, effect: ReserveUnit, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(PostFutureCharges, dedup=Dedup.NONE, source=_SOURCE)
    def _do_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(SetWebPassword, dedup=Dedup.NONE, source=_SOURCE)
    def _do_password(self, effect: SetWebPassword, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)


class KeyedAdapter(SimulatedAdapter):
    """Takes our key and does the same request once; a repeat is harmless."""

    @handles(TakePayment, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_payment(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(SetAutopay, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ScheduleMoveOut, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(CancelMoveOut, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_cancelled(self, effect: CancelMoveOut, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ChangeContact, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_contact(self, effect: ChangeContact, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(SetConsent, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_consent(self, effect: SetConsent, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(AddNote, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_note(self, effect: AddNote, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(PostBulletin, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_bulletin(self, effect: PostBulletin, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(ReserveUnit, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_reservation(self, effect: ReserveUnit, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(PostFutureCharges, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)

    @handles(SetWebPassword, dedup=Dedup.VENDOR_KEY, source=_SOURCE)
    def _do_password(self, effect: SetWebPassword, attempt: Attempt) -> Receipt:
        return self._send(effect, attempt)


_BY_CHARACTER = {
    Character.REFERENCE: ReferenceAdapter,
    Character.AMOUNT: AmountAdapter,
    Character.BLIND: BlindAdapter,
    Character.KEYED: KeyedAdapter,
}


def adapter_for(character: Character) -> type[SimulatedAdapter]:
    """The adapter of a kind of back office."""
    return _BY_CHARACTER[character]
