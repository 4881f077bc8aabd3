"""Verbs that tell the office something: notes, plans of payment, papers, questions, orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.instalments import Instalment, PaymentPlan, plan_text
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import InputError, NotFoundError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.earlier import stored_document
from pmsbridge.model.money import Money
from pmsbridge.portal.arguments import (
    checked_amount,
    checked_choice,
    checked_day,
    checked_flag,
    checked_id,
    checked_whole,
)
from pmsbridge.portal.collecting import Collecting
from pmsbridge.portal.handed_in import Readable, handed_in
from pmsbridge.portal.inspecting import inspection_text, refuse_unmade
from pmsbridge.portal.office import rental_of
from pmsbridge.portal.typed import checked_text, refuse_past

if TYPE_CHECKING:
    from pmsbridge.actions.plans import Planner

__all__ = ["Asking"]

_MOST_PIECES = 1000
_LONGEST_TITLE_CHARS = 120


class Asking(Collecting):
    """A part of ``TenantSession``. Each verb is journalled before anything is sent."""

    def agree_plan(self, rental_id: str, instalments: Mapping[date, Money], *, key: str) -> ActionView:
        """For staff: agree on a payment plan; it is documented as a note, and replaces the one before.

        ``StaffDesk.plan`` compares it with the ledger.

        Args:
            rental_id: One of this tenant's rentals.
            instalments: By business date; each positive, none in the past.
            key: The idempotency key of this click.

        Raises:
            InputError: There is none, an amount does not fit, or a day lies in the past.
            IneligibleError: The session is not of staff ("staff_only").
            NotFoundError: The rental is not this tenant's.
        """
        rental = checked_id("rental_id", rental_id)
        days = {checked_day("instalments", day): checked_amount(amount) for day, amount in instalments.items()}
        if not days or not all(amount is not None and amount.is_payable for amount in days.values()):
            raise InputError("instalments", "needs amounts that can be paid, by their days")
        parts = {day: amount for day, amount in sorted(days.items()) if amount is not None}
        agreed = tuple(Instalment(due_on=day, amount=amount) for day, amount in parts.items())

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.AGREE_PLAN, account, rental_id=rental)
            refuse_past("instalments", min(parts), planner.today)
            if {amount.currency for amount in parts.values()} != {account.facility.currency}:
                raise InputError("instalments", f"must be in {account.facility.currency}")
            row = rental_of(account, rental)
            plan = PaymentPlan(rental_id=rental, agreed_on=planner.today, instalments=agreed)
            text = plan_text(plan, row.rental.label)
            return planner.note(row, text, kind=NoteKind.PAYMENT_ARRANGEMENT, visibility=Visibility.INTERNAL)

        intent = {"rental_id": rental, "instalments": [stored_document(each) for each in agreed]}
        return self._perform(ActionKind.AGREE_PLAN, key, intent)(decide)

    def note_inspection(
        self,
        rental_id: str,
        on: date,
        *,
        key: str,
        is_done: bool = False,
        findings: str = "",
        visibility: Visibility | str = Visibility.INTERNAL,
    ) -> ActionView:
        """For staff: note the inspection of a unit that is left, planned or made. It replaces what was noted before.

        ``move_out_progress`` shows it from then on where the back office's own calendar has none. It stands in the back
        office as a note on the rental.

        Args:
            rental_id: One of this tenant's rentals.
            on: Business date at the facility: of today or later for a planned one, of today or earlier for one made.
            key: The idempotency key of this click.
            is_done: It was made; False while it is only planned.
            findings: What was found; empty for nothing.
            visibility: Whether the tenant may read the note and the findings. That something was found shows anyway.

        Raises:
            InputError: The day or the findings contradict ``is_done``, or a text does not fit; nothing was tried.
            IneligibleError: The session is not of staff ("staff_only").
            NotFoundError: The rental is not this tenant's.
            UnsupportedError: This back office keeps no notes.
        """
        rental, day = checked_id("rental_id", rental_id), checked_day("on", on)
        is_made, seen_by = checked_flag("is_done", is_done), checked_choice("visibility", Visibility, visibility)
        found = checked_text("findings", findings, limit=1000) if findings else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.NOTE_INSPECTION, account, rental_id=rental)
            refuse_unmade(day, is_done=is_made, findings=found, today=planner.today)
            row = rental_of(account, rental)
            text = inspection_text(row.rental.label, day, is_done=is_made, findings=found)
            return planner.note(row, text, kind=NoteKind.GENERAL, visibility=seen_by)

        intent = {
            "rental_id": rental, "on": day.isoformat(), "is_done": is_made, "findings": found,
            "visibility": seen_by.value,
        }  # fmt: skip
        return self._perform(ActionKind.NOTE_INSPECTION, key, intent)(decide)

    def add_note(
        self,
        rental_id: str,
        text: str,
        *,
        key: str,
        kind: NoteKind | str = NoteKind.GENERAL,
        visibility: Visibility | str = Visibility.INTERNAL,
    ) -> ActionView:
        """Write a note on a rental's account; internal unless said otherwise.

        Raises:
            InputError: The text is empty, too long or holds a card number; nothing was tried.
        """
        rental, checked = checked_id("rental_id", rental_id), checked_text("text", text)
        about = checked_choice("kind", NoteKind, kind)
        seen_by = checked_choice("visibility", Visibility, visibility)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.ADD_NOTE, account, rental_id=rental)
            return planner.note(rental_of(account, rental), checked, kind=about, visibility=seen_by)

        intent = {"rental_id": rental, "text": checked, "kind": about.value, "visibility": seen_by.value}
        return self._perform(ActionKind.ADD_NOTE, key, intent)(decide)

    def attach_document(
        self, title: str, data: bytes | Readable, *, key: str, rental_id: str | None = None
    ) -> ActionView:
        """Hand in a document (PDF, PNG or JPEG); it is put beside the rental, or beside the tenant.

        Args:
            title: A file name without a folder.
            data: The bytes, or a binary file open for reading: it is read to its end, a piece at a time, and kept
                beside the journal until it is delivered. At most ``portal.largest_file`` bytes.
            key: The idempotency key of this click. The same key with other bytes is another wish, and is refused.
            rental_id: One of this tenant's rentals; None for the tenant as a whole.

        Raises:
            InputError: The name does not fit, or the bytes are none of these kinds, none, or too many
                ("file_too_large").
            IneligibleError: The back office takes none as large as this ("file_too_large").
            NotFoundError: The rental is not this tenant's.
            UnsupportedError: This back office keeps no documents, or none like this.
        """
        rental = checked_id("rental_id", rental_id) if rental_id is not None else None
        name, largest = _checked_title(title), self._office.rules.largest_file
        with handed_in(name, data, largest=largest) as file:

            def decide(account: TenantAccount, planner: Planner) -> Plan:
                asked = Asked(file_bytes=file.size)
                self._office.allowed(ActionKind.ATTACH_DOCUMENT, account, rental_id=rental, asked=asked)
                row = rental_of(account, rental) if rental is not None else None
                return planner.attach(row, name, file.media_type, size=file.size, sha256=file.sha256)

            intent = {"rental_id": rental, "title": name, "sha256": file.sha256}
            perform = self._perform(ActionKind.ATTACH_DOCUMENT, key, intent)
            return perform(decide, files=lambda plan: {step.name: file for step in plan.steps})

    def ask_staff(self, subject: str, text: str, *, key: str, due_on: date | None = None) -> ActionView:
        """Hand a request to staff (service, question, follow up): a note, a bulletin post and a mail.

        Args:
            subject: What it is about, at most 100 characters.
            text: What is asked for.
            key: The idempotency key of this click.
            due_on: Business date by which staff should have followed up; None for no day in particular.

        Raises:
            InputError: A text is empty, too long or holds a card number, or the day is none or past; nothing was tried.
        """
        checked_subject, checked = checked_text("subject", subject, limit=100), checked_text("text", text)
        day = checked_day("due_on", due_on) if due_on is not None else None

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.ASK_STAFF, account)
            refuse_past("due_on", day, planner.today)
            return planner.ask_staff(checked_subject, checked, due_on=day)

        intent = {"subject": checked_subject, "text": checked, **({"due_on": day.isoformat()} if day else {})}
        return self._perform(ActionKind.ASK_STAFF, key, intent)(decide)

    def order(self, item_id: str, quantity: int, *, key: str, comment: str = "") -> ActionView:
        """Ask for something of the shop (``session.rules.shop``). A request: staff deliver and bill it.

        Args:
            item_id: Of the shop.
            quantity: 1 to 1,000.
            key: The idempotency key of this click.
            comment: For staff.

        Raises:
            InputError: The quantity does not fit, or the comment; nothing was tried.
            NotFoundError: The shop has no such item.
            IneligibleError: The shop is closed ("section_off") or empty ("nothing_to_order").
        """
        wanted, many = checked_id("item_id", item_id), checked_whole("quantity", quantity, low=1, high=_MOST_PIECES)
        words = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.ORDER, account)
            item = next((each for each in self._office.rules.shop if each.id == wanted), None)
            if item is None:
                raise NotFoundError("item_id", "is nothing that this shop has")
            lines = [f"{many} x {item.name} ({item.id})", item.price, words]
            return planner.order(item.name, "\n".join(line for line in lines if line))

        return self._perform(ActionKind.ORDER, key, {"item_id": wanted, "quantity": many, "comment": words})(decide)


def _checked_title(title: str) -> str:
    name = checked_text("title", title, limit=_LONGEST_TITLE_CHARS)
    if any(sign in "/\\" or not sign.isprintable() for sign in name):
        raise InputError("title", "is no plain file name", remedy="Leave the folder out.")
    return name
