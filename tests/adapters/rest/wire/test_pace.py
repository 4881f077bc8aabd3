"""So many calls in so much time, for all processes; and nobody asks before the back office said so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.calls import Priority
from pmsbridge.transport.http import Deadline
from pmsbridge.transport.limits import InMemoryGate
from pmsbridge_rest.wire.budgets import Budgets, CallBudget
from pmsbridge_rest.wire.told_to_wait import CounterHeaders, PointsLeft, ToldToWait

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Hands:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += max(seconds, 0.001)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.at)

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(timedelta(seconds=seconds), clock=self.now, monotonic=self.monotonic)


def budgets(hands: Hands, *listed: CallBudget, gate: Any = None) -> Budgets:
    return Budgets("rest:main", listed, gate=gate, monotonic=hands.monotonic, sleep=hands.sleep)


def enter(made: Budgets, hands: Hands, path: str = "/x", *, is_write: bool = False, within: float = 1000) -> float:
    made.enter(path, hands.deadline(within), is_write=is_write, priority=Priority.INTERACTIVE)
    return hands.at


@given(st.integers(1, 5), st.integers(1, 20), st.lists(st.integers(0, 8), min_size=1, max_size=30))
def test_no_span_sees_more_calls_than_allowed(calls: int, seconds: int, gaps: list[int]) -> None:
    hands = Hands()
    made = budgets(hands, CallBudget(calls, timedelta(seconds=seconds)))

    began = []
    for gap in gaps:
        hands.at += gap
        began.append(enter(made, hands))

    for place, at in enumerate(began):
        assert sum(at <= other < at + seconds for other in began[place:]) <= calls


def test_a_burst_goes_at_once_and_the_next_waits_for_the_span() -> None:
    hands = Hands()
    made = budgets(hands, CallBudget(3, timedelta(seconds=10)))

    assert [enter(made, hands) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert 10 <= enter(made, hands) < 11


def test_all_budgets_hold_and_each_counts_its_own() -> None:
    hands = Hands()
    made = budgets(
        hands,
        CallBudget(2, timedelta(seconds=1)),
        CallBudget(1, timedelta(minutes=1), of="writes"),
        CallBudget(1, timedelta(hours=1), paths=("/reports",)),
    )
    enter(made, hands, is_write=True)

    assert enter(made, hands) == 0.0
    assert 60 <= enter(made, hands, is_write=True) < 61
    assert enter(made, hands, "/reports/1") < 63
    with pytest.raises(UnavailableError) as spent:
        enter(made, hands, "/reports/2", within=30)
    assert spent.value.code == "budget_spent"


def test_processes_that_share_a_gate_share_the_budget() -> None:
    hands = Hands()
    gate = InMemoryGate(hands.monotonic)
    one, two = (budgets(hands, CallBudget(2, timedelta(seconds=10)), gate=gate) for _ in range(2))

    assert enter(one, hands) == enter(two, hands) == 0.0
    assert enter(two, hands) >= 10


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(1, 3))
def test_a_large_budget_is_never_exceeded_whoever_calls(gaps: list[int], processes: int) -> None:
    """300 calls in 600 s are 100 slots of 3 calls each."""
    hands = Hands()
    gate = InMemoryGate(hands.monotonic)
    budget = CallBudget(300, timedelta(seconds=600))
    made = [budgets(hands, budget, gate=gate) for _ in range(processes)]

    began = []
    for place, gap in enumerate(gaps):
        hands.at += gap
        began += [enter(made[(place + n) % processes], hands, within=10_000) for n in range(8)]

    for place, at in enumerate(began):
        assert sum(at <= other < at + 600 for other in began[place:]) <= 300


@pytest.mark.parametrize(("pause", "rest"), [(29, 0), (629, 2)])
def test_calls_left_of_a_slot_never_lead_beyond_the_budget(pause: int, rest: int) -> None:
    """One call of a slot of three is made, the others later: they count from when they are made."""
    hands = Hands()
    made = budgets(hands, CallBudget(300, timedelta(seconds=600)))
    began = [enter(made, hands)]
    hands.at += pause
    began += [enter(made, hands), enter(made, hands)]
    hands.at += rest

    began += [enter(made, hands, within=10_000) for _ in range(310)]

    for place, at in enumerate(began):
        assert sum(at <= other < at + 600 for other in began[place:]) <= 300


def test_a_large_budget_may_be_spent_in_one_burst() -> None:
    hands = Hands()
    made = budgets(hands, CallBudget(1000, timedelta(hours=1)))

    assert {enter(made, hands) for _ in range(1000)} == {0.0}
    assert enter(made, hands, within=5000) >= 3600


def told(hands: Hands, counter: CounterHeaders | None = None) -> ToldToWait:
    return ToldToWait(
        timedelta(milliseconds=200), counter, clock=hands.now, monotonic=hands.monotonic, sleep=hands.sleep
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({}, 0.2),
        ({"retry-after": "soon"}, 0.2),
        ({"retry-after": "999999"}, 3600),
    ],
)
def test_later_lasts_as_long_as_was_said(headers: dict[str, str], seconds: float) -> None:
    hands = Hands()
    made = told(hands)

    made.later(headers)

    assert made.left() == pytest.approx(seconds)
    made.keep(hands.deadline(5000))
    assert hands.at == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("reset_is", "reset", "seconds"),
    [
        ("seconds", "12", 12),
        ("epoch", str(int(NOW.timestamp()) + 12), 12),
        ("date", format_datetime(NOW + timedelta(seconds=12), usegmt=True), 12),
        ("seconds", "-3", 0),
        ("epoch", "0", 0),
        ("seconds", "many", 0.2),
        ("date", "never", 0.2),
        ("seconds", "1e99", 3600),
    ],
)
def test_a_counter_at_nothing_holds_everybody_until_it_begins_again(reset_is: Any, reset: str, seconds: float) -> None:
    made = told(Hands(), CounterHeaders("X-Left", "X-Reset", reset_is))

    made.noted({"x-left": "3", "x-reset": reset})
    assert made.left() == 0
    made.noted({"x-left": "0", "x-reset": reset})

    assert made.left() == pytest.approx(seconds or 0.2, abs=0.21)


def test_a_longer_wait_stays_and_one_beyond_the_deadline_fails_at_once() -> None:
    hands = Hands()
    made = told(hands)
    made.hold(timedelta(seconds=50))
    made.hold(timedelta(seconds=5))

    with pytest.raises(UnavailableError) as early:
        made.keep(hands.deadline(20))

    assert early.value.retry_after == timedelta(seconds=50)
    assert hands.at == 0


@pytest.mark.parametrize(
    ("left", "wanted", "seconds"), [(100, 10, 0), (10, 10, 0), (4, 10, 3), (0, None, 0.5), (None, 10, 0), ("4", 10, 0)]
)
def test_points_that_are_missing_hold_everybody_until_they_are_back(left: Any, wanted: Any, seconds: float) -> None:
    hands = Hands()
    points = PointsLeft(lambda d: d["left"], lambda d: d["rate"], lambda d: d["wanted"])
    made = ToldToWait(timedelta(milliseconds=200), None, points, monotonic=hands.monotonic, sleep=hands.sleep)

    made.noted({}, {"left": left, "wanted": wanted, "rate": 2})

    assert made.left() == pytest.approx(seconds)
