"""Telling one endpoint what the feeds hold: in order, one message at a time, at least once.

The endpoint is taken under a lease. A message is posted, and only then is the place in its feed moved on: who is killed
in between leaves the message to the next worker, under the same id. A message that does not arrive holds its endpoint
up, and no other: it is tried again after each wait of the endpoint's schedule, and after the last the endpoint is
disabled, with a finding.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from pmsbridge.errors import ConfigurationError, PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.ports.clock import Clock
from pmsbridge.store.changes import Change, Changes
from pmsbridge.store.database import Database
from pmsbridge.store.outcome_feed import OutcomeChange, Outcomes
from pmsbridge.store.webhooks import Failure, Feed, Head, HeldEndpoint, Webhooks
from pmsbridge.webhooks import composing
from pmsbridge.webhooks.composing import Posting
from pmsbridge.webhooks.endpoint import Endpoint, Verdict

__all__ = ["Delivery"]

_log = get_logger(__name__)

LEASE_MARGIN: Final = timedelta(seconds=30)
"""A lease outlives the longest attempt by this, so that nobody else begins while an answer is still read."""

_AT_ONCE: Final = 50
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Unsayable:
    """A row of a feed of which no message can be made.

    Attributes:
        problem: Why, without a value of the row.
    """

    account: str
    facility: str
    problem: str

    @classmethod
    def of(cls, error: Exception, account: str, facility: str) -> Self:
        """From what was raised."""
        return cls(account, facility, f"no message can be made of it ({type(error).__name__})")


_Row = tuple[Head, Posting | Unsayable | None]


class Delivery:
    """Tells one endpoint."""

    def __init__(
        self, database: Database, endpoint: Endpoint, clock: Clock, *, chance: Callable[[], float] = random.random
    ) -> None:
        """Nothing happens yet.

        Args:
            database: Where feeds and places are.
            endpoint: Who is told.
            clock: Time.
            chance: From 0 to 1; spreads the waits, so that endpoints that failed together do not come back together.
        """
        self.endpoint = endpoint
        self.clock = clock
        self.store = Webhooks(database, clock)
        self.lease = endpoint.settings.timeout + LEASE_MARGIN
        self._chance = chance
        self._changes = Changes(database)
        self._outcomes = Outcomes(database)

    def run(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Tell what there is to tell now; returns how many messages arrived.

        Args:
            stop: Asked between two messages.

        Raises:
            UnavailableError: The database cannot be used now.
        """
        name = self.endpoint.settings.name
        if stop() or not self.store.is_due(name):
            return 0
        until = self.clock.now() + self.lease
        held = self.store.take(name, uuid.uuid4().hex, self.lease)
        if held is None:
            return 0
        turn = _Turn(self, held)
        turn.until = until
        return turn.run(stop)

    def rows(self, feed: Feed, after: int) -> list[_Row]:
        """The next rows of a feed, each with the message it is for this endpoint; None when it is for others.

        A row of which no message can be made holds the endpoint up where it stands, and no other row.
        """
        try:
            return self._rows(feed, after, _AT_ONCE)
        except PmsBridgeError:
            raise
        except Exception as error:  # noqa: BLE001 - one of these rows cannot be read or told
            return self._one_row(feed, after, error)

    def _rows(self, feed: Feed, after: int, limit: int) -> list[_Row]:
        if feed is Feed.OUTCOMES:
            return [self._of_outcome(row) for row in self._outcomes.after(after, limit=limit)]
        return [self._of_change(row) for row in self._changes.after(after, limit=limit)]

    def _one_row(self, feed: Feed, after: int, error: Exception) -> list[_Row]:
        try:
            return self._rows(feed, after, 1)
        except PmsBridgeError:
            raise
        except Exception as problem:  # noqa: BLE001 - it is this row
            error = problem
        place = (self._outcomes if feed is Feed.OUTCOMES else self._changes).next_place(after)
        if place is None:
            return []
        number, account, facility, kind = place
        wants = self.endpoint.settings.wants(kind, account, facility)
        return [(Head(feed, number), Unsayable.of(error, account, facility) if wants else None)]

    def _of_outcome(self, row: OutcomeChange) -> _Row:
        wants = self.endpoint.settings.wants(composing.type_of_outcome(row), row.account, row.facility)
        return Head(Feed.OUTCOMES, row.number), composing.of_outcome(row) if wants else None

    def _of_change(self, row: Change) -> _Row:
        wants = self.endpoint.settings.wants(composing.type_of_change(row), row.account, row.facility)
        is_told = wants and not composing.is_first_copy(row)
        return Head(Feed.CHANGES, row.seq), composing.of_change(row) if is_told else None

    def wait_after(self, attempts: int, verdict: Verdict) -> timedelta | None:
        """How long to wait after so many attempts of one message; None when there is no further one."""
        retries = self.endpoint.settings.retries
        if verdict.is_gone or attempts > len(retries):
            return None
        wait = retries[attempts - 1] * (1 + _JITTER * self._chance())
        return max(wait, verdict.retry_after or wait)


