"""The result tables of the transaction service: element name and columns, in schema order.

A column's type follows its prefix; a suffix (`Area:size`) says otherwise. Column names are facts from public client
code. Where clients disagree the union is used: it is what several portals read from the same operation. Tables marked
*invented* have names nobody recorded.
"""

from __future__ import annotations

from typing import Final, get_args

from .dataset import Column, ColumnType, Table

_SIZES: Final = frozenset({"dcWidth", "dcLength", "dcArea"})
_PERCENTS: Final = frozenset(
    {
        "dcTax1Rate",
        "dcTax2Rate",
        "dcTax1Rate_Rent",
        "dcTax2Rate_Rent",
        "dcTaxRateRent",
        "dcTaxRateInsurance",
        "dcPCTheft",
    }
)
_GEO: Final = frozenset({"dcLatitude", "dcLongitude"})


def column_type(name: str) -> ColumnType:
    """The type a column's name announces."""
    special: dict[frozenset[str], ColumnType] = {_SIZES: "size", _PERCENTS: "percent", _GEO: "geo"}
    for names, kind in special.items():
        if name in names:
            return kind
    if name.startswith("dc"):
        return "money"
    if name.startswith("lng"):
        return "long"
    by_prefix: dict[str, ColumnType] = {"s": "string", "i": "int", "b": "boolean", "d": "dateTime"}
    if name[1:2].isupper() and name[0] in by_prefix:
        return by_prefix[name[0]]
    return "int" if name.endswith("ID") else "string"


def column(word: str) -> Column:
    """A column from its spelling, `Name` or `Name:type`."""
    name, _, given = word.partition(":")
    kinds = {kind: kind for kind in get_args(ColumnType)}
    return Column(name, kinds[given] if given else column_type(name))


def table(name: str, words: str) -> Table:
    """A table from its element name and the spelling of its columns."""
    return Table(name, tuple(column(word) for word in words.split()))


MAIN: Final = "sMrMrs sFName sMI sLName sCompany sAddr1 sAddr2 sCity sRegion sPostalCode sCountry sPhone"
ALT: Final = (
    "sMrMrsAlt sFNameAlt sMIAlt sLNameAlt sAddr1Alt sAddr2Alt sCityAlt sRegionAlt sPostalCodeAlt sCountryAlt sPhoneAlt"
)
BUS: Final = (
    "sMrMrsBus sFNameBus sMIBus sLNameBus sCompanyBus sAddr1Bus sAddr2Bus sCityBus sRegionBus sPostalCodeBus"
    " sCountryBus sPhoneBus"
)
ADD: Final = (
    "sMrMrsAdd sFNameAdd sMIAdd sLNameAdd sAddr1Add sAddr2Add sCityAdd sRegionAdd sPostalCodeAdd sCountryAdd sPhoneAdd"
)
_PICTURES: Final = " ".join(f"sPicFileN{n}" for n in range(1, 10))
_EXIT: Final = (
    "bExit_OnEmailOfferList iExitSat_Cleanliness iExitSat_Safety iExitSat_Services iExitSat_Staff iExitSat_Price"
)
_MARKETING: Final = "MarketingID MktgDistanceID MktgWhatID MktgReasonID MktgWhyID MktgTypeID"
_SURVEY: Final = "iHowManyOtherStorageCosDidYouContact iUsedSelfStorageInThePast iMktg_DidYouVisitWebSite"

RT: Final = table("RT", "Ret_Code:int Ret_Msg:string")
RT_TENANT: Final = table("RT", "Ret_Code:int Ret_Msg:string TenantID AccessCode:string")
RT_FOUND: Final = table("RT", "Ret_Code:int Ret_Msg:string TenantID")
RT_LEASE: Final = table("RT", "Ret_Code:int Ret_Msg:string iLeaseNum")
RT_LOGIN: Final = table("RT", "Ret_Code:int Ret_Msg:string sWebPassword bHasActiveLedger")

