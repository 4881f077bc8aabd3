"""What a back office can do for a portal, as its adapter says: which effects, which means, which ways to tell staff."""

from __future__ import annotations

from typing import Final

from pmsbridge.actions.case import ALL_MEANS, TYPED_MEANS
from pmsbridge.actions.effects import AttachDocument, PostBulletin, SendMail, SetAutopay
from pmsbridge.actions.kinds import EMULATABLE
from pmsbridge.actions.plan import Plan, PlannedEffect
from pmsbridge.errors import UnsupportedError
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.books import (
    AccessPort,
    AutopayByUnitPort,
    AutopayMeansPort,
    CalendarlessPort,
    ConsentPort,
    CustomerAccountPort,
    EventPort,
    InvoicePort,
    LinePort,
    PaymentMeansPort,
    PrepayPort,
    TakesPort,
    UnaimedPort,
)
from pmsbridge.ports.capability import Support

__all__ = ["WAYS", "Abilities"]

WAYS: Final = {"note": "add_note", "bulletin": "post_bulletin"}
"""How staff are told, by word, and the effect that does it; mail is always ours."""

_TOLD: Final = (*EMULATABLE, "set_autopay", "ask_staff")


class Abilities:
    """A part of ``Office``."""

    __slots__ = ()

    adapter: Adapter

    @property
    def native(self) -> frozenset[str]:
        """Effect kinds the back office does itself; mail is always ours. What ``NEEDS`` tells apart is told apart."""
        own = {kind for kind, row in self.adapter.capabilities.items() if row.support is Support.NATIVE}
        aimed = {"pay_invoice"} if self.invoice_books is not None else set()
        aimed |= {"pay_on_account"} if isinstance(self.adapter, CustomerAccountPort) else set()
        read = {"look_up_code"} if isinstance(self.adapter, AccessPort) and "add_note" in own else set()
        return frozenset(own | aimed | read | {"send_mail"})

    @property
    def not_by_hand(self) -> frozenset[str]:
        """Effect kinds that staff are not asked to do instead of the back office."""
        return frozenset(kind for kind, row in self.adapter.capabilities.items() if not row.by_hand)

    @property
    def quotes_ahead(self) -> bool:
        """Whether the back office says what months ahead cost."""
        return not isinstance(self.adapter, PrepayPort) or self.adapter.quotes_prepay

    @property
    def invoice_books(self) -> InvoicePort | None:
        """The back office, where it settles single invoices."""
        adapter = self.adapter
        is_without = isinstance(adapter, UnaimedPort) and not adapter.settles_invoices
        return adapter if isinstance(adapter, InvoicePort) and not is_without else None

    @property
    def payment_means(self) -> frozenset[str]:
        """By what the back office takes payments."""
        return self.adapter.payment_means if isinstance(self.adapter, PaymentMeansPort) else ALL_MEANS

    @property
    def settles_lines(self) -> bool:
        """Whether single lines of an invoice can be settled."""
        return isinstance(self.adapter, LinePort) and self.adapter.settles_lines

    @property
    def autopay_without(self) -> frozenset[str]:
        """What of autopay the back office has no place for, by field of the effect."""
        row = self.adapter.capabilities.get(SetAutopay.model_fields["kind"].default)
        return row.without if row is not None else frozenset()

    @property
    def largest_file(self) -> int | None:
        """How large a file the back office takes, in bytes; None where it does not say."""
        row = self.adapter.capabilities.get(AttachDocument.model_fields["kind"].default)
        return row.max_bytes if row is not None else None

    @property
    def calendar(self) -> EventPort | None:
        """The back office, where it keeps a calendar."""
        is_without = isinstance(self.adapter, CalendarlessPort) and not self.adapter.keeps_calendar
        return self.adapter if isinstance(self.adapter, EventPort) and not is_without else None

    @property
    def autopay_means(self) -> frozenset[str]:
        """What autopay can be told to charge: as the back office says, else what is typed, where it has a place."""
        if isinstance(self.adapter, AutopayMeansPort):
            return self.adapter.autopay_means
        return frozenset() if "method" in self.autopay_without else TYPED_MEANS

    @property
    def asks_autopay_by_unit(self) -> bool:
        """Whether how autopay stands can be looked up by the unit alone."""
        return isinstance(self.adapter, AutopayByUnitPort) and self.adapter.asks_autopay_by_unit

    @property
    def ways(self) -> dict[str, frozenset[str]]:
        """How staff are told, by effect kind: by what the back office has, less what an adapter leaves out."""
        native = self.native
        there = frozenset({"mail", *(way for way, kind in WAYS.items() if kind in native)})
        rows = self.adapter.capabilities
        own = {kind: row.announce for kind, row in rows.items() if kind in native and row.announce is not None}
        return {**dict.fromkeys(_TOLD, there), **{kind: there & set(words) for kind, words in own.items()}}

    @property
    def posts_beside(self) -> bool:
        """Whether the back office posts a bulletin beside the tenant or the rental it is about."""
        row = self.adapter.capabilities.get(PostBulletin.model_fields["kind"].default)
        return row is not None and row.posts_beside

    def keeps_consent(self, channel: ConsentChannel, purpose: ConsentPurpose) -> bool:
        """Whether the back office has a place for an answer about this channel and purpose."""
        return not isinstance(self.adapter, ConsentPort) or self.adapter.keeps_consent(channel, purpose)

    def refuse_untaken(self, plan: Plan) -> None:
        """Refuse what this back office would refuse without asking, before anything is stored.

        What is told beside the wish goes its own way; a note or post that is the wish itself is asked about too.

        Raises:
            UnsupportedError: It takes no effect like one of these.
        """
        adapter = self.adapter
        if not isinstance(adapter, TakesPort):
            return
        for step in plan.steps:
            if self._is_its_own(step) and not adapter.takes(step.effect):
                message = f"This back office takes no {step.effect.kind.replace('_', ' ')} like this one."
                raise UnsupportedError(message, code="not_taken")

    def _is_its_own(self, step: PlannedEffect) -> bool:
        """Whether the back office alone can do what was wished for by this step."""
        kind = step.effect.kind
        if not step.effect.is_notice:
            return not step.emulates
        told_here = step.is_principal and not step.emulates and kind != SendMail.model_fields["kind"].default
        return told_here and kind in self.native
