"""The one way to a REST back office. A read may be repeated; a write is sent once, and never again from here.

The one exception is declared by the vendor: a status by which it says that a call was refused for its credentials
before anything was done. Then new credentials are fetched, and the call is sent once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.ports.calls import Priority
from pmsbridge.ports.clock import Clock
from pmsbridge.transport.http import Deadline, HttpAnswer, HttpClient, HttpRequest, StreamedBody
from pmsbridge.transport.limits import LaneLimiter
from pmsbridge.transport.retry import read_with_retry
from pmsbridge_rest.address import joined, with_query
from pmsbridge_rest.auth.scheme import Scheme, Signed
from pmsbridge_rest.bodies.encoding import encoded
from pmsbridge_rest.bodies.exact_json import UnreadableError, UnwritableError, read_json
from pmsbridge_rest.filling import Filler
from pmsbridge_rest.mapping.answers import Outcome
from pmsbridge_rest.mapping.connection import Caps
from pmsbridge_rest.wire.asking import NO_BODY, Ask, Came
from pmsbridge_rest.wire.budgets import Budgets
from pmsbridge_rest.wire.judging import Judge, Verdict
from pmsbridge_rest.wire.told_to_wait import ToldToWait

__all__ = ["Channel", "Manners", "Pace", "Renewal"]

_log = get_logger(__name__)

_GOOD_CLOCK: Final = timedelta(seconds=60)
_MOST_ATTEMPTS: Final = 3
_ACCEPT: Final = {"jsonapi": "application/vnd.api+json"}


@dataclass(frozen=True, slots=True)
class Pace:
    """What the account bears.

    Attributes:
        lane: Whose limits these are.
        limiter: Slots and the month's count.
        budgets: So many calls in so much time.
        told: What the back office said about waiting.
    """

    lane: str
    limiter: LaneLimiter | None
    budgets: Budgets
    told: ToldToWait

    def slot(self, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        """Hold one slot while the block runs."""
        if self.limiter is None:
            return nullcontext()
        return self.limiter.slot(self.lane, deadline=deadline, priority=priority)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Which statuses say that credentials were refused.

    Attributes:
        reads: A read is then asked once more.
        writes: A write is, because the vendor says that nothing was done.
    """

    reads: frozenset[int] = frozenset({401})
    writes: frozenset[int] = frozenset()


_RENEWAL: Final = Renewal()
_CAPS: Final = Caps()


@dataclass(frozen=True, slots=True)
class Manners:
    """How calls are made.

    Attributes:
        renewal: Which statuses say that credentials were refused.
        caps: How much an answer may be.
        attempts: Times a read is asked while the back office says "not now".
    """

    renewal: Renewal = _RENEWAL
    caps: Caps = _CAPS
    attempts: int = _MOST_ATTEMPTS


_USUAL: Final = Manners()