SITES: Final = table(
    "Table",
    "SiteID sLocationCode sSiteName sSiteAddr1 sSiteAddr2 sSiteCity sSiteRegion sSitePostalCode"
    " sSiteCountry sSitePhone sSiteFax sEmailAddress sContactName dcLatitude dcLongitude bClosedWeekdays"
    " bClosedSaturday bClosedSunday dWeekdayStrt dWeekdayEnd",
)
SITES_FOUND: Final = Table("Table", (*SITES.columns, Column("dcDistance", "size")))  # its last column is invented
PAYMENT_TYPES: Final = table("Table", "PmtTypeID sPmtTypeDesc sCategory")
PAYMENT_TYPES_2: Final = table("Table1", "PmtTypeID sPmtTypeDesc sCategory")
PAYMENT_SETTINGS: Final = table("Table", "SiteID iDaysPastDueNoOnlinePayments bOnlinePaymentsDisabled")  # invented
FORMS: Final = table("Table", "FormID sDescription")  # only FormID is known
POLLED: Final = table("Table1", "dLatestUpdated lngLastTimePolled")

UNITS_V2: Final = table(
    "Table",
    "Ret_Code:int UnitTypeID sTypeName iDefLeaseNum UnitID sUnitName dcWidth dcLength bClimate dcStdRate"
    " bRented bInside bPower bAlarm iFloor bWaitingListReserved dMovedOut bCorporate bRentable dDeleted"
    " dcBoardRate sUnitNote dcPushRate dcTax1Rate dcTax2Rate sUnitDesc dcMapTop dcMapLeft dcMapTheta"
    " bMapReversWL iEntryLoc iDoorType iADA dcStdSecDep bMobile dcPreferredRate iPreferredChannelType"
    " bPreferredIsPushRate",
)
UNITS_V3: Final = table(
    "Table",
    "Ret_Code:int SiteID UnitID UnitTypeID sLocationCode sUnitName sTypeName sUnitNote sUnitDesc dcWidth"
    " dcLength iFloor dcMapTop dcMapLeft dcMapTheta bMapReversWL iEntryLoc iDoorType iADA bClimate bPower"
    " bInside bAlarm bRentable bMobile bServiceRequired bExcludeFromWebsite bRented bWaitingListReserved"
    " bCorporate iDaysVacant iDaysRented dMovedIn dMovedOut dDeleted iDefLeaseNum DefaultCoverageID dcStdRate"
    " dcWebRate dcPushRate dcPushRate_NotRounded dcBoardRate dcPreferredRate dcStdWeeklyRate dcStdSecDep"
    " dcRM_RoundTo dcTax1Rate dcTax2Rate iPreferredChannelType bPreferredIsPushRate",
)
UNIT: Final = table(
    "Table",
    "UnitID SiteID UnitTypeID sUnitName sTypeName sUnitDesc dcWidth dcLength bClimate bInside bPower"
    " bAlarm bMobile bRentable bRented bDamaged bCorporate bExcludeFromWebsite bNotReadyToRent iFloor"
    " iWalkThruOrder iEntryLoc iDoorType dcPushRate dcStdRate dcStdWeeklyRate dcBoardRate dcWebRate"
    " dcPreferredRate iPreferredChannelType bPreferredIsPushRate dcStdSecDep dcStdLateFee dcSchedRateMonthly"
    " dcSchedRateWeekly bChargeTax1 bChargeTax2 dcMapTop dcMapLeft dcMapTheta bMapReversWL sTrackingCode sRFID"
    " sGlobalUnitName sUnitNote dUnitNote dCreated dUpdated dDeleted dBuilt dFirstInService dDamaged"
    " sDefTypeName sCategory iDefLeaseNum bExcludeFromInsurance bShowOnReservations iVacateNoticeDays"
    " iInsuranceRequired BillingFreqID_Default:string DefaultCoverageID bWaitingListReserved",
)
PRICES: Final = table(
    "Table",
    "SiteID iCurrencyDecimals iTaxDecimals dcTax1Rate_Rent dcTax2Rate_Rent iRegionalOptions UnitTypeID"
    " sTypeName bChargeTax1 bChargeTax2 iDefLeaseNum bMobile bClimate bPower bAlarm bInside iFloor dcWidth"
    " dcLength dcArea dcPushRate_NotRounded dcPushRate dcStdRate dcStdWeeklyRate iTotalUnits iTotalOccupied"
    " iTotalVacant iTotalReserved UnitID_FirstAvailable:string sUnitName_FirstAvailable"
    " sUnitDesc_FirstAvailable UnitID_Representative:string sUnitName_Representative sUnitDesc_Representative"
    " dcAdminFee dcReservationFee bRented_FirstAvailable bExcludeFromInsurance ConcessionID dcWebRate"
    " dcBoardRate dcPreferredRate iPreferredChannelType bPreferredIsPushRate",
)
GATE: Final = table("Table", "UnitID sUnitName bRented sAccessCode sAccessCode2 bGateLocked bOverlocked iKeypadZ")

