"""At the end of a facility's night: which parts of agreed payment plans did not come. Each is told once."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from pmsbridge.actions.instalments import Instalment, PaymentPlan, plan_from, progress_of_plan, rentals_with_plans
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.actions.plan import Plan, Submission
from pmsbridge.actions.plans import Planner
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import FacilityKey, words_of
from pmsbridge.engine.sync.watching import AWAY_AFTER, is_away
from pmsbridge.engine.unseen_payments import is_paid_by
from pmsbridge.engine.zones import checked_zone, known_zone
from pmsbridge.errors import ConfigurationError, NotFoundError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.calling import for_a_night
from pmsbridge.ports.capability import Support
from pmsbridge.ports.messages import INSTALMENT_MISSED
from pmsbridge.store.journal import ActionFilter
from pmsbridge.store.stored import StoredAction

__all__ = ["PLANS_LEFT", "PLAN_NOT_READ", "MissedInstalments", "note_plans_left"]

_log = get_logger(__name__)

PLAN_NOT_READ: Final = "plan_not_read"
"""Code of the finding that one payment plan could not be looked at."""
PLANS_LEFT: Final = "plans_left"
"""Code of the finding that a night left payment plans of a facility without a look."""
_MOST: Final = 100_000
_LOOKED_AT_FOR: Final = timedelta(days=60)
"""After the last day of a plan: by then every part of it was judged by many nights."""
_WAYS: Final = {"note": "add_note", "bulletin": "post_bulletin"}


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the journal has of the plans of one rental.

    Attributes:
        agreed: The tenant's intents with the business day of each, newest first.
    """

    tenant_id: str
    rental_id: str
    agreed: tuple[tuple[str, date], ...]


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

    def look(self, looked: Callable[[], None]) -> Exception | None:
        """Tell of every part that was missed and not told of yet.

        One ledger is read for each plan with such a part. What cannot be read tonight is read by the next night.

        Args:
            looked: Called after each plan; what it raises ends the look.

        Returns:
            The error with which it gave up: a person must act, or the back office is away. None when it came to its
            end, whatever failed of single plans.

        Raises:
            ConfigurationError: There is no such time zone as the facility's.
        """
        failed = dict[str, Exception]()
        try:
            gave_up = self._each(failed, looked)
        finally:
            with _logged(self.key):
                self._note(failed)
        if gave_up is None:
            with _logged(self.key):
                _close(self.runtime, self.key, PLAN_NOT_READ, besides=failed)
        return gave_up

    def _each(self, failed: dict[str, Exception], looked: Callable[[], None]) -> Exception | None:
        """The error with which it gave up; what failed of itself before that is in ``failed``."""
        today, away = self._today(self.runtime.clock.now()), list[str]()
        for kept in self._plans():
            error, name = self._one(kept, today), f"{kept.tenant_id} {kept.rental_id}"
            if error is not None:
                why = words_of(error)
                _log.warning("plan_not_read", account=self.key.account, facility=self.key.facility, why=why)
                failed[name] = error
            away = [*away, name] if is_away(error) else []
            if isinstance(error, ConfigurationError) or len(away) >= AWAY_AFTER:
                for each in {name, *away}:
                    del failed[each]
                return error
            looked()
        return None

    def _note(self, failed: Mapping[str, Exception]) -> None:
        """Leave a finding of every plan that could not be looked at."""
        for name, error in failed.items():
            what = f"whether every part of the payment plan of {name} came could not be looked at"
            _note(self.runtime, self.key, PLAN_NOT_READ, name, what, words_of(error))

    def note_left(self, why: str) -> None:
        """Leave a finding that nobody looks tonight, where there is anything to look at; asks no back office.

        Args:
            why: In words.
        """
        with _logged(self.key):
            today = self._today(self.runtime.clock.now())
            if any(self._is_late(kept, today) for kept in self._plans()):
                note_plans_left(self.runtime, self.key, why)

    def _is_late(self, kept: _Kept, today: date) -> bool:
        plan = plan_from(kept.agreed, kept.rental_id)
        return plan is not None and bool(self._untold(kept.tenant_id, plan, today))

    def _one(self, kept: _Kept, today: date) -> Exception | None:
        """What went wrong; None when nothing did."""
        try:
            plan = plan_from(kept.agreed, kept.rental_id)
            if plan is not None and (parts := self._untold(kept.tenant_id, plan, today)):
                self._judge(_Late(kept.tenant_id, plan, parts), today)
        except NotFoundError:
            return None  # who is gone owes nothing here
        except Exception as error:  # noqa: BLE001 - one plan's failure never stops another's
            return error
        return None

    def _today(self, at: datetime) -> date:
        return at.astimezone(checked_zone(known_zone(self.runtime, self.key) or "UTC")).date()

    def _plans(self) -> Iterator[_Kept]:
        wanted = ActionFilter(
            account=self.key.account, facility=self.key.facility, kind=ActionKind.AGREE_PLAN.value, limit=_MOST
        )
        by_tenant: dict[str, list[StoredAction]] = defaultdict(list)
        for action in self.runtime.journal.actions(wanted):
            if not action.outcome.nothing_changed:
                by_tenant[action.tenant_id].append(action)
        for tenant_id, actions in by_tenant.items():
            agreed = tuple((action.intent, self._today(action.submitted_at)) for action in actions)
            for rental_id in rentals_with_plans(intent for intent, _ in agreed):
                yield _Kept(tenant_id, rental_id, agreed)

    def _untold(self, tenant_id: str, plan: PaymentPlan, today: date) -> tuple[Instalment, ...]:
        if plan.instalments[-1].due_on < today - _LOOKED_AT_FOR:
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

    def _judge(self, late: _Late, today: date) -> None:
        asked_at = self.runtime.clock.now()
        with for_a_night():
            entries = self.adapter.ledger(self.key.facility, late.tenant_id, late.plan.rental_id)
            is_paying = self._is_paying(late, asked_at)
            for part in progress_of_plan(late.plan, entries, today, is_paying=is_paying).missed:
                if part in late.parts:
                    self._tell(late, part)

    def _is_paying(self, late: _Late, asked_at: datetime) -> bool:
        recent = self.runtime.journal.recent_effects(self.key.account, self.key.facility, late.tenant_id, asked_at)
        return is_paid_by(recent, late.plan.rental_id)

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


