"""Move-outs as requests, reservations, notes, bulletin posts. The operation that ends a rental is used nowhere."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from pmsbridge.actions.effects import AddNote, CancelMoveOut, PostBulletin, ReserveUnit, ScheduleMoveOut
from pmsbridge.errors import NotFoundError, OutcomeUnknownError, RejectedError
from pmsbridge.ports.capability import Dedup, handles, probes
from pmsbridge.ports.outcome import Absent, Attempt, Found, Probed, Receipt
from pmsbridge_sitelink.autopaying import Autopaying
from pmsbridge_sitelink.connection import seen_after, vendor_id
from pmsbridge_sitelink.mapping.cells import Row, day, number, text
from pmsbridge_sitelink.reading import midnight
from pmsbridge_sitelink.wire import Table

__all__ = ["Letting"]

_PLAIN_NOTE: Final = 0
_ORDER: Final = 2
_BY_WEB: Final = 2
_NO_DISCOUNT: Final = -999


class Letting(Autopaying):
    """Requests and papers of a rental."""

    # move-out

    @handles(
        ScheduleMoveOut,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="public client code: the day is read back with the tenant's rentals",
    )
    def _schedule_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Receipt:
        """Write the day a tenant wants to leave; the unit stays let."""
        return self._move_out(effect, effect.leaving_on, attempt)

    @handles(
        CancelMoveOut,
        dedup=Dedup.STATE,
        absence_conclusive=True,
        source="public client code: the same operation without a date; one client",
    )
    def _cancel_move_out(self, effect: CancelMoveOut, attempt: Attempt) -> Receipt:
        """Take a scheduled move-out back by leaving the date out. An empty date would break the request."""
        return self._move_out(effect, None, attempt)

    def _move_out(self, effect: ScheduleMoveOut | CancelMoveOut, leaving_on: date | None, attempt: Attempt) -> Receipt:
        params: dict[str, object] = {"iLedgerID": vendor_id("rental", effect.rental_id)}
        if leaving_on is not None:
            params["dScheduledOut"] = midnight(leaving_on)
        answered = self._connection.write(
            "ScheduleMoveOut", effect.facility, params, deadline=self._write_deadline(attempt)
        )
        row = seen_after(lambda: self._ledger_row(effect.facility, effect.tenant_id, effect.rental_id))
        if row is not None and day(row, "dSchedOut") != leaving_on:
            message = f"answered with {answered.code}, but reading it back shows {_leaving(row)}"
            raise OutcomeUnknownError(message, code="read_back_differs")
        return Receipt(
            evidence=f"answered with {answered.code}" + (f", read back: {_leaving(row)}" if row is not None else ""),
            code=str(answered.code),
            at=self._connection.clock.now(),
            read_back=row is not None,
        )

    def _ledger_row(self, facility: str, tenant_id: str, rental_id: str) -> Row:
        rows = self._ledgers(facility, tenant_id)
        found = next((row for row in rows if text(row, "LedgerID") == rental_id), None)
        if found is None:
            raise NotFoundError("rental", "the tenant has no such rental", code="rental_not_found")
        return found

    @probes(ScheduleMoveOut)
    def _find_move_out(self, effect: ScheduleMoveOut, attempt: Attempt) -> Probed:  # noqa: ARG002 - a state needs no history
        """Whether the rental is to end on the day asked for."""
        return self._probed_move_out(effect, effect.leaving_on)

    @probes(CancelMoveOut)
    def _find_cancelled(self, effect: CancelMoveOut, attempt: Attempt) -> Probed:  # noqa: ARG002 - a state needs no history
        """Whether no move-out is scheduled any more."""
        return self._probed_move_out(effect, None)

    def _probed_move_out(self, effect: ScheduleMoveOut | CancelMoveOut, wanted: date | None) -> Probed:
        row = self._ledger_row(effect.facility, effect.tenant_id, effect.rental_id)
        if day(row, "dSchedOut") != wanted:
            return Absent(f"the rental shows {_leaving(row)}")
        return Found(Receipt(evidence=f"read back: {_leaving(row)}", at=self._connection.clock.now(), read_back=True))

    # notes and bulletin posts

    @handles(
        AddNote,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="public client code: notes of a rental are read whole",
    )
    def _add_note(self, effect: AddNote, attempt: Attempt) -> Receipt:
        """Write a note on a rental, with our reference at its end. Notes hang on rentals, not on tenants."""
        words = f"{effect.text}\n[{effect.reference}]"
        limit = self._connection.settings.note_limit_chars
        if len(words) > limit:
            problem = f"the note has {len(words)} characters, {limit} fit; nothing was sent"
            raise RejectedError(problem, code="note_too_long")
        params = {
            "iLedgerID": vendor_id("rental", effect.rental_id),
            "sNote": words,
            "iNoteType": _PLAIN_NOTE,
        }
        answered = self._connection.write(
            "TenantNoteInsert_v2", effect.facility, params, deadline=self._write_deadline(attempt)
        )
        return Receipt(
            evidence=f"note {answered.code} written",
            vendor_ids={"note": str(answered.code)},
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    @probes(AddNote)
    def _find_note(self, effect: AddNote, attempt: Attempt) -> Probed:  # noqa: ARG002 - the reference is enough
        """Whether a note with our reference is there."""
        params = {"iLedgerID": vendor_id("rental", effect.rental_id)}
        rows = self._connection.read("TenantNotesRetrieve", effect.facility, params).get(Table.ROWS, ())
        found = next((row for row in rows if effect.reference in text(row, "sNote")), None)
        if found is None:
            return Absent(f"none of {len(rows)} notes carries {effect.reference}")
        note_id = text(found, "NoteID")
        return Found(
            Receipt(
                evidence=f"read back: note {note_id} carries {effect.reference}",
                vendor_ids={"note": note_id} if note_id else {},
                at=self._connection.clock.now(),
                read_back=True,
            )
        )

    @handles(
        PostBulletin,
        dedup=Dedup.NONE,
        source="manual transcripts and a live catalogue: an insert; no operation that reads the board is known",
    )
    def _post_bulletin(self, effect: PostBulletin, attempt: Attempt) -> Receipt:
        """Post to the facility's board. There is no due date there, so it stands in the text."""
        settings = self._connection.settings
        due = f"\nDue: {effect.due_on.isoformat()}" if effect.due_on else ""
        body = f"{effect.body}{due}\n[{effect.reference}]"
        if (
            len(effect.subject) > settings.bulletin_subject_limit_chars
            or len(body) > settings.bulletin_body_limit_chars
        ):
            problem = f"{len(effect.subject)} and {len(body)} characters are too long for a post; nothing was sent"
            raise RejectedError(problem, code="bulletin_too_long")
        params = {"sSubject": effect.subject, "sBody": body}
        answered = self._connection.write(
            "BulletinBoardInsert", effect.facility, params, deadline=self._write_deadline(attempt)
        )
        return Receipt(
            evidence=f"bulletin post {answered.code} written",
            vendor_ids={"bulletin": str(answered.code)},
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    # reservations

    @handles(
        ReserveUnit,
        dedup=Dedup.REFERENCE,
        absence_conclusive=True,
        source="live contract: reservations of a facility are read whole, with their comments",
    )
    def _reserve_unit(self, effect: ReserveUnit, attempt: Attempt) -> Receipt:
        """Reserve a unit; our reference stands in the comment. Without an end the facility's own rule sets one."""
        end = self._write_deadline(attempt)
        expires_on = effect.expires_on or self._reservation_end(effect)
        params: dict[str, object] = {
            "sTenantID": str(vendor_id("tenant", effect.tenant_id)),
            "sUnitID": str(vendor_id("unit", effect.unit_id)),
            "dNeeded": midnight(effect.needed_on),
            "sComment": f"{effect.comment} [{effect.reference}]".strip(),
            "iSource": self._connection.settings.reservation_source,
            "sSource": "Website",
            "QTRentalTypeID": _ORDER,
            "iInquiryType": _BY_WEB,
            "dcQuotedRate": Decimal(0) if effect.quoted_rate is None else effect.quoted_rate.amount,
            "dExpires": midnight(expires_on),
            "dFollowUp": midnight(effect.needed_on),
            "ConcessionID": _NO_DISCOUNT,
        }
        answered = self._connection.write("ReservationNewWithSource_v5", effect.facility, params, deadline=end)
        ids = {"reservation": str(answered.code)}
        if answered.message.strip().isdigit():
            ids["global_number"] = answered.message.strip()
        return Receipt(
            evidence=f"reservation {answered.code} made, held until {expires_on.isoformat()}",
            vendor_ids=ids,
            code=str(answered.code),
            at=self._connection.clock.now(),
        )

    def _reservation_end(self, effect: ReserveUnit) -> date:
        rows = self._connection.read("ReservationFeeRetrieve", effect.facility, {}).get(Table.ROWS, ())
        days = number(rows[0], "iDaysReservationExpAfterDateNeed") if rows else None
        return effect.needed_on + timedelta(days=days or 0)

    @probes(ReserveUnit)
    def _find_reservation(self, effect: ReserveUnit, attempt: Attempt) -> Probed:  # noqa: ARG002 - the reference is enough
        """Whether a reservation with our reference is there."""
        rows = self._waiting_rows(effect.facility)
        found = next((row for row in rows if effect.reference in text(row, "sComment")), None)
        if found is None:
            return Absent(f"none of {len(rows)} reservations carries {effect.reference}")
        waiting_id = text(found, "WaitingID")
        return Found(
            Receipt(
                evidence=f"read back: reservation {waiting_id} carries {effect.reference}",
                vendor_ids={"reservation": waiting_id},
                at=self._connection.clock.now(),
                read_back=True,
            )
        )


def _leaving(row: Row) -> str:
    found = day(row, "dSchedOut")
    return f"leaving on {found.isoformat()}" if found else "no move-out"
