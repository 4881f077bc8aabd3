"""What staff see of one tenant beyond what the tenant sees, and what only they know. Other verbs are the session's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pmsbridge.actions.instalments import PlanProgress, plan_from, progress_of_plan
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.actions.readiness import PortalReadiness, readiness_of
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.engine.unseen_payments import is_paid_by
from pmsbridge.errors import InputError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import Note
from pmsbridge.model.interactions import Channel, Direction, RecordedInteraction
from pmsbridge.model.record import Source
from pmsbridge.model.sealed import GateCode
from pmsbridge.portal.access import IdentityCheck, look_up_code
from pmsbridge.portal.arguments import checked_choice, checked_day, checked_id, checked_whole, has_happened
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.corresponding import cleaned
from pmsbridge.portal.figures import CustomerFigures, Risk, figures_of, mean_stay_of, risks_of
from pmsbridge.portal.ledgers import LedgersRead
from pmsbridge.portal.noted import WrittenNotes
from pmsbridge.portal.office import Office
from pmsbridge.portal.timeline import Interaction, of_actions, of_notes, of_payments, of_recorded, put_in_order
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.interactions import Interactions
from pmsbridge.store.journal import ActionFilter

if TYPE_CHECKING:
    from pmsbridge.accounts.doorkeeper import Doorkeeper

__all__ = ["StaffDesk", "history_of"]


class StaffDesk:
    """Made by ``Bridge.staff``. What staff do for the tenant is done by ``Bridge.tenant(..., actor="staff:NAME")``."""

    def __init__(self, office: Office, keeper: Doorkeeper) -> None:
        self._office = office
        self._keeper = keeper

    def __repr__(self) -> str:
        return f"<StaffDesk {self._office.account_name}/{self._office.facility}/{self._office.tenant_id}>"

    def account(self) -> TenantAccount:
        """The tenant with rentals, balances and autopay. Live; the copy while the back office is away.

        Raises:
            UnavailableError: The back office is away and there is no copy.
        """
        return self._office.read()

    def notes(self, rental_id: str | None = None) -> tuple[Note, ...]:
        """Notes, internal ones too. Live; those written through us with their kind and with who may read them.

        Args:
            rental_id: One rental of the tenant; None for all.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        office, own = self._office, [row.id for row in self._office.read().rentals]
        wanted = own if rental_id is None else [checked_id("rental_id", rental_id)]
        if not set(wanted) <= set(own):
            raise NotFoundError("rental_id", "is not a rental of this tenant")
        found = [note for each in wanted for note in office.adapter.notes(office.facility, office.tenant_id, each)]
        return tuple(WrittenNotes.of(office).told(found))

    def history(
        self,
        *,
        since: date | None = None,
        until: date | None = None,
        direction: Direction | str | None = None,
        channel: Channel | str | None = None,
    ) -> tuple[Interaction, ...]:
        """Everything between this tenant and the office, newest first: internal notes and mails to staff too. Live.

        Args:
            since: First business date; None for everything before.
            until: Last business date, inclusive; None for everything after.
            direction: Only what went this way: "in", "out" or "internal".
            channel: Only what travelled by this: "portal", "email", "phone", "sms", "post", "desk", "office".

        Raises:
            InputError: A day is none, or there is no such direction or channel.
            UnavailableError: The back office cannot be read now.
        """
        way = checked_choice("direction", Direction, direction) if direction is not None else None
        by = checked_choice("channel", Channel, channel) if channel is not None else None
        found = history_of(self._office, since=since, until=until, internal=True)
        return tuple(each for each in found if way in {None, each.direction} and by in {None, each.channel})

    def record_interaction(self, said: RecordedInteraction) -> bool:
        """Record a mail, a call or a visit that no back office knows of, so that it stands in the history.

        It is kept here only, with the person it is of, once however often it is recorded. Card numbers and passwords in
        it are taken out. The tenant reads it where its ``visibility`` is "customer". Its rental is not looked up.

        Returns:
            Whether it was there already.

        Raises:
            InputError: It is none, its time lies before 1970 or more than a day ahead, or its id was used for something
                else of this tenant ("key_reused").
            UnavailableError: The database cannot be used now.
        """
        office = self._office
        kept = cleaned(said)
        if not has_happened(kept.at, office.clock.now()):
            raise InputError("at", "must be since 1970, and at most a day ahead", shape=kept.at.isoformat())
        return self._interactions.record(office.tenant_id, kept.changed(recorded_by=office.actor))

    def take_mail(self, message_id: str) -> None:
        """Say that a mail which was nobody's is of this tenant; its id gets a mark where theirs is another one by it.

        Raises:
            NotFoundError: No mail of that id is nobody's at this facility.
            InputError: That id with its mark was used for something else, too ("key_reused").
        """
        self._interactions.assign(checked_id("message_id", message_id), self._office.tenant_id)

    @property
    def _interactions(self) -> Interactions:
        return interactions_of(self._office)

    def plan(self, rental_id: str) -> PlanProgress | None:
        """The payment plan of a rental beside its ledger, as it stands today; None when none was agreed. Live.

        Reads only: staff are told of a missed instalment by the night. A late part is ``PENDING`` and not missed while
        a payment for the rental is being confirmed or may not show yet; the night waits then, too.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        office, wanted = self._office, checked_id("rental_id", rental_id)
        account = office.read()
        if account.rental(wanted) is None:
            raise NotFoundError("rental_id", "is not a rental of this tenant")
        agreed = ActionFilter(
            account=office.account_name, facility=office.facility, tenant_id=office.tenant_id,
            kind=ActionKind.AGREE_PLAN.value, limit=1000,
        )  # fmt: skip
        found = [each for each in office.runtime.journal.actions(agreed) if not each.outcome.nothing_changed]
        plan = plan_from(((each.intent, account.today(each.submitted_at)) for each in found), wanted)
        if plan is None:
            return None
        asked_at = office.clock.now()
        entries = office.adapter.ledger(office.facility, office.tenant_id, wanted)
        recent = office.runtime.journal.recent_effects(
            office.account_name, office.facility, office.tenant_id, asked_at
        )  # fmt: skip
        return progress_of_plan(plan, entries, office.today(account), is_paying=is_paid_by(recent, wanted))

    def payment_requests(self) -> tuple[PaymentRequest, ...]:
        """What staff asked this tenant to pay, newest first, with what became of it. Live.

        Raises:
            UnavailableError: The back office is away and there is no copy; or it cannot tell of payments now.
        """
        return AskedPayments(self._office).live(self._office.read())

    def figures(self, since: date, until: date) -> CustomerFigures:
        """How long this tenant rents, what they pay, whether they grow or shrink, between two business dates. Live.

        Past rentals are those that the back office still tells, and those in the last copy; how long rentals of the
        facility lasted on average is from the last copy, too.

        Raises:
            InputError: A day is none, or they are the wrong way round.
            UnavailableError: The back office cannot be read now.
        """
        checked_day("since", since)
        if checked_day("until", until) < since:
            raise InputError("until", "lies before since")
        office = self._office
        mean = mean_stay_of(office.runtime.mirror.rentals(office.account_name, office.facility), until)
        return self._figures(since, until, mean_stay_days=mean)

    def _figures(self, since: date, until: date, *, mean_stay_days: int | None = None) -> CustomerFigures:
        office, account = self._office, self._office.read()
        told = {row.id: row.rental for row in account.rentals}
        kept = office.runtime.mirror.rentals(office.account_name, office.facility, office.tenant_id)
        ledgers = [office.adapter.ledger(office.facility, office.tenant_id, rental_id) for rental_id in told]
        return figures_of(
            office.tenant_id, [*told.values(), *(each for each in kept if each.id not in told)], since=since,
            until=until, read=LedgersRead(tuple(ledgers), Source.LIVE, office.clock.now()),
            currency=account.facility.currency, mean_stay_days=mean_stay_days,
        )  # fmt: skip

    def access_code(self, rental_id: str, identity: IdentityCheck, *, key: str) -> tuple[GateCode, ActionView]:
        """Look a lost access code up for somebody whose identity was checked. Live.

        Who looked is kept as an action, and as an internal note on the rental, before the code is read. Too many wrong
        answers, and nothing is compared for a while. To give the tenant another code afterwards, use
        ``TenantSession.change_access_code``.

        Args:
            rental_id: One of the tenant's rentals.
            identity: What the person said: at least two of date of birth, phone and postal code.
            key: The idempotency key of this click; each look has its own.

        Returns:
            The code, sealed: open it once, show it to the person, keep it nowhere; and the action.

        Raises:
            InputError: Too little was asked, or an answer does not look like one; nothing was compared.
            IneligibleError: The answers do not fit the record ("identity_not_proved"), whichever; the rental has
                ended, or is under a lien; or the key was used for a look already ("looked_up_already").
            NotFoundError: The rental is not this tenant's, or there is no code.
            UnsupportedError: This back office does not tell codes, or keeps no notes.
            UnavailableError: The back office cannot be read now.
        """
        return look_up_code(self._office, self._keeper, rental_id, identity, key=key)

    def risks(self, *, days: int = 180) -> tuple[Risk, ...]:
        """Signs of the last so many days that this tenant may leave: late payments, requests, a smaller unit. Live.

        Raises:
            InputError: The number of days is none.
            UnavailableError: The back office cannot be read now.
        """
        checked_whole("days", days, low=1, high=3660)
        office, account = self._office, self._office.read()
        today = office.today(account)
        figures = self._figures(today - timedelta(days=days), today)
        asked = ActionFilter(
            account=office.account_name, facility=office.facility, tenant_id=office.tenant_id,
            kind=ActionKind.ASK_STAFF.value, since=office.clock.now() - timedelta(days=days), limit=1000,
        )  # fmt: skip
        mine = [each for each in office.runtime.actions(asked) if not each.actor.startswith("staff:")]
        leaving = any(row.rental.leaving_on is not None for row in account.current)
        return risks_of(figures, requests=len(mine), is_leaving=leaving)

    def readiness(self) -> PortalReadiness:
        """Whether this tenant can be invited to the portal, and what is missing. Live, and from the last copy.

        Raises:
            UnavailableError: The back office is away and there is no copy.
        """
        office, account = self._office, self._office.read()
        told = office.told_barriers()
        return readiness_of(account, told=told, taken=tuple(self._taken(account)), is_copied=office.is_copied)

    def _taken(self, account: TenantAccount) -> Iterator[str]:
        """Names of sign-in fields that another tenant of the facility has too."""
        tenant = account.tenant
        if tenant.email and self._others(TenantSearch(email=tenant.email)):
            yield "email"
        if tenant.phone is not None and tenant.phone.digits and self._others(TenantSearch(phone=tenant.phone.digits)):
            yield "phone"

    def _others(self, search: TenantSearch) -> Sequence[str]:
        office = self._office
        found = office.runtime.mirror.find(office.account_name, search, facility=office.facility)
        return [match.tenant_id for match in found if match.is_exact and match.tenant_id != office.tenant_id]


def history_of(office: Office, *, since: date | None, until: date | None, internal: bool) -> tuple[Interaction, ...]:
    """The history of an office's tenant; see ``put_in_order``.

    Raises:
        InputError: A day is none.
        UnavailableError: The back office cannot be read now.
    """
    for field, day in (("since", since), ("until", until)):
        if day is not None:
            checked_day(field, day)
    return put_in_order(_everything(office), since=since, until=until, internal=internal)


def _everything(office: Office) -> Iterator[Interaction]:
    account = office.read()
    zone, tenant, written = account.facility.zone, office.tenant_id, WrittenNotes.of(office)
    for row in account.rentals:
        with suppress(UnsupportedError):  # a back office without such a list has none to show
            yield from of_payments(office.adapter.payments(office.facility, tenant, row.id), row.id)
        with suppress(UnsupportedError):
            yield from of_notes(
                written.told(office.adapter.notes(office.facility, tenant, row.id)),
                zone,
                is_customers=written.is_customers,
            )
    wanted = ActionFilter(account=office.account_name, facility=office.facility, tenant_id=tenant, limit=1000)
    yield from of_actions(office.runtime.actions(wanted), zone)
    yield from of_recorded(interactions_of(office).of(tenant), zone)


def interactions_of(office: Office) -> Interactions:
    """What was recorded at an office's facility."""
    runtime = office.runtime
    return Interactions(runtime.database, runtime.clock, office.account_name, office.facility)
