"""The operations the sandbox answers: service, name, parameters in order, and whether a call can change anything.

Names, order and types are facts from public client code; where only one client shows a name it is still used here, and
`doctor` is the tool that compares it with a live description. A parameter's type follows its prefix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Service = Literal["CallCenterWs", "ReportingWs"]
WireType = Literal["string", "int", "decimal", "boolean", "dateTime"]
Kind = Literal["read", "write", "money"]

CALL_CENTER: Final[Service] = "CallCenterWs"
REPORTING: Final[Service] = "ReportingWs"
NAMESPACES: Final[dict[Service, str]] = {
    CALL_CENTER: "http://tempuri.org/CallCenterWs/CallCenterWs",
    REPORTING: "http://tempuri.org/CallCenterWs/ReportingWs",
}
PATHS: Final[dict[Service, str]] = {
    CALL_CENTER: "/CCWs_3.5/CallCenterWs.asmx",
    REPORTING: "/CCWs_3.5/ReportingWs.asmx",
}
AUTH: Final = ("sCorpCode", "sLocationCode", "sCorpUserName", "sCorpPassword")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its exact, case-sensitive name and its wire type."""

    name: str
    type: WireType


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one service; `parameters` include the four of the account, which come first."""

    service: Service
    name: str
    parameters: tuple[Parameter, ...]
    kind: Kind

    def renamed(self, old: str, new: str) -> Operation:
        """The same operation with one parameter renamed."""
        return replace(self, parameters=tuple(replace(p, name=new) if p.name == old else p for p in self.parameters))

    def retyped(self, name: str, wire_type: WireType) -> Operation:
        """The same operation with one parameter of another type."""
        return replace(
            self, parameters=tuple(replace(p, type=wire_type) if p.name == name else p for p in self.parameters)
        )


def wire_type(name: str) -> WireType:
    """The type a parameter's prefix announces; no prefix means an integer id."""
    if name.startswith("lng"):
        return "string"
    if name.startswith("dc"):
        return "decimal"
    if not name[1].isupper():
        return "int"
    by_prefix: dict[str, WireType] = {"s": "string", "d": "dateTime", "b": "boolean"}
    return by_prefix.get(name[0], "int")


_PERSON = "sMrMrs sFName sMI sLName sCompany sAddr1 sAddr2 sCity sRegion sPostalCode sCountry sPhone"
_MAIN = _PERSON.split()
_ALT = [f"{name}Alt" for name in _MAIN if name != "sCompany"]
_BUS = [f"{name}Bus" for name in _MAIN]
_MORE = "sFax sEmail sPager sMobile bCommercial bCompanyIsTenant dDOB sTenNote sLicense sLicRegion sSSN"
_TAIL = _MORE.split()
CONTACT: Final = tuple(_MAIN + _ALT + _BUS + _TAIL)
ALT_EXTRA: Final = ("sEmailAlt", "sRelationshipAlt")
V3_EXTRA: Final = ("sTaxID", "bSMSOptIn", "sCountryCode")

_BILLED_TO: Final = "dExpirationDate sBillingName sBillingAddress sBillingZipCode"
_BLOCKS: Final = {
    "<CONTACT>": " ".join(CONTACT),
    "<ALT2>": " ".join(ALT_EXTRA),
    "<V3>": " ".join(V3_EXTRA),
    "<CARD>": f"iCreditCardType sCreditCardNumber sCreditCardCVV {_BILLED_TO}",
    "<CARD+T2>": f"iCreditCardType sCreditCardNumber sCreditCardCVV sCCTrack2 {_BILLED_TO}",
    "<ACH>": "sABARoutingNum sAccountNum iAccountType",
    "<SEARCH>": (
        "sTenantFirstName sTenantLastName sAddressLine1 sAddressLine2 sCity sState sZipCode sEmailAddress sPhoneNumber"
    ),
    "<BILLING>": (
        "iLedgerID iCreditCardTypeID sCreditCardNum dCredtiCardExpir sCreditCardHolderName sCreditCardStreet"
        " sCreditCardZip iAutoBillType sACH_CheckWriterAcctNum sACH_ABA_RoutingNum sACH_Check_SavingsCode"
    ),
    "<WAITING>": (
        "sTenantID sUnitID dNeeded sComment iSource sSource QTRentalTypeID iInquiryType dcQuotedRate dExpires dFollowUp"
        " sTrackingCode sCallerID ConcessionID"
    ),
    "<DATES>": "dReportDateStart dReportDateEnd",
}

_READS: Final = """
SiteInformation
SiteSearchByPostalCode sPostalCode iCountry bMiles
PaymentTypesRetrieve
PaymentSettings
FormsRetrieve
UnitsInformation_v2 lngLastTimePolled
UnitsInformation_v3 lngLastTimePolled bReturnExcludedFromWebsiteUnits
UnitsInformationAvailableUnitsOnly_v2 lngLastTimePolled
UnitsInformationByUnitID UnitID
UnitTypePriceList_v2
GateAccessData iMinutesSinceLastUpdate
TenantSearchDetailed <SEARCH> sPhoneNumber2 sPhoneNumber3 sPhoneNumber4
TenantListDetailed_v2 <SEARCH> sCompany
TenantListDetailed_v3 <SEARCH> sCompanyName sUnitName sAccessCode sBPayCRN
TenantIDByUnitNameOrAccessCode sUnitName sAccessCode
TenantInfoByTenantID iTenantID
TenantLogin sTenantLogin sTenantPassword
LedgersByTenantID sTenantID
LedgersByTenantID_v3 sTenantID
CustomerAccountsBalanceDetails iTenantID
CustomerAccountsBalanceDetails_v2 iTenantID
CustomerAccountsBalanceDetailsWithPrepayment iTenantID iNumberOfMonthsPrepay
ChargesAllByLedgerID ledgerId
ChargesAndPaymentsByLedgerID sLedgerID
LedgerStatementByLedgerID sLedgerID
PaymentsByLedgerID sLedgerID
PaidThroughDateByLedgerID iLedgerID
TenantInvoicesByTenantID dDateStart dDateEnd sTenantIDsCommaDelimited
TenantBillingInfoByTenantID_v2 iTenantID
TenantBillingInfoByTenantID_v3 iTenantID
TenantNotesRetrieve iLedgerID
ReservationList_v3 iGlobalWaitingNum WaitingID
ReservationNotesRetrieve WaitingID
ReservationFeeRetrieve
DiscountPlansRetrieve
MoveInCostRetrieveWithDiscount_v4 iUnitID dMoveInDate InsuranceCoverageID ConcessionPlanID ChannelType \
bApplyInsuranceCredit sCreditCardNum
"""

