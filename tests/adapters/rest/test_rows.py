from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from pmsbridge.model.invoices import Invoice, InvoiceState
from pmsbridge.model.ledger import EntryKind, LedgerEntry
from pmsbridge.model.money import Money
from pmsbridge.model.payments import AutopayRecord, AutopayState
from pmsbridge.model.people import ConsentChannel, ConsentPurpose, ContactRole, Tenant
from pmsbridge.model.places import Facility, Unit, UnitState
from pmsbridge.model.rental import Discount, Rental, RentalState
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import EntityMap, FieldMap
from pmsbridge_rest.rows import RowError, RowReader, Scope

SCOPE = Scope("harbor", "main", "F1", ZoneInfo("America/Chicago"), "USD", datetime(2026, 7, 1, tzinfo=UTC))
TENANT: dict[str, Any] = {
    "id": 4711,
    "rev": "7",
    "first_name": "Ada",
    "last_name": "Lane",
    "company": None,
    "email": "ada@example.test",
    "phones": [{"type": "cell", "number": "+1 813 555 0100"}, {"type": "home", "number": ""}],
    "address": {"street1": "1 Pier", "street2": None, "city": "Port", "state": "FL", "zip": "00015"},
    "no_portal": "N",
    "alternate": {"first_name": "Bo", "phone": "813 555 0101"},
    "prefs": {"email_news": "Y", "sms_bills": "", "sms_bills_at": "2026-01-02T03:04:05"},
    "how_found": "sign",
}
LEASE: dict[str, Any] = {
    "id": "L1",
    "customer_id": "4711",
    "unit": {"id": 15, "label": "015"},
    "status": "leaving",
    "rent_cents": 12900,
    "moved_in": "01/31/2025",
    "paid_to": "",
    "leaving": "08/01/2026",
    "balance_cents": -500,
    "overdue_cents": 0,
    "billed": "Y",
}


def reader(mapping: Mapping, noun: str, **read: str) -> RowReader:
    return RowReader(mapping, noun, SCOPE, {"read": read, "facility": {"code": "F1"}})


def test_a_tenants_row_becomes_a_tenant(harbor: Mapping) -> None:
    tenant = reader(harbor, "tenants").record(TENANT)

    assert isinstance(tenant, Tenant)
    assert (tenant.id, tenant.ref.version, tenant.ref.facility) == ("4711", "7", "F1")
    assert (tenant.name.first, tenant.name.company) == ("Ada", "")
    assert tenant.phone is None
    assert tenant.mobile is not None
    assert tenant.mobile.raw == "+1 813 555 0100"
    assert tenant.address.postal_code == "00015"
    assert tenant.portal_disabled is False
    assert tenant.extra == {"source": "sign"}
    (contact,) = tenant.contacts
    assert (contact.role, contact.name.first, contact.tenant_id) == (ContactRole.ALTERNATE, "Bo", "4711")


def test_a_consent_that_nobody_knows_is_none_and_a_known_one_has_its_time(harbor: Mapping) -> None:
    row = {**TENANT, "prefs": {"sms_bills": "N", "sms_bills_at": "2026-01-02T03:04:05"}}

    tenant = reader(harbor, "tenants").record(row)

    assert isinstance(tenant, Tenant)
    assert tenant.consent(ConsentChannel.EMAIL, ConsentPurpose.MARKETING) is None
    assert tenant.consent(ConsentChannel.SMS, ConsentPurpose.PAYMENT_REMINDERS) is False
    assert tenant.consents[0].given_at == datetime(2026, 1, 2, 9, 4, 5, tzinfo=UTC)  # facility-local


def test_a_leases_row_becomes_a_rental_and_says_what_the_account_needs(harbor: Mapping) -> None:
    rows = reader(harbor, "rentals")

    rental, account = rows.record(LEASE), rows.account(LEASE)

    assert isinstance(rental, Rental)
    assert (rental.unit_id, rental.unit_number) == ("15", "015")
    assert (rental.state, rental.vendor_state) == (RentalState.NOTICE_GIVEN, "leaving")
    assert rental.rent == Money.of("129.00", "USD")
    assert (rental.moved_in_on, rental.paid_through, rental.leaving_on) == (date(2025, 1, 31), None, date(2026, 8, 1))
    assert account == {"ledger": Money.of("-5.00", "USD"), "past_due": Money.zero("USD"), "billed": True}


