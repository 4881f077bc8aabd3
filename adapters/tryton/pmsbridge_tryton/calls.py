"""Calls of one user to one database: turns, session, repetition. A read may be repeated; a write is sent once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from pmsbridge.errors import ConfigurationError, InputError, PmsBridgeError, RejectedError
from pmsbridge.ports.calling import priority_of
from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import Deadline, HttpClient
from pmsbridge.transport.limits import LaneLimiter, Priority
from pmsbridge.transport.retry import read_with_retry
from pmsbridge_tryton.exchange import Exchange, SessionEndedError, unusable
from pmsbridge_tryton.files import files_in
from pmsbridge_tryton.session import Credentials, Session, Sessions
from pmsbridge_tryton.wire import encoded

__all__ = ["STAMP", "Calls", "Pacing"]

STAMP: Final = "_timestamp"
"""The vendor's name of what changes with every change of a record, in answers and in contexts."""

_LAST_WORDS: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Pacing:
    """How often and how long a client asks.

    Attributes:
        limiter: Hands out slots of ``lane``.
        lane: What the server bears is shared under this name.
        sleep: Takes seconds.
        monotonic: Seconds.
        read_attempts: How often a read is asked while the answer is "not now".
        login_pause: How long a refused log-on is not tried again.
        live: For a read, repetitions included.
        write: For a write.
        batch: For one page.
        page_rows: Rows of a page.
    """

    limiter: LaneLimiter
    lane: str
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    read_attempts: int
    login_pause: timedelta
    live: timedelta
    write: timedelta
    batch: timedelta
    page_rows: int


