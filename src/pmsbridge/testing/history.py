"""The judge of a delivery: what a back office holds, what people were told, and whether the two agree.

Nothing here knows how deliveries are made. A :class:`History` is written by whoever watched: the back office's own
books, the calls that reached it, every answer a person got, every statement an operator made. :func:`check` reads it
once and names each contradiction.

Instants are whole milliseconds on the watcher's own clock. ``order`` numbers everything watched, so that two things of
the same millisecond are still one after the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import pairwise, permutations
from typing import Final

__all__ = [
    "KINDS",
    "Answer",
    "Booked",
    "Click",
    "History",
    "Mailed",
    "Request",
    "Statement",
    "Step",
    "Violation",
    "check",
]

KINDS: Final = (
    "double", "lost", "phantom", "told_failed_but_done", "told_done_but_not", "changed_mind", "stuck",
    "notice_doubled", "notice_lost", "edit_repeated_by_notice", "sealed_resent", "vacate_called", "order", "overlap",
    "pending_without_reason", "statement_ignored", "foreign_error", "declined_without_a_no",
)  # fmt: skip
"""Every kind of violation there is."""

_NOTICES: Final = frozenset({"add_note", "post_bulletin", "send_mail"})
_STATES: Final = frozenset({"set_autopay", "change_contact", "schedule_move_out", "cancel_move_out", "set_consent"})
_FAILED: Final = frozenset({"declined", "not_sent"})
_FINAL: Final = frozenset({"settled", "declined", "not_sent"})


def _family(kind: str) -> str:
    """Kinds that write the same thing."""
    return "leaving" if kind in {"schedule_move_out", "cancel_move_out"} else kind


@dataclass(frozen=True, slots=True)
class Booked:
    """One line of the back office's books: something was really done.

    Attributes:
        subject: What it was done to (a rental, a tenant).
        what: The amount, or the value written.
        key: The key of the request that did it; empty for what staff did at the desk.
    """

    number: int
    at: int
    kind: str
    subject: str
    what: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One write that reached the back office.

    Attributes:
        ended: When the back office had finished with it and the line was free again.
        answer: "done", "rejected", "refused" or "none".
        sealed: A card, a bank account or a password came with it.
    """

    key: str
    kind: str
    lane: str
    began: int
    ended: int
    answer: str
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Mailed:
    """One mail in the staff's mailbox."""

    at: int
    key: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Click:
    """A person asks for something.

    Attributes:
        wish: Several clicks, with the same key or not, may be about one wish: it is to come true once.
        amount: What the person named; empty for "whatever is due" and for what is no payment.
        notices: Kinds of notices that belong to it once it is done.
    """

    order: int
    at: int
    wish: str
    key: str
    kind: str
    subject: str
    amount: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One part of an answer.

    Attributes:
        reasoned: It says why it stands as it does, or when something happens next.
    """

    key: str
    name: str
    kind: str
    outcome: str
    principal: bool
    skipped: bool = False
    reasoned: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person was told.

    Attributes:
        wish: What it answers; empty when the person only looked.
        key: The click's key that made the action; empty for an error.
        action: Empty for an error.
        outcome: The outcome's word; empty for an error.
        error: The error's class; empty for an answer.
        foreign: The error is none of the library's.
    """

    order: int
    at: int
    wish: str
    key: str = ""
    action: str = ""
    outcome: str = ""
    steps: tuple[Step, ...] = ()
    error: str = ""
    foreign: bool = False


@dataclass(slots=True)
class Statement:
    """What an operator said: how a step ended ("settled", "declined", "not_sent"), or "retry".

    Attributes:
        order: When the operator began to speak.
        accepted: It was not refused.
    """

    order: int
    at: int
    action: str
    step: str
    says: str
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """One contradiction.

    Attributes:
        action: Which action, wish or rental it is about.
        evidence: What was seen, line by line.
        seed: Replays it.
    """

    kind: str
    action: str
    evidence: tuple[str, ...]
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.kind} [seed {self.seed}] {self.action}: " + "; ".join(self.evidence)


