"""On a real server, too, the button and the verb give one answer: what the back office cannot is denied by both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.actions.kinds import MONEY_KINDS, ActionKind
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.sealed import BankAccount, BankAccountKind, Card, GateCode, WebPassword
from pmsbridge.portal.access import IdentityCheck
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.clock import SystemClock
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, adapter_of, days

K = ActionKind
Call = Callable[[TenantSession, str, str], ActionView]


@contextmanager
def portal_of(server: TrytonServer, folder: Path, debit_journal: str | None) -> Iterator[Bridge]:
    """A portal whose back office debits by this journal, or by none."""
    adapter = adapter_of(server, debit_journal=debit_journal)
    with Bridge(
        Settings(accounts={ACCOUNT: AccountSettings(system="tryton")}),
        database=open_database(f"sqlite:///{folder}/bridge.db"), adapters={ACCOUNT: adapter}, mailer=None,
        clock=SystemClock(), wait=timedelta(seconds=30),
    ) as bridge:  # fmt: skip
        yield bridge
    adapter.close()


def new_account() -> BankAccount:
    return BankAccount(
        routing_number="021000021", account_number="000123456789", kind=BankAccountKind.CONSUMER_CHECKING
    )


def gateway(rental: str) -> ExternalPayment:
    return ExternalPayment(gateway="stripe", reference=f"pi_button_{rental.rpartition(',')[2]}")


def invoice_of(session: TenantSession) -> str:
    return session.invoices()[-1].id


def item_of(session: TenantSession, rental: str) -> str:
    row = session.account().rental(rental)
    assert row is not None
    return row.rental.items[0].id if row.rental.items else "1"


def soon() -> date:
    return days(45)


VERBS: Mapping[ActionKind, Call] = {
    K.PAY_RENTAL: lambda s, r, k: s.pay_rental(r, gateway(r), key=k, amount=Money.of("1.00", "USD")),
    K.PAY_INVOICE: lambda s, r, k: s.pay_invoice(invoice_of(s), gateway(r), key=k, amount=Money.of("2.00", "USD")),
    K.PAY_ON_ACCOUNT: lambda s, r, k: s.pay_on_account(Money.of("3.00", "USD"), gateway(r), key=k),
    K.PREPAY: lambda s, r, k: s.prepay(1, gateway(r), key=k),
    K.AUTOPAY_CHANGE: lambda s, r, k: s.set_autopay(r, on=True, method=new_account(), key=k),
    K.AUTOPAY_ON: lambda s, r, k: s.set_autopay(r, on=True, key=k),
    K.AUTOPAY_OFF: lambda s, r, k: s.set_autopay(r, on=False, key=k),
    K.REQUEST_MOVE_OUT: lambda s, r, k: s.request_move_out(r, soon(), key=k),
    K.CANCEL_MOVE_OUT: lambda s, r, k: s.cancel_move_out(r, key=k),
    K.REQUEST_CALL_OFF: lambda s, r, k: s.request_call_off(r, item_of(s, r), 1, days(3), key=k),
    K.ACCEPT_QUOTE: lambda s, r, k: s.accept_quote(r, key=k),
    K.EDIT_CONTACT: lambda s, _r, k: s.edit_contact({"address.city": "Evanston"}, key=k),
    K.SET_CONSENT: lambda s, _r, k: s.set_sms_consent(True, key=k),
    K.SET_LANGUAGE: lambda s, _r, k: s.set_language("fr", key=k),
    K.ADD_NOTE: lambda s, r, k: s.add_note(r, "A word", key=k),
    K.ATTACH_DOCUMENT: lambda s, _r, k: s.attach_document("a.pdf", b"%PDF-1.7 made up", key=k),
    K.ASK_STAFF: lambda s, _r, k: s.ask_staff("A key", "Where is it?", key=k),
    K.ORDER: lambda s, _r, k: s.order("lock", 1, key=k),
    K.CHANGE_PASSWORD: lambda s, _r, k: s.change_password("ada@example.com", WebPassword("fake-pw-78"), key=k),
    K.CHANGE_ACCESS_CODE: lambda s, r, k: s.change_access_code(r, GateCode("2244#"), key=k),
    K.AGREE_PLAN: lambda s, r, k: s.agree_plan(r, {days(9): Money.of("5.00", "USD")}, key=k),
    K.NOTE_INSPECTION: lambda s, r, k: s.note_inspection(r, days(0), key=k),
    K.ASK_PAYMENT: lambda s, r, k: s.ask_payment(Money.of("5.00", "USD"), "A key", key=k, rental_id=r),
    K.PAY_ALL: lambda s, r, k: s.pay_all(gateway(r), key=k),
}
"""What a page calls after its button was shown; what pays everything comes last."""

MOVING = MONEY_KINDS | {K.AUTOPAY_ON, K.AUTOPAY_OFF, K.REQUEST_MOVE_OUT, K.CANCEL_MOVE_OUT}
"""What one of them does changes what is answered to the next."""

ELSEWHERE = {
    K.PAY_REQUEST: "needs a request, which is paid before this server in test_portal_erp.py",
    K.WITHDRAW_REQUEST: "the same", K.RESERVE_UNIT: "names a unit, which the judge does not look at",
    K.WITHDRAW_CALL_OFF: "names a call-off; both are asked in test_portal_erp.py",
    K.TRANSFER: "names a unit, too", K.LOOK_UP_CODE: "is asked of the desk; see below",
}  # fmt: skip


def of_verb(kind: ActionKind, session: TenantSession, rental: str, key: str) -> str:
    """The code of a refusal, by the judge or by the back office; empty for what was done or is under way."""
    try:
        view = VERBS[kind](session, rental, key)
    except (IneligibleError, UnsupportedError, NotFoundError) as refused:
        return refused.code
    if not view.outcome.nothing_changed:
        return ""
    return ", ".join(step.code or step.message for step in view.principal if step.outcome.nothing_changed)


def of_button(kind: ActionKind, session: TenantSession, rental: str) -> str:
    months = 1 if kind is K.PREPAY else None
    offers = session.available_actions(rental if kind.is_per_rental else None, by="external", months=months)
    return next(offer.code for offer in offers if offer.kind is kind)


def answers(session: TenantSession, rental: str, kinds: tuple[ActionKind, ...]) -> dict[str, tuple[str, str]]:
    """By verb, the button's answer and then the verb's. Buttons are shown anew where a verb before may change them."""
    shown = {each.kind: each.code for each in (*session.available_actions(), *session.available_actions(rental))}
    found = {}
    for number, kind in enumerate(kinds, start=1):
        key = f"click-{rental.rpartition(',')[2]}-{number:04}"
        button = of_button(kind, session, rental) if kind in MOVING else shown[kind]
        found[kind.value] = (button, of_verb(kind, session, rental, key))
    return found


def differing(found: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {kind: both for kind, both in found.items() if both[0] != both[1]}


def test_every_verb_is_tried_or_named() -> None:
    assert set(VERBS) | set(ELSEWHERE) == set(ActionKind)
    assert not set(VERBS) & set(ELSEWHERE)


@pytest.mark.parametrize(
    ("journal", "is_signed", "change", "on", "off"),
    [
        ("Direct debit", False, "method_by_office", "", ""),
        ("Bank mandate", False, "method_by_office", "method_by_office", ""),
        ("Bank mandate", True, "method_by_office", "", ""),
        (None, False, "method_by_office", "method_by_office", ""),
    ],
    ids=["by the house", "no mandate", "signed", "the office's alone"],
)
def test_autopay_is_offered_as_far_as_the_office_can_be_told(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path,
    journal: str | None, is_signed: bool, change: str, on: str, off: str,
) -> None:  # fmt: skip
    if is_signed:
        tryton_yard.mandate(tryton_customer)
    rental = f"party.party,{tryton_customer.id}"
    with portal_of(tryton_server, tmp_path, journal) as bridge:
        session = bridge.tenant("main", str(tryton_customer.id))
        found = answers(session, rental, (K.AUTOPAY_CHANGE, K.AUTOPAY_ON, K.AUTOPAY_OFF))
        with pytest.raises(IneligibleError) as another_day:
            session.set_autopay(rental, on=False, days_after_due=5, key="click-day-0001")

    assert found == {"autopay_change": (change,) * 2, "autopay_on": (on,) * 2, "autopay_off": (off,) * 2}
    assert another_day.value.code == "day_not_taken"


def test_what_is_refused_for_want_of_a_place_is_not_stored_and_what_was_typed_is_wiped(
    tryton_server: TrytonServer, tryton_customer: Customer, tmp_path: Path
) -> None:
    typed = new_account()
    with portal_of(tryton_server, tmp_path, "Direct debit") as bridge:
        session = bridge.tenant("main", str(tryton_customer.id))
        with pytest.raises(IneligibleError):
            session.set_autopay(f"party.party,{tryton_customer.id}", on=True, method=typed, key="click-0001")

        assert typed.is_wiped
        assert session.dashboard().open_actions == ()
        assert session.set_autopay(f"party.party,{tryton_customer.id}", on=True, key="click-0001").kind == "autopay_on"


@pytest.mark.parametrize("is_cash_only", [False, True], ids=["pays online", "pays cash"])
def test_of_a_contract_that_owes_the_button_and_the_verb_say_the_same(
    tryton_server: TrytonServer, tryton_yard: Yard, tmp_path: Path, is_cash_only: bool
) -> None:
    customer = tryton_yard.customer(cash_only=is_cash_only)
    rental = tryton_yard.on_rent(customer, {"FENCE-8": 5}, start=days(-20), days=60)
    owed = tryton_yard.owed(tryton_yard.bill(rental, until=days(-10)))
    kinds = tuple(kind for kind in VERBS if not is_cash_only or kind in {*MOVING, K.AUTOPAY_CHANGE})
    with portal_of(tryton_server, tmp_path, "Direct debit") as bridge:
        session = bridge.tenant("main", str(customer.id))
        found = answers(session, f"sale.rental,{rental}", kinds)

    assert differing(found) == {}
    paying = {"pay_rental", "pay_invoice", "pay_on_account", "pay_all"}
    assert {found[kind][0] for kind in paying} == ({"cash_only"} if is_cash_only else {""})
    assert (found["autopay_on"][0], found["request_move_out"][0]) == (
        "cash_only" if is_cash_only else "autopay_on_account", "call_off_instead",
    )  # fmt: skip
    assert owed > 0
    assert tryton_yard.balance(customer) == (owed if is_cash_only else Decimal("-3.00"))
    if not is_cash_only:
        done = ("request_call_off", "add_note", "edit_contact", "attach_document")
        assert [found[kind][0] for kind in (*done, "change_password")] == ["", "", "", "", "not_supported"]


def test_a_card_is_denied_by_the_button_and_the_verb_before_anything_is_kept(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path
) -> None:
    rental = tryton_yard.on_rent(tryton_customer, {"FENCE-8": 5}, start=days(-20), days=60)
    tryton_yard.bill(rental, until=days(-10))
    typed = Card(number="4111111111111111", expires_on=date(2035, 12, 31), holder="A B", cvv="123")
    with portal_of(tryton_server, tmp_path, None) as bridge:
        session = bridge.tenant("main", str(tryton_customer.id))
        offers = session.available_actions(f"sale.rental,{rental}", by="card")
        (button,) = [offer for offer in offers if offer.kind is K.PAY_RENTAL]
        with pytest.raises(IneligibleError) as denied:
            session.pay_rental(f"sale.rental,{rental}", typed, key="click-0001")

        assert (button.code, button.facts["by"], denied.value.code) == (
            "means_not_taken",
            "external",
            "means_not_taken",
        )
        assert typed.is_wiped
        assert session.dashboard().open_actions == ()
        assert of_button(K.PAY_RENTAL, session, f"sale.rental,{rental}") == ""


def test_of_a_unit_with_nothing_due_the_button_and_the_verb_say_the_same(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path
) -> None:
    unit = tryton_yard.let(tryton_customer, start=days(-5))
    with portal_of(tryton_server, tmp_path, "Direct debit") as bridge:
        session = bridge.tenant("main", str(tryton_customer.id))
        kinds = (K.PAY_RENTAL, K.PAY_ALL, K.PREPAY, K.REQUEST_MOVE_OUT, K.CANCEL_MOVE_OUT, K.REQUEST_CALL_OFF)
        found = answers(session, f"sale.subscription,{unit}", kinds)

    assert differing(found) == {}
    assert {kind: both[0] for kind, both in found.items()} == {
        "pay_rental": "nothing_due", "pay_all": "nothing_due", "prepay": "", "request_move_out": "",
        "cancel_move_out": "", "request_call_off": "move_out_instead",
    }  # fmt: skip


def test_no_code_is_looked_up_where_there_are_no_gates(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer, tmp_path: Path
) -> None:
    unit = f"sale.subscription,{tryton_yard.let(tryton_customer, start=days(-5))}"
    who = IdentityCheck(phone=tryton_customer.phone, postal_code=tryton_customer.postal_code)
    with portal_of(tryton_server, tmp_path, None) as bridge:
        session = bridge.tenant("main", str(tryton_customer.id), actor="staff:ann")
        button = of_button(K.LOOK_UP_CODE, session, unit)
        with pytest.raises(UnsupportedError) as refused:
            bridge.staff("main", str(tryton_customer.id), actor="staff:ann").access_code(unit, who, key="click-0001")

    assert button == refused.value.code == "not_supported"
