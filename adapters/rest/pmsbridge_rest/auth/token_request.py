"""Asking an address for a token: once, small answer, and an error that never is "it may have happened".

A token is asked for before anything else of a call is sent. Whatever goes wrong here leaves the call unsent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from pmsbridge.errors import ConfigurationError, PmsBridgeError, UnavailableError
from pmsbridge.transport.http import Deadline, HttpClient, HttpRequest
from pmsbridge_rest.bodies.exact_json import UnreadableError, read_json
from pmsbridge_rest.mapping.expressions import search

__all__ = ["ask_for_token", "found_in", "good_for", "text_in"]

_LARGEST_ANSWER: Final = 256 * 1024
_LONGEST_LIFE: Final = timedelta(days=400)
_NO_TO_US: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_KNOWN_REFUSALS: Final = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied",
})  # fmt: skip


def ask_for_token(
    http: HttpClient, request: HttpRequest, deadline: Deadline, *, refusals: Collection[int] = _NO_TO_US
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The document and the headers that were answered.

    Raises:
        ConfigurationError: Refused: the code is the standard's word where the answer has one ("invalid_client").
        UnavailableError: No usable answer; asking again is safe.
    """
    limits = replace(http.limits, raw_bytes=_LARGEST_ANSWER, decoded_bytes=_LARGEST_ANSWER)
    asked = replace(request, is_write=False)
    with http.send(asked, deadline=deadline, limits=limits) as answer:
        if answer.status in refusals:
            raise _refused(asked, answer.status, answer.read())
        try:
            answer.raise_for_status()
        except UnavailableError:
            raise
        except PmsBridgeError as error:
            problem = f"{error.message}; no credentials were given"
            raise ConfigurationError(problem, code=error.code) from None
        return _document(asked, answer.read()), answer.headers


def _document(request: HttpRequest, content: bytes) -> Mapping[str, Any]:
    try:
        found = read_json(content) if content.strip() else {}
    except UnreadableError as problem:
        message = f"{request.subject}: the answer cannot be read ({problem.code})"
        raise UnavailableError(message, code="token_unreadable") from None
    if not isinstance(found, Mapping):
        message = f"{request.subject}: the answer is no object"
        raise UnavailableError(message, code="token_unreadable")
    return found


def _refused(request: HttpRequest, status: int, content: bytes) -> ConfigurationError:
    """Of the answer only a word of the standard is repeated: some repeat the secret in their description."""
    try:
        found = read_json(content)
    except UnreadableError:
        found = None
    said = found.get("error") if isinstance(found, Mapping) else None
    word = said if isinstance(said, str) and said in _KNOWN_REFUSALS else f"http_{status}"
    message = f"{request.subject}: credentials refused ({word}). Check the references of id and secret, and the scopes"
    return ConfigurationError(message, code=word)


def found_in(document: Mapping[str, Any], expression: str | None) -> object:
    """What a JMESPath finds; None where it finds nothing or does not fit."""
    try:
        return None if expression is None else search(expression, document)
    except ValueError:
        return None


def text_in(document: Mapping[str, Any], expression: str | None) -> str:
    """The text a JMESPath finds; empty where there is none."""
    found = found_in(document, expression)
    return found if isinstance(found, str) else ""


def good_for(value: object, *, margin: timedelta, otherwise: timedelta | None) -> timedelta | None:
    """How long a token may be used: what ``expires_in`` says less the margin, at least half of it.

    Args:
        value: Seconds as a number or text; anything else counts as not said.
        margin: How much earlier it is renewed.
        otherwise: When nothing usable is said; None for "until refused".
    """
    text = str(value) if isinstance(value, int | Decimal | str) and not isinstance(value, bool) else ""
    if not text.isascii() or not text.isdigit():
        return otherwise
    span = timedelta(seconds=int(text[:9]))
    return min(max(span - margin, span / 2), _LONGEST_LIFE)
