from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import SetConsent
from pmsbridge.actions.plan import Submission
from pmsbridge.errors import UnavailableError
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.journal import FencedError
from pmsbridge.store.stored import Change, Route, Writing
from pmsbridge.testing.memory import Fault
from tests.engine.stage import LONG_LEASE, Stage, action_id, at, edit, mail, pay, step, submission, take


def _together(jobs: list[Callable[[], object]]) -> list[object]:
    """Run in threads that start at once."""
    barrier, results = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], object]) -> None:
        barrier.wait()
        results.append(job())

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_two_drainers_of_one_lane_deliver_every_effect_once(stage: Stage) -> None:
    first, second = stage.runtime(), stage.runtime()
    for n in range(12):
        tenant = f"T{n % 3 + 1}"
        submitted = pay(f"click-{n:04}", tenant=tenant, rental=f"R{n % 3 + 1}", amount=f"{n + 1}.00")
        first.journal.submit(submitted, {"payment": Route("memory:mem")})

    for _ in range(4):
        _together([partial(r.drain, "memory:mem") for r in (first, second) for _ in range(2)])

    assert stage.payments() == 12
    assert len({row.key for row in stage.office.applied}) == 12
    assert first.counts().open_effects == 0


def test_the_same_click_from_many_threads_pays_once(stage: Stage) -> None:
    runtimes = [stage.runtime() for _ in range(4)]

    views = _together([partial(r.submit, pay()) for r in runtimes for _ in range(2)])

    assert len({view.action_id for view in views}) == 1  # type: ignore[attr-defined]
    assert stage.payments() == 1


def test_clicks_with_new_keys_from_many_threads_pay_once_while_unconfirmed(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER, times=99)
    runtime = stage.runtime()

    _together([partial(runtime.submit, pay(f"click-{n:04}")) for n in range(8)])

    assert stage.payments() == 1
    assert len(runtime.actions()) == 1


def test_a_worker_whose_lane_was_taken_over_cannot_write(stage: Stage) -> None:
    runtime = stage.runtime()
    journal = runtime.journal
    journal.submit(pay(), {"payment": Route("memory:mem")})
    old = journal.claim("memory:mem", "old", timedelta(seconds=60))
    assert old is not None
    sending = stage.mark_sending(journal, old)
    stage.later(timedelta(seconds=61))
    new = journal.claim("memory:mem", "new", timedelta(seconds=60))

    assert new is not None
    assert new.epoch == old.epoch + 1
    with pytest.raises(FencedError), journal.turn(old) as turn:
        turn.record(Writing(sending, Change.declined("late")))
    with pytest.raises(FencedError):
        stage.mark_sending(journal, old)
    journal.release(old)
    assert journal.claim("memory:mem", "third", timedelta(seconds=60)) is None
    assert journal.action(action_id("click-0001")).outcome is Outcome.PENDING


def test_a_write_renews_the_lease(stage: Stage) -> None:
    journal = stage.runtime().journal
    journal.submit(pay(), {"payment": Route("memory:mem")})
    held = journal.claim("memory:mem", "one", timedelta(seconds=60))
    assert held is not None
    stage.later(timedelta(seconds=50))
    stage.mark_sending(journal, held)
    stage.later(timedelta(seconds=50))

    assert journal.claim("memory:mem", "two", timedelta(seconds=60)) is None


