from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.dispatch.embedded import EmbeddedDispatcher
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.store.fork_gate import GATE, ForkGate
from tests.dispatch.office import Ledger, payment, runtime_over, store_payments
from tests.dispatch.waiting import soon

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _child(work: Callable[[], object]) -> int:
    """Fork, work in the child, and end it there with 0; 1 when the work failed."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, the child ends here
        print(f"child: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _ended(pid: int, seconds: float = 60) -> int:
    """The child's exit code; a child that hangs is killed."""
    codes: list[int] = []

    def look() -> bool:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            codes.append(os.waitstatus_to_exitcode(status))
        return bool(done)

    if not soon(look, seconds):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        pytest.fail("the child hangs")
    return codes[0]


def _rows(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM kept").fetchone()[0])
    finally:
        connection.close()


def test_what_a_child_commits_stays_although_its_parent_closes_the_database(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'j.db'}")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (n INTEGER)")
    out, into = os.pipe()
    closed, close = os.pipe()

    def keep(number: int) -> None:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO kept VALUES (?)", (number,))

    def work() -> None:
        keep(1)
        os.write(into, b"1")
        os.read(closed, 1)
        keep(2)

    child = _child(work)
    os.read(out, 1)
    # A connection that the child had inherited would make it believe that its process holds the parent's locks.
    database.close()
    os.write(close, b"1")

    assert _ended(child) == 0
    assert _rows(tmp_path / "j.db") == 2


def test_a_fork_waits_until_nobody_is_inside_and_lets_nobody_in() -> None:
    gate, inside, leave, order = ForkGate(), threading.Event(), threading.Event(), list[str]()

    def stay() -> None:
        with gate.inside():
            inside.set()
            leave.wait(10)
            order.append("left")

    def enter() -> None:
        with gate.inside():
            order.append("entered")

    first = threading.Thread(target=stay)
    first.start()
    inside.wait(10)
    closing = threading.Thread(target=lambda: order.append(f"closed {gate.close()}"))
    closing.start()
    assert soon(lambda: gate._closed_by is not None)
    second = threading.Thread(target=enter)
    second.start()
    time.sleep(0.05)
    assert order == []
    leave.set()
    closing.join(10)
    time.sleep(0.05)
    assert order == ["left", "closed True"]
    gate.open()
    second.join(10)
    first.join(10)

    assert order == ["left", "closed True", "entered"]
    assert gate.missed == 0


def test_a_fork_does_not_wait_for_ever() -> None:
    gate, inside, leave = ForkGate(timedelta(milliseconds=50)), threading.Event(), threading.Event()

    def stay() -> None:
        with gate.inside():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(10)

    assert not gate.close()
    assert gate.missed == 1
    gate.open()
    leave.set()
    thread.join(10)


def test_whoever_forks_inside_a_transaction_waits_for_nobody_and_stays_inside() -> None:
    gate = ForkGate()
    with gate.inside():
        assert gate.close()
        with gate.inside():
            pass
        gate.forget()
        with gate.inside():
            pass
        assert list(gate._inside.values()) == [1]
    assert not gate._inside


def test_a_thread_that_is_inside_may_go_further_in_while_a_fork_waits() -> None:
    gate, inside, go, done = ForkGate(), threading.Event(), threading.Event(), threading.Event()

    def stay() -> None:
        with gate.inside():
            inside.set()
            go.wait(10)
            with gate.inside():
                done.set()

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(10)
    closing = threading.Thread(target=gate.close)
    closing.start()
    assert soon(lambda: gate._closed_by is not None)
    go.set()

    assert done.wait(10)
    thread.join(10)
    closing.join(10)
    gate.open()


@pytest.mark.slow
def test_children_forked_again_and_again_while_workers_are_busy_work_and_pay(
    tmp_path: Path, office: tuple[str, Ledger]
) -> None:
    url, ledger = office
    runtime = runtime_over(f"sqlite:///{tmp_path / 'j.db'}", url)
    missed = GATE.missed
    keys = store_payments(runtime, range(150))
    parents = EmbeddedDispatcher(runtime, concurrency=3, sweep_every=timedelta(milliseconds=20))
    parents.start()

    def work(number: int) -> None:
        assert runtime.on_poke is None
        mine = EmbeddedDispatcher(runtime, concurrency=2, sweep_every=timedelta(milliseconds=100))
        mine.start()
        runtime.submit(payment(1000 + number))
        assert mine.stop()
        runtime.database.close()

    try:
        for number in range(12):
            pid = _child(lambda number=number: work(number))  # type: ignore[misc]
            time.sleep(0.01)
            assert _ended(pid) == 0
        assert soon(lambda: runtime.counts().open_effects == 0)
        assert parents.is_running
    finally:
        assert parents.stop()
        runtime.database.close()

    assert ledger.doubled() == []
    assert ledger.overlaps() == []
    assert len(ledger.calls) == len(keys) + 12
    assert runtime.counts().by_outcome == {Outcome.SETTLED: 162}
    # A child that inherits a thread inside the database may hang: none was forked that way.
    assert GATE.missed == missed
    runtime.database.close()


RECYCLED = """
import sys
from datetime import timedelta
from pmsbridge.dispatch.embedded import EmbeddedDispatcher
from tests.dispatch.office import payment, runtime_over
runtime = runtime_over(sys.argv[1], sys.argv[2])
dispatcher = EmbeddedDispatcher(runtime, concurrency=2, sweep_every=timedelta(milliseconds=20))
dispatcher.start()
with runtime.database.write() as connection:
    runtime.submit(payment(1), connection=connection)
dispatcher.poke("wire:F1")
sys.stdin.readline()
sys.exit(0)
"""


def test_a_process_that_ends_by_itself_lets_its_workers_finish_what_they_are_sending(
    tmp_path: Path, office: tuple[str, Ledger]
) -> None:
    import subprocess

    from tests.dispatch.crew import ROOT

    url, ledger = office
    ledger.holding.set()
    store = f"sqlite:///{tmp_path / 'j.db'}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", RECYCLED, store, url], stdin=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert soon(lambda: len(ledger.calls) == 1)
        process.stdin.write("end\n")
        process.stdin.flush()
        time.sleep(0.3)
        assert process.poll() is None
        ledger.released.set()
        assert process.wait(30) == 0

    runtime = runtime_over(store, url)
    (action,) = runtime.actions()
    assert [entry.event for entry in runtime.trail(action.action_id)] == ["submitted", "sending", "settled"]
    runtime.database.close()
