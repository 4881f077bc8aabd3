"""A tenant's session over a back office that a mapping describes: the same verbs, the same certainty."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import UnavailableError, UnsupportedError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.rental import Discount
from pmsbridge.portal.office import Office as PortalOffice
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge.transport.limits import InMemoryGate
from pmsbridge_rest.adapter import RestAdapter, create
from tests.adapters.rest.wire.harbor_office import HarborOffice, opened_harbor
from tests.adapters.rest.wire.office import Answer, FakeSecrets
from tests.mailbox import Outbox

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
MONEY = ExternalPayment(gateway="gate", reference="ch_1001")


@dataclass(slots=True)
class World:
    clock: TestClock
    office: HarborOffice
    adapter: RestAdapter
    runtime: Runtime
    outbox: Outbox

    @property
    def session(self) -> TenantSession:
        return TenantSession(
            PortalOffice(
                adapter=self.adapter, runtime=self.runtime, clock=self.clock, facility="H1", tenant_id="7",
                actor="tenant", wait=None,
            )
        )  # fmt: skip

    def later(self, **by: int) -> None:
        self.clock.advance(timedelta(**by))
        self.runtime.run_due()


@contextmanager
def opened_world(tmp_path: Path, mapping: Path = HARBOR) -> Iterator[World]:
    clock, outbox = TestClock(), Outbox()
    database = open_database(f"sqlite:///{tmp_path / 'bridge.db'}")
    with opened_harbor() as office:
        options = {
            "mapping": str(mapping),
            "options": {"company": "acme"},
            "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"},
            "facilities": [{"code": "H1", "zone": "America/Chicago", "options": {"site": "1"}}],
            "base_url": office.url,
        }
        secrets = FakeSecrets(id="not-a-real-id", secret="not-a-real-secret")
        # The gate in a database goes by that database's clock, which does not move when a test's does.
        gate = InMemoryGate(clock.monotonic)
        adapter = create("main", options, secrets=secrets, clock=clock, gate=gate)
        yield World(clock, office, adapter, Runtime(database, {"main": adapter}, mailer=outbox, clock=clock), outbox)
        adapter.close()
    database.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened_world(tmp_path) as found:
        yield found


@pytest.mark.fact("S0.22")
def test_a_click_is_one_payment(world: World) -> None:
    view = world.session.pay_rental("70", MONEY, key="click-0001")

    assert view.outcome is Outcome.SETTLED
    (kept,) = world.office.payments["70"]
    assert kept["amount_cents"] == 12050
    assert world.session.pay_rental("70", MONEY, key="click-0001").replayed
    assert len(world.office.payments["70"]) == 1


@pytest.mark.parametrize("after_work", [True, False])
@pytest.mark.parametrize(
    "answer", [Answer(cut=0), Answer(500, {}), Answer(200, {"ok": False})], ids=["cut", "500", "200"]
)
def test_a_payment_whose_answer_was_lost_is_pending_then_settled_and_there_once(
    world: World, answer: Answer, *, after_work: bool
) -> None:
    world.office.goes_wrong("POST", "/payments$", answer, after_work=after_work)

    view = world.session.pay_rental("70", MONEY, key="click-0001")
    assert view.outcome is Outcome.PENDING
    for _ in range(4):
        world.later(minutes=5)

    assert world.session.action(view.action_id).outcome is Outcome.SETTLED
    assert len(world.office.payments["70"]) == 1


@pytest.mark.fact("S0.38", "S0.43")
def test_an_edit_is_written_and_told_to_staff_three_times(world: World) -> None:
    view = world.session.edit_contact({"email": "new@x.test"}, key="click-0001")

    assert view.outcome is Outcome.SETTLED
    assert world.office.customers["7"]["email"] == "new@x.test"
    assert (len(world.office.notes["7"]), len(world.office.tasks), len(world.outbox.mails)) == (1, 1, 1)


@pytest.mark.fact("S0.34")
def test_a_move_out_is_planned_and_taken_back(world: World) -> None:
    leaving = world.clock.now().date() + timedelta(days=40)
    asked = world.session.request_move_out("70", leaving, key="click-0001")
    assert asked.outcome is Outcome.SETTLED
    assert world.office.leases["70"]["leaving"] == leaving.strftime("%m/%d/%Y")

    back = world.session.cancel_move_out("70", key="click-0002")

    assert back.outcome is Outcome.SETTLED
    assert world.office.leases["70"]["leaving"] is None


def test_a_mapping_says_whether_staff_do_what_the_back_office_cannot(tmp_path: Path) -> None:
    by_staff = "set_consent: {because: not mapped yet, cannot: false, fallback: staff}"
    text = HARBOR.read_text(encoding="utf-8")
    assert by_staff in text
    nobody = tmp_path / "harbor.yaml"
    nobody.write_text(text.replace(by_staff, by_staff.replace("staff", "none")), encoding="utf-8")

    with opened_world(tmp_path) as world:
        button = world.session.dashboard().offer(ActionKind.SET_CONSENT)
        assert button is not None
        assert (button.allowed, button.is_emulated) == (True, True)
        view = world.session.set_consent(ConsentChannel.SMS, ConsentPurpose.MARKETING, granted=True, key="click-0001")
        assert view.outcome is Outcome.SETTLED
        assert (len(world.office.tasks), len(world.outbox.mails)) == (1, 1)
    with opened_world(tmp_path, nobody) as world:
        button = world.session.dashboard().offer(ActionKind.SET_CONSENT)
        assert button is not None
        assert (button.allowed, button.code, button.is_emulated) == (False, "not_supported", False)
        with pytest.raises(UnsupportedError) as refused:
            world.session.set_consent(ConsentChannel.SMS, ConsentPurpose.MARKETING, granted=True, key="click-0002")
        assert refused.value.code == "not_supported"
        assert not world.outbox.mails
        assert not world.office.tasks


@pytest.mark.fact("S0.5")
def test_the_dashboard_is_read_by_the_mapping(world: World) -> None:
    account = world.session.account()

    assert [str(row.balances.payable_now) for row in account.rentals] == ["120.50 USD", "0.00 USD"]
    assert world.session.ledger("70")[0].effective_on == date(2026, 5, 1)


BAD = (
    Answer(cut=0),
    Answer(500, {}),
    Answer(200, {"ok": False}),
    Answer(502, raw=b"<html>"),
    Answer(201, {"ok": 1}, cut=4),
)
CERTAIN = (Answer(429, {"ok": False}, {"Retry-After": "30"}), Answer(422, {"ok": False, "error": {"code": "NO"}}))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_goes_wrong_nothing_is_doubled_nothing_lost_and_nobody_told_a_falsehood(
    world: World, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - seeded dice are no cryptography
    asked: dict[int, str] = {}
    for click in range(6):
        for _ in range(dice.randrange(3)):
            answer = dice.choice([*BAD, *CERTAIN])
            after_work = answer in BAD and dice.random() < 0.5
            world.office.goes_wrong(dice.choice(["POST", "POST", "GET"]), "/payments$", answer, after_work=after_work)
        cents = 1000 + click
        amount = Money.of(f"10.0{click}", "USD")
        with suppress(UnavailableError):
            asked[cents] = world.session.pay_rental("70", MONEY, key=f"click-{click:04}", amount=amount).action_id
        world.later(minutes=dice.randrange(1, 4))
    for _ in range(30):
        world.later(minutes=10)

    kept = Counter(one["amount_cents"] for one in world.office.payments["70"])
    for cents, action_id in asked.items():
        outcome = world.session.action(action_id).outcome
        assert kept[cents] <= 1
        assert outcome in {Outcome.SETTLED, Outcome.NOT_SENT, Outcome.DECLINED, Outcome.NEEDS_REVIEW}
        assert kept[cents] == 1 or outcome is not Outcome.SETTLED
        assert kept[cents] == 0 or not outcome.nothing_changed
    assert set(kept) <= set(asked)


@pytest.mark.fact("S1.57")
def test_discounts_of_a_rental_are_read_with_it(world: World) -> None:
    world.office.leases["70"]["specials"] = [{"label": "Half off", "off_percent": 50, "ends": "08/31/2026"}]

    rows = {row.id: row.rental.discounts for row in world.session.account().rentals}

    assert rows == {"70": (Discount(name="Half off", percent=Decimal(50), until=date(2026, 8, 31)),), "71": ()}
    assert world.session.rental("70").rental.discounts == rows["70"]
