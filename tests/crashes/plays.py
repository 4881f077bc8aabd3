"""How a story goes until a process dies in it: who comes one after the other, and how the back office is meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pmsbridge.ports.outcome import Outcome
from tests.crashes.smithy import Scene
from tests.crashes.verdict import Books

__all__ = ["PLAYS", "Act", "Place", "Play", "acted", "decided", "enough", "places"]

_ALIVE_AFTER_SECONDS: Final = 0.02
_CALLS: Final = {
    "pay": "TakePayment", "pay_by_card": "TakePayment", "edit": "ChangeContact", "autopay": "SetAutopay",
    "move_out": "ScheduleMoveOut",
}  # fmt: skip


@dataclass(frozen=True)
class Act:
    """One part of a story; afterwards every lease and settle window is over.

    Attributes:
        who: "portal" (a click), "worker" or "operator".
        office: How the back office is meanwhile, one of ``OFFICES``; None as it is.
        dies: Where this process dies because what comes next is about that; empty when it is not.
    """

    who: str
    office: str | None = None
    dies: str = ""


@dataclass(frozen=True)
class Play:
    """A story about one verb."""

    verb: str
    acts: tuple[Act, ...]


def _plays() -> Iterator[Play]:
    click, work, asks = Act("portal"), Act("worker"), Act("operator")
    silent, mute, blind = Act("portal", office="silent"), Act("portal", office="mute"), Act("worker", office="blind")
    for verb in _CALLS:
        yield Play(verb, (click,))
    for verb in ("pay", "edit", "pay_by_card"):
        yield Play(verb, (Act("portal", dies="after commit: submitted"), work))
    for verb in ("pay", "move_out", "edit", "pay_by_card"):
        yield Play(verb, (Act("portal", dies=f"before {_CALLS[verb]}"), work, work))
        yield Play(verb, (silent, work))
    for verb in ("pay", "edit", "autopay"):
        yield Play(verb, (mute, work))
    for place in ("after PostBulletin", "after mail"):
        yield Play("edit", (Act("portal", dies=place), work, asks))
    yield Play("pay", (mute, blind, asks))
    yield Play("move_out", (silent, blind, asks, work))
    for office in ("away", "refusing"):
        for verb in ("pay", "edit"):
            yield Play(verb, (Act("portal", office=office), work))


PLAYS: Final = tuple(_plays())


@dataclass(frozen=True)
class Place:
    """Where in a play a boundary is reached."""

    play: Play
    act: int

    @property
    def preparations(self) -> int:
        """How much has to happen before, so that the cheaper of two ways can be taken."""
        return sum(3 if act.dies else 1 for act in self.play.acts[: self.act])


def acted(
    scene: Scene, place: Place, *, die_in: Collection[str] = (), crowd: int = 1, living: int = 0
) -> list[dict[str, Any]]:
    """Play up to an act; returns how every process ended that was to die somewhere.

    Args:
        scene: Where; has wishes left for it, see ``enough``.
        place: Which play, and its last act.
        die_in: Names of boundaries: in the last act, whoever reaches one of them dies there.
        crowd: How many may die at the same time, each beginning in a lane of its own.
        living: How many are at work beside them that live.
    """
    ended: list[dict[str, Any]] = []
    for number, act in enumerate(place.play.acts[: place.act + 1]):
        is_last = number == place.act
        fated = sorted(die_in) if is_last and die_in else [act.dies] if act.dies else []
        jobs = list(_jobs(scene, place.play, act, crowd, fated))
        beside = {"works": True, "office": act.office, "delay_seconds": _ALIVE_AFTER_SECONDS}
        ended += scene.run(*jobs, *(scene.job(**beside) for _ in range(living if is_last else 0)))[: len(jobs)]
        scene.later()
    return ended


def _jobs(scene: Scene, play: Play, act: Act, crowd: int, fated: Sequence[str]) -> list[dict[str, Any]]:
    """As many processes as may die, or one that does everything."""
    how: dict[str, Any] = {"office": act.office, "die_in": fated}
    number = crowd if fated else 1
    if act.who == "worker":
        return [scene.job(works=True, **how) for _ in range(number)]
    if act.who == "portal":
        wishes = [scene.wish(play.verb) for _ in range(crowd)]
        return [scene.job(*wishes[turn::number], remembers=True, **how) for turn in range(number)]
    statements = list(_statements(scene))
    return [scene.job(statements=statements[turn::number], **how) for turn in range(number)]


def _statements(scene: Scene) -> Iterator[Mapping[str, str]]:
    """What an operator finds in the books about every step that nobody knows; only what is true."""
    waiting = [
        (scene.wishes[view.key], view, step)
        for view in scene.views().values()
        for step in view.steps
        if step.outcome is Outcome.NEEDS_REVIEW
    ]
    books = Books(scene) if waiting else None
    for wish, view, step in waiting:
        assert books is not None
        found = Outcome.SETTLED if books.done(wish, step) else Outcome.NOT_SENT
        yield {"action_id": view.action_id, "step": step.name, "found": found.value}


def decided(scene: Scene) -> None:
    """An operator works off everything that waits for one."""
    scene.run(scene.job(statements=list(_statements(scene))))


def places(scene: Scene) -> dict[str, list[Place]]:
    """Every boundary by its name, with the acts in which it is reached when everybody is alone."""
    found: dict[str, list[Place]] = {}
    for play in PLAYS:
        reached = [set(process["reached"]) for process in acted(scene, Place(play, len(play.acts) - 1))]
        for number, names in enumerate(reached):
            for name in names:
                found.setdefault(name, []).append(Place(play, number))
    return found


def enough(scene: Scene, place: Place, crowd: int) -> bool:
    """Whether a scene has wishes left for one more."""
    return scene.left(place.play.verb) >= crowd
