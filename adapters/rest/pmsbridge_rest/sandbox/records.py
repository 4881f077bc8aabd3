"""The books: records by noun, what changes them, and when each change is seen. Double entry for money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

MONEY_NOUN: Final = "ledger_entries"
_NOTHING: Final = Decimal(0)


@dataclass(slots=True)
class Record:
    """One thing.

    Attributes:
        values: By the fields that every mapping speaks of ("name.first", "rent", "leaving_on").
        raw: What else the vendor keeps, in its own shape.
        version: Counts its changes from 1.
    """

    noun: str
    id: str
    values: dict[str, Any]
    raw: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One change of one record.

    Attributes:
        what: "put" makes it, "merge" changes it, "drop" takes it away.
        raw: None leaves what else is kept as it was; else it takes its place.
    """

    what: str
    noun: str
    id: str
    values: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done, for whoever looks behind the counter.

    Attributes:
        number: From 1, in the order in which it took effect.
        kind: The action ("take_payment"); "desk" for what staff did.
        subject: Of whom or what: a rental, a tenant, the facility.
        what: The value that stands there now, as text.
        at: When it took effect.
        shown_at: From when reads show it.
        postmark: What the sender wrote on the outside, where somebody looks; never part of the request.
    """

    number: int
    kind: str
    subject: str
    what: str
    at: datetime
    shown_at: datetime
    moves: tuple[Move, ...]
    reference: str = ""
    postmark: str = ""


class Shelf:
    """One copy of all records."""

    def __init__(self, records: list[Record]) -> None:
        self._rows: dict[str, dict[str, Record]] = {}
        self._applied = 0
        for record in records:
            own = replace(record, values=dict(record.values))  # what else is kept is never written into, only replaced
            self._rows.setdefault(record.noun, {})[record.id] = own

    def all(self, noun: str) -> list[Record]:
        """Every record of a noun, the oldest first."""
        return list(self._rows.get(noun, {}).values())

    def one(self, noun: str, key: str) -> Record | None:
        """A record by its id."""
        return self._rows.get(noun, {}).get(key)

    def owed(self, rental_id: str) -> Decimal:
        """What moved on a rental's account is what is owed."""
        rows = self.all(MONEY_NOUN)
        return sum((row.values["effect"] for row in rows if row.values["rental_id"] == rental_id), _NOTHING)

    def apply(self, moves: tuple[Move, ...], at: datetime) -> None:
        """Let something take effect here."""
        for move in moves:
            self._apply(move, at)

    def _apply(self, move: Move, at: datetime) -> None:
        rows = self._rows.setdefault(move.noun, {})
        if move.what == "drop":
            rows.pop(move.id, None)
        elif move.what == "put":
            rows[move.id] = Record(move.noun, move.id, dict(move.values), move.raw or {}, 1, at)
        elif move.id in rows:
            row = rows[move.id]
            row.values.update(move.values)
            row.raw = row.raw if move.raw is None else move.raw
            row.version, row.changed_at = row.version + 1, at


class Books:
    """What really is there, what reads show by now, and everything that was done.

    Args:
        records: What there is in the beginning.
        now: Time.
    """

    def __init__(self, records: list[Record], now: Callable[[], datetime]) -> None:
        self._beginning = records
        self._now = now
        self._numbers = 9000
        self.entries: list[Entry] = []
        self.truth = Shelf(records)
        self._shown = Shelf(records)
        self._hidden: list[Entry] = []
        self.watchers: list[Callable[[Entry], None]] = []

    def next_number(self) -> str:
        """A new id."""
        self._numbers += 1
        return str(self._numbers)

    @contextmanager
    def numbered(self, number: str) -> Iterator[None]:
        """Let the first new id within the block be one that was given out before."""
        kept, self._numbers = self._numbers, int(number) - 1
        try:
            yield
        finally:
            self._numbers = max(kept, self._numbers)

    def enter(
        self, kind: str, lines: list[tuple[str, str]], moves: tuple[Move, ...], *, lag: timedelta = timedelta(0),
        reference: str = "", postmark: str = "",
    ) -> None:  # fmt: skip
        """Let something take effect; one entry for each line, seen by reads after ``lag``.

        Args:
            kind: The action.
            lines: What it is about, and the value it sets.
            moves: What it does to the records; they belong to the first line.
            lag: How much later reads show it.
            reference: The sender's own text for it.
            postmark: What the sender wrote on the outside.
        """
        at = self._now()
        for number, (subject, what) in enumerate(lines):
            own = moves if number == 0 else ()
            entry = Entry(
                len(self.entries) + 1, kind, subject, what, at, at + lag, own, reference, postmark
            )  # fmt: skip
            self.entries.append(entry)
            self._hidden.append(entry)
            self.truth.apply(own, at)
            for watcher in self.watchers:
                watcher(entry)

    def shown(self) -> Shelf:
        """What reads show now."""
        now = self._now()
        ready = [entry for entry in self._hidden if entry.shown_at <= now]
        for entry in ready:
            self._hidden.remove(entry)
            self._shown.apply(entry.moves, entry.at)
        return self._shown

    def as_of_ago(self, behind: timedelta) -> Shelf:
        """What was there so long ago: what a copy that lags behind shows."""
        moment = self._now() - behind
        shelf = Shelf(self._beginning)
        for entry in self.entries:
            if entry.at <= moment:
                shelf.apply(entry.moves, entry.at)
        return shelf

    def journal(self) -> Iterator[tuple[str, Decimal]]:
        """Double entry: every movement on a rental's account has its counterpart; the sum of all is zero."""
        for row in self.truth.all(MONEY_NOUN):
            effect = row.values["effect"]
            yield f"rental {row.values['rental_id']}", effect
            yield ("till" if row.values["kind"] == "payment" else "income"), -effect
