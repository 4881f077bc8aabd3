"""A small client of the sandbox's control endpoint, with nothing but the standard library."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

_TIMEOUT_SECONDS: Final = 30.0


class ControlError(RuntimeError):
    """The sandbox refused a control request; its message says why, nothing was changed."""


class SandboxControl:
    """Look behind the counter of a running sandbox, inject faults, move its clock. Money comes as strings."""

    def __init__(self, base_url: str) -> None:
        """Talk to the sandbox at an address such as `http://127.0.0.1:8080`."""
        self.base_url = base_url.rstrip("/")
        self._opener: OpenerDirector = build_opener(ProxyHandler({}))

    def health(self) -> dict[str, Any]:
        """Whether it is up, its vendor, its business day, its seed."""
        return dict(self._ask("GET", "health"))

    def account(self) -> dict[str, Any]:
        """What an account of it is set up with: mapping, options, facilities, and its made-up secrets by name."""
        return dict(self._ask("GET", "account"))

    def state(self) -> dict[str, Any]:
        """Everything that was done, what each rental owes, and the total of the double-entry journal, which is zero."""
        return dict(self._ask("GET", "state"))

    def calls(self, operation: str | None = None) -> list[dict[str, Any]]:
        """The call log, or the calls of one operation."""
        return list(self._ask("GET", "calls", operation=operation))

    def inject(self, operation: str, kind: str, **options: float | str | bool) -> int:
        """Add a fault; options as in `faults.Rule`. Returns its number.

        Raises:
            ControlError: There is no such kind or option.
        """
        return int(self._ask("POST", "faults", {"operation": operation, "kind": kind, **options})["number"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force."""
        return list(self._ask("GET", "faults"))

    def clear(self) -> None:
        """Drop all faults."""
        self._ask("DELETE", "faults")

    def enter_payment(self, rental: str, amount: str) -> None:
        """The office takes money at the counter.

        Raises:
            ControlError: There is no such rental, or the amount is none.
        """
        self._ask("POST", "payments", {"rental": rental, "amount": amount})

    def advance(self, seconds: int) -> None:
        """Move the sandbox's clock forward; what was due happens."""
        self._ask("POST", "advance", {"seconds": seconds})

    def reset(self) -> None:
        """Start over: the books of the first day, no calls, no faults."""
        self._ask("POST", "reset", {})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str | None) -> Any:  # noqa: ANN401
        given = urlencode({name: value for name, value in query.items() if value is not None})
        data = None if body is None else json.dumps(body).encode()
        address, headers = f"{self.base_url}/control/{path}?{given}", {"Content-Type": "application/json"}
        request = Request(address, data, headers, method=method)  # noqa: S310 - the caller's own sandbox
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as problem:
            with problem:
                message = str(json.load(problem).get("error", problem))
            raise ControlError(message) from None
