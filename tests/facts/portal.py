"""One portal over whichever back office a test asks for: the same people with the same troubles before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pmsbridge.model.account import RentalAccount
from pmsbridge.model.payments import ExternalPayment, StoredMethod
from pmsbridge.model.people import ConsentPurpose
from pmsbridge.model.sealed import Card, GateCode, WebPassword
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.adapter import Adapter
from pmsbridge.settings import AccountSettings, NoticeSettings, PortalSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from pmsbridge_rest.adapter import create
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.sandbox import Office as MappedOffice
from pmsbridge_rest.sandbox import SandboxServer, Terms
from pmsbridge_rest.sandbox.records import Move
from pmsbridge_rest.shipped import file_of, shipped_mappings
from pmsbridge_rest.testing.harness import SandboxSecrets, account_options
from pmsbridge_sitelink.sandbox import SandboxControl, seeded_web_password
from tests.adapters.sitelink.office import LUKASZ, RENEE, SIOBHAN, SITE, Judge, adapter_on
from tests.mailbox import Outbox

ENTRANCE = "https://portal.example/enter?token={token}"
MONEY = ExternalPayment(gateway="gate", reference="ch_facts_0001")


@cache
def mapping_read(file: Path) -> Mapping:
    """A mapping file, read once: nobody changes one while tests run."""
    return load_mapping(file)


@dataclass(slots=True)
class Portal:
    """A bridge, and whom a test meets before its back office.

    Attributes:
        busy: A tenant who rents "015" and more, everything billed and due.
        other: Somebody else.
        paid_up: Who owes nothing; before the back office in memory only after ``pay_off``.
        login: The web login of ``busy``, and its password.
        codes: Gate codes by unit number.
        changes: How often the back office's books were changed so far.
        judge: The sandbox behind the adapter's back; None in memory.
        office: The back office in memory; None elsewhere.
        mapped: The sandbox of a mapping; None elsewhere.
        number: Of a unit of ``busy`` that is due.
        second: Of another one of theirs, whose autopay is off.
        purpose: A purpose of text messages that the back office keeps an answer about.
        means: What it takes money by.
    """

    back_office: str
    bridge: Bridge
    clock: TestClock
    outbox: Outbox
    facility: str
    busy: str
    other: str
    paid_up: str
    login: tuple[str, str]
    codes: dict[str, str]
    changes: Callable[[], int]
    judge: Judge | None = None
    office: MemoryOffice | None = None
    mapped: MappedOffice | None = None
    means: ExternalPayment | StoredMethod = MONEY
    number: str = "015"
    second: str = "A-12"
    purpose: ConsentPurpose = ConsentPurpose.ACCOUNT_NOTIFICATIONS
    _clicks: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    @property
    def session(self) -> TenantSession:
        """Of ``busy``."""
        return self.of(self.busy)

    def of(self, tenant_id: str, *, actor: str = "tenant") -> TenantSession:
        return self.bridge.tenant(self.facility, tenant_id, actor=actor)

    @property
    def charged(self) -> StoredMethod | Card:
        """What autopay is told to charge: a card typed now, where one is taken."""
        if isinstance(self.means, StoredMethod):
            return self.means
        return Card(number="5555555555554444", expires_on=date(2029, 5, 31), holder="Test Holder", cvv="123")

    @property
    def key(self) -> str:
        """A new click's."""
        return f"click-{next(self._clicks):04}"

    def row(self, number: str = "") -> RentalAccount:
        """A unit of ``busy`` as the back office tells it now."""
        wanted = number or self.number
        return next(row for row in self.session.account().rentals if row.rental.label == wanted)

    def pay_off(self, tenant_id: str) -> TenantSession:
        """That tenant's session, with nothing owed any more."""
        session = self.of(tenant_id)
        if session.account().total.payable_now.is_positive:
            session.pay_all(self.means, key=self.key)
        return session

    def signed_in(self) -> TenantSession | None:
        """``busy`` by the login that the back office knows; where it keeps none, by one of the portal's own."""
        if self.login[0]:
            return self.bridge.accounts.sign_in(self.facility, self.login[0], self.password)
        self.enter("tenants", self.other, phone="(312) 555-0177")  # both have one number, which signs nobody in
        self.bridge.sync()
        who, word = self.session.tenant(), "fake-pw-77"
        given = {"phone": who.phone.raw if who.phone else "", "postal_code": who.address.postal_code}
        self.bridge.accounts.register(self.facility, email=who.email, **given, password=WebPassword(word))
        return self.bridge.accounts.sign_in(self.facility, who.email, WebPassword(word))

    def later(self, **by: int) -> None:
        """Let time pass and the engine work."""
        self.clock.advance(timedelta(**by))
        self.bridge.runtime.run_due()

    def held(self, noun: str, record_id: str) -> dict[str, Any]:
        """What the back office of a mapping holds, as the portal never asks."""
        assert self.mapped is not None
        record = self.mapped.books.truth.one(noun, record_id)
        assert record is not None
        return record.values

    def enter(self, noun: str, record_id: str, **values: Any) -> None:
        """What staff enter in the back office of a mapping, behind the portal's back."""
        assert self.mapped is not None
        named = {name.replace("__", "."): value for name, value in values.items()}
        self.mapped.books.enter("desk", [(record_id, "")], (Move("merge", noun, record_id, named),))

    @property
    def password(self) -> WebPassword:
        return WebPassword(self.login[1])

    def gate_code(self, number: str = "015") -> GateCode:
        return GateCode(self.codes[number])


