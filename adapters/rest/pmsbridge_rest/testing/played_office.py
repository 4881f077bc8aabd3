"""The sandbox as a simulated back office: requests are on their way, meet faults, and take effect in their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from pmsbridge.testing.history import Booked, Request
from pmsbridge.testing.simulation.plan import LAG_MS, LATE_MS, WINDOW_MS
from pmsbridge.testing.simulation.world import World
from pmsbridge.transport.stand_in import NoAnswer, NotReached, Sent, StandInAnswer
from pmsbridge_rest.sandbox import Entry, FaultKind, Handled, Office, Rule
from pmsbridge_rest.sandbox import Request as OfficeRequest

__all__ = ["FAULTS", "IDS", "Line", "PlayedOffice", "Sender"]

IDS: Final = {"T1": "1001", "T2": "1002", "R1": "2001", "R4": "2002", "R2": "2003"}
"""The people and rentals of every schedule, and who they are here."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """A way to go wrong.

    Attributes:
        happens: "never", "now" or "late" (after the answer was lost).
        says: What is answered; None for nothing.
        reached: Whether the request left at all.
    """

    happens: str
    says: FaultKind | None
    reached: bool = True
    retry_after: int | None = None


FAULTS: Final[Mapping[str, _Fault]] = {
    "refused": _Fault("never", None, reached=False),
    "lost before": _Fault("never", None),
    "lost after": _Fault("now", None),
    "late commit": _Fault("late", None),
    "late commit after 500": _Fault("late", FaultKind.HTTP_500),
    "500 before": _Fault("never", FaultKind.HTTP_500),
    "500 after": _Fault("now", FaultKind.HTTP_500),
    "503 wait": _Fault("never", FaultKind.HTML_503, retry_after=20),
    "429": _Fault("never", FaultKind.HTTP_429),
    "rejected": _Fault("never", FaultKind.REJECTED),
    "log-on refused": _Fault("never", FaultKind.LOGON),
    "redirected after": _Fault("now", FaultKind.REDIRECT),
    "garbled": _Fault("now", FaultKind.NOT_JSON),
}
_PLAIN: Final = _Fault("now", None)
_NAMES: Final = tuple(FAULTS)
_REFUSED: Final = frozenset({401, 429, 503})


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done."""

    number: int
    key: str
    at: int
    shown_at: int
    subject: str


@dataclass(slots=True)
class Sender:
    """Who sends, and for what: written on the outside of a request, where only the judge looks.

    Attributes:
        key: The effect's key; empty for reads.
        has_left: A write of this effect left.
        parts: Rentals and amounts of a payment.
    """

    key: str = ""
    kind: str = ""
    lane: str = ""
    has_left: bool = False
    parts: tuple[tuple[str, str], ...] = ()


_NOT_OURS: Final = Decimal("0.37")


@dataclass(slots=True)
class _Coming:
    at: int
    number: int
    request: OfficeRequest
    answers: dict[int, Handled] = field(repr=False)


