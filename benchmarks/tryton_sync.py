"""Parties and contracts with lines copied from a real Tryton: pmsbridge's night beside a bare search_read loop.

``python benchmarks/tryton_sync.py`` prints a table, ``--json`` one object. The server is a real one, in a process of
its own, with ``--parties`` parties (each with an address, a telephone number and an e-mail address) and a contract of
three lines for every second one. Its books are built once and kept in the user's cache.

- ``pmsbridge`` copies all of it into an empty mirror on SQLite (``synchronous=FULL``): every row is mapped to a record,
  validated, hashed, and stored with its typed columns, search keys, identity and feed of changes.
- ``search_read`` asks for the same fields of the same records in pages of the same size, by rising id, over one kept
  connection, reads the JSON and keeps nothing: what the server and the wire cost anybody.
- ``unchanged`` is pmsbridge again on a mirror that holds everything: rows are compared, and none is mapped.

Everybody runs in a fresh process, in turns, on the same server. The clock runs from the log-on to the last row, for
pmsbridge to the last commit. A copy that does not hold every party and every contract gives no figure.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import inspect
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import FacilityKey, Sync
from pmsbridge.ports.adapter import Entity
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.mirror import Scope
from pmsbridge_tryton.adapter import create
from pmsbridge_tryton.sandbox.building import built, made, written_down
from pmsbridge_tryton.sandbox.recipe import DATABASE, Recipe, mark, recipe
from pmsbridge_tryton.sandbox.serving import TrytonServer, running_tryton
from pmsbridge_tryton.sandbox.yard import Yard
from pmsbridge_tryton.vocabulary import PARTY, PARTY_FIELDS, RENTAL, RENTAL_FIELDS

SHARE: Final = 0.8
_PAGE_ROWS: Final = 1000
_AT_ONCE: Final = 100
_LINES: Final = {"FENCE-8": 5, "GEN-20": 1, "LIFT-26": 1}
_SUBJECTS: Final = ("pmsbridge", "search_read", "unchanged")
_ACCOUNT: Final = "erp"


class WrongCopyError(Exception):
    """A copy is not what the server holds: its figure does not count."""


# -- the books --------------------------------------------------------------------------------------------------------


def filled(kept: Recipe, parties: int) -> Path:
    """A folder with books of so many parties; built once."""
    books = built(kept, _say)
    how = mark("".join(inspect.getsource(part) for part in (_fill_some, _party, _contract)).encode())
    folder = books.with_name(f"{books.name}-bench-{parties}-{how}")
    if not folder.is_dir():
        _say(f"filling the books with {parties} parties (once, some minutes)")
        made(folder, partial(_fill, kept, books, parties))
    return folder


def _fill(kept: Recipe, books: Path, parties: int, folder: Path) -> None:
    folder.mkdir()
    shutil.copy(books / "seed.json", folder)
    with running_tryton(kept, books) as server:
        yard = Yard(server.caller("staff"), server.facts)
        for start in range(0, parties, _AT_ONCE):
            _fill_some(yard, range(start, min(start + _AT_ONCE, parties)))
        server.kill()
        written_down(server.folder / f"{DATABASE}.sqlite")
        shutil.copy(server.folder / f"{DATABASE}.sqlite", folder)


def _fill_some(yard: Yard, numbers: range) -> None:
    ids = yard.call.call("model.party.party.create", [_party(yard, number) for number in numbers])
    renters = yard.call.read("party.party", [["id", "in", ids[::2]]], "addresses")
    rentals = yard.call.call("model.sale.rental.create", [_contract(yard, renter) for renter in renters])
    yard.press("sale.rental", "quote", *rentals)


def _party(yard: Yard, number: int) -> dict[str, Any]:
    reached = [("phone", f"+1 312-555-{number % 10_000:04}"), ("email", f"customer{number}@example.com")]
    where = {"street": f"{number} Example Street", "city": "Chicago", "postal_code": f"{60_000 + number % 1000}"}
    return {
        "name": f"Customer Example {number}", "addresses": [["create", [where]]],
        "contact_mechanisms": [["create", [{"type": kind, "value": value} for kind, value in reached]]],
        "categories": [["add", [yard.facts["party_categories"]["Portal enabled"]]]],
    }  # fmt: skip


def _contract(yard: Yard, renter: dict[str, Any]) -> dict[str, Any]:
    start = dt.date(yard.facts["year"], 3, 1)
    lines = [
        {"product": yard.facts["products"][code]["id"], "per_day": True, "quantity": quantity,
         "unit": yard.facts["units"]["Unit"], "planned_start_day": start,
         "planned_end_day": start + dt.timedelta(days=28), "unit_price": Decimal(yard.facts["products"][code]["day"]),
         "unit_price_unit": yard.facts["units"]["Day"]}
        for code, quantity in _LINES.items()
    ]  # fmt: skip
    return {
        "party": renter["id"], "invoice_address": renter["addresses"][0], "company": yard.facts["company"],
        "currency": yard.facts["currency"], "payment_term": yard.facts["payment_term"], "lines": [["create", lines]],
    }  # fmt: skip


# -- who copies -------------------------------------------------------------------------------------------------------


class Passwords:
    """The seeded user's."""

    def get(self, _reference: str) -> str:
        """It is no secret."""
        return "portal-of-tests-only"


def ours(url: str, database: Database) -> int:
    """Copy it with pmsbridge; rows."""
    adapter = create(_ACCOUNT, _options(url), secrets=Passwords())
    runtime = Runtime(database, {_ACCOUNT: adapter})
    report = Sync(runtime).run([FacilityKey(_ACCOUNT, "main")], [Entity.TENANTS, Entity.RENTALS], full=True)
    adapter.close()
    rows = sum(row.counts.read for row in report.rows)
    held = sum(runtime.mirror.count(Scope(_ACCOUNT, "main", noun)) for noun in ("tenant", "rental"))
    if report.failed or held != rows:
        message = f"{held} of {rows} rows are in the copy; {[row.error for row in report.failed]}"
        raise WrongCopyError(message)
    return rows