@contextmanager
def _bridge(
    folder: Path, account: str, adapter: Adapter, clock: TestClock, outbox: Outbox, **more: Any
) -> Iterator[Bridge]:
    settings = Settings(accounts={account: AccountSettings(system=adapter.system)}, **more)
    database = open_database(f"sqlite:///{folder}/bridge.db")
    with Bridge(settings, database=database, adapters={account: adapter}, mailer=outbox, clock=clock) as bridge:
        yield bridge


@contextmanager
def in_memory(folder: Path, way: type[MemoryAdapter] = MemoryAdapter, **rules: Any) -> Iterator[Portal]:
    """A portal over the back office in memory."""
    clock, outbox = TestClock(), Outbox()
    office = MemoryOffice(clock, facilities=("F1", "F2"))
    office.books.gate_codes["F1", "015"] = "9911#"
    office.books.logins["F1", "ana@example.test"] = ("fake-pw-77", "T1")
    with _bridge(folder, office.account, way(office), clock, outbox, portal=PortalSettings(**rules)) as bridge:
        yield Portal(
            "memory", bridge, clock, outbox, "F1", "T1", "T2", "T3", ("ana@example.test", "fake-pw-77"),
            {"015": "9911#"}, lambda: len(office.applied), office=office, second="B-7",
        )  # fmt: skip


@contextmanager
def before_sandbox(folder: Path, control: SandboxControl, **rules: Any) -> Iterator[Portal]:
    """A portal over the SiteLink sandbox, with rules of the portal's own."""
    adapter, judge, outbox = adapter_on(control), Judge(control), Outbox()
    clock = TestClock(datetime.fromisoformat(control.health()["now"]).astimezone(UTC))
    rows = adapter.connection.read("TenantInfoByTenantID", SITE, {"iTenantID": int(RENEE)}, drop=())
    login = ("renee.dubois@example.com", seeded_web_password(int(RENEE)))
    portal = PortalSettings(**{"link_address": ENTRANCE, **rules})
    with _bridge(folder, "demo", adapter, clock, outbox, portal=portal) as bridge:
        yield Portal(
            "sitelink", bridge, clock, outbox, SITE, RENEE, SIOBHAN, LUKASZ, login,
            {"015": rows["Table"][0]["sAccessCode"]}, judge.effects, judge=judge,
        )  # fmt: skip


@contextmanager
def before_mapping(folder: Path, name: str = "cubby", *, terms: Terms | None = None, **rules: Any) -> Iterator[Portal]:
    """A portal over the sandbox of a mapping: who rents "001" and "002", and owes a month's rent for each."""
    clock, outbox = TestClock(), Outbox()
    office = MappedOffice(file_of(name), terms, now=clock.now)
    telling = NoticeSettings(addresses=("office@facility.example",))
    with SandboxServer(office) as server:
        options = account_options(office, name, mapping_read(file_of(name)), server.base_url)
        adapter = create("main", options, secrets=SandboxSecrets(office.secrets), clock=clock)
        portal = PortalSettings(**{"link_address": ENTRANCE, **rules})
        with _bridge(folder, "main", adapter, clock, outbox, notices=telling, portal=portal) as bridge:
            done = lambda: sum(entry.kind != "desk" for entry in office.books.entries)  # noqa: E731 - counted anew
            yield Portal(
                name if name in shipped_mappings() else "other", bridge, clock, outbox, office.terms.facility,
                "1001", "1002", "1002", ("", ""), {}, done, mapped=office, means=StoredMethod(method_id="4001"),
                number="001", second="002", purpose=ConsentPurpose.MARKETING,
            )  # fmt: skip
        adapter.close()
