"""Stored cards, move-outs, the bulletin board, notes, reservations."""

from __future__ import annotations

from typing import Any

import pytest

from pmsbridge_sitelink.sandbox import USAGE_PASSWORD, SandboxControl
from tests.adapters.sitelink.sandbox.caller import Caller

MASK = "************4242"


def _stored(call: Caller) -> dict[str, str]:
    found = call("TenantBillingInfoByTenantID_v3", iTenantID=1001).rows("Table")
    return next(row for row in found if row["LedgerID"] == "2001")


def _update(call: Caller, **change: Any) -> int:
    row = _stored(call)
    sent = {
        "iLedgerID": 2001,
        "iCreditCardTypeID": row["iCreditCardTypeID"],
        "sCreditCardNum": row["sCreditCardNum"],
        "dCredtiCardExpir": row["dCreditCardExpir"],
        "sCreditCardHolderName": row["sCreditCardHolderName"],
        "sCreditCardStreet": row["sCreditCardStreet"],
        "sCreditCardZip": row["sCreditCardZip"],
        "iAutoBillType": row["iAutoBillType"],
        "iAutoBillOnDayPastDue": 0,
    }
    return call("TenantBillingInfoUpdate_v2", **{**sent, **change}).code


def test_a_stored_card_reads_back_masked_with_the_payment_types_beside_it(call: Caller) -> None:
    answer = call("TenantBillingInfoByTenantID_v3", iTenantID=1001)

    assert _stored(call)["sCreditCardNum"] == MASK
    assert _stored(call)["unitID"] == "5001"
    assert _stored(call)["iAutoBillType"] == "1"
    assert "Visa" in {row["sPmtTypeDesc"] for row in answer.rows("Table1")}


def test_a_masked_number_keeps_the_stored_card(call: Caller, control: SandboxControl) -> None:
    before = control.ledger("L001", 2001)["billing"]

    assert _update(call, iAutoBillType=0, sCreditCardZip="05401") == 2001

    after = control.ledger("L001", 2001)["billing"]
    assert after["card_digest"] == before["card_digest"]
    assert after["card"] == MASK
    assert (after["autopay"], after["postal_code"]) == (0, "05401")


@pytest.mark.parametrize("number", ["", None])
def test_a_blank_number_blanks_the_stored_card(call: Caller, control: SandboxControl, number: str | None) -> None:
    assert _update(call, sCreditCardNum=number) == 2001

    billing = control.ledger("L001", 2001)["billing"]
    assert billing["card"] == billing["card_digest"] == ""
    assert "sCreditCardNum" not in _stored(call)


def test_fields_that_are_not_sent_become_blank(call: Caller, control: SandboxControl) -> None:
    call("TenantBillingInfoUpdate", iLedgerID=2001, iCreditCardTypeID=111, sCreditCardNum=MASK, iAutoBillType=1)

    billing = control.ledger("L001", 2001)["billing"]
    assert billing["card"] == MASK
    assert billing["holder"] == billing["street"] == ""
    assert billing["expires"] == "0001-01-01T00:00:00"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iLedgerID": 9}, -1),
        ({"iCreditCardTypeID": 6}, -95),
        ({"iCreditCardTypeID": 211}, -95),
        ({"sCreditCardNum": "************9999"}, -2),
        ({"iAutoBillType": 3}, -2),
    ],
)
def test_a_refused_update_changes_nothing(
    call: Caller, control: SandboxControl, change: dict[str, Any], code: int
) -> None:
    before = control.ledger("L001", 2001)["billing"]

    assert _update(call, **change) == code
    assert control.ledger("L001", 2001)["billing"] == before


def test_a_mask_means_nothing_where_no_card_is_stored(call: Caller) -> None:
    sent = {"iLedgerID": 2002, "iCreditCardTypeID": 111, "sCreditCardNum": MASK, "iAutoBillType": 1}

    assert call("TenantBillingInfoUpdate", **sent).code == -2


def test_autopay_can_be_half_enrolled(call: Caller) -> None:
    row = call("TenantBillingInfoByTenantID_v3", iTenantID=1009).rows("Table")[0]

    assert row["iAutoBillType"] == "1"
    assert "sCreditCardNum" not in row


