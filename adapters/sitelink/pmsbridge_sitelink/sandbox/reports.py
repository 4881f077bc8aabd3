"""The reporting service.

Facts: the rent roll and the occupancy statistics are snapshots of now and ignore their dates; other reports leave out
the end date's own day; "no data for the date range" is -1 with no table; scheduled move-outs take no dates. Decision:
the past-due report is a snapshot too.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from .books import apply_visible, credit, dues, visible_balance
from .clock import business_day, from_ticks
from .dataset import Row, Rowset, Value
from .ledger import ZERO
from .people import tenant_row
from .premises import unit_row
from .records import Rental, Site, Unit
from .tables import DEPOSITS, LEAVING, MOVE_SITES, MOVE_TOTALS, MOVES, OCCUPANCY, PAST_DUE, RENT_ROLL, TENANT_LIST
from .visit import FAILED, Answer, Visit, answers, returned, rows

_ZERO_DAY: Final = date(1, 1, 1)


def _no_data() -> Answer:
    return returned(FAILED, "There is no data for the date range.")


def _range(visit: Visit) -> tuple[date, date]:
    """First day included, and first day not included."""
    start, end = visit.moment("dReportDateStart"), visit.moment("dReportDateEnd")
    return start.date() if start else _ZERO_DAY, end.date() if end else _ZERO_DAY


def _running(visit: Visit) -> list[Rental]:
    found = [rental for rental in visit.site.rentals.values() if rental.active]
    for rental in found:
        apply_visible(rental, visit.now)
    return found


@answers("RentRoll")
def rent_roll(visit: Visit) -> Answer:
    """Every unit as of now, vacant ones without tenant and ledger."""
    site = visit.site
    _running(visit)
    return rows(RENT_ROLL, [_roll_row(visit, site, unit) for unit in site.units.values()])


def _roll_row(visit: Visit, site: Site, unit: Unit) -> Row:
    area = unit.type.width * unit.type.length
    row: dict[str, Value] = unit_row(site, unit, visit)
    row["sUnit"] = unit.name
    row["sSize"] = f"{unit.type.width:f}x{unit.type.length:f}"
    row["Area"] = row["Area1"] = area
    row["SiteID1"] = site.profile.site_id
    row["dcStandardRate"] = unit.type.rate
    row["dcPushRateAtMoveIn"] = unit.type.rate
    rental = site.rentals.get(unit.ledger_id) if unit.ledger_id else None
    if rental is not None:
        _add_rental(row, site, rental, unit)
    return row


def _add_rental(row: dict[str, Value], site: Site, rental: Rental, unit: Unit) -> None:
    tenant = site.tenants[rental.tenant_id]
    row.update(
        {
            "LedgerID": rental.ledger_id,
            "TenantID": rental.tenant_id,
            "sTenant": f"{tenant.text('sLName')}, {tenant.text('sFName')}",
            "sCompany": tenant.fields.get("sCompany"),
            "sEmail": tenant.fields.get("sEmail"),
            "dLeaseDate": rental.moved_in,
            "dPaidThru": rental.paid_through,
            "iAnnivDays": rental.anniversary,
            "sTaxExempt": "N",
            "dcSecDep": ZERO,
            "dcRent": rental.rent,
            "dcVar": rental.rent - unit.type.rate,
            "dcPrePaidRentLiability": credit(rental),
            "dcInsurPremium": rental.premium,
            "iAutoBillType": rental.billing.autopay,
            "dcChargeBalance": visible_balance(rental),
            "dUpdated": rental.updated,
        }
    )


@answers("PastDueBalances")
def past_due(visit: Visit) -> Answer:
    """Rentals with something open that was due before today."""
    found = [row for rental in _running(visit) if (row := _past_due_row(visit, rental))]
    return rows(PAST_DUE, found) if found else _no_data()


def _past_due_row(visit: Visit, rental: Rental) -> Row:
    oldest = min((c.due for c in rental.charges if c.open > 0), default=visit.today)
    if oldest >= visit.today:
        return {}
    site, owed = visit.site, dues(rental)
    taxes = sum((due.tax for due in owed.values()), ZERO)
    amounts = {name: owed[name].total - owed[name].tax if name in owed else ZERO for name in ("Rent", "LateFee", "POS")}
    balance = visible_balance(rental)
    return {
        "SiteID": site.profile.site_id,
        "LedgerID": rental.ledger_id,
        "UnitID": rental.unit_id,
        "TenantID": rental.tenant_id,
        "sUnitName": site.units[rental.unit_id].name,
        "sTenant": site.tenants[rental.tenant_id].display_name,
        "ChargeBalance": balance,
        "RentBal": amounts["Rent"],
        "LateFeeBal": amounts["LateFee"],
        "POSBal": amounts["POS"],
        "OtherChargesBal": balance - taxes - sum(amounts.values(), ZERO),
        "TaxesBal": taxes,
        "DaysLate": (visit.today - oldest).days,
    }


@answers("OccupancyStatistics")
def occupancy(visit: Visit) -> Answer:
    """One row per type and size as of now."""
    site = visit.site
    found: list[Row] = []
    for kind in site.types:
        units = [unit for unit in site.units.values() if unit.type is kind]
        let = [unit for unit in units if unit.ledger_id is not None]
        closed = sum(not unit.rentable for unit in units)
        area = kind.width * kind.length
        row: Row = {
            "UnitType": f"{kind.name} {kind.width:f}x{kind.length:f}",
            "Area": area,
            "TotalArea": area * len(units),
            "OccupiedArea": area * len(let),
            "Occupied": Decimal(len(let)),
            "Vacant": Decimal(len(units) - len(let) - closed),
            "Unrentable": Decimal(closed),
            "TotalUnits": Decimal(len(units)),
            "StandardRate": kind.rate,
            "GrossPotential": kind.rate * len(units),
            "GrossOccupied": kind.rate * len(let),
            "ActualOccupied": sum((site.rentals[unit.ledger_id or 0].rent for unit in let), ZERO),
        }
        found.append(row)
    return rows(OCCUPANCY, found)


@answers("ScheduledMoveOuts")
def scheduled_move_outs(visit: Visit) -> Answer:
    """Every rental with an intended last day."""
    site = visit.site
    found: list[Row] = [
        {
            "SiteID": site.profile.site_id,
            "LedgerID": rental.ledger_id,
            "UnitID": rental.unit_id,
            "sUnitName": site.units[rental.unit_id].name,
            "TenantID": rental.tenant_id,
            "sFName": site.tenants[rental.tenant_id].fields.get("sFName"),
            "sLName": site.tenants[rental.tenant_id].fields.get("sLName"),
            "dSchedOut": rental.scheduled_out,
        }
        for rental in _running(visit)
        if rental.scheduled_out is not None
    ]
    return rows(LEAVING, found)


@answers("MoveInsAndMoveOuts")
def moves(visit: Visit) -> Answer:
    """Who came and went; the end date's own day is not included."""
    site, (start, end) = visit.site, _range(visit)
    found: list[Row] = []
    for rental in site.rentals.values():
        if start <= rental.moved_in < end:
            found.append(_move_row(site, rental, rental.moved_in, came=True))
        if rental.moved_out and start <= rental.moved_out < end:
            found.append(_move_row(site, rental, rental.moved_out, came=False))
    if not found:
        return _no_data()
    came = sum(1 for row in found if row["MoveIn"])
    totals = Rowset(MOVE_TOTALS, [{"MoveIns": came, "MoveOuts": len(found) - came}])
    where = Rowset(
        MOVE_SITES, [{"SiteID": site.profile.site_id, "sLocationCode": site.code, "sSiteName": site.profile.name}]
    )
    return rows(MOVES, found, totals, where)


