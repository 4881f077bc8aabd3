"""Reports that ignore or cut their dates, incremental polling in .NET ticks, the call counter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl, SandboxServer
from pmsbridge_sitelink.sandbox.clock import business_day, eastern, from_ticks, ticks
from tests.adapters.sitelink.sandbox.caller import Caller


def _range(start: str, end: str) -> dict[str, str]:
    return {"dReportDateStart": f"{start}T00:00:00", "dReportDateEnd": f"{end}T00:00:00"}


@pytest.mark.parametrize("report", ["RentRoll", "OccupancyStatistics", "PastDueBalances"])
def test_a_snapshot_ignores_its_dates(call: Caller, report: str) -> None:
    assert call(report, **_range("2020-01-01", "2020-02-01")).elements
    assert len(call(report, **_range("2020-01-01", "2020-02-01")).body) == len(call(report).body)


def test_the_rent_roll_has_every_unit_and_tenants_only_where_let(call: Caller, control: SandboxControl) -> None:
    found = call("RentRoll").rows("RentRoll")
    state = control.state("L001")["sites"]["L001"]

    assert len(found) == len(state["units"])
    assert {row["LedgerID"] for row in found if "LedgerID" in row} == set(state["ledgers"])
    assert all(("TenantID" in row) is (row["bRented"] == "true") for row in found)


def test_a_ranged_report_leaves_out_the_end_date_itself(call: Caller, control: SandboxControl) -> None:
    control.advance(2 * 86400)
    call.pay(5002, "12.34")

    assert call("DailyDeposits", **_range("2026-11-23", "2026-11-23")).code == -1
    assert call("DailyDeposits", **_range("2026-11-22", "2026-11-23")).code == -1
    found = call("DailyDeposits", **_range("2026-11-23", "2026-11-24")).rows("DailyDeposits")
    assert [row["dcAmt"] for row in found] == ["12.3400"]


def test_moves_come_with_totals_and_sites(call: Caller) -> None:
    answer = call("MoveInsAndMoveOuts", **_range("2026-05-01", "2026-05-02"))

    assert answer.tables == ["UnitMoveInsAndMoveOuts", "Totals", "Sites"]
    assert answer.rows("Totals")[0]["MoveOuts"] == "0"
    assert call("MoveInsAndMoveOuts", **_range("2026-05-01", "2026-05-01")).code == -1


def test_past_due_balances_add_up(call: Caller) -> None:
    row = next(r for r in call("PastDueBalances").rows("PastDueBalances") if r["LedgerID"] == "2007")
    parts = ("RentBal", "LateFeeBal", "POSBal", "OtherChargesBal", "TaxesBal")

    assert sum(float(row[part]) for part in parts) == pytest.approx(float(row["ChargeBalance"]))
    assert int(row["DaysLate"]) > 30


def test_units_come_again_only_when_they_changed(call: Caller, control: SandboxControl) -> None:
    mark = call("UnitsInformation_v3").rows("Table1")[0]["lngLastTimePolled"]
    control.advance(5)
    nothing = call("UnitsInformation_v3", lngLastTimePolled=mark)
    assert nothing.code == 0
    assert nothing.rows("Table") == []
    assert int(nothing.rows("Table1")[0]["lngLastTimePolled"]) == int(mark) + 50_000_000

    call("ScheduleMoveOut", iLedgerID=2002, dScheduledOut="2026-12-31")

    assert [row["UnitID"] for row in call("UnitsInformation_v3", lngLastTimePolled=mark).rows("Table")] == ["5002"]


@pytest.mark.parametrize("mark", ["0", "", "2026-11-01", "621355968000000000", "99999999999999999999"])
def test_everything_comes_for_no_mark_or_one_that_is_too_old(call: Caller, mark: str) -> None:
    everything = len(call("UnitsInformation_v2").rows("Table"))

    assert len(call("UnitsInformation_v2", lngLastTimePolled=mark).rows("Table")) == everything


def test_the_return_code_of_a_unit_list_is_a_column_and_there_is_no_return_table(call: Caller) -> None:
    answer = call("UnitsInformation_v3")

    assert answer.tables == ["Table", "Table1"]
    assert {row["Ret_Code"] for row in answer.rows("Table")} == {"1"}


def test_units_off_the_website_come_only_when_asked_for() -> None:
    with SandboxServer(units=200) as big:
        call = Caller(big.base_url)
        shown = call("UnitsInformation_v3", bReturnExcludedFromWebsiteUnits="false").rows("Table")
        everything = call("UnitsInformation_v3", bReturnExcludedFromWebsiteUnits="true").rows("Table")

    assert len(shown) < len(everything) == 200
    assert {row["bExcludeFromWebsite"] for row in shown} == {"false"}


def test_changed_tenants_come_again(call: Caller, control: SandboxControl) -> None:
    mark = call("UnitsInformation_v3").rows("Table1")[0]["lngLastTimePolled"]
    control.advance(5)
    call("TenantSMSOptInUpdate", iTenantID=1003, bSMSOptIn="true")

    found = call("TenantListComplete_v2", lngLastTimePolled=mark).rows("TenantListComplete")
    assert [row["TenantID"] for row in found] == ["1003"]


def test_gate_data_can_be_asked_for_the_last_minutes(call: Caller, control: SandboxControl) -> None:
    everything = call("GateAccessData", iMinutesSinceLastUpdate=0).rows("Table")
    control.settings(ledgers={"L001/2002": {"overlocked": True}})

    changed = call("GateAccessData", iMinutesSinceLastUpdate=5).rows("Table")
    assert [row["UnitID"] for row in changed] == ["5002"]
    assert changed[0]["bOverlocked"] == "true"
    assert len(everything) == 24


def test_payment_type_ids_are_the_sites_own(call: Caller, server: SandboxServer) -> None:
    here = {row["PmtTypeID"] for row in call("PaymentTypesRetrieve").rows("Table")}
    there = {row["PmtTypeID"] for row in Caller(server.base_url, "L002")("PaymentTypesRetrieve").rows("Table")}

    assert here.isdisjoint(there)


def test_sites_are_listed_without_a_location(call: Caller) -> None:
    found = call("SiteSearchByPostalCode", sLocationCode=None, iCountry=-999).rows("Table")

    assert [row["sLocationCode"] for row in found] == ["L001", "L002"]


def test_calls_are_counted_per_location_and_month(call: Caller, control: SandboxControl) -> None:
    call("SiteInformation")
    call("SiteInformation")
    control.advance(11 * 86400)
    call("SiteInformation")

    assert control.call_counts()["L001"] == {"2026-11": 2, "2026-12": 1}


def test_ticks_and_instants_are_each_others_inverse() -> None:
    instant = datetime(2026, 11, 21, 15, 0, 0, 123456, tzinfo=UTC)

    assert from_ticks(ticks(instant)) == instant
    assert ticks(datetime(1970, 1, 2, tzinfo=UTC)) == 621355968000000000 + 864_000_000_000


@pytest.mark.parametrize(
    ("instant", "local"),
    [
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), "2026-03-08T01:59:00-05:00"),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), "2026-03-08T03:00:00-04:00"),
        (datetime(2026, 11, 1, 5, 59, tzinfo=UTC), "2026-11-01T01:59:00-04:00"),
        (datetime(2026, 11, 1, 6, 0, tzinfo=UTC), "2026-11-01T01:00:00-05:00"),
        (datetime(2026, 7, 1, 3, 0, tzinfo=UTC), "2026-06-30T23:00:00-04:00"),
    ],
)
def test_the_servers_wall_clock_follows_us_eastern_rules(instant: datetime, local: str) -> None:
    assert eastern(instant).isoformat() == local
    assert eastern(eastern(instant).replace(tzinfo=None)) - eastern(instant) in {timedelta(0), timedelta(hours=-1)}
    assert business_day(instant).isoformat() == local[:10]
