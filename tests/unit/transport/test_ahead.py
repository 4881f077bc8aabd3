"""Work that is begun ahead: its class, its cost, its problem."""

from __future__ import annotations

import threading

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.calling import bytes_came, call_began, for_a_night, priority_of
from pmsbridge.ports.calls import Priority
from pmsbridge.transport.ahead import Ahead


def test_it_has_begun_before_anybody_takes_it_and_in_another_thread() -> None:
    began = threading.Event()

    def work() -> str:
        began.set()
        return threading.current_thread().name

    ahead = Ahead(work)

    assert began.wait(10)
    assert ahead.take() != threading.current_thread().name


def test_it_goes_as_the_work_that_began_it_and_counts_for_who_takes_it() -> None:
    def work() -> Priority:
        call_began()
        bytes_came(7)
        return priority_of(Priority.INTERACTIVE)

    with for_a_night() as first:
        ahead = Ahead(work)
    with for_a_night() as second:
        went_as = ahead.take()

    assert went_as is Priority.BATCH
    assert (first.calls, first.bytes_read) == (0, 0)
    assert (second.calls, second.bytes_read) == (1, 7)
    assert Ahead(work).take() is Priority.INTERACTIVE


def test_a_problem_is_raised_where_it_is_taken_with_its_cost() -> None:
    def work() -> None:
        call_began()
        raise UnavailableError("away")

    with for_a_night() as meter:
        ahead = Ahead(work)
        with pytest.raises(UnavailableError, match="away"):
            ahead.take()

    assert meter.calls == 1
