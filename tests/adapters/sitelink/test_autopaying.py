"""Autopay, judged by the billing record the back office holds: the stored card must survive everything."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pmsbridge.actions.effects import SetAutopay
from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, RejectedError, UnsupportedError
from pmsbridge.model.payments import AutopayState
from pmsbridge.model.sealed import BankAccount, BankAccountKind, Card, CardFace
from pmsbridge.ports.outcome import Absent, CannotTell, Found, Probed
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.autopaying import _as_moment
from pmsbridge_sitelink.connection import Answered
from pmsbridge_sitelink.mapping.billing import autopay_of, brand_of, last4_of, masked_number, payment_type_of
from pmsbridge_sitelink.mapping.cells import Scope
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.office import (
    ANAIS,
    COMPANY,
    RENEE,
    SITE,
    SOREN,
    TODAY,
    Judge,
    adapter_on,
    attempt,
    card,
)

STORED_PAN = "4242424242424242"
"""The test card on unit 015."""


def autopay(rental: dict[str, object], tenant_id: str, **fields: object) -> SetAutopay:
    return SetAutopay(
        account="demo",
        facility=SITE,
        tenant_id=tenant_id,
        rental_id=str(rental["ledger_id"]),
        **{"on": True, **fields},  # type: ignore[arg-type]
    )


def bank_account() -> BankAccount:
    return BankAccount(routing_number="021000021", account_number="000987654", kind=BankAccountKind.CONSUMER_CHECKING)


def test_switching_off_and_on_again_keeps_the_stored_card(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = judge.rental(RENEE, "015")["billing"]

    adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=False), attempt())
    off = judge.rental(RENEE, "015")["billing"]
    adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=True), attempt())
    on = judge.rental(RENEE, "015")["billing"]

    assert before["autopay"] == 1
    assert off == {**before, "autopay": 0, "expires": off["expires"]}
    assert on == {**before, "expires": on["expires"]}
    assert before["card_digest"]
    assert {row["expires"][:10] for row in (before, off, on)} == {before["expires"][:10]}


def test_one_rental_changes_and_its_neighbours_do_not(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = {row["unit_name"]: row["billing"] for row in judge.rentals(RENEE)}

    adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=False), attempt())

    after = {row["unit_name"]: row["billing"] for row in judge.rentals(RENEE)}
    assert [name for name in after if after[name] != before[name]] == ["015"]


@pytest.mark.fact("S0.32")
def test_asking_for_what_is_so_already_sends_nothing(adapter: SiteLinkAdapter, judge: Judge) -> None:
    receipt = adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=True), attempt())

    assert receipt.read_back
    assert judge.effects() == 0


@pytest.mark.fact("S0.31", "S0.33", "S4.6")
def test_a_new_card_is_stored_under_the_facilitys_own_type(adapter: SiteLinkAdapter, judge: Judge) -> None:
    new = card("5555555555554444")

    adapter.execute(autopay(judge.rental(RENEE, "A-12"), RENEE, method=new.face), attempt(new))

    billing = judge.rental(RENEE, "A-12")["billing"]
    assert (billing["autopay"], billing["card"][-4:], billing["holder"]) == (1, "4444", "Test Holder")
    assert billing["card_type_id"] not in range(5, 10)
    (row,) = [
        row for row in adapter.autopay(SITE, RENEE) if row.rental_id == str(judge.rental(RENEE, "A-12")["ledger_id"])
    ]
    assert row.state is AutopayState.CARD
    assert row.is_on


def test_a_new_bank_account_leaves_a_stored_card_alone(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = judge.rental(ANAIS, "F-03")["billing"]
    new = bank_account()

    adapter.execute(autopay(judge.rental(ANAIS, "F-03"), ANAIS, method=new.face), attempt(new))

    after = judge.rental(ANAIS, "F-03")["billing"]
    assert (after["autopay"], after["account_last4"]) == (2, "7654")
    assert after["card_digest"] == before["card_digest"]


def test_days_are_written_only_when_asked_for(adapter: SiteLinkAdapter, judge: Judge) -> None:
    adapter.execute(autopay(judge.rental(ANAIS, "F-03"), ANAIS, on=True, days_after_due=5), attempt())

    assert judge.rental(ANAIS, "F-03")["billing"]["days_past_due"] == 5
    assert "TenantBillingInfoUpdate_v2" in judge.operations()


def test_without_a_stored_card_autopay_cannot_be_switched_on(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.execute(autopay(judge.rental(RENEE, "A-12"), RENEE, on=True), attempt())

    assert refused.value.code == "no_stored_method"
    assert judge.effects() == 0


def test_a_bank_account_that_cannot_be_read_is_never_written_over(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = judge.rental(COMPANY, "E-01")["billing"]

    with pytest.raises(UnsupportedError) as refused:
        adapter.execute(autopay(judge.rental(COMPANY, "E-01"), COMPANY, on=False), attempt())

    assert refused.value.code == "bank_account_not_readable"
    assert judge.rental(COMPANY, "E-01")["billing"] == before


@pytest.mark.fact("S4.13")
def test_a_half_finished_enrolment_reads_as_off_and_can_be_switched_off(adapter: SiteLinkAdapter, judge: Judge) -> None:
    (row,) = adapter.autopay(SITE, SOREN)
    assert (row.state, row.is_on, row.vendor_state) == (AutopayState.OFF, False, "1")

    adapter.execute(autopay(judge.rental(SOREN, "F-04"), SOREN, on=False), attempt())

    assert judge.rental(SOREN, "F-04")["billing"]["autopay"] == 0


def test_a_new_card_needs_raw_cards_to_be_switched_on(office: SandboxControl, judge: Judge) -> None:
    adapter = adapter_on(office, allow_raw_cards=False)

    with pytest.raises(ConfigurationError, match="allow_raw_cards"):
        adapter.execute(autopay(judge.rental(RENEE, "A-12"), RENEE, method=card().face), attempt(card()))

    assert judge.effects() == 0


@pytest.mark.parametrize(("fault", "outcome"), [("drop_after", Found), ("drop_before", Absent)])
def test_a_lost_answer_is_settled_by_the_state(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str, outcome: type
) -> None:
    effect = autopay(judge.rental(RENEE, "015"), RENEE, on=False)
    office.inject("TenantBillingInfoUpdate", fault)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt())

    assert isinstance(adapter.probe(effect, attempt()), outcome)


def lost(
    adapter: SiteLinkAdapter, office: SandboxControl, effect: SetAutopay, sealed: Card | BankAccount | None, fault: str
) -> Probed:
    """What a look concludes after one send whose answer was lost."""
    baseline = adapter.baseline(effect)
    office.inject("TenantBillingInfoUpdate*", fault)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt(sealed, baseline=baseline))

    return adapter.probe(effect, attempt(baseline=baseline))


def renewed_card(judge: Judge) -> Card:
    """The card on unit 015 with a later expiry: same brand, same last digits."""
    stored = judge.rental(RENEE, "015")["billing"]
    assert stored["card"][-4:] == STORED_PAN[-4:]
    assert stored["expires"][:7] != "2031-03"
    return card(STORED_PAN, expires_on=date(2031, 3, 31))


@pytest.mark.parametrize(("fault", "outcome"), [("drop_after", Found), ("drop_before", Absent)])
def test_a_renewed_card_is_known_by_its_expiry(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str, outcome: type
) -> None:
    new = renewed_card(judge)

    found = lost(adapter, office, autopay(judge.rental(RENEE, "015"), RENEE, method=new.face), new, fault)

    assert isinstance(found, outcome)
    assert (judge.rental(RENEE, "015")["billing"]["expires"][:7] == "2031-03") is (outcome is Found)


def test_a_renewed_card_that_was_answered_and_not_written_is_unknown(
    adapter: SiteLinkAdapter, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = renewed_card(judge)
    monkeypatch.setattr(adapter.connection, "write", lambda *_args, **_named: Answered(1, "", {}))

    with pytest.raises(OutcomeUnknownError, match="another expiry"):
        adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, method=new.face), attempt(new))


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_the_day_it_charges_cannot_be_read_so_a_look_concludes_nothing(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str
) -> None:
    effect = autopay(judge.rental(RENEE, "015"), RENEE, on=True, days_after_due=7)

    assert isinstance(lost(adapter, office, effect, None, fault), CannotTell)


def test_a_day_is_certainly_not_written_where_the_enrolment_written_with_it_is_not(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    effect = autopay(judge.rental(ANAIS, "F-03"), ANAIS, on=True, days_after_due=7)

    assert isinstance(lost(adapter, office, effect, None, "drop_before"), Absent)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
@pytest.mark.parametrize("on", [True, False])
def test_one_bank_account_looks_like_another(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str, *, on: bool
) -> None:
    effect = autopay(judge.rental(COMPANY, "E-01"), COMPANY, on=on, method=bank_account().face)
    assert judge.rental(COMPANY, "E-01")["billing"]["autopay"] == 2

    found = lost(adapter, office, effect, bank_account(), fault)

    assert isinstance(found, Absent if (fault, on) == ("drop_before", False) else CannotTell)


@pytest.mark.parametrize(("fault", "outcome"), [("drop_after", Found), ("drop_before", Absent)])
def test_a_bank_account_in_place_of_a_card_shows_by_its_kind(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str, outcome: type
) -> None:
    effect = autopay(judge.rental(RENEE, "015"), RENEE, method=bank_account().face)

    assert isinstance(lost(adapter, office, effect, bank_account(), fault), outcome)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_a_card_that_looked_the_same_before_proves_nothing(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, fault: str
) -> None:
    stored = judge.rental(RENEE, "015")["billing"]
    same = card(STORED_PAN, expires_on=date.fromisoformat(stored["expires"][:10]))

    found = lost(adapter, office, autopay(judge.rental(RENEE, "015"), RENEE, method=same.face), same, fault)

    assert isinstance(found, CannotTell)


def test_a_new_card_without_a_look_before_it_proves_nothing(adapter: SiteLinkAdapter, judge: Judge) -> None:
    new = renewed_card(judge)
    effect = autopay(judge.rental(RENEE, "015"), RENEE, method=new.face)
    adapter.execute(effect, attempt(new))

    assert isinstance(adapter.probe(effect, attempt()), CannotTell)


def test_a_state_that_stood_as_asked_is_found(adapter: SiteLinkAdapter, judge: Judge) -> None:
    effect = autopay(judge.rental(RENEE, "015"), RENEE, on=True)
    baseline = adapter.baseline(effect)

    assert baseline["as_asked"] == "yes"
    assert isinstance(adapter.probe(effect, attempt(baseline=baseline)), Found)


def test_a_receipt_claims_to_have_read_back_only_what_can_be_read(adapter: SiteLinkAdapter, judge: Judge) -> None:
    new = renewed_card(judge)
    changed = [
        (autopay(judge.rental(RENEE, "015"), RENEE, method=new.face), new, True),
        (autopay(judge.rental(RENEE, "015"), RENEE, on=True, days_after_due=7), None, False),
        (autopay(judge.rental(COMPANY, "E-01"), COMPANY, method=bank_account().face), bank_account(), False),
    ]

    receipts = [adapter.execute(effect, attempt(sealed)) for effect, sealed, _ in changed]

    assert [receipt.read_back for receipt in receipts] == [expected for _, _, expected in changed]
    assert "cannot be read" in receipts[1].evidence
    assert "cannot be read" in receipts[2].evidence


def test_what_is_kept_from_the_look_before_names_no_card(adapter: SiteLinkAdapter, judge: Judge) -> None:
    new = renewed_card(judge)

    baseline = adapter.baseline(autopay(judge.rental(RENEE, "015"), RENEE, method=new.face))

    assert baseline == {"enrolled": "1", "as_asked": "no"}


def test_a_read_back_that_fails_does_not_undo_a_positive_answer(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    office.inject("TenantBillingInfoByTenantID_v3", "html_503", nth=2, count=0)

    receipt = adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=False), attempt())

    assert not receipt.read_back
    assert judge.rental(RENEE, "015")["billing"]["autopay"] == 0
    assert judge.operations().count("TenantBillingInfoUpdate") == 1


def named(judge: Judge, unit: str, face: CardFace, **fields: object) -> SetAutopay:
    """The card that is stored for a rental of Renee's, as it was seen when it was chosen."""
    rental = judge.rental(RENEE, unit)
    return autopay(rental, RENEE, method_id=f"{rental['ledger_id']}:card", stored_face=face, **fields)