def note_plans_left(runtime: Runtime, key: FacilityKey, why: str) -> None:
    """Leave a finding that a night did not look at all of a facility's plans; the look that comes to its end closes it.

    Args:
        runtime: Where findings are kept.
        key: The facility.
        why: In words; empty when the look came to its end.

    A finding that cannot be written is logged: a night never fails by it.
    """
    with _logged(key):
        if why:
            _note(runtime, key, PLANS_LEFT, key.facility, "the payment plans were not all looked at", why)
        else:
            _close(runtime, key, PLANS_LEFT)


@contextmanager
def _logged(key: FacilityKey) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - what was looked at was looked at, and no other facility fails by it
        _log.warning("plans_not_noted", account=key.account, facility=key.facility, why=words_of(error))


def _note(runtime: Runtime, key: FacilityKey, code: str, subject: str, what: str, why: str) -> None:
    text = f"{what}: {why}. The next night looks again; until then, look at the ledger yourself."
    runtime.findings.add(Finding(
        code=code, severity=Severity.WARNING, account=key.account, facility=key.facility, subject=subject,
        found_at=runtime.clock.now(), text=text,
    ))  # fmt: skip


def _close(runtime: Runtime, key: FacilityKey, code: str, *, besides: Collection[str] = ()) -> None:
    for each in runtime.findings.open(account=key.account, facility=key.facility):
        if each.finding.code == code and each.finding.subject not in besides:
            runtime.findings.close(each.number, runtime.clock.now(), by="pmsbridge", note="it was looked at since")


def _key_of(plan: PaymentPlan, part: Instalment) -> str:
    """The same for one part of one plan at every look; a plan that replaces it has parts of its own."""
    text = f"{plan.rental_id}\x1f{plan.agreed_on}\x1f{part.due_on}\x1f{part.amount}"
    return f"instalment-missed-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
