"""What is in the books before any test: a company, its accounts, things to rent, two users.

Runs in the server's own environment: ``python seed.py CONFIGURATION ADDRESS YEAR TOLD``, ADDRESS being that of an
activated database ("sqlite:///rental"). What a test needs to know is written to TOLD as JSON, by name. Nothing here is
a secret of anybody.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from proteus import Model, Wizard
from proteus import config as connection

PORTAL_GROUPS = ("Sales", "Accounting", "Payment", "Party Administration", "Stock")
"""The least that a portal's user needs."""

RENTABLES = (
    ("LIFT-26", "Scissor lift 26 ft", 40, {1: "180", 7: "840", 28: "2240"}),
    ("GEN-20", "Generator 20 kW", 40, {1: "95", 7: "420"}),
    ("FENCE-8", "Fence panel 8 ft", 2000, {1: "1.50", 28: "14"}),
)
"""Code, name, how many there are, and what so many days cost."""

SERVICES = (("UNIT-1010", "Storage unit 10x10", "125"), ("PARK-20", "Parking space 20 ft", "60"))
"""Code, name, and what a month costs."""


def main(configuration: str, address: str, year: int, told: Path) -> None:
    """Fill the books, and tell what is in them."""
    config = connection.set_trytond(address, user="admin", config_file=configuration)
    company = a_company()
    config._context = Model.get("res.user").get_preferences(True, {})
    accounts = chart_of_accounts(company)
    for one in (year - 1, year, year + 1):
        fiscal_year(company, one)
    tax = sales_tax(accounts)
    category = accounting_category(accounts, tax)
    told_of = {
        "year": year,
        "company": company.id,
        "currency": company.currency.id,
        "tax": tax.id,
        "products": rentables(category),
        "services": services(category),
        "monthly": recurrence().id,
        "payment_journals": payment_journals(accounts, company),
        "party_categories": party_categories(),
        "users": users(company),
        "payment_term": payment_term(),
        "accounts": {name: account.id for name, account in accounts.items()},
        "units": {name: the_only("product.uom", ("name", "=", name)).id for name in ("Unit", "Day")},
    }
    told.write_text(json.dumps(told_of, indent=1))


def the_only(model: str, *domain: object) -> Any:
    found = Model.get(model).find(list(domain))
    if len(found) != 1:
        message = f"{len(found)} of {model} {domain}"
        raise SystemExit(message)
    return found[0]


# -- books ------------------------------------------------------------------------------------------------------------


def a_company() -> Any:
    money = Model.get("currency.currency")(
        name="US Dollar", code="USD", numeric_code="840", symbol="$", rounding=Decimal("0.01"), digits=2
    )
    rate = money.rates.new()
    rate.date, rate.rate = dt.date(2000, 1, 1), Decimal(1)
    money.save()
    party = Model.get("party.party")(name="Harbor Example Rentals")
    party.save()
    asking = Wizard("company.company.config")
    asking.execute("company")
    asking.form.party = party
    asking.form.currency = money
    asking.execute("add")
    return the_only("company.company")


def chart_of_accounts(company: Any) -> dict[str, Any]:
    template = the_only("account.account.template", ("parent", "=", None), ("name", "ilike", "%universal%"))
    asking = Wizard("account.create_chart")
    asking.execute("account")
    asking.form.account_template = template
    asking.form.company = company
    asking.execute("create_account")
    accounts = {kind: an_account(kind) for kind in ("receivable", "payable", "revenue", "expense")}
    asking.form.account_receivable = accounts["receivable"]
    asking.form.account_payable = accounts["payable"]
    asking.form.category_account_revenue = accounts["revenue"]
    asking.form.category_account_expense = accounts["expense"]
    asking.execute("create_properties")
    (accounts["tax"],) = Model.get("account.account").find([("code", "=", "6.3.6")], limit=1)
    accounts["clearing"] = clearing_account()
    return accounts


