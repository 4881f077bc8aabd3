"""What a worker process says about itself, with nothing to do."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from pmsbridge import telemetry
from pmsbridge.cli.run import _Worker
from pmsbridge.errors import ConfigurationError


class _Idle:
    """A dispatcher that is done at once, or that fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def health(self) -> dict[str, object]:
        return {"recovery_seconds": 3}

    def run(self, _runtime: object, *, concurrency: int, stop: threading.Event) -> None:
        if self.failure is not None:
            raise self.failure


def _bridge(dispatcher: _Idle) -> Any:
    dispatch = SimpleNamespace(by="embedded", concurrency=1)
    return SimpleNamespace(
        settings=SimpleNamespace(dispatch=dispatch, webhooks=()),
        runtime=SimpleNamespace(adapters={}),
        dispatcher=lambda: dispatcher,
    )


@pytest.fixture
def _untold() -> Any:
    yield
    telemetry.disable()


@pytest.mark.usefixtures("_untold")
@pytest.mark.parametrize("is_there", [True, False])
def test_telemetry_is_on_when_it_is_installed_and_nothing_is_said_when_it_is_not(
    is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_there:
        monkeypatch.setattr("pmsbridge.telemetry.find_spec", lambda _name: None)
    with structlog.testing.capture_logs() as logs:
        assert _Worker(_bridge(_Idle()), None, as_json=False).work(night=False)

    assert telemetry.is_enabled() is is_there
    assert logs == []


@pytest.mark.usefixtures("_untold")
def test_what_a_person_must_mend_ends_the_worker_with_its_error() -> None:
    worker = _Worker(_bridge(_Idle(ConfigurationError("no right to the queue"))), None, as_json=False)

    with pytest.raises(ConfigurationError, match="no right to the queue"):
        worker.work(night=False)


class _Busy(_Idle):
    """A dispatcher whose end takes as long as somebody else's."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self.other = other
        self.saw_the_other_end = False

    def run(self, _runtime: object, *, concurrency: int, stop: threading.Event) -> None:
        assert stop.wait(60)
        self.saw_the_other_end = self.other.wait(60)


@pytest.mark.usefixtures("_untold")
def test_webhooks_and_deliveries_are_told_to_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    ending, waits = threading.Event(), list[timedelta | None]()

    def stop(*, within: timedelta | None = None) -> bool:
        ending.set()
        waits.append(within)
        return False

    sender = SimpleNamespace(start=lambda: None, stop=stop)
    monkeypatch.setattr("pmsbridge.webhooks.Sender.from_settings", lambda *_: sender)
    dispatcher = _Busy(ending)
    bridge = _bridge(dispatcher)
    bridge.settings.webhooks = ("crm",)
    bridge.database = None
    worker = _Worker(bridge, None, as_json=False)
    worker._signals.append(signal.SIGTERM)

    assert worker.work(night=False)

    assert dispatcher.saw_the_other_end
    assert waits == [timedelta(0), None]


def test_a_worker_reads_what_back_offices_have_said_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def reader(_runtime: object) -> Any:
        return SimpleNamespace(start=lambda: seen.append("start"), stop=lambda: seen.append("stop"))

    monkeypatch.setattr("pmsbridge.dispatch.heard_reader.HeardReader", reader)
    bridge = _bridge(_Idle())
    for hears in (False, True):
        bridge.runtime.adapters = {"main": SimpleNamespace(hears=hears, hear=lambda *_: None)}
        assert _Worker(bridge, None, as_json=False).work(night=False)

    assert seen == ["start", "stop"]
