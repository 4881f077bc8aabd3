"""Carrying out the steps of an action: each sent at most once, each looked for before it is sent again."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from typing import Final

from pmsbridge.actions.effects import ChangeContact, EffectBody, SetConsent
from pmsbridge.errors import (
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.logging import get_logger
from pmsbridge.ports.calls import Priority
from pmsbridge.ports.outcome import Attempt
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.building import Built, build_step
from pmsbridge_rest.connection import Connection, asked
from pmsbridge_rest.edits import Editing, Found
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.jobs import followed
from pmsbridge_rest.looking import Looked, look, outputs_of
from pmsbridge_rest.mapping.actions import Action, BodyFieldKey, ClientReference, HeaderKey, Step
from pmsbridge_rest.mapping.answers import Outcome
from pmsbridge_rest.promises import look_of
from pmsbridge_rest.recognising import new_matches

__all__ = ["Done", "Run"]

_log = get_logger(__name__)

_ANY_SUCCESS: Final = Outcome()


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one step.

    Attributes:
        step: Which.
        words: For the evidence.
        outputs: What was taken from the answer or the row, by our names.
        code: HTTP status; empty when nothing was sent.
        read_back: It was seen by a look.
        was_sent: It was sent now.
    """

    step: Step
    words: str
    outputs: Table[str, str] = field(default_factory=dict)
    code: str = ""
    read_back: bool = False
    was_sent: bool = True