def test_an_unknown_word_reads_as_unknown_and_keeps_the_vendors(harbor: Mapping) -> None:
    rental = reader(harbor, "rentals").record({**LEASE, "status": "haunted"})

    assert isinstance(rental, Rental)
    assert (rental.state, rental.vendor_state) == (RentalState.UNKNOWN, "haunted")


def test_decimals_stay_decimals(harbor: Mapping) -> None:
    unit = reader(harbor, "units").record(
        {"id": "1", "label": "A", "status": "free", "size": {"w": Decimal("5.5"), "l": 10}}
    )

    assert isinstance(unit, Unit)
    assert unit.state is UnitState.VACANT
    assert unit.size is not None
    assert unit.size.width == Decimal("5.5")


def test_a_ledgers_row_has_our_sign_and_the_rental_that_was_asked_for(harbor: Mapping) -> None:
    row = {"id": 1, "type": "payment", "amount_cents": -2500, "day": "07/01/2026", "posted": "2026-07-01T10:00:00"}

    entry = reader(harbor, "ledger_entries", rental_id="L1").record(row)

    assert isinstance(entry, LedgerEntry)
    assert (entry.kind, entry.rental_id) == (EntryKind.PAYMENT, "L1")
    assert entry.effect == Money.of("-25.00", "USD")
    assert entry.posted_at == datetime(2026, 7, 1, 15, tzinfo=UTC)


def test_an_invoices_lines_are_read_with_it(harbor: Mapping) -> None:
    lines = [{"lease_id": "L1", "text": "Rent", "net_cents": 1000, "tax_cents": 70}]
    row = {"id": "B1", "nr": "2026-1", "state": "open", "made": "07/01/2026", "total_cents": 1070, "lines": lines}

    invoice = reader(harbor, "invoices", tenant_id="T1").record(row)

    assert isinstance(invoice, Invoice)
    assert (invoice.state, invoice.tenant_id, len(invoice.lines)) == (InvoiceState.SENT, "T1", 1)
    with pytest.raises(RowError, match="add up"):
        reader(harbor, "invoices", tenant_id="T1").record({**row, "total_cents": 1071})


def test_a_rentals_discounts_are_read_with_it(harbor: Mapping) -> None:
    specials = [
        {"label": "Half off", "off_percent": 50, "ends": "08/31/2026"},
        {"label": "Ten off", "off_cents": 1000},
        {"label": "A promise"},
    ]

    rental = reader(harbor, "rentals").record({**LEASE, "specials": specials})

    assert isinstance(rental, Rental)
    assert rental.discounts == (
        Discount(name="Half off", percent=Decimal(50), until=date(2026, 8, 31)),
        Discount(name="Ten off", amount=Money.of("10.00", "USD")),
        Discount(name="A promise"),
    )
    for wrong in ({"off_cents": 1000, "off_percent": 50}, {"off_cents": -1}, {"off_percent": 101}):
        with pytest.raises(RowError, match=r"discount|taken off|percent"):
            reader(harbor, "rentals").record({**LEASE, "specials": [wrong]})


def test_a_facility_has_its_zone_and_currency_from_the_settings(harbor: Mapping) -> None:
    facility = reader(harbor, "facilities").record({"name": "Pier 1", "office_email": "desk@example.test"})

    assert isinstance(facility, Facility)
    assert (facility.id, facility.zone, facility.currency) == ("F1", "America/Chicago", "USD")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rent_cents": 129.0}, "rent"),
        ({"moved_in": "2025-01-31"}, "moved_in_on"),
        ({"id": None}, "id"),
        ({"id": True}, "id"),
        ({"customer_id": None}, "tenant_id"),
        ({"unit": "A"}, ""),
    ],
)
def test_a_row_that_is_no_record_names_the_field_and_not_the_value(
    harbor: Mapping, change: dict[str, Any], field: str
) -> None:
    rows = reader(harbor, "rentals")
    if not field:
        assert isinstance(rows.record({**LEASE, **change}), Rental)
        return
    with pytest.raises(RowError) as refused:
        rows.record({**LEASE, **change})

    assert field in str(refused.value) or "ref" in str(refused.value)
    assert "129.0" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_id_of_a_row_is_text_and_a_row_without_one_is_refused(harbor: Mapping) -> None:
    assert reader(harbor, "tenants").id_of(TENANT) == "4711"
    with pytest.raises(RowError):
        reader(harbor, "tenants").id_of({})


