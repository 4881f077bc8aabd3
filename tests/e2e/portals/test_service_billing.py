"""The portal of billed customers, built by its page on the mapping of Buildium; judged by the books of both offices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge_rest.sandbox import Office, SandboxServer
from pmsbridge_rest.shipped import file_of
from tests.e2e.portals.story import PAGES, Story, told

RENTALS = ("2001", "2002")
STAFF = "office@facility.example"


@pytest.mark.slow
@pytest.mark.fact("S4.5", "S4.6", "S4.7", "S4.8", "S4.10", "S4.11", "S4.12", on="other")
@pytest.mark.fact("S4.1", "S4.3", "S4.4", "S4.9", "S4.14", "S4.15", "S4.16", "S4.17", on="buildium")
def test_a_billed_customers_portal_is_built_by_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    office, guild = Office(file_of("buildium")), Office(PAGES / "guild.yaml")
    with (
        SandboxServer(office) as server,
        SandboxServer(guild) as second,
        told(
            "service-billing", tmp_path,
            {"http://127.0.0.1:8791": server.base_url, "http://127.0.0.1:8792": second.base_url},
        ) as story,
    ):  # fmt: skip
        story.tell("Before you start")
        _shown_and_paid_as_the_books_have_it(story, office)
        _settled_invoice_by_invoice(story, guild)
        _switched_by_their_owner(story, guild, office)
        _asked_and_told(story, office)
        _let_in_by_the_address_on_file(story)
    assert office.report()["journal_total"] == guild.report()["journal_total"] == "0.00"


def _owed(office: Office) -> Decimal:
    return sum((office.books.truth.owed(rental) for rental in RENTALS), Decimal(0))


def _shown_and_paid_as_the_books_have_it(story: Story, office: Office) -> None:
    here = story.tell("Account history and statement")
    assert here["statement"].closing.amount == _owed(office) > 0

    here = story.tell("Upcoming and past services")
    assert [day.title for day in here["customer"].upcoming()] == ["Oil change", "Summer party"]
    assert (here["done"], here["calendar"]) == (["Tyres changed"], None)
    assert {day.kind.value for day in here["soon"]} <= {"move_out", "move_in", "bill"}

    here = story.tell("Invoices, payments and credits")
    assert [payment.amount.amount for payment in here["payments"]] == [Decimal(30), Decimal(30)]
    assert here["none_here"] is None
    assert [invoice.number for invoice in here["customer"].invoices()] == ["INV-1", "INV-2"]

    here = story.tell("Pay the outstanding balance")
    assert _owed(office) == 0
    assert sorted(one.subject for one in office.books.entries if one.kind == "take_payment") == list(RENTALS)
    assert here["status"] == "past_due"


def _settled_invoice_by_invoice(story: Story, guild: Office) -> None:
    here = story.tell("Pay chosen invoices")

    assert (here["line_paid"].outcome, here["combined"].balance.amount) == ("settled", Decimal(20))
    assert [line.balance.amount for line in here["combined"].lines] == [0, Decimal(20)]
    paid = [(one.subject, one.what) for one in guild.books.entries if one.kind == "take_payment"]
    assert paid == [("2001", "40.00"), ("2001", "80.00"), ("2002", "20.00")]
    left = {row.id: row.values["balance"] for row in guild.books.truth.all("invoices")}
    assert left == {"INV-1": 0, "INV-2": 0, "INV-3": Decimal("45.00")}
    assert (here["nothing_left"], here["no_button"]) == ("nothing_due", "not_supported")
    assert [invoice.state.value for invoice in here["customer"].invoices()] == ["paid", "paid"]


def _switched_by_their_owner(story: Story, guild: Office, office: Office) -> None:
    story.tell("Auto-pay")
    assert [(one.subject, one.what) for one in guild.books.entries if one.kind == "set_autopay"] == [("2001", "on")]
    stored = guild.books.truth.one("autopay", "2001")
    assert stored is not None
    assert (stored.values["autopay.on"], stored.values["method_id"]) == (True, "4001")
    assert not [one for one in office.books.entries if one.kind == "set_autopay"]

    here = story.tell("Text messages")
    tenant = here["customer"].tenant()
    assert [(each.channel, each.purpose, each.granted) for each in tenant.consents] == [
        ("sms", "service_reminders", True)
    ]
    record = guild.books.truth.one("tenants", "1001")
    assert record is not None
    assert record.values["consent.sms.service_reminders"] is True
    assert "consent.sms.marketing" not in record.values
    assert len([one for one in office.books.entries if one.kind == "post_bulletin"]) == 1


def _asked_and_told(story: Story, office: Office) -> None:
    posts, mails = len(_posts(office)), len(story.mails(STAFF))

    story.tell("Contact us")

    assert len(_posts(office)) == posts + 2
    mine, theirs = story.mails(STAFF)[mails:]
    assert {"When do you come next?" in mine + theirs, "Do you serve Sampleton?" in mine + theirs} == {True}
    here = story.tell("Only what was sent counts")
    assert (here["now"].due.amount, here["now"].past_due.amount) == (0, 0)
    assert here["now"].ledger.amount >= Decimal(45)


def _posts(office: Office) -> list[str]:
    return [one.what for one in office.books.entries if one.kind == "post_bulletin"]


def _let_in_by_the_address_on_file(story: Story) -> None:
    here = story.tell("Sign up")
    assert here["session"].tenant_id == "1001"
    assert story.mails("nobody@tenant.example") == []
    story.tell("Forgot password")
    story.tell("The mail to your customers")
    (letter,) = story.mails("grace@tenant.example")
    assert "https://portal.example/password?token=" in letter
    assert "Sample Facility" in letter
    assert letter.startswith("Bonjour Grace")
