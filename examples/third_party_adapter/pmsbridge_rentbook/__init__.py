"""A rent book in one JSON file as a back office of pmsbridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pmsbridge.ports.adapter import Adapter, AdapterPlugin, Secrets
from pmsbridge.ports.calls import CallGate

__all__ = ["plugin"]


def _create(account: str, options: Mapping[str, Any], *, secrets: Secrets, gate: CallGate | None = None) -> Adapter:
    from pmsbridge_rentbook.adapter import RentBookAdapter  # noqa: PLC0415 - listing plugins loads nothing else

    del secrets, gate  # a file on the own disk needs no password, and bears any number of calls
    return RentBookAdapter.from_options(account, options)


plugin = AdapterPlugin(system="rentbook", extra="", create=_create)