def test_a_move_out_is_scheduled_changed_and_cancelled_by_leaving_the_date_out(call: Caller) -> None:
    assert call("ScheduleMoveOut", iLedgerID=2001, dScheduledOut="2026-12-31T00:00:00").code == 1
    assert call("ScheduleMoveOut", iLedgerID=2001, dScheduledOut="2027-01-15T00:00:00").code == 1
    leaving = {row["LedgerID"]: row["dSchedOut"] for row in call("ScheduledMoveOuts").rows("ScheduledMoveOuts")}
    assert leaving["2001"] == "2027-01-15T00:00:00-05:00"
    assert call("LedgersByTenantID_v3", sTenantID=1001).rows("Ledgers")[0]["dSchedOut"] == "2027-01-15T00:00:00-05:00"

    assert call("ScheduleMoveOut", iLedgerID=2001).code == 1
    assert "2001" not in {row["LedgerID"] for row in call("ScheduledMoveOuts").rows("ScheduledMoveOuts")}
    assert call("ScheduleMoveOut", iLedgerID=9).code == -1


def test_only_a_move_out_with_the_usage_password_ends_a_rental(call: Caller, control: SandboxControl) -> None:
    assert call("MoveOut", sUsagePassword="wrong", TenantID=1003, UnitID=5006).code == -94
    assert call("MoveOut", sUsagePassword=USAGE_PASSWORD, TenantID=1001, UnitID=5006).code == -1
    assert control.state("L001")["sites"]["L001"]["move_outs"] == []

    assert call("MoveOut", sUsagePassword=USAGE_PASSWORD, TenantID=1003, UnitID=5006).code == 1
    assert control.state("L001")["sites"]["L001"]["move_outs"] == [{"ledger_id": 2006, "on": "2026-11-21"}]
    assert call("LedgersByTenantID_v3", sTenantID=1003).rows("Ledgers") == []


def test_a_bulletin_and_a_lead_land_on_the_sites_board(call: Caller, control: SandboxControl) -> None:
    first = call("BulletinBoardInsert", sSubject="Contact changed", sBody="new phone").code
    second = call("LeadGeneration", sFirstName="Ada", sLastName="Test", sComments="call me").code

    posts = control.bulletin("L001")
    assert [post["id"] for post in posts] == [first, second]
    assert posts[0]["subject"] == "Contact changed"
    assert posts[1] == {**posts[1], "subject": "Lead: Ada Test", "body": "call me"}


def test_a_note_hangs_on_its_ledger(call: Caller) -> None:
    number = call("TenantNoteInsert_v2", iLedgerID=2002, sNote="hello", iNoteType=4).code

    found = call("TenantNotesRetrieve", iLedgerID=2002).rows("Table")
    assert [(row["NoteID"], row["sNote"], row["iNoteType"]) for row in found] == [(str(number), "hello", "4")]
    assert call("TenantNotesRetrieve", iLedgerID=2001).elements == []
    assert call("TenantNoteInsert", iLedgerID=1001, sNote="a tenant id").code == -1


def test_a_reservation_answers_its_id_and_its_global_number(call: Caller, control: SandboxControl) -> None:
    wanted = {
        "sTenantID": "1003",
        "sUnitID": "5015",
        "dNeeded": "2026-12-01",
        "dcQuotedRate": "89.00",
        "QTRentalTypeID": 2,
        "sComment": "soon",
    }
    made = call("ReservationNewWithSource_v5", **wanted)

    row = call("ReservationList_v3", iGlobalWaitingNum=made.message, WaitingID=0).rows("Table")[0]
    assert row["WaitingID"] == str(made.code)
    assert (row["UnitID"], row["sComment"], row["iWaitingStatus"]) == ("5015", "soon", "0")
    available = {
        r["UnitID"]: r["bWaitingListReserved"] for r in call("UnitsInformationAvailableUnitsOnly_v2").rows("Table")
    }
    assert available["5015"] == "true"

    assert call("ReservationUpdate_v4", WaitingID=made.code, **{**wanted, "sComment": None}, iStatus=2).code == 0
    reservation = control.state("L001")["sites"]["L001"]["reservations"][str(made.code)]
    assert reservation["status"] == 2
    assert reservation["values"]["sComment"] == ""
    assert control.state("L001")["sites"]["L001"]["units"]["5015"]["reserved"] is False


def test_a_reservation_of_nobody_or_nothing_is_refused(call: Caller) -> None:
    assert call("ReservationNewWithSource_v6", sTenantID="9", sUnitID="5015").code == -95
    assert call("ReservationNewWithSource_v6", sTenantID="1003", sUnitID="9").code == -25
    assert call("ReservationNoteInsert", WaitingID=9, sNote="x").code == -1


def test_a_note_on_a_reservation_reads_back(call: Caller) -> None:
    number = call("ReservationNoteInsert", WaitingID=40001, sNote="called").code

    assert call("ReservationNotesRetrieve", WaitingID=40001).rows("Table")[0]["NoteID"] == str(number)