def _options(url: str) -> dict[str, Any]:
    return {
        "url": url, "database": DATABASE, "user": "portal", "password": "env:TRYTON_PASSWORD",
        "payment_journal": "Portal", "portal_category": "Portal enabled",
        "limits": {"page_rows": _PAGE_ROWS}, "timeouts": {"read": "10m"},
        "facility": {"code": "main", "zone": "America/Chicago"},
    }  # fmt: skip


class Loop:
    """A bare client: one connection, JSON, nothing kept."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        user, token = self._call("common.db.login", "portal", {"password": Passwords().get("")}, "en")[:2]
        who = base64.b64encode(f"portal:{user}:{token}".encode()).decode()
        client.headers["Authorization"] = f"Session {who}"
        everything = True
        preferences = self._call("model.res.user.get_preferences", everything, {})
        self._context = {"company": preferences["company"], "language": "en", "active_test": False}

    def _call(self, method: str, *params: object) -> Any:  # noqa: ANN401 - whatever the method answers
        body = {"id": 1, "method": method, "params": params}
        return self._client.post(f"/{DATABASE}/rpc/", json=body).raise_for_status().json()["result"]

    def page(self, model: str, domain: list[object], fields: Sequence[str], rows: int) -> list[dict[str, Any]]:
        """So many records, by rising id."""
        found: list[dict[str, Any]] = self._call(
            f"model.{model}.search_read", domain, 0, rows, [["id", "ASC"]], list(fields), self._context
        )
        return found

    def rows(self, model: str, domain: list[object], fields: Sequence[str]) -> int:
        """All records, a page at a time; how many."""
        seen = after = 0
        while page := self.page(model, [domain, ["id", ">", after]], fields, _PAGE_ROWS):
            seen, after = seen + len(page), page[-1]["id"]
            if len(page) < _PAGE_ROWS:
                break
        return seen


def bare(url: str) -> int:
    """Ask for the same fields of the same records; rows."""
    with httpx.Client(base_url=url, timeout=600) as client:
        loop = Loop(client)
        (company,) = loop.page("company.company", [["id", "=", loop._context["company"]]], ["party"], 1)  # noqa: SLF001
        parties = loop.rows(PARTY, ["id", "!=", company["party"]], PARTY_FIELDS)
        return parties + loop.rows(RENTAL, ["number", "!=", None], RENTAL_FIELDS)


def measure(subject: str, url: str) -> harness.Sample:
    """One subject once, in this process; what it needs is made before the clock runs."""
    if subject == "search_read":
        return harness.measured_here(partial(bare, url), time.perf_counter)
    with tempfile.TemporaryDirectory() as name:
        database = open_database(f"sqlite:///{name}/mirror.db")
        if subject == "unchanged":
            ours(url, database)
        sample = harness.measured_here(partial(ours, url, database), time.perf_counter)
        database.close()
        return sample


# -- the figures ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure, and print."""
    options = harness.options(__doc__ or "")
    options.add_argument("--parties", type=int, default=2500)
    options.add_argument("--one", metavar="SUBJECT", choices=_SUBJECTS, help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        harness.print_sample(measure(given.one, given.url))
        return
    parties, rounds = (200, 1) if given.quick else (given.parties, given.rounds)
    kept = recipe()
    with running_tryton(kept, filled(kept, parties)) as server:
        found = _measured(server, rounds)
        _report(found, parties, kept.series, as_json=given.json)


def _measured(server: TrytonServer, rounds: int) -> dict[str, harness.Subject]:
    bare(server.url)  # the server has loaded everything
    script = Path(__file__).resolve()
    subjects = {
        subject: partial(harness.measured_apart, script, ["--one", subject, "--url", server.url])
        for subject in _SUBJECTS
    }
    found = harness.alternate(subjects, rounds, say=_say)
    if len({subject.samples[0].rows for subject in found.values()}) != 1:
        message = f"rows differ: { ({name: each.samples[0].rows for name, each in found.items()}) }"
        raise WrongCopyError(message)
    return found


def _report(found: dict[str, harness.Subject], parties: int, series: str, *, as_json: bool) -> None:
    share = found["pmsbridge"].rows_per_second / found["search_read"].rows_per_second
    again = found["unchanged"].rows_per_second / found["search_read"].rows_per_second
    lines = list(_lines(found.values()))
    claims = [
        harness.Claim(
            "a first copy, mapped and stored, beside a bare loop", f">= {SHARE}", f"{share:.2f}", share >= SHARE
        ),
        harness.Claim("an unchanged copy beside a bare loop", f">= {SHARE}", f"{again:.2f}", again >= SHARE),
    ]
    title = f"{parties} parties and {parties // 2} contracts of {len(_LINES)} lines, Tryton {series} on SQLite"
    header = ("subject", "rows", "rows/s", "median s", "spread s", "CPU s")
    about = harness.machine(("httpx", "pydantic", "sqlalchemy"))
    harness.report(title, header, lines, claims, about, as_json=as_json, subjects=list(found.values()))


def _lines(subjects: Iterable[harness.Subject]) -> Iterator[list[str]]:
    for each in subjects:
        yield [
            each.name, str(each.samples[0].rows), f"{each.rows_per_second:,.0f}", f"{each.seconds:.3f}", each.spread,
            f"{each.cpu_seconds:.2f}",
        ]  # fmt: skip


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
