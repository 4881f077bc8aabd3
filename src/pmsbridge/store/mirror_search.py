"""Looking tenants up in the mirror: found by an index, then judged field by field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal_column, or_, select

from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.folding import digits_of, fold
from pmsbridge.store.mirror_writes import known_place
from pmsbridge.store.spelling import (
    PHONE_TAIL_DIGITS,
    Fit,
    fit_of_names,
    fit_of_phones,
    name_key,
    name_keys,
    phone_tail,
    typos_of,
    unit_key,
)
from pmsbridge.store.tables import MIRROR

__all__ = ["TenantLookup"]

_LIMIT: Final = 200
_MOST_JUDGED: Final = 5000
_MOST_PLACES_WITH_TYPOS: Final = 25
_CHUNK: Final = 500
_CURRENT: Final = frozenset(state.value for state in RentalState if state.is_current)
_LAST_CHARACTER: Final = "\U0010ffff"
_tenants: Final = MIRROR.nouns[Tenant.entity]
_rentals: Final = MIRROR.nouns[Rental.entity]
_units: Final = MIRROR.nouns[Unit.entity]
_JUDGED_BY: Final = tuple(
    _tenants.c[name]
    for name in (
        "key", "place", "id", "last_name", "first_name", "company", "email", "phone_digits", "mobile_digits",
    )
)  # fmt: skip

_Key = tuple[int, str]
"""Place and tenant id."""
_Units = dict[_Key, list[tuple[str, str, bool]]]
"""By tenant: unit number, its key, and whether the rental is current."""


class TenantLookup:
    """Looks in one facility of an account, or in all of them.

    Every way in is an index, so that it does not matter how many tenants there are: keys of the last name, last digits
    of telephones, e-mail, company, unit number. Only when none of them finds anybody is the beginning left open
    ("contains"), which reads every tenant of the facility.
    """

    def __init__(
        self, connection: Connection, account: str, facility: str | None, *, include_archived: bool = False
    ) -> None:
        self._connection = connection
        self._account, self._facility = account, facility
        self._include_archived = include_archived
        self._place = known_place(connection, account, facility) if facility is not None else None

    def find(self, search: TenantSearch) -> tuple[TenantMatch, ...]:
        """Who fits, best first."""
        found = self._judged(self._rows(search, typos=self._bears_typos()), search)
        return self._matches(found or self._judged(self._rows_anywhere(search), search), search)

    def find_hints(self, search: TenantSearch) -> tuple[TenantMatch, ...]:
        """Who fits without guessing, marked as found elsewhere."""
        found = [each for each in self._judged(self._rows(search, typos=False), search) if each[0] < Fit.WITHIN]
        matches = self._matches(found, search)
        return tuple(match.changed(is_elsewhere=True, is_exact=False) for match in matches)

    # -- looking up ----------------------------------------------------------------------------------------------------

    def _rows(self, search: TenantSearch, *, typos: bool) -> Iterator[Row[Any]]:
        """Candidates by the field that tells most; the other fields only judge them."""
        if email := fold(search.email):
            return self._between(_tenants.c.email, email)
        if len(digits_of(search.phone)) >= PHONE_TAIL_DIGITS:
            tail = phone_tail(search.phone)
            columns = (_tenants.c.phone_tail, _tenants.c.mobile_tail)
            return (row for column in columns for row in self._select(_said(column), column == tail))
        if key := unit_key(search.unit_number):
            return self._letting(key)
        if name_key(search.last_name):
            return self._named(search, typos=typos)
        if company := fold(search.company):
            return self._between(_tenants.c.company, company)
        return iter(())

    def _named(self, search: TenantSearch, *, typos: bool) -> Iterator[Row[Any]]:
        whole, keys = name_key(search.last_name), name_keys(search.last_name)
        yield from self._held_as(keys, also=_swapped(search))
        if typos:
            yield from self._select(*_begins(_tenants.c.last_key, whole))
            yield from self._held_as(typos_of(whole))

    def _held_as(self, keys: Collection[str], *, also: Collection[str] = ()) -> Iterator[Row[Any]]:
        if not keys:
            return
        yield from self._select(_tenants.c.last_key.in_(sorted({*keys, *also})))
        for column in (_tenants.c.last_head, _tenants.c.last_tail):
            yield from self._select(_said(column), column.in_(sorted(keys)))

    def _between(self, column: ColumnElement[str], text: str) -> Iterator[Row[Any]]:
        yield from self._select(_said(column), column == text)
        yield from self._select(_said(column), *_begins(column, text))

    def _letting(self, key: str) -> Iterator[Row[Any]]:
        """By rentals that carry the number, and by units of that number, for rentals that name theirs by its id alone.

        Both, always: a past rental may carry the number of a unit that today's names by its id. No index knows the
        numbers of units in every spelling, so those of one place are read at a time: there are hundreds.
        """
        yield from self._letting_where(_said(_rentals.c.unit_key), _rentals.c.unit_key == key)
        for place in self._places():
            here = (_units.c.place == place, _said(_units.c.number), _units.c.deleted_at.is_(None))
            query = select(_units.c.id, _units.c.number).where(*here).limit(_MOST_JUDGED)
            if found := [unit.id for unit in self._connection.execute(query) if unit_key(unit.number) == key]:
                yield from self._letting_where(
                    _rentals.c.place == place, _rentals.c.unit_number == "", _rentals.c.unit_id.in_(found)
                )

    def _places(self) -> Sequence[int]:
        """The facility's place, or those of the whole account; none where nothing was ever read."""
        if self._facility is not None:
            return [self._place] if self._place is not None else []
        query = select(MIRROR.places.c.place).where(MIRROR.places.c.account == self._account)
        return self._connection.execute(query).scalars().all()

    def _letting_where(self, *wanted: ColumnElement[bool]) -> Iterator[Row[Any]]:
        ids = MIRROR.ids
        query = (
            select(*_JUDGED_BY)
            .select_from(_rentals)
            .join(
                ids,
                (ids.c.place == _rentals.c.place)
                & (ids.c.entity == Tenant.entity)
                & (ids.c.id == _rentals.c.tenant_id),
            )
            .join(_tenants, _tenants.c.key == ids.c.key)
            .where(self._here(_rentals.c.place), *wanted)
            .where(_rentals.c.deleted_at.is_(None), *self._living())
        )
        return self._run(query)

    def _rows_anywhere(self, search: TenantSearch) -> Iterator[Row[Any]]:
        """Candidates by what is contained somewhere; nothing where that is not asked."""
        texts = {
            _tenants.c.first_name: search.first_name, _tenants.c.last_name: search.last_name,
            _tenants.c.company: search.company, _tenants.c.email: search.email,
        }  # fmt: skip
        wanted = [column.contains(fold(text), autoescape=True) for column, text in texts.items() if fold(text)]
        if digits := digits_of(search.phone).lstrip("0"):
            wanted.append(or_(_tenants.c.phone_digits.contains(digits), _tenants.c.mobile_digits.contains(digits)))
        return self._select(*wanted) if wanted else iter(())

    def _select(self, *wanted: ColumnElement[bool]) -> Iterator[Row[Any]]:
        return self._run(select(*_JUDGED_BY).where(self._here(_tenants.c.place), *wanted, *self._living()))

    def _run(self, query: Select[Any]) -> Iterator[Row[Any]]:
        return iter(self._connection.execute(query.limit(_MOST_JUDGED)).all())

    def _here(self, place: ColumnElement[int]) -> ColumnElement[bool]:
        if self._facility is not None:
            # No row has the number -1: nothing of this facility was ever read.
            return place == (self._place if self._place is not None else -1)
        return place.in_(select(MIRROR.places.c.place).where(MIRROR.places.c.account == self._account))

    def _living(self) -> list[ColumnElement[bool]]:
        if self._include_archived:
            return []
        return [_tenants.c.deleted_at.is_(None), _tenants.c.is_active.is_not(False)]

    def _bears_typos(self) -> bool:
        """Every wrong letter is looked up at every facility: that is left out where there are very many."""
        if self._facility is not None:
            return True
        query = select(func.count()).where(MIRROR.places.c.account == self._account)
        return self._connection.execute(query).scalar_one() <= _MOST_PLACES_WITH_TYPOS

    # -- judging -------------------------------------------------------------------------------------------------------

    def _judged(self, rows: Iterator[Row[Any]], search: TenantSearch) -> list[tuple[Fit, Row[Any]]]:
        by_key = {row.key: row for row in rows}
        fits = ((_fit(row, search), row) for row in by_key.values())
        found = [(fit, row) for fit, row in fits if fit is not None]
        if not search.unit_number.strip():
            return found
        units = self._units([row for _, row in found])
        by_unit = (
            (fit, _fit_of_units(search.unit_number, units.get((row.place, row.id), [])), row) for fit, row in found
        )
        return [(max(fit, of_unit), row) for fit, of_unit, row in by_unit if of_unit is not None]

    def _matches(self, found: Sequence[tuple[Fit, Row[Any]]], search: TenantSearch) -> tuple[TenantMatch, ...]:
        best = sorted(found, key=lambda each: (each[0], each[1].last_name, each[1].id))[:_LIMIT]
        units = self._units([row for _, row in best])
        documents = self._documents([row.key for _, row in best])
        made: list[tuple[Fit, bool, TenantMatch]] = []
        for fit, row in best:
            tenant, account, facility = documents[row.key]
            judged = (
                max(fit, of_email) if (of_email := _fit_of_emails(search.email, tenant.email)) is not None else None
            )
            if judged is None:
                continue
            has_active_rental = any(is_current for _, _, is_current in units.get((row.place, row.id), []))
            match = TenantMatch(
                tenant_id=row.id, account=account, facility=facility, name=tenant.name, email=tenant.email,
                phone=tenant.phone, has_active_rental=has_active_rental, is_exact=judged is Fit.EXACT,
            )  # fmt: skip
            made.append((judged, not has_active_rental, match))
        return tuple(match for _, _, match in sorted(made, key=lambda each: each[:2]))

    def _units(self, rows: Sequence[Row[Any]]) -> _Units:
        """What these tenants let."""
        by_place: dict[int, list[str]] = {}
        for row in rows:
            by_place.setdefault(row.place, []).append(row.id)
        found: _Units = {}
        for place, ids in by_place.items():
            for part in (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)):
                query = select(
                    _rentals.c.tenant_id, _rentals.c.unit_id, _rentals.c.unit_number, _rentals.c.state
                ).where(_rentals.c.place == place, _rentals.c.tenant_id.in_(part), _rentals.c.deleted_at.is_(None))
                rentals = self._connection.execute(query).all()
                numbers = self._numbers(place, {let.unit_id for let in rentals if let.unit_id and not let.unit_number})
                for let in rentals:
                    number = let.unit_number or numbers.get(let.unit_id, "")
                    unit = (number, unit_key(number), let.state in _CURRENT)
                    found.setdefault((place, let.tenant_id), []).append(unit)
        return found

    def _numbers(self, place: int, unit_ids: set[str]) -> dict[str, str]:
        """Numbers of units by their ids."""
        ids, found = MIRROR.ids, dict[str, str]()
        wanted = sorted(unit_ids)
        for part in (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)):
            query = select(ids.c.id, _units.c.number).join(_units, _units.c.key == ids.c.key)
            rows = self._connection.execute(
                query.where(ids.c.place == place, ids.c.entity == Unit.entity, ids.c.id.in_(part))
            )
            found.update({row.id: row.number for row in rows})
        return found

    def _documents(self, keys: Collection[int]) -> dict[int, tuple[Tenant, str, str]]:
        places = MIRROR.places
        query = select(_tenants.c.key, _tenants.c.doc, places.c.account, places.c.facility).join(
            places, places.c.place == _tenants.c.place
        )
        rows = self._connection.execute(query.where(_tenants.c.key.in_(keys)))
        return {row.key: (Tenant.model_validate_json(row.doc), row.account, row.facility) for row in rows}


