"""The way there and back over loopback: repeats of reads, none of writes, refused tokens, cuts, bombs, files."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from pmsbridge.errors import (
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.ports.clock import SystemClock
from pmsbridge.transport.http import HttpClient, HttpLimits
from pmsbridge_rest.auth.choosing import Belongings, scheme_of
from pmsbridge_rest.auth.words import Words
from pmsbridge_rest.mapping.answers import Envelope, Errors, Outcome
from pmsbridge_rest.mapping.auth import Auth
from pmsbridge_rest.mapping.connection import Caps
from pmsbridge_rest.wire.asking import Ask
from pmsbridge_rest.wire.budgets import Budgets
from pmsbridge_rest.wire.channel import Channel, Manners, Pace, Renewal
from pmsbridge_rest.wire.judging import Judge
from pmsbridge_rest.wire.told_to_wait import ToldToWait
from tests.adapters.rest.wire.office import Answer, FakeSecrets, Office

WORDS = Words(FakeSecrets(key="not-a-real-key-5f7c"), {"key": "env:KEY"})
TOKENS = {"scheme": "oauth2_client_credentials", "token_url": "/token", "client_id": "key", "client_secret": "key"}
READ = Ask("GET", "/tenants/7", "tenant", is_write=False)
PAY = Ask("POST", "/payments", "take_payment", is_write=True, document={"amount": Decimal("120.10")})

Make = Callable[..., Channel]


class Naps(SystemClock):
    """Sleeps are remembered, not slept."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)


@pytest.fixture
def clock() -> Naps:
    return Naps()


@pytest.fixture
def make(office: Office, clock: Naps) -> Iterator[Make]:
    opened: list[HttpClient] = []

    def channel(auth: dict[str, Any] | None = None, **manners: Any) -> Channel:
        http = HttpClient(HttpLimits(read_timeout=timedelta(seconds=20), deadline=timedelta(seconds=20)))
        opened.append(http)
        section: Any = TypeAdapter(Auth).validate_python(auth or {"scheme": "none"})
        told = ToldToWait(timedelta(seconds=1), sleep=clock.sleep)
        return Channel(
            http=http,
            scheme=scheme_of(section, Belongings(WORDS, http, office.url, "json", clock.now)),
            base=office.url,
            judge=Judge(Envelope(), Errors()),
            pace=Pace("rest:main", None, Budgets("rest:main", ()), told),
            clock=clock,
            manners=Manners(**manners),
        )

    yield channel
    for http in opened:
        http.close()


def write(channel: Channel, ask: Ask = PAY) -> Any:
    return channel.write(ask, Outcome(), deadline=channel.http.deadline())[0].data


def read(channel: Channel, ask: Ask = READ) -> Any:
    return channel.read(ask, deadline=channel.http.deadline())[0].data


def test_numbers_leave_and_arrive_digit_by_digit(office: Office, make: Make) -> None:
    office.answers("/payments", Answer(201, raw=b'{"amount": 120.10, "left": 0.1}'))

    found = write(make())

    assert office.seen[0].body == b'{"amount":120.10}'
    assert office.seen[0].headers["content-type"] == "application/json"
    assert {name: str(value) for name, value in found.items()} == {"amount": "120.10", "left": "0.1"}


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_write_is_sent_once_whatever_is_answered(office: Office, make: Make, status: int) -> None:
    office.answers("/payments", Answer(status, {}))

    with pytest.raises((OutcomeUnknownError, UnavailableError)):
        write(make())

    assert len(office.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(cut=0),
        Answer(201, {"id": 1}, cut=3),
        Answer(201, raw=b"<html>oops</html>"),
        Answer(302, {}, {"Location": "/payments/2"}),
        Answer(201, raw=b'{"a":1', headers={"Content-Encoding": "gzip"}),
        Answer(201, raw=b"[" * 200_000),
        Answer(400, {"error": "no"}, cut=2),
    ],
    ids=["cut before", "cut within", "page", "redirect", "broken gzip", "deep", "refusal cut"],
)
def test_a_write_without_a_usable_answer_is_unknown_and_not_repeated(
    office: Office, make: Make, answer: Answer
) -> None:
    office.answers("/payments", answer)

    with pytest.raises(OutcomeUnknownError):
        write(make())

    assert len(office.seen) == 1


def test_a_gzip_bomb_and_a_huge_body_are_refused_while_they_arrive(office: Office, make: Make) -> None:
    bomb = gzip.compress(b"[" + b"0," * 3_000_000 + b"0]")
    channel = make(caps=Caps(answer_bytes=1_000_000))
    office.answers("/payments", Answer(201, raw=bomb, headers={"Content-Encoding": "gzip"}))
    office.answers("/tenants/7", Answer(200, raw=b" " * 1_100_000))

    with pytest.raises(OutcomeUnknownError) as unknown:
        write(channel)
    with pytest.raises(UnavailableError) as unavailable:
        read(channel)

    assert (unknown.value.code, unavailable.value.code) == ("answer_too_large", "answer_too_large")


