"""One facility of one account as the portal sees it, and the way an action is performed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.case import ALL_MEANS, TYPED_MEANS
from pmsbridge.actions.effects import AttachDocument, PostBulletin, SendMail, SetAutopay
from pmsbridge.actions.eligibility import Asked, Offer, Subject, available_actions, judge, refuse_unless_allowed
from pmsbridge.actions.kinds import EMULATABLE, MONEY_KINDS, TELLS_STAFF, ActionKind
from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.actions.plan import Plan, PlannedEffect, RequestSeen, Submission, When, tenant_guards
from pmsbridge.actions.plans import Planner
from pmsbridge.actions.sections import PortalRules, Section, shared_unit
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.notices import FacilityScribe, NoticeDesk, built_in_desk
from pmsbridge.engine.outcomes import ActionView, view_of
from pmsbridge.errors import NotFoundError, PmsBridgeError, UnavailableError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.people import ConsentChannel, ConsentPurpose, Tenant
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import RentalKind
from pmsbridge.model.sealed import Sealed
from pmsbridge.portal.calling_off import called_off_by_hand
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.books import (
    AccessPort,
    AutopayByUnitPort,
    AutopayMeansPort,
    CalendarlessPort,
    ConsentPort,
    CustomerAccountPort,
    EventPort,
    InvoicePort,
    LinePort,
    PaymentMeansPort,
    PrepayPort,
    ReadinessPort,
    TakesPort,
    UnaimedPort,
)
from pmsbridge.ports.capability import Support
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import ActionFilter

if TYPE_CHECKING:
    from pmsbridge.store.outbox import OwnTransaction

__all__ = ["Office", "Perform", "StillConfirmed", "rental_of"]

SealedSteps = Mapping[str, Sealed]

_MOVES: Final = frozenset({"take_payment", "post_future_charges"})
"""Effects that everything else that moves money waits for."""

_MAYBE_PAID: Final = frozenset({"nothing_due", "line_settled"})
"""Denials that stand for another one while a payment is being confirmed."""

_WAYS: Final = {"note": "add_note", "bulletin": "post_bulletin"}
_TOLD: Final = (*EMULATABLE, "set_autopay", "ask_staff")


class StillConfirmed(Exception):  # noqa: N818 - not an error: the answer to the click is an earlier action
    """What was asked for is already under way in another action."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Office:
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
    def native(self) -> frozenset[str]:
        """Effect kinds the back office does itself; mail is always ours. What ``NEEDS`` tells apart is told apart."""
        own = {kind for kind, row in self.adapter.capabilities.items() if row.support is Support.NATIVE}
        aimed = {"pay_invoice"} if self.invoice_books is not None else set()
        aimed |= {"pay_on_account"} if isinstance(self.adapter, CustomerAccountPort) else set()
        read = {"look_up_code"} if isinstance(self.adapter, AccessPort) and "add_note" in own else set()
        return frozenset(own | aimed | read | {"send_mail"})

    @property
    def not_by_hand(self) -> frozenset[str]:
        """Effect kinds that staff are not asked to do instead of the back office."""
        return frozenset(kind for kind, row in self.adapter.capabilities.items() if not row.by_hand)

    @property
    def quotes_ahead(self) -> bool:
        """Whether the back office says what months ahead cost."""
        return not isinstance(self.adapter, PrepayPort) or self.adapter.quotes_prepay

    @property
    def invoice_books(self) -> InvoicePort | None:
        """The back office, where it settles single invoices."""
        adapter = self.adapter
        is_without = isinstance(adapter, UnaimedPort) and not adapter.settles_invoices
        return adapter if isinstance(adapter, InvoicePort) and not is_without else None

    @property
    def payment_means(self) -> frozenset[str]:
        """By what the back office takes payments."""
        return self.adapter.payment_means if isinstance(self.adapter, PaymentMeansPort) else ALL_MEANS

    @property
    def settles_lines(self) -> bool:
        """Whether single lines of an invoice can be settled."""
        return isinstance(self.adapter, LinePort) and self.adapter.settles_lines

    @property
    def autopay_without(self) -> frozenset[str]:
        """What of autopay the back office has no place for, by field of the effect."""
        row = self.adapter.capabilities.get(SetAutopay.model_fields["kind"].default)
        return row.without if row is not None else frozenset()

    @property
    def largest_file(self) -> int | None:
        """How large a file the back office takes, in bytes; None where it does not say."""
        row = self.adapter.capabilities.get(AttachDocument.model_fields["kind"].default)
        return row.max_bytes if row is not None else None

    @property
    def calendar(self) -> EventPort | None:
        """The back office, where it keeps a calendar."""
        is_without = isinstance(self.adapter, CalendarlessPort) and not self.adapter.keeps_calendar
        return self.adapter if isinstance(self.adapter, EventPort) and not is_without else None

    @property
    def autopay_means(self) -> frozenset[str]:
        """What autopay can be told to charge: as the back office says, else what is typed, where it has a place."""
        if isinstance(self.adapter, AutopayMeansPort):
            return self.adapter.autopay_means
        return frozenset() if "method" in self.autopay_without else TYPED_MEANS

    @property
    def asks_autopay_by_unit(self) -> bool:
        """Whether how autopay stands can be looked up by the unit alone."""
        return isinstance(self.adapter, AutopayByUnitPort) and self.adapter.asks_autopay_by_unit

    @property
    def is_copied(self) -> bool:
        """Whether the nightly copy holds the tenant."""
        return self.runtime.mirror.tenant(self.account_name, self.facility, self.tenant_id) is not None

    @property
    def ways(self) -> dict[str, frozenset[str]]:
        """How staff are told, by effect kind: by what the back office has, less what an adapter leaves out."""
        native = self.native
        there = frozenset({"mail", *(way for way, kind in _WAYS.items() if kind in native)})
        rows = self.adapter.capabilities
        own = {kind: row.announce for kind, row in rows.items() if kind in native and row.announce is not None}
        return {**dict.fromkeys(_TOLD, there), **{kind: there & set(words) for kind, words in own.items()}}

    @property
    def posts_beside(self) -> bool:
        """Whether the back office posts a bulletin beside the tenant or the rental it is about."""
        row = self.adapter.capabilities.get(PostBulletin.model_fields["kind"].default)
        return row is not None and row.posts_beside

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

    def keeps_consent(self, channel: ConsentChannel, purpose: ConsentPurpose) -> bool:
        """Whether the back office has a place for an answer about this channel and purpose."""
        return not isinstance(self.adapter, ConsentPort) or self.adapter.keeps_consent(channel, purpose)

    def refuse_untaken(self, plan: Plan) -> None:
        """Refuse what this back office would refuse without asking, before anything is stored.

        What is told beside the wish goes its own way; a note or post that is the wish itself is asked about too.

        Raises:
            UnsupportedError: It takes no effect like one of these.
        """
        adapter = self.adapter
        if not isinstance(adapter, TakesPort):
            return
        for step in plan.steps:
            if self._is_its_own(step) and not adapter.takes(step.effect):
                message = f"This back office takes no {step.effect.kind.replace('_', ' ')} like this one."
                raise UnsupportedError(message, code="not_taken")

    def _is_its_own(self, step: PlannedEffect) -> bool:
        """Whether the back office alone can do what was wished for by this step."""
        kind = step.effect.kind
        if not step.effect.is_notice:
            return not step.emulates
        told_here = step.is_principal and not step.emulates and kind != SendMail.model_fields["kind"].default
        return told_here and kind in self.native

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
        is_there = bool(kinds & set(_WAYS.values()) & self.native)
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


