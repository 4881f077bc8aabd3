"""Payments whose answers get lost, through the engine, on a real server: each is booked once, none needs a person."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.model.payments import ExternalPayment
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings.sections import AccountSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.conformance import Weather
from tests.adapters.tryton.account import ACCOUNT, adapter_of
from tests.adapters.tryton.test_booking import STEPS
from tests.adapters.tryton.weather import weather_before
from tests.servers.tryton.serving import TrytonServer
from tests.servers.tryton_yard import Yard

PAYMENTS = 6
PATIENCE = timedelta(minutes=3)
LOSSES = (Weather.LOST_BEFORE, Weather.LOST_AFTER, Weather.FAULT, Weather.GARBLED, Weather.SERVER_ERROR)


@pytest.mark.slow
def test_payments_whose_answers_are_lost_are_booked_once(
    tryton_server: TrytonServer, tryton_yard: Yard, tmp_path: Path
) -> None:
    customer = tryton_yard.customer()
    invoices = [tryton_yard.invoice(customer, Decimal(10 + place)) for place in range(PAYMENTS)]
    settings = Settings(accounts={ACCOUNT: AccountSettings(system="tryton")})
    with weather_before("127.0.0.1", tryton_server.port) as weather:
        adapter = adapter_of(tryton_server, url=weather.url, settle_window="1ms")
        adapter.facility("main")
        with Bridge(
            settings, database=open_database(f"sqlite:///{tmp_path}/bridge.db"), adapters={ACCOUNT: adapter},
            mailer=None, clock=SystemClock(),
        ) as bridge:  # fmt: skip
            session, lost = bridge.tenant("main", str(customer.id)), 0
            views = []
            for place, invoice in enumerate(invoices):
                weather.let(LOSSES[place % len(LOSSES)], STEPS[place % len(STEPS)])
                means = ExternalPayment(gateway="stripe", reference=f"pi_many_{place}")
                views.append(session.pay_invoice(str(invoice), means, key=f"click-many-{place:03}"))
                lost += len(weather.told)
                weather.clear()
            end = time.monotonic() + PATIENCE.total_seconds()
            while time.monotonic() < end and any(not session.action(v.action_id).outcome.is_final for v in views):
                bridge.runtime.run_due()
                time.sleep(0.2)
            ended = [session.action(view.action_id).outcome for view in views]
        adapter.close()

    assert lost == PAYMENTS
    assert ended == [Outcome.SETTLED] * PAYMENTS
    booked = tryton_yard.payments(customer)
    assert sorted(row["amount"] for row in booked) == [Decimal(10 + place) for place in range(PAYMENTS)]
    assert {row["state"] for row in booked} == {"succeeded"}
    assert [tryton_yard.owed(invoice) for invoice in invoices] == [0] * PAYMENTS
