"""Autopay per rental: read, change one thing, write all of it back, read again.

The update writes every billing field at once, and a blank card number blanks the stored card. The masked number
stands for the card that is stored: sending it back keeps it. So nothing is written unless the masked number was read
first, or a new card is given.

A look shows the enrolment and the stored card's brand, last four digits and expiry: neither the day it charges nor a
bank account. What cannot be seen is never concluded from a look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from pmsbridge.actions.effects import SetAutopay
from pmsbridge.errors import ConfigurationError, NotFoundError, OutcomeUnknownError, RejectedError, UnsupportedError
from pmsbridge.model.sealed import BankAccount, BankAccountFace, Card, CardFace
from pmsbridge.ports.capability import Dedup, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_sitelink.connection import Answered, seen_after, vendor_id
from pmsbridge_sitelink.mapping.billing import (
    ACCOUNT_KINDS,
    brand_of,
    last4_of,
    masked_number,
    payment_type_of,
    stored_card_id,
)
from pmsbridge_sitelink.mapping.cells import Row, day, text
from pmsbridge_sitelink.paying import Paying, enter_again, only_given
from pmsbridge_sitelink.wire import Table

__all__ = ["Autopaying"]

_OFF: Final = 0
_CARD: Final = 1
_BANK: Final = 2
_ENROLLED: Final = "enrolled"
_AS_ASKED: Final = "as_asked"
_ECHOED: Final = {
    "sCreditCardHolderName": "sCreditCardHolderName",
    "sCreditCardStreet": "sCreditCardStreet",
    "sCreditCardZip": "sCreditCardZip",
}


class Autopaying(Paying):
    """Autopay of one rental."""

    autopay_means: frozenset[str] = frozenset({"card", "bank_debit", "stored"})
    asks_autopay_by_unit: bool = False

    @handles(
        SetAutopay,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="public client code: a masked number keeps the stored card; a blank one blanks it",
    )
    def _set_autopay(self, effect: SetAutopay, attempt: Attempt) -> Receipt:
        """Change enrolment, and the method where a new one is given; the stored card outlives being switched off."""
        _check_stored(effect)
        end = self._write_deadline(attempt)
        before = self._billing_row(effect)
        if effect.method is None and effect.days_after_due is None and not _difference(effect, None, before):
            return Receipt(
                evidence="it was so already; nothing was sent", at=self._connection.clock.now(), read_back=True
            )
        if effect.method is None:
            answered = self._write_billing(effect, _kept(effect, before), end)
        elif isinstance(effect.method, CardFace):
            answered = self._with_new_card(effect, effect.method, attempt, end)
        else:
            answered = self._with_new_account(effect, effect.method, before, attempt, end)
        return self._confirmed(effect, before, answered)

    def _billing_row(self, effect: SetAutopay) -> Row:
        rows = self._billing(effect.facility, effect.tenant_id)
        found = next((row for row in rows if text(row, "LedgerID") == effect.rental_id), None)
        if found is None:
            raise NotFoundError("rental", "the tenant has no such rental", code="rental_not_found")
        return found

    def _with_new_card(self, effect: SetAutopay, face: CardFace, attempt: Attempt, end: Deadline) -> Answered:
        if not self._connection.settings.allow_raw_cards:
            raise ConfigurationError(
                "Storing a card here needs its raw number, and raw cards are switched off. Nothing was sent. Set"
                " allow_raw_cards = true for this account; it puts the application into the scope of PCI DSS.",
                code="raw_cards_are_off",
            )
        kinds = self._connection.read("PaymentTypesRetrieve", effect.facility, {}).get(Table.ROWS, ())
        type_id = payment_type_of(kinds, face.brand)
        if not type_id:
            raise RejectedError(
                "the facility does not take this card brand; nothing was sent", code="card_brand_not_taken"
            )
        card = attempt.sealed
        if not isinstance(card, Card) or face.expires_on is None:
            raise enter_again("card")
        with card.open() as parts:
            params = {
                "iCreditCardTypeID": int(type_id),
                "sCreditCardNum": parts["number"],
                "dCredtiCardExpir": _as_moment(face.expires_on.isoformat()),
                "sCreditCardHolderName": parts["holder"],
                **only_given(sCreditCardStreet=parts["street"], sCreditCardZip=parts["postal_code"]),
                "iAutoBillType": _CARD if effect.on else _OFF,
            }
            return self._write_billing(effect, params, end)

    def _with_new_account(
        self, effect: SetAutopay, face: BankAccountFace, before: Row, attempt: Attempt, end: Deadline
    ) -> Answered:
        """A stored card stays stored beside a new bank account."""
        kind = ACCOUNT_KINDS.get(face.kind)
        if kind is None:
            raise UnsupportedError("this back office has no name for the kind of bank account", code="account_kind")
        account = attempt.sealed
        if not isinstance(account, BankAccount):
            raise enter_again("bank account")
        with account.open() as parts:
            params = {
                **_stored_card(before),
                "iAutoBillType": _BANK if effect.on else _OFF,
                "sACH_CheckWriterAcctNum": parts["account_number"],
                "sACH_ABA_RoutingNum": parts["routing_number"],
                "sACH_Check_SavingsCode": str(kind),
            }
            return self._write_billing(effect, params, end)

    def _write_billing(self, effect: SetAutopay, params: Mapping[str, object], end: Deadline) -> Answered:
        """The older operation has no days and leaves them alone; the newer one always writes them."""
        operation = "TenantBillingInfoUpdate"
        days: dict[str, object] = {}
        if effect.days_after_due is not None:
            operation = "TenantBillingInfoUpdate_v2"
            days = {self._connection.settings.autopay_days_parameter: effect.days_after_due}
        sent = {"iLedgerID": vendor_id("rental", effect.rental_id), **params, **days}
        return self._connection.write(operation, effect.facility, sent, deadline=end)

    def _confirmed(self, effect: SetAutopay, before: Row, answered: Answered) -> Receipt:
        """Read back. A look that fails proves nothing against the answer; a look that shows something else does.

        The receipt claims a read-back only where the look would have told whether this was written.
        """
        after = seen_after(lambda: self._billing_row(effect))
        wrong = "" if after is None else _difference(effect, before, after)
        if wrong:
            message = f"autopay was answered with {answered.code}, but reading it back shows {wrong}"
            raise OutcomeUnknownError(message, code="read_back_differs")
        unseen = "" if after is None else _unseen(effect, _standing(effect, before))
        looked = "not read back" if after is None else unseen or "read back"
        return Receipt(
            evidence=f"autopay of rental {effect.rental_id} answered with {answered.code}, {looked}",
            code=str(answered.code),
            at=self._connection.clock.now(),
            read_back=after is not None and not unseen,
        )

    @baselines(SetAutopay)
    def _autopay_before(self, effect: SetAutopay) -> Mapping[str, str]:
        """The enrolment, and whether all that can be seen is as asked already: then a later look proves nothing."""
        return _standing(effect, self._billing_row(effect))

    @probes(SetAutopay)
    def _find_autopay(self, effect: SetAutopay, attempt: Attempt) -> Probed:
        """Whether autopay is as asked. One call writes everything: a difference means that nothing was written."""
        now = self._billing_row(effect)
        wrong = _difference(effect, None, now)
        if wrong:
            return Absent(f"autopay shows {wrong}")
        unseen = _unseen(effect, attempt.baseline)
        if unseen:
            return CannotTell(f"autopay shows type {text(now, 'iAutoBillType') or '0'}, but {unseen}")
        evidence = f"read back: autopay type {text(now, 'iAutoBillType')} on rental {effect.rental_id}"
        return Found(Receipt(evidence=evidence, at=self._connection.clock.now(), read_back=True))


def _check_stored(effect: SetAutopay) -> None:
    """Only the card that is stored for the very rental can be charged: of any other, no number is readable.

    Raises:
        UnsupportedError: Another is named; nothing was sent.
    """
    if effect.method_id not in {None, stored_card_id(effect.rental_id)}:
        message = "autopay here charges what is stored for the rental itself, and nothing else; nothing was sent"
        raise UnsupportedError(message, code="method_not_taken")


def _stored_card(before: Row) -> dict[str, object]:
    """The card's fields as they were read; the masked number stands for the card itself.

    Raises:
        RejectedError: The back office showed a number in clear: sending it on is not ours to do.
    """
    masked, expires = masked_number(before), text(before, "dCreditCardExpir")
    if text(before, "sCreditCardNum") and not masked:
        raise RejectedError("the stored card's number is not masked; nothing was sent", code="card_not_masked")
    fields: dict[str, object] = {"iCreditCardTypeID": int(text(before, "iCreditCardTypeID") or 0)}
    if masked:
        fields["sCreditCardNum"] = masked
    if day(before, "dCreditCardExpir") is not None:
        fields["dCredtiCardExpir"] = _as_moment(expires)
    for column, parameter in _ECHOED.items():
        if before.get(column):
            fields[parameter] = before[column]
    return fields


def _kept(effect: SetAutopay, before: Row) -> dict[str, object]:
    """Everything as it is, with the enrolment changed.

    Of a stored bank account nothing is readable, so writing the other fields would blank it: staff must do that.
    """
    enrolled = text(before, "iAutoBillType") or "0"
    if enrolled == str(_BANK):
        message = "the stored bank account cannot be read here, and writing without it would erase it; nothing was sent"
        raise UnsupportedError(message, code="bank_account_not_readable")
    if effect.on and not masked_number(before):
        raise RejectedError("autopay needs a stored card, and there is none; nothing was sent", code="no_stored_method")
    other = _other_than_named(effect, before)
    if other:
        message = f"the rental has {other} stored than the one that was chosen; nothing was sent"
        raise RejectedError(message, code="stored_card_changed")
    return {**_stored_card(before), "iAutoBillType": _CARD if effect.on else _OFF}


def _as_moment(word: str) -> datetime:
    """A stored date goes back as its calendar day: the zone it is written in is the vendor server's."""
    return datetime.fromisoformat(word[:10])


