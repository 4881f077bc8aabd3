"""What a night costs is known before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import ConfigurationError, RejectedError
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.streams import CostPort
from pmsbridge.store.call_counts import DatabaseCallCounter
from pmsbridge.store.database import open_database
from pmsbridge_sitelink.adapter import create
from pmsbridge_sitelink.connection import Connection
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.office import OPENED, SITE, FixedSecrets, OfficeClock, options

KEY = FacilityKey("demo", SITE)
EACH = {"facility": 2, "unit": 1, "tenant": 1, "rental": 3, "account": 0}
PER_ACCOUNT = 3


class MovingClock(OfficeClock):
    """The adapter's, the engine's and the sandbox's clock, moved together."""

    def move(self, office: SandboxControl, by: timedelta) -> None:
        office.advance(by.total_seconds())
        self._now = self.now() + by


def runtime_on(office: SandboxControl, folder: Path, clock: MovingClock, **changes: Any) -> Iterator[Runtime]:
    database = open_database(f"sqlite:///{folder}/copy.db")
    adapter = create("demo", options(office, **changes), secrets=FixedSecrets(), clock=clock)
    OPENED.append(adapter)
    yield Runtime(database, {"demo": adapter}, clock=clock)
    database.close()


@pytest.fixture
def clock(office: SandboxControl) -> MovingClock:
    return MovingClock(office)


@pytest.fixture
def runtime(office: SandboxControl, tmp_path: Path, clock: MovingClock) -> Iterator[Runtime]:
    yield from runtime_on(office, tmp_path, clock)


def test_a_night_makes_exactly_the_calls_that_were_planned(runtime: Runtime, office: SandboxControl) -> None:
    sync = Sync(runtime)
    for _ in range(2):
        (line,) = sync.plan([KEY]).lines
        before = len(office.calls())

        report = sync.run([KEY], full=True)

        assert not report.failed
        assert line.calls_by_part == EACH
        assert len(office.calls()) - before == line.calls == sum(row.calls for row in report.rows)


def test_accounts_are_planned_and_read_anew_only_when_something_about_them_changed(
    runtime: Runtime, office: SandboxControl, clock: MovingClock
) -> None:
    sync, night = Sync(runtime), sum(EACH.values())
    sync.run([KEY], full=True)
    rentals = runtime.mirror.rentals("demo", SITE)
    one, other = sorted({rental.tenant_id for rental in rentals})[:2]
    for tenant_id in (one, other):
        runtime.mirror.watch("demo", SITE, tenant_id)

    def planned() -> tuple[int, int, int]:
        (line,) = sync.plan([KEY]).lines
        assert line.calls_at_most == night + 2 * PER_ACCOUNT
        return line.watched, line.watched_at_most, line.calls

    def calls_of_a_night() -> int:
        before = len(office.calls())
        assert not sync.run([KEY], full=True).failed
        return len(office.calls()) - before

    assert planned() == (2, 2, night + 2 * PER_ACCOUNT)
    clock.move(office, timedelta(minutes=1))
    assert calls_of_a_night() == night + 2 * PER_ACCOUNT
    assert planned() == (0, 2, night)
    clock.move(office, timedelta(minutes=1))
    assert calls_of_a_night() == night

    ledger = next(int(rental.id) for rental in rentals if rental.tenant_id == one)
    office.enter_payment(SITE, ledger, "10.00")
    clock.move(office, timedelta(minutes=1))
    assert calls_of_a_night() == night + PER_ACCOUNT
    account = runtime.mirror.account("demo", SITE, one)
    assert account is not None

    clock.move(office, timedelta(days=7, minutes=1))
    assert planned()[0] == 2


def test_a_month_that_cannot_bear_the_night_is_named_before_it_runs(office: SandboxControl, tmp_path: Path) -> None:
    for runtime in runtime_on(office, tmp_path, MovingClock(office), limits={"monthly_calls": 20}):
        sync = Sync(runtime)
        (line,) = sync.plan([KEY]).lines
        assert (line.used_this_month, line.budget, line.beyond, line.is_known) == (0, 20, (), True)

        adapter = runtime.adapters["demo"]
        assert isinstance(adapter, CostPort)
        counted = adapter.budget_of(SITE).counted_as
        DatabaseCallCounter(runtime.database).add(counted, f"{runtime.clock.now():%Y-%m}", 14)

        plan = sync.plan([KEY])
        assert (plan.lines[0].used_this_month, plan.lines[0].beyond, plan.fits) == (14, (SITE,), False)
        assert sync.plan([KEY], [Entity.UNITS]).fits


def test_a_month_must_bear_the_accounts_that_may_have_to_be_read(office: SandboxControl, tmp_path: Path) -> None:
    for runtime in runtime_on(office, tmp_path, MovingClock(office), limits={"monthly_calls": 1000}):
        sync = Sync(runtime)
        sync.run([KEY], full=True)
        adapter, (line,) = runtime.adapters["demo"], sync.plan([KEY]).lines
        assert isinstance(adapter, CostPort)
        left = 1000 - line.used_this_month - line.calls
        counted = adapter.budget_of(SITE).counted_as
        DatabaseCallCounter(runtime.database).add(counted, f"{runtime.clock.now():%Y-%m}", left)
        assert sync.plan([KEY]).fits

        runtime.mirror.watch("demo", SITE, runtime.mirror.rentals("demo", SITE)[0].tenant_id)

        assert not sync.plan([KEY]).fits


def test_a_plan_of_an_account_that_is_not_configured_says_so(runtime: Runtime) -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        Sync(runtime).plan([FacilityKey("nobody", "F1")])


def test_the_night_brings_what_is_past_due(runtime: Runtime, office: SandboxControl) -> None:
    Sync(runtime).run([KEY], full=True)

    told = {r.id: Decimal(r.extra["past_due"]) for r in runtime.mirror.rentals("demo", SITE) if "past_due" in r.extra}

    late = {r.id: Decimal(r.extra["balance"]) for r in runtime.mirror.rentals("demo", SITE) if r.id in told}
    assert told
    assert told == late
    owed = next(iter(told))
    office.enter_payment(SITE, int(owed), str(told[owed]))
    Sync(runtime).run([KEY], full=True)
    (paid,) = [r for r in runtime.mirror.rentals("demo", SITE) if r.id == owed]
    assert "past_due" not in paid.extra
    assert Decimal(paid.extra["balance"]) == 0


def test_an_account_that_may_not_read_what_is_past_due_gets_its_night_all_the_same(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Connection.read

    def refused(self: Connection, operation: str, *given: Any, **named: Any) -> Any:
        if operation == "PastDueBalances":
            raise RejectedError("this account may not read that report", code="no_permission")
        return real(self, operation, *given, **named)

    monkeypatch.setattr(Connection, "read", refused)

    report = Sync(runtime).run([KEY], full=True)

    assert not report.failed
    rentals = runtime.mirror.rentals("demo", SITE)
    assert rentals
    assert not any("past_due" in rental.extra for rental in rentals)
