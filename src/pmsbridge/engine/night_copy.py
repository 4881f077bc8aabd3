"""What a night does at one facility, and the copy by hand that makes it needless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.engine.deliver import Beat, Job, Runtime
from pmsbridge.engine.retention import BY_THE_NIGHT, retain
from pmsbridge.engine.sync import FacilityKey, Sync, SyncReport
from pmsbridge.errors import ConfigurationError, PmsBridgeError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.store.feed_room import FeedRoom, KeptFor
from pmsbridge.store.files import FileRoom
from pmsbridge.store.mirror import Scope
from pmsbridge.store.person_room import PersonRoom
from pmsbridge.store.report_room import ReportRoom

__all__ = ["copied_never", "forget_departed", "make_room", "night_copy_of", "note_copies"]

_log = get_logger(__name__)
_PARTS: Final = ("facility", "unit", "tenant", "rental")
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


def night_copy_of(runtime: Runtime, key: FacilityKey, *, kept_for: KeptFor | None = None) -> Job:
    """A job for ``Runtime.jobs`` that copies a facility anew, unless somebody has done so since the slot.

    Afterwards it drops what the feeds have held for longer than ``kept_for``, and old reports and runs, whatever became
    of the copy; and after a good one it forgets who left the facility longer ago than people are kept, if they are not
    kept for good.

    It raises ``ConfigurationError`` when a part could not be read until a person acts, and ``UnavailableError`` when
    one could not be read for now. Deletions that were held back, and single records that could not be read, fail none.
    """

    def job(slot: datetime, beat: Beat) -> None:
        copied = runtime.runs.last_success(_copy_name(key))
        if copied is not None and slot <= copied <= runtime.clock.now() + _CLOCKS_DIFFER:
            _log.info("night_already_copied", account=key.account, facility=key.facility, at=copied.isoformat())
            return
        try:
            _refuse_failure(Sync(runtime).run([key], full=True, beat=beat, by_clock=True))
            forget_departed(runtime, [key], kept_for, beat)
        finally:
            make_room(runtime, kept_for)

    return job


def forget_departed(
    runtime: Runtime, keys: Iterable[FacilityKey], kept_for: KeptFor | None, beat: Beat | None = None
) -> None:
    """Forget who left these facilities longer ago than people are kept; nobody where they are kept for good.

    What cannot be done now is done another night, and fails none.
    """
    people = kept_for.people if kept_for is not None else None
    if people is None:
        return
    for key in keys:
        with _another_night("people_not_forgotten"):
            done = retain(runtime, key, people, actor=BY_THE_NIGHT, dry_run=False, beat=beat)
            told = {"forgotten": len(done.going), "kept": len(done.staying), "questions": done.questions}
            _log.info("people_judged", account=key.account, facility=key.facility, problem=done.problem, **told)


def make_room(runtime: Runtime, kept_for: KeptFor | None = None) -> None:
    """Drop old rows of feeds, reports and runs, and files that nobody needs any more.

    What cannot go now goes another night, and fails none.
    """
    now, kept = runtime.clock.now(), kept_for or KeptFor()
    # What people handed in goes first: how long it stays was promised to them.
    with _another_night("files_not_taken_away"):
        files = FileRoom(runtime.database).make(now - kept.files)
        if files:
            _log.info("files_taken_away", files=files)
    with _another_night("people_not_shortened"):
        passed = PersonRoom(runtime.database).make(now, attempts_within=kept.attempts)
        if passed.any:
            _log.info("people_shortened", **asdict(passed))
    with _another_night("feeds_not_shortened"):
        dropped = FeedRoom(runtime.database, kept_for).make(now)
        if dropped.changes or dropped.outcomes:
            _log.info("feeds_shortened", changes=dropped.changes, outcomes=dropped.outcomes)
    with _another_night("reports_not_shortened"):
        forgotten = ReportRoom(runtime.database).make(now)
        if forgotten.reports or forgotten.runs:
            _log.info("reports_shortened", reports=forgotten.reports, runs=forgotten.runs)


@contextmanager
def _another_night(event: str) -> Iterator[None]:
    """One room that cannot be made now keeps none of the others from being made."""
    try:
        yield
    except PmsBridgeError as error:
        _log.warning(event, why=error.code)


def _refuse_failure(report: SyncReport) -> None:
    if not report.unread:
        return
    parts = ", ".join(row.scope.entity for row in report.unread)
    what = "nothing" if len(report.unread) == len(report.rows) else f"not everything ({parts} failed)"
    message = f"{what} could be read: {report.unread[0].error}"
    if report.a_person_must_act:
        raise ConfigurationError(message, code="night_failed")
    raise UnavailableError(message, code="night_failed")


def copied_never(runtime: Runtime, keys: Iterable[FacilityKey]) -> frozenset[FacilityKey]:
    """Those of which no part was ever copied to its end: their next copy reads everything."""
    return frozenset(
        key
        for key in keys
        if all(runtime.mirror.synced_at(Scope(key.account, key.facility, part)) is None for part in _PARTS)
    )


def note_copies(runtime: Runtime, whole: Iterable[FacilityKey], report: SyncReport) -> None:
    """Write down which facilities a run by hand has copied wholly and without a failure.

    Args:
        runtime: Whose record.
        whole: Those of which everything was read.
        report: How it went.
    """
    failed = {FacilityKey(row.scope.account, row.scope.facility) for row in report.failed}
    read = {FacilityKey(row.scope.account, row.scope.facility) for row in report.rows}
    for key in sorted(frozenset(whole) & read - failed, key=lambda key: (key.account, key.facility)):
        runtime.runs.note(_copy_name(key), report.started_at, "by hand")


def _copy_name(key: FacilityKey) -> str:
    return f"copy {key.account}/{key.facility}"
