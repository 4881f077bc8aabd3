"""From a verb to its effects. Pure: the same verb, account and action id always give the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeContact,
    ContactField,
    Effect,
    PaymentPart,
    PostBulletin,
    PostFutureCharges,
    ReserveUnit,
    ScheduleMoveOut,
    SendMail,
    SetAutopay,
    SetConsent,
    SetWebPassword,
    TakePayment,
)
from pmsbridge.actions.plan import Plan, PlannedEffect, When, effect_key, payment_guard, payment_guards_of, reference_of
from pmsbridge.actions.quotes import PaymentQuote, QuoteLine
from pmsbridge.actions.scribe import contact_change_text, move_out_text, prepay_failed_text, staff_task_text
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Means, PaymentIntent
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.places import Unit
from pmsbridge.model.sealed import BankAccountFace, CardFace

__all__ = ["Planner"]


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
    """

    account: TenantAccount
    action_id: str
    native: frozenset[str]
    today: date

    # -- money ---------------------------------------------------------------------------------------------------

    def payment(self, quote: PaymentQuote, means: Means, *, pays_together: frozenset[str]) -> Plan:
        """Take the quoted amounts: as one payment where the back office can, else one per rental.

        A prepayment of everything the tenant rents first bills the months asked for, where the back office can; if the
        payment then fails, staff are told that the charges stayed.
        """
        groups = [quote.lines] if means.by in pays_together else [(line,) for line in quote.lines]
        charges = self._future_charges(quote)
        after = charges[0].name if charges else None
        payments = [self._take(f"payment.{i}", group, means, after) for i, group in enumerate(groups, start=1)]
        remorse = [
            self._bulletin(
                f"staff.{step.name}", "Prepayment failed", prepay_failed_text(self.account, quote.months or 0),
                after=step.name, when=When.FAILED,
            )
            for step in payments if charges
        ]  # fmt: skip
        return Plan(steps=(*charges, *payments, *remorse))

    def _future_charges(self, quote: PaymentQuote) -> list[PlannedEffect]:
        covers_all = {line.rental_id for line in quote.lines} == {row.id for row in self.account.current}
        if quote.intent is not PaymentIntent.PREPAY or not covers_all or "post_future_charges" not in self.native:
            return []
        effect = PostFutureCharges(**self._scope, tenant_id=self._tenant, months=quote.months or 1)
        return [self._step("future_charges", effect)]

    def _take(self, name: str, lines: tuple[QuoteLine, ...], means: Means, after: str | None) -> PlannedEffect:
        parts = tuple(
            PaymentPart(
                rental_id=line.rental_id, unit_id=line.unit_id, unit_number=line.unit_number, amount=line.amount
            )
            for line in lines
        )
        effect = TakePayment(
            **self._scope, tenant_id=self._tenant, parts=parts, means=means,
            reference=reference_of(self.action_id, name),
        )  # fmt: skip
        return self._step(name, effect, after=after, guards=tuple(self.guard(p.rental_id, p.amount) for p in parts))

    def guard(self, rental_id: str, amount: Money) -> str:
        """The business guard of a payment for one rental."""
        ref = self.account.tenant.ref
        return payment_guard(ref.account, ref.facility, ref.id, rental_id, amount)

    def guards_of(self, rental_id: str) -> str:
        """What every payment guard of one rental begins with."""
        ref = self.account.tenant.ref
        return payment_guards_of(ref.account, ref.facility, ref.id, rental_id)

    # -- state of a rental ---------------------------------------------------------------------------------------

    def autopay(
        self, row: RentalAccount, *, on: bool, method: CardFace | BankAccountFace | None, days_after_due: int | None
    ) -> Plan:
        """Set autopay of one rental; where the back office cannot without harm to the stored method, staff do."""
        if method is None and row.autopay is not None and not row.autopay.is_changeable:
            task = staff_task_text(
                self.account, f"switch autopay {'on' if on else 'off'} for unit {row.rental.unit_number}"
            )
            return Plan(steps=self._tell_staff("Autopay", task, principal=True, emulates="set_autopay", row=row))
        effect = SetAutopay(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, on=on, method=method, days_after_due=days_after_due
        )
        return Plan(steps=(self._step("autopay", effect),))

    def move_out(self, row: RentalAccount, leaving_on: date) -> Plan:
        """Schedule or change a move-out, and tell staff."""
        effect = ScheduleMoveOut(
            **self._scope, tenant_id=self._tenant, rental_id=row.id, leaving_on=leaving_on, notice_given_on=self.today
        )
        text = move_out_text(self.account, row, leaving_on)
        return self._native_or_task("move_out", effect, "Move-out request", text, tell_staff=True, row=row)

    def cancel_move_out(self, row: RentalAccount) -> Plan:
        """Take a scheduled move-out back, and tell staff."""
        effect = CancelMoveOut(**self._scope, tenant_id=self._tenant, rental_id=row.id)
        text = move_out_text(self.account, row, None)
        return self._native_or_task("cancel_move_out", effect, "Move-out cancelled", text, tell_staff=True, row=row)

    # -- the tenant ----------------------------------------------------------------------------------------------

    def edit_contact(self, changes: Mapping[ContactField, str], seen: Mapping[ContactField, str]) -> Plan:
        """Change contact fields; then mail, bulletin and note, each on its own."""
        effect = ChangeContact(**self._scope, tenant_id=self._tenant, changes=dict(changes), seen=dict(seen))
        text = contact_change_text(self.account, changes, seen)
        return self._native_or_task("edit", effect, "Contact data changed", text, tell_staff=True)

    def consent(self, channel: ConsentChannel, purpose: ConsentPurpose, *, granted: bool) -> Plan:
        """Write an answer about one channel and purpose."""
        effect = SetConsent(**self._scope, tenant_id=self._tenant, channel=channel, purpose=purpose, granted=granted)
        words = f"{purpose.value.replace('_', ' ')} by {channel.value}: {'yes' if granted else 'no'}"
        return self._native_or_task("consent", effect, "Consent changed", words, tell_staff=False)

    def note(self, row: RentalAccount, text: str, *, kind: NoteKind, visibility: Visibility) -> Plan:
        """Write a note on a rental."""
        return Plan(steps=(self._note("note", row, text, kind=kind, visibility=visibility, is_principal=True),))

    def ask_staff(self, subject: str, text: str) -> Plan:
        """Hand a request to staff: bulletin, note and mail, each with a reference that can be found again."""
        return Plan(steps=self._tell_staff(subject, staff_task_text(self.account, text), principal=True))

    def reserve(self, unit: Unit, needed_on: date, *, expires_on: date | None, comment: str) -> Plan:
        """Reserve a unit."""
        effect = ReserveUnit(
            **self._scope, tenant_id=self._tenant, unit_id=unit.id, needed_on=needed_on, expires_on=expires_on,
            quoted_rate=unit.asking_rate, comment=comment, reference=reference_of(self.action_id, "reservation"),
        )  # fmt: skip
        words = f"reserve unit {unit.number} for {needed_on}. {comment}".strip()
        return self._native_or_task("reservation", effect, "Reservation", words, tell_staff=False)

    def web_password(self, login: str) -> Plan:
        """Set the portal login; the password travels sealed."""
        effect = SetWebPassword(**self._scope, tenant_id=self._tenant, login=login)
        return Plan(steps=(self._step("password", effect),))

    # -- parts ---------------------------------------------------------------------------------------------------

    @property
    def _scope(self) -> _Scope:
        ref = self.account.tenant.ref
        return {"account": ref.account, "facility": ref.facility}

    @property
    def _tenant(self) -> str:
        return self.account.tenant.id

    def _native_or_task(
        self, name: str, effect: Effect, subject: str, text: str, *, tell_staff: bool, row: RentalAccount | None = None
    ) -> Plan:
        if effect.kind not in self.native:
            task = staff_task_text(self.account, text)
            return Plan(steps=self._tell_staff(subject, task, principal=True, emulates=effect.kind, row=row))
        notices = self._tell_staff(subject, text, principal=False, after=name, row=row) if tell_staff else ()
        return Plan(steps=(self._step(name, effect), *notices))

    def _tell_staff(
        self,
        subject: str,
        text: str,
        *,
        principal: bool,
        after: str | None = None,
        emulates: str = "",
        row: RentalAccount | None = None,
    ) -> tuple[PlannedEffect, ...]:
        on = row or next(iter((*self.account.current, *self.account.rentals)), None)
        mail_to = self.account.facility.email
        if not mail_to:
            text = f"{text}\n(No mail was sent: the facility has no e-mail address on file.)"
        who = self.account.tenant.name.full
        notices = []
        if mail_to:
            notices.append(self._mail("mail", mail_to, f"{subject}: {who}", text, after))
        bulletin = self._bulletin("bulletin", f"{subject}: {who}", text, after=after)
        notices.append(bulletin)
        if on is not None:
            notices.append(self._note("note", on, text, after=after))
        if not principal:
            return tuple(notices)
        # The note can be found again, so it carries the outcome; without a rental there is only the bulletin.
        chief = "note" if on is not None else "bulletin"
        return tuple(
            step.changed(is_principal=True, emulates=emulates) if step.name == chief else step for step in notices
        )

    def _mail(self, name: str, to: str, subject: str, text: str, after: str | None) -> PlannedEffect:
        effect = SendMail(
            **self._scope, to=to, subject=" ".join(subject.split()), text=text,
            reference=reference_of(self.action_id, name),
        )  # fmt: skip
        return self._step(name, effect, after=after, is_principal=False)

    def _bulletin(
        self, name: str, subject: str, body: str, *, after: str | None = None, when: When = When.SETTLED
    ) -> PlannedEffect:
        effect = PostBulletin(
            **self._scope, subject=" ".join(subject.split()), body=body, reference=reference_of(self.action_id, name)
        )
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
        guards: tuple[str, ...] = (),
    ) -> PlannedEffect:
        return PlannedEffect(
            name=name, key=effect_key(self.action_id, name, effect.target), effect=effect, after=after, when=when,
            is_principal=is_principal, guards=guards,
        )  # fmt: skip