def an_account(kind: str) -> Any:
    (found,) = Model.get("account.account").find([(f"type.{kind}", "=", True), ("closed", "!=", True)], limit=1)
    return found


def clearing_account() -> Any:
    cash = the_only("account.account", ("code", "=", "1.1.1"))
    account = Model.get("account.account")(name="Payments in transit", code="1.1.9", parent=cash.parent, type=cash.type)
    account.reconcile = True
    account.deferral = True
    account.save()
    return account


def fiscal_year(company: Any, year: int) -> None:
    strict = Model.get("ir.sequence.strict")
    kinds = {name: the_only("ir.sequence.type", ("name", "=", name)) for name in ("Account Move", "Invoice")}
    books = strict(name=f"Moves {year}", sequence_type=kinds["Account Move"], company=company)
    books.save()
    numbers = {}
    for kind, prefix in (("invoice", "INV"), ("credit", "CRN"), ("bill", "BIL")):
        numbers[kind] = strict(
            name=f"{prefix} {year}",
            sequence_type=kinds["Invoice"],
            company=company,
            prefix=f"{prefix}{year}-",
            padding=5,
        )
        numbers[kind].save()
    span = Model.get("account.fiscalyear")(name=str(year), company=company)
    span.start_date, span.end_date = dt.date(year, 1, 1), dt.date(year, 12, 31)
    span.move_sequence = books
    (used,) = span.invoice_sequences
    used.out_invoice_sequence, used.out_credit_note_sequence = numbers["invoice"], numbers["credit"]
    used.in_invoice_sequence = used.in_credit_note_sequence = numbers["bill"]
    span.save()
    span.click("create_period")


def sales_tax(accounts: dict[str, Any]) -> Any:
    tax = Model.get("account.tax")(name="Sales tax", description="Sales tax 10 %", type="percentage")
    tax.rate = Decimal("0.10")
    tax.invoice_account = tax.credit_note_account = accounts["tax"]
    tax.save()
    return tax


def accounting_category(accounts: dict[str, Any], tax: Any) -> Any:
    category = Model.get("product.category")(name="Rent", accounting=True)
    category.account_revenue = accounts["revenue"]
    category.account_expense = accounts["expense"]
    category.account_rental = accounts["revenue"]
    category.customer_taxes.append(tax)
    category.customer_rental_taxes.append(Model.get("account.tax")(tax.id))
    category.save()
    return category


def payment_term() -> int:
    term = Model.get("account.invoice.payment_term")(name="14 days")
    line = term.lines.new()
    line.type = "remainder"
    delta = line.relativedeltas.new()
    delta.days = 14
    term.save()
    settings = Model.get("account.configuration")(1)
    settings.default_customer_payment_term = term
    settings.save()
    return int(term.id)


def payment_journals(accounts: dict[str, Any], company: Any) -> dict[str, int]:
    """One for what is paid, one for what is debited without more ado, one that debits by mandate."""
    cash = the_only("account.journal", ("code", "=", "CASH"))
    made = {}
    for name in ("Portal", "Direct debit"):
        journal = Model.get("account.payment.journal")(name=name, process_method="manual")
        journal.clearing_journal = cash
        journal.clearing_account = accounts["clearing"]
        journal.save()
        made[name] = journal.id
    mandated = Model.get("account.payment.journal")(name="Bank mandate", process_method="sepa")
    mandated.sepa_bank_account_number = company_bank_account(company)
    mandated.sepa_payable_flavor, mandated.sepa_receivable_flavor = "pain.001.001.03", "pain.008.001.02"
    mandated.clearing_journal, mandated.clearing_account = cash, accounts["clearing"]
    mandated.save()
    return {**made, mandated.name: mandated.id}


