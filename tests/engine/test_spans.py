"""What is traced and counted while an action is delivered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pmsbridge import telemetry
from pmsbridge.testing.memory import Fault
from tests.engine.stage import WINDOW, Stage, pay


@pytest.fixture
def told() -> Iterator[tuple[InMemorySpanExporter, InMemoryMetricReader]]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing, metering = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    assert telemetry.enable(tracer_provider=tracing, meter_provider=metering)
    yield exporter, reader
    telemetry.disable()
    tracing.shutdown()
    metering.shutdown()


def test_an_action_is_traced_from_the_click_to_the_look(
    stage: Stage, told: tuple[InMemorySpanExporter, InMemoryMetricReader]
) -> None:
    exporter, reader = told
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay())
    stage.later(WINDOW)
    runtime.run_due()

    spans = exporter.get_finished_spans()
    by_name = {span.name: span for span in spans}
    send, look = by_name["pmsbridge.send"], by_name["pmsbridge.look"]
    assert {span.name for span in spans} == {f"pmsbridge.{name}" for name in ("submit", "drain", "send", "look")}
    assert send.attributes is not None
    assert look.attributes is not None
    assert send.attributes["pmsbridge.outcome"] == "pending"
    assert look.attributes["pmsbridge.outcome"] == "settled"
    assert send.attributes["pmsbridge.attempt"] == 1
    assert by_name["pmsbridge.submit"].parent is None
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {m.name: m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    (ended,) = metrics["pmsbridge.effects"].data.data_points
    assert dict(ended.attributes or {}) == {
        "pmsbridge.effect_kind": "take_payment",
        "pmsbridge.outcome": "settled",
        "pmsbridge.account": "mem",
    }
