"""Stored cards and automatic billing, per ledger.

Facts: the number comes back masked; sending the masked number keeps the stored card while expiry, name and address
change; a blank number blanks the stored card; the expiry is spelled `dCredtiCardExpir` when written and
`dCreditCardExpir` when read; the type id is the site's own. Decisions: the mask is twelve stars and four digits; a
masked number that is not the stored one cannot be saved (-2); the type id is not looked at when no card is billed and
none is sent; the bank account follows the same rules but is never read back.
"""

from __future__ import annotations

from typing import Final

from .access import last4
from .accounts import invalid_tenant
from .dataset import NULL_DATE, Row, Rowset
from .premises import payment_type_rows
from .records import AUTOPAY_ACH, AUTOPAY_CARD, AUTOPAY_OFF, Billing, Rental
from .tables import BILLING, PAYMENT_TYPES_2
from .visit import FAILED, INVALID_ID, Answer, Visit, answers, returned, rows

_NOT_SAVED: Final = -2
_STARS: Final = "*" * 12


def masked(billing: Billing) -> str:
    """The stored card's number as it is read back; empty without a card."""
    return f"{_STARS}{billing.card_last4}" if billing.card_last4 else ""


@answers("TenantBillingInfoByTenantID_v2", "TenantBillingInfoByTenantID_v3")
def billing_information(visit: Visit) -> Answer:
    """One row per running rental, and the site's payment types as a second table."""
    tenant = visit.tenant("iTenantID")
    if tenant is None:
        return invalid_tenant()
    found = [_billing_row(visit, rental) for rental in visit.office.rentals(visit.site, tenant.tenant_id)]
    return rows(BILLING, found, Rowset(PAYMENT_TYPES_2, payment_type_rows(visit.site)))


def _billing_row(visit: Visit, rental: Rental) -> Row:
    billing = rental.billing
    kind = visit.site.payment_types.get(billing.card_type_id)
    return {
        "LedgerID": rental.ledger_id,
        "unitID": rental.unit_id,
        "sCreditCardHolderName": billing.holder or None,
        "sPmtTypeDesc": kind[0] if kind else None,
        "sCreditCardNum": masked(billing) or None,
        "dCreditCardExpir": billing.expires,
        "sCreditCardStreet": billing.street or None,
        "sCreditCardZip": billing.postal_code or None,
        "iAutoBillType": billing.autopay,
        "iCreditCardTypeID": billing.card_type_id or None,
    }


def _type_refused(visit: Visit, autopay: int, number: str) -> bool:
    type_id = visit.number("iCreditCardTypeID")
    if type_id == 0 and autopay != AUTOPAY_CARD and not number:
        return False
    kind = visit.site.payment_types.get(type_id)
    return kind is None or kind[1] != "CreditCard"


def _unknown_mask(sent: str, stored_last4: str) -> bool:
    return "*" in sent and (not stored_last4 or last4(sent) != stored_last4)


@answers("TenantBillingInfoUpdate", "TenantBillingInfoUpdate_v2")
def update_billing(visit: Visit) -> Answer:
    """Write all billing fields of one ledger; what was not sent becomes blank, except a masked number."""
    rental, autopay = visit.rental("iLedgerID"), visit.number("iAutoBillType")
    number, account = visit.text("sCreditCardNum").strip(), visit.text("sACH_CheckWriterAcctNum").strip()
    if rental is None:
        return returned(FAILED, "The ledger was not found.")
    if _type_refused(visit, autopay, number):
        return returned(INVALID_ID, "Invalid credit card type ID.")
    old = rental.billing
    if (
        autopay not in {AUTOPAY_OFF, AUTOPAY_CARD, AUTOPAY_ACH}
        or _unknown_mask(number, old.card_last4)
        or _unknown_mask(account, old.ach_last4)
    ):
        return returned(_NOT_SAVED, "The billing information could not be saved.")
    rental.billing = _written(visit, old, number, account)
    visit.office.touch(visit.site, rental)
    return returned(rental.ledger_id, changed=True)


def _written(visit: Visit, old: Billing, number: str, account: str) -> Billing:
    keeps_card, keeps_account = "*" in number, "*" in account
    digests = visit.office.digests
    routing = visit.text("sACH_ABA_RoutingNum").strip()
    return Billing(
        autopay=visit.number("iAutoBillType"),
        card_type_id=visit.number("iCreditCardTypeID"),
        card_last4=old.card_last4 if keeps_card else last4(number),
        card_digest=old.card_digest if keeps_card else digests.of(number),
        holder=visit.text("sCreditCardHolderName"),
        street=visit.text("sCreditCardStreet"),
        postal_code=visit.text("sCreditCardZip"),
        expires=visit.moment("dCredtiCardExpir") or NULL_DATE,
        ach_last4=old.ach_last4 if keeps_account else last4(account),
        ach_routing_last4=old.ach_routing_last4 if keeps_account else last4(routing),
        ach_digest=old.ach_digest if keeps_account else digests.of(account),
        ach_code=visit.text("sACH_Check_SavingsCode"),
        days_past_due=visit.number("iAutoBillOnDayPastDue"),
    )
