"""Looking tenants up in the mirror: wide first, then marked exact or not."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.model.rental import Rental, RentalState
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.folding import digits_of, fold
from pmsbridge.store.tables import records

__all__ = ["find_tenants"]

_LIMIT: Final = 200
_CURRENT: Final = tuple(state.value for state in RentalState if state.is_current)


def find_tenants(
    connection: Connection, account: str, facility: str | None, search: TenantSearch, *, include_archived: bool
) -> tuple[TenantMatch, ...]:
    """Tenants whose fields contain what is looked for; exact ones first."""
    query = select(records).where(
        records.c.account == account, records.c.entity == Tenant.entity, *_criteria(account, search)
    )
    if facility is not None:
        query = query.where(records.c.facility == facility)
    if not include_archived:
        query = query.where(records.c.deleted_at.is_(None), records.c.record_state != "archived")
    rows = connection.execute(query.order_by(records.c.last_name, records.c.id).limit(_LIMIT)).all()
    active = _with_active_rental(connection, account, [row.id for row in rows])
    matches = [_match(row, search, (row.facility, row.id) in active) for row in rows]
    return tuple(sorted(matches, key=lambda match: not match.is_exact))


def _criteria(account: str, search: TenantSearch) -> list[ColumnElement[bool]]:
    """Every field that is set must fit."""
    texts = {
        records.c.first_name: fold(search.first_name),
        records.c.last_name: fold(search.last_name),
        records.c.company: fold(search.company),
        records.c.email: fold(search.email),
        records.c.phone_digits: digits_of(search.phone),
    }
    wanted: list[ColumnElement[bool]] = [
        column.contains(text, autoescape=True) for column, text in texts.items() if text
    ]
    if search.unit_number.strip():
        wanted.append(_lives_in(account, search.unit_number.strip()))
    return wanted


def _lives_in(account: str, unit_number: str) -> ColumnElement[bool]:
    other = records.alias("rental")
    lets = select(other.c.id).where(
        other.c.account == account, other.c.facility == records.c.facility, other.c.entity == Rental.entity,
        other.c.unit_number == unit_number, other.c.tenant_id == records.c.id, other.c.deleted_at.is_(None),
    )  # fmt: skip
    return lets.exists()


def _with_active_rental(connection: Connection, account: str, tenant_ids: list[str]) -> set[tuple[str, str]]:
    query: Select[Any] = select(records.c.facility, records.c.tenant_id).where(
        records.c.account == account, records.c.entity == Rental.entity, records.c.tenant_id.in_(tenant_ids),
        records.c.record_state.in_(_CURRENT), records.c.deleted_at.is_(None),
    )  # fmt: skip
    return {(row.facility, row.tenant_id) for row in connection.execute(query)}


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
        not phone or f" {phone} " in row.phone_digits
    )
