"""The back office as a whole: requests come in, the books change, answers go out, and faults strike on request."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from .answers import Reply
from .beginning import begun
from .billing import INVOICES
from .counter import Counter, Habits
from .door import Door, Request
from .faults import OF_JOBS, FaultKind, FaultPlan, Rule
from .mapping_file import load_sheet
from .plan import Plan
from .records import Books, Entry, Record
from .seeding import RENT, RENTALS, Start, first_day
from .spelling import Place
from .swelling import swollen
from .taking import Order, Taker
from .unplayable import check, notes_on
from .weather import instead

_MIXED_CURRENCIES: Final = {"JPY": 0, "KWD": 3}
_OPTION_WORDS: Final = ("1", "101", "acme", "main", "A1")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a back office is set up.

    Attributes:
        facility: Its code, as the adapter's account has it.
        zone: Its time zone.
        owed: What each rental owes; None for a month's rent each.
        autopay_on: Rentals that are charged automatically.
        leaving_in: Rentals whose tenants leave in so many days.
        consents: Answers of every tenant, by channel and purpose ("sms.marketing").
        seed: Decides which calls a fault's probability strikes.
        page_rows: Rows a piece of a list has at most, where the vendor may give fewer than it is asked for.
        job_seconds: How long a job is worked on, where the mapping tells of such; never more than a quarter of what it
            waits for one.
        counts_calls: Whether the vendor's budgets of calls hold.
    """

    facility: str = "F1"
    zone: str = "America/Chicago"
    currency: str = "USD"
    owed: Mapping[str, Decimal] | None = None
    autopay_on: frozenset[str] = frozenset()
    leaving_in: Mapping[str, int] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)
    seed: int = 7
    page_rows: int = 2
    job_seconds: float = 2.0
    counts_calls: bool = True


@dataclass(frozen=True, slots=True)
class Handled:
    """What goes back.

    Attributes:
        reply: None for nothing: the connection is closed.
        rule: The fault that struck, for whoever owns the connection; None for good weather.
    """

    reply: Reply | None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """One line of the call log."""

    number: int
    name: str
    method: str
    path: str
    status: int
    is_write: bool
    fault: str


