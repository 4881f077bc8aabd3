"""The portal of owners of stored cars, built by its page on the mapping of Cubby; judged by the sandbox's books."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge_rest.sandbox import Office, SandboxServer
from pmsbridge_rest.shipped import file_of
from tests.e2e.portals.story import PAGES, Story, told

ADA = "1001"


class Books:
    """What the back office holds."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def done(self, kind: str) -> list[Any]:
        return [one for one in self.office.books.entries if one.kind == kind]

    def owed(self) -> Decimal:
        return sum((self.office.books.truth.owed(rental) for rental in ("2001", "2002")), Decimal(0))

    def tenant(self) -> dict[str, Any]:
        record = self.office.books.truth.one("tenants", ADA)
        assert record is not None
        return dict(record.values)


@pytest.mark.slow
@pytest.mark.fact("S3.5", "S3.14", "S3.18", "S3.23", on="other")
@pytest.mark.fact(
    "S3.1", "S3.4", "S3.6", "S3.8", "S3.9", "S3.10", "S3.11", "S3.12", "S3.13", "S3.15", "S3.16", "S3.19", "S3.20",
    "S3.21", "S3.22", "S3.26", on="cubby",
)  # fmt: skip
def test_a_car_owners_portal_is_built_by_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    books, club = Books(Office(file_of("cubby"))), Books(Office(PAGES / "guild.yaml"))
    with (
        SandboxServer(books.office) as server,
        SandboxServer(club.office) as second,
        told(
            "car-storage", tmp_path,
            {"http://127.0.0.1:8791": server.base_url, "http://127.0.0.1:8792": second.base_url},
        ) as story,
    ):  # fmt: skip
        story.tell("Before you start")
        _invited_and_let_in(story)
        _events_and_papers_are_ones_own(story)
        _cars_and_money_as_the_books_have_them(story, books, club)
        _settings_reach_the_books(story, books)
        _steps_come_first(story, books)
        here = story.tell("What to do next")
        assert [section.value for section in here["bookkeeper"].sections] == ["billing"]
        assert [section.value for section in here["guest"].sections] == ["events"]
    assert books.office.report()["journal_total"] == club.office.report()["journal_total"] == "0.00"


def _invited_and_let_in(story: Story) -> None:
    here = story.tell("Prepare the customer's record")
    assert (here["ada"].tenant_id, here["check"].email) == (ADA, "ada@tenant.example")
    assert here["check"].codes == ("phone_taken",)
    assert here["check"].units == ("001", "002")

    here = story.tell("Send the invitation")
    here = story.tell("Sign in by the button")
    assert here["session"].tenant_id == ADA
    assert here["dead"] != here["token"]
    assert story.mails("nobody@tenant.example") == []

    here = story.tell("The areas of the portal")
    assert [section.value for section in here["session"].sections] == [
        "events", "rentals", "shop", "billing", "settings",
    ]  # fmt: skip
    assert here["closed"] == "section_off"


def _events_and_papers_are_ones_own(story: Story) -> None:
    here = story.tell("Events and documents")

    assert [event.title for event in here["member"].events()] == ["Oil change", "Summer party"]
    assert [event.title for event in here["past"]] == ["Tyres changed"]
    assert here["papers"] == {"Storage agreement": "signed", "House rules": "wanted"}
    assert here["pdf"].startswith(b"%PDF-")
    assert here["found_of_another"] is False


def _cars_and_money_as_the_books_have_them(story: Story, books: Books, club: Books) -> None:
    here = story.tell("Cars")
    assert (here["dashboard"].greeting, len(here["dashboard"].rows)) == ("Ada", 2)
    assert here["car"].unit.size.text == "10 x 20.5 ft"

    story.tell("Shop")
    (note,) = books.done("add_note")
    assert "1 x Battery care" in note.moves[0].values["text"]
    assert any("Battery care" in mail for mail in story.mails("office@facility.example"))

    here = story.tell("Billing")
    assert [(one.subject, one.what) for one in club.done("take_payment")] == [("2001", "5.00")]
    assert here["request"].amount.amount == Decimal(5)
    assert here["dashboard"].total.ledger.amount == here["statement"].closing.amount == books.owed() > 0
    assert [payment.amount.amount for payment in here["payments"]] == [Decimal(30)]
    assert here["invoices"] is None
    (switched,) = books.done("set_autopay")
    (stored,) = (move.values for move in switched.moves)
    assert (switched.subject, stored["autopay.on"], stored["method_id"]) == (here["car"].id, True, "4001")
    assert {entry.ref.system for entry in here["statement"].entries} == {"cubby"}
    assert {entry.ref.id for entry in here["statement"].entries} >= {"20011", "20022"}


def _settings_reach_the_books(story: Story, books: Books) -> None:
    before = books.tenant()

    story.tell("Settings of the owner")

    after = books.tenant()
    changed = {name for name, value in after.items() if before.get(name) != value}
    assert {"phone", "address.city"} <= changed <= {"phone", "address.city", "consent.email.marketing"}
    assert after["address.city"] == "Springfield"
    assert after["consent.email.marketing"] is False


def _steps_come_first(story: Story, books: Books) -> None:
    here = story.tell("The first visit")

    assert (here["too_early"], here["stuck_at"]) == ("section_off", "profile")
    assert "rentals" in [section.value for section in here["session"].sections]
    rental = books.office.books.truth.one("rentals", here["car"].id)
    assert rental is not None
    assert (rental.values["leaving_on"], rental.values["notice_given_on"]) == (
        here["today"] + timedelta(days=30), here["today"],
    )  # fmt: skip
    assert rental.values["moved_out_on"] is None
    assert len(books.done("schedule_move_out")) == 1
