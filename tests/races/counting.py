"""A back office that only counts: every call is one line in a file that all processes and threads append to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pmsbridge.actions.effects import EffectBody, PaymentPart, TakePayment
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, payment_guard, reference_of
from pmsbridge.errors import OutcomeUnknownError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import StoredMethod
from pmsbridge.ports.capability import Dedup, EffectHandlers, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt

__all__ = ["ACCOUNT", "CountingAdapter", "calls", "payment"]

ACCOUNT = "count"


class CountingAdapter(EffectHandlers):
    """Takes payments; a lane for every tenant, so that a race is about its own key only.

    Attributes:
        answers: False loses every answer: the payment then stays unresolved.
    """

    system = "count"
    account_name = ACCOUNT
    settle_window = timedelta(hours=1)
    send_timeout = timedelta(seconds=30)
    pays_together: frozenset[str] = frozenset()
    facility_codes: Sequence[str] = ("F1",)

    def __init__(self, path: Path, *, answers: bool) -> None:
        self._path = path
        self._answers = answers

    def lane(self, effect: EffectBody) -> str:
        return f"count:{getattr(effect, 'tenant_id', '')}"

    def close(self) -> None:
        """Nothing to let go of."""

    @handles(TakePayment, dedup=Dedup.REFERENCE, absence_conclusive=True, source="a test's own counter")
    def _take(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        counter = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(counter, f"{effect.tenant_id}\n".encode())
        finally:
            os.close(counter)
        if not self._answers:
            message = "the answer was lost"
            raise OutcomeUnknownError(message)
        return Receipt(evidence="counted", at=datetime.now(UTC))

    @probes(TakePayment)
    def _look(self, effect: TakePayment, attempt: Attempt) -> Probed:
        known = calls(self._path)[effect.tenant_id]
        return Found(Receipt(evidence="counted", at=datetime.now(UTC))) if known else Absent("not counted")

    def __getattr__(self, name: str) -> Any:
        message = f"nothing is read in a race ({name})"
        raise AttributeError(message)


def payment(race: str, key: str) -> Submission:
    """What a click in a race submits: one payer, rental and amount per race, whatever the key."""
    action_id, amount = Submission.id_for(ACCOUNT, "F1", race, key), Money.of("120.00", "USD")
    part = PaymentPart(rental_id="R1", unit_id="U1", unit_number="015", amount=amount)
    effect = TakePayment(
        account=ACCOUNT, facility="F1", tenant_id=race, parts=(part,), means=StoredMethod(method_id="M1"),
        reference=reference_of(action_id, "payment"),
    )  # fmt: skip
    guard = payment_guard(ACCOUNT, "F1", race, "R1", amount)
    key_of = effect_key(action_id, "payment", effect.target)
    step = PlannedEffect(name="payment", key=key_of, effect=effect, guards=(guard,))
    return Submission(
        action_id=action_id, key=key, kind="pay_rental", account=ACCOUNT, facility="F1", tenant_id=race,
        intent="{}", plan=Plan(steps=(step,)),
    )  # fmt: skip


def calls(path: Path) -> Mapping[str, int]:
    """How often each race's payment reached the back office."""
    return Counter(path.read_text().split()) if path.exists() else Counter()
