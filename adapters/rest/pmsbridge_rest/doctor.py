"""Checks for ``doctor``: the mapping's evidence, the credentials, the login, the clock. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.ports.calls import Priority
from pmsbridge_rest.connection import Connection, asked
from pmsbridge_rest.mapping.connection import Evidence
from pmsbridge_rest.wire.asking import Came

__all__ = ["examine"]

Check = Mapping[str, str]

_MOST_SKEW: Final = timedelta(minutes=2)
_ENOUGH: Final = frozenset({Evidence.PRODUCTION, Evidence.SANDBOX, Evidence.OFFICIAL_SPEC})


def examine(connection: Connection) -> Iterator[Check]:
    """Every check."""
    yield _evidence(connection)
    came: Came | None = None
    for facility in connection.settings.facilities:
        check, answer = _login(connection, facility.code)
        came = came or answer
        yield check
    yield _clock(connection, came)


def _check(name: str, status: str, detail: str, remedy: str = "") -> Check:
    return {"name": name, "status": status, "detail": detail, "remedy": remedy}


def _evidence(connection: Connection) -> Check:
    vendor = connection.mapping.vendor
    detail = f"{vendor.name} {vendor.api_version}".strip() + f": {vendor.evidence.value} ({vendor.source})"
    if vendor.evidence in _ENOUGH:
        return _check("mapping", "ok", detail)
    remedy = "Try every action against the vendor's sandbox before a tenant does, and raise the mapping's evidence."
    return _check("mapping", "warning", detail, remedy)


def _login(connection: Connection, facility: str) -> tuple[Check, Came | None]:
    """The declared harmless read."""
    reading, name = connection.mapping.connection.check, f"login at {facility}"
    if reading is None:
        remedy = "Declare a harmless read as connection.check in the mapping."
        return _check(name, "skipped", "the mapping names no read to try", remedy), None
    try:
        filler = connection.read_filler(facility)
        ask = asked(reading, filler, "check", is_write=False)
        end = connection.deadline(connection.mapping.connection.timeouts.live)
        _, came = connection.channel(facility).read(ask, deadline=end, priority=Priority.INTERACTIVE)
    except ConfigurationError as problem:
        return _check(
            name, "failed", problem.message, "Check base_url, options and the references of the secrets."
        ), None
    except PmsBridgeError as problem:
        return _check(name, "failed", problem.message, "Check base_url, and whether the back office is up."), None
    return _check(name, "ok", f"answered with HTTP {came.status}"), came


def _clock(connection: Connection, came: Came | None) -> Check:
    """Signatures, tokens and readings of changes hang on the time."""
    try:
        theirs = parsedate_to_datetime(came.headers.get("date", "") if came is not None else "")
    except (ValueError, OverflowError):
        return _check("clock", "skipped", "the back office does not tell its time")
    aware = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    off = connection.clock.now() - aware
    if abs(off) <= _MOST_SKEW:
        return _check("clock", "ok", "agrees with the back office's")
    detail = f"differs from the back office's by {int(off.total_seconds())} s"
    return _check("clock", "warning", detail, "Let the machine set its clock by the network.")
