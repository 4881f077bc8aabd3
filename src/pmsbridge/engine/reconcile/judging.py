"""What a person should know about a day's payments, and what to do about it in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import pairwise

from pmsbridge.engine.reconcile.difference import Difference, Kind, Moment
from pmsbridge.engine.reconcile.matching import Asked, How, Matching, Pair, Shown, Standing, looks_like
from pmsbridge.engine.reconcile.one_step import is_one_of_several, steps_over_several
from pmsbridge.engine.reconcile.words import ask_gateway, at, how_sure, is_there, resolve_command, wish
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.ports.outcome import Outcome

__all__ = ["judge"]


def judge(matching: Matching, moment: Moment) -> tuple[Difference, ...]:
    """Everything the two sides differ in on these days, what needs a person first."""
    differences = [
        *steps_over_several(matching, moment),
        *_pairs(matching, moment),
        *_two_wishes(matching, moment),
        *_asked_alone(matching, moment),
        *_shown_alone(matching, moment),
    ]
    order = {kind: number for number, kind in enumerate(Kind)}
    within = (row for row in differences if moment.holds(row.day))
    return tuple(sorted(within, key=lambda row: (order[row.kind], row.day, row.rental_id, row.subject)))


# -- payments that were found ------------------------------------------------------------------------------------------


def _pairs(matching: Matching, moment: Moment) -> Iterator[Difference]:
    for pair in matching.pairs:
        if is_one_of_several(pair.asked):
            continue
        if pair.asked.standing is Standing.UNRESOLVED:
            yield _unresolved(pair, moment)
        elif pair.asked.standing is Standing.NOTHING_CHANGED:
            if pair.shown.holds_money:
                yield _told_otherwise(pair, moment)
        elif not pair.shown.holds_money:
            yield _reversed(pair)
        elif pair.shown.amount != pair.asked.amount:
            yield _other_amount(pair)


def _unresolved(pair: Pair, moment: Moment) -> Difference:
    asked, shown = pair.asked, pair.shown
    what = f"{wish(asked)} is unresolved, and {is_there(shown)} {how_sure(pair)}; read at {at(moment.read_at)}"
    if asked.outcome is Outcome.PENDING:
        return Difference.of(Kind.WAITING, [asked], [shown], what, "nothing yet: a worker looks for it by itself")
    if not shown.holds_money:
        evidence = f"{shown.name} of {shown.amount} on {shown.day.isoformat()} is {shown.state.value}"
        remedy = resolve_command(asked, Outcome.DECLINED, evidence)
        return Difference.of(Kind.UNRESOLVED, [asked], [shown], what, remedy)
    evidence = f"{shown.name} of {shown.amount} on {shown.day.isoformat()} on rental {shown.rental_id}"
    doubt = "look who paid it; if it is this one: " if pair.by is How.LOOKS else ""
    remedy = doubt + resolve_command(asked, Outcome.SETTLED, evidence)
    return Difference.of(Kind.UNRESOLVED, [asked], [shown], what, remedy)


def _told_otherwise(pair: Pair, moment: Moment) -> Difference:
    asked, shown = pair.asked, pair.shown
    what = f"{wish(asked)} ended {asked.outcome.value}, but {is_there(shown)} {how_sure(pair)}"
    remedy = (
        f"look who paid {shown.name}: if it is this one, tell the tenant that it was taken and not to pay again, or"
        f" {moment.undo(shown)}; if the tenant paid at the desk afterwards, close the finding"
    )
    return Difference.of(Kind.TOLD_OTHERWISE, [asked], [shown], what, remedy)


def _reversed(pair: Pair) -> Difference:
    asked, shown = pair.asked, pair.shown
    what = (
        f"{wish(asked)} was settled ({asked.evidence}), and the back office shows {shown.name} as {shown.state.value}"
    )
    remedy = "if the office took it back on purpose, close the finding; else enter the payment again in the back office"
    return Difference.of(Kind.REVERSED, [asked], [shown], what, remedy)


def _other_amount(pair: Pair) -> Difference:
    asked, shown = pair.asked, pair.shown
    what = f"{wish(asked)} was settled ({asked.evidence}), and {shown.name} says {shown.amount}"
    remedy = f"ask who changed {shown.name}; correct it in the back office, or tell the tenant"
    return Difference.of(Kind.OTHER_AMOUNT, [asked], [shown], what, remedy)


def _two_wishes(matching: Matching, moment: Moment) -> Iterator[Difference]:
    """Neighbours in time among settled payments of the same payer, rental and amount."""
    groups: dict[tuple[str, str, Money], list[Pair]] = {}
    for pair in matching.pairs:
        if pair.asked.standing is Standing.SETTLED and pair.shown.holds_money:
            groups.setdefault((pair.asked.tenant_id, pair.asked.rental_id, pair.asked.amount), []).append(pair)
    for group in groups.values():
        for first, second in pairwise(sorted(group, key=lambda pair: pair.asked.asked_at)):
            apart = second.asked.asked_at - first.asked.asked_at
            if first.asked.action_id != second.asked.action_id and apart <= moment.close_together:
                yield _twice(first, second, apart, moment)


def _twice(first: Pair, second: Pair, apart: timedelta, moment: Moment) -> Difference:
    minutes = int(apart.total_seconds() // 60)
    what = (
        f"the tenant asked twice for {first.asked.amount} on rental {first.asked.rental_id}, {minutes} minutes apart:"
        f" {first.asked.name} is {first.shown.name}, {second.asked.name} is {second.shown.name}"
    )
    undo = f"{moment.undo(second.shown)}{ask_gateway(second.asked)}"
    remedy = f"ask the tenant whether both were meant; if not, {undo}"
    return Difference.of(Kind.TWO_WISHES, [first.asked, second.asked], [first.shown, second.shown], what, remedy)


# -- payments that stand alone -----------------------------------------------------------------------------------------


def _asked_alone(matching: Matching, moment: Moment) -> Iterator[Difference]:
    for asked in matching.asked_alone:
        if asked.standing is Standing.SETTLED:
            yield _journal_only(asked, moment)
        elif asked.standing is Standing.UNRESOLVED and not is_one_of_several(asked):
            yield _nowhere(asked, moment)


def _journal_only(asked: Asked, moment: Moment) -> Difference:
    looked = f"no payment of {asked.amount} that fits shows on rental {asked.rental_id}, read at {at(moment.read_at)}"
    what = f"{wish(asked)} was settled ({asked.evidence}), and {looked}"
    shows_from = (asked.settled_at or asked.asked_at) + moment.settle_window
    if moment.read_at < shows_from:
        return Difference.of(Kind.WAITING, [asked], [], what, f"look again after {at(shows_from)}: it may not show yet")
    remedy = "look into the rental's history: if the office deleted it, ask why and tell the tenant; " + (
        f"the gateway took the money under {asked.means.reference}, so enter it again or have the gateway return it"
        if isinstance(asked.means, ExternalPayment)
        else "if it should be there, ask the card processor whether the money was taken, and enter the payment again"
    )
    return Difference.of(Kind.JOURNAL_ONLY, [asked], [], what, remedy)


def _nowhere(asked: Asked, moment: Moment) -> Difference:
    what = f"{wish(asked)} is unresolved, and nothing like it shows on the rental, read at {at(moment.read_at)}"
    if not asked.is_resolvable or asked.outcome is Outcome.PENDING:
        return Difference.of(
            Kind.WAITING, [asked], [], what, "nothing yet: a worker sends it, or looks for it, by itself"
        )
    evidence = f"no such payment on rental {asked.rental_id} at {at(moment.read_at)}"
    command = resolve_command(asked, Outcome.NOT_SENT, evidence)
    remedy = f"ask the card processor too; if the money was not taken: {command}"
    return Difference.of(Kind.UNRESOLVED, [asked], [], what, remedy)


def _shown_alone(matching: Matching, moment: Moment) -> Iterator[Difference]:
    for shown in matching.shown_alone:
        like = [p for p in matching.pairs if p.shown.holds_money and looks_like(p.asked, shown)]
        if like and shown.holds_money:
            yield _double(_nearest(like, shown), shown, moment, matching.shown_alone)
        else:
            state = "" if shown.holds_money else f", which is {shown.state.value}"
            what = f"{is_there(shown)}{state}, and nobody asked us for it"
            yield Difference.of(Kind.VENDOR_ONLY, [], [shown], what, "nothing, when it was entered at the desk")


def _nearest(pairs: Iterable[Pair], shown: Shown) -> Pair:
    return min(pairs, key=lambda pair: (abs(pair.shown.day - shown.day), pair.asked.order))


def _double(pair: Pair, extra: Shown, moment: Moment, alone: Iterable[Shown]) -> Difference:
    asked = pair.asked
    what = f"{wish(asked)} is {pair.shown.name}, and {is_there(extra)} for which there is no other wish"
    back = [row.name for row in alone if not row.holds_money and _same(row, extra)]
    hint = f"; {', '.join(back)} takes money back: if that is for this one, close the finding" if back else ""
    remedy = f"if nobody entered it at the desk, {moment.undo(extra)}{ask_gateway(asked)}{hint}"
    return Difference.of(Kind.DOUBLE, [asked], [pair.shown, extra], what, remedy)


def _same(one: Shown, other: Shown) -> bool:
    return (one.rental_id, one.amount) == (other.rental_id, other.amount)
