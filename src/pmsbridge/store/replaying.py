"""What a trail says about the steps of its action, told from the entries alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pmsbridge.store.standing import EffectState, Ended

__all__ = ["Told", "ToldStep"]

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


@dataclass(slots=True)
class ToldStep:
    """One step as the trail tells it.

    Attributes:
        kind: The effect's kind.
        after: What it waits for; empty for nothing.
        digest: Digest of what the back office is asked; empty when the trail does not keep one.
        standings: State and end it may have now.
        change: The entry of its last change: reason, code, evidence, ids. None when nothing was told since it was
            stored, sent or put back.
    """

    kind: str
    after: str = ""
    digest: str = ""
    standings: frozenset[tuple[EffectState, Ended | None]] = frozenset({(EffectState.WAITING, None)})
    change: Mapping[str, Any] | None = None

    @property
    def is_skipped(self) -> bool:
        """What it waited for ended another way."""
        return self.standings == {(EffectState.DONE, Ended.SKIPPED)}

    def put_back(self) -> None:
        """It waits to be sent again."""
        self.standings, self.change = frozenset({(EffectState.WAITING, None)}), None


@dataclass(slots=True)
class Told:
    """An action as its trail tells it, entry by entry.

    Attributes:
        actor: Who asked.
        intent_digest: Digest of what was asked; empty when the trail does not keep one.
        steps: By name.
        strange: What no entry of ours says.
    """

    actor: str = ""
    intent_digest: str = ""
    steps: dict[str, ToldStep] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    def read(self, event: str, data: Mapping[str, Any]) -> None:
        """The next entry."""
        if event == "submitted":
            self.actor = str(data.get("actor", ""))
            self.intent_digest = str(data.get("intent_digest", ""))
            for step in data.get("steps", ()):
                self.steps[step["name"]] = ToldStep(step["kind"], step.get("after", ""), step.get("digest", ""))
        elif event == "added":
            self.steps[data["effect"]] = ToldStep(data["kind"], digest=data.get("digest", ""))
        elif event == "retried":
            self._retried(data)
        elif event != "attached":
            self._changed(event, data)

    def _retried(self, data: Mapping[str, Any]) -> None:
        for name in data.get("effects", ()):
            for each in (name, *self._skipped_below(name)):
                self.steps[each].put_back()

    def _skipped_below(self, name: str) -> Iterator[str]:
        for other, step in self.steps.items():
            if step.after == name and step.is_skipped:
                yield other
                yield from self._skipped_below(other)

    def _changed(self, event: str, data: Mapping[str, Any]) -> None:
        step = self.steps.get(str(data.get("effect", "")))
        standings = _standings(event, data)
        if step is None or not standings:
            self.strange.append(event)
            return
        step.standings = standings
        step.change = None if event == "sending" else data


def _standings(event: str, data: Mapping[str, Any]) -> frozenset[tuple[EffectState, Ended | None]]:
    if event == "absent":
        return frozenset({(EffectState.WAITING, None), (EffectState.DONE, Ended.NOT_SENT)})
    if event == "resolved":
        ends = {Ended.SETTLED} if data.get("evidence") else _BY_A_PERSON - {Ended.SETTLED}
        return frozenset((EffectState.DONE, end) for end in ends)
    return frozenset({_ENDS[event]}) if event in _ENDS else frozenset()
