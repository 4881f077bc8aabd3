"""The REST adapter, by the mapping of a made-up vendor, keeps what every adapter must, over real HTTP on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.actions.effects import (
    AddNote,
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    PaymentPart,
    PostBulletin,
    ScheduleMoveOut,
    TakePayment,
)
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.testing.conformance import Conformance, Example, Subject, Weather
from pmsbridge_rest.adapter import create
from tests.adapters.rest.wire.harbor_office import HarborOffice, bad, opened_harbor
from tests.adapters.rest.wire.office import Answer, FakeSecrets

HARBOR = Path(__file__).parent.parent / "adapters" / "rest" / "harbor.yaml"
SITE = "H1"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ID_WORD, SECRET_WORD = "not-a-real-id-77aa", "not-a-real-secret"
AT: dict[str, Any] = {"account": "main", "facility": SITE}
RENTAL: dict[str, Any] = {**AT, "tenant_id": "7", "rental_id": "70"}

PAGE = Answer(503, raw=b"<html>gone fishing</html>", headers={"Content-Type": "text/html"})
WEATHERS = {
    Weather.REFUSED: (bad(422, "NO"), False),
    Weather.LOST_BEFORE: (Answer(cut=0), False),
    Weather.LOST_AFTER: (Answer(cut=0), True),
    Weather.SERVER_ERROR: (PAGE, False),
    Weather.FAULT: (bad(500, "E1"), True),
    Weather.TRUNCATED: (Answer(200, {"ok": True, "data": {}}, cut=7), True),
    Weather.GARBLED: (Answer(200, raw=b"<html>log in</html>"), False),
    Weather.REDIRECTED: (Answer(302, {}, {"Location": "/ping"}), False),
    Weather.BUSY: (bad(429, "SLOW"), False),
}
WRITES = {
    "take_payment": ("POST", "/payments$"),
    "schedule_move_out": ("PUT", "/leaving$"),
    "cancel_move_out": ("DELETE", "/leaving$"),
    "change_contact": ("PATCH", "/customers/"),
    "add_note": ("POST", "/notes$"),
    "post_bulletin": ("POST", "/tasks$"),
}


class HarborJudge:
    """Looks into the back office itself."""

    weathers = frozenset(WEATHERS)

    def __init__(self, office: HarborOffice, time: VirtualTime) -> None:
        self.office = office
        self.time = time

    def reset(self) -> None:
        self.office.reset()
        self.time.sleep(60)  # what the last weather said about waiting is over
        self.office.leases["71"]["leaving"] = "06/15/2026"

    def calls(self) -> int:
        return len(self.office.seen)

    def writes(self, effect: EffectBody) -> int:
        method, path = WRITES[str(effect.kind)]  # type: ignore[attr-defined]
        return sum(seen.method == method and bool(re.search(path, seen.path)) for seen in self.office.seen)

    def set_weather(self, weather: Weather, effect: EffectBody | None) -> None:
        answer, after_work = WEATHERS[weather]
        if effect is None:
            self.office.goes_wrong("GET", "", answer, after_work=after_work, count=99)
        else:
            self.office.goes_wrong(*WRITES[str(effect.kind)], answer, after_work=after_work)  # type: ignore[attr-defined]

    def times_done(self, effect: EffectBody) -> int:
        count: int = getattr(self, f"_{effect.kind}")(effect)  # type: ignore[attr-defined]
        return count

    def _take_payment(self, effect: TakePayment) -> int:
        kept = self.office.payments[effect.parts[0].rental_id]
        cents = int(effect.total.amount * 100)
        return sum(one["reference"] == effect.reference and one["amount_cents"] == cents for one in kept)

    def _schedule_move_out(self, effect: ScheduleMoveOut) -> int:
        return int(self.office.leases[effect.rental_id]["leaving"] == effect.leaving_on.strftime("%m/%d/%Y"))

    def _cancel_move_out(self, effect: CancelMoveOut) -> int:
        return int(self.office.leases[effect.rental_id]["leaving"] is None)

    def _change_contact(self, effect: ChangeContact) -> int:
        return int(self.office.customers[effect.tenant_id]["email"] == effect.changes["email"])

    def _add_note(self, effect: AddNote) -> int:
        return sum(effect.reference in note["text"] for note in self.office.notes[effect.tenant_id])

    def _post_bulletin(self, effect: PostBulletin) -> int:
        return sum(effect.reference in task["title"] for task in self.office.tasks)


class VirtualTime:
    """Sleeping moves the clock, and takes no time."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


PAYMENT = TakePayment(
    **AT,
    tenant_id="7",
    parts=(PaymentPart(rental_id="70", unit_id="u2", amount=Money.of("120.50", "USD")),),
    means=ExternalPayment(gateway="gate", reference="ch_1001"),
    reference="PB-CONF01",
)
EXAMPLES = [
    Example(PAYMENT),
    Example(ScheduleMoveOut(**RENTAL, leaving_on=date(2026, 6, 30), notice_given_on=date(2026, 5, 4))),
    Example(CancelMoveOut(**AT, tenant_id="7", rental_id="71")),
    Example(ChangeContact(**AT, tenant_id="7", changes={"email": "new@x.test"})),
    Example(AddNote(**RENTAL, text="wants a key", reference="PB-CONF02")),
    Example(PostBulletin(**AT, subject="Look", body="at this", reference="PB-CONF03")),
]


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with opened_harbor() as office:
        time = VirtualTime()
        options = {
            "mapping": str(HARBOR),
            "options": {"company": "acme"},
            "secrets": {"client_id": "env:ID", "client_secret": "env:SECRET"},
            "facilities": [{"code": SITE, "zone": "America/Chicago", "options": {"site": "1"}}],
            "base_url": office.url,
        }
        adapter = create("main", options, secrets=FakeSecrets(id=ID_WORD, secret=SECRET_WORD), clock=time)
        yield Subject(
            adapter=adapter,
            judge=HarborJudge(office, time),
            examples=EXAMPLES,
            facility=SITE,
            tenant_id="7",
            unknown_tenant_id="999",
            now=time.now,
            poison=[ID_WORD, SECRET_WORD],
        )
        adapter.close()


class TestRest(Conformance):
    """All checks of the kit."""
