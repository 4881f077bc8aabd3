"""The tenants of the benchmark: 60 columns, made from their number alone. Standard library only: every process uses it.

About one cell in seven of those that may be empty is. The text of a cell is what travels; a tenant's version says how
often it was changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

__all__ = [
    "COLUMNS", "FACILITY", "KEPT", "NAMESPACE", "OPERATION", "TABLE", "cells", "digest", "is_made_up", "request_body",
    "version_of", "word",
]  # fmt: skip

FACILITY: Final = "L001"
OPERATION: Final = "TenantListComplete_v2"
TABLE: Final = "TenantListComplete"
NAMESPACE: Final = "http://tempuri.org/CallCenterWs/ReportingWs"

_ALWAYS_WORDS: Final = (
    "TenantID SiteID sFName sLName sAddr1 sCity sRegion sPostalCode sCountry sPhone sEmail sFNameAlt sLNameAlt"
    " bAllowedFacilityAccess bCommercial bTaxExempt bSpecial bNeverLockOut bCompanyIsTenant bOnWaitingList bNoChecks"
    " bPermanent bWalkInPOS bSpecialAlert bPermanentGateLockout bSMSOptIn bDisabledWebAccess bHasActiveLedger"
    " dCreated dUpdated uTS"
)
_MAY_BE_EMPTY_WORDS: Final = (
    "sMrMrs sMI sCompany sAddr2 sMobile sFax sPager sMrMrsAlt sMIAlt sAddr1Alt sAddr2Alt sCityAlt sRegionAlt"
    " sPostalCodeAlt sCountryAlt sPhoneAlt sEmailAlt sRelationshipAlt sLicRegion sTaxExemptCode sEmployer dDOB iGender"
    " iBlackListRating MarketingID MktgDistanceID dcLongitude dcLatitude sTenNote"
)
_ALWAYS: Final = tuple(_ALWAYS_WORDS.split())
_MAY_BE_EMPTY: Final = tuple(_MAY_BE_EMPTY_WORDS.split())
COLUMNS: Final = (*_ALWAYS, *_MAY_BE_EMPTY)
"""All sixty."""

_NOT_KEPT_WORDS: Final = (
    "SiteID bAllowedFacilityAccess bCommercial bTaxExempt bSpecial bNeverLockOut bOnWaitingList bNoChecks bPermanent"
    " bWalkInPOS bSpecialAlert bPermanentGateLockout dCreated dUpdated sFax sPager sLicRegion sTaxExemptCode sEmployer"
    " iGender iBlackListRating MarketingID MktgDistanceID dcLongitude dcLatitude sTenNote"
)
KEPT: Final = tuple(name for name in COLUMNS if name not in _NOT_KEPT_WORDS.split())
"""Those a record of ours has a field for. A change in any other is noticed, too: the hash is of the whole row."""

_FIRST: Final = ("Ana", "Béla", "Chloé", "David", "Émile", "Fatima", "Grace", "Hiro", "Inès", "Jürgen")
_LAST: Final = ("Smith", "O'Brien", "Müller", "García", "Nguyen", "Silva", "Kim", "Rossi", "Novák", "Brown & Sons")
_CITIES: Final = (("Montréal", "QC", "H2X 1Y4"), ("Toronto", "ON", "M5V 2T6"), ("Burlington", "VT", "05401"))
_FLAGS: Final = ("false", "true")
_FIRST_NUMBER: Final = 100_000
_EASTERN: Final = timezone(timedelta(hours=-5))


def version_of(number: int, changed_percent: int) -> int:
    """How often a tenant has been changed when so many in a hundred were; they lie all over the list."""
    return int(number * 37 % 100 < changed_percent)


def cells(number: int, version: int = 0) -> dict[str, str]:
    """What is told of the tenant of this number, from 0: a column that is empty is left out."""
    tenant = _FIRST_NUMBER + number
    first, last = _FIRST[number % 10], _LAST[number // 10 % 10]
    city, region, postal = _CITIES[number % 3]
    found = dict.fromkeys(_ALWAYS, _FLAGS[number % 2])
    found |= {
        "TenantID": str(tenant), "SiteID": "9001", "sFName": first, "sLName": last, "sCity": city, "sRegion": region,
        "sAddr1": f"{number % 900 + 1} Long Street", "sPostalCode": postal, "sCountry": "CA",
        "sPhone": f"(514) 555-{number % 10_000:04d}", "sEmail": f"t{tenant}.{version}@example.com",
        "sFNameAlt": _FIRST[number // 7 % 10], "sLNameAlt": last,
        "dCreated": f"2024-{number % 12 + 1:02d}-15T10:00:00-05:00",
        "dUpdated": f"2026-03-{version + 1:02d}T10:00:00-05:00", "uTS": f"0x{tenant:012x}{version:04x}",
        "sMrMrs": ("Mr.", "Ms.", "Dr.")[number % 3], "sMI": "A", "sCompany": f"Company {number % 500} & Co.",
        "sAddr2": f"Apartment {number % 40 + 1}", "sMobile": f"(438) 555-{number * 7 % 10_000:04d}",
        "sFax": "(514) 555-0001", "sPager": "(514) 555-0002", "sMrMrsAlt": "Ms.", "sMIAlt": "B",
        "sAddr1Alt": f"{number % 700 + 1} Other Road", "sAddr2Alt": "Back door", "sCityAlt": city,
        "sRegionAlt": region, "sPostalCodeAlt": postal, "sCountryAlt": "CA",
        "sPhoneAlt": f"(450) 555-{number % 10_000:04d}", "sEmailAlt": f"alt{tenant}@example.com",
        "sRelationshipAlt": ("Sister", "Partner", "Neighbour")[number % 3], "sLicRegion": region,
        "sTaxExemptCode": f"EX{number % 100}", "sEmployer": f"Employer {number % 300}",
        "dDOB": f"{1950 + number % 50}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T00:00:00-05:00",
        "iGender": str(number % 3), "iBlackListRating": str(number % 5), "MarketingID": str(number % 20 + 1),
        "MktgDistanceID": str(number % 9 + 1), "dcLongitude": f"-{71 + number % 9}.5000000000",
        "dcLatitude": f"{42 + number % 5}.2500000000", "sTenNote": f"Note {version} about tenant {tenant}, as typed.",
    }  # fmt: skip
    for place, name in enumerate(_MAY_BE_EMPTY):
        if (number * 31 + place * 17) % 7 == 0:
            del found[name]
    return found


def is_made_up(tenant_id: str | int) -> bool:
    """Whether a tenant is one of ours, and not one of the sandbox's own handful."""
    return int(tenant_id) >= _FIRST_NUMBER


