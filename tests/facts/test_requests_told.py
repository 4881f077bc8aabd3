"""What became of what staff were asked for: the back office's own word, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pmsbridge.actions.effects import AddNote
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.sections import ShopItem
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.requests import Request, RequestKind, RequestState
from pmsbridge.portal.asked import REASONS, RequestStanding
from pmsbridge.portal.words import say
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault, MemoryAdapter
from tests import builders as make
from tests.facts.portal import Portal
from tests.facts.test_logins import Door, opened

only_memory = pytest.mark.parametrize("back_office", ["memory"], indirect=True)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path, shop=(ShopItem(id="LOCK", name="A disc lock"),)) as made:
        yield made


def told(portal: Portal | Door, state: RequestState, *, reference: str = "", tenant_id: str = "T1") -> None:
    """The office says how the newest question stands."""
    office = portal.office
    assert office is not None
    notes = [applied.effect for applied in office.of_kind("add_note")]
    newest = notes[-1]
    assert isinstance(newest, AddNote)
    office.books.put("F1", Request(
        ref=make.ref("request", f"Q{len(notes)}", account="mem"), tenant_id=tenant_id, kind=RequestKind.SERVICE,
        state=state, vendor_state="in the workshop", reference=reference or newest.reference,
        asked_at=office.clock.now(), state_read_at=office.clock.now(),
    ))  # fmt: skip


def test_a_question_says_where_it_stands_or_why_nobody_knows(portal: Portal) -> None:
    asked = portal.session.ask_staff("The door", "It squeaks.", key=portal.key)

    (found,) = portal.session.requests()

    assert asked.outcome is Outcome.SETTLED
    assert (found.action_id, found.verb, found.subject) == (asked.action_id, ActionKind.ASK_STAFF, "The door")
    assert (found.state, found.reason, found.read_at) == (RequestState.SENT, "not_told", None)
    assert say(found.message_key, "fr") != say(found.message_key) != ""


@only_memory
def test_where_the_back_office_tells_its_word_is_told(portal: Portal) -> None:
    portal.session.ask_staff("The door", "It squeaks.", key=portal.key)
    for state in (RequestState.ACKNOWLEDGED, RequestState.DONE, RequestState.REFUSED):
        told(portal, state)

        (found,) = portal.session.requests()

        assert (found.state, found.reason, found.vendor_state) == (state, "", "in the workshop")
        assert found.read_at is not None
        assert found.message_key == ""


@only_memory
def test_a_word_about_another_request_or_tenant_is_none_about_this_one(portal: Portal) -> None:
    portal.session.ask_staff("The door", "It squeaks.", key=portal.key)
    told(portal, RequestState.DONE, tenant_id="T2")
    assert [each.reason for each in portal.session.requests()] == ["not_told"]
    told(portal, RequestState.DONE, reference="PB-SOMETHINGELS")

    (found,) = portal.session.requests()

    assert (found.state, found.reason) == (RequestState.UNKNOWN, "not_found")


@only_memory
def test_a_back_office_that_tells_of_everybody_is_heard_of_this_tenant_only(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert portal.office is not None
    portal.session.ask_staff("The door", "It squeaks.", key=portal.key)
    told(portal, RequestState.DONE, tenant_id="T2")
    everybody = portal.office.books.all(Request, "F1")
    monkeypatch.setattr(MemoryAdapter, "requests", lambda *_: everybody)

    assert [(each.state, each.reason) for each in portal.session.requests()] == [(RequestState.SENT, "not_told")]


@only_memory
@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (Fault.DROP_AFTER, RequestState.NEW, "on_its_way"), (Fault.REJECT, RequestState.FAILED, "declined"),
    ],
)  # fmt: skip
def test_what_did_not_arrive_yet_or_never_will_is_not_shown_as_with_the_office(
    portal: Portal, fault: Fault, state: RequestState, reason: str
) -> None:
    assert portal.office is not None
    portal.office.fail(fault, kind="add_note")

    portal.session.ask_staff("The door", "It squeaks.", key=portal.key)

    assert [(each.state, each.reason) for each in portal.session.requests()] == [(state, reason)]
    assert reason in REASONS


@only_memory
def test_what_staff_ask_themselves_to_do_is_told_to_staff_only(portal: Portal) -> None:
    portal.session.ask_staff("The door", "It squeaks.", key=portal.key)
    portal.of("T1", actor="staff:ann").ask_staff("Follow up", "Call about the rent.", key=portal.key)

    assert [each.subject for each in portal.session.requests()] == ["The door"]
    assert [each.subject for each in portal.of("T1", actor="staff:ann").requests()] == ["Follow up", "The door"]
    assert len(portal.of("T1", actor="staff:ann").requests(limit=1)) == 1
    assert portal.of("T2").requests() == ()


def test_an_order_and_a_quote_say_what_became_of_them(door: Door) -> None:
    session, books = door.bridge.tenant("F1", "T1"), door.office.books
    quote = books.find(Rental, "F1", "R4")
    assert quote is not None

    def standing() -> RequestStanding:
        return next(each for each in session.requests() if each.verb is ActionKind.ACCEPT_QUOTE)

    books.put("F1", quote.changed(state=RentalState.QUOTE, moved_in_on=date(2027, 1, 1)))
    session.order("LOCK", 2, key="click-0001")
    session.accept_quote("R4", key="click-0002")

    (accepted, ordered) = session.requests()
    assert (ordered.verb, ordered.subject, ordered.reason) == (ActionKind.ORDER, "A disc lock", "not_told")
    assert (accepted.kind, accepted.subject) == (RequestKind.QUOTE_ACCEPTANCE, "B-7")
    assert (accepted.state, accepted.reason) == (RequestState.SENT, "waits")
    told(door, RequestState.DONE)
    assert standing().state is RequestState.SENT  # the rental itself says more than a word about a note
    for state, expected in (
        (RentalState.ACTIVE, (RequestState.DONE, "")), (RentalState.CANCELLED, (RequestState.REFUSED, "")),
        (RentalState.UNKNOWN, (RequestState.UNKNOWN, "not_told")),
    ):  # fmt: skip
        books.put("F1", quote.changed(state=state))
        assert (standing().state, standing().reason) == expected
    books.remove(Rental, "F1", "R4")
    assert (standing().state, standing().reason) == (RequestState.UNKNOWN, "not_found")
    assert standing().read_at is not None
