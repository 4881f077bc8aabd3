"""The Tryton adapter keeps what every adapter must, over real HTTP against a real server that nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pmsbridge.actions.effects import (
    AddNote,
    AttachDocument,
    CancelMoveOut,
    ChangeContact,
    EffectBody,
    PostBulletin,
    RequestCallOff,
    ScheduleMoveOut,
    SetAutopay,
    TakePayment,
    WithdrawCallOff,
)
from pmsbridge.ports.files import HandedFile
from pmsbridge.ports.outcome import Attempt
from pmsbridge.testing.conformance import Conformance, Example, Subject, Weather
from pmsbridge_tryton.adapter import TrytonAdapter
from pmsbridge_tryton.sandbox.serving import TrytonServer
from pmsbridge_tryton.sandbox.yard import Customer, Yard
from tests.adapters.tryton.account import ACCOUNT, FACILITY, adapter_of, days, payment
from tests.adapters.tryton.weather import WeatherProxy, weather_before

PROCESS = "wizard.account.payment.process.execute"
WRITES = {
    "take_payment": "model.account.payment.create",
    "set_autopay": "model.party.party.reception_direct_debit.*e",
    "schedule_move_out": "model.sale.subscription.run",
    "cancel_move_out": "model.sale.subscription.run",
    "change_contact": "model.party.party.write",
    "add_note": "model.ir.note.create",
    "attach_document": "model.ir.attachment.create",
    "post_bulletin": "model.ir.chat.channel.post",
    "request_call_off": "model.ir.note.create",
    "withdraw_call_off": "model.ir.note.create",
}
WEATHERS = frozenset({Weather.LOST_BEFORE, Weather.LOST_AFTER, Weather.FAULT, Weather.GARBLED, Weather.BUSY})
"""Others look the same from above the transport, whose own tests have them all."""
SCOPE: dict[str, Any] = {"account": ACCOUNT, "facility": FACILITY}


@dataclass
class World:
    """One customer with everything that is tried.

    Attributes:
        turn: Which try this is: what is asked for differs from turn to turn, so that nothing is done already.
    """

    yard: Yard
    customer: Customer
    contract: int
    invoice: int
    leaving: int
    staying: int
    turn: int = 0
    asked_in: int = -1

    @classmethod
    def made(cls, yard: Yard) -> World:
        customer = yard.customer()
        contract = yard.on_rent(customer, {"FENCE-8": 500}, start=days(-20), days=60)
        invoice = yard.bill(contract, until=days(-5))
        units = [yard.let(customer, start=days(-40)) for _ in range(2)]
        return cls(yard, customer, contract, invoice, *units)

    @property
    def tenant_id(self) -> str:
        return str(self.customer.id)

    @property
    def rental_id(self) -> str:
        return f"sale.rental,{self.contract}"

    @property
    def item_id(self) -> str:
        return str(self.yard.lines(self.contract)[0]["id"])

    def again(self) -> None:
        """Another turn; what the last one may have left behind is put right by staff."""
        self.turn += 1
        for unit, end in ((self.leaving, None), (self.staying, days(90))):
            (row,) = self.yard.call.read("sale.subscription", [["id", "=", unit]], "state", "end_date", "lines")
            if row["state"] == "running" and (unit == self.leaving or row["end_date"] == end):
                continue
            if row["state"] != "draft":
                self.yard.press("sale.subscription", "draft", unit)
            lines = [["write", row["lines"], {"end_date": end}]]
            self.yard.call.call("model.sale.subscription.write", [unit], {"end_date": end, "lines": lines})
            for button in ("quote", "run"):
                self.yard.press("sale.subscription", button, unit)
        debits = self.yard.call.read("party.party.reception_direct_debit", [["party", "=", self.customer.id]])
        if debits:
            self.yard.call.call("model.party.party.reception_direct_debit.delete", [row["id"] for row in debits])

    @property
    def leaving_on(self) -> date:
        return days(60 + self.turn)


class TurnExample(Example):
    """An example whose effect is another one in every turn."""

    sealed = None
    by_staff = None
    file = HandedFile.of_bytes(b"%PDF-1.7 made up", name="licence.pdf", media_type="application/pdf")

    def __init__(self, make: Callable[[], EffectBody]) -> None:
        object.__setattr__(self, "_make", make)

    @property
    def effect(self) -> EffectBody:
        made: EffectBody = self._make()  # type: ignore[attr-defined]
        return made


class YardJudge:
    """Asks the server as its staff, past the adapter; makes weather on the adapter's way only."""

    weathers = WEATHERS

    def __init__(self, world: World, proxy: WeatherProxy) -> None:
        self.world, self.proxy = world, proxy

    def reset(self) -> None:
        self.world.again()
        self.proxy.clear()

    def calls(self) -> int:
        return self.proxy.count("*")

    def writes(self, effect: EffectBody) -> int:
        return self.proxy.count(self._step(effect))

    def set_weather(self, weather: Weather, effect: EffectBody | None) -> None:
        if effect is None:
            self.proxy.let(weather, "", lasts=True)
        else:
            self.proxy.let(weather, self._step(effect))

    def _step(self, effect: EffectBody) -> str:
        """Which call of an effect meets the weather: of several, the first or one half way."""
        is_on_account = isinstance(effect, TakePayment) and effect.parts[0].invoice_id is None
        return PROCESS if is_on_account else WRITES[str(effect.kind)]  # type: ignore[attr-defined]

    def standing(self, effect: EffectBody) -> object:
        """Payments in any state, rentals with the ends of their lines, debits, what is planned; else how often."""
        made = getattr(self, f"_standing_{effect.kind}", self.times_done)  # type: ignore[attr-defined]
        return made(effect)

    def _standing_take_payment(self, effect: TakePayment) -> object:
        return [(row["state"], row["amount"]) for row in self._payments_of(effect)]

    def _standing_schedule_move_out(self, effect: ScheduleMoveOut | CancelMoveOut) -> object:
        row = self._unit(effect.rental_id)
        return row["state"], row["end_date"], [line["end_date"] for line in row["lines."]]

    _standing_cancel_move_out = _standing_schedule_move_out

    def _standing_set_autopay(self, effect: SetAutopay) -> object:
        return self.world.yard.call.read(
            "party.party.reception_direct_debit", [["party", "=", int(effect.tenant_id)]], "journal", "type"
        )

    def _standing_change_contact(self, effect: ChangeContact) -> object:
        return self.world.yard.call.read(
            "party.address", [["party", "=", int(effect.tenant_id)]], "city", "street", "postal_code"
        )

    def _standing_request_call_off(self, effect: RequestCallOff) -> object:
        return self._request_call_off(effect), self.world.yard.planned_back(self.world.contract)

    def _standing_withdraw_call_off(self, effect: WithdrawCallOff) -> object:
        return self._withdraw_call_off(effect), self.world.yard.planned_back(self.world.contract)

    def times_done(self, effect: EffectBody) -> int:
        count: int = getattr(self, f"_{effect.kind}")(effect)  # type: ignore[attr-defined]
        return count

    def _take_payment(self, effect: TakePayment) -> int:
        """A draft that stays behind makes an invoice look paid, so every state counts."""
        return len(self._payments_of(effect))

    def _payments_of(self, effect: TakePayment) -> list[dict[str, Any]]:
        rows = self.world.yard.payments(self.world.customer)
        return [row for row in rows if str(row["reference"]).startswith(effect.reference)]

    def _set_autopay(self, effect: SetAutopay) -> int:
        rows = self.world.yard.call.read("party.party.reception_direct_debit", [["party", "=", int(effect.tenant_id)]])
        return len(rows) if effect.on else int(not rows)

    def _unit(self, rental_id: str) -> dict[str, Any]:
        (row,) = self.world.yard.call.read(
            "sale.subscription", [["id", "=", int(rental_id.partition(",")[2])]], "state", "end_date", "lines.end_date"
        )
        return row

    def _schedule_move_out(self, effect: ScheduleMoveOut) -> int:
        row = self._unit(effect.rental_id)
        return int(row["state"] == "running" and row["end_date"] == effect.leaving_on)

    def _cancel_move_out(self, effect: CancelMoveOut) -> int:
        row = self._unit(effect.rental_id)
        return int(row["state"] == "running" and row["end_date"] is None)

    def _change_contact(self, effect: ChangeContact) -> int:
        (row,) = self.world.yard.call.read(
            "party.address", [["party", "=", int(effect.tenant_id)]], "city", "street"
        )  # fmt: skip
        return int(row["city"] == effect.changes["address.city"])

    def _add_note(self, effect: AddNote) -> int:
        return sum(effect.reference in text for text in self.world.yard.notes("sale.rental", self.world.contract))

    def _attach_document(self, effect: AttachDocument) -> int:
        files = self.world.yard.attachments("sale.rental", self.world.contract)
        return sum(name == effect.title for name in files)

    def _request_call_off(self, effect: RequestCallOff) -> int:
        return sum(effect.reference in text for text in self.world.yard.notes("sale.rental", self.world.contract))

    def _withdraw_call_off(self, effect: WithdrawCallOff) -> int:
        return sum(effect.reference in text for text in self.world.yard.notes("sale.rental", self.world.contract))

    def _post_bulletin(self, effect: PostBulletin) -> int:
        return sum(effect.reference in text for text in self.world.yard.posts("sale.rental", self.world.contract))


