"""What staff read: the bulletin board of a site, notes on ledgers, leads.

Facts: a note hangs on a ledger, not on a tenant; inserts answer the new id; a lead lands on the bulletin board. No
text limit is known, so there is none here.
"""

from __future__ import annotations

from .accounts import ledger_trouble
from .dataset import Row
from .records import Bulletin, Note
from .tables import NOTES
from .visit import Answer, Visit, answers, returned, rows


def _post(visit: Visit, subject: str, body: str) -> Answer:
    number = next(visit.site.bulletin_ids)
    visit.site.bulletins.append(Bulletin(number, subject, body, visit.now))
    return returned(number, changed=True)


@answers("BulletinBoardInsert")
def post_bulletin(visit: Visit) -> Answer:
    """Put a notice on the site's board."""
    return _post(visit, visit.text("sSubject"), visit.text("sBody"))


@answers("LeadGeneration")
def lead(visit: Visit) -> Answer:
    """Somebody is interested: a notice on the board."""
    name = f"{visit.text('sFirstName')} {visit.text('sLastName')}".strip()
    return _post(visit, f"Lead: {name}", visit.text("sComments"))


@answers("TenantNoteInsert", "TenantNoteInsert_v2")
def add_note(visit: Visit) -> Answer:
    """Write a note on a ledger; the answer is its id."""
    rental = visit.rental("iLedgerID")
    if rental is None:
        return ledger_trouble()
    number = next(visit.site.note_ids)
    rental.notes.append(Note(number, visit.text("sNote"), visit.number("iNoteType"), visit.now))
    return returned(number, changed=True)


@answers("TenantNotesRetrieve")
def notes(visit: Visit) -> Answer:
    """The notes on a ledger, oldest first."""
    rental = visit.rental("iLedgerID")
    if rental is None:
        return ledger_trouble()
    found: list[Row] = [
        {
            "NoteID": note.note_id,
            "LedgerID": rental.ledger_id,
            "sNote": note.text,
            "iNoteType": note.kind,
            "dNoteDate": note.written_at,
        }
        for note in rental.notes
    ]
    return rows(NOTES, found)
