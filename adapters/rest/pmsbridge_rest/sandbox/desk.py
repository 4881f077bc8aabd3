"""The control endpoint: looking behind the counter, injecting faults, moving the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from .faults import RuleError
from .office import Office
from .seeding import RENTALS

Answer = tuple[int, Any]


class Desk:
    """Answers control requests about one office."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._plays: dict[tuple[str, str], Callable[[Mapping[str, str], Mapping[str, Any]], Answer]] = {
            ("GET", "health"): self._health,
            ("GET", "state"): self._state,
            ("GET", "calls"): self._calls,
            ("GET", "account"): self._account,
            ("POST", "faults"): self._inject,
            ("GET", "faults"): self._faults,
            ("DELETE", "faults"): self._clear,
            ("POST", "payments"): self._pay,
            ("POST", "advance"): self._advance,
            ("POST", "reset"): self._reset,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        """Status and JSON."""
        play = self._plays.get((method, path))
        if play is None:
            return 404, {"error": f"there is no {method} /control/{path}"}
        try:
            with self._office.lock:
                return play(query, body)
        except (RuleError, ValueError, KeyError, InvalidOperation) as problem:
            return 400, {"error": f"{type(problem).__name__}: {problem}"}

    def _health(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query, body
        office = self._office
        vendor = office.sheet.part("vendor").get("name", "")
        told = {"today": office.today().isoformat(), "seed": office.terms.seed, "not_played": office.notes}
        return 200, {"up": True, "vendor": vendor, **told}

    def _account(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        """What an account of this sandbox is set up with; its secrets are made up."""
        del query, body
        office = self._office
        declared = office.sheet.part("connection", "options")
        own = {name for name, table in declared.items() if isinstance(table, Mapping) and table.get("per_facility")}
        return 200, {
            "mapping": str(office.sheet.path.resolve()),
            "options": {name: text for name, text in office.options.items() if name not in own},
            "secrets": dict(office.secrets),
            "facilities": [
                {
                    "code": office.terms.facility,
                    "zone": office.terms.zone,
                    "currency": office.terms.currency,
                    "options": {name: text for name, text in office.options.items() if name in own},
                }
            ],
        }

    def _state(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query, body
        return 200, self._office.report()

    def _calls(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del body
        wanted = query.get("operation")
        return 200, [asdict(call) for call in self._office.calls if wanted in (None, call.name)]

    def _inject(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query
        return 200, {"number": self._office.faults.inject(body).number}

    def _faults(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query, body
        return 200, self._office.faults.report()

    def _clear(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query, body
        self._office.faults.clear()
        return 200, {}

    def _pay(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        """Staff take money themselves."""
        del query
        rental = str(body["rental"])
        if rental not in RENTALS:
            return 400, {"error": "there is no such rental"}
        self._office.pay_at_the_desk(rental, Decimal(str(body["amount"])))
        return 200, {}

    def _advance(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query
        self._office.advance(int(body["seconds"]))
        return 200, {}

    def _reset(self, query: Mapping[str, str], body: Mapping[str, Any]) -> Answer:
        del query, body
        self._office.reset()
        return 200, {}
