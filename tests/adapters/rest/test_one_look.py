"""Within one look at the back office the same request is sent once, and nothing outlives the look."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge_rest.one_look import asked_once, one_look
from pmsbridge_rest.wire.asking import Ask

CHANNEL = object()
ASK = Ask("GET", "/people/1", "tenants", is_write=False)


class Counter:
    """An office that answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> Any:
        self.asked += 1
        return self.asked, "came"

    def by(self, ask: Ask = ASK, *, channel: object = CHANNEL, missing: Any = ()) -> int:
        number: Any = asked_once(channel, ask, missing, self)[0]
        return int(number)


def test_what_is_asked_twice_within_a_look_is_sent_once_whoever_asks() -> None:
    office = Counter()
    with one_look():
        first = office.by()
        again = office.by(Ask("GET", "/people/1", "rentals", is_write=False))

    assert (first, again, office.asked) == (1, 1, 1)


def test_nothing_outlives_the_look_and_nothing_is_held_outside_of_one() -> None:
    office = Counter()
    with one_look():
        office.by()
    with one_look():
        office.by()
    office.by()
    office.by()

    assert office.asked == 4


@pytest.mark.parametrize(
    ("ask", "more"),
    [
        (Ask("GET", "/people/2", "tenants", is_write=False), {}),
        (Ask("POST", "/people/1", "tenants", is_write=False), {}),
        (Ask("GET", "/people/1", "tenants", is_write=False, query=(("page", "2"),)), {}),
        (Ask("GET", "/people/1", "tenants", is_write=False, headers={"X-Site": "2"}), {}),
        (Ask("GET", "/people/1", "tenants", is_write=False, document={"id": "2"}), {}),
        (Ask("GET", "/people/1", "tenants", is_write=False, encoding="form"), {}),
        (Ask("GET", "/people/1", "tenants", is_write=False, url="https://other.example/people/1"), {}),
        (ASK, {"channel": object()}),
        (ASK, {"missing": (404,)}),
    ],
)
def test_another_request_is_another_answer(ask: Ask, more: dict[str, Any]) -> None:
    office = Counter()
    with one_look():
        office.by()
        office.by(ask, **more)

    assert office.asked == 2


def test_a_look_that_fails_is_asked_again() -> None:
    def away() -> Any:
        raise UnavailableError("not now", code="busy")

    office = Counter()
    with one_look():
        with pytest.raises(UnavailableError):
            asked_once(CHANNEL, ASK, (), away)
        office.by()

    assert office.asked == 1


def test_another_thread_looks_for_itself() -> None:
    office = Counter()
    with one_look():
        office.by()
        other = Thread(target=office.by)
        other.start()
        other.join()

    assert office.asked == 2