def _difference(effect: SetAutopay, before: Row | None, after: Row) -> str:
    """What a read-back shows that is not as asked; empty when all that can be seen is."""
    wanted = _wanted_type(effect)
    shown = text(after, "iAutoBillType") or "0"
    if shown not in wanted:
        return f"type {shown}"
    if isinstance(effect.method, CardFace):
        return _other_card(effect.method, after)
    if other := _other_than_named(effect, after):
        return other
    if before is not None and masked_number(after) != masked_number(before):
        return "another stored card"
    if effect.method is None and effect.on and not masked_number(after):
        return "no stored card"
    return ""


def _other_than_named(effect: SetAutopay, row: Row) -> str:
    """How the stored card differs from the one that was named when it was asked for; its id is a place, not a card."""
    face = effect.stored_face
    return _other_card(face, row) if effect.on and effect.method is None and isinstance(face, CardFace) else ""


def _other_card(face: CardFace, after: Row) -> str:
    """How the stored card differs from the new one; a renewed card differs by its expiry alone."""
    is_same_number = last4_of(masked_number(after)) == face.last4
    if not is_same_number or brand_of(text(after, "sPmtTypeDesc")) not in {face.brand, brand_of("")}:
        return "another card"
    if face.expires_on is not None and _month(day(after, "dCreditCardExpir")) != _month(face.expires_on):
        return "another expiry"
    return ""


