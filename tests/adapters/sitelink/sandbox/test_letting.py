"""Discount plans, what moving in costs, and moving in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl, SandboxServer
from pmsbridge_sitelink.sandbox.contract import OPERATIONS
from tests.adapters.sitelink.sandbox.caller import CARD, Caller, Result

VACANT, LET = 5014, 5001
TODAY = "2026-11-21T00:00:00"
HALF_OFF, TEN_OFF, SMALL_ONLY = 1001, 1002, 1003
TOTAL, HALF_OFF_TOTAL = "117.01", "68.50"


def cost(call: Caller, **change: Any) -> Result:
    sent = {"iUnitID": VACANT, "dMoveInDate": TODAY, "InsuranceCoverageID": -999, "ConcessionPlanID": -999}
    return call("MoveInCostRetrieveWithDiscount_v4", **{**sent, **change})


def move_in(call: Caller, amount: str = TOTAL, **change: Any) -> Result:
    sent = {
        "TenantID": 1003,
        "UnitID": VACANT,
        "dStartDate": TODAY,
        "dEndDate": "2026-12-20T00:00:00",
        "dcPaymentAmount": amount,
        "InsuranceCoverageID": -999,
        "ConcessionPlanID": -999,
        "iSource": 5,
        "iBillingFrequency": 3,
        "WaitingID": -999,
        **CARD,
    }
    return call("MoveInWithDiscount_v7", **{**sent, **change})


def required(answer: Result) -> Decimal:
    return sum(
        (Decimal(row["dcTotal"]) for row in answer.rows("Table") if row["bMoveInRequired"] == "true"), Decimal(0)
    )


def effects(control: SandboxControl) -> int:
    return sum(record["effects"] for record in control.calls())


def test_plans_are_in_their_own_table_and_nothing_is_in_table(call: Caller) -> None:
    answer = call("DiscountPlansRetrieve")

    assert answer.tables == ["RT", "ConcessionPlans", "ConcessionUnitTypes"]
    assert answer.code == 1
    assert answer.rows("Table") == []
    assert len(answer.described["ConcessionPlans"]) == 41
    plans = {int(row["ConcessionID"]): row for row in answer.rows("ConcessionPlans")}
    assert set(plans) == {HALF_OFF, TEN_OFF, SMALL_ONLY}
    assert (plans[HALF_OFF]["iAmtType"], plans[HALF_OFF]["dcPCDiscount"]) == ("1", "50.0000")
    assert (plans[TEN_OFF]["iAmtType"], plans[TEN_OFF]["dcFixedDiscount"]) == ("0", "10.0000")


def test_a_plan_without_a_restriction_row_is_for_every_unit_type(call: Caller) -> None:
    answer = call("DiscountPlansRetrieve")

    restricted = {int(row["ConcessionID"]) for row in answer.rows("ConcessionUnitTypes")}
    for_all = {int(r["ConcessionID"]) for r in answer.rows("ConcessionPlans") if r["bForAllUnits"] == "true"}
    assert restricted == {SMALL_ONLY}
    assert for_all == {HALF_OFF, TEN_OFF}


def test_plan_numbers_differ_from_site_to_site(server: SandboxServer) -> None:
    found = Caller(server.base_url, "L002")("DiscountPlansRetrieve").rows("ConcessionPlans")

    assert {int(row["ConcessionID"]) for row in found}.isdisjoint({HALF_OFF, TEN_OFF, SMALL_ONLY})


def test_the_total_of_a_cost_row_includes_its_tax(call: Caller) -> None:
    answer = cost(call)
    rent = answer.rows("Table")[0]

    assert len(answer.described["Table"]) == 31
    assert (rent["Ret_Code"], rent["ChargeAmount"], rent["TaxAmount"]) == ("1", "89.0000", "8.0100")
    assert rent["dcTotal"] == "97.0100"
    assert (rent["StartDate"][:10], rent["EndDate"][:10]) == ("2026-11-21", "2026-12-20")
    assert required(answer) == Decimal(TOTAL)
    assert answer.rows("RT") == []


def test_a_row_that_is_not_required_is_not_part_of_what_must_be_paid(call: Caller) -> None:
    everything = sum(Decimal(row["dcTotal"]) for row in cost(call).rows("Table"))

    assert everything != required(cost(call))
    assert move_in(call, str(everything)).code == -11


def test_tax_is_truncated_on_the_line_it_belongs_to(call: Caller) -> None:
    rent = cost(call, ConcessionPlanID=HALF_OFF).rows("Table")[0]

    assert (rent["dcDiscount"], rent["ConcessionID"]) == ("44.5000", str(HALF_OFF))
    assert rent["TaxAmount"] == "4.0000"  # 9 % of 44.50 is 4.005
    assert required(cost(call, ConcessionPlanID=HALF_OFF)) == Decimal(HALF_OFF_TOTAL)
    assert cost(call, ConcessionPlanID=TEN_OFF).rows("Table")[0]["TaxAmount"] == "7.1100"


def test_a_cost_is_refused_for_what_does_not_exist_and_changes_nothing(call: Caller, control: SandboxControl) -> None:
    assert cost(call, iUnitID=1).code == -25
    assert cost(call, ConcessionPlanID=77).code == -2
    assert cost(call, ConcessionPlanID=SMALL_ONLY).code == -2
    assert cost(call, InsuranceCoverageID=77).code == -3
    assert effects(control) == 0


def test_another_amount_is_refused_with_the_right_one_in_the_text(call: Caller, control: SandboxControl) -> None:
    for wrong in ("117.00", "117.02", "97.01", "1.00"):
        answer = move_in(call, wrong)
        assert (answer.code, answer.message) == (-11, "Payment amount does not match required payment of $117.01")

    discounted = move_in(call, TOTAL, ConcessionPlanID=HALF_OFF)
    assert (discounted.code, discounted.message[-6:]) == (-11, "$68.50")
    assert effects(control) == 0
    assert control.state("L001")["sites"]["L001"]["units"][str(VACANT)]["ledger_id"] is None


def test_the_exact_amount_makes_a_ledger_with_a_lease_number(call: Caller, control: SandboxControl) -> None:
    answer = move_in(call)

    assert answer.code > 2000
    assert int(answer.rows("RT")[0]["iLeaseNum"]) == answer.code + 100_000
    ledger = control.ledger("L001", answer.code)
    assert (ledger["tenant_id"], ledger["unit_id"], ledger["moved_in"]) == (1003, VACANT, "2026-11-21")
    assert (ledger["balance"], ledger["paid_through"]) == ("0.00", "2026-12-20")
    assert [(p["amount"], p["description"], p["test"]) for p in ledger["payments"]] == [(TOTAL, "Visa ****1111", False)]
    assert Decimal(control.journal()["total"]) == 0
    assert {row["LedgerID"] for row in call("LedgersByTenantID_v3", sTenantID=1003).rows("Ledgers")} >= {
        str(answer.code)
    }


def test_a_discount_is_on_the_first_month_only(call: Caller, control: SandboxControl) -> None:
    ledger_id = move_in(call, HALF_OFF_TOTAL, ConcessionPlanID=HALF_OFF).code

    ledger = control.ledger("L001", ledger_id)
    rent = next(charge for charge in ledger["charges"] if charge["category"] == "Rent")
    assert (rent["price"], rent["tax"], ledger["rent"]) == ("44.50", "4.00", "89.00")


def test_test_mode_skips_the_card_and_writes_all_the_same(call: Caller, control: SandboxControl) -> None:
    refused = {"sCreditCardNumber": "4000000000000002"}

    assert move_in(call, **refused).code == -100
    assert effects(control) == 0

    ledger_id = move_in(call, **refused, bTestMode="true").code
    assert control.ledger("L001", ledger_id)["payments"][0]["test"] is True


def test_a_unit_moves_in_once(call: Caller) -> None:
    assert move_in(call).code > 0
    again = move_in(call)

    assert (again.code, again.message) == (-2, "The unit is not available.")
    assert move_in(call, UnitID=LET).code == -2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dcPaymentAmount": "0"}, -2),
        ({"InsuranceCoverageID": 77}, -3),
        ({"iCreditCardType": 0}, -4),
        ({"iPayMethod": 9}, -5),
        ({"sCreditCardNumber": "4111111111111112"}, -14),
        ({"ConcessionPlanID": 77}, -17),
        ({"UnitID": 1}, -25),
        ({"iBillingFrequency": 1}, -28),
        ({"dStartDate": "2026-09-20T00:00:00"}, -83),
        ({"dStartDate": None}, -83),
        ({"iPayMethod": 3}, -84),
        ({"TenantID": 1}, -95),
    ],
)
def test_each_refusal_of_a_move_in_has_its_code_and_changes_nothing(
    call: Caller, control: SandboxControl, change: dict[str, Any], code: int
) -> None:
    before = control.state("L001")["sites"]["L001"]["ledgers"]

    assert move_in(call, **change).code == code
    assert effects(control) == 0
    assert control.state("L001")["sites"]["L001"]["ledgers"] == before


def test_a_site_without_a_processor_takes_cash_only(call: Caller, control: SandboxControl) -> None:
    control.settings(sites={"L001": {"has_processor": False}})

    assert move_in(call).code == -20
    assert move_in(call, iPayMethod=2, sCreditCardNumber="", iCreditCardType=0).code > 0


def test_a_first_payment_shows_only_after_the_delay(call: Caller, control: SandboxControl) -> None:
    control.settings(payment_delay=10)
    ledger_id = move_in(call).code

    assert call("PaymentsByLedgerID", sLedgerID=ledger_id).rows("PmtHistory") == []
    control.advance(10)
    assert len(call("PaymentsByLedgerID", sLedgerID=ledger_id).rows("PmtHistory")) == 1


def test_no_card_number_of_a_move_in_is_kept(call: Caller, control: SandboxControl) -> None:
    move_in(call)

    kept = f"{control.state()}{control.calls()}{control.journal()}"
    assert CARD["sCreditCardNumber"] not in kept
    assert "'999'" not in kept


def test_the_contract_has_every_parameter_with_its_type() -> None:
    published = OPERATIONS["CallCenterWs"]
    v7 = {parameter.name: parameter.type for parameter in published["MoveInWithDiscount_v7"].parameters}
    v4 = [(parameter.name, parameter.type) for parameter in published["MoveInCostRetrieveWithDiscount_v4"].parameters]

    assert len(v7) == 34
    assert [v7[name] for name in ("TenantID", "sAccessCode", "dStartDate", "dcPaymentAmount", "ChannelType")] == [
        "int",
        "string",
        "dateTime",
        "decimal",
        "int",
    ]
    assert (v7["bTestMode"], v7["sCCTrack2"], list(v7)[-1]) == ("boolean", "string", "bApplyInsuranceCredit")
    assert v4[4:] == [
        ("iUnitID", "int"),
        ("dMoveInDate", "dateTime"),
        ("InsuranceCoverageID", "int"),
        ("ConcessionPlanID", "int"),
        ("ChannelType", "int"),
        ("bApplyInsuranceCredit", "boolean"),
        ("sCreditCardNum", "string"),
    ]
    assert [p.name for p in published["DiscountPlansRetrieve"].parameters][4:] == []
