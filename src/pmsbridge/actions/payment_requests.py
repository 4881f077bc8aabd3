"""Payment requests: staff ask a tenant for an amount. The journal keeps them, and says what became of them. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.model.money import Money
from pmsbridge.model.record import Id, Instant, Value

__all__ = ["ANSWERS", "KINDS", "Kept", "PaymentRequest", "RequestState", "request_text", "requests_from"]

KINDS: Final = (ActionKind.ASK_PAYMENT, ActionKind.WITHDRAW_REQUEST, ActionKind.PAY_REQUEST)
"""Verbs that a request is derived from."""

ANSWERS: Final = (ActionKind.PAY_REQUEST, ActionKind.WITHDRAW_REQUEST)
"""Verbs that answer one. Their intent names it."""


class RequestState(StrEnum):
    """How a request stands."""

    OPEN = "open"
    OVERDUE = "overdue"
    BEING_CONFIRMED = "being_confirmed"
    NOT_DUE = "not_due"
    PAID = "paid"
    WITHDRAWN = "withdrawn"


class PaymentRequest(Value):
    """An amount that staff asked a tenant for. Only a payment that names the request pays it.

    Attributes:
        id: What it is paid and withdrawn by: the id of the action that asked.
        tenant_id: Whom staff asked.
        rental_id: The rental it is about; None for an invoice, or for money on account.
        invoice_id: The invoice it is about; None for a rental, or for money on account.
        amount: All of it is paid, or nothing.
        reason: One line, as the tenant reads it.
        text: More words for the tenant; empty for none.
        due_on: Business date; None for no day in particular.
        asked_by: Who of the staff.
        state: ``overdue`` is open and its day has passed; ``not_due``: of what it is about, less than the amount may be
            paid now, because it was paid another way, is being paid so, or is not billed yet.
        ended_at: When it was paid, or withdrawn; None while it is neither.
        paid_by: The action that pays it, or is being confirmed; empty for none.
    """

    id: Id
    tenant_id: Id
    rental_id: Id | None = None
    invoice_id: Id | None = None
    amount: Money
    reason: str
    text: str = ""
    due_on: date | None = None
    asked_at: Instant
    asked_by: str
    state: RequestState = RequestState.OPEN
    ended_at: Instant | None = None
    paid_by: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it waits to be paid."""
        return self.state in {RequestState.OPEN, RequestState.OVERDUE}


@dataclass(frozen=True, slots=True)
class Kept:
    """An action of the journal, as far as it matters here.

    Attributes:
        intent: The verb's arguments as JSON.
        ended_at: When its effect on the books ended; of an action without one, when it last became different. What is
            written into the trail afterwards does not move it.
        is_done: The back office has all of it.
        is_over: It is done, or certainly will not be.
    """

    id: str
    tenant_id: str
    kind: str
    intent: str
    actor: str
    submitted_at: datetime
    ended_at: datetime
    is_done: bool
    is_over: bool


def requests_from(kept: Iterable[Kept], today: date) -> tuple[PaymentRequest, ...]:
    """Requests, newest first, as the journal alone says.

    Args:
        kept: Actions of ``KINDS``, of one facility, newest first.
        today: Business date at the facility.
    """
    paid_by: dict[str, list[Kept]] = defaultdict(list)
    withdrawn: dict[str, Kept] = {}
    asked: list[tuple[Kept, Mapping[str, Any]]] = []
    for action in kept:
        intent = json.loads(action.intent)
        if action.kind == ActionKind.ASK_PAYMENT and "amount" in intent:  # nothing is known of who was erased
            asked.append((action, intent))
        elif action.kind == ActionKind.PAY_REQUEST:
            paid_by[intent.get("request_id", "")].append(action)
        elif action.kind == ActionKind.WITHDRAW_REQUEST:
            withdrawn[intent.get("request_id", "")] = action
    found = [_request(each, intent, paid_by[each.id], withdrawn.get(each.id), today) for each, intent in asked]
    return tuple(sorted(found, key=lambda each: (each.asked_at, each.id), reverse=True))


def _request(
    asked: Kept, intent: Mapping[str, Any], payments: list[Kept], withdrawn: Kept | None, today: date
) -> PaymentRequest:
    request = PaymentRequest(
        id=asked.id, tenant_id=asked.tenant_id, rental_id=intent["rental_id"], invoice_id=intent["invoice_id"],
        amount=Money.model_validate(intent["amount"]), reason=intent["reason"], text=intent["text"],
        due_on=date.fromisoformat(intent["due_on"]) if intent["due_on"] else None, asked_at=asked.submitted_at,
        asked_by=asked.actor,
    )  # fmt: skip
    paid = next((each for each in payments if each.is_done), None)
    under_way = next((each for each in payments if not each.is_over), None)
    if under_way is not None:
        return request.changed(state=RequestState.BEING_CONFIRMED, paid_by=under_way.id)
    # What is paid is withdrawn only after its payment was taken back; a payment that ended later was retried since.
    is_withdrawn = withdrawn is not None and (paid is None or paid.ended_at <= withdrawn.submitted_at)
    if paid is not None and not is_withdrawn:
        return request.changed(state=RequestState.PAID, paid_by=paid.id, ended_at=paid.ended_at)
    if withdrawn is not None:
        return request.changed(state=RequestState.WITHDRAWN, ended_at=withdrawn.submitted_at)
    is_late = request.due_on is not None and request.due_on < today
    return request.changed(state=RequestState.OVERDUE) if is_late else request


def request_text(amount: Money, reason: str, due_on: date | None, *, is_withdrawn: bool = False) -> str:
    """The note that documents a request, or that it was withdrawn."""
    due = f", due on {due_on}" if due_on is not None else ""
    return f"Payment request {'withdrawn' if is_withdrawn else 'sent'}: {amount}{due}. {reason}"
