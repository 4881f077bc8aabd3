"""Bugs a worker can be given, to see that the harness finds them. Each is at a port, none in the engine's inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found, Probed, Receipt

__all__ = ["OFFICES", "PLANTED", "plant"]


def _send_before_the_record(adapter: Adapter) -> None:
    """The call is made while what precedes it is read: before the journal holds that bytes may leave."""
    honest_baseline, honest_execute = adapter.baseline, adapter.execute
    receipts: dict[str, Receipt] = {}

    def baseline(effect: EffectBody) -> Mapping[str, str]:
        before = honest_baseline(effect)
        receipts[effect.model_dump_json()] = honest_execute(effect, Attempt(key="k" * 40))
        return before

    def execute(effect: EffectBody, attempt: Attempt) -> Receipt:
        return receipts.pop(effect.model_dump_json(), None) or honest_execute(effect, attempt)

    adapter.baseline = baseline  # type: ignore[method-assign]
    adapter.execute = execute  # type: ignore[method-assign]


def _send_again_without_looking(adapter: Adapter) -> None:
    """What may have been sent is taken for not sent: nobody looks."""

    def probe(_effect: EffectBody, _attempt: Attempt) -> Probed:
        return Absent("nobody looked")

    adapter.probe = probe  # type: ignore[method-assign, assignment]


def _no_receipt_needed(adapter: Adapter) -> None:
    """A look always finds what it looks for."""

    def probe(_effect: EffectBody, _attempt: Attempt) -> Probed:
        return Found(Receipt(evidence="surely", at=datetime.now(UTC)))

    adapter.probe = probe  # type: ignore[method-assign, assignment]


PLANTED: Final[dict[str, Callable[[Adapter], None]]] = {
    "the call is made before the record": _send_before_the_record,
    "what was being sent is sent again": _send_again_without_looking,
    "what was being sent is taken for done": _no_receipt_needed,
}


def _away(adapter: Adapter) -> None:
    """The back office refuses connections."""

    def execute(_effect: EffectBody, _attempt: Attempt) -> Receipt:
        message = "connection refused"
        raise UnavailableError(message)

    adapter.execute = execute  # type: ignore[method-assign, assignment]


def _refusing(adapter: Adapter) -> None:
    """The back office says no."""

    def execute(_effect: EffectBody, _attempt: Attempt) -> Receipt:
        message = "no"
        raise RejectedError(message)

    adapter.execute = execute  # type: ignore[method-assign, assignment]


def _blind(adapter: Adapter) -> None:
    """Nothing can be read back."""

    def probe(_effect: EffectBody, _attempt: Attempt) -> Probed:
        return CannotTell("nothing can be seen")

    adapter.probe = probe  # type: ignore[method-assign, assignment]


def _silent(adapter: Adapter) -> None:
    """Nothing arrives, and nobody is told."""

    def execute(_effect: EffectBody, _attempt: Attempt) -> Receipt:
        message = "no answer"
        raise OutcomeUnknownError(message)

    adapter.execute = execute  # type: ignore[method-assign, assignment]


def _mute(adapter: Adapter) -> None:
    """Everything is done, and no answer comes."""
    honest = adapter.execute

    def execute(effect: EffectBody, attempt: Attempt) -> Receipt:
        honest(effect, attempt)
        message = "no answer"
        raise OutcomeUnknownError(message)

    adapter.execute = execute  # type: ignore[method-assign]


OFFICES: Final[dict[str, Callable[[Adapter], None]]] = {
    "away": _away,
    "refusing": _refusing,
    "blind": _blind,
    "silent": _silent,
    "mute": _mute,
}
"""No bugs: how a back office may be for a while."""


def plant(name: str | None, adapters: Mapping[str, Adapter]) -> None:
    """Break this process in one way; None leaves it as it is."""
    if name is not None:
        for adapter in adapters.values():
            (PLANTED | OFFICES)[name](adapter)