def test_nothing_listening_is_certain(make: Make, office: Office) -> None:
    channel = make()
    channel.base = "http://127.0.0.1:9"

    with pytest.raises(UnavailableError) as failed:
        write(channel)

    assert failed.value.code == "connect_failed"


def test_a_read_is_repeated_while_it_may_help(office: Office, make: Make, clock: Naps) -> None:
    office.answers("/tenants/7", Answer(503, {}), Answer(cut=0), Answer(200, {"id": 7}))

    assert read(make()) == {"id": 7}
    assert len(clock.naps) == 2


def test_a_read_that_is_refused_or_missing_is_not_repeated(office: Office, make: Make) -> None:
    office.answers("/tenants/7", Answer(404, {}), Answer(422, {}))

    with pytest.raises(NotFoundError):
        read(make())
    with pytest.raises(RejectedError):
        read(make())
    assert len(office.seen) == 2


def test_later_is_kept_by_all_and_never_hammered(office: Office, make: Make, clock: Naps) -> None:
    office.answers("/tenants/7", Answer(429, {}, {"Retry-After": "3000"}))
    channel = make()

    with pytest.raises(UnavailableError) as first:
        read(channel)
    with pytest.raises(UnavailableError) as second:
        write(channel)

    assert first.value.retry_after == timedelta(seconds=3000)
    assert second.value.code == "told_to_wait"
    assert len(office.seen) == 1


def test_a_token_refused_in_mid_run_is_renewed_once_for_a_read(office: Office, make: Make) -> None:
    office.answers("/token", *[Answer(document={"access_token": f"t{n}"}) for n in range(9)])
    office.answers("/tenants/7", Answer(200, {"n": 1}), Answer(401, {}), Answer(200, {"n": 2}), Answer(401, {}))
    channel = make(TOKENS)

    assert [read(channel)["n"] for _ in range(2)] == [1, 2]
    with pytest.raises(ConfigurationError):
        read(channel)

    words = [seen.headers["authorization"] for seen in office.asked("/tenants/7")]
    assert words == ["Bearer t0", "Bearer t0", "Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_write_with_a_refused_token_is_repeated_only_where_the_vendor_says_nothing_was_done(
    office: Office, make: Make
) -> None:
    office.answers("/token", *[Answer(document={"access_token": f"t{n}"}) for n in range(9)])
    office.answers("/payments", Answer(401, {}), Answer(201, {"id": 1}), Answer(401, {}), Answer(201, {"id": 2}))

    assert write(make(TOKENS, renewal=Renewal(writes=frozenset({401})))) == {"id": 1}
    careful = make(TOKENS)
    with pytest.raises(OutcomeUnknownError) as unknown:
        write(careful)
    assert unknown.value.code == "token_refused"
    assert len(office.asked("/payments")) == 3
    assert write(careful) == {"id": 2}
    words = [seen.headers["authorization"] for seen in office.asked("/payments")]
    assert words[2] != words[3]


def test_a_write_refused_twice_for_its_token_stays_unsent_and_says_so(office: Office, make: Make) -> None:
    office.answers("/token", *[Answer(document={"access_token": f"t{n}"}) for n in range(9)])
    office.answers("/payments", Answer(401, {}))

    with pytest.raises(ConfigurationError):
        write(make(TOKENS, renewal=Renewal(writes=frozenset({401}))))

    assert len(office.asked("/payments")) == 2


def test_a_fixed_key_that_is_refused_is_for_a_person(office: Office, make: Make) -> None:
    office.answers("/payments", Answer(401, {}))

    with pytest.raises(ConfigurationError):
        write(make({"scheme": "bearer", "token": "key"}))

    assert len(office.seen) == 1


@pytest.mark.parametrize("document", [{"amount": 1.5}, {"amount": Decimal("NaN")}, {"a": {1, 2}}])
def test_what_cannot_be_written_faithfully_is_not_sent(office: Office, make: Make, document: Any) -> None:
    with pytest.raises(RejectedError) as refused:
        write(make(), Ask("POST", "/payments", "take_payment", is_write=True, document=document))

    assert refused.value.code == "unsendable"
    assert office.seen == []


def test_an_address_that_would_be_too_long_is_not_sent(office: Office, make: Make) -> None:
    ask = Ask("GET", "/tenants", "tenants", is_write=False, query=(("q", "x" * 500),))

    with pytest.raises(RejectedError) as refused:
        read(make(caps=Caps(url_characters=300)), ask)

    assert refused.value.code == "address_too_long"
    assert office.seen == []


def test_a_write_cannot_be_read(make: Make) -> None:
    with pytest.raises(ConfigurationError):
        read(make(), PAY)


def test_nothing_a_channel_raises_or_shows_repeats_what_was_sent(office: Office, make: Make) -> None:
    office.answers("/payments", Answer(500, {}))
    ask = Ask("POST", "/payments", "take_payment", is_write=True, document={"card": "not-a-real-card-1"})

    with pytest.raises(PmsBridgeError) as failed:
        write(make(), ask)

    assert "not-a-real-card-1" not in repr(ask) + str(failed.value) + repr(make())
