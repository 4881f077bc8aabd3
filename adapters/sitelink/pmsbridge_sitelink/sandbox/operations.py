"""Carrying out one call: credentials first, then arguments, then the operation.

Importing this module fills the register.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import accounts, autopay, discounts, letting, moves, payments, people, premises, reports, staff, waiting
from .access import BAD_LOCATION, credential_problem
from .calllog import CallRecord
from .contract import LOCATION_OPTIONAL
from .dataset import diffgram, schema
from .office import Office
from .soap import Request, arguments, envelope
from .visit import HANDLERS, Answer, Visit, returned

FAMILIES = (accounts, autopay, discounts, letting, moves, payments, people, premises, reports, staff, waiting)
"""The modules whose operations are in the register."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One call that has been let in and understood; it can be carried out once, twice or later."""

    office: Office
    request: Request
    visit: Visit
    record: CallRecord

    def run(self) -> Answer:
        """Carry it out now and note in the log what came of it."""
        with self.office.lock:
            answer = HANDLERS[self.request.operation.name](self.visit)
            self.record.effects += answer.changed
            self.record.return_code = answer.code
        return answer


def refusal(office: Office, request: Request) -> Answer | None:
    """Why the account or the location is turned away; None when they are let in."""
    account = request.account
    problem = credential_problem(account["sCorpCode"], account["sCorpUserName"], account["sCorpPassword"])
    if problem:
        return returned(*problem)
    location = account["sLocationCode"]
    if office.knows(location) or (not location and request.operation.name in LOCATION_OPTIONAL):
        return None
    return returned(BAD_LOCATION, "Invalid location code.")


def understand(office: Office, request: Request, record: CallRecord) -> Errand:
    """Read a request's arguments.

    Raises:
        UnreadableError: A value does not fit its type.
    """
    values = arguments(request, bare_dates_refused=office.settings.bare_dates_refused)
    visit = Visit(office, request.operation.name, request.account["sLocationCode"], values)
    return Errand(office, request, visit, record)


def written(request: Request, answer: Answer) -> str:
    """An answer as an envelope."""
    return envelope(request.operation, schema(answer.rowsets), diffgram(answer.rowsets))
