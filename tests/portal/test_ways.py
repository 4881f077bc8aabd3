"""By which ways staff are told: what the back office has, less what its adapter leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pmsbridge.actions.case import CalledOff
from pmsbridge.actions.kinds import TELLS_STAFF, ActionKind
from pmsbridge.actions.plans import Planner
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.rental import ItemOut
from pmsbridge.model.requests import CallOffState
from pmsbridge.portal.office import Office
from pmsbridge.ports.capability import Capability, Dedup, Support
from pmsbridge.ports.outcome import Outcome
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.promises import capabilities_of
from pmsbridge_rest.shipped import shipped_mappings
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_tryton.adapter import TrytonAdapter
from tests import builders as make
from tests.portal.conftest import World


def row(kind: str, support: Support = Support.NATIVE, **more: Any) -> Capability:
    made = Capability(kind, support, Dedup.STATE, absence_conclusive=True, can_probe=True, source="a test")
    return replace(made, **more)


def office(*rows: Capability) -> Office:
    adapter = SimpleNamespace(capabilities={each.effect: each for each in rows})
    nothing = cast("Any", None)
    return Office(cast("Any", adapter), nothing, nothing, "F1", "T1", "tenant", timedelta(0))


NOTE, BOARD = row("add_note"), row("post_bulletin")


@pytest.mark.parametrize(
    ("rows", "ways"),
    [
        ((), {"mail"}),
        ((NOTE,), {"mail", "note"}),
        ((BOARD,), {"mail", "bulletin"}),
        ((NOTE, BOARD), {"mail", "note", "bulletin"}),
        ((NOTE, row("post_bulletin", Support.NOT_YET)), {"mail", "note"}),
        ((NOTE, row("post_bulletin", Support.VENDOR_CANNOT)), {"mail", "note"}),
    ],
)
def test_staff_are_told_by_what_the_back_office_has(rows: tuple[Capability, ...], ways: set[str]) -> None:
    for kind in ("change_contact", "schedule_move_out", "cancel_move_out", "set_autopay"):
        assert office(*rows).ways[kind] == ways


def test_an_adapter_leaves_ways_out_and_adds_none() -> None:
    ways = office(NOTE, row("change_contact", announce=("note", "bulletin")), row("schedule_move_out")).ways

    assert ways["change_contact"] == {"note"}
    assert ways["schedule_move_out"] == {"mail", "note"}


def test_what_becomes_a_task_for_staff_is_not_silenced_by_an_action_that_is_not_there() -> None:
    gone = row("schedule_move_out", Support.NOT_YET, announce=())

    assert office(NOTE, gone).ways["schedule_move_out"] == {"mail", "note"}


@pytest.mark.parametrize(("row_", "is_beside"), [(BOARD, False), (replace(BOARD, posts_beside=True), True)])
def test_a_post_is_aimed_where_the_back_office_has_a_place_for_it(row_: Capability, is_beside: bool) -> None:
    assert office(row_).posts_beside is is_beside
    assert not office(NOTE).posts_beside


def test_of_the_shipped_back_offices_those_that_read_it_say_so() -> None:
    assert not SiteLinkAdapter.capabilities["post_bulletin"].posts_beside
    assert TrytonAdapter.capabilities["post_bulletin"].posts_beside
    mapped = {name: capabilities_of(load_mapping(file))["post_bulletin"] for name, file in shipped_mappings().items()}
    assert {name for name, each in mapped.items() if each.posts_beside} == {"cubby"}


# -- nobody to tell --------------------------------------------------------------------------------------------------


def without(world: World, *kinds: str, email: str = "") -> None:
    """A back office that has no such things, and a facility with this address."""
    rows = {kind: row for kind, row in world.adapter.capabilities.items() if kind not in kinds}
    world.adapter.capabilities = rows  # type: ignore[misc]
    facility = world.office.books.facilities["F1"]
    world.office.books.facilities["F1"] = facility.changed(email=email)


@pytest.mark.parametrize(
    ("gone", "severity"),
    [((), "warning"), (("post_bulletin",), "warning"), (("post_bulletin", "add_note"), "urgent")],
)
def test_a_change_that_nobody_can_be_mailed_leaves_a_finding_whatever_the_back_office_lacks(
    world: World, gone: tuple[str, ...], severity: str
) -> None:
    without(world, *gone)

    view = world.session().edit_contact({"phone": "312 555 0199"}, key="click-0001")

    assert view.outcome is Outcome.SETTLED
    (found,) = world.runtime.findings.open()
    assert (found.finding.code, found.finding.severity.value) == ("no_staff_address", severity)
    assert ("nowhere else" in found.finding.text) == (severity == "urgent")


def test_what_staff_need_not_hear_of_leaves_no_finding(world: World) -> None:
    without(world, "post_bulletin")
    session = world.session()

    session.set_consent("sms", "marketing", granted=True, key="click-0001")
    session.add_note("R1", "Hello.", key="click-0002")
    session.pay_rental("R1", ExternalPayment(gateway="stripe", reference="pi_test_0001"), key="click-0003")

    assert list(world.runtime.findings.open()) == []


def test_with_an_address_there_is_a_mail_and_no_finding(world: World) -> None:
    without(world, "post_bulletin", "add_note", email="office@example.test")

    world.session().edit_contact({"phone": "312 555 0199"}, key="click-0001")

    assert [mail.to for mail in world.outbox.mails] == ["office@example.test"]
    assert list(world.runtime.findings.open()) == []


def test_every_verb_that_tells_staff_whatever_the_back_office_does_is_listed() -> None:
    """What a plan holds besides the verb itself, when all of it is native."""
    one = Planner(
        account=make.account(make.row()), action_id="act_1",
        native=make.ALL_NATIVE | {"request_call_off", "withdraw_call_off"},
        today=make.TODAY, scribe=make.scribe(make.facility()),
    )  # fmt: skip
    leave = make.TODAY + timedelta(days=30)
    row_, unit, two = one.account.rentals[0], make.unit(), Decimal(2)
    item = ItemOut(
        ref=make.ref("item_out", "1"), rental_id="R1", ordered=two, out=two, returned=Decimal(0),
        call_off_pending=Decimal(0), call_off_confirmed=Decimal(0),
    )  # fmt: skip
    called_off = CalledOff("C1", "", "R1", "1", two, "", CallOffState.REQUESTED)
    plans = {
        ActionKind.WITHDRAW_CALL_OFF: one.withdraw_call_off(row_, called_off),
        ActionKind.REQUEST_MOVE_OUT: one.move_out(row_, leave), ActionKind.CANCEL_MOVE_OUT: one.cancel_move_out(row_),
        ActionKind.TRANSFER: one.transfer(row_, unit, leave, leave, comment=""),
        ActionKind.REQUEST_CALL_OFF: one.call_off(row_, item, item.on_rent, leave, place="", comment=""),
        ActionKind.ACCEPT_QUOTE: one.accept_quote(row_, ""),
        ActionKind.EDIT_CONTACT: one.edit_contact({"phone": "1"}, {}),
        ActionKind.SET_LANGUAGE: one.language("fr"), ActionKind.ASK_STAFF: one.ask_staff("s", "t"),
        ActionKind.ORDER: one.order("s", "t"),
        ActionKind.SET_CONSENT: one.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING, granted=True),
        ActionKind.RESERVE_UNIT: one.reserve(unit, leave, expires_on=None, comment=""),
        ActionKind.AUTOPAY_OFF: one.autopay(row_, on=False, method=None, days_after_due=None),
        ActionKind.CHANGE_PASSWORD: one.web_password("login"),
    }  # fmt: skip
    assert {kind for kind, plan in plans.items() if any(step.name == "mail" for step in plan.steps)} == TELLS_STAFF
