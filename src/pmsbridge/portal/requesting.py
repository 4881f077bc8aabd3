"""The other verbs of a tenant session: autopay, moving out, contact data, consents, notes, reservations, password."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from pmsbridge.actions.effects import LARGEST_DOCUMENT_BYTES, ContactField
from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError, NotFoundError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.earlier import stored_document
from pmsbridge.model.money import Money
from pmsbridge.model.payments import expires_before
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.places import Unit, UnitState
from pmsbridge.model.sealed import BankAccount, Card, Sealed, WebPassword
from pmsbridge.portal.arguments import (
    checked_amount,
    checked_choice,
    checked_day,
    checked_flag,
    checked_id,
    checked_key,
    checked_quantity,
    checked_whole,
    checked_words,
    wiped_on_refusal,
)
from pmsbridge.portal.card_numbers import refuse_card_number
from pmsbridge.portal.contact import checked_changes, checked_seen, contact_values, refuse_nameless
from pmsbridge.portal.office import Office, Perform, rental_of
from pmsbridge.portal.plans import Instalment, PaymentPlan, plan_text

if TYPE_CHECKING:
    from pmsbridge.actions.plans import Planner

__all__ = ["TEXT_LIMIT_CHARS", "Requesting", "checked_text"]

TEXT_LIMIT_CHARS = 1500
_MOST_DAYS_AFTER_DUE = 28
_MOST_PIECES = 1000
_LONGEST_TITLE_CHARS = 120
_DOCUMENTS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LANGUAGE_TAG = re.compile(r"(?:en|fr)(?:-[A-Za-z0-9]{2,8}){0,3}")
_SHORTEST_LOGIN_CHARS, _LONGEST_LOGIN_CHARS = 3, 200


class Requesting:
    """Verbs that change state or ask somebody. Each is journalled before anything is sent."""

    _office: Office

    def set_autopay(
        self,
        rental_id: str,
        *,
        on: bool,
        method: Card | BankAccount | None = None,
        days_after_due: int | None = None,
        key: str,
    ) -> ActionView:
        """Switch autopay of one rental on or off, or change what it charges. Setting the same state again is harmless.

        Args:
            rental_id: One of this tenant's rentals.
            on: Whether the back office shall charge by itself.
            method: A new card or bank account; None keeps the one on file, which is never blanked.
            days_after_due: 0 to 28; None keeps what is set.
            key: The idempotency key of this click.

        Raises:
            IneligibleError: No usable method ("method_needed", "method_expired"), or autopay is mandatory.
            NotFoundError: The rental is not this tenant's.
        """
        with wiped_on_refusal(method):
            rental, checked = checked_id("rental_id", rental_id), checked_key(key)
            _checked_autopay(on=on, method=method, days_after_due=days_after_due)
        face = method.face if method is not None else None
        kind = ActionKind.AUTOPAY_OFF if not on else ActionKind.AUTOPAY_CHANGE if method else ActionKind.AUTOPAY_ON
        intent = {
            "rental_id": rental,
            "on": on,
            "method": stored_document(face) if face is not None else None,
            "days_after_due": days_after_due,
        }

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            if expires_before(face, planner.today):
                raise IneligibleError("This card has expired.", code="method_expired", unblock="Enter another card.")
            self._office.allowed(
                kind, account, rental_id=rental, asked=Asked(has_new_method=face is not None if on else None)
            )
            row = rental_of(account, rental)
            return planner.autopay(row, on=on, method=face, days_after_due=days_after_due)

        def hand_out(_plan: Plan) -> Mapping[str, Sealed]:
            return {"autopay": method.split(1)[0]} if method is not None else {}

        return self._perform(kind, checked, intent)(decide, sealed=hand_out, typed=method)

    def request_move_out(self, rental_id: str, leaving_on: date, *, key: str) -> ActionView:
        """Schedule a move-out, or change its date. A request: the unit stays let until the back office says otherwise.

        Args:
            rental_id: One of this tenant's rentals.
            leaving_on: Business date at the facility; the offer's facts say the earliest and latest.
            key: The idempotency key of this click.

        Raises:
            InputError: The day is no date.
            IneligibleError: The date is in the past, too near, or too far; or the rental has ended.
            NotFoundError: The rental is not this tenant's.
        """
        rental, day = checked_id("rental_id", rental_id), checked_day("leaving_on", leaving_on)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            asked = Asked(leaving_on=day)
            self._office.allowed(ActionKind.REQUEST_MOVE_OUT, account, rental_id=rental, asked=asked)
            return planner.move_out(rental_of(account, rental), day)

        intent = {"rental_id": rental, "leaving_on": day.isoformat()}
        return self._perform(ActionKind.REQUEST_MOVE_OUT, key, intent)(decide)

    def cancel_move_out(self, rental_id: str, *, key: str) -> ActionView:
        """Take a scheduled move-out back.

        Raises:
            IneligibleError: None is scheduled.
            NotFoundError: The rental is not this tenant's.
        """
        rental = checked_id("rental_id", rental_id)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.CANCEL_MOVE_OUT, account, rental_id=rental)
            return planner.cancel_move_out(rental_of(account, rental))

        return self._perform(ActionKind.CANCEL_MOVE_OUT, key, {"rental_id": rental})(decide)

    def request_call_off(
        self,
        rental_id: str,
        item_id: str,
        quantity: Decimal | int,
        wanted_on: date,
        *,
        key: str,
        place: str = "",
        comment: str = "",
    ) -> ActionView:
        """Ask for items on a contract to be called off rent. A request: the rental runs on until the yard acts.

        Args:
            rental_id: One of this tenant's contracts.
            item_id: One of its items.
            quantity: How many of it, in its measure; at most what is out and not called off yet.
            wanted_on: Business date at the facility from which it shall be off rent and may be collected.
            key: The idempotency key of this click.
            place: Where it is to be collected; empty for where it was delivered.
            comment: For the yard.

        Raises:
            InputError: The quantity is no exact number, the day no date, or a text does not fit; nothing was tried.
            IneligibleError: More than is out ("quantity_exceeds_out"), a day in the past ("backdated_needs_staff"), or
                another of the reasons there are; the code says which. Nothing was tried.
            NotFoundError: The contract is not this tenant's, or has no such item.
        """
        rental, item = checked_id("rental_id", rental_id), checked_id("item_id", item_id)
        many, day = checked_quantity("quantity", quantity), checked_day("wanted_on", wanted_on)
        where = checked_text("place", place, limit=200) if place else ""
        words = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            asked = Asked(item_id=item, quantity=many, wanted_on=day)
            self._office.allowed(ActionKind.REQUEST_CALL_OFF, account, rental_id=rental, asked=asked)
            row = rental_of(account, rental)
            line = row.rental.item(item)
            assert line is not None  # noqa: S101 - the judge has found it
            return planner.call_off(row, line, many, day, place=where, comment=words)

        intent = {
            "rental_id": rental, "item_id": item, "quantity": format(many, "f"), "wanted_on": day.isoformat(),
            "place": where, "comment": words,
        }  # fmt: skip
        return self._perform(ActionKind.REQUEST_CALL_OFF, key, intent)(decide)

    def accept_quote(self, rental_id: str, *, key: str, comment: str = "") -> ActionView:
        """Tell the office that a quote is accepted. A request: only the office makes a contract of it.

        Raises:
            IneligibleError: It is no quote, or no longer one ("no_quote").
            NotFoundError: The quote is not this tenant's.
        """
        rental = checked_id("rental_id", rental_id)
        words = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.ACCEPT_QUOTE, account, rental_id=rental)
            return planner.accept_quote(rental_of(account, rental), words)

        return self._perform(ActionKind.ACCEPT_QUOTE, key, {"rental_id": rental, "comment": words})(decide)

    def edit_contact(
        self, changes: Mapping[str, str], *, key: str, seen: Mapping[str, str] | None = None
    ) -> ActionView:
        """Change contact fields; what is not named stays as it is. Staff get a mail, a bulletin post and a note.

        Args:
            changes: New values by field name ("phone", "address.city" ...); empty text clears a field.
            key: The idempotency key of this click.
            seen: What the person saw when editing; None for what the record holds now. A field that changed meanwhile
                refuses the whole edit.

        Raises:
            InputError: A field is unknown or its value does not fit; nothing was tried.
            IneligibleError: A field holds something else than the person saw ("changed_meanwhile"); nothing was tried.
        """
        wanted = checked_changes(changes)
        shown = checked_seen(seen, wanted)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.EDIT_CONTACT, account)
            tenant = self._office.adapter.tenant(self._office.facility, self._office.tenant_id)
            current = contact_values(tenant)
            refuse_nameless(tenant, wanted)
            _refuse_stale(current, shown, wanted)
            return planner.edit_contact(wanted, {name: current[name] for name in wanted})

        return self._perform(ActionKind.EDIT_CONTACT, key, {"changes": dict(wanted), "seen": shown})(decide)

    def set_consent(
        self, channel: ConsentChannel | str, purpose: ConsentPurpose | str, *, granted: bool, key: str
    ) -> ActionView:
        """Write an answer about one channel and purpose.

        Raises:
            InputError: There is no such channel or purpose, or the answer is not True or False.
            UnsupportedError: This back office keeps no such answer and staff cannot either.
        """
        by = checked_choice("channel", ConsentChannel, channel)
        what = checked_choice("purpose", ConsentPurpose, purpose)
        answer = checked_flag("granted", granted)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.SET_CONSENT, account)
            return planner.consent(by, what, granted=answer)

        intent = {"channel": by.value, "purpose": what.value, "granted": answer}
        return self._perform(ActionKind.SET_CONSENT, key, intent)(decide)

    def set_sms_consent(self, granted: bool, *, key: str) -> ActionView:  # noqa: FBT001 - it is the sentence's object
        """Opt in to or out of text messages about the account (not marketing). Raises as ``set_consent`` does."""
        return self.set_consent(ConsentChannel.SMS, ConsentPurpose.ACCOUNT_NOTIFICATIONS, granted=granted, key=key)

    def set_language(self, language: str, *, key: str) -> ActionView:
        """Have a tenant written to in another language: every later mail of ours follows, and staff write it down.

        Args:
            language: A tag that begins with "en" or "fr" ("fr-CA").
            key: The idempotency key of this click.

        Raises:
            InputError: It is no such tag.
        """
        tag = checked_words("language", language)
        if not _LANGUAGE_TAG.fullmatch(tag):
            raise InputError("language", "is no language that is spoken here", remedy="en or fr, like fr-CA.")

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.SET_LANGUAGE, account)
            return planner.language(tag)

        return self._perform(ActionKind.SET_LANGUAGE, key, {"language": tag})(decide)

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
            _refuse_past("instalments", min(parts), planner.today)
            if {amount.currency for amount in parts.values()} != {account.facility.currency}:
                raise InputError("instalments", f"must be in {account.facility.currency}")
            row = rental_of(account, rental)
            plan = PaymentPlan(rental_id=rental, agreed_on=planner.today, instalments=agreed)
            text = plan_text(plan, row.rental.label)
            return planner.note(row, text, kind=NoteKind.PAYMENT_ARRANGEMENT, visibility=Visibility.INTERNAL)

        intent = {"rental_id": rental, "instalments": [stored_document(each) for each in agreed]}
        return self._perform(ActionKind.AGREE_PLAN, key, intent)(decide)

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

    def attach_document(self, title: str, data: bytes, *, key: str, rental_id: str | None = None) -> ActionView:
        """Hand in a document (PDF, PNG or JPEG); it is put beside the rental, or beside the tenant.

        Args:
            title: A file name without a folder.
            data: The bytes, at most 512 KiB: they wait in the journal until they are delivered.
            key: The idempotency key of this click.
            rental_id: One of this tenant's rentals; None for the tenant as a whole.

        Raises:
            InputError: The name does not fit, or the bytes are none of these kinds, none, or too many.
            NotFoundError: The rental is not this tenant's.
            UnsupportedError: This back office keeps no documents.
        """
        rental = checked_id("rental_id", rental_id) if rental_id is not None else None
        name, media_type = _checked_title(title), _checked_document(data)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.ATTACH_DOCUMENT, account, rental_id=rental)
            return planner.attach(rental_of(account, rental) if rental is not None else None, name, media_type, data)

        intent = {"rental_id": rental, "title": name, "sha256": hashlib.sha256(data).hexdigest()}
        return self._perform(ActionKind.ATTACH_DOCUMENT, key, intent)(decide)

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
            _refuse_past("due_on", day, planner.today)
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

    def reserve(
        self, unit_id: str, needed_on: date, *, key: str, expires_on: date | None = None, comment: str = ""
    ) -> ActionView:
        """Reserve a unit for this tenant.

        Raises:
            InputError: A date lies in the past, or is none, or the comment does not fit.
            NotFoundError: There is no such unit at the facility.
        """
        wanted, day = checked_id("unit_id", unit_id), checked_day("needed_on", needed_on)
        until = checked_day("expires_on", expires_on) if expires_on is not None else None
        if until is not None and until < day:
            raise InputError("expires_on", "lies before needed_on", remedy=f"Choose {day} or later.")
        note = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.RESERVE_UNIT, account)
            _refuse_past("needed_on", day, planner.today)
            return planner.reserve(self._unit(wanted), day, expires_on=until, comment=note)

        intent = {"unit_id": wanted, "needed_on": day.isoformat(), "comment": note}
        return self._perform(ActionKind.RESERVE_UNIT, key, intent)(decide)

    def transfer(
        self,
        rental_id: str,
        unit_id: str,
        moving_on: date,
        *,
        key: str,
        leaving_on: date | None = None,
        comment: str = "",
    ) -> ActionView:
        """Change from one unit to another: the new one is held first, and only then a day written for the old one.

        A request: both rentals stay as they are until the back office says otherwise. Staff are told what is left to
        do: the lease, the belongings, the access codes. What stops half way leaves the tenant the old unit, and at
        most a reservation too many; the outcome is then ``partial``.

        Args:
            rental_id: The rental to be left.
            unit_id: A free unit of the facility.
            moving_on: Business date from which the new unit is needed.
            key: The idempotency key of this click.
            leaving_on: Business date on which the old unit is left, not before ``moving_on``; None for that day.
            comment: For staff.

        Raises:
            InputError: A day is none or past, or they are the wrong way round; nothing was tried.
            IneligibleError: The unit is not free ("unit_taken"), or the old one cannot be left then; see the code.
            NotFoundError: The rental is not this tenant's, or there is no such unit.
        """
        rental, wanted = checked_id("rental_id", rental_id), checked_id("unit_id", unit_id)
        day = checked_day("moving_on", moving_on)
        last = checked_day("leaving_on", leaving_on) if leaving_on is not None else day
        if last < day:
            raise InputError("leaving_on", "lies before moving_on", remedy=f"Choose {day} or later.")
        words = checked_text("comment", comment, limit=500) if comment else ""

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            _refuse_past("moving_on", day, planner.today)
            self._office.allowed(ActionKind.TRANSFER, account, rental_id=rental, asked=Asked(leaving_on=last))
            unit = self._unit(wanted)
            _refuse_taken(unit)
            return planner.transfer(rental_of(account, rental), unit, day, last, comment=words)

        intent = {
            "rental_id": rental, "unit_id": wanted, "moving_on": day.isoformat(), "leaving_on": last.isoformat(),
            "comment": words,
        }  # fmt: skip
        return self._perform(ActionKind.TRANSFER, key, intent)(decide)

    def change_password(self, login: str, password: WebPassword, *, key: str) -> ActionView:
        """Set the portal login where the back office keeps it. The password is used for one send and wiped.

        Raises:
            InputError: The login is empty, or the password does not have the back office's shape.
            UnsupportedError: This back office keeps no portal passwords.
        """
        with wiped_on_refusal(password):
            name, checked = _checked_login(login), checked_key(key)
            if not isinstance(password, WebPassword):
                raise InputError("password", "must be a WebPassword", shape=type(password).__name__)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.CHANGE_PASSWORD, account)
            return planner.web_password(name)

        def hand_out(_plan: Plan) -> Mapping[str, Sealed]:
            return {"password": password.split(1)[0]}

        perform = self._perform(ActionKind.CHANGE_PASSWORD, checked, {"login": name})
        return perform(decide, sealed=hand_out, typed=password)

    def _unit(self, unit_id: str) -> Unit:
        try:
            return self._office.adapter.unit(self._office.facility, unit_id)
        except NotFoundError as error:
            raise NotFoundError("unit_id", "is no unit of this facility", code=error.code) from None

    def _perform(self, kind: ActionKind, key: str, intent: Mapping[str, object]) -> Perform:
        return Perform(self._office, kind, checked_key(key), intent)


def _refuse_past(field: str, day: date | None, today: date) -> None:
    if day is not None and day < today:
        raise InputError(field, "lies in the past", remedy=f"Choose {today} or later.")


def _refuse_taken(unit: Unit) -> None:
    if unit.state is not UnitState.VACANT:
        message = f"Unit {unit.number} is not free."
        raise IneligibleError(message, code="unit_taken", unblock="Choose another unit.")


def _checked_autopay(*, on: bool, method: Card | BankAccount | None, days_after_due: int | None) -> None:
    checked_flag("on", on)
    if method is not None and not isinstance(method, Card | BankAccount):
        raise InputError(
            "method", "is not a way to pay", shape=type(method).__name__, remedy="Give a Card or a BankAccount."
        )
    if method is not None and not on:
        raise InputError("method", "makes no sense when autopay is switched off", remedy="Leave it out.")
    if days_after_due is not None:
        checked_whole("days_after_due", days_after_due, low=0, high=_MOST_DAYS_AFTER_DUE)


def _checked_title(title: str) -> str:
    name = checked_text("title", title, limit=_LONGEST_TITLE_CHARS)
    if any(sign in "/\\" or not sign.isprintable() for sign in name):
        raise InputError("title", "is no plain file name", remedy="Leave the folder out.")
    return name


def _checked_document(data: object) -> str:
    """The kind of a document, by how it begins."""
    if not isinstance(data, bytes) or not data:
        raise InputError("data", "must be bytes, and not empty", shape=type(data).__name__)
    if len(data) > LARGEST_DOCUMENT_BYTES:
        raise InputError(
            "data", f"is larger than {LARGEST_DOCUMENT_BYTES:,} bytes", shape=f"{len(data):,} bytes",
            remedy="Make it smaller; nothing is cut silently.",
        )  # fmt: skip
    found = next((kind for start, kind in _DOCUMENTS.items() if data.startswith(start)), None)
    if found is None:
        raise InputError("data", "is no PDF, PNG or JPEG", shape=f"{len(data):,} bytes")
    return found


def _checked_login(login: str) -> str:
    name = checked_words("login", login)
    if not _SHORTEST_LOGIN_CHARS <= len(name) <= _LONGEST_LOGIN_CHARS:
        raise InputError(
            "login",
            f"must have {_SHORTEST_LOGIN_CHARS} to {_LONGEST_LOGIN_CHARS} characters",
            shape=f"{len(name)} characters",
        )
    refuse_card_number("login", name)
    return name


def _refuse_stale(
    current: Mapping[ContactField, str], shown: Mapping[str, str], wanted: Mapping[ContactField, str]
) -> None:
    stale = [name for name in wanted if name in shown and shown[name] != current[name]]
    if stale:
        message = f"The record changed since it was shown: {', '.join(stale)}. Nothing was written."
        raise IneligibleError(message, code="changed_meanwhile", unblock="Show the record again.")


def checked_text(field: str, text: str, *, limit: int = TEXT_LIMIT_CHARS) -> str:
    """Text that a person typed, without the blanks around it.

    Raises:
        InputError: It is none, empty, longer than ``limit`` characters, or holds a card number.
    """
    clean = checked_words(field, text)
    if not clean:
        raise InputError(field, "is empty")
    if len(clean) > limit:
        raise InputError(
            field,
            f"is longer than {limit} characters",
            shape=f"{len(clean)} characters",
            remedy="Shorten it or send it in parts; nothing is cut silently.",
        )
    refuse_card_number(field, clean)
    return clean
