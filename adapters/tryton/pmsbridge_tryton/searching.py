"""Who is this? The back office compares text as it is told to; exactness is established here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pmsbridge.errors import RejectedError
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge_tryton.mapping.people import match_of, tenant_of
from pmsbridge_tryton.pulling import Pulling
from pmsbridge_tryton.reading import ANY
from pmsbridge_tryton.vocabulary import PARTY, PARTY_FIELDS, RENTAL, SUBSCRIPTION

__all__ = ["Searching"]

_MOST: Final = 50
_SHORTEST_NUMBER: Final = 7


class Searching(Pulling):
    """The searching part of the reading port."""

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """Who matches every given field; exact hits say so, others contain what was asked for; one to three calls.

        Raises:
            RejectedError: The search is empty; nothing was asked.
        """
        if search.is_empty:
            raise RejectedError("a search needs at least one field", code="empty_search")
        scope = self._desk.scope(facility)
        own = str(self._desk.company().get("party"))
        rows = self._desk.read(PARTY, self._clauses(search), PARTY_FIELDS, limit=_MOST, context=ANY)
        tenants = [
            tenant_of(row, scope, portal_category=self._desk.category("portal_category"))
            for row in rows if str(row["id"]) != own
        ]  # fmt: skip
        found = [match_of(tenant, is_exact=_is_exact(tenant, search)) for tenant in tenants if _fits(tenant, search)]
        return sorted(found, key=lambda match: not match.is_exact)

    def _clauses(self, search: TenantSearch) -> list[object]:
        names = " ".join(part for part in (search.first_name.strip(), search.last_name.strip()) if part)
        clauses: list[object] = [["name", "ilike", _like(name)] for name in (names, search.company.strip()) if name]
        if search.email.strip():
            clauses.append(_mechanism("value", search.email.strip()))
        if digits := _digits(search.phone):
            clauses.append(_mechanism("value_compact", digits[-10:]))
        if search.unit_number.strip():
            clauses.append(["id", "in", self._renters(search.unit_number.strip())])
        return clauses

    def _renters(self, contract: str) -> list[int]:
        """Parties with a contract of this number; two calls."""
        domain = [["number", "=", contract], self._own]
        found = [row["party"] for model in (RENTAL, SUBSCRIPTION) for row in self._desk.read(model, domain, ["party"])]
        return sorted(set(found))


def _like(words: str) -> str:
    """What a pattern matches anywhere; its own signs are taken literally."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _mechanism(field: str, words: str) -> list[object]:
    return [f"contact_mechanisms.{field}", "ilike", _like(words)]


def _digits(words: str) -> str:
    return "".join(sign for sign in words if sign.isascii() and sign.isdigit())


def _phones(tenant: Tenant) -> list[str]:
    return [phone.digits for phone in (tenant.phone, tenant.mobile) if phone is not None]


def _same_number(one: str, other: str) -> bool:
    """Equal digits, with or without the country's."""
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= _SHORTEST_NUMBER and long.endswith(short) and len(long) - len(short) <= 3)  # noqa: PLR2004 - a country's code


def _fits(tenant: Tenant, search: TenantSearch) -> bool:
    """Every given field is contained in what the record holds; the vendor was asked for less."""
    asked = " ".join(part for part in (search.first_name, search.last_name) if part.strip()).casefold().strip()
    name = tenant.name.company.casefold()
    checks = (
        (asked, asked in name),
        (search.company.strip(), search.company.strip().casefold() in name),
        (search.email.strip(), search.email.strip().casefold() in tenant.email.casefold()),
        (_digits(search.phone), any(_same_number(_digits(search.phone), phone) for phone in _phones(tenant))),
    )
    return all(holds for given, holds in checks if given)


def _is_exact(tenant: Tenant, search: TenantSearch) -> bool:
    asked = " ".join(part.strip() for part in (search.first_name, search.last_name) if part.strip()).casefold()
    name = tenant.name.company.casefold()
    checks = (
        (asked, asked == name),
        (search.company.strip(), search.company.strip().casefold() == name),
        (search.email.strip(), search.email.strip().casefold() == tenant.email.casefold()),
        (_digits(search.phone), any(_same_number(_digits(search.phone), phone) for phone in _phones(tenant))),
    )
    return all(holds for given, holds in checks if given)
