"""One request, one answer, and an error that says whether the back office may have changed."""

from __future__ import annotations

import os
import pickle
import socket
import ssl
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
import respx

from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.transport import http, network
from pmsbridge.transport.http import Deadline, HttpClient, HttpLimits, HttpRequest
from tests.unit.transport.wire import QUICK, Server, Visit, failure, fetch, gzip_bomb, serving

SECONDS = HttpLimits(
    connect_timeout=timedelta(seconds=1), read_timeout=timedelta(seconds=1), deadline=timedelta(seconds=1)
)

LOST_ANSWERS: dict[str, tuple[Callable[[Visit], None], str]] = {
    "silence": (lambda visit: visit.idle(), "read_timeout"),
    "closed without a word": (lambda visit: None, "protocol_error"),
    "reset": (lambda visit: visit.reset(), "connection_lost"),
    "not HTTP": (lambda visit: visit.say(b"\x00\x01\x02 nonsense\r\n\r\n"), "protocol_error"),
    "half a head": (lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nContent-Le"), "protocol_error"),
    "half a body": (lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "protocol_error"),
    "half a chunk": (
        lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"),
        "protocol_error",
    ),
    "no last chunk": (
        lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        "protocol_error",
    ),
    "a body that stops": (
        lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then_idle=True),
        "read_timeout",
    ),
    "cut gzip": (
        lambda visit: visit.answer("200 OK", gzip_bomb(1000)[:-4], "Content-Encoding: gzip"),
        "broken_encoding",
    ),
    "damaged gzip": (
        lambda visit: visit.answer("200 OK", b"not gzip at all", "Content-Encoding: gzip"),
        "broken_encoding",
    ),
    "gzip and more": (
        lambda visit: visit.answer("200 OK", gzip_bomb(1000) + b"more", "Content-Encoding: gzip"),
        "broken_encoding",
    ),
    "empty gzip": (lambda visit: visit.answer("200 OK", b"", "Content-Encoding: gzip"), "broken_encoding"),
    "unknown encoding": (lambda visit: visit.answer("200 OK", b"x", "Content-Encoding: br"), "unknown_encoding"),
    "deflate": (
        lambda visit: visit.answer("200 OK", zlib.compress(b"x"), "Content-Encoding: deflate"),
        "unknown_encoding",
    ),
    "encoded twice": (lambda visit: visit.answer("200 OK", b"x", "Content-Encoding: gzip, gzip"), "unknown_encoding"),
    "too large by its own word": (
        lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
        "answer_too_large",
    ),
    "500": (lambda visit: visit.answer("500 Internal Server Error"), "http_500"),
    "502": (lambda visit: visit.answer("502 Bad Gateway"), "http_502"),
    "503 without a time": (lambda visit: visit.answer("503 Service Unavailable"), "http_503"),
    "503 with an unreadable time": (
        lambda visit: visit.answer("503 Service Unavailable", b"", "Retry-After: soon"),
        "http_503",
    ),
    "504": (lambda visit: visit.answer("504 Gateway Timeout"), "http_504"),
    "206": (lambda visit: visit.answer("206 Partial Content", b"part"), "http_206"),
    "408": (lambda visit: visit.answer("408 Request Timeout"), "http_408"),
    "301": (lambda visit: visit.answer("301 Moved Permanently", b"", "Location: /other"), "http_301"),
    "302": (lambda visit: visit.answer("302 Found", b"", "Location: /other"), "http_302"),
    "303": (lambda visit: visit.answer("303 See Other", b"", "Location: /other"), "http_303"),
    "307": (lambda visit: visit.answer("307 Temporary Redirect", b"", "Location: /other"), "http_307"),
    "308": (lambda visit: visit.answer("308 Permanent Redirect", b"", "Location: /other"), "http_308"),
}


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
@pytest.mark.parametrize("case", LOST_ANSWERS)
def test_a_lost_answer_is_unknown_for_a_write_and_unavailable_for_a_read_and_sent_once(
    case: str, is_write: bool
) -> None:
    act, code = LOST_ANSWERS[case]
    with serving(act) as server:
        error = failure(server.url, is_write=is_write)

        assert type(error) is (OutcomeUnknownError if is_write else UnavailableError)
        assert error.code == code
        assert len(server.requests) == 1
        assert server.visits == 1


