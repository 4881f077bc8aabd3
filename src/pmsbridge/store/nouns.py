"""What the mirror holds of each noun: one declaration, from which tables, indexes and row functions are made.

A noun's table has the columns named here beside the whole record as JSON. The columns are what it is searched, joined
and reported by; the record is what is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pmsbridge.model.documents import Bulletin, Document, Event, Note, Quote, Reservation
from pmsbridge.model.invoices import Invoice
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.payments import AutopayRecord, Payment, PaymentMethod
from pmsbridge.model.people import Contact, Tenant
from pmsbridge.model.places import Facility, Unit
from pmsbridge.model.portal_accounts import PortalAccount
from pmsbridge.model.record import Record
from pmsbridge.model.rental import ItemOut, Rental
from pmsbridge.model.requests import CallOff, MoveOut, Request
from pmsbridge.store.folding import digits_of, fold
from pmsbridge.store.spelling import name_head, name_key, name_tail, tail_of, unit_key

__all__ = ["NOUNS", "Field", "Kind", "Noun", "Values", "row_function"]

Values = Callable[[Mapping[str, Any]], tuple[Any, ...]]
"""Makes a noun's columns of a record's JSON."""


class Kind(StrEnum):
    """What a column holds.

    ``TEXT`` as it is written, empty when there is none; ``FOLDED`` as names are compared; ``DIGITS`` of a telephone
    number, and its ``LAST_DIGITS``; ``NAME_KEY``, ``NAME_HEAD`` and ``NAME_TAIL``, the same for every spelling of a
    name, of its first word and of its last; ``UNIT_KEY``, of a unit number. The others are None when there is none:
    ``DAY`` a business date, ``INSTANT`` a point in time, ``AMOUNT`` an exact number, ``NUMBER`` a whole one, ``FLAG``
    yes or no.
    """

    TEXT = "text"
    FOLDED = "folded"
    DIGITS = "digits"
    LAST_DIGITS = "last_digits"
    NAME_KEY = "name_key"
    NAME_HEAD = "name_head"
    NAME_TAIL = "name_tail"
    UNIT_KEY = "unit_key"
    DAY = "day"
    INSTANT = "instant"
    AMOUNT = "amount"
    NUMBER = "number"
    FLAG = "flag"

    @property
    def is_text(self) -> bool:
        """Whether it is never None."""
        return self not in _NOT_TEXT


_NOT_TEXT: Final = {Kind.DAY, Kind.INSTANT, Kind.AMOUNT, Kind.NUMBER, Kind.FLAG}


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    Attributes:
        name: The column's.
        path: Where it stands in the record's JSON, with dots.
        is_searched: It has an index, within the facility.
    """

    name: str
    path: str
    kind: Kind
    is_searched: bool = False


@dataclass(frozen=True, slots=True)
class Noun:
    """One table.

    Attributes:
        entity: The record's own word.
        table: Its name in the database.
    """

    record: type[Record]
    table: str
    fields: tuple[Field, ...]

    @property
    def entity(self) -> str:
        """The record's own word ("tenant")."""
        return self.record.entity


_KINDS: Final = {
    "": Kind.TEXT, "~": Kind.FOLDED, "#": Kind.DIGITS, "d": Kind.DAY, "t": Kind.INSTANT, "m": Kind.AMOUNT,
    "n": Kind.NUMBER, "?": Kind.FLAG, "k": Kind.NAME_KEY, "kh": Kind.NAME_HEAD, "kt": Kind.NAME_TAIL,
    "u": Kind.UNIT_KEY, "#7": Kind.LAST_DIGITS,
}  # fmt: skip


def _noun(record: type[Record], table: str, *columns: str) -> Noun:
    """A noun, its columns written as ``name=path:kind*``: path and kind may be left out, the star is an index."""
    return Noun(record, f"pmsbridge_mirror_{table}", tuple(_field(column) for column in columns))


def _field(text: str) -> Field:
    plain, star, _ = text.partition("*")
    named, _, kind = plain.partition(":")
    name, _, path = named.partition("=")
    return Field(name, path or name, _KINDS[kind], is_searched=bool(star))


def _money(name: str, path: str = "") -> tuple[str, str]:
    return f"{name}={path or name}.amount:m", f"{name}_currency={path or name}.currency"


