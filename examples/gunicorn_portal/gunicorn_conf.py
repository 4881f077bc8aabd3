"""How gunicorn runs the portal: ``gunicorn --config gunicorn_conf.py portal:application``.

Every worker takes part in the delivery after its fork, and ends in order: what it is sending is finished first.
"""

from __future__ import annotations

preload_app = True
workers = 2
# Recycled workers are ended like all others, so this is safe.
max_requests = 1000
max_requests_jitter = 100
# Longer than the longest call to the back office; a worker that is killed all the same leaves nothing undone for good.
timeout = 120
graceful_timeout = 60


def post_fork(_server: object, _worker: object) -> None:
    """In the new worker: its wake-ups are carried from now on, and with ``dispatch.by = "embedded"`` it works, too."""
    from portal import bridge  # noqa: PLC0415 - the application is loaded when gunicorn says so

    bridge.dispatcher().start()


def worker_exit(_server: object, _worker: object) -> None:
    """In the worker that ends: finish what is being sent, and let go of every connection."""
    from portal import bridge  # noqa: PLC0415

    bridge.close()
