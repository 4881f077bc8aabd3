"""The judge: who may do what, why not, and what unblocks it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.actions.case import ALL_MEANS
from pmsbridge.actions.eligibility import Asked, Subject, available_actions, judge, refuse_unless_allowed
from pmsbridge.actions.kinds import EMULATABLE, NEEDS, ActionKind
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.ledger import Balances
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Autopay, AutopayState
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import RentalState
from pmsbridge.model.sealed import CardBrand, CardFace
from tests import builders as make

K = ActionKind
TOMORROW = make.TODAY + timedelta(days=1)
UNTOLD = Autopay(rental_id="R1", state=AutopayState.UNKNOWN)


def ask(kind: ActionKind, of: TenantAccount, *, rental_id: str | None = None, **asked: Any) -> str:
    """The reason code, or "allowed"."""
    offer = judge(kind, make.subject(of), rental_id=rental_id, asked=Asked(**asked))
    assert offer.allowed is (not offer.code)
    return offer.code or "allowed"


CASES: list[tuple[str, ActionKind, TenantAccount, str | None, dict[str, Any]]] = [
    ("allowed", K.PAY_RENTAL, make.account(make.row()), "R1", {}),
    ("allowed", K.PAY_RENTAL, make.account(make.row()), "R1", {"amount": make.usd("50.00")}),
    ("nothing_due", K.PAY_RENTAL, make.account(make.row(balance="0")), "R1", {}),
    ("nothing_due", K.PAY_RENTAL, make.account(make.row(balance="-5.00")), "R1", {}),
    ("complimentary", K.PAY_RENTAL, make.account(make.row(is_complimentary=True)), "R1", {}),
    ("amount_not_payable", K.PAY_RENTAL, make.account(make.row()), "R1", {"amount": make.usd(0)}),
    ("amount_not_payable", K.PAY_RENTAL, make.account(make.row()), "R1", {"amount": make.usd("-1.00")}),
    ("amount_not_payable", K.PAY_RENTAL, make.account(make.row()), "R1", {"amount": make.usd("1.005")}),
    ("amount_exceeds_balance", K.PAY_RENTAL, make.account(make.row()), "R1", {"amount": make.usd("120.01")}),
    ("wrong_currency", K.PAY_RENTAL, make.account(make.row()), "R1", {"amount": Money.of("5.00", "CAD")}),
    (
        "partial_not_allowed",
        K.PAY_RENTAL,
        make.account(make.row(), at=make.facility(allows_partial_payments=False)),
        "R1",
        {"amount": make.usd("119.99")},
    ),
    ("payments_off", K.PAY_ALL, make.account(make.row(), at=make.facility(accepts_online_payments=False)), None, {}),
    ("payments_blocked", K.PAY_RENTAL, make.account(make.row(payments_blocked="refused")), "R1", {}),
    (
        "too_many_days_past_due",
        K.PAY_RENTAL,
        make.account(make.row(days_past_due=30), at=make.facility(blocked_from_days_past_due=30)),
        "R1",
        {},
    ),
    (
        "allowed",
        K.PAY_RENTAL,
        make.account(make.row(days_past_due=29), at=make.facility(blocked_from_days_past_due=30)),
        "R1",
        {},
    ),
    ("allowed", K.PAY_ALL, make.account(make.row(), make.row("R2", number="A-12")), None, {}),
    ("not_all_billed", K.PAY_ALL, make.account(make.row(), make.row("R2", billed=False)), None, {}),
    ("billing_not_known", K.PAY_ALL, make.account(make.row(), make.row("R2", billed=None)), None, {}),
    ("not_all_billed", K.PAY_ALL, make.account(make.row(billed=None), make.row("R2", billed=False)), None, {}),
    ("allowed", K.PAY_ALL, make.account(make.row(), make.row("R2", billed=None, is_complimentary=True)), None, {}),
    ("nothing_due", K.PAY_ALL, make.account(make.row(balance="0")), None, {}),
    ("no_rentals", K.PAY_ALL, make.account(), None, {}),
    ("allowed", K.PREPAY, make.account(make.row(balance="0")), "R1", {"months": 12}),
    ("months_out_of_range", K.PREPAY, make.account(make.row(balance="0")), "R1", {"months": 13}),
    ("months_out_of_range", K.PREPAY, make.account(make.row(balance="0")), None, {"months": 0}),
    (
        "months_out_of_range",
        K.PREPAY,
        make.account(make.row(balance="0"), at=make.facility(max_prepay_months=3)),
        "R1",
        {"months": 4},
    ),
    ("balance_not_zero", K.PREPAY, make.account(make.row(balance="0.01")), "R1", {"months": 1}),
    ("balance_not_zero", K.PREPAY, make.account(make.row(balance="0"), make.row("R2")), None, {"months": 1}),
    ("allowed", K.PREPAY, make.account(make.row(balance="0"), make.row("R2")), "R1", {"months": 1}),
    ("leaving", K.PREPAY, make.account(make.row(balance="0", state=RentalState.NOTICE_GIVEN)), "R1", {"months": 1}),
    ("method_needed", K.AUTOPAY_ON, make.account(make.row()), "R1", {"has_new_method": False}),
    ("allowed", K.AUTOPAY_ON, make.account(make.row()), "R1", {"has_new_method": True}),
    ("method_not_taken", K.AUTOPAY_ON, make.account(make.row()), "R1", {"has_new_method": True, "by": "stored"}),
    ("method_not_taken", K.AUTOPAY_CHANGE, make.account(make.row()), "R1", {"has_new_method": True, "by": "stored"}),
    (
        "autopay_mandatory",
        K.AUTOPAY_OFF,
        make.account(make.row(), at=make.facility(autopay_is_mandatory=True)),
        "R1",
        {},
    ),
    ("autopay_unknown", K.AUTOPAY_OFF, make.account(make.row(autopay=None)), "R1", {}),
    ("autopay_unknown", K.AUTOPAY_OFF, make.account(make.row(autopay=UNTOLD)), "R1", {}),
    ("allowed", K.AUTOPAY_OFF, make.account(make.row(autopay=UNTOLD.changed(is_enrolled=True))), "R1", {}),
    ("allowed", K.REQUEST_MOVE_OUT, make.account(make.row()), "R1", {"leaving_on": make.TODAY}),
    ("date_in_past", K.REQUEST_MOVE_OUT, make.account(make.row()), "R1", {"leaving_on": date(2026, 11, 20)}),
    (
        "notice_too_short",
        K.REQUEST_MOVE_OUT,
        make.account(make.row(), at=make.facility(move_out_notice_days=2)),
        "R1",
        {"leaving_on": TOMORROW},
    ),
    ("date_too_far", K.REQUEST_MOVE_OUT, make.account(make.row()), "R1", {"leaving_on": date(2028, 1, 1)}),
    ("rental_over", K.REQUEST_MOVE_OUT, make.account(make.row(state=RentalState.CLOSED)), "R1", {}),
    ("no_move_out", K.CANCEL_MOVE_OUT, make.account(make.row()), "R1", {}),
    ("portal_disabled", K.EDIT_CONTACT, make.account(make.row(), who=make.tenant(portal_disabled=True)), None, {}),
    ("allowed", K.EDIT_CONTACT, make.account(make.row()), None, {}),
]


@pytest.mark.parametrize(("code", "kind", "of", "rental_id", "asked"), CASES)
def test_every_rule_has_its_reason_code(
    code: str, kind: ActionKind, of: TenantAccount, rental_id: str | None, asked: dict[str, Any]
) -> None:
    assert ask(kind, of, rental_id=rental_id, **asked) == code


def test_an_expired_card_on_file_asks_for_a_new_one() -> None:
    expired = Autopay(rental_id="R1", state=AutopayState.OFF, method=make.stored_card(expires_on=date(2026, 10, 31)))

    assert ask(K.AUTOPAY_ON, make.account(make.row(autopay=expired)), rental_id="R1", has_new_method=False) == (
        "method_expired"
    )


@pytest.mark.parametrize("expires_on", [None, date(2026, 10, 31), date(2030, 1, 31)])
def test_a_form_for_autopay_is_told_what_would_be_said_without_a_method(expires_on: date | None) -> None:
    stored = make.stored_card(expires_on=expires_on) if expires_on is not None else None
    of = make.account(make.row(autopay=Autopay(rental_id="R1", state=AutopayState.OFF, method=stored)))
    offer = judge(K.AUTOPAY_ON, make.subject(of), rental_id="R1")

    assert offer.allowed
    assert offer.facts.get("without_method", "allowed") == ask(K.AUTOPAY_ON, of, rental_id="R1", has_new_method=False)


@pytest.mark.parametrize(("kind", "rental_id"), [(K.PAY_ALL, None), (K.PAY_RENTAL, "R1"), (K.AUTOPAY_CHANGE, "R1")])
def test_the_face_of_a_typed_card_is_enough_to_say_that_it_has_expired(kind: ActionKind, rental_id: str | None) -> None:
    of = make.account(make.row())
    last = CardFace(brand=CardBrand.VISA, last4="1111", expires_on=make.TODAY)

    assert ask(kind, of, rental_id=rental_id, face=last, by="card", has_new_method=True) == "allowed"
    over = last.changed(expires_on=make.TODAY - timedelta(days=1))
    assert ask(kind, of, rental_id=rental_id, face=over, by="card", has_new_method=True) == "method_expired"


@pytest.mark.parametrize(
    ("missing", "kind", "method", "asked", "code"),
    [
        ("", K.AUTOPAY_CHANGE, None, {}, ""),
        ("means", K.AUTOPAY_CHANGE, None, {}, "method_by_office"),
        ("means", K.AUTOPAY_CHANGE, None, {"has_new_method": True}, "method_by_office"),
        ("", K.AUTOPAY_ON, None, {}, ""),
        ("means", K.AUTOPAY_ON, None, {}, "method_by_office"),
        ("means", K.AUTOPAY_ON, None, {"has_new_method": False}, "method_by_office"),
        ("means", K.AUTOPAY_ON, date(2026, 10, 31), {}, "method_by_office"),
        ("means", K.AUTOPAY_ON, date(2030, 1, 31), {}, ""),
        ("days_after_due", K.AUTOPAY_ON, date(2030, 1, 31), {"has_new_day": True}, "day_not_taken"),
        ("days_after_due", K.AUTOPAY_OFF, None, {"has_new_day": True}, "day_not_taken"),
        ("days_after_due", K.AUTOPAY_OFF, None, {}, ""),
        ("", K.AUTOPAY_OFF, None, {"has_new_day": True}, ""),
    ],
)
def test_autopay_is_offered_as_far_as_the_back_office_has_a_place_for_it(
    missing: str, kind: ActionKind, method: date | None, asked: dict[str, Any], code: str
) -> None:
    stored = make.stored_card(expires_on=method) if method is not None else None
    of = make.account(make.row(autopay=Autopay(rental_id="R1", state=AutopayState.OFF, method=stored)))
    subject = replace(make.subject(of), autopay_without=frozenset({missing} & {"days_after_due"}))
    if missing == "means":
        subject = replace(subject, autopay_means=frozenset())

    assert judge(kind, subject, rental_id="R1", asked=Asked(**asked)).code == code


@pytest.mark.parametrize(
    ("taken", "by", "code"),
    [
        ({"external"}, "card", "means_not_taken"),
        ({"external"}, "external", ""),
        ({"external"}, None, ""),
        ({"card"}, "external", "means_not_taken"),
        ({"card"}, "stored", "means_not_taken"),
        (ALL_MEANS, None, "payment_being_confirmed"),
        ({"external"}, "stored", "means_not_taken"),
    ],
)
def test_a_payment_is_offered_by_what_the_back_office_takes(taken: set[str], by: str | None, code: str) -> None:
    subject = replace(make.subject(make.account(make.row())), payment_means=frozenset(taken))
    subject = replace(subject, is_confirming=by is None)  # then what was typed waits, and what is not typed does not

    offer = judge(K.PAY_RENTAL, subject, rental_id="R1", asked=Asked(by=by))

    assert offer.code == code
    assert offer.facts.get("by", "") == {
        "means_not_taken": ", ".join(sorted(taken)), "payment_being_confirmed": "external, stored", "": "",
    }[code]  # fmt: skip


def test_the_unit_s_own_notice_counts_when_it_is_longer_than_the_facility_s() -> None:
    unit = Unit(ref=make.ref("unit", "U1"), number="015", notice_days=14)
    of = make.account(make.row(unit=unit), at=make.facility(move_out_notice_days=3))

    offer = judge(K.REQUEST_MOVE_OUT, make.subject(of), rental_id="R1")

    assert offer.facts["earliest_on"] == "2026-12-05"
    assert ask(K.REQUEST_MOVE_OUT, of, rental_id="R1", leaving_on=date(2026, 12, 4)) == "notice_too_short"


@pytest.mark.fact("S0.28")
def test_pay_all_names_the_unit_that_is_not_billed() -> None:
    of = make.account(make.row(), make.row("R2", number="A-12", billed=False))

    assert "A-12" in judge(K.PAY_ALL, make.subject(of)).message


def test_a_rental_of_somebody_else_does_not_exist() -> None:
    with pytest.raises(NotFoundError):
        judge(K.PAY_RENTAL, make.subject(make.account(make.row())), rental_id="R9")


@pytest.mark.fact("S0.35")
@pytest.mark.parametrize("kind", list(ActionKind))
def test_what_the_back_office_cannot_do_is_emulated_or_refused(kind: ActionKind) -> None:
    of = make.account(make.row(leaving_on=TOMORROW, state=RentalState.NOTICE_GIVEN))
    subject = Subject(account=of, today=make.TODAY, native=frozenset())

    offer = judge(kind, subject, rental_id="R1" if kind.is_per_rental else None)

    if NEEDS[kind] in EMULATABLE:
        assert offer.is_emulated or not offer.allowed
        assert offer.code != "not_supported"
    else:
        assert offer.code == "not_supported"
        with pytest.raises(UnsupportedError):
            refuse_unless_allowed(offer)


@pytest.mark.parametrize("kind", [each for each in ActionKind if NEEDS[each] in EMULATABLE])
def test_what_staff_are_not_asked_to_do_by_hand_is_refused(kind: ActionKind) -> None:
    of = make.account(make.row(leaving_on=TOMORROW, state=RentalState.NOTICE_GIVEN))
    subject = Subject(account=of, today=make.TODAY, native=frozenset(), not_by_hand=frozenset({NEEDS[kind]}))

    offer = judge(kind, subject, rental_id="R1" if kind.is_per_rental else None)

    assert (offer.allowed, offer.code, offer.is_emulated) == (False, "not_supported", False)
    native = replace(subject, native=frozenset({NEEDS[kind], "schedule_move_out"}))
    assert judge(kind, native, rental_id="R1" if kind.is_per_rental else None).code != "not_supported"


def test_nobody_changes_units_where_a_unit_is_not_left() -> None:
    subject = make.subject(make.account(make.row()), native=make.ALL_NATIVE - {"schedule_move_out"})

    assert judge(K.TRANSFER, subject, rental_id="R1").code == ""
    refused = judge(K.TRANSFER, replace(subject, not_by_hand=frozenset({"schedule_move_out"})), rental_id="R1")
    assert refused.code == "not_supported"


def test_who_has_no_price_for_months_ahead_offers_nobody_to_pay_them() -> None:
    of = make.account(make.row(balance="0"))
    with_price = make.subject(of)

    offer = judge(K.PREPAY, replace(with_price, quotes_ahead=False), rental_id="R1")

    assert judge(K.PREPAY, with_price, rental_id="R1").allowed
    assert offer.code == "not_supported"
    with pytest.raises(UnsupportedError):
        refuse_unless_allowed(offer)


def test_a_denial_becomes_an_error_with_code_message_key_and_remedy() -> None:
    offer = judge(K.PREPAY, make.subject(make.account(make.row())), rental_id="R1")

    with pytest.raises(IneligibleError) as refused:
        refuse_unless_allowed(offer)

    assert (refused.value.code, refused.value.message_key) == ("balance_not_zero", "eligibility.balance_not_zero")
    assert refused.value.unblock


def _rows() -> st.SearchStrategy[RentalAccount]:
    return st.builds(
        lambda id_, cents, billed, free, state, past: make.row(
            f"R{id_}", number=f"N{id_}", state=state, billed=billed, is_complimentary=free, days_past_due=past,
            balances=Balances.of_ledger(Money.of(cents, "USD")),
        ),
        st.integers(1, 10**6),
        st.decimals(-500, 500, places=2),
        st.sampled_from([True, False, None]),
        st.booleans(),
        st.sampled_from([RentalState.ACTIVE, RentalState.NOTICE_GIVEN, RentalState.CLOSED]),
        st.integers(0, 60),
    )  # fmt: skip


_ACCOUNTS = st.lists(_rows(), max_size=4, unique_by=lambda r: r.id).map(lambda rows: make.account(*rows))


@pytest.mark.fact("S0.28")
@given(_ACCOUNTS)
def test_pay_all_is_offered_only_when_every_current_rental_is_billed(of: TenantAccount) -> None:
    if judge(K.PAY_ALL, make.subject(of)).allowed:
        assert all(row.billed is True or row.is_complimentary for row in of.current)
        assert of.total.payable_now.is_positive


@pytest.mark.fact("S0.26")
@given(_ACCOUNTS)
def test_paying_and_prepaying_are_never_both_offered_for_one_rental(of: TenantAccount) -> None:
    for row in of.rentals:
        pay = judge(K.PAY_RENTAL, make.subject(of), rental_id=row.id).allowed
        prepay = judge(K.PREPAY, make.subject(of), rental_id=row.id).allowed
        assert not (pay and prepay)
        assert not prepay or not row.balances.ledger.is_positive


@pytest.mark.fact("S0.10", "S0.19")
@given(_ACCOUNTS)
def test_the_list_of_available_actions_is_the_judge_s_own_answer(of: TenantAccount) -> None:
    subject = make.subject(of)

    for offer in available_actions(subject):
        assert offer == judge(offer.kind, subject, rental_id=offer.rental_id)
