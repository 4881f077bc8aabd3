"""What answers a payment request in the journal: payments of it, and its withdrawal. Exactly one of them stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, select

from pmsbridge.actions.eligibility import refuse_answered
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payment_requests import ANSWERS, RequestState
from pmsbridge.actions.plan import RequestSeen
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.prepared import Query
from pmsbridge.store.tables import actions

__all__ = ["refuse_answered_since", "refuse_withdrawn", "seen_now"]

_ANSWERS: Final = Query(
    select(actions.c.id, actions.c.kind, actions.c.outcome, actions.c.intent).where(
        actions.c.account == bindparam("account"), actions.c.facility == bindparam("facility"),
        actions.c.tenant_id == bindparam("tenant"), actions.c.kind.in_([kind.value for kind in ANSWERS]),
    )
)  # fmt: skip

Scope = tuple[str, str, str]
"""Account, facility and tenant."""


def seen_now(connection: Connection, scope: Scope, request_id: str) -> RequestSeen:
    """A request as it stands now: for ``Submission.request_seen``, taken before anything is judged."""
    paid = (
        action_id for action_id, kind, outcome in _answers_to(connection, scope, request_id) if _pays(kind, outcome)
    )
    return RequestSeen(id=request_id, paid_by=frozenset(paid))


def refuse_answered_since(connection: Connection, scope: Scope, seen: RequestSeen) -> None:
    """Refuse what would be the second answer to a request. Nobody else may be storing one for this tenant now.

    Raises:
        IneligibleError: The request was paid ("request_paid"), is being paid ("payment_being_confirmed") or was
            withdrawn ("request_withdrawn") since it was judged.
    """
    for action_id, kind, outcome in _answers_to(connection, scope, seen.id):
        if kind == ActionKind.WITHDRAW_REQUEST:
            refuse_answered(RequestState.WITHDRAWN)
        elif _pays(kind, outcome) and action_id not in seen.paid_by:
            refuse_answered(RequestState.PAID)
        elif outcome is not Outcome.SETTLED and not outcome.nothing_changed:
            refuse_answered(RequestState.BEING_CONFIRMED)


def refuse_withdrawn(connection: Connection, scope: Scope, request_id: str) -> None:
    """Refuse to ask once more for the payment of a request that was withdrawn.

    Raises:
        IneligibleError: It was ("request_withdrawn").
    """
    kinds = [kind for _, kind, _ in _answers_to(connection, scope, request_id)]
    if ActionKind.WITHDRAW_REQUEST in kinds:
        refuse_answered(RequestState.WITHDRAWN)


def _pays(kind: str, outcome: Outcome) -> bool:
    return kind == ActionKind.PAY_REQUEST and outcome is Outcome.SETTLED


def _answers_to(connection: Connection, scope: Scope, request_id: str) -> Iterator[tuple[str, str, Outcome]]:
    """Id, kind and outcome of each action about the request, however it ended."""
    account, facility, tenant_id = scope
    for row in _ANSWERS.all(connection, {"account": account, "facility": facility, "tenant": tenant_id}):
        action_id, kind, outcome, intent = row
        if json.loads(intent).get("request_id") == request_id:
            yield action_id, kind, Outcome(outcome)
