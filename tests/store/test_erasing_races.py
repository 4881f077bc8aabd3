"""Forgetting a person while others retry, hear and read: nothing is sent half forgotten, and nothing comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from pmsbridge.engine.hearing import Hearing
from pmsbridge.errors import IneligibleError, InputError, PmsBridgeError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.people import Tenant
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.adapter import Entity
from pmsbridge.ports.hearing import Message, Told
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, PortalSettings, Settings
from pmsbridge.store.audit import Audit, Breach
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.erasing import Erasure
from pmsbridge.store.erasing_journal import refuse_open
from pmsbridge.store.heard import HeardMessages, ToRead
from pmsbridge.store.mirror import Scope
from pmsbridge.store.person import Words, words_of
from pmsbridge.store.tables import effects, trail
from pmsbridge.store.trail import Event, append
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.mailbox import Outbox

PATIENCE = 60.0
on_both = pytest.mark.parametrize(
    "address", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
on_postgresql = pytest.mark.parametrize(
    "address", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres_journal"))


class Hears(MemoryAdapter):
    """Takes every message for one about T1; reads as told.

    Attributes:
        meanwhile: Called while an account is being read.
        asked: Accounts that were read.
    """

    hears = True
    asked = 0
    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def hear(self, *_: Any, **__: Any) -> Message:
        return Message("m-1", "tenant.changed", (Told(Entity.LEDGER_ENTRIES, "F1", "e1", "T1"),))

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        self.asked += 1
        read = super().account(facility, tenant_id)
        self.meanwhile()
        return read


@pytest.fixture
def office() -> MemoryOffice:
    return MemoryOffice(TestClock())


@pytest.fixture
def adapter(office: MemoryOffice) -> Hears:
    return Hears(office)


@pytest.fixture
def bridge(address: str, office: MemoryOffice, adapter: Hears) -> Iterator[Bridge]:
    settings = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        portal=PortalSettings(link_address="https://portal.example/enter?token={token}"),
    )
    with Bridge(
        settings, database=open_database(address), adapters={"mem": adapter}, mailer=Outbox(), clock=office.clock
    ) as made:
        made.sync()
        yield made


def erase(bridge: Bridge) -> Erasure:
    return bridge.erase("F1", "T1", actor="staff:ann")


# -- what may still be sent --------------------------------------------------------------------------------------------


def unsent_note(bridge: Bridge, office: MemoryOffice) -> str:
    """A note by T3, whose record became T1's; it was never sent."""
    becomes_t1s(bridge)
    return refused_note(bridge, office)


def becomes_t1s(bridge: Bridge) -> None:
    bridge.mirror.identities.merge(Scope("mem", "F1", Tenant.entity), "T3", "T1")


def refused_note(bridge: Bridge, office: MemoryOffice) -> str:
    """A note by T3 that was never sent."""
    office.fail(Fault.REFUSE, kind="add_note", times=500)
    return bridge.tenant("F1", "T3").add_note("R3", "Please call.", key="note-0001-1").action_id


def unsent_question(bridge: Bridge, office: MemoryOffice) -> str:
    """A question from the sign-in page, by nobody in particular, that names T1; it was never sent."""
    tenant = bridge.mirror.tenant("mem", "F1", "T1")
    assert tenant is not None
    office.fail(Fault.REFUSE, kind="post_bulletin", times=500)
    asked = bridge.accounts.contact_us("F1", name=tenant.name.full, email=tenant.email, text="Hello?", key="visitor-1")
    return asked.action_id


def given_up(bridge: Bridge, office: MemoryOffice, action_id: str) -> None:
    assert isinstance(office.clock, TestClock)
    for _ in range(80):
        office.clock.advance(timedelta(hours=2))
        bridge.runtime.run_due()
    assert any(step.outcome is Outcome.NOT_SENT for step in bridge.runtime.action(action_id).steps)


class Retrying(threading.Thread):
    """Staff ask for an action once more, at a moment of a test's choice."""

    def __init__(self, bridge: Bridge, action_id: str) -> None:
        super().__init__(daemon=True)
        self._bridge, self._action_id = bridge, action_id
        self.error: PmsBridgeError | None = None

    def run(self) -> None:
        try:
            self._bridge.runtime.journal.retry(self._action_id, "staff:ann")
        except PmsBridgeError as error:
            self.error = error

    def begin(self) -> None:
        """Until it is over, or waits for somebody."""
        self.start()
        ends = time.monotonic() + PATIENCE
        while self.is_alive() and not waits(self._bridge.database):
            assert time.monotonic() < ends, "it neither ends nor waits"
            time.sleep(0.01)


def waits(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).scalar_one())  # fmt: skip


@on_postgresql
@pytest.mark.parametrize("asked", [unsent_note, unsent_question])
def test_what_is_retried_while_it_is_forgotten_is_refused_and_never_sent_without_its_words(
    bridge: Bridge, office: MemoryOffice, monkeypatch: pytest.MonkeyPatch, asked: Callable[..., str]
) -> None:
    monkeypatch.setattr(bridge.runtime.settings.__class__, "is_urgent", lambda *_: True)
    action_id = asked(bridge, office)
    given_up(bridge, office, action_id)
    retrying, honest = Retrying(bridge, action_id), refuse_open

    def then_retried(*given: Any) -> None:
        honest(*given)
        retrying.begin()

    monkeypatch.setattr("pmsbridge.store.erasing.refuse_open", then_retried)
    assert erase(bridge).rows["actions"] >= 1
    retrying.join(PATIENCE)

    assert isinstance(retrying.error, InputError)
    assert retrying.error.code == "action_erased"
    assert "[erased]" in "".join(effect.payload for effect in bridge.journal.action(action_id).effects)
    assert not bridge.journal.counts().open_effects


