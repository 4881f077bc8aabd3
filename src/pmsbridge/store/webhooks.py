"""Where every webhook endpoint stands: how far it was told, what failed, and who may tell it now.

An endpoint is told by one worker at a time, who holds a lease and an epoch. Every write carries the epoch: zero rows
mean that somebody else has taken over, and the worker stops. Leases are measured by the server's clock on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from pmsbridge.logging import redact
from pmsbridge.model.finding import Finding
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.store import findings
from pmsbridge.store.database import Database
from pmsbridge.store.outcome_feed import Outcomes, last_number, number_before
from pmsbridge.store.portable import insert_absent, shared_now
from pmsbridge.store.tables import MIRROR, outcomes, webhooks

__all__ = ["Backlog", "EndpointState", "Failure", "Feed", "Head", "HeldEndpoint", "Webhooks"]

_PAST: Final = timedelta(days=-1)


class Feed(StrEnum):
    """Where a message comes from."""

    OUTCOMES = "outcomes"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Head:
    """A message by its place: the number of an outcome, the seq of a change."""

    feed: Feed
    seq: int


@dataclass(frozen=True, slots=True)
class EndpointState:
    """Where an endpoint stands.

    Attributes:
        changes_seq: The last change it need not be told any more.
        outcomes_number: The last outcome.
        head: The message that failed last and comes next; None when none did.
        attempts: How often that was tried.
        failing_since: Since when nothing arrives; None while it does.
        next_at: Nothing is tried before.
        problem: What went wrong last; empty when nothing has since the last success.
        delivered_at: When something last arrived; None for never.
        delivered: How many messages arrived.
        disabled_at: Since when nothing is tried until a person enables it; None while it is enabled.
        lease_until: Until then one worker alone tells it.
    """

    name: str
    registered_at: datetime
    changes_seq: int
    outcomes_number: int
    head: Head | None
    attempts: int
    failing_since: datetime | None
    next_at: datetime
    problem: str
    delivered_at: datetime | None
    delivered: int
    disabled_at: datetime | None
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class HeldEndpoint:
    """An endpoint that is ours for now.

    Attributes:
        state: As it was when it was taken.
    """

    name: str
    owner: str
    epoch: int
    lease: timedelta
    state: EndpointState


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not arrive.

    Attributes:
        attempts: How often this message was tried.
        again_after: When the next one is; None for never: the endpoint is disabled.
        finding: What a person should know; None for nothing yet.
    """

    head: Head
    attempts: int
    problem: str
    again_after: timedelta | None
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an endpoint has not been told yet, and need not want.

    Attributes:
        changes: Rows of the feed of changes behind its place there.
        outcomes: Rows of the feed of outcomes.
        since: When the oldest of them was noted; None when there is none.
    """

    changes: int
    outcomes: int
    since: datetime | None


class Webhooks:
    """Every endpoint's row."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    # -- a person's side -----------------------------------------------------------------------------------------------

    def register(self, names: Iterable[str]) -> None:
        """Know these endpoints; one that is new is told what happens from now on."""
        missing = set(names) - {state.name for state in self.states()}
        if not missing:
            return
        Outcomes(self._database).last()  # what was noted for others before has its number, and is not told to a new one
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            start = {
                "registered_at": now, "next_at": now, "lease_until": now + _PAST,
                "changes_seq": _last_change(connection), "outcomes_number": last_number(connection),
            }  # fmt: skip
            insert_absent(connection, webhooks, [{"name": name, **start} for name in sorted(missing)])

    def states(self) -> tuple[EndpointState, ...]:
        """All, by name."""
        with self._database.read() as connection:
            return tuple(_state(row) for row in connection.execute(select(webhooks).order_by(webhooks.c.name)))

    def backlog(self, state: EndpointState) -> Backlog:
        """What waits for an endpoint."""
        seq = MIRROR.changes.c.seq
        behind = ((MIRROR.changes, seq > state.changes_seq), (outcomes, _is_behind(state.outcomes_number)))
        with self._database.read() as connection:
            found = [
                connection.execute(select(func.count(), func.min(table.c.at)).where(rows)).one()
                for table, rows in behind
            ]
        since = min((row[1] for row in found if row[1] is not None), default=None)
        return Backlog(found[0][0], found[1][0], since)

    def enable(self, name: str, *, skips: bool = False) -> bool:
        """Try again now; False when there is no such endpoint.

        Args:
            name: Which.
            skips: Leave the message out that failed last.
        """
        with self._database.write() as connection:
            state = _locked(connection, name)
            if state is None:
                return False
            values: dict[str, Any] = {**_FRESH, "disabled_at": None, "next_at": shared_now(connection, self._clock)}
            if skips and state.head is not None:
                values[_CURSORS[state.head.feed]] = state.head.seq
            self._set_over(connection, name, values)
            return True

    def rewind(self, name: str, since: datetime) -> bool:
        """Tell again what happened since an instant; False when there is no such endpoint.

        Never forward: what has not been told yet is still told.
        """
        with self._database.write() as connection:
            state = _locked(connection, name)
            if state is None:
                return False
            change, number = _change_before(connection, since), number_before(connection, since)
            values = {
                **_FRESH, "next_at": shared_now(connection, self._clock),
                "changes_seq": min(change, state.changes_seq), "outcomes_number": min(number, state.outcomes_number),
            }  # fmt: skip
            self._set_over(connection, name, values)
            return True

    def _set_over(self, connection: Connection, name: str, values: Mapping[str, Any]) -> None:
        """Over the head of whoever holds it: its next write finds another epoch; its lease stays, for what it sends."""
        fenced = {**values, "epoch": webhooks.c.epoch + 1}
        connection.execute(update(webhooks).where(webhooks.c.name == name).values(**fenced))

    # -- a worker's side -----------------------------------------------------------------------------------------------

    def is_due(self, name: str) -> bool:
        """Whether there may be something to tell now; asks without a lock."""
        with self._database.read() as connection:
            now = shared_now(connection, self._clock)
            row = connection.execute(select(webhooks).where(webhooks.c.name == name, *_free(now))).one_or_none()
            if row is None:
                return False
            unnumbered = select(outcomes.c.seq).where(outcomes.c.number.is_(None)).limit(1)
            return (
                _last_change(connection) > row.changes_seq
                or last_number(connection) > row.outcomes_number
                or connection.execute(unnumbered).first() is not None
            )

    def take(self, name: str, owner: str, lease: timedelta) -> HeldEndpoint | None:
        """Hold an endpoint; None when it is disabled, waits, is held elsewhere, or is not known."""
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            taken = connection.execute(
                update(webhooks)
                .where(webhooks.c.name == name, *_free(now))
                .values(owner=owner, epoch=webhooks.c.epoch + 1, lease_until=now + lease)
                .returning(webhooks)
            ).one_or_none()
            return None if taken is None else HeldEndpoint(name, owner, taken.epoch, lease, _state(taken))

    def arrived(self, held: HeldEndpoint, head: Head) -> bool:
        """A message arrived: go on after it, and keep the endpoint; False when it is not ours any more: stop."""
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            values = {
                **_FRESH, _CURSORS[head.feed]: head.seq, "delivered_at": now, "delivered": webhooks.c.delivered + 1,
                "lease_until": now + held.lease,
            }  # fmt: skip
            return _write(connection, held, values)

    def passed_over(self, held: HeldEndpoint, head: Head) -> bool:
        """Nothing up to here is for this endpoint; False when it is not ours any more: stop."""
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            values = {**_FRESH, _CURSORS[head.feed]: head.seq, "lease_until": now + held.lease}
            return _write(connection, held, values)

    def failed(self, held: HeldEndpoint, failure: Failure) -> bool:
        """A message did not arrive: note when it is tried again, or that nothing is any more; and let go.

        Returns:
            False when the endpoint is not ours any more; nothing was noted.
        """
        with self._database.write() as connection:
            now = shared_now(connection, self._clock)
            values = {
                "head_feed": failure.head.feed.value, "head_seq": failure.head.seq,
                "attempts": failure.attempts, "problem": redact(failure.problem),
                "failing_since": func.coalesce(webhooks.c.failing_since, now), "lease_until": now + _PAST,
            }  # fmt: skip
            waits = failure.again_after
            values |= {"disabled_at": now} if waits is None else {"next_at": now + waits}
            is_ours = _write(connection, held, values)
            if is_ours and failure.finding is not None:
                findings.add(connection, failure.finding)
            return is_ours

    def let_go(self, held: HeldEndpoint) -> None:
        """Let others have it."""
        with self._database.write() as connection:
            _write(connection, held, {"lease_until": shared_now(connection, self._clock) + _PAST})


