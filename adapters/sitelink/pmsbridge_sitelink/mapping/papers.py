"""Notes and reservations."""

from __future__ import annotations

from typing import Final

from pmsbridge.model.documents import Note, NoteKind, Reservation, ReservationState, Visibility
from pmsbridge_sitelink.mapping.cells import Row, Scope, day, maybe_money, required, text

__all__ = ["note_of", "reservation_of"]

_WAITING: Final = {"0": ReservationState.ACTIVE, "2": ReservationState.CANCELLED}


def note_of(row: Row, scope: Scope, *, tenant_id: str, rental_id: str) -> Note | None:
    """A note on a rental; None when its text is empty. Staff wrote or may read all of them: internal."""
    words = text(row, "sNote")
    if not words:
        return None
    return Note(
        ref=scope.ref("note", required(row, "NoteID")),
        tenant_id=tenant_id,
        rental_id=rental_id,
        kind=NoteKind.GENERAL,
        visibility=Visibility.INTERNAL,
        text=words,
        written_on=day(row, "dNoteDate") or day(row, "dCreated"),
    )


def reservation_of(row: Row, scope: Scope) -> Reservation:
    """A reservation. Columns that appear twice carry a suffix; the ones without it are the reservation's own."""
    word = text(row, "iWaitingStatus")
    moved_in = day(row, "dConverted_ToMoveIn") is not None
    return Reservation(
        ref=scope.ref("reservation", required(row, "WaitingID")),
        tenant_id=required(row, "TenantID"),
        unit_id=text(row, "UnitID") or text(row, "UnitID1") or None,
        state=ReservationState.MOVED_IN if moved_in else _WAITING.get(word, ReservationState.UNKNOWN),
        vendor_state=word,
        needed_on=day(row, "dNeeded"),
        expires_on=day(row, "dExpires"),
        quoted_rate=maybe_money(row, "dcRate_Quoted", scope),
        global_number=text(row, "iGlobalWaitingNum"),
        comment=text(row, "sComment"),
    )
