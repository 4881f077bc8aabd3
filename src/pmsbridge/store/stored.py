"""Rows of the journal as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from pmsbridge.actions.effects import Effect, TakePayment, effect_class, effect_from_json
from pmsbridge.actions.plan import PlannedEffect, When
from pmsbridge.model.finding import Finding
from pmsbridge.ports.outcome import Outcome, Receipt
from pmsbridge.store.standing import PARTLY, EffectState, Ended, action_outcome, is_partial
from pmsbridge.store.tables import effects

__all__ = [
    "Change",
    "Held",
    "Route",
    "Sending",
    "Standing",
    "StoredAction",
    "StoredEffect",
    "Submitted",
    "TrailEntry",
    "Writing",
]


@dataclass(frozen=True)
class StoredEffect:
    """One effect as the journal knows it.

    Attributes:
        seq: Order of arrival over all actions.
        attempts: Sends begun.
        looks: Probes made.
        resends: Sends made after a look that found nothing.
        is_doubtful: It was sent again although no look had proved that the first send never arrived, because a repeat
            does no harm there, or goes on from the part that stands. What becomes of the repeat says nothing about the
            first: only a receipt, or a conclusive absence, ends it.
        known_before: Of a payment: by rental, the smallest ledger balance known from its judging until it was sent.
        asked_at: When it was asked for (submitted, or retried by a person): what deadlines count from.
        quiet_until: No look before this instant: last moment its bytes may have left, plus the settle window.
        due_at: When the engine next has something to do with it.
        guards: What it holds while it is unresolved.
        sealed_until: Until then only the process that holds its sealed value may send it; None when none is needed.
        version: Raised by every write.
    """

    seq: int
    action_id: str
    position: int
    name: str
    key: str
    kind: str
    payload: str
    after: str | None
    when: When
    is_principal: bool
    emulates: str
    guards: tuple[str, ...]
    lane: str
    account: str
    facility: str
    tenant_id: str
    target: str
    state: EffectState
    ended: Ended | None
    message: str
    code: str
    evidence: str
    vendor_ids: Mapping[str, str]
    receipt_at: datetime | None
    is_read_back: bool
    is_emulated: bool
    attempts: int
    looks: int
    resends: int
    is_doubtful: bool
    baseline: Mapping[str, str]
    known_before: Mapping[str, str]
    asked_at: datetime
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    quiet_until: datetime | None
    due_at: datetime
    sealed_until: datetime | None
    finished_at: datetime | None
    version: int

    @cached_property
    def effect(self) -> Effect:
        """What the back office is asked to do."""
        return effect_from_json(self.payload)

    @property
    def outcome(self) -> Outcome:
        """The effect's own outcome; a skipped effect was not sent."""
        if self.state is EffectState.REVIEW:
            return Outcome.NEEDS_REVIEW
        if self.ended is None:
            return Outcome.PENDING
        return Outcome.NOT_SENT if self.ended is Ended.SKIPPED else Outcome(self.ended.value)

    @property
    def tenant_scope(self) -> tuple[str, str, str] | None:
        """Whose it is; None when it is nobody's in particular."""
        return (self.account, self.facility, self.tenant_id) if self.tenant_id else None

    @property
    def rentals_missing(self) -> frozenset[str]:
        """Rentals of a settled payment that got nothing of it, as a person found; empty for every other effect."""
        if self.code != PARTLY or not isinstance(self.effect, TakePayment):
            return frozenset()
        return frozenset(p.rental_id for p in self.effect.parts if f"payment.{p.rental_id}" not in self.vendor_ids)

    @property
    def is_notice(self) -> bool:
        """It tells somebody something; it waits for nothing but what it is told to wait for."""
        return effect_class(self.kind).is_notice

    @property
    def moves_ledger(self) -> bool:
        """Other payments of the tenant wait for it."""
        return self.kind == "post_future_charges" or effect_class(self.kind).moves_money

    @property
    def scope(self) -> tuple[str, str, str]:
        """Whose writes it is serialised with: account, facility, tenant (empty for nobody's in particular)."""
        return (self.account, self.facility, self.tenant_id)

    def after_write(self, values: Mapping[str, Any]) -> StoredEffect:
        """As it is in the journal after a write of these columns; the write raised its version."""
        fresh = {**self.__dict__, **values}
        fresh["state"] = EffectState(fresh["state"])
        fresh["ended"] = Ended(fresh["ended"]) if fresh["ended"] else None
        fresh["version"] = self.version + 1
        return self._made_of(fresh)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> StoredEffect:
        """Read a row of the effects table, its columns in the table's order."""
        values = dict(zip(_EFFECT_FIELDS, row, strict=True))
        values["when"] = _WHENS[values["when"]]
        values["state"] = _STATES[values["state"]]
        values["ended"] = _ENDS[values["ended"]]
        values["guards"] = tuple(values["guards"])
        return cls._made_of(values)

    @classmethod
    def inserted(cls, seq: int, row: Mapping[str, Any], effect: Effect) -> StoredEffect:
        """From columns that were just inserted, their row number, and what the payload says."""
        values = {**dict.fromkeys(_EFFECT_FIELDS), **row, "seq": seq, "guards": tuple(row["guards"]), "effect": effect}
        values["when"] = _WHENS[values.pop("run_when")]
        values["state"] = _STATES[values["state"]]
        return cls._made_of(values)

    @classmethod
    def _made_of(cls, values: dict[str, Any]) -> StoredEffect:
        # A queue is thousands of these; setting forty frozen fields one by one costs more than reading the row.
        made = cls.__new__(cls)
        made.__dict__.update(values)
        return made


