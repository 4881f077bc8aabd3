"""The simulated back office: its books, what reads of them show and when, and the ways in which a call goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    PostBulletin,
    PostFutureCharges,
    ScheduleMoveOut,
    SetAutopay,
    SetConsent,
    TakePayment,
)
from pmsbridge.errors import UnavailableError
from pmsbridge.model.ledger import EntryKind
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Autopay, AutopayState, PaymentMethod
from pmsbridge.model.record import VendorRef
from pmsbridge.model.sealed import CardBrand, CardFace
from pmsbridge.testing.history import Booked, Request
from pmsbridge.testing.memory_books import Books
from pmsbridge.testing.simulation.plan import LAG_MS, LATE_MS, WINDOW_MS, Character
from pmsbridge.testing.simulation.world import World

__all__ = ["ACCOUNT", "FACILITY", "FAULTS", "BackOffice", "Line", "Wire", "lines_of"]

ACCOUNT: Final = "sim"
FACILITY: Final = "F1"
_METHOD: Final = PaymentMethod(
    ref=VendorRef(system="memory", account=ACCOUNT, facility=FACILITY, entity="payment_method", id="M1"),
    tenant_id="T1",
    face=CardFace(brand=CardBrand.VISA, last4="1111"),
    is_usable=True,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to go wrong.

    Attributes:
        happens: "never", "now", "late" (after the answer was lost) or "part" (of a payment for several rentals).
        status: What the wire answers; 0 for no answer at all, -1 for a connection that was refused.
    """

    happens: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    foreign: bool = False
    garbled: bool = False


FAULTS: Final[dict[str, Fault]] = {
    "refused": Fault("never", -1),
    "lost before": Fault("never", 0),
    "lost after": Fault("now", 0),
    "late commit": Fault("late", 0),
    "late commit after 500": Fault("late", 500),
    "500 before": Fault("never", 500),
    "500 after": Fault("now", 502),
    "503 wait": Fault("never", 503, (("retry-after", "20"),)),
    "429": Fault("never", 429),
    "rejected": Fault("never", 422),
    "log-on refused": Fault("never", 401),
    "redirected after": Fault("now", 307),
    "garbled": Fault("now", 200, garbled=True),
    "foreign before": Fault("never", 200, foreign=True),
    "foreign after": Fault("now", 200, foreign=True),
    "part done": Fault("part", 0),
}
_REJECTED: Final = 422
_ANSWERS: Final = {_REJECTED: "rejected", 503: "refused", 429: "refused", 401: "refused", -1: "refused"}
_LOOKS: Final = frozenset({"reference", "state", "baseline", "amount"})
_PLAIN: Final = Fault("now", 200)
_NAMES: Final = tuple(FAULTS)


