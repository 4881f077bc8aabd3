"""OAuth 2 refresh tokens, also those that change with every renewal.

A renewal makes the old refresh token worthless. So one process renews at a time, the new token is kept before anything
is signed with what came with it, and when it cannot be kept it is held in memory and kept before the next call. What
no client can close is the moment between the back office's renewal and the arrival of its answer: when the answer is
lost, the old token is tried once more, and a back office without a grace period then wants a person to sign in again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.http import Deadline, HttpRequest
from pmsbridge_rest.auth.oauth2 import TokenAddress
from pmsbridge_rest.auth.scheme import Signed, Token, with_header
from pmsbridge_rest.auth.token_cell import TokenCell
from pmsbridge_rest.auth.token_request import text_in
from pmsbridge_rest.auth.vault import KeptTokens, TokenVault
from pmsbridge_rest.mapping.auth import RefreshTokenAuth

__all__ = ["RotatingTokens"]


class RotatingTokens:
    """Bearer tokens renewed by a refresh token; the mapping's secret is used while the vault is empty.

    Args:
        address: Where and as whom.
        section: What the mapping says.
        vault: Keeps the newest.
        clock: Wall clock, aware UTC.
    """

    def __init__(
        self, address: TokenAddress, section: RefreshTokenAuth, *, vault: TokenVault, clock: Callable[[], datetime]
    ) -> None:
        self._address = address
        self._section = section
        self._vault = vault
        self._clock = clock
        self._refused = ""
        self._unkept: KeptTokens | None = None
        self._cell = TokenCell(self._fetch)

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With a token that is good now."""
        token = self._cell.get(deadline)
        self._address.words.given(token.text)
        return Signed(with_header(request, "Authorization", f"{self._section.word} {token.text}".lstrip()), token)

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
        refresh = kept.refresh if kept is not None else self._address.words.secret(self._section.refresh_token)
        document = self._address.ask({"grant_type": "refresh_token", "refresh_token": refresh}, deadline)
        newer = text_in(document, self._section.refresh_token_at) or refresh
        # Kept even when the answer has no access token: the old refresh token may be worthless by now.
        self._unkept = KeptTokens(newer)
        with suppress(UnavailableError):
            access, good_until = self._address.token_in(document)
            self._unkept = KeptTokens(newer, access, self._end(good_until))
        new = self._unkept
        self._keep_what_is_not_kept()
        if not new.access:
            self._address.token_in(document)
        return new

    def _end(self, good_until: Deadline | None) -> datetime | None:
        return None if good_until is None else self._clock() + good_until.left()

    def _token(self, kept: KeptTokens) -> Token:
        left = None if kept.spent_at is None else max(kept.spent_at - self._clock(), timedelta(0))
        return Token(kept.access, None if left is None else self._address.http.deadline(left))
