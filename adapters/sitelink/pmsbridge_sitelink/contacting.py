"""Contact data, consent and portal password of a tenant.

The contact update writes every field of a tenant at once: what is left out becomes empty, the gate code, the portal
password and the social security number included. So the whole record is read, one field is changed, everything is
written back as it was read, and the record is read again. The poisonous fields live for the length of one method, in
an object that cannot be printed, copied or stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from pmsbridge.actions.effects import ChangeContact, ContactField, SetConsent, SetWebPassword
from pmsbridge.errors import (
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.sealed import Sealed, WebPassword
from pmsbridge.ports.capability import Dedup, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge.transport.http import Deadline
from pmsbridge_sitelink.connection import seen_after, vendor_id
from pmsbridge_sitelink.letting import Letting
from pmsbridge_sitelink.mapping.cells import Row, boolean, text
from pmsbridge_sitelink.mapping.people import CONTACT_COLUMNS
from pmsbridge_sitelink.paying import enter_again
from pmsbridge_sitelink.wire import OPERATIONS, Table

__all__ = ["UPDATE", "Contacting", "whole_request"]

UPDATE: Final = "TenantUpdate_v3"
"""Writes every field of a tenant at once."""

_RENAMED: Final = {"sGateCode": "sAccessCode", "sCountryCode": "sCountryCodeMobile"}
"""Parameters whose column has another name."""

_MOVES_BY_ITSELF: Final = frozenset({"dUpdated", "uTS", "bHasActiveLedger", "dcLatitude", "dcLongitude"})
"""Columns the back office changes on its own when a record is written."""

_PASSWORD_CHARACTERS: Final = range(4, 11)
_DAY_CHARACTERS: Final = 10
_NO_DAY: Final = ("", "0001-01-01")


class Contacting(Letting):
    """Edits of a tenant's own record."""

    # contact data

    @handles(
        ChangeContact,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="manual transcripts: an update writes every field and blanks what it is not given",
    )
    def _change_contact(self, effect: ChangeContact, attempt: Attempt) -> Receipt:
        """Read, merge, write, read back. Anything else that changed meanwhile is evidence, not success."""
        end = self._write_deadline(attempt)
        with self._whole_tenant(effect.facility, effect.tenant_id, end) as before:
            if _is_as_wanted(effect, before):
                return Receipt(
                    evidence="it was so already; nothing was sent", at=self._connection.clock.now(), read_back=True
                )
            _refuse_if_changed_meanwhile(effect, before)
            with Sealed(**{**before, **_columns(effect.changes)}).open() as wanted:
                answered = self._connection.write(
                    UPDATE, effect.facility, whole_request(effect.tenant_id, wanted), deadline=end
                )
                differs = seen_after(lambda: self._differences(effect.facility, effect.tenant_id, wanted))
        if differs:
            message = f"answered with {answered.code}, but reading it back shows other values in {', '.join(differs)}"
            raise OutcomeUnknownError(message, code="read_back_differs")
        changed = ", ".join(sorted(effect.changes))
        return Receipt(
            evidence=f"{changed} answered with {answered.code}"
            + (", not read back" if differs is None else ", read back"),
            code=str(answered.code),
            at=self._connection.clock.now(),
            read_back=differs is not None,
        )

    @contextmanager
    def _whole_tenant(self, facility: str, tenant_id: str, end: Deadline | None = None) -> Iterator[Row]:
        """Every column of the tenant, the poisonous ones included, for as long as the block runs.

        This is the only read that does not throw them away while parsing.
        """
        params = {"iTenantID": vendor_id("tenant", tenant_id)}
        rows = self._connection.read("TenantInfoByTenantID", facility, params, drop=(), deadline=end)
        found = rows.get(Table.ROWS, ())
        if not found:
            raise NotFoundError("tenant", "there is no such tenant", code="tenant_not_found")
        with Sealed(**found[0]).open() as row:
            yield row

    def _differences(self, facility: str, tenant_id: str, expected: Row) -> list[str]:
        """Columns that are not as they should be after the edit; names only."""
        with self._whole_tenant(facility, tenant_id) as after:
            names = (set(expected) | set(after)) - _MOVES_BY_ITSELF
            return sorted(name for name in names if not _is_same(name, expected.get(name), after.get(name)))

    @baselines(ChangeContact)
    def _contact_before(self, effect: ChangeContact) -> Mapping[str, str]:
        """The fields to be changed as they are now, and a digest of all others; nothing else of the record is kept."""
        row = self._tenant_row(effect.facility, effect.tenant_id)
        before = {f"before.{field}": text(row, CONTACT_COLUMNS[field]) for field in effect.changes}
        return {**before, "others": _digest_of_others(effect, row)}

    @probes(ChangeContact)
    def _find_contact(self, effect: ChangeContact, attempt: Attempt) -> Probed:
        """All fields as asked: found. All as before: absent. A mixture, or something third: nobody can tell."""
        old = attempt.baseline
        row = self._tenant_row(effect.facility, effect.tenant_id)
        if _is_as_wanted(effect, row):
            if old.get("others") not in {None, _digest_of_others(effect, row)}:
                return CannotTell("the fields are as asked, but another field of the record changed too")
            evidence = f"read back: {', '.join(sorted(effect.changes))}"
            return Found(Receipt(evidence=evidence, at=self._connection.clock.now(), read_back=True))
        if all(text(row, CONTACT_COLUMNS[field]) == old.get(f"before.{field}") for field in effect.changes):
            return Absent("the fields are as they were before")
        return CannotTell("the fields hold neither what was asked for nor what was there before")

    def _tenant_row(self, facility: str, tenant_id: str) -> Row:
        params = {"iTenantID": vendor_id("tenant", tenant_id)}
        rows = self._connection.read("TenantInfoByTenantID", facility, params).get(Table.ROWS, ())
        if not rows:
            raise NotFoundError("tenant", "there is no such tenant", code="tenant_not_found")
        return rows[0]

    # consent

    def keeps_consent(self, channel: ConsentChannel, purpose: ConsentPurpose) -> bool:  # noqa: ARG002 - it tells none apart
        """There is one switch, for text messages."""
        return channel is ConsentChannel.SMS

    @handles(
        SetConsent,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="manual transcripts: one switch for text messages, whatever their purpose",
    )
    def _set_consent(self, effect: SetConsent, attempt: Attempt) -> Receipt:
        """Switch text messages on or off. There is one switch for all purposes, and none for other channels."""
        _check_channel(effect)
        params = {"iTenantID": vendor_id("tenant", effect.tenant_id), "bSMSOptIn": effect.granted}
        answered = self._connection.write(
            "TenantSMSOptInUpdate", effect.facility, params, deadline=self._write_deadline(attempt)
        )
        return Receipt(
            evidence=f"text messages {'on' if effect.granted else 'off'}, answered with {answered.code}",
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    @probes(SetConsent)
    def _find_consent(self, effect: SetConsent, attempt: Attempt) -> Probed:  # noqa: ARG002 - a state needs no history
        """Whether the switch stands as asked."""
        _check_channel(effect)
        shown = boolean(self._tenant_row(effect.facility, effect.tenant_id), "bSMSOptIn")
        if bool(shown) != effect.granted:
            return Absent(f"text messages are {'on' if shown else 'off'}")
        evidence = f"read back: text messages {'on' if shown else 'off'}"
        return Found(Receipt(evidence=evidence, at=self._connection.clock.now(), read_back=True))

    # portal password

    @handles(
        SetWebPassword,
        dedup=Dedup.STATE,
        source="live contract; 4 to 10 characters per manual transcripts; set for the e-mail address given with it",
    )
    def _set_web_password(self, effect: SetWebPassword, attempt: Attempt) -> Receipt:
        """Set portal login and password. The login becomes the tenant's e-mail address there.

        When the answer is lost, the new password is tried at once: a log-on that works proves it, one that does not
            proves nothing.
        """
        password = attempt.sealed
        if not isinstance(password, WebPassword) or password.is_wiped:
            raise enter_again("password")
        if password.length_chars not in _PASSWORD_CHARACTERS:
            password.wipe()
            raise RejectedError("a password here has 4 to 10 characters; nothing was sent", code="password_length")
        tenant_id = vendor_id("tenant", effect.tenant_id)
        end = self._write_deadline(attempt)
        with password.open() as parts:
            params = {"TenantID": tenant_id, "sEmail": effect.login, "sWebPassword": parts["password"]}
            try:
                answered = self._connection.write("TenantLoginAndSecurityUpdate", effect.facility, params, deadline=end)
            except OutcomeUnknownError:
                if not self._opens(effect, parts["password"]):
                    raise
                return Receipt(
                    evidence="the new password opens the account", at=self._connection.clock.now(), read_back=True
                )
        return Receipt(
            evidence=f"portal login answered with {answered.code}",
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    def _opens(self, effect: SetWebPassword, password: str) -> bool:
        try:
            matched = self.sign_in(effect.facility, login=effect.login, password=WebPassword(password))
        except PmsBridgeError:
            return False
        return effect.tenant_id in matched


def _check_channel(effect: SetConsent) -> None:
    if effect.channel is not ConsentChannel.SMS:
        message = f"this back office keeps no consent for {effect.channel.value}"
        raise UnsupportedError(message, code="consent_channel")


def _digest_of_others(effect: ChangeContact, row: Row) -> str:
    """One digest over every harmless column that the edit must leave alone; the poisonous ones never come here."""
    kept = sorted(set(row) - set(_columns(effect.changes)) - _MOVES_BY_ITSELF)
    digest = hashlib.blake2b(effect.model_dump_json().encode(), digest_size=16)
    for name in kept:
        if _is_same(name, "", row[name]):
            continue
        digest.update(f"{name}\x1f{_comparable(name, row[name])}\x1e".encode())
    return digest.hexdigest()


def _comparable(column: str, value: str) -> str:
    """A date column by its calendar day, everything else byte by byte."""
    is_date = column.startswith("d") and column[1:2].isupper()
    return value[:_DAY_CHARACTERS] if is_date else value


def _columns(changes: Mapping[ContactField, str]) -> dict[str, str]:
    return {CONTACT_COLUMNS[field]: value for field, value in changes.items()}


def _is_as_wanted(effect: ChangeContact, row: Row) -> bool:
    return all(text(row, column) == value.strip() for column, value in _columns(effect.changes).items())


def _refuse_if_changed_meanwhile(effect: ChangeContact, before: Row) -> None:
    """Compare what the person saw with what is there now; fields already as wanted are no conflict."""
    stale = [
        field
        for field, seen in effect.seen.items()
        if text(before, CONTACT_COLUMNS[field]) not in {seen.strip(), effect.changes.get(field, seen).strip()}
    ]
    if stale:
        message = f"changed meanwhile in the back office: {', '.join(sorted(stale))}; nothing was sent"
        raise RejectedError(message, code="changed_meanwhile")


def whole_request(tenant_id: str, values: Row) -> dict[str, object]:
    """The whole request of an update: every field of the record as it is to be."""
    sent: dict[str, object] = {"iTenantID": vendor_id("tenant", tenant_id)}
    for parameter in OPERATIONS[UPDATE].parameters:
        if parameter.name in sent:
            continue
        column = _RENAMED.get(parameter.name, parameter.name)
        if parameter.type == "boolean":
            sent[parameter.name] = boolean(values, column) is True
        elif parameter.type == "dateTime":
            sent.update(_date_sent(parameter.name, values.get(column, "")))
        elif column in values:
            sent[parameter.name] = values[column]
    return sent


def _date_sent(name: str, word: str) -> dict[str, object]:
    """A date goes back as its calendar day; no date is left out, because an empty one breaks the request."""
    if word[:_DAY_CHARACTERS] in _NO_DAY:
        return {}
    try:
        return {name: datetime.fromisoformat(word[:_DAY_CHARACTERS])}
    except ValueError:
        message = f"column {name} holds no date"
        raise UnavailableError(message, code="unreadable_cell") from None


def _is_same(column: str, expected: str | None, shown: str | None) -> bool:
    """Byte-equal; but NULL and empty are the same nothing, a missing flag becomes false, and a date is a day."""
    want, have = expected or "", shown or ""
    if want == have:
        return True
    if column.startswith("b") and column[1:2].isupper():
        return boolean({column: want}, column) in {None, False} and boolean({column: have}, column) in {None, False}
    if column.startswith("d") and column[1:2].isupper():
        days = [word[:_DAY_CHARACTERS] for word in (want, have)]
        return days[0] == days[1] or set(days) <= set(_NO_DAY)
    return False
