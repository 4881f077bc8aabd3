"""Lints of payments that name an invoice or a line of it: what is named is read, and what names none is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pmsbridge_rest.lint.findings import Finding, doubt, wrong
from pmsbridge_rest.mapping.actions import Step
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.templates import Place, places_in
from pmsbridge_rest.mapping.walking import Key

__all__ = ["aim_findings"]

_AIMS: Final = ("invoice_id", "line_id")
_TOLD: Final = ("id", "balance")


def aim_findings(mapping: Mapping) -> Iterator[Finding]:
    """Everything wrong or doubtful about what a payment is aimed at."""
    action = mapping.actions.get("take_payment")
    for number, step in enumerate(action.steps if action is not None else ()):
        key: Key = ("actions", "take_payment", "steps", number)
        aims = {name: place for place in _sent(step) if (name := place.path.rpartition(".")[2]) in _AIMS}
        yield from _unread(mapping, key, set(aims))
        if "line_id" in aims and "invoice_id" not in aims:
            yield wrong(
                key, "line_without_invoice", "names a line and not the invoice it stands in; send invoice_id, too"
            )
        for name, place in aims.items():
            if not place.is_optional and not _is_only_for(step, name):
                what = (
                    f"a payment that names no {name} cannot be sent; write {{{place.path}?}}, or only_when it is there"
                )
                yield wrong(key, "aim_always", what)


def _sent(step: Step) -> Iterator[Place]:
    """Places of one part of a payment in what is sent."""
    sent = {"path": step.path, **step.model_dump(include={"query", "headers", "body"})}
    return (place for place in places_in(sent) if place.path.startswith(("effect.parts[", "part.")))


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