def stored_face(adapter: SiteLinkAdapter, judge: Judge, unit: str) -> CardFace:
    rental_id = str(judge.rental(RENEE, unit)["ledger_id"])
    (method,) = [one for one in adapter.payment_methods(SITE, RENEE) if one.rental_id == rental_id]
    assert isinstance(method.face, CardFace)
    return method.face


def test_the_named_card_that_is_charged_already_is_found_and_nothing_is_sent(
    adapter: SiteLinkAdapter, judge: Judge
) -> None:
    effect = named(judge, "015", stored_face(adapter, judge, "015"))

    receipt = adapter.execute(effect, attempt())

    assert receipt.read_back
    assert judge.effects() == 0
    assert isinstance(adapter.probe(effect, attempt(baseline=adapter.baseline(effect))), Found)


def test_a_named_card_is_switched_on_and_read_back(adapter: SiteLinkAdapter, judge: Judge) -> None:
    adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=False), attempt())

    receipt = adapter.execute(named(judge, "015", stored_face(adapter, judge, "015")), attempt())

    assert receipt.read_back
    assert judge.rental(RENEE, "015")["billing"]["autopay"] == 1


def test_a_named_card_is_not_charged_where_the_office_enrolled_a_bank_account_since(
    adapter: SiteLinkAdapter, judge: Judge
) -> None:
    effect = named(judge, "015", stored_face(adapter, judge, "015"))
    adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, method=bank_account().face), attempt(bank_account()))
    written = judge.effects()

    with pytest.raises(UnsupportedError) as refused:
        adapter.execute(effect, attempt())

    assert refused.value.code == "bank_account_not_readable"
    assert judge.effects() == written
    assert isinstance(adapter.probe(effect, attempt(baseline=adapter.baseline(effect))), Absent)


