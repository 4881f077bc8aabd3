"""The way every action is performed: known clicks are answered again, others read, judged, planned and stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pmsbridge.actions.kinds import MONEY_KINDS, ActionKind
from pmsbridge.actions.plan import Plan, Submission
from pmsbridge.actions.plans import Planner
from pmsbridge.engine.outcomes import ActionView, view_of
from pmsbridge.errors import PmsBridgeError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.sealed import Sealed
from pmsbridge.portal.office import Office
from pmsbridge.ports.files import HandedFile

__all__ = ["Perform", "StillConfirmed"]

SealedSteps = Mapping[str, Sealed]


class StillConfirmed(Exception):  # noqa: N818 - not an error: the answer to the click is an earlier action
    """What was asked for is already under way in another action."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Perform:
    """Performs one action: replays a known key, else reads, judges, plans, and hands over to the journal.

    Attributes:
        asked: The verb's arguments, without anything secret.
    """

    office: Office
    verb: ActionKind
    key: str
    asked: Mapping[str, object]

    @property
    def action_id(self) -> str:
        """The same key in the same scope always has the same id."""
        office = self.office
        return Submission.id_for(office.account_name, office.facility, office.tenant_id, self.key)

    @property
    def kind(self) -> str:
        """The verb's word."""
        return self.verb.value

    @property
    def intent(self) -> str:
        """The verb's arguments as one text; compared when the key comes again."""
        return json.dumps(dict(self.asked), sort_keys=True, ensure_ascii=False)

    def __call__(
        self,
        decide: Callable[[TenantAccount, Planner], Plan],
        *,
        sealed: Callable[[Plan], SealedSteps] | None = None,
        typed: Sealed | None = None,
        files: Callable[[Plan], Mapping[str, HandedFile]] | None = None,
    ) -> ActionView:
        """Do it.

        Args:
            decide: Judges and plans; called only for a new key. Money gets the account as the back office says it.
            sealed: Says which step gets which sealed value.
            typed: The sealed value as typed; wiped whatever happens.
            files: Says which step carries which file.
        """
        try:
            return self._known() or self._submit(decide, sealed, files)
        except (StillConfirmed, PmsBridgeError) as trouble:
            # The same click, at the same moment in another process: what it changed is what stood in the way here.
            with suppress(PmsBridgeError):
                if (known := self._known()) is not None:
                    return known
            if not isinstance(trouble, StillConfirmed):
                raise
            office = self.office
            found = office.runtime.attach(self, trouble.holder, office.actor, connection=office.own)
            return view_of(found.action, office.clock.now(), attached=True)
        finally:
            if typed is not None:
                typed.wipe()

    def _known(self) -> ActionView | None:
        """What this very click already is or was attached to."""
        known = self.office.runtime.find_click(self, connection=self.office.own)
        if known is None:
            return None
        return view_of(known.action, self.office.clock.now(), replayed=True, attached=known.attached)

    def _submit(
        self,
        decide: Callable[[TenantAccount, Planner], Plan],
        sealed: Callable[[Plan], SealedSteps] | None,
        files: Callable[[Plan], Mapping[str, HandedFile]] | None,
    ) -> ActionView:
        office = self.office
        is_money = self.verb in MONEY_KINDS
        # Before the read: whatever becomes of a payment after this moment is not in what will be judged.
        seen = office.payment_stamps() if is_money else None
        request_id = self.asked.get("request_id")
        answered = office.request_seen(str(request_id)) if request_id is not None else None
        account = office.read_bare() if is_money else office.read()
        scribe = office.scribe(account)
        planner = Planner(
            account=account, action_id=self.action_id, native=office.native, today=office.today(account),
            scribe=scribe, ways=office.ways, posts_beside=office.posts_beside,
        )  # fmt: skip
        plan = decide(account, planner)
        office.refuse_untaken(plan)
        submission = Submission(
            action_id=self.action_id, key=self.key, kind=self.kind, account=office.account_name,
            facility=office.facility, tenant_id=office.tenant_id, intent=self.intent, actor=office.actor, plan=plan,
            payments_seen=seen, request_seen=answered,
        )  # fmt: skip
        view = office.runtime.submit(
            submission, sealed=sealed(plan) if sealed is not None else None, wait=office.wait, connection=office.own,
            files=files(plan) if files is not None else None,
        )  # fmt: skip
        office.report_unmailed(self.verb, plan, self.action_id, staff=scribe.staff)
        return view
