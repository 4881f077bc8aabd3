"""Two records that may be one person: told with a score and the reasons, never merged by a machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from pmsbridge.accounts.register import digits_of
from pmsbridge.model.people import PersonName, Tenant
from pmsbridge.model.record import Value

__all__ = ["Duplicate", "duplicates_among"]

_WEIGHT: Final = {"email": 45, "phone": 35, "name": 25, "postal_code": 10, "birth_date": 15}
"""Percent for each thing two records share; together never more than 100."""

_LARGEST_BLOCK: Final = 50
"""More records than this with one address or number share it for another reason: a desk, a family, a placeholder."""


class Duplicate(Value):
    """Two records of one facility that may be one person.

    Attributes:
        primary_id: The record to keep: the one with more current rentals, else the older id.
        other_id: The one to look at. Its rentals and its mails belong to the same person, if it is one.
        score_percent: 1 to 100.
        reasons: What both share ("email", "phone", "name", "postal_code", "birth_date").
    """

    primary_id: str
    other_id: str
    score_percent: int
    reasons: tuple[str, ...]


def duplicates_among(
    tenants: Iterable[Tenant], current: Mapping[str, int], *, least_percent: int = 60
) -> tuple[Duplicate, ...]:
    """Pairs that may be one person, the surest first.

    Args:
        tenants: Of one facility.
        current: By tenant id, how many rentals are current.
        least_percent: Pairs below this score are left out.
    """
    known = {tenant.id: tenant for tenant in tenants}
    pairs = {pair for block in _blocks(known.values()) for pair in combinations(sorted(block), 2)}
    judged = [_judged(known[one], known[other], current) for one, other in pairs]
    found = [each for each in judged if each.score_percent >= least_percent]
    return tuple(sorted(found, key=lambda each: (-each.score_percent, each.primary_id, each.other_id)))


def _blocks(tenants: Iterable[Tenant]) -> Iterator[frozenset[str]]:
    """Ids of records that share something rare: only within a block is everybody compared with everybody."""
    by_sign: dict[str, set[str]] = {}
    for tenant in tenants:
        for sign in _signs(tenant).values():
            by_sign.setdefault(sign, set()).add(tenant.id)
    yield from (frozenset(ids) for ids in by_sign.values() if 1 < len(ids) <= _LARGEST_BLOCK)


def _signs(tenant: Tenant) -> dict[str, str]:
    signs = {"email": tenant.email.strip().casefold(), "phone": _number(tenant), "name": _name(tenant.name)}
    return {what: f"{what}\x1f{text}" for what, text in signs.items() if text}


def _number(tenant: Tenant) -> str:
    phone = tenant.phone or tenant.mobile
    return digits_of(phone.e164 or phone.raw) if phone is not None else ""


def _name(name: PersonName) -> str:
    return " ".join(f"{name.first} {name.last}".casefold().split()) if name.last else name.company.casefold().strip()


def _judged(one: Tenant, other: Tenant, current: Mapping[str, int]) -> Duplicate:
    first, second = _signs(one), _signs(other)
    reasons = [what for what in first if first[what] == second.get(what)]
    if one.address.postal_code.strip() and one.address.postal_code == other.address.postal_code:
        reasons.append("postal_code")
    if one.birth_date is not None and one.birth_date == other.birth_date:
        reasons.append("birth_date")
    keep, look = sorted((one, other), key=lambda tenant: (-current.get(tenant.id, 0), len(tenant.id), tenant.id))
    score = min(100, sum(_WEIGHT[reason] for reason in reasons))
    return Duplicate(primary_id=keep.id, other_id=look.id, score_percent=score, reasons=tuple(reasons))
