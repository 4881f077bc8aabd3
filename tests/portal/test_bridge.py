"""The bridge: which facility is meant, who is at the door, and the asynchronous twin."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.people import TenantMatch
from pmsbridge.model.places import Unit
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.aio import AsyncBridge, AsyncTenantSession
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.adapter import Entity, TenantSearch
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, ScheduleSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox
from tests.portal.conftest import card


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    clock = TestClock()
    north = MemoryOffice(clock, account="north", facilities=("F1", "F2"))
    south = MemoryOffice(clock, account="south", facilities=("F2", "F3"))
    settings = Settings(accounts={name: AccountSettings(system="memory") for name in ("north", "south")})
    with Bridge(
        settings,
        database=open_database(f"sqlite:///{tmp_path}/bridge.db"),
        adapters={"north": MemoryAdapter(north), "south": MemoryAdapter(south)},
        mailer=Outbox(),
        clock=clock,
    ) as made:
        yield made


def test_closing_lets_the_workers_finish_before_anything_they_need_is_closed(bridge: Bridge) -> None:
    order: list[str] = []
    dispatcher: Any = bridge.dispatcher()
    dispatcher.start()
    north = bridge.adapters["north"]
    north.close = lambda: order.append("running" if dispatcher.is_running else "ended")  # type: ignore[method-assign]

    bridge.close()

    assert order == ["ended"]
    assert bridge.runtime.on_poke is None
    bridge.close()


def test_a_facility_is_found_by_its_code_alone_where_only_one_account_has_it(bridge: Bridge) -> None:
    adapter, code = bridge.place("F3")

    assert (adapter.account_name, code) == ("south", "F3")


def test_a_facility_of_two_accounts_must_name_its_account(bridge: Bridge) -> None:
    with pytest.raises(InputError, match="north, south"):
        bridge.tenant("F2", "T1")

    assert bridge.place("south/F2")[0].account_name == "south"


@pytest.mark.parametrize("name", ["F9", "west/F1", "", "north/", "north/F3"])
def test_an_unknown_facility_is_an_input_error_that_lists_what_there_is(bridge: Bridge, name: str) -> None:
    with pytest.raises(NotFoundError) as refused:
        bridge.tenant(name, "T1")
    assert refused.value.remedy


def test_an_empty_tenant_id_is_refused(bridge: Bridge) -> None:
    with pytest.raises(InputError):
        bridge.tenant("F1", "  ")


def test_the_same_tenant_id_at_two_facilities_is_two_tenants(bridge: Bridge) -> None:
    one, other = bridge.tenant("F1", "T1"), bridge.tenant("F3", "T1")

    one.pay_rental("R1", card(), key="click-0001")
    other.pay_rental("R1", card(), key="click-0001")

    assert len(one.actions()) == len(other.actions()) == 1
    assert one.actions()[0].action_id != other.actions()[0].action_id


def test_a_sync_fills_the_mirror_of_every_account(bridge: Bridge) -> None:
    report = bridge.sync()

    assert not report.failed
    assert {(row.scope.account, row.scope.facility) for row in report.rows} >= {("north", "F1"), ("south", "F3")}
    assert bridge.mirror.tenant("north", "F1", "T1") is not None


def test_one_facility_can_be_synced_alone(bridge: Bridge) -> None:
    report = bridge.sync(["north/F2"])

    assert {(row.scope.account, row.scope.facility) for row in report.rows} == {("north", "F2")}


def test_staff_search_puts_exact_matches_first_and_refuses_an_empty_search(bridge: Bridge) -> None:
    found = bridge.find_tenants("F1", TenantSearch(email="ana@example.test"))

    assert [type(match) for match in found] == [TenantMatch] * len(found)
    assert found[0].is_exact
    with pytest.raises(InputError):
        bridge.find_tenants("F1", TenantSearch(first_name="  "))


@pytest.mark.fact("S1.61")
def test_staff_search_the_copy_without_asking_the_back_office_and_get_hints_of_other_facilities(bridge: Bridge) -> None:
    known = bridge.adapters["north"].tenant("F2", "T2")
    renamed = known.changed(name=known.name.changed(last="Sørensen"))
    bridge.adapters["north"].office.books.put("F2", renamed)  # type: ignore[attr-defined]
    bridge.sync()
    here = TenantSearch(last_name="Sorensen")

    with patch.object(MemoryAdapter, "find_tenants", side_effect=AssertionError):
        found = bridge.search_tenants("north/F2", here)
        hints = bridge.search_tenants("north/F1", here)

    assert [(match.tenant_id, match.is_exact, match.is_elsewhere) for match in found] == [("T2", True, False)]
    assert [(match.facility, match.is_exact, match.is_elsewhere) for match in hints] == [("F2", False, True)]
    with pytest.raises(InputError):
        bridge.search_tenants("F1", TenantSearch())
    with pytest.raises(InputError, match="card"):
        bridge.search_tenants("F1", TenantSearch(last_name="4111111111111111"))


def test_a_copy_is_compared_and_a_night_planned_through_the_bridge(bridge: Bridge) -> None:
    bridge.sync()

    assert bridge.verify_sync("north/F1").is_equal
    assert bridge.verify_sync("north/F1", entities=[Entity.UNITS]).compared < bridge.verify_sync("north/F1").compared
    assert bridge.plan_sync(["north/F1"]).calls > 0


def test_a_login_opens_a_session_and_a_wrong_one_opens_nothing(bridge: Bridge) -> None:
    office = bridge.adapters["north"].office  # type: ignore[attr-defined]
    office.books.logins["F1", "ana@example.test"] = ("fake-pw-77", "T1")

    right = bridge.accounts.sign_in("F1", "ana@example.test", WebPassword("fake-pw-77"))
    wrong = bridge.accounts.sign_in("F1", "ana@example.test", WebPassword("fake-pw-78"))
    unknown = bridge.accounts.sign_in("F1", "nobody@example.test", WebPassword("fake-pw-77"))

    assert right is not None
    assert right.tenant_id == "T1"
    assert wrong is None
    assert unknown is None


@pytest.mark.fact("S0.3")
def test_a_claim_that_does_not_match_gets_one_generic_answer(bridge: Bridge) -> None:
    office = bridge.adapters["north"].office  # type: ignore[attr-defined]
    office.books.gate_codes["F1", "015"] = "9911#"

    def claim(unit: str, code: str) -> tuple[TenantSession, object]:
        return bridge.accounts.claim(
            "F1", unit_number=unit, gate_code=GateCode(code), login="ana@example.test",
            password=WebPassword("fake-pw-77"), key="click-0001",
        )  # fmt: skip

    answers = []
    for unit, code in (("015", "0000#"), ("15", "9911#"), ("999", "9911#")):
        with pytest.raises(IneligibleError) as refused:
            claim(unit, code)
        answers.append((refused.value.code, refused.value.message, refused.value.unblock))
        assert "9911" not in str(refused.value)

    assert len(set(answers)) == 1
    session, view = claim("015", "9911#")
    assert session.tenant_id == "T1"
    assert view.outcome is Outcome.SETTLED  # type: ignore[attr-defined]


def test_the_async_twin_does_the_same(bridge: Bridge) -> None:
    async def day() -> tuple[str, Outcome, Outcome]:
        twin = AsyncBridge(bridge)
        session = await twin.tenant("F1", "T1")
        assert isinstance(session, AsyncTenantSession)
        board = await session.dashboard()
        paid, moved = await asyncio.gather(
            session.pay_rental("R1", card(), key="click-0001"),
            session.request_move_out("R4", date(2026, 12, 31), key="click-0002"),
        )
        return board.greeting, paid.outcome, moved.outcome

    assert asyncio.run(day()) == ("Ana", Outcome.SETTLED, Outcome.SETTLED)


def test_a_cancelled_await_does_not_lose_the_action(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    office = bridge.adapters["north"].office  # type: ignore[attr-defined]
    reached, go_on, carry_out = threading.Event(), threading.Event(), office.execute

    def slowly(*args: object) -> object:
        reached.set()
        assert go_on.wait(10)
        return carry_out(*args)

    monkeypatch.setattr(office, "execute", slowly)

    async def day() -> None:
        session = await AsyncBridge(bridge).tenant("F1", "T1")
        task = asyncio.create_task(session.pay_rental("R1", card(), key="click-0001"))
        await asyncio.to_thread(reached.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(day())

    # asyncio.run waits for its threads: the call that had begun ran to its end, and the journal knows.
    assert [view.outcome for view in bridge.tenant("F1", "T1").actions()] == [Outcome.SETTLED]
    assert len(office.of_kind("take_payment")) == 1


def test_the_async_stub_names_every_public_method() -> None:
    stub = Path(inspect.getfile(AsyncBridge)).with_suffix(".pyi").read_text(encoding="utf-8")

    for cls in (Bridge, TenantSession):
        public = [name for name, _ in inspect.getmembers(cls) if not name.startswith("_")]
        missing = [name for name in public if f"def {name}(" not in stub]
        assert set(missing) <= {"journal", "mirror"}


def test_importing_the_package_opens_no_database_and_loads_no_vendor() -> None:
    heavy = ("zeep", "lxml", "apscheduler", "sqlalchemy", "httpx")
    code = f"import sys, pmsbridge; print([m for m in {heavy} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_nightly_clock_has_one_job_per_facility_in_its_own_zone(bridge: Bridge) -> None:
    bridge.nightly()

    places = ["north/F1", "north/F2", "south/F2", "south/F3"]
    assert sorted(bridge.runtime.jobs) == [f"{what} {place}" for what in ("reconcile", "sync") for place in places]
    assert bridge.runtime.tick("sync south/F3", bridge.clock.now())
    assert bridge.mirror.tenant("south", "F3", "T1") is not None
    assert bridge.mirror.tenant("north", "F1", "T1") is None
    assert bridge.runtime.runs.last_success("reconcile south/F3") is not None
    assert bridge.runtime.runs.last_success("reconcile north/F1") is None


def test_a_comparison_with_a_time_of_its_own_does_not_run_after_the_night(bridge: Bridge) -> None:
    wanted = ScheduleSettings(reconcile=time(22, 30))
    bridge.settings = bridge.settings.model_copy(update={"schedule": wanted})
    bridge.nightly()

    assert bridge.runtime.tick("sync south/F3", bridge.clock.now())

    assert bridge.runtime.runs.last_success("reconcile south/F3") is None
    assert bridge.runtime.tick("reconcile south/F3", bridge.clock.now())


def test_days_that_have_not_begun_are_not_compared(bridge: Bridge) -> None:
    with pytest.raises(InputError, match="2099-01-01 has not begun at north/F1"):
        bridge.reconcile(["north/F1"], since=date(2099, 1, 1))
    with pytest.raises(InputError, match="since: is after until"):
        bridge.reconcile(["north/F1"], since=date(2026, 11, 21), until=date(2026, 11, 20))


def test_only_a_full_sync_finds_what_was_deleted(bridge: Bridge) -> None:
    bridge.sync()
    bridge.adapters["north"].office.books.remove(Unit, "F1", "U9")  # type: ignore[attr-defined]

    bridge.sync(["north/F1"])
    assert bridge.mirror.get("north", "F1", "unit", "U9") is not None
    bridge.sync(["north/F1"], full=True)
    assert bridge.mirror.get("north", "F1", "unit", "U9") is None


def test_the_dashboard_takes_the_unit_from_the_nightly_copy_where_the_live_read_does_not_tell(bridge: Bridge) -> None:
    session = bridge.tenant("north/F1", "T1")
    before = session.dashboard().rows[0].unit
    bridge.sync(["north/F1"])

    unit = session.dashboard().rows[0].unit

    assert unit is not None
    assert unit.number == "015"
    assert before is None or before == unit
