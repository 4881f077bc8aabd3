"""A plan: the effects of one action, in which order, and what each depends on. Pure data, stored with the action."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from pmsbridge.actions.effects import Effect
from pmsbridge.model.money import Money
from pmsbridge.model.record import Id, Value

__all__ = [
    "ActionKey",
    "Plan",
    "PlannedEffect",
    "RequestSeen",
    "Submission",
    "When",
    "effect_key",
    "is_same_payment",
    "may_settle",
    "payment_guard",
    "payment_guards_of",
    "reference_of",
    "settles_same_line",
    "tenant_guards",
]

ActionKey = Annotated[str, StringConstraints(min_length=8, max_length=200, pattern=r"^[\x21-\x7e]+$")]
"""An idempotency key: one per click of a person, kept by the portal over reloads. Printable ASCII without spaces."""


_AIMS: Final = ("invoice", "line", "request")
"""What a payment may aim at, in the order in which a guard names it."""


def effect_key(action_id: str, name: str, target: str) -> str:
    """The key of one intended effect: the same action, name and target always give the same key."""
    text = f"{action_id}\x1f{name}\x1f{target}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def reference_of(action_id: str, name: str) -> str:
    """What an effect is found by again in texts that people read: "PB-" and 12 letters and digits."""
    digest = hashlib.sha256(f"{action_id}\x1f{name}".encode()).digest()
    return "PB-" + b32encode(digest).decode()[:12]


def payment_guard(
    account: str, facility: str, tenant_id: str, rental_id: str, amount: Money, invoice_id: str | None = None,
    *, line_id: str | None = None, request_id: str | None = None,
) -> str:  # fmt: skip
    """What two payments must share to be one click repeated: payer, rental and amount; and the aim, if they have one.

    The aim is one invoice, one line of it, a request of the office, or several of these.
    """
    aims = zip(_AIMS, (invoice_id, line_id, request_id), strict=True)
    aimed = "".join(f"\x1f{name}\x1f{aim}" for name, aim in aims if aim is not None)
    return payment_guards_of(account, facility, tenant_id, rental_id) + str(amount) + aimed


def is_same_payment(one: str, other: str) -> bool:
    """Whether two guards are of one payment, asked for once at the rental and once at the invoice, or at a request.

    Two payments that aim at different invoices, lines or requests are two, of whatever amount.
    """
    (plain, aims), (other_plain, other_aims) = _taken_apart(one), _taken_apart(other)
    return plain == other_plain and all(other_aims.get(name, aim) == aim for name, aim in aims.items())


def settles_same_line(one: str, other: str) -> bool:
    """Whether two guards are of payments of which one settles a line that the other settles too, of whatever amount.

    A payment of a whole invoice settles every line of it.
    """
    aims, other_aims = _taken_apart(one)[1], _taken_apart(other)[1]
    is_of_one_invoice = "invoice" in aims and aims["invoice"] == other_aims.get("invoice")
    lines = {found["line"] for found in (aims, other_aims) if "line" in found}
    return is_of_one_invoice and len(lines) == 1


def may_settle(guard: str, rental_ids: Collection[str], invoice_id: str, line_ids: Collection[str] | None) -> bool:
    """Whether the payment of a guard may be what settled an invoice, or these lines of it.

    Args:
        guard: Of a payment that is not over.
        rental_ids: What the invoice, or these lines, are about: money that aims at no invoice may be for them.
        invoice_id: The invoice.
        line_ids: Lines of it; None for the whole invoice.
    """
    plain, aims = _taken_apart(guard)
    if "invoice" not in aims:
        return plain[_RENTAL] in rental_ids
    return aims["invoice"] == invoice_id and (line_ids is None or aims.get("line") in {None, *line_ids})


def _taken_apart(guard: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """What a guard is of, and what it aims at."""
    words = guard.split("\x1f")
    return tuple(words[:_PLAIN_WORDS]), dict(zip(words[_PLAIN_WORDS::2], words[_PLAIN_WORDS + 1 :: 2], strict=True))


_PLAIN_WORDS: Final = 6
_RENTAL: Final = 4


def payment_guards_of(account: str, facility: str, tenant_id: str, rental_id: str) -> str:
    """What every payment guard of one payer and rental begins with."""
    return f"{tenant_guards(account, facility, tenant_id)}{rental_id}\x1f"


def tenant_guards(account: str, facility: str, tenant_id: str) -> str:
    """What every payment guard of one payer begins with."""
    return f"payment\x1f{account}\x1f{facility}\x1f{tenant_id}\x1f"


class When(StrEnum):
    """On which end of the effect it waits for a planned effect runs; else it is skipped."""

    SETTLED = "settled"
    FAILED = "failed"
    ALWAYS = "always"


class PlannedEffect(Value):
    """One effect in a plan.

    Attributes:
        name: Unique in the plan ("payment", "note.1").
        key: Its idempotency key.
        after: The effect it waits for; None for none. Effects that wait for nothing run in plan order.
        when: On which end of that effect it runs. FAILED means declined or not sent for good.
        is_principal: Its outcome counts for the action's outcome; a notice's does not.
        emulates: What it stands in for ("schedule_move_out") where the back office cannot do that natively.
        guards: Business guards it holds while it is unresolved.
        known_before: Of a payment: by rental, the ledger balance it was judged by.
    """

    name: Id
    key: Id
    effect: Effect
    after: str | None = None
    when: When = When.SETTLED
    is_principal: bool = True
    emulates: str = ""
    guards: tuple[str, ...] = ()
    known_before: dict[str, str] = Field(default_factory=dict)


class Plan(Value):
    """The effects of one action, in order."""

    steps: tuple[PlannedEffect, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        seen: set[str] = set()
        for step in self.steps:
            if step.name in seen:
                message = "two effects of one plan have the same name"
                raise ValueError(message)
            if step.after is not None and step.after not in seen:
                message = "an effect waits for one that does not come before it"
                raise ValueError(message)
            seen.add(step.name)
        return self

    @property
    def is_emulated(self) -> bool:
        """Some principal effect is a staff task instead of the vendor's own operation."""
        return any(step.emulates for step in self.steps if step.is_principal)


