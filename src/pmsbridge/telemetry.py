"""Traces and metrics through the OpenTelemetry API: off until somebody says ``enable``, and then never a secret.

The host application brings the SDK and its exporters; this speaks the API alone. What is told is a closed list of
names: no tenant, amount, key, reference or text has a place in it, and every value passes the redactor. While it is
off, or without the package, each of these calls costs one look at a variable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from enum import Enum
from functools import lru_cache
from importlib.util import find_spec
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import get_logger, redact

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import Span as ApiSpan
    from opentelemetry.trace import TracerProvider

__all__ = [
    "ATTRIBUTES",
    "GAUGES",
    "SPANS",
    "Span",
    "disable",
    "effect_ended",
    "enable",
    "gate_waited",
    "is_enabled",
    "is_installed",
    "observe",
    "span",
]

_log = get_logger(__name__)

SPANS: Final = ("submit", "drain", "send", "look", "vendor_call", "sync")
"""What is traced, each as ``pmsbridge.<name>``."""

ATTRIBUTES: Final = frozenset({
    "account", "action_id", "attempt", "code", "effect_kind", "entity", "facility", "is_write", "lane", "operation",
    "outcome", "priority", "rows", "status",
})  # fmt: skip
"""What may be told, each as ``pmsbridge.<name>``; anything else is dropped."""

GAUGES: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "open_effects": ("pmsbridge.journal.open_effects", "{effect}", "Effects that have not ended."),
        "oldest_pending_age": (
            "pmsbridge.journal.oldest_pending_age",
            "s",
            "Age of the oldest action that is pending.",
        ),
        "needs_review": ("pmsbridge.journal.needs_review", "{action}", "Actions that a person must look at."),
        "lanes_due": ("pmsbridge.lanes.due", "{lane}", "Free lanes in which something is due."),
        "missed_nights": ("pmsbridge.nights.missed", "{night}", "Nightly jobs in alarm: missed, none succeeded since."),
        "oldest_night_age": ("pmsbridge.nights.oldest_age", "s", "Age of the oldest facility's last good night."),
    }
)
"""Gauges by the name ``observe`` takes: their own name, unit and meaning."""

_TIMED: Final = MappingProxyType({"send": "pmsbridge.send.duration", "vendor_call": "pmsbridge.vendor_call.duration"})
# What a metric is told by: few values each, or every one of them becomes a time series.
_FEW: Final = frozenset({"account", "effect_kind", "is_write", "lane", "operation", "outcome", "priority", "status"})
_LONGEST: Final = 200


class Span(Protocol):
    """A piece of work that is being traced."""

    def set(self, **attributes: object) -> None:
        """Tell more about it; names that are not in ``ATTRIBUTES``, and None, are dropped."""


class _Nothing:
    """A span that nobody watches."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def set(self, **attributes: object) -> None:
        pass


_NOTHING: Final = _Nothing()
_sink: _Sink | None = None


def enable(*, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None) -> bool:
    """Begin to tell. Call it once per process, after the SDK was set up, and after a fork.

    Args:
        tracer_provider: Where spans go; None for the process's own.
        meter_provider: Where metrics go; None for the process's own.

    Returns:
        False when the package is missing (``pip install 'pmsbridge[telemetry]'``): everything goes on untold.
    """
    global _sink  # noqa: PLW0603 - one switch per process
    if not is_installed():
        _log.warning("telemetry_missing", remedy="pip install 'pmsbridge[telemetry]'")
        return False
    _sink = _Sink(tracer_provider, meter_provider)
    return True


def is_installed() -> bool:
    """Whether the package is there, so that ``enable`` will do something."""
    try:
        return find_spec("opentelemetry.metrics") is not None
    except ImportError:
        return False


def disable() -> None:
    """Stop telling."""
    global _sink  # noqa: PLW0603 - one switch per process
    _sink = None


def is_enabled() -> bool:
    """Whether anything is told."""
    return _sink is not None


def span(name: str, **attributes: object) -> AbstractContextManager[Span]:
    """Trace the block as ``pmsbridge.<name>``; ``send`` and ``vendor_call`` are also timed.

    An error that leaves the block is told by its class and code alone, never by its text.
    """
    return _NOTHING if _sink is None else _Traced(_sink, name, attributes)


def effect_ended(*, kind: str, outcome: object, account: str) -> None:
    """Count an effect that ended, or that is being looked for (``pending``)."""
    if _sink is not None:
        _sink.effects.add(1, _told({"effect_kind": kind, "outcome": outcome, "account": account}))


