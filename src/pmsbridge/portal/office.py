"""One facility of one account as the portal sees it: what is read of it, and what the judge says."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.eligibility import Asked, Offer, Subject, available_actions, judge, refuse_unless_allowed
from pmsbridge.actions.kinds import TELLS_STAFF, ActionKind
from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.actions.plan import Plan, RequestSeen, When, tenant_guards
from pmsbridge.actions.sections import PortalRules, Section, shared_unit
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.notices import FacilityScribe, NoticeDesk, built_in_desk
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import NotFoundError, UnavailableError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import RentalKind
from pmsbridge.portal.abilities import WAYS, Abilities
from pmsbridge.portal.calling_off import called_off_by_hand
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.books import ReadinessPort
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import ActionFilter

if TYPE_CHECKING:
    from pmsbridge.store.outbox import OwnTransaction

__all__ = ["Office", "rental_of"]

_MOVES: Final = frozenset({"take_payment", "post_future_charges"})
"""Effects that everything else that moves money waits for."""

_MAYBE_PAID: Final = frozenset({"nothing_due", "line_settled", "amount_exceeds_balance"})
"""Denials that stand for another one while a payment is being confirmed."""

_POSTED: Final = frozenset(WAYS.values())


@dataclass(frozen=True, slots=True)
class Office(Abilities):
    """What one tenant session stands on.

    Attributes:
        adapter: The back office.
        facility: The facility's code.
        tenant_id: Whom everything here is bound to.
        actor: Who asks: "tenant" or "staff:NAME".
        wait: How long a verb waits for an outcome that is not known at once; None for not at all.
        notices: Finds the words for staff, and their addresses.
        rules: What the operator decided about the portal of this facility, and what the person may use of it.
        closed_to_tenants: Sections that the operator does not show to tenants here; to staff ``rules`` shows all.
        login_id: The login of the portal's own that this session came in by; empty for any other way.
        own: The caller's open transaction, which actions are stored in; None stores each in one of ours.
    """

    adapter: Adapter
    runtime: Runtime
    clock: Clock
    facility: str
    tenant_id: str
    actor: str
    wait: timedelta | None
    notices: NoticeDesk = field(default_factory=built_in_desk)
    rules: PortalRules = field(default_factory=PortalRules)
    closed_to_tenants: frozenset[Section] = frozenset()
    login_id: str = ""
    own: OwnTransaction | None = field(default=None, repr=False)

    @property
    def account_name(self) -> str:
        """The configured account."""
        return self.adapter.account_name

    @property
    def is_copied(self) -> bool:
        """Whether the nightly copy holds the tenant."""
        return self.runtime.mirror.tenant(self.account_name, self.facility, self.tenant_id) is not None

    def payment_stamps(self) -> dict[str, int]:
        """The journal's stamps of this tenant's payments, for ``Submission.payments_seen``."""
        return self.runtime.journal.payment_stamps(self.account_name, self.facility, self.tenant_id)

    def request_seen(self, request_id: str) -> RequestSeen:
        """How a payment request to this tenant stands now, for ``Submission.request_seen``."""
        return self.runtime.journal.request_seen(self.account_name, self.facility, self.tenant_id, request_id)

    def read_bare(self) -> TenantAccount:
        """Read the tenant now as the back office says it, keep the copy, and follow the tenant from now on."""
        try:
            account = self.adapter.account(self.facility, self.tenant_id)
        except NotFoundError as error:
            raise NotFoundError("tenant_id", "is no tenant of this facility", code=error.code) from None
        account = self._with_units(account)
        mirror = self.runtime.mirror
        mirror.save_account(account)
        mirror.watch(self.account_name, self.facility, self.tenant_id)
        return account

    def _with_units(self, account: TenantAccount) -> TenantAccount:
        """Number, type and size from the nightly copy where the read does not tell: they do not change by the hour."""
        rows = tuple(self._with_unit(row) for row in account.rentals)
        return account if rows == account.rentals else account.changed(rentals=rows)

    def _with_unit(self, row: RentalAccount) -> RentalAccount:
        unit = row.unit or self._unit(row)
        if unit is None:
            return row
        rental = row.rental if row.rental.unit_number else row.rental.changed(unit_number=unit.number)
        return row.changed(unit=unit, rental=rental)

    def _unit(self, row: RentalAccount) -> Unit | None:
        return self._copied_unit(row.rental.unit_id) if row.rental.unit_id is not None else None

    def _copied_unit(self, unit_id: str) -> Unit | None:
        found = self.runtime.mirror.get(self.account_name, self.facility, Unit.entity, unit_id)
        return found if isinstance(found, Unit) else None

    def unit(self, unit_id: str) -> Unit:
        """A unit of the facility as it stands now.

        Raises:
            NotFoundError: There is none of that id.
        """
        try:
            return self.adapter.unit(self.facility, unit_id)
        except NotFoundError as error:
            raise NotFoundError("unit_id", "is no unit of this facility", code=error.code) from None

    def unit_number(self, unit_id: str) -> str:
        """A unit's number as on the door, from the nightly copy; empty where it is not there."""
        unit = self._copied_unit(unit_id)
        return unit.number if unit is not None else ""

    def read_live(self) -> TenantAccount:
        """Read the tenant now; what we sent and the back office does not show yet is put on top."""
        return self.shared(self.runtime.overlaid(self.read_bare()))

    def shared(self, account: TenantAccount) -> TenantAccount:
        """The account without what the operator does not share of its units."""
        if not self.rules.hidden_unit_fields:
            return account
        rows = tuple(row.changed(unit=shared_unit(row.unit, self.rules)) for row in account.rentals)
        return account.changed(rentals=rows)

    def read_copy(self) -> TenantAccount | None:
        """The last copy with our own writes on top; None when there is none."""
        copy = self.runtime.mirror.account(self.account_name, self.facility, self.tenant_id)
        return self.shared(self.runtime.overlaid(self._with_units(copy))) if copy is not None else None

    def read(self) -> TenantAccount:
        """Read live; when the back office is away, take the copy.

        Raises:
            UnavailableError: The back office is away and there is no copy.
        """
        try:
            return self.read_live()
        except UnavailableError:
            copy = self.read_copy()
            if copy is None:
                raise
            return copy

    def told_barriers(self) -> tuple[str, ...]:
        """Why the back office itself says that this tenant may not use a portal; empty where it does not tell."""
        if not isinstance(self.adapter, ReadinessPort):
            return ()
        return self.adapter.portal_account(self.facility, self.tenant_id).eligibility_reasons

    def language_of(self, tenant: Tenant) -> str:
        """What the tenant is written to in: as asked for last, else as the record says; empty when neither is known."""
        asked = ActionFilter(
            account=self.account_name, facility=self.facility, tenant_id=tenant.id, kind=ActionKind.SET_LANGUAGE.value,
            limit=1,
        )  # fmt: skip
        for action in self.runtime.journal.actions(asked):
            wanted = json.loads(action.intent).get("language", "")  # of somebody who was erased nothing is known
            if wanted and not action.outcome.nothing_changed:
                return str(wanted)
        return tenant.language

    def today(self, account: TenantAccount) -> date:
        """The business date at the facility."""
        return self.clock.now().astimezone(ZoneInfo(account.facility.zone)).date()

    def scribe(self, account: TenantAccount) -> FacilityScribe:
        """Who writes to the facility's staff."""
        return self.notices.scribe(self.account_name, self.facility, account.facility)

    def report_unmailed(self, verb: ActionKind, plan: Plan, action_id: str, *, staff: Collection[str]) -> None:
        """Leave a finding when staff are to hear of a verb and no address to mail to is known.

        Args:
            verb: What was asked for.
            plan: What was made of it.
            action_id: Of what was stored.
            staff: Where the facility's staff read mail.
        """
        kinds = {step.effect.kind for step in plan.steps if step.when is When.SETTLED}
        is_told = verb in TELLS_STAFF or any(step.emulates for step in plan.steps)
        if not is_told or staff:
            return
        is_there = bool(kinds & _POSTED & self.native)
        place = "It stands in the back office" if is_there else "It stands nowhere else"
        self.runtime.findings.add(
            Finding(
                code="no_staff_address", severity=Severity.WARNING if is_there else Severity.URGENT,
                account=self.account_name, facility=self.facility, subject=self.facility, found_at=self.clock.now(),
                text=f"a notice to staff of {action_id} could not be mailed: no address is known. {place}. Enter "
                "the facility's e-mail in the back office, or set notices.addresses.",
            )
        )  # fmt: skip

    @property
    def is_confirming(self) -> bool:
        """Whether a payment of this tenant is under way: what moves money waits for it."""
        recent = self.runtime.journal.recent_effects(self.account_name, self.facility, self.tenant_id, self.clock.now())
        return any(stored.state.is_open and stored.kind in _MOVES for stored in recent)

    @property
    def has_unseen_payments(self) -> bool:
        """Whether a read made now may not show all that this tenant has paid here."""
        recent = self.runtime.journal.recent_effects(self.account_name, self.facility, self.tenant_id, self.clock.now())
        return any(stored.kind in _MOVES for stored in recent)

    @staticmethod
    def is_confirming_in(open_actions: Iterable[ActionView]) -> bool:
        """The same, where everything of this tenant that is open was read already."""
        steps = (step for view in open_actions for step in view.steps)
        return any(step.kind in _MOVES and step.outcome is Outcome.PENDING for step in steps)

    @property
    def held_payments(self) -> Mapping[str, str]:
        """Business guards of this tenant's payments that are not over, and which action holds each."""
        below = tenant_guards(self.account_name, self.facility, self.tenant_id)
        return self.runtime.journal.guarded_below(below)

    def subject(self, account: TenantAccount, *, is_confirming: bool = False) -> Subject:
        """What the judge looks at; payments that are not over, and requests, are left out."""
        return Subject(
            account=account, today=self.today(account), native=self.native, is_confirming=is_confirming,
            rules=self.rules, is_staff=self.actor.startswith("staff:"), quotes_ahead=self.quotes_ahead,
            is_copied=not self.rules.needs_copy or self.is_copied, settles_lines=self.settles_lines,
            autopay_without=self.autopay_without, autopay_means=self.autopay_means, payment_means=self.payment_means,
            closed_to_tenants=self.closed_to_tenants, largest_file=self.largest_file, not_by_hand=self.not_by_hand,
        )  # fmt: skip

    def offered(
        self, account: TenantAccount, *, is_confirming: bool, requests: tuple[PaymentRequest, ...],
        rental_id: str | None = None, asked: Asked | None = None,
    ) -> tuple[Offer, ...]:  # fmt: skip
        """Every verb with the judge's answer; see ``available_actions``."""
        subject = self.subject(account, is_confirming=is_confirming)
        if any(row.rental.kind is RentalKind.CONTRACT for row in account.rentals):
            subject = replace(subject, called_off_by_hand=called_off_by_hand(self))
        subject = replace(subject, being_paid=frozenset(self.held_payments), requests=requests)
        return available_actions(subject, rental_id=rental_id, asked=asked)

    def allowed(
        self,
        kind: ActionKind,
        account: TenantAccount,
        *,
        rental_id: str | None = None,
        asked: Asked | None = None,
    ) -> Offer:
        """Ask the judge, and refuse what it denies.

        Raises:
            IneligibleError: Denied, with the reason code and what unblocks it.
            UnsupportedError: This back office cannot say it.
            NotFoundError: The rental is not this tenant's.
        """
        subject = self.subject(account)
        offer = judge(kind, subject, rental_id=rental_id, asked=asked)
        if offer.code in _MAYBE_PAID:  # because it is paid, or because it is being paid
            offer = judge(
                kind, replace(subject, being_paid=frozenset(self.held_payments)), rental_id=rental_id, asked=asked
            )
        refuse_unless_allowed(offer)
        return offer


def rental_of(account: TenantAccount, rental_id: str) -> RentalAccount:
    """The tenant's rental of that id. The judge has looked before, so it exists."""
    row = account.rental(rental_id)
    if row is None:  # pragma: no cover - the judge raises NotFoundError first
        message = "the judge let a foreign rental pass"
        raise AssertionError(message)
    return row
