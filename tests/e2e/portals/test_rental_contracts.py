"""The portal of contract customers, built by its page on a real Tryton; judged by that server's own records."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge_tryton.sandbox.people import fill
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.e2e.portals.story import Story, told

PAPER = b"%PDF-1.7 a contract that nobody signed"


@dataclass(frozen=True)
class Counter:
    """The yard's own side of the story.

    Attributes:
        renter: The customer whom the page is about.
        contract: Of which something is out.
    """

    yard: Yard
    renter: Customer
    contract: int
    people: dict[str, dict[str, Any]]

    def out(self) -> dict[str, int]:
        """How many of each product of the contract are out."""
        lines = self.yard.lines(self.contract)
        rows = [line for line in lines if line["actual_start"] is not None and line["actual_end"] is None]
        codes = {line["product."]["code"] for line in rows}
        return {code: sum(int(line["quantity"]) for line in rows if line["product."]["code"] == code) for code in codes}

    def words(self) -> list[str]:
        return self.yard.notes("sale.rental", self.contract)


@pytest.fixture
def counter(tryton_yard: Yard) -> Counter:
    people = fill(tryton_yard)
    renter = tryton_yard.known(int(people["renter"]["tenant_id"]))
    return Counter(tryton_yard, renter, int(people["renter"]["contract"].partition(",")[2]), people)


def _instead(server: TrytonServer, renter: Customer) -> dict[str, str]:
    """What a reader of the page has on a server that nobody else uses."""
    digits = "".join(sign for sign in renter.phone if sign.isdigit())[-10:]
    return {
        "http://127.0.0.1:8795": server.url, "3125550001": digits,
        "(312) 555-0001": f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
        "customer1@example.com": renter.email, "Customer1@example.com": renter.email.capitalize(),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.fact(
    "S2.1",
    "S2.2",
    "S2.3",
    "S2.4",
    "S2.5",
    "S2.6",
    "S2.7",
    "S2.8",
    "S2.11",
    "S2.12",
    "S2.13",
    "S2.14",
    "S2.15",
    "S2.17",
    "S2.19",
    "S2.20",
    "S2.21",
    "S2.22",
    "S2.23",
    "S2.24",
    "S2.25",
    "S2.26",
    "S2.27",
    "S2.28",
    "S2.29",
    "S2.30",
)
def test_a_contract_customers_portal_is_built_by_its_page(
    tmp_path: Path, tryton_server: TrytonServer, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with told("rental-contracts", tmp_path, _instead(tryton_server, counter.renter)) as story:
        story.tell("Before the first page")
        _let_in_by_what_is_on_record(story, counter)
        _summed_up_as_the_books_are(story, counter)
        _shown_with_its_papers(story, counter)
        _called_off_and_still_out(story, counter)
        story.tell("Log out")


def _let_in_by_what_is_on_record(story: Story, counter: Counter) -> None:
    here = story.tell("The portal needs a licence")
    assert here["lakeside"] == str(counter.renter.id)
    assert here["buttons"]["autopay_on"].code == "not_licensed"
    assert here["buttons"]["change_password"].code == "not_supported"

    here = story.tell("Enable customers")
    assert {name: set(codes) - {"not_copied"} for name, codes in here["told"].items()} == {
        "Prairie Example Events": {"portal_disabled"}, "Example & Daughter": {"cash_only"},
        "Newcomer Example": {"no_history"},
    }  # fmt: skip
    assert here["ready_but_for_the_night"] == ("not_copied",)

    assert story.tell("Wait for the night, or update by hand")["too_early"] == "not_ready_yet"
    story.tell("Register")
    (welcome,) = story.mails(counter.renter.email)
    assert "sign in" in welcome
    assert story.tell("Sign in")["session"].tenant_id == str(counter.renter.id)


def _summed_up_as_the_books_are(story: Story, counter: Counter) -> None:
    here = story.tell("The account summary")

    yard, owed = counter.yard, counter.yard.balance(counter.renter)
    assert here["dashboard"].total.due.amount == here["statement"].closing.amount == here["aged"].total.amount == owed
    assert owed > 0
    assert (here["payment"].amount.amount, here["payment"].reference) == (Decimal(120), "CHEQUE-1")
    assert here["earlier"].closing.amount == Decimal(120)
    assert [len(here[name]) for name in ("contracts", "quotes", "reservations")] == [1, 1, 1]
    invoice = int(counter.people["renter"]["invoice"])
    assert {each.id: each.balance.amount for each in here["invoices"]}[str(invoice)] == yard.owed(invoice) == owed
    (address,) = yard.call.read("party.address", [["party", "=", counter.renter.id]], "street", "postal_code")
    assert "Back yard" in address["street"]
    assert address["postal_code"] == counter.renter.postal_code
    assert len(story.mails("yard@example.com")) == 1


def _shown_with_its_papers(story: Story, counter: Counter) -> None:
    shown = counter.yard.attach("sale.rental", counter.contract, "contract.pdf", PAPER)
    counter.yard.call.call("model.ir.attachment.write", [shown], {"description": "[customer]"})
    counter.yard.attach("sale.rental", counter.contract, "internal.pdf", b"%PDF-1.7 internal")

    here = story.tell("Contracts")

    assert here["page"].rental.id == f"sale.rental,{counter.contract}"
    assert {paper.title for paper in here["papers"]} >= {"contract.pdf"}
    assert "internal.pdf" not in {paper.title for paper in here["papers"]}
    assert (story.folder / "contract.pdf").read_bytes() == PAPER
    assert here["kinds"]["contract.pdf"] == "application/pdf"
    assert len(here["kinds"]) == len(here["papers"]) > 1
    assert here["detail"].content.startswith(b"%PDF-")
    assert here["contracts"][0].number in here["detail"].title
    assert here["printed"].content.startswith(b"%PDF-")


def _called_off_and_still_out(story: Story, counter: Counter) -> None:
    here = story.tell("Items out")
    out = counter.out()
    assert {item.code: int(item.on_rent) for _, item in here["session"].items_out()} == out

    notes = counter.words()
    here = story.tell("Call off rent")
    assert here["refused"] == ["quantity_exceeds_out", "backdated_needs_staff"]
    assert here["call"].call_off_state == "requested"
    assert counter.out() == out
    (told_yard,) = [note for note in counter.words() if note not in notes and "call-off" in note]
    assert here["call"].reference in told_yard
    assert any("Gate 3" in post for post in counter.yard.posts("sale.rental", counter.contract))

    counter.yard.note("sale.rental", counter.contract, f"{here['call'].reference} acknowledged 4711")
    here = story.tell("What became of it")
    assert (here["call"].call_off_state, here["call"].call_number) == ("acknowledged", "4711")
    counter.yard.take_back(counter.contract, {"GEN-20": out["GEN-20"]})
    (over,) = here["session"].call_offs()
    assert over.call_off_state in {"off_rent", "picked_up"}
    assert set(counter.out()) == {"FENCE-8"}