class PlayedOffice:
    """What the sandbox holds is the truth a run is judged by.

    Args:
        world: Whose run it is.
        office: The sandbox.
        desk_differs: What staff take themselves is never as much as any payment of ours.
    """

    def __init__(self, world: World, office: Office, *, desk_differs: bool = False) -> None:
        self._world = world
        self._desk_differs = desk_differs
        self.sandbox = office
        self._began = office.now() - timedelta(milliseconds=world.timeline.now)
        self._coming: list[_Coming] = []
        self._answers: dict[int, Handled] = {}
        self._numbers = 0
        self._unanswered: list[tuple[int, Sender]] = []
        self.lines: list[Line] = []
        office.watchers.append(self._entered)
        office.counter.lag = self._lag

    # -- what was done -----------------------------------------------------------------------------------------------

    def _entered(self, entry: Entry) -> None:
        at, shown_at = self._ms(entry.at), self._ms(entry.shown_at)
        self.lines.append(Line(entry.number, entry.postmark, at, shown_at, entry.subject))
        kind = "take_payment" if entry.kind == "desk" else entry.kind
        self._world.book(Booked(entry.number, at, kind, entry.subject, entry.what, entry.postmark))

    def _lag(self) -> timedelta:
        world = self._world
        lags = world.mishap(world.schedule.fault)
        return timedelta(milliseconds=world.dice.between(1, LAG_MS) if lags else 0)

    def _ms(self, moment: datetime) -> int:
        return round((moment - self._began).total_seconds() * 1000)

    def settle(self) -> None:
        """Let what is due take effect, in order."""
        now = self._world.timeline.now
        for coming in sorted((c for c in self._coming if c.at <= now), key=lambda c: (c.at, c.number)):
            self._coming.remove(coming)
            moment = self._began + timedelta(milliseconds=coming.at)
            coming.answers[coming.number] = self.sandbox.handle(coming.request, at=moment)

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

    def pay_at_the_desk(self, rental: str, amount: str, mark: str) -> None:
        """Staff take money themselves."""
        taken = Decimal(amount) + (_NOT_OURS if self._desk_differs else 0)
        self.sandbox.pay_at_the_desk(IDS.get(rental, rental), taken, text=mark)

    @property
    def unanswered_payment(self) -> Sequence[tuple[str, str]]:
        """The latest payment whose answer was lost within the settle window: nobody has looked for it yet."""
        now = self._world.timeline.now
        recent = [sender.parts for ended, sender in self._unanswered if ended <= now < ended + WINDOW_MS]
        return recent[-1] if recent else ()

    # -- requests ----------------------------------------------------------------------------------------------------

    def answer(self, sent: Sent, sender: Sender) -> StandInAnswer:
        """What comes back over the wire.

        Raises:
            NotReached: The connection was refused.
            NoAnswer: The answer was lost.
        """
        request = OfficeRequest(sent.method, sent.target, sent.headers, sent.body, postmark=sender.key)
        if self.sandbox.is_write(request):
            return self._written(request, sender)
        return self._read(request)

    def _read(self, request: OfficeRequest) -> StandInAnswer:
        world = self._world
        world.step("a read of the back office")
        world.baton.pause(world.dice.between(5, 60))
        self.settle()
        world.reads += 1
        if world.reads in world.schedule.read_fault_at or world.mishap(world.schedule.fault / 3):
            world.count("fault read failed")
            world.log("read failed", what=self.sandbox.name_of(request))
            if world.dice.chance(0.5):
                raise NoAnswer
            return _said(self.sandbox.handle(request, rule=_rule(_Fault("never", FaultKind.HTTP_500))))
        is_stale = world.mishap(world.schedule.stale)
        world.coverage["read stale" if is_stale else "read"] += 1
        rule = Rule(0, "*", FaultKind.STALE, seconds=LAG_MS / 1000, after_effect=True) if is_stale else None
        return _said(self.sandbox.handle(request, rule=rule, has_struck=True))

    def _written(self, request: OfficeRequest, sender: Sender) -> StandInAnswer:
        """One write over the wire. It takes time; whoever asks may die meanwhile, and it still happens."""
        world = self._world
        world.calls += 1
        fault = self._fault()
        sender.has_left = fault.reached
        began = world.timeline.now
        reached = began + world.dice.between(5, 80)
        ended = reached + self._slowness(fault)
        number = self._expect(request, fault, reached, ended)
        noted = len(world.history.requests)
        world.asked(Request(sender.key, sender.kind, sender.lane, began, ended, _heard(fault), sealed=False))
        if sender.parts and _heard(fault) == "none":
            self._unanswered.append((ended, sender))
        world.baton.pause(ended - began)
        self.settle()
        reply = self._reply(request, fault, number)
        if fault == _PLAIN and reply is not None and reply.status not in range(200, 300):
            refusal = "refused" if reply.status in _REFUSED else "rejected"
            old = world.history.requests[noted]
            world.history.requests[noted] = Request(old.key, old.kind, old.lane, began, ended, refusal, sealed=False)
        world.step("after a call")
        if not fault.reached:
            raise NotReached
        if reply is None:
            raise NoAnswer
        return reply

    def _expect(self, request: OfficeRequest, fault: _Fault, reached: int, ended: int) -> int:
        """Put a request on its way; its number."""
        self._numbers += 1
        if fault.happens != "never":
            at = ended + self._world.dice.between(1, LATE_MS) if fault.happens == "late" else reached
            self._coming.append(_Coming(at, self._numbers, request, self._answers))
        return self._numbers

    def _reply(self, request: OfficeRequest, fault: _Fault, number: int) -> StandInAnswer | None:
        if fault.says is not None:
            return _said(self.sandbox.handle(request, rule=_rule(fault)))
        handled = self._answers.pop(number, None)
        return _said(handled) if fault == _PLAIN and handled is not None else None

    def _fault(self) -> _Fault:
        world = self._world
        name = dict(world.schedule.fault_at).get(world.calls, "")
        if not name and world.mishap(world.schedule.fault):
            name = world.dice.pick(_NAMES)
        if name not in FAULTS:
            return _PLAIN
        world.count(f"fault {name}")
        return FAULTS[name]

    def _slowness(self, fault: _Fault) -> int:
        """How long an answer takes: a lost one ends in a time-out or a reset."""
        if fault.says is None and fault != _PLAIN and self._world.dice.chance(0.5):
            return 29_000
        if self._world.mishap(self._world.schedule.slow):
            return self._world.dice.between(5_000, 28_000)
        return self._world.dice.between(20, 400)


def _rule(fault: _Fault) -> Rule:
    kind = fault.says or FaultKind.DROP_BEFORE
    return Rule(0, "*", kind, retry_after=fault.retry_after)


def _heard(fault: _Fault) -> str:
    if fault == _PLAIN:
        return "done"
    if fault.says is FaultKind.REJECTED:
        return "rejected"
    is_refusal = not fault.reached or fault.says in {FaultKind.HTML_503, FaultKind.HTTP_429, FaultKind.LOGON}
    return "refused" if is_refusal else "none"


def _said(handled: Handled) -> StandInAnswer:
    reply = handled.reply
    if reply is None:
        raise NoAnswer
    return StandInAnswer(reply.status, {"Content-Type": "application/json", **reply.headers}, reply.content)
