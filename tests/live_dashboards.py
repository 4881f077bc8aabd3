"""Calls that a live dashboard costs each back office: at most three, or as many as its interface asks for, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pmsbridge.portal.session import TenantSession
from pmsbridge_rest.sandbox import Terms
from tests.facts.portal import before_mapping

MOST: Final = 3
AS_THE_VENDOR_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """What a live dashboard costs, after the first: the facility itself is read once and then held for a while.

    Attributes:
        of: By how many rentals the tenant has, ended ones too.
        why: Why it may be more than three; empty where it never is.
    """

    of: Callable[[int], int]
    why: str = ""

    def may_be(self, rentals: int, calls: int) -> bool:
        """Whether so many calls are what is promised."""
        return calls == self.of(rentals) and (calls <= MOST or bool(self.why))


MAPPED: Final = {
    "cubby": Cost(
        lambda rentals: 3 + rentals,
        "customer, leases and rent roll (nothing else tells of autopay); balances are told lease by lease only",
    ),
    "storedge": Cost(
        lambda _rentals: 3,
        "one more for each further 100 open ledgers of the facility: no way to ask for one tenant's is published",
    ),
    "buildium": Cost(
        lambda rentals: 1 + rentals,
        "who owes nothing, or has a credit, is told no balance: it is summed up from the transactions of each lease",
    ),
    "booqable": Cost(lambda _rentals: 3),
}
"""The mappings that are shipped, where a page has as many rows as the vendor's."""

TRYTON: Final = Cost(
    lambda _rentals: 7,
    "one call reads one model: party, contracts, subscriptions, invoices, movements, payments, debits; one more for "
    "notes where something ever went out, and one for a mandate where autopay draws by it",
)


@contextmanager
def before(mapping: str, folder: Path) -> Iterator[Callable[[str], tuple[int, int]]]:
    """Looks at a tenant's live dashboard for the second time: how many rentals there are, and calls it took."""
    with before_mapping(folder, mapping, terms=Terms(page_rows=AS_THE_VENDOR_PAGES)) as portal:
        office = portal.mapped
        assert office is not None

        def look(tenant_id: str) -> tuple[int, int]:
            session: TenantSession = portal.of(tenant_id)
            session.dashboard()
            already = len(office.calls)
            board = session.dashboard()
            return len(board.account.rentals), len(office.calls) - already

        yield look
