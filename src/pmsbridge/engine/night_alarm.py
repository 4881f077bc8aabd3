"""Telling people of nights that did not take place: a finding, a line in the log, and one mail to the staff."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final

from pmsbridge.actions.effects import SendMail
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, reference_of
from pmsbridge.actions.scribe import NightMissed, Scribe, mail_names
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.worker_name import WorkerName
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity

__all__ = ["MISSED_NIGHT", "NIGHT_WITHOUT_TIME", "MissedNight", "NightAlarm", "missed_nights", "oldest_night"]

_log = get_logger(__name__)

MISSED_NIGHT: Final = "missed_night"
"""The code of the finding."""

NIGHT_WITHOUT_TIME: Final = "night_without_time"
"""The code of the finding about a facility that has no night yet, because its time zone is not known."""

_NOWHERE: Final = "-"
_WHAT_TO_DO: Final = (
    "See that one `pmsbridge run` is at work (`pmsbridge doctor`, its log); `pmsbridge sync --full` copies now. "
    "The alarm ends by itself with the next night that succeeds."
)


@dataclass(frozen=True, slots=True)
class MissedNight:
    """One night of one job that did not come to its end.

    Attributes:
        job: Name in ``Runtime.jobs``.
        slot: When it should have begun.
        night: The local day it belongs to.
        account: Empty when it is about no facility.
        facility: Empty when it is about no facility.
        why: For a person, without secrets.
    """

    job: str
    slot: datetime
    night: date
    account: str
    facility: str
    why: str


def missed_nights(runtime: Runtime) -> int:
    """How many jobs are in alarm: a night was missed, and none has succeeded since; or a facility has none at all.

    Raises:
        UnavailableError: The database cannot be read now.
    """
    return sum(found.finding.code in {MISSED_NIGHT, NIGHT_WITHOUT_TIME} for found in runtime.findings.open())


def oldest_night(runtime: Runtime) -> datetime | None:
    """The last good night of the facility whose last good night is the oldest; None while none ever had one.

    It needs nobody who watches: it grows as well when no process with a nightly clock is at work.

    Raises:
        UnavailableError: The database cannot be read now.
    """
    nights = [
        runtime.runs.last_success(f"sync {account}/{code}")
        for account, adapter in runtime.adapters.items()
        for code in adapter.facility_codes
    ]
    return min((night for night in nights if night is not None), default=None)


class NightAlarm:
    """Raises and ends alarms. Whether a night was missed, and that it is told once, is its caller's business."""

    def __init__(self, runtime: Runtime, scribe_of: Callable[[str, str], Scribe], *, mails: bool) -> None:
        """Nobody is told yet.

        Args:
            runtime: Whose findings, and whose journal carries the mails.
            scribe_of: From account and facility to who finds the words for its staff.
            mails: Whether there is a mail server; without one nobody is mailed.
        """
        self._runtime = runtime
        self._scribe_of = scribe_of
        self._mails = mails
        self._name = WorkerName()

    @property
    def owner(self) -> str:
        """Who tells."""
        return str(self._name)

    def tell(self, missed: Sequence[MissedNight]) -> None:
        """A finding and a log line for each night; one mail for all nights of the same staff."""
        for each in missed:
            self._runtime.findings.add(self._finding(each))
            _log.error("night_missed", job=each.job, night=each.night.isoformat(), why=each.why)
        if self._mails:
            for together in self._by_staff(missed):
                self._mail(together)

    def end(self, job: str, account: str, facility: str, night: date) -> int:
        """A night has succeeded: close the alarm of its job; returns how many were open."""
        place = {"account": account or _NOWHERE, "facility": facility or _NOWHERE}
        open_ones = [
            found.number
            for found in self._runtime.findings.open(**place)
            if (found.finding.code, found.finding.subject) == (MISSED_NIGHT, job)
        ]
        now, note = self._runtime.clock.now(), f"the night of {night.isoformat()} came to its end"
        closed = [self._runtime.findings.close(number, now, by="pmsbridge", note=note) for number in open_ones]
        if any(closed):
            _log.info("night_alarm_over", job=job, night=night.isoformat())
        return sum(closed)

    def _finding(self, missed: MissedNight) -> Finding:
        text = f"{missed.job}: the night of {missed.night.isoformat()} was missed; {missed.why}. {_WHAT_TO_DO}"
        return Finding(
            code=MISSED_NIGHT, severity=Severity.URGENT, account=missed.account or _NOWHERE,
            facility=missed.facility or _NOWHERE, subject=missed.job, text=text,
            found_at=self._runtime.clock.now(),
        )  # fmt: skip

    def _by_staff(self, missed: Iterable[MissedNight]) -> list[list[MissedNight]]:
        """Nights that the same people are told of; those of which nobody can be mailed are left out."""
        groups: dict[tuple[tuple[str, ...], str], list[MissedNight]] = {}
        for each in missed:
            if each.account and each.facility:
                scribe = self._scribe_of(each.account, each.facility)
                groups.setdefault((scribe.staff, scribe.language), []).append(each)
        return [together for (staff, _), together in groups.items() if staff]

    def _mail(self, together: Sequence[MissedNight]) -> None:
        first = together[0]
        # The same nights always give the same key: who tells them again after a crash sends nothing again.
        told = [[each.job, each.slot.isoformat()] for each in together]
        key = f"missed-night-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:40]}"
        action_id = Submission.id_for(first.account, first.facility, None, key)
        scribe = self._scribe_of(first.account, first.facility)
        steps = tuple(map(partial(_step, action_id, scribe, first, _words(together)), mail_names("mail", scribe.staff)))
        submission = Submission(
            action_id=action_id, key=key, kind="tell_missed_night", account=first.account, facility=first.facility,
            tenant_id=None, intent=json.dumps({"nights": told}), actor="pmsbridge", plan=Plan(steps=steps),
        )  # fmt: skip
        try:
            self._runtime.submit(submission)
        except PmsBridgeError as error:
            # The finding and the log have told it already.
            _log.error("missed_night_not_mailed", job=first.job, why=error.message)


def _words(together: Sequence[MissedNight]) -> NightMissed:
    nights = tuple(f"{each.night.isoformat()}, {each.account}/{each.facility} ({each.job})" for each in together)
    return NightMissed(tenant_id="", tenant_name="", nights=nights, why=together[-1].why)


def _step(action_id: str, scribe: Scribe, at: MissedNight, notice: NightMissed, mail: tuple[str, str]) -> PlannedEffect:
    name, to = mail
    reference = reference_of(action_id, name)
    written = scribe.for_mail(scribe.write(notice), reference)
    effect = SendMail(
        account=at.account, facility=at.facility, to=to, subject=written.subject, text=written.text,
        language=scribe.language, reference=reference,
    )  # fmt: skip
    return PlannedEffect(name=name, key=effect_key(action_id, name, effect.target), effect=effect)
