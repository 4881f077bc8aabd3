"""A store as large as an operator's: a mirror with ledger rows by the million, and tenants who look at a portal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select, text

from pmsbridge.portal.bridge import Bridge
from pmsbridge.settings import AccountSettings, Settings
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.mirror_sql import insert_many, instant
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
        with database.write() as connection:
            at = instant(connection, datetime(2026, 11, 21, tzinfo=UTC))
            made = list(_entries(place, at, first + start, start, min(_AT_ONCE, rows - start)))
            insert_many(connection, ids.name, _ID_COLUMNS, [each for each, _ in made])
            insert_many(connection, table.name, _COLUMNS, [each for _, each in made])
    if database.kind != "sqlite":
        with database.write() as connection:
            connection.execute(text("ANALYZE"))


_ID_COLUMNS: Final = ("key", "place", "entity", "id", "uid", "row_hash", "first_seen")
_COLUMNS: Final = (
    "key", "place", "id", "rental_id", "kind", "effect", "effect_currency", "effective_on", "description", "extra",
    "doc", "changed_at",
)  # fmt: skip


def _entries(place: int, at: object, key: int, start: int, count: int) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    """Rows of the identity map and of the ledger: a charge and a payment of each rental and month."""
    for number in range(start, start + count):
        name, rental = f"L{number:09}", f"R{number // 100:07}"
        kind, amount = ("charge", "120.00") if number % 2 else ("payment", "-120.00")
        ref = {"system": "memory", "account": "mem", "facility": "F1", "entity": _LEDGER, "id": name}
        doc = json.dumps({
            "ref": ref, "extra": {}, "rental_id": rental, "kind": kind, "description": "Rent",
            "effect": {"amount": amount, "currency": "USD"}, "effective_on": "2026-11-01",
        })  # fmt: skip
        own = key + number - start
        yield (
            (own, place, _LEDGER, name, secrets.token_hex(16), secrets.token_bytes(16), at),
            (own, place, name, rental, kind, amount, "USD", "2026-11-01", "Rent", "{}", doc, at),
        )
