"""Sites and units: information, prices, incremental polling, gate data.

Facts: `lngLastTimePolled` is .NET ticks; "0", nonsense or more than a month ago returns everything; the return code
of unit lists is a column of every row and a return table exists only when there is nothing; reserved units stay in
the list of available ones. Decision: units excluded from the website are left out unless asked for, also when the
parameter is not sent (a false either way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from .clock import from_ticks, morning, ticks
from .dataset import Row, Rowset, Value
from .records import Rental, Site, SiteProfile, Unit
from .tables import (
    FORMS,
    GATE,
    PAYMENT_SETTINGS,
    PAYMENT_TYPES,
    POLLED,
    PRICES,
    RT,
    SITES,
    SITES_FOUND,
    UNIT,
    UNITS_V2,
    UNITS_V3,
    WAITING_FEE,
)
from .visit import INVALID_ID, Answer, Visit, answers, returned, rows, with_success

_NO_PLAN: Final = -999
_FEE: Final = Decimal("25.00")
_MONTH: Final = timedelta(days=31)


def site_row(profile: SiteProfile) -> dict[str, Value]:
    """The public face of a site as columns."""
    opens = datetime(1900, 1, 1, 9)  # noqa: DTZ001 - a time of day on the wall clock
    return {
        "SiteID": profile.site_id,
        "sLocationCode": profile.code,
        "sSiteName": profile.name,
        "sSiteAddr1": profile.street,
        "sSiteCity": profile.city,
        "sSiteRegion": profile.region,
        "sSitePostalCode": profile.postal_code,
        "sSiteCountry": "USA" if profile.postal_code.isdigit() else "CAN",
        "sSitePhone": profile.phone,
        "sEmailAddress": profile.email,
        "sContactName": profile.contact,
        "dcLatitude": profile.latitude,
        "dcLongitude": profile.longitude,
        "bClosedWeekdays": False,
        "bClosedSaturday": False,
        "bClosedSunday": True,
        "dWeekdayStrt": opens,
        "dWeekdayEnd": opens + timedelta(hours=9),
    }


@answers("SiteInformation")
def site_information(visit: Visit) -> Answer:
    """The record of one site."""
    return rows(SITES, [site_row(visit.site.profile)])


@answers("SiteSearchByPostalCode")
def site_search(visit: Visit) -> Answer:
    """Every site of the corporation, or those whose postal code begins as asked."""
    wanted = visit.text("sPostalCode").strip().upper()
    profiles = (visit.office.profile(code) for code in visit.office.codes)
    found = [site_row(p) | {"dcDistance": Decimal(0)} for p in profiles if p.postal_code.startswith(wanted)]
    return rows(SITES_FOUND, found)


@answers("PaymentTypesRetrieve")
def payment_types(visit: Visit) -> Answer:
    """The site's own payment type ids."""
    return rows(PAYMENT_TYPES, payment_type_rows(visit.site))


def payment_type_rows(site: Site) -> list[Row]:
    """The payment types of a site as columns."""
    return [{"PmtTypeID": n, "sPmtTypeDesc": name, "sCategory": kind} for n, (name, kind) in site.payment_types.items()]


@answers("PaymentSettings")
def payment_settings(visit: Visit) -> Answer:
    """After how many days past due an online payment is refused."""
    site = visit.site
    row: Row = {
        "SiteID": site.profile.site_id,
        "iDaysPastDueNoOnlinePayments": site.days_past_due_limit,
        "bOnlinePaymentsDisabled": site.online_disabled,
    }
    return rows(PAYMENT_SETTINGS, [row])


@answers("FormsRetrieve")
def forms(visit: Visit) -> Answer:
    """The forms of a site."""
    base = visit.site.profile.index * 10
    kinds = ("Lease Agreement", "Autopay Authorization", "Move-Out Notice")
    return rows(FORMS, [{"FormID": base + n, "sDescription": kind} for n, kind in enumerate(kinds, start=1)])


@answers("ReservationFeeRetrieve")
def reservation_fee(visit: Visit) -> Answer:
    """What a reservation costs."""
    tax = visit.site.profile.rent_tax
    row: Row = {
        "dcPrice": _FEE,
        "dcTax1Rate": tax,
        "dcTax2Rate": Decimal(0),
        "dcTotal": _FEE + _FEE * tax / 100,
        "iDaysReservationExpAfterDateNeed": 7,
        "bReqReservationFee": False,
        "bUsePushRateMoveIn": False,
    }
    return rows(WAITING_FEE, [row])


