"""What is named with a button is judged as the verb judges it: what is stored, invoices, contracts, quotes, days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payment_requests import ANSWERS
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError, UnsupportedError
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import ItemOut, Rental, RentalKind, RentalState
from pmsbridge.model.sealed import Card
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault, MemoryOffice, TestClock
from pmsbridge.testing.memory_billing import BillingMemoryAdapter
from tests.mailbox import Outbox
from tests.portal.conftest import TEST_PAN, card

K = ActionKind
TODAY = date(2026, 11, 21)
NOT_FOUND = "not_found"
GOOD, EXPIRED, UNUSABLE, OF_ANOTHER, FOREIGN = "M1", "M-expired", "M-unusable", "M-R4", "M2"


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@dataclass(frozen=True)
class Named:
    """How T1 stands, who rents R1 and R4 and has a contract K1 and a quote Q1, and what is named with a verb.

    Attributes:
        method: What is stored and named; empty for another way to pay.
        before: What was paid of the invoice before: "" for nothing, "all", "line" for its first one, or "rental" for as
            much of R1 as the first line asks for, aimed at nothing.
        answer: Of what was paid before: "" for one that came, "lost" with the payment, "late" for one that was lost
            while the payment was booked.
        invoice: The rentals that its lines are about, of 60.00 each; "draft" for one of R1 that may not be seen.
        lines: Of the invoice, those that are named by themselves, by number; nothing names it as a whole.
        request: What staff asked for 60.00 of: "R1", "V1", or nothing; and the same taken back, or paid.
        unit: That would be moved to.
        item: On the contract: one that is out, is excluded by its rate, was not delivered, or came back.
        is_backwards: The verbs are called the other way round.
        day: From today, on which something shall be called off or left.
    """

    method: str = ""
    by: str = "external"
    amount: str = ""
    before: str = ""
    answer: str = ""
    invoice: str = "R1"
    lines: tuple[int, ...] = ()
    request: str = ""
    unit: str = "U9"
    has_account: bool = False
    takes_parts: bool = True
    item: str = "out"
    quantity: int = 1
    day: int = 5
    contract: RentalState = RentalState.ACTIVE
    quote: RentalState = RentalState.QUOTE
    is_backwards: bool = False


NAMED = st.builds(
    Named,
    method=st.sampled_from(["", "", GOOD, EXPIRED, UNUSABLE, OF_ANOTHER, FOREIGN]),
    by=st.sampled_from(["card", "card", "expired card", "external", "external", "stored"]),
    amount=st.sampled_from(["", "", "40.00", "60.00", "500.00", "0.00"]),
    before=st.sampled_from(["", "all", "line", "rental"]),
    answer=st.sampled_from(["", "lost", "lost", "late"]),
    invoice=st.sampled_from(["R1", "R1", "R1 R4", "R1 R1", "R1 R1 R4", "R4 R1", "draft"]),
    lines=st.sampled_from([(), (), (), (0,), (1,), (0, 1), (7,)]),
    request=st.sampled_from(["", "R1", "V1", "V1", "R1 taken back", "V1 paid"]),
    unit=st.sampled_from(["U9", "U9", "U1", "U-nowhere"]),
    has_account=st.booleans(),
    takes_parts=st.booleans(),
    item=st.sampled_from(["out", "out", "out", "excluded", "ordered", "back", "foreign"]),
    quantity=st.sampled_from([0, 1, 2, 9]),
    day=st.sampled_from([-3, 1, 5, 5, 999]),
    contract=st.sampled_from([RentalState.ACTIVE] * 3 + [RentalState.CLOSED]),
    quote=st.sampled_from([RentalState.QUOTE, RentalState.ACTIVE]),
    is_backwards=st.booleans(),
)


def ref(entity: str, id_: str) -> VendorRef:
    return VendorRef(system="memory", account="mem", facility="F1", entity=entity, id=id_)


def arranged(office: MemoryOffice, of: Named) -> None:
    """Bring the books into a situation."""
    books = office.books
    site = books.facilities["F1"]
    books.facilities["F1"] = site.changed(policy=site.policy.changed(
        call_off_notice_days=2, move_out_notice_days=3, allows_partial_payments=of.takes_parts,
        takes_money_on_account=of.takes_parts,
    ))  # fmt: skip
    _method(office, EXPIRED, expires_on=TODAY - timedelta(days=1))
    _method(office, UNUSABLE, is_usable=False)
    _method(office, OF_ANOTHER, rental_id="R4", pays_on_demand=False)
    is_draft = of.invoice == "draft"
    _bill(office, "V1", *(["R1"] if is_draft else of.invoice.split()), is_draft=is_draft)
    _bill(office, "V4", "R4")
    contract = books.add_rental("F1", "K1", "T1", "K-1", office.clock.now())
    quantities = {"out": (4, 4, 1), "excluded": (4, 4, 0), "ordered": (4, 0, 0), "back": (4, 4, 4)}
    ordered, out, returned = quantities.get(of.item, (4, 4, 0))
    item = ItemOut(
        ref=ref("item_out", "I1"), rental_id="K1", ordered=Decimal(ordered), out=Decimal(out),
        returned=Decimal(returned), call_off_excluded=of.item == "excluded",
    )  # fmt: skip
    books.put("F1", contract.changed(kind=RentalKind.CONTRACT, items=(item,), state=of.contract))
    quote = books.add_rental("F1", "Q1", "T1", "Q-1", office.clock.now())
    books.put("F1", quote.changed(kind=RentalKind.CONTRACT, state=of.quote))
    if of.has_account:
        account = Rental(ref=ref("rental", "ACC"), tenant_id="T1", kind=RentalKind.ACCOUNT, state=RentalState.UNKNOWN)
        books.put("F1", account)
        books.autopay["F1", "ACC"] = books.autopay["F1", "R1"].changed(rental_id="ACC")


def _bill(office: MemoryOffice, number: str, *rentals: str, is_draft: bool = False) -> None:
    lines = tuple(
        InvoiceLine(id=f"{number}-{at}", rental_id=each, net=usd("60.00"), tax=usd("0.00"))
        for at, each in enumerate(rentals)
    )
    office.books.put("F1", Invoice(
        ref=ref("invoice", number), tenant_id="T1", number=number, issued_on=TODAY - timedelta(days=20), lines=lines,
        state=InvoiceState.DRAFT if is_draft else InvoiceState.SENT,
        due_on=TODAY + timedelta(days=10), total=sum_money((line.gross for line in lines), "USD"),
    ))  # fmt: skip
    for each in rentals:
        office.books.enter("F1", each, EntryKind.CHARGE, usd("60.00"), office.clock.now(), number)


def _method(office: MemoryOffice, method_id: str, **fields: Any) -> None:
    method = office.books.add_method("F1", "T1", method_id, expires_on=fields.pop("expires_on", date(2099, 12, 31)))
    office.books.methods[-1] = ("F1", method.changed(**fields))


def gateway(number: int) -> ExternalPayment:
    return ExternalPayment(gateway="gate", reference=f"ch_named_{number:04}")


@contextmanager
def standing(of: Named) -> Iterator[TenantSession]:
    """A session of T1 in a situation."""
    clock = TestClock()
    office = MemoryOffice(clock)
    arranged(office, of)
    with TemporaryDirectory() as folder, Bridge(
        Settings(accounts={"mem": AccountSettings(system="memory")}),
        database=open_database(f"sqlite:///{folder}/bridge.db"), adapters={"mem": BillingMemoryAdapter(office)},
        mailer=Outbox(), clock=clock,
    ) as bridge:  # fmt: skip
        session = bridge.tenant("F1", "T1")
        asked_for(session, of)
        if of.before:
            if of.answer:
                fault = Fault.DROP_BEFORE if of.answer == "lost" else Fault.DROP_AFTER
                office.fail(fault, kind="take_payment")
            with suppress(NotFoundError, IneligibleError):
                paid_before(session, of)
            office._faults.clear()
        yield session


def paid_before(session: TenantSession, of: Named) -> ActionView:
    """A part of what is due, or all of the invoice."""
    if of.before == "rental":
        return session.pay_rental("R1", gateway(0), key="before-0001", amount=usd("60.00"))
    return session.pay_invoice("V1", gateway(0), key="before-0001", lines=["V1-0"] if of.before == "line" else None)


def of_staff(session: TenantSession) -> TenantSession:
    return TenantSession(replace(session._office, actor="staff:ann"))


def asked_for(session: TenantSession, of: Named) -> None:
    """A payment request, where there is one."""
    about, staff = of.request.split()[:1], of_staff(session)
    named: dict[str, Any] = {"invoice_id": "V1"} if about == ["V1"] else {"rental_id": "R1"}
    with suppress(NotFoundError, IneligibleError):  # an invoice that may not be seen, or could never be paid by it
        if about:
            asked = staff.ask_payment(usd("60.00"), "A lock", key="before-ask", **named)
            if of.request.endswith("taken back"):
                staff.withdraw_request(asked.action_id, key="before-back")
            if of.request.endswith("paid"):
                session.pay_request(asked.action_id, gateway(99), key="before-request")


def request_id(session: TenantSession) -> str:
    found = session.payment_requests()
    return found[0].id if found else "act_none"


def means(of: Named, number: int) -> Any:
    if of.method or of.by == "stored":
        return StoredMethod(method_id=of.method or GOOD)
    return typed(of) if "card" in of.by else gateway(number)


def typed(of: Named) -> Card:
    over = TODAY - timedelta(days=1)
    return Card(number=TEST_PAN, expires_on=over, holder="Renée Test") if "expired" in of.by else card()


def lines(of: Named) -> list[str] | None:
    return [f"V1-{each}" for each in of.lines] or None


def amount_of_invoice(of: Named) -> Money | None:
    """Lines that are named are settled in full."""
    return None if of.lines else amount(of)


def amount(of: Named) -> Money | None:
    return usd(of.amount) if of.amount else None


def kept(of: Named) -> Money:
    """Of a payment on account, where an amount has to be named."""
    return usd(of.amount or "5.00")


def item(of: Named) -> str:
    return "I9" if of.item == "foreign" else "I1"


Call = Callable[[TenantSession, Named, int], ActionView]


def day(of: Named) -> date:
    return TODAY + timedelta(days=of.day)


def moving_on(of: Named) -> date:
    """Nobody asks to move on a day that is past."""
    return max(day(of), TODAY)


def key(number: int) -> str:
    return f"click-{number:04}"


VERBS: dict[ActionKind, Call] = {
    K.REQUEST_CALL_OFF: lambda s, of, n: s.request_call_off("K1", item(of), of.quantity, day(of), key=key(n)),
    K.ACCEPT_QUOTE: lambda s, _of, n: s.accept_quote("Q1", key=key(n)),
    K.REQUEST_MOVE_OUT: lambda s, of, n: s.request_move_out("R4", day(of), key=key(n)),
    K.AUTOPAY_CHANGE: lambda s, of, n: s.set_autopay("R1", on=True, method=_for_autopay(of), key=key(n)),
    K.TRANSFER: lambda s, of, n: s.transfer("R4", of.unit, moving_on(of), key=key(n)),
    K.PAY_REQUEST: lambda s, of, n: s.pay_request(request_id(s), means(of, n), key=key(n)),
    K.WITHDRAW_REQUEST: lambda s, of, n: of_staff(s).withdraw_request(request_id(s), key=key(n)),
    K.PAY_INVOICE: lambda s, of, n: s.pay_invoice(
        "V1", means(of, n), key=key(n), amount=amount_of_invoice(of), lines=lines(of)
    ),
    K.PAY_ON_ACCOUNT: lambda s, of, n: s.pay_on_account(kept(of), means(of, n), key=key(n)),
    K.PAY_RENTAL: lambda s, of, n: s.pay_rental("R4", means(of, n), key=key(n), amount=amount(of)),
    K.PREPAY: lambda s, of, n: s.prepay(1, means(of, n), key=key(n)),
    K.PAY_ALL: lambda s, of, n: s.pay_all(means(of, n), key=key(n)),
}
"""Each verb as a page would call it; one after the other, so that what one does is what the next stands on."""


def _for_autopay(of: Named) -> Any:
    return StoredMethod(method_id=of.method) if of.method else typed(of)


def said(of: Named, kind: ActionKind) -> dict[str, Any]:
    """The same, as it is named with the button."""
    how: dict[str, Any] = {"by": of.by} if of.by in {"card", "external"} and not of.method else {"method": means(of, 0)}
    if kind is K.AUTOPAY_CHANGE:
        charged = _for_autopay(of)
        how = {"method": charged.face if isinstance(charged, Card) else charged}
    fitting: dict[ActionKind, dict[str, Any]] = {
        K.REQUEST_CALL_OFF: {
            "rental_id": "K1", "item_id": item(of), "quantity": of.quantity, "wanted_on": day(of),
        },
        K.ACCEPT_QUOTE: {"rental_id": "Q1"},
        K.REQUEST_MOVE_OUT: {"rental_id": "R4", "leaving_on": day(of)},
        K.AUTOPAY_CHANGE: {"rental_id": "R1", **how},
        K.TRANSFER: {"rental_id": "R4", "unit_id": of.unit, "leaving_on": moving_on(of)},
        K.PAY_INVOICE: {"invoice_id": "V1", "amount": amount_of_invoice(of), "lines": lines(of), **how},
        K.PAY_ON_ACCOUNT: {"amount": kept(of), **how},
        K.PAY_RENTAL: {"rental_id": "R4", "amount": amount(of), **how},
        K.PREPAY: {"months": 1, **how},
        K.PAY_ALL: how,
        K.PAY_REQUEST: how,
        K.WITHDRAW_REQUEST: {},
    }  # fmt: skip
    return fitting[kind]


def of_button(kind: ActionKind, session: TenantSession, of: Named) -> str:
    try:
        asking = of_staff(session) if kind is K.WITHDRAW_REQUEST else session
        named: dict[str, Any] = {"request_id": request_id(session)} if kind in ANSWERS else {}
        offers = asking.available_actions(**said(of, kind), **named)
    except NotFoundError:
        return NOT_FOUND
    return next(offer.code for offer in offers if offer.kind is kind)


def of_verb(kind: ActionKind, session: TenantSession, of: Named, number: int) -> str:
    """A code, "" when it was done; the open payment itself is the answer that says so."""
    try:
        view = VERBS[kind](session, of, number)
    except NotFoundError:
        return NOT_FOUND
    except (IneligibleError, UnsupportedError) as refused:
        return refused.code
    return "payment_being_confirmed" if view.attached else ""


MUST_BE_SEEN = {
    (K.PAY_RENTAL, "method_expired"), (K.PAY_RENTAL, "method_not_usable"), (K.PAY_RENTAL, "amount_exceeds_balance"),
    (K.PAY_RENTAL, "amount_not_payable"), (K.PAY_RENTAL, "partial_not_allowed"), (K.PAY_RENTAL, ""),
    (K.PAY_ALL, "method_expired"), (K.PAY_ALL, ""), (K.PAY_INVOICE, "method_expired"), (K.PAY_INVOICE, ""),
    (K.PAY_INVOICE, "method_not_usable"), (K.PAY_INVOICE, "amount_exceeds_balance"), (K.PAY_INVOICE, NOT_FOUND),
    (K.PAY_INVOICE, "nothing_due"), (K.PAY_INVOICE, "payment_being_confirmed"),
    (K.PAY_ON_ACCOUNT, "no_account"), (K.PAY_ON_ACCOUNT, "not_on_account"), (K.PAY_ON_ACCOUNT, "amount_not_payable"),
    (K.PAY_ON_ACCOUNT, "method_expired"), (K.PAY_ON_ACCOUNT, ""), (K.AUTOPAY_CHANGE, "method_expired"),
    (K.AUTOPAY_CHANGE, "method_not_usable"), (K.AUTOPAY_CHANGE, NOT_FOUND), (K.AUTOPAY_CHANGE, ""),
    (K.REQUEST_CALL_OFF, "quantity_exceeds_out"), (K.REQUEST_CALL_OFF, "quantity_not_positive"),
    (K.REQUEST_CALL_OFF, "rate_type_excluded"), (K.REQUEST_CALL_OFF, "not_delivered"),
    (K.REQUEST_CALL_OFF, "already_off_rent"), (K.REQUEST_CALL_OFF, "contract_not_open"),
    (K.REQUEST_CALL_OFF, "backdated_needs_staff"), (K.REQUEST_CALL_OFF, "past_cutoff"),
    (K.REQUEST_CALL_OFF, NOT_FOUND), (K.REQUEST_CALL_OFF, ""), (K.ACCEPT_QUOTE, "no_quote"), (K.ACCEPT_QUOTE, ""),
    (K.REQUEST_MOVE_OUT, "date_in_past"), (K.REQUEST_MOVE_OUT, "notice_too_short"),
    (K.REQUEST_MOVE_OUT, "date_too_far"), (K.REQUEST_MOVE_OUT, ""), (K.TRANSFER, ""), (K.TRANSFER, "unit_taken"),
    (K.TRANSFER, NOT_FOUND), (K.TRANSFER, "notice_too_short"), (K.PAY_INVOICE, "line_settled"), (K.PAY_REQUEST, ""),
    (K.PAY_INVOICE, "invoice_not_payable"), (K.PAY_REQUEST, NOT_FOUND), (K.PAY_REQUEST, "request_paid"),
    (K.PAY_REQUEST, "request_withdrawn"), (K.PAY_REQUEST, "payment_being_confirmed"), (K.PAY_REQUEST, "nothing_due"),
    (K.PAY_REQUEST, "method_expired"), (K.WITHDRAW_REQUEST, ""), (K.WITHDRAW_REQUEST, "request_paid"),
}  # fmt: skip
"""Answers that the situations have to reach, lest the two agree for want of anything to disagree about."""


EDGES = [
    Named(),
    Named(is_backwards=True),
    Named(method=EXPIRED, has_account=True, item="excluded", day=-3, quote=RentalState.ACTIVE),
    Named(method=EXPIRED, item="foreign", day=1),
    Named(method=UNUSABLE, quantity=9, day=999),
    Named(method=OF_ANOTHER, item="ordered"),
    Named(amount="500.00", has_account=True, item="back"),
    Named(amount="0.00", has_account=True, contract=RentalState.CLOSED),
    Named(amount="40.00", has_account=True, takes_parts=False, quantity=0),
    Named(method=FOREIGN, day=-3),
    Named(before="all", answer="lost", invoice="R1 R4", day=1, by="card"),
    Named(amount="40.00", invoice="R1 R4"),
    Named(before="line", answer="lost", invoice="R1 R4"),
    Named(before="line", answer="late", invoice="R1 R4"),
    Named(before="line", answer="lost", invoice="R1 R4", has_account=True),
    Named(before="line", answer="lost", invoice="R1 R1"),
    Named(before="rental", answer="lost", invoice="R1 R4"),
    Named(before="line", invoice="R1 R4", lines=(0,), unit="U1"),
    Named(before="line", answer="late", invoice="R1 R4", lines=(0, 1), request="V1", has_account=True, by="card"),
    Named(invoice="R1 R4", amount="40.00", request="V1", unit="U-nowhere"),
    Named(invoice="R1 R4", lines=(1,), request="V1", has_account=True),
    Named(invoice="R1 R4", request="R1", by="expired card"),
    Named(before="all", request="V1"),
    Named(request="R1"),
    Named(request="R1", is_backwards=True),
    Named(request="R1 taken back", lines=(7,)),
    Named(request="V1 paid"),
]
"""Situations that reach those answers between them."""


def agreed(of: Named) -> set[tuple[ActionKind, str]]:
    """What the button and the verb answer alike, verb by verb."""
    seen = set()
    with standing(of) as session:
        for number, kind in enumerate(reversed(VERBS) if of.is_backwards else VERBS, start=1):
            button, verb = of_button(kind, session, of), of_verb(kind, session, of, number)
            assert button == verb, (kind, of)
            seen.add((kind, button))
    return seen


def test_what_is_named_is_answered_by_the_button_as_by_the_verb() -> None:
    seen = set[tuple[ActionKind, str]]()

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(of=NAMED)
    def agree(of: Named) -> None:
        seen.update(agreed(of))

    for of in EDGES:
        seen |= agreed(of)
    agree()

    assert MUST_BE_SEEN - seen == set()


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("by", {"by": "card", "method": StoredMethod(method_id=GOOD)}),
        ("method", {"method": GOOD}),
        ("method.method_id", {"method": StoredMethod(method_id="4111111111111111")}),
        ("amount", {"amount": "40.00"}),
        ("invoice_id", {"invoice_id": "V1", "rental_id": "R1"}),
        ("invoice_id", {"invoice_id": ""}),
        ("lines", {"lines": ["V1-0"]}),
        ("lines", {"invoice_id": "V1", "lines": []}),
        ("lines", {"invoice_id": "V1", "lines": ["V1-0"], "amount": usd("40.00")}),
        ("request_id", {"request_id": "act_1", "invoice_id": "V1"}),
        ("request_id", {"request_id": "act_1", "rental_id": "R1"}),
        ("days_after_due", {"days_after_due": 29}),
        ("unit_id", {"unit_id": ""}),
        ("by", {"by": "stored", "method": card().face}),
        ("item_id", {"item_id": ""}),
        ("quantity", {"quantity": 1}),
        ("quantity", {"item_id": "I1", "quantity": 1.5}),
        ("wanted_on", {"wanted_on": "2026-11-30"}),
        ("leaving_on", {"leaving_on": "2026-11-30"}),
    ],
)
def test_what_no_verb_could_be_called_with_is_refused_with_a_button(field: str, named: dict[str, Any]) -> None:
    with standing(Named()) as session, pytest.raises(InputError) as refused:
        session.available_actions(**named)

    assert refused.value.field == field
    assert "4111" not in str(refused.value)


def test_an_item_is_judged_on_its_contract_and_asks_nothing_of_the_others() -> None:
    with standing(Named(quote=RentalState.ACTIVE)) as session:
        offers = session.available_actions(item_id="I1", quantity=9)
        call_offs = {each.rental_id: each.code for each in offers if each.kind is K.REQUEST_CALL_OFF}

    assert (call_offs["K1"], call_offs["Q1"]) == ("quantity_exceeds_out", "not_delivered")
    assert call_offs["R1"] == "move_out_instead"


def test_what_is_named_is_asked_for_once_and_only_where_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def counted(name: str) -> None:
        told = getattr(BillingMemoryAdapter, name)

        def read(*given: Any) -> Any:
            asked.append(name)
            return told(*given)

        monkeypatch.setattr(BillingMemoryAdapter, name, read)

    counted("payment_methods")
    counted("invoice")
    with standing(Named()) as session:
        session.available_actions()
        session.available_actions(by="stored", amount=usd("1.00"))
        before = list(asked)
        session.available_actions(method=StoredMethod(method_id=EXPIRED), invoice_id="V1")

    assert (before, asked) == ([], ["payment_methods", "invoice"])


def test_a_request_about_another_invoice_is_not_judged_by_the_one_that_is_named() -> None:
    with standing(Named(before="all")) as session:
        staff = TenantSession(replace(session._office, actor="staff:ann"))
        staff.ask_payment(usd("40.00"), "The other one", key="before-0002", invoice_id="V4")
        offers = {each.kind: each.code for each in session.available_actions(invoice_id="V1", by="external")}

    assert (offers[K.PAY_INVOICE], offers[K.PAY_REQUEST]) == ("nothing_due", "")


def test_nobody_is_asked_for_an_invoice_that_a_request_could_never_pay() -> None:
    with standing(Named(invoice="R1 R4")) as session, pytest.raises(IneligibleError) as refused:
        of_staff(session).ask_payment(usd("60.00"), "A lock", key="before-0002", invoice_id="V1")

    assert refused.value.code == "invoice_not_payable"


def test_a_card_that_is_named_with_a_button_can_still_be_paid_with() -> None:
    typed_now = card()
    with standing(Named()) as session:
        session.available_actions("R4", method=typed_now)

        assert not typed_now.is_wiped
        assert session.pay_rental("R4", typed_now, key="click-0001").outcome is Outcome.SETTLED


def test_a_request_that_is_named_is_judged_by_itself_and_not_by_the_others() -> None:
    with standing(Named(request="R1 taken back")) as session:
        staff = of_staff(session)
        still = staff.ask_payment(usd("40.00"), "The other one", key="before-0002", invoice_id="V4").action_id
        dear = staff.ask_payment(usd("90.00"), "Too much", key="before-0003", invoice_id="V4").action_id
        back = next(each.id for each in session.payment_requests() if each.id not in {still, dear})
        codes = {
            each: {offer.kind: offer.code for offer in staff.available_actions(request_id=each, by="external")}
            for each in (still, dear, back)
        }

    assert {each: codes[each][K.PAY_REQUEST] for each in codes} == {
        still: "", dear: "amount_exceeds_balance", back: "request_withdrawn",
    }  # fmt: skip
    assert {each: codes[each][K.WITHDRAW_REQUEST] for each in codes} == {still: "", dear: "", back: "request_withdrawn"}
