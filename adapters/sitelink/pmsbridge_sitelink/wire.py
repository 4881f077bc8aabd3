"""The back office's own words: services, operations, parameters in wire order, result tables and fixed numbers.

What is here is a contract, not code: the request descriptions under ``wsdl/`` are generated from it, requests are
validated against those, and ``doctor`` compares it with the live service. Source for names, order and types: public
client code; an operation that only one client shows is used only where nothing better is known.

Names are case sensitive, and the back office ignores a name it does not know without a word. That is why every
request is validated here before it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

__all__ = [
    "AUTH",
    "AUTOPAY_DAYS_NAMES",
    "DEFAULT_URLS",
    "NAMESPACES",
    "OPERATIONS",
    "POISON",
    "TENANT_PARAMETERS",
    "Operation",
    "Parameter",
    "Service",
    "Table",
    "WireType",
    "operations_of",
]

WireType = Literal["string", "int", "decimal", "boolean", "dateTime"]


class Service(StrEnum):
    """The two services of an account."""

    CALL_CENTER = "CallCenterWs"
    REPORTING = "ReportingWs"


NAMESPACES: Final = {
    Service.CALL_CENTER: "http://tempuri.org/CallCenterWs/CallCenterWs",
    Service.REPORTING: "http://tempuri.org/CallCenterWs/ReportingWs",
}

DEFAULT_URLS: Final = {
    Service.CALL_CENTER: "https://api.smdservers.net/CCWs_3.5/CallCenterWs.asmx",
    Service.REPORTING: "https://api.smdservers.net/CCWs_3.5/ReportingWs.asmx",
}
"""Where clients find the services. One client found the second one in another folder: both are settings."""

AUTH: Final = ("sCorpCode", "sLocationCode", "sCorpUserName", "sCorpPassword")


class Table(StrEnum):
    """Element names of result tables. An answer is read by these names, never by position or size."""

    RETURN = "RT"
    ROWS = "Table"
    ROWS_1 = "Table1"
    LEDGERS = "Ledgers"
    PAYMENTS = "PmtHistory"
    RECEIPTS = "Receipts"
    RENT_ROLL = "RentRoll"
    LEAVING = "ScheduledMoveOuts"
    PAST_DUE = "PastDueBalances"
    TENANTS = "TenantListComplete"


POISON: Final = frozenset(
    {
        "sWebPassword",
        "sSSN",
        "sLicense",
        "sTaxID",
        "sAccessCode",
        "sAccessCode2",
        "AccessCode",
        "sCreditCardCVV",
        "sACH_CheckWriterAcctNum",
        "sACH_ABA_RoutingNum",
    }
)
"""Columns that are thrown away while an answer is parsed."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One request element.

    Attributes:
        is_optional: May be left out by contract: every string, and one of two spellings of the same thing.
    """

    name: str
    type: WireType
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; the four elements of the log-on come before ``parameters``."""

    service: Service
    name: str
    parameters: tuple[Parameter, ...]
    is_write: bool


_PERSON: Final = tuple(
    "sMrMrs sFName sMI sLName sCompany sAddr1 sAddr2 sCity sRegion sPostalCode sCountry sPhone".split()  # noqa: SIM905
)
_TAIL: Final = (
    "sFax sEmail sPager sMobile bCommercial bCompanyIsTenant dDOB sTenNote sLicense sLicRegion sSSN"
    " sEmailAlt sRelationshipAlt sTaxID bSMSOptIn"
)
TENANT_PARAMETERS: Final = (
    *_PERSON,
    *(f"{name}Alt" for name in _PERSON if name != "sCompany"),
    *(f"{name}Bus" for name in _PERSON),
    *_TAIL.split(),
)
"""What a tenant update carries under the same name in which a tenant is read. What it leaves out becomes empty."""

AUTOPAY_DAYS_NAMES: Final = ("iAutoBillOnDayPastDue", "iDaysAfterDue")
"""Two clients spell the same parameter differently; a setting says which one an account has."""

_CARD: Final = (
    "iCreditCardType sCreditCardNumber sCreditCardCVV dExpirationDate sBillingName sBillingAddress sBillingZipCode"
)
_SEARCH: Final = (
    "sTenantFirstName sTenantLastName sAddressLine1 sAddressLine2 sCity sState sZipCode sEmailAddress sPhoneNumber"
)
_BILLING: Final = (
    "iLedgerID iCreditCardTypeID sCreditCardNum dCredtiCardExpir sCreditCardHolderName sCreditCardStreet sCreditCardZip"
    " iAutoBillType sACH_CheckWriterAcctNum sACH_ABA_RoutingNum sACH_Check_SavingsCode"
)
_PERIOD: Final = "dReportDateStart dReportDateEnd"

