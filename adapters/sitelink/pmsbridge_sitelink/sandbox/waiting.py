"""Reservations, which the vendor keeps on a waiting list.

Facts: creating one answers its id as the code and the corporation-wide number as the message; an update writes all
fields, answers 0, and status 2 cancels; a reserved unit stays available for others to see; ids of 0 or -999 list
everything.
"""

from __future__ import annotations

from typing import Final

from .dataset import NULL_DATE, Row, Value
from .records import Note, Reservation
from .tables import WAITING, WAITING_NOTES
from .visit import FAILED, INVALID_ID, Answer, Visit, answers, returned, rows

_BAD_UNIT: Final = -25
_CANCELLED: Final = 2
_ANY: Final = frozenset({0, -999})
_TEXTS: Final = ("sComment", "sSource", "sTrackingCode", "sCallerID", "sCancellationReason")
_NUMBERS: Final = (
    "iSource",
    "QTRentalTypeID",
    "iInquiryType",
    "ConcessionID",
    "PromoGlobalNum",
    "QTCancellationTypeID",
)
_DATES: Final = ("dNeeded", "dExpires", "dFollowUp", "dFollowup", "dFollowupLast")


def _sent(visit: Visit) -> dict[str, Value]:
    texts = {name: visit.text(name) for name in _TEXTS if name in visit.arguments}
    numbers = {name: visit.number(name) for name in _NUMBERS if name in visit.arguments}
    dates = {name: visit.moment(name) or NULL_DATE for name in _DATES if name in visit.arguments}
    return {
        **texts,
        **numbers,
        **dates,
        "dcQuotedRate": visit.money("dcQuotedRate"),
        "bFollowup": visit.flag("bFollowup"),
    }


def _refusal(visit: Visit) -> Answer | None:
    if visit.id_text("sTenantID") not in visit.site.tenants:
        return returned(INVALID_ID, "Invalid tenantID provided.")
    if visit.id_text("sUnitID") not in visit.site.units:
        return returned(_BAD_UNIT, "Invalid Unit ID Provided.")
    return None


@answers("ReservationNewWithSource_v5", "ReservationNewWithSource_v6")
def reserve(visit: Visit) -> Answer:
    """Put a tenant on the waiting list for a unit."""
    refusal = _refusal(visit)
    if refusal:
        return refusal
    site = visit.site
    number = next(site.waiting_ids)
    unit = site.units[visit.id_text("sUnitID")]
    global_number = site.profile.index * 1_000_000 + number
    tenant_id = visit.id_text("sTenantID")
    site.reservations[number] = Reservation(
        number, global_number, tenant_id, unit.unit_id, _sent(visit), 0, visit.now, visit.now
    )
    unit.reserved, unit.updated = True, visit.now
    return returned(number, str(global_number), changed=True)


@answers("ReservationUpdate_v4")
def update_reservation(visit: Visit) -> Answer:
    """Write all fields of a reservation; status 2 cancels it and frees the unit."""
    site = visit.site
    reservation = site.reservations.get(visit.number("WaitingID"))
    if reservation is None:
        return returned(FAILED, "The reservation was not found.")
    refusal = _refusal(visit)
    if refusal:
        return refusal
    reservation.tenant_id, reservation.unit_id = visit.id_text("sTenantID"), visit.id_text("sUnitID")
    reservation.values.update(_sent(visit))
    reservation.status, reservation.updated = visit.number("iStatus"), visit.now
    unit = site.units[reservation.unit_id]
    unit.reserved, unit.updated = reservation.status != _CANCELLED, visit.now
    return returned(0, changed=True)


@answers("ReservationList_v3")
def reservations(visit: Visit) -> Answer:
    """The waiting list, or one entry of it."""
    wanted, number = visit.number("iGlobalWaitingNum"), visit.number("WaitingID")
    found = (
        r
        for r in visit.site.reservations.values()
        if (wanted in _ANY or r.global_number == wanted) and (number in _ANY or r.waiting_id == number)
    )
    return rows(WAITING, [_row(visit, reservation) for reservation in found])


def _row(visit: Visit, reservation: Reservation) -> Row:
    site, values = visit.site, reservation.values
    unit, tenant = site.units[reservation.unit_id], site.tenants[reservation.tenant_id]
    return {
        **values,
        **{
            name: tenant.fields.get(name)
            for name in ("sFName", "sLName", "sCompany", "sPhone", "sEmail", "sMobile", "sAddr1", "sCountry")
        },
        "dcRate_Quoted": values.get("dcQuotedRate"),
        "dFollowup": values.get("dFollowup", values.get("dFollowUp")),
        "WaitingID": reservation.waiting_id,
        "iGlobalWaitingNum": reservation.global_number,
        "SiteID": site.profile.site_id,
        "TenantID": tenant.tenant_id,
        "TenantID1": str(tenant.tenant_id),
        "UnitID": unit.unit_id,
        "UnitID1": str(unit.unit_id),
        "sUnitName": unit.name,
        "iFloor": unit.floor,
        "dcWidth": unit.type.width,
        "dcLength": unit.type.length,
        "dcStdRate1": unit.type.rate,
        "dcPushRate1": unit.type.rate,
        "dcWebRate": unit.type.rate - 5,
        "bClimate": unit.type.climate,
        "bRented": unit.ledger_id is not None,
        "bRentable": unit.rentable,
        "iWaitingStatus": reservation.status,
        "dCancelled": reservation.updated if reservation.status == _CANCELLED else None,
        "dPlaced": reservation.placed,
        "dCreated": reservation.placed,
        "dUpdated": reservation.updated,
    }


@answers("ReservationNoteInsert")
def add_reservation_note(visit: Visit) -> Answer:
    """Write a note on a reservation; the answer is its id."""
    reservation = visit.site.reservations.get(visit.number("WaitingID"))
    if reservation is None:
        return returned(FAILED, "The reservation was not found.")
    number = next(visit.site.note_ids)
    reservation.notes.append(Note(number, visit.text("sNote"), 0, visit.now))
    return returned(number, changed=True)


@answers("ReservationNotesRetrieve")
def reservation_notes(visit: Visit) -> Answer:
    """The notes on a reservation."""
    reservation = visit.site.reservations.get(visit.number("WaitingID"))
    if reservation is None:
        return returned(FAILED, "The reservation was not found.")
    found: list[Row] = [
        {"NoteID": note.note_id, "WaitingID": reservation.waiting_id, "sNote": note.text, "dNoteDate": note.written_at}
        for note in reservation.notes
    ]
    return rows(WAITING_NOTES, found)
