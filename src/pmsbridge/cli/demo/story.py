"""A tenant's day, scene by scene. Every check asks the back office's own books, not an answer of ours."""

from __future__ import annotations

from typing import Any

from pmsbridge.cli.demo import morning, paying, requests, verdict
from pmsbridge.cli.demo.stage import Stage
from pmsbridge.cli.demo.telling import Teller

__all__ = ["tell"]


def tell(stage: Stage, teller: Teller) -> dict[str, Any]:
    """Tell the whole day; returns what the judge found at the end."""
    record = verdict.Record(stage)
    teller.say(
        f"A back office runs at {stage.control.base_url}, in a process of its own with books of its own.",
        "Everything with a mark was checked in those books.",
    )
    morning.everything_is_there(stage, teller)
    morning.the_night(stage, teller)
    morning.the_dashboard(stage, teller)
    lost = paying.a_lost_answer(stage, teller, record)
    paying.everything_due(stage, teller, record)
    paying.three_months_ahead(stage, teller, record)
    requests.autopay(stage, teller, record)
    requests.moving_out(stage, teller, record)
    requests.a_new_phone(stage, teller, record)
    verdict.the_evening(stage, teller)
    verdict.the_trail(stage, teller, lost)
    found = verdict.the_judge(stage, teller, record)
    teller.end()
    return found
