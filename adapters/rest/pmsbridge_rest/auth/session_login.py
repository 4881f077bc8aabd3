"""A log-on that gives a session: its token goes with every call; once it is refused, one new log-on is made."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from pmsbridge.errors import ConfigurationError
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest, StreamedBody
from pmsbridge_rest.address import joined, with_query, without_query
from pmsbridge_rest.auth.parts import whole_body
from pmsbridge_rest.auth.scheme import Signed, Token, with_header
from pmsbridge_rest.auth.token_cell import TokenCell
from pmsbridge_rest.auth.token_request import ask_for_token, text_in
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.bodies.encoding import encoded, encoded_whole
from pmsbridge_rest.bodies.exact_json import UnreadableError, read_json, write_json
from pmsbridge_rest.mapping.auth import SessionAuth
from pmsbridge_rest.mapping.paths import write_at
from pmsbridge_rest.mapping.requests import Encoding

__all__ = ["SessionLogin"]


class SessionLogin:
    """Sessions of one user. ``token_at`` also finds headers of the answer: ``headers."x-session"``, in small letters.

    Args:
        section: What the mapping says.
        words: Fills the templates.
        http: Asks.
        base: The base address.
        encoding: How bodies are spelt unless the log-on says otherwise.
    """

    def __init__(self, section: SessionAuth, words: Words, *, http: HttpClient, base: str, encoding: Encoding) -> None:
        self._section = section
        self._words = words
        self._http = http
        self._base = base
        self._encoding = encoding
        self._cell = TokenCell(self._fetch)

    def sign(self, request: HttpRequest, deadline: Deadline) -> Signed:
        """With the session's token, in a header, in the query or in the body."""
        token, carry = self._cell.get(deadline), self._section.carry
        self._words.given(token.text)
        text = self._words.text(carry.spelt, {"token": token.text.encode()})
        if carry.header is not None:
            return Signed(with_header(request, carry.header, text), token)
        if carry.query is not None:
            url = with_query(without_query(request.url, (carry.query,)), [(carry.query, text)])
            return Signed(replace(request, url=url), token)
        return Signed(replace(request, body=_in_body(request, carry.body or "token", text)), token)

    def renews(self, refused: Signed) -> bool:
        """The next request logs on anew."""
        self._cell.refuse(refused.token)
        return True

    def _fetch(self, deadline: Deadline) -> Token:
        document, headers = ask_for_token(self._http, self._log_on(), deadline)
        token_at = self._section.token_at
        text = text_in(document, token_at) or text_in({"headers": dict(headers)}, token_at)
        if not text:
            message = "the log-on was answered without a session; check user and password. Nothing was sent"
            raise ConfigurationError(message, code="no_session")
        span = self._section.lifetime
        return Token(text, None if span is None else self._http.deadline(span))

    def _log_on(self) -> HttpRequest:
        call, words = self._section.log_on, self._words
        url = with_query(
            joined(self._base, quote(words.text(call.path), safe="/-._~")),
            [(name, words.text(template)) for name, template in call.query.items()],
        )
        headers = {"Accept": "application/json"}
        body: bytes | StreamedBody | None = None
        if call.body is not None:
            body, headers["Content-Type"] = encoded(words.filled(call.body), call.encoding or self._encoding)
        request = HttpRequest(call.method, url, headers, body, is_write=False, operation="log-on")
        for name, template in call.headers.items():
            request = with_header(request, name, words.text(template))
        return request


def _in_body(request: HttpRequest, path: str, text: str) -> bytes:
    """The body with a field more, in a form or a JSON object; a request without a body gets one."""
    body = whole_body(request)
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if "form-urlencoded" in kind:
        added, _ = encoded_whole({path: text}, "form")
        return (body + b"&" if body else b"") + added
    try:
        document = read_json(body or b"{}")
        return write_json(write_at(document, path, text))
    except (UnreadableError, ValueError):
        problem = f"{request.subject}: a session's token can stand in a form or in a JSON object only"
    raise ConfigurationError(problem, code="session_in_body")
