"""A worker process of a test: ``python -m tests.dispatch.crew '{"by": ..., "store": ..., "office": ...}'``.

It prints one line when it works, and ends in order on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SWEEP = timedelta(seconds=1)


def dispatcher_over(runtime: Any, by: str, broker: str, *, concurrency: int = 3, sweep_every: timedelta = SWEEP) -> Any:
    from pmsbridge.dispatch.choosing import make_dispatcher
    from pmsbridge.secrets import ReferenceSecrets
    from pmsbridge.settings.sections import DispatchSettings, StoreSettings

    settings = DispatchSettings(by=by, sweep_every=sweep_every, concurrency=concurrency, broker=broker or None)  # type: ignore[arg-type]
    return make_dispatcher(runtime, settings, store=StoreSettings(), secrets=ReferenceSecrets())


def main() -> None:
    from tests.dispatch.office import runtime_over

    threading.Thread(target=_end_with_the_test, daemon=True).start()
    asked = json.loads(sys.argv[1])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set).start())
    runtime = runtime_over(asked["store"], asked["office"])
    if asked.get("blind"):
        setattr(runtime, "sweep", lambda: 0)  # noqa: B010 - it knows of what it is told, and of nothing else
    dispatcher = dispatcher_over(
        runtime, asked["by"], asked.get("broker", ""), concurrency=asked.get("concurrency", 3),
        sweep_every=timedelta(seconds=asked.get("sweep", 1)),
    )  # fmt: skip
    print("working", flush=True)
    dispatcher.run(runtime, stop=stop)
    runtime.database.close()


def _end_with_the_test() -> None:
    """A test process that is killed leaves nobody behind: its end of the pipe closes."""
    sys.stdin.read()
    os._exit(1)


def start(**asked: Any) -> subprocess.Popen[str]:
    """Start one; it works when its first line has come."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.dispatch.crew", json.dumps(asked)], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE if asked.get("quiet") else None,
    )  # fmt: skip


@contextmanager
def crew(size: int, **asked: Any) -> Iterator[list[subprocess.Popen[str]]]:
    """Several worker processes, all of which work; ended in order, or killed."""
    with ExitStack() as stack:
        workers = [start(**asked) for _ in range(size)]
        for worker in workers:
            stack.callback(_end, worker)
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "working\n"
        yield workers


def _end(worker: subprocess.Popen[str]) -> None:
    if worker.poll() is None:
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait(30)
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()


if __name__ == "__main__":
    main()