_ADDRESS: Final = (
    "line1=address.line1", "city=address.city", "region=address.region", "postal_code=address.postal_code",
    "country=address.country",
)  # fmt: skip
_NAME: Final = ("last_name=name.last:~*", "first_name=name.first:~", "company=name.company:~*")
_REQUEST: Final = (
    "tenant_id*", "rental_id*", "kind", "state*", "vendor_state", "reference*", "asked_at:t", "state_read_at:t",
)  # fmt: skip
_PAPER: Final = (
    "tenant_id*", "rental_id*", "kind", "title", "number*", "dated_on:d", *_money("total"), "signature",
    "vendor_state", "media_type", "size_bytes:n",
)  # fmt: skip

_ALL: Final = (
    _noun(Facility, "facilities", "name:~*", "email:~", "phone_digits=phone:#", "zone", "currency", *_ADDRESS),
    _noun(
        Unit, "units", "number*", "kind", "type_name", "floor", "state*", "vendor_state", *_money("asking_rate"),
        "notice_days:n", "last_changed_on:d",
    ),
    _noun(
        Tenant, "tenants", "last_key=name.last:k*", "last_head=name.last:kh*", "last_tail=name.last:kt*",
        "last_name=name.last:~", "first_name=name.first:~", "company=name.company:~*", "email:~*",
        "phone_digits=phone:#", "mobile_digits=mobile:#", "phone_tail=phone:#7*", "mobile_tail=mobile:#7*", *_ADDRESS,
        "birth_date:d", "language", "is_company:?", "is_active:?", "portal_disabled:?", "has_gate_code:?",
    ),
    _noun(
        Contact, "contacts", "tenant_id*", "role", "vendor_role", *_NAME, "email:~*", "phone_digits=phone:#*", *_ADDRESS
    ),
    _noun(
        Rental, "rentals", "tenant_id*", "unit_id*", "unit_number", "unit_key=unit_number:u*", "state*", "vendor_state",
        *_money("rent"),
        *_money("rent_tax"), "billing_period", "bills_on_day:n", "moved_in_on:d", "paid_through:d", "leaving_on:d",
        "notice_given_on:d", "moved_out_on:d",
    ),
    _noun(
        ItemOut, "items_out", "rental_id*", "description", "ordered:m", "out_quantity=out:m", "returned:m",
        "call_off_pending:m", "call_off_confirmed:m",
    ),
    _noun(
        LedgerEntry, "ledger_entries", "rental_id*", "kind", "vendor_state", *_money("effect"), "effective_on:d*",
        "posted_at:t", "description", "receipt", "period_from:d", "period_to:d",
    ),
    _noun(
        Invoice, "invoices", "tenant_id*", "number*", "state", "vendor_state", "issued_on:d*", "due_on:d",
        *_money("total"), *_money("paid"), *_money("balance"), "tax_is_known:?",
    ),
    _noun(
        Payment, "payments", "tenant_id*", *_money("amount"), "state", "vendor_state", "paid_on:d*", "paid_at:t",
        "receipt*", "method_text", "reference*",
    ),
    _noun(PaymentMethod, "payment_methods", "tenant_id*", "rental_id*", "holder", "is_usable:?"),
    _noun(
        AutopayRecord, "autopay", "tenant_id*", "rental_id=autopay.rental_id*", "state=autopay.state",
        "vendor_state=autopay.vendor_state", "method_usable=autopay.method_usable:?", "mandatory=autopay.mandatory:?",
    ),
    _noun(Document, "documents", *_PAPER),
    _noun(Quote, "quotes", *_PAPER, "valid_until:d"),
    _noun(
        Reservation, "reservations", "tenant_id*", "unit_id*", "state*", "vendor_state", "needed_on:d", "expires_on:d",
        *_money("quoted_rate"), "global_number*",
    ),
    _noun(
        Note, "notes", "tenant_id*", "rental_id*", "kind", "visibility", "written_at:t", "written_on:d", "author"
    ),
    _noun(Bulletin, "bulletins", "subject", "due_on:d", "posted_at:t"),
    _noun(Event, "events", "tenant_id*", "kind", "vendor_state", "title", "starts_at:t*", "ends_at:t"),
    _noun(Request, "requests", *_REQUEST),
    _noun(MoveOut, "move_outs", *_REQUEST, "notice_given_on:d", "leaving_on:d"),
    _noun(
        CallOff, "call_offs", *_REQUEST, "item_id*", "quantity:m", "call_off_state", "reason", "stop_at:t",
        "call_number", "pickup_on:d",
    ),
    _noun(PortalAccount, "portal_accounts", "tenant_id*", "login*", "state", "access", "last_signed_in_at:t"),
)  # fmt: skip

