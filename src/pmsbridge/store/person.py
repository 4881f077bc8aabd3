"""What is known of one person, as far as it must be forgotten: which rows are theirs, and which words."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, or_, select

from pmsbridge.actions.erasing import ERASED
from pmsbridge.model.documents import Bulletin, Event
from pmsbridge.model.people import Tenant
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.store.mirror_writes import known_place
from pmsbridge.store.nouns import NOUNS
from pmsbridge.store.tables import LOGINS, METADATA, MIRROR, accounts_seen

__all__ = ["Mirrored", "Words", "logins_of", "mirrored", "parted", "words_of"]

_SHORTEST_WORD: Final = 4
_AT_ONCE: Final = 500
_ids: Final = MIRROR.ids
_records: Final = METADATA.tables["pmsbridge_records"]
_CURRENT: Final = frozenset(state.value for state in RentalState if state.is_current)
_OF_NOBODY: Final = (Bulletin.entity, Event.entity)
"""Nouns whose rows may be about a person without saying so in a column."""


class Words:
    """Names, addresses and numbers of a person, found in texts of others however they are capitalised."""

    def __init__(self, words: Iterable[str]) -> None:
        """Words of less than four letters are left out: they are in every text."""
        held = {word.strip() for word in words}
        self._held = sorted((word for word in held if len(word) >= _SHORTEST_WORD), key=len, reverse=True)
        # Digits of a telephone number that are part of a longer number are something else.
        self._pattern = re.compile(
            "|".join(rf"(?<!\d){re.escape(word)}(?!\d)" for word in self._held) or r"(?!)", re.IGNORECASE
        )

    def are_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        return self._pattern.search(text) is not None

    def out_of(self, text: str) -> str:
        """A text without them."""
        return self._pattern.sub(ERASED, text)

    def out_of_all(self, data: Any) -> Any:  # noqa: ANN401 - plain data of any shape
        """The same plain data, its texts without them."""
        if isinstance(data, str):
            return self.out_of(data)
        if isinstance(data, Mapping):
            return {name: self.out_of_all(part) for name, part in data.items()}
        return [self.out_of_all(part) for part in data] if isinstance(data, list | tuple) else data


class Mirrored(NamedTuple):
    """What the mirror holds of a person.

    Attributes:
        tenant_ids: All ids of the back office that mean them, merged records included.
        rows: Keys of records by noun.
        rents: One of their rentals is current.
    """

    tenant_ids: frozenset[str]
    rows: Mapping[str, tuple[int, ...]]
    rents: bool

    @property
    def keys(self) -> tuple[int, ...]:
        """All keys."""
        return tuple(key for keys in self.rows.values() for key in keys)


def mirrored(connection: Connection, account: str, facility: str, tenant_id: str, words: Words) -> Mirrored:
    """Which records of the mirror are of or about a tenant."""
    place = known_place(connection, account, facility)
    if place is None:
        return Mirrored(frozenset({tenant_id}), {}, rents=False)
    persons = _merged(connection, place, tenant_id)
    tenants = frozenset({tenant_id, *persons.values()})
    table = MIRROR.nouns[Rental.entity]
    let = select(table.c.id, table.c.state, table.c.deleted_at).where(table.c.place == place)
    rented = connection.execute(let.where(table.c.tenant_id.in_(tenants))).all()
    rentals = [row.id for row in rented]
    rows = {Tenant.entity: tuple(persons)}
    for entity in NOUNS:
        if entity in _OF_NOBODY:
            rows[entity] = _saying(connection, place, entity, words)
        if entity != Tenant.entity:
            owned = _owned(connection, MIRROR.nouns[entity], place, tenants, rentals)
            rows[entity] = tuple({*rows.get(entity, ()), *owned})
    rents = any(row.state in _CURRENT and row.deleted_at is None for row in rented)
    return Mirrored(tenants, {name: keys for name, keys in rows.items() if keys}, rents)


def _merged(connection: Connection, place: int, tenant_id: str) -> dict[int, str]:
    """Key and id of a tenant's record and of every record that became, or was made of, the same."""
    query = select(_ids.c.key, _ids.c.id, _ids.c.merged_into).where(
        _ids.c.place == place, _ids.c.entity == Tenant.entity
    )
    found: dict[int, str] = {}
    rows = connection.execute(query.where(_ids.c.id == tenant_id)).all()
    while rows:
        found |= {row.key: row.id for row in rows}
        into = [row.merged_into for row in rows if row.merged_into is not None]
        near = or_(_ids.c.key.in_(into), _ids.c.merged_into.in_(list(found)))
        rows = connection.execute(query.where(near, _ids.c.key.not_in(list(found)))).all()
    return found


