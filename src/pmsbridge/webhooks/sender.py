"""The threads that tell endpoints: one each, so that a slow or broken one holds nobody else up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Self

from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import get_logger
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.secrets import ReferenceSecrets
from pmsbridge.settings import Settings
from pmsbridge.store.agreed_clock import agreed
from pmsbridge.store.database import Database
from pmsbridge.store.webhooks import EndpointState, Webhooks
from pmsbridge.webhooks import composing
from pmsbridge.webhooks.delivery import Delivery
from pmsbridge.webhooks.endpoint import Endpoint, Verdict

__all__ = ["Sender"]

_log = get_logger(__name__)


class Sender:
    """Every endpoint of one settings file.

    Several processes may each have one over the same database: a message of an endpoint is told by one of them at a
    time. Nothing starts by itself: ``start`` does, in each process, after a fork.
    """

    def __init__(
        self,
        database: Database,
        endpoints: Iterable[Endpoint],
        *,
        clock: Clock | None = None,
        look_every: timedelta = timedelta(seconds=1),
    ) -> None:
        """Put together; ``from_settings`` makes the parts.

        Args:
            database: Where feeds and places are.
            endpoints: Who is told.
            clock: Time; None for this machine's, or the database server's where there is one.
            look_every: How often each endpoint's feeds are looked at.
        """
        self._clock = clock or agreed(SystemClock(), database)
        self._deliveries = {
            each.settings.name: Delivery(database, each, self._clock) for each in endpoints
        }  # fmt: skip
        self._store = Webhooks(database, self._clock)
        self._look_every = look_every.total_seconds()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @classmethod
    def from_settings(
        cls, settings: Settings, database: Database, *, secrets: Secrets | None = None, reads_secrets: bool = True
    ) -> Self:
        """What ``[[webhooks]]`` names.

        Args:
            settings: As loaded.
            database: Where journal and mirror live.
            secrets: Where signing secrets come from; None for variables and files.
            reads_secrets: Read every signing secret now, so that a wrong one is noticed at once; else when it signs.

        Raises:
            ConfigurationError: A secret is missing, or is none.
        """
        source = secrets or ReferenceSecrets(folder=settings.folder)
        clock = agreed(SystemClock(), database)
        endpoints = [Endpoint(each, source, clock=clock.now) for each in settings.webhooks]
        for endpoint in endpoints if reads_secrets else ():
            endpoint.check()
        return cls(database, endpoints, clock=clock)

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the threads; does nothing when they run. An endpoint that is new is told what happens from now on.

        Raises:
            UnavailableError: The database cannot be used now.
        """
        if self._threads and self._pid == os.getpid():
            return
        self._reset()  # a parent's threads are not here after a fork
        self.register()
        self._threads = [
            threading.Thread(target=self._work, args=(delivery,), name=f"pmsbridge-webhook-{name}", daemon=True)
            for name, delivery in self._deliveries.items()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, *, within: timedelta = timedelta(seconds=70)) -> bool:
        """Let what is being posted finish, and end; False when a thread did not end in time.

        Args:
            within: How long to wait.
        """
        if self._pid != os.getpid():
            return True
        self._stop.set()
        ends = time.monotonic() + within.total_seconds()
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        is_over = not any(thread.is_alive() for thread in self._threads)
        if is_over:
            self._threads = []
            for delivery in self._deliveries.values():
                delivery.endpoint.close()
        return is_over

    def _work(self, delivery: Delivery) -> None:
        while not self._stop.is_set():
            try:
                told = delivery.run(self._stop.is_set)
            except Exception as error:  # noqa: BLE001 - what is away comes back
                told = 0
                _log.error("webhook_look_failed", endpoint=delivery.endpoint.settings.name, why=type(error).__name__)
            if not told:
                self._stop.wait(self._look_every)

    # -- by hand -------------------------------------------------------------------------------------------------------

    def register(self) -> None:
        """Know the endpoints: what happens from now on is kept for them, whether or not somebody tells it already."""
        self._store.register(self._deliveries)

    def tell(self) -> int:
        """Tell every endpoint what there is, one after the other, without a thread; returns how many arrived."""
        self.register()
        return sum(delivery.run() for delivery in self._deliveries.values())

    def states(self) -> Mapping[str, EndpointState]:
        """Where each endpoint of the settings stands, by name; those nobody has started yet are left out."""
        return {state.name: state for state in self._store.states() if state.name in self._deliveries}

    def test(self, name: str) -> Verdict:
        """Post a message that says nothing happened, now, whatever waits.

        Raises:
            ConfigurationError: No endpoint has that name, or its secret is missing.
        """
        endpoint = self._delivery(name).endpoint
        return endpoint.post(composing.of_trial(name, self._clock.now()))

    def replay(self, name: str, since: datetime) -> bool:
        """Tell an endpoint again what happened since an instant, with the same ids; False before its first start.

        Raises:
            ConfigurationError: No endpoint has that name.
        """
        return self._store.rewind(self._delivery(name).endpoint.settings.name, since)

    def enable(self, name: str, *, skips: bool = False) -> bool:
        """Go on with an endpoint, now; False before its first start.

        Args:
            name: Which.
            skips: Leave the message out that failed last.

        Raises:
            ConfigurationError: No endpoint has that name.
        """
        return self._store.enable(self._delivery(name).endpoint.settings.name, skips=skips)

    def _delivery(self, name: str) -> Delivery:
        if name not in self._deliveries:
            known = ", ".join(sorted(self._deliveries)) or "none"
            message = f"no webhook has that name; in the settings: {known}"
            raise ConfigurationError(message, code="no_webhook")
        return self._deliveries[name]
