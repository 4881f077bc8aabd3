"""The look for missed parts of payment plans: it harms no night, knows when to stop, and tells nothing unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from pmsbridge.actions.instalments import InstalmentState
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.errors import ConfigurationError, UnavailableError
from pmsbridge.model.finding import Finding
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.findings import OpenFinding
from pmsbridge.testing.memory import Fault
from tests.facts.portal import MONEY, Portal

pytestmark = pytest.mark.parametrize("back_office", ["memory"], indirect=True)

DUE = date(2026, 11, 22)
RENTALS = {"R1": "T1", "R4": "T1", "R2": "T2", "R3": "T3"}


def agree(portal: Portal, *rentals: str, due_on: tuple[date, ...] = (DUE,)) -> None:
    for rental_id in rentals:
        staff = portal.of(RENTALS[rental_id], actor="staff:ann")
        staff.agree_plan(rental_id, dict.fromkeys(due_on, Money.of("40.00", "USD")), key=portal.key)


def told(portal: Portal) -> list[str]:
    rows = portal.bridge.runtime.findings.open()
    return sorted(each.finding.subject.split()[0] for each in rows if each.finding.code == "instalment_missed")


def shown(portal: Portal, rental_id: str) -> list[InstalmentState]:
    """What the page of a plan says of its parts."""
    found = portal.bridge.staff("F1", RENTALS[rental_id], actor="staff:ann").plan(rental_id)
    assert found is not None
    return list(found.states)


def waiting(portal: Portal, code: str) -> list[OpenFinding]:
    return [each for each in portal.bridge.runtime.findings.open() if each.finding.code == code]


@contextmanager
def asking(portal: Portal, trouble: Callable[[str], Exception | None]) -> Iterator[list[str]]:
    """The rentals whose ledgers are asked for meanwhile; an answer fails by what ``trouble`` says of the rental."""
    adapter, asked = portal.bridge.adapters["mem"], list[str]()
    read = adapter.ledger

    def ledger(facility: str, tenant_id: str, rental_id: str) -> Sequence[LedgerEntry]:
        asked.append(rental_id)
        if (error := trouble(rental_id)) is not None:
            raise error
        return read(facility, tenant_id, rental_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "ledger", ledger)
        yield asked


def facilities_read(portal: Portal) -> set[str]:
    """Where a night reads every noun without an error."""
    rows = portal.bridge.sync().rows
    return {row.scope.facility for row in rows} - {row.scope.facility for row in rows if row.error}


@pytest.mark.fact("S1.51")
@pytest.mark.parametrize("foreign", [KeyError("a row"), ValueError("USD beside CAD"), OverflowError("a day")])
def test_one_plan_that_breaks_the_look_stops_no_other_plan_and_no_other_facility(
    portal: Portal, foreign: Exception
) -> None:
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=3))
    with asking(portal, lambda rental_id: foreign if rental_id == "R1" else None) as asked:
        assert facilities_read(portal) == {"F1", "F2"}
    assert (sorted(asked), told(portal)) == (["R1", "R2"], ["R2"])
    assert facilities_read(portal) == {"F1", "F2"}
    assert told(portal) == ["R1", "R2"]


@pytest.mark.fact("S1.51")
def test_a_plan_that_no_night_can_look_at_waits_in_a_finding_until_one_can(portal: Portal) -> None:
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=3))
    for _ in range(2):
        with asking(portal, lambda rental_id: KeyError("a row") if rental_id == "R1" else None):
            portal.bridge.sync()
    (left,) = waiting(portal, "plan_not_read")
    assert (left.finding.facility, left.finding.subject, left.times) == ("F1", "T1 R1", 2)
    assert "could not be looked at" in left.finding.text

    portal.bridge.sync()
    assert waiting(portal, "plan_not_read") == []
    assert told(portal) == ["R1", "R2"]


@pytest.mark.fact("S1.51")
def test_a_night_that_gives_up_its_look_at_the_plans_says_so_in_a_finding_until_one_ends(portal: Portal) -> None:
    agree(portal, *RENTALS)
    portal.clock.advance(timedelta(days=3))
    with asking(portal, lambda _: UnavailableError("it does not answer")):
        portal.bridge.sync()
    (left,) = waiting(portal, "plans_left")
    assert (left.finding.facility, left.finding.subject) == ("F1", "F1")
    assert waiting(portal, "plan_not_read") == []  # the facility's one says it of all of them
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pmsbridge.engine.sync.missed_instalments.known_zone", lambda *_: "Nowhere/At_All")
        portal.bridge.sync()
    assert {each.finding.facility for each in waiting(portal, "plans_left")} == {"F1", "F2"}

    portal.bridge.sync()
    assert waiting(portal, "plans_left") == []
    assert told(portal) == sorted(RENTALS)


@contextmanager
def findings_that_cannot_be_written(portal: Portal, code: str) -> Iterator[None]:
    findings = portal.bridge.runtime.findings
    add = findings.add

    def adding(finding: Finding) -> object:
        if finding.code == code:
            raise OSError("the disk is full")
        return add(finding)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(findings), "add", staticmethod(adding))
        yield


@pytest.mark.fact("S1.51")
def test_a_finding_that_cannot_be_written_stops_no_other_facility(portal: Portal) -> None:
    agree(portal, *RENTALS)
    portal.clock.advance(timedelta(days=3))
    away = asking(portal, lambda _: UnavailableError("it does not answer"))
    with away, findings_that_cannot_be_written(portal, "plans_left"):
        assert facilities_read(portal) == {"F1", "F2"}
    assert waiting(portal, "plans_left") == []


def test_plans_that_were_all_looked_at_are_not_told_as_left_because_a_finding_could_not_be_written(
    portal: Portal,
) -> None:
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=3))
    broken = asking(portal, lambda rental_id: KeyError("a row") if rental_id == "R1" else None)
    with broken, findings_that_cannot_be_written(portal, "plan_not_read"):
        assert facilities_read(portal) == {"F1", "F2"}
    assert (waiting(portal, "plans_left"), told(portal)) == ([], ["R2"])


@pytest.mark.fact("S1.51")
@pytest.mark.parametrize(("days", "left"), [(3, ["F1"]), (0, []), (90, [])])
def test_plans_of_an_account_that_is_not_tried_wait_in_a_finding_where_one_would_be_looked_at(
    portal: Portal, days: int, left: list[str]
) -> None:
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=days))
    runtime = portal.bridge.runtime
    runtime.refusals.remember("mem", ConfigurationError("the log-on was refused", code="login_refused"))
    with asking(portal, lambda _: None) as asked:
        for _ in range(2):
            Sync(runtime).run(by_clock=True)
    found = waiting(portal, "plans_left")
    assert (asked, [each.finding.facility for each in found]) == ([], left)
    assert all("not tried" in each.finding.text and each.times == 2 for each in found)

    runtime.refusals.lift("mem")
    Sync(runtime).run(by_clock=True)
    assert waiting(portal, "plans_left") == []


@pytest.mark.fact("S1.51")
def test_a_plan_that_failed_of_itself_before_a_look_was_given_up_is_noted_too(portal: Portal) -> None:
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=3))
    trouble = iter([KeyError("a row"), ConfigurationError("a setting is missing", code="settings")])
    with asking(portal, lambda _: next(trouble)) as asked:
        portal.bridge.sync()
    first = f"{RENTALS[asked[0]]} {asked[0]}"
    assert [each.finding.subject for each in waiting(portal, "plan_not_read")] == [first]
    assert [each.finding.facility for each in waiting(portal, "plans_left")] == ["F1"]


def test_one_ledger_that_does_not_answer_while_the_others_do_is_told_of_too(portal: Portal) -> None:
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=3))
    with asking(portal, lambda rental_id: UnavailableError("it does not answer") if rental_id == "R1" else None):
        portal.bridge.sync()

    assert [each.finding.subject for each in waiting(portal, "plan_not_read")] == ["T1 R1"]
    assert waiting(portal, "plans_left") == []


def test_a_part_due_at_the_end_of_all_days_breaks_no_night(portal: Portal) -> None:
    agree(portal, "R1", due_on=(DUE, date.max))
    agree(portal, "R2")
    portal.clock.advance(timedelta(days=3))
    assert facilities_read(portal) == {"F1", "F2"}
    assert told(portal) == ["R1", "R2"]


def test_a_look_that_cannot_even_begin_fails_nothing_that_was_read(portal: Portal) -> None:
    agree(portal, "R1")
    portal.clock.advance(timedelta(days=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pmsbridge.engine.sync.missed_instalments.known_zone", lambda *_: "Nowhere/At_All")
        assert facilities_read(portal) == {"F1", "F2"}
        patch.setattr("pmsbridge.engine.sync.missed_instalments.known_zone", lambda *_: 1 / 0)
        assert facilities_read(portal) == {"F1", "F2"}
    assert told(portal) == []
    portal.bridge.sync()
    assert told(portal) == ["R1"]


def test_a_refused_log_on_is_met_once_and_a_mistaken_setting_ends_the_look_of_its_facility_alone(
    portal: Portal,
) -> None:
    agree(portal, *RENTALS)
    portal.clock.advance(timedelta(days=3))
    mistaken = ConfigurationError("a setting is missing", code="settings")
    with asking(portal, lambda _: mistaken) as asked:
        assert facilities_read(portal) == {"F1", "F2"}
    assert len(asked) == 1
    refused = ConfigurationError("the log-on was refused", code="login_refused")
    with asking(portal, lambda _: refused) as asked:
        assert facilities_read(portal) == {"F1"}  # and nobody logs on for the other one
        portal.bridge.runtime.refusals.lift("mem")
    assert (len(asked), told(portal)) == (1, [])
    portal.bridge.sync()
    assert told(portal) == sorted(RENTALS)


def test_a_back_office_that_is_away_is_not_asked_for_every_plan(portal: Portal) -> None:
    agree(portal, *RENTALS)
    portal.clock.advance(timedelta(days=3))
    with asking(portal, lambda _: UnavailableError("it does not answer")) as asked:
        assert facilities_read(portal) == {"F1", "F2"}
    assert len(asked) == 3
    unreadable = UnavailableError("a row cannot be read", code="unreadable_row")
    with asking(portal, lambda _: unreadable) as asked:
        portal.bridge.sync()
    assert len(asked) == 4


def test_a_night_that_was_taken_over_stops_between_two_plans(portal: Portal) -> None:
    agree(portal, *RENTALS)
    portal.clock.advance(timedelta(days=3))
    with asking(portal, lambda _: None) as asked:
        Sync(portal.bridge.runtime).run(beat=lambda: not asked)
    assert (len(asked), len(told(portal))) == (1, 1)


def test_what_is_read_at_a_heard_message_looks_at_no_plan(portal: Portal) -> None:
    agree(portal, "R1")
    portal.clock.advance(timedelta(days=3))
    with asking(portal, lambda _: None) as asked:
        Sync(portal.bridge.runtime, watches=False).run([FacilityKey("mem", "F1")], [Entity.RENTALS], by_clock=True)
    assert (asked, told(portal)) == ([], [])


@pytest.mark.fact("S1.51")
def test_no_part_is_told_as_missed_while_a_payment_for_its_rental_is_being_confirmed(portal: Portal) -> None:
    assert portal.office is not None
    agree(portal, "R1", "R4")
    portal.clock.advance(timedelta(days=3))
    portal.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    view = portal.session.pay_rental("R1", MONEY, key=portal.key, amount=Money.of("40.00", "USD"))
    assert view.outcome is Outcome.PENDING

    portal.bridge.sync()
    assert told(portal) == ["R4"]  # nobody pays that one
    assert shown(portal, "R4") == [InstalmentState.MISSED]
    assert shown(portal, "R1") == [InstalmentState.PENDING]  # the page says what the night says

    portal.later(minutes=20)
    assert shown(portal, "R1") == [InstalmentState.PAID]
    assert portal.session.action(view.action_id).outcome is Outcome.SETTLED
    portal.clock.advance(timedelta(days=1))
    portal.bridge.sync()
    assert told(portal) == ["R4"]


def test_no_part_is_told_as_missed_while_its_payment_may_not_show_yet(portal: Portal) -> None:
    assert portal.office is not None
    agree(portal, "R1", "R2")
    portal.clock.advance(timedelta(days=3))
    portal.office.lag = timedelta(seconds=30)
    some, too_little = Money.of("40.00", "USD"), Money.of("1.00", "USD")
    assert portal.session.pay_rental("R1", MONEY, key=portal.key, amount=some).outcome is Outcome.SETTLED
    assert portal.of("T2").pay_rental("R2", MONEY, key=portal.key, amount=too_little).outcome is Outcome.SETTLED

    portal.bridge.sync()
    assert told(portal) == []
    assert shown(portal, "R1") == shown(portal, "R2") == [InstalmentState.PENDING]
    portal.clock.advance(timedelta(days=1))
    portal.bridge.sync()
    assert told(portal) == ["R2"]
    assert (shown(portal, "R1"), shown(portal, "R2")) == ([InstalmentState.PAID], [InstalmentState.MISSED])


@pytest.mark.parametrize(("came_to", "state"), [("R4", InstalmentState.MISSED), ("R1", InstalmentState.PENDING)])
@pytest.mark.parametrize("who", ["the night", "the page"])
def test_a_payment_that_a_person_found_for_another_rental_alone_keeps_no_part_of_this_one_waiting(
    portal: Portal, who: str, came_to: str, state: InstalmentState
) -> None:
    assert portal.office is not None
    agree(portal, "R1")
    portal.clock.advance(timedelta(days=3))
    portal.office.fail(Fault.DROP_BEFORE, kind="take_payment")
    portal.office.blind = True
    view = portal.session.pay_all(MONEY, key=portal.key)

    def decided_meanwhile(_rental_id: str) -> None:
        """While the ledger is read, nobody can find out, and a person decides."""
        for _ in range(20):
            portal.later(minutes=10)
        portal.bridge.runtime.resolve(
            view.action_id, view.steps[0].name, Outcome.SETTLED, "read in the books", "anna", there={came_to: "31066"}
        )

    with asking(portal, decided_meanwhile):
        if who == "the page":
            assert shown(portal, "R1") == [state]
        else:
            portal.bridge.sync()
            assert told(portal) == (["R1"] if state is InstalmentState.MISSED else [])
