"""One question and its answer: the envelope of JSON-RPC over the one HTTP client. Never repeats anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from itertools import count
from typing import Any, Final
from urllib.parse import quote

from pmsbridge.errors import PmsBridgeError
from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import Deadline, HttpAnswer, HttpClient, HttpRequest
from pmsbridge.transport.status import no_usable_answer
from pmsbridge_tryton.faults import fault_of, status_fault
from pmsbridge_tryton.files import spliced
from pmsbridge_tryton.wire import UnreadableError, decoded

__all__ = ["Exchange", "SessionEndedError", "unusable"]

_NUMBERS: Final = count(1)


class SessionEndedError(Exception):
    """The server does not know the session, or wants a fresh one: it looked at nothing else, so nothing was done."""


def unusable(subject: str, *, is_write: bool) -> PmsBridgeError:
    """The error of an answer that arrived and says nothing."""
    return no_usable_answer(f"{subject}: the answer is not understood", is_write=is_write, code="bad_answer")


class Exchange:
    """Puts questions to one server.

    Args:
        http: Carries every request.
        url: Of the server, without the database.
        database: Its name; a question may also be put to the server as a whole.

    Attributes:
        calls: Requests sent or tried so far. Threads that count at once may lose one: a measure, not a ledger.
        bytes_read: Length of the answers so far, decoded.
    """

    def __init__(self, http: HttpClient, *, url: str, database: str) -> None:
        self._http = http
        self._whole = f"{url}/rpc/"
        self._database = f"{url}/{quote(database, safe='')}/rpc/"
        self.calls = 0
        self.bytes_read = 0

    def ask(
        self,
        method: str,
        params: Sequence[str],
        *,
        is_write: bool,
        deadline: Deadline,
        authorization: str = "",
        files: Sequence[HandedFile] = (),
        of_server: bool = False,
    ) -> Any:  # noqa: ANN401 - whatever the method answers
        """Send once.

        Args:
            method: The vendor's name of it.
            params: Each already JSON.
            is_write: Whether the back office may change.
            deadline: End of the call, answer included.
            authorization: Of the session; empty for none.
            files: What stands where the parameters have a mark, in order.
            of_server: Put to the server as a whole, not to the database.

        Raises:
            SessionEndedError: 401; nothing was done.
            ConfigurationError: A wrong address, or not allowed.
            RejectedError: A refusal; nothing changed. ``StaleError`` and ``WarningRaisedError`` are among them.
            UnavailableError: Nothing was sent, or told to wait; for a read also: no usable answer.
            OutcomeUnknownError: A write was sent and gave no usable answer.
        """
        number = next(_NUMBERS)
        headers = {"Content-Type": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        # Exactly these three names: with any other the answer comes without an envelope, and errors as HTML.
        body = f'{{"id":{number},"method":{json.dumps(method)},"params":[{",".join(params)}]}}'
        url = self._whole if of_server else self._database
        request = HttpRequest("POST", url, headers, spliced(body, files), is_write=is_write, operation=method)
        self.calls += 1
        with self._http.send(request, deadline=deadline) as answer:
            _check(answer)
            content = answer.read()
        self.bytes_read += len(content)
        return _opened(content, request, number)

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self._http.close()


def _check(answer: HttpAnswer) -> None:
    request = answer.request
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise SessionEndedError
    problem = status_fault(answer.status, answer.headers, subject=request.subject, is_write=request.is_write)
    if problem is not None:
        raise problem


def _opened(body: bytes, request: HttpRequest, number: int) -> Any:  # noqa: ANN401 - whatever the method answers
    """What the envelope holds."""
    try:
        envelope = decoded(body)
    except UnreadableError:
        envelope = None
    if isinstance(envelope, dict) and envelope.get("id") == number:
        if envelope.keys() == {"id", "result"}:
            return envelope["result"]
        if envelope.keys() == {"id", "error"}:
            raise fault_of(envelope["error"], subject=request.subject, is_write=request.is_write)
    raise unusable(request.subject, is_write=request.is_write)