_EFFECT_FIELDS: Final = tuple("when" if column.name == "run_when" else column.name for column in effects.columns)
_WHENS: Final = {when.value: when for when in When}
_STATES: Final = {state.value: state for state in EffectState}
_ENDS: Final[dict[str | None, Ended | None]] = {None: None, **{end.value: end for end in Ended}}


@dataclass(frozen=True)
class StoredAction:
    """One action with its effects in plan order.

    Attributes:
        tenant_id: Empty for an action without a tenant.
    """

    seq: int
    id: str
    key: str
    kind: str
    account: str
    facility: str
    tenant_id: str
    intent: str
    actor: str
    submitted_at: datetime
    changed_at: datetime
    effects: tuple[StoredEffect, ...]

    @property
    def outcome(self) -> Outcome:
        """Derived from the effects."""
        return action_outcome(self.effects)

    @property
    def is_partial(self) -> bool:
        """Some principal effects settled, some certainly not."""
        return is_partial(self.effects)

    @property
    def lanes(self) -> tuple[str, ...]:
        """Lanes in which it has open effects, in plan order."""
        return tuple(dict.fromkeys(e.lane for e in self.effects if e.state.is_open))

    def effect_named(self, name: str) -> StoredEffect | None:
        """The effect of that name."""
        return next((e for e in self.effects if e.name == name), None)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission.

    Attributes:
        action: The action it is, or was attached to.
        replayed: The same key came before.
        attached: Another key asked for the same payment while it is unresolved; nothing new was stored.
    """

    action: StoredAction
    replayed: bool = False
    attached: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """How one effect will travel.

    Attributes:
        lane: What it is serialised with.
        sealed_for: How long only this process may send it; None when no sealed value is needed.
    """

    lane: str
    sealed_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What is written before the first byte leaves.

    Attributes:
        quiet_until: If this is the last thing ever written about the send: when it may be looked for.
    """

    baseline: Mapping[str, str]
    known_before: Mapping[str, str]
    quiet_until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A lane that is ours for now."""

    lane: str
    owner: str
    epoch: int
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """How a lane was seen to stand.

    Attributes:
        epoch: Raised by everybody who takes the lane.
        lease_until: None when whoever had it let it go.
        is_free: Nobody held it at that moment.
    """

    lane: str
    owner: str
    epoch: int
    lease_until: datetime | None
    is_free: bool


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One thing that happened to an action."""

    action_id: str
    number: int
    at: datetime
    event: str
    data: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one journal write makes of an effect.

    Attributes:
        event: Its name in the trail.
        why: In our words; what the effect's message becomes.
        not_before: When there is something to do again; None when there is nothing.
        looked: It follows a probe.
        resend: It is put back to be sent once more after a look that found nothing.
        doubtful: As of now an earlier send may have arrived unseen; None leaves that as it is.
    """

    event: str
    state: EffectState
    ended: Ended | None = None
    why: str = ""
    code: str = ""
    receipt: Receipt | None = None
    not_before: datetime | None = None
    quiet_until: datetime | None = None
    looked: bool = False
    resend: bool = False
    doubtful: bool | None = None

    @property
    def claims_nothing_happened(self) -> bool:
        """It ends the effect as undone on the word of the last try alone, not because a look proved it absent."""
        return self.ended is not None and self.ended.has_failed and not self.looked

    @classmethod
    def settled(cls, receipt: Receipt, *, looked: bool = False) -> Change:
        """The back office has it."""
        event = "found" if looked else "settled"
        return cls(event, EffectState.DONE, Ended.SETTLED, code=receipt.code, receipt=receipt, looked=looked)

    @classmethod
    def declined(cls, why: str, code: str = "") -> Change:
        """The back office said no; nothing changed."""
        return cls("declined", EffectState.DONE, Ended.DECLINED, why=why, code=code)

    @classmethod
    def not_sent(cls, why: str, code: str = "", *, event: str = "not_sent", looked: bool = False) -> Change:
        """It certainly never got there."""
        return cls(event, EffectState.DONE, Ended.NOT_SENT, why=why, code=code, looked=looked)

    @classmethod
    def skipped(cls, why: str) -> Change:
        """What it waited for ended another way."""
        return cls("skipped", EffectState.DONE, Ended.SKIPPED, why=why)

    @classmethod
    def waiting(cls, why: str, code: str, *, until: datetime) -> Change:
        """It certainly never got there; try again later."""
        return cls("postponed", EffectState.WAITING, why=why, code=code, not_before=until)

    @classmethod
    def again(cls, why: str, *, at: datetime, proved: bool) -> Change:
        """Send the same key once more: it is conclusively absent (``proved``), or a repeat does no harm, or goes on."""
        event = "absent" if proved else "repeated"
        return cls(event, EffectState.WAITING, why=why, not_before=at, looked=True, resend=True, doubtful=not proved)

    @classmethod
    def unknown(cls, why: str, code: str, *, look_at: datetime) -> Change:
        """It may have happened; look after the settle window."""
        return cls("unknown", EffectState.UNKNOWN, why=why, code=code, not_before=look_at, quiet_until=look_at)

    @classmethod
    def still_unknown(cls, why: str, code: str, *, look_at: datetime) -> Change:
        """The look itself failed; look again later."""
        return cls("look_failed", EffectState.UNKNOWN, why=why, code=code, not_before=look_at, looked=True)

    @classmethod
    def review(cls, why: str, *, looked: bool = True) -> Change:
        """No machine can know."""
        return cls("needs_review", EffectState.REVIEW, why=why, looked=looked)


@dataclass(frozen=True, slots=True)
class Writing:
    """What one commit writes about an effect.

    Attributes:
        added: Effects that follow from it, with their ways.
        found: What a person should know.
    """

    effect: StoredEffect
    change: Change
    added: Sequence[tuple[PlannedEffect, Route]] = ()
    found: Sequence[Finding] = ()
