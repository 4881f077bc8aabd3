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

__all__ = ["NO_WORDS", "Mirrored", "Words", "ids_of", "logins_of", "mirrored", "parted", "words_of"]

_SHORTEST_WORD: Final = 4
_TYPED: Final = ("to", "subject", "title", "text", "body")
"""Fields of posts, events and messages that people fill in."""
_AT_ONCE: Final = 500
_ids: Final = MIRROR.ids
_records: Final = METADATA.tables["pmsbridge_records"]
_CURRENT: Final = frozenset(state.value for state in RentalState if state.is_current)
_OF_NOBODY: Final = (Bulletin.entity, Event.entity)
"""Nouns whose rows may be about a person without saying so in a column."""


class Words:
    """Names, addresses and numbers of a person, found in texts of others however they are capitalised.

    A surname may be a word of the language: what belongs to nobody in particular is about the person only where it
    holds an e-mail address or a telephone number of theirs, or both first and last name.
    """

    def __init__(self, words: Iterable[str], *, sure: Iterable[str], names: Iterable[tuple[str, str]]) -> None:
        """What to look for.

        Args:
            words: Everything the person is called or reached by; less than four letters are in every text: left out.
            sure: Those of them that nobody else has.
            names: First and last names that belong together.
        """
        self._pattern = _any_of(word for word in words if len(word.strip()) >= _SHORTEST_WORD)
        self._sure = _any_of(word for word in sure if len(word.strip()) >= _SHORTEST_WORD)
        pairs = {(first.strip(), last.strip()) for first, last in names}
        self._names = [(_any_of([first]), _any_of([last])) for first, last in sorted(pairs) if first and last]

    def are_in(self, text: str) -> bool:
        """Whether one of them stands in a text."""
        return self._pattern.search(text) is not None

    def are_surely_in(self, text: str) -> bool:
        """Whether a text is about the person, and not about another whose words are alike."""
        if self._sure.search(text) is not None:
            return True
        return any(first.search(text) and last.search(text) for first, last in self._names)

    def are_surely_in_document(self, document: str) -> bool:
        """The same of a stored document: what people wrote in it counts, and none of its own words."""
        held = json.loads(document)
        return self.are_surely_in("\n".join(str(held[field]) for field in _TYPED if held.get(field)))

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


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Words that stand alone, whichever: within a longer word or number the same letters are something else."""
    held = sorted({word.strip() for word in words}, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(_alone, held)) or r"(?!)", re.IGNORECASE)


def _alone(word: str) -> str:
    before = r"(?<![^\W_]|[.+-])" if "@" in word else r"(?<![^\W_])"
    return rf"{before}{re.escape(word)}(?![^\W_])"


NO_WORDS: Final = Words((), sure=(), names=())
"""Of whom nothing is known."""


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


def ids_of(connection: Connection, account: str, facility: str, tenant_id: str) -> frozenset[str]:
    """All ids of the back office that mean a tenant, merged records included."""
    place = known_place(connection, account, facility)
    merged = {} if place is None else _merged(connection, place, tenant_id)
    return frozenset({tenant_id, *merged.values()})


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
    return tuple(row.key for row in rows if words.are_surely_in_document(row.doc))


# -- words -------------------------------------------------------------------------------------------------------------


def words_of(connection: Connection, account: str, facility: str, tenant_id: str) -> Words:
    """What a tenant and their contacts are called and reached by, as far as it is known here."""
    people = [each for doc in _tenant_docs(connection, account, facility, tenant_id) for each in _people_in(doc)]
    logins = logins_of(connection, account, facility, [tenant_id])
    sure = [
        *(word for person in people for word in _reached_by(person)), *(login.phone for login in logins),
        *(login.name for login in logins if "@" in login.name),
    ]  # fmt: skip
    called = [*(word for person in people for word in _called(person)), *(login.name for login in logins)]
    return Words([*sure, *called], sure=sure, names=[_first_and_last(person) for person in people])


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


def _people_in(doc: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield doc
    yield from doc.get("contacts") or ()


def _called(person: Mapping[str, Any]) -> Iterator[str]:
    name = person.get("name") or {}
    first, last = name.get("first", ""), name.get("last", "")
    yield from (f"{first} {last}", f"{last}, {first}", last, name.get("company", ""))
    yield (person.get("address") or {}).get("line1", "")


def _first_and_last(person: Mapping[str, Any]) -> tuple[str, str]:
    """As they are mostly written: of several first names the first."""
    name = person.get("name") or {}
    return name.get("first", "").partition(" ")[0], name.get("last", "")


def _reached_by(person: Mapping[str, Any]) -> Iterator[str]:
    yield person.get("email", "")
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
