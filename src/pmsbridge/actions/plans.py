"""From a verb to its effects. Pure: the same verb, account and action id always give the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, TypedDict

from pmsbridge.actions.case import CalledOff
from pmsbridge.actions.effects import (
    AddNote,
    AttachDocument,
    CancelMoveOut,
    ChangeAccessCode,
    ChangeContact,
    ContactField,
    Effect,
    PaymentPart,
    PostBulletin,
    PostFutureCharges,
    RequestCallOff,
    ReserveUnit,
    ScheduleMoveOut,
    SendMail,
    SetAutopay,
    SetConsent,
    SetWebPassword,
    TakePayment,
    WithdrawCallOff,
)
from pmsbridge.actions.plan import Plan, PlannedEffect, When, effect_key, payment_guards_of, reference_of
from pmsbridge.actions.quotes import PaymentQuote, QuoteLine, guard_of
from pmsbridge.actions.scribe import (
    AutopayWanted,
    CallOffRequested,
    CallOffWithdrawn,
    ConsentChanged,
    ContactChanged,
    InstalmentMissed,
    LanguageWanted,
    MoveOutCancelled,
    MoveOutRequested,
    Notice,
    PrepaymentFailed,
    QuoteAccepted,
    ReservationWanted,
    Scribe,
    StaffRequest,
    TransferWanted,
    Written,
    addresses_in,
    mail_names,
)
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Means, PaymentIntent
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import ItemOut
from pmsbridge.model.sealed import BankAccountFace, CardFace

__all__ = ["Planner", "StoredChoice"]

_EVERY_WAY: Final = frozenset({"note", "bulletin", "mail"})


def _groups(quote: PaymentQuote) -> list[tuple[QuoteLine, ...]]:
    """Lines that are one payment where several can be: all of them, but of invoices those of each by itself."""
    if quote.intent is not PaymentIntent.INVOICES:
        return [quote.lines]
    by_invoice: dict[str | None, list[QuoteLine]] = {}
    for line in quote.lines:
        by_invoice.setdefault(line.invoice_id, []).append(line)
    return [tuple(lines) for lines in by_invoice.values()]


@dataclass(frozen=True, slots=True)
class StoredChoice:
    """A method that is stored already, and its face as far as the back office tells it."""

    method_id: str
    face: CardFace | BankAccountFace | None = None

    @property
    def masked(self) -> str:
        """What staff find it by: its kind and last digits ("visa ****1111"); the id where no face is told."""
        if self.face is None:
            return self.method_id
        kind = self.face.brand if isinstance(self.face, CardFace) else self.face.kind
        name = "" if kind.value == "unknown" else kind.value.replace("_", " ")
        return f"{name} ****{self.face.last4}".lstrip()


class _Scope(TypedDict):
    account: str
    facility: str


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans one action of one tenant.

    Attributes:
        account: The tenant, as read for this action.
        action_id: Keys and references are made from it.
        native: Effect kinds the back office does itself; others become staff tasks.
        today: Business date at the facility.
        scribe: Finds the words for staff. What it writes is stored in the plan: a later send says the very same.
        ways: By effect kind, how staff are told of it: "note", "bulletin", "mail"; every way for a kind that is not
            named.
        posts_beside: A bulletin names the tenant and the rental, because the back office posts it beside them.
    """

    account: TenantAccount
    action_id: str
    native: frozenset[str]
    today: date
    scribe: Scribe
    ways: Mapping[str, frozenset[str]] = field(default_factory=dict)
    posts_beside: bool = False

    # -- money ---------------------------------------------------------------------------------------------------

    def payment(self, quote: PaymentQuote, means: Means, *, pays_together: frozenset[str]) -> Plan:
        """Take the quoted amounts: one payment where the back office can, else one per rental; always one per invoice.

        Lines of one invoice are one payment where the back office can, else one each.

        A prepayment of everything the tenant rents first bills the months asked for, where the back office can; if the
        payment then fails, staff are told that the charges stayed.
        """
        groups = _groups(quote) if means.by in pays_together else [(line,) for line in quote.lines]
        charges = self._future_charges(quote)
        after = charges[0].name if charges else None
        payments = [self._take(f"payment.{i}", group, means, after) for i, group in enumerate(groups, start=1)]
        remorse = [self._remorse(step, quote.months or 0) for step in payments if charges]
        return Plan(steps=(*charges, *payments, *remorse))

    def _remorse(self, payment: PlannedEffect, months: int) -> PlannedEffect:
        notice = self.scribe.write(PrepaymentFailed.of(self.account, months))
        board = self.scribe.for_board(notice, has_mail=True)
        return self._bulletin(f"staff.{payment.name}", board, after=payment.name, when=When.FAILED)

    def _future_charges(self, quote: PaymentQuote) -> list[PlannedEffect]:
        covers_all = {line.rental_id for line in quote.lines} == {row.id for row in self.account.current}
        if quote.intent is not PaymentIntent.PREPAY or not covers_all or "post_future_charges" not in self.native:
            return []
        effect = PostFutureCharges(**self._scope, tenant_id=self._tenant, months=quote.months or 1)
        return [self._step("future_charges", effect)]

    def _take(self, name: str, lines: tuple[QuoteLine, ...], means: Means, after: str | None) -> PlannedEffect:
        parts = tuple(
            PaymentPart(
                rental_id=line.rental_id,
                invoice_id=line.invoice_id,
                line_id=line.line_id,
                unit_id=line.unit_id,
                unit_number=line.unit_number,
                amount=line.amount,
            )
            for line in lines
        )
        effect = TakePayment(
            **self._scope, tenant_id=self._tenant, parts=parts, means=means,
            reference=reference_of(self.action_id, name),
        )  # fmt: skip
        return PlannedEffect(
            name=name, key=effect_key(self.action_id, name, effect.target), effect=effect, after=after,
            guards=tuple(guard_of(self.account, line) for line in lines),
            known_before=self.account.ledgers_of(line.rental_id for line in lines),
        )  # fmt: skip

    def guards_of(self, rental_id: str) -> str:
        """What every payment guard of one rental begins with."""
        ref = self.account.tenant.ref
        return payment_guards_of(ref.account, ref.facility, ref.id, rental_id)

    # -- state of a rental ---------------------------------------------------------------------------------------

    def autopay(
        self, row: RentalAccount, *, on: bool, method: CardFace | BankAccountFace | None, days_after_due: int | None,
        stored: StoredChoice | None = None, names_unit: bool = False,
    ) -> Plan:  # fmt: skip
        """Set autopay of one rental; where the back office cannot without harm to the stored method, staff do.

        Args:
            row: The rental.
            on: Whether the back office shall charge by itself.
            method: The face of a new card or bank account.
            days_after_due: When to charge; None keeps what is set.
            stored: What to charge of what is stored already; None keeps what is set.
            names_unit: The back office may have to be asked by the unit whether it is so.
        """
        if method is None and row.autopay is not None and not row.autopay.is_changeable:
            named = stored.masked if stored is not None else ""
            task = AutopayWanted.of(self.account, row, on=on, method=named, days_after_due=days_after_due)
            return Plan(steps=self._tell_staff("set_autopay", task, is_principal=True, emulates="set_autopay", row=row))
        effect = SetAutopay(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, on=on, method=method,
            days_after_due=days_after_due, method_id=stored.method_id if stored is not None else None,
            stored_face=stored.face if stored is not None else None,
            unit_id=row.rental.unit_id if names_unit else None,
        )  # fmt: skip
        return Plan(steps=(self._step("autopay", effect),))

    def move_out(self, row: RentalAccount, leaving_on: date) -> Plan:
        """Schedule or change a move-out, and tell staff."""
        effect = ScheduleMoveOut(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, leaving_on=leaving_on, notice_given_on=self.today
        )
        notice = MoveOutRequested.of(self.account, row, leaving_on, by_hand=self._is_by_hand(effect))
        return self._native_or_task("move_out", effect, notice, tell_staff=True, row=row)

    def cancel_move_out(self, row: RentalAccount) -> Plan:
        """Take a scheduled move-out back, and tell staff."""
        effect = CancelMoveOut(**self._scope, tenant_id=self._tenant, rental_id=row.id)
        notice = MoveOutCancelled.of(self.account, row, by_hand=self._is_by_hand(effect))
        return self._native_or_task("cancel_move_out", effect, notice, tell_staff=True, row=row)

    def call_off(
        self, row: RentalAccount, item: ItemOut, quantity: Decimal, wanted_on: date, *, place: str, comment: str
    ) -> Plan:
        """Ask for a quantity of an item to be called off rent, and tell staff. The rental runs on."""
        effect = RequestCallOff(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, item_id=item.id, description=item.description,
            quantity=quantity, wanted_on=wanted_on, place=place, comment=comment,
            reference=reference_of(self.action_id, "call_off"),
        )  # fmt: skip
        notice = CallOffRequested.of(
            self.account, row, item, quantity, wanted_on, place=place, comment=comment,
            by_hand=self._is_by_hand(effect),
        )  # fmt: skip
        return self._native_or_task("call_off", effect, notice, tell_staff=True, row=row)

    def withdraw_call_off(self, row: RentalAccount, call_off: CalledOff) -> Plan:
        """Take a call-off back, and tell staff."""
        item = row.rental.item(call_off.item_id)
        effect = WithdrawCallOff(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, item_id=call_off.item_id,
            called_off=call_off.reference, description=item.description if item is not None else "",
            quantity=call_off.quantity, reference=reference_of(self.action_id, "withdrawal"),
        )  # fmt: skip
        notice = CallOffWithdrawn.of(self.account, row, call_off, item, by_hand=self._is_by_hand(effect))
        return self._native_or_task("withdrawal", effect, notice, tell_staff=True, row=row)

    def accept_quote(self, row: RentalAccount, comment: str) -> Plan:
        """Tell staff that a quote is accepted. Only they make a contract of it."""
        notice = QuoteAccepted.of(self.account, row, comment)
        steps = self._tell_staff("accept_quote", notice, is_principal=True, emulates="accept_quote", row=row)
        return Plan(steps=steps)

    # -- the tenant ----------------------------------------------------------------------------------------------

    def edit_contact(self, changes: Mapping[ContactField, str], seen: Mapping[ContactField, str]) -> Plan:
        """Change contact fields; then mail, bulletin and note, each on its own."""
        effect = ChangeContact(**self._scope, tenant_id=self._tenant, changes=dict(changes), seen=dict(seen))
        notice = ContactChanged.of(self.account, changes, seen, by_hand=self._is_by_hand(effect))
        return self._native_or_task("edit", effect, notice, tell_staff=True)

    def consent(
        self, channel: ConsentChannel, purpose: ConsentPurpose, *, granted: bool, has_a_place: bool = True
    ) -> Plan:
        """Write an answer about one channel and purpose; where the back office has no place for it, staff do."""
        effect = SetConsent(**self._scope, tenant_id=self._tenant, channel=channel, purpose=purpose, granted=granted)
        notice = ConsentChanged.of(self.account, channel, purpose, granted=granted)
        if not has_a_place:
            return Plan(steps=self._tell_staff(effect.kind, notice, is_principal=True, emulates=effect.kind))
        return self._native_or_task("consent", effect, notice, tell_staff=False)

    def language(self, language: str) -> Plan:
        """Have staff write down the language a tenant wants to be written to in."""
        notice = LanguageWanted.of(self.account, language)
        return Plan(steps=self._tell_staff("set_language", notice, is_principal=True, emulates="set_language"))

    def note(self, row: RentalAccount, text: str, *, kind: NoteKind, visibility: Visibility) -> Plan:
        """Write a note on a rental."""
        return Plan(steps=(self._note("note", row, text, kind=kind, visibility=visibility, is_principal=True),))

    def instalment_missed(self, row: RentalAccount, due_on: date, amount: Money) -> Plan:
        """Tell staff that a part of a payment plan did not come."""
        notice = InstalmentMissed.of(self.account, row, due_on, amount)
        return Plan(steps=self._tell_staff("instalment_missed", notice, is_principal=True, row=row))

    def tell_tenant(self, written: Written, language: str, row: RentalAccount | None, note: str) -> Plan | None:
        """Mail the tenant, whose outcome counts, and put a note beside the rental; None when there is no way to."""
        to = next(iter(addresses_in(self.account.tenant.email)), None)
        is_noted = row is not None and "add_note" in self.native
        steps = []
        if to is not None:
            mail = SendMail(
                **self._scope, to=to, subject=written.subject, text=written.text, language=language,
                reference=reference_of(self.action_id, "tenant"),
            )  # fmt: skip
            steps.append(self._step("tenant", mail))
        if row is not None and is_noted:
            kind = NoteKind.PAYMENT_ARRANGEMENT
            steps.append(self._note("note", row, note, kind=kind, is_principal=to is None))
        return Plan(steps=tuple(steps)) if steps else None

    def attach(self, row: RentalAccount | None, title: str, media_type: str, *, size: int, sha256: str) -> Plan:
        """Put a document beside a rental, or beside the tenant; the file itself is submitted beside the plan."""
        effect = AttachDocument(
            **self._scope, tenant_id=self._tenant, rental_id=row.id if row is not None else None, title=title,
            media_type=media_type, size=size, sha256=sha256, reference=reference_of(self.action_id, "document"),
        )  # fmt: skip
        return Plan(steps=(self._step("document", effect),))

    def order(self, subject: str, text: str) -> Plan:
        """Hand an order to staff; they deliver and bill it."""
        notice = StaffRequest.of(self.account, subject, text)
        return Plan(steps=self._tell_staff("order", notice, is_principal=True, emulates="order"))

    def ask_staff(self, subject: str, text: str, *, due_on: date | None = None) -> Plan:
        """Hand a request to staff: bulletin, note and mail, each with a reference that can be found again."""
        request = StaffRequest.of(self.account, subject, text, due_on=due_on)
        return Plan(steps=self._tell_staff("ask_staff", request, is_principal=True, due_on=due_on))

    def transfer(
        self,
        row: RentalAccount,
        unit: Unit,
        moving_on: date,
        leaving_on: date,
        *,
        comment: str,
        changes_code: bool = False,
    ) -> Plan:
        """Hold another unit, and only once it is held write the day on which the old one is left; then tell staff.

        Whatever stops it half way leaves the tenant the old unit, and at most a reservation too many. A new access
        code, which travels sealed, is the last step.
        """
        steps = self._transfer(row, unit, moving_on, leaving_on, comment=comment)
        if not changes_code:
            return Plan(steps=steps)
        chief = [step.name for step in steps if step.is_principal][-1]
        return Plan(steps=(*steps, self._access_code(row, after=chief)))

    def _transfer(
        self, row: RentalAccount, unit: Unit, moving_on: date, leaving_on: date, *, comment: str
    ) -> tuple[PlannedEffect, ...]:
        held = ReserveUnit(
            **self._scope, tenant_id=self._tenant, unit_id=unit.id, needed_on=moving_on, quoted_rate=unit.asking_rate,
            comment=comment, reference=reference_of(self.action_id, "reservation"),
        )  # fmt: skip
        left = ScheduleMoveOut(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, leaving_on=leaving_on, notice_given_on=self.today
        )
        by_hand = self._is_by_hand(held)
        notice = TransferWanted.of(self.account, row, unit, moving_on, leaving_on, comment=comment, by_hand=by_hand)
        if by_hand:
            return self._tell_staff(held.kind, notice, is_principal=True, emulates=held.kind, row=row)
        reservation = self._step("reservation", held)
        if self._is_by_hand(left):
            told = self._tell_staff(
                left.kind, notice, is_principal=True, after=reservation.name, emulates=left.kind, row=row
            )
            return (reservation, *told)
        leaving = self._step("move_out", left, after=reservation.name)
        told = self._tell_staff(left.kind, notice, is_principal=False, after=leaving.name, row=row)
        return (reservation, leaving, *told)

    def reserve(self, unit: Unit, needed_on: date, *, expires_on: date | None, comment: str) -> Plan:
        """Reserve a unit."""
        effect = ReserveUnit(
            **self._scope, tenant_id=self._tenant, unit_id=unit.id, needed_on=needed_on, expires_on=expires_on,
            quoted_rate=unit.asking_rate, comment=comment, reference=reference_of(self.action_id, "reservation"),
        )  # fmt: skip
        notice = ReservationWanted.of(self.account, unit, needed_on, expires_on=expires_on, comment=comment)
        return self._native_or_task("reservation", effect, notice, tell_staff=False)

    def web_password(self, login: str) -> Plan:
        """Set the portal login; the password travels sealed."""
        effect = SetWebPassword(**self._scope, tenant_id=self._tenant, login=login)
        return Plan(steps=(self._step("password", effect),))

    def access_code(self, row: RentalAccount) -> Plan:
        """Change the code of a rental; the new one travels sealed."""
        return Plan(steps=(self._access_code(row),))

    def _access_code(self, row: RentalAccount, *, after: str | None = None) -> PlannedEffect:
        effect = ChangeAccessCode(**self._scope, tenant_id=self._tenant, rental_id=row.id)
        return self._step("access_code", effect, after=after)

    # -- parts ---------------------------------------------------------------------------------------------------

    @property
    def _scope(self) -> _Scope:
        ref = self.account.tenant.ref
        return {"account": ref.account, "facility": ref.facility}

    @property
    def _tenant(self) -> str:
        return self.account.tenant.id

    def _is_by_hand(self, effect: Effect) -> bool:
        return effect.kind not in self.native

    def _native_or_task(
        self, name: str, effect: Effect, notice: Notice, *, tell_staff: bool, row: RentalAccount | None = None
    ) -> Plan:
        if self._is_by_hand(effect):
            return Plan(steps=self._tell_staff(effect.kind, notice, is_principal=True, emulates=effect.kind, row=row))
        notices = self._tell_staff(effect.kind, notice, is_principal=False, after=name, row=row) if tell_staff else ()
        return Plan(steps=(self._step(name, effect), *notices))

    def _tell_staff(
        self,
        kind: str,
        notice: Notice,
        *,
        is_principal: bool,
        after: str | None = None,
        emulates: str = "",
        row: RentalAccount | None = None,
        due_on: date | None = None,
    ) -> tuple[PlannedEffect, ...]:
        """A mail to every address of the staff, a bulletin post, and a note where there is a rental to hang it on.

        Where none of the ways of the kind can be gone, a mail is sent all the same.
        """
        on = row or next(iter((*self.account.current, *self.account.rentals)), None)
        ways = self._ways_of(kind, on)
        written = self.scribe.write(notice)
        board = self.scribe.for_board(written, has_mail=bool(self.scribe.staff))
        addresses = self.scribe.staff if "mail" in ways else ()
        notices = [self._mail(name, to, written, after) for name, to in mail_names("mail", addresses)]
        if "bulletin" in ways:
            notices.append(self._bulletin("bulletin", board, after=after, row=on, due_on=due_on))
        if on is not None and "note" in ways:
            notices.append(self._note("note", on, board.text, after=after))
        if not is_principal:
            return tuple(notices)
        if not notices:  # nobody could be told: the back office refuses it, and the action says so
            notices.append(self._bulletin("bulletin", board, after=after, row=on, due_on=due_on))
        # The note can be found again, so it carries the outcome; without a rental there is only the bulletin.
        chief = notices[-1].name
        return tuple(
            step.changed(is_principal=True, emulates=emulates) if step.name == chief else step for step in notices
        )

    def _ways_of(self, kind: str, on: RentalAccount | None) -> frozenset[str]:
        ways = self.ways.get(kind, _EVERY_WAY)
        return ways if ways - {"mail", *(("note",) if on is None else ())} else frozenset({"mail"})

    def _mail(self, name: str, to: str, written: Written, after: str | None) -> PlannedEffect:
        reference = reference_of(self.action_id, name)
        mail = self.scribe.for_mail(written, reference)
        effect = SendMail(
            **self._scope, to=to, subject=mail.subject, text=mail.text, language=self.scribe.language,
            reference=reference,
        )  # fmt: skip
        return self._step(name, effect, after=after, is_principal=False)

    def _bulletin(
        self,
        name: str,
        written: Written,
        *,
        after: str | None = None,
        when: When = When.SETTLED,
        row: RentalAccount | None = None,
        due_on: date | None = None,
    ) -> PlannedEffect:
        effect = PostBulletin(
            **self._scope, subject=written.subject, body=written.text, due_on=due_on,
            reference=reference_of(self.action_id, name),
        )  # fmt: skip
        if self.posts_beside:
            effect = effect.changed(tenant_id=self._tenant, rental_id=row.id if row is not None else None)
        return self._step(name, effect, after=after, when=when, is_principal=False)

    def _note(
        self,
        name: str,
        row: RentalAccount,
        text: str,
        *,
        after: str | None = None,
        kind: NoteKind = NoteKind.GENERAL,
        visibility: Visibility = Visibility.INTERNAL,
        is_principal: bool = False,
    ) -> PlannedEffect:
        effect = AddNote(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, note_kind=kind, visibility=visibility, text=text,
            reference=reference_of(self.action_id, name),
        )  # fmt: skip
        return self._step(name, effect, after=after, is_principal=is_principal)

    def _step(
        self,
        name: str,
        effect: Effect,
        *,
        after: str | None = None,
        when: When = When.SETTLED,
        is_principal: bool = True,
    ) -> PlannedEffect:
        return PlannedEffect(
            name=name, key=effect_key(self.action_id, name, effect.target), effect=effect, after=after, when=when,
            is_principal=is_principal,
        )  # fmt: skip