NOUNS: Final[Mapping[str, Noun]] = {noun.entity: noun for noun in _ALL}
"""By entity word."""


def row_function(
    entity: str,
    *,
    instants: Callable[[datetime], Any],
    texts: Callable[[str], str] | None = None,
    flags: Mapping[Any, Any] | None = None,
) -> Values:
    """The function that makes a noun's columns of a record's JSON, in the order of its fields.

    It is compiled from the declaration: a night calls it for every new row.

    Args:
        entity: The noun.
        instants: Makes of a point in time what the driver wants.
        texts: Makes text storable; None where every text is.
        flags: What the driver wants for yes and for no; None where it takes them as they are.
    """
    given: dict[str, Any] = {
        "fold": fold,
        "digits": _digits,
        "tail": tail_of,
        "name_key": name_key,
        "name_head": name_head,
        "name_tail": name_tail,
        "unit_key": unit_key,
        "moment": _moment(instants),
        "clean": texts,
        "flags": flags,
        "NOTHING": {},
    }
    source = _source(NOUNS[entity].fields, cleans=texts is not None, flags=flags is not None)
    exec(source, given)  # noqa: S102 - of our own declaration, nothing from outside
    made: Values = given["values"]
    return made


_TEXT_OF: Final = {
    Kind.FOLDED: "fold({} or '')", Kind.DIGITS: "{}", Kind.LAST_DIGITS: "tail({})",
    Kind.NAME_KEY: "name_key({} or '')", Kind.NAME_HEAD: "name_head({} or '')", Kind.NAME_TAIL: "name_tail({} or '')",
    Kind.UNIT_KEY: "unit_key({} or '')",
}  # fmt: skip
_OF_DIGITS: Final = {Kind.DIGITS, Kind.LAST_DIGITS}


def _source(fields: Sequence[Field], *, cleans: bool, flags: bool) -> str:
    """What several columns are made of is looked up once."""
    heads = dict.fromkeys(first for field in fields if (first := _head(field)))
    numbers = dict.fromkeys(field.path for field in fields if field.kind in _OF_DIGITS)
    lines = [
        "def values(record):", "get = record.get",
        *(f"in_{first} = get({first!r}) or NOTHING" for first in heads),
        *(f"digits_{_word(path)} = digits({_looked_up(path)})" for path in numbers),
        f"return ({', '.join(_expression(field, cleans=cleans, flags=flags) for field in fields)},)",
    ]  # fmt: skip
    return "\n    ".join(lines)


def _head(field: Field) -> str:
    first, dot, _ = field.path.partition(".")
    return first if dot else ""


def _word(path: str) -> str:
    return path.replace(".", "_")


def _looked_up(path: str) -> str:
    first, _, rest = path.partition(".")
    return f"in_{first}.get({rest!r})" if rest else f"get({first!r})"


def _expression(field: Field, *, cleans: bool, flags: bool) -> str:
    found = f"digits_{_word(field.path)}" if field.kind in _OF_DIGITS else _looked_up(field.path)
    if field.kind is Kind.INSTANT:
        return f"moment({found})"
    if field.kind is Kind.FLAG and flags:
        return f"flags.get(flag := {found}, flag)"
    if not field.kind.is_text:
        return found
    text = _TEXT_OF.get(field.kind, "({} or '')").format(found)
    return f"clean({text})" if cleans else text


def _digits(value: Mapping[str, str | None] | None) -> str:
    return digits_of(value["e164"] or value["raw"] or "") if value else ""


def _moment(instants: Callable[[datetime], Any]) -> Callable[[str | None], Any]:
    return lambda value: None if value is None else instants(datetime.fromisoformat(value).astimezone(UTC))