_CALL_CENTER_READS: Final = {
    "SiteInformation": "",
    "PaymentSettings": "",
    "PaymentTypesRetrieve": "",
    "UnitsInformation_v3": "lngLastTimePolled bReturnExcludedFromWebsiteUnits",
    "UnitsInformationAvailableUnitsOnly_v2": "lngLastTimePolled",
    "UnitsInformationByUnitID": "UnitID",
    "TenantSearchDetailed": f"{_SEARCH} sPhoneNumber2 sPhoneNumber3 sPhoneNumber4",
    "TenantListDetailed_v2": f"{_SEARCH} sCompany",
    "TenantIDByUnitNameOrAccessCode": "sUnitName sAccessCode",
    "TenantInfoByTenantID": "iTenantID",
    "TenantLogin": "sTenantLogin sTenantPassword",
    "LedgersByTenantID_v3": "sTenantID",
    "CustomerAccountsBalanceDetails_v2": "iTenantID",
    "CustomerAccountsBalanceDetailsWithPrepayment": "iTenantID iNumberOfMonthsPrepay",
    "ChargesAllByLedgerID": "ledgerId",
    "PaymentsByLedgerID": "sLedgerID",
    "PaidThroughDateByLedgerID": "iLedgerID",
    "TenantInvoicesByTenantID": "dDateStart dDateEnd sTenantIDsCommaDelimited",
    "TenantBillingInfoByTenantID_v3": "iTenantID",
    "TenantNotesRetrieve": "iLedgerID",
    "ReservationFeeRetrieve": "",
    "ReservationList_v3": "iGlobalWaitingNum WaitingID",
}

_CALL_CENTER_WRITES: Final = {
    "PaymentSimpleWithSource": f"iTenantID iUnitID dcPaymentAmount {_CARD} bTestMode iSource",
    "PaymentMultipleWithSource": f"iTenantID sUnitIDs sPaymentAmounts {_CARD} bTestMode iSource",
    "PaymentSimpleACHWithSource": "iTenantID iLedgerID dcPaymentAmount sABARoutingNum sAccountNum iAccountType iSource",
    "PaymentSimpleCheckWithSource": "iTenantID iUnitID dcPaymentAmount sCheckNumber iSource",
    "CustomerAccountsMakeFutureCharges": "iTenantID iNumberOfFuturePeriods dFutureDueDate",
    "TenantBillingInfoUpdate": _BILLING,
    "TenantBillingInfoUpdate_v2": f"{_BILLING} {' '.join(AUTOPAY_DAYS_NAMES)}",
    "ScheduleMoveOut": "iLedgerID dScheduledOut",
    "TenantUpdate_v3": f"iTenantID sGateCode sWebPassword {' '.join(TENANT_PARAMETERS)} sCountryCode",
    "TenantSMSOptInUpdate": "iTenantID bSMSOptIn",
    "TenantLoginAndSecurityUpdate": "TenantID sEmail sWebPassword sWebSecurityQ sWebSecurityQA",
    "TenantNoteInsert_v2": "iLedgerID sNote iNoteType",
    "BulletinBoardInsert": "sSubject sBody",
    "ReservationNewWithSource_v5": (
        "sTenantID sUnitID dNeeded sComment iSource sSource QTRentalTypeID iInquiryType dcQuotedRate dExpires dFollowUp"
        " sTrackingCode sCallerID ConcessionID"
    ),
}

_REPORTING_READS: Final = {
    "RentRoll": _PERIOD,
    "ScheduledMoveOuts": "",
    "PastDueBalances": _PERIOD,
    "TenantListComplete_v2": "lngLastTimePolled",
}

_MAY_BE_ABSENT: Final = frozenset({"dScheduledOut", "dFutureDueDate", "dDOB", "dCredtiCardExpir"})
"""Values for which leaving the element out has a meaning of its own: an empty date breaks the whole request."""


def _type_of(name: str) -> WireType:
    """Parameter types follow the prefix; a name without one is an integer id; long numbers travel as text."""
    if name.startswith("lng"):
        return "string"
    if name.startswith("dc"):
        return "decimal"
    by_prefix: dict[str, WireType] = {"s": "string", "d": "dateTime", "b": "boolean", "i": "int"}
    return by_prefix.get(name[0], "int") if name[1].isupper() else "int"


def _parameter(name: str) -> Parameter:
    kind = _type_of(name)
    is_optional = kind == "string" or name in _MAY_BE_ABSENT or name in AUTOPAY_DAYS_NAMES
    return Parameter(name, kind, is_optional)


def _family(service: Service, described: dict[str, str], *, is_write: bool) -> dict[str, Operation]:
    return {
        name: Operation(service, name, tuple(_parameter(word) for word in words.split()), is_write)
        for name, words in described.items()
    }


OPERATIONS: Final[dict[str, Operation]] = {
    **_family(Service.CALL_CENTER, _CALL_CENTER_READS, is_write=False),
    **_family(Service.CALL_CENTER, _CALL_CENTER_WRITES, is_write=True),
    **_family(Service.REPORTING, _REPORTING_READS, is_write=False),
}
"""Every operation this adapter may call, by name. One that ends a rental is not among them, and never will be."""


def operations_of(service: Service) -> list[Operation]:
    """The operations of one service, by name."""
    return sorted((op for op in OPERATIONS.values() if op.service is service), key=lambda op: op.name)
