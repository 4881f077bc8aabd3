"""``[[webhooks]]`` in the settings, and the commands that look after them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.running import run
from pmsbridge.errors import ConfigurationError
from pmsbridge.settings import Settings, load_settings
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.webhooks import Webhooks
from pmsbridge.webhooks import Sender
from tests.unit.cli.conftest import BOOK, Command, command, rentbook
from tests.webhooks.receiver import Receiver
from tests.webhooks.stage import NEW, Known, Stage

__all__ = ["command", "rentbook"]

ACCOUNT = '[accounts.main]\nsystem = "rentbook"\n'


def loaded(folder: Path, *endpoints: str) -> Settings:
    file = folder / "pmsbridge.toml"
    file.write_text("\n".join(f"[[webhooks]]\n{each}" for each in endpoints) + f"\n{ACCOUNT}", encoding="utf-8")
    return load_settings(file, {})


def endpoint(name: str = "crm", url: str = "https://hooks.example.com/x", **more: str) -> str:
    rows = {"name": f'"{name}"', "url": f'"{url}"', "secret": '"env:CRM"', **more}
    return "\n".join(f"{key} = {value}" for key, value in rows.items())


def test_an_endpoint_has_a_schedule_of_more_than_three_days(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, endpoint()).webhooks

    assert [str(wait) for wait in found.retries] == [
        "0:00:05", "0:05:00", "0:30:00", "2:00:00", "5:00:00", "10:00:00", "14:00:00", "20:00:00", "1 day, 0:00:00",
    ]  # fmt: skip
    assert sum(found.retries, timedelta()) > timedelta(days=3)
    assert (found.events, found.facilities, found.timeout) == (("*",), (), timedelta(seconds=15))


@pytest.mark.parametrize(
    ("asked", "wanted", "unwanted"),
    [
        (["*"], ["tenant.changed", "action.settled"], []),
        (["tenant.*"], ["tenant.changed", "tenant.deleted"], ["unit.changed", "action.settled"]),
        (["action.settled", "unit.created"], ["action.settled", "unit.created"], ["action.declined", "unit.changed"]),
    ],
)
def test_types_are_asked_for_by_name_or_by_root(
    tmp_path: Path, asked: list[str], wanted: list[str], unwanted: list[str]
) -> None:
    (found,) = loaded(tmp_path, endpoint(events=str(asked))).webhooks

    assert [kind for kind in wanted + unwanted if found.wants(kind, "main", "L001")] == wanted


def test_a_facility_is_one_of_an_account_or_all_of_it(tmp_path: Path) -> None:
    (found,) = loaded(tmp_path, endpoint(facilities='["main/L001"]')).webhooks
    (whole,) = loaded(tmp_path, endpoint(facilities='["main"]')).webhooks

    assert found.wants("tenant.changed", "main", "L001")
    assert not found.wants("tenant.changed", "main", "L002")
    assert whole.wants("tenant.changed", "main", "L002")
    assert not whole.wants("tenant.changed", "other", "L001")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"url": "http://hooks.example.com/"}, "must be https"),
        ({"url": "http://hooks.example.com/", "allow_private": "true"}, "must be https"),
        ({"url": "http://10.0.0.1/", "allow_private": "true"}, "must be https"),
        ({"url": "http://127.0.0.1/"}, "must be https"),
        ({"url": "ftp://hooks.example.com/"}, "not an address"),
        ({"url": "https://user:canary@hooks.example.com/"}, "not an address"),
        ({"url": "https://user@hooks.example.com/"}, "not an address"),
        ({"url": "https://hooks.example.com/#x"}, "not an address"),
        ({"url": "https://hooks.example.com/a b"}, "not an address"),
        ({"url": "https://[::1/"}, "not an address"),
        ({"url": ""}, "not an address"),
        ({"events": '["tenants.changed"]'}, "did you mean tenant"),
        ({"events": "[]"}, "events"),
        ({"secret": '"whsec_canary"'}, "looks like a secret itself"),
        ({"facilities": '["elsewhere/L001"]'}, "no account is called elsewhere"),
        ({"retries": '["5"]'}, "not a duration"),
        ({"timeout": '"2h"'}, "timeout"),
        ({"sekret": '"env:X"'}, "no such key. Did you mean secret?"),
    ],
)
def test_a_mistake_is_named_and_not_repeated(tmp_path: Path, rows: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, endpoint(**rows))

    assert said in str(caught.value)
    assert "webhooks" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_two_endpoints_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="two are called crm"):
        loaded(tmp_path, endpoint(), endpoint())


def test_plain_http_is_for_this_machine_where_it_is_allowed(tmp_path: Path) -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:99"):
        (found,) = loaded(tmp_path, endpoint(url=f"http://{host}/x", allow_private="true")).webhooks
        assert found.url == f"http://{host}/x"
        assert host not in repr(found)


def test_a_secret_that_is_missing_stops_the_start(
    tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = loaded(tmp_path, endpoint())

    with pytest.raises(ConfigurationError, match="webhooks: crm: env:CRM: env:CRM is not set"):
        Sender.from_settings(settings, stage.database)
    with pytest.raises(ConfigurationError, match="whsec_ and the base64"):
        Sender.from_settings(settings, stage.database, secrets=Known({"env:CRM": "canary"}))


# -- commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def books(rentbook: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Settings with an endpoint, and their database."""
    assert BOOK
    monkeypatch.setenv("CRM", NEW)
    file = rentbook.parent / "pmsbridge.toml"
    plain = endpoint(url=f"{receiver.url}?key=canary", allow_private="true")
    file.write_text(f"[[webhooks]]\n{plain}\n{file.read_text()}", encoding="utf-8")
    opened = open_database(f"sqlite:///{rentbook.parent / 'pmsbridge.db'}")
    yield opened
    opened.close()


