"""What a back office says by itself: heard once, never believed, and read afresh.

A message only says where to look. Hearing one writes down what is to be read and asks nobody, so that it is answered
at once; reading is done afterwards, by whoever has the time. Many messages about one thing are one reading.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.lease_keeper import kept
from pmsbridge.engine.sync import FacilityKey, Sync, SyncReport
from pmsbridge.engine.sync.facts import words_of
from pmsbridge.engine.sync.sources import copied_of
from pmsbridge.errors import ConfigurationError, InputError, NotFoundError, UnsupportedError
from pmsbridge.logging import get_logger
from pmsbridge.model.rental import Rental
from pmsbridge.ports.adapter import Adapter, Entity
from pmsbridge.ports.calling import for_a_night
from pmsbridge.ports.hearing import HearingPort, Message, Told
from pmsbridge.store.heard import HeardMessages, ToRead, Waiting
from pmsbridge.store.mirror import Scope
from pmsbridge.store.runs import RunState

__all__ = ["Heard", "Hearing", "hearing_accounts"]

_log = get_logger(__name__)

_LEASE: Final = timedelta(minutes=5)
_RENEWALS: Final = 5
_SOONEST: Final = timedelta(seconds=10)
_LATEST: Final = timedelta(minutes=15)
_GIVEN_UP_AFTER: Final = timedelta(days=1)
_IN_WORK: Final = timedelta(minutes=10)
_BUSY: Final = "the same is being read by a longer run, which would be overtaken"


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a genuine message. Whatever it says here, the sender is answered with a 2xx.

    Attributes:
        event: The back office's own name of what happened; empty for something that nobody listens to.
        is_new: False for a message that was heard before: nothing more is done because of it.
        to_read: What will be read anew because of it ("main/L001/rentals"); empty where nothing is.
    """

    event: str
    is_new: bool
    to_read: tuple[str, ...] = ()


def hearing_accounts(runtime: Runtime) -> tuple[str, ...]:
    """Accounts whose settings say how messages of their back office are known."""
    adapters = runtime.adapters.items()
    return tuple(name for name, each in adapters if isinstance(each, HearingPort) and each.hears)


