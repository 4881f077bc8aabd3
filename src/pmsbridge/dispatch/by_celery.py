"""Wake-ups carried by Celery, for those who run it already: over Redis or RabbitMQ, JSON only.

Messages are hints only. One that is lost, late or delivered twice changes nothing: the journal says what is due.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from celery import Celery
from celery.app import trace
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import WorkController
from celery.worker import state as worker_state

from pmsbridge.dispatch.beat import Beat
from pmsbridge.dispatch.recovery import night_health, recovery_time
from pmsbridge.dispatch.surviving import survived
from pmsbridge.engine.deliver import Runtime
from pmsbridge.logging import get_logger

__all__ = ["QUEUE", "CeleryDispatcher", "make_app", "register"]

_log = get_logger(__name__)

QUEUE: Final = "pmsbridge"
"""The only queue our tasks use."""

_OPTIONS: Final[dict[str, Any]] = {
    "serializer": "json", "acks_late": True, "reject_on_worker_lost": True, "ignore_result": True,
    "max_retries": 0,
}  # fmt: skip
_VISIBILITY_SECONDS: Final = 3600.0
_ACKNOWLEDGED_WITHIN_SECONDS: Final = 1800.0
_KEPT_FOR_THE_DRAIN: Final = 0.25
_REST_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_ALL: weakref.WeakSet[CeleryDispatcher] = weakref.WeakSet()
_INHERITED: list[object] = []


def make_app(broker: str) -> Celery:
    """A Celery app of our own, for those who have a broker but no app: ``pmsbridge run`` uses it.

    Args:
        broker: ``redis://...`` or ``amqp://...``, its password in it.
    """
    app = Celery("pmsbridge", broker=broker, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=3,
        broker_transport_options={"socket_connect_timeout": 3, "socket_timeout": 10, "socket_keepalive": True},
        task_create_missing_queues=True,
        task_serializer="json",
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
    )
    return app


def register(
    app: Celery, runtime_of: Callable[[], Runtime], *, sweep_every: timedelta = timedelta(seconds=2)
) -> CeleryDispatcher:
    """Add our tasks to a host's own app: ``pmsbridge.drain``, ``pmsbridge.sweep``, ``pmsbridge.tick``.

    Start a worker for the queue: ``celery -A yours worker -Q pmsbridge --prefetch-multiplier 1``. Every such worker
    asks for a sweep by itself; nothing has to be added to beat.

    Args:
        app: The host's.
        runtime_of: Gives the runtime; called once per process, when the first task or poke needs it.
        sweep_every: How often due work is looked for.

    Returns:
        What wakes workers. A process of the portal calls its ``attach`` once to have its own work carried.
    """
    return CeleryDispatcher(app, runtime_of, sweep_every=sweep_every)


class CeleryDispatcher:
    """Pokes from any process, and workers in as many as there are."""

    def __init__(
        self,
        app: Celery,
        runtime_of: Callable[[], Runtime],
        *,
        sweep_every: timedelta = timedelta(seconds=2),
        concurrency: int = 4,
    ) -> None:
        """Add the tasks; nothing is connected and no runtime made yet.

        Args:
            app: Whose workers do the work.
            runtime_of: Gives the runtime of this process.
            sweep_every: How often due work is looked for.
            concurrency: Lanes one worker works on at once, unless ``run`` says otherwise.
        """
        self._app = app
        self._runtime_of = runtime_of
        self._runtime: Runtime | None = None
        self._sweep_every = sweep_every
        self._concurrency = concurrency
        self._sweeper = Beat(self._ask_for_sweep, sweep_every, name="pmsbridge-sweeper")
        self._reset()
        self._register()
        # Held by the signals as long as the app lives, as the tasks are.
        worker_ready.connect(self._on_ready, weak=False)
        worker_shutting_down.connect(self._on_stopping, weak=False)
        worker_shutdown.connect(self._on_shutdown, weak=False)
        _ALL.add(self)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._producer: Any = None
        self._rests_until = 0.0
        self._last_beat: datetime | None = None

    def forget(self) -> None:
        """After a fork: the connection to the broker is the parent's."""
        if self._producer is not None:
            _INHERITED.append(self._producer)
        self._sweeper = Beat(self._ask_for_sweep, self._sweep_every, name="pmsbridge-sweeper")
        self._reset()

    def start(self) -> None:
        """Have the wake-ups of this process carried; nothing is connected yet."""
        self.attach().on_poke = self.poke

    def stop(self, *, within: timedelta | None = None) -> bool:  # noqa: ARG002 - the port's signature
        """Wake nobody any more, and let go of the connection that pokes; nothing works here but a ``run``."""
        with self._lock:
            if self._runtime is not None and self._runtime.on_poke == self.poke:
                self._runtime.on_poke = None
            self._drop()
        return True

    def attach(self) -> Runtime:
        """The runtime of this process; from the first time on its wake-ups are sent here."""
        with self._lock:
            if self._runtime is None:
                # What the library loads on first use is loaded now, not while a person waits for the first poke.
                self._app.finalize()
                self._app.connection_for_write().get_transport_cls()
                self._runtime = self._runtime_of()
                self._runtime.on_poke = self.poke
            return self._runtime

    def _register(self) -> None:
        def drain(lane: str) -> None:
            survived("drain_failed", lambda: self.attach().drain(lane), lane=lane)

        def sweep() -> None:
            if survived("sweep_failed", lambda: self.attach().sweep()):
                self._last_beat = self.attach().clock.now()

        def tick(job: str, slot: str) -> None:
            survived("tick_failed", lambda: self.attach().tick(job, datetime.fromisoformat(slot)), job=job)

        for work in (drain, sweep, tick):
            # Not shared: no other app of this process gets them.
            self._app.task(work, shared=False, name=f"pmsbridge.{work.__name__}", **_OPTIONS)

    # -- poking --------------------------------------------------------------------------------------------------------

    def poke(self, lane: str, not_before: datetime | None = None) -> None:
        """Send a drain to the workers. Never raises: a sweep finds what is due.

        What is wanted later waits in the memory of some worker, unacknowledged, and goes to another one when that dies.
        A broker bears that only for so long: Redis for its visibility timeout
        (``broker_transport_options["visibility_timeout"]``, an hour by default), RabbitMQ for half an hour. So a wait
        up to three quarters of the shorter of the two, 22.5 minutes by default, is sent; a longer one is left to the
        sweeps.
        """
        wait = (not_before - self.attach().clock.now()).total_seconds() if not_before is not None else 0.0
        if wait > self._longest_wait():
            return
        later = {"countdown": wait} if wait > 0 else {}
        try:
            self._send("pmsbridge.drain", [lane], is_patient=False, **later)
        except Exception as error:  # noqa: BLE001 - every broker library has errors of its own
            _log.warning("poke_lost", lane=lane, why=type(error).__name__)

    def _longest_wait(self) -> float:
        """Seconds a message may wait in a worker and then be worked on, before the broker gives it to another."""
        visible = float(self._app.conf.broker_transport_options.get("visibility_timeout", _VISIBILITY_SECONDS))
        return min(visible, _ACKNOWLEDGED_WITHIN_SECONDS) * (1 - _KEPT_FOR_THE_DRAIN)

    def _ask_for_sweep(self) -> None:
        # One that nobody took in time is out of date: the next one says the same.
        self._send("pmsbridge.sweep", [], expires=max(self._sweep_every.total_seconds(), 1))

    def _send(self, task: str, args: list[str], *, is_patient: bool = True, **options: Any) -> None:
        with self._lock:
            if not is_patient and time.monotonic() < self._rests_until:
                message = "the broker was away a moment ago"
                raise ConnectionError(message)
            try:
                self._app.send_task(
                    task, args=args, queue=QUEUE, serializer="json", ignore_result=True, retry=False,
                    producer=self._connected(), **options,
                )  # fmt: skip
            except Exception:
                self._drop()
                self._rests_until = time.monotonic() + _REST_SECONDS
                raise

    def _connected(self) -> Any:  # noqa: ANN401 - the library has no types
        """A producer of this process alone: the library's own pools do not survive a fork."""
        if self._producer is None:
            connection = self._app.connection_for_write()
            try:
                connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=3)
                self._producer = self._app.amqp.Producer(connection, auto_declare=False)
            except Exception:
                connection.release()
                raise
        return self._producer

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.connection.release()

    # -- working -------------------------------------------------------------------------------------------------------

    def run(self, runtime: Runtime, *, concurrency: int | None = None, stop: threading.Event) -> None:
        """Work in threads of this process until ``stop`` is set, through every absence of the broker."""
        self._runtime = runtime
        runtime.on_poke = self.poke
        threading.Thread(target=self._watch, args=(stop,), name="pmsbridge-stop", daemon=True).start()
        name = f"pmsbridge-{os.getpid()}@{socket.gethostname()}"
        # As the library's own command does: without it the threads look for our tasks in its default app.
        trace.setup_worker_optimizations(self._app, name)
        try:
            while not stop.is_set():
                worker_state.should_stop = None
                self._sweeper.start()
                self._controller(name, concurrency or self._concurrency).start()
                stop.wait(_PAUSE_SECONDS)
        finally:
            worker_state.should_stop = None
            trace.reset_worker_optimizations(self._app)
            self._sweeper.stop()
            with self._lock:
                self._drop()

    def _controller(self, name: str, concurrency: int) -> WorkController:
        return WorkController(
            app=self._app, pool="threads", concurrency=concurrency, queues=[QUEUE], hostname=name,
            prefetch_multiplier=1, optimization="fair", without_gossip=True, without_mingle=True,
        )  # fmt: skip

    def _watch(self, stop: threading.Event) -> None:
        stop.wait()
        worker_state.should_stop = os.EX_OK
        self._let_go()

    def _on_ready(self, sender: Any = None, **_: object) -> None:  # noqa: ANN401 - the library has no types
        app = getattr(sender, "app", None)
        if app is self._app and QUEUE in app.amqp.queues.consume_from:
            self._sweeper.start()

    def _on_stopping(self, **_: object) -> None:
        # This is a handler of the signal: whoever it interrupts may hold a lock.
        threading.Thread(target=self._let_go, name="pmsbridge-let-go", daemon=True).start()

    def _let_go(self) -> None:
        """What runs by the clock in this process is another's: it ends at its next beat, and the worker with it."""
        if self._runtime is not None:
            survived("let_go_failed", self._runtime.let_go)

    def _on_shutdown(self, **_: object) -> None:
        self._sweeper.stop()

    def tidy(self) -> int:
        """Nothing: what a dead worker had taken, the broker gives to another or forgets, and both are fine."""
        return 0

    def health(self) -> Mapping[str, object]:
        """Whether the broker answers, what waits there, when this process last swept, or asked for it. Never raises."""
        facts = {
            "dispatcher": "celery",
            "last_beat": self._last_beat,
            "last_asked": self._sweeper.last,
            "recovery_seconds": int(recovery_time(self.attach(), self._sweep_every).total_seconds()),
            **night_health(self.attach()),
        }
        try:
            return {**facts, "reachable": True, "waiting": self._waiting()}
        except Exception as error:  # noqa: BLE001 - every broker library has errors of its own
            return {**facts, "reachable": False, "why": type(error).__name__}

    def _waiting(self) -> int:
        with self._lock:
            producer = self._connected()
            try:
                queue = self._app.amqp.queues[QUEUE].bind(producer.channel)
                return int(queue.queue_declare(passive=True).message_count)
            except producer.connection.channel_errors:
                # No such queue: nothing was ever sent, or Redis has dropped an empty one.
                self._drop()
                return 0
            except Exception:
                self._drop()
                raise


def _forget_all() -> None:
    for dispatcher in list(_ALL):
        dispatcher.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