_FRESH: Final[Mapping[str, Any]] = {
    "head_feed": "", "head_seq": 0, "attempts": 0, "failing_since": None, "problem": "",
}  # fmt: skip
_CURSORS: Final = {Feed.OUTCOMES: "outcomes_number", Feed.CHANGES: "changes_seq"}


def _is_behind(number: int) -> Any:  # noqa: ANN401 - a condition
    return or_(outcomes.c.number.is_(None), outcomes.c.number > number)


def _free(now: datetime) -> tuple[Any, ...]:
    return (webhooks.c.disabled_at.is_(None), webhooks.c.next_at <= now, webhooks.c.lease_until < now)


def _write(connection: Connection, held: HeldEndpoint, values: Mapping[str, Any]) -> bool:
    mine = and_(webhooks.c.name == held.name, webhooks.c.owner == held.owner, webhooks.c.epoch == held.epoch)
    return (
        connection.execute(update(webhooks).where(mine).values(**values).returning(webhooks.c.name)).first() is not None
    )


def _locked(connection: Connection, name: str) -> EndpointState | None:
    row = connection.execute(select(webhooks).where(webhooks.c.name == name).with_for_update()).one_or_none()
    return None if row is None else _state(row)


def _last_change(connection: Connection) -> int:
    found: int = connection.execute(select(func.coalesce(func.max(MIRROR.changes.c.seq), 0))).scalar_one()
    return found


def _change_before(connection: Connection, since: datetime) -> int:
    query = select(func.min(MIRROR.changes.c.seq)).where(MIRROR.changes.c.at >= since)
    first = connection.execute(query).scalar_one_or_none()
    return _last_change(connection) if first is None else first - 1


def _state(row: Row[Any]) -> EndpointState:
    head = Head(Feed(row.head_feed), row.head_seq) if row.head_feed else None
    return EndpointState(
        row.name, row.registered_at, row.changes_seq, row.outcomes_number, head, row.attempts, row.failing_since,
        row.next_at, row.problem, row.delivered_at, row.delivered, row.disabled_at, row.lease_until,
    )  # fmt: skip