@pytest.mark.parametrize("is_enrolled", [True, False])
def test_another_card_in_the_place_of_the_named_one_is_refused_before_the_write(
    adapter: SiteLinkAdapter, judge: Judge, *, is_enrolled: bool
) -> None:
    effect, new = named(judge, "015", stored_face(adapter, judge, "015")), card("5555555555554444")
    adapter.execute(autopay(judge.rental(RENEE, "015"), RENEE, on=is_enrolled, method=new.face), attempt(new))
    before, written = judge.rental(RENEE, "015")["billing"], judge.effects()

    with pytest.raises(RejectedError) as refused:
        adapter.execute(effect, attempt())

    assert refused.value.code == "stored_card_changed"
    assert (judge.rental(RENEE, "015")["billing"], judge.effects()) == (before, written)
    assert isinstance(adapter.probe(effect, attempt(baseline=adapter.baseline(effect))), Absent)


# pure parts

SCOPE = Scope("demo", SITE, "USD", "America/New_York", "ft", datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize(
    ("row", "state", "is_on"),
    [
        (
            {"iAutoBillType": "1", "sCreditCardNum": "****4242", "dCreditCardExpir": "2028-11-30T00:00:00-05:00"},
            "card",
            True,
        ),
        (
            {"iAutoBillType": "1", "sCreditCardNum": "****4242", "dCreditCardExpir": "2026-10-31T00:00:00-04:00"},
            "off",
            False,
        ),
        ({"iAutoBillType": "1", "sCreditCardNum": "****4242"}, "off", False),
        ({"iAutoBillType": "1"}, "off", False),
        ({"iAutoBillType": "0", "sCreditCardNum": "****4242", "dCreditCardExpir": "2028-11-30"}, "off", False),
        ({"iAutoBillType": "2"}, "bank_debit", True),
        ({"iAutoBillType": "7"}, "unknown", False),
        ({}, "off", False),
    ],
)
def test_an_enrolment_counts_only_with_a_method_that_works(row: dict[str, str], state: str, *, is_on: bool) -> None:
    found = autopay_of({"LedgerID": "1", **row}, SCOPE, tenant_id="2", today=TODAY)

    assert (found.state.value, found.is_on) == (state, is_on)


def test_a_number_in_clear_is_no_masked_number() -> None:
    assert masked_number({"sCreditCardNum": "4111111111111111"}) == ""
    assert masked_number({"sCreditCardNum": "************1111"}) == "************1111"
    assert last4_of("************1111") == "1111"
    assert last4_of("") == ""


def test_brands_are_known_by_description_and_an_unknown_one_matches_nothing() -> None:
    kinds = [
        {"PmtTypeID": "7001", "sPmtTypeDesc": "Cash"},
        {"PmtTypeID": "7002", "sPmtTypeDesc": "Master Card"},
        {"PmtTypeID": "7003", "sPmtTypeDesc": "VISA"},
    ]
    assert payment_type_of(kinds, brand_of("mastercard")) == "7002"
    assert payment_type_of(kinds, brand_of("visa")) == "7003"
    assert payment_type_of(kinds, brand_of("cash")) == ""


@pytest.mark.parametrize("cell", ["2028-11-30T23:30:00-05:00", "2028-11-30T00:30:00+14:00", "2028-11-30"])
def test_a_stored_expiry_goes_back_as_the_day_it_is(cell: str) -> None:
    assert _as_moment(cell) == datetime(2028, 11, 30)  # noqa: DTZ001 - the wire has no zone
