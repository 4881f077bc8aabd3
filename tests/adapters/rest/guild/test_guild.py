"""The made-up back office of the portals' pages: its mapping passes the kit, and settles what a payment names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.actions.kinds import MONEY_KINDS, ActionKind
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, NotFoundError, RejectedError, UnsupportedError
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.sealed import Card
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.books import InvoicePort, LinePort, UnaimedPort
from pmsbridge.ports.outcome import Absent, Attempt, Outcome
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.conformance import Conformance, Subject
from pmsbridge.testing.memory import TestClock
from pmsbridge.transport.limits import InMemoryGate
from pmsbridge_rest.accepting import payment_means, settles_invoices, settles_lines, takes
from pmsbridge_rest.adapter import RestAdapter, create
from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.reading import examine, load_mapping
from pmsbridge_rest.previewing import preview
from pmsbridge_rest.sandbox import Office, SandboxServer
from pmsbridge_rest.testing import account_options, opened_subject
from tests.adapters.rest.wire.office import FakeSecrets
from tests.e2e.portals.story import PAGES

GUILD: Final = PAGES / "guild.yaml"
ADA: Final = "1001"
PART: Final = 'bill: "{part.invoice_id?}", line: "{part.line_id?}", '


class TestGuild(Conformance):
    """The kit, run against the sandbox that the pages use."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Iterator[Subject]:
        with opened_subject(GUILD) as subject:
            yield subject


def test_the_lint_finds_nothing_to_say() -> None:
    assert lint(GUILD.read_bytes(), production=True) == []


# -- what a mapping says of its aims -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "rule", "invoices", "lines"),
    [
        (PART, "", "", False, False),
        ('line: "{part.line_id?}", ', "", "", True, False),
        ("          balance: {at: open_cents, codec: cents}\n", "", "aim_not_read", True, False),
        ('            one: {get: "/bills/{read.id}"}\n'[8:], "", "aim_not_read", False, False),
        ('bill: "{part.invoice_id?}", ', "", "line_without_invoice", False, False),
        ("{part.invoice_id?}", "{part.invoice_id}", "aim_always", True, True),
    ],
)
def test_what_a_payment_can_be_aimed_at_is_read_from_the_mapping(
    tmp_path: Path, right: str, wrong: str, rule: str, *, invoices: bool, lines: bool
) -> None:
    text = GUILD.read_text(encoding="utf-8")
    assert text.count(right) == 1
    file = tmp_path / "guild.yaml"
    file.write_text(text.replace(right, wrong), encoding="utf-8")

    assert {each.rule for each in lint(file.read_bytes())} == ({rule} if rule else set())
    with opened_subject(file) as subject:
        adapter = subject.adapter
        assert isinstance(adapter, LinePort)
        assert isinstance(adapter, UnaimedPort)
        assert (adapter.settles_invoices, adapter.settles_lines) == (invoices, lines)


MEMO: Final = 'memo: "portal, invoice {part.invoice_id?}", '
STORED: Final = """      - name: charge
        only_when: {means.by: stored}
        post: /charges
        body: {ref: "{effect.reference}", lease: "{effect.parts[0].rental_id}", card: "{effect.means.method_id}"}
        idempotency:
          by: client_reference
          look_up:
            get: "/leases/{effect.parts[0].rental_id}/payments"
            match: {ref: "{effect.reference}"}
            outputs: {payment: id}
        outputs: {payment: id}
"""
AIMED: Final = STORED.replace(
    "{ref:", '{bill: "{effect.parts[0].invoice_id?}", line: "{effect.parts[0].line_id?}", ref:', 1
)


def _by_two_steps(charge: str) -> str:
    """What is taken elsewhere is booked with its aims; a stored card is charged by a step of its own."""
    text = GUILD.read_text(encoding="utf-8")
    for old, new in (
        ("    accepts: {means.by: external}\n    steps:\n      - name: book\n",
         ("    accepts: {means.by: {among: [external, stored]}}\n    steps:\n      - name: book\n"
         "        only_when: {means.by: external}\n")),
        ("  set_autopay:\n", f"{charge}  set_autopay:\n"),
        ("policy: {records_payments_only: true, ", "policy: {"),
    ):  # fmt: skip
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def _payment(means: ExternalPayment | StoredMethod, *aims: dict[str, str]) -> TakePayment:
    parts = tuple(
        PaymentPart(rental_id="2001", unit_id=None, amount=Money(amount=Decimal("80.00"), currency="USD"), **aim)
        for aim in aims
    )
    return TakePayment(account="main", facility="F1", tenant_id=ADA, parts=parts, means=means, reference="PB-AAAAAAAA")


