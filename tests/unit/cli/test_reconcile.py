"""The commands for the end of the day, over a SiteLink office in another process."""

from __future__ import annotations

import csv
import io
import re
import shlex
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pmsbridge import Bridge, Card, ExternalPayment
from pmsbridge.ports.clock import SystemClock
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.unit.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("sitelink_settings")

SITE, TENANT = "L001", "1001"


class Day:
    """The time of everybody: the commands, the adapter and the office go by it. It passes when it is told to, too."""

    def __init__(self, office: SandboxControl) -> None:
        """It is noon in New York, where the office is: no business day ends during a test."""
        self._office, self._ahead = office, timedelta(0)
        here = datetime.now(UTC).astimezone(ZoneInfo("America/New_York"))
        self.later(datetime.combine(here.date() + timedelta(days=1), time(12, 0), here.tzinfo) - here)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def later(self, by: timedelta) -> None:
        self._ahead += by
        self._office.advance(by.total_seconds())


@contextmanager
def bridged() -> Iterator[Bridge]:
    with Bridge.from_config("pmsbridge.toml") as bridge:
        yield bridge


@pytest.fixture
def day(sitelink_office: SandboxControl, monkeypatch: pytest.MonkeyPatch) -> Day:
    day = Day(sitelink_office)
    monkeypatch.setattr(SystemClock, "now", lambda _clock: day.now())
    return day


@pytest.fixture
def office(sitelink_office: SandboxControl, day: Day) -> SandboxControl:
    sitelink_office.settings(payment_delay=0)
    return sitelink_office


def pay(key: str = "click-0001", reference: str = "pi_12345", *, deliver: bool = True) -> tuple[str, int, str]:
    """Record a gateway's payment for the tenant's first rental: action, rental, amount."""
    with bridged() as bridge:
        session = bridge.tenant(SITE, TENANT)
        row = session.dashboard().rows[0]
        means = ExternalPayment(gateway="stripe", reference=reference)
        action = session.pay_rental(row.id, means, key=key)
        if deliver:
            assert action.outcome == "settled"
        return action.action_id, int(row.id), format(row.balances.payable_now.amount, "f")


def words_of(screen: str) -> str:
    """The last column of a table, its lines put together."""
    return " ".join(line.rsplit("│", 2)[-2].strip() for line in screen.splitlines() if line.count("│") > 2)


def kinds(data: Any) -> list[str]:
    return [row["kind"] for each in data["facilities"] for row in each["differences"]]


def test_a_clean_day_ends_with_nothing_to_do(command: Command, office: SandboxControl) -> None:
    pay()

    done = command("reconcile", "--json")

    (report,) = done.data["facilities"]
    assert (done.code, done.data["clean"], kinds(done.data)) == (0, True, [])
    assert [row["told_by"] for row in report["found"]] == ["reference"]
    assert report["totals"]["back_office"] == report["totals"]["ours"] != []
    assert report["before_close"] is None
    assert command("reconcile").code == 0


def test_a_payment_delivered_twice_is_shown_with_what_to_do_until_it_is_gone(
    command: Command, office: SandboxControl
) -> None:
    office.inject("PaymentSimpleCheckWithSource", "duplicate_delivery")
    action, rental, _ = pay()

    late = command("reconcile", "--close", "00:00")
    early = command("reconcile", "--close", "23:59", "--json")

    assert (late.code, early.code) == (9, 9)
    assert kinds(early.data) == ["double"]
    (row,) = early.data["facilities"][0]["differences"]
    receipt = row["shown"][1]["receipt"]
    assert f"void receipt {receipt} in the back office before it closes the day at 23:59" in row["remedy"]
    assert "ask stripe whether pi_12345 was taken once" in row["remedy"]
    assert row["asked"][0]["action_id"] == action
    assert "after the daily close" in late.err
    (finding,) = command("findings", "list", "--json").data["findings"]
    assert (finding["code"], finding["severity"], finding["times"]) == ("reconcile_double", "urgent", 2)

    office.delete_payment(SITE, rental, receipt)

    assert command("reconcile").code == 0
    assert command("findings", "list", "--json").data == {"findings": []}


