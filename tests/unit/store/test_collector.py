"""Batches without the collector of circular garbage: never for long, and never where somebody else switched it off."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator

import pytest

from pmsbridge.store import collector
from pmsbridge.store.collector import Unsearched


@pytest.fixture(autouse=True)
def _collector_is_on() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_it_is_off_until_the_last_one_is_out() -> None:
    unsearched = Unsearched()
    with unsearched:
        with unsearched:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_on_again_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Unsearched():
        1 / 0  # noqa: B018
    assert gc.isenabled()


def test_where_somebody_has_switched_it_off_it_stays_off() -> None:
    gc.disable()
    with Unsearched():
        pass
    assert not gc.isenabled()


def test_where_there_is_always_a_batch_it_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    unsearched = Unsearched()
    with unsearched:
        now += 9
        with unsearched:
            assert not gc.isenabled()
        now += 2
        with unsearched:
            assert gc.isenabled()
        assert gc.isenabled()
    with unsearched:
        assert not gc.isenabled()


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
            was_on = gc.isenabled()
            with collector.unsearched:
                is_off = not gc.isenabled()
            os._exit(0 if was_on and is_off and gc.isenabled() else 1)
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
    assert gc.isenabled()