class Office:
    """One account of the vendor that a mapping describes.

    Args:
        mapping: The mapping file; what ``NAME.office.yaml`` beside it says holds, too.
        terms: How it is set up.
        now: Time; None for the machine's.
        beside: The file beside the mapping, where it lies elsewhere.

    Raises:
        CannotPlayError: The mapping needs something that the sandbox does not have; a sentence for each, with its line.
    """

    def __init__(
        self, mapping: Path | str, terms: Terms | None = None, *, now: Callable[[], datetime] | None = None,
        beside: Path | str | None = None,
    ) -> None:  # fmt: skip
        self.sheet = load_sheet(mapping, office=beside)
        self.terms = terms or Terms()
        self._clock = now or (lambda: datetime.now(UTC))
        self._offset = timedelta(0)
        self._pretended: datetime | None = None
        self.lock = threading.RLock()
        self.plan = Plan(self.sheet)
        check(self.plan)
        self.notes = notes_on(self.sheet)
        self.faults = FaultPlan(self.terms.seed, self._objection)
        self.options = _options_for(self.sheet.part("connection", "options"))
        self._constants = {
            **{f"option.{name}": text for name, text in self.options.items()},
            "facility.code": self.terms.facility, "facility.zone": self.terms.zone,
            "facility.currency": self.terms.currency,
        }  # fmt: skip
        self._where = Place(
            ZoneInfo(self.terms.zone), self.terms.currency, _MIXED_CURRENCIES.get(self.terms.currency, 2)
        )
        self.watchers: list[Callable[[Entry], None]] = []
        self.reset()

    # time

    def now(self) -> datetime:
        """The sandbox's present."""
        return self._pretended or self._clock() + self._offset

    def today(self) -> date:
        """The facility's business date."""
        return self.now().astimezone(self._where.zone).date()

    @contextmanager
    def _pretending(self, moment: datetime | None) -> Iterator[None]:
        """Let it be another moment while the block runs."""
        before, self._pretended = self._pretended, moment or self._pretended
        try:
            yield
        finally:
            self._pretended = before

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward; what was due happens."""
        self._offset += timedelta(seconds=seconds)
        with self.lock:
            self.settle()

    # the beginning

    def reset(self) -> None:
        """Start over: the books of the first day, no calls, no faults."""
        with self.lock:
            self.faults.clear()
            self.calls: list[Called] = []
            self._late: list[tuple[datetime, Request]] = []
            self.books = Books(self._first_day(), self.now)
            self.books.watchers = self.watchers
            self._door = Door(self.sheet, self.options, self.now, counts_calls=self.terms.counts_calls)
            self._taker = Taker(self.books, self.terms.facility, self.now, self.today)
            self.counter = Counter(
                self.plan, self._where, self._constants, self._door, self.books, self._taker,
                Habits(self.now, self.terms.page_rows, self.terms.job_seconds),
            )  # fmt: skip
            self.secrets = self._door.secrets

    def _first_day(self) -> list[Record]:
        begins = self.sheet.beside("begins")
        return [*first_day(self._start()), *begun(begins, self.today(), self.now())]

    def _start(self) -> Start:
        today = self.today()
        rent = Decimal(0) if self.sheet.beside("begins").get(INVOICES) else RENT  # then what is owed is what was billed
        leaving = {rental: today + timedelta(days=days) for rental, days in self.terms.leaving_in.items()}
        kept = {noun: dict(rows) for noun, rows in self.sheet.beside("keeps").items()}
        return Start(
            self.terms.facility, self.terms.zone, self.terms.currency, today, self.now(),
            dict.fromkeys(RENTALS, rent) if self.terms.owed is None else self.terms.owed,
            self.terms.autopay_on, leaving, kept, self.terms.consents,
        )  # fmt: skip

    def settle(self) -> None:
        """Let what is due take effect, in order."""
        while (due := self._next_due()) is not None:
            at, happens = due
            with self._pretending(at):
                happens()

    def _next_due(self) -> tuple[datetime, Callable[[], object]] | None:
        """What is to happen first of all that is due; None when nothing is."""
        late = min(self._late, key=lambda one: one[0], default=None)
        job = self.counter.jobs.next_due()
        if job is not None and job.due <= self.now() and (late is None or job.due <= late[0]):
            return job.due, partial(self.counter.end, job)
        if late is not None and late[0] <= self.now():
            self._late.remove(late)
            return late[0], partial(self.counter.serve, late[1], None)
        return None

    @property
    def last_event(self) -> datetime | None:
        """When the last thing that is still to come will have come; None for nothing to come."""
        jobs = self.counter.jobs.last_due
        return max((*(at for at, _ in self._late), *([jobs] if jobs is not None else [])), default=None)

    # requests

    def name_of(self, request: Request) -> str:
        """What a request is called in rules of faults; empty for one that nobody knows."""
        routes, _ = self.plan.routes_for(request.method, request.path, request.body)
        if routes:
            return routes[0].name
        return "token" if self._door.token_reply(request) is not None else ""

    def is_write(self, request: Request) -> bool:
        """Whether a request is one of those that change the books."""
        routes, _ = self.plan.routes_for(request.method, request.path, request.body)
        return bool(routes) and any(role.is_write for role in routes[0].roles)

    def handle(
        self, request: Request, *, rule: Rule | None = None, has_struck: bool = False, at: datetime | None = None
    ) -> Handled:
        """Answer one request.

        Args:
            request: What arrived.
            rule: A fault that strikes it.
            has_struck: The rules in force were asked already.
            at: When it arrives, where whoever asks keeps the time; None for now.
        """
        with self.lock, self._pretending(at):
            self.settle()
            struck = rule if rule is not None or has_struck else self.faults.strike(self.name_of(request))
            reply = self._weathered(request, struck)
            self._log(request, reply, struck)
            return Handled(reply, struck)

    def refused(self, request: Request, rule: Rule) -> None:
        """Write down a request whose connection was reset."""
        with self.lock:
            self._log(request, None, rule)

    def pay_at_the_desk(self, rental: str, amount: Decimal, *, text: str = "") -> None:
        """Staff take money themselves.

        Args:
            rental: Which rental it is for.
            amount: How much.
            text: What they write beside it, in whatever place the mapping's own text would stand.
        """
        with self.lock:
            doing = self._taker.take("take_payment", Order({"rental_id": rental, "amount": amount, "reference": text}))
            self.books.enter("desk", doing.lines, doing.moves, reference=text)

    def write_at_the_desk(self, action: str, values: Mapping[str, Any]) -> None:
        """Staff write something themselves.

        Args:
            action: What would be asked for to have the same: "add_note", "post_bulletin".
            values: What they write, as in its effect; a mark that only the sender knows is not theirs.
        """
        with self.lock:
            doing = self._taker.take(action, Order(dict(values)))
            self.books.enter("desk", doing.lines, doing.moves)

    def _log(self, request: Request, reply: Reply | None, struck: Rule | None) -> None:
        status = 0 if reply is None else reply.status
        fault = "" if struck is None else struck.kind.value
        name = self.name_of(request)
        self.calls.append(
            Called(len(self.calls) + 1, name, request.method, request.path, status, self.is_write(request), fault)
        )

    def _weathered(self, request: Request, rule: Rule | None) -> Reply | None:
        """The answer in whatever weather; None for none."""
        if rule is None:
            return self.counter.asked_for(request, self.counter.serve(request, None))
        if rule.kind in {FaultKind.LATE_COMMIT, FaultKind.LATE_AFTER_500}:
            self._late.append((self.now() + timedelta(seconds=rule.seconds), request))
        done = self.counter.serve(request, rule) if rule.after_effect else None
        if rule.kind is FaultKind.DUPLICATE:
            done = self.counter.serve(request, rule)
        routes, _ = self.plan.routes_for(request.method, request.path, request.body)
        reply = instead(rule, self.counter.wrapping, [role for route in routes for role in route.roles], done)
        if reply is None:
            return None
        reply = self.counter.asked_for(request, reply)
        return swollen(reply, rule.rows) if rule.kind is FaultKind.HUGE_ROWS else reply

    def _objection(self, rule: Rule) -> str:
        """What is against a fault here: a job can fail only where there is one."""
        if rule.kind not in OF_JOBS:
            return ""
        named = [role for role in self.plan.roles if fnmatchcase(role.name, rule.operation)]
        return "" if any(role.job for role in named) else f"{rule.operation} is not answered with a ticket"

    def report(self) -> dict[str, Any]:
        """Everything that was done, and whether the books balance; money as text."""
        total = sum((amount for _, amount in self.books.journal()), Decimal(0))
        done = [
            {
                "number": one.number, "kind": one.kind, "subject": one.subject, "what": one.what,
                "at": one.at.isoformat(), "reference": one.reference,
            }
            for one in self.books.entries
        ]  # fmt: skip
        owed = {rental: format(self.books.truth.owed(rental), "f") for rental in RENTALS}
        return {"done": done, "owed": owed, "journal_total": format(total, "f")}


def _options_for(declared: Mapping[str, Any]) -> dict[str, str]:
    """A value for every option that fits its pattern."""
    found = {}
    for name, option in declared.items():
        table = option if isinstance(option, Mapping) else {}
        pattern = str(table.get("pattern") or "[A-Za-z0-9._-]{1,100}")
        usual = table.get("default")
        words = [usual] if usual is not None else [word for word in _OPTION_WORDS if re.fullmatch(pattern, word)]
        found[name] = str(words[0]) if words else "1"
    return found