def word(column: str, value: object) -> str:
    """A cell as every store is compared by: days as days, numbers without trailing zeros, nothing as empty."""
    if value is None or value == "":
        return ""
    if isinstance(value, int) and column.startswith("b"):
        return _FLAGS[value]  # SQLite knows no yes and no
    if column.startswith("dc"):
        return f"{Decimal(str(value)).normalize():f}"
    if column.startswith("d"):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        # SQLite keeps no zone, and a birthday alone has none: all of them are told in one.
        here = moment.astimezone(_EASTERN) if moment.tzinfo else moment
        return f"{here:%Y-%m-%d}" if column == "dDOB" else f"{here:%Y-%m-%dT%H:%M:%S}"
    return str(value)


def digest(rows: Iterable[Mapping[str, object]], columns: Iterable[str]) -> str:
    """What a whole copy says, in any order of its rows: two copies are equal when these are."""
    names = tuple(columns)
    total = count = 0
    for row in rows:
        line = "\x1f".join(word(name, row.get(name)) for name in names)
        total += int.from_bytes(hashlib.blake2b(line.encode(), digest_size=8).digest(), "big")
        count += 1
    return f"{count}:{total % (1 << 64):016x}"


def request_body(log_on: Mapping[str, str]) -> bytes:
    """The request that the peers send; worthless credentials of the sandbox."""
    sent = {**log_on, "sLocationCode": FACILITY, "lngLastTimePolled": "0"}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in sent.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<soap:Body><{OPERATION} xmlns="{NAMESPACE}">{inner}</{OPERATION}></soap:Body></soap:Envelope>'
    ).encode()
