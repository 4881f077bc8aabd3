"""Lints of payments that name an invoice or a line of it: what is named is read, and what names none is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pmsbridge_rest.aiming import AIMS, OPEN_MEANS, Aim, aims_in, aims_said, named_aims, refers_to, steps_by
from pmsbridge_rest.lint.findings import Finding, doubt, wrong
from pmsbridge_rest.mapping.actions import Action, Step
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.templates import Place
from pmsbridge_rest.mapping.walking import Key

__all__ = ["aim_findings"]

_TOLD: Final = ("id", "balance")


def aim_findings(mapping: Mapping) -> Iterator[Finding]:
    """Everything wrong or doubtful about what a payment is aimed at."""
    action = mapping.actions.get("take_payment")
    if action is None:
        return
    unaimed = _unaimed(action)
    for number, step in enumerate(action.steps):
        key: Key = ("actions", "take_payment", "steps", number)
        aims = {_name(place) for place in aims_in(step)}
        yield from _unread(mapping, key, aims)
        if "line_id" in aims and "invoice_id" not in aims:
            yield wrong(
                key, "line_without_invoice", "names a line and not the invoice it stands in; send invoice_id, too"
            )
        for name, place in {_name(place): place for place in named_aims(step)}.items():
            if name not in aims:
                what = f"names {name} only within a longer text, which aims at nothing; send it as a value of its own"
                yield doubt(key, "aim_in_words", what)
            if not place.is_optional and not _is_only_for(step, name):
                what = (
                    f"a payment that names no {name} cannot be sent; write {{{place.path}?}}, or only_when it is there"
                )
                yield wrong(key, "aim_always", what)
        for way, names in unaimed.get(step.name, {}).items():
            what = f"takes payments by {way} and names no {' and no '.join(names)}, as another step does; send it, too"
            yield doubt(key, "aim_by_some", what)


def _name(place: Place) -> str:
    return place.path.rpartition(".")[2]


def _unaimed(action: Action) -> dict[str, dict[str, list[Aim]]]:
    """By step and by means what a step does not name of a payment, though another step of the action does.

    What goes on with the payment of another step, or is gone on with by one, need not name it once more.
    """
    wanted = aims_said(action.steps)
    found: dict[str, dict[str, list[Aim]]] = {}
    for way in OPEN_MEANS:
        steps = steps_by(action, way, wanted)
        for step in steps:
            kin = [each for each in steps if each is step or refers_to(each, step) or refers_to(step, each)]
            if missing := [name for name in AIMS if name in wanted - aims_said(kin)]:
                found.setdefault(step.name, {})[way] = missing
    return found


def _is_only_for(step: Step, name: str) -> bool:
    demand = step.only_when.get(f"parts[0].{name}")
    return demand is not None and demand.present is True


def _unread(mapping: Mapping, key: Key, aims: set[str]) -> Iterator[Finding]:
    """An invoice is read again before it is paid; of a line its id and what it still owes."""
    invoices = mapping.entities.get("invoices")
    if "invoice_id" in aims and (invoices is None or invoices.one is None):
        what = "names an invoice that cannot be read by itself, so none is offered; give invoices with one"
        yield doubt(key, "aim_not_read", what)
    lines = invoices.items.get("lines") if invoices is not None else None
    missing = [name for name in _TOLD if lines is None or name not in lines.fields]
    if "line_id" in aims and missing:
        what = f"names a line, and the lines of invoices do not tell {' and '.join(missing)}, so none is offered"
        yield doubt(key, "aim_not_read", what)
