"""The made-up vendor of the tests' mapping, as a back office that remembers, and that can go wrong on purpose.

It knows nothing of the library: what it holds is looked at behind the adapter's back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.adapters.rest.wire.office import Answer, Office, Seen, run

Route = tuple[str, str, Callable[..., Answer]]
PAGE_ROWS = 2


@dataclass
class Fault:
    """What happens to the next requests that fit: an answer instead, before or after the work is done."""

    method: str
    path: str
    answer: Answer
    after_work: bool = False
    count: int = 1


class HarborOffice(Office):
    """One company with one site."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()
        self.routes = self._routes()

    def reset(self) -> None:
        """The same data, good weather, nobody was here."""
        self.seen.clear()
        self.faults: list[Fault] = []
        self.units = [_unit(n, "free" if n % 2 else "let") for n in range(1, 6)]
        self.customers = {"7": _customer("7", "Ada"), "8": _customer("8", "Grace")}
        self.leases = {"70": _lease("70", "7", 12050), "71": _lease("71", "7", -500), "80": _lease("80", "8", 0)}
        self.entries = {
            "70": [_entry("e1", "rent", 12550), _entry("e2", "payment", -500)],
            "71": [_entry("e3", "payment", -500)],
            "80": [],
        }
        self.payments: dict[str, list[dict[str, Any]]] = {"70": [], "71": [], "80": []}
        self.notes: dict[str, list[dict[str, Any]]] = {"7": [], "8": []}
        self.tasks: list[dict[str, Any]] = []

    def _routes(self) -> list[Route]:
        return [
            ("GET", r"/ping", lambda _seen: good({"up": True})),
            (
                "GET",
                r"/sites/1",
                lambda _seen: good({"name": "Harbor One", "street": "1 Quay", "office_email": "o@x.test"}),
            ),
            ("GET", r"/sites/1/units", lambda seen: self._page(seen, self.units)),
            ("GET", r"/units/(\w+)", lambda _seen, key: _one([u for u in self.units if u["id"] == key])),
            ("GET", r"/sites/1/customers", lambda seen: self._page(seen, list(self.customers.values()))),
            ("GET", r"/customers", self._searched),
            (
                "GET",
                r"/customers/(\w+)",
                lambda _seen, key: _one([self.customers[key]] if key in self.customers else []),
            ),
            ("PATCH", r"/customers/(\w+)", self._edit),
            ("GET", r"/sites/1/leases", lambda seen: self._page(seen, list(self.leases.values()))),
            ("GET", r"/leases/(\w+)", lambda _seen, key: _one([self.leases[key]] if key in self.leases else [])),
            ("GET", r"/customers/(\w+)/leases", self._leases_of),
            ("GET", r"/leases/(\w+)/entries", lambda seen, key: self._page(seen, self.entries[key])),
            ("GET", r"/leases/(\w+)/payments", lambda seen, key: self._page(seen, self.payments[key])),
            ("POST", r"/leases/(\w+)/payments", self._pay),
            ("PUT", r"/leases/(\w+)/leaving", self._leave),
            ("DELETE", r"/leases/(\w+)/leaving", self._stay),
            ("GET", r"/customers/(\w+)/notes", lambda _seen, key: good(self.notes[key])),
            ("POST", r"/customers/(\w+)/notes", self._note),
            ("GET", r"/tasks", lambda seen: good([t for t in self.tasks if seen.query.get("q", "") in t["title"]])),
            ("POST", r"/tasks", self._task),
        ]

    def goes_wrong(self, method: str, path: str, answer: Answer, *, after_work: bool = False, count: int = 1) -> None:
        """Let the next requests that fit be answered like this; ``after_work``: once the work is done."""
        self.faults.append(Fault(method, path, answer, after_work, count))

    def writes(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.method != "GET"]

    def answer(self, seen: Seen) -> Answer:
        with self.lock:
            self.seen.append(seen)
            fault = self._fault(seen)
            if fault is not None and not fault.after_work:
                return fault.answer
            found = self._routed(seen)
        return found if fault is None else fault.answer

    def _fault(self, seen: Seen) -> Fault | None:
        for fault in self.faults:
            if fault.count and fault.method == seen.method and re.search(fault.path, seen.path):
                fault.count -= 1
                return fault
        return None

    def _routed(self, seen: Seen) -> Answer:
        if seen.headers.get("x-client-secret") != "not-a-real-secret":
            return bad(401, "WHO")
        for method, pattern, play in self.routes:
            found = re.fullmatch(pattern, seen.path)
            if found and method == seen.method:
                try:
                    return play(seen, *found.groups())
                except KeyError:
                    return bad(404, "NONE")
        return bad(404, "NONE")

    def _page(self, seen: Seen, rows: list[Any]) -> Answer:
        number, size = int(seen.query.get("page", 1)), min(int(seen.query.get("per_page", 50)), PAGE_ROWS)
        since = seen.query.get("changed_after", "")
        rows = [row for row in rows if row.get("changed_at", "") > since] if since else rows
        return Answer(
            200, {"ok": True, "data": rows[(number - 1) * size : number * size], "meta": {"total": len(rows)}}
        )

    def _searched(self, seen: Seen) -> Answer:
        wanted = seen.query
        rows = [c for c in self.customers.values() if wanted.get("email", c["email"]) == c["email"]]
        return good(rows)

    def _leases_of(self, _seen: Seen, key: str) -> Answer:
        return (
            good([lease for lease in self.leases.values() if lease["customer_id"] == key])
            if key in self.customers
            else bad(404, "NONE")
        )

    def _pay(self, seen: Seen, key: str) -> Answer:
        body = _exact(seen)
        if body["amount_cents"] == 66600:
            return good({"state": "refused", "why": "the lease is locked", "why_code": "L1"})
        made = {"id": f"p{len(self.payments[key]) + 1}", **body}
        self.payments[key].append(made)
        return good(made, 201)

    def _edit(self, seen: Seen, key: str) -> Answer:
        changes = _exact(seen)["customer"]
        customer = self.customers[key]
        if changes.pop("rev") != customer["rev"]:
            return bad(409, "STALE")
        _merge(customer, changes)
        customer["rev"] = str(int(customer["rev"]) + 1)
        return good(customer)

    def _leave(self, seen: Seen, key: str) -> Answer:
        self.leases[key]["leaving"] = _exact(seen)["date"]
        return good(self.leases[key])

    def _stay(self, _seen: Seen, key: str) -> Answer:
        if self.leases[key]["leaving"] is None:
            return bad(404, "NONE")
        self.leases[key]["leaving"] = None
        return Answer(204)

    def _note(self, seen: Seen, key: str) -> Answer:
        made = {"id": f"n{len(self.notes[key]) + 1}", **_exact(seen)}
        self.notes[key].append(made)
        return good(made, 201)

    def _task(self, seen: Seen) -> Answer:
        made = {"id": len(self.tasks) + 1, **_exact(seen)}
        self.tasks.append(made)
        return good(made, 201)


