from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.dispatch.embedded import EmbeddedDispatcher
from pmsbridge.dispatch.inline import InlineDispatcher
from pmsbridge.dispatch.recovery import longest_end
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import UnavailableError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.stored import Route
from pmsbridge.testing.memory import Fault
from tests.engine.stage import WINDOW, Stage, edit, pay

QUICK = timedelta(milliseconds=50)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _soon(condition: Callable[[], bool]) -> bool:
    """Whether something becomes true while other threads work."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        if condition():
            return True
        threading.Event().wait(0.02)
    return False


def test_inline_everything_is_done_when_submit_returns(stage: Stage) -> None:
    runtime = stage.runtime()
    InlineDispatcher(runtime)

    view = runtime.submit(edit())

    assert {step.outcome for step in view.steps} == {Outcome.SETTLED}


def test_inline_a_drain_within_a_drain_waits_its_turn(stage: Stage) -> None:
    runtime = stage.runtime()
    dispatcher = InlineDispatcher(runtime)
    depth: list[int] = []
    honest = runtime.drain

    def counting(lane: str, **kwargs: object) -> object:
        depth.append(depth[-1] + 1 if depth else 1)
        try:
            return honest(lane, **kwargs)  # type: ignore[arg-type]
        finally:
            depth.append(depth[-1] - 1)

    runtime.drain = counting  # type: ignore[method-assign, assignment]
    runtime.journal.submit(edit(), {
        "edit": Route("memory:mem"), "mail": Route("mail"),
        "bulletin": Route("memory:mem"), "note": Route("memory:mem"),
    })  # fmt: skip
    dispatcher.poke("memory:mem")

    assert max(depth) == 1
    assert runtime.counts().open_effects == 0


def test_inline_an_error_of_the_database_never_leaves_a_poke(stage: Stage) -> None:
    runtime = stage.runtime()
    dispatcher = InlineDispatcher(runtime)
    runtime.drain = lambda _lane: (_ for _ in ()).throw(UnavailableError("away"))  # type: ignore[method-assign, assignment, misc]

    dispatcher.poke("lane")
    dispatcher.poke("lane", stage.clock.now() + timedelta(hours=1))


def test_inline_the_loop_sweeps_until_told_to_stop(stage: Stage) -> None:
    runtime = stage.runtime()
    dispatcher = InlineDispatcher(runtime, sweep_every=QUICK)
    stop = threading.Event()
    worker = threading.Thread(target=dispatcher.run, args=(runtime,), kwargs={"stop": stop})
    worker.start()
    runtime.journal.submit(pay(), {"payment": Route("memory:mem")})

    assert _soon(lambda: stage.payments() == 1)
    stop.set()
    worker.join(10)
    assert not worker.is_alive()
    assert dispatcher.health()["last_beat"] is not None
    assert dispatcher.tidy() == 0


def test_embedded_delivers_and_stops(stage: Stage) -> None:
    runtime = stage.runtime()
    dispatcher = EmbeddedDispatcher(runtime, concurrency=2, sweep_every=QUICK)
    assert not dispatcher.is_running
    dispatcher.start()
    dispatcher.start()
    try:
        view = runtime.submit(edit())
        assert view.outcome is Outcome.SETTLED
        assert _soon(lambda: runtime.counts().open_effects == 0)
        assert dispatcher.health()["running"]
        assert dispatcher.health()["threads"] == 3
    finally:
        assert dispatcher.stop()
    assert not dispatcher.is_running
    assert runtime.on_poke is None
    assert len(stage.sink.mails) == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("pmsbridge-")]


def test_embedded_a_person_does_not_wait_for_the_notices(stage: Stage) -> None:
    runtime = stage.runtime()
    pokes: list[str] = []
    runtime.on_poke = lambda lane, when: pokes.append(lane)

    view = runtime.submit(edit())

    assert view.outcome is Outcome.SETTLED
    assert {step.outcome for step in view.notices} == {Outcome.PENDING}
    assert {"mail", "memory:mem"} <= set(pokes)


def test_embedded_finds_what_no_poke_told_it_and_what_becomes_due_later(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.journal.submit(pay(), {"payment": Route("memory:mem")})
    dispatcher = EmbeddedDispatcher(runtime, concurrency=1, sweep_every=QUICK)
    dispatcher.start()
    try:
        assert _soon(lambda: bool(stage.office.calls_of("execute")))
        stage.later(WINDOW)
        assert _soon(lambda: runtime.counts().by_outcome == {Outcome.SETTLED: 1})
    finally:
        dispatcher.stop()
    assert stage.payments() == 1


def test_embedded_the_sweeper_and_the_workers_survive_a_database_that_goes_away(stage: Stage) -> None:
    runtime = stage.runtime()
    honest, failures = runtime.journal.due_lanes, [UnavailableError("away"), RuntimeError("odd")]

    def flaky() -> tuple[str, ...]:
        if failures:
            raise failures.pop()
        return honest()

    runtime.journal.due_lanes = flaky  # type: ignore[method-assign]
    drains = [RuntimeError("odd")]
    honest_drain = runtime.drain

    def flaky_drain(lane: str, **_how: object) -> object:
        if drains:
            raise drains.pop()
        return honest_drain(lane)

    runtime.drain = flaky_drain  # type: ignore[method-assign, assignment]
    runtime.journal.submit(pay(), {"payment": Route("memory:mem")})
    dispatcher = EmbeddedDispatcher(runtime, concurrency=1, sweep_every=QUICK)
    dispatcher.start()
    try:
        assert _soon(lambda: stage.payments() == 1)
    finally:
        dispatcher.stop()


def test_embedded_a_poke_for_later_waits_and_an_equal_one_is_not_kept_twice(stage: Stage) -> None:
    dispatcher = EmbeddedDispatcher(stage.runtime())
    soon = stage.clock.now() + timedelta(hours=1)

    dispatcher.poke("lane", soon)
    dispatcher.poke("lane", soon + timedelta(minutes=1))
    assert dispatcher.health()["waiting"] == 1
    dispatcher.poke("lane")
    assert dispatcher.health()["waiting"] == 2
    assert dispatcher._next() == "lane"


def test_embedded_a_forked_child_has_no_workers_and_may_start_its_own(stage: Stage) -> None:
    runtime = stage.runtime()
    dispatcher = EmbeddedDispatcher(runtime, concurrency=1, sweep_every=QUICK)
    dispatcher.start()
    assert _soon(lambda: dispatcher.health()["last_beat"] is not None)
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert not dispatcher.is_running
            assert runtime.on_poke is None
            dispatcher.start()
            # The parent's workers may be the ones to deliver it.
            action = runtime.submit(pay()).action_id
            assert _soon(lambda: runtime.action(action).outcome is Outcome.SETTLED)
            assert dispatcher.stop()
            code = 0
        finally:
            os.write(into, bytes([code]))
            os._exit(code)
    if not _soon(lambda: os.waitpid(child, os.WNOHANG) != (0, 0)):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.write(into, b"hung")
    try:
        assert os.read(out, 1) == b"\0"
        assert dispatcher.is_running
        assert runtime.on_poke is not None
    finally:
        dispatcher.stop()


def test_embedded_told_not_to_wait_it_does_not_wait(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = stage.runtime()
    held, entered = threading.Event(), threading.Event()

    def long_drain(_lane: str, **_how: object) -> None:
        entered.set()
        held.wait(60)

    runtime.drain = long_drain  # type: ignore[method-assign, assignment]
    asked: list[object] = []

    def told(runtime: Runtime) -> timedelta:
        asked.append(runtime)
        return longest_end(runtime)

    monkeypatch.setattr("pmsbridge.dispatch.embedded.longest_end", told)
    dispatcher = EmbeddedDispatcher(runtime, concurrency=1, sweep_every=QUICK)
    dispatcher.start()
    dispatcher.poke("lane")
    assert entered.wait(20)
    releasing = threading.Timer(5, held.set)
    releasing.start()
    try:
        assert not dispatcher.stop(within=timedelta(0))
        assert not held.is_set()
        assert asked == []
    finally:
        held.set()
        releasing.cancel()
    assert dispatcher.stop()
    assert asked == [runtime]


def test_embedded_the_loop_of_a_worker_process_ends_when_told(stage: Stage) -> None:
    runtime = stage.runtime()
    dispatcher = EmbeddedDispatcher(runtime, sweep_every=QUICK)
    stop = threading.Event()
    worker = threading.Thread(target=dispatcher.run, args=(runtime,), kwargs={"concurrency": 1, "stop": stop})
    worker.start()
    assert _soon(lambda: dispatcher.is_running)
    stop.set()
    worker.join(20)

    assert not worker.is_alive()
    assert not dispatcher.is_running
