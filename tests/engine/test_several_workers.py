"""Several lanes, portals and machines at once, and nothing goes wrong: then nothing may look as if it had."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.agreed_clock import AgreedClock, agreed
from pmsbridge.store.database import Database
from pmsbridge.testing.memory import Fault
from tests.engine.stage import WINDOW, Stage, action_id, edit, note, pay, submission


def _at_once(jobs: list[Callable[[], object]]) -> None:
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        barrier.wait()
        job()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


def _events(runtime: Runtime, ids: list[str]) -> Counter[str]:
    return Counter(entry.event for each in ids for entry in runtime.trail(each))


def test_the_same_edit_clicked_twice_at_once_is_answered_twice_and_done_once(stage: Stage) -> None:
    runtimes = [stage.runtime(), stage.runtime()]
    said: Counter[str] = Counter()

    def click(runtime: Runtime, number: int) -> None:
        try:
            said[runtime.submit(edit(f"click-{number:05}", email=f"a{number}@example.test")).outcome] += 1
        except Exception as error:  # noqa: BLE001 - a portal would see it
            said[type(error).__name__] += 1

    for number in range(25):
        _at_once([lambda r=r, n=number: click(r, n) for r in runtimes])  # type: ignore[misc]
    runtimes[0].run_due()

    assert set(said) <= {Outcome.SETTLED, Outcome.PENDING}, said
    assert len(stage.office.of_kind("change_contact")) == 25
    ids = [action_id(f"click-{number:05}") for number in range(25)]
    assert _events(runtimes[0], ids)["unknown"] == 0
    assert all(runtimes[0].verify_trail(each) for each in ids)


def test_two_lanes_of_the_same_actions_lose_no_answer(stage: Stage) -> None:
    first, second, portal = stage.runtime(), stage.runtime(), stage.runtime()
    for runtime in (first, second, portal):
        runtime.on_poke = lambda _lane, _when: None
    over, problems = threading.Event(), []

    def work(runtime: Runtime, lane: str) -> None:
        while not over.is_set():
            try:
                runtime.drain(lane)
            except Exception as error:  # noqa: BLE001 - none is expected
                problems.append(repr(error))

    def ask() -> None:
        for number in range(40):
            asked = edit(f"click-{number:05}", email=f"a{number}@example.test")
            portal.journal.submit(asked, portal._routes(asked, None))
        ends = time.monotonic() + 90
        while portal.counts().open_effects and time.monotonic() < ends:
            time.sleep(0.05)
        over.set()

    _at_once([lambda: work(first, "memory:mem"), lambda: work(second, "mail"), ask])

    ids = [action_id(f"click-{number:05}") for number in range(40)]
    events = _events(portal, ids)
    assert problems == []
    assert (events["settled"], events["unknown"], len(stage.sink.mails)) == (160, 0, 40)


def test_a_long_queue_of_what_cannot_move_holds_nothing_up(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.on_poke = lambda _lane, _when: None
    stage.office.fail(Fault.DROP_AFTER)
    runtime.submit(pay("click-first"))
    for number in range(205):
        blocked = pay(f"click-b{number:04}", amount=f"{number + 1}.00")
        runtime.journal.submit(blocked, runtime._routes(blocked, None))
    asked = submission("click-note9", "add_note", [note("click-note9", "note", rental="R2")])
    runtime.journal.submit(asked, runtime._routes(asked, None))

    runtime.drain("memory:mem")

    assert runtime.action(asked.action_id).outcome is Outcome.SETTLED


class _Busy(Database):
    """A journal that is away for the next so many writes."""

    away = 0

    @contextmanager
    def write(self) -> Iterator[Any]:
        if self.away:
            self.away -= 1
            raise UnavailableError("the journal is busy", code="database_unavailable")
        with super().write() as connection:
            yield connection


@pytest.mark.parametrize(("away", "outcome"), [(3, Outcome.SETTLED), (100_000, Outcome.PENDING)])
def test_an_answer_is_kept_although_the_journal_is_away_when_it_comes(
    stage: Stage, away: int, outcome: Outcome
) -> None:
    database = _Busy(stage.url)
    runtime = stage.runtime(database=database)
    honest = stage.office.execute

    def busy(*args: Any) -> Any:
        receipt = honest(*args)
        database.away = away
        return receipt

    stage.office.execute = busy  # type: ignore[method-assign, assignment]

    view = runtime.submit(pay())

    assert view.outcome is outcome
    assert stage.payments() == 1
    database.close()


def test_what_may_still_appear_is_not_resolved_as_undone(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.LATE_COMMIT, after=timedelta(seconds=30))
    view = runtime.submit(pay())

    for word in (Outcome.NOT_SENT, Outcome.DECLINED):
        with pytest.raises(InputError, match="may still appear"):
            runtime.resolve(view.action_id, "payment", word, "not on the ledger", "staff:anna")
    assert stage.runtime().action(view.action_id).outcome is Outcome.PENDING

    stage.later(WINDOW)
    runtime.run_due()
    assert (runtime.action(view.action_id).outcome, stage.payments()) == (Outcome.SETTLED, 1)


class _Ahead(SystemClock):
    """The clock of a machine that is three minutes ahead."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=3)


@pytest.mark.postgresql
def test_a_machine_whose_clock_is_ahead_looks_no_earlier(
    postgres_journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgres_journal)
    ours, ahead = AgreedClock(database), AgreedClock(database)
    monkeypatch.setattr(ahead, "_local", _Ahead().now)

    assert abs(ours.now() - ahead.now()) < timedelta(seconds=2)
    monkeypatch.setattr(ours, "_local", _Ahead().now)  # this machine's clock is set while it runs
    assert abs(ours.now() - ahead.now()) < timedelta(seconds=2)
    assert isinstance(agreed(SystemClock(), database), AgreedClock)
    assert isinstance(agreed(_Ahead(), database), _Ahead)
    database.close()
