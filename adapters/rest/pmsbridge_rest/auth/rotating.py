"""OAuth 2 refresh tokens that change with every renewal.

A renewal makes the old refresh token worthless. So one process renews at a time, the new token is kept before anything
is signed with what came with it, and when it cannot be kept it is held in memory and kept before the next call. What
no client can close is the moment between the back office's renewal and the arrival of its answer: when the answer is
lost, the old token is tried once more, and a back office without a grace period then wants a person to sign in again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest
from pmsbridge_rest.auth.oauth2 import TokenEndpoint
from pmsbridge_rest.auth.scheme import Signed, Token, with_header
from pmsbridge_rest.auth.token_cell import TokenCell
from pmsbridge_rest.auth.token_request import ask_for_token, good_for, text_at
from pmsbridge_rest.auth.vault import KeptTokens, TokenVault

__all__ = ["RotatingTokens"]


class RotatingTokens:
    """Bearer tokens renewed by a refresh token.

    Args:
        endpoint: Where and as whom.
        first_token: Reference of the refresh token to begin with; used while the vault is empty.
        vault: Keeps the newest.
        http: Asks.
        secrets: Where references are looked up.
        clock: Wall clock, aware UTC.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        *,
        first_token: str,
        vault: TokenVault,
        http: HttpClient,
        secrets: Secrets,
        clock: Callable[[], datetime],
    ) -> None:
        self._endpoint = endpoint
        self._first_token = first_token
        self._vault = vault
        self._http = http
        self._secrets = secrets
        self._clock = clock
        self._refused = ""
        self._unkept: KeptTokens | None = None
        self._cell = TokenCell(self._fetch)

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With a token that is good now."""
        token = self._cell.get(deadline)
        return Signed(with_header(request, "Authorization", f"Bearer {token.text}"), token)

    def renews(self, refused: Signed) -> bool:
        """The next request gets another token."""
        if refused.token is not None:
            self._refused = refused.token.text
        self._cell.refuse(refused.token)
        return True

    def _fetch(self, deadline: Deadline) -> Token:
        with self._vault.alone(deadline):
            self._keep_what_is_not_kept()
            kept = self._vault.load()
            if kept is None or not self._is_good(kept):
                kept = self._renewed(kept, deadline)
        return self._token(kept)

    def _keep_what_is_not_kept(self) -> None:
        if self._unkept is not None:
            self._vault.save(self._unkept)
            self._unkept = None

    def _is_good(self, kept: KeptTokens) -> bool:
        """Another process renewed it meanwhile, and nobody has refused it yet."""
        is_spent = kept.spent_at is not None and kept.spent_at <= self._clock()
        return bool(kept.access) and kept.access != self._refused and not is_spent

    def _renewed(self, kept: KeptTokens | None, deadline: Deadline) -> KeptTokens:
        refresh = kept.refresh if kept is not None else self._secrets.get(self._first_token)
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        began = self._clock()
        document, _ = ask_for_token(self._http, self._endpoint.request(self._secrets, form), deadline)
        access = text_at(document, "access_token")
        if not access:
            raise ConfigurationError("the token address answered without a token; nothing was sent", code="no_token")
        span = good_for(document.get("expires_in"), margin=self._endpoint.margin, otherwise=self._endpoint.lifetime)
        new = KeptTokens(text_at(document, "refresh_token") or refresh, access, _end(began, span))
        self._unkept = new
        self._keep_what_is_not_kept()
        return new

    def _token(self, kept: KeptTokens) -> Token:
        left = None if kept.spent_at is None else max(kept.spent_at - self._clock(), timedelta(0))
        return Token(kept.access, None if left is None else self._http.deadline(left))


def _end(began: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else began + span
