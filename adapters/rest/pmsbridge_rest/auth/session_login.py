"""A log-on that gives a session: its token goes with every call; once it is refused, one new log-on is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.adapter import Secrets
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest
from pmsbridge_rest.address import with_query, without_query
from pmsbridge_rest.auth.scheme import Signed, Token, with_header
from pmsbridge_rest.auth.token_cell import TokenCell
from pmsbridge_rest.auth.token_request import ask_for_token, good_for, text_at
from pmsbridge_rest.bodies.encoding import Encoding, encoded

__all__ = ["SessionLogin", "SessionRules"]


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How one logs on.

    Attributes:
        url: The log-on's address.
        fields: Reference by the name in the body.
        plain: Further fields of the body that are no secret.
        encoding: How the body is written.
        token_at: Dotted path in the answer, or "header:Name".
        sent_in: Where calls carry the token.
        sent_as: Name of the header or of the query's key.
        prefix: Stands before the token.
        life_at: Dotted path of the seconds it lives; empty when the answer does not say.
        lifetime: When the answer does not say; None for "until refused".
        margin: How long before its end a new log-on is made.
    """

    url: str
    fields: Mapping[str, str]
    token_at: str
    plain: Mapping[str, str] = field(default_factory=dict)
    encoding: Encoding = Encoding.JSON
    sent_in: Literal["header", "query"] = "header"
    sent_as: str = "Authorization"
    prefix: str = ""
    life_at: str = ""
    lifetime: timedelta | None = None
    margin: timedelta = timedelta(seconds=60)


class SessionLogin:
    """Sessions of one user.

    Args:
        rules: How one logs on.
        http: Asks.
        secrets: Where references are looked up.
    """

    def __init__(self, rules: SessionRules, *, http: HttpClient, secrets: Secrets) -> None:
        self._rules = rules
        self._http = http
        self._secrets = secrets
        self._cell = TokenCell(self._fetch)

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With the session's token."""
        token, rules = self._cell.get(deadline), self._rules
        text = rules.prefix + token.text
        if rules.sent_in == "query":
            return Signed(
                replace(request, url=with_query(without_query(request.url, (rules.sent_as,)), [(rules.sent_as, text)])),
                token,
            )
        return Signed(with_header(request, rules.sent_as, text), token)

    def renews(self, refused: Signed) -> bool:
        """The next request logs on anew."""
        self._cell.refuse(refused.token)
        return True

    def _fetch(self, deadline: Deadline) -> Token:
        rules = self._rules
        document, headers = ask_for_token(self._http, self._log_on(), deadline)
        where, _, name = rules.token_at.partition(":")
        text = headers.get(name.lower(), "") if where == "header" and name else text_at(document, rules.token_at)
        if not text:
            message = "the log-on was answered without a session; check user and password. Nothing was sent"
            raise ConfigurationError(message, code="no_session")
        said = _at(document, rules.life_at)
        span = good_for(said, margin=rules.margin, otherwise=rules.lifetime)
        return Token(text, None if span is None else self._http.deadline(span))

    def _log_on(self) -> HttpRequest:
        rules = self._rules
        fields = {**rules.plain, **{name: self._secrets.get(reference) for name, reference in rules.fields.items()}}
        body, media_type = encoded(fields, rules.encoding)
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        return HttpRequest("POST", rules.url, headers, body, is_write=False, operation="log-on")


def _at(document: Mapping[str, object], path: str) -> object:
    found: object = document if path else None
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