FOUND: Final = table(
    "Table",
    "SiteID TenantID sLocationCode sFName sMI sLName sCompany sAddr1 sAddr2 sCity sRegion sPostalCode"
    " sPhone sEmail sMobile sLicense sAccessCode bHasActiveLedger",
)
TENANT: Final = table(
    "Table",
    "TenantID SiteID sAccessCode sAccessCode2 iAccessCode2Type sWebPassword bAllowedFacilityAccess"
    f" {MAIN} sFax sEmail sPager sMobile sCountryCodeMobile {ALT} sEmailAlt sRelationshipAlt {BUS} sEmailBus"
    f" {ADD} sEmailAdd sLicense sLicRegion sSSN sTaxID sTaxExemptCode dDOB iGender sEmployer bCommercial"
    " bTaxExempt bSpecial bNeverLockOut bCompanyIsTenant bOnWaitingList bNoChecks bPermanent bWalkInPOS"
    " bSpecialAlert bPermanentGateLockout bSMSOptIn bDisabledWebAccess bHasActiveLedger iBlackListRating"
    f" iTenEvents_OptOut {_MARKETING} {_SURVEY} {_EXIT} dcLongitude dcLatitude sTenNote sIconList iPrimaryPic"
    f" {_PICTURES} iGlobalNum_NationalMasterAccount iGlobalNum_NationalFranchiseAccount dCreated dUpdated uTS",
)
_OWNER: Final = (
    f"TenantID SiteID EmployeeID sAccessCode sWebPassword {MAIN} {ALT} {BUS} sFax sEmail sPager sMobile"
    " bCommercial bTaxExempt bSpecial bNeverLockOut bCompanyIsTenant bOnWaitingList bNoChecks dDOB sTenNote"
    " iPrimaryPic sLicense sLicRegion sSSN"
)
TENANTS: Final = table("Tenants", _OWNER)
LEDGERS: Final = table(
    "Ledgers",
    f"{_OWNER} LedgerID bOverlocked sUnitName dcChargeBalance dPaidThru uTSbigint:string dcTotalDue"
    " iLeaseNum dMovedIn dcRent sBillingFrequency TenantName Address ContactInfo",
)
LEDGERS_V3: Final = table(
    "Ledgers",
    f"LedgerID SiteID TenantID EmployeeID UnitID {_MARKETING} TimeZoneID TenantName sUnitName {MAIN}"
    f" sFax sEmail sPager sMobile sCountryCodeMobile {ALT} sEmailAlt sRelationshipAlt {BUS} sEmailBus {ADD}"
    " sEmailAdd sAccessCode sAccessCode2 iAccessCode2Type sLicense sLicRegion sSSN sTaxID sTaxExemptCode dDOB"
    " iGender bCommercial bCompanyIsTenant bDisabledWebAccess bExcludeFromInsurance bInvoice bNeverLockOut"
    " bNoChecks bOnWaitingList bOverlocked bPermanent bPermanentGateLockout bSMSOptIn bSpecial bSpecialAlert"
    " bTaxExempt bWalkInPOS iLeaseNum iDefLeaseNum dMovedIn dPaidThru dSchedOut dAnniv dCreated dUpdated"
    " dcRent dcInsurPremium dcChargeBalance dcTotalDue dcTaxRateRent dcTaxRateInsurance sBillingFrequency"
    f" iAutoBillType iInvoiceDeliveryType {_SURVEY} {_EXIT} iBlackListRating iTenEvents_OptOut dcLatitude"
    f" dcLongitude sTenNote sIconList iPrimaryPic {_PICTURES} uTS uTSbigint:int",
)

