"""Contact data and autopay on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from pmsbridge.actions.effects import ChangeContact, SetAutopay
from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, RejectedError, UnavailableError, UnsupportedError
from pmsbridge.model.earlier import stored_json
from pmsbridge.model.payments import AutopayState
from pmsbridge.ports.outcome import Absent, Attempt, CannotTell, Found
from pmsbridge.testing.conformance import Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, FACILITY, KEY, adapter_of
from tests.adapters.tryton.weather import WeatherProxy

SCOPE: dict[str, Any] = {"account": ACCOUNT, "facility": FACILITY}


def edit(customer: Customer, **more: Any) -> ChangeContact:
    return ChangeContact(**SCOPE, tenant_id=str(customer.id), **more)


@pytest.mark.fact("S0.39", "S2.21")
def test_an_edit_changes_what_it_names_and_nothing_else(erp: TrytonAdapter, tryton_customer: Customer) -> None:
    before = erp.tenant(FACILITY, str(tryton_customer.id))
    changes = {
        "phone": "(312) 555-0142", "mobile": "312 555 0143", "address.line2": "Dock 4", "address.city": "Evanston",
        "name.company": "Ada & Sons Example",
    }  # fmt: skip
    effect = edit(tryton_customer, changes=changes)
    attempt = Attempt(key=KEY, baseline=erp.baseline(effect))

    assert isinstance(erp.probe(effect, attempt), Absent)
    erp.execute(effect, attempt)

    assert isinstance(erp.probe(effect, attempt), Found)
    after = erp.tenant(FACILITY, str(tryton_customer.id))
    assert (after.phone, after.mobile) != (None, None)
    assert [each.e164 for each in (after.phone, after.mobile) if each is not None] == ["+13125550142", "+13125550143"]
    assert after.name.company == "Ada & Sons Example"
    assert after.address == before.address.changed(line2="Dock 4", city="Evanston")
    assert (after.email, after.portal_disabled) == (before.email, before.portal_disabled)


def test_an_emptied_field_is_put_away_not_deleted(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    effect = edit(tryton_customer, changes={"email": ""})

    erp.execute(effect, Attempt(key=KEY))

    assert erp.tenant(FACILITY, str(tryton_customer.id)).email == ""
    (row,) = tryton_yard.call.call(
        "model.party.contact_mechanism.search_read", [["id", "=", tryton_customer.email_id]], 0, None, None,
        ["active", "value"], context={"active_test": False},
    )  # fmt: skip
    assert (row["active"], row["value"]) == (False, tryton_customer.email)


@pytest.mark.fact("S1.18")
def test_an_edit_of_what_changed_meanwhile_is_refused(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    effect = edit(tryton_customer, changes={"email": "mine@example.com"}, seen={"email": tryton_customer.email})
    tryton_yard.call.call(
        "model.party.contact_mechanism.write", [tryton_customer.email_id], {"value": "staff@example.com"}
    )

    with pytest.raises(RejectedError) as refusal:
        erp.execute(effect, Attempt(key=KEY))

    assert refusal.value.code == "changed_meanwhile"
    assert erp.tenant(FACILITY, str(tryton_customer.id)).email == "staff@example.com"


def test_a_change_between_our_read_and_our_write_is_noticed_by_its_stamp(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    effect = edit(tryton_customer, changes={"email": "mine@example.com"})
    change = "model.party.contact_mechanism.write"
    weather.before(
        "model.party.party.write",
        lambda: tryton_yard.call.call(change, [tryton_customer.email_id], {"value": "staff@example.com"}),
    )

    with pytest.raises(UnavailableError) as later:
        stormy.execute(effect, Attempt(key=KEY))

    assert later.value.code == "changed_meanwhile"
    assert stormy.tenant(FACILITY, str(tryton_customer.id)).email == "staff@example.com"


def test_a_telephone_number_the_server_cannot_read_is_refused_and_nothing_changed(
    erp: TrytonAdapter, tryton_customer: Customer
) -> None:
    effect = edit(tryton_customer, changes={"phone": "+1 12", "address.city": "Evanston"})

    with pytest.raises(RejectedError):
        erp.execute(effect, Attempt(key=KEY))

    assert erp.tenant(FACILITY, str(tryton_customer.id)).address.city == "Chicago"


def test_a_number_of_another_country_is_another_number(erp: TrytonAdapter, tryton_customer: Customer) -> None:
    numbers = ["+1 207-946-0018", "0044 20 7946 0018", "+44 (0)20 7946 0019", "1 312 555 0142"]
    seen = []
    for number in numbers:
        effect = edit(tryton_customer, changes={"phone": number})
        attempt = Attempt(key=KEY, baseline=erp.baseline(effect))
        assert isinstance(erp.probe(effect, attempt), Absent)
        erp.execute(effect, attempt)
        assert isinstance(erp.probe(effect, attempt), Found)
        phone = erp.tenant(FACILITY, str(tryton_customer.id)).phone
        seen.append(phone.e164 if phone is not None else None)

    assert seen == ["+12079460018", "+442079460018", "+442079460019", "+13125550142"]


def test_an_edit_of_one_line_of_the_street_leaves_the_others_as_they_are(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    def street() -> str:
        (row,) = tryton_yard.call.read("party.address", [["id", "=", tryton_customer.address_id]], "street")
        return str(row["street"])

    tryton_yard.call.call(
        "model.party.address.write", [tryton_customer.address_id], {"street": "1 Old Street\nFloor 2\nSuite B"}
    )
    found = []
    for changes in ({"address.line1": "2 New Street"}, {"address.line2": "Floor 3"}):
        erp.execute(edit(tryton_customer, changes=changes), Attempt(key=KEY))
        found.append(street())

    assert found == ["2 New Street\nFloor 2\nSuite B", "2 New Street\nFloor 3"]


def test_a_field_that_does_not_exist_there_is_refused_without_a_call(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_customer: Customer
) -> None:
    with pytest.raises(UnsupportedError):
        stormy.execute(edit(tryton_customer, changes={"alternate.phone": "555-0100"}), Attempt(key=KEY))

    assert weather.calls == []


def test_a_field_that_is_neither_as_asked_nor_as_before_is_for_a_person(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    effect = edit(tryton_customer, changes={"address.city": "Evanston"})
    attempt = Attempt(key=KEY, baseline=erp.baseline(effect))
    tryton_yard.call.call("model.party.address.write", [tryton_customer.address_id], {"city": "Elsewhere"})

    assert isinstance(erp.probe(effect, attempt), CannotTell)


def autopay(customer: Customer, *, on: bool) -> SetAutopay:
    return SetAutopay(**SCOPE, tenant_id=str(customer.id), rental_id=f"party.party,{customer.id}", on=on)


@pytest.mark.fact("S0.33", "S4.6")
def test_autopay_is_switched_for_the_whole_account(
    erp: TrytonAdapter, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    def debits() -> int:
        rows = tryton_yard.call.read("party.party.reception_direct_debit", [["party", "=", tryton_customer.id]])
        return len(rows)

    for _ in range(2):
        erp.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))
    (on,), there = erp.autopay(FACILITY, str(tryton_customer.id)), debits()
    erp.execute(autopay(tryton_customer, on=False), Attempt(key=KEY))
    (off,) = erp.autopay(FACILITY, str(tryton_customer.id))

    assert (on.state, on.is_on, there) == (AutopayState.BANK_DEBIT, True, 1)
    assert (off.state, off.is_on, debits()) == (AutopayState.OFF, False, 0)
    assert on.method is not None


def test_autopay_whose_answer_was_lost_is_on_once(
    stormy: TrytonAdapter, weather: WeatherProxy, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    effect = autopay(tryton_customer, on=True)
    weather.let(Weather.LOST_AFTER, "*.reception_direct_debit.create")

    with pytest.raises(OutcomeUnknownError):
        stormy.execute(effect, Attempt(key=KEY))
    assert isinstance(stormy.probe(effect, Attempt(key=KEY)), Found)
    stormy.execute(effect, Attempt(key=KEY))

    rows = tryton_yard.call.read("party.party.reception_direct_debit", [["party", "=", tryton_customer.id]])
    assert len(rows) == 1


def test_without_a_journal_for_debits_autopay_is_the_offices(
    tryton_server: TrytonServer, tryton_customer: Customer
) -> None:
    adapter = adapter_of(tryton_server, debit_journal=None)

    (found,) = adapter.autopay(FACILITY, str(tryton_customer.id))
    with pytest.raises(ConfigurationError):
        adapter.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))

    assert not found.is_changeable
    assert found.method is None
    adapter.close()


def test_a_debit_by_mandate_needs_one_that_is_validated(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    adapter = adapter_of(tryton_server, debit_journal="Bank mandate")
    (before,) = adapter.autopay(FACILITY, str(tryton_customer.id))
    with pytest.raises(RejectedError) as refusal:
        adapter.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))
    assert refusal.value.code == "no_mandate"
    assert not adapter.autopay(FACILITY, str(tryton_customer.id))[0].is_on
    assert adapter.payment_methods(FACILITY, str(tryton_customer.id)) == []
    first = tryton_yard.mandate(tryton_customer)

    (after,) = adapter.autopay(FACILITY, str(tryton_customer.id))
    (stored,) = adapter.payment_methods(FACILITY, str(tryton_customer.id))
    assert after.method is not None
    assert (stored.id, stored.tenant_id, stored.pays_on_demand) == (after.method.id, str(tryton_customer.id), False)
    assert "pays_on_demand" not in stored_json(after)
    adapter.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))

    assert adapter.autopay(FACILITY, str(tryton_customer.id))[0].is_on
    tryton_yard.cancel_mandate(first)
    assert not adapter.autopay(FACILITY, str(tryton_customer.id))[0].is_on
    assert isinstance(adapter.probe(autopay(tryton_customer, on=True), Attempt(key=KEY)), Absent)
    second = tryton_yard.mandate(tryton_customer)
    adapter.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))

    (debit,) = tryton_yard.call.read(
        "party.party.reception_direct_debit", [["party", "=", tryton_customer.id]], "sepa_mandate"
    )
    assert debit["sepa_mandate"] == second
    assert adapter.autopay(FACILITY, str(tryton_customer.id))[0].is_on
    third = tryton_yard.mandate(tryton_customer)  # of another bank account, while the second is still good
    assert isinstance(adapter.probe(autopay(tryton_customer, on=True), Attempt(key=KEY)), Absent)
    for _ in range(2):
        adapter.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))
    (debit,) = tryton_yard.call.read(
        "party.party.reception_direct_debit", [["party", "=", tryton_customer.id]], "sepa_mandate"
    )
    assert debit["sepa_mandate"] == third
    adapter.execute(autopay(tryton_customer, on=False), Attempt(key=KEY))
    assert tryton_yard.call.read("party.party.reception_direct_debit", [["party", "=", tryton_customer.id]]) == []
    adapter.close()
    assert (before.method, before.is_on) == (None, False)
    assert after.method is not None
    assert after.method.face is None


def test_of_several_debits_that_the_office_keeps_one_gets_the_new_mandate(
    tryton_server: TrytonServer, tryton_yard: Yard, tryton_customer: Customer
) -> None:
    adapter, old = adapter_of(tryton_server, debit_journal="Bank mandate"), tryton_yard.mandate(tryton_customer)
    journal = tryton_yard.facts["payment_journals"]["Bank mandate"]
    both = [
        {"party": tryton_customer.id, "journal": journal, "type": kind, "sepa_mandate": old, "sequence": place}
        for place, kind in enumerate(("balance", "line"), start=1)
    ]
    first, second = tryton_yard.call.call("model.party.party.reception_direct_debit.create", both)
    tryton_yard.cancel_mandate(old)
    new = tryton_yard.mandate(tryton_customer)

    adapter.execute(autopay(tryton_customer, on=True), Attempt(key=KEY))

    adapter.close()
    rows = tryton_yard.call.read(
        "party.party.reception_direct_debit", [["party", "=", tryton_customer.id]], "type", "sepa_mandate"
    )
    found = {row["id"]: (row["type"], row["sepa_mandate"]) for row in rows}
    assert found == {first: ("balance", new), second: ("line", old)}