DEFINITE: dict[str, tuple[str, tuple[str, ...], type[PmsBridgeError]]] = {
    "429": ("429 Too Many Requests", (), UnavailableError),
    "429 with a time": ("429 Too Many Requests", ("Retry-After: 7",), UnavailableError),
    "503 with a time": ("503 Service Unavailable", ("Retry-After: 7",), UnavailableError),
    "400": ("400 Bad Request", (), RejectedError),
    "401": ("401 Unauthorized", (), ConfigurationError),
    "403": ("403 Forbidden", (), ConfigurationError),
    "404": ("404 Not Found", (), RejectedError),
    "409": ("409 Conflict", (), RejectedError),
    "422": ("422 Unprocessable Entity", (), RejectedError),
}


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
@pytest.mark.parametrize("case", DEFINITE)
def test_a_parsed_refusal_is_definite(case: str, is_write: bool) -> None:
    status, headers, kind = DEFINITE[case]
    with serving(lambda visit: visit.answer(status, b"{}", *headers)) as server:
        error = failure(server.url, is_write=is_write)

    assert type(error) is kind
    assert isinstance(error, UnavailableError) is (kind is UnavailableError)
    if "with a time" in case:
        assert isinstance(error, UnavailableError)
        assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "read"])
def test_a_refused_connection_means_nothing_was_sent(is_write: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    error = failure(f"http://127.0.0.1:{port}/", is_write=is_write)

    assert type(error) is UnavailableError
    assert error.code == "connect_failed"


def test_a_name_that_does_not_resolve_means_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_options: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    error = failure("http://pms.invalid/", is_write=True)

    assert type(error) is UnavailableError
    assert error.code == "connect_failed"


def test_a_resolver_that_hangs_is_left_behind_at_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda visit: None) as server:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: server._over.wait(10) and [])
        began = time.monotonic()

        error = failure("http://pms.invalid/", is_write=True, limits=HttpLimits(connect_timeout=timedelta(seconds=0.3)))

        assert time.monotonic() - began < 1.5
    assert type(error) is UnavailableError
    assert error.code == "connect_timeout"


def test_a_connection_that_is_never_accepted_means_nothing_was_sent() -> None:
    # A backlog that is full makes the kernel drop further connections.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        limits = HttpLimits(connect_timeout=timedelta(seconds=0.3))

        error = failure(f"http://127.0.0.1:{full.getsockname()[1]}/", is_write=True, limits=limits)

        for each in waiting:
            each.close()
    assert type(error) is UnavailableError
    assert error.code == "connect_timeout"


def test_a_failed_tls_handshake_means_nothing_was_sent() -> None:
    with Server(lambda visit: visit.say(b"this is not TLS at all, not even a little\r\n")) as server:
        error = failure(f"https://127.0.0.1:{server.port}/", is_write=True)

    assert type(error) is UnavailableError
    assert error.code == "tls_failed"


def test_a_tls_handshake_that_drips_ends_at_the_deadline_with_nothing_sent() -> None:
    # A handshake record of 16 kB, a byte at a time.
    with Server(lambda visit: visit.drip(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(100), 0.1)) as server:
        began = time.monotonic()
        error = failure(f"https://127.0.0.1:{server.port}/", is_write=True, limits=SECONDS)

    assert type(error) is UnavailableError
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (httpx.ConnectError, UnavailableError, "connect_failed"),
        (httpx.ConnectTimeout, UnavailableError, "connect_timeout"),
        (httpx.PoolTimeout, UnavailableError, "pool_timeout"),
        (httpx.ReadTimeout, OutcomeUnknownError, "read_timeout"),
        (httpx.WriteTimeout, OutcomeUnknownError, "read_timeout"),
        (httpx.ReadError, OutcomeUnknownError, "connection_lost"),
        (httpx.WriteError, OutcomeUnknownError, "connection_lost"),
        (httpx.CloseError, OutcomeUnknownError, "connection_lost"),
        (httpx.RemoteProtocolError, OutcomeUnknownError, "protocol_error"),
        (RuntimeError, OutcomeUnknownError, "transport_error"),
    ],
)
def test_the_class_of_a_library_error_decides_when_no_socket_of_ours_was_there(
    raised: type[Exception], kind: type[PmsBridgeError], code: str
) -> None:
    with respx.mock() as net:
        net.post("https://pms.test/").mock(side_effect=raised("card=canary"))
        error = failure("https://pms.test/", is_write=True)

    assert type(error) is kind
    assert error.code == code
    assert "canary" not in str(error)


