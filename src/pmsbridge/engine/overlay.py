"""Read your writes: what we sent is put on top of what was read before it, until a later read shows it.

Pure, and derived from the journal alone: there is nothing to keep in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pmsbridge.actions.effects import (
    CancelMoveOut,
    ChangeContact,
    PostFutureCharges,
    ScheduleMoveOut,
    SetAutopay,
    SetConsent,
    TakePayment,
)
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.ledger import Balances
from pmsbridge.model.money import Money, sum_money
from pmsbridge.model.payments import Autopay, AutopayState
from pmsbridge.model.people import ConsentRecord, Phone, Tenant
from pmsbridge.model.record import Source
from pmsbridge.model.rental import RentalState
from pmsbridge.model.sealed import CardFace
from pmsbridge.store.standing import Ended
from pmsbridge.store.stored import StoredEffect

__all__ = ["less", "missing_of", "overlay"]

_PHONES: Final = frozenset({"phone", "mobile"})


def overlay(account: TenantAccount, effects: Iterable[StoredEffect], window: timedelta) -> TenantAccount:
    """An account with our own recent writes on top; the same account when there are none.

    What is settled changes what the account says. What is not yet known changes only what may be paid now: nobody is
    asked to pay again what is being confirmed, and nothing unknown is shown as done.

    Args:
        account: As read.
        effects: Of the tenant: what the read may not show yet.
        window: The settle window of the back office: a read may be that much behind.
    """
    recent = list(effects)
    result = account
    for row in account.rentals:
        balances = _balances(account, row, recent, window)
        if balances != row.balances:
            result = _with_rental(result, row.id, balances=balances)
    for stored in recent:
        result = _apply(result, stored)
    is_as_read = result is account and not any(map(_is_open_payment, recent))
    return result if is_as_read else result.changed(source=Source.OVERLAY)


def _is_open_payment(stored: StoredEffect) -> bool:
    return stored.ended is None and isinstance(stored.effect, TakePayment)


def _apply(account: TenantAccount, stored: StoredEffect) -> TenantAccount:  # noqa: PLR0911 - one line per effect
    effect = stored.effect
    if stored.ended is not Ended.SETTLED or stored.emulates:
        return account
    if isinstance(effect, ScheduleMoveOut):
        dates = {"leaving_on": effect.leaving_on, "notice_given_on": effect.notice_given_on}
        return _leave(account, effect.rental_id, RentalState.NOTICE_GIVEN, dates)
    if isinstance(effect, CancelMoveOut):
        return _leave(account, effect.rental_id, RentalState.ACTIVE, {"leaving_on": None, "notice_given_on": None})
    if isinstance(effect, SetAutopay):
        return _autopay(account, effect)
    if isinstance(effect, SetConsent):
        return account.changed(tenant=_consent(account.tenant, effect, stored))
    if isinstance(effect, ChangeContact):
        return account.changed(tenant=_contact(account.tenant, effect))
    return account


def _with_rental(account: TenantAccount, rental_id: str, **changes: Any) -> TenantAccount:
    rows = tuple(row.changed(**changes) if row.id == rental_id else row for row in account.rentals)
    return account if rows == account.rentals else account.changed(rentals=rows)


def _balances(
    account: TenantAccount, row: RentalAccount, recent: Iterable[StoredEffect], window: timedelta
) -> Balances:
    """The balances of one rental with every recent payment for it taken into account, all of them together.

    A payment that is not over always holds back its amount: whatever the read shows, it is not to be paid again. Nor is
    what a read shows beyond what was known when a recent payment was judged: that read may be of a time before it, and
    before money that the desk took. A charge that really came since waits until the window is over.
    """
    parts = [
        (stored, part.amount)
        for stored in recent
        if isinstance(stored.effect, TakePayment)
        for part in stored.effect.parts
        if part.rental_id == row.id and part.amount.currency == row.balances.currency
        if part.rental_id not in stored.rentals_missing
    ]
    settled = [(stored, amount) for stored, amount in parts if stored.ended is Ended.SETTLED]
    held = sum_money((amount for stored, amount in parts if stored.ended is None), row.balances.currency)
    missing = missing_of(account, row, settled) if settled else held - held
    balances = row.balances
    if missing.is_positive:
        # Charges that were posted ahead may lag too: then only what may be paid is sure, not the ledger.
        bills_ahead = any(stored.kind == PostFutureCharges.model_fields["kind"].default for stored in recent)
        balances = _reserved(balances, missing) if bills_ahead else _paid(balances, missing)
    return _at_most(_reserved(balances, held), _known_left(row, parts, account.as_of - window))


def _known_left(row: RentalAccount, parts: Iterable[tuple[StoredEffect, Money]], since: datetime) -> Money | None:
    """The most that recent payments leave to pay, by what was known before each; None where nothing is known by them.

    What was known before one of them includes none that was sent after it. A read that is a window younger says more
    than what was known.
    """
    left: list[Decimal] = []
    paid_since = Decimal(0)
    for stored, amount in sorted(parts, key=lambda part: _sent_at(part[0]), reverse=True):
        paid_since += amount.amount
        known = stored.known_before.get(row.id)
        if known is not None and _sent_at(stored) >= since:
            left.append(Decimal(known) - paid_since)
    return Money.of(min(left), row.balances.currency) if left else None


def _sent_at(stored: StoredEffect) -> datetime:
    return stored.first_sent_at or stored.asked_at


def missing_of(account: TenantAccount, row: RentalAccount, settled: Sequence[tuple[StoredEffect, Money]]) -> Money:
    """How much of the settled payments the read does not show yet.

    The ledger stood at a known sum before the first of them; what it stands above that sum less all of them is what the
    read has not seen. Anything else that moved the ledger meanwhile makes this too much rather than too little, up to
    all of them: for the length of the settle window nobody is asked for money that may just have been paid.
    """
    currency = row.balances.currency
    total = sum_money((amount for _, amount in settled), currency)
    first = min((stored for stored, _ in settled), key=_sent_at)
    known = first.known_before.get(row.id)
    if known is None:
        was_read_before = first.first_sent_at is not None and account.as_of < first.first_sent_at
        return total if was_read_before else Money.zero(currency)
    above = row.balances.ledger - (Money.of(known, currency) - total)
    return min(max(above, Money.zero(currency)), total)


def less(amount: Money, paid: Money) -> Money:
    """What is left, never below zero."""
    return amount - paid if paid < amount else Money.zero(amount.currency)


def _paid(balances: Balances, paid: Money) -> Balances:
    ledger = balances.ledger - paid
    return balances.changed(
        ledger=ledger,
        due=balances.due - paid,
        payable_now=less(balances.payable_now, paid),
        past_due=less(balances.past_due, paid),
        credit=-ledger if ledger.is_negative else Money.zero(ledger.currency),
    )


def _reserved(balances: Balances, asked: Money) -> Balances:
    return balances.changed(payable_now=less(balances.payable_now, asked))


def _at_most(balances: Balances, most: Money | None) -> Balances:
    if most is None or balances.payable_now <= most:
        return balances
    return balances.changed(payable_now=max(most, Money.zero(balances.currency)))


def _leave(account: TenantAccount, rental_id: str, state: RentalState, dates: dict[str, Any]) -> TenantAccount:
    row = account.rental(rental_id)
    if row is None or not row.rental.state.is_current:
        return account
    return _with_rental(account, rental_id, rental=row.rental.changed(state=state, **dates))


def _autopay(account: TenantAccount, effect: SetAutopay) -> TenantAccount:
    row = account.rental(effect.rental_id)
    if row is None or row.autopay is None:
        return account
    changes: dict[str, Any] = {"state": row.autopay.state if effect.on else AutopayState.OFF}
    if not effect.on:
        changes["is_enrolled"] = False
    if effect.on and effect.method is not None:
        is_card = isinstance(effect.method, CardFace)
        changes = {"state": AutopayState.CARD if is_card else AutopayState.BANK_DEBIT, "method_usable": True}
        if row.autopay.method is not None:
            changes["method"] = row.autopay.method.changed(face=effect.method, is_usable=True)
    if effect.on and effect.method_id is not None:
        changes = _charging_stored(effect, row.autopay)
    elif effect.on and effect.method is None and row.autopay.method is not None:
        changes["state"] = _state_of(row, changes["state"])
    if effect.days_after_due is not None:
        changes["days_after_due"] = effect.days_after_due
    return _with_rental(account, effect.rental_id, autopay=row.autopay.changed(**changes))


def _charging_stored(effect: SetAutopay, before: Autopay) -> dict[str, Any]:
    """What a method that was stored before makes of autopay; of which kind it is may be told by what was read only."""
    same = before.method if before.method is not None and before.method.id == effect.method_id else None
    face = effect.stored_face or (same.face if same is not None else None)
    if face is not None:
        state = AutopayState.CARD if isinstance(face, CardFace) else AutopayState.BANK_DEBIT
    else:
        state = before.state if before.state is not AutopayState.OFF else AutopayState.UNKNOWN
    is_enrolled = state is AutopayState.UNKNOWN
    return {"state": state, "is_enrolled": is_enrolled, "method_usable": True, "method": same}


def _state_of(row: RentalAccount, fallback: AutopayState) -> AutopayState:
    """Which kind of autopay a stored method makes."""
    method = row.autopay.method if row.autopay else None
    if method is None or method.face is None:
        return fallback
    return AutopayState.CARD if isinstance(method.face, CardFace) else AutopayState.BANK_DEBIT


def _consent(tenant: Tenant, effect: SetConsent, stored: StoredEffect) -> Tenant:
    kept = tuple(c for c in tenant.consents if (c.channel, c.purpose) != (effect.channel, effect.purpose))
    answer = ConsentRecord(
        channel=effect.channel, purpose=effect.purpose, granted=effect.granted, given_at=stored.finished_at,
        source="portal",
    )  # fmt: skip
    return tenant.changed(consents=(*kept, answer))


def _contact(tenant: Tenant, effect: ChangeContact) -> Tenant:
    """The tenant's own fields; an alternate contact is left as read."""
    for field, value in effect.changes.items():
        group, _, part = field.partition(".")
        if group == "name":
            tenant = tenant.changed(name=tenant.name.changed(**{part: value}))
        elif group == "address":
            tenant = tenant.changed(address=tenant.address.changed(**{part: value}))
        elif field in _PHONES:
            tenant = tenant.changed(**{field: Phone(raw=value) if value else None})
        elif field == "email":
            tenant = tenant.changed(email=value)
    return tenant