def gate_waited(seconds: float, *, lane: str, priority: object, outcome: str) -> None:
    """Tell how long a call waited for its slot, and whether it got one (``entered``)."""
    if _sink is not None:
        _sink.gate_wait.record(seconds, _told({"lane": lane, "priority": priority, "outcome": outcome}))


def observe(**gauges: Callable[[], float | None]) -> Callable[[], None]:
    """Have gauges read whenever metrics are collected; works before ``enable``, too.

    Args:
        **gauges: By a name of ``GAUGES``; None, or an error of ours, tells nothing that time.

    Returns:
        What ends the reading.

    Raises:
        ValueError: There is no gauge of that name.
    """
    unknown = sorted(set(gauges) - set(GAUGES))
    if unknown:
        message = f"no such gauge: {', '.join(unknown)}; known: {', '.join(GAUGES)}"
        raise ValueError(message)
    mine = list(gauges.items())
    with _LOCK:
        _READERS.extend(mine)

    def end() -> None:
        with _LOCK:
            _READERS[:] = [reader for reader in _READERS if reader not in mine]

    return end


_LOCK: Final = threading.Lock()
_READERS: Final[list[tuple[str, Callable[[], float | None]]]] = []


class _Sink:
    """The instruments of one process."""

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        from opentelemetry import metrics, trace  # noqa: PLC0415 - an extra, loaded when it is asked for

        self.tracer = trace.get_tracer("pmsbridge", tracer_provider=tracer_provider)
        meter = metrics.get_meter("pmsbridge", meter_provider=meter_provider)
        self.error = trace.Status(trace.StatusCode.ERROR)
        self.effects = meter.create_counter("pmsbridge.effects", unit="{effect}", description="Effects by outcome.")
        self.gate_wait = meter.create_histogram(
            "pmsbridge.gate.wait", unit="s", description="How long a call waited for its slot."
        )
        self.timed = {
            name: meter.create_histogram(metric, unit="s", description=f"How long a {name.replace('_', ' ')} took.")
            for name, metric in _TIMED.items()
        }
        for gauge, (metric, unit, meaning) in GAUGES.items():
            meter.create_observable_gauge(metric, [_reader(gauge, metrics.Observation)], unit, meaning)


class _Traced:
    """One span, with its duration when it is timed."""

    __slots__ = ("_attributes", "_began", "_context", "_name", "_sink", "_span")

    def __init__(self, sink: _Sink, name: str, attributes: Mapping[str, object]) -> None:
        self._sink = sink
        self._name = name
        self._attributes = _told(attributes)

    def __enter__(self) -> Self:
        self._context: AbstractContextManager[ApiSpan] = self._sink.tracer.start_as_current_span(
            f"pmsbridge.{self._name}", attributes=self._attributes, record_exception=False,
            set_status_on_exception=False,
        )  # fmt: skip
        self._span = self._context.__enter__()
        self._began = time.perf_counter()
        return self

    def set(self, **attributes: object) -> None:
        told = _told(attributes)
        self._attributes.update(told)
        self._span.set_attributes(told)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._began
        if kind is not None:
            self._failed(kind, error)
        if self._name in self._sink.timed:
            few = {name: value for name, value in self._attributes.items() if name.removeprefix("pmsbridge.") in _FEW}
            self._sink.timed[self._name].record(seconds, few)
        self._context.__exit__(kind, error, trace)

    def _failed(self, kind: type[BaseException], error: BaseException | None) -> None:
        self._span.set_attribute("error.type", kind.__name__)
        self._span.set_status(self._sink.error)
        if isinstance(error, PmsBridgeError):
            self.set(code=error.code)


def _reader(gauge: str, observation: type[Observation]) -> Callable[[CallbackOptions], list[Observation]]:
    def read(_: CallbackOptions) -> list[Observation]:
        with _LOCK:
            mine = [measure for name, measure in _READERS if name == gauge]
        return [observation(value) for value in map(_measured, mine) if value is not None]

    return read


def _measured(measure: Callable[[], float | None]) -> float | None:
    try:
        return measure()
    except PmsBridgeError as error:
        _log.warning("gauge_not_read", why=error.code)
        return None


def _told(attributes: Mapping[str, object]) -> dict[str, Any]:
    """The attributes that may be told, redacted."""
    return {
        f"pmsbridge.{name}": _value(value)
        for name, value in attributes.items()
        if name in ATTRIBUTES and value is not None and value != ""
    }


def _value(value: object) -> bool | int | str:
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name.lower()
    return value if isinstance(value, (bool, int)) else _redacted(str(value)[: 2 * _LONGEST])[:_LONGEST]


# The same few accounts, lanes and kinds are told over and over, and redacting costs more than telling.
_redacted: Final = lru_cache(maxsize=1024)(redact)
