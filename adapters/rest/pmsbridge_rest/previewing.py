"""What an action would send, to the letter, without sending it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.actions.effects import AttachDocument, ChangeContact, EffectBody, SetConsent
from pmsbridge.errors import ConfigurationError
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Attempt
from pmsbridge_rest.bodies.encoding import Upload
from pmsbridge_rest.building import Built, build, build_step, effect_filler, fitting_steps
from pmsbridge_rest.codecs.scene import Scene
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.actions import Action, Step
from pmsbridge_rest.mapping.auth import ApiKeyAuth, BasicAuth, BearerAuth
from pmsbridge_rest.mapping.connection import Option
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import Absent
from pmsbridge_rest.mapping.problems import did_you_mean
from pmsbridge_rest.samples import sample_effect, sample_record
from pmsbridge_rest.updating import Updating

__all__ = ["Shown", "preview"]

_KEY: Final = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class Shown:
    """One request as it would be sent.

    Attributes:
        step: Which step of the action.
        purpose: ``read first``, ``send``, ``look`` or ``verify``.
        url: Whole, its query escaped by nobody yet.
        headers: The login's shown by the names of its secrets.
        body: Plain data; None for no body.
        note: What a reader must know to read it right.
    """

    step: str
    purpose: str
    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: Any
    encoding: str
    note: str = ""


def preview(
    mapping: Mapping,
    action: str,
    *,
    effect: EffectBody | None = None,
    option: Table[str, str] | None = None,
    scene: Scene | None = None,
    now: datetime | None = None,
) -> list[Shown]:
    """Every request of an action, in order.

    Args:
        mapping: The mapping.
        action: Which action of it.
        effect: What is asked for; None for a made-up one.
        option: The account's options; what is not given is shown by its name.
        scene: The facility's zone and currency; None for Chicago and US dollars.
        now: The instant; None for now.

    Raises:
        ConfigurationError: There is no such action, no effect fits it, or a value cannot be said.
    """
    if action not in mapping.actions:
        message = f"{action}: no such action in this mapping. {did_you_mean(action, mapping.actions)}"
        raise ConfigurationError(message, code="no_action")
    scene = scene or Scene(ZoneInfo("America/Chicago"), "USD")
    now = now or datetime.now(UTC)
    chosen = mapping.actions[action]
    today = now.astimezone(scene.zone).date()
    effect = effect or sample_effect(action, mapping, today=today, currency=scene.currency)
    options = {
        **{name: _option(name, each) for name, each in mapping.connection.options.items()},
        **(option or {}),
    }
    attempt = Attempt(key=_KEY, sent_at=now, file=_unread(effect))
    filler = effect_filler(mapping, effect, attempt, scene=scene, now=now, option=options)
    return list(_requests(filler, chosen, effect))


def _unread(effect: EffectBody) -> HandedFile | None:
    """What would be handed in with an effect; nothing of it is there to be read."""
    if not isinstance(effect, AttachDocument):
        return None
    return HandedFile(effect.title, effect.media_type, effect.size, effect.sha256, lambda: iter(()))


def _option(name: str, option: Option) -> str:
    """What stands for an option that is not given: its default, its name, or a number where it has to look like one."""
    if option.default is not None:
        return option.default
    return next((each for each in (name.upper(), "1") if re.fullmatch(option.pattern, each)), name.upper())


def _requests(filler: Filler, action: Action, effect: EffectBody) -> Iterator[Shown]:
    steps = fitting_steps(action, effect)
    if not steps:
        message = "the action is not for such an effect (see accepts and only_when)"
        raise ConfigurationError(message, code="not_accepted")
    try:
        yield from _in_order(filler, action, steps, effect)
    except CannotSayError as problem:
        message = f"{problem}. Nothing would be sent."
    else:
        return
    raise ConfigurationError(message, code="unsayable")


def _in_order(filler: Filler, action: Action, steps: list[Step], effect: EffectBody) -> Iterator[Shown]:
    outputs: dict[str, dict[str, str]] = {}
    if action.before is not None:
        yield _shown(filler, "before", "read first", build(action.before, filler))
        outputs["before"] = _made_up("before", action.before.outputs)
    for step in steps:
        yield from _of_step(filler.with_places(step=dict(outputs)), step, effect)
        outputs[step.name] = _made_up(step.name, step.outputs)


def _made_up(step: str, outputs: Table[str, str]) -> dict[str, str]:
    return {name: f"{step}-{name}".upper() for name in outputs}


def _of_step(filler: Filler, step: Step, effect: EffectBody) -> Iterator[Shown]:
    note = ""
    if step.update is not None and isinstance(effect, ChangeContact | SetConsent):
        updating = Updating(filler.mapping, step.update, effect, filler.scene)
        record = sample_record(filler.mapping, step.update) if updating.needs_record else None
        filler = filler.with_record(**updating.records(record))
        reading = step.update.read or filler.mapping.entities[step.update.entity].one
        if record is not None and reading is not None:
            at = filler.with_places(read={"id": effect.tenant_id})
            yield _shown(at, step.name, "read first", build(reading, at))
            note = "(as read) stands for what was read first"
    yield _shown(filler, step.name, "send", build_step(step, filler), note)
    look = getattr(step.idempotency, "look_up", None)
    after = filler.with_places(step={**filler.places["step"], step.name: _made_up(step.name, step.outputs)})
    if look is not None:
        yield _shown(filler, step.name, "look", build(look, filler), "when the answer is lost")
    if step.verify is not None:
        yield _shown(after, step.name, "verify", build(step.verify, after), "after a good answer")


def _shown(filler: Filler, step: str, purpose: str, built: Built, note: str = "") -> Shown:
    headers, query = _login(filler)
    built = replace(built, headers={**built.headers, **headers}, query=(*built.query, *query.items()))
    body = None if isinstance(built.document, Absent) else _named(built.document)
    return Shown(
        step=step,
        purpose=purpose,
        method=built.method,
        url=str(filler.text(filler.mapping.connection.base_url)) + built.path,
        query=built.query,
        headers=built.headers,
        body=body,
        encoding=built.encoding,
        note="; ".join(each for each in (note, _signed(filler.mapping)) if each),
    )


def _named(document: Any) -> Any:  # noqa: ANN401 - a body
    """A body, its files shown by name and size."""
    if isinstance(document, Upload):
        return repr(document)
    if isinstance(document, dict):
        return {name: _named(each) for name, each in document.items()}
    return [_named(each) for each in document] if isinstance(document, list) else document


def _login(filler: Filler) -> tuple[dict[str, str], dict[str, str]]:
    """The login's headers and query, each secret shown by its name."""
    mapping = filler.mapping
    named = {name: f"<secret {name}>" for name in mapping.connection.secrets}
    here = filler.with_places(secret=named)
    auth = mapping.auth
    headers = dict(auth.extra_headers)
    query: dict[str, str] = {}
    if isinstance(auth, ApiKeyAuth):
        headers, query = {**headers, **auth.in_headers}, dict(auth.in_query)
    if isinstance(auth, BearerAuth):
        headers["Authorization"] = f"{auth.word} {{secret.{auth.token}}}"
    if isinstance(auth, BasicAuth):
        headers["Authorization"] = "Basic <user and password>"
    texts = {name: here.text(template) for name, template in headers.items()}
    return {name: str(text) for name, text in texts.items()}, {
        name: str(here.text(text)) for name, text in query.items()
    }


def _signed(mapping: Mapping) -> str:
    scheme = mapping.auth.scheme
    return "" if scheme in {"none", "api_key", "bearer", "basic"} else f"the login is added when it is sent ({scheme})"
