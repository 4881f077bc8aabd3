"""What a worker knows of actions while it holds a lane, so that it need not ask again for every effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pmsbridge.store.stored import StoredEffect

__all__ = ["Ends", "Known"]

Ends = dict[str, tuple[int, str]]
"""By action, length and head of its trail."""


@dataclass(slots=True)
class Known:
    """Effects and trail ends as they were last seen, with what was written since.

    Every change of an action lengthens its trail, and every write names the end it builds on. So as long as the end is
    found as it was, nothing else about the action has changed either; once it is not, all of this has to be forgotten.

    Attributes:
        effects: By row number, in order of arrival.
        ends: Where trails end.
        whole: Actions of which every effect is here.
    """

    effects: dict[int, StoredEffect] = field(default_factory=dict)
    ends: Ends = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)

    def learn(self, found: Sequence[StoredEffect], ends: Ends) -> None:
        """Forget everything, and know this instead; of actions with an end every effect is among them."""
        self.effects = {effect.seq: effect for effect in found}
        self.ends = dict(ends)
        self.whole = set(ends)

    def put(self, effect: StoredEffect) -> None:
        """An effect as it is now."""
        if effect.seq in self.effects:
            self.effects[effect.seq] = effect

    def forget(self, action_id: str) -> None:
        """An action has become something that is not known here."""
        self.ends.pop(action_id, None)
        self.whole.discard(action_id)
        self.effects.clear()

    def steps(self, action_id: str) -> list[StoredEffect] | None:
        """Every effect of an action; None when not all of them are known."""
        if action_id not in self.whole:
            return None
        return [effect for effect in self.effects.values() if effect.action_id == action_id]

    def clear(self) -> None:
        """Know nothing."""
        self.effects.clear()
        self.ends.clear()
        self.whole.clear()
