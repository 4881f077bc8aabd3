"""What people were told is what happened, stays so, and ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from pmsbridge.testing.history.case import Case, family
from pmsbridge.testing.history.seen import FAILED, FINAL, STATES, Answer, Booked, Step, Violation

__all__ = ["changed_minds", "errors", "lost", "reasons", "stuck", "told"]


def lost(case: Case) -> Iterable[Violation]:
    """Accepted, and at the end nowhere."""
    looked = [answer for answer in case.history.answers if answer.action and not answer.wish]
    if not looked or not case.history.finished:
        return
    at_the_end = {answer.action for answer in looked}
    for action in case.last:
        if action not in at_the_end:
            yield case.violation("lost", action, case.last[action])


def stuck(case: Case) -> Iterable[Violation]:
    """Still open at the end, with nobody told who could end it."""
    if not case.history.finished:
        return
    for action, answer in case.last.items():
        waits_for_a_person = any(step.outcome == "needs_review" for step in answer.steps if step.principal)
        is_open = [step.name for step in answer.steps if step.outcome == "pending"]
        if answer.outcome == "pending" or (is_open and not waits_for_a_person):
            yield case.violation("stuck", action, f"open at the end: {', '.join(is_open)}", answer)


def told(case: Case) -> Iterable[Violation]:
    """Told as done, and it was not; told as failed, and it was done."""
    for key, told in case.told.items():
        lie = next((lie for answer, step in told if (lie := _lie(case, answer, step))), None)
        if lie is not None and told[0][0].action not in case.misjudged:
            yield lie
        yield from _baseless_no(case, key, told)


def _lie(case: Case, answer: Answer, step: Step) -> Violation | None:
    rows = case.by_key.get(step.key, [])
    if step.outcome == "settled" and not _is_so(case, answer, step, rows):
        said = [s for s in case.spoken.get(answer.action, ()) if s.step == step.name and s.says == "settled"]
        kind = "told_done_but_not" if step.principal else "notice_lost"
        return None if said else case.violation(kind, answer.action, step, f"told at {answer.at}", *rows)
    if denied := [row for row in rows if row.subject in step.missing]:
        return case.violation("told_failed_but_done", answer.action, step, f"told at {answer.at}", *denied)
    if step.outcome in FAILED and (late := _not_asked_again(case, answer, rows)):
        return case.violation("told_failed_but_done", answer.action, step, f"told at {answer.at}", *late)
    return None


def _is_so(case: Case, answer: Answer, step: Step, rows: Sequence[Booked]) -> bool:
    if any(row.at <= answer.at for row in rows):
        return True
    return step.kind in STATES and _stood_so(case, answer, step)


def _stood_so(case: Case, answer: Answer, step: Step) -> bool:
    """A state that stood as wanted at some time since it was asked for is as good as written."""
    click = case.clicked.get(answer.key)
    if click is None or not click.amount:
        return False
    thing = family(step.kind), click.subject
    rows = case.written.get(thing, [])
    before = [row.what for row in rows if row.at <= click.at]
    stood = before[-1] if before else case.history.states.get(thing, "")
    return click.amount in {stood, *(row.what for row in rows if click.at < row.at <= answer.at)}


def _not_asked_again(case: Case, answer: Answer, rows: Sequence[Booked]) -> list[Booked]:
    """What was done although it was told as failed: unless somebody asked for it again after that."""
    again = [s.at for s in case.spoken.get(answer.action, ()) if s.says == "retry" and s.order >= answer.order]
    return [row for row in rows if not again or row.at < again[0]]


def _baseless_no(case: Case, key: str, told: Sequence[tuple[Answer, Step]]) -> Iterable[Violation]:
    answer, step = told[-1]
    said = any(s.step == step.name for s in case.spoken.get(answer.action, ()))
    if step.outcome != "declined" or said or step.kind == "send_mail":
        return
    if key not in case.refused:
        yield case.violation("declined_without_a_no", answer.action, step)


def changed_minds(case: Case) -> Iterable[Violation]:
    """A final answer stays, unless an operator spoke; and what an operator said stays."""
    for told in case.told.values():
        for (before, was), (after, now) in pairwise(told):
            is_final = was.outcome in FINAL or was.outcome == "needs_review"
            if is_final and now.outcome != was.outcome and not case.spoke_between(before.action, 0, after.order):
                yield case.violation(
                    "changed_mind", before.action, f"{was.name}: {was.outcome} at {before.at}, "
                    f"{now.outcome} at {after.at}",
                )  # fmt: skip
                break
    yield from _ignored(case)


def _ignored(case: Case) -> Iterable[Violation]:
    for action, statements in case.spoken.items():
        final = {said.step: said for said in statements if said.says != "retry"}
        if any(said.says == "retry" for said in statements):
            continue
        for said in final.values():
            step = case.step(action, said.step)
            if step is not None and step.outcome != said.says and case.last[action].order > said.order:
                yield case.violation("statement_ignored", action, said, step)


def reasons(case: Case) -> Iterable[Violation]:
    """Pending, without a word why or when something happens next."""
    for answer in case.history.answers:
        waiting = [step for step in answer.steps if step.principal and step.outcome == "pending"]
        if answer.outcome == "pending" and not any(step.reasoned for step in waiting):
            yield case.violation("pending_without_reason", answer.action, answer)


def errors(case: Case) -> Iterable[Violation]:
    """An error that is none of the library's."""
    for answer in case.history.answers:
        if answer.foreign:
            yield case.violation("foreign_error", answer.wish, answer.error)
