"""The made-up equipment yard of the tests' second mapping, with its counter: items go out, come back, are called off.

It knows nothing of the library: what it holds is looked at behind the adapter's back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.adapters.rest.wire.office import Answer, Office, Seen

__all__ = ["PDF", "TOKEN", "QuarryOffice"]

TOKEN = "not-a-real-token"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40


class QuarryOffice(Office):
    """Customer 7 with three contracts, customer 8 with one, customer 9 with none, who pays cash."""

    def __init__(self) -> None:
        super().__init__()
        self.customers = [
            _customer("7", "Lakeside Builders"), _customer("8", "Prairie Events"),
            _customer("9", "Cash & Daughter", cash="Y"),
        ]  # fmt: skip
        self.contracts = [
            _contract("K1", "7", "C-0001", "open", _line("L1", "FENCE-8", 10, 6, 2), _line("L2", "GEN-20", 1, 1, 0)),
            _contract("K2", "7", "C-0002", "booked", _line("L3", "LIFT-26", 2, 0, 0)),
            _contract("K3", "7", "C-0003", "open", _line("L4", "CABIN", 3, 3, 0, by_the_month="Y")),
            _contract("K4", "8", "C-0004", "open", _line("L5", "GEN-20", 4, 4, 0)),
        ]  # fmt: skip
        self.papers = [
            _paper("P1", "7", "offer", "Offer 17", "K2", total_cents=45000, until="2026-12-24"),
            _paper("P2", "7", "contract", "Contract C-0001", "K1", signed="Y"),
            _paper("P3", "8", "contract", "Contract C-0004", "K4"),
        ]
        self.files: dict[str, Answer] = {
            "P2": Answer(raw=PDF, headers={"Content-Type": "application/pdf"}),
            "P3": Answer(raw=PDF, headers={"Content-Type": "application/pdf"}),
        }
        self.calls: list[dict[str, Any]] = []
        self.notes: dict[str, list[dict[str, Any]]] = {}
        self.routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", r"/ping", lambda _seen: _rows({"up": True})),
            ("GET", r"/customers", self._searched),
            ("GET", r"/customers/(\w+)", lambda _seen, key: _one(self.customers, key)),
            ("GET", r"/customers/(\w+)/contracts", lambda _seen, key: _rows(_of(self.contracts, key))),
            ("GET", r"/customers/(\w+)/papers", lambda _seen, key: _rows(_of(self.papers, key))),
            ("GET", r"/customers/(\w+)/calls", lambda _seen, key: _rows(_of(self.calls, key))),
            ("GET", r"/contracts", lambda _seen: _rows(self.contracts)),
            ("GET", r"/contracts/(\w+)", lambda _seen, key: _one(self.contracts, key)),
            ("POST", r"/contracts/(\w+)/calls", self._call),
            ("GET", r"/contracts/(\w+)/notes", lambda _seen, key: _rows(self.notes.get(key, []))),
            ("POST", r"/contracts/(\w+)/notes", self._note),
            ("GET", r"/papers/(\w+)/file", lambda _seen, key: self.files.get(key, _none())),
        ]
        self.is_deaf_once = False

    def answer(self, seen: Seen) -> Answer:
        """What the vendor answers; a write that happened while somebody had let it be deaf is not answered at all."""
        with self.lock:
            self.seen.append(seen)
            if seen.headers.get("authorization") != f"Bearer {TOKEN}":
                return Answer(401, {"error": {"code": "WHO", "text": "no"}})
            found = self._routed(seen)
            if seen.method == "POST" and self.is_deaf_once:
                self.is_deaf_once = False
                return Answer(cut=0)
            return found

    def _routed(self, seen: Seen) -> Answer:
        for method, pattern, play in self.routes:
            found = re.fullmatch(pattern, seen.path)
            if found and method == seen.method:
                return play(seen, *found.groups())
        return _none()

    def _searched(self, seen: Seen) -> Answer:
        wanted = {name: seen.query[name] for name in ("email", "phone", "company") if seen.query.get(name)}
        return _rows([each for each in self.customers if all(each[name] == wanted[name] for name in wanted)])

    def _call(self, seen: Seen, contract: str) -> Answer:
        (row,) = [each for each in self.contracts if each["id"] == contract]
        line = _line_of(row, seen.document["line"])
        made = {
            "id": f"A{len(self.calls) + 1}", "customer": row["customer"], "contract": contract, "state": "asked",
            "why": None, "yard_nr": "", "asked": f"2026-11-21T18:00:0{len(self.calls)}Z", "stopped": None,
            **seen.document,
        }  # fmt: skip
        line["asked"] += int(made["quantity"])
        self.calls.append(made)
        return Answer(201, {"rows": made})

    def _note(self, seen: Seen, contract: str) -> Answer:
        made = {"id": f"N{len(self.notes.get(contract, [])) + 1}", **seen.document}
        self.notes.setdefault(contract, []).append(made)
        return Answer(201, {"rows": made})

    # the people of the yard

    def line(self, number: str) -> dict[str, Any]:
        """A line of whatever contract."""
        return next(found for row in self.contracts if (found := _line_of(row, number)))

    def acknowledge(self, number: str, yard_nr: str) -> None:
        """The yard has read a call-off and given it a number of its own."""
        call = self._asked(number)
        call.update(state="noted", yard_nr=yard_nr)
        line = self.line(call["line"])
        line["asked"], line["noted"] = line["asked"] - int(call["quantity"]), line["noted"] + int(call["quantity"])

    def refuse(self, number: str, why: str) -> None:
        """The yard says no."""
        call = self._asked(number)
        call.update(state="no", why=why)
        self.line(call["line"])["asked"] -= int(call["quantity"])

    def fetch(self, number: str) -> None:
        """A truck brings back what an acknowledged call-off is about."""
        call = self._asked(number)
        call.update(state="fetched", stopped="2026-11-25T09:00:00Z")
        line = self.line(call["line"])
        line["noted"], line["back"] = line["noted"] - int(call["quantity"]), line["back"] + int(call["quantity"])

    def _asked(self, number: str) -> dict[str, Any]:
        return next(each for each in self.calls if each["id"] == number)


def _rows(found: Any) -> Answer:
    return Answer(200, {"rows": found, "total": len(found)})


def _none() -> Answer:
    return Answer(404, {"error": {"code": "NONE", "text": "no such thing"}})


def _one(rows: list[dict[str, Any]], key: str) -> Answer:
    found = [row for row in rows if row["id"] == key]
    return _rows(found[0]) if found else _none()


def _of(rows: list[dict[str, Any]], customer: str) -> list[dict[str, Any]]:
    return json.loads(json.dumps([row for row in rows if row["customer"] == customer]))  # type: ignore[no-any-return]


def _line_of(contract: dict[str, Any], number: str) -> dict[str, Any]:
    return next((line for line in contract["lines"] if line["id"] == number), {})


def _customer(key: str, company: str, **more: str) -> dict[str, Any]:
    return {
        "id": key, "company": company, "email": f"office{key}@yard-customer.example", "phone": f"(312) 555-010{key}",
        "street": f"{key} Sample Street", "city": "Sampleton", "zip": "01234", "cash": "N", "no_portal": "N", **more,
    }  # fmt: skip


def _contract(key: str, customer: str, number: str, state: str, *lines: dict[str, Any]) -> dict[str, Any]:
    is_out = any(line["left"] for line in lines)
    return {
        "id": key, "customer": customer, "nr": number, "state": state, "first_out": "2026-11-02" if is_out else None,
        "owed_cents": 0, "lines": list(lines),
    }  # fmt: skip


def _line(key: str, article: str, ordered: int, left: int, back: int, **more: str) -> dict[str, Any]:
    return {
        "id": key, "article": article, "words": f"Made-up {article}", "unit": "u", "ordered": ordered, "left": left,
        "back": back, "asked": 0, "noted": 0, "out_since": "2026-11-02" if left else None, "due": "2026-12-20",
        "by_the_month": "N", **more,
    }  # fmt: skip


def _paper(key: str, customer: str, kind: str, name: str, contract: str, **more: Any) -> dict[str, Any]:
    return {
        "id": key, "customer": customer, "kind": kind, "name": name, "nr": name.rpartition(" ")[2],
        "contract": contract, "day": "2026-11-02", "signed": "N", "total_cents": None, "until": None, **more,
    }  # fmt: skip
