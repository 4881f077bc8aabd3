"""A body that is made while it is sent: its length is said first, and what stops it says what may have happened."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest

from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError, UnavailableError
from pmsbridge.transport.http import HttpClient, HttpRequest, StreamedBody
from pmsbridge.transport.stand_in import Sent, StandIn, StandInAnswer
from tests.unit.transport.wire import QUICK, Server, Visit, serving

LATER = UnavailableError("the database is away", code="database_unavailable")


def post(url: str, body: StreamedBody, client: HttpClient | None = None) -> bytes:
    sender = client or HttpClient(QUICK)
    try:
        with sender.send(HttpRequest("POST", url, body=body, operation="upload")) as answer:
            return answer.read()
    finally:
        sender.close()


def failure(url: str, body: StreamedBody) -> PmsBridgeError:
    with pytest.raises(PmsBridgeError) as caught:
        post(url, body)
    return caught.value


def breaking(*first: bytes, error: Exception = LATER) -> Callable[[], Iterator[bytes]]:
    def source() -> Iterator[bytes]:
        yield from first
        raise error

    return source


def test_a_streamed_body_arrives_whole_with_its_length_and_not_in_chunks() -> None:
    with serving(lambda visit: visit.answer("200 OK", b"fine")) as server:
        assert post(server.url, StreamedBody(9, lambda: iter([b"abc", b"", b"defghi"]))) == b"fine"

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"abcdefghi"
    assert b"content-length: 9" in head.lower()
    assert b"transfer-encoding" not in head.lower()


def test_every_send_opens_the_body_anew() -> None:
    opened: list[int] = []

    def source() -> Iterator[bytes]:
        opened.append(1)
        return iter([b"abc"])

    said: list[bytes] = []

    def answer(sent: Sent) -> StandInAnswer:
        said.append(sent.body)
        return StandInAnswer(200)

    for _ in range(2):
        post("http://127.0.0.1:1/x", StreamedBody(3, source), HttpClient(QUICK, transport=StandIn(answer)))

    assert (said, len(opened)) == ([b"abc", b"abc"], 2)


@pytest.mark.parametrize("error", [LATER, OSError("disk")])
def test_a_body_that_cannot_be_opened_was_certainly_not_sent(error: Exception) -> None:
    with serving(lambda visit: visit.answer()) as server:
        problem = failure(server.url, StreamedBody(3, breaking(error=error)))
        visits = server.visits

    assert isinstance(problem, UnavailableError)
    assert (problem.code in {"body_lost", "database_unavailable"}, visits) == (True, 0)


@pytest.mark.parametrize("error", [LATER, OSError("disk")])
def test_a_body_that_breaks_off_half_way_may_have_been_acted_upon(error: Exception) -> None:
    """Even where the error itself says that nothing was sent: it knows only of the reading."""
    with serving(lambda visit: visit.idle()) as server:
        problem = failure(server.url, StreamedBody(200_000, breaking(bytes(100_000), error=error)))

    assert isinstance(problem, OutcomeUnknownError)
    assert problem.code == "body_lost"
    assert "disk" not in str(problem)


@pytest.mark.parametrize("pieces", [[b"abcd"], [b"abc", b"d"], [b"ab"]])
def test_a_body_of_another_length_than_it_said_is_not_sent_as_if_it_were_whole(pieces: list[bytes]) -> None:
    arrived: list[bytes] = []

    def take(visit: Visit) -> None:
        visit.connection.settimeout(2)
        arrived.append(visit.request().partition(b"\r\n\r\n")[2])

    with Server(take) as server:
        problem = failure(server.url, StreamedBody(3, lambda: iter(pieces)))

    assert isinstance(problem, OutcomeUnknownError)
    assert arrived in ([], [b""], [b"ab"], [b"abc"])


def test_a_refusal_that_comes_before_the_body_is_over_is_heard() -> None:
    def refuse(visit: Visit) -> None:
        visit.connection.recv(1000)
        visit.answer("413 Content Too Large")
        while visit.connection.recv(65_536):
            pass

    body = StreamedBody(5_000_000, lambda: iter(repeat(bytes(50_000), 100)))
    with Server(refuse) as server, HttpClient(QUICK).send(HttpRequest("POST", server.url, body=body)) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("act", [lambda visit: visit.reset(), lambda visit: visit.idle()], ids=["reset", "silence"])
def test_a_lost_answer_to_a_streamed_body_is_unknown(act: Callable[[Visit], Any]) -> None:
    with serving(act) as server:
        problem = failure(server.url, StreamedBody(3, lambda: iter([b"abc"])))

    assert isinstance(problem, OutcomeUnknownError)


def test_memory_does_not_grow_with_the_body() -> None:
    def swallow(visit: Visit) -> None:
        left = 30_000_000
        while left > 0:
            left -= len(visit.connection.recv(65_536))
        visit.answer()
        visit.idle()

    body = StreamedBody(30_000_000, lambda: iter(repeat(bytes(30_000), 1000)))
    with Server(swallow) as server:
        tracemalloc.start()
        try:
            post(server.url, body)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 1_500_000
    assert repr(body) == "StreamedBody(length=30000000)"
