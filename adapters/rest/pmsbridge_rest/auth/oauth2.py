"""OAuth 2 client credentials: a token for our own id and secret, renewed early, by one thread, once after a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest
from pmsbridge_rest.auth.fixed import basic_word
from pmsbridge_rest.auth.scheme import Signed, Token, with_header
from pmsbridge_rest.auth.token_cell import TokenCell
from pmsbridge_rest.auth.token_request import ask_for_token, found_in, good_for, text_in
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.bodies.encoding import encoded_whole
from pmsbridge_rest.mapping.auth import ClientCredentialsAuth, RefreshTokenAuth

__all__ = ["ClientCredentials", "TokenAddress"]


@dataclass(frozen=True, slots=True)
class TokenAddress:
    """Where and as whom tokens are asked for.

    Attributes:
        url: The whole address.
        section: What the mapping says of it.
        words: Fills the templates.
        http: Asks.
    """

    url: str
    section: ClientCredentialsAuth | RefreshTokenAuth
    words: Words
    http: HttpClient

    def ask(self, form: Mapping[str, str], deadline: Deadline) -> Mapping[str, object]:
        """The answer to one request for a token.

        Raises:
            ConfigurationError: Refused.
            UnavailableError: No usable answer; nothing else was sent.
        """
        return ask_for_token(self.http, self._request(form), deadline)[0]

    def token_in(self, document: Mapping[str, object]) -> tuple[str, Deadline | None]:
        """The token of an answer, and until when it is good.

        Raises:
            UnavailableError: The answer has none.
        """
        text, section = text_in(document, self.section.token_at), self.section
        if not text:
            raise UnavailableError("the token address answered without a token; nothing was sent", code="no_token")
        said = found_in(document, section.expires_at)
        return text, self.http.deadline(good_for(said, margin=section.renew_before, otherwise=section.lifetime))

    def _request(self, form: Mapping[str, str]) -> HttpRequest:
        section, words = self.section, self.words
        fields = {**form, **{name: words.text(template) for name, template in section.parameters.items()}}
        client = [words.secret(name) for name in (section.client_id, section.client_secret) if name is not None]
        if section.send_as == "body":
            fields |= dict(zip(("client_id", "client_secret"), client, strict=False))
        body, media_type = encoded_whole(fields, "form")
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        request = HttpRequest("POST", self.url, headers, body, is_write=False, operation="token")
        if section.send_as == "basic" and client:
            word = basic_word(quote_plus(client[0]), quote_plus("".join(client[1:])))
            request = with_header(request, "Authorization", word)
        for name, template in section.token_headers.items():
            request = with_header(request, name, words.text(template))
        return request


class ClientCredentials:
    """Bearer tokens for our own id and secret.

    Args:
        address: Where and as whom.
        section: What the mapping says.
    """

    def __init__(self, address: TokenAddress, section: ClientCredentialsAuth) -> None:
        self._address = address
        self._section = section
        self._cell = TokenCell(self._fetch)

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With a token that is good now."""
        token = self._cell.get(deadline)
        self._address.words.given(token.text)
        return Signed(with_header(request, "Authorization", f"{self._section.word} {token.text}".lstrip()), token)

    def renews(self, refused: Signed) -> bool:
        """The next request gets another token."""
        self._cell.refuse(refused.token)
        return True

    def _fetch(self, deadline: Deadline) -> Token:
        scopes = {"scope": " ".join(self._section.scopes)} if self._section.scopes else {}
        document = self._address.ask({"grant_type": "client_credentials", **scopes}, deadline)
        return Token(*self._address.token_in(document))
