"""Indexes of one history: who did, said and was told what about each action."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pmsbridge.testing.history.seen import Answer, Booked, Click, History, Statement, Step, Violation

__all__ = ["Case", "family"]


def family(kind: str) -> str:
    """Kinds that write the same thing."""
    return "leaving" if kind in {"schedule_move_out", "cancel_move_out"} else kind


@dataclass(frozen=True)
class Case:
    """A history, and what every rule looks up in it. Each index is made when it is first asked for."""

    history: History

    def violation(self, kind: str, action: str, *evidence: object) -> Violation:
        """A contradiction, with the seed that replays it."""
        return Violation(kind, action, tuple(str(line) for line in evidence), self.history.seed)

    @cached_property
    def by_key(self) -> Mapping[str, list[Booked]]:
        """What was done, by the key of the request that did it; mails too."""
        found: dict[str, list[Booked]] = defaultdict(list)
        for row in self.history.booked:
            if row.key:
                found[row.key].append(row)
        for mail in self.history.mails:
            found[mail.key].append(Booked(0, mail.at, "send_mail", mail.message_id, "", mail.key))
        return dict(found)

    @cached_property
    def told(self) -> Mapping[str, list[tuple[Answer, Step]]]:
        """What people were told about each step, in order."""
        found: dict[str, list[tuple[Answer, Step]]] = defaultdict(list)
        for answer in self.history.answers:
            for step in answer.steps:
                found[step.key].append((answer, step))
        return found

    @cached_property
    def last(self) -> Mapping[str, Answer]:
        """The last answer about each action."""
        return {answer.action: answer for answer in self.history.answers if answer.action}

    @cached_property
    def clicked(self) -> Mapping[str, Click]:
        """The first click of each key."""
        return {click.key: click for click in reversed(self.history.clicks)}

    @cached_property
    def refused(self) -> set[str]:
        """Keys to which the back office once said no."""
        return {request.key for request in self.history.requests if request.answer == "rejected"}

    @cached_property
    def written(self) -> Mapping[tuple[str, str], list[Booked]]:
        """What was written to each thing that has a state, in order."""
        found: dict[tuple[str, str], list[Booked]] = defaultdict(list)
        for row in self.history.booked:
            found[family(row.kind), row.subject].append(row)
        return dict(found)

    @cached_property
    def wishes(self) -> Mapping[str, set[str]]:
        """Which wishes an action serves."""
        by_click = {click.key: click.wish for click in self.history.clicks}
        found: dict[str, set[str]] = defaultdict(set)
        for answer in self.history.answers:
            if answer.action:
                found[answer.action] |= {wish for wish in (answer.wish, by_click.get(answer.key, "")) if wish}
        return found

    @cached_property
    def makers(self) -> Mapping[str, set[str]]:
        """Which wishes an action makes come true: the one whose click made it, and those answered with it before that.

        A click that is answered with another wish's open payment makes nothing. When it comes after the last action the
        wish itself made, that other payment is none that this wish asked for.
        """
        made: dict[str, int] = {}
        makers, met = defaultdict[str, set[str]](set), dict[tuple[str, str], int]()
        for answer in self.history.answers:
            click = self.clicked.get(answer.key)
            if answer.action and click is not None:
                made[click.wish] = max(click.order, made.get(click.wish, 0))
                makers[answer.action].add(click.wish)
                met.setdefault((answer.wish, answer.action), answer.order)
        for (wish, action), order in met.items():
            if order < made.get(wish, 0):
                makers[action].add(wish)
        return makers

    @cached_property
    def spoken(self) -> Mapping[str, list[Statement]]:
        """What operators said about each action, and were believed."""
        found: dict[str, list[Statement]] = defaultdict(list)
        for said in self.history.statements:
            if said.accepted:
                found[said.action].append(said)
        return found

    @cached_property
    def misjudged(self) -> set[str]:
        """Actions about which an operator said what was not so: what follows is the operator's doing."""
        found = set()
        for action, statements in self.spoken.items():
            for said in statements:
                step = self.step(action, said.step)
                if step is not None and said.says != "retry" and self._is_wrong(said, step):
                    found.add(action)
        return found

    def step(self, action: str, name: str) -> Step | None:
        """A step as it was last told; None when it never was."""
        answer = self.last.get(action)
        return next((s for s in answer.steps if s.name == name), None) if answer else None

    def _is_wrong(self, said: Statement, step: Step) -> bool:
        return bool(self.by_key.get(step.key)) is not (said.says == "settled")

    @cached_property
    def excused_wishes(self) -> set[str]:
        """Wishes that an operator misjudged."""
        return {wish for action in self.misjudged for wish in self.wishes.get(action, ())}

    def spoke_between(self, action: str, first: int, then: int) -> bool:
        """Whether an operator was believed about an action between two orders, both included."""
        return any(first <= said.order <= then for said in self.spoken.get(action, ()))

    def action_of(self, key: str) -> str:
        """The action a request's key was told to belong to; empty when it never was."""
        told = self.told.get(key)
        return told[0][0].action if told else ""
