"""The portal of billed customers, built by its page on the mapping of Buildium; judged by the books of both offices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.testing.memory import MemoryOffice
from pmsbridge_rest.sandbox import Office, SandboxServer
from pmsbridge_rest.shipped import file_of
from tests.e2e.portals.story import Story, told

RENTALS = ("2001", "2002")
STAFF = "office@facility.example"


@pytest.mark.slow
@pytest.mark.fact("S4.1", "S4.3", "S4.9", "S4.14", "S4.15", "S4.16", "S4.17", on="rest")
@pytest.mark.fact("S4.4", "S4.5", "S4.6", "S4.7", "S4.8", "S4.10", "S4.11", on="memory")
def test_a_billed_customers_portal_is_built_by_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    office = Office(file_of("buildium"))
    with (
        SandboxServer(office) as server,
        told("service-billing", tmp_path, {"http://127.0.0.1:8791": server.base_url}) as story,
    ):
        books = story.tell("Before you start")["billing_office"]
        _shown_and_paid_as_the_books_have_it(story, office)
        _settled_invoice_by_invoice(story, books)
        _switched_by_their_owner(story, books, office)
        _asked_and_told(story, office)
        _let_in_by_the_address_on_file(story)
    assert office.report()["journal_total"] == "0.00"


def _owed(office: Office) -> Decimal:
    return sum((office.books.truth.owed(rental) for rental in RENTALS), Decimal(0))


def _shown_and_paid_as_the_books_have_it(story: Story, office: Office) -> None:
    here = story.tell("Account history and statement")
    assert here["statement"].closing.amount == _owed(office) > 0

    here = story.tell("Upcoming and past services")
    assert [day.title for day in here["customer"].upcoming()] == ["Gutter cleaning"]
    assert (here["done"], here["calendar"]) == (["Window cleaning"], None)
    assert {day.kind.value for day in here["soon"]} <= {"move_out", "move_in", "bill"}

    here = story.tell("Invoices, payments and credits")
    assert [payment.amount.amount for payment in here["payments"]] == [Decimal(30), Decimal(30)]
    assert here["none_here"] is None
    assert [invoice.number for invoice in here["customer"].invoices()] == ["INV-1", "INV-2"]

    here = story.tell("Pay the outstanding balance")
    assert _owed(office) == 0
    assert sorted(one.subject for one in office.books.entries if one.kind == "take_payment") == list(RENTALS)
    assert here["status"] == "past_due"


def _settled_invoice_by_invoice(story: Story, books: MemoryOffice) -> None:
    here = story.tell("Pay chosen invoices")

    effects = [applied.effect for applied in books.of_kind("take_payment")]
    assert [(part.invoice_id, part.amount.amount) for effect in effects for part in effect.parts] == [  # type: ignore[attr-defined]
        ("INV-1", Decimal(80)), ("INV-2", Decimal(60)),
    ]  # fmt: skip
    assert (here["nothing_left"], here["no_button"]) == ("nothing_due", "not_supported")
    assert [invoice.state.value for invoice in here["customer"].invoices()] == ["paid", "paid"]


def _switched_by_their_owner(story: Story, books: MemoryOffice, office: Office) -> None:
    story.tell("Auto-pay")
    assert [applied.effect.rental_id for applied in books.of_kind("set_autopay")] == ["R1"]  # type: ignore[attr-defined]
    assert not [one for one in office.books.entries if one.kind == "set_autopay"]

    here = story.tell("Text messages")
    tenant = here["customer"].tenant()
    assert [(each.channel, each.purpose, each.granted) for each in tenant.consents] == [
        ("sms", "service_reminders", True)
    ]
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
