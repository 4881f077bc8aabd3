from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from pmsbridge.actions.effects import AddNote, CancelMoveOut, EffectBody, ScheduleMoveOut, SetAutopay, TakePayment
from pmsbridge.errors import UnsupportedError
from pmsbridge.ports.capability import Dedup, EffectHandlers, Support, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from tests.unit.model.specimens import DAY, PAY, PLACE

ATTEMPT = Attempt(key="k")
RECEIPT = Receipt(evidence="done", at=datetime(2026, 11, 21, tzinfo=UTC))
CANCEL = CancelMoveOut(**PLACE, tenant_id="T1", rental_id="R1")
SCHEDULE = ScheduleMoveOut(**PLACE, tenant_id="T1", rental_id="R1", leaving_on=DAY, notice_given_on=DAY)


class Office(EffectHandlers):
    """Takes payments natively and schedules move-outs as a task."""

    def __init__(self) -> None:
        self.sent: list[EffectBody] = []

    @handles(TakePayment, dedup=Dedup.REFERENCE, absence_conclusive=True, source="manual p. 7")
    def _pay(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        self.sent.append(effect)
        return RECEIPT

    @probes(TakePayment)
    def _find_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:
        return Found(RECEIPT) if effect in self.sent else Absent("no payment")

    @baselines(TakePayment)
    def _before_payment(self, effect: TakePayment) -> Mapping[str, str]:
        return {"payments": str(len(self.sent))}

    @handles(ScheduleMoveOut, support=Support.EMULATED, dedup=Dedup.NONE, source="none such")
    def _schedule(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        self.sent.append(effect)
        return RECEIPT


def test_the_table_is_collected_from_the_handlers() -> None:
    assert sorted(Office.capabilities) == ["schedule_move_out", "take_payment"]
    pay, schedule = Office.capabilities["take_payment"], Office.capabilities["schedule_move_out"]
    assert (pay.support, pay.dedup, pay.absence_conclusive, pay.can_probe) == (
        Support.NATIVE,
        Dedup.REFERENCE,
        True,
        True,
    )
    assert (schedule.support, schedule.absence_conclusive, schedule.can_probe) == (Support.EMULATED, False, False)
    assert all(row.effect == kind and row.source for kind, row in Office.capabilities.items())


def test_the_marked_methods_are_called() -> None:
    office = Office()

    assert office.probe(PAY, ATTEMPT) == Absent("no payment")
    assert office.baseline(PAY) == {"payments": "0"}
    assert office.execute(PAY, ATTEMPT) is RECEIPT
    assert office.probe(PAY, ATTEMPT) == Found(RECEIPT)


def test_an_effect_without_a_handler_is_refused_before_anything_is_tried() -> None:
    office = Office()

    with pytest.raises(UnsupportedError, match="cancel move out") as caught:
        office.execute(CANCEL, ATTEMPT)

    assert caught.value.code == "no_cancel_move_out"
    assert office.sent == []


def test_an_effect_without_a_look_cannot_be_told_and_needs_no_baseline() -> None:
    assert isinstance(Office().probe(SCHEDULE, ATTEMPT), CannotTell)
    assert Office().baseline(SCHEDULE) == {}


@pytest.mark.parametrize("mark", [probes, baselines])
def test_a_look_for_an_effect_that_is_not_handled_fails_when_the_class_is_made(mark: object) -> None:
    with pytest.raises(TypeError, match="does not handle"):
        type("Orphan", (Office,), {"_look": mark(SetAutopay)(lambda self, effect: None)})  # type: ignore[operator]


def test_a_subclass_adds_to_the_table_and_keeps_what_it_inherits() -> None:
    class Bigger(Office):
        @handles(AddNote, dedup=Dedup.REFERENCE, source="manual p. 9")
        def _note(self, effect: AddNote, attempt: Attempt) -> Receipt:
            return RECEIPT

    assert sorted(Bigger.capabilities) == ["add_note", "schedule_move_out", "take_payment"]
    assert "add_note" not in Office.capabilities
    assert Bigger.capabilities["take_payment"] == Office.capabilities["take_payment"]


def test_a_subclass_that_adds_a_look_says_so_in_the_table() -> None:
    class Looking(Office):
        @probes(ScheduleMoveOut)
        def _find(self, effect: ScheduleMoveOut, attempt: Attempt) -> Probed:
            return Absent("nothing")

    assert Looking.capabilities["schedule_move_out"].can_probe
    assert not Office.capabilities["schedule_move_out"].can_probe


def test_two_handlers_of_one_effect_are_refused() -> None:
    def _again(self: Office, effect: TakePayment, attempt: Attempt) -> Receipt:
        return RECEIPT

    def _once_more(self: Office, effect: TakePayment, attempt: Attempt) -> Receipt:
        return RECEIPT

    mark = handles(TakePayment, dedup=Dedup.NONE, source="x")
    with pytest.raises(TypeError, match="twice"):
        type("Double", (EffectHandlers,), {"_again": mark(_again), "_once_more": mark(_once_more)})


@pytest.mark.parametrize("source", ["", "  "])
def test_a_promise_names_its_source(source: str) -> None:
    with pytest.raises(TypeError, match="source"):
        handles(TakePayment, dedup=Dedup.NONE, source=source)


def test_the_table_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        Office.capabilities["take_payment"] = None  # type: ignore[index]


def test_a_handler_says_which_fields_of_its_effect_have_no_place_and_an_heir_keeps_saying_it() -> None:
    class Debits(Office):
        @handles(SetAutopay, dedup=Dedup.STATE, source="manual p. 9", without=("method",))
        def _debit(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
            return RECEIPT

    class Heir(Debits):
        pass

    assert Heir.capabilities["set_autopay"].without == {"method"}
    assert Heir.capabilities["take_payment"].without == frozenset()
    with pytest.raises(TypeError, match="set_autopay has no colour"):
        handles(SetAutopay, dedup=Dedup.STATE, source="manual p. 9", without=("colour",))
