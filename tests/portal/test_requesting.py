"""The other verbs of a tenant session, judged by what the back office holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.payments import Autopay, AutopayState, StoredMethod
from pmsbridge.model.record import Source
from pmsbridge.model.rental import RentalState
from pmsbridge.model.sealed import WebPassword
from pmsbridge.portal.arguments import checked_quantity
from pmsbridge.ports.outcome import Outcome
from pmsbridge.testing.memory import Fault, MemoryAdapter
from tests.portal.conftest import TEST_PAN, World, card

LEAVING = date(2026, 12, 31)


@pytest.mark.parametrize(
    "given",
    [Decimal("1E+999999999"), Decimal("1E-999999999"), 10**12, Decimal("0.1234567"), 2.0, "2", True, Decimal("NaN")],
)
def test_a_quantity_that_nobody_can_count_is_refused_before_it_is_spelled_out(given: Any) -> None:
    with pytest.raises(InputError) as refused:
        checked_quantity("quantity", given)

    assert refused.value.field == "quantity"


@pytest.mark.parametrize(
    ("given", "text"), [(2, "2"), (Decimal("2.0"), "2"), (Decimal("1E+1"), "10"), (Decimal("2.50"), "2.5"), (0, "0")]
)
def test_a_quantity_is_one_wish_however_it_is_spelled(given: Any, text: str) -> None:
    assert str(checked_quantity("quantity", given)) == text


def kinds(world: World) -> list[str]:
    return [row.effect.kind for row in world.office.applied]  # type: ignore[attr-defined]


@pytest.mark.fact("S0.38", "S0.40", "S0.41", "S0.42", "S1.15")
def test_a_contact_edit_is_written_and_told_to_staff_three_times(world: World) -> None:
    session = world.session()

    view = session.edit_contact({"phone": "512 555 0199"}, key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert sorted(kinds(world)) == ["add_note", "change_contact", "post_bulletin"]
    (mail,) = world.outbox.mails
    assert mail.to == "manager@f1.example"
    assert "512 555 0199" in mail.text
    assert session.tenant().phone is not None
    assert session.tenant().phone.raw == "512 555 0199"  # type: ignore[union-attr]


@pytest.mark.fact("S0.43")
def test_a_notice_that_fails_never_repeats_or_undoes_the_edit(world: World) -> None:
    world.office.fail(Fault.DROP_AFTER, kind="add_note")
    world.outbox.is_closed = True
    session = world.session()

    view = session.edit_contact({"phone": "512 555 0199"}, key="click-0001")
    assert view.outcome is Outcome.SETTLED

    world.outbox.is_closed = False
    for _ in range(6):
        world.later(minutes=15)
    assert sorted(kinds(world)) == ["add_note", "change_contact", "post_bulletin"]
    assert len(world.outbox.mails) == 1


@pytest.mark.fact("S1.18")
def test_an_edit_of_what_changed_meanwhile_is_refused(world: World) -> None:
    session = world.session()

    with pytest.raises(IneligibleError) as refused:
        session.edit_contact({"phone": "1 512 555 0199"}, key="click-0001", seen={"phone": "something else"})

    assert refused.value.code == "changed_meanwhile"
    assert not world.office.applied


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "changes"),
        ({"shoe_size": "9"}, "changes['shoe_size']"),
        ({"email": "not an address"}, "email"),
        ({"phone": "call me"}, "phone"),
        ({"address.line1": "x" * 81}, "address.line1"),
        ({"address.line1": "one\ntwo"}, "address.line1"),
        ({"address.line2": f"card {TEST_PAN}"}, "address.line2"),
        ({"name.last": "", "name.company": ""}, "name.last"),
        ({TEST_PAN: "x"}, "changes"),
    ],
)
def test_an_edit_that_cannot_be_meant_is_refused_by_field(world: World, changes: dict[str, str], field: str) -> None:
    with pytest.raises(InputError) as refused:
        world.session().edit_contact(changes, key="click-0001")

    assert refused.value.field.startswith(field)
    assert TEST_PAN not in str(refused.value)
    assert not world.office.applied


@pytest.mark.fact("S0.34", "S0.36", "S1.29")
def test_a_move_out_is_scheduled_changed_and_cancelled_and_the_unit_stays_let(world: World) -> None:
    session = world.session()

    assert session.request_move_out("R1", LEAVING, key="click-0001").outcome is Outcome.SETTLED
    row = session.account().rental("R1")
    assert row is not None
    assert (row.rental.state, row.rental.leaving_on) == (RentalState.NOTICE_GIVEN, LEAVING)
    assert row.rental.state.is_current

    later = LEAVING + timedelta(days=7)
    assert session.request_move_out("R1", later, key="click-0002").outcome is Outcome.SETTLED
    assert session.cancel_move_out("R1", key="click-0003").outcome is Outcome.SETTLED
    back = session.account().rental("R1")
    assert back is not None
    assert (back.rental.state, back.rental.leaving_on) == (RentalState.ACTIVE, None)


def test_a_move_out_in_the_past_is_refused_with_the_earliest_date(world: World) -> None:
    with pytest.raises(IneligibleError) as refused:
        world.session().request_move_out("R1", date(2026, 11, 20), key="click-0001")

    assert refused.value.code == "date_in_past"
    assert "2026-11-21" in refused.value.unblock


@pytest.mark.fact("S0.31", "S0.32")
def test_autopay_goes_on_with_a_new_card_and_off_again(world: World) -> None:
    session = world.session()

    on = session.set_autopay("R1", on=True, method=card(), key="click-0001")
    assert on.outcome is Outcome.SETTLED
    assert world.office.sealed_seen

    off = session.set_autopay("R1", on=False, key="click-0002")
    assert off.outcome is Outcome.SETTLED


def test_autopay_on_without_a_method_is_refused(world: World) -> None:
    with pytest.raises(IneligibleError) as refused:
        world.session().set_autopay("R1", on=True, key="click-0001")
    assert refused.value.code == "method_needed"


def test_switching_autopay_off_takes_no_card(world: World) -> None:
    typed = card()
    with pytest.raises(InputError):
        world.session().set_autopay("R1", on=False, method=typed, key="click-0001")
    assert typed.is_wiped


@pytest.mark.fact("S1.40")
@pytest.mark.parametrize("text", ["", "   ", "x" * 1501, f"my card is {TEST_PAN}", "4111 1111 1111 1111"])
def test_a_note_that_does_not_fit_is_refused_and_nothing_is_cut(world: World, text: str) -> None:
    with pytest.raises(InputError) as refused:
        world.session().add_note("R1", text, key="click-0001")

    assert TEST_PAN not in str(refused.value)
    assert not world.office.applied


def test_a_request_to_staff_is_a_note_a_bulletin_post_and_a_mail_with_one_reference_each(world: World) -> None:
    view = world.session().ask_staff("Transfer", "I would like a bigger unit.", key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert sorted(kinds(world)) == ["add_note", "post_bulletin"]
    assert len(world.outbox.mails) == 1
    assert all(step.reference.startswith("PB-") for step in view.steps)


@pytest.mark.fact("S1.28")
def test_a_unit_is_reserved_for_the_tenant(world: World) -> None:
    session = world.session()

    view = session.reserve("U9", date(2026, 12, 1), key="click-0001", comment="ground floor please")

    assert view.outcome is Outcome.SETTLED
    assert kinds(world) == ["reserve_unit"]
    with pytest.raises(InputError):
        session.reserve("U9", date(2026, 11, 1), key="click-0002")


def test_a_reservation_for_longer_is_another_wish(world: World) -> None:
    session, day, last = world.session(), date(2026, 12, 1), date(2026, 12, 8)
    first = session.reserve("U9", day, key="click-0001", expires_on=last)

    assert session.reserve("U9", day, key="click-0001", expires_on=last).action_id == first.action_id
    for other in (None, date(2026, 12, 15)):
        with pytest.raises(InputError) as refused:
            session.reserve("U9", day, key="click-0001", expires_on=other)
        assert refused.value.code == "key_reused"


@pytest.mark.fact("S0.44")
def test_a_password_is_set_and_never_stored(world: World) -> None:
    session = world.session()
    secret = WebPassword("fake-pw-77")

    view = session.change_password("ana@example.test", secret, key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert secret.is_wiped
    held = b"".join(path.read_bytes() for path in world.path.parent.iterdir())
    assert b"fake-pw-77" not in held


def test_while_the_back_office_is_away_the_dashboard_shows_the_copy_and_a_request_is_kept(world: World) -> None:
    session = world.session()
    session.dashboard()
    world.office.failing_reads = 1

    assert session.dashboard().source is Source.MIRROR


def test_what_was_just_written_is_seen_at_once_on_the_copy(world: World) -> None:
    session = world.session()
    session.dashboard()
    session.request_move_out("R1", LEAVING, key="click-0001")

    copy = session.dashboard(live=False)

    row = copy.account.rental("R1")
    assert row is not None
    assert row.rental.leaving_on == LEAVING


@pytest.mark.fact("S0.1")
def test_another_tenant_s_action_does_not_exist(world: World) -> None:
    view = world.session("T1").add_note("R1", "hello", key="click-0001")

    with pytest.raises(NotFoundError):
        world.session("T2").action(view.action_id)
    with pytest.raises(NotFoundError):
        world.session("T1", "F2").action(view.action_id)
    assert world.session("T2").actions() == ()


@pytest.mark.fact("S0.6", "S0.19")
def test_the_dashboard_greets_and_offers_what_the_judge_allows(world: World) -> None:
    board = world.session().dashboard()

    assert board.greeting == "Ana"
    assert [row.rental.unit_number for row in board.rows] == ["015", "B-7"]
    assert str(board.total.payable_now) == "240.00 USD"
    offers = {(o.kind.value, o.rental_id): o.allowed for o in board.offers}
    assert offers["pay_all", None]
    assert offers["pay_rental", "R1"]
    assert not offers["cancel_move_out", "R1"]


def test_autopay_that_only_staff_can_switch_off_becomes_their_task(world: World) -> None:
    world.office.books.autopay["F1", "R1"] = Autopay(
        rental_id="R1", state=AutopayState.BANK_DEBIT, method_usable=True, is_changeable=False
    )
    session = world.session()

    view = session.set_autopay("R1", on=False, key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert view.emulated
    assert "set_autopay" not in kinds(world)
    assert any("switch autopay off" in str(row.effect) for row in world.office.of_kind("add_note"))
    (offer,) = [o for o in session.available_actions("R1") if o.kind.value == "autopay_off"]
    assert offer.is_emulated


def test_staff_who_must_switch_autopay_are_told_which_stored_method_and_which_day_the_tenant_chose(
    world: World,
) -> None:
    books = world.office.books
    books.autopay["F1", "R1"] = Autopay(
        rental_id="R1", state=AutopayState.BANK_DEBIT, method_usable=True, is_changeable=False
    )
    books.add_method("F1", "T1", "M7")

    view = world.session().set_autopay(
        "R1", on=True, method=StoredMethod(method_id="M7"), days_after_due=5, key="click-0001"
    )

    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    assert "set_autopay" not in kinds(world)
    (told,) = [str(row.effect) for row in world.office.of_kind("add_note")]
    assert "charge what is on file as visa ****1111" in told
    assert "charge 5 days after the due date" in told
    assert "Keep the payment method" not in told


@pytest.mark.parametrize(
    ("kind", "by", "is_emulated"),
    [("autopay_change", "stored", True), ("autopay_change", "card", False), ("autopay_on", "stored", True)],
)
def test_the_button_says_whether_staff_will_set_autopay(world: World, kind: str, by: str, *, is_emulated: bool) -> None:
    found = list[bool]()
    for is_changeable in (False, True):
        world.office.books.autopay["F1", "R1"] = Autopay(
            rental_id="R1", state=AutopayState.BANK_DEBIT, method_usable=True, is_changeable=is_changeable
        )
        offers = world.session().available_actions("R1", by=by)
        found += [offer.is_emulated for offer in offers if offer.kind.value == kind]

    assert found == [is_emulated, False]


def of_autopay_change(world: World, key: str) -> tuple[str, str]:
    """What the button says, and what the verb does with a card that is typed."""
    (offer,) = [o for o in world.session().available_actions("R1") if o.kind.value == "autopay_change"]
    try:
        world.session().set_autopay("R1", on=True, method=card(), key=key)
    except IneligibleError as refused:
        return offer.code, refused.code
    return offer.code, ""


def test_a_back_office_without_a_word_about_autopay_takes_what_is_typed_unless_it_has_no_place_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(MemoryAdapter, "autopay_means")
    rows = MemoryAdapter.capabilities
    row = replace(rows["set_autopay"], without=frozenset({"method"}))

    assert of_autopay_change(world, "click-0001") == ("", "")
    monkeypatch.setattr(MemoryAdapter, "capabilities", {**rows, "set_autopay": row})
    assert of_autopay_change(world, "click-0002") == ("method_by_office", "method_by_office")


def test_what_autopay_can_be_told_to_charge_is_heard_without_another_word(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(MemoryAdapter, "asks_autopay_by_unit")
    monkeypatch.setattr(MemoryAdapter, "autopay_means", frozenset())

    assert of_autopay_change(world, "click-0001") == ("method_by_office", "method_by_office")


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("on", lambda s: s.set_autopay("R1", on="false", key="click-0001")),
        ("days_after_due", lambda s: s.set_autopay("R1", on=True, days_after_due=True, key="click-0001")),
        ("channel", lambda s: s.set_consent("pigeon", "marketing", granted=True, key="click-0001")),
        ("granted", lambda s: s.set_consent("sms", "marketing", granted="yes", key="click-0001")),
        ("kind", lambda s: s.add_note("R1", "hello", kind="poem", key="click-0001")),
        ("visibility", lambda s: s.add_note("R1", "hello", visibility="all", key="click-0001")),
        ("password", lambda s: s.change_password("ana@example.test", "fake-pw-77", key="click-0001")),
        ("as_of", lambda s: s.statement("R1", "2026-01-01")),
        ("days", lambda s: s.statement("R1", date(2026, 1, 1), days=-3)),
        ("since", lambda s: s.invoices(since="2026")),
        ("since", lambda s: s.invoices(since=date(2026, 2, 1), until=date(2026, 1, 1))),
        ("limit", lambda s: s.actions(limit=-1)),
    ],
)
def test_an_argument_of_the_wrong_kind_is_an_input_error_by_name(world: World, field: str, call: Any) -> None:
    with pytest.raises(InputError) as refused:
        call(world.session())

    assert refused.value.field == field
    assert not world.office.applied


def test_words_are_taken_as_text_too(world: World) -> None:
    session = world.session()

    assert session.set_consent("sms", "marketing", granted=True, key="click-0001").outcome is Outcome.SETTLED
    assert session.add_note("R1", "hi", kind="maintenance", visibility="customer", key="click-0002").outcome is (
        Outcome.SETTLED
    )
