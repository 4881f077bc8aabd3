"""Contact edits, consent and password, judged by the tenant's record in the back office."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pmsbridge.actions.effects import ChangeContact, SetConsent, SetWebPassword
from pmsbridge.errors import OutcomeUnknownError, RejectedError, UnavailableError, UnsupportedError
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.sealed import WebPassword
from pmsbridge.ports.outcome import Absent, CannotTell, Found
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.contacting import _is_same
from pmsbridge_sitelink.mapping.people import CONTACT_COLUMNS
from pmsbridge_sitelink.sandbox import SandboxControl, seeded_web_password
from pmsbridge_sitelink.wire import OPERATIONS
from tests.adapters.sitelink.office import COMPANY, RENEE, SITE, Judge, attempt

SAME_NOTHING = (None, False, "", "0001-01-01T00:00:00")


def edit(changes: dict[str, str], seen: dict[str, str] | None = None, tenant_id: str = RENEE) -> ChangeContact:
    return ChangeContact(account="demo", facility=SITE, tenant_id=tenant_id, changes=changes, seen=seen or {})  # type: ignore[arg-type]


def record(judge: Judge, tenant_id: str = RENEE) -> dict[str, Any]:
    held = judge.tenant(tenant_id)
    fields = {name: value for name, value in held["fields"].items() if value not in SAME_NOTHING}
    fields["dDOB"] = fields.get("dDOB", "")[:10]
    return {**fields, **{f"secret {name}": value for name, value in held["secrets"].items() if value}}


@pytest.mark.fact("S0.38", "S0.39", "S1.14", "S1.15", "S1.16", "S1.17", "S1.19")
@pytest.mark.parametrize("tenant_id", [RENEE, COMPANY])
@pytest.mark.parametrize("field", sorted(CONTACT_COLUMNS))
def test_editing_one_field_leaves_every_other_one_as_it_was(
    adapter: SiteLinkAdapter, judge: Judge, field: str, tenant_id: str
) -> None:
    before = record(judge, tenant_id)

    receipt = adapter.execute(edit({field: "Nëw välue <&> 1"}, tenant_id=tenant_id), attempt())

    column = CONTACT_COLUMNS[field]  # type: ignore[index]
    assert record(judge, tenant_id) == {**before, column: "Nëw välue <&> 1"}
    assert receipt.read_back


def test_password_gate_code_licence_and_security_number_survive(adapter: SiteLinkAdapter, judge: Judge) -> None:
    before = judge.tenant(RENEE)["secrets"]
    assert all(before[name] for name in ("sWebPassword", "sAccessCode", "sSSN"))

    adapter.execute(edit({"email": "new@example.com"}), attempt())

    assert judge.tenant(RENEE)["secrets"] == before


def test_an_empty_value_clears_a_field(adapter: SiteLinkAdapter, judge: Judge) -> None:
    adapter.execute(edit({"address.line2": "Apt 4"}), attempt())
    adapter.execute(edit({"address.line2": ""}), attempt())

    assert not judge.tenant(RENEE)["fields"]["sAddr2"]


@pytest.mark.fact("S1.18")
def test_a_field_that_changed_meanwhile_refuses_the_edit(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.execute(edit({"email": "new@example.com"}, {"email": "old@example.com"}), attempt())

    assert refused.value.code == "changed_meanwhile"
    assert "email" in str(refused.value)
    assert "@" not in str(refused.value)
    assert judge.effects() == 0


def test_what_the_person_saw_may_be_padded(adapter: SiteLinkAdapter, judge: Judge) -> None:
    seen = adapter.tenant(SITE, RENEE).email

    adapter.execute(edit({"email": "new@example.com"}, {"email": seen}), attempt())

    assert judge.tenant(RENEE)["fields"]["sEmail"] == "new@example.com"


def test_an_edit_that_is_there_already_sends_nothing(adapter: SiteLinkAdapter, judge: Judge) -> None:
    adapter.execute(edit({"email": "new@example.com"}), attempt())

    receipt = adapter.execute(edit({"email": "new@example.com"}, {"email": "old@example.com"}), attempt())

    assert receipt.read_back
    assert judge.effects() == 1


@pytest.mark.parametrize(("fault", "outcome"), [("drop_after", Found), ("drop_before", Absent)])
def test_a_lost_answer_is_settled_by_reading_the_record(
    adapter: SiteLinkAdapter, office: SandboxControl, fault: str, outcome: type
) -> None:
    effect = edit({"email": "new@example.com", "phone": "5145550199"})
    baseline = adapter.baseline(effect)
    office.inject("TenantUpdate_v3", fault)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(effect, attempt())

    assert isinstance(adapter.probe(effect, attempt(baseline=baseline)), outcome)


def test_a_third_value_is_for_a_person(adapter: SiteLinkAdapter) -> None:
    effect = edit({"email": "new@example.com"})
    baseline = adapter.baseline(effect)
    adapter.execute(edit({"email": "third@example.com"}), attempt())

    assert isinstance(adapter.probe(effect, attempt(baseline=baseline)), CannotTell)


def test_the_baseline_keeps_the_edited_fields_and_a_digest_of_the_others(adapter: SiteLinkAdapter) -> None:
    baseline = adapter.baseline(edit({"email": "new@example.com"}))

    assert set(baseline) == {"before.email", "others"}
    assert re.fullmatch(r"[0-9a-f]{32}", baseline["others"])


def test_an_edit_that_took_another_field_with_it_is_for_a_person_after_a_lost_answer(adapter: SiteLinkAdapter) -> None:
    effect = edit({"email": "new@example.com"})
    baseline = adapter.baseline(effect)
    adapter.execute(effect, attempt())
    assert isinstance(adapter.probe(effect, attempt(baseline=baseline)), Found)

    adapter.execute(edit({"address.line2": "Unit 9"}), attempt())

    assert isinstance(adapter.probe(effect, attempt(baseline=baseline)), CannotTell)


def test_everything_the_update_carries_is_read_first() -> None:
    """A parameter that no column feeds would blank a field on every edit."""
    from pmsbridge_sitelink.contacting import _RENAMED
    from pmsbridge_sitelink.wire import TENANT_PARAMETERS

    sent = {parameter.name for parameter in OPERATIONS["TenantUpdate_v3"].parameters}

    assert sent - set(TENANT_PARAMETERS) - set(_RENAMED) == {"iTenantID", "sWebPassword"}


@pytest.mark.parametrize(
    ("column", "expected", "shown", "same"),
    [
        ("sEmail", "a@b", "a@b", True),
        ("sEmail", "a@b", "a@b ", False),
        ("sEmail", None, "", True),
        ("bCommercial", None, "false", True),
        ("bCommercial", "true", "false", False),
        ("bCommercial", "true", None, False),
        ("dDOB", "1980-05-01T00:00:00-04:00", "1980-05-01T00:00:00-05:00", True),
        ("dDOB", "1980-05-01T00:00:00-05:00", "1980-04-30T23:00:00-05:00", False),
        ("dDOB", None, "0001-01-01T00:00:00", True),
        ("dDOB", "1980-05-01T00:00:00-05:00", None, False),
    ],
)
def test_two_cells_are_the_same_when_nothing_was_lost(
    column: str, expected: str | None, shown: str | None, *, same: bool
) -> None:
    assert _is_same(column, expected, shown) is same


# consent


def consent(channel: ConsentChannel, *, granted: bool) -> SetConsent:
    return SetConsent(
        account="demo",
        facility=SITE,
        tenant_id=RENEE,
        channel=channel,
        purpose=ConsentPurpose.MARKETING,
        granted=granted,
    )


@pytest.mark.fact("S4.7")
@pytest.mark.parametrize("granted", [True, False])
def test_text_messages_are_one_switch(adapter: SiteLinkAdapter, judge: Judge, *, granted: bool) -> None:
    effect = consent(ConsentChannel.SMS, granted=granted)

    adapter.execute(effect, attempt())

    assert judge.tenant(RENEE)["fields"]["bSMSOptIn"] is granted
    assert isinstance(adapter.probe(effect, attempt()), Found)
    assert isinstance(adapter.probe(consent(ConsentChannel.SMS, granted=not granted), attempt()), Absent)
    tenant = adapter.tenant(SITE, RENEE)
    assert {tenant.consent(ConsentChannel.SMS, purpose) for purpose in ConsentPurpose} == {granted}


def test_other_channels_are_unsupported_before_anything_is_sent(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(UnsupportedError):
        adapter.execute(consent(ConsentChannel.EMAIL, granted=True), attempt())

    assert judge.operations() == []


# password


def login(address: str = "renee.dubois@example.com") -> SetWebPassword:
    return SetWebPassword(account="demo", facility=SITE, tenant_id=RENEE, login=address)


@pytest.mark.fact("S0.44")
def test_a_new_password_opens_the_account_and_the_old_one_does_not(adapter: SiteLinkAdapter) -> None:
    adapter.execute(login(), attempt(WebPassword("geheim42")))

    assert RENEE in adapter.sign_in(SITE, login=login().login, password=WebPassword("geheim42"))
    assert RENEE not in adapter.sign_in(
        SITE, login=login().login, password=WebPassword(seeded_web_password(int(RENEE)))
    )


@pytest.mark.parametrize("text", ["abc", "elevenchars"])
def test_a_password_has_four_to_ten_characters(adapter: SiteLinkAdapter, judge: Judge, text: str) -> None:
    with pytest.raises(RejectedError) as refused:
        adapter.execute(login(), attempt(WebPassword(text)))

    assert refused.value.code == "password_length"
    assert text not in str(refused.value)
    assert judge.operations() == []


def test_without_the_password_nothing_is_sent(adapter: SiteLinkAdapter, judge: Judge) -> None:
    with pytest.raises(UnavailableError):
        adapter.execute(login(), attempt())

    assert judge.operations() == []


def test_a_lost_answer_is_settled_by_signing_in(adapter: SiteLinkAdapter, office: SandboxControl) -> None:
    office.inject("TenantLoginAndSecurityUpdate", "drop_after")

    receipt = adapter.execute(login(), attempt(WebPassword("geheim42")))

    assert receipt.read_back


def test_a_lost_answer_that_signing_in_does_not_settle_stays_unknown(
    adapter: SiteLinkAdapter, office: SandboxControl
) -> None:
    office.inject("TenantLoginAndSecurityUpdate", "drop_before")

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(login(), attempt(WebPassword("geheim42")))
