"""What the engine tells: the journal in gauges, and traces that name nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pmsbridge import telemetry
from pmsbridge.engine.gauges import journal_gauges
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.testing.memory import Fault
from tests.engine.stage import WINDOW, Stage, note, pay, submission


def readings(stage: Stage) -> dict[str, float]:
    return {name: measure() for name, measure in journal_gauges(stage.runtime()).items()}


def test_every_gauge_that_is_declared_can_be_read(stage: Stage) -> None:
    assert readings(stage) == dict.fromkeys(telemetry.GAUGES, 0)


def test_what_waits_ages_until_it_is_due_and_then_shows_as_a_due_lane(stage: Stage) -> None:
    stage.office.fail(Fault.REFUSE, retry_after=timedelta(minutes=5))
    stage.runtime().submit(pay())

    stage.later(timedelta(seconds=1))
    early = readings(stage)
    stage.later(timedelta(minutes=5))
    late = readings(stage)

    assert (early["open_effects"], early["lanes_due"]) == (1, 0)
    assert (late["open_effects"], late["lanes_due"]) == (1, 1)
    assert early["oldest_pending_age"] >= 1
    assert late["oldest_pending_age"] == early["oldest_pending_age"] + 300


def test_what_nobody_can_know_shows_as_waiting_for_a_person(stage: Stage) -> None:
    stage.office.absence_conclusive = False
    stage.office.fail(Fault.DROP_BEFORE)
    runtime = stage.runtime()
    runtime.submit(pay())
    assert readings(stage)["needs_review"] == 0

    stage.later(WINDOW)
    runtime.run_due()

    assert readings(stage)["needs_review"] == 1


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced."""
    exporter = InMemorySpanExporter()
    tracing, metering = TracerProvider(shutdown_on_exit=False), MeterProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    assert telemetry.enable(tracer_provider=tracing, meter_provider=metering)
    yield exporter
    telemetry.disable()
    tracing.shutdown()
    metering.shutdown()


def test_a_sync_is_traced_per_facility_with_how_it_ended(stage: Stage, spans: InMemorySpanExporter) -> None:
    sync = Sync(stage.runtime())
    sync.run()
    stage.office.failing_reads = 100
    sync.run([FacilityKey("mem", "F1")])

    told = [
        (span.attributes["pmsbridge.facility"], span.attributes["pmsbridge.outcome"])
        for span in spans.get_finished_spans()
        if span.name == "pmsbridge.sync" and span.attributes
    ]
    assert told == [("F1", "synced"), ("F2", "synced"), ("F1", "failed")]


def test_what_is_traced_of_a_payment_and_a_note_names_nobody_and_no_amount(
    stage: Stage, spans: InMemorySpanExporter
) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    with telemetry.span("submit", account="mem"):
        runtime.submit(pay("canary-key-0001", amount="129.37"))
        runtime.submit(submission("canary-key-0002", "x", [note("canary-key-0002", "note", "a canary wrote this")]))
    stage.later(WINDOW)
    runtime.run_due()

    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "pmsbridge.submit" in told
    for canary in ("canary", "129.37", '"T1"', '"R1"', "PB-"):
        assert canary not in told
