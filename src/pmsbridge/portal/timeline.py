"""What happened between a tenant and the office, in one line of time: payments, notes, requests, edits, mails.

Each line says which way it went and by what it travelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.kinds import MONEY_KINDS, ActionKind
from pmsbridge.engine.outcomes import ActionView, StepView
from pmsbridge.model.documents import Note, NoteKind, Visibility
from pmsbridge.model.interactions import AttachedPaper, Channel, Direction, RecordedInteraction
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Payment
from pmsbridge.model.record import Instant, Value, VendorRef
from pmsbridge.ports.messages import INSTALMENT_MISSED
from pmsbridge.ports.outcome import Outcome

__all__ = [
    "Interaction",
    "InteractionKind",
    "is_customer",
    "of_actions",
    "of_notes",
    "of_payments",
    "of_recorded",
    "put_in_order",
]


class InteractionKind(StrEnum):
    """What happened. A service request is anything staff were asked for; a mail was sent by us, or was recorded.

    A message is anything else that was recorded: by SMS, by post, at the desk, in somebody else's portal.
    """

    PAYMENT = "payment"
    NOTE = "note"
    CALL = "call"
    REQUEST = "request"
    EDIT = "edit"
    MAIL = "mail"
    MESSAGE = "message"


class Interaction(Value):
    """One line of the history.

    Attributes:
        on: Business date at the facility.
        at: The instant, where it is known.
        state: How it stands or ended: an outcome of ours, or the state of a payment; empty for a note.
        author: Who did it, where it is known: "tenant", "staff:NAME", or the back office's own word.
        text: The note's text, or what was asked for in our words.
        amount: Of a payment.
        visibility: Whether a customer may read it.
        ref: The back office's own record; None for what only we know.
        action_id: The action behind it; None for what did not come through us.
        direction: Which way it went: what a customer asks for, pays or hands in is in; what they are sent is out.
        channel: By what it travelled.
        message_id: Of what was recorded; empty for anything else.
        sender: Whom that says it is from, which proves nothing; empty where nobody is named.
        subject: Of a mail that was recorded.
        attachments: What came with it, by reference.
    """

    kind: InteractionKind
    on: date
    at: Instant | None = None
    state: str = ""
    author: str = ""
    text: str = ""
    amount: Money | None = None
    note_kind: NoteKind | None = None
    visibility: Visibility = Visibility.CUSTOMER
    rental_id: str | None = None
    ref: VendorRef | None = None
    action_id: str | None = None
    direction: Direction = Direction.UNKNOWN
    channel: Channel = Channel.OFFICE
    message_id: str = ""
    sender: str = ""
    subject: str = ""
    attachments: tuple[AttachedPaper, ...] = ()


_EDITS: Final = frozenset(
    {ActionKind.EDIT_CONTACT, ActionKind.SET_CONSENT, ActionKind.CHANGE_PASSWORD, ActionKind.CHANGE_ACCESS_CODE}
)
_SILENT: Final = frozenset(
    {ActionKind.ADD_NOTE, ActionKind.LOOK_UP_CODE, ActionKind.NOTE_INSPECTION, INSTALMENT_MISSED}
)
"""What shows as the back office's own record already: a note."""


def of_payments(payments: Iterable[Payment], rental_id: str) -> Iterator[Interaction]:
    """Payments of one rental."""
    for paid in payments:
        yield Interaction(
            kind=InteractionKind.PAYMENT, on=paid.paid_on, at=paid.paid_at, state=paid.state.value,
            text=paid.method_text, amount=paid.amount, rental_id=rental_id, ref=paid.ref, direction=Direction.IN,
        )  # fmt: skip


def of_notes(
    notes: Iterable[Note], zone: str, *, is_customers: Callable[[Note], bool] = lambda _: False
) -> Iterator[Interaction]:
    """Notes; one without a day cannot be put in order and is left out. A note of a conversation is a call.

    Args:
        notes: As read.
        zone: IANA zone of the facility.
        is_customers: Whether the customer wrote it through us.
    """
    for note in notes:
        on = note.written_on or (_day(note.written_at, zone) if note.written_at is not None else None)
        if on is None:
            continue
        is_call = note.kind is NoteKind.INTERACTION
        kind = InteractionKind.CALL if is_call else InteractionKind.NOTE
        came_in = is_customers(note)
        yield Interaction(
            kind=kind, on=on, at=note.written_at, author=note.author, text=note.text, note_kind=note.kind,
            visibility=note.visibility, rental_id=note.rental_id, ref=note.ref,
            direction=Direction.IN if came_in else _of_a_note(note, is_call=is_call),
            channel=Channel.PORTAL if came_in else Channel.PHONE if is_call else Channel.OFFICE,
        )  # fmt: skip


