"""Taking and recording payments, and billing periods ahead.

Which id goes where is the vendor's oldest trap: card and cheque payments name the unit, bank debits name the rental.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.effects import EffectBody, PaymentPart, PostFutureCharges, TakePayment
from pmsbridge.errors import ConfigurationError, RejectedError, UnavailableError, UnsupportedError
from pmsbridge.model.money import Money, minor_digits
from pmsbridge.model.payments import BankDebit, CardPayment, ExternalPayment
from pmsbridge.model.sealed import BankAccount, Card, CardFace
from pmsbridge.ports.capability import Dedup, EffectHandlers, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge.transport.limits import Priority
from pmsbridge_sitelink.connection import Answered, vendor_id
from pmsbridge_sitelink.mapping.billing import ACCOUNT_KINDS, CARD_TYPES
from pmsbridge_sitelink.mapping.cells import text
from pmsbridge_sitelink.mapping.money import charges_end
from pmsbridge_sitelink.recognition import SeenPayment, fits, history
from pmsbridge_sitelink.searching import Searching
from pmsbridge_sitelink.wire import Table

__all__ = ["Paying", "enter_again", "only_given"]

_RAW_CARDS_ARE_OFF: Final = (
    "This back office takes raw card numbers only, and raw cards are switched off. Nothing was sent. Pay through a"
    " gateway and have the payment recorded here; or set allow_raw_cards = true for this account, which puts the"
    " application and everything around it into the scope of PCI DSS."
)
_SHORTEST_PERIOD: Final = timedelta(days=27)


class Paying(Searching, EffectHandlers):
    """Payments and future charges."""

    # taking a payment

    @handles(
        TakePayment,
        dedup=Dedup.NATURAL_KEY,
        absence_conclusive=True,
        source="public client code: payments show in the rental's payment history within about 10 s",
    )
    def _take_payment(self, effect: TakePayment, attempt: Attempt) -> Receipt:
        """One call that moves money. Before it: nothing but checks."""
        self._check_payment(effect)
        end = self._write_deadline(attempt)
        means = effect.means
        if isinstance(means, CardPayment):
            answered = self._by_card(effect, means, attempt, end)
        elif isinstance(means, BankDebit):
            answered = self._by_bank(effect, means, attempt, end)
        elif isinstance(means, ExternalPayment):
            answered = self._recorded(effect, means, end)
        else:
            raise UnsupportedError("this back office cannot charge a stored method on demand", code="stored_method")
        receipts = [text(row, "Receipt") for row in answered.rows.get(Table.RECEIPTS, ()) if text(row, "Receipt")]
        return Receipt(
            evidence=f"payment of {effect.total} answered with {answered.code}",
            vendor_ids={"payment": receipts[0]} if receipts else {},
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    def _check_payment(self, effect: TakePayment) -> None:
        """What cannot be said faithfully is refused before anything is sent."""
        currency = self._connection.facility(effect.facility).currency
        for part in effect.parts:
            if part.amount.currency != currency:
                problem = f"payments here are in {currency}; nothing was sent"
                raise RejectedError(problem, code="wrong_currency")
            if not part.amount.is_payable:
                digits = minor_digits(currency)
                problem = f"an amount is positive and has at most {digits} digits after the point; nothing was sent"
                raise RejectedError(problem, code="amount_not_payable")
        if len(effect.parts) > 1 and not isinstance(effect.means, CardPayment):
            message = "one payment over several rentals works by card only; plan one payment per rental"
            raise UnsupportedError(message, code="one_rental_per_payment")

    def _by_card(self, effect: TakePayment, means: CardPayment, attempt: Attempt, end: Deadline) -> Answered:
        if not self._connection.settings.allow_raw_cards:
            raise ConfigurationError(_RAW_CARDS_ARE_OFF, code="raw_cards_are_off")
        card_type = CARD_TYPES.get(means.face.brand)
        if card_type is None:
            raise UnsupportedError("this back office has no name for the card's brand", code="card_brand")
        named = _units_and_amounts(effect.parts)
        card = attempt.sealed
        if not isinstance(card, Card):
            raise enter_again("card")
        with card.open() as parts:
            params = {
                "iTenantID": vendor_id("tenant", effect.tenant_id),
                **named,
                "iCreditCardType": card_type,
                "sCreditCardNumber": parts["number"],
                "dExpirationDate": _expiry(card.face),
                "sBillingName": parts["holder"],
                **only_given(
                    sCreditCardCVV=parts["cvv"], sBillingAddress=parts["street"], sBillingZipCode=parts["postal_code"]
                ),
                "bTestMode": self._connection.settings.test_mode,
                "iSource": self._connection.settings.payment_source,
            }
            operation = "PaymentSimpleWithSource" if len(effect.parts) == 1 else "PaymentMultipleWithSource"
            return self._pay(operation, effect, params, end)

    def _by_bank(self, effect: TakePayment, means: BankDebit, attempt: Attempt, end: Deadline) -> Answered:
        """A bank debit names the rental, unlike every other payment."""
        kind = ACCOUNT_KINDS.get(means.face.kind)
        if kind is None:
            raise UnsupportedError("this back office has no name for the kind of bank account", code="account_kind")
        (part,) = effect.parts
        ids = {"iTenantID": vendor_id("tenant", effect.tenant_id), "iLedgerID": vendor_id("rental", part.rental_id)}
        account = attempt.sealed
        if not isinstance(account, BankAccount):
            raise enter_again("bank account")
        with account.open() as parts:
            params = {
                **ids,
                "dcPaymentAmount": part.amount.amount,
                "sABARoutingNum": parts["routing_number"],
                "sAccountNum": parts["account_number"],
                "iAccountType": kind,
                "iSource": self._connection.settings.payment_source,
            }
            return self._pay("PaymentSimpleACHWithSource", effect, params, end)

    def _recorded(self, effect: TakePayment, means: ExternalPayment, end: Deadline) -> Answered:
        """A gateway's payment is recorded as a cheque: its number is the only free reference a payment has."""
        limit = self._connection.settings.check_number_limit_chars
        if len(means.reference) > limit:
            message = f"the gateway's reference is longer than {limit} characters; nothing was sent"
            raise RejectedError(message, code="reference_too_long")
        params = {
            "iTenantID": vendor_id("tenant", effect.tenant_id),
            **_units_and_amounts(effect.parts),
            "sCheckNumber": means.reference,
            "iSource": self._connection.settings.payment_source,
        }
        return self._pay("PaymentSimpleCheckWithSource", effect, params, end)

    def _pay(self, operation: str, effect: TakePayment, params: Mapping[str, object], end: Deadline) -> Answered:
        return self._connection.write(operation, effect.facility, params, deadline=end, priority=Priority.INTERACTIVE)

    # finding a payment again

    @baselines(TakePayment)
    def _payments_before(self, effect: TakePayment) -> Mapping[str, str]:
        """Per rental, the receipts of the same amount that are there already."""
        return {
            f"receipts.{part.rental_id}": "\n".join(seen.key for seen in self._same_amount(effect, part))
            for part in effect.parts
        }

    @probes(TakePayment)
    def _find_payment(self, effect: TakePayment, attempt: Attempt) -> Probed:
        """New payments of the exact amount since the send, told apart by the reference, card or account they show.

        One of ours for every part: found. None: absent. Only for some parts, several for one, or one that does not show
        whose it is, as when staff entered it meanwhile: nobody can tell by machine.
        """
        found: list[SeenPayment] = []
        missing: list[PaymentPart] = []
        for part in effect.parts:
            fresh = self._new_payments(effect, part, attempt)
            ours = [seen for seen in fresh if fits(effect.means, seen) is True]
            unclear = [seen for seen in fresh if fits(effect.means, seen) is None]
            if len(ours) > 1:
                return CannotTell(f"{_several(ours)} of {part.amount} on {_named(part)} look like it: possibly twice")
            if unclear and not ours:
                what = f"{_several(unclear)} of {part.amount} on {_named(part)}"
                return CannotTell(f"new: {what}, which does not show whose it is; staff may have entered it")
            found.extend(ours)
            missing.extend([] if ours else [part])
        if not missing:
            # A card or an account is told by its digits, and others pay with it, too.
            is_named = isinstance(effect.means, ExternalPayment)
            return Found(self._found_receipt(effect, found), shows_reference=is_named)
        names = ", ".join(_named(part) for part in missing)
        if found:
            return CannotTell(f"only a part of the payment is there; missing for {names}")
        return Absent(f"no new payment of the amount for {names}")

    def _found_receipt(self, effect: TakePayment, found: Sequence[SeenPayment]) -> Receipt:
        currency = effect.total.currency
        listed = ", ".join(
            f"{seen.key} of {Money.of(seen.amount, currency)} on {seen.on.isoformat()}" for seen in found
        )
        names = [f"payment.{part.rental_id}" if len(found) > 1 else "payment" for part in effect.parts]
        return Receipt(
            evidence=f"read back: payment {listed}",
            vendor_ids={name: seen.key for name, seen in zip(names, found, strict=True)},
            at=self._connection.clock.now(),
            read_back=True,
        )

    def _new_payments(self, effect: TakePayment, part: PaymentPart, attempt: Attempt) -> list[SeenPayment]:
        known = attempt.baseline.get(f"receipts.{part.rental_id}")
        before = set(known.split("\n")) if known else set()
        fresh = [seen for seen in self._same_amount(effect, part) if seen.key not in before]
        if attempt.sent_at is None:
            return fresh
        zone = ZoneInfo(self._connection.facility(effect.facility).zone)
        earliest = (attempt.sent_at - self._connection.settings.skew).astimezone(zone).date()
        return [seen for seen in fresh if seen.on >= earliest]

    def _same_amount(self, effect: TakePayment, part: PaymentPart) -> list[SeenPayment]:
        rows = self._payment_rows(effect.facility, part.rental_id)
        return [seen for seen in history(rows) if seen.amount == part.amount.amount]

    # billing ahead

    @handles(
        PostFutureCharges,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="public client code: charges of all rentals of the tenant, shown with the day they end",
    )
    def _post_future_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Receipt:
        """Bill the next periods. They stay, also when no payment follows. The due date is the back office's own."""
        params = {
            "iTenantID": vendor_id("tenant", effect.tenant_id),
            "iNumberOfFuturePeriods": effect.months,
        }
        answered = self._connection.write(
            "CustomerAccountsMakeFutureCharges",
            effect.facility,
            params,
            deadline=self._write_deadline(attempt),
            priority=Priority.INTERACTIVE,
        )
        return Receipt(
            evidence=f"{effect.months} further periods billed, answered with {answered.code}",
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    @baselines(PostFutureCharges)
    def _charged_until(self, effect: PostFutureCharges) -> Mapping[str, str]:
        """Per rental, the last day that is charged."""
        found = {}
        for row in self._ledgers(effect.facility, effect.tenant_id):
            end = charges_end(self._charge_rows(effect.facility, text(row, "LedgerID")))
            found[f"charged.{text(row, 'LedgerID')}"] = end.isoformat() if end else ""
        return found

    @probes(PostFutureCharges)
    def _find_future_charges(self, effect: PostFutureCharges, attempt: Attempt) -> Probed:
        """All rentals are charged further by the months asked for: found. None is: absent. Else nobody can tell."""
        before = {name: value for name, value in attempt.baseline.items() if name.startswith("charged.")}
        if not before:
            return CannotTell("it is not known how far the rentals were billed before")
        now = self._charged_until(effect)
        moved = {name: _periods(before[name], now.get(name, "")) for name in before if before[name] or now.get(name)}
        if not moved:
            return CannotTell("no rental of the tenant has ever been charged")
        if all(periods >= effect.months for periods in moved.values()):
            ends = ", ".join(f"{name.partition('.')[2]} until {now[name]}" for name in sorted(moved))
            return Found(Receipt(evidence=f"read back: billed {ends}", at=self._connection.clock.now(), read_back=True))
        if not any(moved.values()):
            return Absent("no rental is billed further than before")
        return CannotTell("only some rentals are billed as far as asked")

    def _write_deadline(self, attempt: Attempt) -> Deadline:
        """One end for a whole effect; no byte leaves after the lease."""
        return self._connection.deadline(self._connection.settings.timeouts.write, not_after=attempt.not_after)

    def lane(self, effect: EffectBody) -> str:  # noqa: ARG002 - one lane for the account, whatever the effect
        """The account: parallel log-ons of one account fail."""
        return self._connection.lane


def _units_and_amounts(parts: Sequence[PaymentPart]) -> dict[str, object]:
    """One unit and its amount, or two parallel lists of them."""
    units = [_unit_of(part) for part in parts]
    if len(parts) == 1:
        return {"iUnitID": units[0], "dcPaymentAmount": parts[0].amount.amount}
    return {
        "sUnitIDs": ", ".join(str(unit) for unit in units),
        "sPaymentAmounts": ", ".join(format(part.amount.amount, "f") for part in parts),
    }


def _unit_of(part: PaymentPart) -> int:
    if part.unit_id is None:
        message = "a payment here names the unit, and the rental has none; nothing was sent"
        raise RejectedError(message, code="no_unit")
    return vendor_id("unit", part.unit_id)


def enter_again(what: str) -> UnavailableError:
    """The error for a sealed value that is not there: nothing was sent, and only the person can give it again."""
    return UnavailableError(f"the {what} is not here; ask the person to enter it again", code="sealed_value_used")


def _expiry(face: CardFace) -> datetime:
    if face.expires_on is None:
        raise RejectedError("a card payment needs the card's expiry; nothing was sent", code="card_expiry")
    return datetime.combine(face.expires_on, datetime.min.time())


def only_given(**texts: str) -> dict[str, object]:
    """Texts that are not empty: an element left out says "not given", an empty one says "nothing"."""
    return {name: value for name, value in texts.items() if value}


def _named(part: PaymentPart) -> str:
    return f"rental {part.rental_id}" + (f" (unit {part.unit_number})" if part.unit_number else "")


def _several(seen: Sequence[SeenPayment]) -> str:
    return f"payment{'s' if len(seen) > 1 else ''} " + ", ".join(f'{each.key} "{each.words}"' for each in seen)


def _periods(before: str, now: str) -> int:
    """Whole billing periods between two days; 0 when nothing moved."""
    if not now or now <= before:
        return 0
    if not before:
        return 12
    return max(0, (date.fromisoformat(now) - date.fromisoformat(before)) // _SHORTEST_PERIOD)
