"""By which ways staff are told: what the back office has, less what its adapter leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pmsbridge.portal.office import Office
from pmsbridge.ports.capability import Capability, Dedup, Support


def row(kind: str, support: Support = Support.NATIVE, **more: Any) -> Capability:
    made = Capability(kind, support, Dedup.STATE, absence_conclusive=True, can_probe=True, source="a test")
    return replace(made, **more)


def office(*rows: Capability) -> Office:
    adapter = SimpleNamespace(capabilities={each.effect: each for each in rows})
    nothing = cast("Any", None)
    return Office(cast("Any", adapter), nothing, nothing, "F1", "T1", "tenant", timedelta(0))


NOTE, BOARD = row("add_note"), row("post_bulletin")


@pytest.mark.parametrize(
    ("rows", "ways"),
    [
        ((), {"mail"}),
        ((NOTE,), {"mail", "note"}),
        ((BOARD,), {"mail", "bulletin"}),
        ((NOTE, BOARD), {"mail", "note", "bulletin"}),
        ((NOTE, row("post_bulletin", Support.NOT_YET)), {"mail", "note"}),
        ((NOTE, row("post_bulletin", Support.VENDOR_CANNOT)), {"mail", "note"}),
    ],
)
def test_staff_are_told_by_what_the_back_office_has(rows: tuple[Capability, ...], ways: set[str]) -> None:
    for kind in ("change_contact", "schedule_move_out", "cancel_move_out", "set_autopay"):
        assert office(*rows).ways[kind] == ways


def test_an_adapter_leaves_ways_out_and_adds_none() -> None:
    ways = office(NOTE, row("change_contact", announce=("note", "bulletin")), row("schedule_move_out")).ways

    assert ways["change_contact"] == {"note"}
    assert ways["schedule_move_out"] == {"mail", "note"}


def test_what_becomes_a_task_for_staff_is_not_silenced_by_an_action_that_is_not_there() -> None:
    gone = row("schedule_move_out", Support.NOT_YET, announce=())

    assert office(NOTE, gone).ways["schedule_move_out"] == {"mail", "note"}
