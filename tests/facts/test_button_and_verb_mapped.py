"""Before back offices that a mapping describes, too, the button and the verb give one answer in every situation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.sealed import Card, GateCode, WebPassword
from pmsbridge.portal.session import TenantSession
from pmsbridge_rest.sandbox import Terms
from tests.facts.portal import Portal, before_mapping
from tests.portal.conftest import TEST_PAN

K = ActionKind
TODAY: Final = date(2026, 11, 21)
FIRST, SECOND, NOT_FOUND = "2001", "2002", "not_found"


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@dataclass(frozen=True)
class Situation:
    """How tenant 1001, who rents 2001 and 2002, stands before a mapped back office, and what is said with a verb.

    Attributes:
        owed: By 2001, and by 2002; below zero for a credit.
        before: What becomes of 40.00 paid for 2001 before: "" for not paid, "paid", or how its answer was lost.
        by: "expired" for a card that is over, "foreign" for what is stored for somebody else.
        day: From today, on which something shall be left.
    """

    owed: tuple[str, str] = ("120.00", "120.00")
    autopay_on: bool = False
    is_leaving: bool = False
    before: str = ""
    by: str = "stored"
    amount: str = ""
    day: int = 20
    unit: str = "3003"
    is_staff: bool = False


SITUATIONS = st.builds(
    Situation,
    owed=st.tuples(*[st.sampled_from(["120.00", "120.00", "40.00", "0.00", "-200.00"])] * 2),
    autopay_on=st.booleans(),
    is_leaving=st.booleans(),
    before=st.sampled_from(["", "", "paid", "drop_before", "drop_after"]),
    by=st.sampled_from(["stored", "stored", "external", "card", "expired", "foreign"]),
    amount=st.sampled_from(["", "", "40.00", "900.00", "0.00"]),
    day=st.sampled_from([-3, 0, 20, 20, 999]),
    unit=st.sampled_from(["3003", "3001", "3999"]),
    is_staff=st.booleans(),
)


@contextmanager
def standing(of: Situation, mapping: str = "cubby") -> Iterator[Portal]:
    """A portal in a situation."""
    terms = Terms(
        owed={FIRST: Decimal(of.owed[0]), SECOND: Decimal(of.owed[1])},
        autopay_on=frozenset({FIRST} if of.autopay_on else ()), leaving_in={FIRST: 30} if of.is_leaving else {},
    )  # fmt: skip
    with TemporaryDirectory() as folder, before_mapping(Path(folder), mapping, terms=terms) as portal:
        office = portal.mapped
        assert office is not None
        if of.before.startswith("drop"):
            office.faults.inject({"operation": "take_payment.*", "kind": of.before})
        with suppress(IneligibleError, UnsupportedError):
            if of.before:
                portal.session.pay_rental(FIRST, portal.means, key="before-0001", amount=usd("40.00"))
        office.faults.clear()
        yield portal


def means(of: Situation) -> Any:
    if of.by in {"card", "expired"}:
        over = TODAY - timedelta(days=1) if of.by == "expired" else date(2031, 12, 31)
        return Card(number=TEST_PAN, expires_on=over, holder="Ada Byron")
    if of.by == "external":
        return ExternalPayment(gateway="stripe", reference="pi_button_1")
    return StoredMethod(method_id="4002" if of.by == "foreign" else "4001")


def charged(of: Situation) -> Any:
    """By autopay: a gateway's payment is nothing that could be charged again."""
    return StoredMethod(method_id="4001") if of.by == "external" else means(of)


def amount(of: Situation) -> Money | None:
    return usd(of.amount) if of.amount else None


def day(of: Situation) -> date:
    return TODAY + timedelta(days=of.day)


def moving_on(of: Situation) -> date:
    """Nobody asks to move on a day that is past."""
    return max(day(of), TODAY)


Call = Callable[[TenantSession, Situation, str], ActionView]
Said = Callable[[Situation], dict[str, Any]]

