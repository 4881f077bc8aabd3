"""A session bound to one tenant of one facility: nothing of another tenant can be reached through it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from pmsbridge.actions.sections import PortalRules, Section, shared_unit
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import Event, Note, Reservation, visible_notes
from pmsbridge.model.payments import PaymentState
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.rental import ItemOut, Rental
from pmsbridge.model.requests import CallOff
from pmsbridge.portal.arguments import checked_id, checked_whole
from pmsbridge.portal.asked import RequestStanding, standing_of_requests
from pmsbridge.portal.asked_payments import AskedPayments
from pmsbridge.portal.coming import Coming, coming_for, events_of
from pmsbridge.portal.inspecting import inspection_of
from pmsbridge.portal.leaving import MoveOutProgress, progress_of
from pmsbridge.portal.methods import StoredMeans
from pmsbridge.portal.noted import WrittenNotes
from pmsbridge.portal.offering import Offering
from pmsbridge.portal.office import Office
from pmsbridge.portal.papering import Papering
from pmsbridge.portal.paying import Paying
from pmsbridge.portal.reckoning import no_way
from pmsbridge.portal.requesting import Requesting
from pmsbridge.portal.staff import history_of
from pmsbridge.portal.timeline import Interaction, InteractionKind
from pmsbridge.portal.views import Dashboard
from pmsbridge.ports.books import CallOffPort, ReadinessPort
from pmsbridge.ports.messages import INSTALMENT_MISSED
from pmsbridge.store.journal import ActionFilter

if TYPE_CHECKING:
    from pmsbridge.store.outbox import OwnTransaction

__all__ = ["TenantSession"]


class TenantSession(Offering, Paying, StoredMeans, Requesting, Papering):
    """Everything one tenant may see and do. Made by ``Bridge.tenant``; cheap, not thread-bound.

    Reads are live unless they say otherwise. Every method raises only errors of ``pmsbridge.errors``.
    """

    def __init__(self, office: Office) -> None:
        self._office = office

    def __repr__(self) -> str:
        return f"<TenantSession {self._office.account_name}/{self._office.facility}/{self._office.tenant_id}>"

    @property
    def tenant_id(self) -> str:
        """Whom this session is bound to."""
        return self._office.tenant_id

    def within(self, transaction: OwnTransaction) -> TenantSession:
        """The same session, whose verbs store their actions in the caller's open transaction.

        The action exists exactly when that commits; nothing is sent before, workers deliver it afterwards, and the
        answer is ``pending``. Cards and passwords typed now cannot wait so long and are refused. Reading and judging
        still ask the back office: on SQLite call a verb before the first write of your own, for one file has one
        writer.

        Args:
            transaction: An SQLAlchemy ``Connection`` or ``Session`` on the journal's database, a transaction open.
        """
        return TenantSession(replace(self._office, own=transaction))

    @property
    def sections(self) -> tuple[Section, ...]:
        """What the portal of this facility has, the section to show first at the head. The others are off, here too."""
        return self._office.rules.sections

    @property
    def rules(self) -> PortalRules:
        """What the operator says of this facility's portal: sections, opening hours, whom to call."""
        return self._office.rules

    # -- what there is -------------------------------------------------------------------------------------------

    def account(self, *, live: bool = True) -> TenantAccount:
        """The tenant with rentals, balances and autopay.

        Args:
            live: Read the back office; False for the copy with our own writes on top.

        Raises:
            UnavailableError: Live: the back office cannot be read now. Copy: there is none yet.
            NotFoundError: There is no such tenant at the facility.
        """
        if live:
            return self._office.read_live()
        copy = self._office.read_copy()
        if copy is None:
            message = (
                "there is no copy of this tenant's balances: they are copied when first read, and nightly from then on"
            )
            raise UnavailableError(message, code="no_copy")
        return copy

    def dashboard(self, *, live: bool = True) -> Dashboard:
        """Units, balances, what may be done, and what is still being confirmed.

        Live first; when the back office is away, the copy with our own writes on top: ``as_of`` and ``source`` say so.

        Raises:
            UnavailableError: The back office is away and there is no copy.
            NotFoundError: There is no such tenant at the facility.
        """
        office = self._office
        account = office.read() if live else self.account(live=False)
        opened, requests = self._open_actions(), AskedPayments(office).all(account)
        offers = office.offered(account, is_confirming=office.is_confirming_in(opened), requests=requests)
        asked = () if Section.BILLING in office.rules.closed_sections else requests
        return Dashboard(account=account, offers=offers, open_actions=opened, payment_requests=asked)

    def tenant(self) -> Tenant:
        """The contact record, live. Passwords, gate codes and national ids are never part of it.

        Raises:
            UnavailableError: The back office cannot be read now.
        """
        return self._office.adapter.tenant(self._office.facility, self._office.tenant_id)

    def unit(self, rental_id: str) -> Unit | None:
        """The unit of a rental with type, size and asking rate, live; None for bulk items."""
        self._open(Section.RENTALS)
        unit_id = self._own_rental(rental_id).rental(rental_id).rental.unit_id  # type: ignore[union-attr]
        found = self._office.adapter.unit(self._office.facility, unit_id) if unit_id is not None else None
        return shared_unit(found, self._office.rules)

    def rental(self, rental_id: str) -> RentalAccount:
        """One rental with everything its page shows: balances, autopay, unit type and size, notice, last payment. Live.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.RENTALS)
        wanted = checked_id("rental_id", rental_id)
        row = self._office.read_live().rental(wanted)
        if row is None:
            raise NotFoundError("rental_id", "is not a rental of this tenant", remedy="Use an id from the dashboard.")
        office = self._office
        unit = shared_unit(self._unit_now(row), office.rules)
        return row.changed(unit=unit, last_payment_on=self._last_payment_on(row))

    def _unit_now(self, row: RentalAccount) -> Unit | None:
        """The unit of a rental, live; as it was copied where the back office does not tell of one alone."""
        unit_id = row.rental.unit_id
        if unit_id is None:
            return row.unit
        try:
            return self._office.adapter.unit(self._office.facility, unit_id)
        except UnsupportedError:
            return row.unit

    def _last_payment_on(self, row: RentalAccount) -> date | None:
        """The day of the newest payment that stood; as the account tells it where no payments are listed."""
        office = self._office
        try:
            paid = office.adapter.payments(office.facility, office.tenant_id, row.id)
        except UnsupportedError:
            return row.last_payment_on
        return max((each.paid_on for each in paid if each.state is PaymentState.SUCCEEDED), default=None)

    def move_out_progress(self, rental_id: str) -> MoveOutProgress:
        """How far a move-out has come: notice, inspection, final payment, deposit, unit. As the back office says now.

        The inspection is the one in the back office's calendar; where it has none, the one that staff noted there with
        ``note_inspection``.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.RENTALS)
        office, wanted = self._office, checked_id("rental_id", rental_id)
        account = self._own_rental(wanted)
        row = account.rental(wanted)
        assert row is not None  # noqa: S101 - it was looked for
        seen = inspection_of(office, account, row)
        return progress_of(row, office.adapter.ledger(office.facility, office.tenant_id, wanted), inspection=seen)

    def items_out(self) -> tuple[tuple[Rental, ItemOut], ...]:
        """Everything on rent over all contracts, each with its contract. Live; see ``account`` for when it is away.

        Raises:
            UnavailableError: The back office is away and there is no copy.
        """
        self._open(Section.RENTALS)
        return self._office.read().items_out

    def call_offs(self) -> Sequence[CallOff]:
        """Call-offs of this tenant and what became of them, newest first. Live.

        Raises:
            UnsupportedError: This back office does not tell.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.RENTALS)
        office = self._office
        if not isinstance(office.adapter, CallOffPort):
            raise no_way("tell of call-offs")
        return office.adapter.call_offs(office.facility, office.tenant_id)

    def requests(self, *, limit: int = 50) -> tuple[RequestStanding, ...]:
        """What became of questions, orders and quotes that were accepted here, newest first. Live.

        Where the back office tells, its own word; where it does not, ``reason`` says so: nothing is shown as answered
        that nobody said was. A quote is answered by its contract.

        Args:
            limit: At most this many, 1 to 1,000.

        Raises:
            UnavailableError: The back office cannot be read now.
        """
        return standing_of_requests(self._office, limit=checked_whole("limit", limit, low=1, high=1000))

    def history(self, *, since: date | None = None, until: date | None = None) -> tuple[Interaction, ...]:
        """Payments, notes meant for the tenant, requests and edits, newest first, between two business dates. Live.

        Without payments where billing is switched off.

        Raises:
            InputError: A day is none.
            UnavailableError: The back office cannot be read now.
        """
        found = history_of(self._office, since=since, until=until, internal=False)
        if Section.BILLING in self._office.rules.closed_sections:
            return tuple(each for each in found if each.kind is not InteractionKind.PAYMENT)
        return found

    def events(self, *, to_come: bool = True) -> tuple[Event, ...]:
        """Appointments, services and events of this tenant, and those for everybody. Live.

        Args:
            to_come: Those that have not ended, the next one first; False for those that have, the newest first.

        Raises:
            UnsupportedError: This back office keeps no calendar.
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.EVENTS)
        office = self._office
        if (keeper := office.calendar) is None:
            raise no_way("show events")
        return events_of(office, keeper.events(office.facility, office.tenant_id), to_come=to_come)

    def upcoming(self) -> tuple[Coming, ...]:
        """What is coming up for this tenant from today on, the next first. Live, in every back office.

        Days that rentals, items out and reservations carry, and open payment requests with a day to come; and what the
        back office's calendar says, where it keeps one. Without what belongs to a section that is switched off. Never
        of the copy, which would say nothing of its age.

        Raises:
            IneligibleError: Events are switched off ("section_off").
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.EVENTS)
        return coming_for(self._office)

    def portal_account(self) -> PortalAccount:
        """Whether this tenant may use the portal, and if not, what is in the way. Live.

        Raises:
            UnsupportedError: This back office does not tell.
            UnavailableError: The back office cannot be read now.
        """
        office = self._office
        if not isinstance(office.adapter, ReadinessPort):
            raise no_way("tell who may use a portal")
        return office.adapter.portal_account(office.facility, office.tenant_id)

    def notes(self, rental_id: str) -> Sequence[Note]:
        """Notes on a rental that a customer may read, live. Internal ones are filtered here.

        Raises:
            NotFoundError: The rental is not this tenant's.
            UnavailableError: The back office cannot be read now.
        """
        self._own_rental(rental_id)
        found = self._office.adapter.notes(self._office.facility, self._office.tenant_id, rental_id)
        return visible_notes(tuple(WrittenNotes.of(self._office).told(found)))

    def reservations(self) -> Sequence[Reservation]:
        """This tenant's reservations, live.

        Raises:
            UnavailableError: The back office cannot be read now.
        """
        self._open(Section.SHOP)
        return self._office.adapter.reservations(self._office.facility, self._office.tenant_id)

    # -- what was done -------------------------------------------------------------------------------------------

    def action(self, action_id: str) -> ActionView:
        """How an action of this tenant stands.

        Raises:
            NotFoundError: There is none of that id for this tenant.
        """
        mine = (self._office.account_name, self._office.facility, self._office.tenant_id)
        with suppress(NotFoundError):  # an id that exists elsewhere is answered as one that does not
            view = self._office.runtime.action(checked_id("action_id", action_id))
            if (view.account, view.facility, view.tenant_id) == mine:
                return view
        raise NotFoundError("action_id", "names no action")

    def actions(self, *, limit: int = 50) -> Sequence[ActionView]:
        """This tenant's actions, newest first. What was told to staff alone is listed to them alone.

        Args:
            limit: At most this many, 1 to 1,000.
        """
        return self._actions(limit=checked_whole("limit", limit, low=1, high=1000))

    def _open_actions(self) -> tuple[ActionView, ...]:
        return self._actions(limit=50, is_open=True)

    def _actions(self, *, limit: int, is_open: bool = False) -> tuple[ActionView, ...]:
        office = self._office
        return office.runtime.actions(
            ActionFilter(
                account=office.account_name, facility=office.facility, tenant_id=office.tenant_id, is_open=is_open,
                limit=limit, other_than=() if office.actor.startswith("staff:") else (INSTALMENT_MISSED,),
            )
        )  # fmt: skip
