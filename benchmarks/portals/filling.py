"""A store as large as an operator's: a mirror with ledger rows by the million, and tenants who look at a portal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, insert, select, text

from pmsbridge.model.record import VendorRef
from pmsbridge.portal.bridge import Bridge
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.mirror_writes import Scope, place_of
from pmsbridge.store.tables import MIRROR
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock

__all__ = ["LOOKERS", "bridge_on", "fill"]

LOOKERS: Final = tuple(f"T{number}" for number in range(1, 4))
"""Tenants who look at their dashboard; each rents ten units."""

_UNITS: Final = 10
_AT_ONCE: Final = 20_000
_LEDGER: Final = "ledger_entry"


def office() -> MemoryOffice:
    """The back office in memory, where everybody rents ten units."""
    made = MemoryOffice(TestClock())
    for place, tenant in enumerate(LOOKERS):
        missing = _UNITS - len(made.books.rentals_of("F1", tenant))
        for number in range(missing):
            one = 100 * (place + 1) + number
            made.books.add_rental("F1", f"R{one}", tenant, f"X-{one}", made.clock.now())
    return made


def bridge_on(database: Database) -> Bridge:
    """A bridge on a database, before the back office in memory."""
    made = office()
    settings = Settings(accounts={made.account: AccountSettings(system="memory")})
    adapters = {made.account: MemoryAdapter(made)}
    return Bridge(settings, database=database, adapters=adapters, mailer=None, clock=made.clock)


def fill(url: str, rows: int) -> None:
    """Sync, let everybody look and act once, and put ledger rows beside it, as a night would leave them."""
    with bridge_on(open_database(url)) as bridge:
        bridge.sync()
        for tenant in LOOKERS:
            session = bridge.tenant("F1", tenant)
            for number in range(20):
                session.ask_staff("Question", f"Number {number}.", key=f"question-{tenant}-{number:03}")
            session.dashboard()
        _fill_ledger(bridge.database, rows)


def _fill_ledger(database: Database, rows: int) -> None:
    table, ids = MIRROR.nouns[_LEDGER], MIRROR.ids
    with database.write() as connection:
        place = place_of(connection, Scope("mem", "F1", _LEDGER))
        first = int(connection.execute(select(func.coalesce(func.max(ids.c.key), 0))).scalar_one()) + 1
    for start in range(0, rows, _AT_ONCE):
        made = list(_entries(place, first + start, start, min(_AT_ONCE, rows - start)))
        with database.write() as connection:
            connection.execute(insert(ids), [each for each, _ in made])
            connection.execute(insert(table), [each for _, each in made])
    if database.kind != "sqlite":
        with database.write() as connection:
            connection.execute(text("ANALYZE"))


def _entries(place: int, key: int, start: int, count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows of the identity map and of the ledger: a charge and a payment of each rental and month."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    for number in range(start, start + count):
        name, rental = f"L{number:09}", f"R{number // 100:07}"
        ref = VendorRef(system="memory", account="mem", facility="F1", entity=_LEDGER, id=name)
        sign = "" if number % 2 else "-"
        doc = {
            "ref": ref.model_dump(), "extra": {}, "rental_id": rental, "kind": "charge" if number % 2 else "payment",
            "effect": {"amount": f"{sign}120.00", "currency": "USD"}, "effective_on": "2026-11-01",
            "description": "Rent",
        }  # fmt: skip
        row = {
            "key": key + number - start, "place": place, "id": name, "rental_id": rental, "kind": doc["kind"],
            "effect": Decimal(f"{sign}120.00"), "effect_currency": "USD", "effective_on": date(2026, 11, 1),
            "description": "Rent", "extra": "{}", "doc": json.dumps(doc), "changed_at": now,
        }  # fmt: skip
        kept = {
            "key": row["key"], "place": place, "entity": _LEDGER, "id": name, "uid": secrets.token_hex(16),
            "row_hash": secrets.token_bytes(16), "first_seen": now,
        }  # fmt: skip
        yield kept, row
