"""What became of requests that staff carry out: read back where the back office tells, and else why it is not known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.record import Instant, Value
from pmsbridge.model.rental import RentalState
from pmsbridge.model.requests import Request, RequestKind, RequestState
from pmsbridge.portal.office import Office
from pmsbridge.ports.books import RequestPort, UntoldRequestsPort
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import ActionFilter
from pmsbridge.store.stored import StoredAction

__all__ = ["REASONS", "RequestStanding", "standing_of_requests"]

_KINDS: Final = {
    ActionKind.ASK_STAFF: RequestKind.SERVICE, ActionKind.ORDER: RequestKind.SERVICE,
    ActionKind.ACCEPT_QUOTE: RequestKind.QUOTE_ACCEPTANCE,
}  # fmt: skip
_NOT_YET: Final[Mapping[Outcome, tuple[RequestState, str]]] = {
    Outcome.PENDING: (RequestState.NEW, "on_its_way"),
    Outcome.NEEDS_REVIEW: (RequestState.UNKNOWN, "with_the_office"),
    Outcome.DECLINED: (RequestState.FAILED, "declined"),
    Outcome.NOT_SENT: (RequestState.FAILED, "not_sent"),
}

REASONS: Final = frozenset({*(reason for _, reason in _NOT_YET.values()), "not_told", "waits", "not_found"})
"""Why a state is no more than it is."""


class RequestStanding(Value):
    """What became of one request.

    Attributes:
        action_id: The action it was asked for by.
        verb: "ask_staff", "order" or "accept_quote".
        subject: What it is about; empty of somebody who was erased.
        reason: Why the state is no more than it is: "on_its_way", "with_the_office", "declined", "not_sent"; "not_told"
            where it stands in the back office, which does not tell what becomes of it; "waits" where it has not acted;
            "not_found" where it tells of others and not of this one. Empty where it tells the state.
        vendor_state: The back office's own word.
        read_at: When the back office said so; None where it does not tell.
    """

    action_id: str
    kind: RequestKind
    verb: ActionKind
    subject: str
    asked_at: Instant
    state: RequestState
    reason: str = ""
    vendor_state: str = ""
    read_at: Instant | None = None

    @property
    def message_key(self) -> str:
        """Key of the words for the reason; empty without one."""
        return f"request.{self.reason}" if self.reason else ""


def standing_of_requests(office: Office, *, limit: int) -> tuple[RequestStanding, ...]:
    """Requests of the office's tenant, newest first. What staff asked themselves is told to staff only.

    Raises:
        UnavailableError: The back office cannot be read now.
    """
    actions = list(_asked(office, limit))
    told: Mapping[str, Request] | None = _told(office) if actions else None
    account: TenantAccount | None = None
    if any(each.kind == ActionKind.ACCEPT_QUOTE.value for each in actions):
        account = office.read()
    return tuple(_standing(office, each, told, account) for each in actions)


def _asked(office: Office, limit: int) -> Iterable[StoredAction]:
    is_staff = office.actor.startswith("staff:")
    found = [
        action for kind in _KINDS for action in office.runtime.journal.actions(ActionFilter(
            account=office.account_name, facility=office.facility, tenant_id=office.tenant_id, kind=kind.value,
            limit=limit,
        )) if is_staff or not action.actor.startswith("staff:")
    ]  # fmt: skip
    return sorted(found, key=lambda action: action.seq, reverse=True)[:limit]


def _told(office: Office) -> dict[str, Request] | None:
    """By reference, what the back office tells; None where it tells nothing of requests."""
    adapter = office.adapter
    is_untold = isinstance(adapter, UntoldRequestsPort) and not adapter.tells_requests
    if is_untold or not isinstance(adapter, RequestPort):
        return None
    found = adapter.requests(office.facility, office.tenant_id)
    return {each.reference: each for each in found if each.reference and each.tenant_id == office.tenant_id}


def _standing(
    office: Office, action: StoredAction, told: Mapping[str, Request] | None, account: TenantAccount | None
) -> RequestStanding:
    held: dict[str, Any] = json.loads(action.intent)
    verb = ActionKind(action.kind)
    bare = RequestStanding(
        action_id=action.id, kind=_KINDS[verb], verb=verb, subject=_subject(office, verb, held, account),
        asked_at=action.submitted_at, state=RequestState.SENT, reason="not_told",
    )  # fmt: skip
    if action.outcome in _NOT_YET:
        state, reason = _NOT_YET[action.outcome]
        return bare.changed(state=state, reason=reason)
    if verb is ActionKind.ACCEPT_QUOTE and account is not None:
        return _of_quote(bare, account, str(held.get("rental_id", "")))
    return bare if told is None else _of_post(bare, action, told)


def _of_post(bare: RequestStanding, action: StoredAction, told: Mapping[str, Request]) -> RequestStanding:
    request = next((told[reference] for reference in _references(action) if reference in told), None)
    if request is None:
        return bare.changed(state=RequestState.UNKNOWN, reason="not_found") if told else bare
    return bare.changed(
        state=request.state, reason="", vendor_state=request.vendor_state, read_at=request.state_read_at
    )


def _of_quote(bare: RequestStanding, account: TenantAccount, rental_id: str) -> RequestStanding:
    """By the rental itself: the office makes a contract of a quote, leaves it as it is, or ends it."""
    row = account.rental(rental_id)
    if row is None:
        return bare.changed(state=RequestState.UNKNOWN, reason="not_found", read_at=account.as_of)
    state, said = row.rental.state, {"vendor_state": row.rental.vendor_state, "read_at": account.as_of}
    if state is RentalState.QUOTE:
        return bare.changed(reason="waits", **said)
    if state is RentalState.UNKNOWN:
        return bare.changed(state=RequestState.UNKNOWN, reason="not_told", **said)
    ended = RequestState.REFUSED if state is RentalState.CANCELLED else RequestState.DONE
    return bare.changed(state=ended, reason="", **said)


def _references(action: StoredAction) -> Iterator[str]:
    for stored in action.effects:
        reference = getattr(stored.effect, "reference", "")
        if reference:
            yield str(reference)


def _subject(office: Office, verb: ActionKind, held: Mapping[str, Any], account: TenantAccount | None) -> str:
    if verb is ActionKind.ASK_STAFF:
        return str(held.get("subject", ""))
    if verb is ActionKind.ORDER:
        wanted = str(held.get("item_id", ""))
        return next((item.name for item in office.rules.shop if item.id == wanted), wanted)
    row = account.rental(str(held.get("rental_id", ""))) if account is not None else None
    return row.rental.label if row is not None else str(held.get("rental_id", ""))
