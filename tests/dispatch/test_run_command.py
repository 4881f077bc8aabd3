"""``pmsbridge run`` as a process of its own, against a back office in another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pmsbridge import Bridge, ExternalPayment, Outcome
from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge_sitelink.sandbox import SandboxControl, spawn
from tests.dispatch.waiting import soon
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def back_office() -> Iterator[SandboxControl]:
    with spawn(units=20, sites=1) as control:
        yield control


@pytest.fixture(autouse=True)
def _fresh_books(back_office: SandboxControl) -> None:
    back_office.reset()


@contextmanager
def running(config: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pmsbridge.cli", "--config", str(config), "run", "--json", *args]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def event(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline() or '"it ended"')


def settings(folder: Path, office: SandboxControl, dispatch: str) -> Path:
    path = folder / "pmsbridge.toml"
    write_sandbox_settings(path, "sitelink", office.base_url, engine='settle_window = "4s"\n')
    text = path.read_text(encoding="utf-8").replace("[dispatch]\n", f"[dispatch]\n{dispatch}\n", 1)
    path.write_text(text, encoding="utf-8")
    return path


def pays_and_forgets(config: Path, office: SandboxControl, *, pokes: bool) -> str:
    """A click in a portal whose back office takes the money and loses its answer; returns the action."""
    with Bridge.from_config(config) as bridge:
        if pokes:
            bridge.dispatcher()
        session = bridge.tenant("L001", "1001")
        unit = session.dashboard().rows[0]
        office.inject("PaymentSimpleCheckWithSource", "drop_after")
        payment = ExternalPayment(gateway="stripe", reference=f"pi_{config.parent.name[-8:]}")
        action = session.pay_rental(unit.id, payment, key="run-click-1")
        assert action.outcome is Outcome.PENDING
        return action.action_id


def outcome(config: Path, action_id: str) -> Outcome:
    with Bridge.from_config(config, asks_back_offices=False) as bridge:
        return bridge.runtime.action(action_id).outcome


@pytest.mark.parametrize("by", ["embedded", "inline", "procrastinate", "celery"])
def test_it_finishes_what_a_portal_could_not_and_ends_in_order(
    by: str, back_office: SandboxControl, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker = _broker(by, request)
    config = settings(tmp_path, back_office, f'by = "{by}"\nsweep_every = "1s"\nconcurrency = 2\n{broker}')
    action = pays_and_forgets(config, back_office, pokes=by in {"procrastinate", "celery"})

    with running(config, "--no-night") as process:
        ready = event(process)
        assert ready["event"] == "ready"
        assert ready["by"] == by
        assert ready["concurrency"] == 2
        assert ready["recovery_seconds"] == 136
        assert soon(lambda: outcome(config, action) is Outcome.SETTLED)
        process.send_signal(signal.SIGTERM)
        assert event(process) == {"event": "stopping", "signal": "SIGTERM"}
        assert event(process) == {"event": "stopped"}
        assert process.wait(30) == 0


def _broker(by: str, request: pytest.FixtureRequest) -> str:
    if by == "procrastinate":
        return f'broker = "{request.getfixturevalue("postgres_url")}"'
    if by == "celery":
        server: RedisServer = request.getfixturevalue("redis_server")
        return f'broker = "{server.url}"'
    return ""


def test_a_second_signal_ends_it_at_once(back_office: SandboxControl, tmp_path: Path) -> None:
    config = settings(tmp_path, back_office, 'by = "embedded"\n')
    back_office.settings(payment_delay=0)
    with Bridge.from_config(config) as bridge:
        session = bridge.tenant("L001", "1001")
        unit = session.dashboard().rows[0]
        bridge.runtime.drain = _nothing  # type: ignore[method-assign, assignment]
        session.pay_rental(unit.id, ExternalPayment(gateway="stripe", reference="pi_second"), key="second-1")
    before = len(back_office.calls("PaymentSimpleCheckWithSource"))
    back_office.inject("PaymentSimpleCheckWithSource", "stall", seconds=30)

    with running(config, "--no-night") as process:
        assert event(process)["event"] == "ready"
        assert soon(lambda: len(back_office.calls("PaymentSimpleCheckWithSource")) > before)
        process.send_signal(signal.SIGINT)
        assert event(process) == {"event": "stopping", "signal": "SIGINT"}
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM


def _nothing(lane: str, **_: object) -> object:
    from pmsbridge.engine.lane_work import DrainResult

    return DrainResult(lane, 0, busy=False, next_due=None)


@pytest.mark.parametrize(("dispatch", "words"), [
    ('by = "celery"', "needs dispatch.broker"),
    ('by = "procrastinate"', "needs PostgreSQL"),
])  # fmt: skip
def test_a_broker_that_is_missing_is_named(
    dispatch: str, words: str, back_office: SandboxControl, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pmsbridge.cli.running import run

    config = settings(tmp_path, back_office, dispatch)

    assert run(["--config", str(config), "run"]) == 4
    assert words in capsys.readouterr().err