def unit_row(site: Site, unit: Unit, visit: Visit) -> dict[str, Value]:
    """A unit as the union of the columns the unit operations write."""
    rental = site.rentals.get(unit.ledger_id) if unit.ledger_id else None
    kind, rate = unit.type, unit.type.rate
    return {
        "Ret_Code": 1,
        "SiteID": site.profile.site_id,
        "sLocationCode": site.code,
        "UnitID": unit.unit_id,
        "UnitTypeID": kind.type_id,
        "sUnitName": unit.name,
        "sTypeName": kind.name,
        "sDefTypeName": kind.name.strip(),
        "sUnitNote": unit.note,
        "dcWidth": kind.width,
        "dcLength": kind.length,
        "iFloor": unit.floor,
        "dcMapTheta": Decimal(0),
        "bMapReversWL": False,
        "iEntryLoc": 1,
        "iDoorType": 1,
        "iADA": 0,
        "bClimate": kind.climate,
        "bPower": False,
        "bInside": kind.climate,
        "bAlarm": False,
        "bRentable": unit.rentable,
        "bMobile": False,
        "bServiceRequired": not unit.rentable,
        "bDamaged": False,
        "bNotReadyToRent": not unit.rentable,
        "bExcludeFromWebsite": unit.off_website,
        "bExcludeFromInsurance": False,
        "bRented": rental is not None,
        "bWaitingListReserved": unit.reserved,
        "bCorporate": False,
        "iDaysVacant": (visit.today - unit.vacated_on).days if unit.vacated_on and not rental else 0,
        "iDaysRented": (visit.today - rental.moved_in).days if rental else 0,
        "dMovedIn": rental.moved_in if rental else None,
        "dMovedOut": unit.vacated_on,
        "iDefLeaseNum": 0,
        "dcStdRate": rate,
        "dcWebRate": rate - 5,
        "dcPushRate": rate,
        "dcPushRate_NotRounded": rate,
        "dcBoardRate": rate,
        "dcPreferredRate": rate - 5,
        "dcStdWeeklyRate": rate / 4,
        "dcStdSecDep": Decimal(0),
        "dcStdLateFee": Decimal(25),
        "dcRM_RoundTo": Decimal(0),
        "dcTax1Rate": site.profile.rent_tax,
        "dcTax2Rate": Decimal(0),
        "bChargeTax1": True,
        "bChargeTax2": False,
        "iPreferredChannelType": 1,
        "bPreferredIsPushRate": False,
        "iVacateNoticeDays": kind.notice_days,
        "iInsuranceRequired": 0,
        "bShowOnReservations": True,
        "iWalkThruOrder": unit.unit_id,
        "dCreated": unit.created,
        "dUpdated": unit.updated,
    }


def _since(visit: Visit) -> datetime | None:
    """From when on changes are wanted; None when everything is."""
    text = visit.text("lngLastTimePolled").strip()
    since = from_ticks(int(text)) if text.isascii() and text.isdigit() else None
    return since if since and since > visit.now - _MONTH else None


def _wanted(visit: Visit, keep: Callable[[Unit], bool]) -> list[Row]:
    site, since = visit.site, _since(visit)
    units: Iterable[Unit] = site.units.values()
    return [unit_row(site, unit, visit) for unit in units if keep(unit) and (since is None or unit.updated >= since)]


def _polled(visit: Visit, found: list[Row]) -> Rowset:
    latest = max((row["dUpdated"] for row in found if isinstance(row["dUpdated"], datetime)), default=visit.now)
    return Rowset(POLLED, [{"dLatestUpdated": latest, "lngLastTimePolled": ticks(visit.now)}])


def _listed(visit: Visit, columns: str, keep: Callable[[Unit], bool]) -> Answer:
    found = _wanted(visit, keep)
    table = UNITS_V2 if columns == "v2" else UNITS_V3
    if found:
        return rows(table, found, _polled(visit, found))
    nothing = Rowset(RT, [{"Ret_Code": 0, "Ret_Msg": "No unit data found."}], inserted=True)
    return Answer((Rowset(table, []), _polled(visit, found), nothing), 0)


