"""While a deployment rolls, earlier code reads and delivers what this code has stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge.actions.plan import Plan, Submission
from pmsbridge.actions.plans import Planner
from pmsbridge.actions.quotes import PaymentQuote, line_of
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.notices import built_in_desk
from pmsbridge.engine.sync import Sync
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.earlier import Since
from pmsbridge.model.money import Money
from pmsbridge.model.payments import PaymentIntent, StoredMethod
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.places import Unit
from pmsbridge.ports.capability import Support
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.tables import OLDEST_CODE, SCHEMA_VERSION
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from pmsbridge_sitelink.mapping.billing import autopay_of
from pmsbridge_sitelink.mapping.cells import Scope
from tests.store.releases import EARLIER, by_an_old_release
from tests.store.stored_kinds import FIELDS_FILE, ROOTS, stored_fields, stored_kinds

MEANS = StoredMethod(method_id="M1")
TOGETHER = frozenset({"stored"})
NUMBERED = tuple(zip(EARLIER, (2, 3, 4), strict=True))


class New:
    """This code, on a database that earlier code works on too."""

    def __init__(self, url: str) -> None:
        self.database: Database = open_database(url)
        self.clock = TestClock()
        self.office = MemoryOffice(self.clock, facilities=("F1",))
        self.adapter = MemoryAdapter(self.office)
        self.runtime = Runtime(self.database, {"mem": self.adapter}, clock=self.clock)
        self.account: TenantAccount = self.adapter.account("F1", "T1")

    def planner(self, kind: str) -> Planner:
        rows = self.adapter.capabilities.values()
        return Planner(
            account=self.account, action_id=self.action_id(kind),
            native=frozenset({"send_mail", *(row.effect for row in rows if row.support is Support.NATIVE)}),
            today=self.clock.now().date(),
            scribe=built_in_desk().scribe("mem", "F1", self.account.facility),
        )  # fmt: skip

    @staticmethod
    def action_id(kind: str) -> str:
        return Submission.id_for("mem", "F1", "T1", f"click-{kind}")

    def leave_waiting(self, kind: str, plan: Plan) -> None:
        """As a portal's process does that dies right after it has stored what was asked for."""
        submission = Submission(
            action_id=self.action_id(kind), key=f"click-{kind}", kind=kind, account="mem", facility="F1",
            tenant_id="T1", intent="{}", plan=plan,
        )  # fmt: skip
        with self.database.write() as connection:
            self.runtime.submit(submission, connection=connection)

    def quote(self, intent: PaymentIntent, amount: str, months: int | None = None) -> PaymentQuote:
        lines = [line_of(row, amount=Money.of(amount, "USD")) for row in self.account.current]
        return PaymentQuote.make(self.account, intent, lines, months=months)


def pay(new: New, planner: Planner) -> Plan:
    return planner.payment(new.quote(PaymentIntent.ALL_RENTALS, "10.00"), MEANS, pays_together=TOGETHER)


def prepay(new: New, planner: Planner) -> Plan:
    return planner.payment(new.quote(PaymentIntent.PREPAY, "12.00", 1), MEANS, pays_together=frozenset())


def reserve(new: New, planner: Planner) -> Plan:
    unit = new.office.books.find(Unit, "F1", "U9")
    assert isinstance(unit, Unit)
    return planner.reserve(unit, planner.today + timedelta(days=3), expires_on=None, comment="Ground floor")


