"""Logging that cannot leak: our own events, and those of the libraries underneath, pass the redactor first.

Three fences, one behind the other. Our loggers redact what they are given before structlog sees it. ``configure`` puts
the redaction processor into structlog's chain, and ``assert_redaction_installed`` proves it is there. Filters sit on
the loggers of the libraries that write envelopes, addresses and parameters: those are redacted, and below WARNING
mostly dropped.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from pmsbridge.errors import ConfigurationError
from pmsbridge.logging.redaction import REDACTED, redact, redact_error, redact_value

__all__ = [
    "REDACTED",
    "EventLogger",
    "RedactingFilter",
    "assert_redaction_installed",
    "configure",
    "get_logger",
    "install_filters",
    "redact",
    "redact_value",
    "redaction_processor",
    "render_error",
]

EventDict = MutableMapping[str, Any]
_LONGEST_CHAIN: Final = 10

# What they write below WARNING are envelopes, headers and frames: of no use that outweighs a leak.
_MUTED: Final = ("zeep", "httpcore", "urllib3", "requests", "hpack")
_FILTERED: Final = ("httpx", "sqlalchemy", "apscheduler", "aiosqlite", "psycopg")
# Filters do not reach child loggers, and these are made only when their library is used.
_CHILDREN: Final = (
    "zeep.transports", "zeep.client", "zeep.proxy", "zeep.cache", "zeep.wsdl", "zeep.wsdl.wsdl",
    "zeep.wsdl.bindings.soap",
    "zeep.wsdl.bindings.http", "zeep.wsdl.messages.soap", "zeep.wsdl.messages.xop", "zeep.wsse", "zeep.plugins",
    "zeep.xsd.schema", "zeep.xsd.visitor", "zeep.xsd.types.any", "zeep.xsd.types.complex", "zeep.xsd.types.simple",
    "zeep.xsd.elements.any", "zeep.xsd.elements.element", "zeep.xsd.elements.indicators", "zeep.xsd.valueobjects",
    "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks",
    "urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.response", "urllib3.poolmanager",
    "sqlalchemy.engine", "sqlalchemy.engine.Engine", "sqlalchemy.orm", "sqlalchemy.pool", "apscheduler.scheduler",
    "apscheduler.executors.default", "apscheduler.jobstores.default",
)  # fmt: skip


# The reason phrase of an answer is the server's own words, and may repeat what it was told.
_REASON: Final = re.compile(r'("HTTP/[0-9.]{1,5} [0-9]{3}) [^\n]*(?=")')


def get_logger(name: str) -> EventLogger:
    """A logger for a module: events in snake_case, everything else as keywords."""
    return EventLogger(name)


class EventLogger:
    """Writes events through structlog when it is configured, else through the standard library; always redacted."""

    __slots__ = ("_bound", "_name")

    def __init__(self, name: str, bound: dict[str, object] | None = None) -> None:
        self._name = name
        self._bound = bound or {}

    def bind(self, **values: object) -> EventLogger:
        """A logger that says ``values`` with every event."""
        return EventLogger(self._name, {**self._bound, **values})

    def debug(self, event: str, **values: object) -> None:
        """Say what only a developer wants to know."""
        self._write(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        """Say what happened."""
        self._write(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        """Say what a person should look at some day."""
        self._write(logging.WARNING, event, values)

    def error(self, event: str, **values: object) -> None:
        """Say what a person should look at now."""
        self._write(logging.ERROR, event, values)

    def exception(self, event: str, **values: object) -> None:
        """The same with the error being handled."""
        self._write(logging.ERROR, event, {"exc_info": True, **values})

    def _write(self, level: int, event: str, values: dict[str, object]) -> None:
        is_configured = structlog.is_configured()
        plain = logging.getLogger(self._name)
        if not is_configured and not plain.isEnabledFor(level):
            return
        clean = _clean({**self._bound, **values, "event": event})
        said = str(clean.pop("event"))
        if is_configured:
            # A stream that was closed must not stop the work that wanted to say something.
            with suppress(OSError, ValueError):
                getattr(structlog.get_logger(), logging.getLevelName(level).lower())(said, logger=self._name, **clean)
        else:
            plain.log(level, "%s", " ".join([said, *(f"{key}={value!r}" for key, value in clean.items())]))


def redaction_processor(_logger: object, _method: str, event_dict: EventDict) -> EventDict:
    """Processor of structlog: renders an exception without locals and foreign text, and redacts everything else."""
    return _clean(event_dict)


def _clean(values: MutableMapping[str, Any]) -> dict[str, Any]:
    rest = dict(values)
    error = _error_of(rest.pop("exc_info", None))
    if error is not None:
        rest["exception"] = render_error(error)
    clean = redact_value(rest)
    return clean if isinstance(clean, dict) else {}


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if len(exc_info) > 1 and isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def render_error(error: BaseException) -> str:
    """A traceback with the places but without locals, and with foreign messages withheld; chains included."""
    return "\n".join(_error_lines(error))


def _error_lines(error: BaseException) -> Iterator[str]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain and len(chain) < _LONGEST_CHAIN:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    for position, link in enumerate(reversed(chain)):
        if position:
            yield "The next error followed from it:"
        yield "Traceback (most recent call last):"
        yield from _places(link.__traceback__)
        yield redact_error(link)


def _places(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace, limit=50):
        yield f'  File "{redact(frame.filename)}", line {frame.lineno}, in {frame.name}'


class RedactingFilter(logging.Filter):
    """Redacts a record in place; drops those below ``floor``."""

    def __init__(self, floor: int = logging.NOTSET) -> None:
        super().__init__()
        self.floor = floor

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass; it then holds no argument, no exception object and no secret we know of."""
        if record.levelno < self.floor:
            return False
        record.msg = _REASON.sub(r"\1", redact(_message(record)))
        record.args = None
        error = _error_of(record.exc_info)
        if error is not None:
            record.exc_text = render_error(error)
        record.exc_info = None
        record.stack_info = None
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  (a format string of somebody else's making)
        return "[unreadable message]"


def install_filters() -> None:
    """Put a filter on the loggers of the libraries underneath, those not made yet included. Any number of times."""
    existing = [name for name, logger in logging.root.manager.loggerDict.items() if isinstance(logger, logging.Logger)]
    for name in {*_MUTED, *_FILTERED, *_CHILDREN, *existing}:
        family = name.partition(".")[0]
        if family in _MUTED or family in _FILTERED:
            _install(logging.getLogger(name), logging.WARNING if family in _MUTED else logging.NOTSET)


def _install(logger: logging.Logger, floor: int) -> None:
    if not any(isinstance(present, RedactingFilter) for present in logger.filters):
        logger.addFilter(RedactingFilter(floor))


class _RedactingFormatter(logging.Formatter):
    """Writes a record of the standard library the way our events are written."""

    def format(self, record: logging.LogRecord) -> str:
        event: EventDict = {"event": _message(record), "level": record.levelname.lower(), "logger": record.name}
        # Another handler may have written its own text, foreign messages and all, into the record: ours is made anew.
        if record.exc_info:
            event["exc_info"] = record.exc_info
        elif record.exc_text:
            event["exception"] = record.exc_text
        for processor in structlog.get_config()["processors"]:
            event = processor(None, record.levelname.lower(), event)
        return str(event)


class _StructuredHandler(logging.StreamHandler[TextIO]):
    """Marks the handler that ``configure`` put on the root logger, so that it is replaced and not doubled."""


def configure(*, level: str = "INFO", json: bool = False, stream: TextIO | None = None) -> None:
    """Send our events, and those of the standard library, redacted to ``stream``.

    Args:
        level: Lowest level written ("DEBUG", "INFO", "WARNING", "ERROR").
        json: One JSON object per line instead of text for people.
        stream: Standard error when None.

    Raises:
        ConfigurationError: No such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigurationError("logging level must be DEBUG, INFO, WARNING or ERROR", code="bad_log_level")
    target = stream or sys.stderr
    renderer = structlog.processors.JSONRenderer(default=str) if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redaction_processor,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _replace_root_handler(target, number)
    install_filters()


def _replace_root_handler(target: TextIO, level: int) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _StructuredHandler)]:
        root.removeHandler(handler)
    handler = _StructuredHandler(target)
    handler.setFormatter(_RedactingFormatter())
    root.addHandler(handler)
    root.setLevel(level)


def assert_redaction_installed() -> None:
    """Prove that events pass the redactor before anything renders them.

    Raises:
        ConfigurationError: structlog is configured without our processor, or renders before it.
    """
    if not structlog.is_configured():
        return
    processors = list(structlog.get_config()["processors"])
    if redaction_processor not in processors:
        raise ConfigurationError(
            "structlog is configured without pmsbridge's redaction_processor; add it before the renderer",
            code="redaction_missing",
        )
    before = processors[: processors.index(redaction_processor)]
    if any(_renders(processor) for processor in before):
        raise ConfigurationError(
            "structlog renders exceptions or events before pmsbridge's redaction_processor; put it first",
            code="redaction_too_late",
        )


def _renders(processor: object) -> bool:
    names = (getattr(processor, "__name__", ""), type(processor).__name__)
    return any(name.endswith(("Renderer", "ExceptionRenderer")) or name in _EARLY for name in names)


_EARLY: Final = frozenset({"format_exc_info", "dict_tracebacks", "ExceptionPrettyPrinter"})
