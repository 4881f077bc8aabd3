"""A call-off that is taken back: judged by what became of it, and done by staff where the back office cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import PostBulletin, RequestCallOff, WithdrawCallOff
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import ItemOut, RentalKind, RentalState
from pmsbridge.model.requests import CallOff, CallOffState, RequestState
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Outcome, Probed, Receipt
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

DAY = date(2026, 11, 25)


def ref(entity: str, id_: str) -> VendorRef:
    return VendorRef(system="memory", account="mem", facility="F1", entity=entity, id=id_)


def contract(office: MemoryOffice, rental_id: str = "K1", tenant_id: str = "T1", **item: Any) -> None:
    rental = office.books.add_rental("F1", rental_id, tenant_id, f"{rental_id}-1", office.clock.now())
    one = ItemOut(
        ref=ref("item_out", f"I{rental_id}"), rental_id=rental_id, code="MIX-150", description="Mixer", measure="u",
        ordered=Decimal(4), out=Decimal(4), returned=Decimal(0), **item,
    )  # fmt: skip
    office.books.put("F1", rental.changed(kind=RentalKind.CONTRACT, items=(one,)))


class Telling(MemoryAdapter):
    """A back office that tells what became of call-offs.

    Attributes:
        told: Which there are.
        is_mute: Its mapping reads none.
    """

    told: tuple[CallOff, ...] = ()
    is_mute = False

    def call_offs(self, facility: str, tenant_id: str) -> tuple[CallOff, ...]:
        if self.is_mute:
            raise UnsupportedError("no call-offs are read here", code="no_call_offs")
        return tuple(each for each in self.told if each.tenant_id == tenant_id)


def told(state: CallOffState, *, reference: str = "", number: str = "C1") -> CallOff:
    return CallOff(
        ref=ref("call_off", number), tenant_id="T1", rental_id="K1", item_id="IK1", quantity=Decimal(2),
        state=RequestState.SENT, call_off_state=state, asked_at=datetime(2026, 11, 20, tzinfo=UTC), reference=reference,
    )  # fmt: skip


@pytest.fixture
def office() -> MemoryOffice:
    made = MemoryOffice(TestClock())
    contract(made)
    contract(made, "K2", "T2")
    return made


@contextmanager
def bridge_over(adapter: MemoryAdapter, folder: Path) -> Iterator[Bridge]:
    with Bridge(
        Settings(accounts={"mem": AccountSettings(system="memory")}), adapters={"mem": adapter}, mailer=Outbox(),
        database=open_database(f"sqlite:///{folder}/bridge.db"), clock=adapter.office.clock,
    ) as made:  # fmt: skip
        yield made


@pytest.fixture
def bridge(office: MemoryOffice, tmp_path: Path) -> Iterator[Bridge]:
    with bridge_over(MemoryAdapter(office), tmp_path) as made:
        yield made


@pytest.fixture
def telling(office: MemoryOffice) -> Telling:
    return Telling(office)


@pytest.fixture
def session(telling: Telling, tmp_path: Path) -> Iterator[TenantSession]:
    with bridge_over(telling, tmp_path) as made:
        yield made.tenant("F1", "T1")


def asked(session: TenantSession, key: str = "call-off-0001") -> ActionView:
    return session.request_call_off("K1", "IK1", 2, DAY, key=key)


def button(session: TenantSession, call_off_id: str | None = None, rental_id: str | None = "K1") -> str:
    offers = session.available_actions(rental_id, call_off_id=call_off_id)
    return next(each.code for each in offers if each.kind == "withdraw_call_off" and each.rental_id == "K1")


def verb(session: TenantSession, call_off_id: str, key: str = "withdraw-0001") -> str:
    try:
        session.withdraw_call_off(call_off_id, key=key)
    except IneligibleError as refused:
        return refused.code
    return ""


# -- where staff do it -------------------------------------------------------------------------------------------------


def test_what_staff_were_asked_for_is_taken_back_by_staff_once(bridge: Bridge, office: MemoryOffice) -> None:
    session = bridge.tenant("F1", "T1")
    assert button(session) == "no_call_off"
    request = asked(session)
    assert button(session) == ""
    assert button(session, request.action_id) == ""
    (offer,) = [each for each in session.available_actions("K1") if each.kind == "withdraw_call_off"]
    assert offer.is_emulated

    taken_back = session.withdraw_call_off(request.action_id, key="withdraw-0001")
    replayed = session.withdraw_call_off(request.action_id, key="withdraw-0001")
    bridge.runtime.run_due()

    assert taken_back.outcome is Outcome.SETTLED
    assert replayed.action_id == taken_back.action_id
    assert {step.emulates for step in taken_back.steps if step.is_principal} == {"withdraw_call_off"}
    (post,) = [each.effect for each in bridge.journal.action(taken_back.action_id).effects if each.name == "bulletin"]
    assert isinstance(post, PostBulletin)
    assert "Take back the call-off on contract K1-1: 2 u of MIX-150 Mixer." in post.body
    assert (button(session), button(session, request.action_id)) == ("no_call_off", "call_off_withdrawn")
    assert verb(session, request.action_id, "withdraw-0002") == "call_off_withdrawn"
    assert asked(session, "call-off-0002").outcome is Outcome.SETTLED
    assert button(session) == ""


def change_contract(office: MemoryOffice, *, item: dict[str, Any] | None = None, **fields: Any) -> None:
    (rental,) = [one for one in office.books.rentals_of("F1", "T1") if one.id == "K1"]
    (line,) = rental.items
    items = fields.pop("items", (line.changed(**(item or {})),))
    office.books.put("F1", rental.changed(items=items, **fields))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"item": {"returned": Decimal(4)}, "state": RentalState.CLOSED}, "call_off_over"),
        ({"item": {"returned": Decimal(4)}}, "call_off_over"),
        ({"item": {"returned": Decimal(3)}}, "call_off_over"),
        ({"item": {"returned": Decimal(2)}}, ""),
        ({"state": RentalState.CLOSED}, "call_off_over"),
        ({"items": ()}, "call_off_over"),
        ({"state": RentalState.UNKNOWN}, ""),
    ],
)
def test_what_staff_were_asked_for_is_over_when_the_contract_shows_it(
    bridge: Bridge, office: MemoryOffice, change: dict[str, Any], code: str
) -> None:
    session = bridge.tenant("F1", "T1")
    request = asked(session)
    assert isinstance(office.clock, TestClock)
    office.clock.advance(timedelta(days=60))
    change_contract(office, **change)

    assert button(session) == ("no_call_off" if code else "")
    assert (button(session, request.action_id), verb(session, request.action_id)) == (code, code)


def test_what_became_of_it_is_the_back_offices_to_tell_where_it_does(
    office: MemoryOffice, telling: Telling, session: TenantSession
) -> None:
    telling.told = (told(CallOffState.REQUESTED),)
    change_contract(office, item={"returned": Decimal(4)})

    assert (button(session, "C1"), verb(session, "C1")) == ("", "")


def test_nobody_takes_back_what_another_asked_for(bridge: Bridge) -> None:
    request = asked(bridge.tenant("F1", "T1"))
    other = bridge.tenant("F1", "T2")

    for which in (request.action_id, "act_nowhere"):
        with pytest.raises(NotFoundError):
            other.withdraw_call_off(which, key="withdraw-0001")
        with pytest.raises(NotFoundError):
            other.available_actions(call_off_id=which)
    assert button(bridge.tenant("F1", "T1"), request.action_id) == ""


def test_a_call_off_that_never_reached_anybody_is_none(bridge: Bridge, office: MemoryOffice) -> None:
    for kind in ("post_bulletin", "add_note"):
        office.fail(Fault.REJECT, kind=kind, times=50)
    session = bridge.tenant("F1", "T1")
    request = asked(session)
    bridge.runtime.run_due()
    if session.action(request.action_id).outcome.nothing_changed:
        with pytest.raises(NotFoundError):
            session.withdraw_call_off(request.action_id, key="withdraw-0001")


# -- where the back office tells ---------------------------------------------------------------------------------------

STATES = [
    (CallOffState.REQUESTED, ""), (CallOffState.ACKNOWLEDGED, "call_off_confirmed"),
    (CallOffState.WITHDRAWN, "call_off_withdrawn"), (CallOffState.REFUSED, "call_off_over"),
    (CallOffState.OFF_RENT, "call_off_over"), (CallOffState.CLOSED, "call_off_over"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "code"), STATES)
def test_what_became_of_it_decides_for_the_button_and_the_verb(
    telling: Telling, session: TenantSession, state: CallOffState, code: str
) -> None:
    telling.told = (told(state),)

    assert (button(session, "C1"), button(session, "C1", None), verb(session, "C1")) == (code, code, code)


def test_it_is_found_by_the_action_that_asked_for_it(telling: Telling, session: TenantSession) -> None:
    request = asked(session)
    mark = next(step.reference for step in request.steps if step.is_principal and step.reference)
    telling.told = (told(CallOffState.REQUESTED, reference=mark), told(CallOffState.ACKNOWLEDGED, number="C2"))

    assert verb(session, request.action_id) == ""
    assert verb(session, "C1", "withdraw-0002") == "call_off_withdrawn"  # staff have not done it yet
    assert verb(session, "C2", "withdraw-0003") == "call_off_confirmed"


def test_a_mapping_that_reads_none_leaves_it_to_the_journal(telling: Telling, session: TenantSession) -> None:
    telling.is_mute = True
    request = asked(session)

    assert (button(session, request.action_id), verb(session, request.action_id)) == ("", "")


def test_what_the_contract_says_is_pending_can_be_taken_back(
    office: MemoryOffice, telling: Telling, session: TenantSession
) -> None:
    assert button(session) == "no_call_off"
    rental = office.books.rentals_of("F1", "T1")[-1]
    (item,) = rental.items
    office.books.put("F1", rental.changed(items=(item.changed(call_off_pending=Decimal(1)),)))

    assert button(session) == ""


class Writing(Telling):
    """Takes call-offs itself, and tells of none."""

    is_mute = True

    @handles(RequestCallOff, dedup=Dedup.STATE, absence_conclusive=True, source="made up")
    def _call_off(self, effect: RequestCallOff, attempt: Attempt) -> Receipt:
        return Receipt(evidence=f"{effect.kind} {attempt.key}", at=self.office.clock.now())

    @probes(RequestCallOff)
    def _probe_call_off(self, _effect: RequestCallOff, _attempt: Attempt) -> Probed:
        return Absent("nothing is told")


def test_what_the_back_office_took_and_does_not_tell_of_is_known_from_the_journal(
    office: MemoryOffice, tmp_path: Path
) -> None:
    with bridge_over(Writing(office), tmp_path) as bridge:
        session = bridge.tenant("F1", "T1")
        request = asked(session)

        assert not any(step.emulates for step in request.steps)
        assert (button(session, request.action_id), verb(session, request.action_id)) == ("", "")


def test_a_call_off_that_is_named_is_of_one_contract_among_several(bridge: Bridge, office: MemoryOffice) -> None:
    contract(office, "K3")
    session = bridge.tenant("F1", "T1")
    request = asked(session)

    offers = session.available_actions(call_off_id=request.action_id)

    codes = {each.rental_id: each.code for each in offers if each.kind == "withdraw_call_off"}
    assert (codes["K1"], codes["K3"]) == ("", "no_call_off")
    with pytest.raises(NotFoundError):
        session.available_actions("K3", call_off_id=request.action_id)


def test_a_unit_has_no_call_offs(bridge: Bridge) -> None:
    offers = bridge.tenant("F1", "T1").available_actions("R1")

    assert next(each.code for each in offers if each.kind == "withdraw_call_off") == "move_out_instead"


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_a_withdrawal_aims_at_one_request() -> None:
    scope: dict[str, Any] = {"account": "mem", "facility": "F1", "tenant_id": "T1", "rental_id": "K1", "item_id": "I1"}
    one = WithdrawCallOff(**scope, called_off="PB-AAAAAAAAAAAA", quantity=Decimal(1), reference="PB-CCCCCCCCCCCC")

    assert one.target != one.changed(called_off="PB-BBBBBBBBBBBB").target
    asked_for = RequestCallOff(**scope, quantity=Decimal(1), wanted_on=DAY, reference="PB-AAAAAAAAAAAA")
    assert one.target != asked_for.target
