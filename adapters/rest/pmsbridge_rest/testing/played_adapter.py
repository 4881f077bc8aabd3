"""The real adapter in a simulated process: its network is the sandbox, its clock the process's own."""

from __future__ import annotations

import threading
from datetime import timedelta

from pmsbridge.actions.effects import EffectBody, TakePayment
from pmsbridge.errors import RejectedError
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.outcome import Attempt, Receipt
from pmsbridge.testing.history import Request
from pmsbridge.testing.simulation.baton import SimulatedClock
from pmsbridge.testing.simulation.books import ACCOUNT
from pmsbridge.testing.simulation.plan import WINDOW_MS
from pmsbridge.testing.simulation.world import World
from pmsbridge.transport.http import HttpClient, HttpLimits
from pmsbridge.transport.stand_in import Sent, StandIn, StandInAnswer
from pmsbridge_rest.adapter import RestAdapter
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.mapping.document import Mapping as MappingDocument
from pmsbridge_rest.settings import read_settings
from pmsbridge_rest.testing.harness import SandboxSecrets, account_options
from pmsbridge_rest.testing.played_office import PlayedOffice, Sender

__all__ = ["PlayedAdapter", "played_adapter"]

_BASE = "https://vendor.example"


class PlayedAdapter(RestAdapter):
    """The adapter; beside what it does, it is written down for which effect a request leaves, and where it may die."""

    def __init__(self, connection: Connection, world: World, senders: threading.local) -> None:
        super().__init__(connection)
        self._world = world
        self._senders = senders

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry an effect out."""
        sender = Sender(attempt.key, str(getattr(effect, "kind", "")), self.lane(effect), parts=_parts(effect))
        self._world.step("before a call")
        self._senders.own = sender
        try:
            return super().execute(effect, attempt)
        except RejectedError:
            self._noted(sender)
            raise
        finally:
            self._senders.own = Sender()

    def _noted(self, sender: Sender) -> None:
        """A no of the adapter's own, by what it read or cannot say, is a no all the same: nothing left."""
        if not sender.has_left:
            now = self._world.timeline.now
            self._world.asked(Request(sender.key, sender.kind, sender.lane, now, now, "rejected", sealed=False))


def _parts(effect: EffectBody) -> tuple[tuple[str, str], ...]:
    if not isinstance(effect, TakePayment):
        return ()
    return tuple((part.rental_id, format(part.amount.amount, "f")) for part in effect.parts)


def played_adapter(
    mapping: str, document: MappingDocument, office: PlayedOffice, world: World, clock: SimulatedClock
) -> Adapter:
    """The adapter of one simulated process."""
    senders = threading.local()

    def answer(sent: Sent) -> StandInAnswer:
        return office.answer(sent, getattr(senders, "own", Sender()))

    options = account_options(office.sandbox, mapping, document, _BASE)
    window = timedelta(milliseconds=WINDOW_MS)
    settings = read_settings(ACCOUNT, {**options, "settle_window": f"{window.seconds}s", "read_attempts": 1})
    times, caps = document.connection.timeouts, document.connection.caps
    limits = HttpLimits(times.connect, times.read, times.live, caps.answer_bytes, caps.answer_bytes)
    http = HttpClient(limits, clock=clock.now, monotonic=clock.monotonic, transport=StandIn(answer))
    secrets = SandboxSecrets(office.sandbox.secrets)
    return PlayedAdapter(
        Connection(ACCOUNT, settings, document, secrets=secrets, clock=clock, http=http), world, senders
    )
