"""Requests as they will be sent: method, path, query, headers and the document of the body. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pmsbridge.actions.effects import EffectBody
from pmsbridge.ports.outcome import Attempt
from pmsbridge_rest.codecs.scene import Scene
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.actions import Action, BodyFieldKey, ClientReference, HeaderKey, Step
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import ABSENT, Absent, write_at
from pmsbridge_rest.mapping.requests import Call, CallEncoding, Method
from pmsbridge_rest.matching import case_fits

__all__ = ["Built", "attempt_places", "build", "build_step", "effect_filler", "fitting_steps", "reference_of"]

_REFERENCE_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Built:
    """One request, not yet spelt as bytes.

    Attributes:
        path: Escaped, below the base address.
        query: Pairs in the mapping's order, not escaped.
        headers: The connection's and the call's own; no login among them.
        document: The body as plain data: tables, lists, text, whole numbers, Decimals, true, false, null; an ``Upload``
            where a file belongs. ``ABSENT`` for no body.
        encoding: How the document is to be spelt.
        graphql: The query's text where that is graphql; the document then is its variables.
    """

    method: Method
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    document: Any = field(default=ABSENT, repr=False)
    encoding: CallEncoding = "json"
    graphql: str = ""


def build(call: Call, filler: Filler) -> Built:
    """A call with its places filled.

    Raises:
        CannotSayError: A value is missing, or cannot be said as it is.
    """
    mapping = filler.mapping
    query = [(name, filler.text(template)) for name, template in call.query.items()]
    headers = {**mapping.connection.headers, **call.headers}
    texts = {name: filler.header(template) for name, template in headers.items()}
    return Built(
        method=call.method,
        path=filler.path(call.path),
        query=tuple((name, text) for name, text in query if not isinstance(text, Absent)),
        headers={name: text for name, text in texts.items() if not isinstance(text, Absent)},
        document=_document(call, filler),
        encoding=call.encoding or mapping.encoding,
        graphql=call.graphql,
    )


def _document(call: Call, filler: Filler) -> Any:  # noqa: ANN401
    if call.encoding == "file":
        return filler.upload("")
    return ABSENT if call.body is None else filler.structure(call.body)


def build_step(step: Step, filler: Filler) -> Built:
    """A step of an action, with its idempotency key or reference in its place.

    Raises:
        CannotSayError: A value is missing, or cannot be said as it is.
    """
    built = build(step, filler)
    if step.update is not None and built.document is ABSENT:
        which = "whole" if step.update.strategy == "put_full" else "changes"
        built = replace(built, document=filler.structure({"$record": which}))
    match step.idempotency:
        case HeaderKey() as key:
            return replace(built, headers={**built.headers, key.name: _needed(filler.header(key.value))})
        case BodyFieldKey() | ClientReference() as key if key.at is not None:
            body = {} if built.document is ABSENT else built.document
            return replace(built, document=write_at(body, key.at, _needed(filler.value(key.value))))
        case _:
            return built


def _needed(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Absent):
        message = "the key that makes a second delivery harmless has no value"
        raise CannotSayError(message)
    return value


def fitting_steps(action: Action, effect: EffectBody) -> list[Step]:
    """The steps that an effect is carried out by; none when this action is not for it."""
    if not case_fits(action.accepts, effect):
        return []
    return [step for step in action.steps if case_fits(step.only_when, effect)]


def reference_of(effect: EffectBody, key: str) -> str:
    """What an effect is found by again: its own reference, else one made of its key."""
    own = getattr(effect, "reference", "")
    return str(own) if own else f"PB-{key[:_REFERENCE_LETTERS].upper()}"


def attempt_places(effect: EffectBody, attempt: Attempt) -> dict[str, Any]:
    """What ``{attempt...}`` leads to."""
    return {
        "key": attempt.key,
        "number": attempt.number,
        "reference": reference_of(effect, attempt.key),
        "sent_at": None if attempt.sent_at is None else _whole_second(attempt.sent_at),
    }


def _whole_second(moment: datetime) -> datetime:
    """The second an instant lies in: most back offices keep no more, and would read it back as another."""
    return moment.astimezone(UTC).replace(microsecond=0)


def effect_filler(
    mapping: Mapping,
    effect: EffectBody,
    attempt: Attempt,
    *,
    scene: Scene,
    now: datetime,
    option: Table[str, str],
) -> Filler:
    """Fills the places of an action.

    Args:
        mapping: The mapping.
        effect: What is asked for.
        attempt: Its key and when it was sent.
        scene: The facility's zone and currency.
        now: The instant; ``{today}`` is its day at the facility.
        option: The account's options, the facility's own among them.
    """
    places = {
        "effect": effect,
        "attempt": attempt_places(effect, attempt),
        "facility": {"code": effect.facility, "zone": scene.zone.key, "currency": scene.currency},
        "option": dict(option),
        "step": {},
        "today": now.astimezone(scene.zone).date(),
        "now": _whole_second(now),
    }
    return Filler(mapping, scene, places, file=attempt.file)