def company_bank_account(company: Any) -> Any:
    """A bank account of the house, and the number by which it may debit others; both are published examples."""
    party = Model.get("party.party")(company.party.id)
    creditor = party.identifiers.new()
    creditor.type, creditor.code = "eu_at_02", "DE98ZZZ09999999999"
    party.save()
    account = Model.get("bank.account")()
    account.owners.append(Model.get("party.party")(party.id))
    number = account.numbers.new()
    number.type, number.number = "iban", "DE89370400440532013000"
    account.save()
    return account.numbers[0]


# -- what there is to rent --------------------------------------------------------------------------------------------


def rentables(category: Any) -> dict[str, dict[str, Any]]:
    unit = the_only("product.uom", ("name", "=", "Unit"))
    day = the_only("product.uom", ("name", "=", "Day"))
    made = {}
    for code, name, quantity, prices in RENTABLES:
        template = Model.get("product.template")(name=name, type="assets")
        template.default_uom = unit
        template.account_category = category
        template.rentable = True
        template.rental_per_day = True
        template.rental_unit = day
        for days, price in sorted(prices.items(), reverse=True):
            one = template.rental_prices.new()
            one.duration, one.price = dt.timedelta(days=days), Decimal(price)
        (product,) = template.products
        product.suffix_code = code
        template.save()
        (product,) = template.products
        bring_in(product, quantity)
        made[code] = {"id": product.id, "quantity": quantity, "day": prices[1]}
    return made


def bring_in(product: Any, quantity: int) -> None:
    """An inventory counts no assets, so they are moved in from where found things are."""
    location = Model.get("stock.location")
    move = Model.get("stock.move")(product=product, quantity=quantity)
    (move.from_location,) = location.find([("type", "=", "lost_found")], limit=1)
    (move.to_location,) = location.find([("type", "=", "storage")], limit=1)
    move.save()
    move.click("do")


def recurrence() -> Any:
    rules = Model.get("sale.subscription.recurrence.rule.set")
    found = rules.find([("name", "=", "Monthly")], limit=1)
    if found:
        return found[0]
    monthly = rules(name="Monthly")
    (rule,) = monthly.rules
    rule.freq, rule.interval = "monthly", 1
    monthly.save()
    return monthly


def services(category: Any) -> dict[str, dict[str, Any]]:
    unit = the_only("product.uom", ("name", "=", "Unit"))
    monthly = recurrence()
    made = {}
    for code, name, price in SERVICES:
        template = Model.get("product.template")(name=name, type="service", list_price=Decimal(price))
        template.default_uom = unit
        template.account_category = category
        template.salable = True
        template.sale_uom = unit
        (product,) = template.products
        product.suffix_code = code
        template.save()
        (product,) = template.products
        service = Model.get("sale.subscription.service")(product=product, consumption_recurrence=monthly)
        service.save()
        made[code] = {"id": service.id, "product": product.id, "month": price}
    return made


# -- people -----------------------------------------------------------------------------------------------------------


def party_categories() -> dict[str, int]:
    made = {}
    for name in ("Portal enabled", "Cash only"):
        category = Model.get("party.category")(name=name)
        category.save()
        made[name] = category.id
    return made


def users(company: Any) -> dict[str, dict[str, Any]]:
    group = Model.get("res.group")
    everything = [found.name for found in group.find([])]
    made = {}
    for login, name, groups in (("portal", "Portal", PORTAL_GROUPS), ("staff", "Counter staff", everything)):
        person = Model.get("party.party")(name=name)
        person.save()
        employee = Model.get("company.employee")(party=person, company=company)
        employee.save()
        user = Model.get("res.user")(name=name, login=login, email=f"{login}@example.com")
        user.password = f"{login}-of-tests-only"
        user.companies.append(Model.get("company.company")(company.id))
        user.company = company
        user.employees.append(employee)
        user.employee = employee
        for one in groups:
            user.groups.append(the_only("res.group", ("name", "=", one)))
        user.save()
        made[login] = {"id": user.id, "password": f"{login}-of-tests-only"}
    return made


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
