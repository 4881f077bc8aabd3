"""OAuth 2 client credentials: a token for our own id and secret, renewed early, by one thread, once after a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import quote_plus

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest
from pmsbridge_rest.auth.fixed import basic_word
from pmsbridge_rest.auth.scheme import Signed, Token, with_header
from pmsbridge_rest.auth.token_cell import TokenCell
from pmsbridge_rest.auth.token_request import ask_for_token, good_for, text_at
from pmsbridge_rest.bodies.encoding import Encoding, encoded

__all__ = ["ClientCredentials", "TokenEndpoint", "token_in"]

MARGIN: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where and as whom tokens are asked for.

    Attributes:
        url: The token address.
        client_id: Reference of our id.
        client_secret: Reference of our secret.
        sent_in: "basic" encodes id and secret as the standard says, "basic_plain" leaves them as they are, "body"
            puts them into the form.
        scope: Space-separated; empty for none.
        extra: Further fields of the form, such as an audience.
        margin: How long before its end a token is renewed.
        lifetime: When the answer does not say; None for "until refused".
    """

    url: str
    client_id: str
    client_secret: str
    sent_in: Literal["basic", "basic_plain", "body"] = "basic"
    scope: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    margin: timedelta = MARGIN
    lifetime: timedelta | None = None

    def request(self, secrets: Secrets, form: Mapping[str, str]) -> HttpRequest:
        """The request for a token; ``form`` says for which grant."""
        client_id, client_secret = secrets.get(self.client_id), secrets.get(self.client_secret)
        fields = {**form, **({"scope": self.scope} if self.scope else {}), **self.extra}
        if self.sent_in == "body":
            fields |= {"client_id": client_id, "client_secret": client_secret}
        body, media_type = encoded(fields, Encoding.FORM)
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        request = HttpRequest("POST", self.url, headers, body, is_write=False, operation="token")
        if self.sent_in == "body":
            return request
        if self.sent_in == "basic":
            client_id, client_secret = quote_plus(client_id), quote_plus(client_secret)
        return with_header(request, "Authorization", basic_word(client_id, client_secret))


def token_in(document: Mapping[str, object], endpoint: TokenEndpoint, http: HttpClient) -> Token:
    """The token of an answer, good for as long as it says.

    Raises:
        UnavailableError: The answer has none.
    """
    text = text_at(document, "access_token")
    if not text:
        raise UnavailableError("the token address answered without a token; nothing was sent", code="no_token")
    span = good_for(document.get("expires_in"), margin=endpoint.margin, otherwise=endpoint.lifetime)
    return Token(text, None if span is None else http.deadline(span))


class ClientCredentials:
    """Bearer tokens for our own id and secret.

    Args:
        endpoint: Where and as whom.
        http: Asks.
        secrets: Where references are looked up.
    """

    def __init__(self, endpoint: TokenEndpoint, *, http: HttpClient, secrets: Secrets) -> None:
        self._endpoint = endpoint
        self._http = http
        self._secrets = secrets
        self._cell = TokenCell(self._fetch)

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With a token that is good now."""
        token = self._cell.get(deadline)
        return Signed(with_header(request, "Authorization", f"Bearer {token.text}"), token)

    def renews(self, refused: Signed) -> bool:
        """The next request gets another token."""
        self._cell.refuse(refused.token)
        return True

    def _fetch(self, deadline: Deadline) -> Token:
        asked = self._endpoint.request(self._secrets, {"grant_type": "client_credentials"})
        document, _ = ask_for_token(self._http, asked, deadline)
        return token_in(document, self._endpoint, self._http)
