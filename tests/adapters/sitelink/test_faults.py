"""Return codes, as a table: operation, code, text, what a read and what a write makes of it."""

from __future__ import annotations

import pytest

from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge_sitelink.faults import BUSY_PAUSE, RULES, Meaning, fault_of, told
from pmsbridge_sitelink.wire import OPERATIONS

OK = type(None)


@pytest.mark.parametrize(
    ("operation", "code", "text", "read", "write"),
    [
        ("TenantNoteInsert_v2", 812345, "", OK, OK),
        ("SiteInformation", 0, "", OK, OutcomeUnknownError),
        ("PaymentSimpleWithSource", 0, "", OK, OutcomeUnknownError),
        ("PaymentSimpleWithSource", 1, "", OK, OK),
        ("ScheduleMoveOut", -89, "", ConfigurationError, ConfigurationError),
        ("ScheduleMoveOut", -97, "", ConfigurationError, ConfigurationError),
        ("ScheduleMoveOut", -98, "", ConfigurationError, ConfigurationError),
        ("ScheduleMoveOut", -90, "", UnavailableError, OutcomeUnknownError),
        ("ScheduleMoveOut", -99, "General Exception from LogOn", UnavailableError, OutcomeUnknownError),
        ("ScheduleMoveOut", -99, "Method not implemented.", UnsupportedError, UnsupportedError),
        ("ScheduleMoveOut", -1, "", RejectedError, OutcomeUnknownError),
        ("ScheduleMoveOut", -1, "Error retrieving ledger data from the server", RejectedError, RejectedError),
        ("ScheduleMoveOut", -12345, "", RejectedError, OutcomeUnknownError),
        ("PaymentSimpleWithSource", -1, "General failure.", RejectedError, OutcomeUnknownError),
        ("PaymentSimpleWithSource", -7, "Sorry: too many days PAST DUE.", RejectedError, RejectedError),
        ("PaymentMultipleWithSource", -1, "Online payments disabled.", RejectedError, RejectedError),
        # One call, several payments: what is refused for one unit says nothing about the others.
        ("PaymentMultipleWithSource", -1, "Unit is too many days past due.", RejectedError, OutcomeUnknownError),
        ("PaymentMultipleWithSource", -95, "", RejectedError, OutcomeUnknownError),
        ("PaymentMultipleWithSource", -100, "", RejectedError, RejectedError),
        ("PaymentSimpleACHWithSource", -1, "No payment needed", RejectedError, RejectedError),
        ("PaymentSimpleWithSource", -100, "declined", RejectedError, RejectedError),
        ("PaymentSimpleWithSource", -95, "", RejectedError, RejectedError),
        ("PaymentSimpleWithSource", -2, "", RejectedError, OutcomeUnknownError),
        ("TenantNoteInsert_v2", -1, "too many days past due", RejectedError, OutcomeUnknownError),
        ("TenantBillingInfoUpdate", -1, "", RejectedError, RejectedError),
        ("TenantBillingInfoUpdate_v2", -2, "", UnavailableError, OutcomeUnknownError),
        ("TenantBillingInfoUpdate", -95, "", RejectedError, RejectedError),
        ("ReservationNewWithSource_v5", -25, "", RejectedError, RejectedError),
        ("ReservationNewWithSource_v5", -2, "", RejectedError, OutcomeUnknownError),
        ("TenantLogin", -1, "Invalid logon", OK, OK),
        ("TenantLogin", -98, "", ConfigurationError, ConfigurationError),
        ("LedgersByTenantID_v3", -1, "Invalid tenant ID.", NotFoundError, RejectedError),
        ("LedgersByTenantID_v3", -1, "Error retrieving ledger data", RejectedError, RejectedError),
        ("TenantInfoByTenantID", -1, "", NotFoundError, RejectedError),
        ("UnitsInformationByUnitID", -95, "Invalid Unit ID", NotFoundError, RejectedError),
        ("UnitsInformation_v3", -1, "General failure", RejectedError, OutcomeUnknownError),
        ("RentRoll", -1, "no data", OK, OK),
        ("TenantIDByUnitNameOrAccessCode", -1, "", OK, OK),
        ("TenantIDByUnitNameOrAccessCode", -2, "server data", RejectedError, OutcomeUnknownError),
    ],
)
def test_a_code_means_what_its_operation_says(operation: str, code: int, text: str, read: type, write: type) -> None:
    assert type(fault_of(operation, code, text, is_write=False)) is read
    assert type(fault_of(operation, code, text, is_write=True)) is write


def test_busy_says_how_long_to_wait() -> None:
    fault = fault_of("RentRoll", -90, is_write=False)

    assert isinstance(fault, UnavailableError)
    assert fault.retry_after == BUSY_PAUSE


def test_the_same_number_means_different_things() -> None:
    """-1 is "no such rental" in one operation, "no data" in another, and proves nothing in a third."""
    meanings = {rule.meaning for rule in RULES if rule.code == -1}

    assert meanings == {Meaning.REFUSED, Meaning.EMPTY, Meaning.MISSING}
    assert not [rule for rule in RULES if rule.code == -1 and rule.operations == "*"]


def test_every_account_code_says_what_to_check() -> None:
    for code in (-89, -97, -98, -94):
        fault = fault_of("SiteInformation", code, is_write=False)
        assert isinstance(fault, ConfigurationError)
        assert "heck" in fault.message or "vendor" in fault.message


def test_every_rule_is_about_an_operation_we_call() -> None:
    from fnmatch import fnmatchcase

    for rule in RULES:
        assert any(fnmatchcase(name, rule.operations) for name in OPERATIONS), rule.operations


def test_the_back_offices_text_is_made_safe_and_short() -> None:
    text = told("Card 4111111111111111 of user Admin:::KEY-123\nrefused " + "x" * 500)

    assert "4111111111111111" not in text
    assert "KEY-123" not in text
    assert "\n" not in text
    assert len(text) <= 200