def _owned(
    connection: Connection, table: Table, place: int, tenants: Collection[str], rentals: list[str]
) -> Iterator[int]:
    columns = table.c
    if "tenant_id" in columns:
        yield from _keys(connection, table, place, columns.tenant_id.in_(tenants))
    if "rental_id" in columns:
        for part in parted(rentals):
            yield from _keys(connection, table, place, columns.rental_id.in_(part))


def _keys(connection: Connection, table: Table, place: int, which: ColumnElement[bool]) -> list[int]:
    return list(connection.execute(select(table.c.key).where(table.c.place == place, which)).scalars())


def _saying(connection: Connection, place: int, entity: str, words: Words) -> tuple[int, ...]:
    table = MIRROR.nouns[entity]
    rows = connection.execute(select(table.c.key, table.c.doc).where(table.c.place == place))
    return tuple(row.key for row in rows if words.are_in(row.doc))


# -- words -------------------------------------------------------------------------------------------------------------


def words_of(connection: Connection, account: str, facility: str, tenant_id: str) -> Words:
    """What a tenant and their contacts are called and reached by, as far as it is known here."""
    docs = list(_tenant_docs(connection, account, facility, tenant_id))
    names = [word for doc in docs for word in _words_in(doc)]
    logins = logins_of(connection, account, facility, [tenant_id])
    return Words([*names, *(word for login in logins for word in (login.name, login.phone))])


def _tenant_docs(connection: Connection, account: str, facility: str, tenant_id: str) -> Iterator[Mapping[str, Any]]:
    place = known_place(connection, account, facility)
    if place is not None:
        table, keys = MIRROR.nouns[Tenant.entity], list(_merged(connection, place, tenant_id))
        yield from (
            json.loads(doc) for doc in connection.execute(select(table.c.doc).where(table.c.key.in_(keys))).scalars()
        )
    mine = (accounts_seen.c.account == account, accounts_seen.c.facility == facility)
    seen = select(accounts_seen.c.doc).where(*mine, accounts_seen.c.tenant_id == tenant_id)
    yield from (json.loads(doc)["tenant"] for doc in connection.execute(seen).scalars())
    old = (_records.c.account == account, _records.c.facility == facility, _records.c.entity == Tenant.entity)
    kept = select(_records.c.doc).where(*old, _records.c.id == tenant_id)
    yield from (json.loads(doc) for doc in connection.execute(kept).scalars())


def _words_in(doc: Mapping[str, Any]) -> Iterator[str]:
    for person in (doc, *(doc.get("contacts") or ())):
        name = person.get("name") or {}
        first, last = name.get("first", ""), name.get("last", "")
        yield from (f"{first} {last}", f"{last}, {first}", last, name.get("company", ""))
        yield from (person.get("email", ""), (person.get("address") or {}).get("line1", ""))
        for field in ("phone", "mobile"):
            phone = person.get(field) or {}
            yield from (phone.get("raw") or "", phone.get("e164") or "", _digits(phone.get("raw") or ""))


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def logins_of(connection: Connection, account: str, facility: str, tenant_ids: Collection[str]) -> list[Any]:
    """Logins of a tenant and of their contacts."""
    table = LOGINS.logins
    mine = (table.c.account == account, table.c.facility == facility, table.c.tenant_id.in_(tenant_ids))
    return list(connection.execute(select(table).where(*mine)))


def parted(keys: Collection[Any]) -> Iterator[list[Any]]:
    """Some keys at a time: a statement holds only so many."""
    held = list(keys)
    for start in range(0, len(held), _AT_ONCE):
        yield held[start : start + _AT_ONCE]
