"""The journal: every action, its effects, and everything that happened to them.

What is committed here survives any crash. Nothing secret is in it: a sealed value never comes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from pmsbridge.actions.effects import AttachDocument
from pmsbridge.actions.plan import RequestSeen, Submission
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store import delivery, desk, files, intake, reading, request_answers, trail
from pmsbridge.store.database import Database
from pmsbridge.store.delivery import TakingTurn, Turn
from pmsbridge.store.known import Known
from pmsbridge.store.reading import ActionFilter, JournalCounts, Page
from pmsbridge.store.refusals import FencedError, GuardHeldError, StaleError
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import Change, Held, Route, Standing, StoredAction, StoredEffect, Submitted, TrailEntry

__all__ = [
    "ActionFilter",
    "FencedError",
    "GuardHeldError",
    "Journal",
    "JournalCounts",
    "StaleError",
    "Turn",
]


class Journal:
    """Transactions on the journal. Each method is one commit, unless it is given the caller's connection."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    # -- taking in -------------------------------------------------------------------------------------------------

    def submit(
        self,
        submission: Submission,
        routes: Mapping[str, Route],
        *,
        connection: Connection | None = None,
        files: Mapping[str, HandedFile] | None = None,
    ) -> Submitted:
        """Store an action so that it cannot be lost.

        Args:
            submission: The action, its key and its plan.
            routes: By step name, how the effect will travel.
            connection: The caller's open transaction on this database: then the action exists when that commits.
            files: By step name, what is kept with it, in the same transaction.

        Raises:
            InputError: The key was used for something else, or the files are not those that the steps name.
            GuardHeldError: Some of its payments are being confirmed.
            IneligibleError: What it was judged by moved on since.
            UnavailableError: The database cannot be used; nothing was stored, unless the key says otherwise later.
        """
        if connection is not None:
            return intake.take_in(connection, submission, routes, self._clock.now(), files=files)
        with self._database.write() as own:
            return intake.take_in(own, submission, routes, self._clock.now(), is_own=True, files=files)

    def find_click(self, submission: intake.Click, *, connection: Connection | None = None) -> Submitted | None:
        """The action this click already is or was attached to; None for a new click.

        Args:
            submission: The click.
            connection: The caller's open transaction, which may already hold it.

        Raises:
            InputError: The key was used for something else.
        """
        if connection is not None:
            return intake.find_click(connection, submission)
        with self._database.read() as own:
            return intake.find_click(own, submission)

    def guarded(self, guards: Iterable[str]) -> Mapping[str, str]:
        """Which of these business guards are held by an unresolved action, and by which."""
        with self._database.read() as connection:
            return intake.guarded(connection, guards)

    def guarded_below(self, prefix: str) -> Mapping[str, str]:
        """Which business guards that begin so are held by an unresolved action, and by which."""
        with self._database.read() as connection:
            return intake.guarded_below(connection, prefix)

    def payment_stamps(self, account: str, facility: str, tenant_id: str) -> dict[str, int]:
        """By rental, a number that changes whenever a payment for it is stored or moves on: for ``payments_seen``."""
        with self._database.read() as connection:
            return reading.payment_stamps(connection, account, facility, tenant_id)

    def request_seen(self, account: str, facility: str, tenant_id: str, request_id: str) -> RequestSeen:
        """How a payment request stands now: for ``Submission.request_seen``."""
        with self._database.read() as connection:
            return request_answers.seen_now(connection, (account, facility, tenant_id), request_id)

    def attach(
        self, click: intake.Click, holder: str, actor: str, *, connection: Connection | None = None
    ) -> Submitted:
        """Make a click another name of an action that is still being confirmed; arguments as for ``submit``."""
        if connection is not None:
            return intake.attach(connection, click, holder, actor, self._clock.now())
        with self._database.write() as own:
            return intake.attach(own, click, holder, actor, self._clock.now())

    # -- a worker's writes -----------------------------------------------------------------------------------------

    def look(self, lane: str, *, action_id: str | None = None, beyond: int = 0, anyway: bool = False) -> Page:
        """How a lane stands, and what decides what is done next in it; see ``reading.look``."""
        now = self._clock.now()
        with self._database.glance() as connection:
            lease_now = self._lease_clock(connection, now)
            return reading.look(connection, lane, now, lease_now, action_id=action_id, beyond=beyond, anyway=anyway)

    @contextmanager
    def taking(self, seen: Standing, owner: str, lease: timedelta, known: Known | None = None) -> Iterator[Turn]:
        """One transaction that takes a lane, and begins to work in it.

        Args:
            seen: How the lane stood, free, when ``known`` was read.
            owner: Who takes it.
            lease: For how long.
            known: As for ``turn``.

        Raises:
            StaleError: The lane does not stand so any more, or as for ``turn``: nothing was written.
            UnavailableError: The database cannot be used; whether anything was written is not known.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            held, proof = delivery.taking(seen, owner, lease, self._lease_clock(connection, now))
            turn = TakingTurn(connection, held, now, known, proof=proof)
            yield turn
            turn.flush(is_last=True)

    @contextmanager
    def turn(self, held: Held, known: Known | None = None) -> Iterator[Turn]:
        """One transaction of a worker that holds a lane; committed as a whole at its end.

        Args:
            held: The lane.
            known: What the worker knows of the lane's actions; brought up to date.

        Raises:
            FencedError: The lane, or an effect, is no longer ours: stop at once.
            StaleError: ``known`` is out of date: nothing was written; do the same again with its ends forgotten.
            UnavailableError: The database cannot be used; whether anything was written is not known.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            fence = delivery.fence(held, self._lease_clock(connection, now))
            turn = Turn(connection, held, now, known, proof=fence)
            yield turn
            turn.flush(is_last=True)

    def claim(self, lane: str, owner: str, lease: timedelta) -> Held | None:
        """Take a free lane, whether or not there is something to do in it; None when somebody holds it."""
        with self._database.write() as connection:
            intake.put_lanes(connection, [Route(lane)])
        seen = self.look(lane).standing
        if seen is None or not seen.is_free:
            return None
        with suppress(StaleError), self.taking(seen, owner, lease) as turn:
            return turn.held
        return None

    def release(self, held: Held) -> None:
        """Let the lane go; nothing happens when it is no longer ours."""
        with self._database.write() as connection:
            delivery.release(connection, held)

    def _lease_clock(self, connection: Connection, now: datetime) -> datetime | None:
        """What leases are measured with: one clock for all machines, unless a test drives the time."""
        is_shared = connection.dialect.name == "postgresql" and isinstance(self._clock, SystemClock)
        return None if is_shared else now

    def give_up(self, effect_key: str, why: str, code: str) -> bool:
        """End an effect that certainly never left, whoever holds its lane; False when it is no longer waiting.

        For an effect that only this process could send, because only it had the card.
        """
        try:
            with self._database.write() as connection:
                delivery.lock(connection, reading.load_effect(connection, effect_key).scope)
                effect = reading.load_effect(connection, effect_key)
                if effect.state is not EffectState.WAITING:
                    return False
                delivery.apply_change(connection, effect, Change.not_sent(why, code), self._clock.now(), by={})
        except FencedError:
            return False
        return True

    # -- a person's writes -----------------------------------------------------------------------------------------

    def resolve(
        self,
        action_id: str,
        effect_key: str,
        outcome: Outcome,
        evidence: str,
        actor: str,
        *,
        there: Mapping[str, str] | None = None,
    ) -> StoredAction:
        """End an effect nobody could know, by what a person saw.

        Args:
            action_id: Which action.
            effect_key: The effect's key, or its name in the action.
            outcome: settled, declined or not_sent.
            evidence: What was seen in the back office; kept in the trail.
            actor: Who decided; kept in the trail.
            there: For a payment over several rentals of which only some got their part: by rental, the receipt number
                that was seen, or "". The outcome is then settled, and the others certainly got nothing. None: all
                parts ended alike.

        Raises:
            NotFoundError: There is no such action.
            InputError: It cannot be resolved so; the message says why.
        """
        with self._database.write() as connection:
            desk.resolve(connection, action_id, effect_key, outcome, evidence, actor, self._clock.now(), there)
            return reading.load_action(connection, action_id)

    def retry(self, action_id: str, actor: str, *, anyway: bool = False, step: str = "") -> tuple[str, ...]:
        """Ask once more for what certainly never left; returns the names of the effects.

        Args:
            action_id: Which.
            actor: Who decided; kept in the trail.
            anyway: A payment is sent although another one for the same rental was asked for since, although staff took
                back the request that it pays, or although it is a gateway's, which the portal may have let go of.
            step: Only this step, by its name; empty for all that ended unsent.

        Raises:
            NotFoundError: There is no such action.
            InputError: Nothing in it can be retried, it would pay once more what was paid since
                (``balance_moved``), or the gateway may not hold the money any more (``gateway_let_go``).
            GuardHeldError: The same payment is being confirmed in another action.
            IneligibleError: It pays a request that was withdrawn since (``request_withdrawn``), and ``anyway`` is not
                said.
        """
        with self._database.write() as connection:
            return desk.retry(connection, action_id, actor, self._clock.now(), anyway=anyway, step=step)

    # -- reading ---------------------------------------------------------------------------------------------------

    def action(self, action_id: str) -> StoredAction:
        """One action.

        Raises:
            NotFoundError: There is none of that id.
        """
        with self._database.read() as connection:
            return reading.load_action(connection, action_id)

    def actions(self, wanted: ActionFilter | None = None) -> tuple[StoredAction, ...]:
        """Actions that fit, newest first."""
        with self._database.read() as connection:
            return reading.find_actions(connection, wanted or ActionFilter())

    def file_of(self, effect: StoredEffect) -> HandedFile | None:
        """What was handed in with an effect; None where the effect carries no file, or it is not kept any more."""
        asked = effect.effect
        if not isinstance(asked, AttachDocument):
            return None
        with self._database.read() as connection:
            if not files.holds(connection, effect.key, asked.size):
                return None
        source = partial(files.file_pieces_of, self._database, effect.key)
        return HandedFile(asked.title, asked.media_type, asked.size, asked.sha256, source)

    def trail(self, action_id: str) -> tuple[TrailEntry, ...]:
        """Everything that happened to an action, oldest first.

        Raises:
            NotFoundError: There is none of that id.
        """
        with self._database.read() as connection:
            reading.load_action(connection, action_id)
            return trail.entries(connection, action_id)

    def verify_trail(self, action_id: str) -> bool:
        """Whether the trail is whole: nothing changed, removed or added."""
        with self._database.read() as connection:
            return trail.verify(connection, action_id)

    def counts(self) -> JournalCounts:
        """The journal in numbers."""
        with self._database.read() as connection:
            return reading.count(connection)

    def lanes_of(self, action_id: str) -> tuple[str, ...]:
        """Lanes in which an action has open effects."""
        with self._database.read() as connection:
            return reading.lanes_of(connection, action_id)

    def due_lanes(self) -> tuple[str, ...]:
        """Free lanes in which something is due now."""
        now = self._clock.now()
        with self._database.glance() as connection:
            return reading.due_lanes(connection, now, self._lease_clock(connection, now))

    def recent_effects(self, account: str, facility: str, tenant_id: str, as_of: datetime) -> tuple[StoredEffect, ...]:
        """Principal effects of a tenant that a read made at ``as_of`` may not show yet."""
        with self._database.read() as connection:
            return reading.recent_effects(connection, account, facility, tenant_id, as_of)
