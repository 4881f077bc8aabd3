"""Messages over https: to a receiver with an authority of its own, and to nobody who cannot prove who it is."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.errors import ConfigurationError
from pmsbridge.webhooks import SigningKey, verify
from tests.servers.tls import Authority, Greeter, https
from tests.webhooks.stage import NEW, Stage
from tests.webhooks.test_settings import endpoint, loaded

Came = list[tuple[dict[str, str], bytes]]


def keeping(came: Came) -> type[BaseHTTPRequestHandler]:
    class Keeper(Greeter):
        def do_POST(self) -> None:  # noqa: N802 - as the library calls it
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

    return Keeper


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def address(tmp_path: Path) -> str:
    """One database is enough here."""
    return f"sqlite:///{tmp_path / 'pmsbridge.db'}"


def test_a_receiver_with_an_authority_of_its_own_is_told_once_it_is_trusted(stage: Stage, authority: Authority) -> None:
    came: Came = []
    with https(authority.context(), keeping(came)) as server:
        delivery = stage.delivery(server.url, ca_bundle=authority.bundle)
        stage.change("T1")

        assert delivery.run() == 1

    ((headers, body),) = came
    assert verify([SigningKey(NEW)], headers, body, now=stage.clock.now())


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_receiver_that_cannot_prove_who_it_is_is_told_nothing_and_is_tried_again(
    stage: Stage, authority: Authority, wrong: str
) -> None:
    came: Came = []
    more: dict[str, Any] = {} if wrong == "authority" else {"ca_bundle": authority.bundle}
    context = authority.context("hooks.example.com" if wrong == "name" else "127.0.0.1")
    with https(context, keeping(came)) as server:
        delivery = stage.delivery(server.url, **more)
        stage.change("T1")

        assert delivery.run() == 0

    assert came == []
    assert (stage.state().problem, stage.state().attempts) == ("no answer (tls_failed)", 1)


@pytest.mark.parametrize(
    "spoil", [lambda file: None, lambda file: file.write_text("no certificate"), lambda file: file.mkdir()]
)
def test_authorities_that_cannot_be_read_are_told_at_the_start(
    stage: Stage, tmp_path: Path, spoil: Callable[[Path], Any]
) -> None:
    spoil(tmp_path / "none.pem")
    broken = stage.endpoint("https://hooks.example.com/x", ca_bundle=tmp_path / "none.pem")

    with pytest.raises(ConfigurationError, match=r"webhooks: crm: ca_bundle: .*none\.pem holds no certificates"):
        broken.check()


def test_a_relative_bundle_lies_beside_the_settings(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, endpoint(ca_bundle='"own.pem"')).webhooks

    assert found.ca_bundle == tmp_path / "own.pem"
