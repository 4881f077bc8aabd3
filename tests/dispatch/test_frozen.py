"""A worker that is frozen right before it sends, and wakes when its lane is another's: it must not send any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pmsbridge import Bridge, ExternalPayment, Outcome
from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge_sitelink.sandbox import spawn
from tests.dispatch.crew import ROOT
from tests.dispatch.waiting import soon

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")]

# The process stops itself between the engine's own check and the transport, where nothing but the deadline is left.
WORKER = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from tests.dispatch.test_frozen import impatient
bridge = impatient(Path(sys.argv[1]))
(adapter,) = bridge.adapters.values()
honest = adapter.execute
def frozen(effect, attempt):
    if sys.argv[2] == "freeze":
        print("frozen", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    return honest(effect, attempt)
adapter.execute = frozen
result = bridge.runtime.run_due()
print("over", flush=True)
bridge.close()
"""


def impatient(config: Path) -> Bridge:
    """A bridge whose leases last three seconds."""
    from dataclasses import replace
    from datetime import timedelta

    from pmsbridge.engine.deliver import Runtime

    bridge = Bridge.from_config(config)
    settings = replace(
        bridge.runtime.settings, lease_margin=timedelta(seconds=1), mail_timeout=timedelta(seconds=1),
        settle_window=timedelta(milliseconds=200), backoff=(timedelta(milliseconds=200),),
    )  # fmt: skip
    bridge.runtime = Runtime(bridge.database, bridge.adapters, mailer=None, settings=settings)
    return bridge


def _start(config: Path, what: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(config), what], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_a_frozen_worker_that_wakes_after_its_lease_sends_nothing(tmp_path: Path) -> None:
    config = tmp_path / "pmsbridge.toml"
    with spawn(units=20, sites=1) as office:
        write_sandbox_settings(config, "sitelink", office.base_url)
        text = config.read_text(encoding="utf-8")
        config.write_text(f'{text}\n[accounts.demo.options.timeouts]\nwrite = "1s"\nlive = "1s"\n', encoding="utf-8")
        with impatient(config) as bridge:
            session = bridge.tenant("L001", "1001")
            unit = session.dashboard().rows[0]
            bridge.runtime.on_poke = lambda _lane, _when: None
            honest, bridge.runtime.drain = bridge.runtime.drain, _busy  # type: ignore[method-assign, assignment]
            action = session.pay_rental(
                unit.id, ExternalPayment(gateway="stripe", reference="pi_frozen"), key="frozen-1"
            )
            bridge.runtime.drain = honest  # type: ignore[method-assign]
            assert action.outcome is Outcome.PENDING

            worker = _start(config, "freeze")
            try:
                assert worker.stdout is not None
                assert worker.stdout.readline() == "frozen\n"
                assert soon(lambda: bridge.runtime.run_due() > 0 or session.action(action.action_id).outcome.is_final)
                assert soon(lambda: _settled(bridge, action.action_id))
                before = len(office.calls("PaymentSimpleCheckWithSource"))
                worker.send_signal(signal.SIGCONT)
                assert worker.wait(60) == 0
            finally:
                worker.kill()
                worker.wait()
                if worker.stdout is not None:
                    worker.stdout.close()

            assert before == 1
            assert len(office.calls("PaymentSimpleCheckWithSource")) == 1
            assert [p.reference for p in session.payments(unit.id)].count("pi_frozen") == 1
            assert session.action(action.action_id).outcome is Outcome.SETTLED
            assert bridge.runtime.verify_trail(action.action_id)


def _settled(bridge: Bridge, action_id: str) -> bool:
    bridge.runtime.run_due()
    return bridge.runtime.action(action_id).outcome is Outcome.SETTLED


def _busy(lane: str, *, focus: object = None) -> object:
    from pmsbridge.engine.lane_work import DrainResult

    return DrainResult(lane, 0, busy=False, next_due=None)
