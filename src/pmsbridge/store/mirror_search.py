"""Looking tenants up in the mirror: wide first, then marked exact or not."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.folding import digits_of, fold
from pmsbridge.store.tables import MIRROR

__all__ = ["find_tenants"]

_LIMIT: Final = 200
_CURRENT: Final = tuple(state.value for state in RentalState if state.is_current)
_tenants: Final = MIRROR.nouns[Tenant.entity]
_rentals: Final = MIRROR.nouns[Rental.entity]
_places: Final = MIRROR.places


def find_tenants(
    connection: Connection, account: str, facility: str | None, search: TenantSearch, *, include_archived: bool
) -> tuple[TenantMatch, ...]:
    """Tenants whose fields contain what is looked for; exact ones first."""
    query = (
        select(_tenants, _places.c.account, _places.c.facility)
        .join(_places, _places.c.place == _tenants.c.place)
        .where(_places.c.account == account, *_criteria(search))
    )
    if facility is not None:
        query = query.where(_places.c.facility == facility)
    if not include_archived:
        query = query.where(_tenants.c.deleted_at.is_(None), _tenants.c.is_active.is_not(False))
    rows = connection.execute(query.order_by(_tenants.c.last_name, _tenants.c.id).limit(_LIMIT)).all()
    active = _with_active_rental(connection, rows)
    matches = [_match(row, search, (row.place, row.id) in active) for row in rows]
    return tuple(sorted(matches, key=lambda match: not match.is_exact))


def _criteria(search: TenantSearch) -> list[ColumnElement[bool]]:
    """Every field that is set must fit."""
    texts = {
        _tenants.c.first_name: fold(search.first_name),
        _tenants.c.last_name: fold(search.last_name),
        _tenants.c.company: fold(search.company),
        _tenants.c.email: fold(search.email),
    }
    wanted: list[ColumnElement[bool]] = [
        column.contains(text, autoescape=True) for column, text in texts.items() if text
    ]
    if digits := digits_of(search.phone):
        wanted.append(or_(_tenants.c.phone_digits.contains(digits), _tenants.c.mobile_digits.contains(digits)))
    if search.unit_number.strip():
        wanted.append(_lives_in(search.unit_number.strip()))
    return wanted


def _lives_in(unit_number: str) -> ColumnElement[bool]:
    lets = select(_rentals.c.key).where(
        _rentals.c.place == _tenants.c.place, _rentals.c.unit_number == unit_number,
        _rentals.c.tenant_id == _tenants.c.id, _rentals.c.deleted_at.is_(None),
    )  # fmt: skip
    return lets.exists()


def _with_active_rental(connection: Connection, rows: Any) -> set[tuple[int, str]]:  # noqa: ANN401 - rows of a query
    query: Select[Any] = select(_rentals.c.place, _rentals.c.tenant_id).where(
        _rentals.c.place.in_({row.place for row in rows}), _rentals.c.tenant_id.in_([row.id for row in rows]),
        _rentals.c.state.in_(_CURRENT), _rentals.c.deleted_at.is_(None),
    )  # fmt: skip
    return {(row.place, row.tenant_id) for row in connection.execute(query)}


def _match(row: Row[Any], search: TenantSearch, has_active_rental: bool) -> TenantMatch:  # noqa: FBT001 - private
    tenant = Tenant.model_validate_json(row.doc)
    return TenantMatch(
        tenant_id=row.id, account=row.account, facility=row.facility, name=tenant.name, email=tenant.email,
        phone=tenant.phone, has_active_rental=has_active_rental, is_exact=_is_exact(row, search),
    )  # fmt: skip


def _is_exact(row: Row[Any], search: TenantSearch) -> bool:
    texts = (
        (search.first_name, row.first_name), (search.last_name, row.last_name), (search.company, row.company),
        (search.email, row.email),
    )  # fmt: skip
    phone = digits_of(search.phone)
    return all(fold(asked) == held for asked, held in texts if asked.strip()) and (
        not phone or phone in {row.phone_digits, row.mobile_digits}
    )
