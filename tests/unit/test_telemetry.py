"""What is told through OpenTelemetry, what never is, and that nothing is told before somebody asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import httpx
import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pmsbridge import telemetry
from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.transport.deadline import Deadline
from pmsbridge.transport.http import HttpClient, HttpRequest
from pmsbridge.transport.limits import LaneLimiter, LaneLimits, Priority

CANARIES = {
    "tenant": "Fake Canary-Name",
    "amount": "129.37",
    "key": "portal-canary-key",
    "reference": "PB-CANARY",
    "text": "a canary wrote this note",
    "card": "4111111111111111",
}


@dataclass
class Told:
    """Everything that was told."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name: str) -> list[Any]:
        return list(self.metrics()[name].data.data_points)

    def everything(self) -> str:
        spans = [span.to_json() for span in self.spans()]
        data = self.reader.get_metrics_data()
        return json.dumps([*spans, data.to_json() if data else ""])


@pytest.fixture
def told() -> Iterator[Told]:
    """Telemetry that is on, and what it told."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    metering = MeterProvider([reader], shutdown_on_exit=False)
    assert telemetry.enable(tracer_provider=tracing, meter_provider=metering)
    yield Told(exporter, reader)
    telemetry.disable()
    tracing.shutdown()
    metering.shutdown()


def test_a_span_tells_its_name_and_what_may_be_told(told: Told) -> None:
    with telemetry.span("send", account="main", facility="L001", effect_kind="take_payment", attempt=2) as traced:
        traced.set(outcome=Outcome.SETTLED, action_id="act_1")

    (span,) = told.spans()
    assert span.name == "pmsbridge.send"
    assert dict(span.attributes) == {
        "pmsbridge.account": "main",
        "pmsbridge.facility": "L001",
        "pmsbridge.effect_kind": "take_payment",
        "pmsbridge.attempt": 2,
        "pmsbridge.outcome": "settled",
        "pmsbridge.action_id": "act_1",
    }
    assert span.status.is_unset


def test_spans_nest_as_the_work_does(told: Told) -> None:
    with telemetry.span("drain", lane="l"), telemetry.span("send"), telemetry.span("vendor_call"):
        pass

    by_name = {span.name: span for span in told.spans()}
    assert by_name["pmsbridge.vendor_call"].parent.span_id == by_name["pmsbridge.send"].context.span_id
    assert by_name["pmsbridge.send"].parent.span_id == by_name["pmsbridge.drain"].context.span_id


def test_no_canary_is_ever_told_by_whatever_way_it_comes(told: Told) -> None:
    for canary in CANARIES.values():
        with telemetry.span("send", tenant=canary, amount=canary, key=canary, reference=canary, text=canary) as traced:
            traced.set(message=canary, tenant_id=canary)
        with pytest.raises(ValueError, match=r".*"), telemetry.span("look", account="main"):
            raise ValueError(canary)
        with pytest.raises(OutcomeUnknownError), telemetry.span("vendor_call", account="main"):
            raise OutcomeUnknownError(canary, code="read_timeout")
    # Under a name that may be told, what looks like a secret is taken out.
    with telemetry.span("send", lane=f"card {CANARIES['card']}", code="password=canary-secret", facility="x" * 5000):
        pass
    telemetry.effect_ended(kind=CANARIES["card"], outcome="settled", account="token=canary-secret")
    telemetry.gate_waited(0.1, lane=CANARIES["card"], priority=Priority.BATCH, outcome="entered")

    everything = told.everything()
    assert len(told.spans()) == 19
    for canary in [*CANARIES.values(), "canary-secret", "x" * 201]:
        assert canary not in everything
    assert "read_timeout" in everything
    assert "ValueError" in everything


def test_an_error_is_told_by_class_and_code_and_goes_on(told: Told) -> None:
    with pytest.raises(UnavailableError), telemetry.span("send", account="main"):
        raise UnavailableError("its words stay here", code="lane_busy")

    (span,) = told.spans()
    assert span.attributes["error.type"] == "UnavailableError"
    assert span.attributes["pmsbridge.code"] == "lane_busy"
    assert not span.status.is_ok
    assert span.status.description is None
    assert span.events == ()


def test_sends_and_vendor_calls_are_timed_by_few_attributes(told: Told) -> None:
    with telemetry.span("send", account="main", effect_kind="add_note", action_id="act_1", attempt=1) as traced:
        traced.set(outcome="settled")
    with telemetry.span("vendor_call", operation="Ask", status=200):
        pass
    with telemetry.span("drain", lane="l"):
        pass

    (sent,) = told.points("pmsbridge.send.duration")
    assert dict(sent.attributes) == {
        "pmsbridge.account": "main",
        "pmsbridge.effect_kind": "add_note",
        "pmsbridge.outcome": "settled",
    }
    assert (sent.count, told.metrics()["pmsbridge.send.duration"].unit) == (1, "s")
    (called,) = told.points("pmsbridge.vendor_call.duration")
    assert dict(called.attributes) == {"pmsbridge.operation": "Ask", "pmsbridge.status": 200}


def test_every_request_is_a_vendor_call_with_its_operation_and_status_and_no_address(told: Told) -> None:
    answering = httpx.MockTransport(lambda request: httpx.Response(503 if "busy" in request.url.path else 200))
    client = HttpClient(transport=answering)
    for path in ("fine", "busy"):
        request = HttpRequest("POST", f"http://127.0.0.1/{path}?key=canary-secret", operation="Pay", body=b"canary")
        with client.send(request) as answer:
            answer.read()
    client.close()

    assert [(span.name, span.attributes["pmsbridge.operation"]) for span in told.spans()] == [
        ("pmsbridge.vendor_call", "Pay")
    ] * 2
    assert [span.attributes["pmsbridge.status"] for span in told.spans()] == [200, 503]
    assert len(told.points("pmsbridge.vendor_call.duration")) == 2
    assert "canary" not in told.everything()


def test_effects_are_counted_by_kind_outcome_and_account(told: Told) -> None:
    for outcome in ("settled", "settled", "declined"):
        telemetry.effect_ended(kind="take_payment", outcome=outcome, account="main")

    counted = {point.attributes["pmsbridge.outcome"]: point.value for point in told.points("pmsbridge.effects")}
    assert counted == {"settled": 2, "declined": 1}


def test_the_wait_for_a_slot_is_told_with_how_it_ended(told: Told) -> None:
    limiter = LaneLimiter(LaneLimits())
    with (
        limiter.slot("a", deadline=Deadline(timedelta(seconds=5)), priority=Priority.WRITE),
        pytest.raises(UnavailableError),
        limiter.slot("a", deadline=Deadline(timedelta(seconds=0.05))),
    ):
        pass

    waits = {
        (point.attributes["pmsbridge.priority"], point.attributes["pmsbridge.outcome"]): point
        for point in told.points("pmsbridge.gate.wait")
    }
    assert set(waits) == {("write", "entered"), ("interactive", "lane_busy")}
    assert waits["interactive", "lane_busy"].sum >= 0.04


def test_gauges_are_read_when_metrics_are_collected_and_until_they_are_ended(told: Told) -> None:
    numbers = {"open": 3, "age": 12.5}

    def away() -> float:
        raise UnavailableError("away", code="database_unavailable")

    end = telemetry.observe(
        open_effects=lambda: numbers["open"],
        oldest_pending_age=lambda: numbers["age"],
        needs_review=lambda: None,
        lanes_due=away,
    )
    with structlog.testing.capture_logs() as logs:
        first = told.metrics()
    numbers["open"] = 4
    second = told.points("pmsbridge.journal.open_effects")[0].value
    end()

    assert first["pmsbridge.journal.open_effects"].data.data_points[0].value == 3
    assert first["pmsbridge.journal.oldest_pending_age"].data.data_points[0].value == 12.5
    assert first["pmsbridge.journal.oldest_pending_age"].unit == "s"
    assert second == 4
    assert not {"pmsbridge.journal.needs_review", "pmsbridge.lanes.due"} & {
        name for name, metric in first.items() if metric.data.data_points
    }
    assert {log["event"] for log in logs} == {"gauge_not_read"}
    assert "pmsbridge.journal.open_effects" not in told.metrics()


def test_a_gauge_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no such gauge: speed"):
        telemetry.observe(speed=lambda: 1)


def test_a_value_that_is_an_enum_is_told_by_its_word() -> None:
    class Colour(Enum):
        RED = "red"

    assert telemetry._told({"outcome": Colour.RED, "priority": Priority.BATCH, "attempt": 1}) == {
        "pmsbridge.outcome": "red",
        "pmsbridge.priority": "batch",
        "pmsbridge.attempt": 1,
    }


def test_before_it_is_enabled_nothing_is_made_and_everything_runs() -> None:
    assert not telemetry.is_enabled()

    first, second = telemetry.span("send", account="main"), telemetry.span("drain")

    assert first is second
    with first as traced:
        traced.set(outcome="settled")
    telemetry.effect_ended(kind="k", outcome="settled", account="main")
    telemetry.gate_waited(0.1, lane="l", priority=Priority.BATCH, outcome="entered")


def test_without_the_package_it_stays_off_and_says_what_to_install() -> None:
    program = (
        "import sys, structlog\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'opentelemetry':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "from pmsbridge import telemetry\n"
        "from pmsbridge.transport.limits import LaneLimiter, LaneLimits\n"
        "from pmsbridge.transport.deadline import Deadline\n"
        "from datetime import timedelta\n"
        "with structlog.testing.capture_logs() as logs:\n"
        "    assert telemetry.enable() is False\n"
        "assert not telemetry.is_enabled()\n"
        "assert 'pmsbridge[telemetry]' in logs[0]['remedy'], logs\n"
        "with telemetry.span('send', account='a') as span:\n"
        "    span.set(outcome='settled')\n"
        "telemetry.observe(open_effects=lambda: 1)()\n"
        "with LaneLimiter(LaneLimits()).slot('a', deadline=Deadline(timedelta(seconds=5))):\n"
        "    pass\n"
        "assert not telemetry.is_installed()\n"
        "print('fine')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ran.stdout.strip() == "fine", ran.stderr


def test_neither_importing_nor_tracing_loads_the_package_before_it_is_enabled() -> None:
    program = (
        "import sys, pmsbridge.telemetry as t\n"
        "with t.span('send'): pass\n"
        "print([n for n in sys.modules if n.startswith('opentelemetry')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


def test_the_product_never_names_the_sdk() -> None:
    from pathlib import Path

    root = Path(telemetry.__file__).parent
    assert [path.name for path in root.rglob("*.py") if "opentelemetry.sdk" in path.read_text(encoding="utf-8")] == []
