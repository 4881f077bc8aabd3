"""One call from its bytes to its reply: routing, log, faults, overlap, effect."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from .calllog import CallRecord
from .contract import Service
from .faults import FaultKind, FaultPlan, Rule
from .office import Office
from .operations import Errand, refusal, understand, written
from .replies import SILENCE, Reply, spoiled
from .soap import Request, UnreadableError, fault, find_operation, read
from .visit import Answer, returned

BUSY: Final = -90
EXCEPTION: Final = -99
_NO_EFFECT: Final = ""


class Gateway:
    """Stands between the sockets and the office."""

    def __init__(
        self, office: Office, plan: FaultPlan, pause: Callable[[float], object], trap_url: Callable[[], str]
    ) -> None:
        """Serve one office.

        Args:
            office: The back office.
            plan: Which faults to inject.
            pause: Waits so many seconds of real time; returns early when the server stops.
            trap_url: Where a redirect leads to.
        """
        self.office, self.plan = office, plan
        self._pause, self._trap_url = pause, trap_url
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def refused(self, service: Service, action: str | None) -> bool:
        """Whether the connection is to be reset before the body is read."""
        name = (action or "").strip().strip('"').rpartition("/")[2]
        rule = self.plan.strike(name, None, unread=True)
        if rule:
            self.office.log.enter(service, name, (), self.office.now()).fault = rule.kind.value
        return rule is not None

    def reply(self, service: Service, action: str | None, body: bytes) -> Reply:
        """The reply to one request."""
        office = self.office
        office.catch_up()
        try:
            operation = find_operation(service, action)
            request = read(operation, body)
        except UnreadableError as problem:
            office.log.enter(service, "", (), office.now()).status = 500
            return Reply(500, fault(str(problem), "soap:Client").encode())
        record = office.log.enter(service, operation.name, request.sent, office.now())
        record.ignored = request.ignored
        rule = self.plan.strike(operation.name, record.location, unread=False)
        record.fault = rule.kind.value if rule else None
        with self._counted(record.account) as others:
            reply = self._handled(request, record, rule, others)
        record.status = None if reply.silent else reply.status
        return reply

    @contextmanager
    def _counted(self, account: str) -> Iterator[int]:
        """Count a call as running; yields how many others of the account were."""
        with self._lock:
            others = self._running[account]
            self._running[account] += 1
        try:
            yield others
        finally:
            with self._lock:
                self._running[account] -= 1

    def _handled(self, request: Request, record: CallRecord, rule: Rule | None, others: int) -> Reply:
        turned_away = refusal(self.office, request)
        if turned_away is None and others and self.office.settings.overlap_refused:
            turned_away = returned(EXCEPTION, "General Exception from LogOn")
        if turned_away is not None:
            record.return_code = turned_away.code
            return self._sent(request, rule, lambda: turned_away)
        try:
            errand = understand(self.office, request, record)
        except UnreadableError as problem:
            return Reply(500, fault(str(problem), "soap:Client").encode())
        return self._carried_out(errand, rule)

    def _carried_out(self, errand: Errand, rule: Rule | None) -> Reply:
        if rule is None:
            return self._sent(errand.request, rule, errand.run)
        if rule.kind is FaultKind.LATE_COMMIT:
            self.office.do_later(rule.seconds, lambda: _ignore(errand.run()))
            return SILENCE
        if rule.kind is FaultKind.DUPLICATE:
            errand.run()
            return self._sent(errand.request, rule, errand.run)
        if rule.kind in {FaultKind.BUSY, FaultKind.LOGON}:
            return self._business_failure(errand, rule)
        return self._sent(errand.request, rule, errand.run)

    def _business_failure(self, errand: Errand, rule: Rule) -> Reply:
        if rule.after_effect:
            errand.run()
        busy = rule.kind is FaultKind.BUSY
        answer = returned(BUSY, "The server is busy.") if busy else returned(EXCEPTION, "General Exception from LogOn")
        errand.record.return_code = answer.code
        return Reply(200, written(errand.request, answer).encode())

    def _sent(self, request: Request, rule: Rule | None, run: Callable[[], Answer]) -> Reply:
        if rule is None:
            return Reply(200, written(request, run()).encode())
        if rule.kind is FaultKind.DELAY:
            self._pause(rule.seconds)
        body = written(request, run()) if rule.after_effect else _NO_EFFECT
        if rule.kind is FaultKind.STALL:
            self._pause(rule.seconds)
        return spoiled(rule, body, request.account, self._trap_url())


def _ignore(_: Answer) -> None:
    """Nobody hears the answer of a late effect."""
