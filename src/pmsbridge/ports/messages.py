"""What a receiver of webhooks is told: small messages, each of one type, the same at every attempt.

The type says what about: ``tenant.changed`` (a record of the mirror) or ``action.settled`` (an outcome in the journal).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, StringConstraints

from pmsbridge.model.documents import Bulletin, Document, Event, Note, Quote, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.payments import AutopayRecord, Payment, PaymentMethod
from pmsbridge.model.people import Contact, Tenant
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.record import Instant, Record, Value
from pmsbridge.model.rental import ItemOut, Rental
from pmsbridge.model.requests import CallOff, MoveOut, Request
from pmsbridge.ports.outcome import Outcome

__all__ = [
    "ACTION",
    "INSTALMENT_MISSED",
    "MESSAGE_TYPES",
    "PLAN_MISSED",
    "ActionData",
    "ActionMessage",
    "FieldChange",
    "Message",
    "PlanData",
    "PlanMessage",
    "RecordData",
    "RecordMessage",
    "TrialData",
    "TrialMessage",
    "type_of_fate",
]

_RECORDS: Final[tuple[type[Record], ...]] = (
    AutopayRecord, Bulletin, CallOff, Contact, Document, Event, Facility, Invoice, ItemOut, LedgerEntry, MoveOut, Note,
    Payment, PaymentMethod, PortalAccount, Quote, Rental, Request, Reservation, Tenant, Unit,
)  # fmt: skip
_FATES: Final = ("created", "changed", "deleted", "restored")

ACTION: Final = "action"
"""What an action is called where a record has its entity."""

INSTALMENT_MISSED: Final = "instalment_missed"
"""The kind of the action by which staff are told that a part of a payment plan did not come."""

PLAN_MISSED: Final = "plan.instalment_missed"
"""The type of message in which it is told."""

MESSAGE_TYPES: Final = frozenset(
    {f"{record.entity}.{fate}" for record in _RECORDS for fate in _FATES}
    | {f"{ACTION}.{each}" for each in Outcome}
    | {PLAN_MISSED}
)
"""Every type that an endpoint can ask for."""


def type_of_fate(kind: str, outcome: str) -> str:
    """The type of message that an action's new outcome is told in.

    Args:
        kind: What was asked for.
        outcome: One of the five.
    """
    return PLAN_MISSED if kind == INSTALMENT_MISSED and outcome == Outcome.SETTLED.value else f"{ACTION}.{outcome}"


class FieldChange(Value):
    """A field that says something else now.

    Attributes:
        before: None when there was nothing, or it is not known.
        after: None when there is nothing any more.
    """

    before: JsonValue = None
    after: JsonValue = None


class RecordData(Value):
    """Which record became different, and how.

    Attributes:
        account: The configured account.
        facility: The facility's code in it.
        entity: The neutral noun ("tenant").
        id: The back office's id.
        uid: Our own id of the record, unique over all accounts.
        differences: By dotted name of the field; ``changed`` in JSON.
        left_out: Fields that are different too, and whose values are not told: secret by their name, or the message
            would have become too large.
    """

    account: str
    facility: str
    entity: str
    id: str
    uid: str
    differences: dict[str, FieldChange] = Field(default_factory=dict, serialization_alias="changed")
    left_out: tuple[str, ...] = ()


class RecordMessage(Value):
    """A record of the mirror is new, different, gone or back.

    Attributes:
        type: Entity and what happened: "tenant.changed".
        timestamp: When the mirror noticed.
    """

    type: Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.(created|changed|deleted|restored)$")]
    timestamp: Instant
    data: RecordData


class ActionData(Value):
    """Which action has another outcome now.

    Attributes:
        account: The configured account.
        facility: The facility's code in it.
        id: The action's id.
        kind: What was asked for ("pay_rental").
        tenant_id: The back office's id of the tenant; empty for an action without one.
        partial: A part of it was done and another one certainly not, so that ``not_sent`` and ``declined`` are not the
            whole truth: let no money go by them. None when the action has another outcome by now: ask what it is.
        differences: ``outcome``, before and after; ``changed`` in JSON.
    """

    account: str
    facility: str
    entity: Literal["action"] = "action"
    id: str
    kind: str
    tenant_id: str = ""
    partial: bool | None = None
    differences: dict[str, FieldChange] = Field(default_factory=dict, serialization_alias="changed")


class ActionMessage(Value):
    """An action has another outcome now; ``pending`` when a person had it tried again.

    Attributes:
        type: "action." and the outcome: "action.settled".
        timestamp: When the journal noted it.
    """

    type: Annotated[str, StringConstraints(pattern=r"^action\.(settled|declined|not_sent|pending|needs_review)$")]
    timestamp: Instant
    data: ActionData


class PlanData(Value):
    """Which part of an agreed payment plan did not come.

    Attributes:
        account: The configured account.
        facility: The facility's code in it.
        id: Of the action by which staff were told.
        tenant_id: The back office's id of the tenant.
        rental_id: The back office's id of the rental that the plan is about; empty when the tenant was erased since.
        due_on: Business date at the facility, as text; empty when the tenant was erased since.
        amount: With its currency ("40.00 USD"); empty when the tenant was erased since.
    """

    account: str
    facility: str
    entity: Literal["plan"] = "plan"
    id: str
    tenant_id: str
    rental_id: str = ""
    due_on: str = ""
    amount: str = ""


class PlanMessage(Value):
    """A part of an agreed payment plan was due and did not come; told once for each part.

    Attributes:
        timestamp: When the night found it, and staff were told.
    """

    type: Literal["plan.instalment_missed"] = "plan.instalment_missed"
    timestamp: Instant
    data: PlanData


class TrialData(Value):
    """What a person tries an endpoint with.

    Attributes:
        endpoint: Its name in the settings.
    """

    endpoint: str


class TrialMessage(Value):
    """Nothing happened; somebody tries whether messages arrive.

    Attributes:
        timestamp: When it was asked for.
    """

    type: Literal["webhook.test"] = "webhook.test"
    timestamp: Instant
    data: TrialData


Message = RecordMessage | ActionMessage | PlanMessage | TrialMessage
"""Whatever is posted."""
