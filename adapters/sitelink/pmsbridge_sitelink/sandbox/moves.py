"""Scheduled and real move-outs.

Facts: a move-out is scheduled per ledger and cancelled by leaving the date out; the unit stays let until `MoveOut`,
which needs a usage password. Decision: any date is accepted, also one in the past; judging it is the caller's
business.
"""

from __future__ import annotations

from .access import USAGE_PASSWORD
from .accounts import ledger_trouble
from .visit import FAILED, INVALID_ID, Answer, Visit, answers, returned


@answers("ScheduleMoveOut")
def schedule_move_out(visit: Visit) -> Answer:
    """Set the day a tenant intends to leave; without a date, forget it."""
    rental = visit.rental("iLedgerID")
    if rental is None:
        return ledger_trouble()
    rental.scheduled_out = visit.moment("dScheduledOut")
    visit.office.touch(visit.site, rental)
    return returned(1, changed=True)


@answers("MoveOut")
def move_out(visit: Visit) -> Answer:
    """End a rental today: the call no portal should ever make."""
    if visit.text("sUsagePassword") != USAGE_PASSWORD:
        return returned(-94, "Incorrect usage password.")
    site = visit.site
    unit = site.units.get(visit.number("UnitID"))
    if unit is None:
        return returned(INVALID_ID, "Invalid Unit ID.")
    rental = visit.office.rental(site, unit.ledger_id or 0)
    if rental is None or rental.tenant_id != visit.number("TenantID"):
        return returned(FAILED, "The tenant does not rent this unit.")
    rental.moved_out = visit.today
    unit.ledger_id, unit.vacated_on = None, visit.today
    site.move_outs.append((rental.ledger_id, visit.today))
    visit.office.touch(site, rental)
    return returned(1, changed=True)