@on_postgresql
def test_a_record_that_becomes_the_persons_after_the_locks_is_locked_too_before_it_is_forgotten(
    bridge: Bridge, office: MemoryOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge.runtime.settings.__class__, "is_urgent", lambda *_: True)
    action_id = refused_note(bridge, office)
    given_up(bridge, office, action_id)
    retrying, honest, reading = Retrying(bridge, action_id), refuse_open, words_of

    def then_merged(*given: Any) -> Words:
        monkeypatch.setattr("pmsbridge.store.erasing.words_of", reading)
        becomes_t1s(bridge)
        return reading(*given)

    def then_retried(*given: Any) -> None:
        honest(*given)
        retrying.begin()

    monkeypatch.setattr("pmsbridge.store.erasing.words_of", then_merged)
    monkeypatch.setattr("pmsbridge.store.erasing.refuse_open", then_retried)
    assert erase(bridge).rows["actions"] >= 1
    retrying.join(PATIENCE)

    assert isinstance(retrying.error, InputError)
    assert retrying.error.code == "action_erased"
    assert "[erased]" in "".join(effect.payload for effect in bridge.journal.action(action_id).effects)


@on_both
def test_of_what_may_still_be_sent_nothing_is_taken_out_whoever_believed_it_over(
    bridge: Bridge, office: MemoryOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.fail(Fault.DROP_AFTER, kind="add_note")
    note = bridge.tenant("F1", "T1").add_note("R1", "Please call.", key="note-0001-1")
    monkeypatch.setattr("pmsbridge.store.erasing.refuse_open", lambda *_: None)

    with pytest.raises(IneligibleError) as refused:
        erase(bridge)

    assert refused.value.code == "actions_open"
    assert note.action_id in str(refused.value)
    with bridge.database.read() as connection:
        assert "Please call." in "".join(connection.execute(select(effects.c.payload)).scalars())
        assert "erased" not in set(connection.execute(select(trail.c.event)).scalars())


# -- what a trail proves afterwards ------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", ["event", "at", "data"])
def test_of_an_erased_entry_its_event_its_instant_and_its_words_are_proven(
    bridge: Bridge, office: MemoryOffice, changed: str
) -> None:
    tenant = bridge.mirror.tenant("mem", "F1", "T1")
    assert tenant is not None
    view = bridge.tenant("F1", "T1").add_note("R1", "Please call.", key="note-0001-1")
    with bridge.database.write() as connection:
        # As a back office's answer that names the person is written, its chain included.
        said = Event("attached", {"why": f"{tenant.email} is blocked"})
        append(connection, view.action_id, [said], office.clock.now())
    erase(bridge)
    (entry,) = [each for each in bridge.runtime.trail(view.action_id) if each.event == "attached"]
    assert "[erased]" in entry.data["why"]
    assert bridge.runtime.verify_trail(view.action_id)

    values = {"event": "settled", "at": entry.at + timedelta(seconds=1), "data": '{"why": "never mind"}'}
    with bridge.database.write() as connection:
        one = (trail.c.action_id == view.action_id, trail.c.number == entry.number)
        connection.execute(update(trail).where(*one).values({changed: values[changed]}))

    assert not bridge.runtime.verify_trail(view.action_id)
    assert Breach.ENTRY in [each.breach for each in Audit(bridge.database).troubles()]


# -- what comes back ---------------------------------------------------------------------------------------------------


@on_both
def test_an_account_that_a_message_was_about_is_not_read_again_once_it_is_forgotten(
    bridge: Bridge, office: MemoryOffice, adapter: Hears
) -> None:
    hearing = heard(bridge)
    store = HeardMessages(bridge.database, office.clock)

    assert erase(bridge).rows["readings to come"] == 1
    assert store.waiting() == []
    # Somebody who looked before the erasure notes it after it.
    store.note("mem", "m-2", [ToRead.of_account("mem", "F1", "T1")])
    assert isinstance(office.clock, TestClock)
    office.clock.advance(timedelta(minutes=1))
    before = adapter.asked
    hearing.read()

    assert bridge.mirror.account("mem", "F1", "T1") is None
    assert adapter.asked == before


@on_both
def test_an_account_that_is_forgotten_while_it_is_read_stays_so(
    bridge: Bridge, office: MemoryOffice, adapter: Hears
) -> None:
    hearing = heard(bridge)
    adapter.meanwhile = lambda: erase(bridge)

    hearing.read()

    assert bridge.mirror.account("mem", "F1", "T1") is None


def heard(bridge: Bridge) -> Hearing:
    """T1's account is copied, and a message has come about it."""
    bridge.tenant("F1", "T1").dashboard()
    bridge.runtime.mirror.save_account(bridge.runtime.adapters["mem"].account("F1", "T1"))
    hearing = Hearing(bridge.runtime)
    assert hearing.hear("mem", {}, b"{}").to_read
    clock = bridge.runtime.clock
    assert isinstance(clock, TestClock)
    clock.advance(timedelta(minutes=1))
    return hearing
