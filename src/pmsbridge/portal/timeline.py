"""What happened between a tenant and the office, in one line of time: payments, notes, requests, edits, mails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.kinds import MONEY_KINDS, ActionKind
from pmsbridge.engine.outcomes import ActionView, StepView
from pmsbridge.model.documents import Note, NoteKind, Visibility
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Payment
from pmsbridge.model.record import Instant, Value, VendorRef
from pmsbridge.ports.messages import INSTALMENT_MISSED
from pmsbridge.ports.outcome import Outcome

__all__ = ["Interaction", "InteractionKind", "of_actions", "of_notes", "of_payments", "put_in_order"]


class InteractionKind(StrEnum):
    """What happened. A service request is anything staff were asked for; a mail is one that we sent."""

    PAYMENT = "payment"
    NOTE = "note"
    CALL = "call"
    REQUEST = "request"
    EDIT = "edit"
    MAIL = "mail"


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
            text=paid.method_text, amount=paid.amount, rental_id=rental_id, ref=paid.ref,
        )  # fmt: skip


def of_notes(notes: Iterable[Note], zone: str) -> Iterator[Interaction]:
    """Notes; one without a day cannot be put in order and is left out. A note of a conversation is a call."""
    for note in notes:
        on = note.written_on or (_day(note.written_at, zone) if note.written_at is not None else None)
        if on is None:
            continue
        kind = InteractionKind.CALL if note.kind is NoteKind.INTERACTION else InteractionKind.NOTE
        yield Interaction(
            kind=kind, on=on, at=note.written_at, author=note.author, text=note.text, note_kind=note.kind,
            visibility=note.visibility, rental_id=note.rental_id, ref=note.ref,
        )  # fmt: skip


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
    )  # fmt: skip


def _of_mail(view: ActionView, step: StepView, zone: str) -> Interaction:
    at = step.finished_at or step.sent_at or view.submitted_at
    return Interaction(
        kind=InteractionKind.MAIL, on=_day(at, zone), at=at, state=step.outcome.value, author="pmsbridge",
        text=view.kind.replace("_", " "), visibility=Visibility.INTERNAL, action_id=view.action_id,
    )  # fmt: skip


def put_in_order(
    found: Iterable[Interaction], *, since: date | None, until: date | None, internal: bool
) -> tuple[Interaction, ...]:
    """Newest first, between two business dates, inclusive; without what a customer may not read unless it is wanted."""
    kept = [
        each for each in found
        if (since is None or each.on >= since) and (until is None or each.on <= until)
        and (internal or each.visibility is Visibility.CUSTOMER)
    ]  # fmt: skip
    return tuple(sorted(kept, key=lambda each: (each.on, each.at is not None, each.at), reverse=True))


def _day(at: Instant, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
