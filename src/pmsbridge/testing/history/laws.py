"""Each notice once, no card twice, nothing vacated, everything in order and one at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import permutations

from pmsbridge.testing.history.case import Case, family
from pmsbridge.testing.history.seen import STATES, Answer, Booked, Click, Request, Violation

__all__ = ["notices", "order", "overlaps", "sealed", "vacated"]


def notices(case: Case) -> Iterable[Violation]:
    """Each notice of a settled action is there, and no mail is there as two different ones."""
    for action, answer in case.last.items():
        click = case.clicked.get(answer.key)
        kinds = {step.kind for step in answer.steps if not step.skipped}
        missing = sorted(set(click.notices) - kinds) if click is not None else []
        if answer.outcome == "settled" and missing:
            yield case.violation("notice_lost", action, f"never planned: {', '.join(missing)}")
    for key, rows in case.by_key.items():
        if rows[0].kind == "send_mail" and len({row.subject for row in rows}) > 1:
            yield case.violation("notice_doubled", case.action_of(key), *rows)


def sealed(case: Case) -> Iterable[Violation]:
    """A card, a bank account or a password is sent once."""
    sends = Counter(request.key for request in case.history.requests if request.sealed)
    for key, times in sends.items():
        if times > 1:
            yield case.violation("sealed_resent", case.action_of(key), f"sent {times} times under {key}")


def vacated(case: Case) -> Iterable[Violation]:
    """Nothing of ours ends a rental."""
    for row in case.history.booked:
        if row.kind == "vacate":
            yield case.violation("vacate_called", case.action_of(row.key), row)
    for request in case.history.requests:
        if request.kind == "vacate":
            yield case.violation("vacate_called", case.action_of(request.key), request)


def order(case: Case) -> Iterable[Violation]:
    """Two changes of one thing are done in the order in which they were accepted."""
    accepted: dict[str, int] = {}
    for answer in case.history.answers:
        if answer.action:
            accepted.setdefault(answer.action, answer.order)
    changes: dict[tuple[str, str], list[tuple[Click, Answer]]] = defaultdict(list)
    for answer in case.last.values():
        click = case.clicked.get(answer.key)
        if click is not None and click.kind in STATES and not case.spoken.get(answer.action):
            changes[family(click.kind), click.subject].append((click, answer))
    for pairs in changes.values():
        for (_, first), (click, then) in permutations(pairs, 2):
            if accepted[first.action] < click.order:
                yield from _overtaken(case, first, then)


def _overtaken(case: Case, first: Answer, then: Answer) -> Iterable[Violation]:
    late, early = _principal_rows(case, first), _principal_rows(case, then)
    if late and early and late[-1].at > early[0].at:
        yield case.violation("order", first.action, f"{then.action} overtook it", *late, *early)


def _principal_rows(case: Case, answer: Answer) -> list[Booked]:
    keys = [step.key for step in answer.steps if step.principal and step.kind in STATES]
    return [row for key in keys for row in case.by_key.get(key, [])]


def overlaps(case: Case) -> Iterable[Violation]:
    """One write at a time in a lane."""
    until: dict[str, Request] = {}
    for request in sorted(case.history.requests, key=lambda r: (r.began, r.ended)):
        before = until.get(request.lane)
        if before is not None and request.began < before.ended:
            yield case.violation("overlap", case.action_of(request.key), before, request)
        if before is None or request.ended > before.ended:
            until[request.lane] = request
