"""The verbs of a portal, and which effect each needs from a back office."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["EMULATABLE", "MONEY_KINDS", "NEEDS", "TELLS_STAFF", "ActionKind"]


class ActionKind(StrEnum):
    """What a tenant (or staff for a tenant) may ask for."""

    PAY_RENTAL = "pay_rental"
    PAY_ALL = "pay_all"
    PREPAY = "prepay"
    PAY_INVOICE = "pay_invoice"
    PAY_ON_ACCOUNT = "pay_on_account"
    PAY_REQUEST = "pay_request"
    AUTOPAY_ON = "autopay_on"
    AUTOPAY_CHANGE = "autopay_change"
    AUTOPAY_OFF = "autopay_off"
    REQUEST_MOVE_OUT = "request_move_out"
    CANCEL_MOVE_OUT = "cancel_move_out"
    TRANSFER = "transfer"
    REQUEST_CALL_OFF = "request_call_off"
    WITHDRAW_CALL_OFF = "withdraw_call_off"
    ACCEPT_QUOTE = "accept_quote"
    EDIT_CONTACT = "edit_contact"
    SET_CONSENT = "set_consent"
    SET_LANGUAGE = "set_language"
    AGREE_PLAN = "agree_plan"
    NOTE_INSPECTION = "note_inspection"
    ASK_PAYMENT = "ask_payment"
    WITHDRAW_REQUEST = "withdraw_request"
    ADD_NOTE = "add_note"
    ATTACH_DOCUMENT = "attach_document"
    ASK_STAFF = "ask_staff"
    RESERVE_UNIT = "reserve_unit"
    ORDER = "order"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - a word, not a password
    CHANGE_ACCESS_CODE = "change_access_code"
    LOOK_UP_CODE = "look_up_code"

    @property
    def is_per_rental(self) -> bool:
        """Asked for one rental, not for the tenant as a whole."""
        return self in _PER_RENTAL

    @property
    def words(self) -> str:
        """For a sentence: "request move out"."""
        return self.value.replace("_", " ")


_K = ActionKind
_PER_RENTAL: Final = frozenset(
    {
        _K.PAY_RENTAL,
        _K.AUTOPAY_ON,
        _K.AUTOPAY_CHANGE,
        _K.AUTOPAY_OFF,
        _K.REQUEST_MOVE_OUT,
        _K.CANCEL_MOVE_OUT,
        _K.TRANSFER,
        _K.REQUEST_CALL_OFF,
        _K.WITHDRAW_CALL_OFF,
        _K.ACCEPT_QUOTE,
        _K.ADD_NOTE,
        _K.AGREE_PLAN,
        _K.NOTE_INSPECTION,
        _K.CHANGE_ACCESS_CODE,
        _K.LOOK_UP_CODE,
    }
)

MONEY_KINDS: Final = frozenset(
    {_K.PAY_RENTAL, _K.PAY_ALL, _K.PREPAY, _K.PAY_INVOICE, _K.PAY_ON_ACCOUNT, _K.PAY_REQUEST}
)

NEEDS: Final[dict[ActionKind, str]] = {
    _K.PAY_RENTAL: "take_payment",
    _K.PAY_ALL: "take_payment",
    _K.PREPAY: "take_payment",
    _K.PAY_INVOICE: "pay_invoice",
    _K.PAY_ON_ACCOUNT: "pay_on_account",
    _K.PAY_REQUEST: "take_payment",
    _K.AUTOPAY_ON: "set_autopay",
    _K.AUTOPAY_CHANGE: "set_autopay",
    _K.AUTOPAY_OFF: "set_autopay",
    _K.REQUEST_MOVE_OUT: "schedule_move_out",
    _K.CANCEL_MOVE_OUT: "cancel_move_out",
    _K.TRANSFER: "reserve_unit",
    _K.REQUEST_CALL_OFF: "request_call_off",
    _K.WITHDRAW_CALL_OFF: "withdraw_call_off",
    _K.ACCEPT_QUOTE: "accept_quote",
    _K.EDIT_CONTACT: "change_contact",
    _K.SET_CONSENT: "set_consent",
    _K.SET_LANGUAGE: "set_language",
    _K.AGREE_PLAN: "add_note",
    _K.NOTE_INSPECTION: "add_note",
    _K.ASK_PAYMENT: "send_mail",
    _K.WITHDRAW_REQUEST: "send_mail",
    _K.ADD_NOTE: "add_note",
    _K.ATTACH_DOCUMENT: "attach_document",
    _K.ASK_STAFF: "post_bulletin",
    _K.RESERVE_UNIT: "reserve_unit",
    _K.ORDER: "order",
    _K.CHANGE_PASSWORD: "set_web_password",
    _K.CHANGE_ACCESS_CODE: "change_access_code",
    _K.LOOK_UP_CODE: "look_up_code",
}
"""The effect each verb stands on. Paying one invoice, or money on account, is a payment that not every back office
can aim so, and a code is looked up where it can be read and a note be left of that: each has a word of its own."""

EMULATABLE: Final = frozenset(
    {
        "schedule_move_out",
        "cancel_move_out",
        "change_contact",
        "set_consent",
        "set_language",
        "reserve_unit",
        "request_call_off",
        "withdraw_call_off",
        "accept_quote",
        "order",
    }
)
"""Effects that a member of staff can do by hand from a task. Money and secrets never travel in a task."""

TELLS_STAFF: Final = frozenset({
    _K.REQUEST_MOVE_OUT, _K.CANCEL_MOVE_OUT, _K.TRANSFER, _K.REQUEST_CALL_OFF, _K.WITHDRAW_CALL_OFF, _K.ACCEPT_QUOTE,
    _K.EDIT_CONTACT, _K.SET_LANGUAGE, _K.ASK_STAFF, _K.ORDER,
})  # fmt: skip
"""Verbs that staff hear of whatever the back office does itself; of others, only what they have to do by hand."""
