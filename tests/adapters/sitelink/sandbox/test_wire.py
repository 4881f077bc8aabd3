"""How requests are read and answers are written: the part of the vendor that does not know what it is for."""

from __future__ import annotations

import pytest

from pmsbridge_sitelink.sandbox import CORP_PASSWORD, LICENCE_KEY, SandboxControl
from tests.adapters.sitelink.sandbox.caller import DIFFGR, Caller


def test_unknown_names_are_ignored_without_a_word(call: Caller, control: SandboxControl) -> None:
    answer = call("TenantNoteInsert", iLedgerID=2001, sNote="kept", sNoteText="lost")

    assert answer.code > 0
    assert control.ledger("L001", 2001)["notes"][0]["text"] == "kept"
    assert control.calls("TenantNoteInsert")[0]["ignored"] == ["sNoteText"]


@pytest.mark.parametrize("name", ["iLedgerId", "ledgerId", "LedgerID", "sLedgerID", "iledgerid"])
def test_names_are_exact_to_the_letter(call: Caller, name: str) -> None:
    assert call("TenantNoteInsert", **{name: 2001}, sNote="x").code == -1
    assert (
        call("PaymentSimpleCheckWithSource", iTenantID=1001, iUnitID=5002, dcPaymentAmount=1, CheckNumber="R").code == 1
    )
    assert call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")[-1]["Description"] == "Check ''"


def test_a_missing_value_type_becomes_its_default(call: Caller, control: SandboxControl) -> None:
    assert call("TenantSMSOptInUpdate", iTenantID=1001).code == 1001

    tenant = control.state("L001", 1001)["sites"]["L001"]["tenants"]["1001"]
    assert tenant["fields"]["bSMSOptIn"] is False


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("ScheduleMoveOut", {"iLedgerID": 2001, "dScheduledOut": ""}),
        ("ScheduleMoveOut", {"iLedgerID": "two", "dScheduledOut": "2026-12-01T00:00:00"}),
        ("ScheduleMoveOut", {"iLedgerID": 2001, "dScheduledOut": "12/01/2026"}),
        ("ScheduleMoveOut", {"iLedgerID": 2001, "dScheduledOut": "2026-02-30T00:00:00"}),
        ("TenantSMSOptInUpdate", {"iTenantID": 1001, "bSMSOptIn": "yes"}),
        ("TenantSMSOptInUpdate", {"iTenantID": 1001, "bSMSOptIn": "True"}),
        ("TenantSMSOptInUpdate", {"iTenantID": 99999999999, "bSMSOptIn": "true"}),
        ("PaymentSimpleCashWithSource", {"iTenantID": 1001, "iUnitID": 5002, "dcPaymentAmount": "1e2"}),
        ("PaymentSimpleCashWithSource", {"iTenantID": 1001, "iUnitID": 5002, "dcPaymentAmount": ""}),
    ],
)
def test_a_value_that_cannot_be_read_is_a_500_fault_and_changes_nothing(
    call: Caller, control: SandboxControl, operation: str, parameters: dict[str, object]
) -> None:
    before = control.state("L001")["sites"]

    answer = call(operation, **parameters)

    assert answer.status == 500
    assert "unable to read request" in answer.fault
    assert control.state("L001")["sites"] == before


def test_a_fault_repeats_the_account_with_its_licence_key(call: Caller) -> None:
    fault = call("ScheduleMoveOut", iLedgerID=2001, dScheduledOut="").fault

    assert LICENCE_KEY in fault
    assert CORP_PASSWORD in fault


def test_an_action_nobody_knows_is_a_500_fault(call: Caller) -> None:
    answer = call.post("MakeReservation", "")

    assert answer.status == 500
    assert "did not recognize" in answer.fault


def test_a_root_element_other_than_the_action_is_a_500_fault(call: Caller) -> None:
    assert call.post("TenantNoteInsert", "", root="TenantNoteInsert_v2").status == 500


@pytest.mark.parametrize("quote", ["", '"'])
def test_the_action_may_be_quoted_or_not(call: Caller, quote: str) -> None:
    action = f"{quote}http://tempuri.org/CallCenterWs/CallCenterWs/SiteInformation{quote}"

    assert call.post("SiteInformation", "", action=action).code == -89


def test_an_action_of_the_other_service_is_refused(call: Caller) -> None:
    assert (
        call.post("SiteInformation", "", action="http://tempuri.org/CallCenterWs/ReportingWs/SiteInformation").status
        == 500
    )


def test_a_request_that_is_not_xml_or_has_a_document_type_is_a_500_fault(call: Caller) -> None:
    headers = {"Content-Type": "text/xml", "SOAPAction": "http://tempuri.org/CallCenterWs/CallCenterWs/SiteInformation"}

    assert call.raw("POST", "/CCWs_3.5/CallCenterWs.asmx", b"not xml", headers).status == 500
    assert call.raw("POST", "/CCWs_3.5/CallCenterWs.asmx", b"<!DOCTYPE a><a/>", headers).status == 500