_WRITES: Final = """
TenantNewDetailed_v3 sWebPassword <CONTACT> sGateCode <ALT2> <V3>
TenantUpdate iTenantID sGateCode sWebPassword <CONTACT>
TenantUpdate_v2 iTenantID sGateCode sWebPassword <CONTACT> <ALT2>
TenantUpdate_v3 iTenantID sGateCode sWebPassword <CONTACT> <ALT2> <V3>
TenantSMSOptInUpdate iTenantID bSMSOptIn
TenantLoginAndSecurityUpdate TenantID sEmail sWebPassword sWebSecurityQ sWebSecurityQA
CustomerAccountsMakeFutureCharges iTenantID iNumberOfFuturePeriods dFutureDueDate
TenantBillingInfoUpdate <BILLING>
TenantBillingInfoUpdate_v2 <BILLING> iAutoBillOnDayPastDue
ScheduleMoveOut iLedgerID dScheduledOut
MoveOut sUsagePassword TenantID UnitID
BulletinBoardInsert sSubject sBody
TenantNoteInsert iLedgerID sNote
TenantNoteInsert_v2 iLedgerID sNote iNoteType
LeadGeneration sFirstName sLastName sAddress1 sAddress2 sCity sState sZip sEmail sPhone sComments
ReservationNewWithSource_v5 <WAITING>
ReservationNewWithSource_v6 <WAITING> PromoGlobalNum
ReservationUpdate_v4 WaitingID sTenantID sUnitID dNeeded sComment iStatus bFollowup dFollowup dFollowupLast \
iInquiryType dcQuotedRate dExpires QTRentalTypeID QTCancellationTypeID sCancellationReason ConcessionID
ReservationNoteInsert WaitingID sNote
"""

_PAYMENTS: Final = """
PaymentSimple iTenantID iUnitID dcPaymentAmount <CARD> bTestMode
PaymentSimpleWithSource iTenantID iUnitID dcPaymentAmount <CARD> bTestMode iSource
PaymentSimpleWithSource_v2 iTenantID iUnitID dcPaymentAmount <CARD+T2> bTestMode iSource
PaymentMultipleWithSource iTenantID sUnitIDs sPaymentAmounts <CARD> bTestMode iSource
PaymentSimpleACH iTenantID iLedgerID dcPaymentAmount <ACH>
PaymentSimpleACHWithSource iTenantID iLedgerID dcPaymentAmount <ACH> iSource
PaymentSimpleCashWithSource iTenantID iUnitID dcPaymentAmount iSource
PaymentSimpleCheckWithSource iTenantID iUnitID dcPaymentAmount sCheckNumber iSource
PaymentSimpleBankTransferWithSource iTenantID iUnitID dcPaymentAmount sTransferNumber iSource
MoveInWithDiscount_v7 TenantID sAccessCode UnitID dStartDate dEndDate dcPaymentAmount <CARD+T2> InsuranceCoverageID \
ConcessionPlanID iSource sSource bUsePushRate iPayMethod <ACH> iKeypadZoneID iTimeZoneID iBillingFrequency WaitingID \
ChannelType bTestMode bApplyInsuranceCredit
"""

_REPORTS: Final = """
RentRoll <DATES>
PastDueBalances <DATES>
OccupancyStatistics <DATES>
MoveInsAndMoveOuts <DATES>
DailyDeposits <DATES>
ScheduledMoveOuts
TenantListComplete
TenantListComplete_v2 lngLastTimePolled
"""


def _operation(line: str, service: Service, kind: Kind) -> Operation:
    name, *words = line.split()
    spelled = " ".join(_BLOCKS.get(word, word) for word in words).split()
    return Operation(service, name, tuple(Parameter(p, wire_type(p)) for p in (*AUTH, *spelled)), kind)


def _family(text: str, service: Service, kind: Kind) -> dict[str, Operation]:
    operations = (_operation(line, service, kind) for line in text.strip().splitlines())
    return {operation.name: operation for operation in operations}


OPERATIONS: Final[dict[Service, dict[str, Operation]]] = {
    CALL_CENTER: {
        **_family(_READS, CALL_CENTER, "read"),
        **_family(_WRITES, CALL_CENTER, "write"),
        **_family(_PAYMENTS, CALL_CENTER, "money"),
    },
    REPORTING: _family(_REPORTS, REPORTING, "read"),
}

LOCATION_OPTIONAL: Final = frozenset({"SiteSearchByPostalCode", "TenantListDetailed_v2", "TenantListDetailed_v3"})
"""Operations that take an empty location as "the whole corporation"."""
