"""While a person waits: what they asked for is delivered as far as it goes at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from pmsbridge.actions.plan import Submission
from pmsbridge.engine.lane_work import DrainResult
from pmsbridge.engine.order import Focus
from pmsbridge.engine.sealed_values import SealedValues
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.model.sealed import Sealed
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import Journal
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import Submitted

__all__ = ["PromptDelivery"]

_log = get_logger(__name__)
_SOON: Final = timedelta(milliseconds=1).total_seconds()


class PromptDelivery:
    """Drains an action's own work in the thread of whoever asked; what is left, workers do."""

    def __init__(
        self,
        *,
        journal: Journal,
        sealed: SealedValues,
        clock: Clock,
        settings: EngineSettings,
        drain: Callable[[str, Focus], DrainResult],
        wake: Callable[[], Callable[[str], None] | None],
    ) -> None:
        """Put together; touches nothing.

        Args:
            journal: Actions and what happened to them.
            sealed: Where a typed value waits for its send.
            clock: Where now comes from.
            settings: How patient to be.
            drain: Does an action's work in one lane.
            wake: Gives what wakes a worker for a lane; None when there are no workers.
        """
        self._journal = journal
        self._sealed = sealed
        self._clock = clock
        self._settings = settings
        self._drain = drain
        self._wake = wake

    def deliver(self, submitted: Submitted, values: Mapping[str, Sealed], wait: timedelta | None) -> None:
        """Deliver what is stored. Nothing that fails from here on says that it is not: a worker goes on.

        Args:
            submitted: What was stored.
            values: By effect key, what only this process can send with.
            wait: As for ``Runtime.submit``.
        """
        try:
            self._deliver(submitted.action.id, self._still_waiting(submitted, values), wait)
        except UnavailableError as error:
            _log.warning("left_to_workers", action=submitted.action.id, code=error.code)

    def as_it_stands(self, submitted: Submitted) -> Submitted:
        """With the action as the journal has it now, or as it was stored when the journal is away."""
        try:
            return replace(submitted, action=self._journal.action(submitted.action.id))
        except UnavailableError:
            return submitted

    def _still_waiting(self, submitted: Submitted, values: Mapping[str, Sealed]) -> Mapping[str, Sealed]:
        waiting = {e.key for e in submitted.action.effects if e.state is EffectState.WAITING}
        return {key: value for key, value in values.items() if key in waiting}

    def _deliver(self, action_id: str, values: Mapping[str, Sealed], wait: timedelta | None) -> None:
        with self._sealed.hold(values) as ours:
            self._drain_own(action_id, ours, wait)
            gone = [key for key in ours if self._sealed.drop(key)]
            for key in gone:
                self._journal.give_up(key, "It could not be sent while you waited. Please try again.", "lane_busy")
        if gone:
            self._drain_own(action_id, (), timedelta(0))
        if (wake := self._wake()) is not None:
            for lane in self._journal.lanes_of(action_id):
                wake(lane)

    def _drain_own(self, action_id: str, sealed: tuple[str, ...], wait: timedelta | None) -> None:
        """Drain the action's own work until it is answered, or patience ends.

        Patience for a busy lane is not patience for an outcome: a lane is busy for a moment, an outcome may be unknown
        for as long as the settle window.
        """
        began = self._clock.monotonic()
        for_outcome, for_lane = self._patience(sealed, wait)
        focus = Focus(action_id, principals_only=self._wake() is not None)
        while True:
            results = [self._drain(lane, focus) for lane in self._journal.lanes_of(action_id)]
            if any(result.delivered for result in results):
                continue
            is_busy = any(result.busy for result in results)
            wants_lane = is_busy or any(key in self._sealed for key in sealed)
            patience = max(for_outcome, for_lane) if wants_lane else for_outcome
            left = patience.total_seconds() - (self._clock.monotonic() - began)
            if left < _SOON or self._journal.action(action_id).outcome is not Outcome.PENDING:
                return
            pause = self._settings.busy_pause if is_busy else self._settings.wait_pause
            self._clock.sleep(min(left, pause.total_seconds()))

    def _patience(self, sealed: tuple[str, ...], wait: timedelta | None) -> tuple[timedelta, timedelta]:
        """How long to wait for an outcome that is not known, and for a lane that is busy."""
        if wait is not None:
            return wait, wait
        return timedelta(0), self._settings.sealed_wait if sealed else self._settings.busy_wait

    # -- sealed values -------------------------------------------------------------------------------------------------

    def require_sealed(self, submission: Submission, values: Mapping[str, Sealed]) -> None:
        """A new action that needs a card needs it now; a repeated one may only ask how it stands.

        Raises:
            InputError: One is missing.
        """
        missing = [s.name for s in submission.plan.steps if s.effect.needs_a_sealed_value and s.key not in values]
        if missing and self._journal.find_click(submission) is None and not self._is_guarded(submission):
            problem = "is missing: it cannot be sent without a card, bank account or password"
            raise InputError("sealed", problem, shape=", ".join(missing))

    def _is_guarded(self, submission: Submission) -> bool:
        return bool(self._journal.guarded([guard for step in submission.plan.steps for guard in step.guards]))

    def wipe_unused(self, values: Mapping[str, Sealed]) -> None:
        """Wipe what no send has taken; what one has taken, it wipes itself."""
        for value in values.values():
            if not self._sealed.is_in_use(value):
                value.wipe()
