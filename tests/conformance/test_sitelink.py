"""The SiteLink adapter keeps what every adapter must, over real HTTP against a back office in another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeAccessCode,
    ChangeContact,
    EffectBody,
    PaymentPart,
    PostBulletin,
    PostFutureCharges,
    ReserveUnit,
    ScheduleMoveOut,
    SetAutopay,
    SetConsent,
    SetWebPassword,
    TakePayment,
)
from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.payments import BankDebit, CardPayment, ExternalPayment
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.sealed import BankAccount, BankAccountKind, Card, GateCode, WebPassword
from pmsbridge.ports.outcome import Absent, Attempt, Found, Receipt
from pmsbridge.testing.conformance import Conformance, Example, Subject, Weather
from pmsbridge_sitelink.adapter import create
from pmsbridge_sitelink.mapping.people import CONTACT_COLUMNS
from pmsbridge_sitelink.sandbox import CORP_CODE, CORP_PASSWORD, CORP_USER, LICENCE_KEY, SandboxControl, spawn

TODAY = date(2026, 11, 21)
SITE = "L001"
RENEE, SIOBHAN, ANAIS = "1001", "1002", "1008"
TEST_PAN, ACCOUNT_NUMBER, PASSWORD = "4111111111111111", "000987654321", "geheim42"

KINDS = {
    Weather.REFUSED: "refuse",
    Weather.LOST_BEFORE: "drop_before",
    Weather.LOST_AFTER: "drop_after",
    Weather.SERVER_ERROR: "html_503",
    Weather.FAULT: "fault",
    Weather.TRUNCATED: "truncate",
    Weather.GARBLED: "not_xml",
    Weather.REDIRECTED: "redirect",
    Weather.BUSY: "busy_90",
}
WRITES = {
    "take_payment": "Payment*WithSource",
    "post_future_charges": "CustomerAccountsMakeFutureCharges",
    "set_autopay": "TenantBillingInfoUpdate*",
    "schedule_move_out": "ScheduleMoveOut",
    "cancel_move_out": "ScheduleMoveOut",
    "change_contact": "TenantUpdate_v3",
    "set_consent": "TenantSMSOptInUpdate",
    "add_note": "TenantNoteInsert_v2",
    "post_bulletin": "BulletinBoardInsert",
    "reserve_unit": "ReservationNewWithSource_v5",
    "set_web_password": "TenantLoginAndSecurityUpdate",
    "change_access_code": "TenantUpdate_v3",
}


class SandboxJudge:
    """Asks the sandbox's control endpoint what the back office holds."""

    weathers = frozenset(KINDS)

    def __init__(self, control: SandboxControl) -> None:
        self.control = control
        self.before: dict[str, Any] = {}

    def reset(self) -> None:
        self.control.clear()
        self.control.reset()
        self.before = self.site()

    def site(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control.state(SITE)["sites"][SITE]
        return found

    def calls(self) -> int:
        return len(self.control.calls())

    def writes(self, effect: EffectBody) -> int:
        from fnmatch import fnmatchcase

        pattern = WRITES[str(effect.kind)]  # type: ignore[attr-defined]
        return sum(fnmatchcase(call["operation"], pattern) for call in self.control.calls())

    def set_weather(self, weather: Weather, effect: EffectBody | None) -> None:
        if effect is None:
            self.control.inject("*", KINDS[weather], count=0)
        else:
            self.control.inject(WRITES[str(effect.kind)], KINDS[weather])  # type: ignore[attr-defined]

    def times_done(self, effect: EffectBody) -> int:
        now = self.site()
        count: int = getattr(self, f"_{effect.kind}")(effect, now)  # type: ignore[attr-defined]
        return count

    def _take_payment(self, effect: TakePayment, now: dict[str, Any]) -> int:
        counts = []
        for part in effect.parts:
            old = {p["receipt"] for p in self.before["ledgers"][part.rental_id]["payments"]}
            new = [p for p in now["ledgers"][part.rental_id]["payments"] if p["receipt"] not in old]
            counts.append(sum(Decimal(p["amount"]) == part.amount.amount for p in new))
        return max(counts)

    def _post_future_charges(self, effect: PostFutureCharges, now: dict[str, Any]) -> int:
        mine = [key for key, row in now["ledgers"].items() if str(row["tenant_id"]) == effect.tenant_id]
        rents = [
            sum(c["category"] == "Rent" for c in site["ledgers"][key]["charges"])
            for site in (now, self.before) for key in mine
        ]  # fmt: skip
        posted: int = sum(rents[: len(mine)]) - sum(rents[len(mine) :])
        return posted // (effect.months * len(mine))

    def _set_autopay(self, effect: SetAutopay, now: dict[str, Any]) -> int:
        billing = now["ledgers"][effect.rental_id]["billing"]
        return int(
            billing != self.before["ledgers"][effect.rental_id]["billing"] and bool(billing["autopay"]) is effect.on
        )

    def _schedule_move_out(self, effect: ScheduleMoveOut, now: dict[str, Any]) -> int:
        return int((now["ledgers"][effect.rental_id]["scheduled_out"] or "")[:10] == effect.leaving_on.isoformat())

    def _cancel_move_out(self, effect: CancelMoveOut, now: dict[str, Any]) -> int:
        return int(now["ledgers"][effect.rental_id]["scheduled_out"] is None)

    def _change_contact(self, effect: ChangeContact, now: dict[str, Any]) -> int:
        fields = now["tenants"][effect.tenant_id]["fields"]
        return int(all(fields[CONTACT_COLUMNS[name]] == value for name, value in effect.changes.items()))

    def _set_consent(self, effect: SetConsent, now: dict[str, Any]) -> int:
        return int(bool(now["tenants"][effect.tenant_id]["fields"].get("bSMSOptIn")) is effect.granted)

    def _add_note(self, effect: AddNote, now: dict[str, Any]) -> int:
        return sum(effect.reference in note["text"] for note in now["ledgers"][effect.rental_id]["notes"])

    def _post_bulletin(self, effect: PostBulletin, now: dict[str, Any]) -> int:
        return sum(effect.reference in post["body"] for post in now["bulletin"])

    def _reserve_unit(self, effect: ReserveUnit, now: dict[str, Any]) -> int:
        return sum(effect.reference in row["values"]["sComment"] for row in now["reservations"].values())

    def _set_web_password(self, effect: SetWebPassword, now: dict[str, Any]) -> int:
        old, new = (site["tenants"][effect.tenant_id]["secrets"]["sWebPassword"] for site in (self.before, now))
        return int(old != new)

    def _change_access_code(self, effect: ChangeAccessCode, now: dict[str, Any]) -> int:
        old, new = (site["tenants"][effect.tenant_id]["secrets"]["sAccessCode"] for site in (self.before, now))
        return int(old != new)


class SandboxSecrets:
    def get(self, reference: str) -> str:
        return {"env:LICENSE": LICENCE_KEY, "env:PASSWORD": CORP_PASSWORD}[reference]


class QuickClock:
    """The real clock without its waiting."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        pass


@pytest.fixture(scope="module")
def control() -> Iterator[SandboxControl]:
    with spawn(today=TODAY, units=20, sites=1) as running:
        yield running


def card() -> Card:
    return Card(number=TEST_PAN, expires_on=date(2029, 5, 31), holder="Test Holder", cvv="123")


def account() -> BankAccount:
    return BankAccount(
        routing_number="021000021", account_number=ACCOUNT_NUMBER, kind=BankAccountKind.CONSUMER_CHECKING
    )


def examples(judge: SandboxJudge) -> list[Example]:
    site = judge.site()
    rentals = {row["unit_name"]: row for row in site["ledgers"].values()}
    free = next(key for key, row in site["units"].items() if row["ledger_id"] is None and not row["reserved"])
    scope: dict[str, Any] = {"account": "demo", "facility": SITE}

    def part(unit: str, amount: str) -> PaymentPart:
        row = rentals[unit]
        return PaymentPart(
            rental_id=str(row["ledger_id"]),
            unit_id=str(row["unit_id"]),
            unit_number=unit,
            amount=Money.of(amount, "USD"),
        )

    def pay(*parts: PaymentPart, means: Any) -> TakePayment:
        return TakePayment(**scope, tenant_id=RENEE, parts=parts, means=means, reference="PB-CONF00000001")

    def by_staff(words: str, *entered: PaymentPart) -> Callable[[], object]:
        def enter() -> None:
            for each in entered:
                judge.control.enter_payment(SITE, int(each.rental_id), str(each.amount.amount), description=words)

        return enter

    def rental(unit: str, tenant_id: str) -> dict[str, Any]:
        return {**scope, "tenant_id": tenant_id, "rental_id": str(rentals[unit]["ledger_id"])}

    by_card = CardPayment(face=card().face)
    opted_in = bool(site["tenants"][RENEE]["fields"].get("bSMSOptIn"))
    one, other = part("A-12", "97.01"), part("B 7", "20.00")
    debited, recorded = part("A-12", "12.34"), part("B 7", "12.34")
    by_gateway = ExternalPayment(gateway="stripe", reference="pi_CONFORMANCE")
    return [
        Example(pay(one, means=by_card), card, by_staff("Visa", one)),
        Example(pay(one, other, means=by_card), card, by_staff("Visa", one, other)),
        Example(pay(debited, means=BankDebit(face=account().face)), account, by_staff("ACH", debited)),
        Example(pay(recorded, means=by_gateway), by_staff=by_staff("Check", recorded)),
        Example(PostFutureCharges(**scope, tenant_id=SIOBHAN, months=2)),
        Example(SetAutopay(**rental("015", RENEE), on=False)),
        Example(SetAutopay(**rental("F-03", ANAIS), on=True)),
        Example(SetAutopay(**rental("A-12", RENEE), on=True, method=card().face), card),
        Example(SetAutopay(**rental("A-12", RENEE), on=True, method=account().face), account),
        Example(ScheduleMoveOut(**rental("015", RENEE), leaving_on=TODAY + timedelta(days=30), notice_given_on=TODAY)),
        Example(CancelMoveOut(**rental("F-03", ANAIS))),
        Example(
            ChangeContact(
                **scope, tenant_id=RENEE, changes={"phone": "5145550199", "alternate.email": "alt@example.com"}
            )
        ),
        Example(
            SetConsent(
                **scope,
                tenant_id=RENEE,
                channel=ConsentChannel.SMS,
                purpose=ConsentPurpose.MARKETING,
                granted=not opted_in,
            )
        ),
        Example(AddNote(**rental("015", RENEE), text="Please call.", reference="PB-CONFNOTE0001")),
        Example(PostBulletin(**scope, subject="Conformance", body="A post.", reference="PB-CONFPOST0001")),
        Example(
            ReserveUnit(
                **scope, tenant_id=RENEE, unit_id=free, needed_on=TODAY + timedelta(days=3), reference="PB-CONFRESV0001"
            )
        ),
        Example(
            SetWebPassword(**scope, tenant_id=RENEE, login="renee.dubois@example.com"), lambda: WebPassword(PASSWORD)
        ),
        Example(ChangeAccessCode(**rental("015", RENEE)), lambda: GateCode("73915#")),
    ]


@pytest.fixture
def subject(control: SandboxControl) -> Iterator[Subject]:
    judge = SandboxJudge(control)
    judge.reset()
    now = datetime.fromisoformat(control.health()["now"]).astimezone(UTC)
    adapter = create(
        "demo",
        {
            "corp_code": CORP_CODE,
            "user": CORP_USER,
            "license_key": "env:LICENSE",
            "password": "env:PASSWORD",
            "call_center_url": control.call_center_url,
            "reporting_url": control.reporting_url,
            "facilities": [{"code": SITE, "zone": "America/New_York"}],
            "allow_raw_cards": True,
            "timeouts": {"read": "2s"},
        },
        secrets=SandboxSecrets(),
        clock=QuickClock(now),
    )
    yield Subject(
        adapter=adapter,
        judge=judge,
        examples=examples(judge),
        facility=SITE,
        tenant_id=RENEE,
        unknown_tenant_id="999999",
        now=lambda: now,
        poison=(TEST_PAN, ACCOUNT_NUMBER, PASSWORD, CORP_PASSWORD, LICENCE_KEY),
    )
    adapter.close()


class TestSiteLink(Conformance):
    """Every check of the kit."""


class Liar:
    """The adapter with one lie: everything else is passed through."""

    def __init__(self, honest: Any, lie: str) -> None:
        self.honest = honest
        self.lie = lie

    def __getattr__(self, name: str) -> Any:
        return getattr(self.honest, name)

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        if self.lie == "executes twice":
            self.honest.execute(effect, attempt)
        try:
            receipt: Receipt = self.honest.execute(effect, attempt)
        except OutcomeUnknownError as unknown:
            if self.lie == "says unavailable":
                raise UnavailableError("later") from None
            if self.lie == "says done":
                return Receipt(evidence="trust me", at=datetime.now(UTC))
            if self.lie == "shows the card":
                raise OutcomeUnknownError(f"{unknown} {TEST_PAN}") from None
            if self.lie == "raises anything":
                raise ValueError("boom") from None
            if self.lie == "retries":
                return self.honest.execute(effect, Attempt(key=attempt.key, sealed=card()))  # type: ignore[no-any-return]
            raise
        return receipt

    def probe(self, effect: EffectBody, attempt: Attempt) -> object:
        if self.lie in {"always finds", "calls staff's ours"}:
            return Found(Receipt(evidence="trust me", at=datetime.now(UTC), read_back=True))
        if self.lie in {"never finds", "denies ours beside staff's"}:
            return Absent("nothing")
        return self.honest.probe(effect, attempt)

    def account(self, facility: str, tenant_id: str) -> TenantAccount:
        found: TenantAccount = self.honest.account(facility, "1001" if self.lie == "finds anybody" else tenant_id)
        return found

    def ledger(self, *args: str) -> list[Any]:
        return list(self.honest.ledger(*args))[self.lie == "forgets an entry" :]


LIES = {
    "executes twice": "test_done_once_is_there_once",
    "says unavailable": "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "says done": "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "retries": "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "raises anything": "test_bad_weather_never_makes_the_adapter_tell_a_falsehood",
    "always finds": "test_a_look_finds_what_was_done_and_not_what_was_never_sent",
    "never finds": "test_a_look_finds_what_was_done_and_not_what_was_never_sent",
    "calls staff's ours": "test_what_staff_enter_meanwhile_is_never_called_ours",
    "denies ours beside staff's": "test_ours_is_never_called_absent_for_what_staff_enter_meanwhile",
    "shows the card": "test_no_secret_shows",
    "finds anybody": "test_an_unknown_tenant_is_not_found",
    "forgets an entry": "test_a_ledger_adds_up_to_its_balance",
    "promises more": "test_every_promise_has_an_example_and_a_source",
}


@pytest.mark.parametrize(("lie", "check"), LIES.items())
def test_a_lie_is_caught_by_its_check(subject: Subject, lie: str, check: str) -> None:
    liar: Any = Liar(subject.adapter, lie)
    shown = (
        []
        if lie == "promises more"
        else [
            example
            for example in subject.examples
            if example.effect.kind == ("add_note" if lie == "executes twice" else "take_payment")  # type: ignore[attr-defined]
        ][:1]
    )

    with pytest.raises(AssertionError):
        getattr(Conformance(), check)(replace(subject, adapter=liar, examples=shown))
