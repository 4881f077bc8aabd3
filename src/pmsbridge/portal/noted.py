"""Notes of ours as they were written: most back offices have no place for what a note is about and who may read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from pmsbridge.actions.effects import AddNote
from pmsbridge.actions.kinds import ActionKind
from pmsbridge.model.documents import Note, NoteKind, Visibility
from pmsbridge.model.stamps import without_stamp
from pmsbridge.portal.timeline import is_customer
from pmsbridge.store.journal import ActionFilter

if TYPE_CHECKING:
    from pmsbridge.portal.office import Office

__all__ = ["WrittenNotes"]

_WRITING: Final = (
    ActionKind.ADD_NOTE, ActionKind.AGREE_PLAN, ActionKind.ASK_PAYMENT, ActionKind.NOTE_INSPECTION,
    ActionKind.WITHDRAW_REQUEST,
)  # fmt: skip
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class WrittenNotes:
    """What the journal knows of the notes that were written for one tenant through us.

    Attributes:
        by_reference: By the reference that stands in the text.
        by_id: By the back office's own id, where it gave one.
        of_customer: References of those that the tenant wrote, or a contact of theirs.
    """

    by_reference: dict[str, AddNote] = field(default_factory=dict)
    by_id: dict[str, AddNote] = field(default_factory=dict)
    of_customer: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, office: Office) -> Self:
        """Those of the tenant of an office; asks the journal only."""
        written = cls()
        for effect, vendor_id, actor in _effects(office):
            if is_customer(actor):
                written.of_customer.add(effect.reference)
            written.by_reference[effect.reference] = effect
            if vendor_id:
                written.by_id[vendor_id] = effect
        return written

    def told(self, notes: Iterable[Note]) -> Sequence[Note]:
        """The notes as read; ours with their kind and with who may read them.

        A note whose words are no longer those that were written is as the back office says: it shows a customer nothing
        that somebody else wrote.
        """
        return tuple(self._told(note) for note in notes)

    def is_customers(self, note: Note) -> bool:
        """Whether the tenant wrote it through us, and its words are still theirs."""
        effect = self._written(note)
        return effect is not None and effect.reference in self.of_customer

    def _told(self, note: Note) -> Note:
        effect = self._written(note)
        if effect is None or note.rental_id not in {None, effect.rental_id}:
            return note
        kind = effect.note_kind if note.kind in {NoteKind.GENERAL, NoteKind.UNKNOWN} else note.kind
        shown = Visibility.CUSTOMER in {effect.visibility, note.visibility}
        return note.changed(kind=kind, visibility=Visibility.CUSTOMER if shown else Visibility.INTERNAL)

    def _written(self, note: Note) -> AddNote | None:
        """What it was written by; None where nobody did through us, or its words are no longer those."""
        named = (
            str(note.extra.get("reference", "")),
            without_stamp(note.text)[1],
            without_stamp(note.text, or_bare=True)[1],
        )
        found = (self.by_id.get(note.id), *map(self.by_reference.get, named))
        return next((effect for effect in found if effect is not None and _is_as_written(note, effect)), None)


def _effects(office: Office) -> Iterator[tuple[AddNote, str, str]]:
    wanted = ActionFilter(
        account=office.account_name, facility=office.facility, tenant_id=office.tenant_id,
        kinds=tuple(kind.value for kind in _WRITING), limit=_MOST,
    )  # fmt: skip
    for action in office.runtime.journal.actions(wanted):
        for stored in action.effects:
            if isinstance(stored.effect, AddNote):
                yield stored.effect, stored.vendor_ids.get("note", ""), action.actor


def _is_as_written(note: Note, effect: AddNote) -> bool:
    """Whether its words are the effect's, but for our stamp, blanks and line ends, which back offices rearrange."""
    words, reference = without_stamp(note.text, or_bare=True)
    return (words if reference == effect.reference else note.text).split() == effect.text.split()
