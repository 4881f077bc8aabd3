"""The series that the other tests do not run on: a short round through everything that writes, and a reading of it all.

``make test-tryton-8.0`` builds it once, and runs every test of the adapter on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from pmsbridge.actions.effects import AddNote, AttachDocument, CancelMoveOut, EffectBody, PostBulletin
from pmsbridge.errors import OutcomeUnknownError
from pmsbridge.model.invoices import InvoiceState
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.adapter import Entity, Query, TenantSearch
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Absent, Attempt, Found
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.recipe import SERIES, recipe
from pmsbridge_tryton.sandbox.serving import TrytonServer, running_tryton
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import FACILITY, KEY, adapter_of, days
from tests.adapters.tryton.test_booking import whole
from tests.adapters.tryton.test_contracts import SCOPE, call_off, item_of, planned
from tests.adapters.tryton.test_editing import autopay, edit
from tests.adapters.tryton.test_leaving import leave, told
from tests.adapters.tryton.weather import WeatherProxy, weather_before

OTHER = next(series for series in SERIES if series != recipe().series)


@pytest.fixture(scope="module")
def server() -> Iterator[TrytonServer]:
    made = recipe(OTHER)
    if not made.books.is_dir():
        pytest.skip(f"Tryton {OTHER} is not built on this machine; once: python -m tests.servers.tryton {OTHER}")
    with running_tryton(made, made.books) as found:
        yield found


@pytest.fixture(scope="module")
def way(server: TrytonServer) -> Iterator[WeatherProxy]:
    with weather_before("127.0.0.1", server.port) as found:
        yield found


@pytest.fixture(scope="module")
def adapter(server: TrytonServer, way: WeatherProxy) -> Iterator[TrytonAdapter]:
    found = adapter_of(server, url=way.url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def yard(server: TrytonServer) -> Yard:
    return Yard(server.caller("staff"), server.facts)


@pytest.fixture(scope="module")
def customer(yard: Yard) -> Customer:
    return yard.customer()


FILE = HandedFile.of_bytes(b"%PDF-1.7 made up", name="a.pdf", media_type="application/pdf")


def lost_then_sent(adapter: TrytonAdapter, way: WeatherProxy, effect: EffectBody, step: str) -> None:
    """An answer is lost, the look says so, the next send goes on, and the look finds it."""
    attempt = Attempt(key=KEY, baseline=adapter.baseline(effect), file=FILE)
    assert isinstance(adapter.probe(effect, attempt), Absent)
    way.let(Weather.LOST_AFTER, step)
    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt)
    adapter.probe(effect, attempt)
    adapter.execute(effect, attempt)
    assert isinstance(adapter.probe(effect, attempt), Found)


def test_it_is_the_other_series_and_healthy(server: TrytonServer, adapter: TrytonAdapter) -> None:
    assert server.series == OTHER == adapter._desk.client.server_series()
    assert {check["status"] for check in adapter.diagnose()} <= {"ok", "warning"}


def test_an_invoice_is_paid_once(adapter: TrytonAdapter, way: WeatherProxy, yard: Yard, customer: Customer) -> None:
    invoice = yard.invoice(customer, Decimal("80.00"))

    lost_then_sent(adapter, way, whole(customer, invoice, "80.00"), "wizard.account.payment.process.execute")

    assert [row["state"] for row in yard.payments(customer)] == ["succeeded"]
    assert adapter.invoice(FACILITY, str(customer.id), str(invoice)).state is InvoiceState.PAID


def test_a_rental_ends_and_goes_on(adapter: TrytonAdapter, way: WeatherProxy, yard: Yard, customer: Customer) -> None:
    unit = yard.let(customer, start=days(-40))
    effect = leave(customer, unit, days(45))

    lost_then_sent(adapter, way, effect, "model.sale.subscription.write")
    row = adapter.account(FACILITY, str(customer.id)).rental(effect.rental_id)
    back = CancelMoveOut(**SCOPE, tenant_id=str(customer.id), rental_id=effect.rental_id)
    adapter.execute(back, Attempt(key=KEY, baseline=adapter.baseline(back)))

    assert row is not None
    assert row.rental.state is RentalState.NOTICE_GIVEN
    assert (told(yard, unit)["state"], told(yard, unit)["end_date"]) == ("running", None)


def test_items_are_called_off(adapter: TrytonAdapter, way: WeatherProxy, yard: Yard, customer: Customer) -> None:
    rental = yard.on_rent(customer, {"FENCE-8": 5}, start=days(-10), days=30)

    effect = call_off(customer, rental, item_of(adapter, customer, rental), 5)
    lost_then_sent(adapter, way, effect, "model.stock.move.write")

    assert planned(yard, rental) == [(5, days(4))]
    assert len(adapter.call_offs(FACILITY, str(customer.id))) == 1


def test_contact_data_autopay_and_words(adapter: TrytonAdapter, way: WeatherProxy, customer: Customer) -> None:
    tenant = {**SCOPE, "tenant_id": str(customer.id)}
    party = f"party.party,{customer.id}"
    tries: dict[str, EffectBody] = {
        "model.party.party.write": edit(customer, changes={"phone": "+1 312-555-0199", "address.city": "Evanston"}),
        "model.party.party.reception_direct_debit.create": autopay(customer, on=True),
        "model.party.party.reception_direct_debit.delete": autopay(customer, on=False),
        "model.ir.note.create": AddNote(**tenant, rental_id=party, text="Please call.", reference="PB-NOTE00000001"),
        "model.ir.attachment.create": AttachDocument(
            **tenant, title="a.pdf", media_type=FILE.media_type, size=FILE.size, sha256=FILE.sha256,
            reference="PB-FILE00000001",
        ),
    }  # fmt: skip
    post = PostBulletin(**tenant, subject="A post", body="To staff.", reference="PB-POST00000001")

    for step, effect in tries.items():
        lost_then_sent(adapter, way, effect, step)
    adapter.execute(post, Attempt(key=KEY))

    assert isinstance(adapter.probe(post, Attempt(key=KEY)), Found)
    assert [match.is_exact for match in adapter.find_tenants(FACILITY, TenantSearch(phone="312 555 0199"))] == [True]


def test_a_night_copies_it(adapter: TrytonAdapter, customer: Customer) -> None:
    for entity in (Entity.FACILITIES, Entity.TENANTS, Entity.RENTALS, *adapter.copied_besides):
        *_, last = adapter.fetch(Query(entity, FACILITY))
        assert last.is_complete, entity
        *_, changed = adapter.fetch(Query(entity, FACILITY), since=last.cursor)
        assert changed.is_complete is (entity in {Entity.FACILITIES, Entity.DOCUMENTS, Entity.PORTAL_ACCOUNTS}), entity
    ledger = adapter.tenant_ledger(FACILITY, str(customer.id))
    assert sum(entry.effect.amount for entry in ledger) == 0
