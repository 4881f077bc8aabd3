"""How gunicorn runs the portal: ``gunicorn --config gunicorn_conf.py portal:application``.

Every worker takes part in the delivery after its fork, keeps the nightly clock (a night runs once over all of them),
and ends in order: what it is sending is finished first, and a night it is at is given to another.
"""

from __future__ import annotations

from pmsbridge.dispatch.night_clock import NightClock

preload_app = True
workers = 2
# Recycled workers are ended like all others, so this is safe.
max_requests = 1000
max_requests_jitter = 100
# Longer than the longest call to the back office; a worker that is killed all the same leaves nothing undone for good.
timeout = 120
graceful_timeout = 60

_nights: list[NightClock] = []


def post_fork(_server: object, _worker: object) -> None:
    """In the new worker: its wake-ups are carried from now on, and with ``dispatch.by = "embedded"`` it works, too."""
    from portal import bridge  # noqa: PLC0415 - the application is loaded when gunicorn says so

    bridge.dispatcher().start()
    # Leave these out where ``pmsbridge run`` keeps the clock.
    _nights.append(NightClock(bridge.nightly))
    _nights[0].start()


def worker_exit(_server: object, _worker: object) -> None:
    """In the worker that ends: finish what is being sent, and let go of every connection."""
    from portal import bridge  # noqa: PLC0415

    for night in _nights:
        night.stop()
    bridge.close()