def _move_row(site: Site, rental: Rental, day: date, *, came: bool) -> Row:
    unit, tenant = site.units[rental.unit_id], site.tenants[rental.tenant_id]
    return {
        "SiteID": site.profile.site_id,
        "TenantID": rental.tenant_id,
        "MoveDate": day,
        "MoveIn": int(came),
        "MoveOut": int(not came),
        "Transfer": 0,
        "UnitName": unit.name,
        "UnitSize": f"{unit.type.width:f}x{unit.type.length:f}",
        "Width": unit.type.width,
        "Length": unit.type.length,
        "sUnitType": unit.type.name,
        "TenantName": f"{tenant.text('sFName')} {tenant.text('sLName')}",
        "sCompany": tenant.fields.get("sCompany"),
        "sEmail": tenant.fields.get("sEmail"),
        "Address": tenant.text("sAddr1"),
        "City": tenant.text("sCity"),
        "Region": tenant.text("sRegion"),
        "PostalCode": tenant.text("sPostalCode"),
        "StandardRate": unit.type.rate,
        "MovedInRentalRate": rental.rent if came else None,
        "MovedOutRentalRate": None if came else rental.rent,
        "iLeaseNum": rental.lease_number,
    }


@answers("DailyDeposits")
def deposits(visit: Visit) -> Answer:
    """The payments of a range of days, the last day left out."""
    site, (start, end) = visit.site, _range(visit)
    _running(visit)
    found: list[Row] = [
        {
            "SiteID": site.profile.site_id,
            "dDeposit": day,
            "Receipt": payment.receipt,
            "sMethod": payment.method,
            "sDescription": payment.description,
            "dcAmt": payment.amount,
        }
        for rental in site.rentals.values()
        for payment in rental.payments
        if payment.applied and start <= (day := business_day(payment.posted_at)) < end
    ]
    return rows(DEPOSITS, found) if found else _no_data()


@answers("TenantListComplete", "TenantListComplete_v2")
def tenant_list(visit: Visit) -> Answer:
    """Every tenant of the site, or those changed since the last poll."""
    text = visit.text("lngLastTimePolled").strip()
    since = from_ticks(int(text)) if text.isascii() and text.isdigit() else None
    since = since if since and since > visit.now - timedelta(days=31) else None
    site = visit.site
    return rows(
        TENANT_LIST, [tenant_row(site, t) for t in site.tenants.values() if since is None or t.updated >= since]
    )