BALANCES: Final = table(
    "Table1",
    "UnitID LedgerID sUnitName sItem sCategory dStartDate dEndDate dcBalance dcTotal dcTax",
)
CHARGES: Final = table(
    "Table",
    "ChargeID dcPmtAmt ChargeDescID dcAmt dcPrice dcQty dcTax1 dcTax2 dChgStrt dChgEnd bMoveIn bMoveOut"
    " sChgCategory sChgDesc sDefChgDesc",
)
LINES: Final = table(  # partly invented
    "Table",
    "iLine LedgerID sType sDesc dDate dChgStrt dChgEnd dcAmt dcPmtAmt Receipt:string dcRunningBalance",
)
STATEMENT: Final = table("Table", "LedgerID dDate sDesc dcCharge dcPayment dcBalance")  # invented
PAYMENTS: Final = table("PmtHistory", "Receipt:string dPmt dPaidStr:string Description:string Payment:money")
PAID_THROUGH: Final = table("Table", "dPaidThru")
INVOICES: Final = table("Table1", "iInvoiceNum sUnitName dcAmt dInvoiced dDue")
RECEIPTS: Final = table("Receipts", "Receipt:string Payment:money")  # the table is known, its columns are invented
BILLING: Final = table(
    "Table",
    "LedgerID unitID:int sCreditCardHolderName sPmtTypeDesc sCreditCardNum dCreditCardExpir"
    " sCreditCardStreet sCreditCardZip iAutoBillType iCreditCardTypeID",
)
NOTES: Final = table("Table", "NoteID LedgerID sNote iNoteType dNoteDate")  # spelled after the reservation notes
WAITING_NOTES: Final = table("Table", "NoteID WaitingID sNote dNoteDate")
WAITING: Final = table(
    "Table",
    "WaitingID SiteID TenantID UnitID1:string dPlaced dNeeded dExpires dcPaidReserveFee"
    " iReserveFeeReceiptID sComment bFollowup dFollowup dFollowupLast iWaitingStatus dcRate_Quoted"
    " dcRate_Tax1_Quoted dcRate_Tax2_Quoted CorpUserID QTRentalTypeID sCancellationReason dCancelled"
    " iInquiryType iGlobalWaitingNum sTrackingCode sSource ConcessionID dCreated dUpdated dConverted_ToRsv"
    " dConverted_ToMoveIn UnitID sUnitName iFloor dcWidth dcLength dcPushRate1 dcStdRate1 bClimate bRented"
    " bRentable dcWebRate TenantID1:string sFName sLName sCompany sPhone sEmail sMobile sAddr1 sCountry",
)
WAITING_FEE: Final = table(
    "Table",
    "dcPrice dcTax1Rate dcTax2Rate dcTotal iDaysReservationExpAfterDateNeed bReqReservationFee bUsePushRateMoveIn",
)
PLANS: Final = table(
    "ConcessionPlans",
    "ConcessionID SiteID QTTouchDiscPlanID iConcessionGlobalNum sPlanName sDescription sComment iShowOn"
    " bNeverExpires iExpirMonths bPrepay bOnPmt bManualCredit iPrePaidMonths iInMonth iAmtType dcChgAmt"
    " dcFixedDiscount dcPCDiscount bRound dcRoundTo ChargeDescID iQty iOfferItemAction dcMaxAmountOff bForCopr"
    " dcMaxOccPct bForAllUnits bPermanent dDisabled sDefChgDesc sChgDesc sChgCategory bApplyAtMoveIn"
    " bProrateAtMoveIn dcPrice dcTax1Rate dcTax2Rate dcCost dcInStock iAvailableAt",
)
PLAN_TYPES: Final = table("ConcessionUnitTypes", "ConcessionUnitTypeID ConcessionID UnitTypeID dcWidth dcLength")
MOVE_IN_COST: Final = table(
    "Table",
    "Ret_Code:int UnitID ChargeDescription ChargeAmount:money ChargeAmountRnd:money TaxAmount:money"
    " TaxAmount2:money StartDate:dateTime EndDate:dateTime Width:int Length:int bClimate UnitName TypeName"
    " dcPushRate bAnnivDateLeasing b2ndMonthProrate:string iDayStrtProrating iDayStrtProratePlusNext"
    " bMoveInRequired dcDiscount dcTotal ConcessionID dcTenantRate WebRate:money dcTax1 dcTax2 dcPriceTax1"
    " dcPriceTax2 dcRM_RoundTo iCurrencyDecimalPlaces",
)

