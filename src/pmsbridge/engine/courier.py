"""Delivering one effect: baseline, "sending", one call, outcome. Then, when it is unknown: wait, look.

Nothing here repeats a call. What is sent again is sent by the journal's order, with the same key, and only when the
first certainly never arrived, or is conclusively absent after the settle window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from pmsbridge import telemetry
from pmsbridge.actions.effects import AttachDocument, TakePayment
from pmsbridge.actions.plan import PlannedEffect
from pmsbridge.actions.scribe import Scribe
from pmsbridge.engine.carriers import Carrier, Carriers
from pmsbridge.engine.notices import ReviewTask, words_for
from pmsbridge.engine.order import Act, Pick
from pmsbridge.engine.sealed_values import SealedValues
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import (
    ConfigurationError,
    InputError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.sealed import Sealed
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Absent, Attempt, Found, Outcome, Probed, Receipt
from pmsbridge.store.journal import Journal
from pmsbridge.store.mirror import Mirror
from pmsbridge.store.standing import Ended
from pmsbridge.store.stored import Change, Held, Route, Sending, StoredEffect, Writing

__all__ = ["Courier", "Interrupted", "Prepared", "Underway"]

_ENTER_AGAIN: Final = "It was not sent. Please enter the card or password again."
_FAR_FUTURE: Final = timedelta(days=3650)
_GOINGS_ON: Final = 4
"""Sends after looks that found a part of it, at most: each may lose the answer of one step."""
_SAID_NO: Final = "said_no_to_the_rest"
"""Code of what was begun, and then certainly got no further: the next look decides whether what was begun is gone."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A change and what a person should know about it."""

    change: Change
    found: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """An effect that can be sent: what is written before its first byte leaves, and who carries it."""

    effect: StoredEffect
    carrier: Carrier
    sending: Sending


@dataclass(frozen=True, slots=True)
class Underway:
    """An effect whose "sending" is committed: it is sent now, or found out about later.

    Attributes:
        began: On the monotonic clock, before "sending" was committed.
    """

    effect: StoredEffect
    carrier: Carrier
    began: float


class Interrupted(BaseException):
    """A call was cut off by something that ends the process.

    Attributes:
        writing: What has to be written before the process ends.
        cause: What asked it to stop.
    """

    def __init__(self, writing: Writing, cause: BaseException) -> None:
        super().__init__()
        self.writing = writing
        self.cause = cause


