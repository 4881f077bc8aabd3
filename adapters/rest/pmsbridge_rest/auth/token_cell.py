"""A token that many threads use and one of them renews.

Whoever finds it spent while another thread is renewing it waits for that one's answer, be it a token or a refusal: a
back office that counts log-ons, or that forgets the last token when it gives a new one, is asked once.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

from pmsbridge.errors import PmsBridgeError, UnavailableError
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.auth.scheme import Token
from pmsbridge_rest.forking import forgets

__all__ = ["TokenCell"]


class TokenCell:
    """Holds one token; thread-safe; empty again in a forked child.

    Args:
        fetch: Asks for a new token; called by one thread at a time.
    """

    def __init__(self, fetch: Callable[[Deadline], Token]) -> None:
        self._fetch = fetch
        self.forget()
        forgets(self)

    def __repr__(self) -> str:
        return f"<token cell, {'empty' if self._token is None else 'filled'}>"

    def forget(self) -> None:
        """Drop the token and what was inherited from a parent process."""
        self._changed = threading.Condition()
        self._token: Token | None = None
        self._is_fetching = False
        self._round = 0
        self._failure: PmsBridgeError | None = None

    def get(self, deadline: Deadline) -> Token:
        """A token that is good now.

        Raises:
            ConfigurationError: The back office does not give us one.
            UnavailableError: None could be had before the deadline.
        """
        with self._changed:
            if self._token is not None and not self._token.is_spent:
                return self._token
            if self._is_fetching:
                return self._awaited(deadline)
            self._is_fetching = True
        return self._renewed(deadline)

    def refuse(self, token: Token | None) -> None:
        """The back office did not accept this token; another that came meanwhile stays."""
        with self._changed:
            if self._token is token:
                self._token = None

    def _awaited(self, deadline: Deadline) -> Token:
        mine = self._round
        while self._round == mine:
            self._changed.wait(deadline.seconds_left())
            if self._round == mine and deadline.passed():
                raise UnavailableError("no credentials before the deadline; nothing was sent", code="token_awaited")
        if self._failure is not None:
            raise copy.copy(self._failure)
        if self._token is None:
            raise UnavailableError("the new credentials were refused at once; nothing was sent", code="token_refused")
        return self._token

    def _renewed(self, deadline: Deadline) -> Token:
        token: Token | None = None
        failure: PmsBridgeError | None = None
        try:
            token = self._fetch(deadline)
        except PmsBridgeError as error:
            failure = error
            raise
        finally:
            if token is None and failure is None:
                failure = UnavailableError("credentials could not be renewed; nothing was sent", code="token_fetch")
            self._publish(token, failure)
        return token

    def _publish(self, token: Token | None, failure: PmsBridgeError | None) -> None:
        with self._changed:
            self._token, self._failure = token, copy.copy(failure)
            self._is_fetching = False
            self._round += 1
            self._changed.notify_all()