TAKEN: Final = ExternalPayment(gateway="stripe", reference="pi_1234")
CARD: Final = StoredMethod(method_id="4001")
LINE: Final = {"invoice_id": "6001", "line_id": "7001"}


@pytest.mark.parametrize(("charge", "rules", "aimed"), [(STORED, {"aim_by_some"}, False), (AIMED, set(), True)])
def test_a_payment_is_aimed_by_the_steps_it_travels_by(charge: str, rules: set[str], *, aimed: bool) -> None:
    text = _by_two_steps(charge).encode()
    mapping = examine(text).mapping
    assert mapping is not None

    assert {each.rule for each in lint(text)} == rules
    assert payment_means(mapping) == {"external", "stored"}
    assert (settles_invoices(mapping), settles_lines(mapping)) == (aimed, aimed)
    assert takes(mapping, _payment(TAKEN, LINE, LINE))
    assert takes(mapping, _payment(CARD, LINE)) is aimed
    assert takes(mapping, _payment(CARD, {}))
    assert not takes(mapping, _payment(CARD, {}, LINE)), "the charge has a place for the first part alone"


@pytest.mark.parametrize(
    ("place", "rules", "counts"),
    [
        (MEMO, {"aim_in_words"}, False),
        ('bill: "INV-{part.invoice_id?}", ', {"aim_in_words"}, False),
        (MEMO + 'bill: "{part.invoice_id?}", ', set(), True),
    ],
)
def test_an_aim_within_a_sentence_is_none(place: str, rules: set[str], *, counts: bool) -> None:
    text = GUILD.read_text(encoding="utf-8").replace(PART, place).encode()
    mapping = examine(text).mapping
    assert mapping is not None

    assert {each.rule for each in lint(text)} == rules
    assert settles_invoices(mapping) is counts
    assert takes(mapping, _payment(TAKEN, {"invoice_id": "6001"})) is counts


@pytest.mark.parametrize(
    ("path", "counts"),
    [("/bills/{effect.parts[0].invoice_id}/payments", True), ("/bills/x-{effect.parts[0].invoice_id}", False)],
)
def test_a_segment_of_a_path_is_an_aim(path: str, *, counts: bool) -> None:
    text = GUILD.read_text(encoding="utf-8").replace(PART, "").replace("post: /payments", f'post: "{path}"')
    mapping = examine(text.encode()).mapping
    assert mapping is not None

    assert settles_invoices(mapping) is counts


def test_a_means_that_no_step_is_for_is_not_taken() -> None:
    mapping = examine(_by_two_steps("").encode()).mapping
    assert mapping is not None

    assert payment_means(mapping) == {"external"}
    assert not takes(mapping, _payment(CARD, {}))


@pytest.mark.parametrize(
    ("left_out", "aims"),
    [("", {"bill": "6001", "line": "7001"}), ('line: "{part.line_id?}", ', {"bill": "6001"}), (PART, {})],
)
def test_map_try_shows_a_payment_that_is_aimed_as_closely_as_it_can(left_out: str, aims: dict[str, str]) -> None:
    mapping = examine(GUILD.read_text(encoding="utf-8").replace(left_out, "").encode()).mapping
    assert mapping is not None

    (sent, *_) = [each.body for each in preview(mapping, "take_payment") if each.body]

    assert sent["parts"] == [{"lease": "2001", **aims, "cents": 12005}]


# -- a portal on it ----------------------------------------------------------------------------------------------------


