"""A small client of the sandbox's control endpoint, with nothing but the standard library."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from .contract import PATHS

_TIMEOUT_SECONDS: Final = 30.0


class ControlError(RuntimeError):
    """The sandbox refused a control request; its message says why, nothing was changed."""


class SandboxControl:
    """Look behind the counter of a running sandbox, inject faults, move its clock. Money comes as strings."""

    def __init__(self, base_url: str) -> None:
        """Talk to the sandbox at an address such as `http://127.0.0.1:8080`."""
        self.base_url = base_url.rstrip("/")
        self._opener: OpenerDirector = build_opener(ProxyHandler({}))

    @property
    def call_center_url(self) -> str:
        """Address of the transaction service."""
        return f"{self.base_url}{PATHS['CallCenterWs']}"

    @property
    def reporting_url(self) -> str:
        """Address of the reporting service."""
        return f"{self.base_url}{PATHS['ReportingWs']}"

    def health(self) -> dict[str, Any]:
        """Whether it is up, its business day, its seed."""
        return self._object("GET", "health")

    def state(self, location: str | None = None, tenant_id: int | None = None) -> dict[str, Any]:
        """Everything the back office holds, or one site or tenant of it."""
        return self._object("GET", "state", location=location, tenant=tenant_id)

    def ledger(self, location: str, ledger_id: int) -> dict[str, Any]:
        """One ledger with its charges, payments, notes and billing."""
        found: dict[str, Any] = self.state(location)["sites"][location]["ledgers"][str(ledger_id)]
        return found

    def bulletin(self, location: str) -> list[dict[str, Any]]:
        """The bulletin board of a site, oldest first."""
        found: list[dict[str, Any]] = self.state(location)["sites"][location]["bulletin"]
        return found

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        """The call log, or the calls of one operation."""
        return self._list("GET", "calls", operation=operation)

    def call_counts(self) -> dict[str, Any]:
        """Calls per location and month."""
        return self._object("GET", "calls/count")

    def journal(self, location: str | None = None) -> dict[str, Any]:
        """The double-entry postings and their total, which is zero."""
        return self._object("GET", "journal", location=location)

    def showcase(self) -> dict[str, dict[str, Any]]:
        """The people at the first site by the part they play."""
        return {figure["role"]: figure for figure in self._list("GET", "showcase")}

    def inject(self, operation: str, kind: str, **options: float | str | bool) -> int:
        """Add a fault; options as in `faults.Rule`. Returns its number.

        Raises:
            ControlError: There is no such kind or option.
        """
        return int(self._object("POST", "faults", {"operation": operation, "kind": kind, **options})["number"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force."""
        return self._list("GET", "faults")

    def clear(self) -> None:
        """Drop all faults."""
        self._ask("DELETE", "faults")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings, see `desk.change`; without arguments, read them.

        Raises:
            ControlError: There is no such setting.
        """
        return self._object("POST", "settings", changes) if changes else self._object("GET", "settings")

    def enter_payment(self, location: str, ledger_id: int, amount: str, **details: str) -> str:
        """The office enters a payment at the counter; details as in `desk.enter`. Returns its receipt number.

        Raises:
            ControlError: There is no such ledger, or the amount is not positive.
        """
        body = {"ledger": f"{location}/{ledger_id}", "amount": amount, **details}
        return str(self._object("POST", "payments", body)["receipt"])

    def delete_payment(self, location: str, ledger_id: int, receipt: str) -> None:
        """The office deletes a payment: reads no longer show it, and what it had paid is owed again.

        Raises:
            ControlError: There is no such payment.
        """
        self._ask("DELETE", "payments", ledger=f"{location}/{ledger_id}", receipt=receipt)

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward; what was due happens."""
        self._ask("POST", "advance", {"seconds": seconds})

    def trap(self) -> dict[str, Any]:
        """How many requests followed an injected redirect."""
        return self._object("GET", "trap")

    def reset(self) -> None:
        """Start over with the same seed."""
        self._ask("POST", "reset", {})

    def outage(self, seconds: float) -> None:
        """Refuse connections for so many seconds of real time; returns once they are refused."""
        self._ask("POST", "listener", {"closed_for": seconds})
        parts = urlsplit(self.base_url)
        for _ in range(200):
            try:
                socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
            except OSError:
                return
            time.sleep(0.01)

    def _object(
        self, method: str, path: str, body: dict[str, Any] | None = None, **query: str | int | None
    ) -> dict[str, Any]:
        answer = self._ask(method, path, body, **query)
        return answer if isinstance(answer, dict) else {}

    def _list(self, method: str, path: str, **query: str | int | None) -> list[dict[str, Any]]:
        answer = self._ask(method, path, None, **query)
        return answer if isinstance(answer, list) else []

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str | int | None) -> object:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        data = None if body is None else json.dumps(body).encode()
        address, headers = f"{self.base_url}/control/{path}?{given}", {"Content-Type": "application/json"}
        request = Request(address, data, headers, method=method)  # noqa: S310 - the caller's own sandbox
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                result: object = json.load(answer)
                return result
        except HTTPError as problem:
            with problem:
                message = str(json.load(problem).get("error", problem))
            raise ControlError(message) from None