VERBS: Final[dict[ActionKind, tuple[Call, Said]]] = {
    K.PAY_RENTAL: (
        lambda s, of, key: s.pay_rental(FIRST, means(of), key=key, amount=amount(of)),
        lambda of: {"rental_id": FIRST, "method": means(of), "amount": amount(of)},
    ),
    K.PAY_ALL: (lambda s, of, key: s.pay_all(means(of), key=key), lambda of: {"method": means(of)}),
    K.PREPAY: (lambda s, of, key: s.prepay(1, means(of), key=key), lambda of: {"method": means(of), "months": 1}),
    K.PAY_ON_ACCOUNT: (
        lambda s, of, key: s.pay_on_account(usd(of.amount or "5.00"), means(of), key=key),
        lambda of: {"method": means(of), "amount": usd(of.amount or "5.00")},
    ),
    K.PAY_INVOICE: (
        lambda s, of, key: s.pay_invoice("INV-9", means(of), key=key),
        lambda of: {"method": means(of), "invoice_id": "INV-9"},
    ),
    K.AUTOPAY_CHANGE: (
        lambda s, of, key: s.set_autopay(FIRST, on=True, method=charged(of), key=key),
        lambda of: {"rental_id": FIRST, "method": charged(of)},
    ),
    K.AUTOPAY_OFF: (lambda s, _of, key: s.set_autopay(FIRST, on=False, key=key), lambda _of: {"rental_id": FIRST}),
    K.REQUEST_MOVE_OUT: (
        lambda s, of, key: s.request_move_out(FIRST, day(of), key=key),
        lambda of: {"rental_id": FIRST, "leaving_on": day(of)},
    ),
    K.CANCEL_MOVE_OUT: (lambda s, _of, key: s.cancel_move_out(FIRST, key=key), lambda _of: {"rental_id": FIRST}),
    K.TRANSFER: (
        lambda s, of, key: s.transfer(SECOND, of.unit, moving_on(of), key=key),
        lambda of: {"rental_id": SECOND, "unit_id": of.unit, "leaving_on": moving_on(of)},
    ),
    K.RESERVE_UNIT: (lambda s, of, key: s.reserve(of.unit, TODAY, key=key), lambda of: {"unit_id": of.unit}),
    K.ACCEPT_QUOTE: (lambda s, _of, key: s.accept_quote(FIRST, key=key), lambda _of: {"rental_id": FIRST}),
    K.REQUEST_CALL_OFF: (
        lambda s, _of, key: s.request_call_off(FIRST, "I1", 1, TODAY, key=key),
        lambda _of: {"rental_id": FIRST, "item_id": "I1"},
    ),
    K.EDIT_CONTACT: (lambda s, _of, key: s.edit_contact({"email": "new@example.test"}, key=key), lambda _of: {}),
    K.SET_CONSENT: (lambda s, _of, key: s.set_sms_consent(True, key=key), lambda _of: {}),
    K.SET_LANGUAGE: (lambda s, _of, key: s.set_language("fr", key=key), lambda _of: {}),
    K.ADD_NOTE: (lambda s, _of, key: s.add_note(FIRST, "A word", key=key), lambda _of: {"rental_id": FIRST}),
    K.ASK_STAFF: (lambda s, _of, key: s.ask_staff("A key", "Where is it?", key=key), lambda _of: {}),
    K.AGREE_PLAN: (
        lambda s, _of, key: s.agree_plan(FIRST, {TODAY: usd("5.00")}, key=key), lambda _of: {"rental_id": FIRST},
    ),
    K.ASK_PAYMENT: (
        lambda s, _of, key: s.ask_payment(usd("5.00"), "A key", key=key, rental_id=SECOND), lambda _of: {},
    ),
    K.ATTACH_DOCUMENT: (lambda s, _of, key: s.attach_document("a.pdf", b"%PDF-1.7", key=key), lambda _of: {}),
    K.CHANGE_PASSWORD: (
        lambda s, _of, key: s.change_password("ada@tenant.example", WebPassword("fake-pw-78"), key=key), lambda _of: {},
    ),
    K.CHANGE_ACCESS_CODE: (
        lambda s, _of, key: s.change_access_code(FIRST, GateCode("2244#"), key=key), lambda _of: {"rental_id": FIRST},
    ),
}  # fmt: skip
"""Each verb as a page would call it, and what its button is told; one after the other."""