def _of_a_note(note: Note, *, is_call: bool) -> Direction:
    """Of one that staff wrote: who called whom it does not say."""
    if is_call:
        return Direction.UNKNOWN
    return Direction.OUT if note.visibility is Visibility.CUSTOMER else Direction.INTERNAL


def of_recorded(found: Iterable[RecordedInteraction], zone: str) -> Iterator[Interaction]:
    """What was recorded by hand or by a hook."""
    for said in found:
        yield Interaction(
            kind=_RECORDED.get(said.channel, InteractionKind.MESSAGE), on=_day(said.at, zone), at=said.at,
            author=said.recorded_by, text=said.text, visibility=said.visibility, rental_id=said.rental_id,
            direction=said.direction, channel=said.channel, message_id=said.message_id, sender=said.sender,
            subject=said.subject, attachments=said.attachments,
        )  # fmt: skip


_RECORDED: Final = {Channel.EMAIL: InteractionKind.MAIL, Channel.PHONE: InteractionKind.CALL}


def of_actions(actions: Iterable[ActionView], zone: str) -> Iterator[Interaction]:
    """What was asked for through us, and the mails it sent. A settled payment is the back office's own line."""
    for view in actions:
        if not _shows_elsewhere(view):
            yield _of_action(view, zone)
        yield from (_of_mail(view, step, zone) for step in view.steps if step.kind == "send_mail")


def _shows_elsewhere(view: ActionView) -> bool:
    return view.kind in _SILENT or (view.kind in MONEY_KINDS and view.outcome is Outcome.SETTLED)


def _of_action(view: ActionView, zone: str) -> Interaction:
    kind = InteractionKind.REQUEST
    if view.kind in MONEY_KINDS:
        kind = InteractionKind.PAYMENT
    elif view.kind in _EDITS:
        kind = InteractionKind.EDIT
    return Interaction(
        kind=kind, on=_day(view.submitted_at, zone), at=view.submitted_at, state=view.outcome.value,
        author=view.actor, text=view.kind.replace("_", " "), action_id=view.action_id,
        direction=Direction.IN if is_customer(view.actor) else Direction.INTERNAL, channel=Channel.PORTAL,
    )  # fmt: skip


def is_customer(actor: str) -> bool:
    """Whether somebody acted who is the tenant, or a contact of theirs."""
    return actor == "tenant" or actor.startswith("contact:")


def _of_mail(view: ActionView, step: StepView, zone: str) -> Interaction:
    at = step.finished_at or step.sent_at or view.submitted_at
    return Interaction(
        kind=InteractionKind.MAIL, on=_day(at, zone), at=at, state=step.outcome.value, author="pmsbridge",
        text=view.kind.replace("_", " "), visibility=Visibility.INTERNAL, action_id=view.action_id,
        # Notices to staff are beside what they tell of; a mail that is the action itself goes to the customer.
        direction=Direction.OUT if step.is_principal else Direction.INTERNAL, channel=Channel.EMAIL,
    )  # fmt: skip


def put_in_order(
    found: Iterable[Interaction],
    *,
    since: date | None,
    until: date | None,
    internal: bool,
) -> tuple[Interaction, ...]:
    """Newest first, between two business dates, inclusive; without what a customer may not read unless it is wanted."""
    kept = [
        each for each in found
        if (since is None or each.on >= since) and (until is None or each.on <= until)
        and (internal or each.visibility is Visibility.CUSTOMER)
    ]  # fmt: skip
    return tuple(sorted(kept, key=lambda each: (each.on, each.at is not None, each.at), reverse=True))


def _day(at: Instant, zone: str) -> date:
    """At the facility; at either end of the calendar the day in UTC, for there may be none beyond it."""
    try:
        return at.astimezone(ZoneInfo(zone)).date()
    except OverflowError:
        return at.date()
