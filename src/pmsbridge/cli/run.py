"""``pmsbridge run``: a worker process, until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pmsbridge.cli.opening import open_bridge
from pmsbridge.cli.screen import print_json, say
from pmsbridge.cli.stopping import SIGNALS, interruptible

if TYPE_CHECKING:
    from pmsbridge import Bridge
    from pmsbridge.dispatch.port import Dispatcher
    from pmsbridge.webhooks import Sender

__all__ = ["run"]

_LISTEN_SECONDS: Final = 0.2


def run(
    context: typer.Context,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Lanes worked on at once; else dispatch.concurrency.")
    ] = None,
    night: Annotated[
        bool,
        typer.Option("--night/--no-night", help="Run the nightly sync and the nightly reconcile, each at its time."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event.")] = False,
) -> None:
    """Deliver what waits, and tell webhooks, until told to stop (SIGTERM, Ctrl-C): then finish what is being sent.

    A second signal ends at once.
    """
    with interruptible(), open_bridge(context) as bridge:
        wanted = bridge.settings.schedule
        worker = _Worker(bridge, concurrency, as_json=as_json)
        is_over = worker.work(night=night and (wanted.nightly, wanted.reconcile) != (None, None))
    if not is_over:
        # A night is still at work in a thread that nothing can end; another process goes on from its last batch.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


class _Worker:
    """One worker process: a thread works, the main thread listens to signals."""

    def __init__(self, bridge: Bridge, concurrency: int | None, *, as_json: bool) -> None:
        self._bridge = bridge
        self._concurrency = concurrency or bridge.settings.dispatch.concurrency
        self._as_json = as_json
        self._stop = Event()
        self._signals: list[int] = []
        self._failures: list[BaseException] = []
        self._sender: Sender | None = None

    def work(self, *, night: bool) -> bool:
        """Work until stopped; False when a night could not be ended.

        Raises:
            ConfigurationError: The queue cannot be used as it is set up, or a webhook's secret is missing; a person
                must act.
        """
        from pmsbridge.dispatch.night_clock import NightClock

        dispatcher = self._bridge.dispatcher()
        clock = NightClock(self._bridge.nightly) if night else None
        if clock is not None:
            clock.start()
        thread = Thread(target=self._drive, args=(dispatcher,), name="pmsbridge-run", daemon=True)
        with self._gauges_told(), self._webhooks_told(), self._heard_read(), self._told_by_signals():
            self._say_ready(dispatcher, night=night)
            thread.start()
            while thread.is_alive():
                thread.join(_LISTEN_SECONDS)
                self._heed()
        is_over = clock is None or clock.stop()
        if not is_over:
            self._bridge.runtime.let_go()
        for failure in self._failures:
            raise failure
        self._tell("stopped", "Stopped.")
        return is_over

    @contextmanager
    def _gauges_told(self) -> Iterator[None]:
        """Telemetry is on, where it is installed; who has not installed it hears nothing about it."""
        from pmsbridge import telemetry
        from pmsbridge.engine.gauges import journal_gauges

        if not (telemetry.is_installed() and telemetry.enable()):
            yield
            return
        stop = telemetry.observe(**journal_gauges(self._bridge.runtime))
        try:
            yield
        finally:
            stop()

    @contextmanager
    def _webhooks_told(self) -> Iterator[None]:
        """Endpoints of the settings hear what happens, while this runs; what is being posted is finished at the end."""
        if not self._bridge.settings.webhooks:
            yield
            return
        from pmsbridge.webhooks import Sender

        self._sender = sender = Sender.from_settings(self._bridge.settings, self._bridge.database)
        sender.start()
        try:
            yield
        finally:
            sender.stop()

    @contextmanager
    def _heard_read(self) -> Iterator[None]:
        """What back offices say by themselves is read anew, while this runs."""
        from pmsbridge.dispatch.heard_reader import HeardReader
        from pmsbridge.engine.hearing import hearing_accounts

        if not hearing_accounts(self._bridge.runtime):
            yield
            return
        reader = HeardReader(self._bridge.runtime)
        reader.start()
        try:
            yield
        finally:
            reader.stop()

    def _drive(self, dispatcher: Dispatcher) -> None:
        try:
            dispatcher.run(self._bridge.runtime, concurrency=self._concurrency, stop=self._stop)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the command ends
            self._failures.append(error)

    def _say_ready(self, dispatcher: Dispatcher, *, night: bool) -> None:
        by, recovery = self._bridge.settings.dispatch.by, dispatcher.health()["recovery_seconds"]
        self._tell(
            "ready", f"Working: {by}, {self._concurrency} lanes at once. Stop with Ctrl-C.",
            pid=os.getpid(), by=by, concurrency=self._concurrency, recovery_seconds=recovery, night=night,
        )  # fmt: skip

    @contextmanager
    def _told_by_signals(self) -> Iterator[None]:
        """A first signal asks to stop, a second one ends the process at once: that is safe at any moment."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # Nothing here takes a lock: the main thread may hold it.
        if self._signals:
            os._exit(128 + number)
        self._signals.append(number)

    def _heed(self) -> None:
        if self._signals and not self._stop.is_set():
            self._stop.set()
            if self._sender is not None:
                # Both ends take their time: one must not begin when the other is over.
                self._sender.stop(within=timedelta(0))
            self._tell("stopping", "Finishing what is being sent ...", signal=signal.Signals(self._signals[0]).name)

    def _tell(self, event: str, words: str, **facts: Any) -> None:
        say(words)
        if self._as_json:
            print_json({"event": event, **facts})
