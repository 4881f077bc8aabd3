"""Ways to pay that are stored: told masked, and charged only for whom they are stored and while they are good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnavailableError, UnsupportedError
from pmsbridge.model.payments import Autopay, AutopayState, MethodKind, StoredMethod
from pmsbridge.model.sealed import BankAccount, BankAccountFace, BankAccountKind, CardBrand, CardFace
from pmsbridge.ports.outcome import Outcome
from tests.facts.portal import Portal, before_mapping, in_memory
from tests.facts.test_storage_tenant import new_card

LONG_AGO = date(2026, 10, 31)


@pytest.fixture(params=["memory", "cubby", "storedge"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    name = str(request.param)
    with in_memory(tmp_path) if name == "memory" else before_mapping(tmp_path, name) as made:
        yield made


@pytest.fixture
def remembered(tmp_path: Path) -> Iterator[Portal]:
    with in_memory(tmp_path) as made:
        yield made


def expire(shop: Portal) -> None:
    """The card of whoever signs in ended last month."""
    if shop.mapped is not None:
        shop.enter("payment_methods", "4001", face__expires_on=LONG_AGO)
        return
    assert shop.office is not None
    methods = shop.office.books.methods
    code, method = methods[0]
    assert isinstance(method.face, CardFace)
    methods[0] = code, method.changed(face=method.face.changed(expires_on=LONG_AGO))


def test_what_is_stored_is_told_with_its_last_digits_and_no_more(shop: Portal) -> None:
    (method,) = shop.session.payment_methods()

    assert (method.kind, method.last4) == (MethodKind.CARD, "1111")
    assert isinstance(method.face, CardFace)
    assert method.face.brand is CardBrand.VISA
    assert method.expires_on is not None
    assert (method.expires_on.month, method.expires_on.day) == (12, 31)
    assert method.tenant_id == shop.busy
    assert method.is_usable
    assert method.pays_on_demand
    assert "4111" not in method.model_dump_json()


@pytest.mark.fact("S0.20", "S0.22")
def test_a_unit_is_paid_by_what_is_stored(shop: Portal) -> None:
    session = shop.session
    (method,) = session.payment_methods()
    row = next(row for row in session.account().current if row.balances.payable_now.is_positive)

    view = session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert session.rental(row.id).balances.payable_now.is_zero
    assert shop.changes() == 1


def test_a_card_that_has_ended_is_denied_and_nothing_is_sent(shop: Portal) -> None:
    expire(shop)
    session = shop.session
    (method,) = session.payment_methods()
    row = session.account().current[0]

    with pytest.raises(IneligibleError) as denied:
        session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")

    assert denied.value.code == "method_expired"
    assert denied.value.unblock
    assert shop.changes() == 0


def test_what_is_stored_for_another_tenant_is_not_charged(shop: Portal) -> None:
    (foreign,) = shop.of(shop.other).payment_methods()
    row = shop.session.account().current[0]

    with pytest.raises(NotFoundError):
        shop.session.pay_rental(row.id, StoredMethod(method_id=foreign.id), key="click-0001")

    assert shop.changes() == 0


def test_the_same_click_again_is_answered_though_the_card_has_ended_meanwhile(shop: Portal) -> None:
    (method,) = shop.session.payment_methods()
    row = shop.session.account().current[0]
    paid = shop.session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")
    expire(shop)

    again = shop.session.pay_rental(row.id, StoredMethod(method_id=method.id), key="click-0001")

    assert again.action_id == paid.action_id
    assert shop.changes() == 1


@pytest.mark.fact("S0.31", "S0.32")
def test_autopay_goes_on_for_what_is_stored_and_off_again(shop: Portal) -> None:
    session = shop.session
    (method,) = session.payment_methods()
    row = session.account().current[0]

    on = session.set_autopay(row.id, on=True, method=StoredMethod(method_id=method.id), key="click-0001")
    told = {each.rental_id: each for each in autopay_of(shop)}
    off = session.set_autopay(row.id, on=False, key="click-0002")
    after = {each.rental_id: each for each in autopay_of(shop)}

    assert (on.outcome, off.outcome) == (Outcome.SETTLED, Outcome.SETTLED)
    assert (told[row.id].is_on, told[row.id].state) == (True, AutopayState.CARD)
    charged = told[row.id].method
    assert charged is not None
    assert charged.id == method.id
    assert [each.is_on for id_, each in told.items() if id_ != row.id] == [False]
    assert after[row.id].state is AutopayState.OFF
    assert shop.changes() == 2


def autopay_of(shop: Portal) -> list[Autopay]:
    (adapter,) = shop.bridge.adapters.values()
    return list(adapter.autopay(shop.facility, shop.busy))


def test_the_page_shows_autopay_by_what_is_stored_before_the_night_has_read_it(shop: Portal) -> None:
    session = shop.session
    (method,) = session.payment_methods()
    row = session.account().current[0]

    session.set_autopay(row.id, on=True, method=StoredMethod(method_id=method.id), key="click-0001")

    for live in (True, False):
        shown = session.account(live=live).rental(row.id)
        assert shown is not None
        assert shown.autopay is not None
        assert shown.autopay.is_on


@pytest.mark.parametrize(
    ("face", "state"),
    [(CardFace(brand=CardBrand.VISA, last4="1111"), AutopayState.CARD),
     (BankAccountFace(kind=BankAccountKind.UNKNOWN, last4="6789"), AutopayState.BANK_DEBIT),
     (None, AutopayState.UNKNOWN)],
)  # fmt: skip
def test_the_page_shows_what_autopay_was_told_to_charge_while_reads_lag_behind(
    remembered: Portal, face: CardFace | BankAccountFace | None, state: AutopayState
) -> None:
    assert remembered.office is not None
    methods = remembered.office.books.methods
    methods[0] = methods[0][0], methods[0][1].changed(face=face)
    session, adapter = remembered.session, remembered.bridge.adapters["mem"]
    before = adapter.account("F1", "T1")
    remembered.clock.advance(timedelta(seconds=1))

    session.set_autopay("R1", on=True, method=StoredMethod(method_id="M1"), key="click-0001")
    shown = remembered.bridge.runtime.overlaid(before).rental("R1")

    assert shown is not None
    assert shown.autopay is not None
    assert (shown.autopay.state, shown.autopay.is_on) == (state, state is not AutopayState.UNKNOWN)


def test_autopay_that_is_on_stays_on_when_it_is_switched_on_without_a_word_about_what_it_charges(shop: Portal) -> None:
    session = shop.session
    (method,) = session.payment_methods()
    row = session.account().current[0]
    session.set_autopay(row.id, on=True, method=StoredMethod(method_id=method.id), key="click-0001")

    again = session.set_autopay(row.id, on=True, key="click-0002")

    assert again.outcome is Outcome.SETTLED
    (now,) = [each for each in autopay_of(shop) if each.rental_id == row.id]
    assert now.is_on
    assert now.method is not None
    assert now.method.id == method.id


def test_a_card_that_has_ended_does_not_become_autopay(shop: Portal) -> None:
    expire(shop)
    session = shop.session
    (method,) = session.payment_methods()
    row = session.account().current[0]

    with pytest.raises(IneligibleError) as denied:
        session.set_autopay(row.id, on=True, method=StoredMethod(method_id=method.id), key="click-0001")

    assert denied.value.code == "method_expired"
    assert shop.changes() == 0


def test_what_is_stored_for_another_tenant_does_not_become_autopay(shop: Portal) -> None:
    (foreign,) = shop.of(shop.other).payment_methods()
    row = shop.session.account().current[0]

    with pytest.raises(NotFoundError):
        shop.session.set_autopay(row.id, on=True, method=StoredMethod(method_id=foreign.id), key="click-0001")

    assert shop.changes() == 0


@pytest.mark.parametrize("name", ["cubby", "storedge"])
def test_a_mapping_tells_with_the_button_that_autopay_takes_what_is_stored_and_no_typed_card(
    tmp_path: Path, name: str
) -> None:
    with before_mapping(tmp_path, name) as shop:
        session, typed = shop.session, new_card()
        before = session.history()
        row = session.account().current[0]
        offer = next(each for each in session.available_actions(row.id) if each.kind.value == "autopay_change")

        with pytest.raises(IneligibleError) as denied:
            session.set_autopay(row.id, on=True, method=typed, key="click-0001")

        assert (offer.allowed, offer.facts["by"]) == (True, "stored")
        assert (denied.value.code, typed.is_wiped) == ("method_not_taken", True)
        assert session.history() == before
        assert shop.changes() == 0


@pytest.mark.parametrize("name", ["cubby", "storedge"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_autopay_whose_answer_was_lost_is_looked_for_before_it_is_said_again(
    tmp_path: Path, name: str, kind: str
) -> None:
    with before_mapping(tmp_path, name) as shop:
        assert shop.mapped is not None
        session = shop.session
        row = session.account().current[0]
        shop.mapped.faults.inject({"operation": "set_autopay.*", "kind": kind})

        view = session.set_autopay(row.id, on=True, method=StoredMethod(method_id="4001"), key="click-0001")
        assert view.outcome is Outcome.PENDING
        shop.later(minutes=30)
        shop.later(minutes=30)

        assert session.action(view.action_id).outcome is Outcome.SETTLED
        assert [each.is_on for each in autopay_of(shop) if each.rental_id == row.id] == [True]
        assert shop.changes() == 1


@pytest.mark.parametrize("name", ["buildium", "booqable"])
def test_where_a_mapping_names_nothing_to_charge_the_button_says_so(tmp_path: Path, name: str) -> None:
    with before_mapping(tmp_path, name) as shop:
        session = shop.session
        row = session.account().current[0]
        with pytest.raises(UnsupportedError):
            session.set_autopay(row.id, on=True, method=StoredMethod(method_id="4001"), key="click-0001")


def test_a_method_that_is_stored_for_one_rental_is_not_charged_for_another(remembered: Portal) -> None:
    assert remembered.office is not None
    methods = remembered.office.books.methods
    code, method = methods[0]
    methods[0] = code, method.changed(rental_id="R4", pays_on_demand=False)
    session = remembered.session

    with pytest.raises(IneligibleError) as denied:
        session.set_autopay("R1", on=True, method=StoredMethod(method_id="M1"), key="click-0001")
    own = session.set_autopay("R4", on=True, method=StoredMethod(method_id="M1"), key="click-0002")

    assert denied.value.code == "method_not_usable"
    assert own.outcome is Outcome.SETTLED


def test_a_card_number_in_place_of_a_stored_method_is_refused(remembered: Portal) -> None:
    with pytest.raises(InputError) as refused:
        remembered.session.set_autopay(
            "R1", on=True, method=StoredMethod(method_id="4111111111111111"), key="click-0001"
        )

    assert "4111" not in str(refused.value)
    assert not remembered.office.applied if remembered.office is not None else False


def test_while_nobody_tells_what_is_stored_nothing_is_charged(remembered: Portal) -> None:
    assert remembered.office is not None
    row = remembered.session.account().current[0]
    remembered.office.failing_reads = 9

    with pytest.raises(UnavailableError):
        remembered.session.pay_rental(row.id, StoredMethod(method_id="M1"), key="click-0001")

    assert remembered.changes() == 0


def test_what_is_not_good_any_more_for_another_reason_is_denied(remembered: Portal) -> None:
    assert remembered.office is not None
    methods = remembered.office.books.methods
    for bad in ({"is_usable": False}, {"pays_on_demand": False}):
        code, method = methods[0]
        methods[0] = code, method.changed(**{"is_usable": True, "pays_on_demand": True, **bad})

        with pytest.raises(IneligibleError) as denied:
            remembered.session.pay_all(StoredMethod(method_id="M1"), key="click-0001")
        assert denied.value.code == "method_not_usable"


def test_a_mapping_that_reads_no_methods_says_so(tmp_path: Path) -> None:
    with before_mapping(tmp_path, "buildium") as shop, pytest.raises(UnsupportedError):
        shop.session.payment_methods()


@pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
def test_the_stored_card_in_place_of_a_bank_account_is_asked_of_staff_by_its_digits(portal: Portal) -> None:
    session = portal.of("1008")
    row = next(each for each in session.account().current if each.rental.unit_number == "F-03")
    bank = BankAccount(routing_number="021000021", account_number="000987654", kind=BankAccountKind.CONSUMER_CHECKING)
    assert session.set_autopay(row.id, on=True, method=bank, key="click-0001").outcome is Outcome.SETTLED
    (card,) = session.payment_methods()

    offers = {each.kind.value: each for each in session.available_actions(row.id, by="stored")}
    view = session.set_autopay(row.id, on=True, method=StoredMethod(method_id=card.id), key="click-0002")

    assert offers["autopay_change"].is_emulated
    assert (view.outcome, view.emulated) == (Outcome.SETTLED, True)
    assert any("as mastercard ****5454" in mail.text for mail in portal.outbox.mails)
