"""The ways the journal says no to us."""

from __future__ import annotations

from pmsbridge.errors import IneligibleError

__all__ = ["FencedError", "GuardHeldError", "PaymentsMovedError", "StaleError"]


class FencedError(Exception):
    """The lane, or the effect, has moved on under somebody else: stop at once. Never leaves the engine."""


class StaleError(Exception):
    """Somebody wrote about an action, or took the lane, since it was read: decide anew. Never leaves the engine."""


class PaymentsMovedError(IneligibleError):
    """A payment for one of the rentals moved on between the judging and the storing; nothing was stored."""

    def __init__(self) -> None:
        super().__init__(
            "The balance changed at this very moment.",
            code="balance_moved",
            unblock="Show the new balance and ask for a new quote.",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), ())


class GuardHeldError(IneligibleError):
    """Some of the payments asked for are already being confirmed; nothing was stored.

    Attributes:
        held: By guard, the action that holds it.
    """

    def __init__(self, held: dict[str, str]) -> None:
        super().__init__(
            "A payment of this amount for this rental is still being confirmed.",
            code="payment_being_confirmed",
            unblock="Wait until the earlier payment is confirmed; do not pay again.",
        )
        self.held = dict(held)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.held,))
