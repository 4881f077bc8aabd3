"""Every operation answers once, with the table its name promises."""

from __future__ import annotations

from typing import Any

import pytest

from pmsbridge_sitelink.sandbox import USAGE_PASSWORD, seeded_web_password
from pmsbridge_sitelink.sandbox.contract import OPERATIONS
from pmsbridge_sitelink.sandbox.operations import FAMILIES
from pmsbridge_sitelink.sandbox.visit import HANDLERS
from tests.adapters.sitelink.sandbox.caller import CARD, Caller

DATES: dict[str, Any] = {"dReportDateStart": "2026-01-01T00:00:00", "dReportDateEnd": "2026-12-01T00:00:00"}
PAID: dict[str, Any] = {"iTenantID": 1001, "iUnitID": 5002, "dcPaymentAmount": "10.00"}
ACH: dict[str, Any] = {
    "iTenantID": 1001,
    "iLedgerID": 2002,
    "dcPaymentAmount": "10.00",
    "sABARoutingNum": "000000021",
    "sAccountNum": "000123456789",
    "iAccountType": 1,
}
CONTACT: dict[str, Any] = {"sFName": "Ada", "sLName": "Test", "sEmail": "ada@example.com"}
BILLING: dict[str, Any] = {
    "iLedgerID": 2001,
    "iCreditCardTypeID": 111,
    "sCreditCardNum": "************4242",
    "dCredtiCardExpir": "2030-01-31",
    "iAutoBillType": 1,
}
WAITING: dict[str, Any] = {"sTenantID": 1003, "sUnitID": 5014, "dNeeded": "2026-12-01", "dcQuotedRate": "89.00"}
MOVE_IN: dict[str, Any] = {
    "TenantID": 1003,
    "UnitID": 5014,
    "dStartDate": "2026-11-21T00:00:00",
    "dcPaymentAmount": "117.01",
    "iPayMethod": 2,
}

SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "SiteInformation": ({}, "Table"),
    "SiteSearchByPostalCode": ({"iCountry": -999, "bMiles": "false"}, "Table"),
    "PaymentTypesRetrieve": ({}, "Table"),
    "PaymentSettings": ({}, "Table"),
    "FormsRetrieve": ({}, "Table"),
    "UnitsInformation_v2": ({"lngLastTimePolled": "0"}, "Table"),
    "UnitsInformation_v3": ({"lngLastTimePolled": "0", "bReturnExcludedFromWebsiteUnits": "true"}, "Table"),
    "UnitsInformationAvailableUnitsOnly_v2": ({"lngLastTimePolled": "0"}, "Table"),
    "UnitsInformationByUnitID": ({"UnitID": 5001}, "Table"),
    "UnitTypePriceList_v2": ({}, "Table"),
    "GateAccessData": ({"iMinutesSinceLastUpdate": 0}, "Table"),
    "TenantSearchDetailed": ({"sTenantLastName": "Dub"}, "Table"),
    "TenantListDetailed_v2": ({"sTenantLastName": "Dub"}, "Table"),
    "TenantListDetailed_v3": ({"sUnitName": "015"}, "Table"),
    "TenantIDByUnitNameOrAccessCode": ({"sUnitName": "015"}, "RT"),
    "TenantInfoByTenantID": ({"iTenantID": 1001}, "Table"),
    "TenantLogin": ({"sTenantLogin": "renee.dubois@example.com", "sTenantPassword": seeded_web_password(1001)}, "RT"),
    "LedgersByTenantID": ({"sTenantID": "1001"}, "Ledgers"),
    "LedgersByTenantID_v3": ({"sTenantID": "1001"}, "Ledgers"),
    "CustomerAccountsBalanceDetails": ({"iTenantID": 1001}, "Table1"),
    "CustomerAccountsBalanceDetails_v2": ({"iTenantID": 1001}, "Table1"),
    "CustomerAccountsBalanceDetailsWithPrepayment": ({"iTenantID": 1001, "iNumberOfMonthsPrepay": 2}, "Table1"),
    "ChargesAllByLedgerID": ({"ledgerId": 2001}, "Table"),
    "ChargesAndPaymentsByLedgerID": ({"sLedgerID": "2001"}, "Table"),
    "LedgerStatementByLedgerID": ({"sLedgerID": "2001"}, "Table"),
    "PaymentsByLedgerID": ({"sLedgerID": "2001"}, "PmtHistory"),
    "PaidThroughDateByLedgerID": ({"iLedgerID": 2001}, "Table"),
    "TenantInvoicesByTenantID": (
        {"dDateStart": "2026-01-01", "dDateEnd": "2026-12-01", "sTenantIDsCommaDelimited": "1001"},
        "Table1",
    ),
    "TenantBillingInfoByTenantID_v2": ({"iTenantID": 1001}, "Table"),
    "TenantBillingInfoByTenantID_v3": ({"iTenantID": 1001}, "Table"),
    "TenantNotesRetrieve": ({"iLedgerID": 2001}, ""),
    "ReservationList_v3": ({"iGlobalWaitingNum": 0, "WaitingID": 0}, "Table"),
    "ReservationNotesRetrieve": ({"WaitingID": 40001}, ""),
    "ReservationFeeRetrieve": ({}, "Table"),
    "DiscountPlansRetrieve": ({}, "RT"),
    "MoveInCostRetrieveWithDiscount_v4": ({"iUnitID": 5014, "dMoveInDate": "2026-11-21T00:00:00"}, "Table"),
    "TenantNewDetailed_v3": (CONTACT, "RT"),
    "TenantUpdate": ({"iTenantID": 1003, **CONTACT}, "RT"),
    "TenantUpdate_v2": ({"iTenantID": 1003, **CONTACT}, "RT"),
    "TenantUpdate_v3": ({"iTenantID": 1003, **CONTACT}, "RT"),
    "TenantSMSOptInUpdate": ({"iTenantID": 1003, "bSMSOptIn": "true"}, "RT"),
    "TenantLoginAndSecurityUpdate": ({"TenantID": 1003, "sEmail": "a@example.com", "sWebPassword": "fakefake"}, "RT"),
    "CustomerAccountsMakeFutureCharges": ({"iTenantID": 1003, "iNumberOfFuturePeriods": 1}, "RT"),
    "TenantBillingInfoUpdate": (BILLING, "RT"),
    "TenantBillingInfoUpdate_v2": ({**BILLING, "iAutoBillOnDayPastDue": 5}, "RT"),
    "ScheduleMoveOut": ({"iLedgerID": 2001, "dScheduledOut": "2026-12-31T00:00:00"}, "RT"),
    "MoveOut": ({"sUsagePassword": USAGE_PASSWORD, "TenantID": 1003, "UnitID": 5006}, "RT"),
    "BulletinBoardInsert": ({"sSubject": "s", "sBody": "b"}, "RT"),
    "TenantNoteInsert": ({"iLedgerID": 2001, "sNote": "n"}, "RT"),
    "TenantNoteInsert_v2": ({"iLedgerID": 2001, "sNote": "n", "iNoteType": 0}, "RT"),
    "LeadGeneration": ({"sFirstName": "Ada", "sLastName": "Test"}, "RT"),
    "ReservationNewWithSource_v5": (WAITING, "RT"),
    "ReservationNewWithSource_v6": (WAITING, "RT"),
    "ReservationUpdate_v4": ({"WaitingID": 40001, **WAITING, "iStatus": 2}, "RT"),
    "ReservationNoteInsert": ({"WaitingID": 40001, "sNote": "n"}, "RT"),
    "PaymentSimple": ({**PAID, **CARD}, "RT"),
    "PaymentSimpleWithSource": ({**PAID, **CARD, "iSource": 10}, "RT"),
    "PaymentSimpleWithSource_v2": ({**PAID, **CARD, "iSource": 10}, "RT"),
    "PaymentMultipleWithSource": (
        {"iTenantID": 1001, "sUnitIDs": "5001, 5002", "sPaymentAmounts": "1.00, 2.00", **CARD},
        "RT",
    ),
    "PaymentSimpleACH": (ACH, "RT"),
    "PaymentSimpleACHWithSource": ({**ACH, "iSource": 10}, "RT"),
    "PaymentSimpleCashWithSource": ({**PAID, "iSource": 0}, "RT"),
    "PaymentSimpleCheckWithSource": ({**PAID, "sCheckNumber": "REF-1", "iSource": 10}, "RT"),
    "PaymentSimpleBankTransferWithSource": ({**PAID, "sTransferNumber": "REF-2", "iSource": 10}, "RT"),
    "MoveInWithDiscount_v7": (MOVE_IN, "RT"),
    "RentRoll": (DATES, "RentRoll"),
    "PastDueBalances": (DATES, "PastDueBalances"),
    "OccupancyStatistics": (DATES, "OccupancyStatistics"),
    "MoveInsAndMoveOuts": (DATES, "UnitMoveInsAndMoveOuts"),
    "DailyDeposits": (DATES, "DailyDeposits"),
    "ScheduledMoveOuts": ({}, "ScheduledMoveOuts"),
    "TenantListComplete": ({}, "TenantListComplete"),
    "TenantListComplete_v2": ({"lngLastTimePolled": "0"}, "TenantListComplete"),
}


def test_every_operation_of_the_contract_has_a_handler_and_a_shape() -> None:
    published = {name for operations in OPERATIONS.values() for name in operations}

    assert published == set(HANDLERS) == set(SHAPES)
    assert len(FAMILIES) == 11


@pytest.mark.parametrize("operation", SHAPES)
def test_an_operation_answers_with_its_table(call: Caller, operation: str) -> None:
    parameters, table = SHAPES[operation]

    answer = call(operation, **parameters)

    assert answer.status == 200
    assert set(answer.tables) <= set(answer.described)
    if table:
        assert answer.tables[0] == table
    else:
        assert answer.elements == []
    if table == "RT":
        assert answer.code >= 0, answer.message


@pytest.mark.parametrize("operation", SHAPES)
def test_every_column_of_every_row_is_in_the_schema_and_in_its_order(call: Caller, operation: str) -> None:
    answer = call(operation, **SHAPES[operation][0])
    described = answer.described

    for row in answer.elements:
        columns = [cell.tag for cell in row] or [name for name in row.attrib if not name.startswith("{")]
        order = [described[row.tag].index(column) for column in columns]
        assert order == sorted(order)
        assert columns


def test_ledgers_have_the_documented_widths(call: Caller) -> None:
    assert len(call("LedgersByTenantID", sTenantID=1001).described["Ledgers"]) == 71
    assert len(call("LedgersByTenantID_v3", sTenantID=1001).described["Ledgers"]) == 139
    assert len(call("TenantInfoByTenantID", iTenantID=1001).described["Table"]) == 120
