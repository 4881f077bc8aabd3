"""The portal of a storage tenant, built by its page on SiteLink; judged by that back office's books."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge import WebPassword
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.e2e.portals.story import Story, told

SITE, RENEE, SIOBHAN, LUKASZ = "L001", 1001, 1002, 1003
PAN = b"4111111111111111"

_NOTHING = (None, "", False)


class Books:
    """What the back office holds."""

    def __init__(self, control: SandboxControl) -> None:
        self.control = control

    def units(self, tenant: int = RENEE) -> dict[str, dict[str, Any]]:
        """What somebody rents, by the number on the door."""
        ledgers = self.control.state(SITE, tenant)["sites"][SITE]["ledgers"].values()
        return {row["unit_name"]: row for row in ledgers if row["active"]}

    def owed(self, tenant: int = RENEE) -> Decimal:
        return sum((Decimal(row["balance"]) for row in self.units(tenant).values()), Decimal(0))

    def fields(self, tenant: int = RENEE) -> dict[str, str]:
        """What the record says; a field without a value is none."""
        held = {**self.control.state(SITE, tenant)["sites"][SITE]["tenants"][str(tenant)]["fields"]}
        return {name: str(value).removesuffix("T00:00:00") for name, value in held.items() if value not in _NOTHING}

    def done(self, operation: str) -> int:
        """How often an operation changed the books."""
        return sum(call["effects"] > 0 for call in self.control.calls(operation))

    @property
    def board(self) -> list[str]:
        return [f"{post['subject']}\n{post['body']}" for post in self.control.bulletin(SITE)]


@pytest.mark.slow
@pytest.mark.fact(
    "S0.2",
    "S0.3",
    "S0.4",
    "S0.5",
    "S0.6",
    "S0.8",
    "S0.9",
    "S0.10",
    "S0.11",
    "S0.12",
    "S0.13",
    "S0.14",
    "S0.15",
    "S0.16",
    "S0.17",
    "S0.19",
    "S0.20",
    "S0.22",
    "S0.23",
    "S0.24",
    "S0.25",
    "S0.26",
    "S0.27",
    "S0.28",
    "S0.29",
    "S0.31",
    "S0.32",
    "S0.33",
    "S0.34",
    "S0.35",
    "S0.36",
    "S0.37",
    "S0.38",
    "S0.39",
    "S0.40",
    "S0.41",
    "S0.42",
    "S0.43",
    "S0.44",
)
def test_a_storage_tenants_portal_is_built_by_its_page(
    tmp_path: Path, sitelink: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    books = Books(sitelink)
    with told("storage-tenant", tmp_path, {"http://127.0.0.1:8790": sitelink.base_url}) as story:
        story.tell("Before the first page")
        _claimed_by_one_unit(story, books)
        _shown_as_the_books_have_it(story, books)
        _paid_once(story, books)
        _paid_all_by_one_charge(story, books)
        _autopay_is_the_back_offices_own(story, books)
        _leaving_ends_nothing(story, books)
        _edited_and_nothing_else(story, books)
        here = story.tell("Change the password")
        accounts = here["bridge"].accounts
        assert accounts.sign_in(SITE, "renee.dubois@example.com", WebPassword("later1001")).tenant_id == str(RENEE)
        assert accounts.sign_in(SITE, "renee.dubois@example.com", WebPassword("claim1001")) is None
        story.tell("At the end of the day")

    assert sitelink.journal()["total"] in {"0", "0.00", "0.0000"}
    assert sitelink.calls("MoveOut") == []
    assert [path for path in tmp_path.rglob("*") if path.is_file() and PAN in path.read_bytes()] == []


def _claimed_by_one_unit(story: Story, books: Books) -> None:
    here = story.tell("Claim the account")

    assert here["session"].tenant_id == str(RENEE)
    assert books.done("TenantLoginAndSecurityUpdate") == 1
    asked = len(books.control.calls("TenantIDByUnitNameOrAccessCode"))
    assert here["claim"]("C-01", "G11002") is None
    assert len(books.control.calls("TenantIDByUnitNameOrAccessCode")) == asked


def _shown_as_the_books_have_it(story: Story, books: Books) -> None:
    board = story.tell("Dashboard")["dashboard"]
    held = books.units()
    assert board.greeting == "Renée"
    assert {row.rental.unit_number: row.balances.ledger.amount for row in board.rows} == {
        number: Decimal(row["balance"]) for number, row in held.items()
    }
    assert board.total.payable_now.amount == books.owed() > 0

    here = story.tell("Manage a unit")
    unit, row = here["unit"], held["015"]
    assert unit.unit.size.text == "10 x 10 ft"
    assert unit.rental.rent.amount == Decimal(row["rent"])
    assert unit.rental.moved_in_on == date.fromisoformat(row["moved_in"])
    assert unit.rental.paid_through == date.fromisoformat(row["paid_through"])
    assert unit.last_payment_on == max(date.fromisoformat(paid["posted_at"][:10]) for paid in row["payments"])
    assert here["refusal"].code == "too_many_days_past_due"


def _paid_once(story: Story, books: Books) -> None:
    before, through = books.units(), date.fromisoformat(books.units(LUKASZ)["15"]["paid_through"])

    here = story.tell("Make a payment")

    after = books.units()
    (new,) = after["015"]["payments"][len(before["015"]["payments"]) :]
    assert Decimal(new["amount"]) == here["quote"].total.amount == Decimal(before["015"]["balance"])
    assert Decimal(after["015"]["balance"]) == 0
    assert {name: after[name]["balance"] for name in ("A-12", "B 7")} == {
        name: before[name]["balance"] for name in ("A-12", "B 7")
    }
    assert books.owed(LUKASZ) == 0
    assert date.fromisoformat(books.units(LUKASZ)["15"]["paid_through"]) > through + timedelta(days=50)


def _paid_all_by_one_charge(story: Story, books: Books) -> None:
    owed = books.owed()

    here = story.tell("Pay all units at once")

    assert (here["waiting"].code, here["waiting"].facts["units"]) == ("not_all_billed", "C-02")
    assert here["everything"].total.amount == owed
    assert books.owed() == 0
    assert books.done("PaymentMultipleWithSource") == 1


def _autopay_is_the_back_offices_own(story: Story, books: Books) -> None:
    before = books.units()

    here = story.tell("Autopay")

    after = books.units()
    assert (after["A-12"]["billing"]["autopay"], after["A-12"]["billing"]["days_past_due"]) == (1, 2)
    assert after["A-12"]["billing"]["card"].endswith("1111")
    assert here["autopay"].is_on
    assert {name: after[name]["billing"] for name in ("015", "B 7")} == {
        name: before[name]["billing"] for name in ("015", "B 7")
    }
    assert books.units(1009)["F-04"]["billing"]["autopay"] == 1


def _leaving_ends_nothing(story: Story, books: Books) -> None:
    before, board, mails = books.units()["B 7"], len(books.board), len(_staff_mails(story, books))

    here = story.tell("Schedule a move-out")

    after, day = books.units()["B 7"], here["first_day"] + timedelta(days=14)
    assert after["scheduled_out"][:10] == day.isoformat()
    assert {**after, "scheduled_out": None, "notes": []} == {**before, "scheduled_out": None, "notes": []}
    posts, letters = books.board[board:], _staff_mails(story, books)[mails:]
    assert len(posts) == len(letters) == 3  # asked for, taken back, asked for again
    assert str(day.year) in letters[-1]


def _edited_and_nothing_else(story: Story, books: Books) -> None:
    before, board, mails = books.fields(), len(books.board), len(_staff_mails(story, books))
    notes = sum(len(row["notes"]) for row in books.units().values())

    here = story.tell("Update your information")

    assert books.fields() == {**before, "sPhone": "617-555-0199", "sAddr2": "Apt 4"}
    assert [step.outcome for step in here["edit"].notices] == ["settled"] * 3
    assert len(books.board) == board + 1
    assert len(_staff_mails(story, books)) == mails + 1
    assert sum(len(row["notes"]) for row in books.units().values()) == notes + 1


def _staff_mails(story: Story, books: Books) -> list[str]:
    """Mails to the facility's own address, as the back office has it."""
    return story.mails(books.control.state(SITE)["sites"][SITE]["email"])
