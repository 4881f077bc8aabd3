"""The office asks for a payment; the tenant pays it, and staff withdraw it, perhaps both at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.payment_requests import PaymentRequest
from pmsbridge.errors import UnavailableError
from pmsbridge.model.money import Money
from pmsbridge.testing.history import RequestAnswer
from pmsbridge.testing.simulation.plan import ASKED, Wish

if TYPE_CHECKING:
    from pmsbridge.engine.outcomes import ActionView
    from pmsbridge.portal.means import PaymentMeans
    from pmsbridge.portal.session import TenantSession
    from pmsbridge.testing.simulation.run import Run

__all__ = ["BY_STAFF", "REQUESTS", "note_answer"]

BY_STAFF: Final = frozenset({"ask_request", "withdraw_request"})
"""Verbs of staff, on behalf of a tenant."""

Means = Callable[[Wish], "PaymentMeans"]


def _ask(session: TenantSession, wish: Wish, key: str, _means: Means) -> ActionView:
    return session.ask_payment(Money.of(ASKED, "USD"), "A key", rental_id=wish.rental, key=key)


def _pay(session: TenantSession, wish: Wish, key: str, means: Means) -> ActionView:
    return session.pay_request(_request(session).id, means(wish), key=key)


def _withdraw(session: TenantSession, _wish: Wish, key: str, _means: Means) -> ActionView:
    return session.withdraw_request(_request(session).id, key=key)


def _request(session: TenantSession) -> PaymentRequest:
    """The request that there is.

    Raises:
        UnavailableError: There is none yet: whoever looks for it comes back.
    """
    found = session.payment_requests()
    if not found:
        message = "there is no request yet"
        raise UnavailableError(message, code="no_request_yet")
    return found[-1]


REQUESTS: Final[Mapping[str, tuple[Callable[[TenantSession, Wish, str, Means], ActionView], str]]] = {
    "ask_request": (_ask, "send_mail"),
    "pay_request": (_pay, "take_payment"),
    "withdraw_request": (_withdraw, "send_mail"),
}
"""By verb: how it is asked for, and the kind of its principal effect. None stands alone, as those of ``VERBS`` do."""


def note_answer(run: Run, view: ActionView) -> None:
    """Write down what answers a request, for whoever judges."""
    if view.kind not in {ActionKind.PAY_REQUEST, ActionKind.WITHDRAW_REQUEST}:
        return
    intent = json.loads(run.anybody.runtime.journal.action(view.action_id).intent)
    is_withdrawal = view.kind == ActionKind.WITHDRAW_REQUEST
    run.world.history.request_answers.append(RequestAnswer(intent["request_id"], view.action_id, is_withdrawal))