def test_a_payment_the_office_deleted_is_missing(command: Command, office: SandboxControl, day: Day) -> None:
    _, rental, _ = pay()
    paid = office.ledger(SITE, rental)["payments"][-1]
    office.delete_payment(SITE, rental, paid["receipt"])
    day.later(timedelta(seconds=2))  # the settle window of these settings is a second

    done = command("reconcile", "--json")

    assert (done.code, kinds(done.data)) == (9, ["journal_only"])
    assert "pi_12345" in done.data["facilities"][0]["differences"][0]["remedy"]


def test_cash_at_the_desk_is_shown_and_nobody_needs_to_act(command: Command, office: SandboxControl) -> None:
    _, rental, amount = pay()
    office.enter_payment(SITE, rental, amount)
    office.enter_payment(SITE, rental, "1.00")

    done = command("reconcile", "--json")

    assert (done.code, kinds(done.data)) == (0, ["vendor_only", "vendor_only"])
    report = done.data["facilities"][0]
    total = {name: sum(int(m["amount"].replace(".", "")) for m in report["totals"][name]) for name in report["totals"]}
    assert total["back_office"] == total["ours"] + total["not_ours"]


def test_a_charge_whose_answer_was_lost_agrees_once_it_is_found(
    command: Command, office: SandboxControl, day: Day
) -> None:
    office.inject("PaymentSimpleCheckWithSource", "drop_after")
    pay(deliver=False)

    assert kinds(command("reconcile", "--json").data) == ["waiting"]
    with bridged() as bridge:
        for _ in range(5):
            day.later(timedelta(minutes=1))
            bridge.runtime.run_due()
        assert bridge.runtime.counts().open_effects == 0
    assert kinds(command("reconcile", "--json").data) == []


def test_every_rental_of_the_mirror_is_read_when_asked_for(command: Command, office: SandboxControl) -> None:
    assert command("sync", "--entity", "rentals", "--entity", "facilities").code == 0
    assert command("reconcile", "--json").data["facilities"][0]["rentals_read"] == 0
    assert "nothing was compared" in " ".join(command("reconcile").err.split())

    every = command("reconcile", "--every-rental", "--json").data["facilities"][0]

    assert every["rentals_read"] > 20


