"""Live reads of a real server: what a customer owes, sees and may do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pmsbridge.errors import NotFoundError, RejectedError
from pmsbridge.model.documents import DocumentKind, Visibility
from pmsbridge.model.invoices import InvoiceState
from pmsbridge.model.ledger import EntryKind, Statement
from pmsbridge.model.rental import RentalKind, RentalState
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.outcome import Attempt
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import FACILITY, KEY, adapter_of, days, payment
from tests.adapters.tryton.weather import WeatherProxy

ATTEMPT = Attempt(key=KEY)


@pytest.mark.fact("S2.6", "S2.24", "S4.1")
def test_a_statement_foots_before_and_after_a_payment(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    tenant = str(tryton_customer.id)
    contract = tryton_yard.on_rent(tryton_customer, {"GEN-20": 2}, start=days(-30), days=60)
    first = tryton_yard.bill(contract, until=days(-20), on=days(-19))
    other = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-30), days=60)
    tryton_yard.bill(other, until=days(-10), on=days(-9))
    tryton_yard.credit(tryton_yard.invoice(tryton_customer, Decimal("15.00"), on=days(-8)))
    owed = tryton_yard.owed(first)

    def statement() -> Statement:
        return Statement.from_entries(
            erp.tenant_ledger(FACILITY, tenant), opens_on=days(-15), closes_on=days(0), currency="USD"
        )

    before = statement()
    erp.execute(payment(tenant, owed, rental_id=f"sale.rental,{contract}", invoice_id=str(first)), ATTEMPT)
    after = statement()

    assert before.opening.amount == owed
    assert before.closing.amount == owed + after.closing.amount
    assert after.closing.amount == tryton_yard.balance(tryton_customer)
    assert [entry.kind for entry in after.entries] == [
        EntryKind.CHARGE, EntryKind.CHARGE, EntryKind.CREDIT, EntryKind.PAYMENT,
    ]  # fmt: skip


def test_every_rental_has_its_own_money_and_the_rest_is_the_accounts(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    tenant = str(tryton_customer.id)
    contract = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-30), days=60)
    on_contract = tryton_yard.owed(tryton_yard.bill(contract, until=days(-20)))
    unit = tryton_yard.let(tryton_customer, start=days(-40))
    on_unit = tryton_yard.owed(tryton_yard.bill_units(tryton_customer, until=days(0))[-1])
    tryton_yard.invoice(tryton_customer, Decimal("12.00"))
    erp.execute(payment(tenant, "5.00", rental_id=f"sale.rental,{contract}"), ATTEMPT)

    account = erp.account(FACILITY, tenant)

    rows = {row.id: row for row in account.rentals}
    assert {key: row.balances.ledger.amount for key, row in rows.items()} == {
        f"sale.rental,{contract}": on_contract - 5,
        f"sale.subscription,{unit}": on_unit,
        f"party.party,{tenant}": Decimal("12.00"),
    }
    assert {key: row.rental.kind for key, row in rows.items()} == {
        f"sale.rental,{contract}": RentalKind.CONTRACT,
        f"sale.subscription,{unit}": RentalKind.UNIT,
        f"party.party,{tenant}": RentalKind.ACCOUNT,
    }
    assert all(row.balances.due == row.balances.ledger for row in rows.values())
    assert account.total.ledger.amount == tryton_yard.balance(tryton_customer)
    assert rows[f"sale.rental,{contract}"].last_payment_on == days(0)
    (paid,) = erp.payments(FACILITY, tenant, f"sale.rental,{contract}")
    assert (paid.amount.amount, paid.reference) == (Decimal("5.00"), "pi_test_1")
    assert [row.id for row in account.current] == [f"sale.rental,{contract}", f"sale.subscription,{unit}"]


@pytest.mark.fact("S2.5", "S4.10", "S4.11")
def test_only_posted_invoices_are_visible_and_a_credit_note_lowers_what_is_due(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    tenant = str(tryton_customer.id)
    contract = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-30), days=60)
    invoice = tryton_yard.bill(contract, until=days(-20))
    draft = tryton_yard.credit(tryton_yard.invoice(tryton_customer, Decimal("3.00")), post=False)

    shown = erp.invoices(FACILITY, tenant, since=days(-60), until=days(0))
    note = tryton_yard.credit(invoice)
    after = erp.account(FACILITY, tenant).rental(f"sale.rental,{contract}")

    assert str(draft) not in {each.id for each in shown}
    found = next(each for each in shown if each.id == str(invoice))
    assert found.state is InvoiceState.SENT
    assert sum((line.net.amount for line in found.lines), Decimal(0)) == Decimal("950.00")
    assert {line.rental_id for line in found.lines} == {f"sale.rental,{contract}"}
    assert found.due_on == found.issued_on.replace() + (days(14) - days(0))
    assert after is not None
    assert after.balances.due.is_zero
    assert erp.invoice(FACILITY, tenant, str(note)).total == -found.total
    with pytest.raises(NotFoundError):
        erp.invoice(FACILITY, tenant, str(draft))


@pytest.mark.fact("S1.47")
def test_what_is_late_is_told_by_its_age(erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer) -> None:
    tryton_yard.invoice(tryton_customer, Decimal("10.00"), on=days(-3))
    tryton_yard.invoice(tryton_customer, Decimal("20.00"), on=days(-20))
    tryton_yard.invoice(tryton_customer, Decimal("40.00"), on=days(-50))

    aged = erp.aged_balance(FACILITY, str(tryton_customer.id), on=days(0))
    row = erp.account(FACILITY, str(tryton_customer.id)).rentals[-1]

    assert [part.amount for part in (aged.not_due, aged.up_to_30, aged.up_to_60)] == [
        Decimal("10.00"), Decimal("20.00"), Decimal("40.00"),
    ]  # fmt: skip
    assert aged.total.amount == Decimal("70.00")
    assert row.balances.past_due.amount == Decimal("60.00")
    assert row.days_past_due == 36


@pytest.mark.fact("S2.8", "S2.10", "S2.11", "S2.12", "S2.13")
@pytest.mark.parametrize(
    ("customer", "reasons"),
    [
        ({}, ()),
        ({"portal": False}, ("portal_disabled",)),
        ({"cash_only": True}, ("cash_only",)),
        ({"phone": ""}, ("no_phone",)),
        ({"email": "", "postal_code": ""}, ("no_email", "no_postal_code")),
    ],
)
def test_who_may_use_the_portal_is_said_with_the_reason(
    erp: TrytonAdapter, tryton_yard: Yard, customer: dict[str, object], reasons: tuple[str, ...]
) -> None:
    somebody = tryton_yard.customer(**customer)  # type: ignore[arg-type]
    nobody_yet = erp.portal_account(FACILITY, str(somebody.id))
    tryton_yard.quote(somebody, {"GEN-20": 1}, start=days(3), days=2)

    found = erp.portal_account(FACILITY, str(somebody.id))

    assert found.eligibility_reasons == reasons
    assert "no_history" in nobody_yet.eligibility_reasons
    assert found.login == "".join(sign for sign in somebody.phone if sign.isdigit())
    tenant = erp.account(FACILITY, str(somebody.id)).tenant
    assert tenant.portal_disabled is ("portal_disabled" in reasons)
    assert tenant.pays_cash_only is ("cash_only" in reasons)


@pytest.mark.fact("S2.2", "S2.3", "S2.4")
def test_quotes_reservations_and_contracts_are_told_apart(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    tenant = str(tryton_customer.id)
    tryton_yard.draft(tryton_customer, {"GEN-20": 1}, start=days(3), days=2)
    quote = tryton_yard.quote(tryton_customer, {"GEN-20": 1}, start=days(3), days=2)
    reserved = tryton_yard.contract(tryton_customer, {"GEN-20": 1}, start=days(3), days=2)
    over = tryton_yard.on_rent(tryton_customer, {"GEN-20": 1}, start=days(-3), days=2)
    tryton_yard.take_back(over)

    rows = {row.id: row.rental.state for row in erp.account(FACILITY, tenant).rentals}

    assert rows == {
        f"sale.rental,{quote}": RentalState.QUOTE,
        f"sale.rental,{reserved}": RentalState.RESERVED,
        f"sale.rental,{over}": RentalState.CLOSED,
        f"party.party,{tenant}": RentalState.UNKNOWN,
    }
    assert [each.rental_id for each in erp.quotes(FACILITY, tenant)] == [f"sale.rental,{quote}"]
    assert [each.id for each in erp.reservations(FACILITY, tenant)] == [f"sale.rental,{reserved}"]


@pytest.mark.fact("S1.41")
def test_a_note_is_internal_unless_it_is_marked(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    contract = tryton_yard.quote(tryton_customer, {"GEN-20": 1}, start=days(3), days=2)
    tryton_yard.note("sale.rental", contract, "Pays late.")
    tryton_yard.note("sale.rental", contract, "[customer] Gate 3 is closed on Mondays.")

    found = erp.notes(FACILITY, str(tryton_customer.id), f"sale.rental,{contract}")

    assert [(note.visibility, note.text) for note in found] == [
        (Visibility.INTERNAL, "Pays late."), (Visibility.CUSTOMER, "Gate 3 is closed on Mondays."),
    ]  # fmt: skip
    with pytest.raises(NotFoundError):
        erp.notes(FACILITY, str(tryton_yard.customer().id), f"sale.rental,{contract}")


@pytest.mark.fact("S2.27", "S3.5")
def test_papers_are_the_tenants_own_and_marked(
    erp: TrytonAdapter, tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    tenant = str(tryton_customer.id)
    invoice = tryton_yard.invoice(tryton_customer, Decimal("10.00"))
    tryton_yard.attach("party.party", tryton_customer.id, "internal.txt", b"internal")
    shown = tryton_yard.attach("party.party", tryton_customer.id, "lease.pdf", b"%PDF-1.7 made up")
    tryton_yard.call.call("model.ir.attachment.write", [shown], {"description": "[customer]"})

    papers = erp.documents(FACILITY, tenant)

    assert {(paper.id, paper.kind) for paper in papers} == {
        (f"invoice-{invoice}", DocumentKind.INVOICE), (f"file-{shown}", DocumentKind.OTHER),
    }  # fmt: skip
    with erp.content(FACILITY, tenant, f"file-{shown}") as paper:
        assert (paper.name, paper.media_type, b"".join(paper.chunks)) == (
            "lease.pdf", "application/pdf", b"%PDF-1.7 made up",
        )  # fmt: skip
    with erp.content(FACILITY, tenant, f"invoice-{invoice}") as paper:
        assert paper.name.endswith(".odt")
        assert paper.media_type == "application/vnd.oasis.opendocument.text"
    other = str(tryton_yard.customer().id)
    with pytest.raises(NotFoundError), erp.content(FACILITY, other, f"file-{shown}"):
        pass
    small = adapter_of(tryton_server, paper_bytes=1024)
    with pytest.raises(RejectedError), small.content(FACILITY, tenant, f"invoice-{invoice}"):
        pass
    small.close()


@pytest.mark.fact("S1.8")
def test_a_customer_is_found_by_digits_whatever_the_spelling(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    digits = "".join(sign for sign in tryton_customer.phone if sign.isdigit())[-10:]
    contract = tryton_yard.quote(tryton_customer, {"GEN-20": 1}, start=days(3), days=2)
    (row,) = tryton_yard.call.read("sale.rental", [["id", "=", contract]], "number")

    searches = {
        "phone": TenantSearch(phone=f"({digits[:3]}) {digits[3:6]} {digits[6:]}", email=tryton_customer.email.upper()),
        "wildcard": TenantSearch(company="%"),
        "number": TenantSearch(unit_number=row["number"], email=tryton_customer.email),
        "other": TenantSearch(phone=digits, email="nobody@example.com"),
    }
    found = {name: erp.find_tenants(FACILITY, search) for name, search in searches.items()}

    assert [(match.tenant_id, match.is_exact) for match in found["phone"]] == [(str(tryton_customer.id), True)]
    assert [match.tenant_id for match in found["number"]] == [str(tryton_customer.id)]
    assert found["wildcard"] == found["other"] == []
    with pytest.raises(RejectedError):
        erp.find_tenants(FACILITY, TenantSearch())


def test_of_a_search_that_fits_too_many_only_exact_hits_are_told(erp: TrytonAdapter, tryton_yard: Yard) -> None:
    names = [*(f"Namesake Example {number}" for number in range(51)), "Namesake Example"]
    made = tryton_yard.call.call("model.party.party.create", [{"name": name} for name in names])

    found = erp.find_tenants(FACILITY, TenantSearch(company="namesake example"))
    some = erp.find_tenants(FACILITY, TenantSearch(company="namesake example 1"))

    assert [(match.tenant_id, match.is_exact) for match in found] == [(str(made[-1]), True)]
    assert [match.is_exact for match in some] == [True, *[False] * 10]


def test_a_file_that_is_too_large_is_not_read(
    tryton_server: TrytonServer, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    adapter = adapter_of(tryton_server, url=weather.url, paper_bytes=2000)
    file = tryton_yard.attach("party.party", tryton_customer.id, "plan.pdf", b"%PDF-1.7" + bytes(5000))
    tryton_yard.call.call("model.ir.attachment.write", [file], {"description": "[customer]"})

    with (
        pytest.raises(RejectedError) as refusal,
        adapter.content(FACILITY, str(tryton_customer.id), f"file-{file}"),
    ):
        pass

    adapter.close()
    assert refusal.value.code == "too_large"
    assert weather.count("model.ir.attachment.search_read") == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [("UTC", None, "ok"), ("America/Chicago", None, "warning"), ("America/Chicago", "America/Chicago", "ok"),
     ("UTC", "America/Chicago", "warning")],
)  # fmt: skip
def test_the_doctor_sees_whether_both_sides_date_by_one_zone(
    tryton_server: TrytonServer, tryton_yard: Yard, ours: str, theirs: str | None, status: str
) -> None:
    company = [tryton_yard.facts["company"]]
    tryton_yard.call.call("model.company.company.write", company, {"timezone": theirs})
    try:
        adapter = adapter_of(tryton_server, facility={"code": FACILITY, "zone": ours})
        checks = {check["name"]: check for check in adapter.diagnose()}
        adapter.close()
    finally:
        tryton_yard.call.call("model.company.company.write", company, {"timezone": None})

    assert checks["zone"]["status"] == status
    assert bool(checks["zone"]["remedy"]) == (status == "warning")
