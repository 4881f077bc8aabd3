"""Who asks: logging on once, again when the server forgot, and never often after it said no."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NoReturn

from pmsbridge.errors import ConfigurationError, PmsBridgeError, RejectedError, UnavailableError
from pmsbridge.logging import get_logger
from pmsbridge.transport.http import Deadline
from pmsbridge_tryton.exchange import Exchange, SessionEndedError, unusable
from pmsbridge_tryton.wire import encoded

__all__ = ["Credentials", "Session", "Sessions"]

_log = get_logger(__name__)

_LOGIN: Final = "common.db.login"
_LOGOUT: Final = "common.db.logout"
_PREFERENCES: Final = "model.res.user.get_preferences"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs on where.

    Attributes:
        database: Name of the database.
        user: Log-on name.
        password: Gives the password, asked at every log-on.
    """

    database: str
    user: str
    password: Callable[[], str]

    def __repr__(self) -> str:
        return f"Credentials({self.user} at {self.database})"


@dataclass(frozen=True, slots=True)
class Session:
    """A log-on that the server remembers. Its repr shows no token, and it cannot be pickled.

    Attributes:
        user_id: Who is logged on.
        company: Whose books are meant; None for a user without a company.
        authorization: What every request carries.
    """

    user_id: int
    company: int | None
    authorization: str

    def __repr__(self) -> str:
        return f"Session(user {self.user_id})"

    def __reduce__(self) -> NoReturn:
        message = "a session cannot be pickled"
        raise TypeError(message)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A log-on that the server refused; the same password is not tried again before ``until``."""

    until: float
    password_mark: bytes
    problem: PmsBridgeError


class Sessions:
    """The one session of a process, shared by its threads. A forked child logs on by itself.

    The server counts failed log-ons, slows them down and then refuses the right password too. So a refusal is
    remembered: until ``pause`` is over the same password gets the same answer here, and nothing is sent. Another
    password is tried at once, unless the server already said that there were too many.

    Args:
        exchange: Asks.
        credentials: Who.
        company: Id of the company; None for the user's own.
        language: Of the server's messages.
        pause: How long a refusal is remembered.
        monotonic: Seconds.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: Credentials,
        *,
        company: int | None,
        language: str,
        pause: timedelta,
        monotonic: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._company = company
        self._language = language
        self._pause = pause
        self._monotonic = monotonic
        self._key = os.urandom(32)
        self._forget()

    def _forget(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._refusal: _Refusal | None = None

    def current(self, deadline: Deadline) -> Session:
        """The session; logs on when there is none.

        Raises:
            ConfigurationError: The server does not accept who we are.
            UnavailableError: No log-on in time, or not again so soon. Nothing else was sent.
        """
        return self._other_than(None, deadline)

    def renewed(self, ended: Session, deadline: Deadline) -> Session:
        """Another session than ``ended``: the one that a thread has made meanwhile, or a new one.

        Raises:
            ConfigurationError: The server does not accept who we are.
            UnavailableError: No log-on in time, or not again so soon.
        """
        return self._other_than(ended, deadline)

    def end(self, deadline: Deadline) -> None:
        """Log off, if this process is logged on; whatever the server says, the session is forgotten here."""
        if self._owner != os.getpid():
            self._forget()
        session, self._session = self._session, None
        if session is None:
            return
        with suppress(PmsBridgeError, SessionEndedError):
            self._exchange.ask(_LOGOUT, [], is_write=False, deadline=deadline, authorization=session.authorization)

    def _other_than(self, ended: Session | None, deadline: Deadline) -> Session:
        if self._owner != os.getpid():
            self._forget()
        with self._locked(deadline):
            if self._session is None or self._session is ended:
                self._session = None
                self._session = self._logged_on(deadline)
            return self._session

    @contextmanager
    def _locked(self, deadline: Deadline) -> Iterator[None]:
        if not self._lock.acquire(timeout=deadline.seconds_left()):
            raise UnavailableError("a log-on took until the deadline; nothing was sent", code="deadline")
        try:
            yield
        finally:
            self._lock.release()

    def _logged_on(self, deadline: Deadline) -> Session:
        password = self._credentials.password()
        mark = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), hashlib.sha256)
        self._check_refusal(mark)
        try:
            session = self._log_on(password, deadline)
        except (ConfigurationError, UnavailableError) as problem:
            self._remember(problem, mark)
            raise
        self._refusal = None
        _log.debug("logged_on", user_id=session.user_id)
        return session

    def _log_on(self, password: str, deadline: Deadline) -> Session:
        user, language = self._credentials.user, self._language
        params = [encoded(user), encoded({"password": password}, where="password"), encoded(language)]
        is_refused = False
        answer: object = None
        try:
            answer = self._exchange.ask(_LOGIN, params, is_write=False, deadline=deadline)
        except (SessionEndedError, RejectedError):
            # Whatever a refusal says is not repeated here: it may quote the password.
            is_refused = True
        if is_refused:
            message = f"{_LOGIN}: the user or its password is not accepted. Check user, password and database."
            raise ConfigurationError(message, code="login_failed")
        authorization, user_id = _understood(answer, user)
        company = self._company or self._company_of(authorization, deadline)
        return Session(user_id, company, authorization)

    def _company_of(self, authorization: str, deadline: Deadline) -> int | None:
        params = [encoded(True), encoded({})]  # noqa: FBT003 - the vendor's own
        try:
            found = self._exchange.ask(
                _PREFERENCES, params, is_write=False, deadline=deadline, authorization=authorization
            )
        except SessionEndedError:
            found = None
        if not isinstance(found, dict):
            raise unusable(_PREFERENCES, is_write=False)
        company = found.get("company")
        return company if isinstance(company, int) else None

    def _check_refusal(self, mark: bytes) -> None:
        refusal = self._refusal
        left = refusal.until - self._monotonic() if refusal is not None else 0.0
        if refusal is None or left <= 0:
            return
        if isinstance(refusal.problem, UnavailableError):
            wait = timedelta(seconds=left)
            raise UnavailableError(refusal.problem.message, retry_after=wait, code=refusal.problem.code)
        if hmac.compare_digest(mark, refusal.password_mark):
            raise ConfigurationError(refusal.problem.message, code=refusal.problem.code)

    def _remember(self, problem: PmsBridgeError, mark: bytes) -> None:
        """Remember what another try would make worse; what did not reach the server is none of it."""
        wait = self._pause
        if isinstance(problem, UnavailableError):
            if problem.code != "too_many_logins":
                return
            wait = problem.retry_after or wait
        self._refusal = _Refusal(self._monotonic() + wait.total_seconds(), mark, problem)


def _understood(answer: object, user: str) -> tuple[str, int]:
    """The header of a session, and whose it is."""
    if isinstance(answer, list) and len(answer) >= 2:  # noqa: PLR2004 - user and token; the third is optional
        user_id, token = answer[0], answer[1]
        if isinstance(user_id, int) and isinstance(token, str):
            words = f"{user}:{user_id}:{token}".encode()
            return f"Session {base64.b64encode(words).decode('ascii')}", user_id
    raise unusable(_LOGIN, is_write=False)
