"""The feed of outcomes: which action got another outcome, in the order in which it was committed.

A trigger notes them, unnumbered (see ``outcome_trigger``). Numbers are given afterwards, by one transaction at a time,
to what is committed: whoever has read up to a number has read every outcome of a lower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from pmsbridge.ports.messages import type_of_fate
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import Database
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import actions, outcomes

__all__ = ["OutcomeChange", "Outcomes", "last_number", "number_before"]

_AT_ONCE: Final = 500
_OF_ACTION: Final = (
    actions.c.account, actions.c.facility, actions.c.kind, actions.c.tenant_id, actions.c.is_partial,
    actions.c.outcome.label("outcome_now"), actions.c.intent,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutcomeChange:
    """One action, one new outcome.

    Attributes:
        number: What a reader goes on from.
        seq: Which one it is, for ever.
        kind: What was asked for.
        tenant_id: Empty for an action without a tenant.
        partial: Some of it settled and some of it certainly not; None when the action has gone on to another outcome.
        intent: What was asked for, as JSON.
    """

    number: int
    seq: int
    action_id: str
    account: str
    facility: str
    kind: str
    tenant_id: str
    before: Outcome
    outcome: Outcome
    at: datetime
    partial: bool | None = None
    intent: str = "{}"


class Outcomes:
    """Reading the feed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def after(self, number: int = 0, *, limit: int = 500) -> tuple[OutcomeChange, ...]:
        """Outcomes after a number, in order; what is committed and has no number yet gets one first."""
        self._give_numbers()
        query = (
            select(outcomes, *_OF_ACTION)
            .join(actions, actions.c.id == outcomes.c.action_id)
            .where(outcomes.c.number > number)
            .order_by(outcomes.c.number)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(
                OutcomeChange(
                    row.number, row.seq, row.action_id, row.account, row.facility, row.kind, row.tenant_id,
                    Outcome(row.before), Outcome(row.outcome), row.at,
                    row.is_partial if row.outcome == row.outcome_now else None, row.intent,
                )
                for row in connection.execute(query)
            )  # fmt: skip

    def next_place(self, number: int) -> tuple[int, str, str, str] | None:
        """As ``Changes.next_place``: number, account, facility and type ("action.settled") of the next outcome."""
        query = (
            select(outcomes.c.number, actions.c.account, actions.c.facility, actions.c.kind, outcomes.c.outcome)
            .join(actions, actions.c.id == outcomes.c.action_id)
            .where(outcomes.c.number > number)
            .order_by(outcomes.c.number)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.number, row.account, row.facility, type_of_fate(row.kind, row.outcome))

    def last(self) -> int:
        """The number of the newest outcome; 0 when there is none."""
        self._give_numbers()
        with self._database.read() as connection:
            return last_number(connection)

    def _give_numbers(self) -> None:
        # Most looks find nothing, and need not wait for a writer.
        while self._has_unnumbered():
            with self._database.write() as connection:
                lock_scope(connection, "outcome numbers")
                fresh = connection.execute(_UNNUMBERED).scalars().all()
                last = last_number(connection)
                given = [{"its_seq": seq, "its_number": last + place} for place, seq in enumerate(fresh, 1)]
                if given:
                    connection.execute(_NUMBER, given)

    def _has_unnumbered(self) -> bool:
        with self._database.read() as connection:
            return connection.execute(_UNNUMBERED.limit(1)).first() is not None


# An action's later outcome has the higher seq: the lock on its row was held from the first to the commit.
_UNNUMBERED: Final = select(outcomes.c.seq).where(outcomes.c.number.is_(None)).order_by(outcomes.c.seq).limit(_AT_ONCE)
_NUMBER: Final = update(outcomes).where(outcomes.c.seq == bindparam("its_seq")).values(number=bindparam("its_number"))


def last_number(connection: Connection) -> int:
    """The highest number given; 0 when there is none."""
    found: int = connection.execute(select(func.coalesce(func.max(outcomes.c.number), 0))).scalar_one()
    return found


def number_before(connection: Connection, since: datetime) -> int:
    """The number after which everything noted since an instant stands."""
    query = select(func.min(outcomes.c.number)).where(outcomes.c.at >= since)
    first = connection.execute(query).scalar_one_or_none()
    return last_number(connection) if first is None else first - 1
