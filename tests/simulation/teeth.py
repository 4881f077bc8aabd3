"""Planted bugs, each at one place of the real code: what a tired developer might write. All of them must be caught.

Every target is named as it is in the product, so a renamed one fails loudly here instead of biting nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pmsbridge.actions.plan import Submission
from pmsbridge.actions.plans import Planner
from pmsbridge.engine import carriers, courier, order
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.notices.review import ReviewTask
from pmsbridge.engine.sealed_values import SealedValues
from pmsbridge.errors import RejectedError, UnavailableError
from pmsbridge.portal.performing import Perform
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Outcome, Receipt
from pmsbridge.store import delivery, desk, intake, reading
from pmsbridge.store.outbox import CallersTransactions
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import Change, StoredEffect, Writing
from pmsbridge.store.tables import effects, guards
from pmsbridge.testing.history import Booked
from pmsbridge.testing.simulation import Character, Run, Schedule, Wish
from pmsbridge.testing.simulation.adapters import LANE, SimulatedAdapter
from pmsbridge.testing.simulation.baton import Dice
from pmsbridge.testing.simulation.plan import SMALL
from pmsbridge.transport import status

Patch = pytest.MonkeyPatch
_TABLE: list[Tooth] = []


@dataclass(frozen=True)
class Tooth:
    """One planted bug.

    Attributes:
        plant: Puts it in.
        caught_as: The violations that may give it away.
        focus: Narrows the drawn schedule to where it matters; the rest stays as drawn.
    """

    name: str
    says: str
    plant: Callable[[Patch], None]
    caught_as: frozenset[str]
    focus: Callable[[Schedule, Dice], Schedule]


def _as_drawn(schedule: Schedule, _dice: Dice) -> Schedule:
    return schedule


def tooth(
    *caught_as: str, focus: Callable[[Schedule, Dice], Schedule] = _as_drawn
) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Register a planted bug under its function's name."""

    def keep(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        name = plant.__name__
        _TABLE.append(Tooth(name, (plant.__doc__ or "").rstrip("."), plant, frozenset(caught_as), focus))
        return plant

    return keep


def _wish(dice: Dice, number: int, verb: str, **fields: Any) -> Wish:
    drawn: dict[str, Any] = {
        "tenant": "T1", "rental": "R1", "means": "stored" if verb.startswith("pay") else "", "amount": "",
        "again": "", "polls": 1, "retries": 2, **fields,
    }  # fmt: skip
    return Wish(number, verb, **drawn)


def _narrow(*verbs: str, characters: tuple[Character, ...] = tuple(Character), **fields: Any) -> Any:
    """A focus on some verbs and back offices, with much going wrong."""
    wish_fields = fields.pop("wish", {})
    within = fields.pop("within", 300)

    def focus(schedule: Schedule, dice: Dice) -> Schedule:
        wishes = tuple(
            _wish(dice, number, verb, start=dice.below(within), **wish_fields) for number, verb in enumerate(verbs)
        )
        return replace(
            schedule, wishes=wishes, character=dice.pick(characters),
            **{"fault": 0.6, "operator": 0, "desk": 0, "steps": 0, "crash": 0.0, "database": 0.0, **fields},
        )  # fmt: skip

    return focus


_LOOKED_UP = (Character.REFERENCE, Character.AMOUNT)


# -- recording -------------------------------------------------------------------------------------------------------


@tooth("double", "told_failed_but_done", focus=_narrow("pay", characters=_LOOKED_UP, fault=0.0, crash=0.06, workers=1))
def recorded_after_the_send(patch: Patch) -> None:
    """The mark "sending" is not committed before the call."""
    patch.setattr(delivery.Turn, "mark_sending", lambda _turn, effect, _sending: effect)


@tooth("double", focus=_narrow("pay", characters=_LOOKED_UP, fault=0.0, crash=0.06))
def recovery_sends_again(patch: Patch) -> None:
    """An effect whose process died in the middle of the send is sent again instead of looked for."""

    def recovered(self: courier.Courier, effect: StoredEffect) -> Any:
        return courier._Verdict(Change.waiting("again", "", until=self._clock.now()))

    patch.setattr(courier.Courier, "_recovered", recovered)


# -- waiting ---------------------------------------------------------------------------------------------------------


def _with_window(patch: Patch, window: timedelta) -> None:
    patch.setattr(Run, "settings", replace(Run.settings, settle_window=window))


@tooth("double", "told_failed_but_done", focus=_narrow("pay", characters=_LOOKED_UP))
def settle_window_zero(patch: Patch) -> None:
    """What is unknown is looked for at once."""
    _with_window(patch, timedelta(0))


@tooth("double", "told_failed_but_done", focus=_narrow("pay", characters=_LOOKED_UP, fault_at=((1, "late commit"),)))
def settle_window_shorter_than_a_late_commit(patch: Patch) -> None:
    """What is unknown is looked for after 20 seconds; a late commit may take 60."""
    _with_window(patch, timedelta(seconds=20))


@tooth(
    "double",
    "told_failed_but_done",
    focus=_narrow("pay", characters=_LOOKED_UP, stale=1.0, fault_at=((1, "late commit"),)),
)
def settle_window_without_the_lag(patch: Patch) -> None:
    """The settle window counts the late commit, and forgets that a read may lag behind it."""
    _with_window(patch, timedelta(seconds=58))


# -- what an answer means --------------------------------------------------------------------------------------------


@tooth("told_failed_but_done", "double", focus=_narrow("pay"))
def unknown_is_a_failure(patch: Patch) -> None:
    """A lost answer ends the payment as not sent."""

    def unknown(_self: object, _carrier: object, why: str, code: str) -> Any:
        return courier._Verdict(Change.not_sent(why, code))

    patch.setattr(courier.Courier, "_unknown", unknown)


@tooth("told_failed_but_done", "double", focus=_narrow("pay"))
def foreign_exception_is_a_failure(patch: Patch) -> None:
    """A library's own exception in the middle of a send is taken for "nothing happened"."""
    real = courier.Courier._unknown

    def unknown(self: courier.Courier, carrier: Any, why: str, code: str) -> Any:
        if code == "foreign_error":
            return courier._Verdict(Change.not_sent(why, code))
        return real(self, carrier, why, code)

    patch.setattr(courier.Courier, "_unknown", unknown)


@tooth("told_failed_but_done", "changed_mind", focus=_narrow("pay"))
def unknown_is_shown_as_a_failure(patch: Patch) -> None:
    """A person who asks is told a stored failure while the journal still finds out."""
    real = StoredEffect.outcome.fget  # type: ignore[attr-defined]

    def outcome(self: StoredEffect) -> Outcome:
        return Outcome.NOT_SENT if self.state is EffectState.UNKNOWN else real(self)

    patch.setattr(StoredEffect, "outcome", property(outcome))


@tooth("told_failed_but_done", "declined_without_a_no", focus=_narrow("pay"))
def server_error_is_a_refusal(patch: Patch) -> None:
    """A 5xx is classified as "the back office said no"."""
    real = status.classify_status

    def classify(code: int, headers: Mapping[str, str], is_write: bool, **more: Any) -> Any:
        return RejectedError("no", code=str(code)) if code >= 500 else real(code, headers, is_write, **more)

    patch.setattr(status, "classify_status", classify)


@tooth("double", "told_failed_but_done", focus=_narrow("pay"))
def lost_answer_is_unavailable(patch: Patch) -> None:
    """A time-out after the send is classified as "never reached"."""

    def no_usable_answer(message: str, *, is_write: bool, code: str, retry_after: Any = None) -> Any:
        return UnavailableError(message, code=code)

    patch.setattr(status, "no_usable_answer", no_usable_answer)


@tooth("double", "phantom", "told_failed_but_done", focus=_narrow("pay", characters=(Character.BLIND,)))
def absence_is_proof_everywhere(patch: Patch) -> None:
    """Where nothing can be read back, not finding it is taken for proof."""
    real = carriers.AdapterCarrier.probe

    def probe(self: carriers.AdapterCarrier, effect: Any, attempt: Attempt) -> Any:
        answer = real(self, effect, attempt)
        return Absent(answer.why) if isinstance(answer, CannotTell) else answer

    patch.setattr(carriers.AdapterCarrier, "probe", probe)


@tooth("told_failed_but_done", focus=_narrow("pay", characters=(Character.BLIND,)))
def review_ends_as_not_sent(patch: Patch) -> None:
    """What nobody can know is closed as not sent instead of given to a person."""

    def review(_self: object, _effect: object, why: str) -> Any:
        return courier._Verdict(Change.not_sent(why))

    patch.setattr(courier.Courier, "_review", review)


@tooth("told_done_but_not", focus=_narrow("pay"))
def unknown_is_a_success(patch: Patch) -> None:
    """A look that cannot tell ends as settled."""
    real = courier.Courier._judge

    def judge(self: courier.Courier, effect: Any, carrier: Any, answer: Any) -> Any:
        if isinstance(answer, Absent | CannotTell):
            receipt = Receipt(evidence="surely", at=self._clock.now())
            return courier._Verdict(Change.settled(receipt, looked=True))
        return real(self, effect, carrier, answer)

    patch.setattr(courier.Courier, "_judge", judge)


@tooth("told_done_but_not", focus=_narrow("pay", characters=(Character.AMOUNT,), desk=2, within=60_000))
def what_staff_enter_is_called_ours(patch: Patch) -> None:
    """A payment of the same amount that does not show whose it is is taken for ours."""

    def by_amount(self: SimulatedAdapter, effect: Any, attempt: Attempt) -> Any:
        before = set(attempt.baseline[f"receipts.{effect.parts[0].rental_id}"].split("\n"))
        _, shown = self._office.read("amount")
        wanted = format(effect.parts[0].amount.amount, "f")
        fresh = [
            line for line in shown
            if (line.kind, line.subject, line.what) == ("take_payment", effect.parts[0].rental_id, wanted)
            and str(line.number) not in before and line.mark != "desk"
        ]  # fmt: skip
        return self._found(fresh[:1]) if fresh else Absent("no new payment of the amount")

    patch.setattr(SimulatedAdapter, "_by_amount", by_amount)


@tooth("told_done_but_not", focus=_narrow(
    "pay", "pay", characters=(Character.AMOUNT,), within=4_000, wish={"amount": SMALL, "retries": 0}))  # fmt: skip
def what_was_just_settled_is_taken_for_the_next(patch: Patch) -> None:
    """A payment that did not show yet when the same was paid once more is found, and called the second one."""
    patch.setattr(courier.Courier, "_just_settled_alike", lambda *_: "")


# -- in the adapter --------------------------------------------------------------------------------------------------


def _asks_again(patch: Patch, when: Callable[[Any], bool]) -> None:
    real = SimulatedAdapter._leave

    def leave(self: SimulatedAdapter, effect: Any, attempt: Attempt) -> Any:
        wire = real(self, effect, attempt)
        return real(self, effect, attempt) if when(wire) else wire

    patch.setattr(SimulatedAdapter, "_leave", leave)


@tooth("double", focus=_narrow("pay", characters=_LOOKED_UP))
def adapter_retries_on_a_timeout(patch: Patch) -> None:
    """The adapter asks once more when no answer came."""
    _asks_again(patch, lambda wire: wire.status == 0)


@tooth("double", focus=_narrow("pay", characters=_LOOKED_UP))
def redirect_is_followed_on_a_write(patch: Patch) -> None:
    """A 307 is followed: the same body goes out again."""
    _asks_again(patch, lambda wire: 300 <= wire.status < 400)


@tooth("double", focus=_narrow("pay", characters=_LOOKED_UP, fault=0.0, freeze=0.25, workers=2, by_sweep=True))
def the_right_to_send_is_not_checked(patch: Patch) -> None:
    """The bytes leave whenever a frozen process wakes: nobody looks at the deadline."""
    real_call = courier.Courier._call
    real_execute = carriers.AdapterCarrier.execute

    def call(self: courier.Courier, carrier: Any, effect: StoredEffect, sealed: Any, _began: float) -> Any:
        late = replace(effect, last_sent_at=self._clock.now())
        return real_call(self, carrier, late, sealed, self._clock.monotonic())

    def execute(self: carriers.AdapterCarrier, effect: Any, attempt: Attempt) -> Any:
        return real_execute(self, effect, replace(attempt, not_after=None))

    patch.setattr(courier.Courier, "_call", call)
    patch.setattr(carriers.AdapterCarrier, "execute", execute)


@tooth("phantom", "double", focus=_narrow("pay", characters=(Character.KEYED,)))
def a_new_key_for_each_send(patch: Patch) -> None:
    """A repeat carries another key, so a vendor that knows keys does it twice."""
    real = carriers.AdapterCarrier.execute

    def execute(self: carriers.AdapterCarrier, effect: Any, attempt: Attempt) -> Any:
        return real(self, effect, replace(attempt, key=f"{attempt.key}-{attempt.number}"))

    patch.setattr(carriers.AdapterCarrier, "execute", execute)


@tooth("vacate_called", focus=_narrow("move_out", fault=0.0))
def a_move_out_ends_the_rental(patch: Patch) -> None:
    """The move-out request is sent as the vendor's own move-out."""
    real = SimulatedAdapter._leave

    def leave(self: SimulatedAdapter, effect: Any, attempt: Attempt) -> Any:
        if effect.kind == "schedule_move_out":
            world = self._world
            world.book(Booked(0, world.timeline.now, "vacate", effect.rental_id, "", attempt.key))
        return real(self, effect, attempt)

    patch.setattr(SimulatedAdapter, "_leave", leave)


# -- clicks ----------------------------------------------------------------------------------------------------------

_TWICE = {"again": "new", "retries": 3, "polls": 0}


@tooth("double", focus=_narrow("pay", wish=_TWICE, workers=1))
def no_business_guard(patch: Patch) -> None:
    """A second click with a new key does not see that the payment is being confirmed."""
    patch.setattr(intake, "guarded", lambda _connection, _wanted: {})
    patch.setattr(intake, "guarded_below", lambda _connection, _prefix: {})
    patch.setattr(Runtime, "overlaid", lambda _self, account: account)
    patch.setattr(intake, "_refuse_moved_payments", lambda *_: None)
    patch.setattr(intake, "_insert_action", _unguarded(intake._insert_action))


def _unguarded(real: Callable[..., Any]) -> Callable[..., Any]:
    """The table's own constraint would still refuse a second holder: let go of the first."""

    def insert_action(connection: Any, submission: Submission, *rest: Any) -> Any:
        held = [guard for step in submission.plan.steps for guard in step.guards]
        connection.execute(guards.delete().where(guards.c.guard.in_(held)))
        return real(connection, submission, *rest)

    return insert_action


@tooth("double", focus=_narrow("pay", wish=_TWICE, workers=0, characters=(Character.BLIND,)))
def the_guard_expires(patch: Patch) -> None:
    """A business guard is forgotten after 20 seconds, resolved or not."""
    limit = timedelta(seconds=20)

    def guarded(connection: Any, wanted: Any) -> dict[str, str]:
        rows = connection.execute(select(guards).where(guards.c.guard.in_(sorted(wanted)))).all()
        now = max((row.held_since for row in connection.execute(select(guards.c.held_since))), default=None)
        clock = connection.execute(select(effects.c.asked_at).order_by(effects.c.asked_at.desc())).scalars().first()
        latest = max((moment for moment in (now, clock) if moment is not None), default=None)
        return {row.guard: row.action_id for row in rows if latest is None or latest - row.held_since < limit}

    patch.setattr(intake, "guarded", guarded)
    patch.setattr(intake, "guarded_below", lambda _connection, _prefix: {})
    patch.setattr(Runtime, "overlaid", lambda _self, account: account)
    patch.setattr(intake, "_insert_action", _unguarded(intake._insert_action))


@tooth("double", focus=_narrow(
    "pay", "pay_all", "pay_all", characters=(Character.KEYED, Character.REFERENCE), fault=0.0, freeze=0.1))  # fmt: skip
def the_balance_may_have_moved(patch: Patch) -> None:
    """A payment that was quoted before another one was stored is taken in all the same."""
    patch.setattr(intake, "_refuse_moved_payments", lambda *_: None)


# -- lanes -----------------------------------------------------------------------------------------------------------


@tooth("overlap", focus=_narrow("edit_contact", "add_note", "ask_staff", workers=2, fault=0.0, poke_loss=0.0))
def the_claim_does_not_look(patch: Patch) -> None:
    """Taking a lane does not look whether somebody holds it."""
    real = reading.look

    def blind(*asked: Any, **more: Any) -> reading.Page:
        page = real(*asked, **more)
        return replace(page, standing=None if page.standing is None else replace(page.standing, is_free=True))

    patch.setattr(reading, "look", blind)
    patch.setattr(delivery, "_as_seen", lambda seen: {"name": seen.lane})


@tooth(
    "overlap",
    "double",
    "order",
    focus=_narrow(
        "ask_staff",
        "ask_staff",
        "ask_staff",
        "ask_staff",
        workers=2,
        fault=0.0,
        freeze=0.12,
        slow=1.0,
        within=300_000,
        poke_loss=0.0,
    ),
)
def the_epoch_is_ignored(patch: Patch) -> None:
    """A worker whose lane was taken over goes on writing and sending."""
    patch.setattr(delivery, "fence", lambda *_: None)


@tooth("overlap", focus=_narrow("edit_contact", "ask_staff", "pay", workers=2, poke_loss=0.0))
def the_lease_is_shorter_than_the_call(patch: Patch) -> None:
    """A lease of a second, for calls of half a minute."""
    patch.setattr(Runtime, "lease", property(lambda _self: timedelta(seconds=1)))


@tooth("order", focus=_narrow("set_autopay", "set_autopay", "set_autopay", characters=_LOOKED_UP, workers=2))
def a_later_change_overtakes(patch: Patch) -> None:
    """A change does not wait behind an unresolved earlier one of the same thing."""
    patch.setattr(order._Blocked, "holds", lambda _self, _effect: False)


@tooth("stuck", focus=_narrow("pay", "edit_contact", workers=1))
def the_sweep_sees_nothing(patch: Patch) -> None:
    """Work that nobody was told of is never found."""
    patch.setattr(reading, "due_lanes", lambda *_: ())


@tooth("review_untold", focus=_narrow("pay", "set_autopay", characters=(Character.BLIND,)))
def there_is_no_staff_task(patch: Patch) -> None:
    """What is left to a person is told to none"""
    patch.setattr(courier.Courier, "_staff_task", lambda *_: ())


@tooth("review_untold", focus=_narrow(
    "edit_contact", "pay", characters=(Character.BLIND,), operator=6, fault=0.6,
    wish={"retries": 0, "polls": 7}))  # fmt: skip
def a_second_review_is_told_to_nobody(patch: Patch) -> None:
    """A step that is retried and unknown once more has the same staff task, which is there already"""
    patch.setattr(ReviewTask, "_prefix", property(lambda self: f"review.{self.stored.name}."))


# -- notices, cards, people ------------------------------------------------------------------------------------------


@tooth("edit_repeated_by_notice", "double", focus=_narrow("edit_contact", workers=1))
def a_failed_notice_repeats_the_edit(patch: Patch) -> None:
    """When a notice fails, the whole action is tried again."""
    real = delivery.Turn.record

    def record(self: delivery.Turn, writing: Writing) -> StoredEffect:
        after = real(self, writing)
        if writing.effect.after and writing.change.state is not EffectState.DONE:
            again = {"state": EffectState.WAITING.value, "ended": None, "due_at": self._now}
            self._connection.execute(
                update(effects).where(
                    effects.c.action_id == writing.effect.action_id, effects.c.name == writing.effect.after
                ).values(**again, version=effects.c.version + 1)
            )  # fmt: skip
        return after

    patch.setattr(delivery.Turn, "record", record)


@tooth("notice_doubled", focus=_narrow("edit_contact", workers=1))
def a_mail_gets_a_new_message_id(patch: Patch) -> None:
    """A mail that is sent again looks like another mail."""
    real = carriers.MailCarrier.execute

    def execute(self: carriers.MailCarrier, effect: Any, attempt: Attempt) -> Any:
        domain = f"{attempt.number}.invalid"
        other = replace(self, settings=replace(self.settings, message_id_domain=domain))
        return real(other, effect, attempt)

    patch.setattr(carriers.MailCarrier, "execute", execute)


@tooth("notice_lost", focus=_narrow("edit_contact", fault=0.0))
def the_notices_are_forgotten(patch: Patch) -> None:
    """An edit is written, and staff are not told."""
    patch.setattr(Planner, "_tell_staff", lambda *_a, **_k: ())


@tooth("sealed_resent", focus=_narrow("pay", wish={"means": "card"}, wait_ms=30_000))
def a_card_is_sent_again(patch: Patch) -> None:
    """A card is kept after a send, and used for another one."""

    def take(self: SealedValues, key: str) -> Any:
        value = self._waiting.get(key)
        if value is None:
            return None
        self._waiting[key], given = value.split(2)
        return given

    def unavailable(self: courier.Courier, effect: StoredEffect, error: UnavailableError) -> Any:
        return courier._Verdict(self._later(effect, error.message, error.code, error.retry_after))

    patch.setattr(SealedValues, "take", take)
    patch.setattr(SealedValues, "drop", lambda _self, _key: False)
    patch.setattr(courier.Courier, "_unavailable", unavailable)


@tooth("statement_ignored", focus=_narrow("pay", characters=(Character.BLIND,), judge_at_end=True))
def the_operator_is_ignored(patch: Patch) -> None:
    """What an operator states is thanked for, and not stored."""
    patch.setattr(desk, "resolve", lambda *_: None)


@tooth("double", focus=_narrow(
    "pay", characters=(Character.BLIND,), operator=4, wish={"retries": 3, "polls": 7}))  # fmt: skip
def a_retry_pays_what_was_paid_since(patch: Patch) -> None:
    """An operator's retry of a payment that was not sent does not ask whether the tenant has paid again since."""
    patch.setattr(desk, "_refuse_paid_since", lambda *_: None)


# -- what few ask for --------------------------------------------------------------------------------------------------


@tooth("double", focus=_narrow("pay", wish={"amount": SMALL, "retries": 5}, crash=0.03, within=10))
def the_click_key_expires(patch: Patch) -> None:
    """The key of a click is forgotten after 20 seconds, resolved or not"""
    real = Perform.__call__

    def call(self: Perform, decide: Any, **more: Any) -> Any:
        known = self.office.runtime.find_click(self)
        if known is not None and self.office.clock.now() - known.action.submitted_at > timedelta(seconds=20):
            return real(replace(self, key=f"{self.key}-new"), decide, **more).changed(key=self.key)
        return real(self, decide, **more)

    patch.setattr(Perform, "__call__", call)


def _paid_ahead(schedule: Schedule, dice: Dice) -> Schedule:
    """Somebody pays what is due, and then months ahead."""
    drawn: Schedule = _narrow("pay", "prepay", characters=_LOOKED_UP, workers=1, fault=0.35)(schedule, dice)
    first, then = (replace(wish, tenant="T2", rental="R2") for wish in drawn.wishes)
    return replace(drawn, wishes=(first, replace(then, start=60_000)))


@tooth("double", focus=_paid_ahead)
def charges_are_not_looked_for(patch: Patch) -> None:
    """Charges for months ahead are posted once more when the answer was lost: they are taken for absent"""
    patch.setattr(SimulatedAdapter, "_by_charges", lambda *_: Absent("nobody looked"))


@tooth("double", focus=_narrow("reserve", characters=_LOOKED_UP, workers=1))
def a_reservation_has_another_reference(patch: Patch) -> None:
    """A reservation is written with one reference and looked for by another"""
    real = SimulatedAdapter._by_reference

    def by_reference(self: SimulatedAdapter, effect: Any) -> Any:
        return real(self, effect.changed(reference="PB-OTHER0000000") if effect.kind == "reserve_unit" else effect)

    patch.setattr(SimulatedAdapter, "_by_reference", by_reference)


@tooth("sealed_resent", focus=_narrow("autopay_card", wait_ms=30_000))
def a_new_card_for_autopay_is_sent_again(patch: Patch) -> None:
    """The card somebody typed for autopay is kept after a send, and used for another one"""
    a_card_is_sent_again(patch)


def _asked_for(schedule: Schedule, dice: Dice) -> Schedule:
    """Staff ask for a payment; it is paid and withdrawn in the same moment."""
    drawn: Schedule = _narrow("ask_request", "pay_request", "withdraw_request", workers=1, fault=0.0, freeze=0.1)(
        schedule, dice
    )
    asks, pays, withdraws = drawn.wishes
    return replace(
        drawn, wishes=(asks, replace(pays, start=5_000), replace(withdraws, start=4_950 + dice.below(2_000)))
    )


@tooth("request_answered_twice", focus=_asked_for)
def a_request_is_not_looked_at_when_it_is_answered(patch: Patch) -> None:
    """What answers a request is stored without a look at whether it was answered since it was judged"""
    patch.setattr(intake, "refuse_answered_since", lambda *_: None)


@tooth("phantom", focus=_narrow("note_in_own", wish={"retries": 0}))
def a_rollback_is_ignored(patch: Patch) -> None:
    """What was submitted in a transaction of the portal's is committed at once, whatever becomes of that"""
    real = CallersTransactions.use

    def use(self: CallersTransactions, own: Any, work: Callable[[Any], Any]) -> Any:
        found = real(self, own, work)
        own.connection.driver_connection.execute("COMMIT")
        return found

    patch.setattr(CallersTransactions, "use", use)


TEETH = tuple(_TABLE)
"""All of them."""

assert LANE  # the adapter module is the one that the simulation uses


def table() -> str:
    """The planted bugs as the documentation shows them."""
    rows = [f"| {tooth.name.replace('_', ' ')} | {tooth.says} | {_kinds(tooth)} |" for tooth in TEETH]
    return "\n".join(["| planted bug | what it does | caught as |", "|---|---|---|", *rows])


def _kinds(tooth: Tooth) -> str:
    return ", ".join(f"`{kind}`" for kind in sorted(tooth.caught_as))
