"""The portal of ``examples/gunicorn_portal`` under a parent that loads it once and forks, as gunicorn with preload."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pmsbridge import Bridge
from tests.e2e.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

FOLDER = ROOT / "examples" / "gunicorn_portal"

# What gunicorn does, in its order: load the application, fork, call the hooks, serve, end on SIGTERM.
PARENT = """
import os, signal, socket, sys, threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
import gunicorn_conf
assert gunicorn_conf.preload_app
import portal
portal.bridge.tenant("L001", "1001").dashboard()
class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass
server = WSGIServer(("127.0.0.1", 0), Quiet)
server.set_app(portal.application)
server.socket.setblocking(False)  # whoever loses the race for a connection goes on listening
def serve():
    gunicorn_conf.post_fork(None, None)
    assert portal.bridge.dispatcher().health()["running"]
    def end(*_):  # between two requests: an exception raised within one is the server's to swallow
        threading.Thread(target=server.shutdown).start()
    signal.signal(signal.SIGTERM, end)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        gunicorn_conf.worker_exit(None, None)
        assert not portal.bridge.dispatcher().health()["running"]
children = []
for _ in range(gunicorn_conf.workers):
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
print(server.server_port, flush=True)
sys.stdin.readline()
for pid in children:
    os.kill(pid, signal.SIGTERM)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
portal.bridge.close()
sys.exit(max(map(abs, codes)))
"""


@contextmanager
def _serving(workplace: Path) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), *filter(None, sys.path)])}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=workplace, env=environment, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as parent:  # fmt: skip
        try:
            assert parent.stdout is not None
            assert parent.stdin is not None
            yield int(parent.stdout.readline())
            parent.stdin.write("end\n")
            parent.stdin.flush()
            assert parent.wait(60) == 0
        finally:
            if parent.poll() is None:
                os.killpg(parent.pid, signal.SIGKILL)


def _get(port: int, tenant: str, key: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?tenant={tenant}&key={key}", timeout=60) as answer:
        return str(answer.read().decode())


def test_workers_forked_from_a_parent_that_used_the_bridge_pay_once_per_click_and_end_in_order(workplace: Path) -> None:
    with _serving(workplace) as port:
        answers = [_get(port, "1001", f"gunicorn-{n // 3}") for n in range(3)]

    with Bridge.from_config(workplace / "pmsbridge.toml") as bridge:
        (action,) = bridge.runtime.actions()
    assert answers == ["settled"] * 3
    assert action.outcome == "settled"
    assert [step.attempts for step in action.principal] == [1]
