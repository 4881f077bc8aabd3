"""What the back office holds, as JSON: money as strings, dates in ISO form, secrets as keyed digests.

This is what a test judges by: the state, not what an answer said.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any, Final

from .autopay import masked
from .books import apply_visible, visible_balance
from .calllog import CallRecord
from .dataset import Value
from .ledger import Posting
from .office import Office
from .records import Note, Payment, Rental, Reservation, Site, Tenant
from .showcase import FIGURES

SECRET_FIELDS: Final = ("sWebPassword", "sSSN", "sAccessCode", "sAccessCode2", "sLicense", "sTaxID")


def plain(value: Value) -> str | int | bool | None:
    """A value as JSON knows it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def state(office: Office, location: str | None = None, tenant_id: int | None = None) -> dict[str, Any]:
    """The whole state, one site of it, or one tenant of the open sites.

    Raises:
        KeyError: The location does not exist.
    """
    office.catch_up()
    with office.lock:
        if location is not None and not office.knows(location):
            raise KeyError(location)
        sites = [office.site(location)] if location is not None else office.open_sites()
        return {
            "now": office.now().isoformat(),
            "today": office.today().isoformat(),
            "seed": office.seed,
            "waiting_effects": office.waiting_effects,
            "sites": {site.code: _site(office, site, tenant_id) for site in sites},
        }


def _site(office: Office, site: Site, tenant_id: int | None) -> dict[str, Any]:
    tenants = [t for t in site.tenants.values() if tenant_id in (None, t.tenant_id)]
    rentals = [r for r in site.rentals.values() if tenant_id in (None, r.tenant_id)]
    waiting = [r for r in site.reservations.values() if tenant_id in (None, r.tenant_id)]
    for rental in rentals:
        apply_visible(rental, office.now())
    return {
        "site_id": site.profile.site_id,
        "name": site.profile.name,
        "email": site.profile.email,
        "online_disabled": site.online_disabled,
        "has_processor": site.has_processor,
        "tenants": {str(t.tenant_id): _tenant(office, t) for t in tenants},
        "ledgers": {str(r.ledger_id): _rental(office, site, r) for r in rentals},
        "units": {
            str(u.unit_id): {"name": u.name, "ledger_id": u.ledger_id, "reserved": u.reserved, "rentable": u.rentable}
            for u in site.units.values()
        },
        "bulletin": [
            {"id": b.bulletin_id, "subject": b.subject, "body": b.body, "posted_at": b.posted_at.isoformat()}
            for b in site.bulletins
        ],
        "reservations": {str(r.waiting_id): _reservation(r) for r in waiting},
        "move_outs": [{"ledger_id": ledger_id, "on": day.isoformat()} for ledger_id, day in site.move_outs],
    }


def _tenant(office: Office, tenant: Tenant) -> dict[str, Any]:
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.display_name,
        "fields": {name: plain(value) for name, value in sorted(tenant.fields.items()) if name not in SECRET_FIELDS},
        "secrets": {name: office.digests.of(tenant.text(name)) for name in SECRET_FIELDS},
        "online_blocked": tenant.online_blocked,
        "created": tenant.created.isoformat(),
        "updated": tenant.updated.isoformat(),
    }


def _rental(office: Office, site: Site, rental: Rental) -> dict[str, Any]:
    billing = rental.billing
    return {
        "ledger_id": rental.ledger_id,
        "tenant_id": rental.tenant_id,
        "unit_id": rental.unit_id,
        "unit_name": site.units[rental.unit_id].name,
        "active": rental.active,
        "rent": str(rental.rent),
        "premium": str(rental.premium),
        "moved_in": rental.moved_in.isoformat(),
        "moved_out": plain(rental.moved_out),
        "scheduled_out": plain(rental.scheduled_out),
        "paid_through": rental.paid_through.isoformat(),
        "balance": str(office.books.true_balance(site, rental)),
        "visible_balance": str(visible_balance(rental)),
        "complimentary": rental.complimentary,
        "locked": rental.locked,
        "overlocked": rental.overlocked,
        "charges": [_charge(rental, number) for number in range(len(rental.charges))],
        "payments": [_payment(payment) for payment in rental.payments],
        "notes": [_note(note) for note in rental.notes],
        "billing": {
            "autopay": billing.autopay,
            "card_type_id": billing.card_type_id,
            "card": masked(billing),
            "card_digest": billing.card_digest,
            "holder": billing.holder,
            "street": billing.street,
            "postal_code": billing.postal_code,
            "expires": plain(billing.expires),
            "account_last4": billing.ach_last4,
            "account_digest": billing.ach_digest,
            "days_past_due": billing.days_past_due,
        },
    }


def _charge(rental: Rental, number: int) -> dict[str, Any]:
    charge = rental.charges[number]
    return {
        "charge_id": charge.charge_id,
        "category": charge.category,
        "price": str(charge.price),
        "tax": str(charge.tax1 + charge.tax2),
        "open": str(charge.open),
        "start": charge.start.isoformat(),
        "end": charge.end.isoformat(),
        "due": charge.due.isoformat(),
        "invoice": charge.invoice,
        "reversed": charge.reversed,
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "receipt": payment.receipt,
        "amount": str(payment.amount),
        "method": payment.method,
        "description": payment.description,
        "reference": payment.reference,
        "source": payment.source,
        "test": payment.test,
        "posted_at": payment.posted_at.isoformat(),
        "visible_at": payment.visible_at.isoformat(),
        "visible": payment.applied,
    }


def _note(note: Note) -> dict[str, Any]:
    return {"id": note.note_id, "text": note.text, "type": note.kind, "written_at": note.written_at.isoformat()}


def _reservation(reservation: Reservation) -> dict[str, Any]:
    return {
        "waiting_id": reservation.waiting_id,
        "global_number": reservation.global_number,
        "tenant_id": reservation.tenant_id,
        "unit_id": reservation.unit_id,
        "status": reservation.status,
        "values": {name: plain(value) for name, value in sorted(reservation.values.items())},
        "placed": reservation.placed.isoformat(),
        "updated": reservation.updated.isoformat(),
        "notes": [_note(note) for note in reservation.notes],
    }


def call(record: CallRecord) -> dict[str, Any]:
    """One entry of the call log."""
    return asdict(record) | {"received_at": record.received_at.isoformat()}


def posting(entry: Posting) -> dict[str, Any]:
    """One entry of the journal."""
    return {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "reference": entry.reference,
        "lines": [{"account": account, "amount": str(amount)} for account, amount in entry.lines],
    }


def showcase(office: Office) -> list[dict[str, Any]]:
    """The people at the first site a story can be told about, with their units and ledgers."""
    with office.lock:
        site = office.site(office.codes[0])
        return [
            {
                "role": figure.role,
                "location": site.code,
                "tenant_id": figure.tenant_id,
                "name": site.tenants[figure.tenant_id].display_name,
                "login": site.tenants[figure.tenant_id].text("sEmail"),
                "story": figure.story,
                "rentals": [
                    {"ledger_id": r.ledger_id, "unit_id": r.unit_id, "unit_name": site.units[r.unit_id].name}
                    for r in site.active_rentals(figure.tenant_id)
                ],
            }
            for figure in FIGURES
        ]
