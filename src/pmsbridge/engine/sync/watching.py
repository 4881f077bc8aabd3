"""The accounts of tenants who use the portal, read anew in a night: everybody has a turn, whoever cannot be read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import words_of
from pmsbridge.engine.sync.planning import account_calls
from pmsbridge.engine.sync.reading import Tally
from pmsbridge.errors import ConfigurationError, NotFoundError, UnavailableError
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.calling import for_a_night
from pmsbridge.store.mirror import Scope, UpsertCounts
from pmsbridge.store.record_rows import account_said

__all__ = ["AWAY_AFTER", "Watched", "is_away"]

AWAY_AFTER: Final = 3
"""So many calls in a row that were not answered: the back office is away, and the next night goes on."""

_UNREADABLE: Final = "unreadable_"


class Watched:
    """Reads accounts, those first whose turn is the longest ago.

    Attributes:
        tally: How far it is, at any moment.
        errors: One for each account that could not be read.
        left: Accounts that were not tried: the back office is away, or a person must act.
    """

    def __init__(self, runtime: Runtime, adapter: Adapter, scope: Scope) -> None:
        self._runtime, self._adapter, self._scope = runtime, adapter, scope
        self.tally = Tally()
        self.errors: list[Exception] = []
        self.left = 0

    def read(self, tenants: Sequence[str], told: Callable[[], None]) -> None:
        """Read them all, unless nothing more can be read now.

        Args:
            tenants: Whose accounts, in any order.
            told: Called after each.
        """
        turns, away = _in_turn(tenants, self._runtime.mirror.cursor(self._scope)), 0
        for number, tenant_id in enumerate(turns, start=1):
            error = self._one(tenant_id)
            self._runtime.mirror.keep_cursor(self._scope, tenant_id)
            if error is not None:
                self.errors.append(error)
            away = away + 1 if is_away(error) else 0
            if isinstance(error, ConfigurationError) or away >= AWAY_AFTER:
                self.left = len(turns) - number
                return
            told()

    def _one(self, tenant_id: str) -> Exception | None:
        """What went wrong; None when nothing did."""
        mirror, scope, tally = self._runtime.mirror, self._scope, self.tally
        before = mirror.account(scope.account, scope.facility, tenant_id)
        with for_a_night() as meter:
            try:
                after = self._adapter.account(scope.facility, tenant_id)
                mirror.save_account(after)
            except NotFoundError:
                mirror.unwatch(scope.account, scope.facility, tenant_id)
                is_new, error = False, None
            except Exception as problem:  # noqa: BLE001 - one tenant's failure never stops another's
                is_new, error = False, problem
            else:
                is_new, error = before is None or account_said(before) != account_said(after), None
        is_same = error is None and not is_new
        tally.counts += UpsertCounts(read=1, changed=int(is_new), unchanged=int(is_same))
        tally.calls += meter.calls or account_calls(self._adapter)
        tally.bytes_read += meter.bytes_read
        return error

    @property
    def words(self) -> str:
        """What a report says went wrong; empty when nothing did."""
        if not self.errors:
            return ""
        left = f", {self.left} were left for the next night" if self.left else ""
        tried = self.tally.counts.read
        return f"{len(self.errors)} of {tried} accounts could not be read{left}: {words_of(self.errors[-1])}"

    @property
    def failure(self) -> str:
        """The class of the error that kept accounts from being read at all.

        Empty when all were tried and some were read: what cannot be read of one tenant fails no night.
        """
        if not self.errors or (not self.left and len(self.errors) < self.tally.counts.read):
            return ""
        return type(self.errors[-1]).__name__


def _in_turn(tenants: Sequence[str], last: str | None) -> list[str]:
    """By id, round and round: who comes after the last one that was tried is the longest ago."""
    ordered = sorted(tenants)
    at = bisect_right(ordered, last) if last is not None else 0
    return [*ordered[at:], *ordered[:at]]


def is_away(error: Exception | None) -> bool:
    """The back office did not answer; one row that cannot be read says nothing about the next one."""
    return isinstance(error, UnavailableError) and not error.code.startswith(_UNREADABLE)