class Calls:
    """Calls any method of the server; thread-safe; logs on at the first call.

    Every method may raise, besides what it names: ``ConfigurationError`` (log-on, address, or not allowed),
    ``UnavailableError`` (nothing was sent, or told to wait; for a read also: no usable answer), ``RejectedError`` (a
    refusal; nothing changed). A write may also raise ``OutcomeUnknownError``.

    Args:
        http: Carries every request.
        url: Of the server, without the database.
        credentials: Who asks.
        company: Id of the company; None for the user's own.
        language: Of texts and messages.
        pacing: How often and how long.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        url: str,
        credentials: Credentials,
        company: int | None,
        language: str,
        pacing: Pacing,
    ) -> None:
        self._http = http
        self._exchange = Exchange(http, url=url, database=credentials.database)
        self._language = language
        self._pacing = pacing
        self._name = f"{credentials.user} at {credentials.database}"
        self._sessions = Sessions(
            self._exchange, credentials, company=company, language=language, pause=pacing.login_pause,
            monotonic=pacing.monotonic,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Log off, when logged on, and let go of connections. Idempotent; a later call logs on again."""
        self.logout()
        self._exchange.close()

    @property
    def lane(self) -> str:
        """Under which name calls take turns."""
        return self._pacing.lane

    @property
    def calls(self) -> int:
        """Requests sent or tried so far, log-ons included."""
        return self._exchange.calls

    @property
    def bytes_read(self) -> int:
        """Length of the answers so far, decoded."""
        return self._exchange.bytes_read

    # -- who ----------------------------------------------------------------------------------------------------------

    def login(self, *, deadline: Deadline | None = None) -> Session:
        """Log on now, unless logged on already."""
        until = deadline or self.deadline(self._pacing.live)
        with self._slot(until, Priority.INTERACTIVE):
            return self._sessions.current(until)

    def logout(self) -> None:
        """Log off. Says nothing when the server does not answer: it forgets the session by itself one day."""
        self._sessions.end(self.deadline(_LAST_WORDS))

    def server_series(self) -> str:
        """The server's series ("8.2"); needs no log-on."""
        until = self.deadline(self._pacing.live)
        with self._slot(until, Priority.INTERACTIVE):
            answer = self._exchange.ask(
                "common.server.version", [], is_write=False, deadline=until, of_server=True
            )  # fmt: skip
        if not isinstance(answer, str):
            raise unusable("common.server.version", is_write=False)
        return answer

    def deadline(self, span: timedelta, *, not_after: datetime | None = None) -> Deadline:
        """The end of one piece of work, the waiting for a slot included.

        Args:
            span: From now.
            not_after: End of a lease: past it nothing is sent any more.
        """
        return self._http.deadline(span, not_after=not_after)

    # -- any method ---------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        *params: object,
        context: Mapping[str, object] | None = None,
        deadline: Deadline | None = None,
        priority: Priority = Priority.INTERACTIVE,
        attempts: int | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the method answers
        """Call a method that changes nothing; again while the answer is "not now".

        Args:
            method: Full name ("model.party.party.search_count").
            params: Its arguments, without the context.
            context: Besides company and language.
            deadline: When asking must be over; None for what the settings give a person's call, or one of a night.
            priority: Who goes first when the lane is busy.
            attempts: Calls at most; None for the setting.
        """
        is_batch = priority_of(priority) is Priority.BATCH
        until = deadline or self.deadline(self._pacing.batch if is_batch else self._pacing.live)
        words = _said(method, params)

        def once() -> Any:  # noqa: ANN401 - whatever the method answers
            return self._once(method, words, context or {}, is_write=False, deadline=until, priority=priority)

        return read_with_retry(
            once, attempts=attempts or self._pacing.read_attempts, deadline=until, sleep=self._pacing.sleep
        )

    def send(
        self,
        method: str,
        *params: object,
        context: Mapping[str, object] | None = None,
        stamps: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
        priority: Priority = Priority.WRITE,
    ) -> Any:  # noqa: ANN401 - whatever the method answers
        """Call a method that changes something; sent once.

        Only when the server answers that it does not know the session, and so has looked at nothing, is it sent again,
        once, after a new log-on.

        Args:
            method: Full name ("model.account.payment.submit").
            params: Its arguments, without the context.
            context: Besides company and language.
            stamps: Of records that must not have changed; see ``stamps``.
            deadline: End of the call.
            priority: Who goes first when the lane is busy.

        Raises:
            StaleError: A record of ``stamps`` was changed meanwhile, or is locked; nothing was written.
            WarningRaisedError: A person would have to confirm; nothing was written.
            OutcomeUnknownError: It was sent and gave no usable answer.
        """
        until = deadline or self.deadline(self._pacing.write)
        words = _said(method, params)
        whole = {**(context or {}), **({STAMP: dict(stamps)} if stamps else {})}
        return self._once(
            method, words, whole, is_write=True, deadline=until, priority=priority, files=[*files_in(params)]
        )

    # -- one call -----------------------------------------------------------------------------------------------------

    def _once(
        self,
        method: str,
        words: Sequence[str],
        context: Mapping[str, object],
        *,
        is_write: bool,
        deadline: Deadline,
        priority: Priority,
        files: Sequence[HandedFile] = (),
    ) -> Any:  # noqa: ANN401 - whatever the method answers
        with self._slot(deadline, priority):
            session: Session | None = None
            for _ in range(2):
                session = self._sessions.renewed(session, deadline) if session else self._sessions.current(deadline)
                params = [*words, _context(method, session, self._language, context)]
                try:
                    return self._exchange.ask(
                        method, params, is_write=is_write, deadline=deadline, authorization=session.authorization,
                        files=files,
                    )  # fmt: skip
                except SessionEndedError:
                    continue
        message = f"{method}: the server does not know a session that it has just given; nothing was done"
        raise ConfigurationError(message, code="session_refused")

    def _slot(self, deadline: Deadline, priority: Priority) -> AbstractContextManager[None]:
        return self._pacing.limiter.slot(self._pacing.lane, deadline=deadline, priority=priority)


def _said(method: str, params: Sequence[object]) -> list[str]:
    return [_checked(method, f"params[{place}]", value) for place, value in enumerate(params)]


def _context(method: str, session: Session, language: str, more: Mapping[str, object]) -> str:
    return _checked(method, "context", {"company": session.company, "language": language, **more})


def _checked(method: str, where: str, value: object) -> str:
    problem: PmsBridgeError
    try:
        return encoded(value, where=where)
    except InputError as refusal:
        message = f"{method}: {refusal.field} {refusal.problem}; nothing was sent"
        # Text that somebody typed is refused; all else is a mistake of ours.
        if refusal.code == "unsendable_text":
            problem = RejectedError(message, code=refusal.code)
        else:
            problem = ConfigurationError(message, code=refusal.code)
    raise problem