def test_the_csv_has_every_difference_and_every_payment_found(
    command: Command, office: SandboxControl, tmp_path: Path
) -> None:
    _, rental, _ = pay()
    office.enter_payment(SITE, rental, "1.00", description="=HYPERLINK(1)")

    screen = command("reconcile", "--csv", "-")
    command("reconcile", "--csv", "day.csv")

    rows = list(csv.DictReader(io.StringIO(screen.out)))
    assert [row["kind"] for row in rows] == ["vendor_only", "found"]
    assert (tmp_path / "day.csv").read_text() == screen.out
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_an_office_that_cannot_be_read_is_no_clean_day(command: Command, office: SandboxControl) -> None:
    pay()
    office.inject("PaymentsByLedgerID", "drop_before", count=20)

    done = command("reconcile", "--json")

    assert (done.code, done.data["clean"]) == (7, False)
    assert len(done.data["facilities"][0]["unread"]) == 1
    (finding,) = command("findings", "list", "--json").data["findings"]
    assert finding["code"] == "reconcile_unread"
    assert "the payments of 1 of 1 rentals of sandbox/L001 could not be read" in finding["text"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--day", "2026-11-21", "--since", "2026-11-20"),
        ("--since", "2026-11-22", "--until", "2026-11-21"),
        ("--since", "2099-01-01"),
        ("--until", "2099-01-01"),
        ("--day", "2099-01-01"),
        ("--close", "late"),
        ("--json", "--csv", "-"),
        ("--facility", "L999"),
        ("--csv", "no/such/folder/x.csv"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, office: SandboxControl, wrong: tuple[str, ...]) -> None:
    done = command("reconcile", *wrong)

    assert done.code == 2
    assert "Both sides agree" not in done.err


# -- findings ----------------------------------------------------------------------------------------------------------


def test_a_finding_is_closed_by_somebody_once(command: Command, office: SandboxControl) -> None:
    office.inject("PaymentSimpleCheckWithSource", "duplicate_delivery")
    pay()
    command("reconcile")
    (finding,) = command("findings", "list", "--json", "--code", "reconcile_", "--facility", SITE).data["findings"]
    number = str(finding["number"])

    assert "pmsbridge findings close" in command("findings", "list").err
    assert command("findings", "list", "--code", "other", "--json").data == {"findings": []}
    assert command("findings", "close", number, "--actor", " ").code == 2
    done = command("findings", "close", number, "--actor", "anna", "--note", "both were meant", "--json")
    assert done.data == {"number": finding["number"], "closed": True, "by": "anna"}
    assert command("findings", "close", number, "--actor", "anna").code == 2

    again = command("reconcile", "--json")
    assert (again.code, again.data["facilities"][0]["differences"][0]["closed_by"]) == (0, "anna")
    screen = command("reconcile")
    assert "nothing: anna closed its finding" in words_of(screen.out)
    assert "void receipt" not in words_of(screen.out)
    (row,) = [r for r in csv.DictReader(io.StringIO(command("reconcile", "--csv", "-").out)) if r["kind"] == "double"]
    assert (row["closed_by"], row["needs_a_person"]) == ("anna", "no")
    assert "void receipt" in row["remedy"]


# -- trail and audit ---------------------------------------------------------------------------------------------------


def test_the_trail_is_the_one_of_actions_trail(command: Command, office: SandboxControl) -> None:
    action, *_ = pay()

    assert command("trail", action, "--json").data == command("actions", "trail", action, "--json").data
    assert "The trail is whole" in command("trail", action).err


def test_a_journal_is_verified_and_a_changed_one_names_action_and_entry(
    command: Command, office: SandboxControl, tmp_path: Path
) -> None:
    action, *_ = pay()
    assert command("audit", "verify", "--json").data["whole"] is True
    raw = sqlite3.connect(tmp_path / "pmsbridge.db")
    raw.execute("update pmsbridge_trail set data = replace(data, 'tenant', 'renant') where number = 1")
    raw.commit()
    raw.close()

    broken, shown = command("audit", "verify", "--json"), command("audit", "verify")

    assert (broken.code, shown.code) == (9, 9)
    assert broken.data["first_troubles"][0] == {
        "action_id": action, "entry": 1, "breach": "entry", "text": "its content does not fit its digest",
    }  # fmt: skip
    assert "NOT AS IT WAS WRITTEN" in shown.out


def test_the_heads_are_kept_and_what_is_gone_since_is_found(
    command: Command, office: SandboxControl, tmp_path: Path
) -> None:
    action, *_ = pay()
    printed = command("audit", "head", "--to", "heads.txt")
    digest = printed.out.strip()

    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert command("audit", "head", "--json").data["digest"] == digest
    assert stat.S_IMODE((tmp_path / "heads.txt").stat().st_mode) == 0o600
    assert command("audit", "head", "--to", "heads.txt").code == 2
    assert command("audit", "verify", "--against", "heads.txt", "--digest", digest).code == 0
    assert command("audit", "verify", "--against", "heads.txt", "--digest", "0" * 64).code == 2
    assert command("audit", "verify", "--digest", digest).code == 2
    assert command("audit", "verify", "--against", "none.txt").code == 2

    raw = sqlite3.connect(tmp_path / "pmsbridge.db")
    for table in ("trail", "effects", "aliases", "guards"):
        raw.execute(f"delete from pmsbridge_{table} where action_id = ?", (action,))  # noqa: S608 - our own
    raw.execute("delete from pmsbridge_actions where id = ?", (action,))
    raw.commit()
    raw.close()

    assert command("audit", "verify").code == 0
    gone = command("audit", "verify", "--against", "heads.txt", "--json")
    assert (gone.code, gone.data["first_troubles"][0]["breach"]) == (9, "gone")


# -- by the clock ------------------------------------------------------------------------------------------------------


def test_the_clock_compares_before_the_close_when_the_settings_say_so(command: Command, office: SandboxControl) -> None:
    settings = Path("pmsbridge.toml")
    clock = '[schedule]\nnightly = "never"\nreconcile = "00:00"\ndaily_close = "23:00"\n'
    settings.write_text(clock + settings.read_text())
    office.inject("PaymentSimpleCheckWithSource", "duplicate_delivery")
    pay()

    with bridged() as bridge:
        schedule = bridge.nightly()
        assert sorted(bridge.runtime.jobs) == ["reconcile sandbox/L001"]
        assert schedule.look() == 1
        assert schedule.look() == 0
        codes = [each.finding.code for each in bridge.runtime.findings.open()]

    assert codes == ["reconcile_double"]


# -- one card over several rentals, and staff at the desk meanwhile ---------------------------------------------------


def by_card(verb: str, office: SandboxControl, day: Day, meanwhile: Callable[[str, str], object] | None = None) -> Any:
    """A payment by card whose answer is lost, and what became of it when it was looked for: its facts."""
    card = Card(number="4111111111111111", expires_on=date(2030, 12, 31), holder="Test Payer", cvv="123")
    with bridged() as bridge:
        session = bridge.tenant(SITE, TENANT)
        row = session.dashboard().rows[0]
        if verb == "pay_all":
            action = session.pay_all(card, key="click-0001")
        else:
            action = session.pay_rental(row.id, card, key="click-0001")
        assert action.outcome == "pending"
        if meanwhile is not None:
            meanwhile(row.id, format(row.balances.payable_now.amount, "f"))
        day.later(timedelta(minutes=10))
        bridge.runtime.run_due()
        return session.action(action.action_id)


def test_a_payment_of_which_one_part_is_missing_is_ended_by_one_command_and_both_sides_agree(
    command: Command, office: SandboxControl, day: Day
) -> None:
    office.settings(multiple_stops_after=2)
    action = by_card("pay_all", office, day)
    assert (action.outcome, len(action.steps[0].vendor_ids)) == ("needs_review", 0)

    found = command("reconcile", "--json")
    (row,) = [row for row in found.data["facilities"][0]["differences"] if row["needs_a_person"]]
    assert (found.code, row["kind"], row["remedy"].count("pmsbridge actions resolve")) == (9, "unresolved", 1)
    told = row["remedy"][row["remedy"].index("pmsbridge actions") :].partition("; then tell")[0]
    ended = command(*shlex.split(told)[1:], "--json")

    (step,) = [step for step in ended.data["steps"] if step["principal"]]
    assert (ended.code, ended.data["outcome"], ended.data["partial"]) == (0, "not_sent", True)
    assert (len(step["vendor_ids"]), len(step["missing"])) == (2, 1)
    shown = command("actions", "show", row["asked"][0]["action_id"], "--json").data
    assert shown["steps"][0]["missing"] == step["missing"]
    assert command("reconcile").code == 0
    assert command("audit", "verify").code == 0


@pytest.mark.parametrize("more", [[], ["--there", "1"]])
def test_a_partial_outcome_and_its_parts_go_together(
    command: Command, office: SandboxControl, day: Day, more: list[str]
) -> None:
    office.settings(multiple_stops_after=1)
    action = by_card("pay_all", office, day)
    outcome = "settled" if more else "partial"

    words = ["--outcome", outcome, "--evidence", "seen", "--actor", "anna", *more, "--json"]
    ran = command("actions", "resolve", action.action_id, *words)

    assert ran.code == 2
    assert "--outcome partial --there RENTAL=RECEIPT" in ran.data["error"]["message"]


def test_a_rental_that_is_named_twice_is_asked_about_and_neither_receipt_kept(
    command: Command, office: SandboxControl, day: Day
) -> None:
    office.settings(multiple_stops_after=1)
    action = by_card("pay_all", office, day)

    words = ["--outcome", "partial", "--there", "2001=31066", "--there", " 2001 = 31067", "--evidence", "seen"]
    ran = command("actions", "resolve", action.action_id, *words, "--actor", "anna", "--json")

    assert ran.code == 2
    assert "names a rental twice" in ran.data["error"]["message"]
    assert command("actions", "show", action.action_id, "--json").data["outcome"] == "needs_review"


@pytest.mark.parametrize("times", [1, 2])
def test_a_desk_payment_of_the_same_amount_and_means_is_not_called_ours(
    command: Command, office: SandboxControl, day: Day, times: int
) -> None:
    office.inject("PaymentSimpleWithSource", "drop_before")

    def at_the_desk(rental: str, amount: str) -> None:
        for _ in range(times):
            office.enter_payment(SITE, int(rental), amount, method="card", description="Visa")

    action = by_card("pay_rental", office, day, at_the_desk)

    assert action.outcome == "needs_review"
    assert "staff may have entered it" in action.steps[0].message
    assert command("reconcile").code == 9


def test_a_finding_about_what_nobody_resolved_is_closed_only_anyway(
    command: Command, office: SandboxControl, day: Day
) -> None:
    office.settings(multiple_stops_after=1)
    action = by_card("pay_all", office, day)
    (found,) = [f for f in command("findings", "list", "--json").data["findings"] if f["code"] == "needs_review"]
    number = str(found["number"])

    refused = command("findings", "close", number, "--actor", "anna", "--json")
    assert (refused.code, refused.data["error"]["code"]) == (2, "unresolved")
    step = action.steps[0].name
    resolve = f"pmsbridge actions resolve {action.action_id} --step {step}"
    assert resolve in refused.data["error"]["message"]
    assert "--outcome settled|declined|not_sent|partial --there RENTAL=RECEIPT " in refused.data["error"]["message"]
    assert "--anyway" in refused.data["error"]["message"]

    closed = command("findings", "close", number, "--actor", "anna", "--anyway")
    assert (closed.code, "is closed" in closed.err, resolve in closed.err) == (0, True, True)


def test_a_finding_is_closed_without_more_once_its_step_is_resolved(
    command: Command, office: SandboxControl, day: Day
) -> None:
    office.settings(multiple_stops_after=1)
    action = by_card("pay_all", office, day)
    (found,) = [f for f in command("findings", "list", "--json").data["findings"] if f["code"] == "needs_review"]
    words = ["--outcome", "settled", "--evidence", "all there", "--actor", "anna"]
    assert command("actions", "resolve", action.action_id, *words).code == 0

    closed = command("findings", "close", str(found["number"]), "--actor", "anna", "--json")

    assert (closed.code, "still_unresolved" in closed.data) == (0, False)


def test_the_finding_of_an_unsent_mail_about_a_review_names_its_step_and_what_waits(
    command: Command, office: SandboxControl, day: Day, sitelink_settings: Path
) -> None:
    with_staff = f'[notices]\naddresses = ["office@example.com"]\n{sitelink_settings.read_text(encoding="utf-8")}'
    sitelink_settings.write_text(with_staff, encoding="utf-8")
    office.settings(multiple_stops_after=1)
    action = by_card("pay_all", office, day)

    (found,) = [f for f in command("findings", "list", "--json").data["findings"] if f["code"] == "mail_not_configured"]

    (mail,) = [step.name for step in action.steps if step.kind == "send_mail"]
    assert f"pmsbridge actions retry {action.action_id} --step {mail} --actor" in found["text"]
    assert f"waits for a person, mailed or not: pmsbridge actions show {action.action_id}" in found["text"]
    ran = command("actions", "retry", action.action_id, "--step", mail, "--actor", "anna", "--json")
    assert ran.code == 0
    assert command("actions", "retry", action.action_id, "--step", "payment.9", "--actor", "anna").code == 2
