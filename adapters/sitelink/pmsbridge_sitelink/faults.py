"""Return codes: one table from operation and code to what it means for us.

Business answers arrive with HTTP 200 and a return code. Codes are not global: the same number means different things in
different operations, so the operation is looked up first. Above zero is success everywhere; zero means "no data" for a
read and proves nothing for a write. A code that is not in the table is unknown for a write: it is looked for, not
repeated.

Source: public client code; the texts of payment refusals were seen by a portal in production, their numbers were not
recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final

from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.logging import redact

__all__ = ["BUSY_PAUSE", "RULES", "TEXTS", "Meaning", "Rule", "TextRule", "fault_of", "told"]

BUSY_PAUSE: Final = timedelta(seconds=15)
"""How long to wait after "server busy"."""

_TOLD_CHARACTERS: Final = 200


class Meaning(Enum):
    """What a code says.

    REFUSED: no, and nothing changed. MISSING: there is no such record. BUSY: later; a write may have got through all
    the same. UNKNOWN: it may have happened. ACCOUNT: a person must act on the account. EMPTY: nothing to report.
    """

    REFUSED = "refused"
    MISSING = "missing"
    BUSY = "busy"
    UNKNOWN = "unknown"
    ACCOUNT = "account"
    EMPTY = "empty"
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: operation pattern and code, what it means, our word for it, and what to tell."""

    operations: str
    code: int
    meaning: Meaning
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class TextRule:
    """A refusal known by its text: what it contains (lower case), and our word for it."""

    operations: str
    contains: str
    meaning: Meaning
    word: str


_M = Meaning
RULES: Final = (
    Rule("*", -89, _M.ACCOUNT, "invalid_licence", "the API licence key is not valid"),
    Rule("*", -97, _M.ACCOUNT, "facility_refused", "the location code is not valid for this account"),
    Rule("*", -98, _M.ACCOUNT, "login_failed", "the API user or its password is not accepted"),
    Rule("*", -94, _M.ACCOUNT, "usage_password", "a usage password is wrong"),
    Rule("*", -90, _M.BUSY, "busy", "the server is busy"),
    Rule("*", -99, _M.UNKNOWN, "general_exception", "general exception"),
    Rule("Payment*", -100, _M.REFUSED, "card_refused", "the card was not authorised"),
    Rule("Payment*", -95, _M.REFUSED, "invalid_id", "the tenant, unit or card type is not valid"),
    Rule("TenantBillingInfoUpdate*", -1, _M.REFUSED, "rental_not_found", "the rental was not found"),
    Rule("TenantBillingInfoUpdate*", -2, _M.UNKNOWN, "not_saved", "the billing information could not be saved"),
    Rule(
        "TenantBillingInfoUpdate*", -95, _M.REFUSED, "invalid_card_type", "the card type is not valid at this facility"
    ),
    Rule("ReservationNewWithSource*", -3, _M.REFUSED, "invalid_discount", "the discount plan is not valid"),
    Rule("ReservationNewWithSource*", -25, _M.REFUSED, "invalid_unit", "the unit is not valid"),
    Rule("ReservationNewWithSource*", -26, _M.REFUSED, "no_tax_rates", "the tax rates are missing"),
    Rule("ReservationNewWithSource*", -95, _M.REFUSED, "invalid_tenant", "the tenant is not valid"),
    Rule(
        "TenantUpdate*", -2, _M.REFUSED, "gate_code_refused", "the gate code is not valid or belongs to another tenant"
    ),
    Rule("TenantUpdate*", -95, _M.REFUSED, "invalid_tenant", "the tenant is not valid"),
    Rule("TenantLogin", -1, _M.EMPTY, "no_match", "no such login"),
    Rule("TenantIDByUnitNameOrAccessCode", -1, _M.EMPTY, "no_match", "no such unit or code"),
    Rule("TenantInfoByTenantID", -1, _M.MISSING, "tenant_not_found", "there is no such tenant"),
    Rule("LedgersByTenantID*", -1, _M.MISSING, "tenant_not_found", "there is no such tenant"),
    Rule("UnitsInformationByUnitID", -95, _M.MISSING, "unit_not_found", "there is no such unit"),
    Rule("RentRoll", -1, _M.EMPTY, "no_data", "no data"),
    Rule("PastDueBalances", -1, _M.EMPTY, "no_data", "no data"),
    Rule("ScheduledMoveOuts", -1, _M.EMPTY, "no_data", "no data"),
    Rule("TenantListComplete*", -1, _M.EMPTY, "no_data", "no data"),
    Rule("*", -75, _M.REFUSED, "feature_disabled", "the facility is disabled for this"),
    Rule("*", -95, _M.REFUSED, "invalid_id", "an id is not valid"),
)
"""First row that fits wins."""