class Courier:
    """Does what was picked, for a lane that is held. It writes nothing: what to write it answers."""

    def __init__(
        self,
        *,
        mirror: Mirror,
        carriers: Carriers,
        sealed: SealedValues,
        clock: Clock,
        settings: EngineSettings,
        staff_address: Callable[[str, str], str],
        scribe_of: Callable[[str, str], Scribe],
        journal: Journal,
    ) -> None:
        self._mirror = mirror
        self._carriers = carriers
        self._sealed = sealed
        self._clock = clock
        self._settings = settings
        self._staff_address = staff_address
        self._journal = journal
        self._scribe_of = scribe_of

    # -- what the lane's worker asks for -----------------------------------------------------------------------------

    def judge(self, pick: Pick) -> Writing:
        """What becomes of an effect that is not to be sent now."""
        effect = pick.effect
        if pick.act is Act.LOOK:
            return self._writing(effect, _traced("look", effect, partial(self._look, effect)))
        if pick.act is Act.RECOVER:
            return self._writing(effect, self._recovered(effect))
        if pick.act is Act.EXPIRE:
            return self._writing(effect, self._expired(effect))
        if pick.act is Act.SEALED_LOST:
            return self._writing(effect, _Verdict(Change.not_sent(_ENTER_AGAIN, "enter_again")))
        return self._writing(effect, _Verdict(Change.skipped("what it waited for ended another way")))

    def asks_nothing_first(self, effect: StoredEffect) -> bool:
        """Whether ``prepare`` asks neither the back office nor the mirror: it may run inside a transaction."""
        if effect.moves_ledger or effect.effect.needs_a_sealed_value:
            return False
        try:
            return not self._carriers.carrier(effect.effect).reads_before
        except PmsBridgeError:
            return False

    def prepare(self, held: Held, effect: StoredEffect) -> Prepared | Writing:
        """Read what a later look compares with; what becomes of the effect instead when it cannot be sent."""
        try:
            carrier = self._carriers.carrier(effect.effect)
            # A repeated send keeps the first baseline: what appeared since may be the first send, late.
            baseline = dict(effect.baseline) if effect.looks else dict(carrier.baseline(effect.effect))
        except Exception as error:  # noqa: BLE001 - nothing was sent, whatever it is
            return self._writing(effect, self._not_tried(effect, error))
        known_before = dict(effect.known_before) if effect.looks else self._ledgers(effect)
        quiet_until = self._clock.now() + held.lease + carrier.settle_window
        return Prepared(effect, carrier, Sending(baseline, known_before, quiet_until))

    def send(self, underway: Underway) -> Writing:
        """Call once, and say what becomes of it.

        Raises:
            Interrupted: The process is asked to stop in mid-call; what to write first is in it.
        """
        effect = underway.effect
        sealed = self._sealed.take(effect.key)
        try:
            call = partial(self._call, underway.carrier, effect, sealed, underway.began)
            return self._writing(effect, _traced("send", effect, call))
        except BaseException as error:
            # What is known is that it is unknown.
            unknown = self._unknown(underway.carrier, type(error).__name__, "interrupted")
            raise Interrupted(self._writing(effect, unknown), error) from error
        finally:
            if sealed is not None:
                self._sealed.done(sealed)

    def _call(  # noqa: PLR0911 - one answer per class of error
        self, carrier: Carrier, effect: StoredEffect, sealed: Sealed | None, began: float
    ) -> _Verdict:
        attempt = self._attempt(effect, sealed, began)
        if isinstance(attempt, _Verdict):
            return attempt
        try:
            receipt: object = carrier.execute(effect.effect, attempt)
        except UnsupportedError as error:
            return _Verdict(Change.not_sent(error.message, error.code))
        except ConfigurationError as error:
            return self._misconfigured(effect, error)
        except RejectedError as error:
            return _Verdict(Change.declined(error.message, error.code))
        except UnavailableError as error:
            return self._unavailable(effect, error)
        except OutcomeUnknownError as error:
            return self._unknown(carrier, error.message, error.code)
        except Exception as error:  # noqa: BLE001 - a foreign exception says nothing about the back office
            return self._unknown(carrier, f"the answer could not be used ({type(error).__name__})", "foreign_error")
        if not isinstance(receipt, Receipt):
            return self._unknown(carrier, "no receipt came back", "no_receipt")
        return _Verdict(Change.settled(receipt))

    def _attempt(self, effect: StoredEffect, sealed: Sealed | None, began: float) -> Attempt | _Verdict:
        """All that travels beside the effect; what becomes of it instead where some of that is not to be had."""
        if effect.effect.needs_a_sealed_value and sealed is None:
            return _Verdict(Change.not_sent(_ENTER_AGAIN, "enter_again"))
        file: HandedFile | None = None
        if isinstance(effect.effect, AttachDocument):
            try:
                file = self._journal.file_of(effect)
            except UnavailableError as error:
                return self._unavailable(effect, error)
            if file is None:
                return _Verdict(Change.not_sent("the file that was handed in is not kept any more", "file_gone"))
        sent_at = effect.last_sent_at or self._clock.now()
        not_after = sent_at + self._settings.lease_margin
        frozen = self._clock.monotonic() - began > self._settings.lease_margin.total_seconds()
        if frozen or self._clock.now() > not_after:
            return self._unavailable(effect, UnavailableError("the right to send ended before the first byte left"))
        return Attempt(
            key=effect.key, number=effect.attempts, not_after=not_after, sealed=sealed,
            sent_at=effect.first_sent_at, baseline=effect.baseline, file=file,
        )  # fmt: skip

    def _ledgers(self, effect: StoredEffect) -> dict[str, str]:
        """The ledger balances known before a payment: later reads show by them whether they include it.

        Of what it was judged by and what is read since the smaller one is known: a read may be of an earlier time.
        """
        if not isinstance(effect.effect, TakePayment) or not effect.tenant_id:
            return {}
        copy = self._mirror.account(effect.account, effect.facility, effect.tenant_id)
        since = copy.ledgers_of(part.rental_id for part in effect.effect.parts) if copy else {}
        judged = effect.known_before
        return {
            rental: min(since.get(rental, known), known, key=Decimal) for rental, known in {**since, **judged}.items()
        }

    # -- what went wrong before or while sending ---------------------------------------------------------------------

    def _not_tried(  # noqa: PLR0911 - one answer per class of error
        self, effect: StoredEffect, error: Exception
    ) -> _Verdict:
        """Nothing was sent: the carrier or the baseline said no."""
        if isinstance(error, UnsupportedError):
            return self._unsupported(effect, error)
        if isinstance(error, ConfigurationError):
            return self._misconfigured(effect, error)
        if isinstance(error, RejectedError):
            return _Verdict(Change.declined(error.message, error.code))
        if isinstance(error, UnavailableError):
            return self._unavailable(effect, error)
        if isinstance(error, InputError):
            return _Verdict(Change.not_sent(error.message, error.code))
        if isinstance(error, PmsBridgeError):
            return self._unavailable(effect, UnavailableError(error.message, code=error.code))
        message = f"reading before the send failed ({type(error).__name__})"
        return self._unavailable(effect, UnavailableError(message, code="foreign_error"))

    def _unsupported(self, effect: StoredEffect, error: UnsupportedError) -> _Verdict:
        if error.code != "mail_not_configured":
            return _Verdict(Change.not_sent(error.message, error.code))
        again = f"pmsbridge actions retry {effect.action_id} --step {effect.name} --actor YOUR_NAME"
        text = (
            "a notice to staff was not mailed: mail.host is not set (given: nothing). Set mail.host and mail.sender, "
            f"then: {again}{_waits_for_a_person(effect)}"
        )
        finding = self._finding(effect, "mail_not_configured", Severity.WARNING, text)
        return _Verdict(Change.not_sent(error.message, error.code), (finding,))

    def _misconfigured(self, effect: StoredEffect, error: ConfigurationError) -> _Verdict:
        """A person must act first; the effect waits until its deadline, a sealed one cannot."""
        finding = self._finding(effect, "configuration", Severity.URGENT, error.message)
        if effect.effect.needs_a_sealed_value:
            return _Verdict(Change.not_sent(error.message, error.code), (finding,))
        return _Verdict(self._later(effect, error.message, error.code, None), (finding,))

    def _unavailable(self, effect: StoredEffect, error: UnavailableError) -> _Verdict:
        if effect.effect.needs_a_sealed_value:
            return _Verdict(Change.not_sent(f"{error.message}. {_ENTER_AGAIN}", error.code or "enter_again"))
        if self._settings.is_urgent(effect.effect) and effect.attempts >= self._settings.max_attempts:
            why = f"{error.message}; given up after {effect.attempts} tries"
            return _Verdict(Change.not_sent(why, error.code))
        return _Verdict(self._later(effect, error.message, error.code, error.retry_after))

    def _later(self, effect: StoredEffect, why: str, code: str, at_least: timedelta | None) -> Change:
        until = self._clock.now() + self._settings.pause(effect.attempts + effect.looks, at_least)
        return Change.waiting(why, code, until=min(until, self._deadline(effect)))

    def _deadline(self, effect: StoredEffect) -> datetime:
        urgent = self._settings.is_urgent(effect.effect)
        patience = self._settings.action_deadline if urgent else _FAR_FUTURE
        return effect.asked_at + patience

    def _unknown(self, carrier: Carrier, why: str, code: str) -> _Verdict:
        return _Verdict(Change.unknown(why, code, look_at=self._clock.now() + carrier.settle_window))

    def _recovered(self, effect: StoredEffect) -> _Verdict:
        """It was being sent when its process ended: it may have happened."""
        look_at = max(self._clock.now(), effect.quiet_until or self._clock.now())
        return _Verdict(Change.unknown("the process that was sending it ended", "crashed", look_at=look_at))

    def _expired(self, effect: StoredEffect) -> _Verdict:
        change = Change.not_sent("it could not be sent in time", "deadline", event="expired")
        if effect.is_doubtful or self._settings.is_urgent(effect.effect):
            return _Verdict(change)
        text = f"{words_for(effect.effect)} was given up: {effect.message or 'it could not be sent in time'}"
        return _Verdict(change, (self._finding(effect, "given_up", Severity.URGENT, text),))

    # -- looking -----------------------------------------------------------------------------------------------------

    def _look(self, effect: StoredEffect) -> _Verdict:
        now = self._clock.now()
        if effect.quiet_until is not None and now < effect.quiet_until:
            return _Verdict(Change.still_unknown("too early to look", "", look_at=effect.quiet_until))
        attempt = Attempt(
            key=effect.key, number=effect.attempts, sent_at=effect.first_sent_at, baseline=effect.baseline
        )
        try:
            carrier = self._carriers.carrier(effect.effect)
            answer = carrier.probe(effect.effect, attempt)
        except UnsupportedError as error:
            return self._review(effect, error.message)
        except Exception as error:  # noqa: BLE001 - only a look failed
            return self._look_failed(effect, error)
        return self._judge(effect, carrier, answer)

    def _look_failed(self, effect: StoredEffect, error: Exception) -> _Verdict:
        why = error.message if isinstance(error, PmsBridgeError) else f"the look failed ({type(error).__name__})"
        code = error.code if isinstance(error, PmsBridgeError) else "foreign_error"
        code = _SAID_NO if effect.code == _SAID_NO else code
        sent_at = effect.last_sent_at or effect.asked_at
        if self._clock.now() - sent_at >= self._settings.review_after:
            return self._review(effect, why)
        at_least = error.retry_after if isinstance(error, UnavailableError) else None
        look_at = self._clock.now() + self._settings.pause(effect.looks + 1, at_least)
        found: tuple[Finding, ...] = ()
        if isinstance(error, ConfigurationError):
            found = (self._finding(effect, "configuration", Severity.URGENT, why),)
        return _Verdict(Change.still_unknown(why, code, look_at=look_at), found)

    def _judge(self, effect: StoredEffect, carrier: Carrier, answer: Probed) -> _Verdict:
        if isinstance(answer, Found):
            if other := self._just_settled_alike(effect, carrier, answer):
                return self._review(effect, f"what is there may be {other}, which was settled shortly before")
            return _Verdict(Change.settled(answer.receipt.changed(read_back=True), looked=True))
        is_absent = isinstance(answer, Absent) and answer.conclusive
        is_begun = isinstance(answer, Absent) and answer.begun
        # What stands half way was not proved never to have happened.
        never = is_absent and not is_begun
        saw = answer.saw if isinstance(answer, Absent) else answer.why
        if effect.code == _SAID_NO:
            return self._never_happened(effect, saw) if never else self._review(effect, f"{effect.message}; {saw}")
        if is_absent or carrier.repeats_are_harmless:
            at_most = max(carrier.max_resends, _GOINGS_ON) if is_begun else carrier.max_resends
            if self._may_repeat(effect, at_most):
                return _Verdict(Change.again(saw, at=self._clock.now() + self._rest(effect), proved=never))
            if never:
                return self._never_happened(effect, saw)
        return self._review(effect, saw)

    def _just_settled_alike(self, effect: StoredEffect, carrier: Carrier, answer: Found) -> str:
        """Another payment of ours that looks the same, and may not have shown yet when ours was sent; else empty.

        It is then not among what was there before, and a look would take it for ours. What shows a reference is not
        taken for a payment by another one. One that has the id of another one is that one, whatever it was for: not
        every back office says so.
        """
        if carrier.knows_ours or not isinstance(effect.effect, TakePayment) or effect.first_sent_at is None:
            return ""
        parts = {(part.rental_id, part.amount) for part in effect.effect.parts}
        found = set(answer.receipt.vendor_ids.values())
        for other in self._journal.recent_effects(*effect.scope, effect.first_sent_at):
            if other.ended is not Ended.SETTLED or other.key == effect.key or not isinstance(other.effect, TakePayment):
                continue
            if found & set(other.vendor_ids.values()):
                return f"{other.action_id}/{other.name}"
            if answer.shows_reference and other.effect.means != effect.effect.means:
                continue
            there = (part for part in other.effect.parts if part.rental_id not in other.rentals_missing)
            if parts & {(part.rental_id, part.amount) for part in there}:
                return f"{other.action_id}/{other.name}"
        return ""

    def _may_repeat(self, effect: StoredEffect, at_most: int) -> bool:
        in_time = self._clock.now() < self._deadline(effect)
        return in_time and effect.resends < at_most and not effect.effect.needs_a_sealed_value

    def _rest(self, effect: StoredEffect) -> timedelta:
        return timedelta(0) if effect.resends == 0 else self._settings.pause(effect.resends)

    def _never_happened(self, effect: StoredEffect, saw: str) -> _Verdict:
        again = f" {_ENTER_AGAIN}" if effect.effect.needs_a_sealed_value else ""
        code = "enter_again" if again else "absent"
        before = f"{effect.message}; then " if effect.code == _SAID_NO else ""
        why = f"{before}looked, and it is not there: {saw}.{again}"
        return _Verdict(Change.not_sent(why, code, event="absent", looked=True))

    def _review(self, effect: StoredEffect, why: str) -> _Verdict:
        text = f"{words_for(effect.effect)} could not be confirmed: {why}"
        severity = Severity.URGENT if effect.is_principal else Severity.NOTICE
        return _Verdict(Change.review(why), (self._finding(effect, "needs_review", severity, text),))

    # -- writing -----------------------------------------------------------------------------------------------------

    def _writing(self, effect: StoredEffect, verdict: _Verdict) -> Writing:
        """With the staff task that follows when no machine can know."""
        if effect.is_doubtful and verdict.change.claims_nothing_happened:
            verdict = self._doubted(effect, f"an earlier try may have arrived; the last one: {verdict.change.why}")
        added = self._staff_task(effect, verdict.change) if effect.is_principal else ()
        return Writing(effect, verdict.change, added, (*verdict.found, *self._undelivered(effect, verdict.change)))

    def _doubted(self, effect: StoredEffect, why: str) -> _Verdict:
        """The last try certainly did nothing; whether an earlier one did shows a look, where its absence is proof."""
        try:
            carrier = self._carriers.carrier(effect.effect)
        except PmsBridgeError:
            return self._review(effect, why)
        if carrier.repeats_are_harmless:  # it was sent again because no look could tell
            return self._review(effect, why)
        return self._unknown(carrier, why, _SAID_NO)

    def _undelivered(self, effect: StoredEffect, change: Change) -> tuple[Finding, ...]:
        """A notice that was refused: the other notices still go, and a person should know of this one."""
        if change.event != "declined" or effect.is_principal or not effect.effect.is_notice:
            return ()
        text = f"{words_for(effect.effect)} to staff was refused: {change.why}"
        return (self._finding(effect, "notice_declined", Severity.WARNING, text),)

    def _staff_task(self, effect: StoredEffect, change: Change) -> Sequence[tuple[PlannedEffect, Route]]:
        if change.event != "needs_review":
            return ()
        place = effect.account, effect.facility
        task = ReviewTask(
            effect, change.why, self._staff_address(*place), self._a_rental(effect), self._scribe_of(*place),
            [step.name for step in self._journal.action(effect.action_id).effects],
        )  # fmt: skip
        steps = [step for step in task.steps() if self._can_tell(effect.account, step)]
        return [(step, Route(self._carriers.lane(step.effect))) for step in steps]

    def _can_tell(self, account: str, step: PlannedEffect) -> bool:
        return step.effect.kind == "send_mail" or self._carriers.can(account, step.effect.kind)

    def _a_rental(self, effect: StoredEffect) -> str | None:
        if not effect.tenant_id:
            return None
        known = self._mirror.account(effect.account, effect.facility, effect.tenant_id)
        return known.rentals[0].id if known and known.rentals else None

    def _finding(self, effect: StoredEffect, code: str, severity: Severity, text: str) -> Finding:
        return Finding(
            code=code, severity=severity, account=effect.account, facility=effect.facility,
            subject=f"{effect.action_id}/{effect.name}", text=text, found_at=self._clock.now(),
        )  # fmt: skip


def _waits_for_a_person(notice: StoredEffect) -> str:
    """What the notice is about, when that is something to decide: the mail alone does not end it."""
    is_about_a_review = notice.name.partition(".")[0].startswith("review")
    look = f"; what it tells of waits for a person, mailed or not: pmsbridge actions show {notice.action_id}"
    return look if is_about_a_review else ""


def _traced(what: str, effect: StoredEffect, act: Callable[[], _Verdict]) -> _Verdict:
    with telemetry.span(
        what, account=effect.account, facility=effect.facility, effect_kind=effect.kind, lane=effect.lane,
        action_id=effect.action_id, attempt=effect.attempts,
    ) as span:  # fmt: skip
        verdict = act()
        span.set(outcome=verdict.change.ended or Outcome.PENDING, code=verdict.change.code)
    return verdict