class RequestSeen(Value):
    """A payment request as it was judged: what answers it beside this, when the action is stored, has come since.

    Attributes:
        id: Of the request.
        paid_by: Actions that had paid it when it was judged: their payments were taken back.
    """

    id: Id
    paid_by: frozenset[str] = frozenset()


class Submission(Value):
    """An action as it goes into the journal.

    Attributes:
        action_id: Ours; made from scope and key, so the same click has the same id.
        key: The caller's idempotency key, unique per account, facility and tenant.
        kind: The verb ("pay", "change_contact").
        tenant_id: Whose action; None for actions without a tenant.
        intent: The verb's arguments as JSON, without anything secret; compared when a key comes again.
        actor: Who asked ("tenant", "staff:anna").
        payments_seen: The journal's stamp of every rental's payments, taken before the balances were read and judged.
            The action is refused when a payment for one of its rentals moved on since. None asks for no check.
        request_seen: The payment request that it pays or withdraws. The action is refused when the request was paid, is
            being paid or was withdrawn since it was judged. None for an action that answers no request.
    """

    action_id: Id
    key: ActionKey
    kind: Id
    account: Id
    facility: Id
    tenant_id: Id | None
    intent: str
    actor: str = "tenant"
    plan: Plan
    payments_seen: dict[str, int] | None = None
    request_seen: RequestSeen | None = None

    @staticmethod
    def id_for(account: str, facility: str, tenant_id: str | None, key: str) -> str:
        """The action id of a key in its scope."""
        text = "\x1f".join((account, facility, tenant_id or "", key))
        return "act_" + hashlib.sha256(text.encode()).hexdigest()[:24]
