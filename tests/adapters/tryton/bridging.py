"""A bridge before an adapter, whose time is moved on instead of waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from pmsbridge.engine.outcomes import ActionView
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.clock import SystemClock
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge_tryton.adapter import TrytonAdapter
from tests.adapters.tryton.account import ACCOUNT

__all__ = ["AheadClock", "Waiting", "waiting_on"]

_TURNS = 40


class AheadClock(SystemClock):
    """The real clock, ahead by as much as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Waiting:
    """A bridge whose clicks do not wait, and the engine's work afterwards."""

    def __init__(self, bridge: Bridge, clock: AheadClock) -> None:
        self.bridge, self.clock = bridge, clock

    def until_known(self, tenant: str, action: str) -> ActionView:
        """Let the engine work, and time pass, until an action came to an end; nobody asks for it again."""
        session = self.bridge.tenant("main", tenant)
        for _ in range(_TURNS):
            if (view := session.action(action)).outcome.is_final:
                return view
            self.clock.ahead += timedelta(minutes=2)
            self.bridge.runtime.run_due()
        return session.action(action)


@contextmanager
def waiting_on(adapter: TrytonAdapter, folder: Path) -> Iterator[Waiting]:
    """For as long as the block runs."""
    clock = AheadClock()
    with Bridge(
        Settings(accounts={ACCOUNT: AccountSettings(system="tryton")}),
        database=open_database(f"sqlite:///{folder}/bridge.db"), adapters={ACCOUNT: adapter}, mailer=None,
        clock=clock, wait=timedelta(0),
    ) as bridge:  # fmt: skip
        yield Waiting(bridge, clock)
