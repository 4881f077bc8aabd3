"""How patient the engine is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.actions.effects import EffectBody, TakePayment
from pmsbridge.store.stored import StoredEffect

__all__ = ["MAIL_MAY_REPEAT", "EngineSettings"]

MAIL_MAY_REPEAT: Final = True
"""A mail whose outcome is unknown is sent again: its Message-ID stays the same, so a reader sees one mail."""


def _schedule() -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=s) for s in (2, 5, 15, 60, 300, 900))


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Times and limits of delivery.

    Attributes:
        lease_margin: What a lease lasts beyond the longest vendor call; also how late after "sending" was committed the
            first byte may leave.
        backoff: Waits between tries; the last one repeats. A back office that names a longer wait gets it.
        settle_window: Replaces what every adapter declares; None keeps the adapters' own. Too short a window can double
            a payment.
        action_deadline: Money that was never sent is not sent any more after this long.
        notice_deadline: The same for everything else, and for money a gateway already took, which must be recorded.
        max_attempts: Sends of money that certainly never arrived, before it ends unsent.
        max_resends: Sends after a conclusive absence. What was found half done may be sent four times: it goes on.
        review_after: An outcome that cannot even be looked for this long is handed to a person.
        drain_budget: How long one drain works on a lane before it lets others have it.
        sealed_wait: How long a person who typed a card waits for a busy lane.
        busy_wait: How long anybody else waits for a busy lane before the answer is ``pending``.
        busy_pause: Between two tries to get a busy lane.
        wait_pause: Between two looks at an outcome somebody waits for.
        mail_timeout: Longest time one mail may take.
        message_id_domain: Right side of a Message-ID.
        run_lease: A run by the clock is taken over this long after its process died, or froze.
    """

    lease_margin: timedelta = timedelta(seconds=30)
    backoff: tuple[timedelta, ...] = field(default_factory=_schedule)
    settle_window: timedelta | None = None
    settle_windows: Mapping[str, timedelta] = field(default_factory=dict)
    action_deadline: timedelta = timedelta(minutes=15)
    notice_deadline: timedelta = timedelta(days=7)
    max_attempts: int = 8
    max_resends: int = 1
    review_after: timedelta = timedelta(hours=24)
    drain_budget: timedelta = timedelta(seconds=20)
    sealed_wait: timedelta = timedelta(seconds=30)
    busy_wait: timedelta = timedelta(seconds=5)
    busy_pause: timedelta = timedelta(milliseconds=50)
    wait_pause: timedelta = timedelta(milliseconds=500)
    mail_timeout: timedelta = timedelta(seconds=60)
    message_id_domain: str = "pmsbridge.invalid"
    run_lease: timedelta = timedelta(minutes=15)

    def pause(self, tries: int, at_least: timedelta | None = None) -> timedelta:
        """How long to wait after the given number of tries."""
        step = self.backoff[min(max(tries, 1), len(self.backoff)) - 1]
        return max(step, at_least or step)

    def window(self, account: str, declared: timedelta) -> timedelta:
        """The settle window of an account: its own override, the general one, or what its adapter declares."""
        if account in self.settle_windows:
            return self.settle_windows[account]
        return declared if self.settle_window is None else self.settle_window

    def is_urgent(self, effect: EffectBody) -> bool:
        """Whether a person must be there for it: money not yet taken, or a value only that person can type."""
        already_taken = isinstance(effect, TakePayment) and effect.means.by == "external"
        return (effect.moves_money or effect.needs_a_sealed_value) and not already_taken

    def deadline(self, effect: StoredEffect, above: StoredEffect | None) -> datetime | None:
        """When a never-sent effect is given up; None while it waits for another effect and is in no hurry.

        Money counts from when it was asked for; anything else from when it could first have run.
        """
        if self.is_urgent(effect.effect):
            return effect.asked_at + self.action_deadline
        if above is None:
            return effect.asked_at + self.notice_deadline
        if above.finished_at is None or above.ended is None:
            return None
        return max(effect.asked_at, above.finished_at) + self.notice_deadline
