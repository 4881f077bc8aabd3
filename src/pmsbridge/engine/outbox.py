"""Actions stored in a transaction of the caller's: they exist exactly when that commits, and a worker delivers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from pmsbridge.actions.plan import Submission
from pmsbridge.engine.sealed_values import refuse_sealed
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.files import HandedFile
from pmsbridge.store.journal import Journal
from pmsbridge.store.outbox import CallersTransactions
from pmsbridge.store.stored import Route, Submitted

if TYPE_CHECKING:
    from pmsbridge.store.intake import Click
    from pmsbridge.store.outbox import OwnTransaction

__all__ = ["Outbox"]

_COMMIT_TAKES: Final = timedelta(milliseconds=100)


class Outbox:
    """The journal's intake through transactions that are not ours.

    Every method raises what ``CallersTransactions.use`` does, besides what the journal itself raises.
    """

    def __init__(
        self,
        journal: Journal,
        transactions: CallersTransactions,
        clock: Clock,
        tell: Callable[[str, datetime | None], None],
    ) -> None:
        """Put together; touches nothing.

        Args:
            journal: Where actions are stored.
            transactions: Which transactions will do.
            clock: Where now comes from.
            tell: Wakes a worker for a lane, now or at an instant.
        """
        self._journal = journal
        self._transactions = transactions
        self._clock = clock
        self._tell = tell

    def submit(
        self,
        own: OwnTransaction,
        submission: Submission,
        routes: Mapping[str, Route],
        files: Mapping[str, HandedFile] | None = None,
    ) -> Submitted:
        """Store an action; workers are woken when the transaction has committed."""
        refuse_sealed(submission)
        submitted = self._transactions.use(
            own, lambda c: self._journal.submit(submission, routes, connection=c, files=files)
        )
        self._transactions.after_commit(own, partial(self._committed, submitted.action.lanes))
        return submitted

    def find_click(self, own: OwnTransaction | None, click: Click) -> Submitted | None:
        """The action a click already is; a transaction of the caller's may itself have stored it."""
        if own is None:
            return self._journal.find_click(click)
        return self._transactions.use(own, lambda c: self._journal.find_click(click, connection=c))

    def attach(self, own: OwnTransaction | None, click: Click, holder: str, actor: str) -> Submitted:
        """Make a click another name of an action."""
        if own is None:
            return self._journal.attach(click, holder, actor)
        return self._transactions.use(own, lambda c: self._journal.attach(click, holder, actor, connection=c))

    def _committed(self, lanes: tuple[str, ...], is_over: bool) -> None:  # noqa: FBT001 - what the hook is told
        """The caller's transaction commits: wake workers, a moment later when it only is about to."""
        not_before = None if is_over else self._clock.now() + _COMMIT_TAKES
        for lane in lanes:
            self._tell(lane, not_before)
