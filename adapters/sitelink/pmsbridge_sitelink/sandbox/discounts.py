"""Discount plans, which the vendor calls concessions.

Facts: rows are in `ConcessionPlans`, not in `Table`; a plan without a row in `ConcessionUnitTypes` is for every unit
type; the amount is fixed (0) or a percentage (1); a discount is on rent only and on the first month only; -999 and 0
are "no plan". Decision: every site has the three plans below, and none is disabled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from .books import CENT
from .dataset import Row, Rowset
from .ledger import ZERO
from .records import Site, UnitType
from .tables import PLAN_TYPES, PLANS, RT
from .visit import Answer, Visit, answers

NO_PLAN: Final = frozenset({0, -999})
_FIXED, _PERCENT = 0, 1
_EVERYWHERE: Final = 16 | 32 | 64 | 128
_SMALLEST: Final = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One discount plan of a site.

    Attributes:
        plan_id: The site's own number of it.
        name: What staff call it.
        fixed: Taken off the first month's rent, in the site's currency before tax.
        percent: The same as a share of the rent.
        type_id: The unit type it is for; None for every one.
    """

    plan_id: int
    name: str
    fixed: Decimal = ZERO
    percent: Decimal = ZERO
    type_id: int | None = None

    def fits(self, kind: UnitType) -> bool:
        """Whether a unit of that type may have it."""
        return self.type_id in {None, kind.type_id}

    def off(self, rent: Decimal) -> Decimal:
        """What it takes off a month's rent: to the cent, and never more than the rent."""
        return min(rent, self.fixed + (rent * self.percent / 100).quantize(CENT, ROUND_DOWN))


def plans(site: Site) -> Sequence[Plan]:
    """The plans of a site; their numbers differ from site to site."""
    first = site.profile.index * 1000 + 1
    return (
        Plan(first, "Half off the first month", percent=Decimal(50)),
        Plan(first + 1, "10 off the first month", fixed=Decimal(10)),
        Plan(first + 2, "Small unit special", percent=Decimal("33.33"), type_id=site.types[_SMALLEST].type_id),
    )


def plan_of(site: Site, plan_id: int) -> Plan | None:
    """The plan of that number; None when the site has none."""
    return next((plan for plan in plans(site) if plan.plan_id == plan_id), None)


@answers("DiscountPlansRetrieve")
def discount_plans(visit: Visit) -> Answer:
    """The plans of a site, and which unit types they are restricted to."""
    site = visit.site
    done = Rowset(RT, [{"Ret_Code": 1}], inserted=True)
    listed = Rowset(PLANS, [_row(site, plan) for plan in plans(site)])
    return Answer((done, listed, Rowset(PLAN_TYPES, _restrictions(site))), 1)


def _row(site: Site, plan: Plan) -> Row:
    return {
        "ConcessionID": plan.plan_id,
        "SiteID": site.profile.site_id,
        "iConcessionGlobalNum": plan.plan_id,
        "sPlanName": plan.name,
        "sDescription": plan.name,
        "iShowOn": 0,
        "bNeverExpires": False,
        "iExpirMonths": 1,
        "bPrepay": False,
        "bOnPmt": False,
        "bManualCredit": False,
        "iPrePaidMonths": 0,
        "iInMonth": 1,
        "iAmtType": _PERCENT if plan.percent else _FIXED,
        "dcFixedDiscount": plan.fixed,
        "dcPCDiscount": plan.percent,
        "bRound": False,
        "bForCopr": False,
        "bForAllUnits": plan.type_id is None,
        "bPermanent": False,
        "sDefChgDesc": "Rent",
        "sChgDesc": "Rent",
        "sChgCategory": "Rent",
        "dcTax1Rate": site.profile.rent_tax,
        "dcTax2Rate": ZERO,
        "iAvailableAt": _EVERYWHERE,
    }


def _restrictions(site: Site) -> list[Row]:
    return [
        {
            "ConcessionUnitTypeID": plan.plan_id,
            "ConcessionID": plan.plan_id,
            "UnitTypeID": kind.type_id,
            "dcWidth": kind.width,
            "dcLength": kind.length,
        }
        for plan in plans(site)
        for kind in site.types
        if plan.type_id == kind.type_id
    ]
