"""Room for what comes: old rows of the two feeds are dropped, by age, and told ones before untold ones.

A row that every webhook endpoint has been told is dropped when it is old. One that an endpoint has not been told is
kept longer, because the endpoint may be enabled again, and not for ever, because it may not. An endpoint that loses
something by that is a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, select

from pmsbridge.model.finding import Finding, Severity
from pmsbridge.store import findings
from pmsbridge.store.database import Database
from pmsbridge.store.outcome_feed import Outcomes, last_number
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import MIRROR, actions, outcomes, webhooks

__all__ = ["Dropped", "FeedRoom", "KeptFor"]

_AT_ONCE: Final = 1000
_changes: Final = MIRROR.changes


@dataclass(frozen=True, slots=True)
class KeptFor:
    """How long rows of the feeds are kept, from the moment they were noted, and what else has an age.

    Attributes:
        told: What every webhook endpoint has been told, and everything where there is none.
        untold: What some endpoint has not been told: disabled, stopped, or taken out of the settings.
        files: What somebody handed in, from the end of its effect; see ``FileRoom``.
        attempts: Failed attempts to sign in, for as long as they count.
        people: Whoever left, from the last sign of them; None for good.
    """

    told: timedelta = timedelta(days=90)
    untold: timedelta = timedelta(days=180)
    files: timedelta = timedelta(days=7)
    attempts: timedelta = timedelta(days=1)
    people: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many rows went."""

    changes: int = 0
    outcomes: int = 0


@dataclass(frozen=True, slots=True)
class _Feed:
    """One feed.

    Attributes:
        number: By what readers count.
        cursor: How far an endpoint was told.
        whose: Account and facility of a row.
    """

    table: Any
    number: Any
    cursor: Any
    whose: Select[Any]


_CHANGES: Final = _Feed(
    _changes, _changes.c.seq, webhooks.c.changes_seq,
    select(MIRROR.places.c.account, MIRROR.places.c.facility).join(
        _changes, _changes.c.place == MIRROR.places.c.place
    ),
)  # fmt: skip
_OUTCOMES: Final = _Feed(
    outcomes, outcomes.c.number, webhooks.c.outcomes_number,
    select(actions.c.account, actions.c.facility).join(outcomes, outcomes.c.action_id == actions.c.id),
)  # fmt: skip


class FeedRoom:
    """Drops old rows of the feeds."""

    def __init__(self, database: Database, kept_for: KeptFor | None = None) -> None:
        self._database, self._kept_for = database, kept_for or KeptFor()

    def make(self, now: datetime) -> Dropped:
        """Drop what is old, a thousand rows per transaction; any number of processes may do so at once.

        Raises:
            UnavailableError: The database cannot be used now; the rest goes next time.
        """
        Outcomes(self._database).last()  # what nobody has read yet gets its number, by which it is dropped
        return Dropped(self._all_of(_CHANGES, now), self._all_of(_OUTCOMES, now))

    def _all_of(self, feed: _Feed, now: datetime) -> int:
        total = 0
        while self._has_old(feed, now):
            count = self._some_of(feed, now)
            total += count
            if count < _AT_ONCE:
                break
        return total

    def _has_old(self, feed: _Feed, now: datetime) -> bool:
        """Asked without a lock: on most nights there is nothing to do."""
        with self._database.read() as connection:
            oldest = connection.execute(_oldest(feed, 1)).first()
        return oldest is not None and oldest.at < now - self._kept_for.told

    def _some_of(self, feed: _Feed, now: datetime) -> int:
        with self._database.write() as connection:
            lock_scope(connection, "feed room")
            places = connection.execute(select(webhooks.c.name, feed.cursor)).all()
            gone = self._old(feed, connection, min((cursor for _, cursor in places), default=None), now)
            if not gone:
                return 0
            for name, cursor in places:
                untold = [row.number for row in gone if row.number > cursor]
                if untold:
                    findings.add(connection, _missed(connection, feed, name, untold, now))
            connection.execute(delete(feed.table).where(feed.number <= gone[-1].number))
        return len(gone)

    def _old(self, feed: _Feed, connection: Connection, told: int | None, now: datetime) -> Sequence[Row[Any]]:
        """The oldest rows, up to the first that is kept."""
        kept = self._kept_for

        def goes(row: Row[Any]) -> bool:
            is_told = told is None or row.number <= told
            return bool(row.at < now - (kept.told if is_told else kept.untold))

        found = list(takewhile(goes, connection.execute(_oldest(feed, _AT_ONCE))))
        if feed is _OUTCOMES and found and found[-1].number == last_number(connection):
            found.pop()  # the next number is counted from it
        return found


def _oldest(feed: _Feed, count: int) -> Select[Any]:
    return (
        select(feed.number.label("number"), feed.table.c.at)
        .where(feed.number.is_not(None))
        .order_by(feed.number)
        .limit(count)
    )


def _missed(connection: Connection, feed: _Feed, name: str, untold: Sequence[int], now: datetime) -> Finding:
    whose = connection.execute(feed.whose.where(feed.number == untold[0])).one()
    return Finding(
        code="webhook_missed", severity=Severity.URGENT, account=whose.account, facility=whose.facility,
        subject=f"webhook/{name}",
        text=f"webhook {name} was not told in time: {len(untold)} entries of a feed were dropped unread. Its receiver "
        "has to read the records anew",
        found_at=now,
    )  # fmt: skip
