"""Payments of a tenant that are not over, and what a click for another one is beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pmsbridge.actions.plan import is_same_payment, settles_same_line
from pmsbridge.actions.quotes import PaymentQuote, guard_of
from pmsbridge.errors import IneligibleError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.payments import PaymentIntent
from pmsbridge.portal.office import Office
from pmsbridge.portal.performing import StillConfirmed
from pmsbridge.store.refusals import GuardHeldError

__all__ = ["Answers", "Quoter", "UnderWay"]

Quoter = Callable[[TenantAccount], PaymentQuote]

Answers = Callable[[str], bool]
"""Whether the open payment of a guard may be what was asked for."""

_MAYBE_PAID = frozenset({"nothing_due", "payment_being_confirmed"})


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Decides one click.

    Attributes:
        office: Whose tenant pays.
        bare: The account as the back office itself says it.
        requote: Quotes what was asked for.
    """

    office: Office
    bare: TenantAccount
    requote: Quoter

    def first_look(self, answers: Answers, *, names_an_amount: bool) -> PaymentQuote:
        """Quote from what the back office itself says; what it denies because of an open payment is that payment.

        Args:
            answers: Which open payments may be what was asked for.
            names_an_amount: The click says how much: then no payment that made it nothing answers it.

        Raises:
            StillConfirmed: An open payment already pays it.
            IneligibleError: Denied, with our own writes on top too.
        """
        try:
            return self.requote(self.bare)
        except IneligibleError as denied:
            # Only "all that is due" is answered by a payment that already made it nothing; a named amount is not.
            if denied.code in _MAYBE_PAID and not names_an_amount:
                holder = next((holder for guard, holder in self._open.items() if answers(guard)), None)
                if holder is not None:
                    raise StillConfirmed(holder) from None
        return self.requote(self.overlaid)  # it may not show yet what we know is settled

    @property
    def overlaid(self) -> TenantAccount:
        """The account with our own writes on top."""
        return self.office.runtime.overlaid(self.bare)

    def settled(self, quote: PaymentQuote) -> PaymentQuote:
        """The quote as it stands when payments that are still being confirmed are taken into account.

        All of it under way in one action: the journal attaches this click to that one. Else it is quoted again with our
        own recent writes on top: what is being confirmed is not asked for twice, and the lines of an invoice that are
        left are paid without it.

        Raises:
            StillConfirmed: It is being paid by another verb.
            GuardHeldError: What is left, or a line of it, is being paid.
            IneligibleError: Nothing is left; see the code.
        """
        if self.holder(quote) is not None:
            return quote
        if not self._lines_held(quote) and (alike := self._paid_another_way(quote)):
            if quote.intent is PaymentIntent.REQUEST:  # another payment never answers a request
                raise GuardHeldError(self._held(quote))
            raise StillConfirmed(alike)
        left = self.requote(self.overlaid)
        if held := self._lines_held(left):
            raise GuardHeldError(held)
        if left.lines != quote.lines and (held := self._held(left)):
            # What is left besides the open payment is of its amount by chance: it is no second click for that one.
            raise GuardHeldError(held)
        return left

    def holder(self, quote: PaymentQuote) -> str | None:
        """The one action that is making all of these payments already: the journal attaches this click to it."""
        guards = {guard_of(self.bare, line) for line in quote.lines}
        held = self.office.runtime.guarded(frozenset(guards))
        holders = set(held.values())
        return holders.pop() if set(held) == guards and len(holders) == 1 else None

    def _paid_another_way(self, quote: PaymentQuote) -> str | None:
        """The one action that is making these payments by the other verb, at the rental or at the invoice."""
        mine = [guard_of(self.bare, line) for line in quote.lines]
        holders = [{holder for held, holder in self._open.items() if is_same_payment(held, each)} for each in mine]
        return min(set.intersection(*holders), default=None)

    def _held(self, quote: PaymentQuote) -> dict[str, str]:
        """By guard, the actions that are making some of these payments, whatever they aim at."""
        mine = [guard_of(self.bare, line) for line in quote.lines]
        return {g: holder for g, holder in self._open.items() if any(is_same_payment(g, each) for each in mine)}

    def _lines_held(self, quote: PaymentQuote) -> dict[str, str]:
        """By guard, the actions that settle a line which this would settle too."""
        mine = [guard_of(self.bare, line) for line in quote.lines]
        return {g: holder for g, holder in self._open.items() if any(settles_same_line(g, each) for each in mine)}

    @property
    def _open(self) -> Mapping[str, str]:
        return self.office.held_payments
