"""States that no back office should be in, found by comparing the records of one facility with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from pmsbridge.model.people import Tenant
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.store.database import Connection, Database
from pmsbridge.store.mirror_writes import known_place
from pmsbridge.store.tables import MIRROR

__all__ = ["MOST_ODDITIES", "ODDITIES", "Oddity", "oddities"]

MOST_ODDITIES: Final = 50
"""Of a kind, that are told at once."""

ODDITIES: Final = ("unit_let_twice", "rental_without_tenant", "rental_without_unit")
"""Their codes."""

_CURRENT: Final = tuple(state.value for state in RentalState if state.is_current)
_rentals: Final = MIRROR.nouns[Rental.entity]


@dataclass(frozen=True, slots=True)
class Oddity:
    """One impossible state.

    Attributes:
        code: One of ``ODDITIES``.
        id: The unit's id, or the rental's.
        text: For a person.
    """

    code: str
    entity: str
    id: str
    text: str


def oddities(database: Database, account: str, facility: str) -> list[Oddity]:
    """What does not fit together at a facility; at most fifty of a kind."""
    with database.read() as connection:
        place = known_place(connection, account, facility)
        if place is None:
            return []
        return [
            *_let_twice(connection, place),
            *_dangling(connection, place, "tenant_id", Tenant.entity),
            *_dangling(connection, place, "unit_id", Unit.entity),
        ]


def _let_twice(connection: Connection, place: int) -> list[Oddity]:
    query = (
        select(_rentals.c.unit_id, func.count().label("rentals"), func.min(_rentals.c.unit_number).label("number"))
        .where(_rentals.c.place == place, _rentals.c.deleted_at.is_(None), _rentals.c.state.in_(_CURRENT))
        .where(_rentals.c.unit_id != "")
        .group_by(_rentals.c.unit_id)
        .having(func.count() > 1)
        .order_by(_rentals.c.unit_id)
        .limit(MOST_ODDITIES)
    )
    return [
        Oddity("unit_let_twice", Unit.entity, row.unit_id, f"unit {row.number} has {row.rentals} current rentals")
        for row in connection.execute(query)
    ]


def _dangling(connection: Connection, place: int, column: str, entity: str) -> list[Oddity]:
    other, mine = MIRROR.nouns[entity], _rentals.c[column]
    there = select(MIRROR.ids.c.key).where(
        MIRROR.ids.c.place == place, MIRROR.ids.c.entity == entity, MIRROR.ids.c.id == mine,
        MIRROR.ids.c.deleted_at.is_(None),
    )  # fmt: skip
    any_of_it = select(other.c.key).where(other.c.place == place)
    query = (
        select(_rentals.c.id, mine.label("missing"))
        .where(_rentals.c.place == place, _rentals.c.deleted_at.is_(None), _rentals.c.state.in_(_CURRENT))
        .where(mine != "", any_of_it.exists(), ~there.exists())
        .order_by(_rentals.c.id)
        .limit(MOST_ODDITIES)
    )
    return [
        Oddity(f"rental_without_{entity}", Rental.entity, row.id, f"rental {row.id} names a {entity} that is not there")
        for row in connection.execute(query)
    ]
