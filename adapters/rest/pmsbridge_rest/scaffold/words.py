"""What vendors call things: words for our nouns, our fields and our states."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FIELD_WORDS", "NOUN_WORDS", "REFERENCE_WORDS", "STATE_WORDS", "noun_of", "plain"]

NOUN_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "facilities": ("facility", "site", "location", "store", "property", "building"),
    "units": ("unit", "space", "stockitem", "rentalunit"),
    "tenants": ("tenant", "customer", "resident", "renter", "client", "contact", "debtor"),
    "rentals": ("lease", "rental", "contract", "agreement", "tenancy", "ledger", "order"),
    "ledger_entries": ("transaction", "entry", "ledgerentry", "charge"),
    "invoices": ("invoice", "bill"),
    "payments": ("payment", "receipt"),
    "notes": ("note",),
    "reservations": ("reservation", "lead"),
    "documents": ("document", "file"),
    "bulletins": ("task", "workorder", "todo"),
}
"""Words of a path, in the singular and without signs."""

FIELD_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id", "uuid"),
    "version": ("version", "rev", "lockversion", "rowversion"),
    "name": ("name", "title", "label"),
    "title": ("title", "name", "filename", "label"),
    "name.first": ("firstname", "givenname"),
    "name.last": ("lastname", "surname", "familyname"),
    "name.middle": ("middlename",),
    "name.company": ("company", "companyname", "organisation", "organization", "businessname"),
    "email": ("email", "emailaddress"),
    "phone": ("phone", "phonenumber", "homephone", "telephone"),
    "mobile": ("mobile", "mobilephone", "cell", "cellphone", "mobilenumber"),
    "address.line1": ("addressline1", "line1", "street1", "address1", "street", "address"),
    "address.line2": ("addressline2", "line2", "street2", "address2", "addresscont"),
    "address.city": ("city", "town"),
    "address.region": ("state", "region", "stateregion", "province", "county"),
    "address.postal_code": ("postalcode", "zip", "zipcode", "postcode"),
    "address.country": ("country", "countrycode"),
    "number": ("number", "unitnumber", "invoicenumber", "label", "name", "displaynumber"),
    "tenant_id": ("tenantid", "customerid", "residentid", "clientid", "contactid"),
    "rental_id": ("leaseid", "rentalid", "contractid", "ledgerid", "agreementid", "tenancyid", "orderid"),
    "unit_id": ("unitid", "spaceid", "unitids"),
    "unit_number": ("unitnumber", "unitname", "unitlabel"),
    "state": ("status", "state", "leasestatus", "rentalstatus", "invoicestatus", "paymentstatus"),
    "kind": ("type", "kind", "transactiontype", "transactiontypeenum", "entrytype"),
    "rent": ("rent", "rentcents", "monthlyrent", "currentrate", "monthlyrate", "rate", "rentamount"),
    "asking_rate": ("standardrate", "marketrent", "rate", "ratecents", "price", "priceincents"),
    "moved_in_on": ("movedin", "moveindate", "startdate", "leasefromdate", "startedon", "startsat"),
    "paid_through": ("paidthrough", "paidthroughdate", "paidto"),
    "leaving_on": ("moveoutdate", "scheduledmoveout", "leaving", "expectedmoveoutdate"),
    "moved_out_on": ("movedout", "movedouton", "closedon", "moveoutcompletedon"),
    "issued_on": ("issuedon", "invoicedate", "issuedate", "date", "createdon"),
    "due_on": ("dueon", "duedate"),
    "total": ("total", "totalamount", "totalcents", "amount", "grandtotalincents", "totalincents"),
    "paid": ("paid", "amountpaid", "paidcents", "paidincents"),
    "balance": ("balance", "balancedue", "balancecents"),
    "amount": ("amount", "totalamount", "amountcents", "amountincents", "total"),
    "paid_on": ("paidon", "paymentdate", "date", "day"),
    "effect": ("amount", "totalamount", "amountcents", "amountincents"),
    "effective_on": ("date", "effectivedate", "postedon", "day"),
    "description": ("description", "memo", "text"),
    "text": ("text", "note", "body", "content", "message", "notetext"),
    "subject": ("subject", "title", "name"),
    "body": ("body", "description", "text"),
    "reference": ("reference", "referencenumber", "externalid", "externalreference"),
    "needed_on": ("neededon", "moveindate", "startdate"),
}
"""Words of a key, in small letters and without signs, the likeliest first."""

REFERENCE_WORDS: Final = (*FIELD_WORDS["reference"], "memo", "comment", "comments", "externalkey")
"""Keys in which a text of ours may be kept."""

STATE_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "active": ("active", "current", "open", "started", "occupied"),
    "notice_given": ("noticegiven", "leaving", "pendingmoveout", "movingout"),
    "reserved": ("reserved", "future", "hold", "held"),
    "quote": ("quote", "draft", "new"),
    "closed": ("closed", "past", "ended", "archived", "movedout", "completed"),
    "cancelled": ("cancelled", "canceled", "void"),
    "vacant": ("vacant", "available", "free", "unoccupied"),
    "occupied": ("occupied", "rented", "let"),
    "out_of_service": ("outofservice", "unavailable", "unrentable", "maintenance"),
    "overlocked": ("overlocked",),
    "draft": ("draft",),
    "sent": ("sent", "open", "issued", "unpaid", "finalized"),
    "partially_paid": ("partiallypaid", "partpaid", "partial"),
    "paid": ("paid",),
    "void": ("void", "voided"),
    "succeeded": ("succeeded", "success", "paid", "completed", "settled"),
    "pending": ("pending", "processing"),
    "declined": ("declined", "refused"),
    "failed": ("failed", "error"),
    "refunded": ("refunded",),
    "charge": ("charge", "fee", "rent", "bill"),
    "payment": ("payment",),
    "credit": ("credit",),
    "refund": ("refund",),
    "tax": ("tax",),
}
"""Words of a state or kind, by ours."""


def plain(word: str) -> str:
    """A word in small letters without signs: ``First_Name`` and ``firstName`` are the same."""
    return re.sub(r"[^a-z0-9]", "", word.lower())


def noun_of(segment: str) -> str:
    """Which of our nouns a step of a path is; empty for none."""
    word = plain(segment)
    singular = word.removesuffix("ies") + "y" if word.endswith("ies") else word.removesuffix("s")
    forms = {word, singular, word.removesuffix("es")}
    return next((noun for noun, words in NOUN_WORDS.items() if forms & set(words)), "")
