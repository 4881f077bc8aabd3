from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import delete, select, text, update

from pmsbridge.actions.plan import Submission
from pmsbridge.errors import NotFoundError, RejectedError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.audit import Audit
from pmsbridge.store.stored import Change, Route, Writing
from pmsbridge.store.tables import trail
from tests.engine.stage import Stage, action_id, pay


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _paid(stage: Stage) -> str:
    return stage.runtime().submit(pay()).action_id


def test_everything_that_happened_is_in_the_trail_in_order(stage: Stage) -> None:
    entries = stage.runtime().trail(_paid(stage))

    assert [entry.event for entry in entries] == ["submitted", "sending", "settled"]
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert stage.runtime().verify_trail(entries[0].action_id)


@pytest.mark.parametrize("column", ["event", "data", "at", "prev_hash", "hash"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_flipped_byte_anywhere_is_found(stage: Stage, column: str, number: int) -> None:
    action = _paid(stage)
    with stage.database.write() as connection:
        where = f"action_id = '{action}' and number = {number}"
        old = connection.execute(text(f"select {column} from pmsbridge_trail where {where}")).scalar() or "x"  # noqa: S608
        new = old[:-2] + ("7" if old[-2:-1] != "7" else "8") + old[-1:] if old != "x" else "y"
        connection.execute(text(f"update pmsbridge_trail set {column} = :new where {where}"), {"new": new})  # noqa: S608

    assert not stage.runtime().verify_trail(action)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_entry_is_found_even_at_the_end(stage: Stage, number: int) -> None:
    action = _paid(stage)
    with stage.database.write() as connection:
        connection.execute(delete(trail).where(trail.c.action_id == action, trail.c.number == number))

    assert not stage.runtime().verify_trail(action)


def test_an_action_that_is_not_there_has_no_trail(stage: Stage) -> None:
    assert not stage.runtime().verify_trail("act_none")
    with pytest.raises(NotFoundError):
        stage.runtime().trail("act_none")


def test_a_card_number_in_a_vendors_answer_reaches_neither_trail_nor_effect(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.journal.submit(pay(), {"payment": Route("memory:mem")})
    held = runtime.journal.claim("memory:mem", "w", runtime.lease)
    assert held is not None
    effect = runtime.journal.action(action_id("click-0001")).effects[0]
    change = Change.declined("card 4111 1111 1111 1111 refused", "4111111111111111")
    with runtime.journal.turn(held) as turn:
        turn.record(Writing(effect, change))

    view = runtime.action(action_id("click-0001"))
    assert view.steps[0].outcome is Outcome.DECLINED
    assert "4111 1111" not in view.steps[0].message
    assert b"4111111111111111" not in stage.bytes_on_disk()
    assert b"4111 1111 1111 1111" not in stage.bytes_on_disk()


def test_the_listing_filters_and_counts(stage: Stage) -> None:
    runtime = stage.runtime()
    runtime.submit(pay("click-0001"))
    runtime.submit(pay("click-0002", tenant="T2", rental="R2"))

    from pmsbridge.store.journal import ActionFilter

    assert [view.tenant_id for view in runtime.actions()] == ["T2", "T1"]
    assert [view.tenant_id for view in runtime.actions(ActionFilter(tenant_id="T1"))] == ["T1"]
    assert runtime.actions(ActionFilter(outcome=Outcome.PENDING)) == ()
    assert len(runtime.actions(ActionFilter(limit=1))) == 1
    assert runtime.counts().by_outcome == {Outcome.SETTLED: 2}
    assert runtime.counts().oldest_pending_at is None


def test_the_hash_covers_the_time(stage: Stage) -> None:
    action = _paid(stage)
    with stage.database.write() as connection:
        at = connection.execute(select(trail.c.at).where(trail.c.number == 1)).scalar_one()
        connection.execute(update(trail).where(trail.c.number == 1).values(at=at.replace(year=2020)))

    assert not stage.runtime().verify_trail(action)
    assert Submission.id_for("mem", "F1", "T1", "click-0001") == action


def test_what_no_database_holds_stops_no_outcome_and_looks_like_no_tampering(stage: Stage) -> None:
    runtime = stage.runtime()
    stage.office.execute = _odd  # type: ignore[method-assign, assignment]

    view = runtime.submit(pay())

    assert view.outcome is Outcome.DECLINED
    assert view.steps[0].message == "no \ufffd half \ufffd"
    assert runtime.verify_trail(view.action_id)
    assert list(Audit(stage.database).troubles()) == []


def _odd(*_args: object) -> NoReturn:
    raise RejectedError("no \x00 half \ud800")
