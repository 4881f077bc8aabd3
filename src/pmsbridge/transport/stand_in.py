"""A stand-in for the network: requests are answered by a function, in process. For simulations and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

__all__ = ["NoAnswer", "NotReached", "Sent", "StandIn", "StandInAnswer"]


class NotReached(Exception):  # noqa: N818 - it is what happened to a request, and no error of anybody's
    """The request never left: the connection was refused."""


class NoAnswer(Exception):  # noqa: N818 - as above
    """The request left, and its answer was lost."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left.

    Attributes:
        target: Path and query, escaped.
        headers: By name in small letters.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StandInAnswer:
    """What comes back.

    Attributes:
        status: HTTP.
        body: Not encoded.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


class StandIn(httpx.BaseTransport):
    """Takes the place of the network: ``HttpClient(transport=StandIn(answer))``.

    Args:
        answer: Answers one request; raises NotReached or NoAnswer where there is no answer.
    """

    def __init__(self, answer: Callable[[Sent], StandInAnswer]) -> None:
        self._answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, as the library asks for it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        sent = Sent(request.method, request.url.raw_path.decode("ascii"), headers, request.read())
        try:
            found = self._answer(sent)
        except NotReached:
            message = "the connection was refused"
            raise httpx.ConnectError(message, request=request) from None
        except NoAnswer:
            message = "the answer was lost"
            raise httpx.ReadError(message, request=request) from None
        return httpx.Response(found.status, headers=dict(found.headers), content=found.body, request=request)