@dataclass(slots=True)
class Run:
    """One attempt at one effect.

    Attributes:
        connection: The account.
        action: How it is carried out.
        effect: What is asked for.
        attempt: Key, number, baseline.
        filler: Fills places; outputs of the steps are added.
        end: One end for the whole of it; no byte leaves after the lease.
    """

    connection: Connection
    action: Action
    effect: EffectBody
    attempt: Attempt
    filler: Filler
    end: Deadline
    done: list[Done] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The effect's kind."""
        return str(getattr(self.effect, "kind", ""))

    def carry_out(self, steps: list[Step]) -> list[Done]:
        """Every step in order.

        Raises:
            RejectedError: The back office said no, or it cannot be said; nothing changed, or it was undone.
            ConfigurationError: A person must act; nothing changed.
            UnavailableError: It certainly never got there.
            OutcomeUnknownError: A step's outcome is unknown, or a later one failed and the earlier ones stand.
        """
        self._before()
        for step in steps:
            try:
                finished = self._one(step, is_alone=len(steps) == 1)
            except OutcomeUnknownError:
                raise
            except PmsBridgeError as error:
                self._undo(error)
                raise
            self.done.append(finished)
            self._remember(step.name, finished.outputs)
        return self.done

    # before the first step

    def _before(self) -> None:
        """The read whose outputs all steps may use."""
        what = self.action.before
        if what is None:
            return
        seen = look(self.connection, self.effect.facility, what, self.filler, f"{self.kind}.before", self.end)
        if not seen.matches:
            message = f"{self.kind}: what has to be there before is not ({seen.seen} rows seen); nothing was sent"
            raise RejectedError(message, code="not_ready")
        self._remember("before", outputs_of(what.outputs, seen.matches[0]))

    def _remember(self, name: str, outputs: Table[str, str]) -> None:
        self.filler = self.filler.with_places(step={**self.filler.places.get("step", {}), name: dict(outputs)})

    # one step

    def _one(self, step: Step, *, is_alone: bool) -> Done:
        if self.attempt.number > 1:
            there = self._already(step, is_alone=is_alone)
            if there is not None:
                return there
        if step.update is not None and isinstance(self.effect, ChangeContact | SetConsent):
            return self._edited(step, Editing(self.connection, step, self.effect, self.filler))
        return self._sent(step, self.filler)

    def _already(self, step: Step, *, is_alone: bool) -> Done | None:
        """Whether an earlier attempt did this step; asked before any repetition but that of a lone step.

        A lone step was looked for already, or it would not be sent again; of several, some may be done.

        Raises:
            OutcomeUnknownError: It cannot be looked for, or the vendor has forgotten its key by now.
        """
        key = step.idempotency
        if isinstance(key, HeaderKey | BodyFieldKey):
            self._check_kept(key)
            return None
        if is_alone:
            return None
        what = look_of(key)
        if what is None:
            message = f"{self.kind}: whether {step.name} was done before cannot be looked for; nothing was sent now"
            raise OutcomeUnknownError(message, code="cannot_look")
        seen = look(self.connection, self.effect.facility, what, self.filler, f"{self.kind}.look", self.end)
        fresh = new_matches(step, seen, self.attempt.baseline)
        if fresh:
            outputs = outputs_of(what.outputs, fresh[0])
            return Done(step, f"{step.name} was there already", outputs, read_back=True, was_sent=False)
        if seen.unclear:
            message = f"{self.kind}: {step.name}: {seen.unclear}; nothing was sent now"
            raise OutcomeUnknownError(message, code="cannot_look")
        return None

    def _check_kept(self, key: HeaderKey | BodyFieldKey) -> None:
        """A key that the vendor has forgotten stops nothing any more.

        Raises:
            OutcomeUnknownError: It may have; nothing was sent now.
        """
        first = self.attempt.sent_at
        if first is not None and self.connection.clock.now() - first >= key.kept:
            message = f"{self.kind}: the vendor remembers a key for {key.kept} only; nothing was sent now"
            raise OutcomeUnknownError(message, code="key_forgotten")

    def _edited(self, step: Step, editing: Editing) -> Done:
        """Read, compare, write, read back."""
        before = editing.read(self.end) if editing.needs_record else None
        if before is not None:
            if editing.is_so(before):
                return Done(step, "it was so already; nothing was sent", read_back=True, was_sent=False)
            editing.check_unchanged(before)
        filler = self.filler.with_record(**editing.records(before))
        headers = self._guarded(editing, before)
        finished = self._sent(step, filler, headers=headers)
        return self._edit_seen(editing, before, finished)

    def _guarded(self, editing: Editing, before: Found | None) -> dict[str, str]:
        """What stops the write when somebody else was faster.

        Raises:
            RejectedError: Somebody was; nothing was sent.
        """
        guard = editing.update.guard
        if guard is None or before is None:
            return {}
        if guard.by == "if_match":
            if not before.etag:
                message = f"{self.kind}: the record has no version; nothing was sent"
                raise RejectedError(message, code="no_version")
            return {"If-Match": before.etag}
        if guard.by == "compare" and editing.read(self.end).record != before.record:
            message = f"{self.kind}: changed meanwhile; nothing was sent"
            raise RejectedError(message, code="changed_meanwhile")
        return {}

    def _edit_seen(self, editing: Editing, before: Found | None, finished: Done) -> Done:
        """Read back. What goes wrong with the look says nothing about the write; what it shows does.

        Raises:
            OutcomeUnknownError: It shows something else than what was asked for, or another field changed, too.
        """
        try:
            after = editing.read(self.connection.deadline(self.connection.mapping.connection.timeouts.live))
            is_so = editing.is_so(after)
        except PmsBridgeError:
            return finished
        changed = [] if before is None else editing.differences(before, after)
        if not is_so or changed:
            what = f"other values in {', '.join(changed)}" if is_so else "that it is not as asked"
            message = f"{self.kind}: answered with {finished.code}, but reading it back shows {what}"
            raise OutcomeUnknownError(message, code="read_back_differs")
        return replace(finished, words=f"{finished.words}, read back", read_back=True)

    def _sent(self, step: Step, filler: Filler, *, headers: Table[str, str] | None = None) -> Done:
        """The call itself: once."""
        operation = f"{self.kind}.{step.name}"
        ask = asked(step, filler, operation, is_write=True, built=self._built(step, filler, operation))
        ask = replace(ask, headers={**ask.headers, **(headers or {})})
        is_known = isinstance(step.idempotency, HeaderKey | BodyFieldKey)
        # A vendor that keeps our references unique refuses the second call, because the first came to be after all.
        is_known |= isinstance(step.idempotency, ClientReference) and self.attempt.number > 1
        channel = self.connection.channel(self.effect.facility)
        priority = Priority.WRITE if self.effect.is_notice else Priority.INTERACTIVE
        verdict, came = channel.write(
            ask, step.outcome, deadline=self.end, priority=priority, filler=filler, conflict_is_open=is_known
        )
        outputs = outputs_of(step.outputs, verdict.data)
        if verdict.is_ticket and step.outcome.job is not None:
            named = filler.with_places(step={**filler.places.get("step", {}), step.name: outputs})
            verdict = followed(self.connection, self.effect.facility, step.outcome.job, named, operation, self.end)
            outputs = {**outputs, **outputs_of(step.outputs, verdict.data)}
        words = f"{step.name} was so already" if verdict.is_already else f"{step.name} answered with HTTP {came.status}"
        finished = Done(step, words, outputs, str(came.status))
        if verdict.is_already:
            return self._seen_already(step, filler, finished)
        return self._verified(step, filler, finished)

    def _built(self, step: Step, filler: Filler, operation: str) -> Built:
        try:
            return build_step(step, filler)
        except (CannotSayError, ValueError) as problem:
            words = str(problem) if isinstance(problem, CannotSayError) else "a value does not fit"
        message = f"{operation}: {words}; nothing was sent"
        raise RejectedError(message, code="cannot_be_said")

    def _seen_already(self, step: Step, filler: Filler, finished: Done) -> Done:
        """Look, where that can be, at what is said to have been so already: an address that leads nowhere says it, too.

        Raises:
            OutcomeUnknownError: The look does not show it, or could not be had.
        """
        what = look_of(step.idempotency)
        if what is None:
            return finished
        operation = f"{self.kind}.{step.name}"
        until = self.connection.deadline(self.connection.mapping.connection.timeouts.live)
        try:
            seen = look(self.connection, self.effect.facility, what, filler, f"{self.kind}.look", until)
        except PmsBridgeError as problem:
            message = f"{operation}: HTTP {finished.code} says that it was so already; the look failed ({problem.code})"
            raise OutcomeUnknownError(message, code="not_verified") from None
        if not new_matches(step, seen, self.attempt.baseline):
            message = f"{operation}: HTTP {finished.code} says that it was so already; {seen.seen} rows do not show it"
            raise OutcomeUnknownError(message, code="not_verified")
        return replace(finished, words=f"{finished.words}, read back", read_back=True)

    def _verified(self, step: Step, filler: Filler, finished: Done) -> Done:
        """The declared look after a good answer, until what must hold does or its time is over.

        Raises:
            OutcomeUnknownError: It was looked at, and it does not hold.
        """
        what = step.verify
        if what is None:
            return finished
        named = filler.with_places(step={**filler.places.get("step", {}), step.name: dict(finished.outputs)})
        until = self.connection.deadline(what.within)
        seen: Looked | None = None
        while True:
            try:
                seen = look(self.connection, self.effect.facility, what, named, f"{self.kind}.verify", until)
            except PmsBridgeError:
                break
            if seen.matches:
                return replace(finished, words=f"{finished.words}, read back", read_back=True)
            if until.seconds_left() <= what.every.total_seconds():
                break
            self.connection.clock.sleep(what.every.total_seconds())
        if seen is None:
            return finished
        message = (
            f"{self.kind}: {step.name} answered with {finished.code}, but {seen.seen} rows read back do not show it"
        )
        raise OutcomeUnknownError(message, code="not_verified")

    # after a refusal

    def _undo(self, error: PmsBridgeError) -> None:
        """Take back what earlier steps did, the last first.

        Raises:
            OutcomeUnknownError: An earlier step stands.
        """
        standing = [one for one in reversed(self.done) if one.was_sent]
        if not standing and not self.done:
            return
        if isinstance(error, UnavailableError) or len(standing) != len(self.done):
            raise self._partly(error)
        for one in standing:
            if not self._undone(one):
                raise self._partly(error)

    def _undone(self, one: Done) -> bool:
        call = one.step.compensate
        if call is None:
            return False
        operation = f"{self.kind}.undo_{one.step.name}"
        try:
            ask = asked(call, self.filler, operation, is_write=True)
            end = self.connection.deadline(
                self.connection.mapping.connection.timeouts.live, not_after=self.attempt.not_after
            )
            self.connection.channel(self.effect.facility).write(ask, _ANY_SUCCESS, deadline=end)
        except PmsBridgeError as problem:
            _log.warning("not_undone", operation=operation, code=problem.code)
            return False
        return True

    def _partly(self, error: PmsBridgeError) -> OutcomeUnknownError:
        names = ", ".join(one.step.name for one in self.done)
        message = f"{self.kind}: {names} is done, and then: {error.message}"
        return OutcomeUnknownError(message, code="partly_done")
