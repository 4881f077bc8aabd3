"""Whose turn it is: classes before arrival, spacing, leases, and a line that forgets the dead."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.ports.calls import CallAsk, LaneLimits, Priority
from pmsbridge.ports.turns import KEPT_SECONDS, Inside, Line, Waiting, document_of, left, line_of, renewed, turn

TICKETS = count()


def ask(
    priority: Priority = Priority.INTERACTIVE, limits: LaneLimits | None = None, *, ticket: str = "", lease: float = 60
) -> CallAsk:
    return CallAsk(
        "a", ticket or f"t{next(TICKETS)}", priority, limits or LaneLimits(), timedelta(seconds=lease), "a", "2026-05"
    )


def test_one_is_inside_and_the_next_waits_until_it_leaves() -> None:
    first, second = ask(), ask()
    line, wait = turn(Line(), first, 0)
    assert wait is None

    line, wait = turn(line, second, 1)
    assert wait is not None
    assert (wait.pause, wait.ahead) == (None, 0)

    line, wait = turn(left(line, first), second, 2)
    assert wait is None
    assert [call.ticket for call in line.inside] == [second.ticket]
    assert line.waiting == ()


def test_a_newcomer_of_the_same_class_does_not_overtake_who_waits() -> None:
    holder, early, late = ask(), ask(), ask()
    line, _ = turn(Line(), holder, 0)
    line, _ = turn(line, early, 1)
    line = left(line, holder)

    line, wait = turn(line, late, 2)
    assert wait is not None
    assert wait.ahead == 1

    _, wait = turn(line, early, 2.1)
    assert wait is None


def test_a_place_keeps_its_arrival_however_often_it_is_asked_for() -> None:
    holder, early, late = ask(), ask(), ask()
    line, _ = turn(Line(), holder, 0)
    for now in (1.0, 1.5, 2.0):
        line, _ = turn(line, early, now)
        line, _ = turn(line, late, now + 0.1)

    assert [place.since for place in sorted(line.waiting, key=lambda place: place.order)] == [1.0, 1.1]
    assert min(line.waiting, key=lambda place: place.order).ticket == early.ticket


def test_a_person_goes_before_a_write_and_a_write_before_a_night_whoever_came_first() -> None:
    holder = ask()
    night, write, person = ask(Priority.BATCH), ask(Priority.WRITE), ask(Priority.INTERACTIVE)
    line, _ = turn(Line(), holder, 0)
    for number, one in enumerate((night, write, person)):
        line, _ = turn(line, one, 1 + number / 10)
    line = left(line, holder)

    for one in (night, write):
        line, wait = turn(line, one, 2)
        assert wait is not None
    for one in (person, write, night):
        line, wait = turn(line, one, 2)
        assert wait is None
        line = left(line, one)


def test_who_died_waiting_holds_nobody_up_for_long() -> None:
    holder, dead, night = ask(), ask(Priority.INTERACTIVE), ask(Priority.BATCH)
    line, _ = turn(Line(), holder, 0)
    line, _ = turn(line, dead, 1)
    line = left(line, holder)

    assert turn(line, night, 1 + KEPT_SECONDS - 0.1)[1] is not None
    assert turn(line, night, 1 + KEPT_SECONDS)[1] is None


def test_a_slot_that_nobody_gives_back_is_free_after_its_lease() -> None:
    dead, next_one = ask(lease=30), ask()
    line, _ = turn(Line(), dead, 0)

    assert turn(line, next_one, 29.9)[1] is not None
    assert turn(line, next_one, 30)[1] is None


def test_a_renewed_lease_begins_anew_and_a_lost_one_stays_lost() -> None:
    held, other = ask(lease=30), ask()
    line, _ = turn(Line(), held, 0)

    assert renewed(line, held, 20).inside == (Inside(held.ticket, 50),)
    assert renewed(line, held, 31) == line
    assert renewed(line, other, 20) == line


def test_calls_of_several_askers_are_spaced_by_the_rate() -> None:
    limits = LaneLimits(concurrency=4, calls_per_second=Decimal(2))
    line, wait = turn(Line(), ask(limits=limits), 10)
    assert wait is None

    early, late = ask(limits=limits), ask(limits=limits)
    line, wait = turn(line, early, 10.1)
    assert wait is not None
    assert wait.pause == timedelta(seconds=0.4)
    line, wait = turn(line, late, 10.1)
    assert wait is not None
    assert (wait.pause, wait.ahead) == (None, 1)
    line, wait = turn(line, early, 10.5)
    assert wait is None
    assert line.next_start == 11.0


def test_a_clock_that_was_set_back_stops_a_lane_for_no_longer_than_the_spacing() -> None:
    limits = LaneLimits(concurrency=4, calls_per_second=Decimal(2))

    _, wait = turn(Line(next_start=10_000), ask(limits=limits), 10)

    assert wait is not None
    assert wait.pause == timedelta(seconds=0.5)


def test_a_line_survives_being_written_down() -> None:
    line = Line((Inside("a", 1.25),), (Waiting(1, 0.5, "b", 3.5),), 2.0)

    assert line_of(json.loads(json.dumps(document_of(line)))) == line


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "die"]), st.integers(0, 5), st.floats(0, 2)), min_size=1, max_size=60
)


@given(STEPS, st.integers(1, 3))
def test_never_more_living_calls_than_the_concurrency_and_never_an_overtaking(
    steps: list[tuple[str, int, float]], concurrency: int
) -> None:
    limits = LaneLimits(concurrency=concurrency)
    people = [
        CallAsk("a", f"p{number}", Priority(number % 3), limits, timedelta(seconds=20), "a", "2026-05")
        for number in range(6)
    ]
    line, now, inside = Line(), 0.0, set[str]()
    for what, who, pause in steps:
        now += pause
        person = people[who]
        if what == "leave":
            line = left(line, person)
            inside.discard(person.ticket)
        elif what == "ask" and person.ticket not in inside:
            waiting = [place for place in line.waiting if place.until > now and place.ticket != person.ticket]
            line, wait = turn(line, person, now)
            if wait is None:
                inside.add(person.ticket)
                assert sum(place.priority < int(person.priority) for place in waiting) < concurrency
        inside = {call.ticket for call in line.inside if call.until > now and call.ticket in inside}
        assert len([call for call in line.inside if call.until > now]) <= concurrency
