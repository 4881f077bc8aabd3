"""What an adapter can do, collected from its handlers, so that no promise outlives its method."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from pmsbridge.actions.effects import EffectBody
from pmsbridge.errors import UnsupportedError
from pmsbridge.ports.outcome import Attempt, CannotTell, Probed, Receipt

__all__ = ["Capability", "Dedup", "EffectHandlers", "Support", "baselines", "handles", "probes"]


class Support(StrEnum):
    """How a back office can do an effect."""

    NATIVE = "native"
    EMULATED = "emulated"
    NOT_YET = "not_yet"
    VENDOR_CANNOT = "vendor_cannot"


class Dedup(StrEnum):
    """How a second delivery is recognised or made harmless."""

    VENDOR_KEY = "vendor_key"
    REFERENCE = "reference"
    NATURAL_KEY = "natural_key"
    STATE = "state"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capability:
    """One row of the capability table.

    Attributes:
        effect: The effect's ``kind``.
        absence_conclusive: After the settle window, not finding it proves that it never happened.
        source: Where the promise comes from.
        can_probe: There is a look that can find it.
        reads_before: ``baseline`` asks the back office something before a send. Where it does not, the engine commits
            an outcome and the next "sending" at once.
        announce: How staff are told of it afterwards, where the plan tells them: "note", "bulletin", "mail"; None for
            every way that the back office has.
        posts_beside: Of a bulletin: it is posted beside the tenant or the rental it is about. A plan names neither
            where nobody reads it, so that earlier code can deliver the post while a deployment rolls.
        without: Fields of the effect that it has no place for. Of autopay, two are read: "days_after_due" denies
            another day, by button and verb; "method" says of a back office without ``AutopayMeansPort`` that it can be
            told to charge nothing that is typed.
        max_bytes: Of an effect that carries a file: the largest one that it takes; None where it does not say.
        by_hand: Where the back office does not do it itself, its staff are asked to, if a task can ask for such an
            effect at all. False: it is not offered.
    """

    effect: str
    support: Support
    dedup: Dedup
    absence_conclusive: bool
    can_probe: bool
    source: str
    reads_before: bool = True
    announce: tuple[str, ...] | None = None
    posts_beside: bool = False
    without: frozenset[str] = frozenset()
    max_bytes: int | None = None
    by_hand: bool = True


_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Promise:
    effect: type[EffectBody]
    support: Support
    dedup: Dedup
    absence_conclusive: bool
    source: str
    posts_beside: bool
    without: frozenset[str]


def handles(
    effect: type[EffectBody],
    *,
    support: Support = Support.NATIVE,
    dedup: Dedup,
    absence_conclusive: bool = False,
    source: str,
    posts_beside: bool = False,
    without: Collection[str] = (),
) -> Callable[[_F], _F]:
    """Mark the method ``(self, effect, attempt) -> Receipt`` that carries an effect out, with its promise.

    Raises:
        TypeError: The promise names no source, or leaves out what is no field of the effect.
    """
    if not source.strip():
        message = f"a promise about {_kind(effect)} needs a source"
        raise TypeError(message)
    left_out = frozenset(without)
    if strangers := left_out - set(effect.model_fields):
        message = f"{_kind(effect)} has no {', '.join(sorted(strangers))}"
        raise TypeError(message)

    def mark(method: _F) -> _F:
        method.__dict__["_promise"] = _Promise(
            effect, support, dedup, absence_conclusive, source, posts_beside, left_out
        )  # fmt: skip
        return method

    return mark


def probes(effect: type[EffectBody]) -> Callable[[_F], _F]:
    """Mark the method ``(self, effect, attempt) -> Probed`` that looks for an effect."""

    def mark(method: _F) -> _F:
        method.__dict__["_probes"] = effect
        return method

    return mark


def baselines(effect: type[EffectBody]) -> Callable[[_F], _F]:
    """Mark the method ``(self, effect) -> Mapping[str, str]`` that reads, before a send, what a probe compares with."""

    def mark(method: _F) -> _F:
        method.__dict__["_baselines"] = effect
        return method

    return mark


def _kind(effect: type[EffectBody]) -> str:
    return str(effect.model_fields["kind"].default)


def _marked(cls: type, mark: str) -> dict[str, tuple[str, Any]]:
    """Method name and mark by effect kind, of the methods that a class itself defines.

    Raises:
        TypeError: Two methods carry the same mark for one effect.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, method in vars(cls).items():
        value = getattr(method, "__dict__", {}).get(mark)
        if value is None:
            continue
        kind = _kind(value.effect if isinstance(value, _Promise) else value)
        if kind in found:
            message = f"{cls.__name__} marks {kind} twice: {found[kind][0]} and {name}"
            raise TypeError(message)
        found[kind] = (name, value)
    return found


