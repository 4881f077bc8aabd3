"""Facilities and units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pmsbridge.model.money import Money
from pmsbridge.model.people import PostalAddress
from pmsbridge.model.places import Facility, FacilityPolicy, Unit, UnitKind, UnitSize, UnitState
from pmsbridge_sitelink.mapping.cells import (
    Row,
    Scope,
    boolean,
    day,
    decimal,
    maybe_money,
    number,
    phone,
    required,
    text,
)

__all__ = [
    "extra_of",
    "facility_of",
    "features_of",
    "kind_of",
    "notice_of",
    "policy_of",
    "state_of",
    "unit_of",
]

_FEATURES = {
    "bClimate": "climate",
    "bPower": "power",
    "bInside": "inside",
    "bAlarm": "alarm",
    "bMobile": "mobile",
}
_PARKING_WORDS = ("parking", "rv/", " rv ", "boat", "vehicle")


def facility_of(row: Row, scope: Scope, *, name: str = "", policy: FacilityPolicy) -> Facility:
    """A site's record. Zone and currency come from the settings: the back office does not hold them."""
    return Facility(
        ref=scope.ref("facility", scope.facility),
        name=text(row, "sSiteName") or name or scope.facility,
        address=PostalAddress(
            line1=text(row, "sSiteAddr1"),
            line2=text(row, "sSiteAddr2"),
            city=text(row, "sSiteCity"),
            region=text(row, "sSiteRegion"),
            postal_code=text(row, "sSitePostalCode"),
            country=text(row, "sSiteCountry"),
        ),
        phone=phone(row, "sSitePhone"),
        email=text(row, "sEmailAddress"),
        zone=scope.zone,
        currency=scope.currency,
        policy=policy,
        extra={"SiteID": text(row, "SiteID")} if text(row, "SiteID") else {},
    )


def policy_of(row: Row | None, overrides: Mapping[str, Any]) -> FacilityPolicy:
    """The operator's rules: what the settings say, else what the back office's payment settings say, else defaults.

    The payment settings hold the days past due after which online payment is refused: it is blocked from the next day
    on. No client recorded the column's name, so it is found by what it says; a value below 1 means "never".
    """
    read: dict[str, Any] = {}
    for column, value in (row or {}).items():
        word = column.lower()
        if "dayspastdue" in word and value.strip().isdigit() and int(value) >= 1:
            read["blocked_from_days_past_due"] = int(value) + 1
        if "onlinepaymentsdisabled" in word:
            read["accepts_online_payments"] = value.strip().lower() not in {"true", "1"}
    return FacilityPolicy.model_validate({**read, **overrides})


def unit_of(row: Row, scope: Scope) -> Unit:
    """A unit, from any of the unit lists or the single read.

    The label is text: "015" is not "15". What a new tenant would pay is the web rate where one is set.
    """
    state, word = state_of(row)
    return Unit(
        ref=scope.ref("unit", required(row, "UnitID")),
        number=required(row, "sUnitName"),
        kind=kind_of(text(row, "sTypeName")),
        type_name=text(row, "sTypeName"),
        size=_size(row, scope),
        floor=text(row, "iFloor"),
        state=state,
        vendor_state=word,
        asking_rate=_asking_rate(row, scope),
        notice_days=notice_of(row),
        features=frozenset(features_of(row)),
        last_changed_on=day(row, "dUpdated"),
        extra=extra_of(row),
    )


def features_of(row: Row) -> list[str]:
    """What a unit has, sorted."""
    return sorted(word for column, word in _FEATURES.items() if boolean(row, column))


def extra_of(row: Row) -> dict[str, str]:
    """What the model has no name for."""
    return {name: text(row, name) for name in ("UnitTypeID", "dcStdRate", "dcWebRate") if text(row, name)}


def _asking_rate(row: Row, scope: Scope) -> Money | None:
    """The web rate where one is set, else the standard rate."""
    web = decimal(row, "dcWebRate")
    return scope.money(web) if web else maybe_money(row, "dcStdRate", scope)


def notice_of(row: Row) -> int | None:
    """Days of notice; None when the back office does not say."""
    days = number(row, "iVacateNoticeDays")
    return days if days is not None and days >= 0 else None


def _size(row: Row, scope: Scope) -> UnitSize | None:
    width, length = decimal(row, "dcWidth"), decimal(row, "dcLength")
    if not width or not length:
        return None
    return UnitSize(width=width, length=length, measure=scope.measure)


def kind_of(type_name: str) -> UnitKind:
    """What is let, by the operator's word for the type."""
    lower = f" {type_name.lower()} "
    return UnitKind.PARKING if any(word in lower for word in _PARKING_WORDS) else UnitKind.STORAGE


def state_of(row: Row) -> tuple[UnitState, str]:
    """Where a unit stands, and the back office's word for it."""
    if day(row, "dDeleted") is not None:
        return UnitState.OUT_OF_SERVICE, "deleted"
    if boolean(row, "bRented"):
        return UnitState.OCCUPIED, "rented"
    if boolean(row, "bWaitingListReserved"):
        return UnitState.RESERVED, "reserved"
    if boolean(row, "bRentable") is False or boolean(row, "bDamaged") or boolean(row, "bServiceRequired"):
        return UnitState.OUT_OF_SERVICE, "not rentable"
    if boolean(row, "bRented") is None:
        return UnitState.UNKNOWN, ""
    return UnitState.VACANT, "vacant"
