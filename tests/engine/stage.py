"""What the engine tests play with: submissions, a runtime over an office in memory, a journal that dies on cue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pmsbridge.actions.effects import (
    AddNote,
    ChangeContact,
    Effect,
    PaymentPart,
    PostBulletin,
    ScheduleMoveOut,
    SendMail,
    SetAutopay,
    TakePayment,
)
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, When, effect_key, payment_guard, reference_of
from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import OutcomeUnknownError, PmsBridgeError
from pmsbridge.model.money import Money
from pmsbridge.model.payments import CardPayment, ExternalPayment, Means, StoredMethod
from pmsbridge.model.sealed import Card
from pmsbridge.ports.mailer import Mail
from pmsbridge.store.database import Connection, Database, open_database
from pmsbridge.store.journal import Journal
from pmsbridge.store.stored import Held, Sending, StoredEffect
from pmsbridge.store.tables import METADATA
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, SimulatedCrash, TestClock

PAN = "4111111111111111"
WINDOW = MemoryAdapter.settle_window
LEASE = MemoryAdapter.send_timeout + EngineSettings().lease_margin
LONG_LEASE = EngineSettings().mail_timeout + EngineSettings().lease_margin + timedelta(seconds=1)


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def card() -> Card:
    return Card(number=PAN, expires_on=date(2030, 12, 31), holder="Test Payer", cvv="123")


class Sink:
    """A mailer that keeps what it got and fails as told."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.errors: list[tuple[bool, Exception]] = []

    def send(self, mail: Mail) -> str:
        arrived, error = self.errors.pop(0) if self.errors else (True, None)
        if arrived:
            self.mails.append(mail)
        if error is not None:
            raise error
        return "250 ok"

    def lose_the_answer(self) -> None:
        self.errors.append((True, OutcomeUnknownError("no answer after DATA")))

    def fail(self, error: PmsBridgeError) -> None:
        self.errors.append((False, error))


