from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.dispatch.choosing import make_dispatcher
from pmsbridge.dispatch.recovery import dispatch_health, longest_end, recovery_time
from pmsbridge.errors import ConfigurationError
from pmsbridge.secrets import ReferenceSecrets
from pmsbridge.settings.sections import DispatchSettings, StoreSettings
from tests.engine.stage import LEASE, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _made(stage: Stage, **settings: object) -> object:
    chosen = DispatchSettings(**settings)  # type: ignore[arg-type]
    return make_dispatcher(stage.runtime(), chosen, store=StoreSettings(), secrets=ReferenceSecrets())


@pytest.mark.parametrize(("by", "name"), [
    ("inline", "InlineDispatcher"),
    ("embedded", "EmbeddedDispatcher"),
])  # fmt: skip
def test_settings_name_the_dispatcher(stage: Stage, by: str, name: str) -> None:
    assert type(_made(stage, by=by)).__name__ == name


@pytest.mark.parametrize(("by", "library", "extra"), [
    ("procrastinate", "procrastinate", "postgres"),
    ("celery", "celery", "celery"),
])  # fmt: skip
def test_a_missing_library_is_named_with_its_extra(
    stage: Stage, by: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"pmsbridge.dispatch.by_{by}", raising=False)
    monkeypatch.delitem(sys.modules, "pmsbridge.dispatch.poke_link", raising=False)

    with pytest.raises(ConfigurationError, match=rf"pmsbridge\[{extra}\]"):
        _made(stage, by=by, broker="redis://127.0.0.1:1/0")


@pytest.mark.parametrize("broker", ["no_such_queue://127.0.0.1/0", "redis://127.0.0.1:port/0"])
def test_a_broker_that_cannot_be_used_is_a_mistake_in_the_settings(stage: Stage, broker: str) -> None:
    with pytest.raises(ConfigurationError, match=r"dispatch\.broker") as caught:
        _made(stage, by="celery", broker=broker)

    assert caught.value.code == "dispatch_broker"


@pytest.mark.parametrize("address", [
    "redis://:CANARY@127.0.0.1/0",
    "redis://user:CANARY@127.0.0.1/0",
    "redis://:pa/CANARY@127.0.0.1/0",
    "redis://:pa?CANARY@127.0.0.1/0",
    "redis://:pa#CANARY@127.0.0.1/0",
    "redis://:pa:CANARY@127.0.0.1/0",
    "redis://:pa@CANARY@127.0.0.1/0",
    "redis://:pa;CANARY@127.0.0.1/0",
    "redis://127.0.0.1/0?password=CANARY",
    "redis://127.0.0.1/0?db=1&PASSWORD=CANARY",
    "redis://127.0.0.1/0?pass%77ord=CANARY",
    "redis://127.0.0.1/0?db=1;password=CANARY",
    "postgresql://127.0.0.1/portal?password=CANARY",
    "postgresql://127.0.0.1/portal?sslmode=require&sslpassword=CANARY",
    "amqp://portal@one//;amqp://portal:CANARY@two//",
    "sentinel://one:26379;sentinel://:CANARY@two:26379",
])  # fmt: skip
@pytest.mark.parametrize("where", ["broker", "url"])
def test_a_password_in_an_address_is_refused_and_not_repeated(where: str, address: str) -> None:
    secret = "hunter2-canary"
    section: Any = DispatchSettings if where == "broker" else StoreSettings
    setting = "dispatch" if where == "broker" else "store"
    with pytest.raises(ValueError, match=rf"{setting}\.password") as caught:
        section(**{where: address.replace("CANARY", secret)})

    assert secret not in str(caught.value)


@pytest.mark.parametrize("address", [
    "redis://127.0.0.1:6379/0",
    "redis://portal@127.0.0.1:6379/0",
    "redis+socket:///run/redis.sock?virtual_host=1",
    "amqp://portal@[::1]:5672//",
    "amqp://portal@one:5672//;amqp://portal@two:5672//",
    "postgresql://portal@one:5432,two:5432/portal?sslmode=verify-full&passfile=/run/pgpass",
    "postgresql://one:5432/portal?application_name=a%40b",
])  # fmt: skip
def test_an_address_without_a_password_is_accepted(address: str) -> None:
    assert DispatchSettings(broker=address).broker == address


def test_a_file_may_be_called_anything() -> None:
    assert StoreSettings(url="sqlite:////srv/a:b@c/pms.db").url.endswith("a:b@c/pms.db")


@pytest.mark.parametrize(("broker", "address"), [
    ("redis://127.0.0.1/0", "redis://:p%40ss@127.0.0.1/0"),
    ("amqp://portal@127.0.0.1//", "amqp://portal:p%40ss@127.0.0.1//"),
])  # fmt: skip
def test_the_password_joins_the_address_for_the_driver_only(
    broker: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_PASSWORD", "p@ss")
    settings = DispatchSettings(broker=broker, password="env:QUEUE_PASSWORD")

    assert settings.address(ReferenceSecrets()) == address
    assert "p%40ss" not in repr(settings)


def test_how_soon_a_dead_workers_work_is_taken_over_follows_from_the_longest_call_and_the_sweep(stage: Stage) -> None:
    runtime = stage.runtime()
    sweep = DispatchSettings().sweep_every
    longest = max(runtime.settings.mail_timeout, stage.adapter.send_timeout)

    assert runtime.lease == longest + runtime.settings.lease_margin >= LEASE
    assert recovery_time(runtime, sweep) == runtime.lease + sweep
    assert longest_end(runtime) == runtime.settings.drain_budget + longest


@pytest.mark.parametrize("by", ["inline", "embedded"])
def test_health_says_how_the_journal_and_the_dispatcher_do(stage: Stage, by: str) -> None:
    runtime = stage.runtime()
    made = make_dispatcher(runtime, DispatchSettings(by=by), store=StoreSettings(), secrets=ReferenceSecrets())  # type: ignore[arg-type]
    health = dispatch_health(runtime, made)

    assert health["dispatcher"] == by
    assert health["open_effects"] == 0
    assert health["recovery_seconds"] == health["lease_seconds"] + 2  # type: ignore[operator]
    assert dispatch_health(runtime) == {key: health[key] for key in dispatch_health(runtime)}