def _any_unit(_: Unit) -> bool:
    return True


def _shown(unit: Unit, *, also_hidden: bool) -> bool:
    return also_hidden or not unit.off_website


@answers("UnitsInformation_v2")
def units_v2(visit: Visit) -> Answer:
    """Every unit, or those changed since the last poll."""
    return _listed(visit, "v2", _any_unit)


@answers("UnitsInformation_v3")
def units_v3(visit: Visit) -> Answer:
    """Every unit shown on the website, and the others when asked for."""
    return _listed(visit, "v3", partial(_shown, also_hidden=visit.flag("bReturnExcludedFromWebsiteUnits")))


def _available(unit: Unit) -> bool:
    return unit.ledger_id is None and unit.rentable and not unit.off_website


@answers("UnitsInformationAvailableUnitsOnly_v2")
def units_available(visit: Visit) -> Answer:
    """Units nobody rents, reserved ones included."""
    return _listed(visit, "v3", _available)


@answers("UnitsInformationByUnitID")
def unit_by_id(visit: Visit) -> Answer:
    """One unit in full."""
    unit = visit.site.units.get(visit.number("UnitID"))
    if unit is None:
        return returned(INVALID_ID, "Invalid Unit ID")
    return with_success(rows(UNIT, [unit_row(visit.site, unit, visit)]))


@answers("UnitTypePriceList_v2")
def price_list(visit: Visit) -> Answer:
    """One row per type and size with counts and the first free unit."""
    site = visit.site
    found = [_price_row(site, [u for u in site.units.values() if u.type is kind]) for kind in site.types]
    return with_success(rows(PRICES, [row for row in found if row]))


def _price_row(site: Site, units: list[Unit]) -> dict[str, Value]:
    if not units:
        return {}
    kind, rate = units[0].type, units[0].type.rate
    free = [u for u in units if _available(u) and not u.reserved]
    first = free[0] if free else None
    return {
        "SiteID": site.profile.site_id,
        "iCurrencyDecimals": 2,
        "iTaxDecimals": 2,
        "dcTax1Rate_Rent": site.profile.rent_tax,
        "dcTax2Rate_Rent": Decimal(0),
        "UnitTypeID": kind.type_id,
        "sTypeName": kind.name,
        "bChargeTax1": True,
        "bChargeTax2": False,
        "bClimate": kind.climate,
        "iFloor": 1,
        "dcWidth": kind.width,
        "dcLength": kind.length,
        "dcArea": kind.width * kind.length,
        "dcStdRate": rate,
        "dcPushRate": rate,
        "dcWebRate": rate - 5,
        "dcBoardRate": rate,
        "iTotalUnits": len(units),
        "iTotalOccupied": sum(u.ledger_id is not None for u in units),
        "iTotalVacant": sum(u.ledger_id is None for u in units),
        "iTotalReserved": sum(u.reserved for u in units),
        "UnitID_FirstAvailable": str(first.unit_id) if first else None,
        "sUnitName_FirstAvailable": first.name if first else None,
        "UnitID_Representative": str(units[0].unit_id),
        "sUnitName_Representative": units[0].name,
        "dcReservationFee": _FEE,
        "ConcessionID": _NO_PLAN,
    }


@answers("GateAccessData")
def gate_data(visit: Visit) -> Answer:
    """Gate codes and locks; 0 minutes is everything, otherwise what changed within them."""
    site, minutes = visit.site, visit.number("iMinutesSinceLastUpdate")
    since = visit.now - timedelta(minutes=minutes) if minutes else morning(visit.today) - timedelta(days=36500)
    pairs = ((unit, site.rentals.get(unit.ledger_id or 0)) for unit in site.units.values() if unit.updated >= since)
    return rows(GATE, [_gate_row(site, unit, rental) for unit, rental in pairs])


def _gate_row(site: Site, unit: Unit, rental: Rental | None) -> Row:
    return {
        "UnitID": unit.unit_id,
        "sUnitName": unit.name,
        "bRented": rental is not None,
        "sAccessCode": site.tenants[rental.tenant_id].fields.get("sAccessCode") if rental else None,
        "bGateLocked": rental.overlocked if rental else False,
        "bOverlocked": rental.overlocked if rental else False,
        "iKeypadZ": 0,
    }