class Hearing:
    """Hears messages, and reads what they are about."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._store = HeardMessages(runtime.database, runtime.clock)

    # -- hearing -------------------------------------------------------------------------------------------------------

    def hear(self, account: str, headers: Mapping[str, str], body: bytes, *, address: str = "") -> Heard:
        """Check a message and write down what is to be read because of it. Asks no back office.

        Args:
            account: The configured account whose back office has sent it.
            headers: Of the request; names in any case.
            body: The bytes as they came, before anything parsed them.
            address: The path to which it was posted, for back offices whose only secret is in it.

        Raises:
            NotFoundError: No account has that name.
            InputError: It is not genuine, or cannot be read; nothing was written.
            UnsupportedError: Nothing says how messages of this back office are known.
            ConfigurationError: The secret is not there.
            UnavailableError: The database cannot be used now: the sender has to try again.
        """
        adapter = self._adapter(account)
        if not isinstance(adapter, HearingPort):
            message = "this back office sends no messages that could be heard"
            raise UnsupportedError(message, code="no_webhooks")
        try:
            said = adapter.hear(headers, body, address=address)
        except InputError as error:
            _log.warning("webhook_refused", account=account, why=error.code)
            raise
        wanted = tuple(sorted({each for told in said.told for each in self._wanted(adapter, told) if each.fits}))
        is_new = self._store.note(account, said.key, wanted)
        self._tell(account, said, is_new=is_new)
        return Heard(said.event, is_new, tuple(each.name for each in wanted) if is_new else ())

    def _tell(self, account: str, said: Message, *, is_new: bool) -> None:
        _log.info("webhook_heard", account=account, told=len(said.told), is_new=is_new)

    def _adapter(self, account: str) -> Adapter:
        found = self._runtime.adapters.get(account)
        if found is None:
            known = ", ".join(sorted(self._runtime.adapters))
            raise NotFoundError("account", "is not configured", remedy=f"Accounts: {known}.")
        return found

    def _wanted(self, adapter: Adapter, told: Told) -> Iterator[ToRead]:
        """What is to be read because of one thing that was told."""
        for facility in self._facilities(adapter, told):
            account = adapter.account_name
            if told.entity in copied_of(adapter):
                yield ToRead(account, facility, told.entity.value, whole=told.may_be_gone)
            tenant = told.tenant_id or self._tenant_of(account, facility, told.rental_id)
            if tenant and self._is_copied(account, facility, tenant):
                yield ToRead.of_account(account, facility, tenant)

    def _facilities(self, adapter: Adapter, told: Told) -> tuple[str, ...]:
        """Where it may be: where the message says, else where the copy has it, else everywhere."""
        codes = tuple(adapter.facility_codes)
        if told.facility:
            return (told.facility,) if told.facility in codes else ()
        return tuple(code for code in codes if self._has(adapter.account_name, code, told)) or codes

    def _has(self, account: str, facility: str, told: Told) -> bool:
        mirror = self._runtime.mirror
        if told.record_id and mirror.get(account, facility, told.entity.noun, told.record_id) is not None:
            return True
        if told.rental_id and mirror.get(account, facility, Rental.entity, told.rental_id) is not None:
            return True
        return bool(told.tenant_id) and mirror.tenant(account, facility, told.tenant_id) is not None

    def _tenant_of(self, account: str, facility: str, rental_id: str) -> str:
        found = self._runtime.mirror.get(account, facility, Rental.entity, rental_id) if rental_id else None
        return found.tenant_id if isinstance(found, Rental) else ""

    def _is_copied(self, account: str, facility: str, tenant_id: str) -> bool:
        """Accounts are copied of those who use the portal; of others there is nothing to bring up to date."""
        return self._runtime.mirror.account(account, facility, tenant_id) is not None

    # -- reading -------------------------------------------------------------------------------------------------------

    def read(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Read what messages were about, as far as nobody else does; returns how many things were read.

        What cannot be read now waits for longer each time, and after a day for the night. Any number of processes may
        do so at once.

        Args:
            stop: Asked between two readings, and within a long one.

        Raises:
            UnavailableError: The database cannot be used now.
        """
        done = 0
        for waiting in self._store.waiting():
            if stop():
                break
            owner = uuid.uuid4().hex
            if self._store.take(waiting, owner, _LEASE):
                done += self._one(waiting, owner, stop)
        return done

    def _one(self, waiting: Waiting, owner: str, stop: Callable[[], bool]) -> bool:
        with kept(lambda: self._store.keep(waiting, owner, _LEASE), _LEASE / _RENEWALS):
            problem = self._read(waiting, stop)
        if problem is None:
            self._store.put_off(waiting, owner, timedelta(0), broke_off_at=self._runtime.clock.now())
            return False
        if not problem:
            self._store.done(waiting, owner)
            return True
        _log.warning("heard_not_read", what=waiting.what.name.rpartition("/")[0], why=problem)
        self._not_now(waiting, owner, problem)
        return False

    def _not_now(self, waiting: Waiting, owner: str, problem: str) -> None:
        """Give up what has waited for a day, and put off what was asked for since."""
        now = self._runtime.clock.now()
        young = tuple(slot for slot in waiting.slots if now - slot <= _GIVEN_UP_AFTER)
        if len(young) < len(waiting.slots):
            old = tuple(slot for slot in waiting.slots if slot not in young)
            self._store.done(replace(waiting, slots=old), owner, error=problem)
        if young:
            wait = min(max(now - young[0], _SOONEST), _LATEST)
            broke_off_at = None if problem == _BUSY else now
            self._store.put_off(replace(waiting, slots=young), owner, wait, error=problem, broke_off_at=broke_off_at)

    def _read(self, waiting: Waiting, stop: Callable[[], bool]) -> str | None:
        """What went wrong; empty when nothing did, None when it was stopped."""
        try:
            return self._read_account(waiting.what) if waiting.what.is_account else self._read_entity(waiting, stop)
        except Exception as error:  # noqa: BLE001 - what cannot be read of one thing never stops another's
            return words_of(error)

    def _read_entity(self, waiting: Waiting, stop: Callable[[], bool]) -> str | None:
        what = waiting.what
        entity, key = Entity(what.what), FacilityKey(what.account, what.facility)
        if self._is_in_work(key, entity, waiting.broke_off_at):
            return _BUSY
        sync = Sync(self._runtime, watches=False)
        report = sync.run([key], [entity], full=what.whole, beat=lambda: not stop(), by_clock=True)
        return _problem(report) if report.rows or not stop() else None

    def _is_in_work(self, key: FacilityKey, entity: Entity, broke_off_at: datetime | None) -> bool:
        """Whether a night, or a long reading by hand, is at it: of two readings the later one to begin wins.

        Args:
            key: Where.
            entity: What is read.
            broke_off_at: When a reading of ours last ended before its end: what has not moved since was left by it, and
                is gone on with.
        """
        night = self._runtime.runs.newest(f"sync {key.account}/{key.facility}")
        now = self._runtime.clock.now()
        if night is not None and night.state is RunState.RUNNING and night.lease_until > now:
            return True
        moved_at = self._runtime.mirror.reading_moved_at(Scope(key.account, key.facility, entity.noun))
        if moved_at is None or (broke_off_at is not None and moved_at <= broke_off_at):
            return False
        return now - moved_at < _IN_WORK

    def _read_account(self, what: ToRead) -> str:
        runtime = self._runtime
        adapter = runtime.adapters.get(what.account)
        if adapter is None or what.facility not in adapter.facility_codes:
            return ""  # no longer configured: nobody asks for it
        if not self._is_copied(what.account, what.facility, what.tenant_id):
            return ""  # erased since, or no longer watched: it is not brought back
        if why_not := runtime.refusals.why_not(what.account):
            return f"not tried: {why_not}"
        try:
            with for_a_night():
                runtime.mirror.renew_account(adapter.account(what.facility, what.tenant_id))
        except NotFoundError:
            runtime.mirror.unwatch(what.account, what.facility, what.tenant_id)
        except ConfigurationError as error:
            runtime.refusals.remember(what.account, error)
            raise
        return ""


def _problem(report: SyncReport) -> str:
    """Why not everything could be read; empty when it could."""
    return next((row.error for row in report.unread), "")
