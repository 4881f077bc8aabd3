"""What is left to a person is told to one: each time that somebody has to look, staff get their task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pmsbridge.testing.history.case import Case
from pmsbridge.testing.history.seen import Answer, Step, Violation

__all__ = ["untold"]


def untold(case: Case) -> Iterable[Violation]:
    """Told "the office will confirm", and the office was never told."""
    wanted = case.history.staff_told_by
    if not wanted or not case.history.finished:
        return
    times = _reviews(case)
    for action, number in times.items():
        added = _added(case, case.last[action])
        kinds = Counter(step.kind for step in added)
        missing = [kind for kind in wanted if kinds[kind] < number]
        if missing:
            yield case.violation("review_untold", action, f"{number} to look at, never planned: {', '.join(missing)}")
            continue
        # More may have been planned with it, and wait for what the person says.
        ended = Counter(step.kind for step in added if step.outcome != "pending")
        if waiting := [kind for kind in wanted if ended[kind] < number]:
            yield case.violation("review_untold", action, f"never delivered: {', '.join(waiting)}")


def _reviews(case: Case) -> Counter[str]:
    """By action, how often somebody had to look: a step that is unknown again after a retry is another time."""
    found: Counter[str] = Counter()
    for told in case.told.values():
        seen = [answer for answer, step in told if step.principal and step.outcome == "needs_review"]
        before: Answer | None = None
        for answer in seen:
            if before is None or _retried_between(case, before, answer):
                found[answer.action] += 1
            before = answer
    return found


def _retried_between(case: Case, one: Answer, other: Answer) -> bool:
    said = case.spoken.get(one.action, ())
    return any(statement.says == "retry" and one.order < statement.order < other.order for statement in said)


def _added(case: Case, answer: Answer) -> list[Step]:
    """The notices of an action that were not planned with it; what was planned comes first."""
    click = case.clicked.get(answer.key)
    planned = Counter(click.notices if click is not None else ())
    added = []
    for step in answer.steps:
        if step.principal:
            continue
        if planned[step.kind]:
            planned[step.kind] -= 1
        else:
            added.append(step)
    return added
