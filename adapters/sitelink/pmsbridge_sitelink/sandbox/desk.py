"""The control endpoint: looking behind the counter and changing the weather. JSON in and out.

| request | does |
|---|---|
| GET /control/health | is it up, since which day, its seed |
| GET /control/state?location=&tenant= | everything the back office holds |
| GET /control/calls?operation= | the call log |
| GET /control/calls/count | calls per location and month |
| GET /control/journal?location= | double-entry postings and their total |
| GET /control/showcase | the people a story can be told about |
| GET, POST /control/settings | what can be switched, see `change` |
| GET, POST, DELETE /control/faults | rules in force, a new one, none |
| GET /control/trap | who followed a redirect |
| POST /control/advance | `{"seconds": 10}`: move the clock forward |
| POST /control/listener | `{"closed_for": 2}`: refuse connections for so many seconds |
| POST, DELETE /control/payments | the office enters a payment at the counter, or deletes one; see `enter`, `delete` |
| POST /control/reset | start over with the same seed |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from functools import partial
from typing import Any, Final

from . import snapshot
from .books import Receipt, next_period
from .faults import FaultPlan, RuleError
from .office import Office
from .records import Payment, Rental, Site, Tenant
from .wsdl import DriftError, published

Json = dict[str, Any]
Change = Callable[[], object]
_GLOBAL: Final[dict[str, Callable[[Any], Any]]] = {
    "payment_delay": float,
    "overlap_refused": bool,
    "bare_dates_refused": bool,
    "multiple_stops_after": lambda value: None if value is None else int(value),
    "wsdl_drift": list,
}
_RENTAL_FLAGS: Final = frozenset({"locked", "overlocked", "complimentary"})


class DeskError(ValueError):
    """A control request that cannot be; nothing was changed."""


def change(office: Office, asked: Mapping[str, Any]) -> None:
    """Change settings.

    Global ones by their name (see `Settings`), then `{"sites": {"L001": {"online_disabled": true, "has_processor":
    false, "days_past_due_limit": 30}}, "tenants": {"L001/1001": {"online_blocked": true, "web_disabled": true}},
    "ledgers": {"L001/2001": {"billed": false, "locked": true, "overlocked": true, "complimentary": true}}}`.

    Raises:
        DeskError: An unknown name or target; nothing was changed.
    """
    with office.lock:
        for act in _changes(office, asked):
            act()


def _changes(office: Office, asked: Mapping[str, Any]) -> list[Change]:
    """Everything that is asked for, checked and ready to be done; nothing is done yet."""
    unknown = set(asked) - set(_GLOBAL) - {"sites", "tenants", "ledgers"}
    if unknown:
        raise _unknown(", ".join(sorted(unknown)))
    published("CallCenterWs", asked.get("wsdl_drift", ()))
    found: list[Change] = [
        partial(setattr, office.settings, name, cast(asked[name])) for name, cast in _GLOBAL.items() if name in asked
    ]
    for code, wanted in asked.get("sites", {}).items():
        found += _site_changes(_site(office, code), wanted)
    for path, wanted in asked.get("tenants", {}).items():
        found += _tenant_changes(_tenant(office, path), wanted)
    for path, wanted in asked.get("ledgers", {}).items():
        found += _rental_changes(office, path, wanted)
    return found


def _site(office: Office, code: str) -> Site:
    if not office.knows(code):
        message = f"no location {code!r}"
        raise DeskError(message)
    return office.site(code)


def _split(office: Office, path: str) -> tuple[Site, int]:
    code, _, number = path.partition("/")
    if not number.isdigit():
        message = f"expected location/number, got {path!r}"
        raise DeskError(message)
    return _site(office, code), int(number)


def _tenant(office: Office, path: str) -> Tenant:
    site, number = _split(office, path)
    if number not in site.tenants:
        message = f"no tenant {path!r}"
        raise DeskError(message)
    return site.tenants[number]


def _unknown(name: str) -> DeskError:
    return DeskError(f"unknown setting {name!r}")


def _site_changes(site: Site, wanted: Mapping[str, Any]) -> list[Change]:
    casts: dict[str, Callable[[Any], Any]] = {
        "online_disabled": bool,
        "has_processor": bool,
        "days_past_due_limit": int,
    }
    for name in set(wanted) - set(casts):
        raise _unknown(name)
    return [partial(setattr, site, name, casts[name](value)) for name, value in wanted.items()]


def _tenant_changes(tenant: Tenant, wanted: Mapping[str, Any]) -> list[Change]:
    changes: dict[str, Callable[[bool], Change]] = {
        "online_blocked": lambda value: partial(setattr, tenant, "online_blocked", value),
        "web_disabled": lambda value: partial(tenant.fields.update, bDisabledWebAccess=value),
    }
    for name in set(wanted) - set(changes):
        raise _unknown(name)
    return [changes[name](bool(value)) for name, value in wanted.items()]


def _rental_changes(office: Office, path: str, wanted: Mapping[str, Any]) -> list[Change]:
    site, rental = _ledger(office, path)
    for name in set(wanted) - _RENTAL_FLAGS - {"billed"}:
        raise _unknown(name)
    found: list[Change] = [
        partial(setattr, rental, name, bool(value)) for name, value in wanted.items() if name != "billed"
    ]
    if "billed" in wanted:
        found.append(partial(_set_billed, office, site, rental, wanted=bool(wanted["billed"])))
    return [*found, partial(office.touch, site, rental)]


def _set_billed(office: Office, site: Site, rental: Rental, *, wanted: bool) -> None:
    """Post the period that follows the last one charged when it has begun, or take the newest unpaid one back."""
    start = next_period(rental)
    if wanted and start <= office.today():
        office.books.bill_period(site, rental, start, at=office.now(), invoice=True)
    elif not wanted:
        office.books.unbill(site, rental, office.now())


def enter(office: Office, asked: Mapping[str, Any]) -> Payment:
    """The office enters a payment at the counter; reads show it at once. Nothing keeps it from being entered twice.

    `{"ledger": "L001/2001", "amount": "129.00", "method": "cash", "description": "Cash", "reference": ""}`: cash
    without a reference unless said otherwise.

    Raises:
        DeskError: There is no such ledger, or the amount is not positive; nothing was changed.
    """
    amount = Decimal(str(asked["amount"]))
    if not amount.is_finite() or amount <= 0:
        message = "a payment is positive"
        raise DeskError(message)
    with office.lock:
        site, rental = _ledger(office, asked["ledger"])
        description = str(asked.get("description", "Cash"))
        receipt = Receipt(asked.get("method", "cash"), description, str(asked.get("reference", "")))
        payment = office.books.record(site, rental, amount, receipt, at=office.now(), visible_at=office.now())
        office.touch(site, rental)
        return payment


def delete(office: Office, path: str, receipt: str) -> None:
    """The office deletes a payment: reads no longer show it, and what it had paid is owed again.

    Raises:
        DeskError: There is no such payment; nothing was changed.
    """
    with office.lock:
        site, rental = _ledger(office, path)
        if not office.books.delete(site, rental, receipt, at=office.now()):
            message = f"no payment {receipt!r} on {path!r}"
            raise DeskError(message)
        office.touch(site, rental)


def _ledger(office: Office, path: str) -> tuple[Site, Rental]:
    site, number = _split(office, path)
    rental = office.rental(site, number)
    if rental is None:
        message = f"no ledger {path!r}"
        raise DeskError(message)
    return site, rental


class Desk:
    """Answers control requests about one office and one fault plan; `answer` never raises."""

    def __init__(
        self,
        *,
        office: Callable[[], Office],
        plan: FaultPlan,
        reset: Callable[[], None],
        close: Callable[[float], None],
    ) -> None:
        """Work on whatever office is open now.

        Args:
            office: The present office; a reset opens another.
            plan: The faults in force.
            reset: Starts over.
            close: Refuses connections for so many seconds.
        """
        self._office, self._plan, self._reset, self._close = office, plan, reset, close
        self.trap: Callable[[], Json] = dict
        self._routes: dict[tuple[str, str], Callable[[Mapping[str, str], Json], Any]] = {
            ("GET", "health"): self._health,
            ("GET", "state"): self._state,
            ("GET", "calls"): self._calls,
            ("GET", "calls/count"): lambda _, __: self._office().log.counts(),
            ("GET", "journal"): self._journal,
            ("GET", "showcase"): lambda _, __: snapshot.showcase(self._office()),
            ("GET", "settings"): lambda _, __: asdict(self._office().settings),
            ("POST", "settings"): self._settings,
            ("GET", "faults"): lambda _, __: self._plan.report(),
            ("POST", "faults"): lambda _, body: {"number": self._plan.inject(body).number},
            ("DELETE", "faults"): self._clear,
            ("GET", "trap"): lambda _, __: self.trap(),
            ("POST", "advance"): self._advance,
            ("POST", "listener"): self._listener,
            ("POST", "payments"): lambda _, body: {"receipt": enter(self._office(), body).receipt},
            ("DELETE", "payments"): self._delete_payment,
            ("POST", "reset"): self._start_over,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Json) -> tuple[int, Any]:
        """Status and JSON of one control request."""
        route = self._routes.get((method, path))
        if route is None:
            return 404, {"error": f"no {method} /control/{path}"}
        try:
            return 200, route(query, body)
        except (DeskError, RuleError, DriftError) as problem:
            return 400, {"error": str(problem)}
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as problem:
            return 400, {"error": f"bad request: {type(problem).__name__} {problem}"}

    def _health(self, _: Mapping[str, str], __: Json) -> Json:
        office = self._office()
        return {
            "ok": True,
            "now": office.now().isoformat(),
            "today": office.today().isoformat(),
            "seed": office.seed,
            "sites": office.site_count,
            "units": office.unit_count,
        }

    def _state(self, query: Mapping[str, str], _: Json) -> Json:
        tenant = query.get("tenant")
        return snapshot.state(self._office(), query.get("location"), int(tenant) if tenant else None)

    def _calls(self, query: Mapping[str, str], _: Json) -> list[Json]:
        office = self._office()
        office.catch_up()
        return [snapshot.call(record) for record in office.log.calls(query.get("operation"))]

    def _journal(self, query: Mapping[str, str], _: Json) -> Json:
        office = self._office()
        office.catch_up()
        with office.lock:
            postings = [snapshot.posting(entry) for entry in office.journal.postings(query.get("location"))]
            return {"total": str(office.journal.total()), "postings": postings}

    def _settings(self, _: Mapping[str, str], body: Json) -> Json:
        change(self._office(), body)
        return asdict(self._office().settings)

    def _delete_payment(self, query: Mapping[str, str], _: Json) -> Json:
        delete(self._office(), query["ledger"], query["receipt"])
        return {"ok": True}

    def _clear(self, _: Mapping[str, str], __: Json) -> Json:
        self._plan.clear()
        return {"ok": True}

    def _advance(self, _: Mapping[str, str], body: Json) -> Json:
        office = self._office()
        office.clock.advance(float(body["seconds"]))
        office.catch_up()
        return {"now": office.now().isoformat()}

    def _listener(self, _: Mapping[str, str], body: Json) -> Json:
        self._close(float(body["closed_for"]))
        return {"ok": True}

    def _start_over(self, _: Mapping[str, str], __: Json) -> Json:
        self._reset()
        return {"ok": True}