def test_no_library_error_hangs_on_to_ours() -> None:
    for raised in (httpx.ReadTimeout, httpx.ConnectError):
        with respx.mock() as net:
            net.post("https://pms.test/").mock(side_effect=raised("card=canary"))
            error = failure("https://pms.test/", is_write=True)
        assert error.__cause__ is None
        assert error.__context__ is None
    with serving(lambda visit: visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as server:
        error = failure(server.url, is_write=True)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_an_error_names_operation_and_host_and_neither_query_nor_body() -> None:
    with serving(lambda visit: visit.answer("500 Oops", b"card=canary")) as server:
        error = failure(server.url, is_write=True)

        assert str(error) == f"Pay at 127.0.0.1:{server.port}: HTTP 500"


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_drip_ends_at_the_wall_clock_deadline(part: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n"

    def drip(visit: Visit) -> None:
        if part == "body":
            visit.say(head + b"\r\n")
        visit.drip(head * 100, 0.1)

    with serving(drip) as server:
        began = time.monotonic()
        error = failure(server.url, is_write=True, limits=SECONDS)
        seconds = time.monotonic() - began

    assert type(error) is OutcomeUnknownError
    assert error.code == "deadline"
    assert 0.9 < seconds < 3


def test_silence_after_a_slow_start_does_not_get_the_whole_read_timeout_again() -> None:
    def stall(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        visit.drip(b"1234567", 0.1)
        visit.idle()

    with serving(stall) as server:
        began = time.monotonic()
        error = failure(server.url, is_write=True, limits=SECONDS)
        seconds = time.monotonic() - began

    assert error.code == "deadline"
    assert seconds < 1.5


def test_a_receiver_that_takes_a_request_slowly_does_not_outlast_the_deadline() -> None:
    def sip(visit: Visit) -> None:
        while not visit.over.wait(0.05) and visit.connection.recv(512):
            pass

    with Server(sip) as server:
        server._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = HttpRequest("POST", server.url, body=bytes(20_000_000))
        client = HttpClient(SECONDS)
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError) as caught, client.send(request):
            pass

    assert time.monotonic() - began < 4
    assert caught.value.code in {"deadline", "read_timeout"}


def test_nothing_is_sent_once_the_lease_is_over() -> None:
    with serving(lambda visit: visit.answer()) as server:
        client = HttpClient(QUICK)
        deadline = client.deadline(not_after=datetime.now(UTC) - timedelta(seconds=1))

        with (
            pytest.raises(UnavailableError) as caught,
            client.send(HttpRequest("POST", server.url, body=b"x"), deadline=deadline),
        ):
            pass

        assert caught.value.code == "lease_over"
        assert "nothing was sent" in str(caught.value)
        assert server.visits == 0


@pytest.mark.parametrize("code", ["lease_over", "deadline"])
def test_lease_and_deadline_are_looked_at_once_more_right_before_the_first_byte(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    late = False
    connect = httpcore.SyncBackend.connect_tcp

    def connect_slowly(*args: object, **options: object) -> httpcore.NetworkStream:
        nonlocal late
        stream = connect(*args, **options)  # type: ignore[arg-type]
        late = True  # the process was frozen here, as it were
        return stream

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_slowly)
    span = timedelta(seconds=30) if code == "deadline" else timedelta(hours=1)
    deadline = Deadline(
        span,
        not_after=now + timedelta(minutes=1) if code == "lease_over" else None,
        clock=lambda: now + timedelta(minutes=2) if late else now,
    )

    def listen(visit: Visit) -> None:
        server.requests.append(visit.connection.recv(100))

    with Server(listen) as server:
        client = HttpClient(QUICK)
        with (
            pytest.raises(UnavailableError) as caught,
            client.send(HttpRequest("POST", server.url, body=b"x"), deadline=deadline),
        ):
            pass
        client.close()

    assert late
    assert caught.value.code == code
    assert server.requests in ([b""], [])


def test_a_frozen_process_that_wakes_after_its_deadline_has_lost_its_time_on_the_wall_clock() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    deadline = Deadline(timedelta(seconds=10), clock=lambda: now, monotonic=lambda: 0.0)
    assert deadline.left() == timedelta(seconds=10)

    now += timedelta(seconds=11)

    assert deadline.left() == timedelta(0)
    with pytest.raises(UnavailableError, match="nothing was sent"):
        deadline.check()


def test_a_clock_set_back_does_not_lengthen_a_deadline() -> None:
    ticks = 0.0
    deadline = Deadline(timedelta(seconds=10), clock=lambda: datetime(2000, 1, 1, tzinfo=UTC), monotonic=lambda: ticks)

    ticks = 11.0

    assert deadline.passed()


def test_a_lease_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        Deadline(timedelta(seconds=1), not_after=datetime(2026, 5, 1))  # noqa: DTZ001


def test_a_gzip_bomb_is_cut_off_before_it_inflates() -> None:
    bomb = gzip_bomb(200_000_000)
    assert len(bomb) < 250_000
    limits = HttpLimits(decoded_bytes=8 * 1024 * 1024)
    with serving(lambda visit: visit.answer("200 OK", bomb, "Content-Encoding: gzip")) as server:
        tracemalloc.start()
        error = failure(server.url, is_write=True, limits=limits)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert error.code == "answer_too_large"
    assert type(error) is OutcomeUnknownError
    assert peak < 32 * 1024 * 1024


def test_one_piece_of_a_bomb_is_small_even_when_the_cap_is_not_reached() -> None:
    bomb = gzip_bomb(50_000_000)
    with serving(lambda visit: visit.answer("200 OK", bomb, "Content-Encoding: gzip")) as server:
        client = HttpClient(QUICK)
        tracemalloc.start()
        with client.send(HttpRequest("GET", server.url, is_write=False)) as answer:
            sizes = [len(piece) for piece in answer.chunks()]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        client.close()

    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 65_536
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize(("size", "fits"), [(999, True), (1000, True), (1001, False)])
@pytest.mark.parametrize("head", ["Content-Length: {size}", "Connection: close"])
def test_the_raw_cap_is_exact_whether_the_length_is_announced_or_not(size: int, fits: bool, head: str) -> None:
    def act(visit: Visit) -> None:
        visit.say(f"HTTP/1.1 200 OK\r\n{head.format(size=size)}\r\n\r\n".encode() + bytes(size))

    limits = HttpLimits(raw_bytes=1000)
    with serving(act) as server:
        if fits:
            assert len(fetch(server.url, is_write=False, limits=limits)) == size
        else:
            assert failure(server.url, is_write=False, limits=limits).code == "answer_too_large"


@pytest.mark.parametrize(("size", "fits"), [(99_999, True), (100_000, True), (100_001, False)])
def test_the_decoded_cap_is_exact(size: int, fits: bool) -> None:
    limits = HttpLimits(decoded_bytes=100_000)
    with serving(lambda visit: visit.answer("200 OK", gzip_bomb(size), "Content-Encoding: gzip")) as server:
        if fits:
            assert fetch(server.url, is_write=True, limits=limits) == bytes(size)
        else:
            assert failure(server.url, is_write=True, limits=limits).code == "answer_too_large"


def test_a_redirect_is_not_followed_to_where_it_points() -> None:
    with (
        serving(lambda visit: visit.answer()) as other,
        serving(lambda visit: visit.answer("307 Temporary Redirect", b"", f"Location: {other.url}")) as server,
    ):
        failure(server.url, is_write=True)

        assert other.visits == 0


def test_a_connection_is_kept_and_a_dead_one_is_not_resent_upon() -> None:
    def act(visit: Visit) -> None:
        visit.answer("200 OK", b"first", more=True)
        server.requests.append(visit.request())
        visit.reset()

    with serving(act) as server:
        client = HttpClient(QUICK)
        assert fetch(server.url, is_write=True, client=client) == b"first"

        with pytest.raises(OutcomeUnknownError):
            fetch(server.url, is_write=True, client=client)

        client.close()
        assert server.visits == 1
        assert len(server.requests) == 2


def test_the_request_asks_for_gzip_and_carries_what_it_was_given() -> None:
    with serving(lambda visit: visit.answer("200 OK", b"fine", "X-Many: a", "X-Many: b")) as server:
        client = HttpClient(QUICK, user_agent="portal")
        request = HttpRequest("POST", server.url, {"SOAPAction": '"urn:x"'}, b"body", operation="Pay")
        with client.send(request) as answer:
            assert answer.headers["x-many"] == "a, b"
            assert answer.read() == b"fine"
            assert repr(answer) == f"HttpAnswer(200 to Pay at 127.0.0.1:{server.port})"
        client.close()
        head, _, body = server.requests[0].partition(b"\r\n\r\n")

    lines = head.lower().split(b"\r\n")
    assert b"accept-encoding: gzip" in lines
    assert b'soapaction: "urn:x"' in lines
    assert b"user-agent: portal" in lines
    assert body == b"body"


def test_cookies_are_never_kept() -> None:
    with serving(lambda visit: visit.answer("200 OK", b"", "Set-Cookie: who=me; Path=/")) as server:
        client = HttpClient(QUICK)
        fetch(server.url, is_write=False, client=client)
        fetch(server.url, is_write=False, client=client)
        client.close()

    assert b"cookie" not in server.requests[1].lower()


def test_who_speaks_no_tls_reads_no_certificates_and_trusts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    made: list[Any] = []
    real, build = httpx.create_ssl_context, network.build_transport

    def create(**how: Any) -> ssl.SSLContext:
        read.append(how)
        return real(**how)

    def built(*given: Any, **how: Any) -> Any:
        made.append(build(*given, **how))
        return made[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", create)
    monkeypatch.setattr(http, "build_transport", built)
    client = HttpClient()
    with serving(lambda visit: visit.answer()) as server:
        for _ in range(2):
            with client.send(HttpRequest("GET", server.url)) as answer:
                assert answer.read() == b""
    assert read == []
    assert len(made) == 1
    context = made[0]._pool._ssl_context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] == 0

    assert client._opened() is not client._opened(may_be_plain=True)
    assert read == [{"verify": True, "trust_env": False}]
    client.close()


def test_a_forked_child_opens_a_pool_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    client = HttpClient()
    parents = client._opened()
    assert client._opened() is parents

    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert client._opened() is not parents


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", "ftp://pms.test/"),
        HttpRequest("GET", "https://"),
        HttpRequest("GET", "https://user:canary@pms.test/"),
        HttpRequest("GET", "https://[broken/"),
        HttpRequest("GET", "https://pms.test:99999/"),
        HttpRequest("GET", "https://pms.test/", {"X": "caf\u00e9 \u4e2d"}),
    ],
)
def test_what_cannot_be_sent_is_a_configuration_error(request_: HttpRequest) -> None:
    with pytest.raises(ConfigurationError) as caught, HttpClient().send(request_):
        pass

    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_header_that_would_smuggle_a_line_is_not_sent() -> None:
    with serving(lambda visit: visit.answer()) as server:
        request = HttpRequest("POST", server.url, {"X": "a\r\nY: b"}, b"x")
        with pytest.raises(ConfigurationError), HttpClient(QUICK).send(request):
            pass

        assert server.requests in ([], [b""])


