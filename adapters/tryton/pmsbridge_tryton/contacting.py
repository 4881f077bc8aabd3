"""Contact data: read, compared, written at once with the stamps of what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pmsbridge.actions.effects import ChangeContact, ContactField
from pmsbridge.errors import RejectedError, UnavailableError, UnsupportedError
from pmsbridge.model.people import Phone
from pmsbridge.ports.capability import Dedup, baselines, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt
from pmsbridge_tryton.faults import StaleError
from pmsbridge_tryton.mapping.people import address_of, first_of, phone_of
from pmsbridge_tryton.mapping.scope import living, text
from pmsbridge_tryton.requesting import Requesting
from pmsbridge_tryton.vocabulary import ADDRESS, MECHANISM, PARTY
from pmsbridge_tryton.wire import Row, nested

__all__ = ["Contacting"]

_DIALLED: Final = ("phone", "mobile")
_REACHED: Final = (*_DIALLED, "email")
_SHORTEST, _LONGEST_CODE = 7, 3
_NORTH_AMERICAN: Final = 11
"""Digits of a number there that is written with its code, as everybody does."""
_KEEPS_ITS_ZERO: Final = "+39"
_PLACES: Final[Mapping[str, str]] = {
    "address.line1": "street", "address.line2": "street", "address.city": "city",
    "address.postal_code": "postal_code",
}  # fmt: skip
_KNOWN: Final = frozenset({"name.company", *_REACHED, *_PLACES})


@dataclass(slots=True)
class _Edit:
    """One write of a party with what hangs on it.

    Attributes:
        values: Of the party, the nested ones included.
        stamped: Ids by model of the records that must not have changed.
    """

    values: dict[str, Any] = field(default_factory=dict)
    stamped: dict[str, list[int]] = field(default_factory=dict)

    def watch(self, model: str, record: int) -> None:
        self.stamped.setdefault(model, []).append(record)

    def nest(self, name: str, command: list[Any]) -> None:
        self.values.setdefault(name, []).append(command)


class Contacting(Requesting):
    """Edits of contact data."""

    @handles(
        ChangeContact,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="real server: a write that carries stale stamps is refused; nested records are written with their party",
    )
    def _change_contact(self, effect: ChangeContact, attempt: Attempt) -> Receipt:
        """Read, compare, write once, all or nothing; four calls at most."""
        _check_fields(effect)
        end, client = self._write_deadline(attempt), self._desk.client
        # Stamps of everything that may be written come before the read that is compared.
        row = self._party(effect.tenant_id)
        edit = _edit(effect, row, self._desk.settings.dial_code)
        stamps: dict[str, str] = {}
        for model, ids in edit.stamped.items():
            stamps |= client.stamps(model, ids, deadline=end)
        row = self._party(effect.tenant_id)
        if _as_wanted(effect, row, self._desk.settings.dial_code):
            return Receipt(evidence="it was so already; nothing was sent", at=self._desk.clock.now(), read_back=True)
        _refuse_stale(effect, row)
        try:
            client.update(PARTY, [row["id"]], edit.values, stamps=stamps, deadline=end)
        except StaleError:
            message = "the record was changed at this moment; nothing was written"
            raise UnavailableError(message, code="changed_meanwhile") from None
        return Receipt(evidence=f"{', '.join(sorted(effect.changes))} written", at=self._desk.clock.now())

    @baselines(ChangeContact)
    def _contact_before(self, effect: ChangeContact) -> Mapping[str, str]:
        values = _values(self._party(effect.tenant_id))
        return {f"before.{name}": values.get(name, "") for name in effect.changes}

    @probes(ChangeContact)
    def _find_contact(self, effect: ChangeContact, attempt: Attempt) -> Probed:
        """All fields as asked: found. All as before: absent. Anything else: nobody can tell."""
        row = self._party(effect.tenant_id)
        if _as_wanted(effect, row, self._desk.settings.dial_code):
            evidence = f"read back: {', '.join(sorted(effect.changes))}"
            return Found(Receipt(evidence=evidence, at=self._desk.clock.now(), read_back=True))
        now = _values(row)
        if all(now.get(name, "") == attempt.baseline.get(f"before.{name}", "") for name in effect.changes):
            return Absent("the fields are as they were before")
        return CannotTell("the fields hold neither what was asked for nor what was there before")


def _check_fields(effect: ChangeContact) -> None:
    """What this back office has no field for is refused before anything is asked."""
    if unknown := sorted(set(effect.changes) - _KNOWN):
        message = f"this back office has no field of its own for {', '.join(unknown)}"
        raise UnsupportedError(message, code="contact_field")
    if effect.changes.get("name.company") == "":
        message = "a customer has a name; nothing was sent"
        raise RejectedError(message, code="name_needed")


def _values(row: Row) -> dict[str, str]:
    """What the record holds in every field there is."""
    address = address_of(row)
    reached = {kind: text(found, "value") for kind in _REACHED if (found := first_of(row, kind)) is not None}
    return {
        "name.company": text(row, "name"), "address.line1": address.line1, "address.line2": address.line2,
        "address.city": address.city, "address.postal_code": address.postal_code, **reached,
    }  # fmt: skip


def _as_wanted(effect: ChangeContact, row: Row, dial_code: str | None) -> bool:
    """The vendor writes telephone numbers its own way, so their digits count."""
    now = _values(row)
    return all(
        _is_same_number(phone_of(first_of(row, name)), value, dial_code) if name in _DIALLED
        else now.get(name, "").strip() == value.strip()
        for name, value in effect.changes.items()
    )  # fmt: skip


def _is_same_number(known: Phone | None, value: str, dial_code: str | None) -> bool:
    """Whether a number on record is the one that is asked for: with the country's code, where both have one."""
    wanted = _dialled(value, dial_code)
    digits = "".join(sign for sign in wanted if sign.isascii() and sign.isdigit())
    if known is None or not digits:
        return known is None and not wanted
    if known.e164 is None:
        return known.digits == digits
    stands, bare = known.e164.removeprefix("+"), digits.lstrip("0")
    if wanted.startswith("+"):
        return stands == digits or stands in _without_trunk_zero(digits)
    return len(bare) >= _SHORTEST and stands.endswith(bare) and len(stands) - len(bare) <= _LONGEST_CODE


