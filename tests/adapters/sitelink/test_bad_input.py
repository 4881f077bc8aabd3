"""Wrong credentials, broken weather and hostile answers: only the five classes leave, and nothing secret with them."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from pmsbridge.actions.effects import CancelMoveOut, ChangeContact, ScheduleMoveOut, SendMail, SetAutopay
from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
    UnsupportedError,
)
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.connection import Answered, _judged
from pmsbridge_sitelink.sandbox import CORP_PASSWORD, LICENCE_KEY, SandboxControl, seeded_web_password
from tests.adapters.sitelink.office import (
    ANAIS,
    REFUSED_PAN,
    RENEE,
    SITE,
    TEST_PAN,
    TODAY,
    Judge,
    adapter_on,
    attempt,
    card,
    gateway,
    part,
    payment,
)

LOGIN = "renee.dubois@example.com"


@pytest.mark.parametrize(
    ("secrets", "changes", "code"),
    [
        ({"env:LICENSE": "WRONG-KEY"}, {}, "invalid_licence"),
        ({"env:PASSWORD": "wrong-password"}, {}, "login_failed"),
        ({}, {"corp_code": "NOBODY"}, "login_failed"),
        ({}, {"facilities": [{"code": "L999", "zone": "UTC"}]}, "facility_refused"),
        ({}, {"user": "Administrator:::WRONG-KEY"}, "invalid_licence"),
    ],
)
def test_a_wrong_log_on_is_a_persons_business_and_changes_nothing(
    office: SandboxControl, judge: Judge, secrets: dict[str, str], changes: dict[str, Any], code: str
) -> None:
    adapter = adapter_on(office, secrets=secrets, **changes)
    facility = adapter.facility_codes[0]
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"), means=gateway()).changed(facility=facility)

    for call in (lambda: adapter.tenant(facility, RENEE), lambda: adapter.execute(effect, attempt())):
        with pytest.raises(ConfigurationError) as refused:
            call()
        assert refused.value.code == code
        assert "wrong-password" not in str(refused.value)
        assert "WRONG-KEY" not in str(refused.value)
    assert judge.effects() == 0


def test_a_user_that_carries_its_licence_is_taken_as_it_is(office: SandboxControl) -> None:
    adapter = adapter_on(office, user=f"Administrator:::{LICENCE_KEY}", secrets={"env:LICENSE": "unused"})

    assert adapter.tenant(SITE, RENEE).id == RENEE


def test_an_unknown_facility_is_told_before_anything_is_tried(adapter: SiteLinkAdapter, judge: Judge) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"), means=gateway()).changed(facility="L999")

    with pytest.raises(ConfigurationError):
        adapter.execute(effect, attempt())
    assert judge.operations() == []


def test_an_effect_that_is_not_ours_is_unsupported(adapter: SiteLinkAdapter, judge: Judge) -> None:
    mail = SendMail(account="demo", facility=SITE, to="a@b", subject="s", text="t", reference="PB-MAIL0000001")

    with pytest.raises(UnsupportedError):
        adapter.execute(mail, attempt())
    assert judge.operations() == []


WRITE_FAULTS = {
    "drop_before": OutcomeUnknownError,
    "drop_after": OutcomeUnknownError,
    "late_commit": OutcomeUnknownError,
    "truncate": OutcomeUnknownError,
    "fault": OutcomeUnknownError,
    "gzip_bomb": OutcomeUnknownError,
    "redirect": OutcomeUnknownError,
    "busy_90": OutcomeUnknownError,
    "logon_99": OutcomeUnknownError,
    "doctype": OutcomeUnknownError,
    "not_xml": OutcomeUnknownError,
    "wrong_content": OutcomeUnknownError,
    "html_503": OutcomeUnknownError,
    "http_429": UnavailableError,
}


@pytest.mark.parametrize(("kind", "error"), WRITE_FAULTS.items())
def test_a_write_in_bad_weather_says_exactly_what_is_known(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, kind: str, error: type[PmsBridgeError]
) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"), means=gateway())
    office.inject("Payment*", kind)

    with pytest.raises(error) as failed:
        adapter.execute(effect, attempt())

    assert type(failed.value) is error
    assert judge.operations().count("PaymentSimpleCheckWithSource") == 1, "a write is sent once"
    text = str(failed.value)
    assert LICENCE_KEY not in text
    assert CORP_PASSWORD not in text


def test_a_503_that_says_when_to_come_back_is_unavailable(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge
) -> None:
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"), means=gateway())
    office.inject("Payment*", "html_503", retry_after=7)

    with pytest.raises(UnavailableError) as failed:
        adapter.execute(effect, attempt())

    assert failed.value.retry_after is not None
    assert failed.value.retry_after.total_seconds() == 7


def test_a_service_that_is_down_was_certainly_not_reached(office: SandboxControl, judge: Judge) -> None:
    adapter = adapter_on(office, call_center_url="http://127.0.0.1:9/CCWs_3.5/CallCenterWs.asmx")

    with pytest.raises(UnavailableError):
        adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"), means=gateway()), attempt())


def test_a_lease_that_is_over_sends_nothing(adapter: SiteLinkAdapter, judge: Judge) -> None:
    from dataclasses import replace
    from datetime import timedelta

    late = replace(attempt(card()), not_after=adapter.connection.clock.now() - timedelta(seconds=1))

    with pytest.raises(UnavailableError):
        adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00")), late)

    assert judge.operations() == []


def test_a_defect_of_ours_counts_as_unknown(
    adapter: SiteLinkAdapter, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_named: object) -> None:
        message = f"boom {TEST_PAN}"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(adapter.connection, "write", broken)

    with pytest.raises(OutcomeUnknownError) as failed:
        adapter.execute(payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00")), attempt(card()))

    assert TEST_PAN not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"RT": []},
        {"RT": [{}]},
        {"RT": [{"Ret_Code": "ok"}]},
        {"Table": [{"Ret_Code": "1"}]},
        {"RT": [{"Ret_Code": "0"}]},
    ],
)
def test_a_write_without_a_positive_return_code_proves_nothing(found: dict[str, list[dict[str, str]]]) -> None:
    with pytest.raises(OutcomeUnknownError):
        _judged("BulletinBoardInsert", found)


@pytest.mark.parametrize("kind", ["autopay", "move_out", "cancel_move_out", "contact"])
def test_a_positive_answer_that_reading_back_contradicts_is_unknown(
    adapter: SiteLinkAdapter, judge: Judge, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    scope: dict[str, Any] = {"account": "demo", "facility": SITE}
    renees = {**scope, "tenant_id": RENEE, "rental_id": str(judge.rental(RENEE, "015")["ledger_id"])}
    anaiss = {**scope, "tenant_id": ANAIS, "rental_id": str(judge.rental(ANAIS, "F-03")["ledger_id"])}
    effect = {
        "autopay": SetAutopay(**renees, on=False),
        "move_out": ScheduleMoveOut(**renees, leaving_on=TODAY, notice_given_on=TODAY),
        "cancel_move_out": CancelMoveOut(**anaiss),
        "contact": ChangeContact(**scope, tenant_id=RENEE, changes={"phone": "5145550199"}),
    }[kind]
    monkeypatch.setattr(adapter.connection, "write", lambda *_args, **_named: Answered(1, "", {}))

    with pytest.raises(OutcomeUnknownError) as failed:
        adapter.execute(effect, attempt())

    assert failed.value.code == "read_back_differs"
    assert "5145550199" not in str(failed.value)


# secrecy


def test_poison_is_thrown_away_while_parsing(adapter: SiteLinkAdapter) -> None:
    connection = adapter.connection
    whole = connection.read("TenantInfoByTenantID", SITE, {"iTenantID": int(RENEE)}, drop=())["Table"][0]
    assert {"sWebPassword", "sSSN", "sAccessCode"} <= set(whole)

    (row,) = connection.read("TenantInfoByTenantID", SITE, {"iTenantID": int(RENEE)})["Table"]
    streamed = next(connection.stream("TenantListComplete_v2", SITE, {"lngLastTimePolled": "0"}, "TenantListComplete"))[
        1
    ]
    signed = connection.read("TenantLogin", SITE, {"sTenantLogin": LOGIN, "sTenantPassword": seeded_web_password(1001)})

    forbidden = {"sWebPassword", "sSSN", "sAccessCode", "sAccessCode2", "sLicense", "sTaxID"}
    for found in (row, streamed, *signed["RT"]):
        assert not forbidden & set(found)


def provoke(adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge) -> list[str]:
    """Everything a card payment can end in, as text."""
    effect = payment(RENEE, part(judge.rental(RENEE, "A-12"), "1.00"))
    texts = []
    for kind in (None, *WRITE_FAULTS):
        for number in (TEST_PAN, REFUSED_PAN):
            office.clear()
            if kind:
                office.inject("Payment*", kind)
            sealed = card(number)
            send = attempt(sealed)
            shown = f"{send!r}{sealed!r}{effect!r}"
            try:
                texts.append(f"{shown}{adapter.execute(effect, send)!r}")
            except (ConfigurationError, RejectedError, UnavailableError, OutcomeUnknownError) as error:
                texts.append(f"{shown}{error!r}{error}{error.__cause__!r}{error.__dict__!r}")
    return texts


def test_no_card_password_or_key_is_in_any_error_repr_or_log(
    adapter: SiteLinkAdapter, office: SandboxControl, judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        texts = provoke(adapter, office, judge)
        adapter.tenant(SITE, RENEE)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

    printed = capsys.readouterr()
    everything = (
        "".join(texts)
        + stream.getvalue()
        + printed.out
        + printed.err
        + repr(adapter)
        + repr(vars(adapter))
        + repr(adapter.connection)
    )
    for secret in (TEST_PAN, REFUSED_PAN, CORP_PASSWORD, LICENCE_KEY):
        assert secret not in everything
    assert len(texts) == 2 * (len(WRITE_FAULTS) + 1)