@dataclass(frozen=True, slots=True)
class Perform:
    """Performs one action: replays a known key, else reads, judges, plans, and hands over to the journal.

    Attributes:
        asked: The verb's arguments, without anything secret.
    """

    office: Office
    verb: ActionKind
    key: str
    asked: Mapping[str, object]

    @property
    def action_id(self) -> str:
        """The same key in the same scope always has the same id."""
        office = self.office
        return Submission.id_for(office.account_name, office.facility, office.tenant_id, self.key)

    @property
    def kind(self) -> str:
        """The verb's word."""
        return self.verb.value

    @property
    def intent(self) -> str:
        """The verb's arguments as one text; compared when the key comes again."""
        return json.dumps(dict(self.asked), sort_keys=True, ensure_ascii=False)

    def __call__(
        self,
        decide: Callable[[TenantAccount, Planner], Plan],
        *,
        sealed: Callable[[Plan], SealedSteps] | None = None,
        typed: Sealed | None = None,
        files: Callable[[Plan], Mapping[str, HandedFile]] | None = None,
    ) -> ActionView:
        """Do it.

        Args:
            decide: Judges and plans; called only for a new key. Money gets the account as the back office says it.
            sealed: Says which step gets which sealed value.
            typed: The sealed value as typed; wiped whatever happens.
            files: Says which step carries which file.
        """
        try:
            return self._known() or self._submit(decide, sealed, files)
        except (StillConfirmed, PmsBridgeError) as trouble:
            # The same click, at the same moment in another process: what it changed is what stood in the way here.
            with suppress(PmsBridgeError):
                if (known := self._known()) is not None:
                    return known
            if not isinstance(trouble, StillConfirmed):
                raise
            office = self.office
            found = office.runtime.attach(self, trouble.holder, office.actor, connection=office.own)
            return view_of(found.action, office.clock.now(), attached=True)
        finally:
            if typed is not None:
                typed.wipe()

    def _known(self) -> ActionView | None:
        """What this very click already is or was attached to."""
        known = self.office.runtime.find_click(self, connection=self.office.own)
        if known is None:
            return None
        return view_of(known.action, self.office.clock.now(), replayed=True, attached=known.attached)

    def _submit(
        self,
        decide: Callable[[TenantAccount, Planner], Plan],
        sealed: Callable[[Plan], SealedSteps] | None,
        files: Callable[[Plan], Mapping[str, HandedFile]] | None,
    ) -> ActionView:
        office = self.office
        is_money = self.verb in MONEY_KINDS
        # Before the read: whatever becomes of a payment after this moment is not in what will be judged.
        seen = office.payment_stamps() if is_money else None
        request_id = self.asked.get("request_id")
        answered = office.request_seen(str(request_id)) if request_id is not None else None
        account = office.read_bare() if is_money else office.read()
        scribe = office.scribe(account)
        planner = Planner(
            account=account, action_id=self.action_id, native=office.native, today=office.today(account),
            scribe=scribe, ways=office.ways, posts_beside=office.posts_beside,
        )  # fmt: skip
        plan = decide(account, planner)
        office.refuse_untaken(plan)
        submission = Submission(
            action_id=self.action_id, key=self.key, kind=self.kind, account=office.account_name,
            facility=office.facility, tenant_id=office.tenant_id, intent=self.intent, actor=office.actor, plan=plan,
            payments_seen=seen, request_seen=answered,
        )  # fmt: skip
        view = office.runtime.submit(
            submission, sealed=sealed(plan) if sealed is not None else None, wait=office.wait, connection=office.own,
            files=files(plan) if files is not None else None,
        )  # fmt: skip
        office.report_unmailed(self.verb, plan, self.action_id, staff=scribe.staff)
        return view


def rental_of(account: TenantAccount, rental_id: str) -> RentalAccount:
    """The tenant's rental of that id. The judge has looked before, so it exists."""
    row = account.rental(rental_id)
    if row is None:  # pragma: no cover - the judge raises NotFoundError first
        message = "the judge let a foreign rental pass"
        raise AssertionError(message)
    return row
