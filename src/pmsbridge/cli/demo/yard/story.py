"""The yard's story, scene by scene. Every check asks the back office's own books, not an answer of ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pmsbridge.cli.demo.telling import Teller
from pmsbridge.cli.demo.yard import contracts, entering, money
from pmsbridge.cli.demo.yard.stage import YardStage
from pmsbridge.ports.outcome import Outcome

__all__ = ["judged", "tell_of_the_yard"]


def tell_of_the_yard(stage: YardStage, teller: Teller) -> dict[str, Any]:
    """Tell it all; returns what the judge found at the end."""
    teller.say(
        "A rental ERP runs in a process of its own, with books of its own; nobody here wrote it.",
        "Everything with a mark was checked in those books.",
    )
    paid_before = stage.control.payments(stage.renter_id)
    entering.everything_is_there(stage, teller)
    entering.nobody_is_known_yet(stage, teller)
    entering.the_night(stage, teller)
    entering.registering(stage, teller)
    entering.let_in_at_the_counter(stage, teller)
    money.the_summary(stage, teller)
    contracts.what_there_is(stage, teller)
    contracts.calling_off(stage, teller)
    contracts.the_yard_acts(stage, teller)
    wanted = money.paying_an_invoice(stage, teller)
    found = judged(stage, teller, wanted, paid_before)
    teller.end()
    return found


def judged(
    stage: YardStage, teller: Teller, wanted: Decimal, paid_before: list[dict[str, str]]
) -> dict[str, Any]:  # fmt: skip
    """Compare what the customer meant to pay with the payments that were not there before."""
    teller.scene("The judge reads the back office's own books")
    known = {row["id"] for row in paid_before}
    new = [row for row in stage.control.payments(stage.renter_id) if row["id"] not in known]
    unresolved = stage.bridge.journal.counts().by_outcome
    open_actions = sum(unresolved.get(outcome, 0) for outcome in (Outcome.PENDING, Outcome.NEEDS_REVIEW))
    taken = sum((Decimal(row["amount"]) for row in new), Decimal(0))
    found = {
        "payments_wanted": 1, "payments_in_the_books": len(new), "doubles": max(len(new) - 1, 0),
        "lost": int(taken < wanted), "unresolved": open_actions, "owed": stage.owed(), "calls": stage.control.calls(),
    }  # fmt: skip
    teller.note(**found)
    teller.check(
        f"payments by our clicks: {len(new)} of 1, doubles {found['doubles']}, lost {found['lost']}",
        holds=taken == wanted and len(new) == 1,
    )
    teller.check("every action came to an end", holds=open_actions == 0)
    teller.check("the invoice is settled", holds=Decimal(stage.control.owed(stage.invoice_id)) == 0)
    return found
