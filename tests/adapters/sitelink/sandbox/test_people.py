"""Tenants: fuzzy searches, updates that blank, log-ons with several rows, secrets in clear."""

from __future__ import annotations

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl, SandboxServer, seeded_web_password
from tests.adapters.sitelink.sandbox.caller import Caller

EMAIL = "renee.dubois@example.com"


def _fields(control: SandboxControl, tenant_id: int) -> dict[str, object]:
    found: dict[str, object] = control.state("L001", tenant_id)["sites"]["L001"]["tenants"][str(tenant_id)]["fields"]
    return found


def test_a_search_matches_prefixes_of_names_and_mail(call: Caller) -> None:
    found = call("TenantSearchDetailed", sTenantFirstName="ren", sTenantLastName="DUB").rows("Table")

    assert [row["TenantID"] for row in found] == ["1000", "1001"]
    assert {row["bHasActiveLedger"] for row in found} == {"true", "false"}
    assert call("TenantSearchDetailed", sEmailAddress="renee.dubois@example.c").rows("Table") == found


def test_a_search_with_a_wrong_filter_name_returns_everybody(call: Caller, control: SandboxControl) -> None:
    everybody = len(control.state("L001")["sites"]["L001"]["tenants"])

    assert len(call("TenantSearchDetailed", sEmail=EMAIL).rows("Table")) == everybody


def test_a_search_stops_at_fifty_rows_without_a_word() -> None:
    with SandboxServer(units=120) as big:
        found = Caller(big.base_url)("TenantListDetailed_v3").rows("Table")
        tenants = len(big.control.state("L001")["sites"]["L001"]["tenants"])

    assert tenants > 60
    assert len(found) == 50


def test_an_empty_location_searches_the_whole_corporation(call: Caller) -> None:
    found = call("TenantListDetailed_v2", sLocationCode="").rows("Table")

    assert {row["sLocationCode"] for row in found} == {"L001", "L002"}


def test_ids_repeat_from_site_to_site_and_mean_other_people(call: Caller, server: SandboxServer) -> None:
    here = call("TenantInfoByTenantID", iTenantID=1001).rows("Table")[0]
    there = Caller(server.base_url, "L002")("TenantInfoByTenantID", iTenantID=1001).rows("Table")[0]

    assert here["TenantID"] == there["TenantID"]
    assert here["SiteID"] != there["SiteID"]
    assert here["sEmail"] != there["sEmail"]


def test_leading_zeros_of_unit_names_matter(call: Caller) -> None:
    assert call("TenantIDByUnitNameOrAccessCode", sUnitName="015").code == 1001
    assert call("TenantIDByUnitNameOrAccessCode", sUnitName="15").code == 1003
    assert call("TenantIDByUnitNameOrAccessCode").code == -1
    assert call("TenantIDByUnitNameOrAccessCode", sUnitName="0015").code == 0


def test_a_tenant_row_carries_password_and_social_security_number_in_clear(call: Caller) -> None:
    row = call("TenantInfoByTenantID", iTenantID=1001).rows("Table")[0]

    assert row["sWebPassword"] == seeded_web_password(1001)
    assert row["sSSN"] == "000-00-1001"


def test_an_unknown_tenant_is_refused(call: Caller) -> None:
    assert call("TenantInfoByTenantID", iTenantID=77).code == -1
    assert call("LedgersByTenantID_v3", sTenantID="77").code == -1
    assert call("LedgersByTenantID_v3", sTenantID="seven").code == -1
    assert call("TenantUpdate", iTenantID=77, sLName="x").code == -95


def test_an_update_blanks_every_field_it_knows_that_was_not_sent(call: Caller, control: SandboxControl) -> None:
    assert call("TenantUpdate_v3", iTenantID=1001, sFName="Renée", sLName="Dubois").code == 1001

    fields = _fields(control, 1001)
    secrets = control.state("L001", 1001)["sites"]["L001"]["tenants"]["1001"]["secrets"]
    assert fields["sLName"] == "Dubois"
    assert fields["sEmail"] == fields["sAddr1"] == fields["sPhone"] == ""
    assert fields["bSMSOptIn"] is False
    assert fields["dDOB"] == "0001-01-01T00:00:00"
    assert secrets["sWebPassword"] == secrets["sAccessCode"] == ""
    assert call("TenantInfoByTenantID", iTenantID=1001).rows("Table")[0]["dDOB"] == "0001-01-01T00:00:00"


