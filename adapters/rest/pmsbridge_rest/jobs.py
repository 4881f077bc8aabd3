"""Tickets: an answer that says "we are at it"; how it ended is asked for until the time for it is over."""

from __future__ import annotations

from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError, RejectedError
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.connection import Connection, asked
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.mapping.answers import Job
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.wire.judging import Verdict

__all__ = ["followed"]


def followed(connection: Connection, facility: str, job: Job, filler: Filler, operation: str, end: Deadline) -> Verdict:
    """How a job ended: its last answer.

    Raises:
        RejectedError: It failed, and nothing was done.
        OutcomeUnknownError: It is not known in time, or cannot be asked for.
    """
    until = connection.deadline(job.within)
    while True:
        verdict, state = _asked(connection, facility, job, filler, operation, end)
        if state in job.done:
            return verdict
        if state in job.failed:
            message = f"{operation}: the job ended with {state!r}; nothing was done"
            raise RejectedError(message, code="job_failed")
        left = min(until.seconds_left(), end.seconds_left())
        if left <= job.every.total_seconds():
            message = f"{operation}: the job is still running after {job.within}"
            raise OutcomeUnknownError(message, code="job_running")
        connection.clock.sleep(job.every.total_seconds())


def _asked(
    connection: Connection, facility: str, job: Job, filler: Filler, operation: str, end: Deadline
) -> tuple[Verdict, str]:
    """One look at the job. That it cannot be looked at says nothing about how it ends."""
    try:
        ask = asked(job.poll, filler, f"{operation}.poll", is_write=False)
        verdict, _ = connection.channel(facility).read(ask, deadline=end)
        found = search(job.state, verdict.data)
    except (PmsBridgeError, ValueError) as problem:
        why = problem.code if isinstance(problem, PmsBridgeError) else "no state"
        message = f"{operation}: how the job stands cannot be read ({why})"
    else:
        return verdict, str(found) if isinstance(found, str | int) else ""
    raise OutcomeUnknownError(message, code="job_unreadable")