def examples(world: World, asker: TrytonAdapter) -> list[Example]:
    tenant: dict[str, Any] = {**SCOPE, "tenant_id": world.tenant_id}
    contract: dict[str, Any] = {**tenant, "rental_id": world.rental_id}

    def named(word: str) -> str:
        return f"PB-{word}{world.turn:06}"

    def withdrawal() -> EffectBody:
        """Of a call-off that was asked for before, past the weather; once in every turn."""
        item: dict[str, Any] = {**contract, "item_id": world.item_id, "quantity": Decimal(1)}
        asked = RequestCallOff(**item, wanted_on=days(3), reference=named("TAKE"))
        if world.asked_in != world.turn:
            asker.execute(asked, Attempt(key="k"))
            world.asked_in = world.turn
        return WithdrawCallOff(**item, called_off=asked.reference, reference=named("BACK"))

    return [
        TurnExample(
            lambda: payment(
                world.tenant_id, "0.25", rental_id=world.rental_id, invoice_id=str(world.invoice), mark=f"A{world.turn}"
            )
        ),
        TurnExample(
            lambda: payment(world.tenant_id, "0.50", rental_id=f"party.party,{world.tenant_id}", mark=f"B{world.turn}")
        ),
        TurnExample(lambda: SetAutopay(**tenant, rental_id=f"party.party,{world.tenant_id}", on=True)),
        TurnExample(
            lambda: ScheduleMoveOut(
                **tenant,
                rental_id=f"sale.subscription,{world.leaving}",
                leaving_on=world.leaving_on,
                notice_given_on=days(0),
            )
        ),
        TurnExample(lambda: CancelMoveOut(**tenant, rental_id=f"sale.subscription,{world.staying}")),
        TurnExample(lambda: ChangeContact(**tenant, changes={"address.city": f"Town {world.turn}"})),
        TurnExample(lambda: AddNote(**contract, text="Please call.", reference=named("NOTE"))),
        TurnExample(
            lambda: AttachDocument(
                **contract,
                title=f"licence {world.turn}.pdf",
                media_type="application/pdf",
                size=TurnExample.file.size,
                sha256=TurnExample.file.sha256,
                reference=named("FILE"),
            )
        ),
        TurnExample(lambda: PostBulletin(**contract, subject="Conformance", body="A post.", reference=named("POST"))),
        TurnExample(
            lambda: RequestCallOff(
                **contract,
                item_id=world.item_id,
                description="Fence panel",
                quantity=Decimal(1),
                wanted_on=days(3),
                reference=named("CALL"),
            )
        ),
        TurnExample(withdrawal),
    ]


@pytest.fixture(scope="module")
def proxy(tryton_server: TrytonServer) -> Iterator[WeatherProxy]:
    with weather_before("127.0.0.1", tryton_server.port) as found:
        yield found


@pytest.fixture(scope="module")
def world(tryton_yard: Yard) -> World:
    return World.made(tryton_yard)


@pytest.fixture
def subject(world: World, proxy: WeatherProxy, tryton_server: TrytonServer) -> Iterator[Subject]:
    adapter = adapter_of(tryton_server, url=proxy.url, timeouts={"read": "20s"}, limits={"read_attempts": 1})
    asker = adapter_of(tryton_server)
    adapter.facility(FACILITY)
    adapter.tenant(FACILITY, world.tenant_id)
    yield Subject(
        adapter=adapter,
        judge=YardJudge(world, proxy),
        examples=examples(world, asker),
        facility=FACILITY,
        tenant_id=world.tenant_id,
        unknown_tenant_id="999999",
        poison=(tryton_server.get("env:TRYTON_PORTAL"),),
    )
    adapter.close()
    asker.close()


@pytest.mark.slow
class TestTryton(Conformance):
    """Every check of the kit."""