def good(data: Any, status: int = 200) -> Answer:
    return Answer(status, {"ok": True, "data": data})


def bad(status: int, code: str) -> Answer:
    return Answer(status, {"ok": False, "error": {"code": code, "text": "no"}})


def _one(found: list[Any]) -> Answer:
    return good(found[0]) if found else bad(404, "NONE")


def _exact(seen: Seen) -> Any:
    assert seen.headers["content-type"] == "application/json"
    return json.loads(seen.body, parse_float=str)


def _merge(record: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(record.get(key), dict):
            _merge(record[key], value)
        else:
            record[key] = value


def _unit(number: int, status: str) -> dict[str, Any]:
    return {
        "id": f"u{number}",
        "label": f"{number:03}",
        "status": status,
        "rate_cents": 10000 + number,
        "size": {"w": "10", "l": "20.5"},
    }


def _customer(key: str, first: str) -> dict[str, Any]:
    email = f"{first.lower()}@x.test"
    return {
        "id": key, "rev": "4", "first_name": first, "last_name": "Byron", "company": "", "email": email,
        "phones": [{"type": "home", "number": "555-0100"}, {"type": "fax", "number": "555-0199"}],
        "address": {"street1": "1 Quay", "street2": None, "city": "Bath", "state": "", "zip": "01234"},
        "no_portal": "N", "alternate": {"first_name": "", "last_name": "", "phone": "", "email": ""},
        "prefs": {"email_news": "Y", "sms_bills": "N"}, "how_found": "sign", "changed_at": f"2026-05-0{key}T10:00:00Z",
    }  # fmt: skip


def _lease(key: str, customer: str, balance: int) -> dict[str, Any]:
    return {
        "id": key, "customer_id": customer, "unit": {"id": "u2", "label": "002"}, "status": "current",
        "rent_cents": 10002, "moved_in": "01/15/2026", "paid_to": "05/31/2026", "leaving": None,
        "balance_cents": balance, "overdue_cents": max(balance, 0), "billed": "Y",
    }  # fmt: skip


def _entry(key: str, kind: str, cents: int) -> dict[str, Any]:
    posted = "2026-05-01T09:30:00"
    return {"id": key, "type": kind, "amount_cents": cents, "day": "05/01/2026", "posted": posted, "text": kind}


@contextmanager
def opened_harbor() -> Iterator[HarborOffice]:
    with run(HarborOffice()) as office:
        yield office
