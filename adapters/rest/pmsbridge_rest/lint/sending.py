"""Which keys a call would send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pmsbridge_rest.mapping.actions import Step
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import parse_path, write_at
from pmsbridge_rest.mapping.requests import Call

__all__ = ["sent_keys"]


def sent_keys(mapping: Mapping, call: Call) -> dict[str, Any] | None:
    """The keys of the body as they would be sent; fields of an update are optional, so only their places count."""
    body: Any = call.body
    if isinstance(call, Step):
        record = _record_keys(mapping, call) if call.update is not None else {}
        body = record if body is None and call.update is not None else _with_record(body, record)
        at = getattr(call.idempotency, "at", None)
        body = body if at is None else write_at(body or {}, at, "")
    return body if isinstance(body, dict) else None


def _record_keys(mapping: Mapping, step: Step) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path in _written(mapping, step):
        if all(each.index is None for each in parse_path(path)):
            try:
                made = write_at(made, path, "")
            except ValueError:
                continue
    return made


def _written(mapping: Mapping, step: Step) -> Iterator[str]:
    """Where an update may write: consents where it is about those, else fields."""
    entity = mapping.entities.get(step.update.entity) if step.update is not None else None
    if entity is None:
        return
    answers = mapping.actions.get("set_consent")
    if answers is not None and any(step is each for each in answers.steps):
        yield from (consent.at for consent in entity.consents if consent.dir != "read")
        return
    yield from (field.at for field in entity.fields.values() if field.is_written and field.at is not None)


def _with_record(body: Any, record: dict[str, Any]) -> Any:  # noqa: ANN401 - a body
    if isinstance(body, dict):
        if "$record" in body:
            return {**record, **{key: each for key, each in body.items() if key != "$record"}}
        return {key: _with_record(each, record) for key, each in body.items()}
    return [_with_record(each, record) for each in body] if isinstance(body, list) else body
