"""Notes of ours are known again by our own stamp, by the back office's id, and by nothing that their words quote."""

from __future__ import annotations

import pytest

from pmsbridge.actions.effects import AddNote
from pmsbridge.model.documents import Note, NoteKind, Visibility
from pmsbridge.portal.noted import WrittenNotes
from tests import builders

QUOTED, OWN = "PB-7AJBTBT4GC7H", "PB-ABCDEF234567"


def written(words: str) -> WrittenNotes:
    """What the journal knows, the quoted note first: one by staff, and one that the tenant may read."""
    place = {"account": "north", "facility": "F1", "tenant_id": "T1", "rental_id": "R1"}
    first = AddNote.model_validate({**place, "text": "About the lift.", "reference": QUOTED})
    own = AddNote.model_validate({
        **place, "text": words, "reference": OWN, "visibility": "customer", "note_kind": "maintenance",
    })  # fmt: skip
    return WrittenNotes({QUOTED: first, OWN: own}, {"N2": own}, {OWN})


def note(text: str, *, number: str = "N9", **extra: str) -> Note:
    ref = builders.ref("note", number).changed(account="north", facility="F1")
    return Note(ref=ref, tenant_id="T1", rental_id="R1", text=text, extra=extra)


@pytest.mark.parametrize("words", [
    f"Follows {QUOTED}, half now", f"Follows [{QUOTED}], half now", f"Follows {QUOTED}", f"[{QUOTED}]",
])  # fmt: skip
def test_a_note_that_quotes_a_reference_is_known_by_its_own(words: str) -> None:
    known = written(words)

    for told in (
        note(f"{words} [{OWN}]"), note(f"{words}\n[{OWN}]"), note(words, reference=OWN), note(words, number="N2"),
    ):  # fmt: skip
        (shown,) = known.told([told])
        assert (shown.kind, shown.visibility, shown.text) == (NoteKind.MAINTENANCE, Visibility.CUSTOMER, told.text)
        assert known.is_customers(told)


def test_a_reference_without_brackets_at_the_end_is_ours_where_the_words_are() -> None:
    (shown,) = written("Half now").told([note(f"Half now {OWN}")])

    assert shown.visibility is Visibility.CUSTOMER


@pytest.mark.parametrize("text", [f"He pays late [{OWN}]", f"Half now [{OWN}] [{QUOTED}]", f"See {OWN}", "Half now"])
def test_words_that_are_not_those_that_were_written_stay_with_staff(text: str) -> None:
    known, told = written("Half now"), note(text)

    assert known.told([told]) == (told,)
    assert not known.is_customers(told)