def _month(expires: date | None) -> tuple[int, int] | None:
    """A card is good to the end of a month; which of its days a back office stores is its own affair."""
    return None if expires is None else (expires.year, expires.month)


def _standing(effect: SetAutopay, before: Row) -> Mapping[str, str]:
    """What a look before the write says, as far as a look after it is compared with it. No number, no name."""
    return {
        _ENROLLED: text(before, "iAutoBillType") or "0",
        _AS_ASKED: "no" if _difference(effect, None, before) else "yes",
    }


def _unseen(effect: SetAutopay, before: Mapping[str, str]) -> str:
    """Why a look that shows what was asked does not prove that it was written; empty when it does.

    A state without a new method or day is proved by the look alone, whoever brought it about.
    """
    if effect.days_after_due is not None:
        return "the day it charges cannot be read"
    if isinstance(effect.method, BankAccountFace) and before.get(_ENROLLED) == str(_BANK):
        return "which bank account is debited cannot be read"
    if effect.method is not None and before.get(_AS_ASKED) != "no":
        return "all that can be read may have been so before"
    return ""


def _wanted_type(effect: SetAutopay) -> frozenset[str]:
    if not effect.on:
        return frozenset({str(_OFF)})
    if effect.method is None:
        # Only a card can be named; where nothing is, whichever is stored goes on being charged.
        return frozenset({str(_CARD)} if effect.method_id is not None else {str(_CARD), str(_BANK)})
    return frozenset({str(_CARD if isinstance(effect.method, CardFace) else _BANK)})
