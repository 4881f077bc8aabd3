"""What was wished for is done once, and nothing else is done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pmsbridge.testing.history.case import Case
from pmsbridge.testing.history.seen import NOTICES, Booked, RequestAnswer, Violation

__all__ = ["answered_twice", "doubles", "overpaid", "phantoms"]


def doubles(case: Case) -> Iterable[Violation]:
    """One intent, carried out twice: by one key, or by two actions for one wish."""
    for key, rows in case.by_key.items():
        kind, times = rows[0].kind, Counter(row.subject for row in rows)
        if kind == "send_mail" or max(times.values()) == 1:
            continue
        action = case.action_of(key)
        if action not in case.misjudged:
            yield case.violation(_name_double(case, kind, action, rows), action, *rows)
    yield from _doubled_wishes(case)


def _name_double(case: Case, kind: str, action: str, rows: Sequence[Booked]) -> str:
    if kind in NOTICES:
        return "notice_doubled"
    answer = case.last.get(action)
    notices = {s.key for s in answer.steps if not s.principal} if answer else set()
    began = min((r.began for r in case.history.requests if r.key in notices), default=None)
    return "edit_repeated_by_notice" if began is not None and rows[-1].at >= began else "double"


def _doubled_wishes(case: Case) -> Iterable[Violation]:
    paid: dict[tuple[str, str], list[Booked]] = defaultdict(list)
    for row in case.history.booked:
        if row.key and row.kind == "take_payment":
            action = case.action_of(row.key)
            for wish in sorted(case.makers.get(action, ())):
                paid[wish, row.subject].append(row)
    for (wish, subject), rows in paid.items():
        once = {row.key for number, row in enumerate(rows) if not _pays_the_rest(case, rows[:number], row)}
        if len(once) > 1 and wish not in case.excused_wishes:
            yield case.violation("double", wish, f"{subject} was paid by {len(rows)} payments", *rows)


def _pays_the_rest(case: Case, before: Sequence[Booked], row: Booked) -> bool:
    """Whether all that is due was asked for anew, once what was paid before was booked.

    Money that another payment held back may have come free meanwhile; ``overpaid`` sees to it that it was due.
    """
    click = case.clicked.get(case.last[case.action_of(row.key)].key)
    return bool(before) and click is not None and not click.amount and click.at > max(each.at for each in before)


def overpaid(case: Case) -> Iterable[Violation]:
    """More taken than was ever due."""
    taken: dict[str, list[Booked]] = defaultdict(list)
    for row in case.history.booked:
        if row.key and row.kind == "take_payment":
            taken[row.subject].append(row)
    for rental, rows in taken.items():
        total = sum((Decimal(row.what) for row in rows), Decimal(0))
        is_excused = any(case.action_of(row.key) in case.misjudged for row in rows)
        if total > case.history.owed.get(rental, Decimal(0)) and not is_excused:
            owed = case.history.owed.get(rental, Decimal(0))
            yield case.violation("double", rental, f"{total} taken of {owed} due", *rows)


def phantoms(case: Case) -> Iterable[Violation]:
    """Done, and nobody asked for it."""
    amounts: dict[str, set[str]] = defaultdict(set)
    for click in case.history.clicks:
        amounts[click.wish].add(click.amount)
    for key, rows in case.by_key.items():
        action = case.action_of(key)
        if not action or not case.wishes.get(action):
            yield case.violation("phantom", action or key, *rows)
            continue
        if case.last[action].key in case.history.withdrawn:
            yield case.violation("phantom", action, "the portal had rolled it back", *rows)
            continue
        wanted = set().union(*(amounts[wish] for wish in case.wishes[action]))
        # A click without an amount is for all that is due, and another one may have been attached to it.
        if rows[0].kind == "take_payment" and "" not in wanted and rows[0].what not in wanted:
            yield case.violation("phantom", action, f"{sorted(wanted)} was wanted", *rows)


def answered_twice(case: Case) -> Iterable[Violation]:
    """A request of the office is paid or withdrawn, never both, and paid once.

    Who misjudged a payment that was booked is excused. A withdrawal is final however its mail ends, so what is said of
    it excuses nothing.
    """
    booked: dict[str, list[Booked]] = defaultdict(list)
    for row in case.history.booked:
        if row.key and row.kind == "take_payment":
            booked[case.action_of(row.key)].append(row)
    answers: dict[str, list[RequestAnswer]] = defaultdict(list)
    for answer in case.history.request_answers:
        answers[answer.request].append(answer)
    for request, given in answers.items():
        paid = [each.action for each in given if not each.withdraws and booked[each.action]]
        is_withdrawn = any(each.withdraws for each in given)
        is_excused = any(action in case.misjudged for action in paid)
        if paid and len(paid) + is_withdrawn > 1 and not is_excused:
            yield case.violation("request_answered_twice", request, *given, *(booked[action][0] for action in paid))
