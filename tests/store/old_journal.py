"""Run by the code of an earlier release, in a process of its own: makes a journal with actions in every state.

Usage: ``python old_journal.py URL make`` prints the outcomes; ``... try`` prints what the old code says to a database;
``... night`` copies an office into its mirror and prints how many units and tenants named Müller that holds;
``... deliver`` carries out what other code has left waiting and prints the outcome of each kind of action;
``... read QUOTE`` prints what it finds in the copies and quotes that other code has kept;
``... fields`` prints by class the fields of every record it knows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta

from pmsbridge.actions.effects import AddNote, PaymentPart, TakePayment
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, payment_guard, reference_of
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import Sync
from pmsbridge.errors import PmsBridgeError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import StoredMethod
from pmsbridge.model.record import Value
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.ports.mailer import Mail
from pmsbridge.store.database import open_database
from pmsbridge.store.quotes import Quotes
from pmsbridge.store.reading import ActionFilter
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock


def _payment(key: str, tenant: str) -> Submission:
    action_id = Submission.id_for("mem", "F1", tenant, key)
    amount = Money.of("120.00", "USD")
    pay = TakePayment(
        account="mem", facility="F1", tenant_id=tenant,
        parts=(PaymentPart(rental_id=f"R-{tenant}", unit_id="U1", unit_number="015", amount=amount),),
        means=StoredMethod(method_id="M1"), reference=reference_of(action_id, "payment"),
    )  # fmt: skip
    note = AddNote(
        account="mem", facility="F1", tenant_id=tenant, rental_id=f"R-{tenant}", text="hello",
        reference=reference_of(action_id, "note"),
    )  # fmt: skip
    guard = payment_guard("mem", "F1", tenant, f"R-{tenant}", amount)
    steps = (
        PlannedEffect(
            name="payment", key=effect_key(action_id, "payment", pay.target), effect=pay, guards=(guard,), after=None
        ),
        PlannedEffect(
            name="note", key=effect_key(action_id, "note", note.target), effect=note, after="payment",
            is_principal=False,
        ),
    )  # fmt: skip
    return Submission(
        action_id=action_id, key=key, kind="pay_rental", account="mem", facility="F1", tenant_id=tenant,
        intent=json.dumps({"key": key}), plan=Plan(steps=steps),
    )  # fmt: skip


def _make(url: str) -> Iterator[str]:
    clock = TestClock()
    office = MemoryOffice(clock, facilities=("F1",))
    database = open_database(url)
    runtime = Runtime(database, {"mem": MemoryAdapter(office)}, clock=clock)
    for number, fault in enumerate((None, Fault.REJECT, Fault.DROP_AFTER, Fault.REFUSE)):
        if fault is not None:
            office.fail(fault, retry_after=timedelta(minutes=2) if fault is Fault.REFUSE else None)
        submission = _payment(f"click-{number:04d}", f"T{number}")
        runtime.submit(submission)
        yield runtime.action(submission.action_id).outcome.value
    database.close()


def _night(url: str) -> list[int]:
    clock = TestClock()
    office = MemoryOffice(clock, facilities=("F1", "F2"))
    database = open_database(url)
    runtime = Runtime(database, {"mem": MemoryAdapter(office)}, clock=clock)
    report = Sync(runtime).run()
    counts = [
        len(runtime.mirror.units("mem", "F1")), len(runtime.mirror.find("mem", TenantSearch(last_name="muller"))),
        len(report.failed),
    ]  # fmt: skip
    database.close()
    return counts


class _Outbox:
    def send(self, mail: Mail) -> str:
        assert "{" not in mail.text
        return "250 ok"


def _deliver(url: str) -> dict[str, str]:
    database = open_database(url)
    runtime = Runtime(
        database, {"mem": MemoryAdapter(MemoryOffice(TestClock(), facilities=("F1",)))}, mailer=_Outbox(),
        clock=TestClock(),
    )  # fmt: skip
    runtime.run_due()
    outcomes = {action.kind: action.outcome.value for action in runtime.actions(ActionFilter())}
    database.close()
    return outcomes


def _read(url: str, quote_id: str) -> dict[str, object]:
    database = open_database(url)
    runtime = Runtime(database, {}, clock=TestClock())
    account = runtime.mirror.account("mem", "F1", "T1")
    facility = runtime.mirror.facility("mem", "F1")
    quote = Quotes(database).get(quote_id, account="mem", facility="F1", tenant_id="T1")
    assert account is not None
    assert quote is not None
    found: dict[str, object] = {
        "account": [row.id for row in account.rentals], "facility": facility and facility.name,
        "rentals": [row.id for row in runtime.mirror.rentals("mem", "F1", "T1")], "quote": str(quote.total),
        "stamped": sorted(runtime.journal.payment_stamps("mem", "F1", "T1")),
    }  # fmt: skip
    database.close()
    return found


def _fields(kind: type[Value]) -> dict[str, list[str]]:
    found = {kind.__name__: sorted(kind.model_fields)}
    for below in kind.__subclasses__():
        found.update(_fields(below))
    return found


if __name__ == "__main__":
    if sys.argv[2] == "make":
        print(json.dumps(list(_make(sys.argv[1]))))
    elif sys.argv[2] == "night":
        print(json.dumps(_night(sys.argv[1])))
    elif sys.argv[2] == "deliver":
        print(json.dumps(_deliver(sys.argv[1])))
    elif sys.argv[2] == "read":
        print(json.dumps(_read(sys.argv[1], sys.argv[3])))
    elif sys.argv[2] == "fields":
        print(json.dumps(_fields(Value)))
    else:
        try:
            open_database(sys.argv[1]).close()
            print(json.dumps("usable"))
        except PmsBridgeError as refused:
            print(json.dumps({"error": type(refused).__name__, "code": refused.code, "message": str(refused)}))