def entity(harbor: Mapping, noun: str, **said: Any) -> RowReader:
    mapping = harbor.model_copy(update={"entities": {noun: EntityMap.model_validate(said)}})
    return reader(mapping, noun)


def test_our_reference_is_not_shown_to_people(harbor: Mapping) -> None:
    fields = {"id": "id", "tenant_id": "t", "text": "text"}
    row = {"id": "1", "t": "T1", "text": "Gate is open [PB-ABCDEF123456]"}
    shown = entity(harbor, "notes", of_tenant={"get": "/x/{read.tenant_id}"}, fields=fields)
    raw = entity(harbor, "notes", of_tenant={"get": "/x/{read.tenant_id}"}, fields=fields, hides_reference=False)

    assert shown.record(row).text == "Gate is open"  # type: ignore[attr-defined]
    assert raw.record(row).text == row["text"]  # type: ignore[attr-defined]
    assert (shown.record(row).extra, raw.record(row).extra) == ({"reference": "PB-ABCDEF123456"}, {})
    assert shown.record({**row, "text": "Gate is open"}).extra == {}


@pytest.mark.parametrize("words", [
    "Follows PB-7AJBTBT4GC7H, half now", "Follows [PB-7AJBTBT4GC7H], half now", "Follows PB-7AJBTBT4GC7H",
    "PB-7AJBTBT4GC7H",
])  # fmt: skip
def test_references_that_a_note_quotes_are_its_own_words(harbor: Mapping, words: str) -> None:
    fields = {"id": "id", "tenant_id": "t", "text": "text"}
    notes = entity(harbor, "notes", of_tenant={"get": "/x/{read.tenant_id}"}, fields=fields)

    note: Any = notes.record({"id": "1", "t": "T1", "text": f"{words} [PB-ABCDEF123456]"})

    assert (note.text, note.extra) == (words, {"reference": "PB-ABCDEF123456"})


def test_a_note_of_somebody_else_that_names_a_reference_keeps_all_its_words(harbor: Mapping) -> None:
    fields = {"id": "id", "tenant_id": "t", "text": "text"}
    notes = entity(harbor, "notes", of_tenant={"get": "/x/{read.tenant_id}"}, fields=fields)

    note: Any = notes.record({"id": "1", "t": "T1", "text": "Follows PB-7AJBTBT4GC7H"})

    assert (note.text, note.extra) == ("Follows PB-7AJBTBT4GC7H", {})


def test_what_a_payment_is_described_by_is_shown_without_our_reference(harbor: Mapping) -> None:
    fields = {"id": "id", "rental_id": "r", "description": "d"}
    entries = entity(harbor, "ledger_entries", of_rental={"get": "/x/{read.rental_id}"}, fields=fields)
    row = {"id": "1", "r": "R1", "d": "Portal payment PB-ABCDEF123456"}

    assert entries._values(row)["description"] == "Portal payment"


def test_autopay_is_a_record_of_its_rental(harbor: Mapping) -> None:
    rows = entity(
        harbor,
        "autopay",
        of_tenant={"get": "/x/{read.tenant_id}"},
        fields={"rental_id": "lease", "tenant_id": "t", "state": "s", "method_usable": "good"},
    )

    record = rows.record({"lease": "L1", "t": "T1", "s": "card", "good": True})

    assert isinstance(record, AutopayRecord)
    assert (record.id, record.autopay.state, record.autopay.is_on) == ("L1", AutopayState.CARD, True)
    assert rows.id_of({"lease": "L1"}) == "L1"


def test_money_takes_the_currency_that_stands_beside_it(harbor: Mapping) -> None:
    fields = {"id": "id", "number": "n", "asking_rate": {"at": "rate", "codec": "cents", "currency_at": "money"}}
    rows = entity(harbor, "units", all={"get": "/x"}, fields=fields)

    unit = rows.record({"id": "1", "n": "A", "rate": 500, "money": "eur"})

    assert unit.asking_rate == Money.of("5.00", "EUR")  # type: ignore[attr-defined]
    with pytest.raises(RowError, match="currency"):
        rows.record({"id": "1", "n": "A", "rate": 500})


