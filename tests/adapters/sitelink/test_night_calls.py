"""Every call of a night stands behind people, has a night's time, and leaves them the last calls of a month."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import UnavailableError
from pmsbridge.ports.calling import for_a_night
from pmsbridge.ports.calls import Admitted, CallAsk, GateAnswer, Priority
from pmsbridge.ports.clock import SystemClock
from pmsbridge.store.call_counts import DatabaseCallCounter
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.gates import DatabaseGate
from pmsbridge.store.held_rows import HeldByHash
from pmsbridge_sitelink.adapter import SiteLinkAdapter, create
from pmsbridge_sitelink.sandbox import SandboxControl, spawn
from tests.adapters.sitelink.office import OPENED, RENEE, SITE, TODAY, FixedSecrets, options

SITES = [f"L{number:03d}" for number in range(1, 7)]


class Recorded(DatabaseGate):
    """The gate of the database, which remembers how each call came."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asks: dict[str, CallAsk] = {}

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
        self.asks[ask.ticket] = ask
        return super().enter(ask, again=again)

    @property
    def priorities(self) -> set[Priority]:
        return {ask.priority for ask in self.asks.values()}


class Scene:
    """An adapter over a gate in a database, and a runtime."""

    def __init__(
        self, control: SandboxControl, folder: Path, *, gate: type[Recorded] = Recorded, **changes: Any
    ) -> None:
        self.database = open_database(f"sqlite:///{folder}/copy.db")
        self.gate = gate(self.database)
        self.adapter: SiteLinkAdapter = create(
            "demo", options(control, **changes), secrets=FixedSecrets(), clock=SystemClock(), gate=self.gate
        )
        OPENED.append(self.adapter)
        self.runtime = Runtime(self.database, {"demo": self.adapter})


@pytest.fixture(scope="module")
def six() -> Iterator[SandboxControl]:
    with spawn(today=TODAY, units=3, sites=6) as control:
        yield control


def test_a_fleets_night_on_a_slow_lane_waits_for_its_turn_as_long_as_a_night_may(
    six: SandboxControl, tmp_path: Path
) -> None:
    six.inject("*", "delay", seconds=0.3, count=0)
    scene = Scene(
        six, tmp_path,
        facilities=[{"code": code, "zone": "America/New_York"} for code in SITES],
        # Each of six waits for five calls of the others: longer than a person would.
        timeouts={"connect": "5s", "read": "30s", "live": "1s", "batch": "10m"},
    )  # fmt: skip

    def night(code: str) -> list[str]:
        report = Sync(scene.runtime).run([FacilityKey("demo", code)], full=True)
        return [row.error for row in report.failed]

    with ThreadPoolExecutor(len(SITES)) as pool:
        failed = list(pool.map(night, SITES))
    scene.database.close()

    assert failed == [[]] * 6
    assert scene.gate.priorities == {Priority.BATCH}


def test_every_call_of_a_night_stands_behind_people_accounts_and_facilities_too(
    office: SandboxControl, tmp_path: Path
) -> None:
    times = {"connect": "5s", "read": "30s", "live": "20s", "batch": "10m"}
    scene = Scene(office, tmp_path, timeouts=times)
    scene.runtime.mirror.watch("demo", SITE, RENEE)

    report = Sync(scene.runtime).run([FacilityKey("demo", SITE)], full=True)
    came = len(scene.gate.asks)

    assert report.failed == ()
    assert scene.gate.priorities == {Priority.BATCH}
    # A process that dies in a call of a night blocks the account for half a minute, not for a quarter of an hour.
    assert {ask.lease <= timedelta(seconds=30) for ask in scene.gate.asks.values()} == {True}
    accounts = report.rows[-1]
    assert (accounts.scope.entity, accounts.calls) == ("account", 3)
    assert accounts.bytes_read > 0
    assert came == sum(row.calls for row in report.rows)
    scene.gate.asks.clear()
    scene.adapter.account(SITE, RENEE)
    assert scene.gate.priorities == {Priority.INTERACTIVE}
    scene.database.close()


def test_the_last_calls_of_a_month_are_kept_for_people_and_the_plan_says_so(
    office: SandboxControl, tmp_path: Path
) -> None:
    limits = {"monthly_calls": 100, "stop_at_monthly_calls": True, "nights_percent": 90}
    scene = Scene(office, tmp_path, limits=limits)
    counted = scene.adapter.budget_of(SITE).counted_as
    month = f"{SystemClock().now():%Y-%m}"
    (line,) = Sync(scene.runtime).plan([FacilityKey("demo", SITE)]).lines
    assert (line.budget, line.kept_for_people, line.beyond) == (100, 10, ())
    DatabaseCallCounter(scene.database).add(counted, month, 88)

    plan = Sync(scene.runtime).plan([FacilityKey("demo", SITE)])
    report = Sync(scene.runtime).run([FacilityKey("demo", SITE)], full=True)

    assert plan.lines[0].beyond == (SITE,)
    assert DatabaseCallCounter(scene.database).total(counted, month) == 90
    assert "kept for people" in report.rows[-1].error
    assert scene.adapter.account(SITE, RENEE).tenant.id == RENEE
    with for_a_night(), pytest.raises(UnavailableError, match="kept for people"):
        scene.adapter.account(SITE, RENEE)
    scene.database.close()


class Turns(Recorded):
    """Knows how many slots are taken at this moment."""

    taken = 0

    def enter(self, ask: CallAsk, *, again: bool = False) -> GateAnswer:
        answer = super().enter(ask, again=again)
        self.taken += int(isinstance(answer, Admitted))
        return answer

    def leave(self, ask: CallAsk) -> None:
        super().leave(ask)
        self.taken = 0


def test_a_night_reads_what_is_held_before_it_takes_a_slot(
    office: SandboxControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(office, tmp_path, gate=Turns)
    assert isinstance(scene.gate, Turns)
    turns = scene.gate
    Sync(scene.runtime).run([FacilityKey("demo", SITE)], full=True)
    seen = list[tuple[str, int]]()
    read, find = HeldByHash.read.__func__, HeldByHash.find  # type: ignore[attr-defined]

    def reading(kind: type[HeldByHash], *given: Any) -> HeldByHash | None:
        seen.append(("read", turns.taken))
        found: HeldByHash | None = read(kind, *given)
        return found

    def finding(held: HeldByHash, raw: bytes) -> int | None:
        seen.append(("find", turns.taken))
        return find(held, raw)

    monkeypatch.setattr(HeldByHash, "read", classmethod(reading))
    monkeypatch.setattr(HeldByHash, "find", finding)

    report = Sync(scene.runtime).run([FacilityKey("demo", SITE)], full=True)

    assert report.failed == ()
    assert {("read", 0), ("find", 1)} <= set(seen)  # while the answer is open it is compared: that is the point
    assert {taken for what, taken in seen if what == "read"} == {0}
    scene.database.close()