VERBS: dict[str, Callable[[New, Planner], Plan]] = {
    "pay_all": pay,
    "prepay": prepay,
    "autopay_off": lambda new, one: one.autopay(new.account.rentals[0], on=False, method=None, days_after_due=None),
    "request_move_out": lambda new, one: one.move_out(new.account.rentals[0], one.today + timedelta(days=40)),
    "cancel_move_out": lambda new, one: one.cancel_move_out(new.account.rentals[0]),
    "edit_contact": lambda _, one: one.edit_contact({"phone": "312 555 0199"}, {}),
    "set_consent": lambda _, one: one.consent(ConsentChannel.SMS, ConsentPurpose.MARKETING, granted=True),
    "ask_staff": lambda _, one: one.ask_staff("Door", "It sticks.", due_on=one.today),
    "reserve_unit": reserve,
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.mark.parametrize("release", EARLIER)
def test_what_this_code_left_waiting_is_delivered_by_earlier_code(
    release: str, url: str, request: pytest.FixtureRequest
) -> None:
    sources, new = request.getfixturevalue(release), New(url)
    for kind, planned in VERBS.items():
        new.leave_waiting(kind, planned(new, new.planner(kind)))
    new.database.close()

    assert by_an_old_release(sources, url, "deliver") == dict.fromkeys(VERBS, "settled")

    again = New(url)
    for kind in VERBS:
        steps = {effect.name: effect.ended for effect in again.runtime.journal.action(again.action_id(kind)).effects}
        assert {str(ended) for ended in steps.values()} <= {"settled", "skipped"}, (kind, steps)
    again.database.close()


@pytest.mark.parametrize("release", EARLIER)
def test_what_this_code_keeps_is_read_by_earlier_code(release: str, url: str, request: pytest.FixtureRequest) -> None:
    sources, new = request.getfixturevalue(release), New(url)
    quote = new.quote(PaymentIntent.BALANCE, "10.00")
    new.runtime.quotes.keep(quote)
    new.runtime.mirror.save_account(new.account)
    new.leave_waiting("pay_all", pay(new, new.planner("pay_all")))
    assert Sync(new.runtime).run().failed == ()
    new.database.close()

    found = by_an_old_release(sources, url, "read", quote.id)

    assert found["account"] == [row.id for row in new.account.rentals]
    assert (found["quote"], found["stamped"]) == (str(quote.total), [row.id for row in new.account.current])
    if release != "second_release":  # that one has a mirror of its own
        assert found["facility"] == new.account.facility.name
        assert sorted(found["rentals"]) == sorted(row.id for row in new.account.rentals)


@pytest.mark.parametrize("release", EARLIER)
def test_an_account_with_the_card_that_autopay_charges_is_read_by_earlier_code(
    release: str, url: str, request: pytest.FixtureRequest
) -> None:
    sources, new = request.getfixturevalue(release), New(url)
    quote = new.quote(PaymentIntent.BALANCE, "10.00")
    new.runtime.quotes.keep(quote)
    account = new.account.changed(rentals=tuple(with_stored_card(row) for row in new.account.rentals))
    new.runtime.mirror.save_account(account)
    new.database.close()

    assert by_an_old_release(sources, url, "read", quote.id)["account"] == [row.id for row in account.rentals]


def with_stored_card(row: RentalAccount) -> RentalAccount:
    """With autopay as an adapter reads it that tells of stored cards."""
    now = TestClock().now()
    scope = Scope(account="mem", facility="F1", currency="USD", zone="America/Chicago", measure="ft", read_at=now)
    billing = {
        "LedgerID": "1", "iAutoBillType": "1", "sCreditCardNum": "************4242", "sPmtTypeDesc": "VISA",
        "dCreditCardExpir": "2099-12-31",
    }  # fmt: skip
    autopay = autopay_of(billing, scope, tenant_id="1", today=now.date())
    assert autopay.method is not None
    return row.changed(autopay=autopay.changed(rental_id=row.id))


# -- no field comes in without being marked ----------------------------------------------------------------------------


def test_every_field_of_what_is_stored_is_written_down_with_the_schema_it_came_with() -> None:
    known: dict[str, list[str]] = {}
    for kinds in stored_fields().values():
        for name, fields in kinds.items():
            known.setdefault(name, []).extend(fields)

    actual = {name: sorted(kind.model_fields) for name, kind in stored_kinds().items()}
    wanted = f"write it into {FIELDS_FILE.name}; of a class that is there already, mark it Since({SCHEMA_VERSION})"
    assert {name: sorted(fields) for name, fields in known.items()} == actual, wanted


def test_a_field_that_came_later_to_a_record_is_marked_and_says_nothing_by_itself() -> None:
    kinds, began = stored_kinds(), dict[str, int]()
    for schema, classes in sorted(stored_fields().items()):
        for name, fields in classes.items():
            is_later = began.setdefault(name, schema) < schema
            for field in fields:
                info = kinds[name].model_fields[field]
                marks = [mark.schema for mark in info.metadata if isinstance(mark, Since)]
                assert marks == ([schema] if is_later and schema > OLDEST_CODE else []), f"{name}.{field}"
                assert not (is_later and info.is_required()), f"{name}.{field} needs a default"


@pytest.mark.parametrize(("release", "schema"), NUMBERED)
def test_the_list_of_fields_says_what_earlier_code_knows(
    release: str, schema: int, request: pytest.FixtureRequest
) -> None:
    old = by_an_old_release(request.getfixturevalue(release), "-", "fields")

    for since, classes in stored_fields().items():
        for name, fields in classes.items():
            shared = set(fields) & set(old.get(name, ()))
            assert shared == (set(fields) if since <= schema else set()), (since, name)


def test_the_store_writes_records_at_one_place_only() -> None:
    source = Path(__file__).parents[2] / "src" / "pmsbridge"
    written = {
        f"{file.relative_to(source)}"
        for room in ("actions", "store", "engine", "portal")
        for file in (source / room).rglob("*.py")
        if ".model_dump" in file.read_text(encoding="utf-8")
    }

    # Those compare, or hand over to a person; what the store keeps of an account is named there.
    assert written == {"store/record_rows.py", "portal/directory.py", "portal/exporting.py"}
    assert len({root.__name__ for root in ROOTS}) == len(ROOTS)
