"""Batches in which the collector of circular garbage seldom runs: it never stops, and what others set stays."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from pmsbridge.store import collector
from pmsbridge.store.collector import Unsearched
from pmsbridge.store.held_rows import HeldByHash
from pmsbridge.store.row_hash import RowHash

FEW = (700, 10, 10)


@pytest.fixture(autouse=True)
def _collector_as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*FEW)
    yield
    gc.enable()
    gc.set_threshold(*before)


def is_seldom() -> bool:
    return gc.get_threshold()[0] > 100 * FEW[0]


def test_it_is_seldom_until_the_last_one_is_out() -> None:
    unsearched = Unsearched()
    with unsearched:
        with unsearched:
            assert is_seldom()
        assert is_seldom()
    assert gc.get_threshold() == FEW


def test_a_batch_is_made_without_a_collection() -> None:
    begun = list[str]()

    def note(phase: str, _about: object) -> None:
        begun.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    try:
        with Unsearched():
            rows = [[number] for number in range(50_000)]
            assert begun == []
    finally:
        gc.callbacks.remove(note)
    assert len(rows) == 50_000


def test_it_is_as_it_was_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Unsearched():
        1 / 0  # noqa: B018
    assert gc.get_threshold() == FEW


@pytest.mark.parametrize("theirs", [(0, 10, 10), (10_000_000, 10, 10)])
def test_where_it_runs_more_seldom_or_never_it_stays_so(theirs: tuple[int, int, int]) -> None:
    gc.set_threshold(*theirs)
    with Unsearched():
        assert gc.get_threshold() == theirs
    assert gc.get_threshold() == theirs


def test_where_somebody_has_switched_it_off_it_stays_off() -> None:
    gc.disable()
    with Unsearched():
        pass
    assert not gc.isenabled()


def test_what_somebody_sets_meanwhile_stays() -> None:
    with Unsearched():
        gc.set_threshold(900, 5, 5)
    assert gc.get_threshold() == (900, 5, 5)


class Circle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.own = self


def test_while_a_single_batch_waits_garbage_of_others_is_collected() -> None:
    with Unsearched():
        first = weakref.ref(Circle())
        for _ in range(400_000):
            Circle()
        assert first() is None


@pytest.mark.parametrize("finds", [True, False])
def test_while_a_connection_is_waited_for_nobody_is_inside(finds: bool) -> None:
    class Waiting:
        @contextmanager
        def read(self) -> Iterator[Any]:
            assert not is_seldom()
            with closing(sqlite3.connect(":memory:")) as found:
                yield found

    def rows(_connection: Any, _text: str, _values: Any) -> list[tuple[bytes, int]]:
        assert is_seldom()
        return [(b"hash", 1)] if finds else []

    with (
        patch("pmsbridge.store.held_rows.driver_rows", rows),
        patch("pmsbridge.store.held_rows.is_postgresql", lambda _connection: False),
    ):
        held = HeldByHash.read(Waiting(), 1, "unit", RowHash(""))  # type: ignore[arg-type]

    assert (held is not None) is finds
    assert gc.get_threshold() == FEW


def test_a_fork_in_the_middle_of_a_batch_has_a_collector() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def batch() -> None:
        with collector.unsearched:
            begun.set()
            go_on.wait(20)

    thread = threading.Thread(target=batch)
    thread.start()
    begun.wait(20)
    try:
        child = os.fork()
        if not child:
            was_on = not is_seldom()
            with collector.unsearched:
                is_off = is_seldom()
            os._exit(0 if was_on and is_off and not is_seldom() else 1)
        began = time.monotonic()
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done or time.monotonic() - began > 20:
                break
            time.sleep(0.01)
    finally:
        go_on.set()
        thread.join()
    assert done == child
    assert os.waitstatus_to_exitcode(status) == 0
    assert gc.get_threshold() == FEW