class EffectHandlers:
    """Collects the marked methods of a subclass into its capability table and calls them.

    A subclass that probes or baselines an effect it does not handle, or marks one twice, fails at class creation.
    """

    capabilities: ClassVar[Mapping[str, Capability]] = MappingProxyType({})
    _execute_by: ClassVar[Mapping[str, str]] = MappingProxyType({})
    _probe_by: ClassVar[Mapping[str, str]] = MappingProxyType({})
    _baseline_by: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        promises = {kind: promise for kind, (_, promise) in _marked(cls, "_promise").items()}
        execute = {**cls._execute_by, **{kind: name for kind, (name, _) in _marked(cls, "_promise").items()}}
        probe = {**cls._probe_by, **{kind: name for kind, (name, _) in _marked(cls, "_probes").items()}}
        before = {**cls._baseline_by, **{kind: name for kind, (name, _) in _marked(cls, "_baselines").items()}}
        if orphans := (set(probe) | set(before)) - set(execute):
            message = f"{cls.__name__} probes or baselines effects that it does not handle: {sorted(orphans)}"
            raise TypeError(message)
        inherited = {
            kind: replace(row, can_probe=kind in probe, reads_before=kind in before)
            for kind, row in cls.capabilities.items()
        }
        rows = {
            kind: _row(kind, promise, can_probe=kind in probe, reads_before=kind in before)
            for kind, promise in promises.items()
        }
        cls.capabilities = MappingProxyType({**inherited, **rows})
        cls._execute_by, cls._probe_by = MappingProxyType(execute), MappingProxyType(probe)
        cls._baseline_by = MappingProxyType(before)

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Carry an effect out, once.

        Raises:
            UnsupportedError: This back office cannot say it; nothing was tried.
            ConfigurationError: Nothing was tried; a person must act.
            RejectedError: The back office said no; nothing changed.
            UnavailableError: It certainly never got there, or was told to wait.
            OutcomeUnknownError: It was sent; the answer is lost or unusable.
        """
        kind = str(getattr(effect, "kind", ""))
        if kind not in self._execute_by:
            message = f"this back office has no way to {kind.replace('_', ' ')}"
            raise UnsupportedError(message, code=f"no_{kind}")
        answer: Receipt = getattr(self, self._execute_by[kind])(effect, attempt)
        return answer

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Look whether an effect is there. Only reads. Raises as a read does (UnavailableError, ConfigurationError)."""
        name = self._probe_by.get(str(getattr(effect, "kind", "")))
        if name is None:
            return CannotTell("this back office has no read that would show it")
        answer: Probed = getattr(self, name)(effect, attempt)
        return answer

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """Read what a later probe compares with; empty when a probe needs nothing. Raises as a read does."""
        name = self._baseline_by.get(str(getattr(effect, "kind", "")))
        if name is None:
            return {}
        answer: Mapping[str, str] = getattr(self, name)(effect)
        return answer


def _row(kind: str, promise: _Promise, *, can_probe: bool, reads_before: bool) -> Capability:
    return Capability(
        effect=kind,
        support=promise.support,
        dedup=promise.dedup,
        absence_conclusive=promise.absence_conclusive,
        can_probe=can_probe,
        source=promise.source,
        reads_before=reads_before,
        posts_beside=promise.posts_beside,
        without=promise.without,
    )
