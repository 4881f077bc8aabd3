"""Who is this? The back office compares text as it is told to; exactness is established here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pmsbridge.errors import RejectedError
from pmsbridge.logging import get_logger
from pmsbridge.model.people import Tenant, TenantMatch
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge_tryton.mapping.people import match_of, tenant_of
from pmsbridge_tryton.pulling import Pulling
from pmsbridge_tryton.reading import ANY
from pmsbridge_tryton.vocabulary import PARTY, PARTY_FIELDS, RENTAL, SUBSCRIPTION
from pmsbridge_tryton.wire import Row

__all__ = ["Searching"]

_log = get_logger(__name__)

_MOST: Final = 50
"""Hits that are looked at; of more, only exact ones are told."""
_SHORTEST_NUMBER: Final = 7


class Searching(Pulling):
    """The searching part of the reading port."""

    def find_tenants(self, facility: str, search: TenantSearch) -> Sequence[TenantMatch]:
        """Who matches every given field; exact hits say so, others contain what was asked for; one to four calls.

        Of a search that fits too many, only exact hits are returned: they are asked for apart.

        Raises:
            RejectedError: The search is empty; nothing was asked.
        """
        if search.is_empty:
            raise RejectedError("a search needs at least one field", code="empty_search")
        scope = self._desk.scope(facility)
        own = str(self._desk.company().get("party"))
        rows = self._hits(self._clauses(search, _anywhere))
        if is_cut := len(rows) > _MOST:
            _log.warning("search_may_be_cut", facility=facility, rows=len(rows))
            rows = self._hits(self._clauses(search, _literal))
        tenants = [
            tenant_of(row, scope, **self._desk.categories())
            for row in rows if str(row["id"]) != own
        ]  # fmt: skip
        found = [match_of(tenant, is_exact=_is_exact(tenant, search)) for tenant in tenants if _fits(tenant, search)]
        found = [match for match in found if match.is_exact or not is_cut]
        return sorted(found, key=lambda match: not match.is_exact)

    def _hits(self, clauses: list[object]) -> list[Row]:
        return self._desk.read(PARTY, clauses, PARTY_FIELDS, limit=_MOST + 1, order=[("id", "ASC")], context=ANY)

    def _clauses(self, search: TenantSearch, spelled: Callable[[str], str]) -> list[object]:
        """What the vendor is asked, names and addresses as ``spelled``; upper and lower case are the same."""
        names = " ".join(part for part in (search.first_name.strip(), search.last_name.strip()) if part)
        clauses: list[object] = [["name", "ilike", spelled(name)] for name in (names, search.company.strip()) if name]
        if search.email.strip():
            clauses.append(["contact_mechanisms.value", "ilike", spelled(search.email.strip())])
        if digits := _digits(search.phone):
            clauses.append(["contact_mechanisms.value_compact", "ilike", _anywhere(digits[-10:])])
        if search.unit_number.strip():
            clauses.append(["id", "in", self._renters(search.unit_number.strip())])
        return clauses

    def _renters(self, contract: str) -> list[int]:
        """Parties with a contract of this number; two calls."""
        domain = [["number", "=", contract], self._own]
        found = [row["party"] for model in (RENTAL, SUBSCRIPTION) for row in self._desk.read(model, domain, ["party"])]
        return sorted(set(found))


def _literal(words: str) -> str:
    """A pattern that matches these words alone."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _anywhere(words: str) -> str:
    """A pattern that matches these words anywhere."""
    return f"%{_literal(words)}%"


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