class Channel:
    """Calls of one account.

    Args:
        http: Carries requests.
        scheme: Signs them.
        base: The base address.
        judge: Says what answers mean.
        pace: What the account bears.
        clock: Time.
        manners: How calls are made.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        scheme: Scheme,
        base: str,
        judge: Judge,
        pace: Pace,
        clock: Clock,
        manners: Manners = _USUAL,
    ) -> None:
        self.http = http
        self.base = base
        self.judge = judge
        self.clock = clock
        self._scheme = scheme
        self._pace = pace
        self._manners = manners
        caps = manners.caps
        self._limits = replace(http.limits, raw_bytes=caps.answer_bytes, decoded_bytes=caps.answer_bytes)
        self._file_limits = replace(http.limits, raw_bytes=caps.file_bytes, decoded_bytes=caps.file_bytes)

    def __repr__(self) -> str:
        return f"<channel of {self._pace.lane}>"

    def read(
        self,
        ask: Ask,
        *,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
        missing: Collection[int] = (),
    ) -> tuple[Verdict, Came]:
        """Read, again while the back office says "not now". A status of ``missing`` means that there is nothing.

        Raises:
            NotFoundError: There is no such thing.
            ConfigurationError: A person must act.
            RejectedError: It is refused, or cannot be asked.
            UnavailableError: No usable answer in time.
        """
        if ask.is_write:
            message = f"{ask.operation} is a write and cannot be read"
            raise ConfigurationError(message, code="not_a_read")

        def once() -> tuple[Verdict, Came]:
            came = self._exchange(ask, deadline, priority)
            return self.judge.read(ask, came, missing=missing), came

        return read_with_retry(
            once, attempts=self._manners.attempts, deadline=deadline, sleep=self.clock.sleep,
            first_pause=timedelta(milliseconds=200),
        )  # fmt: skip

    def write(
        self,
        ask: Ask,
        outcome: Outcome,
        *,
        deadline: Deadline,
        priority: Priority = Priority.WRITE,
        filler: Filler | None = None,
        conflict_is_open: bool = False,
    ) -> tuple[Verdict, Came]:
        """Send once, and say what became of it.

        Raises:
            RejectedError: It said no, or it cannot be said; nothing changed.
            ConfigurationError: A person must act; nothing changed.
            UnavailableError: It certainly never got there, or was told to wait.
            OutcomeUnknownError: It was sent, and the answer is lost, unusable or proves nothing.
        """
        came = self._exchange(ask, deadline, priority)
        return self.judge.write(ask, came, outcome, filler=filler, conflict_is_open=conflict_is_open), came

    @contextmanager
    def file(self, ask: Ask, *, kinds: tuple[str, ...], deadline: Deadline) -> Iterator[HttpAnswer]:
        """Ask for a file, with new credentials where the first were refused; it is on its way while the block runs.

        Raises:
            NotFoundError: There is no such file.
            RejectedError: It is refused.
            ConfigurationError: A person must act.
            UnavailableError: No usable answer.
        """
        ask = replace(ask, headers={**ask.headers, "Accept": ", ".join(kinds)})
        is_again = False
        while True:
            with self._sent(ask, deadline, Priority.INTERACTIVE, for_file=True) as (signed, answer):
                if answer.status == HTTPStatus.OK:
                    self._pace.told.noted(answer.headers, None)
                    yield answer
                    return
                came = self._came(ask, answer)
            if is_again or not self._is_refused(ask, signed, came):
                break
            is_again = True
        self._note(came)
        self.judge.read(ask, came)
        message = f"{ask.operation}: HTTP {came.status}, and no file"
        raise UnavailableError(message, code="no_file")

    @contextmanager
    def stranger(self, url: str, operation: str, *, kinds: tuple[str, ...], deadline: Deadline) -> Iterator[HttpAnswer]:
        """Ask another server than the back office for a file: no credentials, none of the account's limits."""
        request = HttpRequest("GET", url, {"Accept": ", ".join(kinds)}, None, is_write=False, operation=operation)
        with self.http.send(request, deadline=deadline, limits=self._file_limits) as answer:
            yield answer

    # one exchange

    def _exchange(self, ask: Ask, deadline: Deadline, priority: Priority) -> Came:
        """Ask; once more with new credentials where the status says that nothing was done."""
        signed, came = self._once(ask, deadline, priority)
        if self._is_refused(ask, signed, came):
            signed, came = self._once(ask, deadline, priority)
        self._note(came)
        return came

    def _note(self, came: Came) -> None:
        """What an answer says beside what it was asked for: of the clock, and of waiting."""
        if came.status == HTTPStatus.UNAUTHORIZED:
            self._hint_at_clock(came)
        if self.judge.is_later(came):
            self._pace.told.later(came.headers)
        else:
            self._pace.told.noted(came.headers, came.document)

    def _once(self, ask: Ask, deadline: Deadline, priority: Priority) -> tuple[Signed, Came]:
        with self._sent(ask, deadline, priority) as (signed, answer):
            return signed, self._came(ask, answer)

    @contextmanager
    def _sent(
        self, ask: Ask, deadline: Deadline, priority: Priority, *, for_file: bool = False
    ) -> Iterator[tuple[Signed, HttpAnswer]]:
        request = self._request(ask)
        limits = self._file_limits if for_file else self._limits
        self._pace.told.keep(deadline)
        self._pace.budgets.enter(ask.path, deadline, is_write=ask.is_write, priority=priority)
        with self._pace.slot(deadline, priority):
            signed = self._scheme.sign(request, deadline)
            with self.http.send(signed.request, deadline=deadline, limits=limits) as answer:
                yield signed, answer

    def _is_refused(self, ask: Ask, signed: Signed, came: Came) -> bool:
        """Whether other credentials are there and the call may be sent with them.

        Raises:
            OutcomeUnknownError: A write whose token was refused, by a vendor that does not say that nothing was done.
        """
        statuses = self._manners.renewal.writes if ask.is_write else self._manners.renewal.reads
        is_unauthorised = came.status == HTTPStatus.UNAUTHORIZED
        if came.status not in statuses and not is_unauthorised:
            return False
        if not self._scheme.renews(signed):
            return False
        if came.status in statuses:
            return True
        message = f"{ask.operation}: the token was refused, which does not prove that nothing was done"
        raise OutcomeUnknownError(message, code="token_refused")

    def _came(self, ask: Ask, answer: HttpAnswer) -> Came:
        content = answer.read()
        url = ask.url or joined(self.base, ask.path)
        if not content.strip():
            return Came(answer.status, answer.headers, None, is_empty=True, url=url)
        document, unreadable = None, ""
        try:
            document = read_json(content)
        except UnreadableError as problem:
            unreadable = problem.code
        return Came(answer.status, answer.headers, document, unreadable, url=url, bytes_read=len(content))

    def _request(self, ask: Ask) -> HttpRequest:
        """The request written out.

        Raises:
            RejectedError: The document cannot be said faithfully, or the address would be too long.
        """
        url = with_query(ask.url or joined(self.base, ask.path), ask.query)
        longest = self._manners.caps.url_characters
        if longest is not None and len(url) > longest:
            message = f"{ask.operation}: the address has more than {longest} characters; nothing was sent"
            raise RejectedError(message, code="address_too_long")
        headers = {"Accept": _ACCEPT.get(ask.encoding, "application/json"), **ask.headers}
        body: bytes | StreamedBody | None = None
        if ask.document is not NO_BODY:
            body, headers["Content-Type"] = self._body(ask)
        return HttpRequest(ask.method, url, headers, body, is_write=ask.is_write, operation=ask.operation)

    def _body(self, ask: Ask) -> tuple[bytes | StreamedBody, str]:
        try:
            return encoded(ask.document, ask.encoding)
        except UnwritableError as problem:
            message = f"{ask.operation}: the request cannot be written ({problem.code}); nothing was sent"
        raise RejectedError(message, code="unsendable")

    def _hint_at_clock(self, came: Came) -> None:
        """Signatures and tokens hang on the time: say when ours is off."""
        off = _off_by(came.headers.get("date"), self.clock.now)
        if off is not None and abs(off) > _GOOD_CLOCK:
            _log.warning("clock_differs", lane=self._pace.lane, seconds=int(off.total_seconds()))


def _off_by(date: str | None, now: Callable[[], datetime]) -> timedelta | None:
    try:
        theirs = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return None if theirs.tzinfo is None else now() - theirs
