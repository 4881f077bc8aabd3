"""Lanes: how many at once, how fast, how many a month, and who goes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import structlog

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.limits import CallBudget, InMemoryCallCounter, LaneLimiter, LaneLimits, Priority

SOON = timedelta(seconds=5)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.start = datetime(2026, 5, 31, 23, 0, tzinfo=UTC)
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds

    def limiter(self, limits: LaneLimits, counter: InMemoryCallCounter | None = None) -> LaneLimiter:
        return LaneLimiter(limits, counter=counter, clock=self.now, monotonic=self.monotonic, sleep=self.sleep)

    def deadline(self, span: timedelta = SOON) -> Deadline:
        return Deadline(span, clock=self.now, monotonic=self.monotonic)


def test_calls_are_spaced_by_the_rate() -> None:
    clock = Clock()
    limiter = clock.limiter(LaneLimits(calls_per_second=Decimal(4)))
    starts = []
    for _ in range(4):
        with limiter.slot("a", deadline=clock.deadline()):
            starts.append(clock.seconds)

    assert starts == pytest.approx([0, 0.25, 0.5, 0.75])


def test_lanes_do_not_slow_each_other() -> None:
    clock = Clock()
    limiter = clock.limiter(LaneLimits(calls_per_second=Decimal(1)))
    with limiter.slot("a", deadline=clock.deadline()), limiter.slot("b", deadline=clock.deadline()):
        pass

    assert clock.naps == []


def test_a_wait_that_would_outlast_the_deadline_is_refused_at_once() -> None:
    clock = Clock()
    limiter = clock.limiter(LaneLimits(calls_per_second=Decimal("0.1")))
    with limiter.slot("a", deadline=clock.deadline()):
        pass

    with (
        pytest.raises(UnavailableError, match="nothing was sent") as caught,
        limiter.slot("a", deadline=clock.deadline()),
    ):
        pass

    assert caught.value.code == "lane_busy"
    assert caught.value.retry_after == timedelta(seconds=10)
    assert clock.naps == []


def test_a_lane_that_stays_taken_is_refused_at_the_deadline() -> None:
    limiter = LaneLimiter(LaneLimits())
    with limiter.slot("a", deadline=Deadline(SOON)):
        with pytest.raises(UnavailableError) as caught, limiter.slot("a", deadline=Deadline(timedelta(seconds=0.1))):
            pass
        assert caught.value.code in {"lane_busy", "deadline"}

    with limiter.slot("a", deadline=Deadline(SOON)):
        pass


def test_a_slot_is_given_back_when_the_call_fails() -> None:
    limiter = LaneLimiter(LaneLimits())
    with pytest.raises(KeyError), limiter.slot("a", deadline=Deadline(SOON)):
        raise KeyError

    with limiter.slot("a", deadline=Deadline(timedelta(seconds=0.5))):
        pass


@pytest.mark.parametrize("concurrency", [1, 3])
def test_never_more_than_the_concurrency_are_inside(concurrency: int) -> None:
    limiter = LaneLimiter(LaneLimits(concurrency=concurrency))
    inside: list[int] = []
    most: list[int] = []
    full = threading.Event()

    def work() -> None:
        for _ in range(5):
            with limiter.slot("a", deadline=Deadline(timedelta(seconds=20))):
                inside.append(1)
                most.append(len(inside))
                if len(inside) == concurrency:
                    full.set()
                full.wait(10)
                inside.pop()

    run_all([work] * concurrency * 3)

    assert max(most) == concurrency


def run_all(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_a_waiting_person_goes_before_a_write_and_a_write_before_a_night() -> None:
    limiter = LaneLimiter(LaneLimits())
    order: list[Priority] = []

    def wait(priority: Priority) -> None:
        with limiter.slot("a", deadline=Deadline(timedelta(seconds=20)), priority=priority):
            order.append(priority)

    arrivals = [
        Priority.BATCH,
        Priority.WRITE,
        Priority.BATCH,
        Priority.INTERACTIVE,
        Priority.WRITE,
        Priority.INTERACTIVE,
    ]
    with limiter.slot("a", deadline=Deadline(SOON)):
        threads = []
        for waiting, priority in enumerate(arrivals, start=1):
            thread = threading.Thread(target=wait, args=(priority,))
            thread.start()
            threads.append(thread)
            until(lambda waiting=waiting: len(limiter._lanes["a"].waiting) == waiting)  # type: ignore[misc]
    for thread in threads:
        thread.join(20)

    assert order == sorted(arrivals)


def until(true: Callable[[], bool]) -> None:
    over = threading.Event()
    for _ in range(1000):
        if true():
            return
        over.wait(0.005)
    raise AssertionError("it never came true")


def test_a_spent_month_is_refused_until_the_next_and_not_counted() -> None:
    clock = Clock()
    counter = InMemoryCallCounter()
    limiter = clock.limiter(LaneLimits(monthly_calls=2), counter)
    for _ in range(2):
        with limiter.slot("a", deadline=clock.deadline()):
            pass

    for _ in range(3):
        with pytest.raises(UnavailableError) as caught, limiter.slot("a", deadline=clock.deadline()):
            pass

    assert caught.value.code == "monthly_budget_spent"
    assert caught.value.retry_after == timedelta(hours=1)
    assert counter.add("a", "2026-05", 0) == 2
    clock.sleep(3600)
    with limiter.slot("a", deadline=clock.deadline()):
        pass
    assert counter.add("a", "2026-06", 0) == 1


def test_a_person_is_warned_once_a_month_when_the_share_is_reached() -> None:
    clock = Clock()
    limiter = clock.limiter(LaneLimits(monthly_calls=10, warn_at_percent=80))
    with structlog.testing.capture_logs() as logs:
        for _ in range(10):
            with limiter.slot("a", deadline=clock.deadline()):
                pass

    assert [log["event"] for log in logs] == ["monthly_calls_nearly_spent"]
    assert (logs[0]["calls"], logs[0]["limit"], logs[0]["log_level"]) == (8, 10, "warning")


def test_a_lane_needs_room_and_a_pace() -> None:
    with pytest.raises(ValueError, match="concurrency"):
        LaneLimits(concurrency=0)
    with pytest.raises(ValueError, match="calls_per_second"):
        LaneLimits(calls_per_second=Decimal(0))


def test_a_budget_without_a_number_is_never_spent() -> None:
    assert not CallBudget(None).is_spent(10**9)
    assert not CallBudget(None).warrants_warning(10**9)
    assert CallBudget(10).is_spent(11)
    assert not CallBudget(10).is_spent(10)


def test_a_limiter_that_is_past_its_deadline_sends_nothing() -> None:
    with (
        pytest.raises(UnavailableError, match="nothing was sent"),
        LaneLimiter(LaneLimits()).slot("a", deadline=Deadline(timedelta(0))),
    ):
        pass
