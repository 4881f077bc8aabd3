"""Stages of the simulation for mappings: the real adapter and its transport, against the sandbox, in process.

``python -m pmsbridge.testing.simulation --office pmsbridge_rest.testing.simulated:cubby --schedules 1000``. What goes
wrong and when is the schedule's; the journal, the engine, the portal, the adapter and what it says over HTTP are real.
Left out are the vendor's budgets of calls and repeated reads: both wait by chance, and a seed is to be one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Final

from pmsbridge.ports.adapter import Adapter
from pmsbridge.testing.simulation.baton import SimulatedClock
from pmsbridge.testing.simulation.plan import Schedule, Wish
from pmsbridge.testing.simulation.run import OfficeInPlay, Run
from pmsbridge.testing.simulation.world import RENT
from pmsbridge_rest.accepting import autopay_means
from pmsbridge_rest.mapping.document import Mapping as MappingDocument
from pmsbridge_rest.mapping.limits import Limits
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.sandbox import Office, Terms
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing.played_adapter import played_adapter
from pmsbridge_rest.testing.played_office import IDS, PlayedOffice

__all__ = ["booqable", "buildium", "cubby", "stage_for", "storedge"]

_KIND_OF: Final = {
    "pay": "take_payment",
    "pay_all": "take_payment",
    "set_autopay": "set_autopay",
    "autopay_stored": "set_autopay",
    "edit_contact": "change_contact",
    "move_out": "schedule_move_out",
    "cancel_move_out": "cancel_move_out",
    "add_note": "add_note",
    "ask_staff": "add_note",
    "note_in_own": "add_note",
}
"""Verbs that a mapping can play, and what they need."""
_METHODS: Final = {"1001": "4001", "1002": "4002"}
_MANY_AT_ONCE: Final = 64
_OWED: Final = {IDS["R1"]: RENT, IDS["R4"]: RENT, IDS["R2"]: RENT}


class MappingRun(Run):
    """One schedule on the sandbox of a mapping. Made by ``stage_for``."""

    mapping: ClassVar[str] = ""
    vendor: ClassVar[str] = ""

    @classmethod
    def suited(cls, schedule: Schedule) -> Schedule:
        """The same, with the ids of the sandbox; what this vendor cannot be asked becomes a payment.

        Where a payment is told by its amount alone, staff take other amounts than any of ours: nobody could tell theirs
        from ours.
        """
        document = _document(cls.mapping)
        return replace(schedule, wishes=tuple(_suited(document, wish) for wish in schedule.wishes))

    def make_office(self) -> OfficeInPlay:
        """The sandbox, by the vendor's own mapping."""
        history = self.world.history
        history.owed = dict(_OWED)
        history.states = {}
        history.staff_told_by = self.notices
        for rental in _OWED:
            history.states["set_autopay", rental] = "off"
            history.states["leaving", rental] = "stays"
        terms = Terms(owed=dict(_OWED), counts_calls=False, page_rows=_MANY_AT_ONCE)
        true_time = partial(_true_time, self)
        by_amount = _document(self.mapping).actions["take_payment"].steps[0].idempotency.by == "natural_key"
        office = Office(file_of(self.vendor), terms, now=true_time)
        return PlayedOffice(self.world, office, desk_differs=by_amount)

    def make_adapter(self, clock: SimulatedClock) -> Adapter:
        """The real one, whose network is the sandbox."""
        assert isinstance(self.office, PlayedOffice)  # noqa: S101 - made by this very stage
        return played_adapter(self.mapping, _document(self.mapping), self.office, self.world, clock)


def _true_time(run: Run) -> datetime:
    """The vendor's clock is right, whatever ours shows."""
    timeline = run.world.timeline
    return timeline.wall() - timedelta(milliseconds=timeline.wall_offset)


@cache
def _document(mapping: str) -> MappingDocument:
    """The mapping, without budgets of calls."""
    return load_mapping(file_of(mapping)).model_copy(update={"limits": Limits(concurrency=_MANY_AT_ONCE)})


def _suited(document: MappingDocument, wish: Wish) -> Wish:
    tenant, rental = IDS[wish.tenant], IDS[wish.rental]
    verb = "autopay_stored" if wish.verb == "set_autopay" and autopay_means(document) else wish.verb
    wish = replace(wish, verb=verb)
    moved = replace(wish, tenant=tenant, rental=rental, method=_METHODS[tenant])
    if _KIND_OF.get(wish.verb) not in document.actions or not _may_be_said(document, wish.verb):
        moved = replace(moved, verb="pay", amount="", means="stored")
    return replace(moved, means=_means(document)) if moved.verb in {"pay", "pay_all"} else moved


def _may_be_said(document: MappingDocument, verb: str) -> bool:
    """Whether everything that such a verb asks for is accepted, not only some."""
    accepts: Mapping[str, Any] = document.actions[_KIND_OF[verb]].accepts
    return verb in {"pay", "pay_all"} or not set(accepts) - ({"days_after_due"} if verb == "autopay_stored" else set())


def _means(document: MappingDocument) -> str:
    demand = document.actions["take_payment"].accepts.get("means.by")
    return str(demand.equals) if demand is not None and demand.equals is not None else "stored"


def stage_for(mapping: Path | str, *, vendor: Path | str | None = None) -> type[Run]:
    """A stage of the simulation.

    Args:
        mapping: What the adapter reads: a file, or the name of one that comes with the adapter.
        vendor: What the sandbox is made of, where that is another.
    """
    made: dict[str, Any] = {"mapping": str(mapping), "vendor": str(vendor or mapping), "notices": _notices(mapping)}
    return type("StageOfAMapping", (MappingRun,), made)


def _notices(mapping: Path | str) -> tuple[str, ...]:
    """By what staff can be told: mail needs the facility's address, the others a way into the back office."""
    document = _document(str(mapping))
    facilities = document.entities.get("facilities")
    mail = ("send_mail",) if facilities is not None and "email" in facilities.fields else ()
    return mail + tuple(kind for kind in ("post_bulletin", "add_note") if kind in document.actions)


def _shipped(name: str) -> Callable[[], type[Run]]:
    return lambda: stage_for(name)


buildium = _shipped("buildium")
"""Payments are told by our reference; what is not found goes to a person."""
cubby = _shipped("cubby")
"""Payments are told by their amount and by what was there before."""
booqable = _shipped("booqable")
"""Payments are told by our reference."""
storedge = _shipped("storedge")
"""Payments carry a key, and are done once."""
