"""The inspection of a unit that is left: as the back office's calendar tells it, else as staff noted it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.kinds import ActionKind
from pmsbridge.errors import InputError
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.documents import Event, EventKind, EventState, Visibility
from pmsbridge.model.record import Value
from pmsbridge.portal.office import Office
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import ActionFilter
from pmsbridge.store.stored import StoredAction

__all__ = ["Inspection", "inspection_of", "inspection_text", "refuse_unmade"]

_BEFORE_LEAVING: Final = timedelta(days=60)
"""An inspection longer ago than that, and before the notice, was one of another reason."""

_MOST: Final = 1000


class Inspection(Value):
    """What is known of the inspection of one move-out.

    Attributes:
        on: Business date at the facility.
        is_done: It was made; False while it is only planned.
        has_findings: Something was found.
        findings: What was found, as far as whoever asks may read it; empty for nothing.
        noted_by: "staff:NAME" where staff noted it; empty where the back office itself tells.
    """

    on: date
    is_done: bool
    has_findings: bool = False
    findings: str = ""
    noted_by: str = ""


def inspection_of(office: Office, account: TenantAccount, row: RentalAccount) -> Inspection | None:
    """The newest inspection of a move-out; None when nobody leaves, or none is known.

    What the back office's own calendar tells goes first; where it has none of this rental, what staff noted and the
    back office has confirmed.

    Raises:
        UnavailableError: The back office cannot be read now.
    """
    rental = row.rental
    leaving = rental.leaving_on or rental.moved_out_on
    if leaving is None:
        return None
    first = min(leaving - _BEFORE_LEAVING, rental.notice_given_on or leaving)
    told, noted = list(_told(office, account, row)), _noted(office, row.id)
    found = [each for each in told if each.on >= first] or [each for each in noted if each.on >= first]
    return max(found, key=lambda each: each.on, default=None)


def _told(office: Office, account: TenantAccount, row: RentalAccount) -> Iterator[Inspection]:
    if (keeper := office.calendar) is None:
        return
    zone, now, is_only = ZoneInfo(account.facility.zone), office.clock.now(), len(account.rentals) == 1
    for event in keeper.events(office.facility, office.tenant_id):
        is_about = event.rental_id == row.id or (event.rental_id is None and is_only)
        is_one = event.kind is EventKind.INSPECTION and event.state is not EventState.CANCELLED
        if is_one and is_about and event.tenant_id == office.tenant_id:
            yield Inspection(
                on=event.starts_at.astimezone(zone).date(), is_done=_is_made(event, now),
                has_findings=bool(event.findings), findings=event.findings,
            )  # fmt: skip


def _is_made(event: Event, now: datetime) -> bool:
    """A calendar without states says of what is over that it took place."""
    if event.state is EventState.UNKNOWN:
        return (event.ends_at or event.starts_at) <= now
    return event.state is EventState.DONE


def _noted(office: Office, rental_id: str) -> list[Inspection]:
    """The newest note about it, if any: it replaces those before."""
    wanted = ActionFilter(
        account=office.account_name, facility=office.facility, tenant_id=office.tenant_id,
        kind=ActionKind.NOTE_INSPECTION.value, limit=_MOST,
    )  # fmt: skip
    mine = _of_rental(office.runtime.journal.actions(wanted), rental_id)
    return [_read(*found, is_staff=office.actor.startswith("staff:")) for found in list(mine)[:1]]


def _of_rental(actions: Iterable[StoredAction], rental_id: str) -> Iterator[tuple[StoredAction, dict[str, Any]]]:
    for action in actions:
        held = json.loads(action.intent)
        if action.outcome is Outcome.SETTLED and held.get("rental_id") == rental_id:
            yield action, held


def _read(action: StoredAction, held: dict[str, Any], *, is_staff: bool) -> Inspection:
    is_shown = is_staff or held["visibility"] == Visibility.CUSTOMER.value
    return Inspection(
        on=date.fromisoformat(held["on"]), is_done=bool(held["is_done"]), has_findings=bool(held["findings"]),
        findings=held["findings"] if is_shown else "", noted_by=action.actor,
    )  # fmt: skip


def refuse_unmade(on: date, *, is_done: bool, findings: str, today: date) -> None:
    """Refuse what contradicts itself.

    Raises:
        InputError: It is said to be made on a day to come, planned for one that is past, or to have found something
            before it was made.
    """
    if findings and not is_done:
        raise InputError("findings", "are of an inspection that was not made yet", remedy="Say is_done=True.")
    if is_done and on > today:
        raise InputError("on", "is yet to come", remedy=f"Choose {today} or earlier.")
    if not is_done and on < today:
        raise InputError("on", "lies in the past", remedy=f"Choose {today} or later, or say is_done=True.")


def inspection_text(label: str, on: date, *, is_done: bool, findings: str) -> str:
    """The note that documents it."""
    if not is_done:
        return f"Inspection of {label} planned for {on}."
    return f"Inspection of {label} on {on}: {findings or 'nothing was found.'}"
