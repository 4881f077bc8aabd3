"""Whichever dispatcher the settings name, a web process begins and ends with the same two calls."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pmsbridge.dispatch.embedded import EmbeddedDispatcher
from pmsbridge.dispatch.inline import InlineDispatcher
from pmsbridge.dispatch.port import Dispatcher
from pmsbridge.portal.bridge import Bridge
from pmsbridge.settings.sections import AccountSettings, DispatchSettings, Settings
from pmsbridge.store.database import open_database
from tests.dispatch.crew import SWEEP
from tests.dispatch.office import FACILITIES, Ledger, WireAdapter, payment
from tests.dispatch.waiting import soon

pytest.importorskip("celery", reason="needs celery: install pmsbridge[celery]")
pytest.importorskip("procrastinate", reason="needs procrastinate: install pmsbridge[postgres]")

from pmsbridge.dispatch.by_celery import CeleryDispatcher
from pmsbridge.dispatch.by_procrastinate import ProcrastinateDispatcher

Places = Callable[[str, str], tuple[str, str]]
WORKS_HERE = {"inline", "embedded"}
ALL = (InlineDispatcher, EmbeddedDispatcher, ProcrastinateDispatcher, CeleryDispatcher)


def bridge_over(by: str, places: Places, office: str) -> Bridge:
    store, broker = places(by, "sqlite")
    settings = Settings(
        accounts={"wire": AccountSettings(system="wire")},
        dispatch=DispatchSettings(by=by, broker=broker or None, sweep_every=SWEEP, concurrency=2),  # type: ignore[arg-type]
    )
    adapter = WireAdapter(office, FACILITIES)
    return Bridge(settings, database=open_database(store), adapters={"wire": adapter}, mailer=None)


def is_carried(bridge: Bridge, ledger: Ledger, by: str) -> bool:
    """Whether a payment that only waits in the journal is delivered, or waits for a worker, once its lane is woken."""
    with bridge.database.write() as connection:
        bridge.runtime.submit(payment(1), connection=connection)
    bridge.runtime.poke("wire:F1")
    if by in WORKS_HERE:
        return soon(lambda: len(ledger.calls) == 1)
    return bridge.dispatcher().health()["waiting"] in {1, 2}  # the commit may have woken it for a moment later


def in_a_child(act: Callable[[], None]) -> int:
    """The exit code of a forked child that does something; 0 when it did."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    ended: list[int] = []

    def has_ended() -> bool:
        found, status = os.waitpid(child, os.WNOHANG)
        ended.extend([os.waitstatus_to_exitcode(status)] if found else [])
        return bool(found)

    if not soon(has_ended):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return -signal.SIGKILL
    return ended[0]


@pytest.mark.parametrize("kind", ALL)
def test_every_dispatcher_keeps_the_whole_of_the_port(kind: type) -> None:
    names = [name for name in vars(Dispatcher) if not name.startswith("_")]

    assert {"start", "stop", "run", "poke", "tidy", "health"} <= set(names)
    for name in names:
        mine, ports = (inspect.signature(getattr(each, name)).parameters for each in (kind, Dispatcher))
        assert [(each.name, each.kind, each.default) for each in mine.values()] == [
            (each.name, each.kind, each.default) for each in ports.values()
        ], name


@pytest.mark.parametrize("by", ["inline", "embedded", "procrastinate", "celery"])
def test_one_pair_of_hooks_serves_a_preloaded_web_server_with_every_dispatcher(
    by: str, places: Places, office: tuple[str, Ledger]
) -> None:
    url, ledger = office
    bridge = bridge_over(by, places, url)
    if by == "procrastinate":
        bridge.dispatcher().install()  # type: ignore[attr-defined]

    def post_fork() -> None:
        bridge.dispatcher().start()

    def worker_exit() -> None:
        assert bridge.dispatcher().stop()
        bridge.close()

    def worker() -> None:
        post_fork()
        assert bridge.runtime.on_poke == bridge.dispatcher().poke
        assert is_carried(bridge, ledger, by) if by not in WORKS_HERE else woken(bridge)
        worker_exit()
        assert bridge.runtime.on_poke is None
        assert [thread for thread in threading.enumerate() if thread.name.startswith("pmsbridge-")] == []

    assert in_a_child(worker) == 0
    assert len(ledger.calls) == (1 if by in WORKS_HERE else 0)
    bridge.close()


def woken(bridge: Bridge) -> bool:
    """The same in a child, which has no ledger: whether the journal says that it was delivered."""
    with bridge.database.write() as connection:
        bridge.runtime.submit(payment(1), connection=connection)
    bridge.runtime.poke("wire:F1")
    return soon(lambda: bridge.runtime.counts().open_effects == 0)


@pytest.mark.parametrize("by", ["inline", "embedded", "procrastinate", "celery"])
def test_what_was_stopped_may_begin_again(by: str, places: Places, office: tuple[str, Ledger]) -> None:
    url, ledger = office
    bridge = bridge_over(by, places, url)
    dispatcher = bridge.dispatcher()
    if by == "procrastinate":
        dispatcher.install()  # type: ignore[attr-defined]
    dispatcher.start()
    dispatcher.start()
    assert dispatcher.stop()
    assert dispatcher.stop()
    assert bridge.runtime.on_poke is None

    dispatcher.start()
    try:
        assert is_carried(bridge, ledger, by)
    finally:
        bridge.close()


@pytest.mark.parametrize("by", ["procrastinate", "celery"])
def test_a_bridge_that_closes_leaves_no_connection_to_the_queue(
    by: str, places: Places, office: tuple[str, Ledger]
) -> None:
    bridge = bridge_over(by, places, office[0])
    dispatcher: Any = bridge.dispatcher()
    dispatcher.poke("wire:F1")
    holder, held = (dispatcher._link, "_connection") if by == "procrastinate" else (dispatcher, "_producer")
    assert getattr(holder, held) is not None

    bridge.close()

    assert getattr(holder, held) is None
    assert bridge.runtime.on_poke is None


def test_stopping_takes_nobody_elses_wake_ups_away(places: Places, office: tuple[str, Ledger]) -> None:
    bridge = bridge_over("inline", places, office[0])
    others = []
    mine = bridge.dispatcher()
    bridge.runtime.on_poke = lambda lane, when: others.append((lane, when))

    mine.stop()
    bridge.runtime.poke("wire:F1")

    assert others == [("wire:F1", None)]
    bridge.close()
