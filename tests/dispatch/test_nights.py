"""One run per facility and night, over real processes: forked web workers, and the workers of every queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pmsbridge import Bridge
from pmsbridge_sitelink.sandbox import SandboxControl, spawn
from tests.dispatch.crew import ROOT
from tests.dispatch.test_run_command import _broker, event, running, settings
from tests.dispatch.waiting import soon

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

SITES, WORKERS = 2, 8
EXAMPLE = ROOT / "examples" / "gunicorn_portal"

# What gunicorn does with preload: load the application, fork, call the hooks in each worker, end them on SIGTERM.
PARENT = """
import os, signal, sys, threading
import gunicorn_conf
import portal
portal.bridge.tenant("L001", "1001").dashboard()
def serve():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    gunicorn_conf.post_fork(None, None)
    while not stop.wait(0.2):
        pass
    gunicorn_conf.worker_exit(None, None)
children = []
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            serve()
            code = 0
        except BaseException as error:
            print(f"worker: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(code)
    children.append(pid)
print(*children, flush=True)
sys.stdin.readline()
for pid in children:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
portal.bridge.close()
sys.exit(max(code for code in codes if code != -signal.SIGKILL))
"""


@pytest.fixture(scope="module")
def back_office() -> Iterator[SandboxControl]:
    with spawn(units=20, sites=SITES) as control:
        yield control


@pytest.fixture(autouse=True)
def _fresh_books(back_office: SandboxControl) -> None:
    back_office.reset()


def at_once(config: Path) -> Path:
    """No jitter, and leases that end soon after a death."""
    text = config.read_text(encoding="utf-8").replace("[schedule]\n", '[schedule]\njitter = "0s"\n', 1)
    config.write_text(text, encoding="utf-8")
    assert 'jitter = "0s"' in text
    return config


def done(config: Path) -> Counter[str]:
    """How many slots of each night were run to their end, and how many sync runs each facility had."""
    with Bridge.from_config(config, asks_back_offices=False) as bridge:
        nights = Counter(
            f"night {code}"
            for code in codes(bridge)
            if bridge.runtime.runs.last_success(f"reconcile demo/{code}") is not None
        )
        reports = {(row.run_id, row.scope.facility) for row in bridge.mirror.reports(limit=10_000)}
    return nights + Counter(f"sync {facility}" for _, facility in reports)


def codes(bridge: Bridge) -> tuple[str, ...]:
    return tuple(code for adapter in bridge.adapters.values() for code in adapter.facility_codes)


def each_once(config: Path) -> Counter[str]:
    with Bridge.from_config(config, asks_back_offices=False) as bridge:
        places = codes(bridge)
    assert len(places) == SITES
    return Counter({f"{what} {code}": 1 for what in ("night", "sync") for code in places})


@contextmanager
def forked(workplace: Path) -> Iterator[list[int]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLE), *filter(None, sys.path)])}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(WORKERS)], cwd=workplace, env=environment, text=True,
        start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as parent:  # fmt: skip
        try:
            assert parent.stdout is not None
            assert parent.stdin is not None
            yield [int(pid) for pid in parent.stdout.readline().split()]
            parent.stdin.write("end\n")
            parent.stdin.flush()
            assert parent.wait(120) == 0
        finally:
            if parent.poll() is None:
                os.killpg(parent.pid, signal.SIGKILL)


def test_eight_forked_web_workers_run_each_facilitys_night_exactly_once(
    back_office: SandboxControl, tmp_path: Path
) -> None:
    config = at_once(settings(tmp_path, back_office, 'by = "embedded"'))

    with forked(tmp_path) as workers:
        assert len(set(workers)) == WORKERS
        assert soon(lambda: sum(done(config).values()) >= 2 * SITES, 90)
        time.sleep(2)  # who comes late must find nothing to do
        found = done(config)

    assert found == each_once(config) == done(config)


@pytest.mark.parametrize("by", ["procrastinate", "celery"])
def test_workers_of_a_queue_and_two_nightly_clocks_run_each_facilitys_night_exactly_once(
    by: str, back_office: SandboxControl, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    config = at_once(settings(tmp_path, back_office, f'by = "{by}"\nsweep_every = "1s"\n{_broker(by, request)}'))

    with ExitStack() as stack:
        clocks = [stack.enter_context(running(config)) for _ in range(2)]
        workers = [stack.enter_context(running(config, "--no-night")) for _ in range(2)]
        assert [event(process)["event"] for process in (*clocks, *workers)] == ["ready"] * 4
        assert soon(lambda: sum(done(config).values()) >= 2 * SITES, 90)
        time.sleep(2)
        for process in (*clocks, *workers):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in (*clocks, *workers)] == [0] * 4

    assert done(config) == each_once(config)


def test_the_first_run_after_a_full_copy_by_hand_copies_nothing_again(
    back_office: SandboxControl, tmp_path: Path
) -> None:
    config = at_once(settings(tmp_path, back_office, 'by = "embedded"'))
    with Bridge.from_config(config) as bridge:
        assert not bridge.sync().failed

    with running(config) as process:
        assert event(process)["event"] == "ready"
        # The comparison follows the copy; it is what the night still does.
        assert soon(lambda: sum(done(config).values()) >= 2 * SITES, 90)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    assert done(config) == each_once(config)
