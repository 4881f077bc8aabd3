"""The button and the verb ask one judge: whatever the situation, they give the same answer, by the same code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmsbridge.actions import eligibility
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.sections import Section, ShopItem
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, NotFoundError, UnsupportedError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Autopay, AutopayState, ExternalPayment, StoredMethod
from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.model.sealed import Card, GateCode, WebPassword
from pmsbridge.portal.access import IdentityCheck
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.capability import Support
from pmsbridge.settings import AccountSettings, PortalSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox
from tests.portal.conftest import card

K = ActionKind
TODAY = date(2026, 11, 21)


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@dataclass(frozen=True)
class Situation:
    """Where tenant T1, who rents R1 and R4, stands.

    Attributes:
        more: What is posted to R1, and to R4, besides the rent of 120.00 each.
        paid: Amounts for R1 (and "R4" in full) whose answer was lost, each with whether it was booked.
        row: What the back office says of R1 itself.
    """

    more: tuple[str, str] = ("0.00", "0.00")
    policy: dict[str, object] = field(default_factory=dict)
    tenant: dict[str, object] = field(default_factory=dict)
    row: dict[str, object] = field(default_factory=dict)
    state: RentalState = RentalState.ACTIVE
    is_lien: bool = False
    autopay: str = "off"
    lost: tuple[tuple[str, bool], ...] = ()
    lag: bool = False
    request: str = ""
    rules: dict[str, object] = field(default_factory=dict)
    is_staff: bool = False
    by: str = "card"


def some(**fields: object) -> st.SearchStrategy[dict[str, object]]:
    """None, one or two of these."""
    pairs = st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True)
    return pairs.map(lambda names: {name: fields[name] for name in names})


SITUATIONS = st.builds(
    Situation,
    more=st.tuples(*[st.sampled_from(["0.00", "0.00", "-80.00", "-120.00", "-300.00", "40.00"])] * 2),
    policy=some(
        accepts_online_payments=False, allows_partial_payments=False, autopay_is_mandatory=True,
        blocked_from_days_past_due=5, move_out_notice_days=10,
    ),
    tenant=some(portal_disabled=True, pays_cash_only=True),
    row=some(billed=False, payments_blocked="LOCKED", is_complimentary=True, days_past_due=9),
    state=st.sampled_from([RentalState.ACTIVE] * 3 + [RentalState.NOTICE_GIVEN, RentalState.CLOSED]),
    is_lien=st.sampled_from([False, False, False, True]),
    autopay=st.sampled_from(["off", "card", "unknown", "by hand", "mandatory"]),
    lost=st.lists(
        st.tuples(st.sampled_from(["40.00", "80.00", "R1", "R4"]), st.booleans()), max_size=2,
        unique_by=lambda each: each[0],
    ).map(tuple),
    lag=st.booleans(),
    request=st.sampled_from(["", "", "open", "dear", "withdrawn", "paid", "lost"]),
    rules=some(
        closed_sections=[Section.BILLING], unlicensed=["take_payment"], needs_copy=True,
        shop=(ShopItem(id="lock", name="A lock"),),
    ),
    is_staff=st.booleans(),
    by=st.sampled_from(["card", "external", "stored"]),
)  # fmt: skip


class Told(MemoryAdapter):
    """The back office in memory, which also says of R1 what a situation says."""

    row: dict[str, object] = {}

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        found = super().account(facility, tenant_id)
        rows = tuple(each.changed(**self.row) if each.id == "R1" else each for each in found.rentals)
        return found.changed(rentals=rows)


def arranged(office: MemoryOffice, of: Situation) -> None:
    """Bring the books into a situation."""
    books = office.books
    for rental_id, amount in zip(("R1", "R4"), of.more, strict=True):
        kind = EntryKind.CREDIT if amount.startswith("-") else EntryKind.CHARGE
        books.enter("F1", rental_id, kind, usd(amount), office.clock.now(), "Before")
    site, tenant, rental = books.facilities["F1"], *_found(office)
    books.facilities["F1"] = site.changed(policy=site.policy.changed(**of.policy))
    books.put("F1", tenant.changed(**of.tenant))
    leaving = TODAY + timedelta(days=20) if of.state is RentalState.NOTICE_GIVEN else None
    books.put("F1", rental.changed(state=of.state, leaving_on=leaving))
    books.gate_codes["F1", "015"] = "9911#"
    if of.is_lien and (unit := books.find(Unit, "F1", "U1")) is not None:
        books.put("F1", unit.changed(state=UnitState.LIEN))
    state = AutopayState.UNKNOWN if of.autopay == "unknown" else AutopayState.OFF
    books.autopay["F1", "R1"] = Autopay(
        rental_id="R1", state=AutopayState.CARD if of.autopay == "card" else state, method_usable=of.autopay == "card",
        is_changeable=of.autopay != "by hand", mandatory=of.autopay == "mandatory",
    )  # fmt: skip


def _found(office: MemoryOffice) -> tuple[Tenant, Rental]:
    tenant, rental = office.books.find(Tenant, "F1", "T1"), office.books.find(Rental, "F1", "R1")
    assert tenant is not None
    assert rental is not None
    return tenant, rental


def gateway(number: int) -> ExternalPayment:
    return ExternalPayment(gateway="gate", reference=f"ch_before_{number:04}")


def begun(bridge: Bridge, office: MemoryOffice, of: Situation) -> None:
    """What was asked for before, while nothing stood in the way: payments whose answer was lost, and a request."""
    session, staff = bridge.tenant("F1", "T1"), bridge.tenant("F1", "T1", actor="staff:ann")
    request = ""
    if of.request:
        asked = usd("500.00" if of.request == "dear" else "40.00")
        request = staff.ask_payment(asked, "A lock", key="before-ask", rental_id="R1").action_id
    if of.request == "withdrawn":
        staff.withdraw_request(request, key="before-back")
    if of.request in {"paid", "lost"}:
        if of.request == "lost":
            office.fail(Fault.DROP_AFTER, kind="take_payment")
        with suppress(IneligibleError):
            session.pay_request(request, gateway(0), key="before-request")
    if of.lag:
        office.lag = timedelta(seconds=30)
        with suppress(IneligibleError):
            session.pay_rental("R4", gateway(1), key="before-lag", amount=usd("40.00"))
    for number, (what, is_booked) in enumerate(of.lost, start=2):
        office.fail(Fault.DROP_AFTER if is_booked else Fault.DROP_BEFORE, kind="take_payment")
        rental = what if what in {"R1", "R4"} else "R1"
        with suppress(IneligibleError):  # the one before may be in its way
            amount: Money | None = None if what == rental else usd(what)
            session.pay_rental(rental, gateway(number), key=f"before-{number:04}", amount=amount)
    office._faults.clear()


@contextmanager
def standing(of: Situation) -> Iterator[Bridge]:
    """A bridge over a situation. What the operator and the back office forbid comes last."""
    clock = TestClock()
    office = MemoryOffice(clock)
    adapter = Told(office)
    with TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bridge.db")
        accounts = {"mem": AccountSettings(system="memory")}
        parts = {"database": database, "adapters": {"mem": adapter}, "mailer": Outbox(), "clock": clock}
        open_ = Situation(more=of.more)
        arranged(office, open_)
        begun(Bridge(Settings(accounts=accounts), **parts), office, of)  # type: ignore[arg-type]
        arranged(office, Situation(**{**of.__dict__, "more": ("0.00", "0.00")}))
        adapter.row = of.row
        rules = PortalSettings(**of.rules)  # type: ignore[arg-type]
        with Bridge(Settings(accounts=accounts, portal=rules), **parts) as bridge:  # type: ignore[arg-type]
            yield bridge


Call = Callable[[TenantSession, Bridge, Situation], ActionView]


def means(of: Situation) -> object:
    return {"card": card(), "external": gateway(9), "stored": StoredMethod(method_id="M1")}[of.by]


def day(session: TenantSession) -> date:
    """One that fits, where any does."""
    offer = next(o for o in session.available_actions("R1") if o.kind is K.REQUEST_MOVE_OUT)
    return date.fromisoformat(offer.facts.get("earliest_on", "2026-12-24"))


def request_id(bridge: Bridge) -> str:
    found = bridge.tenant("F1", "T1", actor="staff:eve").payment_requests()
    return found[0].id if found else "act_none"


def looked_up(bridge: Bridge) -> ActionView:
    who = IdentityCheck(phone="(512) 555-0101", postal_code="78701")
    return bridge.staff("F1", "T1", actor="staff:ann").access_code("R1", who, key="click-code")[1]


def charged(of: Situation) -> Card | StoredMethod:
    """What autopay is told to charge."""
    return StoredMethod(method_id="M1") if of.by == "stored" else card()


KEY, NOTHING_NAMED = "click-0001", "there is no request that the verb could name"
VERBS: dict[ActionKind, Call] = {
    K.PAY_RENTAL: lambda s, _b, of: s.pay_rental("R1", means(of), key=KEY),  # type: ignore[arg-type]
    K.PAY_ALL: lambda s, _b, of: s.pay_all(means(of), key=KEY),  # type: ignore[arg-type]
    K.PREPAY: lambda s, _b, of: s.prepay(1, means(of), key=KEY),  # type: ignore[arg-type]
    K.PAY_INVOICE: lambda s, _b, of: s.pay_invoice("V1", means(of), key=KEY),  # type: ignore[arg-type]
    K.PAY_ON_ACCOUNT: lambda s, _b, of: s.pay_on_account(usd("5.00"), means(of), key=KEY),  # type: ignore[arg-type]
    K.PAY_REQUEST: lambda s, b, of: s.pay_request(request_id(b), means(of), key=KEY),  # type: ignore[arg-type]
    K.ASK_PAYMENT: lambda s, _b, _of: s.ask_payment(usd("5.00"), "A key", key=KEY, rental_id="R4"),
    K.WITHDRAW_REQUEST: lambda s, b, _of: s.withdraw_request(request_id(b), key=KEY),
    K.AUTOPAY_ON: lambda s, _b, _of: s.set_autopay("R1", on=True, method=card(), key=KEY),
    K.AUTOPAY_CHANGE: lambda s, _b, of: s.set_autopay("R1", on=True, method=charged(of), key=KEY),
    K.AUTOPAY_OFF: lambda s, _b, _of: s.set_autopay("R1", on=False, key=KEY),
    K.REQUEST_MOVE_OUT: lambda s, _b, _of: s.request_move_out("R1", day(s), key=KEY),
    K.CANCEL_MOVE_OUT: lambda s, _b, _of: s.cancel_move_out("R1", key=KEY),
    K.TRANSFER: lambda s, _b, _of: s.transfer("R1", "U9", day(s), key=KEY),
    K.REQUEST_CALL_OFF: lambda s, _b, _of: s.request_call_off("R1", "I1", 1, TODAY, key=KEY),
    K.WITHDRAW_CALL_OFF: lambda s, _b, _of: s.withdraw_call_off("C1", key=KEY),
    K.ACCEPT_QUOTE: lambda s, _b, _of: s.accept_quote("R1", key=KEY),
    K.EDIT_CONTACT: lambda s, _b, _of: s.edit_contact({"email": "new@example.test"}, key=KEY),
    K.SET_CONSENT: lambda s, _b, _of: s.set_sms_consent(True, key=KEY),
    K.SET_LANGUAGE: lambda s, _b, _of: s.set_language("fr", key=KEY),
    K.AGREE_PLAN: lambda s, _b, _of: s.agree_plan("R1", {TODAY: usd("5.00")}, key=KEY),
    K.NOTE_INSPECTION: lambda s, _b, _of: s.note_inspection("R1", TODAY, key=KEY),
    K.ADD_NOTE: lambda s, _b, _of: s.add_note("R1", "A word", key=KEY),
    K.ATTACH_DOCUMENT: lambda s, _b, _of: s.attach_document("a.pdf", b"%PDF-1.7", key=KEY),
    K.ASK_STAFF: lambda s, _b, _of: s.ask_staff("A key", "Where is it?", key=KEY),
    K.RESERVE_UNIT: lambda s, _b, _of: s.reserve("U9", TODAY, key=KEY),
    K.ORDER: lambda s, _b, _of: s.order("lock", 1, key=KEY),
    K.CHANGE_PASSWORD: lambda s, _b, _of: s.change_password("ana@example.test", WebPassword("fake-pw-78"), key=KEY),
    K.CHANGE_ACCESS_CODE: lambda s, _b, _of: s.change_access_code("R1", GateCode("2244#"), key=KEY),
    K.LOOK_UP_CODE: lambda _s, b, _of: looked_up(b),
}
"""Each verb as a page would call it after its button was shown."""


def of_verb(kind: ActionKind, session: TenantSession, bridge: Bridge, of: Situation) -> str:
    """What the verb answers: a code, "" when it was done; the open payment itself is the answer that says so."""
    try:
        view = VERBS[kind](session, bridge, of)
    except NotFoundError:
        assert not of.request or kind is K.WITHDRAW_CALL_OFF  # what was never asked for cannot be named
        return NOTHING_NAMED
    except (IneligibleError, UnsupportedError) as refused:
        return refused.code
    return "payment_being_confirmed" if view.attached else ""


def of_button(kind: ActionKind, session: TenantSession, of: Situation) -> str:
    months = 1 if kind is K.PREPAY else None
    offers = session.available_actions("R1" if kind.is_per_rental else None, by=of.by, months=months)
    return next(offer.code for offer in offers if offer.kind is kind)


def answers(of: Situation, kind: ActionKind) -> tuple[str, str]:
    """The button's and the verb's."""
    with standing(of) as bridge:
        is_staff = of.is_staff or kind is K.LOOK_UP_CODE
        session = bridge.tenant("F1", "T1", actor="staff:ann" if is_staff else "tenant")
        button, verb = of_button(kind, session, of), of_verb(kind, session, bridge, of)
    return (button, button if button and verb is NOTHING_NAMED else verb)


def test_every_verb_is_tried() -> None:
    assert set(VERBS) == set(ActionKind)
    assert {row.support for row in MemoryAdapter.capabilities.values()} == {Support.NATIVE}


MONEY = st.sampled_from([K.PAY_RENTAL, K.PAY_ALL, K.PREPAY, K.PAY_REQUEST, K.WITHDRAW_REQUEST])


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(of=SITUATIONS, kind=st.one_of(MONEY, MONEY, st.sampled_from(list(ActionKind))))
def test_the_button_and_the_verb_give_the_same_answer(of: Situation, kind: ActionKind) -> None:
    button, verb = answers(of, kind)

    assert button == verb


CLOSE = [
    ("while another unit's payment is confirmed a gateway's money is booked", K.PAY_RENTAL, "",
     Situation(lost=(("R4", True),), by="external")),
    ("while another unit's payment is confirmed no card is taken", K.PAY_RENTAL, "payment_being_confirmed",
     Situation(lost=(("R4", True),))),
    ("what is being confirmed is not paid again", K.PAY_RENTAL, "payment_being_confirmed",
     Situation(lost=(("R1", False),), by="external")),
    ("what is left may be paid", K.PAY_RENTAL, "", Situation(lost=(("40.00", False),), by="stored")),
    ("what is left of the same amount waits", K.PAY_RENTAL, "payment_being_confirmed",
     Situation(more=("-40.00", "0.00"), lost=(("40.00", False),), by="external")),
    ("a credit covers the month", K.PREPAY, "covered_by_credit", Situation(more=("-300.00", "-300.00"))),
    ("a payment the books do not show yet is no balance", K.PREPAY, "",
     Situation(more=("-120.00", "-80.00"), lag=True, by="external")),
    ("cash only", K.PAY_ALL, "cash_only", Situation(tenant={"pays_cash_only": True}, by="external")),
    ("cash only, by autopay", K.AUTOPAY_ON, "cash_only", Situation(tenant={"pays_cash_only": True}, is_staff=True)),
    ("cash only, asked for", K.ASK_PAYMENT, "cash_only", Situation(tenant={"pays_cash_only": True}, is_staff=True)),
    ("not in the copy", K.PAY_RENTAL, "not_copied", Situation(rules={"needs_copy": True})),
    ("staff act without the copy", K.ADD_NOTE, "", Situation(rules={"needs_copy": True}, is_staff=True)),
    ("more is asked for than is due", K.PAY_REQUEST, "amount_exceeds_balance", Situation(request="dear")),
    ("asked for online", K.ASK_PAYMENT, "payments_off",
     Situation(policy={"accepts_online_payments": False}, is_staff=True)),
    ("asked for under a lien", K.ASK_PAYMENT, "under_lien", Situation(is_lien=True, is_staff=True)),
    ("asked for without a licence", K.ASK_PAYMENT, "not_licensed",
     Situation(rules={"unlicensed": ["take_payment"]}, is_staff=True)),
    ("months ahead of a balance", K.PREPAY, "balance_not_zero", Situation()),
    ("nothing was asked for", K.PAY_REQUEST, "no_request", Situation()),
    ("asked for where tenants have no page to pay on", K.ASK_PAYMENT, "section_off",
     Situation(rules={"closed_sections": [Section.BILLING]}, is_staff=True)),
    ("taken back where tenants have no page to pay on", K.WITHDRAW_REQUEST, "no_request",
     Situation(rules={"closed_sections": [Section.BILLING]}, is_staff=True)),
    ("a bill is not made yet", K.PAY_ALL, "not_all_billed", Situation(row={"billed": False})),
    ("nobody tells whether a bill is made", K.PAY_ALL, "billing_not_known", Situation(row={"billed": None})),
    ("blocked by the office", K.PAY_RENTAL, "payments_blocked", Situation(row={"payments_blocked": "LOCKED"})),
    ("too far behind", K.PAY_RENTAL, "too_many_days_past_due",
     Situation(policy={"blocked_from_days_past_due": 5}, row={"days_past_due": 9})),
    ("no online payments", K.PAY_ALL, "payments_off", Situation(policy={"accepts_online_payments": False})),
    ("autopay is part of the rental", K.AUTOPAY_OFF, "autopay_mandatory", Situation(autopay="mandatory")),
    ("web access is off", K.PAY_RENTAL, "portal_disabled", Situation(tenant={"portal_disabled": True})),
    ("the section is off", K.PAY_ALL, "section_off", Situation(rules={"closed_sections": [Section.BILLING]})),
    ("no licence", K.PAY_RENTAL, "not_licensed", Situation(rules={"unlicensed": ["take_payment"]})),
    ("under a lien", K.PAY_RENTAL, "under_lien", Situation(is_lien=True)),
    ("a unit has no items to call off", K.REQUEST_CALL_OFF, "move_out_instead", Situation()),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code", "of"), [row[1:] for row in CLOSE], ids=[row[0] for row in CLOSE])
def test_close_to_the_edge_they_agree(kind: ActionKind, code: str, of: Situation) -> None:
    assert answers(of, kind) == (code, code)


@pytest.mark.parametrize("months", [0, -1, 13, 400])
def test_months_out_of_range_are_denied_by_button_and_verb_and_priced_by_neither(months: int) -> None:
    with standing(Situation(more=("-120.00", "-120.00"))) as bridge, pytest.MonkeyPatch.context() as patch:
        session = bridge.tenant("F1", "T1")
        patch.setattr(bridge.adapters["mem"], "prepay_quote", lambda *_: pytest.fail("a price was asked for"))
        (offer,) = (each for each in session.available_actions(months=months) if each.kind is K.PREPAY)
        with pytest.raises(IneligibleError) as refused:
            session.prepay(months, gateway(9), key=KEY)

    assert (offer.code, refused.value.code) == ("months_out_of_range", "months_out_of_range")


def test_no_price_is_asked_for_where_months_cannot_be_paid_ahead_and_none_is_needed_for_the_other_buttons() -> None:
    asked = list[int]()

    def no_price(_facility: str, _tenant_id: str, months: int) -> None:
        asked.append(months)
        message = "there is no price"
        raise UnsupportedError(message)

    def codes(of: Situation) -> str:
        with standing(of) as bridge, pytest.MonkeyPatch.context() as patch:
            patch.setattr(bridge.adapters["mem"], "prepay_quote", no_price)
            offers = bridge.tenant("F1", "T1").available_actions(months=2)
        return next(each.code for each in offers if each.kind is K.PREPAY)

    assert codes(Situation()) == "balance_not_zero"
    assert codes(Situation(tenant={"pays_cash_only": True})) == "cash_only"
    assert asked == []
    assert codes(Situation(more=("-120.00", "-120.00"))) == "not_quoted"
    assert asked == [2]


def test_a_judge_that_the_verb_does_not_ask_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {**eligibility._RULES, K.PAY_RENTAL: eligibility._RULES[K.PAY_RENTAL][1:]}
    seen = list[tuple[str, str]]()
    of = Situation(policy={"accepts_online_payments": False}, by="external")
    with standing(of) as bridge:
        session = bridge.tenant("F1", "T1")
        seen.append((of_button(K.PAY_RENTAL, session, of), ""))
        monkeypatch.setattr(eligibility, "_RULES", rules)
        seen[0] = seen[0][0], of_verb(K.PAY_RENTAL, session, bridge, of)

    assert seen == [("payments_off", "")]