def listed(command: Command) -> dict[str, Any]:
    (row,) = command("webhooks", "list", "--json").data["webhooks"]
    found: dict[str, Any] = row
    return found


def test_the_list_says_how_every_endpoint_does(books: Database, command: Command, receiver: Receiver) -> None:
    assert (listed(command)["state"], listed(command)["delivered"]) == ("not started", None)
    stage = Stage(books)
    delivery = stage.delivery(receiver.url)
    assert listed(command)["state"] == "ok"
    stage.change()
    receiver.status = 500
    delivery.run()

    row = listed(command)
    assert (row["state"], row["attempts"], row["problem"], row["host"]) == ("failing", 1, "HTTP 500", "127.0.0.1")
    receiver.status = 410
    stage.clock.advance(timedelta(hours=1))
    delivery.run()
    assert listed(command)["state"] == "disabled"
    shown = command("webhooks", "list")
    assert "disabled" in shown.out
    assert "canary" not in shown.out + shown.err
    stage.close()


def test_a_trial_is_posted_and_its_failure_is_an_exit_code(
    books: Database, command: Command, receiver: Receiver
) -> None:
    assert command("webhooks", "test", "crm", "--json").data == {"name": "crm", "arrived": True, "problem": ""}
    assert receiver.came[0].message["type"] == "webhook.test"
    assert receiver.came[0].path == "/hooks?key=canary"
    receiver.status = 500

    failed = command("webhooks", "test", "crm")

    assert (failed.code, failed.err) == (9, "crm: HTTP 500.\n")


def test_replay_and_enable_act_on_the_endpoint(books: Database, command: Command, receiver: Receiver) -> None:
    assert command("webhooks", "enable", "crm").code == 2
    stage = Stage(books)
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    delivery.run()
    since = stage.clock.now() - timedelta(seconds=1)

    assert command("webhooks", "replay", "crm", "--since", since.isoformat(), "--json").data["name"] == "crm"
    state = stage.state()
    assert state.changes_seq == 0
    stage.clock.advance(timedelta(days=3650))
    delivery.run()
    assert receiver.ids[0] == receiver.ids[1]
    receiver.status = 410
    stage.change("T2")
    delivery.run()

    assert command("webhooks", "enable", "crm", "--skip", "--json").data["enabled"]
    assert stage.state().disabled_at is None
    assert stage.state().changes_seq == 2
    stage.close()


def test_a_replay_of_a_disabled_endpoint_keeps_its_problem_and_says_what_comes_first(
    books: Database, command: Command, receiver: Receiver
) -> None:
    stage = Stage(books)
    delivery = stage.delivery(receiver.url)
    stage.change("T1")
    delivery.run()
    receiver.status = 410
    stage.change("T2")
    delivery.run()
    receiver.status, before = 200, stage.state()

    said = command("webhooks", "replay", "crm", "--since", "2020-01-01T00:00Z")
    told = command("webhooks", "replay", "crm", "--since", "2020-01-01T00:00Z", "--json").data

    after = stage.state()
    assert (after.problem, after.attempts, after.failing_since) == (before.problem, 1, before.failing_since)
    assert after.disabled_at == before.disabled_at is not None
    assert "crm is disabled" in said.err
    assert "First: pmsbridge webhooks enable crm" in said.err
    assert "whoever runs" not in said.err
    assert (told["disabled"], told["problem"]) == (True, before.problem)
    stage.clock.advance(timedelta(days=3650))
    assert delivery.run() == 0

    command("webhooks", "enable", "crm", "--skip")  # there is no message to skip any more: all is told
    assert delivery.run() == 2
    assert receiver.whats == [("tenant.changed", "T1"), ("tenant.changed", "T2")] * 2
    stage.close()


@pytest.mark.parametrize("since", ["yesterday", "2026-11-22T04:30", "2026-11-22"])
def test_an_instant_without_a_zone_is_refused(books: Database, command: Command, since: str) -> None:
    assert command("webhooks", "replay", "crm", "--since", since).code == 2


@pytest.mark.parametrize("words", [["test"], ["enable"], ["replay", "--since", "2026-11-22T04:30Z"]])
def test_an_endpoint_that_is_not_set_is_named_with_those_that_are(
    books: Database, command: Command, words: list[str]
) -> None:
    ran = command("webhooks", words[0], "nobody", *words[1:])

    assert (ran.code, "in the settings: crm" in ran.err) == (4, True)


def test_run_tells_endpoints_while_it_works(
    books: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pmsbridge.dispatch.embedded import EmbeddedDispatcher

    def working(self: Any, runtime: Any, *, concurrency: int, stop: Any) -> None:
        Stage(books).change("T1")
        receiver.wait_for(1)

    monkeypatch.setattr(EmbeddedDispatcher, "run", working)
    monkeypatch.chdir(tmp_path)

    assert run(["run", "--no-night"]) == 0

    assert receiver.whats == [("tenant.changed", "T1")]
    assert Webhooks(books).states()[0].delivered == 1
