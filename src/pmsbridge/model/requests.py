"""Requests: a move-out or a call-off is asked for here and carried out by the back office, never by us."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Final

from pydantic import Field

from pmsbridge.model.money import ExactDecimal
from pmsbridge.model.record import Id, Instant, OpenEnum, Record

__all__ = [
    "CallOff",
    "CallOffReason",
    "CallOffState",
    "MoveOut",
    "Request",
    "RequestKind",
    "RequestState",
    "call_off_step_is_allowed",
    "request_step_is_allowed",
]


class RequestKind(OpenEnum):
    """What is asked for."""

    MOVE_OUT = "move_out"
    CALL_OFF = "call_off"
    SERVICE = "service"
    CONTACT_US = "contact_us"
    TRANSFER = "transfer"
    QUOTE_ACCEPTANCE = "quote_acceptance"
    UNKNOWN = "unknown"


class RequestState(OpenEnum):
    """The life of a request."""

    NEW = "new"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    UNKNOWN = "unknown"


class CallOffState(OpenEnum):
    """The life of a call-off of one line and quantity."""

    REQUESTED = "requested"
    REFUSED = "refused"
    ACKNOWLEDGED = "acknowledged"
    OFF_RENT = "off_rent"
    PICKUP_SCHEDULED = "pickup_scheduled"
    PICKED_UP = "picked_up"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


class CallOffReason(OpenEnum):
    """Why a call-off was refused."""

    NOT_DELIVERED = "not_delivered"
    ALREADY_OFF_RENT = "already_off_rent"
    CONTRACT_NOT_OPEN = "contract_not_open"
    QUANTITY_EXCEEDS_OUT = "quantity_exceeds_out"
    BACKDATED_NEEDS_STAFF = "backdated_needs_staff"
    RATE_TYPE_EXCLUDED = "rate_type_excluded"
    PAST_CUTOFF = "past_cutoff"
    UNKNOWN = "unknown"


_R = RequestState
_REQUEST_STEPS: Final[dict[RequestState, frozenset[RequestState]]] = {
    _R.NEW: frozenset({_R.SENT, _R.WITHDRAWN, _R.FAILED}),
    _R.SENT: frozenset({_R.ACKNOWLEDGED, _R.DONE, _R.REFUSED, _R.WITHDRAWN, _R.FAILED}),
    _R.ACKNOWLEDGED: frozenset({_R.DONE, _R.REFUSED, _R.WITHDRAWN}),
    _R.DONE: frozenset(),
    _R.REFUSED: frozenset(),
    _R.WITHDRAWN: frozenset(),
    _R.FAILED: frozenset(),
    _R.UNKNOWN: frozenset(RequestState),
}
_C = CallOffState
_CALL_OFF_STEPS: Final[dict[CallOffState, frozenset[CallOffState]]] = {
    _C.REQUESTED: frozenset({_C.REFUSED, _C.ACKNOWLEDGED, _C.WITHDRAWN}),
    _C.ACKNOWLEDGED: frozenset({_C.OFF_RENT}),
    _C.OFF_RENT: frozenset({_C.PICKUP_SCHEDULED, _C.PICKED_UP}),
    _C.PICKUP_SCHEDULED: frozenset({_C.PICKED_UP}),
    _C.PICKED_UP: frozenset({_C.CLOSED}),
    _C.CLOSED: frozenset(),
    _C.REFUSED: frozenset(),
    _C.WITHDRAWN: frozenset(),
    _C.UNKNOWN: frozenset(CallOffState),
}


def request_step_is_allowed(before: RequestState, after: RequestState) -> bool:
    """Whether a request may go from one state to another."""
    return before is after or after in _REQUEST_STEPS[before]


def call_off_step_is_allowed(before: CallOffState, after: CallOffState) -> bool:
    """Whether a call-off may go from one state to another; it is withdrawn only before it is acknowledged."""
    return before is after or after in _CALL_OFF_STEPS[before]


class Request(Record):
    """Something a tenant asked for, with a life of its own.

    Attributes:
        reference: What it can be found by again in the back office.
        state_read_at: When the back office last said so.
    """

    entity: ClassVar[str] = "request"

    tenant_id: Id
    rental_id: Id | None = None
    kind: RequestKind
    state: RequestState
    vendor_state: str = ""
    reference: str = ""
    text: str = ""
    asked_at: Instant
    state_read_at: Instant | None = None


class MoveOut(Request):
    """A move-out carries two dates.

    Attributes:
        notice_given_on: When the tenant told us, a business date.
        leaving_on: When the tenant leaves, a business date. The rental stays let and the rent runs until the back
            office says otherwise.
    """

    entity: ClassVar[str] = "move_out"

    kind: RequestKind = RequestKind.MOVE_OUT
    notice_given_on: date
    leaving_on: date


class CallOff(Request):
    """A call-off of a quantity of one contract line; the rental runs on until the store acts."""

    entity: ClassVar[str] = "call_off"

    kind: RequestKind = RequestKind.CALL_OFF
    item_id: Id
    quantity: ExactDecimal = Field(gt=0)
    call_off_state: CallOffState
    reason: CallOffReason | None = None
    stop_at: Instant | None = None
    call_number: str = ""
    pickup_on: date | None = None