def test_a_request_shows_neither_address_nor_headers_nor_body_and_cannot_be_pickled() -> None:
    request = HttpRequest("POST", "https://pms.test/x?key=canary", {"A": "canary"}, b"canary", operation="Pay")

    assert repr(request) == "HttpRequest(POST Pay at pms.test)"
    assert "canary" not in f"{request} {[request]}"
    with pytest.raises(TypeError):
        pickle.dumps(request)


def test_a_missing_certificate_bundle_is_a_configuration_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError),
        HttpClient(verify=str(tmp_path / "none.pem")).send(HttpRequest("GET", "https://pms.test/")),
    ):
        pass


def test_certificates_are_verified_unless_told_otherwise() -> None:
    from pmsbridge.transport.network import build_transport

    def context(verify: bool) -> ssl.SSLContext:
        transport = build_transport(verify)
        found = transport._pool._ssl_context  # type: ignore[attr-defined]
        assert isinstance(found, ssl.SSLContext)
        return found

    assert context(True).verify_mode is ssl.CERT_REQUIRED
    assert context(True).check_hostname
    assert context(False).verify_mode is ssl.CERT_NONE


def test_only_a_transport_may_take_the_place_of_the_network() -> None:
    with pytest.raises(TypeError):
        HttpClient(transport=object())


def test_a_made_answer_can_be_read_like_a_streamed_one() -> None:
    client = HttpClient(transport=httpx.MockTransport(lambda _request: httpx.Response(200, content=b"made")))

    assert fetch("https://pms.test/", is_write=True, client=client) == b"made"


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_interceptors_of_either_library_see_the_call(using: str) -> None:
    with respx.mock(using=using) as net:
        route = net.post("https://pms.test/x").mock(return_value=httpx.Response(200, content=b"seen"))

        assert fetch("https://pms.test/x", is_write=True) == b"seen"
        assert route.call_count == 1


def test_importing_http_loads_neither_soap_nor_xml_libraries() -> None:
    check = "import sys, pmsbridge.transport.http; sys.exit(int(any(m in sys.modules for m in ('zeep', 'lxml'))))"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
