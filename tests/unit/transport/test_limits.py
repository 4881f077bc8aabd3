"""Lanes: how many at once, how fast, how many a month, and who goes first."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import structlog

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.calling import bytes_came, for_a_night
from pmsbridge.ports.calls import Admitted, CallAsk, GateAnswer
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.limits import InMemoryGate, LaneLimiter, LaneLimits, Priority

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

    def limiter(self, limits: LaneLimits, gate: InMemoryGate | None = None) -> LaneLimiter:
        return LaneLimiter(limits, gate=gate, clock=self.now, monotonic=self.monotonic, sleep=self.sleep)

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
    gate = InMemoryGate(clock.monotonic)
    limiter = clock.limiter(LaneLimits(monthly_calls=2), gate)
    for _ in range(2):
        with limiter.slot("a", deadline=clock.deadline()):
            pass

    for _ in range(3):
        with pytest.raises(UnavailableError) as caught, limiter.slot("a", deadline=clock.deadline()):
            pass

    assert caught.value.code == "monthly_budget_spent"
    assert caught.value.retry_after == timedelta(hours=1)
    assert gate.calls("a", "2026-05") == 2
    clock.sleep(3600)
    with limiter.slot("a", deadline=clock.deadline()):
        pass
    assert gate.calls("a", "2026-06") == 1


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


def test_a_month_without_a_number_is_never_spent_and_never_warned_of() -> None:
    assert LaneLimits().refused_beyond is None
    assert not LaneLimits().warrants_warning(10**9)
    assert LaneLimits(monthly_calls=10).refused_beyond == 10


def test_calls_beyond_those_that_are_included_are_warned_of_and_made() -> None:
    clock = Clock()
    gate = InMemoryGate(clock.monotonic)
    limiter = clock.limiter(LaneLimits(monthly_calls=2, stop_at_monthly_calls=False, warn_at_percent=100), gate)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            with limiter.slot("a", deadline=clock.deadline()):
                pass

    assert gate.calls("a", "2026-05") == 5
    assert [log["event"] for log in logs] == ["monthly_calls_nearly_spent"]


def test_a_call_counts_under_its_own_name_and_takes_the_slot_of_its_lane() -> None:
    clock = Clock()
    gate = InMemoryGate(clock.monotonic)
    limiter = clock.limiter(LaneLimits(monthly_calls=1), gate)
    for place in ("a:1", "a:2"):
        with limiter.slot("a", deadline=clock.deadline(), counted_as=place):
            pass

    with (
        pytest.raises(UnavailableError, match="spent"),
        limiter.slot("a", deadline=clock.deadline(), counted_as="a:2"),
    ):
        pass
    assert (gate.calls("a:1", "2026-05"), gate.calls("a:2", "2026-05"), gate.calls("a", "2026-05")) == (1, 1, 0)


def test_a_limiter_that_is_past_its_deadline_sends_nothing() -> None:
    with (
        pytest.raises(UnavailableError, match="nothing was sent"),
        LaneLimiter(LaneLimits()).slot("a", deadline=Deadline(timedelta(0))),
    ):
        pass


class AwayGate:
    """A gate that cannot be asked; it remembers who tried to give something back."""

    def __init__(self, *, lets_in: bool) -> None:
        self.lets_in = lets_in
        self.left: list[str] = []

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
        if self.lets_in:
            return Admitted(1)
        raise UnavailableError("the database cannot be used now", code="database_unavailable")

    def renew(self, ask: CallAsk) -> None:
        raise UnavailableError("away", code="database_unavailable")

    def leave(self, ask: CallAsk) -> None:
        self.left.append(ask.ticket)
        raise UnavailableError("away", code="database_unavailable")


def test_a_gate_that_cannot_be_asked_refuses_the_call_before_it_is_made() -> None:
    gate = AwayGate(lets_in=False)
    limiter = LaneLimiter(LaneLimits(), gate=gate)
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught, limiter.slot("a", deadline=Deadline(SOON)):
            raise AssertionError("the call was made")
        assert caught.value.code == "database_unavailable"

    # The answer alone may have been lost: what may have been taken is given back.
    assert len(gate.left) == 2


def test_who_never_asked_the_gate_gives_nothing_back() -> None:
    gate = AwayGate(lets_in=True)
    limiter = LaneLimiter(LaneLimits(), gate=gate)
    with limiter.slot("a", deadline=Deadline(SOON)):
        for span in (timedelta(0), timedelta(milliseconds=20)):
            with pytest.raises(UnavailableError), limiter.slot("a", deadline=Deadline(span)):
                raise AssertionError("two were inside")
        assert gate.left == []

    assert len(gate.left) == 1


def test_a_gate_that_cannot_be_left_does_not_change_what_became_of_the_call() -> None:
    gate = AwayGate(lets_in=True)
    limiter = LaneLimiter(LaneLimits(), gate=gate)
    made = []
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            with limiter.slot("a", deadline=Deadline(SOON)):
                made.append(1)

    assert len(made) == 2
    assert [log["event"] for log in logs] == ["gate_not_left"] * 2


def test_a_long_call_with_a_short_lease_is_renewed_until_it_ends() -> None:
    renewals: list[str] = []
    twice = threading.Event()

    class Gate(InMemoryGate):
        def renew(self, ask: CallAsk) -> None:
            renewals.append(ask.ticket)
            super().renew(ask)
            if len(renewals) > 1:
                twice.set()

    limiter = LaneLimiter(LaneLimits(), gate=Gate())
    with limiter.slot("a", deadline=Deadline(timedelta(seconds=30)), lease=timedelta(seconds=0.06)):
        assert twice.wait(20)

    assert len(set(renewals)) == 1
    assert not any(thread.name == "pmsbridge-gate" for thread in threading.enumerate())


def test_the_lease_outlives_the_deadline_of_the_call() -> None:
    asks: list[CallAsk] = []

    class Gate(InMemoryGate):
        def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
            asks.append(ask)
            return super().enter(ask, again=again)

    limiter = LaneLimiter(LaneLimits(), gate=Gate())
    with limiter.slot("a", deadline=Deadline(timedelta(seconds=20))):
        pass

    assert asks[0].lease > timedelta(seconds=25)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12 on, where threads run
def test_a_process_that_was_forked_in_the_middle_of_a_call_has_its_own_slots() -> None:
    limiter = LaneLimiter(LaneLimits())
    with limiter.slot("a", deadline=Deadline(SOON)):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with limiter.slot("a", deadline=Deadline(SOON)):
                    os.write(write, b"in")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(write)
        with os.fdopen(read, "rb") as told:
            assert told.read() == b"in"


# -- what a night may do -----------------------------------------------------------------------------------------------


def test_inside_a_night_every_call_stands_behind_people_whatever_it_asks_for() -> None:
    clock, gate = Clock(), Recorded()
    limiter = clock.limiter(LaneLimits(), gate)
    with for_a_night() as night:
        for asked in (Priority.INTERACTIVE, Priority.BATCH):
            with limiter.slot("a", deadline=clock.deadline(), priority=asked):
                bytes_came(100)
    with limiter.slot("a", deadline=clock.deadline()):
        bytes_came(7)

    assert gate.asked == [Priority.BATCH, Priority.BATCH, Priority.INTERACTIVE]
    assert (night.calls, night.bytes_read) == (2, 200)


def test_what_a_part_of_a_night_costs_counts_for_the_night_also_when_it_fails() -> None:
    def part() -> None:
        with for_a_night():
            bytes_came(5)
            raise UnavailableError("away")

    with for_a_night() as night:
        with pytest.raises(UnavailableError):
            part()
        bytes_came(1)

    assert night.bytes_read == 6


def test_the_last_calls_of_a_month_are_kept_for_people() -> None:
    clock = Clock()
    gate = InMemoryGate(clock.monotonic)
    limiter = clock.limiter(LaneLimits(monthly_calls=20, nights_percent=90), gate)

    def call(priority: Priority) -> None:
        with limiter.slot("a", deadline=clock.deadline(), priority=priority):
            pass

    for _ in range(18):
        call(Priority.BATCH)
    with pytest.raises(UnavailableError, match="kept for people") as night:
        call(Priority.BATCH)
    call(Priority.INTERACTIVE)
    call(Priority.WRITE)
    with pytest.raises(UnavailableError, match="are spent") as person:
        call(Priority.INTERACTIVE)

    assert (night.value.code, person.value.code) == ("nights_budget_spent", "monthly_budget_spent")
    assert gate.calls("a", "2026-05") == 20


def test_a_bound_that_refuses_nothing_and_one_too_small_to_share_keep_nothing() -> None:
    assert LaneLimits().batch_refused_beyond is None
    assert LaneLimits(monthly_calls=100, stop_at_monthly_calls=False).batch_refused_beyond is None
    assert LaneLimits(monthly_calls=10).batch_refused_beyond == 10
    assert LaneLimits(monthly_calls=10_000).batch_refused_beyond == 9_500


class Recorded(InMemoryGate):
    """A gate that remembers as what each call came."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Priority] = []

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
        self.asked.append(ask.priority)
        return super().enter(ask, again=again)
