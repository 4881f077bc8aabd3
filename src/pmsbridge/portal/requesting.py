"""Verbs about the tenant's own settings: autopay, contact data, consents, language, password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pmsbridge.actions.effects import ContactField
from pmsbridge.actions.eligibility import Asked
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.earlier import stored_document
from pmsbridge.model.payments import StoredMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.sealed import BankAccount, Card, Sealed, WebPassword
from pmsbridge.portal.arguments import (
    checked_choice,
    checked_days_after_due,
    checked_flag,
    checked_id,
    checked_key,
    checked_words,
    wiped_on_refusal,
)
from pmsbridge.portal.asking import Asking
from pmsbridge.portal.card_numbers import refuse_card_in_id, refuse_card_number
from pmsbridge.portal.contact import checked_changes, checked_seen, contact_values, refuse_nameless
from pmsbridge.portal.means import face_of
from pmsbridge.portal.methods import choice_of, kept_for_autopay, stored_method
from pmsbridge.portal.office import rental_of
from pmsbridge.portal.typed import TEXT_LIMIT_CHARS, checked_text

if TYPE_CHECKING:
    from pmsbridge.actions.plans import Planner

__all__ = ["TEXT_LIMIT_CHARS", "Requesting", "checked_login", "checked_text"]

_LANGUAGE_TAG = re.compile(r"(?:en|fr)(?:-[A-Za-z0-9]{2,8}){0,3}")
_SHORTEST_LOGIN_CHARS, _LONGEST_LOGIN_CHARS = 3, 200


class Requesting(Asking):
    """Verbs that change state or ask somebody. Each is journalled before anything is sent."""

    def set_autopay(
        self,
        rental_id: str,
        *,
        on: bool,
        method: Card | BankAccount | StoredMethod | None = None,
        days_after_due: int | None = None,
        key: str,
    ) -> ActionView:
        """Switch autopay of one rental on or off, or change what it charges. Setting the same state again is harmless.

        Args:
            rental_id: One of this tenant's rentals.
            on: Whether the back office shall charge by itself.
            method: A new card or bank account, or one that is stored already (``StoredMethod(method_id=one.id)`` of
                ``payment_methods()``); None keeps the one that is set, which is never blanked. What this back office
                takes is among the offer's facts ("by"). Where it cannot change what is charged without harm, staff do,
                and are told what was chosen and the day; the offer says ``is_emulated``.
            days_after_due: 0 to 28; None keeps what is set.
            key: The idempotency key of this click.

        Raises:
            IneligibleError: No usable method ("method_needed", "method_expired", "method_not_usable"), or autopay is
                mandatory. Where the back office has no place for it: what is named ("method_not_taken"), a first one
                ("method_by_office"), or another day ("day_not_taken").
            NotFoundError: The rental, or what is stored, is not this tenant's.
        """
        with wiped_on_refusal(method):
            rental, checked = checked_id("rental_id", rental_id), checked_key(key)
            _checked_autopay(on=on, method=method, days_after_due=days_after_due)
        means = face_of(method) if method is not None else None
        typed = method if isinstance(method, Sealed) else None
        face = typed.face if isinstance(typed, Card | BankAccount) else None
        said = means if isinstance(means, StoredMethod) else face
        kind = ActionKind.AUTOPAY_OFF if not on else ActionKind.AUTOPAY_CHANGE if method else ActionKind.AUTOPAY_ON
        intent = {
            "rental_id": rental,
            "on": on,
            "method": stored_document(said) if said is not None else None,
            "days_after_due": days_after_due,
        }
        asked = Asked(
            has_new_method=means is not None if on else None, has_new_day=days_after_due is not None,
            by=means.by if means is not None else "card", face=face,
        )  # fmt: skip

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            office = self._office
            charged = stored_method(office, means, "method") if isinstance(means, StoredMethod) else None
            office.allowed(kind, account, rental_id=rental, asked=replace(asked, method=charged))
            row = rental_of(account, rental)
            stored = kept_for_autopay(office, row) if on and means is None else None
            if isinstance(means, StoredMethod):
                stored = choice_of(means, charged)
            return planner.autopay(
                row, on=on, method=face, days_after_due=days_after_due, stored=stored,
                names_unit=office.asks_autopay_by_unit,
            )  # fmt: skip

        def hand_out(_plan: Plan) -> Mapping[str, Sealed]:
            return {"autopay": typed.split(1)[0]} if typed is not None else {}

        return self._perform(kind, checked, intent)(decide, sealed=hand_out, typed=typed)

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
        """Write an answer about one channel and purpose; where the back office has no place for it, staff do.

        Raises:
            InputError: There is no such channel or purpose, or the answer is not True or False.
        """
        by = checked_choice("channel", ConsentChannel, channel)
        what = checked_choice("purpose", ConsentPurpose, purpose)
        answer = checked_flag("granted", granted)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.SET_CONSENT, account)
            return planner.consent(by, what, granted=answer, has_a_place=self._office.keeps_consent(by, what))

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

    def change_password(self, login: str, password: WebPassword, *, key: str) -> ActionView:
        """Set the portal login where the back office keeps it. The password is used for one send and wiped.

        Raises:
            InputError: The login is empty, or the password does not have the back office's shape.
            UnsupportedError: This back office keeps no portal passwords.
        """
        with wiped_on_refusal(password):
            name, checked = checked_login(login), checked_key(key)
            if not isinstance(password, WebPassword):
                raise InputError("password", "must be a WebPassword", shape=type(password).__name__)

        def decide(account: TenantAccount, planner: Planner) -> Plan:
            self._office.allowed(ActionKind.CHANGE_PASSWORD, account)
            return planner.web_password(name)

        def hand_out(_plan: Plan) -> Mapping[str, Sealed]:
            return {"password": password.split(1)[0]}

        perform = self._perform(ActionKind.CHANGE_PASSWORD, checked, {"login": name})
        return perform(decide, sealed=hand_out, typed=password)


def _checked_autopay(*, on: bool, method: object, days_after_due: int | None) -> None:
    checked_flag("on", on)
    if method is not None and not isinstance(method, Card | BankAccount | StoredMethod):
        remedy = "Give a Card, a BankAccount or a StoredMethod."
        raise InputError("method", "is not a way to pay", shape=type(method).__name__, remedy=remedy)
    if isinstance(method, StoredMethod):
        refuse_card_in_id("method.method_id", method.method_id)
    if method is not None and not on:
        raise InputError("method", "makes no sense when autopay is switched off", remedy="Leave it out.")
    if days_after_due is not None:
        checked_days_after_due(days_after_due)


def checked_login(login: str) -> str:
    """The name of a portal login.

    Raises:
        InputError: It is no text, too short or too long, or holds a card number.
    """
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
