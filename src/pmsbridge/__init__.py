"""pmsbridge: integration middleware between customer portals and back offices.

It never loses and never doubles a portal action, and it always knows what it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmsbridge.errors import (
    ConfigurationError,
    IneligibleError,
    InputError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.sealed import BankAccount, BankAccountKind, Card, GateCode, WebPassword
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Outcome

if TYPE_CHECKING:
    from pmsbridge.engine.outcomes import ActionView
    from pmsbridge.portal.aio import AsyncBridge
    from pmsbridge.portal.bridge import Bridge
    from pmsbridge.portal.session import TenantSession
    from pmsbridge.portal.views import Dashboard

__all__ = [
    "ActionView",
    "AsyncBridge",
    "BankAccount",
    "BankAccountKind",
    "Bridge",
    "Card",
    "ConfigurationError",
    "Dashboard",
    "ExternalPayment",
    "GateCode",
    "IneligibleError",
    "InputError",
    "Money",
    "NotFoundError",
    "Outcome",
    "OutcomeUnknownError",
    "PmsBridgeError",
    "RejectedError",
    "TenantSearch",
    "TenantSession",
    "UnavailableError",
    "UnsupportedError",
    "WebPassword",
]

_LATE = {
    "ActionView": "pmsbridge.engine.outcomes",
    "AsyncBridge": "pmsbridge.portal.aio",
    "Bridge": "pmsbridge.portal.bridge",
    "Dashboard": "pmsbridge.portal.views",
    "TenantSession": "pmsbridge.portal.session",
}


def __getattr__(name: str) -> object:
    """Import the rooms with a database or a network only when they are asked for."""
    if name in _LATE:
        from importlib import import_module  # noqa: PLC0415 - late on purpose

        return getattr(import_module(_LATE[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
