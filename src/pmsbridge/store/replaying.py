"""What a trail says about the steps of its action, told from the entries alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pmsbridge.store.standing import EffectState, Ended

__all__ = ["Told", "ToldClick", "ToldStep"]

_ENDS: Final[Mapping[str, tuple[EffectState, Ended | None]]] = {
    "sending": (EffectState.SENDING, None),
    "settled": (EffectState.DONE, Ended.SETTLED),
    "found": (EffectState.DONE, Ended.SETTLED),
    "declined": (EffectState.DONE, Ended.DECLINED),
    "not_sent": (EffectState.DONE, Ended.NOT_SENT),
    "expired": (EffectState.DONE, Ended.NOT_SENT),
    "skipped": (EffectState.DONE, Ended.SKIPPED),
    "postponed": (EffectState.WAITING, None),
    "repeated": (EffectState.WAITING, None),
    "unknown": (EffectState.UNKNOWN, None),
    "look_failed": (EffectState.UNKNOWN, None),
    "needs_review": (EffectState.REVIEW, None),
}
"""By event, how the step then stands. "absent" may mean two things: put back to be sent again, or over."""

_BY_A_PERSON: Final = frozenset({Ended.SETTLED, Ended.DECLINED, Ended.NOT_SENT})


_LOOKS: Final = frozenset({"found", "absent", "repeated", "look_failed", "needs_review"})


@dataclass(frozen=True, slots=True)
class ToldClick:
    """A click that was attached, as the trail tells it.

    Attributes:
        kind: Its verb; empty when the trail does not keep it.
        intent_digest: Digest of what was asked; empty when the trail does not keep one.
    """

    at: datetime
    kind: str = ""
    intent_digest: str = ""


@dataclass(slots=True)
class ToldStep:
    """One step as the trail tells it.

    Attributes:
        kind: The effect's kind.
        position: Its place in the action.
        asked_at: When it was asked for: submitted, added or retried.
        last_at: When it last changed.
        due_at: When there is something to do with it.
        after: What it waits for; empty for nothing.
        digest: Digest of what the back office is asked; empty when the trail does not keep one.
        is_erased: A person was taken out of what the back office was asked; the digest is of what is left.
        plan: Digest of how it was planned; empty when the trail does not keep one.
        standings: State and end it may have now.
        change: The entry of its last change: reason, code, evidence, ids. None when nothing was told since it was
            stored, sent or put back.
        last_event: Name of its last entry; empty for none.
        lane: Where it was last sent; empty when it never was.
        sends: Since it was asked for.
        looks: Since it was asked for.
        earlier_looks: Before it was retried; an earlier release went on counting.
        put_backs: Looks since it was asked for that did not find it.
        writes: Ever.
        is_doubtful: A send may have arrived unseen.
        was_doubtful: The same before the last entry.
        first_sent_at: None when it is sure that no send arrived.
        quiet_until: No look before; None when the trail does not tell.
    """

    kind: str
    position: int
    asked_at: datetime
    last_at: datetime
    due_at: datetime
    after: str = ""
    digest: str = ""
    plan: str = ""
    standings: frozenset[tuple[EffectState, Ended | None]] = frozenset({(EffectState.WAITING, None)})
    change: Mapping[str, Any] | None = None
    last_event: str = ""
    lane: str = ""
    sends: int = 0
    looks: int = 0
    earlier_looks: int = 0
    put_backs: int = 0
    writes: int = 0
    is_doubtful: bool = False
    was_doubtful: bool = False
    is_erased: bool = False
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    quiet_until: datetime | None = None

    @classmethod
    def new(cls, data: Mapping[str, Any], position: int, at: datetime) -> ToldStep:
        """As it is stored."""
        return cls(
            data["kind"], position, at, at, at, after=data.get("after", ""), digest=data.get("digest", ""),
            plan=data.get("plan", ""),
        )  # fmt: skip

    @property
    def is_skipped(self) -> bool:
        """What it waited for ended another way."""
        return self.standings == {(EffectState.DONE, Ended.SKIPPED)}

    def put_back(self, at: datetime) -> None:
        """A person asks for it once more: it waits to be sent as on the first day."""
        self.standings, self.change = frozenset({(EffectState.WAITING, None)}), None
        self.asked_at = self.last_at = self.due_at = at
        self.earlier_looks += self.looks
        self.sends = self.looks = self.put_backs = 0
        self.first_sent_at, self.is_doubtful, self.last_event = None, False, "retried"
        self.writes += 1

    def sent(self, data: Mapping[str, Any], at: datetime) -> None:
        """Bytes may leave."""
        self.change, self.lane = None, str(data.get("lane", ""))
        self.sends += 1
        self.first_sent_at, self.last_sent_at = self.first_sent_at or at, at
        self.quiet_until = None
        self._written("sending", at, at)

    def changed(self, event: str, data: Mapping[str, Any], at: datetime) -> None:
        """Something became of it."""
        self.change = data
        due_at = datetime.fromisoformat(data["not_before"]) if "not_before" in data else at
        self.looks += event in _LOOKS
        self.put_backs += event in {"absent", "repeated"}
        self.was_doubtful = self.is_doubtful
        if event in {"absent", "repeated"}:
            self.is_doubtful = event == "repeated"
        if event == "postponed" and not self.put_backs:
            self.first_sent_at = None
        if event == "unknown":
            self.quiet_until = due_at
        self._written(event, at, due_at)

    def _written(self, event: str, at: datetime, due_at: datetime) -> None:
        self.last_event, self.last_at, self.due_at = event, at, due_at
        self.writes += 1


@dataclass(slots=True)
class Told:
    """An action as its trail tells it, entry by entry.

    Attributes:
        actor: Who asked.
        kind: The verb; empty when the trail does not keep it.
        intent_digest: Digest of what was asked; empty when the trail does not keep one.
        last_at: When the last entry was written; None for no entries.
        steps: By name.
        clicks: Which were attached, by id.
        strange: What no entry of ours says.
    """

    actor: str = ""
    kind: str = ""
    intent_digest: str = ""
    last_at: datetime | None = None
    steps: dict[str, ToldStep] = field(default_factory=dict)
    clicks: dict[str, ToldClick] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    def read(self, event: str, data: Mapping[str, Any], at: datetime) -> None:
        """The next entry."""
        self.last_at = at
        if event == "submitted":
            self.actor, self.kind = str(data.get("actor", "")), str(data.get("kind", ""))
            self.intent_digest = str(data.get("intent_digest", ""))
            for step in data.get("steps", ()):
                self._add(step["name"], step, at)
        elif event == "added":
            self._add(data["effect"], data, at)
        elif event == "retried":
            self._retried(data, at)
        elif event == "erased":
            self._erased(data)
        elif event == "attached":
            click = ToldClick(at, str(data.get("kind", "")), str(data.get("intent_digest", "")))
            self.clicks[str(data["click"])] = click
        else:
            self._changed(event, data, at)

    def _add(self, name: str, data: Mapping[str, Any], at: datetime) -> None:
        self.steps[name] = ToldStep.new(data, len(self.steps), at)

    def _erased(self, data: Mapping[str, Any]) -> None:
        """A person was taken out: from here on other digests are those of what stands there."""
        self.intent_digest = str(data.get("intent_digest", self.intent_digest))
        for told in data.get("steps", ()):
            step = self.steps[told["effect"]]
            step.digest, step.is_erased = str(told["digest"]), True
        for told in data.get("clicks", ()):
            self.clicks[told["click"]] = replace(self.clicks[told["click"]], intent_digest=str(told["digest"]))

    def _retried(self, data: Mapping[str, Any], at: datetime) -> None:
        for name in data.get("effects", ()):
            for each in (name, *self._skipped_below(name)):
                self.steps[each].put_back(at)

    def _skipped_below(self, name: str) -> Iterator[str]:
        for other, step in self.steps.items():
            if step.after == name and step.is_skipped:
                yield other
                yield from self._skipped_below(other)

    def _changed(self, event: str, data: Mapping[str, Any], at: datetime) -> None:
        step = self.steps.get(str(data.get("effect", "")))
        standings = _standings(event, data)
        if step is None or not standings:
            self.strange.append(event)
            return
        step.standings = standings
        if event == "sending":
            step.sent(data, at)
        else:
            step.changed(event, data, at)


def _standings(event: str, data: Mapping[str, Any]) -> frozenset[tuple[EffectState, Ended | None]]:
    if event == "absent":
        return frozenset({(EffectState.WAITING, None), (EffectState.DONE, Ended.NOT_SENT)})
    if event == "resolved":
        ends = {Ended.SETTLED} if data.get("evidence") else _BY_A_PERSON - {Ended.SETTLED}
        return frozenset((EffectState.DONE, end) for end in ends)
    return frozenset({_ENDS[event]}) if event in _ENDS else frozenset()
