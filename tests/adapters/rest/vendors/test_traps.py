"""Where a shipped mapping must not take an answer at its face, over a back office on loopback that a test plays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import structlog

from pmsbridge.actions.effects import EffectBody, effect_from_json
from pmsbridge.errors import NotFoundError, OutcomeUnknownError, RejectedError, UnavailableError, UnsupportedError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import AutopayState
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.ports.outcome import Absent, Attempt, Found
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import RestAdapter, create
from tests.adapters.rest.wire.office import Answer, FakeSecrets, Office, Seen, opened

KEY = "c0f0" * 10
Opened = Callable[[str], RestAdapter]
SECRETS = {
    "buildium": ("client_id", "client_secret", "webhook_secret"),
    "cubby": ("key",),
    "storedge": ("access_id", "secret_key"),
    "booqable": ("token",),
}
OPTIONS = {"buildium": {"staff_user": "5"}, "booqable": {"company": "acme"}}
OWN = {
    "buildium": {"property": "11"},
    "cubby": {"facility": "fac_1"},
    "storedge": {"facility": "f1"},
    "booqable": {"location": "l1"},
}


@pytest.fixture
def office() -> Iterator[Office]:
    with opened() as found:
        yield found


@pytest.fixture
def account(office: Office) -> Iterator[Opened]:
    made: list[RestAdapter] = []

    def open_(name: str) -> RestAdapter:
        options = {
            "mapping": name,
            "options": OPTIONS.get(name, {}),
            "secrets": dict.fromkeys(SECRETS[name], "env:SECRET"),
            "facilities": [{"code": "F1", "zone": "America/Chicago", "options": OWN[name]}],
            "base_url": office.url,
        }
        made.append(create("main", options, secrets=FakeSecrets(secret="not-a-real-secret"), clock=TestClock()))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def effect(kind: str, **fields: Any) -> EffectBody:
    common = {"kind": kind, "account": "main", "facility": "F1", "tenant_id": "7"}
    return effect_from_json(json.dumps({**common, **fields}))


def payment(*, by: str = "stored") -> EffectBody:
    means = {
        "stored": {"by": "stored", "method_id": "pm_1"},
        "external": {"by": "external", "gateway": "gate", "reference": "gw_0001"},
    }
    part = {"rental_id": "70", "unit_id": None, "amount": {"amount": "15.00", "currency": "USD"}}
    return effect("take_payment", parts=[part], means=means[by], reference="PB-ABCDEFGHIJKL")


def attempt(**more: Any) -> Attempt:
    return Attempt(key=KEY, **more)


def cubby(data: Any = None) -> Answer:
    return Answer(200, {"status": 200, **({} if data is None else {"data": data})})


# Cubby


def paid(status: str) -> Answer:
    words = {"reason": "Insufficient funds", "explanation": "Not enough money there."}
    return cubby({"payment": {"paymentId": "payment_1", "amount": 1500, "status": status, **words}})


@pytest.mark.parametrize("status", ["DECLINED", "REJECTED", "FAILED"])
def test_a_card_that_cubby_declines_with_status_200_is_no_payment(account: Opened, office: Office, status: str) -> None:
    office.answers("/leases/make-payment", paid(status))

    with pytest.raises(RejectedError, match="Not enough money there"):
        account("cubby").execute(payment(), attempt())


@pytest.mark.parametrize(
    ("status", "is_known"), [("SUCCEEDED", True), ("PENDING", True), ("REFUNDED", False), ("NEW_WORD", False)]
)
def test_only_a_status_that_cubbys_page_calls_taken_is_a_receipt(
    account: Opened, office: Office, status: str, *, is_known: bool
) -> None:
    office.answers("/leases/make-payment", paid(status))

    if is_known:
        assert account("cubby").execute(payment(), attempt()).vendor_ids == {"payment": "payment_1"}
        return
    with pytest.raises(OutcomeUnknownError):
        account("cubby").execute(payment(), attempt())


def test_a_declined_row_of_cubby_is_not_taken_for_the_payment_that_was_lost(account: Opened, office: Office) -> None:
    row = {"paymentId": "payment_1", "amount": 1500, "status": "SUCCEEDED"}
    declined = {"paymentId": "payment_2", "amount": 1500, "status": "DECLINED"}
    office.answers("/payments/search", cubby({"payments": [row]}), cubby({"payments": [row, declined]}))
    adapter = account("cubby")

    before = adapter.baseline(payment())
    seen = adapter.probe(payment(), attempt(baseline=before))

    assert isinstance(seen, Absent)


def test_a_new_row_of_cubby_is_the_payment_that_was_lost(account: Opened, office: Office) -> None:
    row = {"paymentId": "payment_1", "amount": 1500, "status": "SUCCEEDED"}
    new = {"paymentId": "payment_2", "amount": 1500, "status": "SUCCEEDED"}
    office.answers("/payments/search", cubby({"payments": [row]}), cubby({"payments": [row, new]}))
    adapter = account("cubby")

    before = adapter.baseline(payment())
    seen = adapter.probe(payment(), attempt(baseline=before))

    assert isinstance(seen, Found)
    assert seen.receipt.vendor_ids == {"payment": "payment_2"}


@pytest.mark.parametrize("spelt", ["2027-05", "5/27", "05/2027", 527])
def test_a_card_whose_end_is_spelt_unlike_cubbys_page_is_told_without_it_beside_the_others(
    account: Opened, office: Office, spelt: Any
) -> None:
    card = {"type": "CREDIT_CARD", "cardBrand": "VISA", "cardLastFour": "1111"}
    rows = [
        {"paymentMethodId": "pm_1", **card, "cardExpiration": spelt},
        {"paymentMethodId": "pm_2", **card, "cardExpiration": "05/99"},
    ]
    office.answers("/payment-methods/search", cubby({"paymentMethods": rows}))

    with structlog.testing.capture_logs() as logs:
        odd, other = account("cubby").payment_methods("F1", "7")

    assert (odd.id, odd.last4, odd.expires_on, odd.is_usable) == ("pm_1", "1111", None, True)
    assert (other.id, other.expires_on, other.is_usable) == ("pm_2", date(2099, 5, 31), True)
    (line,) = [each for each in logs if each["event"] == "expiry_not_read"]
    assert "face.expires_on" in line["problem"]
    assert str(spelt) not in str(line)


@pytest.mark.parametrize("spelt", ["2027-05", None])
def test_a_mapping_that_needs_a_cards_end_gets_it(
    account: Opened, office: Office, monkeypatch: pytest.MonkeyPatch, spelt: str | None
) -> None:
    adapter = account("cubby")
    fields = adapter.connection.mapping.entities["payment_methods"].fields
    needed = fields["face.expires_on"].model_copy(update={"missing": "refuse"})
    monkeypatch.setitem(fields, "face.expires_on", needed)
    row = {"paymentMethodId": "pm_1", "type": "CREDIT_CARD", "cardLastFour": "1111", "cardExpiration": spelt}
    office.answers("/payment-methods/search", cubby({"paymentMethods": [row]}))

    with pytest.raises(UnavailableError):
        adapter.payment_methods("F1", "7")


def test_a_stored_method_of_cubby_that_cannot_be_read_otherwise_takes_the_list_with_it(
    account: Opened, office: Office
) -> None:
    rows = [{"type": "CREDIT_CARD", "cardLastFour": "1111", "cardExpiration": "05/27"}]
    office.answers("/payment-methods/search", cubby({"paymentMethods": rows}))

    with pytest.raises(UnavailableError):
        account("cubby").payment_methods("F1", "7")


def test_autopay_of_cubby_goes_on_with_the_method_that_is_named(account: Opened, office: Office) -> None:
    office.answers("/leases/enable-auto-pay", cubby())

    account("cubby").execute(effect("set_autopay", rental_id="70", on=True, method_id="pm_1", unit_id="u1"), attempt())

    assert office.asked("/leases/enable-auto-pay")[0].document == {"leaseId": "70", "paymentMethodId": "pm_1"}


def test_autopay_of_cubby_does_not_go_on_when_nobody_said_with_what(account: Opened, office: Office) -> None:
    with pytest.raises(UnsupportedError):
        account("cubby").execute(effect("set_autopay", rental_id="70", on=True), attempt())

    assert not office.seen


def test_autopay_of_cubby_goes_off_whatever_is_on_file(account: Opened, office: Office) -> None:
    office.answers("/leases/disable-auto-pay", cubby())

    account("cubby").execute(effect("set_autopay", rental_id="70", on=False, unit_id="u1"), attempt())

    assert office.asked("/leases/disable-auto-pay")[0].document == {"leaseId": "70"}


ROLL = {"unitId": "u1", "customerId": "7", "autoPayEnabled": True, "autoPayPaymentMethodId": "pm_1"}


@pytest.mark.parametrize(
    ("row", "on", "is_there"),
    [
        (ROLL, True, True),
        (ROLL, False, False),
        ({**ROLL, "autoPayPaymentMethodId": "pm_2"}, True, False),
        ({**ROLL, "unitId": "u2"}, True, False),
        ({**ROLL, "customerId": "8"}, True, False),
        ({**ROLL, "autoPayEnabled": False, "autoPayPaymentMethodId": None}, False, True),
        ({**ROLL, "autoPayEnabled": False}, True, False),
        ({"unitId": "u1", "customerId": "7"}, False, False),
    ],
)
def test_whether_autopay_of_cubby_was_switched_is_told_by_the_rent_roll_alone(
    account: Opened, office: Office, row: dict[str, Any], *, on: bool, is_there: bool
) -> None:
    office.answers("/reports/rent-roll", cubby({"entries": [row]}))
    wanted = effect("set_autopay", rental_id="70", on=on, unit_id="u1", **({"method_id": "pm_1"} if on else {}))

    found = account("cubby").probe(wanted, attempt())

    assert isinstance(found, Found if is_there else Absent)
    assert office.asked("/reports/rent-roll")[0].document["where"]["facilityIds"] == ["fac_1"]


def test_autopay_of_cubby_is_told_of_the_lease_in_the_unit_with_the_kind_of_its_method(
    account: Opened, office: Office
) -> None:
    lease = {"customerId": "7", "facilityId": "fac_1", "monthlyRentalAmount": 20800}
    leases = [
        {**lease, "leaseId": "60", "unitId": "u1", "moveOutDate": "2024-01-31"},
        {**lease, "leaseId": "70", "unitId": "u1"}, {**lease, "leaseId": "71", "unitId": "u2"},
    ]  # fmt: skip
    rows = [
        ROLL, {"unitId": "u2", "customerId": "7", "autoPayEnabled": False, "autoPayPaymentMethodId": None},
        {**ROLL, "customerId": "8", "unitId": "u3"},
    ]  # fmt: skip
    bank = {"paymentMethodId": "pm_1", "type": "ACH", "achAccountLastFour": "6789"}
    office.answers("/leases/search", cubby({"leases": leases}))
    office.answers("/reports/rent-roll", cubby({"entries": rows}))
    office.answers("/payment-methods/search", cubby({"paymentMethods": [bank]}))

    on, off = account("cubby").autopay("F1", "7")

    assert (on.rental_id, on.state, on.is_on) == ("70", AutopayState.BANK_DEBIT, True)
    assert not on.is_enrolled  # the state says so
    assert on.method is not None
    assert (on.method.id, on.method.last4) == ("pm_1", "6789")
    assert (off.rental_id, off.state, off.method) == ("71", AutopayState.OFF, None)


@pytest.mark.parametrize("on_file", [[], [{"paymentMethodId": "pm_1", "type": "CHEQUE"}]])
def test_autopay_of_cubby_that_charges_what_is_not_known_is_on_and_can_be_switched_off(
    account: Opened, office: Office, on_file: list[dict[str, str]]
) -> None:
    lease = {"leaseId": "70", "unitId": "u1", "customerId": "7", "facilityId": "fac_1", "monthlyRentalAmount": 20800}
    office.answers("/leases/search", cubby({"leases": [lease]}))
    office.answers("/reports/rent-roll", cubby({"entries": [ROLL]}))
    office.answers("/payment-methods/search", cubby({"paymentMethods": on_file}))

    (one,) = account("cubby").autopay("F1", "7")

    assert (one.state, one.is_on, one.is_enrolled) == (AutopayState.UNKNOWN, False, True)
    assert (one.method is None) is not bool(on_file)


def test_an_answer_about_marketing_does_not_lift_a_suppression_of_cubby(account: Opened, office: Office) -> None:
    channels = {"sms": {"marketing": False, "suppressed": True}, "email": {"marketing": True, "suppressed": False}}
    office.answers(
        "/customers/search", cubby({"customers": [{"customerId": "7", "communicationPreferences": channels}]})
    )
    no = effect("set_consent", channel="sms", purpose="marketing", granted=False)

    with pytest.raises(RejectedError, match="nothing was sent"):
        account("cubby").execute(no, attempt())

    assert not office.asked("/customers/update")


def test_a_move_out_of_cubby_leaves_autopay_as_it_is(account: Opened, office: Office) -> None:
    office.answers("/leases/schedule-move-out", cubby())

    account("cubby").execute(
        effect("schedule_move_out", rental_id="70", leaving_on="2026-09-01", notice_given_on="2026-08-01"), attempt()
    )

    sent = office.asked("/leases/schedule-move-out")[0].document
    assert (sent["disableAutoPay"], sent["moveOutReason"]) == (False, "NONE")


def test_what_is_prepaid_at_cubby_is_credit(account: Opened, office: Office) -> None:
    customer = {"customerId": "7", "firstName": "Ada", "lastName": "Lane"}
    lease = {"leaseId": "70", "customerId": "7", "unitId": "u1", "facilityId": "fac_1", "monthlyRentalAmount": 20800}
    other = {**lease, "leaseId": "71", "facilityId": "fac_2"}
    office.answers("/facilities/search", cubby({"facilities": [{"name": "North", "timeZone": "America/Chicago"}]}))
    office.answers("/customers/search", cubby({"customers": [customer]}))
    office.answers("/leases/search", cubby({"leases": [lease, other]}))
    office.answers(
        "/ledgers/search",
        cubby({"ledgers": [{"leaseId": "70", "balances": {"totalDue": 0, "deposit": 0, "prepaid": 30000}}]}),
    )

    (row,) = account("cubby").account("F1", "7").rentals

    assert (row.balances.credit, row.balances.payable_now) == (Money.of("300.00", "USD"), Money.zero("USD"))


def test_what_moves_in_and_out_of_the_prepaid_balance_of_cubby_is_counted_once(account: Opened, office: Office) -> None:
    moved = [
        ("PAYMENT", -30000, {"method": "CARD"}),
        ("CHARGE", 30000, {"category": "PREPAID"}),
        ("CHARGE", 20800, {"category": "RENT"}),
        ("PAYMENT", -20800, {"method": "PREPAID"}),
    ]
    entries = [
        {"bookEntryId": f"b{n}", "type": kind, "entryTime": "2026-03-01T09:00:00", "amount": cents, "details": details}
        for n, (kind, cents, details) in enumerate(moved)
    ]
    ledger = {"leaseId": "70", "balances": {"totalDue": 0, "deposit": 0, "prepaid": 9200}, "bookEntries": entries}
    office.answers("/ledgers/search", cubby({"ledgers": [ledger]}))

    read = account("cubby").ledger("F1", "7", "70")

    assert [(each.kind.value, str(each.effect.amount)) for each in read] == [
        ("payment", "-300.00"),
        ("charge", "208.00"),
    ]  # together what is due less what is prepaid


# Buildium


def test_the_balance_of_a_lease_of_buildium_is_the_sum_of_its_movements(account: Opened, office: Office) -> None:
    moved = [("Charge", 1200.5), ("Payment", 1000.0), ("Credit", 50.25), ("ReversePayment", 1000.0)]
    rows = [
        {"Id": n, "Date": "2026-03-01", "TransactionTypeEnum": kind, "TotalAmount": amount}
        for n, (kind, amount) in enumerate(moved, 1)
    ]
    lease = {
        "Id": 70,
        "PropertyId": 11,
        "UnitId": 3,
        "UnitNumber": "015",
        "LeaseStatus": "Active",
        "CurrentTenants": [{"Id": 9}],
    }
    elsewhere = {**lease, "Id": 71, "PropertyId": 12}
    office.answers("/rentals/11", Answer(200, {"Id": 11, "Name": "North"}))
    office.answers(
        "/leases/tenants/7",
        Answer(200, {"Id": 7, "FirstName": "Ada", "LastName": "Lane", "Leases": [lease, elsewhere]}),
    )
    office.answers("/leases/70/transactions", Answer(200, rows, {"X-Total-Count": "4"}))

    (row,) = account("buildium").account("F1", "7").rentals

    assert row.balances.ledger == Money.of("1150.25", "USD")
    assert (row.rental.tenant_id, row.rental.unit_number, row.rental.state) == ("7", "015", RentalState.ACTIVE)


@pytest.mark.parametrize(("leaving", "state"), [([9], RentalState.ACTIVE), ([9, 7], RentalState.NOTICE_GIVEN)])
def test_a_lease_of_buildium_is_on_notice_when_everybody_leaves(
    account: Opened, office: Office, leaving: list[int], state: RentalState
) -> None:
    moves = [{"TenantId": each, "MoveOutDate": f"2026-0{each}-01"} for each in leaving]
    lease = {
        "Id": 70, "PropertyId": 11, "UnitId": 3, "UnitNumber": "015", "LeaseStatus": "Active",
        "CurrentTenants": [{"Id": 9}, {"Id": 7}], "MoveOutData": moves,
    }  # fmt: skip
    office.answers("/leases/70", Answer(200, lease))

    found = account("buildium")._one("rentals", "F1", id="70")

    assert found.state is state  # type: ignore[attr-defined]
    assert found.leaving_on == date(2026, 9, 1)  # type: ignore[attr-defined]


def test_a_tenant_of_another_property_of_buildium_is_not_found_here(account: Opened, office: Office) -> None:
    office.answers(
        "/leases/tenants/7",
        Answer(200, {"Id": 7, "FirstName": "Ada", "LastName": "Lane", "Leases": [{"PropertyId": 12}]}),
    )

    with pytest.raises(NotFoundError):
        account("buildium").tenant("F1", "7")


def test_a_kind_of_transaction_that_nobody_knows_makes_a_ledger_of_buildium_unreadable(
    account: Opened, office: Office
) -> None:
    rows = [
        {"Id": n, "Date": "2026-03-01", "TransactionTypeEnum": kind, "TotalAmount": 5.0}
        for n, kind in enumerate(["Charge", "SomethingNew"])
    ]
    office.answers("/leases/70/transactions", Answer(200, rows, {"X-Total-Count": "2"}))

    with pytest.raises(UnavailableError):  # its sign would be a guess, and so would the balance
        account("buildium").ledger("F1", "9", "70")


@pytest.mark.parametrize(
    "kinds",
    [
        ["Home", "Other"],
        ["Personal"],
        ["NotSet"],
        *([kind, kind] for kind in ("Home", "Cell", "Office", "Fax")),
    ],
    ids="-".join,
)
def test_a_number_that_buildium_could_not_be_sent_back_stops_an_edit(
    account: Opened, office: Office, kinds: list[str]
) -> None:
    numbers = [{"Number": str(n), "Type": kind} for n, kind in enumerate(kinds)]
    office.answers(
        "/leases/tenants/7",
        Answer(
            200,
            {"Id": 7, "FirstName": "Ada", "LastName": "Lane", "PhoneNumbers": numbers, "Leases": [{"PropertyId": 11}]},
        ),
    )

    with pytest.raises(RejectedError, match="nothing was sent"):
        account("buildium").execute(effect("change_contact", changes={"email": "n@x.test"}), attempt())

    assert {each.method for each in office.asked("/leases/tenants/7")} == {"GET"}


@pytest.mark.parametrize("where", ["CheckNumber", "Memo", "nowhere"])
def test_a_payment_of_buildium_is_found_wherever_its_reference_is_shown_and_else_nobody_says_it_is_not_there(
    account: Opened, office: Office, where: str
) -> None:
    row: dict[str, Any] = {"Id": 5, "TotalAmount": 15.0, "CheckNumber": None, "Journal": {"Memo": "x", "Lines": None}}
    row = {**row, "CheckNumber": "PB-ABCDEFGHIJKL"} if where == "CheckNumber" else row
    row = {**row, "Journal": {"Memo": "Portal payment PB-ABCDEFGHIJKL", "Lines": None}} if where == "Memo" else row
    office.answers("/leases/70/transactions", Answer(200, [row], {"X-Total-Count": "1"}))

    seen = account("buildium").probe(payment(by="external"), attempt())

    if where != "nowhere":
        assert isinstance(seen, Found)
        return
    assert isinstance(seen, Absent)
    assert not account("buildium").capabilities["take_payment"].absence_conclusive


# storEDGE


def test_a_payment_of_storedge_carries_a_key_that_stays_the_same(account: Opened, office: Office) -> None:
    office.answers("/f1/ledgers/70/make_payment", Answer(500, {}), Answer(200, {"ledger": {"id": "70"}}))
    adapter = account("storedge")

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(payment(), attempt())
    adapter.execute(payment(), attempt(number=2))

    first, second = (each.document for each in office.asked("/f1/ledgers/70/make_payment"))
    assert first == second
    assert first["payment"] == {"kind": "custom", "amount": "15.00", "idempotency_key": KEY}
    assert office.seen[0].headers["authorization"].startswith("OAuth ")


@pytest.mark.parametrize(
    ("charged", "enabled", "on", "is_there"),
    [
        ("pm_1", True, True, True),
        ("pm_2", True, True, False),
        ("pm_1", False, True, False),
        ("pm_1", False, False, True),
    ],
)
def test_autopay_of_storedge_is_on_only_with_the_method_that_was_named(
    account: Opened, office: Office, charged: str, *, enabled: bool, on: bool, is_there: bool
) -> None:
    info = {"autopay_enabled": enabled, "payment_method_id": charged, "payment_type": "credit_card"}
    office.answers("/f1/ledgers/70", Answer(200, {"ledger": {"id": "70", "autopay_info": info}}))
    wanted = effect("set_autopay", rental_id="70", on=on, **({"method_id": "pm_1"} if on else {}))

    found = account("storedge").probe(wanted, attempt())

    assert isinstance(found, Found if is_there else Absent)


def test_an_answer_of_storedge_about_another_ledger_is_no_receipt(account: Opened, office: Office) -> None:
    office.answers("/f1/ledgers/70/make_payment", Answer(200, {"ledger": {"id": "71"}}))

    with pytest.raises(OutcomeUnknownError):
        account("storedge").execute(payment(), attempt())


def ledger(number: str, tenant: str, **more: Any) -> dict[str, Any]:
    info = {
        "autopay_enabled": True,
        "payment_method_id": "pm_1",
        "payment_type": "credit_card",
        "account_or_card_number": "****1111",
    }
    return {
        "id": number, "active": True, "closed_on": None, "current_account_balance": 61.03, "current_prepay_balance": 0,
        "current_rate": 12.0, "invoice_day_of_month": 10, "lease_number": 1663058212, "paid_through": "2026-09-09",
        "moved_in_at": "2026-09-12T22:36:36.287-10:00", "scheduled_move_out": None, "autopay_info": info,
        "tenant": {"id": tenant, "blocked_payments": False}, **more,
    }  # fmt: skip


def pages_of(rows: list[dict[str, Any]]) -> Callable[[Seen], Answer]:
    def play(seen: Seen) -> Answer:
        page = int(seen.query["page"])
        there = rows[page - 1 : page]
        return Answer(200, {"ledgers": there, "meta": {"pagination": {"current_page": page, "total_pages": len(rows)}}})

    return play


def test_the_rentals_of_a_tenant_of_storedge_are_picked_from_all_pages(account: Opened, office: Office) -> None:
    office.answers(
        "/f1/tenants/7",
        Answer(200, {"tenant": {"id": "7", "first_name": "Ada", "last_name": "Lane", "account_number": 1000}}),
    )
    office.plays_at("/f1/ledgers/current", pages_of([ledger("69", "6"), ledger("70", "7"), ledger("71", "8")]))

    (row,) = account("storedge").account("F1", "7").rentals

    assert (row.id, row.balances.ledger, row.rental.moved_in_on) == ("70", Money.of("61.03", "USD"), date(2026, 9, 12))
    assert row.payments_blocked == ""
    assert row.autopay is not None
    assert (row.autopay.state, row.autopay.is_on) == (AutopayState.CARD, True)
    assert len(office.asked("/f1/ledgers/current")) == 3  # every page once a look, whoever wants it


def test_the_movements_of_storedge_are_refused_rather_than_made_up(account: Opened) -> None:
    with pytest.raises(UnsupportedError):
        account("storedge").ledger("F1", "7", "70")


# Booqable


def order(**more: Any) -> dict[str, Any]:
    attributes = {
        "status": "started",
        "customer_id": "7",
        "grand_total_with_tax_in_cents": 50000,
        "created_at": "2026-03-02T04:30:00+00:00",
    }
    return {
        "id": "70",
        "type": "orders",
        "attributes": {**attributes, "amount_paid_in_cents": 15000, "start_location_id": "l1", **more},
    }


def charge(number: str, kind: str, amount: int, status: str = "succeeded") -> dict[str, Any]:
    attributes = {
        "type": kind, "amount_in_cents": amount, "status": status, "description": "Portal payment PB-ABCDEFGHIJKL",
        "succeeded_at": "2026-03-03T12:00:00+00:00", "created_at": "2026-03-03T12:00:00+00:00",
    }  # fmt: skip
    return {"id": number, "type": kind, "attributes": attributes}


def test_the_ledger_of_an_order_of_booqable_is_its_amount_and_what_was_paid(account: Opened, office: Office) -> None:
    included = [
        charge("1", "payment_charges", 20000), charge("2", "payment_refunds", 5000),
        charge("3", "payment_charges", 900, "failed"), charge("4", "payment_authorizations", 700),
    ]  # fmt: skip
    links = {"payments": {"data": [{"id": each["id"], "type": each["type"]} for each in included]}}
    office.answers("/orders/70", Answer(200, {"data": {**order(), "relationships": links}, "included": included}))
    adapter = account("booqable")

    entries = adapter.ledger("F1", "7", "70")

    assert [(each.kind.value, each.effect.amount) for each in entries] == [
        ("charge", Decimal(500)),
        ("payment", Decimal(-200)),
        ("refund", Decimal(50)),
    ]
    assert entries[0].effective_on == date(2026, 3, 1)


def test_a_night_of_booqable_asks_for_the_orders_of_its_own_location(account: Opened, office: Office) -> None:
    office.answers("/orders", Answer(200, {"data": []}))

    list(account("booqable").fetch(Query(Entity.RENTALS, "F1")))

    assert {each.query["filter[start_location_id][eq]"] for each in office.asked("/orders")} == {"l1"}


def test_a_payment_of_booqable_is_found_by_its_description(account: Opened, office: Office) -> None:
    office.answers("/payments", Answer(200, {"data": [charge("1", "payment_charges", 1500)]}))
    adapter = account("booqable")

    assert isinstance(adapter.probe(payment(by="external"), attempt()), Found)
    assert office.asked("/payments")[0].query["filter[order_id][eq]"] == "70"


@pytest.mark.parametrize(
    ("status", "seen"),
    [("failed", Absent), ("canceled", Absent), ("expired", Absent), ("created", Found), ("processing", Found)],
)
def test_a_payment_of_booqable_that_failed_is_not_the_one_that_was_lost_and_one_that_waits_is(
    account: Opened, office: Office, status: str, seen: type
) -> None:
    office.answers("/payments", Answer(200, {"data": [charge("1", "payment_charges", 1500, status)]}))

    assert isinstance(account("booqable").probe(payment(by="external"), attempt()), seen)


def test_a_payment_of_booqable_goes_towards_the_rent_and_not_the_deposit(account: Opened, office: Office) -> None:
    office.answers("/payment_charges", Answer(201, {"data": charge("1", "payment_charges", 1500)}))

    account("booqable").execute(payment(by="external"), attempt())

    sent = office.asked("/payment_charges")[0].document["data"]["attributes"]
    assert (sent["amount_in_cents"], sent["deposit_in_cents"], sent["provider_id"]) == (1500, 0, "gw_0001")


def test_a_charge_of_booqable_that_did_not_succeed_is_no_receipt(account: Opened, office: Office) -> None:
    office.answers("/payment_charges", Answer(201, {"data": charge("1", "payment_charges", 1500, "created")}))

    with pytest.raises(OutcomeUnknownError):
        account("booqable").execute(payment(by="external"), attempt())


def test_an_attribute_called_type_that_says_something_else_is_no_row(account: Opened, office: Office) -> None:
    row = charge("1", "payment_charges", 1500)
    office.answers("/payments", Answer(200, {"data": [{**row, "type": "orders"}]}))

    with pytest.raises(UnavailableError):
        account("booqable").payments("F1", "7", "70")
