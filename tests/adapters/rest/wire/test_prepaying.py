"""Months ahead over loopback: quoted by the back office, or not offered at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import UnavailableError, UnsupportedError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge.transport.limits import InMemoryGate
from pmsbridge_rest.adapter import RestAdapter, create
from pmsbridge_rest.mapping.reading import examine
from tests.adapters.rest.wire.harbor_office import HarborOffice, good
from tests.adapters.rest.wire.office import Answer, FakeSecrets, run

HARBOR = Path(__file__).parent.parent / "harbor.yaml"
PREPAY = """
prepay:
  of_rental: {get: "/leases/{read.rental_id}/ahead", query: {months: "{read.months|integer}"}}
  future: {at: cents, codec: cents}
  through: {at: until, codec: us_date}
"""

Make = Callable[[str], RestAdapter]


@pytest.fixture
def office() -> Iterator[HarborOffice]:
    with run(HarborOffice()) as found:
        for lease in found.leases.values():
            lease["balance_cents"] = lease["overdue_cents"] = 0
        found.entries = {key: [] for key in found.entries}
        found.routes.append((
            "GET", r"/leases/(\w+)/ahead",
            lambda seen, key: good({"cents": 10002 * int(seen.query["months"]), "until": "08/31/2026", "lease": key}),
        ))  # fmt: skip
        yield found


@pytest.fixture
def make(office: HarborOffice, tmp_path: Path) -> Iterator[Make]:
    made: list[RestAdapter] = []

    def adapter(section: str = PREPAY) -> RestAdapter:
        mapping = tmp_path / "ahead.yaml"
        mapping.write_text(HARBOR.read_text(encoding="utf-8") + section, encoding="utf-8")
        options = {
            "mapping": str(mapping), "options": {"company": "acme"}, "base_url": office.url,
            "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"}, "read_attempts": 1,
            "facilities": [{"code": "H1", "zone": "America/Chicago", "options": {"site": "1"}}],
        }  # fmt: skip
        secrets, clock = FakeSecrets(id="not-a-real-id", secret="not-a-real-secret"), TestClock()
        made.append(create("main", options, secrets=secrets, clock=clock, gate=InMemoryGate(clock.monotonic)))
        return made[-1]

    yield adapter
    for each in made:
        each.close()


def test_each_current_rental_is_quoted_by_the_back_office(make: Make) -> None:
    adapter = make(PREPAY)

    quote = adapter.prepay_quote("H1", "7", 3)

    assert adapter.quotes_prepay
    assert {line.rental_id: line.future for line in quote.lines} == dict.fromkeys(
        ("70", "71"), Money.of("300.06", "USD")
    )
    assert quote.through == dict.fromkeys(("70", "71"), date(2026, 8, 31))


def test_a_mapping_without_a_price_has_none(make: Make) -> None:
    adapter = make("")

    assert not adapter.quotes_prepay
    with pytest.raises(UnsupportedError):
        adapter.prepay_quote("H1", "7", 3)


@pytest.mark.parametrize("answer", [good({}), good({"cents": "much"}), good([]), Answer(500, {})])
def test_an_answer_without_a_price_quotes_nothing(make: Make, office: HarborOffice, answer: Answer) -> None:
    adapter = make(PREPAY)
    office.goes_wrong("GET", "/ahead", answer, count=9)

    with pytest.raises(UnavailableError):
        adapter.prepay_quote("H1", "7", 3)


@pytest.mark.parametrize("section", [PREPAY, ""], ids=["quoted", "not quoted"])
def test_the_button_is_there_where_there_is_a_price_and_paying_ahead_is_one_payment(
    make: Make, office: HarborOffice, tmp_path: Path, section: str
) -> None:
    adapter, clock = make(section), TestClock()
    database = open_database(f"sqlite:///{tmp_path / 'bridge.db'}")
    runtime = Runtime(database, {"main": adapter}, mailer=None, clock=clock)
    session = TenantSession(
        Office(adapter=adapter, runtime=runtime, clock=clock, facility="H1", tenant_id="7", actor="tenant", wait=None)
    )
    (offer,) = [each for each in session.available_actions() if each.kind is ActionKind.PREPAY]
    means = ExternalPayment(gateway="gate", reference="ch_1001")

    if section:
        assert offer.allowed
        assert session.prepay(3, means, key="click-0001", rental_id="70").outcome is Outcome.SETTLED
        assert [paid["amount_cents"] for paid in office.payments["70"]] == [30006]
    else:
        assert offer.code == "not_supported"
        with pytest.raises(UnsupportedError):
            session.prepay(3, means, key="click-0001", rental_id="70")
        assert office.payments["70"] == []
    database.close()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (PREPAY.replace("codec: cents}", "codec: us_date}"), "kind date; money"),
        (PREPAY.replace("{at: cents, codec: cents}", "cents"), "name the codec"),
        (PREPAY.replace("{read.months|integer}", "3"), "{read.months} stands nowhere"),
        (PREPAY.replace("{read.rental_id}", "70"), "{read.rental_id} stands nowhere"),
        (PREPAY.replace("{read.rental_id}", "{effect.rental_id}"), "cannot be filled here"),
    ],
)
def test_what_is_wrong_with_the_price_is_told(wrong: str, told: str) -> None:
    found = examine((HARBOR.read_text(encoding="utf-8") + wrong).encode()).problems

    assert any(told in each.what for each in found), found
