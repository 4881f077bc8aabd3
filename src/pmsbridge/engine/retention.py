"""How long people are kept: whoever left long ago is forgotten, unless something stands in the way; it is told what.

Nobody is judged by an old copy, and a back office that still lists somebody is asked what they owe before anything of
theirs goes. What of them it lists stays in the mirror: the next copy would bring it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from pmsbridge.engine.deliver import Beat, Runtime
from pmsbridge.engine.sync import FacilityKey
from pmsbridge.engine.sync.watching import AWAY_AFTER
from pmsbridge.engine.zones import checked_zone, known_zone
from pmsbridge.errors import IneligibleError, NotFoundError, PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.people import Tenant
from pmsbridge.model.rental import Rental, RentalKind, RentalState
from pmsbridge.ports.calling import for_a_night
from pmsbridge.store.departed import Departed, Hindrance, departed
from pmsbridge.store.erasing import Erasure, erase, erase_departed, erase_questions
from pmsbridge.store.interactions import forget_unassigned_before
from pmsbridge.store.mirror import Scope

__all__ = ["BY_THE_NIGHT", "Judged", "Retention", "retain"]

_log = get_logger(__name__)

BY_THE_NIGHT: Final = "pmsbridge:retention"
"""Who erased, where it was the night."""

_OLDEST_COPY: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Judged:
    """One person who left.

    Attributes:
        last_seen_at: The last sign of life; None for no sign.
        hindrances: Why they stay; empty when nothing stands in the way.
        rows: By what they are, how many rows went, or would go.
        is_erased: They were forgotten now.
    """

    tenant_id: str
    last_seen_at: datetime | None
    hindrances: tuple[Hindrance, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class Retention:
    """What was found at one facility.

    Attributes:
        kept_for: How long people are kept after the last sign of them.
        problem: Why nobody was judged ("copy_too_old"); empty when everybody was.
        renting: How many people have a rental that runs: they are not among the others.
        people: Everybody else of whom something would go, or whom something keeps, by tenant id.
        questions: Questions and mails of visitors, nobody's in particular, whose words went, or would go.
        is_dry_run: Nothing was changed.
    """

    account: str
    facility: str
    kept_for: timedelta
    problem: str = ""
    renting: int = 0
    people: tuple[Judged, ...] = ()
    questions: int = 0
    is_dry_run: bool = False

    @property
    def going(self) -> tuple[Judged, ...]:
        """Those whom nothing keeps."""
        return tuple(each for each in self.people if not each.hindrances)

    @property
    def staying(self) -> tuple[Judged, ...]:
        """Those whom something keeps."""
        return tuple(each for each in self.people if each.hindrances)


def retain(
    runtime: Runtime, key: FacilityKey, kept_for: timedelta, *, actor: str, dry_run: bool, beat: Beat | None = None
) -> Retention:
    """Forget who left a facility longer ago than that, or say who would be forgotten, and why somebody would not.

    Each person goes in a transaction of their own; whoever comes in between finds them whole or gone.
    A ``beat`` that says stop ends it between two of them; the rest goes next time.

    Raises:
        UnavailableError: The database cannot be used now; who was forgotten before is, and the rest goes next time.
    """
    now = runtime.clock.now()
    found = Retention(key.account, key.facility, kept_for, is_dry_run=dry_run)
    if not _is_copied(runtime, key, now - _OLDEST_COPY):
        return replace(found, problem="copy_too_old")
    before = now - kept_for
    zone = known_zone(runtime, key)
    today = now.astimezone(checked_zone(zone)).date() if zone is not None else now.date()
    with runtime.database.read() as connection:
        renting, people = departed(connection, key.account, key.facility, before=before, today=today)
    judge = _Judge(runtime, key, actor, before=before, today=today, dry_run=dry_run)
    judged: list[Judged] = []
    for each in people:
        if beat is not None and not beat():
            return replace(found, renting=renting, people=tuple(judged))
        if (one := judge.judged(each)) is not None:
            judged.append(one)
    questions = erase_questions(
        runtime.database, runtime.clock, key.account, key.facility, before, actor=actor, dry_run=dry_run
    )
    questions += forget_unassigned_before(runtime.database, key.account, key.facility, before, dry_run=dry_run)
    return replace(found, renting=renting, people=tuple(judged), questions=questions)


def _is_copied(runtime: Runtime, key: FacilityKey, since: datetime) -> bool:
    """Whether tenants and rentals were read to their end since then."""
    read = [runtime.mirror.synced_at(Scope(key.account, key.facility, noun.entity)) for noun in (Tenant, Rental)]
    return all(at is not None and at >= since for at in read)


class _Judge:
    """Looks at one person after the other, and erases whom nothing keeps."""

    def __init__(
        self, runtime: Runtime, key: FacilityKey, actor: str, *, before: datetime, today: date, dry_run: bool
    ) -> None:
        self._runtime, self._key, self._actor, self._dry_run = runtime, key, actor, dry_run
        self._before, self._today = before, today
        self._adapter = runtime.adapters[key.account]
        self._away = 0

    def judged(self, person: Departed) -> Judged | None:
        """What becomes of a person; None where nothing is held that could go."""
        told = Judged(person.tenant_id, person.last_seen_at, person.hindrances)
        if person.hindrances:
            return told
        try:
            rows = self._counted(person)
            if not rows:
                return None
            money = self._money(person)
            if money:
                return replace(told, hindrances=money)
            if not self._dry_run:
                done = self._erased(person)
                if not isinstance(done, Erasure):  # they came back while others were judged
                    return replace(told, hindrances=done)
                rows = done.rows
        except IneligibleError as error:  # it came up between the looking and the erasing
            code = "action_open" if error.code == "actions_open" else error.code
            return replace(told, hindrances=(Hindrance(code, error.message),))
        if not self._dry_run:
            _log.info(
                "person_forgotten", account=self._key.account, facility=self._key.facility, rows=sum(rows.values())
            )
        return replace(told, rows=rows, is_erased=not self._dry_run)

    def _counted(self, person: Departed) -> dict[str, int]:
        return erase(
            self._runtime.database, self._runtime.clock, self._key.account, self._key.facility, person.tenant_id,
            actor=self._actor, dry_run=True, keeps_mirror=person.is_listed,
        ).rows  # fmt: skip

    def _erased(self, person: Departed) -> Erasure | tuple[Hindrance, ...]:
        return erase_departed(
            self._runtime.database, self._runtime.clock, self._key.account, self._key.facility, person.tenant_id,
            actor=self._actor, before=self._before, today=self._today,
        )  # fmt: skip

    def _money(self, person: Departed) -> tuple[Hindrance, ...]:
        """What they owe or are owed, or still rent: as the back office says, listed or not, else as copies say."""
        found: list[Hindrance] = []
        for tenant_id in [person.tenant_id] if person.is_listed else sorted(person.tenant_ids):
            if self._away >= AWAY_AFTER:
                return (*found, _NOT_ASKED)
            try:
                with for_a_night():
                    account = self._adapter.account(self._key.facility, tenant_id)
            except NotFoundError:
                self._away = 0
                found += [_DISOWNED] if person.is_listed else self._copied(tenant_id, person.ended_at)
            except PmsBridgeError as error:
                self._away += 1
                why = f"the back office could not be asked what they owe ({error.code})"
                return (*found, Hindrance("balance_unknown", why))
            else:
                self._away = 0
                found += _owing(account)
        return tuple(found)

    def _copied(self, tenant_id: str, ended_at: datetime | None) -> Iterator[Hindrance]:
        """What the last copy of an account says of whom the back office knows no more."""
        copy = self._runtime.mirror.account(self._key.account, self._key.facility, tenant_id)
        if copy is None:
            return
        if ended_at is None or copy.as_of >= ended_at:
            yield from _owing(copy)
        elif any(why.code == "balance_open" for why in _owing(copy)):
            # What was due before the end may be paid since, or not: nobody is left to say so.
            why = f"a balance was open on {copy.as_of.date()}, before the end, and the back office knows them no more"
            yield Hindrance("balance_unknown", why)


_DISOWNED: Final = Hindrance("balance_unknown", "the back office lists them, and says that it does not know them")
_NOT_ASKED: Final = Hindrance("balance_unknown", "the back office is away: it was not asked what they owe")


def _owing(account: TenantAccount) -> Iterator[Hindrance]:
    """What an account says that keeps somebody; a sum of nothing may hide what two rentals owe each other."""
    for row in account.rentals:
        rental = row.rental
        if not rental.state.is_over and rental.state is not RentalState.QUOTE and rental.kind is not RentalKind.ACCOUNT:
            yield Hindrance("rental_open", f"rental {rental.id} is not over")
        money = row.balances
        if any(each.amount for each in (money.ledger, money.due, money.payable_now, money.credit)):
            yield Hindrance(
                "balance_open", f"rental {rental.id}: the balance is {money.ledger} as of {account.as_of.date()}"
            )
