"""At the end of a facility's night: which parts of agreed payment plans did not come. Each is told once."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.instalments import Instalment, PaymentPlan, plan_from, progress_of_plan, rentals_with_plans
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan, Submission
from pmsbridge.actions.plans import Planner
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import FacilityKey
from pmsbridge.engine.zones import known_zone
from pmsbridge.errors import NotFoundError, PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.calling import for_a_night
from pmsbridge.ports.capability import Support
from pmsbridge.ports.messages import INSTALMENT_MISSED
from pmsbridge.store.journal import ActionFilter
from pmsbridge.store.stored import StoredAction

__all__ = ["MissedInstalments"]

_log = get_logger(__name__)

_MOST: Final = 100_000
_LOOKED_AT_FOR: Final = timedelta(days=60)
"""After the last day of a plan: by then every part of it was judged by many nights."""
_WAYS: Final = {"note": "add_note", "bulletin": "post_bulletin"}


@dataclass(frozen=True, slots=True)
class _Late:
    """A plan that has parts whose day has passed and of which nothing is told yet."""

    tenant_id: str
    plan: PaymentPlan
    parts: tuple[Instalment, ...]


@dataclass(frozen=True, slots=True)
class MissedInstalments:
    """Looks at every agreed plan of one facility."""

    runtime: Runtime
    adapter: Adapter
    key: FacilityKey

    def look(self) -> int:
        """Tell of every part that was missed and not told of yet; returns how many.

        One ledger is read for each plan with such a part. What cannot be read tonight is read by the next night.
        """
        today, told = self._today(self.runtime.clock.now()), 0
        for late in self._late(today):
            try:
                told += self._judge(late, today)
            except NotFoundError:
                continue  # who is gone owes nothing here
            except PmsBridgeError as error:
                _log.warning("plan_not_read", account=self.key.account, facility=self.key.facility, why=error.code)
        return told

    def _today(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(known_zone(self.runtime, self.key) or "UTC")).date()

    def _late(self, today: date) -> Iterator[_Late]:
        wanted = ActionFilter(
            account=self.key.account, facility=self.key.facility, kind=ActionKind.AGREE_PLAN.value, limit=_MOST
        )
        by_tenant: dict[str, list[StoredAction]] = defaultdict(list)
        for action in self.runtime.journal.actions(wanted):
            if not action.outcome.nothing_changed:
                by_tenant[action.tenant_id].append(action)
        for tenant_id, actions in by_tenant.items():
            kept = [(action.intent, self._today(action.submitted_at)) for action in actions]
            for rental_id in rentals_with_plans(intent for intent, _ in kept):
                plan = plan_from(kept, rental_id)
                if plan is not None and (parts := self._untold(tenant_id, plan, today)):
                    yield _Late(tenant_id, plan, parts)

    def _untold(self, tenant_id: str, plan: PaymentPlan, today: date) -> tuple[Instalment, ...]:
        if plan.instalments[-1].due_on + _LOOKED_AT_FOR < today:
            return ()
        late = (part for part in plan.instalments if part.due_on < today)
        return tuple(part for part in late if not self._is_told(tenant_id, plan, part))

    def _is_told(self, tenant_id: str, plan: PaymentPlan, part: Instalment) -> bool:
        try:
            self.runtime.journal.action(self._action_id(tenant_id, _key_of(plan, part)))
        except NotFoundError:
            return False
        return True

    def _action_id(self, tenant_id: str, key: str) -> str:
        return Submission.id_for(self.key.account, self.key.facility, tenant_id, key)

    def _judge(self, late: _Late, today: date) -> int:
        with for_a_night():
            entries = self.adapter.ledger(self.key.facility, late.tenant_id, late.plan.rental_id)
            missed = [each for each in progress_of_plan(late.plan, entries, today).missed if each in late.parts]
            for part in missed:
                self._tell(late, part)
        return len(missed)

    def _tell(self, late: _Late, part: Instalment) -> None:
        """A finding, and an action by which staff are told; its key is the part's, so that it is done once for ever."""
        rental_id, key = late.plan.rental_id, _key_of(late.plan, part)
        plan = self._plan(late, part, self._action_id(late.tenant_id, key))
        self.runtime.findings.add(Finding(
            code=INSTALMENT_MISSED, severity=Severity.WARNING, account=self.key.account, facility=self.key.facility,
            subject=f"{rental_id} {part.due_on}", found_at=self.runtime.clock.now(),
            text=f"{part.amount} of a payment plan for rental {rental_id} was due on {part.due_on} and did not come.",
        ))  # fmt: skip
        intent = {"rental_id": rental_id, "due_on": part.due_on.isoformat(), "amount": str(part.amount)}
        self.runtime.submit(Submission(
            action_id=self._action_id(late.tenant_id, key), key=key, kind=INSTALMENT_MISSED, account=self.key.account,
            facility=self.key.facility, tenant_id=late.tenant_id, intent=json.dumps(intent, sort_keys=True),
            actor="pmsbridge", plan=plan,
        ))  # fmt: skip

    def _plan(self, late: _Late, part: Instalment, action_id: str) -> Plan:
        account = self.adapter.account(self.key.facility, late.tenant_id)
        row = account.rental(late.plan.rental_id)
        if row is None:
            raise NotFoundError("rental_id", "is not there any more")
        native = frozenset(kind for kind, can in self.adapter.capabilities.items() if can.support is Support.NATIVE)
        board = self.adapter.capabilities.get("post_bulletin")
        ways = frozenset({"mail", *(way for way, kind in _WAYS.items() if kind in native)})
        planner = Planner(
            account=account, action_id=action_id, native=native, today=self._today(self.runtime.clock.now()),
            scribe=self.runtime.scribe_of(self.key.account, self.key.facility), ways={INSTALMENT_MISSED: ways},
            posts_beside=board is not None and board.posts_beside,
        )  # fmt: skip
        return planner.instalment_missed(row, part.due_on, part.amount)


def _key_of(plan: PaymentPlan, part: Instalment) -> str:
    """The same for one part of one plan at every look; a plan that replaces it has parts of its own."""
    text = f"{plan.rental_id}\x1f{plan.agreed_on}\x1f{part.due_on}\x1f{part.amount}"
    return f"instalment-missed-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