def _without_trunk_zero(digits: str) -> set[str]:
    """A number with its country's code, as the vendor writes it when a zero was dialled between the two."""
    codes = range(1, 0 if f"+{digits}".startswith(_KEEPS_ITS_ZERO) else _LONGEST_CODE + 1)
    return {digits[:size] + digits[size + 1 :] for size in codes if digits[size : size + 1] == "0"}


def _refuse_stale(effect: ChangeContact, row: Row) -> None:
    now = _values(row)
    stale = [
        name for name, seen in effect.seen.items()
        if now.get(name, "") not in {seen.strip(), effect.changes.get(name, seen).strip()}
    ]  # fmt: skip
    if stale:
        message = f"changed meanwhile in the back office: {', '.join(sorted(stale))}; nothing was sent"
        raise RejectedError(message, code="changed_meanwhile")


def _edit(effect: ChangeContact, row: Row, dial_code: str | None) -> _Edit:
    edit = _Edit()
    if "name.company" in effect.changes:
        edit.values["name"] = effect.changes["name.company"]
        edit.watch(PARTY, row["id"])
    address = next(iter(living(nested(row, "addresses"))), None)
    if place := _place(effect.changes, address):
        if address is None:
            edit.nest("addresses", ["create", [place]])
        else:
            edit.watch(ADDRESS, address["id"])
            edit.nest("addresses", ["write", [address["id"]], place])
    for kind in _REACHED:
        if kind in effect.changes:
            value = effect.changes[kind]
            _reach(edit, kind, value if kind == "email" else _dialled(value, dial_code), first_of(row, kind))
    return edit


def _dialled(value: str, dial_code: str | None) -> str:
    """A telephone number as the vendor can read it: one without a country's code gets the settings'.

    "00" begins a country's code; one zero before a number at home is dialled at home only, but in Italy, and so is one
    in brackets behind a code.
    """
    bare = value.strip()
    if bare.startswith("00"):
        bare = f"+{bare[2:].lstrip()}"
    if bare.startswith("+"):
        return bare if bare.startswith(_KEEPS_ITS_ZERO) else bare.replace("(0)", "")
    if not bare or dial_code is None:
        return bare
    digits = [sign for sign in bare if sign.isdigit()]
    if [dial_code] == digits[:1] == ["1"] and len(digits) == _NORTH_AMERICAN:
        return f"+{bare}"
    plus = f"+{dial_code}"
    return f"{plus} {bare}" if plus == _KEEPS_ITS_ZERO else f"{plus} {bare.removeprefix('0')}"


def _place(changes: Mapping[ContactField, str], address: Row | None) -> dict[str, str]:
    """The address's own fields that change; the street is one text, whose other lines stay as they are."""
    wanted = {str(name): value for name, value in changes.items()}
    found = {column: wanted[name] for name, column in _PLACES.items() if name in wanted and column != "street"}
    if {"address.line1", "address.line2"} & wanted.keys():
        street = (address or {}).get("street")
        first, _, rest = street.partition("\n") if isinstance(street, str) else ("", "", "")
        lines = [wanted.get("address.line1", first), wanted.get("address.line2", rest)]
        found["street"] = "\n".join(line for line in lines if line)
    return found


def _reach(edit: _Edit, kind: str, value: str, known: Row | None) -> None:
    """One way to be reached: changed, made anew, or put away. Nothing is deleted."""
    if known is None:
        if value:
            edit.nest("contact_mechanisms", ["create", [{"type": kind, "value": value}]])
        return
    edit.watch(MECHANISM, known["id"])
    edit.nest("contact_mechanisms", ["write", [known["id"]], {"value": value} if value else {"active": False}])