@dataclass(slots=True)
class History:
    """Everything that was watched from outside.

    Attributes:
        owed: By rental, all that was ever due: nobody may take more through the portal.
        states: By kind and subject, what stood there at the beginning.
        finished: Faults ended long enough ago that everything must be known by now.
    """

    seed: int = 0
    owed: dict[str, Decimal] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    clicks: list[Click] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    booked: list[Booked] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    mails: list[Mailed] = field(default_factory=list)
    finished: bool = True


def check(history: History) -> tuple[Violation, ...]:
    """Every contradiction in a history; empty when what was told is what happened. Linear in its length."""
    return tuple(_Court(history).violations())


@dataclass(frozen=True)
class _Court:
    """Indexes of one history, and a rule per method."""

    history: History

    def violations(self) -> Iterable[Violation]:
        for rule in (
            self._doubles, self._overpaid, self._phantoms, self._lost, self._told, self._minds, self._stuck,
            self._notices, self._sealed, self._vacated, self._order, self._overlaps, self._reasons, self._errors,
        ):  # fmt: skip
            yield from rule()

    def _violation(self, kind: str, action: str, *evidence: object) -> Violation:
        return Violation(kind, action, tuple(str(line) for line in evidence), self.history.seed)

    # -- indexes -----------------------------------------------------------------------------------------------------

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
            found[_family(row.kind), row.subject].append(row)
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
                step = self._step(action, said.step)
                if step is not None and said.says != "retry" and self._is_wrong(said, step):
                    found.add(action)
        return found

    def _step(self, action: str, name: str) -> Step | None:
        answer = self.last.get(action)
        return next((s for s in answer.steps if s.name == name), None) if answer else None

    def _is_wrong(self, said: Statement, step: Step) -> bool:
        return bool(self.by_key.get(step.key)) is not (said.says == "settled")

    @cached_property
    def excused_wishes(self) -> set[str]:
        """Wishes that an operator misjudged."""
        return {wish for action in self.misjudged for wish in self.wishes.get(action, ())}

    def _spoke_between(self, action: str, first: int, then: int) -> bool:
        return any(first <= said.order <= then for said in self.spoken.get(action, ()))

    # -- once --------------------------------------------------------------------------------------------------------

    def _doubles(self) -> Iterable[Violation]:
        """One intent, carried out twice: by one key, or by two actions for one wish."""
        for key, rows in self.by_key.items():
            kind, times = rows[0].kind, Counter(row.subject for row in rows)
            if kind == "send_mail" or max(times.values()) == 1:
                continue
            action = self._action_of(key)
            if action not in self.misjudged:
                yield self._violation(self._name_double(kind, action, rows), action, *rows)
        yield from self._doubled_wishes()

    def _name_double(self, kind: str, action: str, rows: Sequence[Booked]) -> str:
        if kind in _NOTICES:
            return "notice_doubled"
        answer = self.last.get(action)
        notices = {s.key for s in answer.steps if not s.principal} if answer else set()
        began = min((r.began for r in self.history.requests if r.key in notices), default=None)
        return "edit_repeated_by_notice" if began is not None and rows[-1].at >= began else "double"

    def _doubled_wishes(self) -> Iterable[Violation]:
        paid: dict[tuple[str, str], list[Booked]] = defaultdict(list)
        for row in self.history.booked:
            if row.key and row.kind == "take_payment":
                for wish in sorted(self.wishes.get(self._action_of(row.key), ())):
                    paid[wish, row.subject].append(row)
        for (wish, subject), rows in paid.items():
            if len({row.key for row in rows}) > 1 and wish not in self.excused_wishes:
                yield self._violation("double", wish, f"{subject} was paid by {len(rows)} payments", *rows)

    def _overpaid(self) -> Iterable[Violation]:
        """More taken than was ever due."""
        taken: dict[str, list[Booked]] = defaultdict(list)
        for row in self.history.booked:
            if row.key and row.kind == "take_payment":
                taken[row.subject].append(row)
        for rental, rows in taken.items():
            total = sum((Decimal(row.what) for row in rows), Decimal(0))
            is_excused = any(self._action_of(row.key) in self.misjudged for row in rows)
            if total > self.history.owed.get(rental, Decimal(0)) and not is_excused:
                owed = self.history.owed.get(rental, Decimal(0))
                yield self._violation("double", rental, f"{total} taken of {owed} due", *rows)

    def _action_of(self, key: str) -> str:
        told = self.told.get(key)
        return told[0][0].action if told else ""

    def _phantoms(self) -> Iterable[Violation]:
        """Done, and nobody asked for it."""
        amounts: dict[str, set[str]] = defaultdict(set)
        for click in self.history.clicks:
            amounts[click.wish].add(click.amount)
        for key, rows in self.by_key.items():
            action = self._action_of(key)
            if not action or not self.wishes.get(action):
                yield self._violation("phantom", action or key, *rows)
                continue
            wanted = set().union(*(amounts[wish] for wish in self.wishes[action])) - {""}
            if rows[0].kind == "take_payment" and wanted and rows[0].what not in wanted:
                yield self._violation("phantom", action, f"{sorted(wanted)} was wanted", *rows)

    # -- never lost --------------------------------------------------------------------------------------------------

    def _lost(self) -> Iterable[Violation]:
        """Accepted, and at the end nowhere."""
        looked = [answer for answer in self.history.answers if answer.action and not answer.wish]
        if not looked or not self.history.finished:
            return
        at_the_end = {answer.action for answer in looked}
        for action in self.last:
            if action not in at_the_end:
                yield self._violation("lost", action, self.last[action])

    def _stuck(self) -> Iterable[Violation]:
        if not self.history.finished:
            return
        for action, answer in self.last.items():
            waits_for_a_person = any(step.outcome == "needs_review" for step in answer.steps if step.principal)
            is_open = [step.name for step in answer.steps if step.outcome == "pending"]
            if answer.outcome == "pending" or (is_open and not waits_for_a_person):
                yield self._violation("stuck", action, f"open at the end: {', '.join(is_open)}", answer)

    # -- never a lie -------------------------------------------------------------------------------------------------

    def _told(self) -> Iterable[Violation]:
        for key, told in self.told.items():
            lie = next((lie for answer, step in told if (lie := self._lie(answer, step))), None)
            if lie is not None and told[0][0].action not in self.misjudged:
                yield lie
            yield from self._baseless_no(key, told)

    def _lie(self, answer: Answer, step: Step) -> Violation | None:
        rows = self.by_key.get(step.key, [])
        if step.outcome == "settled" and not self._is_so(answer, step, rows):
            said = [s for s in self.spoken.get(answer.action, ()) if s.step == step.name and s.says == "settled"]
            kind = "told_done_but_not" if step.principal else "notice_lost"
            return None if said else self._violation(kind, answer.action, step, f"told at {answer.at}", *rows)
        if step.outcome in _FAILED and (late := self._not_asked_again(answer, rows)):
            return self._violation("told_failed_but_done", answer.action, step, f"told at {answer.at}", *late)
        return None

    def _is_so(self, answer: Answer, step: Step, rows: Sequence[Booked]) -> bool:
        if any(row.at <= answer.at for row in rows):
            return True
        return step.kind in _STATES and self._stood_so(answer, step)

    def _stood_so(self, answer: Answer, step: Step) -> bool:
        """A state that stood as wanted at some time since it was asked for is as good as written."""
        click = self.clicked.get(answer.key)
        if click is None or not click.amount:
            return False
        family = _family(step.kind)
        rows = self.written.get((family, click.subject), [])
        before = [row.what for row in rows if row.at <= click.at]
        stood = before[-1] if before else self.history.states.get((family, click.subject), "")
        return click.amount in {stood, *(row.what for row in rows if click.at < row.at <= answer.at)}

    def _not_asked_again(self, answer: Answer, rows: Sequence[Booked]) -> list[Booked]:
        """What was done although it was told as failed: unless somebody asked for it again after that."""
        again = [s.at for s in self.spoken.get(answer.action, ()) if s.says == "retry" and s.order >= answer.order]
        return [row for row in rows if not again or row.at < again[0]]

    def _baseless_no(self, key: str, told: Sequence[tuple[Answer, Step]]) -> Iterable[Violation]:
        answer, step = told[-1]
        said = any(s.step == step.name for s in self.spoken.get(answer.action, ()))
        if step.outcome != "declined" or said or step.kind == "send_mail":
            return
        if key not in self.refused:
            yield self._violation("declined_without_a_no", answer.action, step)

    def _minds(self) -> Iterable[Violation]:
        """A final answer stays, unless an operator spoke; and what an operator said stays."""
        for told in self.told.values():
            for (before, was), (after, now) in pairwise(told):
                is_final = was.outcome in _FINAL or was.outcome == "needs_review"
                if is_final and now.outcome != was.outcome and not self._spoke_between(before.action, 0, after.order):
                    yield self._violation(
                        "changed_mind", before.action, f"{was.name}: {was.outcome} at {before.at}, "
                        f"{now.outcome} at {after.at}",
                    )  # fmt: skip
                    break
        yield from self._ignored()

    def _ignored(self) -> Iterable[Violation]:
        for action, statements in self.spoken.items():
            final = {said.step: said for said in statements if said.says != "retry"}
            if any(said.says == "retry" for said in statements):
                continue
            for said in final.values():
                step = self._step(action, said.step)
                if step is not None and step.outcome != said.says and self.last[action].order > said.order:
                    yield self._violation("statement_ignored", action, said, step)

    def _reasons(self) -> Iterable[Violation]:
        for answer in self.history.answers:
            waiting = [step for step in answer.steps if step.principal and step.outcome == "pending"]
            if answer.outcome == "pending" and not any(step.reasoned for step in waiting):
                yield self._violation("pending_without_reason", answer.action, answer)

    def _errors(self) -> Iterable[Violation]:
        for answer in self.history.answers:
            if answer.foreign:
                yield self._violation("foreign_error", answer.wish, answer.error)

    # -- notices, cards, order ---------------------------------------------------------------------------------------

    def _notices(self) -> Iterable[Violation]:
        for action, answer in self.last.items():
            click = self.clicked.get(answer.key)
            kinds = {step.kind for step in answer.steps if not step.skipped}
            missing = sorted(set(click.notices) - kinds) if click is not None else []
            if answer.outcome == "settled" and missing:
                yield self._violation("notice_lost", action, f"never planned: {', '.join(missing)}")
        for key, rows in self.by_key.items():
            if rows[0].kind == "send_mail" and len({row.subject for row in rows}) > 1:
                yield self._violation("notice_doubled", self._action_of(key), *rows)

    def _sealed(self) -> Iterable[Violation]:
        sends = Counter(request.key for request in self.history.requests if request.sealed)
        for key, times in sends.items():
            if times > 1:
                yield self._violation("sealed_resent", self._action_of(key), f"sent {times} times under {key}")

    def _vacated(self) -> Iterable[Violation]:
        for row in self.history.booked:
            if row.kind == "vacate":
                yield self._violation("vacate_called", self._action_of(row.key), row)
        for request in self.history.requests:
            if request.kind == "vacate":
                yield self._violation("vacate_called", self._action_of(request.key), request)

    def _order(self) -> Iterable[Violation]:
        """Two changes of one thing are done in the order in which they were accepted."""
        accepted: dict[str, int] = {}
        for answer in self.history.answers:
            if answer.action:
                accepted.setdefault(answer.action, answer.order)
        changes: dict[tuple[str, str], list[tuple[Click, Answer]]] = defaultdict(list)
        for answer in self.last.values():
            click = self.clicked.get(answer.key)
            if click is not None and click.kind in _STATES and not self.spoken.get(answer.action):
                changes[_family(click.kind), click.subject].append((click, answer))
        for pairs in changes.values():
            for (_, first), (click, then) in permutations(pairs, 2):
                if accepted[first.action] < click.order:
                    yield from self._overtaken(first, then)

    def _overtaken(self, first: Answer, then: Answer) -> Iterable[Violation]:
        late, early = self._principal_rows(first), self._principal_rows(then)
        if late and early and late[-1].at > early[0].at:
            yield self._violation("order", first.action, f"{then.action} overtook it", *late, *early)

    def _principal_rows(self, answer: Answer) -> list[Booked]:
        keys = [step.key for step in answer.steps if step.principal and step.kind in _STATES]
        return [row for key in keys for row in self.by_key.get(key, [])]

    def _overlaps(self) -> Iterable[Violation]:
        until: dict[str, Request] = {}
        for request in sorted(self.history.requests, key=lambda r: (r.began, r.ended)):
            before = until.get(request.lane)
            if before is not None and request.began < before.ended:
                yield self._violation("overlap", self._action_of(request.key), before, request)
            if before is None or request.ended > before.ended:
                until[request.lane] = request
