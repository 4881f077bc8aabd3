"""Messages made of what the feeds hold. Pure: the same row gives the same bytes at every attempt.

Of an outcome, whether it is partial is told as long as it is the action's outcome: what is over says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pmsbridge.logging import redact
from pmsbridge.logging.redaction import is_secret_key, redact_value
from pmsbridge.ports.messages import (
    PLAN_MISSED,
    ActionData,
    ActionMessage,
    FieldChange,
    Message,
    PlanData,
    PlanMessage,
    RecordData,
    RecordMessage,
    TrialData,
    TrialMessage,
    type_of_fate,
)
from pmsbridge.store.changes import Change, ChangeKind, different_fields
from pmsbridge.store.columns import plain
from pmsbridge.store.outcome_feed import OutcomeChange
from pmsbridge.store.webhooks import Feed, Head

__all__ = ["Posting", "is_first_copy", "of_change", "of_outcome", "of_trial", "type_of_change", "type_of_outcome"]

_LARGEST_BYTES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Posting:
    """A message ready to be posted.

    Attributes:
        id: The same at every attempt, at every endpoint, and when it is told again later.
        head: Its place in its feed; None for a trial.
    """

    id: str
    account: str
    facility: str
    message: Message
    head: Head | None

    @property
    def body(self) -> bytes:
        """What is posted: JSON, UTF-8."""
        return _bytes(self.message)


def is_first_copy(change: Change) -> bool:
    """Whether a record only came in with all the others when its facility was copied for the first time."""
    return change.kind is ChangeKind.CREATED and not change.after


def type_of_change(change: Change) -> str:
    """The type of message a change is told in."""
    return f"{change.entity}.{change.kind}"


def type_of_outcome(outcome: OutcomeChange) -> str:
    """The type of message an outcome is told in."""
    return type_of_fate(outcome.kind, outcome.outcome.value)


def of_change(change: Change) -> Posting:
    """What is told of a record; its secrets are not, and a very large one only says which fields are different."""
    old, new = different_fields(change.before, change.after)
    shown = [name for name in old if not _hides(name, old[name], new[name])]
    told = {name: FieldChange(before=_shown(old[name]), after=_shown(new[name])) for name in shown}
    data = RecordData(
        account=change.account, facility=change.facility, entity=change.entity, uid=change.uid,
        id=plain(change.id) or "",
        differences={_text(name): field for name, field in told.items()},
        left_out=tuple(_text(name) for name in old if name not in told),
    )  # fmt: skip
    message = RecordMessage(type=type_of_change(change), timestamp=change.at, data=data)
    if len(_bytes(message)) > _LARGEST_BYTES:
        data = data.changed(differences={}, left_out=tuple(_text(name) for name in old))
        message = RecordMessage(type=message.type, timestamp=message.timestamp, data=data)
    identity = _id("change", change.uid, str(change.seq), change.run_id)
    return Posting(identity, change.account, change.facility, message, Head(Feed.CHANGES, change.seq))


def of_outcome(outcome: OutcomeChange) -> Posting:
    """What is told of an action, or of what it was about."""
    message = _plan_message(outcome) if type_of_outcome(outcome) == PLAN_MISSED else _action_message(outcome)
    identity = _id("outcome", outcome.action_id, str(outcome.seq))
    return Posting(identity, outcome.account, outcome.facility, message, Head(Feed.OUTCOMES, outcome.number))


def _plan_message(outcome: OutcomeChange) -> PlanMessage:
    told = {name: _text(str(value)) for name, value in json.loads(outcome.intent).items()}
    data = PlanData(
        account=outcome.account, facility=outcome.facility, id=outcome.action_id,
        tenant_id=plain(outcome.tenant_id) or "",
        rental_id=told.get("rental_id", ""), due_on=told.get("due_on", ""), amount=told.get("amount", ""),
    )  # fmt: skip
    return PlanMessage(timestamp=outcome.at, data=data)


def _action_message(outcome: OutcomeChange) -> ActionMessage:
    before, after = outcome.before.value, outcome.outcome.value
    data = ActionData(
        account=outcome.account, facility=outcome.facility, id=outcome.action_id, kind=outcome.kind,
        tenant_id=plain(outcome.tenant_id) or "", partial=outcome.partial,
        differences={"outcome": FieldChange(before=before, after=after)},
    )  # fmt: skip
    return ActionMessage(type=type_of_outcome(outcome), timestamp=outcome.at, data=data)


def of_trial(endpoint: str, now: datetime) -> Posting:
    """What a person tries an endpoint with."""
    message = TrialMessage(timestamp=now, data=TrialData(endpoint=endpoint))
    return Posting(_id("trial", endpoint, now.isoformat()), "", "", message, None)


def _id(*parts: str) -> str:
    digest = hashlib.blake2b("\x1f".join(parts).encode(errors="replace"), digest_size=16).hexdigest()
    return f"msg_{digest}"


def _bytes(message: Message) -> bytes:
    return json.dumps(
        message.model_dump(mode="json", by_alias=True), ensure_ascii=False, separators=(",", ":")
    ).encode()


def _hides(name: str, *values: object) -> bool:
    """Whether a field is secret by the name of any part of it; that there is one ("has_gate_code") is no secret."""
    if all(value is None or isinstance(value, bool) for value in values):
        return False
    return any(is_secret_key(part) for part in name.split(".")) or any(map(_holds_secret_key, values))


def _holds_secret_key(value: object) -> bool:
    return any(is_secret_key(key) for key in _keys(value))


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def _shown(value: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type
    return _storable(redact_value(value))


def _storable(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def _text(value: str) -> str:
    return plain(redact(value)) or ""
