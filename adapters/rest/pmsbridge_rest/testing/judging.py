"""The judge of the kit: looks into the sandbox's own books, and brings about weather."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pmsbridge.actions.effects import (
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    ScheduleMoveOut,
    SetAutopay,
    SetConsent,
    TakePayment,
    WithdrawCallOff,
)
from pmsbridge.testing.conformance import Weather
from pmsbridge_rest.sandbox import Office

__all__ = ["OfficeJudge"]

_KINDS: Final[Mapping[Weather, Mapping[str, Any]]] = {
    Weather.REFUSED: {"kind": "rejected"},
    Weather.LOST_BEFORE: {"kind": "drop_before"},
    Weather.LOST_AFTER: {"kind": "drop_after"},
    Weather.SERVER_ERROR: {"kind": "html_503"},
    Weather.FAULT: {"kind": "http_500", "after_effect": True},
    Weather.TRUNCATED: {"kind": "truncate"},
    Weather.GARBLED: {"kind": "not_json"},
    Weather.REDIRECTED: {"kind": "redirect"},
    Weather.BUSY: {"kind": "http_429"},
}


class OfficeJudge:
    """Looks into the books of a sandbox.

    Args:
        office: The sandbox.
        rest: Lets a minute pass. Called at every reset, for what the last weather said about waiting has to be over,
            and where something is still worked on.
    """

    weathers = frozenset(_KINDS)

    def __init__(self, office: Office, rest: Callable[[], None]) -> None:
        self.office = office
        self._rest = rest

    def reset(self) -> None:
        """Start over: the same data, good weather, no calls."""
        self._rest()
        self.office.reset()

    def calls(self) -> int:
        """How many calls arrived since the last reset."""
        return len(self.office.calls)

    def writes(self, effect: EffectBody) -> int:
        """How often the step that was sent most often was sent."""
        names = [call.name for call in self.office.calls if call.is_write and call.name.startswith(f"{_kind(effect)}.")]
        return max((names.count(name) for name in names), default=0)

    def set_weather(self, weather: Weather, effect: EffectBody | None) -> None:
        """Let the next write of this effect meet this weather; with None, every read from now on."""
        rule = dict(_KINDS[weather])
        if effect is None:
            self.office.faults.inject({"operation": "read.*", "count": 0, **rule})
        else:
            self.office.faults.inject({"operation": f"{_kind(effect)}.*", **rule})

    def times_done(self, effect: EffectBody) -> int:
        """How often an effect is in the books since the last reset; what is still worked on is waited for."""
        last = self.office.last_event
        if last is not None and last > self.office.now():
            self._rest()
        with self.office.lock:
            self.office.settle()
            if isinstance(effect, TakePayment):
                return self._paid(effect)
            stands = self._stands(effect)
            return self._entered(effect) if stands is None else int(stands)

    def _paid(self, effect: TakePayment) -> int:
        part = effect.parts[0]
        wanted = (part.rental_id, format(part.amount.amount, "f"))
        done = [one for one in self.office.books.entries if one.kind == "take_payment"]
        return sum((one.subject, one.what) == wanted for one in done)

    def _entered(self, effect: EffectBody) -> int:
        reference = str(getattr(effect, "reference", ""))
        done = [one for one in self.office.books.entries if one.kind == _kind(effect)]
        return sum(one.reference in {reference, ""} for one in done)

    def _stands(self, effect: EffectBody) -> bool | None:
        """Whether the state is as the effect wants it; None where an effect is no state."""
        match effect:
            case ScheduleMoveOut() | CancelMoveOut():
                wanted = getattr(effect, "leaving_on", None)
                return bool(self._value("rentals", effect.rental_id, "leaving_on") == wanted)
            case SetAutopay():
                return self._value("autopay", effect.rental_id, "autopay.on") is effect.on
            case SetConsent():
                name = f"consent.{effect.channel.value}.{effect.purpose.value}"
                return self._value("tenants", effect.tenant_id, name) is effect.granted
            case ChangeContact():
                return all(self._is_so(effect.tenant_id, name, text) for name, text in effect.changes.items())
            case WithdrawCallOff():
                return self._is_withdrawn(effect)
        return None

    def _is_withdrawn(self, effect: WithdrawCallOff) -> bool:
        """Whether the call-off is: the one with that reference; without one, any of the line."""
        wanted = {"rental_id": effect.rental_id, "item_id": effect.item_id, "reference": effect.called_off}
        named = {name: text for name, text in wanted.items() if text}
        return any(
            row.values["call_off_state"] == "withdrawn" and named.items() <= row.values.items()
            for row in self.office.books.truth.all("call_offs")
        )

    def _is_so(self, tenant_id: str, name: str, text: str) -> bool:
        found = str(self._value("tenants", tenant_id, name) or "")
        return found == text or ("phone" in name and _digits(found) == _digits(text))

    def _value(self, noun: str, key: str, name: str) -> Any:  # noqa: ANN401 - whatever the books hold
        record = self.office.books.truth.one(noun, key)
        return None if record is None else record.values.get(name)


def _kind(effect: EffectBody) -> str:
    return cast("str", getattr(effect, "kind", ""))


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)
