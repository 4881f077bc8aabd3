"""kill -9 of processes that tell an endpoint: nothing lost, order kept, a repetition has the same id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pmsbridge.ports.clock import SystemClock
from pmsbridge.store.webhooks import Webhooks
from tests.servers.nursery import Nursery, nursery
from tests.webhooks.receiver import Receiver
from tests.webhooks.stage import Stage

PROGRAM = Path(__file__).with_name("worker.py")
COUNT = 6


def worker(address: str, receiver: Receiver) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAM), address, receiver.url, ""]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def feed(stage: Stage, count: int) -> list[str]:
    Webhooks(stage.database).register(["crm"])
    stage.clock = SystemClock()  # type: ignore[assignment]
    stage.changes([(f"T{number}", {"n": 0}, {"n": 1}) for number in range(count)])
    return [f"T{number}" for number in range(count)]


@pytest.fixture(scope="module")
def grow() -> Iterator[Nursery]:
    """Workers in processes of their own."""
    with nursery("tests.webhooks.worker") as ready:
        yield ready


@pytest.mark.parametrize("kill", [1, 4, COUNT])
def test_a_message_that_arrived_and_was_not_noted_comes_once_more_under_its_id(
    stage: Stage, address: str, receiver: Receiver, grow: Nursery, kill: int
) -> None:
    wanted = feed(stage, COUNT)

    assert grow.run(address, receiver.url, str(kill)).returncode == -signal.SIGKILL
    assert [record for _, record in receiver.whats] == wanted[:kill]
    assert stage.state().lease_until > datetime.now(UTC)
    stage.lease_ends()
    assert grow.run(address, receiver.url, "").returncode == 0

    assert [record for _, record in receiver.whats] == wanted[:kill] + wanted[kill - 1 :]
    assert receiver.ids[kill - 1] == receiver.ids[kill]
    assert len(set(receiver.ids)) == COUNT


def test_of_two_processes_one_tells_and_the_other_takes_over_when_it_is_killed(
    stage: Stage, address: str, receiver: Receiver
) -> None:
    receiver.delay = 0.02
    wanted = feed(stage, 60)
    workers = [worker(address, receiver), worker(address, receiver)]
    try:
        receiver.wait_for(20)
        for each in workers[:1]:
            each.kill()
        deadline = time.monotonic() + 60
        assert workers[1].wait(deadline - time.monotonic()) == 0
    finally:
        for each in workers:
            each.kill()
            each.wait()

    firsts = list(dict.fromkeys(record for _, record in receiver.whats))
    assert firsts == wanted
    assert len(set(receiver.ids)) == 60
    assert len(receiver.ids) <= 61
    assert receiver.most_at_once == 1