class _Turn:
    """What one worker does with an endpoint while it holds it.

    Attributes:
        until: When the right to send ends, by this process's clock.
    """

    def __init__(self, delivery: Delivery, held: HeldEndpoint) -> None:
        self._delivery, self._held = delivery, held
        self._store, self._clock = delivery.store, delivery.clock
        self._places = {Feed.OUTCOMES: held.state.outcomes_number, Feed.CHANGES: held.state.changes_seq}
        # The message that failed goes first, whatever else has come: order is kept, and its attempts are counted.
        self._first = held.state.head.feed if held.state.head is not None else None
        self._arrived = 0
        self._is_ours = True
        self.until = self._clock.now()

    def run(self, stop: Callable[[], bool]) -> int:
        try:
            while self._is_ours and not stop():
                rows = self._next()
                if not rows:
                    break
                self._tell(rows, stop)
        finally:
            if self._is_ours:
                self._store.let_go(self._held)
        return self._arrived

    def _next(self) -> list[_Row]:
        """Outcomes before changes: a person waits for the one, a night brings thousands of the other."""
        feeds = (Feed.OUTCOMES, Feed.CHANGES) if self._first is None else (self._first, *Feed)
        for feed in feeds:
            rows = self._delivery.rows(feed, self._places[feed])
            if rows:
                return rows
        return []

    def _tell(self, rows: list[_Row], stop: Callable[[], bool]) -> None:
        passed: Head | None = None
        for head, posting in rows:
            if posting is None:
                passed = head
                continue
            if stop() or not self._is_ours:
                break
            self._post(head, posting)
            passed = None
        if passed is not None and self._is_ours and passed == rows[-1][0]:
            self._go_on(passed, self._store.passed_over)

    def _post(self, head: Head, posting: Posting | Unsayable) -> None:
        verdict = Verdict(posting.problem) if isinstance(posting, Unsayable) else self._answer(posting)
        if verdict.has_arrived:
            self._go_on(head, self._store.arrived)
            self._arrived += self._is_ours
        else:
            self._fail(head, posting, verdict)

    def _answer(self, posting: Posting) -> Verdict:
        try:
            return self._delivery.endpoint.post(posting, not_after=self.until)
        except ConfigurationError as error:
            return Verdict(error.message)

    def _go_on(self, head: Head, note: Callable[[HeldEndpoint, Head], bool]) -> None:
        until = self._clock.now() + self._held.lease
        self._is_ours = note(self._held, head)
        self._places[head.feed] = head.seq
        self._first, self.until = None, until

    def _fail(self, head: Head, posting: Posting | Unsayable, verdict: Verdict) -> None:
        before = self._held.state
        attempts = 1 + (before.attempts if before.head == head else 0)
        wait = self._delivery.wait_after(attempts, verdict)
        finding = self._finding(posting, verdict, attempts) if wait is None else self._broken(head, posting)
        self._store.failed(self._held, Failure(head, attempts, verdict.problem, wait, finding))
        self._is_ours = False  # noting a failure lets go
        _log.warning("webhook_failed", endpoint=self._held.name, attempts=attempts, problem=verdict.problem)

    def _broken(self, head: Head, posting: Posting | Unsayable) -> Finding | None:
        """What a person is told at once: trying again does not help unless the row is put right."""
        if isinstance(posting, Posting):
            return None
        name = self._held.name
        return Finding(
            code="webhook_unsayable", severity=Severity.URGENT, account=posting.account, facility=posting.facility,
            subject=f"webhook/{name}",
            text=f"webhook {name} waits at entry {head.seq} of the feed of {head.feed}: {posting.problem}. "
            f"To leave it out: pmsbridge webhooks enable {name} --skip",
            found_at=self._clock.now(),
        )  # fmt: skip

    def _finding(self, posting: Posting | Unsayable, verdict: Verdict, attempts: int) -> Finding:
        name = self._held.name
        why = "the receiver wants nothing any more" if verdict.is_gone else f"{attempts} attempts of one message failed"
        return Finding(
            code="webhook_gone" if verdict.is_gone else "webhook_disabled", severity=Severity.URGENT,
            account=posting.account, facility=posting.facility, subject=f"webhook/{name}",
            text=f"webhook {name} is disabled: {why} (last: {verdict.problem}). What happens is kept for it; "
            f"afterwards: pmsbridge webhooks enable {name}",
            found_at=self._clock.now(),
        )  # fmt: skip
