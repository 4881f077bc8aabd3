"""A comparison in words for a person. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pmsbridge.engine.reconcile.matching import Asked, How, Pair, Shown
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.outcome import Outcome

__all__ = ["ask_gateway", "at", "how_sure", "is_there", "resolve_command", "wish"]

_PLACEHOLDER: Final = "YOUR_NAME"


def wish(asked: Asked) -> str:
    """What was asked for, when, and by what it is known."""
    unit = f" (unit {asked.unit_number})" if asked.unit_number else ""
    return f"{asked.name}, {asked.amount} on rental {asked.rental_id}{unit} asked for at {at(asked.asked_at)}"


def is_there(shown: Shown) -> str:
    """What the back office shows of a payment."""
    words = f' "{shown.words}"' if shown.words else ""
    named = f" with reference {shown.reference}" if shown.reference else ""
    return f"{shown.name} of {shown.amount} on {shown.day.isoformat()}{words}{named} is there"


def how_sure(pair: Pair) -> str:
    """What a pair was told by."""
    if pair.by is not How.LOOKS:
        return f"(told by its {pair.by.value.replace('_', ' ')})"
    others = f"; {', '.join(pair.might_be)} would fit as well" if pair.might_be else ""
    return f"(it looks like it: same rental, amount and day{others})"


def at(instant: datetime) -> str:
    """An instant, UTC."""
    return f"{instant:%Y-%m-%d %H:%M:%S}Z"


def ask_gateway(asked: Asked) -> str:
    """What to ask the gateway that took the money; empty when none did."""
    if not isinstance(asked.means, ExternalPayment):
        return ""
    reference = asked.means.reference
    return f"; ask {asked.means.gateway} whether {reference} was taken once, and have a second charge returned"


def resolve_command(asked: Asked, outcome: Outcome, evidence: str, paid: Sequence[Pair] = ()) -> str:
    """The command that ends a step by what was seen.

    Args:
        asked: Any row of the step.
        outcome: Of the whole step, unless ``paid`` names parts.
        evidence: What was seen.
        paid: Its parts that are there, when others are not.
    """
    words = ["pmsbridge", "actions", "resolve", asked.action_id, "--step", asked.step]
    words += ["--outcome", "partial" if paid else outcome.value]
    for pair in paid:
        words += ["--there", f"{pair.asked.rental_id}={pair.shown.receipt or pair.shown.payment_id}"]
    return shlex.join([*words, "--evidence", evidence, "--actor", _PLACEHOLDER])