def test_a_missing_value_drops_the_record_only_where_the_mapping_says_so(harbor: Mapping) -> None:
    fields = {"id": "id", "number": "n", "type_name": {"at": "type", "missing": "refuse"}}
    rows = entity(harbor, "units", all={"get": "/x"}, fields=fields)

    with pytest.raises(RowError, match="type_name"):
        rows.record({"id": "1", "n": "A"})


def test_an_expression_reads_what_a_path_cannot(harbor: Mapping) -> None:
    fields = {"id": "id", "number": {"expr": "join('-', [wing, nr])"}}
    rows = entity(harbor, "units", all={"get": "/x"}, fields=fields)

    assert rows.record({"id": "1", "wing": "B", "nr": "7"}).number == "B-7"  # type: ignore[attr-defined]
    with pytest.raises(RowError, match="does not fit"):
        rows.record({"id": "1", "wing": 5, "nr": "7"})


def test_contact_texts_are_what_a_person_sees(harbor: Mapping) -> None:
    texts = reader(harbor, "tenants").contact_texts(TENANT)

    assert texts["mobile"] == "+1 813 555 0100"
    assert texts["phone"] == ""
    assert texts["address.line2"] == ""
    assert texts["alternate.name.first"] == "Bo"
    assert "id" not in texts


def entry(harbor: Mapping, **effect: Any) -> RowReader:
    fields = {
        "id": "id",
        "rental_id": {"value": "L1"},
        "kind": {"at": "type", "codec": "entry_kind"},
        "effective_on": "day",
        "effect": {"at": "cents", "codec": "cents", **effect},
    }
    return entity(harbor, "ledger_entries", of_rental={"get": "/x/{read.rental_id}"}, fields=fields)


ENTRY = {"id": "1", "type": "charge", "day": "2026-07-01", "cents": 500}


def test_what_stands_elsewhere_is_taken_off(harbor: Mapping) -> None:
    rows = entry(harbor, less="prepaid.cents")

    assert rows.record({**ENTRY, "prepaid": {"cents": 120}}).effect == Money.of("3.80", "USD")  # type: ignore[attr-defined]
    with pytest.raises(RowError, match="effect"):
        rows.record({**ENTRY, "prepaid": {"cents": "much"}})


def test_amounts_without_signs_get_theirs_from_the_kind_of_row(harbor: Mapping) -> None:
    rows = entry(harbor, negate_when={"what": {"among": ["paid", "credited"]}})

    assert rows.record({**ENTRY, "what": "paid"}).effect == Money.of("-5.00", "USD")  # type: ignore[attr-defined]
    assert rows.record({**ENTRY, "what": "billed"}).effect == Money.of("5.00", "USD")  # type: ignore[attr-defined]
    assert rows.record(ENTRY).effect == Money.of("5.00", "USD")  # type: ignore[attr-defined]


def test_what_was_asked_for_goes_before_what_the_row_says_where_it_was_asked_for(harbor: Mapping) -> None:
    fields = {"id": "id", "tenant_id": {"value": "{read.tenant_id?}", "expr": "people[0].id"}, "text": "text"}
    mapping = harbor.model_copy(
        update={"entities": {"notes": EntityMap.model_validate({"all": {"get": "/x"}, "fields": fields})}}
    )
    row = {"id": "1", "people": [{"id": "first"}], "text": "x"}

    asked = RowReader(mapping, "notes", SCOPE, {"read": {"tenant_id": "second"}, "facility": {"code": "F1"}})
    nightly = RowReader(mapping, "notes", SCOPE, {"read": {}, "facility": {"code": "F1"}})

    assert asked.record(row).tenant_id == "second"  # type: ignore[attr-defined]
    assert nightly.record(row).tenant_id == "first"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"value": "{read.tenant_id}", "at": "x"}, "value stands alone"),
        ({"at": "x", "less": "y", "dir": "both"}, "only be read"),
        ({"at": "x", "negate_when": {"k": "v"}, "dir": "write"}, "only be read"),
    ],
)
def test_a_field_that_contradicts_itself_is_refused(field: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FieldMap.model_validate(field)


def test_what_is_reckoned_is_never_written() -> None:
    assert FieldMap.model_validate("x").is_written
    assert not FieldMap.model_validate({"at": "x", "less": "y"}).is_written
    assert not FieldMap.model_validate({"at": "x", "negate_when": {"k": "v"}}).is_written
