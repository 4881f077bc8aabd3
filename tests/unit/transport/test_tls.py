"""Handshakes with real servers: whoever is not who the address says gets nothing, and we know that nothing was sent."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.http import HttpClient, HttpLimits
from tests.servers.tls import Authority, https
from tests.unit.transport.wire import fetch


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_server_whose_authority_is_trusted_is_talked_to(authority: Authority) -> None:
    with https(authority.context()) as server:
        client = HttpClient(verify=str(authority.bundle))

        assert fetch(server.url, is_write=True, client=client) == b"hello"
        assert server.served == 1
        client.close()


@pytest.mark.parametrize(
    ("host", "expired", "trusted"),
    [("127.0.0.1", False, False), ("pms.example.com", False, True), ("127.0.0.1", True, True)],
    ids=["unknown authority", "another name", "expired"],
)
def test_a_server_that_cannot_prove_itself_gets_nothing(
    authority: Authority, host: str, *, expired: bool, trusted: bool
) -> None:
    with https(authority.context(host, expired=expired)) as server:
        client = HttpClient(verify=str(authority.bundle) if trusted else True)

        with pytest.raises(UnavailableError) as refused:
            fetch(server.url, is_write=True, client=client)

        assert refused.value.code == "tls_failed"
        assert "nothing was sent" in str(refused.value)
        assert server.served == 0
        client.close()


def test_a_handshake_that_is_never_answered_ends_in_time_and_nothing_was_sent(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        limits = HttpLimits(connect_timeout=timedelta(seconds=0.3), deadline=timedelta(seconds=5))
        client = HttpClient(limits, verify=str(authority.bundle))
        kept: list[socket.socket] = []
        threading.Thread(target=lambda: kept.append(silent.accept()[0]), daemon=True).start()

        with pytest.raises(UnavailableError) as refused:
            fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/", is_write=True, limits=limits, client=client)

        assert refused.value.code == "connect_timeout"
        client.close()
        for each in kept:
            each.close()
