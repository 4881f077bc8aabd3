"""The runtime: submit, drain, sweep, tick. Each is safe any number of times, from anywhere, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pmsbridge import telemetry
from pmsbridge.actions.plan import PlannedEffect, Submission
from pmsbridge.actions.scribe import Scribe
from pmsbridge.engine.carriers import Carriers
from pmsbridge.engine.courier import Courier
from pmsbridge.engine.lane_work import DrainResult, LaneWorker
from pmsbridge.engine.notices.staff import FacilityStaff
from pmsbridge.engine.order import Focus
from pmsbridge.engine.outbox import Outbox
from pmsbridge.engine.outcomes import ActionView, view_of
from pmsbridge.engine.overlaid_invoice import overlay_invoice
from pmsbridge.engine.overlay import overlay
from pmsbridge.engine.prompt import PromptDelivery
from pmsbridge.engine.refusals import Refusals
from pmsbridge.engine.sealed_values import SealedValues, by_effect_key
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.engine.ticking import Beat, Job, Ticker
from pmsbridge.engine.worker_name import WorkerName
from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.sealed import Sealed
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.mailer import Mailer
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.agreed_clock import agreed
from pmsbridge.store.database import Database
from pmsbridge.store.findings import Findings
from pmsbridge.store.journal import ActionFilter, FencedError, Journal, JournalCounts
from pmsbridge.store.mirror import Mirror
from pmsbridge.store.outbox import CallersTransactions
from pmsbridge.store.quotes import Quotes
from pmsbridge.store.runs import Runs
from pmsbridge.store.stored import Route, Submitted, TrailEntry

if TYPE_CHECKING:
    from pmsbridge.store.intake import Click
    from pmsbridge.store.outbox import OwnTransaction

__all__ = ["Beat", "DrainResult", "Job", "Runtime"]

_log = get_logger(__name__)


class Runtime:
    """Delivers what is in the journal.

    Attributes:
        journal: Actions and what happened to them.
        mirror: What the back offices held when last asked.
        findings: What a person should look at.
        quotes: Quotes a payment may refer to.
        runs: What ran by the clock.
        refusals: Accounts that refused our log-on.
        scribe_of: From account and facility to who finds the words for its staff.
        on_poke: Wakes a worker for a lane, now or at an instant; None when there are no workers: then a submit
            drains all of its own work itself.
    """

    def __init__(  # noqa: PLR0913 - the place where everything is put together
        self,
        database: Database,
        adapters: Mapping[str, Adapter],
        *,
        mailer: Mailer | None = None,
        clock: Clock | None = None,
        settings: EngineSettings | None = None,
        staff_address: Callable[[str, str], str] | None = None,
        scribe_of: Callable[[str, str], Scribe] | None = None,
        journal: Journal | None = None,
        make_link: Callable[[str], str] | None = None,
    ) -> None:
        """Put together; touches nothing.

        Args:
            database: Where journal and mirror live.
            adapters: By account name.
            mailer: None when no mail server is set: mails then end unsent, with a finding.
            clock: Where now comes from; the machine's clock by default.
            settings: How patient to be.
            staff_address: From account and facility to where staff read mail; by default the facility's primary
                address in the mirror.
            scribe_of: From account and facility to who finds the words for its staff; by default our own, in English.
            journal: In place of the ordinary one, for tests.
            make_link: From the id in a mail's ``link`` to the address that it brings, a new one every time; None where
                no mail has any.
        """
        self._clock = agreed(clock or SystemClock(), database)
        self._settings = settings or EngineSettings()
        self._database = database
        self.journal = journal or Journal(database, self._clock)
        self.mirror = Mirror(database, self._clock)
        self.findings = Findings(database)
        self.quotes = Quotes(database)
        self.runs = Runs(database, self._clock)
        self.refusals = Refusals(self.findings, self._clock)
        self._owner = WorkerName()
        self._ticker = Ticker(self.runs, lambda: str(self._owner), self._settings.run_lease, self._clock.now)
        self.on_poke: Callable[[str, datetime | None], None] | None = None
        self._sealed = SealedValues()
        self._carriers = Carriers(dict(adapters), mailer, self._settings, self._clock, make_link)
        staff = FacilityStaff(self.mirror)
        self.scribe_of: Callable[[str, str], Scribe] = scribe_of or staff.scribe
        self._courier = Courier(
            mirror=self.mirror, carriers=self._carriers, sealed=self._sealed,
            clock=self._clock, settings=self._settings, staff_address=staff_address or staff.address,
            scribe_of=self.scribe_of,
            journal=self.journal,
        )  # fmt: skip
        self._prompt = PromptDelivery(
            journal=self.journal, sealed=self._sealed, clock=self._clock, settings=self._settings,
            drain=lambda lane, focus: self.drain(lane, focus=focus),
            wake=lambda: self._tell if self.on_poke is not None else None,
        )  # fmt: skip
        self._outbox = Outbox(self.journal, CallersTransactions(database), self._clock, self._tell)
        self._worker = LaneWorker(
            journal=self.journal,
            courier=self._courier,
            sealed=self._sealed,
            clock=self._clock,
            settings=self._settings,
            claimed_as=lambda: (self._owner.visit(), self.lease),
            tell=self._tell,
        )

    # -- what callers use ----------------------------------------------------------------------------------------------

    @property
    def adapters(self) -> Mapping[str, Adapter]:
        """By account name."""
        return self._carriers.adapters

    @property
    def jobs(self) -> dict[str, Job]:
        """By name, what a clock slot starts; jobs are added to it."""
        return self._ticker.jobs

    @property
    def database(self) -> Database:
        """Where journal and mirror live. ``database.write()`` gives a connection that ``submit`` takes."""
        return self._database

    @property
    def clock(self) -> Clock:
        """Where now comes from."""
        return self._clock

    @property
    def settings(self) -> EngineSettings:
        """How patient it is."""
        return self._settings

    def submit(
        self,
        submission: Submission,
        *,
        sealed: Mapping[str, Sealed] | Sealed | None = None,
        connection: OwnTransaction | None = None,
        wait: timedelta | None = None,
        files: Mapping[str, HandedFile] | None = None,
    ) -> ActionView:
        """Store an action so that it cannot be lost, and deliver it as far as it goes at once.

        The same key with the same intent gives the same action again (``replayed``). A new key for a payment that is
        still being confirmed gives that payment (``attached``).

        Args:
            submission: The action, its key and its plan.
            sealed: The card, bank account or password: by step name, or alone when exactly one step needs one. It is
                used for one send and wiped, whatever happens.
            connection: The caller's open transaction on this database, an SQLAlchemy ``Connection`` or ``Session``: the
                action then exists when that commits, and a worker delivers it. Not together with ``sealed``. On
                PostgreSQL it is READ COMMITTED, the default. After any error but an InputError, roll it back.
            wait: How long to wait for an outcome that is not known at once; None for not at all, except that a lane
                somebody else is using is waited for a moment (``EngineSettings.busy_wait``, ``sealed_wait``).
            files: By step name, the file of every step that carries one. It is stored with the action, a piece at a
                time; not stored again where the same key was used before.

        Raises:
            InputError: The key was used for something else; a sealed value is missing or not wanted; a file is missing,
                not wanted or not the one that its step names; ``connection`` is
                on another database, has no open transaction, or one that commits every statement by itself.
            IneligibleError: A part of this payment is still being confirmed ("payment_being_confirmed").
            ConfigurationError: The account is not configured; the database refuses the caller's role or isolation.
            UnavailableError: The database cannot be used. Ask again with the same key.
        """
        values = by_effect_key(submission, sealed)
        try:
            if connection is not None:
                return self._view(self._outbox.submit(connection, submission, self._routes(submission, wait), files))
            self._prompt.require_sealed(submission, values)
            submitted = self.journal.submit(submission, self._routes(submission, wait), files=files)
            with telemetry.span(
                "submit", account=submission.account, facility=submission.facility, action_id=submission.action_id
            ):
                self._prompt.deliver(submitted, values, wait)
        finally:
            self._prompt.wipe_unused(values)
        return self._view(self._prompt.as_it_stands(submitted))

    def find_click(self, click: Click, *, connection: OwnTransaction | None = None) -> Submitted | None:
        """The action a click already is, or was attached to; None for a new click. ``connection`` as for ``submit``."""
        return self._outbox.find_click(connection, click)

    def attach(self, click: Click, holder: str, actor: str, *, connection: OwnTransaction | None = None) -> Submitted:
        """Make a click another name of an action that is not over yet; ``connection`` as for ``submit``."""
        attached = self._outbox.attach(connection, click, holder, actor)
        # Nothing holds the holder's outcome still while this commits: say what it is now.
        return attached if connection is not None else self._prompt.as_it_stands(attached)

    def action(self, action_id: str) -> ActionView:
        """An action as it stands.

        Raises:
            NotFoundError: There is none of that id.
        """
        return view_of(self.journal.action(action_id), self._clock.now())

    def actions(self, wanted: ActionFilter | None = None) -> tuple[ActionView, ...]:
        """Actions that fit, newest first."""
        now = self._clock.now()
        return tuple(view_of(action, now) for action in self.journal.actions(wanted))

    def trail(self, action_id: str) -> tuple[TrailEntry, ...]:
        """Everything that happened to an action. Raises NotFoundError."""
        return self.journal.trail(action_id)

    def verify_trail(self, action_id: str) -> bool:
        """Whether an action's trail is whole."""
        return self.journal.verify_trail(action_id)

    def counts(self) -> JournalCounts:
        """The journal in numbers."""
        return self.journal.counts()

    def resolve(
        self,
        action_id: str,
        effect_key: str,
        outcome: Outcome,
        evidence: str,
        actor: str,
        *,
        there: Mapping[str, str] | None = None,
    ) -> ActionView:
        """End an effect nobody could know, by what a person saw; see ``Journal.resolve``."""
        try:
            self.journal.resolve(action_id, effect_key, outcome, evidence, actor, there=there)
        except FencedError:
            problem = "was resolved by the engine at this moment"
            raise InputError("effect", problem, remedy="Look at the action again.", code="not_resolvable") from None
        self._carry_on(action_id)
        return self.action(action_id)

    def retry(self, action_id: str, actor: str, *, anyway: bool = False, step: str = "") -> ActionView:
        """Ask once more for what certainly never left; see ``Journal.retry``."""
        self.journal.retry(action_id, actor, anyway=anyway, step=step)
        self._carry_on(action_id)
        return self.action(action_id)

    def overlaid(self, account: TenantAccount) -> TenantAccount:
        """A read with our own recent writes on top, its source then ``overlay``."""
        ref = account.tenant.ref
        recent = self.journal.recent_effects(ref.account, ref.facility, ref.id, account.as_of)
        return overlay(account, recent, self._carriers.window(ref.account))

    def overlaid_invoice(self, account: TenantAccount, row: RentalAccount | None, invoice: Invoice) -> Invoice:
        """An invoice, read after the account, with payments on top that it may not show yet.

        Args:
            account: The tenant, as ``overlaid`` gives it.
            row: The tenant's rental that the invoice is about; None when it is about several.
            invoice: As read.
        """
        ref = account.tenant.ref
        recent = self.journal.recent_effects(ref.account, ref.facility, ref.id, account.as_of)
        # Every live read leaves a copy as it was read.
        copy = self.mirror.account(ref.account, ref.facility, ref.id) if recent else None
        bare = copy if copy is not None and copy.as_of == account.as_of else None
        return overlay_invoice(account, row, invoice, recent, bare)

    def guarded(self, guards: tuple[str, ...] | frozenset[str] | list[str]) -> Mapping[str, str]:
        """Which of these payments are being confirmed, and in which action: ask before planning "pay all"."""
        return self.journal.guarded(guards)

    # -- what workers call ---------------------------------------------------------------------------------------------

    def drain(self, lane: str, *, focus: Focus | None = None, stop: Callable[[], bool] | None = None) -> DrainResult:
        """Do what is due in a lane, as long as the lane is free and the budget lasts.

        Args:
            lane: Which.
            focus: Only this action's work.
            stop: Asked after every effect; True lets the lane go, and what is left is found by others.
        """
        return self._worker.drain(lane, focus, stop)

    def sweep(self) -> int:
        """Wake, or do, everything that is due in a free lane; returns how many lanes."""
        lanes = self.journal.due_lanes()
        if self.on_poke is None:
            for lane in lanes:
                self.drain(lane)
        else:
            for lane in sorted(lanes, key=self._owner.order):
                self.on_poke(lane, None)
        return len(lanes)

    def run_due(self, *, rounds: int = 100) -> int:
        """Drain everything that is due now in this thread; returns how many things were done."""
        done = 0
        for _ in range(rounds):
            moved = sum(self.drain(lane).delivered for lane in self.journal.due_lanes())
            done += moved
            if not moved:
                break
        return done

    def tick(self, name: str, slot: datetime, *, night: tuple[datetime, datetime] | None = None) -> bool:
        """Start a job for a slot, once over all processes; False when it ran, or runs, elsewhere.

        A job that its beat told to stop is neither done nor failed: whoever has the slot then ends it.

        Args:
            name: Which job.
            slot: Which slot.
            night: From when to before when any slot is the same night, so that one run is enough; None when only the
                slot itself counts.

        Raises:
            ConfigurationError: There is no such job.
        """
        return self._ticker.tick(name, slot, night=night)

    def let_go(self) -> int:
        """Give up what this process runs by the clock, because it ends now; returns how many runs others may take.

        From now on the beat of each says stop. Safe at any time; what is ticked later is not concerned.
        """
        return self._ticker.let_go()

    def poke(self, lane: str) -> None:
        """Wake a worker for a lane, or do the work when there is none."""
        if self.on_poke is not None:
            self.on_poke(lane, None)
        else:
            self.drain(lane)

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def lease(self) -> timedelta:
        """How long a lane stays taken after its worker died: longer than the longest call."""
        return self._carriers.longest_call() + self._settings.lease_margin

    def _tell(self, lane: str, not_before: datetime | None = None) -> None:
        """Tell the workers, when there are any."""
        if self.on_poke is not None:
            self.on_poke(lane, not_before)

    def _carry_on(self, action_id: str) -> None:
        """Go on with an action somebody has just written about; what cannot be done now a worker does."""
        try:
            for lane in self.journal.lanes_of(action_id):
                self.poke(lane)
        except UnavailableError as error:
            _log.warning("left_to_workers", action=action_id, code=error.code)

    # -- taking in ----------------------------------------------------------------------------------------------------

    def _routes(self, submission: Submission, wait: timedelta | None) -> dict[str, Route]:
        patience = max(wait or timedelta(0), self._settings.sealed_wait) + self.lease
        return {step.name: self._route(step, patience) for step in submission.plan.steps}

    def _route(self, step: PlannedEffect, patience: timedelta) -> Route:
        needs = step.effect.needs_a_sealed_value
        return Route(self._carriers.lane(step.effect), patience if needs else None)

    def _view(self, submitted: Submitted) -> ActionView:
        return view_of(submitted.action, self._clock.now(), replayed=submitted.replayed, attached=submitted.attached)
