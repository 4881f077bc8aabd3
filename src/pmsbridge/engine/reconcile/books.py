"""Both sides of the books as rows that can be compared: one row per rental of a payment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from pmsbridge.actions.effects import PaymentPart, TakePayment
from pmsbridge.engine.reconcile.matching import Asked, Shown
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import ExternalPayment, Payment
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.standing import EffectState
from pmsbridge.store.stored import StoredEffect

__all__ = ["asked_rows", "shown_rows", "totals", "without_voided"]

_RESOLVABLE = frozenset({EffectState.REVIEW, EffectState.UNKNOWN})


def asked_rows(effects: Iterable[StoredEffect], zone: ZoneInfo) -> Iterator[Asked]:
    """What the journal says, one row per rental. What became a staff task is in no books, and left out."""
    for stored in effects:
        effect = stored.effect
        if isinstance(effect, TakePayment) and not stored.is_emulated:
            for part in effect.parts:
                yield _asked(stored, effect, part, zone)


def _asked(stored: StoredEffect, effect: TakePayment, part: PaymentPart, zone: ZoneInfo) -> Asked:
    first = stored.first_sent_at or stored.last_sent_at or stored.asked_at
    last = max(stored.last_sent_at or first, first)
    external = {effect.means.reference} if isinstance(effect.means, ExternalPayment) else set()
    was_sent_once = stored.first_sent_at == stored.last_sent_at
    return Asked(
        action_id=stored.action_id,
        step=stored.name,
        tenant_id=effect.tenant_id,
        rental_id=part.rental_id,
        unit_number=part.unit_number,
        amount=part.amount,
        means=effect.means,
        outcome=Outcome.NOT_SENT if part.rental_id in stored.rentals_missing else stored.outcome,
        first_day=first.astimezone(zone).date(),
        last_day=last.astimezone(zone).date(),
        asked_at=stored.asked_at,
        settled_at=stored.receipt_at,
        vendor_ids=_ids(stored, part.rental_id),
        references=frozenset({effect.reference, *external}),
        # What was there before the last send may be what an earlier one left.
        there_before=_there_before(stored, part.rental_id) if was_sent_once else frozenset(),
        was_sent=stored.last_sent_at is not None,
        evidence=stored.evidence or stored.message,
        is_resolvable=stored.state in _RESOLVABLE,
        rentals=tuple(each.rental_id for each in effect.parts),
    )


def _ids(stored: StoredEffect, rental_id: str) -> frozenset[str]:
    """The ids named for this rental; else those that are named for no rental."""
    own = {value for name, value in stored.vendor_ids.items() if value and name.partition(".")[2] == rental_id}
    return frozenset(own or {value for name, value in stored.vendor_ids.items() if "." not in name})


def _there_before(stored: StoredEffect, rental_id: str) -> frozenset[str]:
    known = stored.baseline.get(f"receipts.{rental_id}", "")
    return frozenset(known.split("\n")) if known else frozenset()


def shown_rows(payments: Iterable[Payment], rental_id: str) -> Iterator[Shown]:
    """What the back office shows for one rental: the part of each payment that is the rental's."""
    for payment in payments:
        parts = [part.amount for part in payment.allocations if part.rental_id == rental_id]
        if payment.allocations and not parts:
            continue
        amount = sum_money(parts, payment.amount.currency) if parts else payment.amount
        yield Shown(
            payment_id=payment.id, tenant_id=payment.tenant_id, rental_id=rental_id, amount=amount,
            day=payment.paid_on, paid_at=payment.paid_at, receipt=payment.receipt, reference=payment.reference,
            words=payment.method_text, state=payment.state,
        )  # fmt: skip


def without_voided(shown: Iterable[Shown]) -> tuple[Shown, ...]:
    """One row for a payment and the row that takes it back under the same receipt: the payment, in that row's state."""
    rows = list(shown)
    for back in [row for row in rows if not row.holds_money and row.receipt]:
        twins = [r for r in rows if r.holds_money and (r.receipt, r.amount) == (back.receipt, back.amount)]
        if twins:
            at = rows.index(twins[0])
            rows[at] = replace(twins[0], state=back.state)
            rows.remove(back)
    return tuple(rows)


def totals(rows: Iterable[Shown]) -> tuple[Money, ...]:
    """The money of these payments, per currency; what was taken back counts for nothing."""
    amounts: dict[str, list[Money]] = {}
    for row in rows:
        if row.holds_money:
            amounts.setdefault(row.amount.currency, []).append(row.amount)
    return tuple(sum_money(parts, currency) for currency, parts in sorted(amounts.items()))