def _said(column: ColumnElement[str]) -> ColumnElement[bool]:
    """There is something: in the words of the index, which holds only such rows."""
    said: ColumnElement[bool] = column != literal_column("''")
    return said


def _begins(column: ColumnElement[str], text: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column >= text, column < text + _LAST_CHARACTER


def _swapped(search: TenantSearch) -> set[str]:
    """By what the last name is held where somebody confused it with the first."""
    return name_keys(search.first_name) if name_key(search.first_name) else set()


def _fit(row: Row[Any], search: TenantSearch) -> Fit | None:
    """How well the columns fit what is asked; None when one of them does not."""
    fits: list[Fit | None] = [_fit_of_persons(row, search)]
    if search.company.strip():
        fits.append(fit_of_names(search.company, row.company))
    if fold(search.email):
        fits.append(_fit_of_emails(fold(search.email), row.email))
    if search.phone.strip():
        both = [fit_of_phones(search.phone, held) for held in (row.phone_digits, row.mobile_digits)]
        fits.append(min((fit for fit in both if fit is not None), default=None))
    certain = [fit for fit in fits if fit is not None]
    return max(certain) if len(certain) == len(fits) else None


def _fit_of_persons(row: Row[Any], search: TenantSearch) -> Fit | None:
    straight = _fit_of_two(search, row.first_name, row.last_name)
    if straight is not None or not (search.first_name.strip() and search.last_name.strip()):
        return straight
    swapped = _fit_of_two(search, row.last_name, row.first_name)
    return None if swapped is None else max(swapped, Fit.SWAPPED)


def _fit_of_two(search: TenantSearch, first: str, last: str) -> Fit | None:
    worst = Fit.EXACT
    for asked, held in ((search.first_name, first), (search.last_name, last)):
        if asked.strip():
            fit = fit_of_names(asked, held)
            if fit is None:
                return None
            worst = max(worst, fit)
    return worst


def _fit_of_emails(asked: str, held: str) -> Fit | None:
    """But for case, an address is another one when a single character differs."""
    mine, theirs = asked.strip().casefold(), held.strip().casefold()
    if mine == theirs or not mine:
        return Fit.EXACT
    return Fit.WITHIN if mine in theirs else None


def _fit_of_units(asked: str, units: Sequence[tuple[str, str, bool]]) -> Fit | None:
    if any(number.strip() == asked.strip() for number, _, _ in units):
        return Fit.EXACT
    return Fit.SPELLING if any(key == unit_key(asked) for _, key, _ in units) else None
