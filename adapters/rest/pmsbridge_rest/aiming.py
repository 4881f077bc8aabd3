"""What a payment is aimed at by the steps it travels by: one invoice, or one line of it; asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from pmsbridge.actions.effects import TakePayment
from pmsbridge_rest.mapping.actions import Action, Cases, Step
from pmsbridge_rest.mapping.templates import Place, parse_template, places_in, templates_in
from pmsbridge_rest.matching import case_fits

__all__ = ["AIMS", "OPEN_MEANS", "Aim", "aims_in", "aims_said", "is_aimed", "named_aims", "refers_to", "steps_by"]

Aim = Literal["invoice_id", "line_id"]
AIMS: Final[tuple[Aim, ...]] = ("invoice_id", "line_id")

OPEN_MEANS: Final = ("external", "stored")
"""What is typed now travels sealed, and no mapping can open it."""

_OF_MEANS: Final = {"external": ("gateway", "reference"), "stored": ("method_id",)}
_EACH: Final = "part."


def named_aims(step: Step) -> list[Place]:
    """Every place of an aim in what a step sends, be it within a sentence."""
    return [place for place in places_in(_sent(step)) if _aim_of(place) is not None]


def aims_in(step: Step) -> list[Place]:
    """The places of aims that a back office can tell from words: a whole value, or a whole segment of the path."""
    values = (place for place in _whole(_sent(step, path=False)) if _aim_of(place) is not None)
    return [*(place for place in _segments(step.path) if _aim_of(place) is not None), *values]


def aims_said(steps: Iterable[Step]) -> frozenset[Aim]:
    """What of a payment's first part these steps can name."""
    held = {place.path for step in steps for place in aims_in(step)}
    return frozenset(name for name in AIMS if {f"{_EACH}{name}", f"effect.parts[0].{name}"} & held)


def is_aimed(steps: Iterable[Step], effect: TakePayment) -> bool:
    """Whether there is a place for all that each part of a payment aims at."""
    held = {place.path for step in steps for place in aims_in(step)}
    return all(
        {f"{_EACH}{name}", f"effect.parts[{number}].{name}"} & held
        for number, part in enumerate(effect.parts)
        for name in AIMS
        if getattr(part, name)
    )


def steps_by(action: Action, way: str, aims: Iterable[Aim] | None = None) -> list[Step]:
    """The steps by which a payment may travel; what else their ``only_when`` asks may hold.

    Args:
        action: How payments are taken.
        way: What it is paid by ("stored").
        aims: What its first part names; None for anything or nothing.
    """
    known: dict[str, Any] = {"means.by": way, **{f"means.{name}": "-" for name in _OF_MEANS[way]}}
    if aims is not None:
        known |= {f"parts[0].{name}": "-" if name in aims else None for name in AIMS}
    if not _may_fit(action.accepts, known):
        return []
    return [step for step in action.steps if _may_fit(step.only_when, known)]


def refers_to(step: Step, other: Step) -> bool:
    """Whether a step sends what another one was answered: it goes on with the same payment."""
    return any(place.path.startswith(f"step.{other.name}.") for place in places_in(_sent(step)))


def _may_fit(cases: Cases, known: dict[str, Any]) -> bool:
    """Whether nothing that is known of a payment speaks against it: of ids no more is known than that there are any."""
    return all(
        case_fits({"value": demand}, {"value": known[path]})
        for path, demand in cases.items()
        if path in known and (path == "means.by" or demand.model_fields_set == {"present"} or known[path] is None)
    )


def _sent(step: Step, *, path: bool = True) -> dict[str, Any]:
    return {**({"path": step.path} if path else {}), **step.model_dump(include={"query", "headers", "body"})}


def _aim_of(place: Place) -> str | None:
    root, _, name = place.path.rpartition(".")
    return name if name in AIMS and (root == "part" or root.startswith("effect.parts[")) else None


def _whole(value: Any) -> Iterator[Place]:  # noqa: ANN401 - a text, or tables and lists of texts
    """Every place that is all of its template."""
    for pieces in templates_in(value):
        yield from (piece for piece in pieces if isinstance(piece, Place) and len(pieces) == 1)


def _segments(path: str) -> Iterator[Place]:
    """Every place that is all of a segment of a path."""
    pieces = ("/", *parse_template(path), "/")
    for before, piece, after in zip(pieces, pieces[1:], pieces[2:], strict=False):
        stands_alone = isinstance(before, str) and before.endswith("/") and isinstance(after, str) and after[:1] in "/?"
        if isinstance(piece, Place) and stands_alone:
            yield piece
