"""A stand-in for the network says what the network would: not reached, lost, or an answer."""

from __future__ import annotations

import pytest

from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.transport.http import HttpClient, HttpRequest
from pmsbridge.transport.stand_in import NoAnswer, NotReached, Sent, StandIn, StandInAnswer


def _write(answer: StandInAnswer | type[Exception]) -> tuple[int, bytes, list[Sent]]:
    seen: list[Sent] = []

    def play(sent: Sent) -> StandInAnswer:
        seen.append(sent)
        if isinstance(answer, StandInAnswer):
            return answer
        raise answer

    client = HttpClient(transport=StandIn(play))
    request = HttpRequest("POST", "https://vendor.example/a%20b?x=1", {"X-Key": "k"}, b"{}", is_write=True)
    with client.send(request) as got:
        return got.status, got.read(), seen


def test_an_answer_comes_back_and_the_request_arrived_as_it_left() -> None:
    status, body, (sent,) = _write(StandInAnswer(201, {"Content-Type": "application/json"}, b'{"id": 1}'))

    assert (status, body) == (201, b'{"id": 1}')
    assert (sent.method, sent.target, sent.body, sent.headers["x-key"]) == ("POST", "/a%20b?x=1", b"{}", "k")


def test_a_refused_connection_sent_nothing_and_a_lost_answer_may_have_happened() -> None:
    with pytest.raises(UnavailableError):
        _write(NotReached)
    with pytest.raises(OutcomeUnknownError):
        _write(NoAnswer)
