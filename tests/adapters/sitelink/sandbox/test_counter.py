"""What the office itself does at its counter."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pmsbridge_sitelink.sandbox import SandboxControl
from pmsbridge_sitelink.sandbox.control import ControlError

SITE = "L001"


def owing(control: SandboxControl) -> tuple[int, dict[str, Any]]:
    """A ledger that owes something."""
    ledgers = control.state(SITE)["sites"][SITE]["ledgers"]
    return next((int(n), ledger) for n, ledger in ledgers.items() if Decimal(ledger["balance"]) > 0)


def test_a_payment_at_the_counter_shows_at_once_and_may_be_deleted_again(sitelink_office: SandboxControl) -> None:
    number, before = owing(sitelink_office)

    receipt = sitelink_office.enter_payment(SITE, number, before["balance"], description="Cash")
    paid = sitelink_office.ledger(SITE, number)
    sitelink_office.delete_payment(SITE, number, receipt)
    after = sitelink_office.ledger(SITE, number)

    assert Decimal(paid["balance"]) == 0
    assert [row["receipt"] for row in paid["payments"]][-1] == receipt
    assert {name: after[name] for name in before if name != "updated"} == {
        name: before[name] for name in before if name != "updated"
    }
    assert Decimal(sitelink_office.journal()["total"]) == 0


@pytest.mark.parametrize("amount", ["0", "-5.00", "NaN", "much"])
def test_a_payment_at_the_counter_is_positive(sitelink_office: SandboxControl, amount: str) -> None:
    number, before = owing(sitelink_office)

    with pytest.raises(ControlError):
        sitelink_office.enter_payment(SITE, number, amount)

    assert sitelink_office.ledger(SITE, number)["payments"] == before["payments"]


def test_what_is_not_there_is_neither_paid_nor_deleted(sitelink_office: SandboxControl) -> None:
    number, _ = owing(sitelink_office)

    with pytest.raises(ControlError):
        sitelink_office.enter_payment(SITE, 999_999, "5.00")
    with pytest.raises(ControlError):
        sitelink_office.delete_payment(SITE, number, "no such receipt")