RENT_ROLL: Final = table(
    "RentRoll",
    "SiteID UnitID LedgerID sUnit sSize Area:size sUnitName UnitTypeID sTypeName iFloor dcWidth"
    " dcLength iWalkThruOrder iDoorType dcMapTop dcMapLeft dcMapTheta bMapReversWL iEntryLoc dcPushRate"
    " dcStdRate dcStdWeeklyRate dcStdSecDep dcStdLateFee dcWebRate dcWebPushRate dcWebRateDated"
    " dcSchedRateMonthly dcSchedRateWeekly bPower bClimate bInside bAlarm bRentable bRented bCorporate bMobile"
    " bDamaged bCollapsible bPermanent bExcludeFromSqftReports bExcludeFromWebsite bNotReadyToRent"
    " bExcludeFromInsurance iMobileStatus iADA iVehicleStorageAllowed iDaysVacant EmployeeID dCreated dUpdated"
    " dUnitNote dLeaseDate dPaidThru dRentLastChanged dSchedRentStrt TenantID sTenant sCompany sEmail"
    " iAnnivDays sTaxExempt dcSecDep dcStandardRate dcRent dcVar dcSchedRent dcPrePaidRentLiability"
    " dcInsurPremium iAutoBillType DaysSame:int SiteID1:int Area1:size OldPK uTS sUnitNote CreditCardID"
    " dcPushRateAtMoveIn dcChargeBalance",
)
PAST_DUE: Final = table(
    "PastDueBalances",
    "SiteID LedgerID UnitID TenantID sUnitName sTenant ChargeBalance:money RentBal:money"
    " LateFeeBal:money POSBal:money OtherChargesBal:money TaxesBal:money DaysLate:int",
)
OCCUPANCY: Final = table(
    "OccupancyStatistics",
    "UnitType Area:size TotalArea:size OccupiedArea:size Occupied:money Vacant:money"
    " Unrentable:money TotalUnits:money StandardRate:money GrossPotential:money GrossOccupied:money"
    " ActualOccupied:money",
)
MOVES: Final = table(
    "UnitMoveInsAndMoveOuts",
    "SiteID TenantID MoveDate:dateTime MoveIn:int MoveOut:int Transfer:int UnitName"
    " UnitSize Width:size Length:size sUnitType TenantName sCompany sEmail Address City Region PostalCode"
    " Country StandardRate:money MovedInArea:size MovedInRentalRate:money MovedOutArea:size"
    " MovedOutRentalRate:money MovedOutDaysRented:int iLeaseNum",
)
MOVE_TOTALS: Final = table("Totals", "MoveIns:int MoveOuts:int")  # columns invented
MOVE_SITES: Final = table("Sites", "SiteID sLocationCode sSiteName")  # columns invented
DEPOSITS: Final = table("DailyDeposits", "SiteID dDeposit Receipt sMethod sDescription dcAmt")  # columns invented
LEAVING: Final = table("ScheduledMoveOuts", "SiteID LedgerID UnitID sUnitName TenantID sFName sLName dSchedOut")
TENANT_LIST: Final = Table("TenantListComplete", TENANT.columns)