ONLY_THE_VERB: Final = {
    (K.TRANSFER, "no_units"),
    (K.RESERVE_UNIT, "no_units"),
    (K.RESERVE_UNIT, "not_taken"),
    (K.ATTACH_DOCUMENT, "not_taken"),
    (K.SET_CONSENT, "not_taken"),
}
"""What the page on the portal says of verbs alone: an office that takes no effect like this very one."""


def of_button(kind: ActionKind, session: TenantSession, of: Situation) -> str:
    try:
        offers = session.available_actions(**VERBS[kind][1](of))
    except NotFoundError:
        return NOT_FOUND
    return next(offer.code for offer in offers if offer.kind is kind)


def of_verb(kind: ActionKind, session: TenantSession, of: Situation, key: str) -> str:
    """A code, "" when it was judged possible; the open payment itself is the answer that says so."""
    try:
        view = VERBS[kind][0](session, of, key)
    except NotFoundError:
        return NOT_FOUND
    except (IneligibleError, UnsupportedError) as refused:
        return refused.code
    return "payment_being_confirmed" if view.attached else ""


def agreed(of: Situation, mapping: str = "cubby") -> set[tuple[ActionKind, str]]:
    """What the button and the verb answer alike, verb by verb."""
    seen = set()
    with standing(of, mapping) as portal:
        session = portal.of(portal.busy, actor="staff:ann" if of.is_staff else "tenant")
        for number, kind in enumerate(VERBS, start=1):
            button, verb = of_button(kind, session, of), of_verb(kind, session, of, f"click-{number:04}")
            if (kind, verb) not in ONLY_THE_VERB:
                assert button == verb, (mapping, kind, of)
                seen.add((kind, button))
    return seen


EDGES: Final = [
    Situation(),
    Situation(before="drop_before", by="foreign", day=-3, unit="3999"),
    Situation(before="drop_after", by="card", amount="40.00", autopay_on=True, is_leaving=True),
    Situation(owed=("0.00", "-200.00"), by="expired", day=999, is_staff=True),
    Situation(by="card", is_leaving=True),
    Situation(amount="900.00", owed=("40.00", "0.00"), unit="3001"),
]

MUST_BE_SEEN: Final = {
    (K.PAY_RENTAL, ""), (K.PAY_RENTAL, NOT_FOUND), (K.PAY_RENTAL, "means_not_taken"),
    (K.PAY_RENTAL, "amount_exceeds_balance"), (K.PAY_RENTAL, "nothing_due"), (K.PAY_ON_ACCOUNT, "not_supported"),
    (K.REQUEST_MOVE_OUT, ""), (K.REQUEST_MOVE_OUT, "date_in_past"), (K.REQUEST_MOVE_OUT, "date_too_far"),
    (K.TRANSFER, "unit_taken"), (K.AUTOPAY_CHANGE, ""), (K.AUTOPAY_CHANGE, NOT_FOUND), (K.AGREE_PLAN, "staff_only"),
    (K.AGREE_PLAN, ""), (K.CANCEL_MOVE_OUT, ""), (K.CHANGE_PASSWORD, "not_supported"),
}  # fmt: skip
"""Answers that the situations have to reach, lest the two agree for want of anything to disagree about."""


def test_before_a_mapped_back_office_the_button_and_the_verb_give_the_same_answer() -> None:
    seen = set[tuple[ActionKind, str]]()

    @settings(
        max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    @given(of=SITUATIONS)
    def agree(of: Situation) -> None:
        seen.update(agreed(of))

    for of in EDGES:
        seen |= agreed(of)
    agree()

    assert MUST_BE_SEEN - seen == set()


@pytest.mark.parametrize("mapping", ["storedge", "buildium", "booqable"])
@pytest.mark.parametrize("by", ["stored", "external"])
def test_so_they_do_before_every_mapping_that_is_shipped(mapping: str, by: str) -> None:
    assert {kind for kind, _ in agreed(Situation(by=by, unit="3001"), mapping)} >= {K.PAY_RENTAL, K.REQUEST_MOVE_OUT}