class World:
    """One portal on one sandbox."""

    def __init__(self, folder: Path, mapping: Path, server: SandboxServer, clock: TestClock) -> None:
        self.office, self.clock, self.control = server.office, clock, server.control
        options = account_options(server.office, str(mapping), load_mapping(mapping), server.base_url)
        secrets = FakeSecrets()
        secrets.words |= {f"env:{each}": word for each, word in server.office.secrets.items()}
        self.adapter: RestAdapter = create(
            "main", options, secrets=secrets, clock=clock, gate=InMemoryGate(clock.monotonic)
        )
        self.bridge = Bridge(
            Settings(accounts={"main": AccountSettings(system="rest")}),
            database=open_database(f"sqlite:///{folder}/bridge.db"), adapters={"main": self.adapter}, mailer=None,
            clock=clock,
        )  # fmt: skip

    @property
    def session(self) -> TenantSession:
        return self.bridge.tenant("F1", ADA)

    def later(self, **by: int) -> None:
        self.clock.advance(timedelta(**by))
        self.bridge.runtime.run_due()

    def left(self, noun: str) -> dict[str, str]:
        """By id, what is still owed by the books."""
        return {row.id: str(row.values["balance"]) for row in self.office.books.truth.all(noun)}

    @property
    def booked(self) -> list[Any]:
        return [one for one in self.office.books.entries if one.kind == "take_payment"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = TestClock()
    with SandboxServer(Office(GUILD, now=clock.now)) as server:
        made = World(tmp_path, GUILD, server, clock)
        yield made
        made.bridge.close()
        made.adapter.close()
        assert server.office.report()["journal_total"] == "0.00"


def gateway(word: str) -> ExternalPayment:
    return ExternalPayment(gateway="stripe", reference=f"pi_{word}")


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@pytest.mark.fact("S1.34", "S4.5")
def test_one_line_of_a_combined_invoice_is_settled_and_the_others_stay_open(world: World) -> None:
    quote = world.session.quote_invoice("INV-2", lines=["INV-2-2"])

    view = world.session.pay(quote.id, gateway("line"), key="click-0001")

    assert [(line.rental_id, line.line_id, line.amount) for line in quote.lines] == [("2002", "INV-2-2", usd("20.00"))]
    assert view.outcome is Outcome.SETTLED
    assert world.left("invoice_lines") == {
        "INV-1-1": "80.00",
        "INV-2-1": "40.00",
        "INV-2-2": "0.00",
        "INV-3-1": "45.00",
    }
    assert world.left("invoices") == {"INV-1": "80.00", "INV-2": "40.00", "INV-3": "45.00"}
    (one,) = [each for each in world.session.invoices() if each.id == "INV-2"]
    assert (one.state.value, one.balance) == ("partially_paid", usd("40.00"))
    with pytest.raises(IneligibleError) as denied:
        world.session.quote_invoice("INV-2", lines=["INV-2-2"])
    assert denied.value.code == "line_settled"


def test_a_combined_invoice_is_one_payment_that_names_every_line(world: World) -> None:
    quote = world.session.quote_invoice("INV-2")

    view = world.session.pay(quote.id, gateway("all"), key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert len(view.principal) == 1
    (entry, other) = world.booked
    assert (entry.reference, entry.subject, other.subject) == (other.reference, "2001", "2002")
    assert world.left("invoices") == {"INV-1": "80.00", "INV-2": "0.00", "INV-3": "45.00"}


def test_ticked_invoices_are_a_payment_each_a_combined_one_too(world: World) -> None:
    quote = world.session.quote_invoices(["INV-1", "INV-2"])

    view = world.session.pay(quote.id, gateway("ticked"), key="click-0001")

    assert (view.outcome, len(view.principal), quote.total) == (Outcome.SETTLED, 2, usd("140.00"))
    assert world.left("invoices") == {"INV-1": "0.00", "INV-2": "0.00", "INV-3": "45.00"}


@pytest.mark.parametrize("fault", ["drop_after", "late_commit", "drop_before"])
def test_a_lost_answer_is_looked_for_and_the_line_settled_once(world: World, fault: str) -> None:
    quote = world.session.quote_invoice("INV-2", lines=["INV-2-1"])
    world.control.inject("take_payment.*", fault, seconds=20)

    view = world.session.pay(quote.id, gateway("lost"), key="click-0001")
    assert view.outcome in {Outcome.PENDING, Outcome.NOT_SENT, Outcome.SETTLED}
    for _ in range(4):
        world.later(minutes=3)

    assert world.session.pay(quote.id, gateway("lost"), key="click-0001").outcome is Outcome.SETTLED
    assert len(world.booked) == 1
    assert world.left("invoices") == {"INV-1": "80.00", "INV-2": "20.00", "INV-3": "45.00"}


def test_what_is_not_owed_is_refused_by_the_judge_and_by_the_office(world: World) -> None:
    part = PaymentPart(
        rental_id="2002", invoice_id="INV-2", line_id="INV-2-1", unit_id=None, amount=usd("5.00"),
    )  # fmt: skip
    effect = TakePayment(
        account="main", facility="F1", tenant_id=ADA, parts=(part,), means=gateway("not"), reference="PB-NOTOWED00001",
    )  # fmt: skip
    attempt = Attempt(key="0" * 40, sent_at=world.clock.now())

    with pytest.raises(RejectedError):
        world.adapter.execute(effect, attempt)
    with pytest.raises(IneligibleError) as more:
        world.session.quote_invoice("INV-1", usd("80.01"))
    with pytest.raises(NotFoundError):
        world.session.quote_invoice("INV-2", lines=["INV-1-1"])
    with pytest.raises(NotFoundError):
        world.session.quote_invoice("INV-3")

    assert (more.value.code, world.booked) == ("amount_exceeds_balance", [])
    assert isinstance(world.adapter.probe(effect, attempt), Absent)


def test_another_tenants_invoice_is_not_found(world: World) -> None:
    assert isinstance(world.adapter, InvoicePort)
    found: Invoice = world.adapter.invoice("F1", ADA, "INV-1")
    assert found.total == usd("80.00")
    for tenant, invoice in (("1002", "INV-1"), (ADA, "INV-3"), (ADA, "INV-9")):
        with pytest.raises(NotFoundError):
            world.adapter.invoice("F1", tenant, invoice)


def test_a_mapping_that_names_no_invoice_is_asked_for_none(tmp_path: Path) -> None:
    file, clock = tmp_path / "guild.yaml", TestClock()
    file.write_text(GUILD.read_text(encoding="utf-8").replace(PART, ""), encoding="utf-8")
    with SandboxServer(Office(file, now=clock.now, beside=GUILD.with_suffix(".office.yaml"))) as server:
        world = World(tmp_path, file, server, clock)
        with pytest.raises(UnsupportedError):
            world.session.quote_invoice("INV-1")
        part = PaymentPart(rental_id="2001", invoice_id="INV-1", unit_id=None, amount=usd("5.00"))
        effect = TakePayment(
            account="main", facility="F1", tenant_id=ADA, parts=(part,), means=gateway("x"),
            reference="PB-AIMLESS00001",
        )  # fmt: skip
        assert not world.adapter.takes(effect)
        offer = world.session.dashboard().offer("pay_invoice")
        assert offer is not None
        assert offer.code == "not_supported"
        world.bridge.close()
        world.adapter.close()


# -- the button and the verb -------------------------------------------------------------------------------------------

K = ActionKind


def card() -> Card:
    return Card(number="4111111111111111", expires_on=date(2031, 12, 31), holder="A B", cvv="123")


PAYING: Final[dict[ActionKind, Callable[[TenantSession, Any], ActionView]]] = {
    K.PAY_RENTAL: lambda s, means: s.pay_rental("2001", means, key="click-rental"),
    K.PAY_ALL: lambda s, means: s.pay_all(means, key="click-all-0"),
    K.PREPAY: lambda s, means: s.prepay(1, means, key="click-prepay"),
    K.PAY_INVOICE: lambda s, means: s.pay_invoice("INV-1", means, key="click-invoice"),
    K.PAY_ON_ACCOUNT: lambda s, means: s.pay_on_account(usd("3.00"), means, key="click-account"),
    K.PAY_REQUEST: lambda s, means: s.pay_request(s.payment_requests()[0].id, means, key="click-request"),
}


def of_verb(world: World, kind: ActionKind, means: Any) -> str:
    try:
        view = PAYING[kind](world.session, means)
    except (IneligibleError, UnsupportedError) as refused:
        return refused.code
    return ", ".join(step.code or step.message for step in view.principal if step.outcome.nothing_changed)


@pytest.mark.parametrize("kind", sorted(MONEY_KINDS))
@pytest.mark.parametrize("by", ["card", "external"])
def test_a_way_to_pay_is_denied_by_the_button_and_the_verb_alike(world: World, kind: ActionKind, by: str) -> None:
    staff = world.bridge.tenant("F1", ADA, actor="staff:ann")
    staff.ask_payment(usd("7.00"), "A key", rental_id="2001", key="click-ask-1")
    rental = "2001" if kind.is_per_rental else None
    (offer,) = [
        each for each in world.session.available_actions(rental, by=by, months=1 if kind is K.PREPAY else None)
        if each.kind is kind
    ]  # fmt: skip

    code = of_verb(world, kind, card() if by == "card" else gateway("button"))

    assert offer.code == code
    if by == "card":
        assert not offer.allowed
    if offer.code == "means_not_taken":
        assert offer.facts["by"] == "external"
    assert len(world.booked) == (0 if code else 1)


def test_every_way_of_paying_is_tried() -> None:
    assert PAYING.keys() == MONEY_KINDS


def test_a_card_that_is_not_taken_is_wiped_and_nothing_is_kept(world: World) -> None:
    typed = card()

    with pytest.raises(IneligibleError) as denied:
        world.session.pay_rental("2001", typed, key="click-card-1")

    assert (denied.value.code, typed.is_wiped, world.booked) == ("means_not_taken", True, [])
    assert world.bridge.journal.recent_effects("main", "F1", ADA, world.clock.now()) == ()