def test_an_update_leaves_the_fields_of_later_versions_alone(call: Caller, control: SandboxControl) -> None:
    call("TenantUpdate_v3", iTenantID=1001, sLName="D", sEmailAlt="alt@example.com", bSMSOptIn="true", sCountryCode="1")
    call("TenantUpdate", iTenantID=1001, sLName="D")

    fields = _fields(control, 1001)
    assert fields["sEmailAlt"] == "alt@example.com"
    assert fields["bSMSOptIn"] is True
    assert fields["sCountryCodeMobile"] == "1"


def test_an_update_that_sends_everything_back_changes_only_what_it_means_to(
    call: Caller, control: SandboxControl
) -> None:
    before = control.state("L001", 1001)["sites"]["L001"]["tenants"]["1001"]
    row = call("TenantInfoByTenantID", iTenantID=1001).rows("Table")[0]
    names = [p for p in row if p[0] in "sb" and p not in {"sAccessCode", "sLocationCode"}] + ["dDOB"]
    call(
        "TenantUpdate_v3",
        iTenantID=1001,
        sGateCode=row["sAccessCode"],
        **{n: row[n] for n in names} | {"sPhone": "555-0199"},
    )

    after = control.state("L001", 1001)["sites"]["L001"]["tenants"]["1001"]
    assert after["fields"]["sPhone"] == "555-0199"
    assert after["secrets"] == before["secrets"]
    for name, value in before["fields"].items():
        if name not in {"sPhone", "dDOB"}:
            assert (after["fields"][name] or None) == (value or None), name


def test_a_gate_code_cannot_be_taken_twice(call: Caller) -> None:
    code = call("TenantInfoByTenantID", iTenantID=1002).rows("Table")[0]["sAccessCode"]

    assert call("TenantUpdate", iTenantID=1001, sLName="D", sGateCode=code).code == -2
    assert call("TenantNewDetailed_v3", sLName="D", sGateCode=code).code == -2


def test_a_new_tenant_may_be_a_double_of_another(call: Caller) -> None:
    first = call("TenantNewDetailed_v3", sFName="Ada", sLName="Test", sEmail=EMAIL)
    second = call("TenantNewDetailed_v3", sFName="Ada", sLName="Test", sEmail=EMAIL)

    assert first.code == second.code == 1
    assert first.rows("RT")[0]["TenantID"] != second.rows("RT")[0]["TenantID"]
    assert first.rows("Tenants")[0]["sEmail"] == EMAIL
    assert call("TenantNewDetailed_v3", sFName="Ada").code == -1


def test_a_log_on_answers_one_row_per_record_with_its_tenant_id(call: Caller) -> None:
    answer = call("TenantLogin", sTenantLogin=EMAIL.upper(), sTenantPassword=seeded_web_password(1001))

    found = {row["Ret_Code"]: row["bHasActiveLedger"] for row in answer.rows("RT")}
    assert found == {"1000": "false", "1001": "true"}
    assert {row["sWebPassword"] for row in answer.rows("RT")} == {seeded_web_password(1001)}


@pytest.mark.parametrize("password", ["", "wrong", seeded_web_password(1000)])
def test_a_log_on_with_another_password_is_refused(call: Caller, password: str) -> None:
    assert call("TenantLogin", sTenantLogin=EMAIL, sTenantPassword=password).code == -1


def test_a_tenant_kept_off_the_web_cannot_log_on(call: Caller, control: SandboxControl) -> None:
    control.settings(tenants={"L001/1001": {"web_disabled": True}})

    found = call("TenantLogin", sTenantLogin=EMAIL, sTenantPassword=seeded_web_password(1001)).rows("RT")
    assert [row["Ret_Code"] for row in found] == ["1000"]


@pytest.mark.parametrize(
    ("password", "good"), [("abc", False), ("abcd", True), ("a" * 10, True), ("a" * 11, False), ("", False)]
)
def test_a_web_password_has_four_to_ten_characters(call: Caller, password: str, *, good: bool) -> None:
    code = call("TenantLoginAndSecurityUpdate", TenantID=1003, sEmail="l@example.com", sWebPassword=password).code

    assert (code == 1003) is good
    assert (call("TenantLogin", sTenantLogin="l@example.com", sTenantPassword=password).code == 1003) is good
