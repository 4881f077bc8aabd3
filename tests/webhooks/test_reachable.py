"""Which addresses may be reached, judged where the connection is made."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.http import HttpClient, HttpRequest
from pmsbridge.webhooks.reachable import reachable
from tests.webhooks.receiver import Receiver

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
PRIVATE = [
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.8.9.10", "::1", "fd00::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "100.64.0.1",
]  # fmt: skip
NEVER = [
    "0.0.0.0",  # noqa: S104 - refused
    "::", "169.254.169.254", "fe80::1", "fe80::1%eth0", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "255.255.255.255", "240.0.0.1",
    "localhost", "", "::169.254.169.254", "::ffff:0.0.0.0", "0.1.2.3", "192.0.2.1", "198.18.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached_encrypted(address: str) -> None:
    assert reachable(is_plain=False, allow_private=False)(address)
    assert not reachable(is_plain=True, allow_private=True)(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_may_be_reached_only_where_settings_allow_it(address: str) -> None:
    assert not reachable(is_plain=False, allow_private=False)(address)
    assert reachable(is_plain=False, allow_private=True)(address)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_nobodys_public_address_is_refused(address: str) -> None:
    assert not reachable(is_plain=False, allow_private=False)(address)
    assert not reachable(is_plain=True, allow_private=False)(address)


@pytest.mark.parametrize("address", NEVER)
def test_links_groups_and_tunnels_stay_refused(address: str) -> None:
    assert not reachable(is_plain=False, allow_private=True)(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_plain_http_stays_on_this_machine(address: str) -> None:
    assert reachable(is_plain=True, allow_private=True)(address)
    assert not reachable(is_plain=True, allow_private=True)("10.0.0.1")
    assert not reachable(is_plain=True, allow_private=False)(address)


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """A resolver that gives these, and keeps what it was asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *given: Any, **named: Any) -> Any:
        if host != "hooks.example.com":
            return real(host, port, *given, **named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def post(client: HttpClient, port: int, host: str = "hooks.example.com") -> int:
    with client.send(HttpRequest("POST", f"http://{host}:{port}/", body=b"{}")) as answer:
        return answer.status


@pytest.mark.parametrize("host", ["hooks.example.com", "127.0.0.1", "localhost", "2130706433", "127.1", "[::1]"])
def test_a_name_or_spelling_that_leads_to_a_refused_address_is_not_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    answers(monkeypatch, "127.0.0.1", "10.0.0.1")
    client = HttpClient(may_reach=reachable(is_plain=False, allow_private=False))

    with pytest.raises(UnavailableError) as caught:
        post(client, receiver.port, host)

    assert caught.value.code == "address_refused"
    assert receiver.came == []


def test_a_name_is_asked_once_and_what_was_judged_is_what_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, "10.1.2.3", "127.0.0.1")
    judged: list[str] = []

    def may_reach(address: str) -> bool:
        judged.append(address)
        return address == "127.0.0.1"

    client = HttpClient(may_reach=may_reach)
    assert post(client, receiver.port) == 204
    client.close()

    assert asked == ["hooks.example.com"]
    assert judged == ["10.1.2.3", "127.0.0.1"]
