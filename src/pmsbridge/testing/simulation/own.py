"""A portal that stores an action in a transaction of its own, which it may roll back: then nothing was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pmsbridge.actions.effects import AddNote
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, reference_of
from pmsbridge.errors import UnavailableError
from pmsbridge.testing.simulation.books import ACCOUNT, FACILITY
from pmsbridge.testing.simulation.plan import Wish

if TYPE_CHECKING:
    from pmsbridge.engine.outcomes import ActionView
    from pmsbridge.testing.simulation.run import OurProcess
    from pmsbridge.testing.simulation.world import World

__all__ = ["note_in_own"]

_ROLLED_BACK: Final = 0.3


def note_in_own(world: World, process: OurProcess, wish: Wish, key: str) -> ActionView:
    """Ask for a note in the portal's own transaction; answered once that is committed.

    Raises:
        UnavailableError: The portal rolled it back, for reasons of its own.
    """
    runtime, withdrawn = process.runtime, world.history.withdrawn
    with runtime.database.write() as own:
        view = runtime.submit(_note(wish, key), connection=own)
        if world.mishap(_ROLLED_BACK):
            world.count("portal rolled back")
            if not view.replayed:
                withdrawn.add(key)
            message = "the portal rolled its transaction back"
            raise UnavailableError(message, code="rolled_back")
        # Before the commit, after which the process may die; another tab may have taken the same click back meanwhile.
        withdrawn.discard(key)
    return view


def _note(wish: Wish, key: str) -> Submission:
    action_id = Submission.id_for(ACCOUNT, FACILITY, wish.tenant, key)
    note = AddNote(
        account=ACCOUNT, facility=FACILITY, tenant_id=wish.tenant, rental_id=wish.rental, text=f"note {wish.number}",
        reference=reference_of(action_id, "note"),
    )  # fmt: skip
    step = PlannedEffect(name="note", key=effect_key(action_id, "note", note.target), effect=note)
    return Submission(
        action_id=action_id, key=key, kind="add_note", account=ACCOUNT, facility=FACILITY, tenant_id=wish.tenant,
        intent=note.text, plan=Plan(steps=(step,)),
    )  # fmt: skip
