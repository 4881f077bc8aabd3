"""The back office in memory: what it holds, how it misbehaves on request, and the clock a test drives by hand."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.outcome import Attempt, Receipt
from pmsbridge.testing.memory_books import Books

__all__ = ["Applied", "Call", "Fault", "MemoryOffice", "SimulatedCrash", "TestClock"]


class SimulatedCrash(BaseException):
    """The process dies here."""


class TestClock:
    """Time that moves only when told to; sleeping moves it."""

    __test__ = False

    def __init__(self, start: datetime = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Move on by that much."""
        self.advance(max(timedelta(seconds=seconds), timedelta(microseconds=1)))

    def advance(self, by: timedelta) -> None:
        """Move on."""
        with self._lock:
            self._now += by
            self._monotonic += by.total_seconds()


class Fault(StrEnum):
    """What goes wrong with the next call of a kind."""

    REFUSE = "refuse"
    REJECT = "reject"
    CONFIGURATION = "configuration"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    LATE_COMMIT = "late_commit"
    FOREIGN_BEFORE = "foreign_before"
    FOREIGN_AFTER = "foreign_after"
    CRASH_BEFORE = "crash_before"
    CRASH_AFTER = "crash_after"


_BEFORE = frozenset({
    Fault.REFUSE, Fault.REJECT, Fault.CONFIGURATION, Fault.DROP_BEFORE, Fault.FOREIGN_BEFORE, Fault.CRASH_BEFORE,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applied:
    """One effect the back office carried out.

    Attributes:
        key: The key it came with; the office does not look at it.
        visible_at: From when reads show it.
    """

    number: int
    effect: EffectBody
    key: str
    at: datetime
    visible_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the adapter: "execute", "probe" or "baseline"."""

    what: str
    kind: str
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Planned:
    fault: Fault
    kind: str | None
    after: timedelta
    retry_after: timedelta | None


class MemoryOffice:
    """What the back office holds, and how it misbehaves.

    Attributes:
        applied: Every effect it carried out, in order: the truth.
        calls: Every call an adapter made.
        lag: How long after it happened an effect shows in reads.
        absence_conclusive: What a probe that finds nothing claims.
        blind: Probes cannot tell anything.
        failing_reads: The next so many reads fail as unavailable.
        failing_fetches: By facility code: a fetch of it fails with this error after its first batch.
        dead: Every call crashes from now on, until set to False again.
    """

    def __init__(self, clock: Clock, *, account: str = "mem", facilities: Sequence[str] = ("F1",)) -> None:
        self.clock = clock
        self.account = account
        self.books = Books.seeded(account, facilities, clock.now())
        self.applied: list[Applied] = []
        self.calls: list[Call] = []
        self.sealed_seen: list[str] = []
        self.lag = timedelta(0)
        self.absence_conclusive = True
        self.blind = False
        self.failing_reads = 0
        self.failing_fetches: dict[str, Exception] = {}
        self.dead = False
        self._faults: deque[_Planned] = deque()
        self._later: list[tuple[datetime, EffectBody, str]] = []
        self._unseen: list[Applied] = []
        self._lock = threading.RLock()

    # -- faults --------------------------------------------------------------------------------------------------------

    def fail(
        self,
        fault: Fault,
        *,
        kind: str | None = None,
        times: int = 1,
        after: timedelta = timedelta(0),
        retry_after: timedelta | None = None,
    ) -> None:
        """Let the next ``times`` executes (of a kind) go wrong.

        Args:
            fault: What goes wrong.
            kind: Only with this kind of effect; None for any.
            times: How often.
            after: For a late commit: how long after the answer was lost it takes effect.
            retry_after: For a refusal: the wait it asks for.
        """
        self._faults.extend([_Planned(fault, kind, after, retry_after)] * times)

    def _next_fault(self, kind: str) -> _Planned | None:
        for planned in self._faults:
            if planned.kind in {None, kind}:
                self._faults.remove(planned)
                return planned
        return None

    # -- what happens --------------------------------------------------------------------------------------------------

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry out, or misbehave as planned."""
        with self._lock:
            self.note("execute", effect, attempt.key)
            planned = self._next_fault(str(getattr(effect, "kind", "")))
            if planned is None:
                return self.receipt(self._apply(effect, attempt.key))
            if planned.fault in _BEFORE:
                raise _before(planned)
            if planned.fault is Fault.LATE_COMMIT:
                self._later.append((self.clock.now() + planned.after, effect, attempt.key))
            else:
                self._apply(effect, attempt.key)
            raise _after(planned)

    def note(self, what: str, effect: EffectBody, key: str) -> None:
        """Write a call down."""
        if self.dead:
            raise SimulatedCrash
        self.calls.append(Call(what, str(getattr(effect, "kind", "")), key, self.clock.now()))

    def read(self) -> None:
        """A read begins: what is due takes effect, or the read fails as planned."""
        with self._lock:
            if self.dead:
                raise SimulatedCrash
            self.settle()
            if self.failing_reads > 0:
                self.failing_reads -= 1
                message = "the memory office does not answer"
                raise UnavailableError(message)

    def settle(self) -> None:
        """Let late commits and lagging effects happen whose time has come."""
        with self._lock:
            now = self.clock.now()
            for due in [row for row in self._later if row[0] <= now]:
                self._later.remove(due)
                self._apply(due[1], due[2], at=due[0])
            for row in [row for row in self._unseen if row.visible_at <= now]:
                self._unseen.remove(row)
                self.books.show(row.effect, row.number, row.at)

    def _apply(self, effect: EffectBody, key: str, at: datetime | None = None) -> Applied:
        when = at or self.clock.now()
        row = Applied(len(self.applied) + 1, effect, key, when, when + self.lag)
        self.applied.append(row)
        self._unseen.append(row)
        return row

    def receipt(self, row: Applied) -> Receipt:
        """What the office answers."""
        kind = str(getattr(row.effect, "kind", ""))
        return Receipt(evidence=f"receipt {row.number} answered", vendor_ids={kind: str(row.number)}, at=row.at)

    def visible(self, effect: EffectBody) -> Applied | None:
        """The newest such effect that reads show."""
        self.read()
        now = self.clock.now()
        same = [row for row in self.applied if row.effect == effect and row.visible_at <= now]
        return same[-1] if same else None

    # -- judging -------------------------------------------------------------------------------------------------------

    def of_kind(self, kind: str) -> list[Applied]:
        """What was carried out of one kind, late commits that are still to come included once they came."""
        self.settle()
        return [row for row in self.applied if getattr(row.effect, "kind", "") == kind]

    def calls_of(self, what: str, kind: str | None = None) -> list[Call]:
        """Calls of one sort."""
        return [call for call in self.calls if call.what == what and kind in {None, call.kind}]


def _before(planned: _Planned) -> BaseException:
    """What is raised when nothing happened."""
    errors: dict[Fault, BaseException] = {
        Fault.REFUSE: UnavailableError("the memory office is closed", retry_after=planned.retry_after),
        Fault.REJECT: RejectedError("the memory office says no", code="-1"),
        Fault.CONFIGURATION: ConfigurationError("the memory office does not know us", code="login"),
        Fault.DROP_BEFORE: OutcomeUnknownError("no answer came"),
        Fault.FOREIGN_BEFORE: KeyError("foreign"),
        Fault.CRASH_BEFORE: SimulatedCrash(),
    }
    return errors[planned.fault]


def _after(planned: _Planned) -> BaseException:
    """What is raised when it happened, or will."""
    if planned.fault is Fault.FOREIGN_AFTER:
        return ValueError("foreign")
    if planned.fault is Fault.CRASH_AFTER:
        return SimulatedCrash()
    return OutcomeUnknownError("no answer came")
