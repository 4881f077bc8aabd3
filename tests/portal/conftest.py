"""A tenant session over a back office in memory, a real journal and a clock moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.model.sealed import Card
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox


@dataclass(slots=True)
class World:
    """Everything a portal test touches."""

    clock: TestClock
    office: MemoryOffice
    adapter: MemoryAdapter
    runtime: Runtime
    outbox: Outbox
    path: Path

    def session(self, tenant_id: str = "T1", facility: str = "F1", *, actor: str = "tenant") -> TenantSession:
        return TenantSession(
            Office(
                adapter=self.adapter, runtime=self.runtime, clock=self.clock, facility=facility, tenant_id=tenant_id,
                actor=actor, wait=None,
            )
        )  # fmt: skip

    def later(self, **by: int) -> None:
        """Let time pass and the engine work."""
        self.clock.advance(timedelta(**by))
        self.runtime.run_due()

    @property
    def payments(self) -> int:
        return len(self.office.of_kind("take_payment"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = TestClock()
    office = MemoryOffice(clock, facilities=("F1", "F2"))
    adapter = MemoryAdapter(office)
    outbox = Outbox()
    path = tmp_path / "bridge.db"
    database = open_database(f"sqlite:///{path}")
    runtime = Runtime(database, {office.account: adapter}, mailer=outbox, clock=clock)
    yield World(clock, office, adapter, runtime, outbox, path)
    database.close()


TEST_PAN = "4111111111111111"


def card(number: str = TEST_PAN) -> Card:
    return Card(number=number, expires_on=date(2030, 12, 31), holder="Renée Test", cvv="123")
