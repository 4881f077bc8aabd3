"""What a night will cost, before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import FacilityKey, Wanted
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Adapter, Query
from pmsbridge.ports.streams import CostPort, MonthBudget
from pmsbridge.store.call_counts import DatabaseCallCounter

__all__ = ["PlannedAccount", "SyncPlan", "account_calls", "due_accounts", "plan"]


@dataclass(frozen=True, slots=True)
class PlannedAccount:
    """What a night asks of one account.

    Attributes:
        facilities: How many are read.
        calls_by_part: Calls by noun, and by "account" for tenants whose account is read.
        watched: Tenants whose account is read: they use the portal, and something about them may have changed. Their
            rows may change until the night, so this may become more, up to ``watched_at_most``.
        calls: All of them, as things stand.
        calls_at_most: When every watched tenant's account has to be read. The budget is compared with these.
        used_this_month: Calls of these facilities made so far in this calendar month (UTC).
        budget: Calls a month of all of them together; None when nothing bounds them.
        beyond: Facilities whose month would not bear it.
        kept_for_people: Of ``budget``, calls that no night may make; 0 where nights are refused none.
        is_known: The adapter says what its reads cost; else one call per noun is assumed.
    """

    account: str
    facilities: int
    calls_by_part: Mapping[str, int]
    watched: int
    watched_at_most: int
    calls: int
    calls_at_most: int
    used_this_month: int
    budget: int | None
    beyond: tuple[str, ...] = ()
    is_known: bool = True
    kept_for_people: int = 0


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """A night's calls, by account."""

    lines: tuple[PlannedAccount, ...]

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(line.calls for line in self.lines)

    @property
    def calls_at_most(self) -> int:
        """When every watched tenant's account has to be read."""
        return sum(line.calls_at_most for line in self.lines)

    @property
    def fits(self) -> bool:
        """No facility's month would be spent, whatever changes until the night."""
        return not any(line.beyond for line in self.lines)


def plan(runtime: Runtime, wanted: Wanted) -> SyncPlan:
    """Count the calls of a night; nothing is asked of a back office.

    Raises:
        ConfigurationError: An account is not configured.
    """
    by_account = groupby(sorted(wanted, key=lambda key: (key.account, key.facility)), key=lambda key: key.account)
    return SyncPlan(
        tuple(_account(runtime, account, {key: wanted[key] for key in own}) for account, own in by_account)
    )  # fmt: skip


def _account(runtime: Runtime, account: str, wanted: Wanted) -> PlannedAccount:
    adapter = runtime.adapters.get(account)
    if adapter is None:
        message = f"account {account!r} is not configured"
        raise ConfigurationError(message, code="account_not_found")
    nouns = [entity.noun for entities in wanted.values() for entity in entities]
    parts = dict.fromkeys([*nouns, "account"], 0)
    watched = at_most = used = 0
    budgets: list[MonthBudget] = []
    beyond: list[str] = []
    month = f"{runtime.clock.now():%Y-%m}"
    for key, entities in wanted.items():
        for entity in entities:
            parts[entity.noun] += _calls(adapter, Query(entity, key.facility))
        due = len(due_accounts(runtime, adapter, key))
        watched += due
        everybody = len(runtime.mirror.watched(key.account, key.facility))
        at_most += everybody
        parts["account"] += due * account_calls(adapter)
        if isinstance(adapter, CostPort):
            budget = adapter.budget_of(key.facility)
            spent = DatabaseCallCounter(runtime.database).total(budget.counted_as, month)
            own = sum(_calls(adapter, Query(entity, key.facility)) for entity in entities)
            used += spent
            budgets.append(budget)
            if budget.bound is not None and spent + own + everybody * account_calls(adapter) > budget.bound:
                beyond.append(key.facility)
    return PlannedAccount(
        account, len(wanted), parts, watched, at_most, sum(parts.values()),
        sum(parts.values()) + (at_most - watched) * account_calls(adapter), used,
        _together([each.calls for each in budgets], len(wanted)), tuple(beyond), isinstance(adapter, CostPort),
        sum(each.calls - each.bound for each in budgets if each.calls is not None and each.bound is not None),
    )  # fmt: skip


def _together(bounds: Sequence[int | None], facilities: int) -> int | None:
    known = [each for each in bounds if each is not None]
    return sum(known) if known and len(known) == facilities else None


def _calls(adapter: Adapter, query: Query) -> int:
    return adapter.calls_of(query) if isinstance(adapter, CostPort) else 1


def account_calls(adapter: Adapter) -> int:
    """Calls to read one tenant's account, as far as the adapter tells."""
    return adapter.account_calls if isinstance(adapter, CostPort) else 1


def due_accounts(runtime: Runtime, adapter: Adapter, key: FacilityKey) -> tuple[str, ...]:
    """Tenants who use the portal and whose account a night reads anew.

    Where the adapter says that accounts follow their rows, those whose rows are as they were when the account was read
    are left out, for a week at most.
    """
    if not (isinstance(adapter, CostPort) and adapter.accounts_follow_rows):
        return runtime.mirror.watched(key.account, key.facility)
    return runtime.mirror.watched_and_changed(key.account, key.facility)
