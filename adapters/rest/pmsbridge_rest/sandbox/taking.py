"""What each action does to the books, once its request was understood."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from .billing import NotOwedError, Part, settled_by
from .calling_off import OPEN, called_off
from .records import Books, Move, Record, Shelf
from .seeding import entry_record

Values = Mapping[str, Any]


class NoSuchError(LookupError):
    """The request is about something that is not there."""


class RefusedError(ValueError):
    """The request was understood, and is not carried out; the message says why."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What a request comes to.

    Attributes:
        lines: Whom it is about, and the value that stands there then.
        moves: What it does to the records.
        answer: The record that the answer shows: its noun and id; None for none.
    """

    lines: list[tuple[str, str]]
    moves: tuple[Move, ...]
    answer: tuple[str, str] | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One understood request.

    Attributes:
        values: What stood in its places.
        body: As it came, its outermost wrapping taken off; kept beside what is understood.
    """

    values: Values
    body: dict[str, Any] = field(default_factory=dict)


class Taker:
    """Turns orders into changes of the books.

    Args:
        books: The books.
        facility: The facility's code.
        now: The instant.
        today: Its business date.
    """

    def __init__(
        self, books: Books, facility: str, now: Callable[[], datetime], today: Callable[[], date]
    ) -> None:  # fmt: skip
        self._books = books
        self._facility = facility
        self._now = now
        self.today = today

    def take(self, action: str, order: Order) -> Doing:
        """What an order comes to.

        Raises:
            NoSuchError: It is about something that is not there.
            RefusedError: It cannot be carried out.
        """
        self._check_subjects(order.values)
        takes: dict[str, Callable[[Order], Doing]] = {
            "take_payment": self._payment,
            "post_future_charges": self._charges,
            "set_autopay": self._autopay,
            "schedule_move_out": self._leave,
            "cancel_move_out": self._stay,
            "add_note": self._note,
            "post_bulletin": self._bulletin,
            "reserve_unit": self._reservation,
            "attach_document": self._document,
            "request_call_off": self._call_off,
            "withdraw_call_off": self._withdraw,
        }
        return takes.get(action, self._other)(order)

    @property
    def _shelf(self) -> Shelf:
        return self._books.truth

    def _check_subjects(self, values: Values) -> None:
        for name, noun in (("tenant_id", "tenants"), ("rental_id", "rentals"), ("unit_id", "units")):
            key = values.get(name)
            if key is not None and self._shelf.one(noun, str(key)) is None:
                raise NoSuchError(name)
        method = values.get("method_id")
        if method is not None and self._shelf.one("payment_methods", str(method)) is None:
            message = "there is no such payment method"
            raise RefusedError(message)

    def _rental(self, values: Values) -> Record:
        found = self._shelf.one("rentals", str(values.get("rental_id")))
        if found is None:
            raise NoSuchError("rental_id")
        return found

    # money

    def _payment(self, order: Order) -> Doing:
        aimed = [self._part(order, part) for part in order.values.get("parts") or [order.values]]
        paid = dict[str, Decimal]()
        for part in aimed:
            paid[part.rental_id] = paid.get(part.rental_id, Decimal(0)) + part.amount
        moves = [move for key, amount in paid.items() for move in self._paid(key, amount, order)]
        answer = ("payments", moves[0].id)
        try:
            moves += settled_by(self._shelf, aimed)
        except NotOwedError as problem:
            raise RefusedError(str(problem)) from None
        lines = [(key, format(amount, "f")) for key, amount in paid.items()]
        return Doing(lines, tuple(moves), answer, str(order.values.get("reference") or ""))

    def _part(self, order: Order, part: Values) -> Part:
        """One part of a payment, about a rental that is there."""
        rental = self._rental({**order.values, **part})
        amount = part.get("amount", order.values.get("amount"))
        if not isinstance(amount, Decimal) or amount <= 0:
            message = "the amount must be more than nothing"
            raise RefusedError(message)
        return Part(rental.id, amount, part.get("invoice_id"), part.get("line_id"))

    def _paid(self, rental_id: str, amount: Decimal, order: Order) -> list[Move]:
        """The payment, and its movement on the account."""
        rental = self._rental({"rental_id": rental_id})
        key, tenant = self._books.next_number(), rental.values["tenant_id"]
        row = entry_record(key, rental.id, tenant, "payment", -amount, self.today(), self._now(), "Payment")
        own = {**row.values, **_words_of(order.values), "amount": amount, "state": "succeeded"}
        own = {**own, "rental_id": rental.id, "tenant_id": tenant}
        through = {"paid_through": self._through(rental, amount)}
        return [
            Move("put", "payments", key, own, order.body), Move("put", "ledger_entries", key, own),
            Move("merge", "rentals", rental.id, through),
        ]  # fmt: skip

    def _through(self, rental: Record, amount: Decimal) -> date:
        """Through which day a rental is paid after a payment: a month on for each month of which nothing is left."""
        owed, rent = self._shelf.owed(rental.id), rental.values["rent"]
        before, after = ((left / rent).to_integral_value(ROUND_CEILING) for left in (owed, owed - amount))
        through: date = rental.values["paid_through"]
        return _months_on(through, int(before - after))

    def _charges(self, order: Order) -> Doing:
        months, tenant = int(order.values["months"]), str(order.values["tenant_id"])
        rentals = [row for row in self._shelf.all("rentals") if row.values["tenant_id"] == tenant]
        moves = []
        for rental in rentals:
            for _ in range(months):
                key = self._books.next_number()
                row = entry_record(
                    key, rental.id, tenant, "charge", rental.values["rent"], self.today(), self._now(), "Rent"
                )
                moves.append(Move("put", "ledger_entries", key, row.values, order.body))
        return Doing([(tenant, str(months))], tuple(moves))

    # states

    def _autopay(self, order: Order) -> Doing:
        rental = self._rental(order.values)
        is_on = bool(order.values.get("on"))
        values = {"autopay.on": is_on, "state": "card" if is_on else "off"}
        if order.values.get("method_id"):
            values["method_id"] = values["method.id"] = str(order.values["method_id"])
        if order.values.get("days_after_due") is not None:
            values["days_after_due"] = order.values["days_after_due"]
        before = self._shelf.one("autopay", rental.id)
        kept = {**(before.raw if before is not None else {}), **order.body}
        move = Move("merge", "autopay", rental.id, values, kept)
        return Doing([(rental.id, "on" if is_on else "off")], (move,), ("autopay", rental.id))

    def _leave(self, order: Order) -> Doing:
        rental, day = self._rental(order.values), order.values.get("leaving_on")
        if not isinstance(day, date):
            message = "the day is missing"
            raise RefusedError(message)
        notice = order.values.get("notice_given_on") or self.today()
        values = {
            "id": rental.id, "rental_id": rental.id, "tenant_id": rental.values["tenant_id"], "leaving_on": day,
            "notice_given_on": notice, "wanted_on": day, "state": "requested",
        }  # fmt: skip
        moves = (
            Move("put", "move_outs", rental.id, values, order.body),
            Move(
                "merge", "rentals", rental.id, {"leaving_on": day, "notice_given_on": notice, "state": "notice_given"}
            ),
        )
        return Doing([(rental.id, day.isoformat())], moves, ("move_outs", rental.id))

    def _stay(self, order: Order) -> Doing:
        rental = self._rental(order.values)
        if rental.values.get("leaving_on") is None:
            message = "move_out"
            raise NoSuchError(message)
        back = {"leaving_on": None, "notice_given_on": None, "state": "active"}
        moves = (Move("drop", "move_outs", rental.id), Move("merge", "rentals", rental.id, back))
        return Doing([(rental.id, "stays")], moves, ("rentals", rental.id))

    # texts

    def _note(self, order: Order) -> Doing:
        tenant, rental = order.values.get("tenant_id"), order.values.get("rental_id")
        if tenant is None and rental is not None:
            tenant = self._rental(order.values).values["tenant_id"]
        values = {
            "tenant_id": tenant, "rental_id": rental, "text": order.values.get("text", ""), "kind": "general",
            "visibility": "internal", "author": "portal",
        }  # fmt: skip
        return self._put("notes", str(rental or tenant or self._facility), values, order)

    def _bulletin(self, order: Order) -> Doing:
        values = {name: order.values.get(name) for name in ("subject", "body", "due_on", "tenant_id", "rental_id")}
        return self._put("bulletins", self._facility, values, order)

    def _reservation(self, order: Order) -> Doing:
        values = {"state": "active", **{name: order.values.get(name) for name in _RESERVED}}
        return self._put("reservations", str(order.values.get("unit_id")), values, order)

    def _document(self, order: Order) -> Doing:
        """A paper; whoever looks behind the counter sees the digest of its file."""
        values = order.values
        tenant, rental = values.get("tenant_id"), values.get("rental_id")
        if tenant is None and rental is not None:
            tenant = self._rental(values).values["tenant_id"]
        made = self._put("documents", str(rental or tenant), {"tenant_id": tenant, "rental_id": rental}, order)
        return replace(made, lines=[(subject, str(values.get("sha256", ""))) for subject, _ in made.lines])

    def _call_off(self, order: Order) -> Doing:
        """Somebody asked; the yard has not looked at it."""
        values = {
            "tenant_id": order.values.get("tenant_id"), "state": "sent", "call_off_state": OPEN,
            "pickup_on": order.values.get("wanted_on"), "asked_at": self._now(),
        }  # fmt: skip
        if order.values.get("rental_id") is not None:
            values["tenant_id"] = self._rental(order.values).values["tenant_id"]
        return self._put("call_offs", str(order.values.get("rental_id") or self._facility), values, order)

    def _withdraw(self, order: Order) -> Doing:
        """Somebody takes it back; once the yard has looked at it, it stays as it is."""
        called = called_off(self._shelf, order.values)
        if called is None:
            message = "call_off"
            raise NoSuchError(message)
        if called.values["call_off_state"] != OPEN:
            message = f"the call-off is {called.values['call_off_state']} already"
            raise RefusedError(message)
        move = Move("merge", "call_offs", called.id, {"state": "withdrawn", "call_off_state": "withdrawn"})
        answer, reference = ("call_offs", called.id), str(order.values.get("reference") or "")
        return Doing([(called.id, "withdrawn")], (move,), answer, reference)

    def _other(self, order: Order) -> Doing:
        return self._put("requests", self._facility, dict(order.values), order)

    def _put(self, noun: str, subject: str, values: dict[str, Any], order: Order) -> Doing:
        key = self._books.next_number()
        own = {
            **_words_of(order.values), **values, "written_at": self._now(), "written_on": self.today(),
            "posted_at": self._now(),
        }  # fmt: skip
        reference = str(order.values.get("reference") or "")
        return Doing([(subject, "")], (Move("put", noun, key, own, order.body),), (noun, key), reference)


def _words_of(values: Values) -> dict[str, Any]:
    """What came in places, less what only says where."""
    return {name: value for name, value in values.items() if name != "parts" and "." not in name}


def _months_on(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


_RESERVED: Final = ("tenant_id", "unit_id", "needed_on", "expires_on", "quoted_rate", "comment")
