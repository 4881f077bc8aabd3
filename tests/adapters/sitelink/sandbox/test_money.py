"""Balances, payments, future charges: what is written, when it shows, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.sandbox.caller import CARD, Caller

ITEMS = ["Merchandise", "Security Deposit", "Rent", "Insurance", "Recurring Charges", "Late Fees", "Other Fees"]


def _balance(
    call: Caller, tenant_id: int, unit: str, operation: str = "CustomerAccountsBalanceDetails_v2", **more: int
) -> Decimal:
    found = call(operation, iTenantID=tenant_id, **more).rows("Table1")
    return sum((Decimal(row["dcBalance"]) for row in found if row["sUnitName"] == unit), Decimal(0))


def test_a_balance_is_seven_rows_per_unit_in_a_fixed_order(call: Caller) -> None:
    found = call("CustomerAccountsBalanceDetails_v2", iTenantID=1001).rows("Table1")

    assert [row["sItem"] for row in found] == ITEMS * 3
    assert [row["sUnitName"] for row in found[::7]] == ["015", "A-12", "B 7"]
    assert _balance(call, 1001, "015") == Decimal("175.37")
    assert {row["sItem"]: row["dcBalance"] for row in found[14:]}["Late Fees"] == "25.0000"


def test_an_unbilled_unit_has_no_balance_no_invoice_and_an_old_paid_through_day(call: Caller) -> None:
    row = next(r for r in call("LedgersByTenantID_v3", sTenantID=1002).rows("Ledgers") if r["sUnitName"] == "C-02")

    assert _balance(call, 1002, "C-02") == 0
    assert row["dPaidThru"].startswith("2026-10-31")
    lines = call(
        "TenantInvoicesByTenantID", dDateStart="2026-10-15", dDateEnd="2026-11-21", sTenantIDsCommaDelimited="1002"
    )
    assert {line["sUnitName"] for line in lines.rows("Table1")} == {"C-01"}


def test_a_unit_can_be_billed_and_unbilled_from_behind_the_counter(call: Caller, control: SandboxControl) -> None:
    control.settings(ledgers={"L001/2005": {"billed": True}})
    assert _balance(call, 1002, "C-02") == Decimal("162.41")

    control.settings(ledgers={"L001/2005": {"billed": False}})
    assert _balance(call, 1002, "C-02") == 0
    assert control.journal()["total"] == "0.00"


def test_an_invoice_number_repeats_once_per_line_and_amounts_are_before_tax(call: Caller) -> None:
    lines = call(
        "TenantInvoicesByTenantID", dDateStart="2026-10-20", dDateEnd="2026-11-21", sTenantIDsCommaDelimited="1001,1003"
    )
    mine = [line for line in lines.rows("Table1") if line["sUnitName"] == "015"]

    assert len({line["iInvoiceNum"] for line in mine}) == 1
    assert [line["dcAmt"] for line in mine] == ["149.0000", "12.0000"]


def test_charges_are_attributes_of_their_row_and_repeat_per_payment(call: Caller) -> None:
    call.pay(5001, "50.00")
    call.pay(5001, "25.00")

    rent = [row for row in call("ChargesAllByLedgerID", ledgerId=2001).elements if row.get("sChgCategory") == "Rent"]
    newest = [row for row in rent if row.get("dChgStrt", "").startswith("2026-11")]

    assert len(list(newest[0])) == 0
    assert [row.get("dcPmtAmt") for row in newest] == ["50.0000", "25.0000"]
    assert len({row.get("ChargeID") for row in newest}) == 1


def test_a_payment_by_card_is_in_the_books_and_in_the_history(call: Caller, control: SandboxControl) -> None:
    assert call.pay(5002, "97.01").code == 1

    paid = call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")[-1]
    assert paid["Description"] == "Visa ****1111"
    assert paid["Payment"] == "97.0100"
    assert paid["dPmt"] == "2026-11-21T10:00:00-05:00"
    assert paid["dPaidStr"] == "11/21/2026"
    assert _balance(call, 1001, "A-12") == 0
    ledger = control.ledger("L001", 2002)
    assert ledger["balance"] == "0.00"
    assert ledger["payments"][-1]["receipt"] == paid["Receipt"]
    assert ledger["paid_through"] == "2026-11-30"


@pytest.mark.parametrize(
    ("operation", "parameters", "description"),
    [
        ("PaymentSimpleCheckWithSource", {"sCheckNumber": "pmt_0a1b"}, "Check 'pmt_0a1b'"),
        ("PaymentSimpleBankTransferWithSource", {"sTransferNumber": "tr-77"}, "Bank Transfer 'tr-77'"),
        ("PaymentSimpleCashWithSource", {}, "Cash"),
    ],
)
def test_a_recorded_payment_can_be_found_by_its_reference(
    call: Caller, operation: str, parameters: dict[str, str], description: str
) -> None:
    assert call(operation, iTenantID=1001, iUnitID=5002, dcPaymentAmount="10", iSource=10, **parameters).code == 1

    assert call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")[-1]["Description"] == description


def test_a_bank_account_payment_names_the_ledger_not_the_unit(call: Caller) -> None:
    account = {
        "iTenantID": 1001,
        "dcPaymentAmount": "10.00",
        "sABARoutingNum": "000000021",
        "sAccountNum": "000123456789",
        "iAccountType": 1,
        "iSource": 10,
    }

    assert call("PaymentSimpleACHWithSource", iLedgerID=5002, **account).code == -1
    assert call("PaymentSimpleACHWithSource", iLedgerID=2002, **account).code == 1
    assert call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")[-1]["Description"] == "ACH ****6789"


def test_a_card_payment_names_the_unit_not_the_ledger(call: Caller) -> None:
    assert call.pay(2002, "10.00").code == -1


def test_the_same_payment_is_taken_twice(call: Caller, control: SandboxControl) -> None:
    call.pay(5002, "97.01")
    call.pay(5002, "97.01")

    ledger = control.ledger("L001", 2002)
    assert [p["amount"] for p in ledger["payments"][-2:]] == ["97.01", "97.01"]
    assert ledger["payments"][-1]["receipt"] != ledger["payments"][-2]["receipt"]
    assert ledger["balance"] == "-97.01"


def test_a_payment_shows_only_after_the_delay(call: Caller, control: SandboxControl) -> None:
    control.settings(payment_delay=10)
    before = call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")

    assert call.pay(5002, "97.01").code == 1
    control.advance(9.5)
    assert call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory") == before
    assert _balance(call, 1001, "A-12") == Decimal("97.01")
    assert call("PaidThroughDateByLedgerID", iLedgerID=2002).rows("Table")[0]["dPaidThru"].startswith("2026-10-31")
    assert control.ledger("L001", 2002)["balance"] == "0.00"

    control.advance(1)
    assert len(call("PaymentsByLedgerID", sLedgerID="2002").rows("PmtHistory")) == len(before) + 1
    assert _balance(call, 1001, "A-12") == 0


def test_test_mode_does_not_ask_the_card_but_writes(call: Caller, control: SandboxControl) -> None:
    assert call.pay(5002, "1.00", sCreditCardNumber="4000000000000002", bTestMode="true").code == 1

    payment = control.ledger("L001", 2002)["payments"][-1]
    assert payment["test"] is True
    assert payment["amount"] == "1.00"


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"sCreditCardNumber": "4000000000000002"}, -100, "not authorized"),
        ({"dExpirationDate": "2026-09-30"}, -100, "expired"),
        ({"dExpirationDate": None}, -100, "expired"),
        ({"sCreditCardNumber": "4111111111111112"}, -1, "invalid"),
        ({"sCreditCardNumber": "************1111"}, -1, "invalid"),
        ({"sCreditCardNumber": None}, -1, "invalid"),
        ({"iCreditCardType": 4}, -1, "Credit Card Type"),
        ({"iCreditCardType": 10}, -1, "Credit Card Type"),
        ({"dcPaymentAmount": "0.00"}, -1, "greater than zero"),
        ({"dcPaymentAmount": "-5"}, -1, "greater than zero"),
        ({"dcPaymentAmount": None}, -1, "greater than zero"),
        ({"iTenantID": 77}, -95, "tenant"),
        ({"iUnitID": 5006}, -1, "Error retrieving ledger data"),
        ({"iTenantID": 1006, "iUnitID": 5010}, -1, "complimentary"),
        ({"iTenantID": 1004, "iUnitID": 5007}, -1, "nline payments disabled"),
    ],
)
def test_a_refused_payment_says_why_and_changes_nothing(
    call: Caller, control: SandboxControl, change: dict[str, object], code: int, text: str
) -> None:
    before = control.journal()
    sent = {"iTenantID": 1001, "iUnitID": 5002, "dcPaymentAmount": "10.00", "iSource": 10, **CARD, **change}

    answer = call("PaymentSimpleWithSource", **sent)

    assert answer.code == code
    assert text in answer.message
    assert control.journal() == before


def test_a_payment_too_many_days_past_due_is_refused_online_but_not_at_the_counter(
    call: Caller, control: SandboxControl
) -> None:
    control.settings(tenants={"L001/1004": {"online_blocked": False}})
    paid = {"iTenantID": 1004, "iUnitID": 5007, "dcPaymentAmount": "10.00", "sCheckNumber": "1"}

    assert "too many days past due" in call("PaymentSimpleCheckWithSource", **paid, iSource=10).message
    assert call("PaymentSimpleCheckWithSource", **paid, iSource=0).code == 1


def test_a_site_can_disable_online_payments_or_lose_its_processor(call: Caller, control: SandboxControl) -> None:
    control.settings(sites={"L001": {"online_disabled": True}})
    assert "disabled" in call.pay().message

    control.settings(sites={"L001": {"online_disabled": False, "has_processor": False}})
    assert call.pay().code == -100
    assert call.pay(bTestMode="true").code == 1


def test_a_locked_ledger_answers_like_an_unknown_one(call: Caller, control: SandboxControl) -> None:
    control.settings(ledgers={"L001/2002": {"locked": True}})

    assert call("PaymentsByLedgerID", sLedgerID="2002").message == call("PaymentsByLedgerID", sLedgerID="9").message
    assert call.pay().code == -1


def test_several_units_are_paid_with_one_card(call: Caller, control: SandboxControl) -> None:
    several = {
        "iTenantID": 1001,
        "sUnitIDs": "5001, 5002, 5003",
        "sPaymentAmounts": "175.37, 97.01, 89.31",
        **CARD,
        "iSource": 10,
    }

    assert call("PaymentMultipleWithSource", **several).code == 1

    ledgers = control.state("L001")["sites"]["L001"]["ledgers"]
    assert [ledgers[n]["balance"] for n in ("2001", "2002", "2003")] == ["0.00", "0.00", "0.00"]
    assert len({ledgers[n]["payments"][-1]["receipt"] for n in ("2001", "2002", "2003")}) == 3


@pytest.mark.parametrize(
    ("units", "amounts"),
    [
        ("5001, 5002", "1.00"),
        ("5001, 5006", "1.00, 1.00"),
        ("5001, x", "1.00, 1.00"),
        ("5001, 5002", "1.00, y"),
        ("5001, 5002", "1, 0"),
    ],
)
def test_several_units_are_paid_all_or_nothing(call: Caller, control: SandboxControl, units: str, amounts: str) -> None:
    before = control.journal()

    assert call("PaymentMultipleWithSource", iTenantID=1001, sUnitIDs=units, sPaymentAmounts=amounts, **CARD).code == -1
    assert control.journal() == before


def test_a_payment_of_several_units_can_be_made_to_stop_half_way(call: Caller, control: SandboxControl) -> None:
    control.settings(multiple_stops_after=1)

    answer = call("PaymentMultipleWithSource", iTenantID=1001, sUnitIDs="5001,5002", sPaymentAmounts="10,10", **CARD)

    assert answer.code == -1
    assert control.ledger("L001", 2001)["payments"][-1]["amount"] == "10"
    assert control.calls("PaymentMultipleWithSource")[0]["effects"] == 1


def test_a_prepayment_quote_writes_nothing_and_equals_the_charges_made_later(
    call: Caller, control: SandboxControl
) -> None:
    before = control.journal()
    quoted = _balance(call, 1003, "15", "CustomerAccountsBalanceDetailsWithPrepayment", iNumberOfMonthsPrepay=3)
    assert control.journal() == before
    assert quoted == 3 * Decimal("97.01")

    assert call("CustomerAccountsMakeFutureCharges", iTenantID=1003, iNumberOfFuturePeriods=3).code == 1
    assert _balance(call, 1003, "15") == quoted

    assert (
        call(
            "PaymentSimpleWithSource", iTenantID=1003, iUnitID=5006, dcPaymentAmount=str(quoted), iSource=10, **CARD
        ).code
        == 1
    )
    assert call("PaidThroughDateByLedgerID", iLedgerID=2006).rows("Table")[0]["dPaidThru"].startswith("2027-02-28")


def test_future_charges_stay_when_the_payment_fails_and_double_when_made_twice(call: Caller) -> None:
    call("CustomerAccountsMakeFutureCharges", iTenantID=1003, iNumberOfFuturePeriods=1)
    declined = {**CARD, "sCreditCardNumber": "4000000000000002"}
    assert (
        call(
            "PaymentSimpleWithSource", iTenantID=1003, iUnitID=5006, dcPaymentAmount="97.01", iSource=10, **declined
        ).code
        == -100
    )
    assert _balance(call, 1003, "15") == Decimal("97.01")

    call("CustomerAccountsMakeFutureCharges", iTenantID=1003, iNumberOfFuturePeriods=1)
    assert _balance(call, 1003, "15") == Decimal("194.02")


@pytest.mark.parametrize("periods", [0, 13, -1])
def test_future_charges_are_for_one_to_twelve_periods(call: Caller, periods: int) -> None:
    assert call("CustomerAccountsMakeFutureCharges", iTenantID=1003, iNumberOfFuturePeriods=periods).code == -1


def test_money_paid_ahead_shows_as_a_negative_balance_and_pays_the_next_charge(call: Caller) -> None:
    assert _balance(call, 1007, "F-02") == Decimal("-10.00")

    call("CustomerAccountsMakeFutureCharges", iTenantID=1007, iNumberOfFuturePeriods=1)

    assert _balance(call, 1007, "F-02") == Decimal("87.01")


def test_a_statement_ends_with_the_balance(call: Caller) -> None:
    assert call("LedgerStatementByLedgerID", sLedgerID="2001").rows("Table")[-1]["dcBalance"] == "175.3700"
    assert call("ChargesAndPaymentsByLedgerID", sLedgerID="2001").rows("Table")[-1]["dcRunningBalance"] == "175.3700"