TEXTS: Final = (
    TextRule("Payment*", "too many days past due", _M.REFUSED, "too_many_days_past_due"),
    TextRule("Payment*", "online payments disabled", _M.REFUSED, "online_payments_disabled"),
    TextRule("Payment*", "online payments are disabled", _M.REFUSED, "online_payments_disabled"),
    TextRule("Payment*", "no payment needed", _M.REFUSED, "no_payment_needed"),
    TextRule("Payment*", "complimentary", _M.REFUSED, "no_payment_needed"),
    TextRule("Payment*", "no credit card processor", _M.REFUSED, "no_card_processor"),
    TextRule("*", "method not implemented", _M.NOT_OFFERED, "not_implemented"),
    TextRule("*", "general exception", _M.UNKNOWN, "general_exception"),
    TextRule("*", "error retrieving ledger data", _M.REFUSED, "ledger_unavailable"),
    TextRule("*", "invalid tenant", _M.MISSING, "tenant_not_found"),
    TextRule("*", "invalid ledger", _M.MISSING, "rental_not_found"),
    TextRule("*", "ledger not found", _M.MISSING, "rental_not_found"),
    TextRule("*", "invalid unit", _M.MISSING, "unit_not_found"),
    TextRule("Payment*", "must be greater than zero", _M.REFUSED, "amount_not_payable"),
    TextRule("Payment*", "credit card type id", _M.REFUSED, "card_brand_not_taken"),
)
"""Looked at for codes below zero that are no account or busy code; first that fits wins, before the code's own row."""

_DEFINITE: Final[dict[Meaning, type[PmsBridgeError]]] = {
    Meaning.REFUSED: RejectedError,
    Meaning.MISSING: RejectedError,
    Meaning.NOT_OFFERED: UnsupportedError,
}

_REFUSES_ALL: Final = frozenset({
    "card_refused", "no_card_processor", "card_brand_not_taken", "online_payments_disabled", "feature_disabled",
})  # fmt: skip

_PLAIN: Final = frozenset({Meaning.ACCOUNT, Meaning.BUSY, Meaning.EMPTY})
"""Meanings that no text changes."""

_REMEDIES: Final = {
    "invalid_licence": "Check license_key.",
    "facility_refused": "Check the facility's code, and that the licence covers it.",
    "login_failed": "Check corp_code, user and password.",
    "usage_password": "Nothing here needs one; ask the vendor.",
}


def told(message: str) -> str:
    """The back office's own text, made safe to repeat, on one line; empty when it said nothing."""
    return " ".join(redact(message).split())[:_TOLD_CHARACTERS]


def fault_of(operation: str, code: int, message: str = "", *, is_write: bool) -> PmsBridgeError | None:
    """The error a return code stands for; None for success and for "nothing to report".

    Args:
        operation: The operation that answered.
        code: Its return code.
        message: The back office's text, not yet made safe.
        is_write: Whether it may have changed something.
    """
    if code > 0 or (code == 0 and not is_write):
        return None
    rule = _rule(operation, code, message)
    if rule is not None and is_write and _part_may_be_done(operation, rule):
        rule = replace(rule, meaning=Meaning.UNKNOWN)
    if rule is None:
        return _unlisted(operation, code, message, is_write=is_write)
    return _error(operation, rule, message, is_write=is_write)


def _part_may_be_done(operation: str, rule: Rule) -> bool:
    """Several payments in one call: nobody knows whether a refusal of one leaves the others undone.

    Only what is refused for the one card that pays for all of them, or for the whole facility, is a no to all.
    """
    is_refusal = rule.meaning in {Meaning.REFUSED, Meaning.MISSING}
    return is_refusal and fnmatchcase(operation, "PaymentMultiple*") and rule.word not in _REFUSES_ALL


def _rule(operation: str, code: int, message: str) -> Rule | None:
    """The row of a code; a text that says more wins over a plain refusal or an unknown."""
    listed = next((rule for rule in RULES if rule.code == code and fnmatchcase(operation, rule.operations)), None)
    if code >= 0 or (listed is not None and listed.meaning in _PLAIN):
        return listed
    return _by_text(operation, code, message) or listed


def _by_text(operation: str, code: int, message: str) -> Rule | None:
    lower = message.lower()
    for rule in TEXTS:
        if rule.contains in lower and fnmatchcase(operation, rule.operations):
            return Rule(rule.operations, code, rule.meaning, rule.word, rule.word.replace("_", " "))
    return None


def _unlisted(operation: str, code: int, message: str, *, is_write: bool) -> PmsBridgeError:
    text = f"{operation}: return code {code}{_quoted(message)}"
    if is_write:
        return OutcomeUnknownError(f"{text}, which proves neither success nor refusal", code=f"code_{code}")
    return RejectedError(text, code=f"code_{code}")


def _error(operation: str, rule: Rule, message: str, *, is_write: bool) -> PmsBridgeError | None:
    text = f"{operation}: {rule.text} ({rule.code}){_quoted(message)}"
    if rule.meaning is Meaning.EMPTY:
        return None
    if rule.meaning is Meaning.ACCOUNT:
        return ConfigurationError(f"{text}. {_REMEDIES[rule.word]}", code=rule.word)
    if rule.meaning is Meaning.MISSING and not is_write:
        return NotFoundError(operation, rule.text, code=rule.word)
    if rule.meaning in _DEFINITE:
        return _DEFINITE[rule.meaning](text, code=rule.word)
    return _later(rule, text, is_write=is_write)


def _later(rule: Rule, text: str, *, is_write: bool) -> PmsBridgeError:
    if is_write:
        return OutcomeUnknownError(text, code=rule.word)
    pause = BUSY_PAUSE if rule.meaning is Meaning.BUSY else None
    return UnavailableError(text, retry_after=pause, code=rule.word)


def _quoted(message: str) -> str:
    text = told(message)
    return f': "{text}"' if text else ""
