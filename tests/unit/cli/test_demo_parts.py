from __future__ import annotations

import json
import smtplib
import sys
from datetime import UTC, datetime
from decimal import Decimal
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pmsbridge.actions.quotes import PaymentQuote, QuoteLine
from pmsbridge.cli.demo.books import Books, Taken
from pmsbridge.cli.demo.sink import mail_sink
from pmsbridge.cli.demo.stage import Stage
from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.verdict import Record, the_judge
from pmsbridge.errors import ConfigurationError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import PaymentIntent
from pmsbridge.ports.outcome import Outcome


def test_the_sink_keeps_what_a_mail_client_hands_it() -> None:
    mail = EmailMessage()
    mail["To"], mail["Subject"], mail["Message-ID"] = "staff@example.com", "Déménagement", "<k1@x>"
    mail.set_content("première ligne\ndeuxième ligne")

    with mail_sink() as sink:
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.send_message(mail, from_addr="portal@example.com")
        (letter,) = sink.letters

    assert letter.to == ("staff@example.com",)
    assert (letter.subject, letter.message_id) == ("Déménagement", "<k1@x>")
    assert letter.text == "première ligne\ndeuxième ligne"


def test_two_sinks_get_two_ports_and_give_them_back() -> None:
    with mail_sink() as one, mail_sink() as other:
        assert one.port != other.port

    with pytest.raises(OSError, match=r".*"):
        smtplib.SMTP("127.0.0.1", one.port, timeout=2)


def test_a_missing_mail_library_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.controller", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'pmsbridge\[testing\]'"), mail_sink():
        pass


# -- telling ----------------------------------------------------------------------------------------------------------


def test_a_check_that_fails_makes_the_story_fail() -> None:
    teller = Teller(quiet=True)
    teller.scene("One")
    teller.check("the sky is up", holds=True)
    assert teller.holds

    teller.check("one payment", holds=False)

    assert not teller.holds
    assert teller.failed == ["1. One: one payment"]
    facts = teller.as_facts(verdict={})
    assert (facts["holds"], facts["failed_checks"]) == (False, ["1. One: one payment"])


def test_a_quiet_teller_leaves_standard_output_to_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(quiet=True)
    teller.scene("One")
    teller.say("words")
    teller.show("Table", ["a"], [["b"]])
    teller.check("true", holds=True)
    teller.end()

    caught = capsys.readouterr()
    assert caught.out == ""
    assert "One" in caught.err


def test_a_talking_teller_tells_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(quiet=False)
    teller.scene("One [x]")
    teller.say("words [y]")
    teller.show("Table", ["a"], [["line\nline"]])
    teller.check("true", holds=True)
    teller.end()

    out = capsys.readouterr().out
    for words in ("One [x]", "words [y]", "Table", "true", "The story holds: 1 scenes, 1 checks"):
        assert words in out


# -- judging ----------------------------------------------------------------------------------------------------------


def quoted(*amounts: str) -> PaymentQuote:
    """A quote of tenant 7 with one rental per amount."""
    nothing, now = Money.of(0, "USD"), datetime(2026, 11, 21, tzinfo=UTC)
    lines = tuple(
        QuoteLine(rental_id=f"r{number}", due_now=money, ahead=nothing, amount=money, ledger_seen=money)
        for number, money in enumerate((Money.of(each, "USD") for each in amounts), 1)
    )
    return PaymentQuote(
        id="q_1", intent=PaymentIntent.ALL_RENTALS, account="demo", facility="L001", tenant_id="7", lines=lines,
        as_of=now, valid_until=now,
    )  # fmt: skip


class FakeControl:
    """The control endpoint of a back office with one tenant and one rental."""

    def __init__(self) -> None:
        self.payments: list[dict[str, Any]] = []
        self.move_outs: list[object] = []
        self.total = "0.00"

    def take(self, receipt: str, amount: str) -> None:
        self.payments.append({"receipt": receipt, "amount": amount, "method": "card"})

    def state(self, _location: str | None = None, _tenant_id: int | None = None) -> dict[str, Any]:
        rental = {"unit_name": "015", "payments": list(self.payments), "notes": [], "balance": "0.00"}
        return {"sites": {"L001": {"ledgers": {"9": rental}, "bulletin": [], "move_outs": self.move_outs}}}

    def journal(self, _location: str | None = None) -> dict[str, Any]:
        return {"total": self.total}

    def calls(self, _operation: str | None = None) -> list[dict[str, Any]]:
        return []


class Case:
    """A story of one payment of 80, judged."""

    def __init__(self) -> None:
        self.control = FakeControl()
        self.counts: dict[Outcome, int] = {}
        journal = SimpleNamespace(counts=lambda: SimpleNamespace(by_outcome=self.counts))
        self.stage = cast(
            "Stage",
            SimpleNamespace(
                books=Books(cast("Any", self.control), "L001"),
                control=self.control,
                bridge=SimpleNamespace(journal=journal),
            ),
        )
        self.record = Record(self.stage)
        self.control.take("1", "55.00")
        self.record.intend(quoted("80"))
        self.teller = Teller(quiet=True)

    def judged(self) -> dict[str, Any]:
        return the_judge(self.stage, self.teller, self.record)


def test_the_judge_is_content_with_one_payment() -> None:
    case = Case()
    case.control.take("2", "80.00")

    verdict = case.judged()

    assert (verdict["payments_in_the_books"], verdict["doubles"], verdict["lost"]) == (1, 0, 0)
    assert case.teller.holds


@pytest.mark.parametrize(
    ("taken", "doubles", "lost"),
    [
        ([], 0, 1),
        (["79.99"], 0, 1),
        (["80.00", "80.00"], 1, 0),
        (["80.00", "80.00", "80.00"], 2, 0),
        (["80.00", "0.01"], 1, 0),
    ],
)
def test_the_judge_counts_what_is_lost_or_double(taken: list[str], doubles: int, lost: int) -> None:
    case = Case()
    for number, amount in enumerate(taken, start=2):
        case.control.take(str(number), amount)

    verdict = case.judged()

    assert (verdict["doubles"], verdict["lost"]) == (doubles, lost)
    assert not case.teller.holds


def test_the_judge_wants_every_action_ended_no_rental_ended_and_books_that_balance() -> None:
    case = Case()
    case.control.take("2", "80.00")
    case.counts = {Outcome.PENDING: 1, Outcome.NEEDS_REVIEW: 1, Outcome.SETTLED: 5}
    case.control.move_outs.append({})
    case.control.total = "0.01"

    verdict = case.judged()

    assert (verdict["unresolved"], verdict["rentals_ended"], verdict["books_balance"]) == (2, 1, False)
    assert len(case.teller.failed) == 3


def test_a_payment_of_two_rentals_is_two_on_both_sides() -> None:
    case = Case()
    case.record.intend(quoted("10", "20"))
    for number, amount in enumerate(("80.00", "10.00", "20.00"), start=2):
        case.control.take(str(number), amount)

    verdict = case.judged()

    assert (verdict["payments_wanted"], verdict["payments_in_the_books"]) == (3, 3)
    assert case.teller.holds


def test_only_new_payments_count() -> None:
    case = Case()
    before = case.stage.books.payments("7")
    case.control.take("2", "80.00")

    assert case.stage.books.new_payments("7", before) == [Taken("2", "9", "015", Decimal("80.00"), "card")]


def test_a_payment_becomes_json_without_a_float() -> None:
    facts = Taken("2", "9", "015", Decimal("80.00"), "card").facts

    assert json.loads(json.dumps(facts)) == {"receipt": "2", "unit": "015", "amount": "80.00", "method": "card"}
