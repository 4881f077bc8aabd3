from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.actions.plan import When
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.standing import PARTLY, EffectState, Ended, action_outcome, is_partial, waits_for_a_person


@dataclass(frozen=True)
class Row:
    name: str = "a"
    state: EffectState = EffectState.DONE
    ended: Ended | None = Ended.SETTLED
    after: str | None = None
    when: When = When.SETTLED
    is_principal: bool = True
    emulates: str = ""
    code: str = ""


def done(ended: Ended, **fields: Any) -> Row:
    return Row(state=EffectState.DONE, ended=ended, **fields)


def still(state: EffectState, **fields: Any) -> Row:
    return Row(state=state, ended=None, **fields)


SETTLED, DECLINED, NOT_SENT = done(Ended.SETTLED), done(Ended.DECLINED), done(Ended.NOT_SENT)


@pytest.mark.parametrize(("rows", "outcome", "partial"), [
    ([SETTLED], Outcome.SETTLED, False),
    ([SETTLED, DECLINED], Outcome.DECLINED, True),
    ([SETTLED, NOT_SENT], Outcome.NOT_SENT, True),
    ([DECLINED, NOT_SENT], Outcome.DECLINED, False),
    ([NOT_SENT], Outcome.NOT_SENT, False),
    ([SETTLED, still(EffectState.UNKNOWN)], Outcome.PENDING, False),
    ([still(EffectState.REVIEW), still(EffectState.SENDING)], Outcome.PENDING, False),
    ([still(EffectState.REVIEW), SETTLED], Outcome.NEEDS_REVIEW, False),
    ([SETTLED, done(Ended.SKIPPED)], Outcome.SETTLED, False),
    ([SETTLED, done(Ended.NOT_SENT, is_principal=False)], Outcome.SETTLED, False),
    ([SETTLED, still(EffectState.REVIEW, is_principal=False)], Outcome.SETTLED, False),
    ([done(Ended.SETTLED, code=PARTLY)], Outcome.NOT_SENT, True),
    ([done(Ended.SETTLED, code=PARTLY), still(EffectState.REVIEW)], Outcome.NEEDS_REVIEW, True),
    ([done(Ended.SETTLED, code=PARTLY, is_principal=False), SETTLED], Outcome.SETTLED, False),
])  # fmt: skip
def test_the_outcome_follows_from_the_principal_steps(rows: list[Row], outcome: Outcome, partial: bool) -> None:
    assert action_outcome(rows) is outcome
    assert is_partial(rows) is partial


def test_what_waits_behind_a_review_does_not_make_the_action_pending() -> None:
    rows = [still(EffectState.REVIEW, name="a"), still(EffectState.WAITING, name="b", after="a")]

    assert waits_for_a_person(rows[1], rows)
    assert action_outcome(rows) is Outcome.NEEDS_REVIEW


@given(
    st.lists(
        st.sampled_from([SETTLED, DECLINED, NOT_SENT, still(EffectState.UNKNOWN), still(EffectState.REVIEW)]),
        min_size=1,
    )
)
def test_nothing_unfinished_is_ever_called_finished(rows: list[Row]) -> None:
    outcome = action_outcome(rows)

    assert (outcome is Outcome.PENDING) == any(row.state is EffectState.UNKNOWN for row in rows)
    if outcome is Outcome.SETTLED:
        assert all(row.ended is Ended.SETTLED for row in rows)
    if outcome.nothing_changed and not is_partial(rows):
        assert not any(row.ended is Ended.SETTLED for row in rows)
