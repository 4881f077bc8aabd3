"""An unresolved step that pays several rentals: one difference and one remedy, whatever became of each part. Pure.

A person ends a step, not a part of it: two commands for one step would contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pmsbridge.engine.reconcile.difference import Difference, Kind, Moment
from pmsbridge.engine.reconcile.matching import Asked, How, Matching, Pair, Standing
from pmsbridge.engine.reconcile.words import at, how_sure, is_there, resolve_command
from pmsbridge.model.money import sum_money
from pmsbridge.ports.outcome import Outcome

__all__ = ["is_one_of_several", "steps_over_several"]


def is_one_of_several(asked: Asked) -> bool:
    """It is a part of a step that is judged as a whole."""
    return len(asked.rentals) > 1 and asked.standing is Standing.UNRESOLVED


def steps_over_several(matching: Matching, moment: Moment) -> Iterator[Difference]:
    """One difference for each unresolved step that pays several rentals."""
    steps: dict[str, _Step] = {}
    for pair in matching.pairs:
        if is_one_of_several(pair.asked):
            steps.setdefault(pair.asked.name, _Step()).pairs.append(pair)
    for asked in matching.asked_alone:
        if is_one_of_several(asked):
            steps.setdefault(asked.name, _Step()).alone.append(asked)
    for step in steps.values():
        yield step.judged(moment)


@dataclass(slots=True)
class _Step:
    """What was found of the parts of one step.

    Attributes:
        pairs: Parts with what they are in the back office.
        alone: Parts that are nowhere.
    """

    pairs: list[Pair] = field(default_factory=list)
    alone: list[Asked] = field(default_factory=list)

    def judged(self, moment: Moment) -> Difference:
        asked = sorted([*(pair.asked for pair in self.pairs), *self.alone], key=lambda row: row.order)
        is_waiting = any(row.outcome is Outcome.PENDING or not row.is_resolvable for row in asked)
        unread = [rental for rental in asked[0].rentals if rental not in {row.rental_id for row in asked}]
        if is_waiting:
            remedy = "nothing yet: a worker sends it, or looks for it, by itself"
        elif unread:
            remedy = f"compare again when the payments of rental {', '.join(unread)} can be read; decide then"
        else:
            remedy = self._remedy(asked[0], moment)
        kind = Kind.WAITING if is_waiting else Kind.UNRESOLVED
        found = Difference.of(kind, asked, [pair.shown for pair in self.pairs], self._what(asked, moment), remedy)
        return replace(
            found,
            rental_id=", ".join(row.rental_id for row in asked),
            unit_number=", ".join(row.unit_number for row in asked if row.unit_number),
            amount=sum_money((row.amount for row in asked), asked[0].amount.currency),
        )

    @property
    def _paid(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.shown.holds_money]

    def _what(self, asked: Sequence[Asked], moment: Moment) -> str:
        head = f"{asked[0].name} over {len(asked[0].rentals)} rentals, asked for at {at(asked[0].asked_at)}"
        parts = [
            *(f"{_part(pair.asked)}: {is_there(pair.shown)}{_gone(pair)} {how_sure(pair)}" for pair in self.pairs),
            *(f"{_part(row)}: nothing like it shows" for row in self.alone),
        ]
        return f"{head}, is unresolved; read at {at(moment.read_at)}; {'; '.join(parts)}"

    def _remedy(self, asked: Asked, moment: Moment) -> str:
        paid, gone = self._paid, [pair for pair in self.pairs if not pair.shown.holds_money]
        evidence = "; ".join([
            *(f"{pair.shown.name} of {pair.shown.amount} on rental {pair.shown.rental_id}" for pair in paid),
            *(f"{pair.shown.name} on rental {pair.shown.rental_id} is {pair.shown.state.value}" for pair in gone),
            *(f"nothing on rental {row.rental_id} at {at(moment.read_at)}" for row in self.alone),
        ])  # fmt: skip
        if not paid:
            outcome = Outcome.DECLINED if gone else Outcome.NOT_SENT
            command = resolve_command(asked, outcome, evidence)
            return f"ask the card processor too; if the money was not taken: {command}"
        doubt = "look who paid; if they are of this one: " if any(pair.by is How.LOOKS for pair in paid) else ""
        if len(paid) == len(asked.rentals):
            return doubt + resolve_command(asked, Outcome.SETTLED, evidence)
        missing = ", ".join([*(pair.asked.rental_id for pair in gone), *(row.rental_id for row in self.alone)])
        command = resolve_command(asked, Outcome.SETTLED, evidence, paid)
        ask = f"; then tell the tenant that rental {missing} was not paid, and ask the card processor what was taken"
        return f"{doubt}{command}{ask}"


def _part(asked: Asked) -> str:
    unit = f" (unit {asked.unit_number})" if asked.unit_number else ""
    return f"{asked.amount} on rental {asked.rental_id}{unit}"


def _gone(pair: Pair) -> str:
    return "" if pair.shown.holds_money else f", which is {pair.shown.state.value}"