def test_a_chunked_request_is_read(call: Caller) -> None:
    headers = {
        "Content-Type": "text/xml",
        "SOAPAction": "http://tempuri.org/CallCenterWs/CallCenterWs/SiteInformation",
        "Transfer-Encoding": "chunked",
    }
    body = b"3\r\nnot\r\n4\r\n xml\r\n0\r\n\r\n"

    assert call.raw("POST", "/CCWs_3.5/CallCenterWs.asmx", body, headers).status == 500


def test_another_content_type_is_415(call: Caller) -> None:
    headers = {"Content-Type": "application/soap+xml", "SOAPAction": "x"}

    assert call.raw("POST", "/CCWs_3.5/CallCenterWs.asmx", b"<a/>", headers).status == 415


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sCorpUserName": "Administrator:::WRONG"}, -89),
        ({"sCorpUserName": "Administrator"}, -89),
        ({"sCorpPassword": "wrong"}, -98),
        ({"sCorpCode": "OTHER"}, -98),
        ({"sLocationCode": "L999"}, -97),
        ({"sLocationCode": ""}, -97),
        ({"sLocationCode": None}, -97),
    ],
)
def test_credentials_are_checked_before_anything_else(call: Caller, wrong: dict[str, object], code: int) -> None:
    answer = call("ScheduleMoveOut", iLedgerID="not a number", **wrong)

    assert answer.status == 200
    assert answer.code == code


def test_an_answer_has_a_schema_of_all_tables_also_of_empty_ones(call: Caller, control: SandboxControl) -> None:
    answer = call("LedgersByTenantID_v3", sTenantID=1000)

    assert answer.elements == []
    assert answer.described["Ledgers"][:5] == ["LedgerID", "SiteID", "TenantID", "EmployeeID", "UnitID"]
    assert "diffgr:diffgram" in answer.text
    assert "NewDataSet xmlns" not in answer.text


def test_null_columns_are_left_out_of_their_row(call: Caller) -> None:
    first, *others = call("LedgersByTenantID_v3", sTenantID=1008).rows("Ledgers")

    assert others == []
    assert first["dSchedOut"].startswith("2026-12-11")
    assert "sCompany" not in first
    assert "dSchedOut" not in call("LedgersByTenantID_v3", sTenantID=1003).rows("Ledgers")[0]


def test_money_has_four_decimals_sizes_two_coordinates_ten(call: Caller) -> None:
    assert call("LedgersByTenantID_v3", sTenantID=1001).rows("Ledgers")[0]["dcRent"] == "149.0000"
    assert call("UnitsInformationByUnitID", UnitID=5001).rows("Table")[0]["dcWidth"] == "10.00"
    assert len(call("SiteInformation").rows("Table")[0]["dcLatitude"].partition(".")[2]) == 10


def test_dates_carry_the_us_eastern_offset_of_their_day(call: Caller) -> None:
    row = call("LedgersByTenantID_v3", sTenantID=1001).rows("Ledgers")[0]

    assert row["dPaidThru"] == "2026-10-31T00:00:00-04:00"
    assert call("LedgersByTenantID_v3", sTenantID=1003).rows("Ledgers")[0]["dPaidThru"] == "2026-11-30T00:00:00-05:00"


def test_return_rows_are_marked_as_inserted_and_other_rows_are_not(call: Caller) -> None:
    answer = call("UnitsInformationByUnitID", UnitID=5001)
    marks = {row.tag: row.get(f"{DIFFGR}hasChanges") for row in answer.elements}

    assert marks == {"Table": None, "RT": "inserted"}
    assert {row.tag: row.get(f"{DIFFGR}id") for row in answer.elements} == {"Table": "Table1", "RT": "RT1"}


def test_text_survives_the_way_there_and_back(call: Caller) -> None:
    text = "Łukasz & <b>Zoë</b> \"quoted\" 'single' 漢字"

    call("TenantNoteInsert", iLedgerID=2001, sNote=text)

    assert call("TenantNotesRetrieve", iLedgerID=2001).rows("Table")[0]["sNote"] == text


def test_a_bare_date_is_accepted_unless_the_account_refuses_them(call: Caller, control: SandboxControl) -> None:
    assert call("ScheduleMoveOut", iLedgerID=2001, dScheduledOut="2026-12-01").code == 1

    control.settings(bare_dates_refused=True)

    assert call("ScheduleMoveOut", iLedgerID=2001, dScheduledOut="2026-12-01").status == 500


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-12-01T00:00:00", "2026-12-01T00:00:00"),
        ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00"),
        ("2026-12-01T00:00:00+01:00", "2026-11-30T18:00:00"),
    ],
)
def test_an_offset_is_moved_to_the_servers_wall_clock(
    call: Caller, control: SandboxControl, sent: str, kept: str
) -> None:
    call("ScheduleMoveOut", iLedgerID=2001, dScheduledOut=sent)

    assert control.ledger("L001", 2001)["scheduled_out"] == kept