def test_an_effect_a_person_resolved_meanwhile_is_not_overwritten(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.fail(Fault.DROP_AFTER)
    view = runtime.submit(pay())
    stale = runtime.journal.action(view.action_id).effects[0]
    runtime.resolve(view.action_id, "payment", Outcome.SETTLED, "seen on the ledger", "staff:anna")

    held = runtime.journal.claim("memory:mem", "w", timedelta(seconds=60))
    assert held is not None
    with pytest.raises(FencedError), runtime.journal.turn(held) as turn:
        turn.record(Writing(stale, Change.declined("wrong")))
    assert runtime.action(view.action_id).outcome is Outcome.SETTLED


def test_a_person_waits_a_moment_for_a_lane_somebody_else_is_using(stage: Stage) -> None:
    runtime = stage.runtime()
    held = runtime.journal.claim("memory:mem", "another click", timedelta(seconds=60))
    assert held is not None
    honest, naps = stage.clock.sleep, [0.0]

    def sleeping(seconds: float) -> None:
        naps.append(seconds)
        honest(seconds)
        if len(naps) == 10:
            runtime.journal.release(held)

    stage.clock.sleep = sleeping  # type: ignore[method-assign]

    assert runtime.submit(pay()).outcome is Outcome.SETTLED
    assert sum(naps) < 1


def test_nobody_waits_for_an_unknown_outcome_unless_asked_to(stage: Stage) -> None:
    stage.office.fail(Fault.DROP_AFTER)
    began = stage.clock.monotonic()

    stage.runtime().submit(pay())

    assert stage.clock.monotonic() == began


def test_a_lane_is_held_by_one_at_a_time(stage: Stage) -> None:
    journal = stage.runtime().journal
    claims = _together([partial(journal.claim, "lane", f"w{n}", timedelta(seconds=60)) for n in range(8)])

    assert len([held for held in claims if held is not None]) == 1


def test_no_transaction_is_open_during_a_call(stage: Stage) -> None:
    runtime = stage.runtime()
    honest = stage.office.execute

    def writing(*args: object) -> object:
        with stage.database.write() as connection:
            connection.exec_driver_sql("select 1")
        return honest(*args)  # type: ignore[arg-type]

    stage.office.execute = writing  # type: ignore[method-assign, assignment]

    assert runtime.submit(pay()).outcome is Outcome.SETTLED


def test_a_drain_that_used_its_budget_lets_others_have_the_lane(stage: Stage) -> None:
    runtime = stage.runtime(drain_budget=timedelta(seconds=10))
    pokes: list[str] = []
    for n in range(6):
        runtime.journal.submit(
            pay(f"click-{n:04}", tenant=f"T{n % 3 + 1}", rental=f"R{n}", amount=f"{n + 1}.00"),
            {"payment": Route("memory:mem")},
        )
    honest = stage.office.execute

    def slow(*args: object) -> object:
        stage.later(timedelta(seconds=6))
        return honest(*args)  # type: ignore[arg-type]

    stage.office.execute = slow  # type: ignore[method-assign, assignment]
    runtime.on_poke = lambda lane, when: pokes.append(lane)

    result = runtime.drain("memory:mem")

    assert result.delivered == 2
    assert pokes == ["memory:mem"]
    assert runtime.journal.claim("memory:mem", "other", timedelta(seconds=1)) is not None


def test_a_slot_runs_once_in_two_runtimes(stage: Stage) -> None:
    ran: list[str] = []
    runtimes = [stage.runtime(), stage.runtime()]
    for number, runtime in enumerate(runtimes):
        runtime.jobs["nightly"] = partial(_noted, ran, str(number))

    results = _together([partial(r.tick, "nightly", at(2)) for r in runtimes])

    assert sorted(results) == [False, True]  # type: ignore[type-var]
    assert len(ran) == 1
    assert runtimes[0].runs.last_success("nightly") == at(2)


def test_a_slot_whose_process_died_is_taken_over_after_its_lease(stage: Stage) -> None:
    dead, alive = stage.runtime(), stage.runtime()
    dead.jobs["nightly"] = _dies
    alive.jobs["nightly"] = lambda _slot, _beat: None
    with pytest.raises(SystemExit):
        dead.tick("nightly", at(2))

    assert not alive.tick("nightly", at(2))
    stage.later(timedelta(minutes=16))
    assert alive.tick("nightly", at(2))
    assert not alive.tick("nightly", at(2))


def _noted(ran: list[str], who: str, *_: object) -> None:
    ran.append(who)


def _dies(*_args: object) -> None:
    raise SystemExit


def test_a_failed_job_is_kept_with_its_reason_and_does_not_run_again_by_itself(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.jobs["nightly"] = lambda _slot, _beat: (_ for _ in ()).throw(ValueError("secret 4111111111111111"))

    assert runtime.tick("nightly", at(2))
    assert not runtime.tick("nightly", at(2))
    assert runtime.runs.last_success("nightly") is None
    assert runtime.runs.unfinished("nightly") == (at(2),)
    assert b"4111111111111111" not in stage.bytes_on_disk()


def test_a_sweep_without_workers_does_the_work(stage: Stage, tmp_path: Path) -> None:
    runtime = stage.runtime()
    runtime.journal.submit(pay(), {"payment": Route("memory:mem")})

    assert runtime.sweep() == 1
    assert runtime.sweep() == 0
    assert stage.payments() == 1


def test_a_sweep_finds_an_effect_left_in_the_middle_of_a_send(stage: Stage) -> None:
    journal = stage.runtime().journal
    journal.submit(pay(), {"payment": Route("memory:mem")})
    held = journal.claim("memory:mem", "dead", timedelta(seconds=60))
    assert held is not None
    quiet = stage.clock.now() + timedelta(days=1)
    stage.mark_sending(journal, held, quiet_until=quiet)

    assert journal.due_lanes() == ()
    stage.later(LONG_LEASE)
    assert journal.due_lanes() == ("memory:mem",)


def _two_steps(key: str = "click-0002") -> Submission:
    first = take(key, tenant="T2", rental="R2")
    told = SetConsent(
        account="mem", facility="F1", tenant_id="T2", channel=ConsentChannel.EMAIL,
        purpose=ConsentPurpose.MARKETING, granted=True,
    )  # fmt: skip
    second = step(key, "then", told, tenant="T2", after="payment")
    return submission(key, "pay_rental", [first, second], tenant="T2")


def test_what_a_person_retries_during_a_send_is_not_skipped_by_what_was_decided_before(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.journal.submit(pay(), {"payment": Route("memory:mem")})
    later = _two_steps()
    runtime.journal.submit(later, {"payment": Route("memory:mem"), "then": Route("memory:mem")})
    runtime.journal.give_up(later.plan.steps[0].key, "nobody there", "lane_busy")
    done: list[tuple[str, ...]] = []
    honest = stage.office.execute

    def retrying(*args: object) -> object:
        if not done:
            done.append(runtime.journal.retry(later.action_id, "staff:anna"))
        return honest(*args)  # type: ignore[arg-type]

    stage.office.execute = retrying  # type: ignore[method-assign, assignment]
    runtime.run_due()

    assert done == [("payment",)]
    assert {s.name: s.outcome for s in runtime.action(later.action_id).steps} == {
        "payment": Outcome.SETTLED, "then": Outcome.SETTLED,
    }  # fmt: skip
    assert stage.payments() == 2


def test_an_outcome_is_kept_although_somebody_wrote_about_the_action_during_the_call(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.journal.submit(edit(), {name: Route("memory:mem") for name in ("edit", "mail", "bulletin", "note")})
    honest, clicks = stage.office.execute, iter(range(9))

    def attaching(*args: object) -> object:
        click = pay(f"click-again-{next(clicks)}", intent="again")
        runtime.journal.attach(click, action_id("click-edit"), "tenant")
        return honest(*args)  # type: ignore[arg-type]

    stage.office.execute = attaching  # type: ignore[method-assign, assignment]
    runtime.run_due()

    events = [entry.event for entry in runtime.trail(action_id("click-edit"))]
    assert events.count("attached") == 3
    assert events.count("settled") == 4
    assert "unknown" not in events
    assert len(stage.office.applied) == 3
    assert runtime.verify_trail(action_id("click-edit"))


def test_somebody_who_writes_while_a_lane_is_being_taken_stops_nobody(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.journal.submit(edit(), {name: Route("memory:mem") for name in ("edit", "mail", "bulletin", "note")})
    honest, clicks = runtime.journal.taking, iter(range(1))

    def attaching(*wanted: Any) -> Any:
        for number in clicks:
            runtime.journal.attach(pay(f"click-again-{number}", intent="again"), action_id("click-edit"), "tenant")
        return honest(*wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime.journal, "taking", attaching)
        runtime.run_due()

    assert runtime.action(action_id("click-edit")).outcome is Outcome.SETTLED
    assert len(stage.office.applied) == 3


def test_what_is_submitted_while_a_lane_is_held_is_done_by_whoever_holds_it(stage: Stage) -> None:
    runtime, other = stage.runtime(), stage.runtime()
    asked = [pay(f"click-000{n}", amount=f"{n}.00", rental=f"R{n}") for n in (1, 2)]
    runtime.journal.submit(asked[0], {"payment": Route("memory:mem")})
    honest, came = stage.office.execute, list[bool]()

    def during(*args: object) -> object:
        if not came:
            runtime.journal.submit(asked[1], {"payment": Route("memory:mem")})
            came.append(other.drain("memory:mem").busy)  # the only one who was told goes away again
        return honest(*args)  # type: ignore[arg-type]

    stage.office.execute = during  # type: ignore[method-assign, assignment]
    runtime.drain("memory:mem")

    assert came == [True]
    assert [runtime.action(each.action_id).outcome for each in asked] == [Outcome.SETTLED] * 2


def test_who_loses_an_effect_to_a_person_looks_once_more_before_going_away(stage: Stage) -> None:
    runtime, other = stage.runtime(), stage.runtime()
    asked = [pay(f"click-000{n}", amount=f"{n}.00", rental=f"R{n}") for n in (1, 2)]
    stage.office.fail(Fault.DROP_AFTER, times=1)
    runtime.journal.submit(asked[0], {"payment": Route("memory:mem")})
    runtime.drain("memory:mem")
    stage.later(timedelta(hours=1))
    honest, came = stage.adapter.probe, list[bool]()

    def during(*args: object) -> object:
        if not came:
            runtime.journal.submit(asked[1], {"payment": Route("memory:mem")})
            other.journal.resolve(asked[0].action_id, "payment", Outcome.SETTLED, "on the ledger", "staff:anna")
            came.append(other.drain("memory:mem").busy)
        return honest(*args)  # type: ignore[arg-type]

    stage.adapter.probe = during  # type: ignore[method-assign, assignment]
    runtime.drain("memory:mem")

    assert came == [True]
    assert [runtime.action(each.action_id).outcome for each in asked] == [Outcome.SETTLED] * 2


def test_a_lane_whose_taking_got_no_answer_is_let_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, other = stage.runtime(), stage.runtime()
    asked = pay()
    runtime.journal.submit(asked, {"payment": Route("memory:mem")})
    honest = runtime.journal.taking

    @contextmanager
    def unanswered(*wanted: Any) -> Iterator[Any]:
        with honest(*wanted) as turn:
            yield turn
        message = "the connection broke"
        raise UnavailableError(message, code="database_unavailable")

    monkeypatch.setattr(runtime.journal, "taking", unanswered)
    with pytest.raises(UnavailableError):
        runtime.drain("memory:mem")

    assert not other.drain("memory:mem").busy
    stage.later(timedelta(hours=1))
    other.drain("memory:mem")
    assert other.action(asked.action_id).outcome is Outcome.SETTLED
    assert stage.payments() == 1


def test_a_notice_in_another_lane_is_woken_when_what_it_waits_for_is_over(stage: Stage) -> None:
    runtime = stage.runtime()
    key = "click-0001"
    notice = mail(key, "mail", after="payment", is_principal=False)
    asked = submission(key, "pay_rental", [take(key), notice])
    runtime.journal.submit(asked, {"payment": Route("memory:mem"), "mail": Route("mail")})
    pokes: list[str] = []
    runtime.on_poke = lambda lane, _when: pokes.append(lane)

    runtime.drain("memory:mem")

    assert "mail" in pokes


def test_a_run_whose_process_ends_in_order_is_taken_over_at_once(stage: Stage) -> None:
    first, second = stage.runtime(), stage.runtime()
    started = first.runs.start("nightly", at(2), str(first._owner), timedelta(minutes=15))
    assert started
    second.jobs["nightly"] = lambda _slot, _beat: None
    assert not second.tick("nightly", at(2))

    assert first.let_go() == 1

    assert second.tick("nightly", at(2))