@dataclass(frozen=True, slots=True)
class Wire:
    """What came back over the wire.

    Attributes:
        number: Of the line in the books that answers; 0 for none.
    """

    status: int
    headers: dict[str, str]
    number: int = 0
    foreign: bool = False
    garbled: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is in the books.

    Attributes:
        at: When it happened, in true milliseconds.
        shown_at: From when an ordinary read shows it; a stale one shows it after the longest lag.
        mark: What its text shows: our reference, "desk" (other means than ours), or nothing that tells whose it is.
    """

    number: int
    at: int
    shown_at: int
    effect: EffectBody | None
    kind: str
    subject: str
    what: str
    key: str
    mark: str


@dataclass(slots=True)
class _Coming:
    """A request that is to take effect."""

    at: int
    request: int
    effect: EffectBody
    key: str
    only_first: bool


class BackOffice:
    """What it holds is the truth a run is judged by."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._character = world.schedule.character
        self.lines: list[Line] = []
        self._coming: list[_Coming] = []
        self._answers: dict[int, int] = {}
        self._requests = 0
        self._unanswered: list[tuple[int, TakePayment]] = []
        now = world.timeline.wall()
        self._fresh, self._stale = _Shelf(_books(now)), _Shelf(_books(now))
        for rental in ("R1", "R4", "R2"):
            world.history.states["set_autopay", rental] = "off"
            world.history.states["leaving", rental] = "stays"

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, what: str) -> tuple[Books, list[Line]]:
        """The books and the lines a read shows now: the newest, or a stale copy.

        Raises:
            UnavailableError: The read failed.
            ValueError: A library broke in the middle of it.
        """
        world = self._world
        world.step("a read of the back office")
        world.baton.pause(world.dice.between(5, 60))
        self.settle()
        world.reads += 1
        if world.reads in world.schedule.read_fault_at or world.mishap(world.schedule.fault / 3):
            world.count("fault read failed")
            world.log("read failed", what=what)
            if what in _LOOKS and world.dice.chance(0.3):
                message = "foreign"
                raise ValueError(message)
            message = "the back office does not answer"
            raise UnavailableError(message)
        is_stale = world.mishap(world.schedule.stale)
        world.coverage["read stale" if is_stale else "read"] += 1
        shelf, lag = (self._stale, LAG_MS) if is_stale else (self._fresh, 0)
        now = world.timeline.now
        shown = [line for line in self.lines if (line.at + lag if lag else line.shown_at) <= now]
        shelf.show(shown, self._world)
        return shelf.books, shown

    # -- writing -----------------------------------------------------------------------------------------------------

    def ask(self, effect: EffectBody, key: str, lane: str, *, sealed: bool) -> Wire:
        """One write over the wire. It takes time; whoever asks may die meanwhile, and it still happens."""
        world = self._world
        world.calls += 1
        kind = str(getattr(effect, "kind", ""))
        fault = self._fault(effect, key)
        began = world.timeline.now
        reached = began + world.dice.between(5, 80)
        ended = reached + self._slowness(fault)
        self._requests += 1
        number = self._requests
        if fault.happens != "never":
            at = ended + world.dice.between(1, LATE_MS) if fault.happens == "late" else reached
            self._coming.append(_Coming(at, number, effect, key, fault.happens == "part"))
        answer = _ANSWERS.get(fault.status, "none" if fault is not _PLAIN else "done")
        world.asked(Request(key, kind, lane, began, ended, answer, sealed))
        if answer == "none" and isinstance(effect, TakePayment):
            self._unanswered.append((ended, effect))
        world.baton.pause(ended - began)
        self.settle()
        return Wire(fault.status, dict(fault.headers), self._answers.get(number, 0), fault.foreign, fault.garbled)

    def _fault(self, effect: EffectBody, key: str) -> Fault:
        world = self._world
        planned = dict(world.schedule.fault_at)
        name = planned.get(world.calls, "")
        if not name and world.mishap(world.schedule.fault):
            name = world.dice.pick(_NAMES)
        parts = len(getattr(effect, "parts", ()))
        knows_it = self._character is Character.KEYED and any(line.key == key for line in self.lines)
        if knows_it and name and FAULTS[name].status == _REJECTED:
            return _PLAIN  # it answers as it did the first time
        can_be_cut = parts > 1 and self._character is not Character.KEYED
        if not name or (name == "part done" and not can_be_cut):
            return _PLAIN
        world.count(f"fault {name}")
        return FAULTS[name]

    def _slowness(self, fault: Fault) -> int:
        """How long an answer takes: a lost one ends in a time-out or a reset."""
        if fault.status == 0 and self._world.dice.chance(0.5):
            return 29_000
        if self._world.mishap(self._world.schedule.slow):
            return self._world.dice.between(5_000, 28_000)
        return self._world.dice.between(20, 400)

    def pay_at_the_desk(self, rental: str, amount: str, mark: str) -> None:
        """Staff take money themselves."""
        self._enter(self._world.timeline.now, None, "take_payment", rental, amount, "", mark)

    @property
    def unanswered_payment(self) -> Sequence[tuple[str, str]]:
        """The latest payment whose answer was lost within the settle window: nobody has looked for it yet."""
        now = self._world.timeline.now
        recent = [effect for ended, effect in self._unanswered if ended <= now < ended + WINDOW_MS]
        parts = recent[-1].parts if recent else ()
        return [(part.rental_id, format(part.amount.amount, "f")) for part in parts]

    # -- what happens ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let what is due take effect, in order."""
        now = self._world.timeline.now
        due = sorted((c for c in self._coming if c.at <= now), key=lambda c: (c.at, c.request))
        for coming in due:
            self._coming.remove(coming)
            self._apply(coming)

    @property
    def last_event(self) -> int:
        """When the last thing that is still to come will have come."""
        return max((coming.at for coming in self._coming), default=0)

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way, and every read shows everything."""
        now = self._world.timeline.now
        busy = any(request.ended > now for request in self._world.history.requests)
        return not (busy or self._coming or any(line.at + LAG_MS > now for line in self.lines))

    def _apply(self, coming: _Coming) -> None:
        known = next((line for line in self.lines if line.key == coming.key), None)
        if self._character is Character.KEYED and known is not None:
            self._world.count("vendor key repeated")
            self._answers[coming.request] = known.number
            return
        lines = lines_of(coming.effect)
        for subject, what in lines[:1] if coming.only_first else lines:
            mark = str(getattr(coming.effect, "reference", ""))
            kind = str(getattr(coming.effect, "kind", ""))
            number = self._enter(coming.at, coming.effect, kind, subject, what, coming.key, mark)
            self._answers[coming.request] = number

    def _enter(
        self, at: int, effect: EffectBody | None, kind: str, subject: str, what: str, key: str, mark: str
    ) -> int:
        world = self._world
        lag = world.dice.between(1, LAG_MS) if world.mishap(world.schedule.fault) else 0
        line = Line(len(self.lines) + 1, at, at + lag, effect, kind, subject, what, key, mark)
        self.lines.append(line)
        world.book(Booked(line.number, at, kind, subject, what, key))
        return line.number


@lru_cache(maxsize=4)
def _seeded(now: datetime) -> Books:
    books = Books.seeded(ACCOUNT, (FACILITY,), now)
    for place, autopay in books.autopay.items():
        books.autopay[place] = autopay.changed(method=_METHOD)
    return books


def _books(now: datetime) -> Books:
    """Books as they are at the beginning of every run; what stands in them is never changed, only replaced."""
    seeded = _seeded(now)
    return replace(seeded, **{part.name: copy(getattr(seeded, part.name)) for part in fields(seeded)})


class _Shelf:
    """One copy of the books and what it shows already."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self._shown: set[int] = set()

    def show(self, lines: list[Line], world: World) -> None:
        for line in lines:
            if line.number not in self._shown:
                self._shown.add(line.number)
                self._enter(line, world)

    def _enter(self, line: Line, world: World) -> None:
        at = world.timeline.wall()
        if line.kind == "take_payment":
            paid = Money.of(line.what, "USD")
            self.books.enter(FACILITY, line.subject, EntryKind.PAYMENT, -paid, at, "Payment")
        elif isinstance(line.effect, SetAutopay):
            state = AutopayState.CARD if line.effect.on else AutopayState.OFF
            self.books.autopay[FACILITY, line.subject] = Autopay(
                rental_id=line.subject, state=state, method=_METHOD, method_usable=True
            )
        elif line.effect is not None and not isinstance(line.effect, AddNote | PostBulletin):
            self.books.show(line.effect, line.number, at)


def lines_of(effect: EffectBody) -> list[tuple[str, str]]:  # noqa: PLR0911 - one line per kind
    """What an effect is written as: to what, and which value; a payment is one line per rental."""
    if isinstance(effect, TakePayment):
        return [(part.rental_id, format(part.amount.amount, "f")) for part in effect.parts]
    if isinstance(effect, SetAutopay):
        return [(effect.rental_id, "on" if effect.on else "off")]
    if isinstance(effect, ScheduleMoveOut):
        return [(effect.rental_id, effect.leaving_on.isoformat())]
    if isinstance(effect, CancelMoveOut):
        return [(effect.rental_id, "stays")]
    if isinstance(effect, ChangeContact):
        return [(effect.tenant_id, ",".join(f"{name}={value}" for name, value in sorted(effect.changes.items())))]
    if isinstance(effect, PostFutureCharges):
        return [(effect.tenant_id, str(effect.months))]
    if isinstance(effect, SetConsent):
        return [(effect.tenant_id, "yes" if effect.granted else "no")]
    return [(str(getattr(effect, "rental_id", getattr(effect, "tenant_id", FACILITY))), "")]