class DyingDatabase(Database):
    """A database whose process dies before or after one of its commits, and stays dead."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.dead = False
        self.commits = 0
        self._dies: tuple[str, int] | None = None
        self._frozen: tuple[int, Callable[[], None]] | None = None

    def die(self, when: str, nth: int) -> None:
        """Before commit ``nth`` from now is made, or right after."""
        self._dies, self.commits = (when, nth), 0

    def freeze(self, nth: int, act: Callable[[], None]) -> None:
        """Let something happen right after commit ``nth`` from now, before anything else."""
        self._frozen, self.commits = (nth, act), 0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.dead:
            raise SimulatedCrash
        with super().write() as connection:
            if self._dies is not None and self._dies[0] == "before" and self.kind == "postgresql":
                connection.execute(select(1))  # a transaction that has begun is not committed with its last statement
            yield connection
            if connection.get_transaction() is None or not connection.get_transaction().is_active:  # type: ignore[union-attr]
                return
            self.commits += 1
            if self._dies == ("before", self.commits):
                self.dead = True
                raise SimulatedCrash
        if self._dies == ("after", self.commits):
            self.dead = True
            raise SimulatedCrash
        if self._frozen is not None and self._frozen[0] == self.commits:
            self._frozen[1]()


class Stage:
    """One database, one office, one clock; as many runtimes as a test wants."""

    def __init__(self, folder: Path, url: str = "") -> None:
        """In a SQLite file of the folder, or in the empty database at ``url``."""
        self.path = folder / "journal.db"
        self.url = url or f"sqlite:///{self.path}"
        self.clock = TestClock()
        self.office = MemoryOffice(self.clock, facilities=("F1", "F2"))
        self.adapter = MemoryAdapter(self.office)
        self.sink = Sink()
        self.database = open_database(self.url)
        self._others: list[Database] = []

    def runtime(self, *, database: Database | None = None, mailer: Any = "sink", **settings: Any) -> Runtime:
        return Runtime(
            database or self.database, {"mem": self.adapter}, mailer=self.sink if mailer == "sink" else mailer,
            clock=self.clock, settings=EngineSettings(**settings),
            staff_address=lambda _account, _facility: "manager@f1.example",
        )  # fmt: skip

    def dying(self) -> tuple[Runtime, DyingDatabase]:
        database = DyingDatabase(self.url)
        self._others.append(database)
        return self.runtime(database=database), database

    def close(self) -> None:
        for database in (self.database, *self._others):
            database.close()

    def bytes_on_disk(self) -> bytes:
        """What whoever steals the disk has: every file of SQLite, every row of every table of PostgreSQL."""
        if self.database.kind == "postgresql":
            with self.database.read() as connection:
                return b"".join(str(connection.execute(select(t)).all()).encode() for t in METADATA.sorted_tables)
        return b"".join(path.read_bytes() for path in self.path.parent.glob("journal.db*"))

    def later(self, by: timedelta) -> None:
        self.clock.advance(by)

    def mark_sending(self, journal: Journal, held: Held, key: str = "click-0001", **fields: Any) -> StoredEffect:
        """As a worker does that dies right afterwards."""
        effect = journal.action(action_id(key)).effects[0]
        with journal.turn(held) as turn:
            return turn.mark_sending(effect, Sending({}, {}, fields.get("quiet_until", self.clock.now())))

    def payments(self) -> int:
        return len(self.office.of_kind("take_payment"))


def action_id(key: str, tenant: str = "T1") -> str:
    return Submission.id_for("mem", "F1", tenant, key)


def submission(
    key: str, kind: str, steps: list[PlannedEffect], *, tenant: str = "T1", intent: str = "{}"
) -> Submission:
    return Submission(
        action_id=action_id(key, tenant), key=key, kind=kind, account="mem", facility="F1", tenant_id=tenant,
        intent=intent, plan=Plan(steps=tuple(steps)),
    )  # fmt: skip


def step(key: str, name: str, effect: Effect, *, tenant: str = "T1", **fields: Any) -> PlannedEffect:
    return PlannedEffect(
        name=name, key=effect_key(action_id(key, tenant), name, effect.target), effect=effect, **fields
    )


def take(
    key: str, *, amount: str = "120.00", rental: str = "R1", tenant: str = "T1", means: Means | None = None,
    name: str = "payment", after: str | None = None,
) -> PlannedEffect:  # fmt: skip
    part = PaymentPart(rental_id=rental, unit_id=f"U{rental[1:]}", unit_number="015", amount=usd(amount))
    effect = TakePayment(
        account="mem", facility="F1", tenant_id=tenant, parts=(part,), means=means or StoredMethod(method_id="M1"),
        reference=reference_of(action_id(key, tenant), name),
    )  # fmt: skip
    guard = payment_guard("mem", "F1", tenant, rental, usd(amount))
    return step(key, name, effect, tenant=tenant, guards=(guard,), after=after)


def pay(key: str = "click-0001", *, intent: str = "", tenant: str = "T1", **fields: Any) -> Submission:
    chosen = take(key, tenant=tenant, **fields)
    return submission(key, "pay_rental", [chosen], tenant=tenant, intent=intent or str(chosen.effect.target))


def pay_by_card(key: str = "click-0001", **fields: Any) -> Submission:
    face = card().face
    return pay(key, means=CardPayment(face=face), **fields)


def record_external(key: str = "click-0001", **fields: Any) -> Submission:
    return pay(key, means=ExternalPayment(gateway="stripe", reference="pi_12345"), **fields)


def note(key: str, name: str, text: str = "hello", *, rental: str = "R1", **fields: Any) -> PlannedEffect:
    effect = AddNote(
        account="mem", facility="F1", tenant_id="T1", rental_id=rental, text=text,
        reference=reference_of(action_id(key), name),
    )  # fmt: skip
    return step(key, name, effect, **fields)


def bulletin(key: str, name: str, **fields: Any) -> PlannedEffect:
    effect = PostBulletin(
        account="mem", facility="F1", subject="Subject", body="Body", reference=reference_of(action_id(key), name)
    )
    return step(key, name, effect, **fields)


def mail(key: str, name: str, **fields: Any) -> PlannedEffect:
    effect = SendMail(
        account="mem", facility="F1", to="manager@f1.example", subject="Subject", text="Text",
        reference=reference_of(action_id(key), name),
    )  # fmt: skip
    return step(key, name, effect, **fields)


def edit(key: str = "click-edit", **changes: str) -> Submission:
    """A contact edit with its three notices."""
    effect = ChangeContact(
        account="mem",
        facility="F1",
        tenant_id="T1",
        changes=changes or {"email": "new@example.test"},  # type: ignore[arg-type]
    )
    notices: dict[str, Any] = {"after": "edit", "is_principal": False}
    steps = [
        step(key, "edit", effect), mail(key, "mail", **notices), bulletin(key, "bulletin", **notices),
        note(key, "note", **notices),
    ]  # fmt: skip
    return submission(key, "edit_contact", steps)


def move_out(key: str = "click-move", *, rental: str = "R1") -> Submission:
    effect = ScheduleMoveOut(
        account="mem", facility="F1", tenant_id="T1", rental_id=rental, leaving_on=date(2026, 12, 31),
        notice_given_on=date(2026, 11, 21),
    )  # fmt: skip
    return submission(key, "request_move_out", [step(key, "move_out", effect)])


def autopay(key: str = "click-auto", *, on: bool = True, **stored: Any) -> Submission:
    effect = SetAutopay(account="mem", facility="F1", tenant_id="T1", rental_id="R1", on=on, **stored)
    return submission(key, "autopay", [step(key, "autopay", effect)])


def at(hour: int) -> datetime:
    return datetime(2026, 11, 21, hour, 0, tzinfo=UTC)


__all__ = [name for name in dir() if not name.startswith("_")] + ["When"]
