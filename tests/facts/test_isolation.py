"""No id of anybody else reaches anything: every public method, every id it takes, from near and from far.

Somebody else is another tenant of the facility, a tenant of another facility, and one of another account. Whatever is
theirs must be answered as what does not exist at all.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from pmsbridge.actions.sections import ShopItem
from pmsbridge.errors import InputError, NotFoundError, PmsBridgeError, UnsupportedError
from pmsbridge.model.documents import Document, DocumentKind
from pmsbridge.model.interactions import Channel, Direction, RecordedInteraction
from pmsbridge.model.invoices import Invoice, InvoiceLine, InvoiceState
from pmsbridge.model.money import Money
from pmsbridge.model.payments import Allocation, Payment, PaymentState, StoredMethod
from pmsbridge.model.people import Contact, ContactRole, PersonName, Tenant
from pmsbridge.model.record import VendorRef
from pmsbridge.model.rental import ItemOut, RentalKind
from pmsbridge.model.sealed import GateCode, WebPassword
from pmsbridge.portal.access import IdentityCheck
from pmsbridge.portal.bridge import Bridge
from pmsbridge.portal.entrance import Entrance
from pmsbridge.portal.session import TenantSession
from pmsbridge.portal.staff import StaffDesk
from pmsbridge.ports.adapter import Entity, Query, TenantSearch
from pmsbridge.settings import AccountSettings, PortalSettings, Settings
from pmsbridge.store.database import open_database
from pmsbridge.store.logins import Logins
from pmsbridge.testing.memory import MemoryOffice, TestClock
from pmsbridge.testing.memory_billing import BillingMemoryAdapter
from tests.facts.portal import MONEY, Portal
from tests.mailbox import Outbox

DAY: Final = date(2026, 11, 21)
SOON: Final = date(2026, 12, 1)
NOWHERE: Final = "elsewhere-0"
ORIGINS: Final = ("tenant", "facility", "account")

IDS: Final = (
    "rental_id", "item_id", "unit_id", "document_id", "invoice_id", "invoice_ids", "payment_id", "action_id", "quote",
    "tenant_id", "contact_id", "request_id", "means", "method", "lines", "message_id",
    "call_off_id",
)  # fmt: skip
"""Names of parameters by which something of somebody is meant."""

SAID: Final = RecordedInteraction(
    message_id="call-1", direction=Direction.IN, channel=Channel.PHONE, at=datetime(2026, 11, 20, tzinfo=UTC)
)
GIVEN: Final[dict[str, Any]] = {
    "at": SAID.at, "said": SAID, "sender": "stranger@example.test",
    "actor": "staff:ann", "amount": Money.of("1.00", "USD"), "as_of": DAY, "changes": {"email": "a@example.test"},
    "channel": "email", "data": b"%PDF-1.7", "days_after_due": None, "facility": "F1",
    "granted": True, "identity": IdentityCheck(phone="5125550101", postal_code="78701"),
    "instalments": {SOON: Money.of("1.00", "USD")}, "language": "en", "leaving_on": date(2026, 12, 31),
    "months": 1, "moving_on": SOON, "needed_on": SOON, "on": SOON,
    "purpose": "marketing",
    "quantity": 1, "reason": "A lock", "subject": "A door", "text": "It squeaks.", "title": "a.pdf", "wanted_on": SOON,
}  # fmt: skip
"""What a method is given beside ids, where it has no default."""

MADE: Final[dict[tuple[str, str], Callable[[], Any]]] = {
    ("change_access_code", "code"): lambda: GateCode("73915#"), ("set_autopay", "on"): lambda: False,
}  # fmt: skip
"""The same, for one method alone; secrets are used up by a call."""

BESIDE: Final[dict[tuple[str, str], str]] = {("available_actions", "lines"): "invoice_id"}
"""What a parameter is given together with: an id of one's own that has a default."""

WITHOUT: Final = frozenset({
    "access", "access_code", "account", "address", "asks_back_offices", "attachments", "believe_deletions", "body",
    "by", "close_at", "code", "comment", "current", "days", "direction", "dry_run", "due_on", "email", "entities",
    "every_rental", "expires_on", "facilities", "findings", "full", "gate_code", "given", "headers", "identity",
    "include_archived", "is_done", "is_open", "key", "kind", "least_percent", "limit", "limit_bytes", "live", "login",
    "name", "new", "older_than", "password", "path", "permissions", "phone", "place", "postal_code", "progress",
    "read_ledgers", "rewrite", "search", "seen", "session", "since", "to_come", "token", "transaction", "unit_number",
    "until", "visibility", "wait", "watch",
})  # fmt: skip
"""Parameters that name nothing of anybody: words, days, sessions, and secrets that only their owner has."""

FACES: Final[dict[str, type]] = {
    "session": TenantSession, "desk": StaffDesk, "accounts": Entrance, "bridge": Bridge,
}  # fmt: skip


def parameters(kind: type, name: str) -> dict[str, inspect.Parameter]:
    held = dict(inspect.signature(getattr(kind, name)).parameters)
    held.pop("self", None)
    return held


def methods(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]


def reaching() -> list[tuple[str, str, str]]:
    """Every face, method and parameter by which something of somebody is meant."""
    return [
        (face, name, parameter) for face, kind in FACES.items() for name in methods(kind)
        for parameter in parameters(kind, name) if parameter in IDS
    ]  # fmt: skip


def ref(account: str, facility: str, entity: str, id_: str) -> VendorRef:
    return VendorRef(system="memory", account=account, facility=facility, entity=entity, id=id_)


class Books:
    """Gives one tenant something of everything, under ids with one number."""

    def __init__(self, office: MemoryOffice, facility: str, tenant_id: str, number: str) -> None:
        self.office, self.facility, self.tenant_id, self.number = office, facility, tenant_id, number

    def ref(self, entity: str, sign: str) -> VendorRef:
        return ref(self.office.account, self.facility, entity, f"{sign}{self.number}")

    def fill(self) -> None:
        books, clock, who = self.office.books, self.office.clock, self.tenant_id
        known = books.find(Tenant, self.facility, who)
        tenant = known or Tenant(
            ref=ref(self.office.account, self.facility, "tenant", who), name=PersonName(first="Zoë", last="Fern"),
            email=f"{who.lower()}@example.test", is_active=True,
        )  # fmt: skip
        contact = Contact(
            ref=self.ref("contact", "C"), tenant_id=who, role=ContactRole.BOOKKEEPER, name=PersonName(first="Odile"),
            email=f"odile{self.number}@example.test",
        )  # fmt: skip
        books.put(self.facility, tenant.changed(contacts=(contact,)))
        books.add_rental(self.facility, f"R{self.number}", who, f"U-{self.number}", clock.now())
        contract = books.add_rental(self.facility, f"K{self.number}", who, f"K-{self.number}", clock.now())
        item = ItemOut(
            ref=self.ref("item_out", "I"),
            rental_id=contract.id,
            ordered=Decimal(2),
            out=Decimal(2),
            returned=Decimal(0),
        )
        books.put(self.facility, contract.changed(kind=RentalKind.CONTRACT, items=(item,)))
        books.add_method(self.facility, who, f"M{self.number}")
        self._bill()

    def _bill(self) -> None:
        books, who, amount = self.office.books, self.tenant_id, Money.of("5.00", "USD")
        rental, none = f"R{self.number}", Money.of("0.00", "USD")
        line = InvoiceLine(id=f"L{self.number}", rental_id=rental, net=amount * 3, tax=none)
        books.put(self.facility, Invoice(
            ref=self.ref("invoice", "N"), tenant_id=who, number=self.number, state=InvoiceState.SENT, issued_on=DAY,
            lines=(line,), total=amount * 3,
        ))  # fmt: skip
        books.put(self.facility, Document(
            ref=self.ref("document", "D"), tenant_id=who, kind=DocumentKind.CONTRACT, title="Contract"
        ))  # fmt: skip
        books.payments.append((self.facility, Payment(
            ref=self.ref("payment", "P"), tenant_id=who, amount=amount, state=PaymentState.SUCCEEDED, paid_on=DAY,
            allocations=(Allocation(rental_id=f"R{self.number}", amount=amount),),
        )))  # fmt: skip


@dataclass
class World:
    """Two accounts, two facilities of one, and somebody with everything in each place.

    Attributes:
        ids: By origin, and "own", an id for each of ``IDS``.
    """

    bridge: Bridge
    offices: tuple[MemoryOffice, ...]
    ids: dict[str, dict[str, Any]]

    def face(self, name: str) -> Any:
        faces: dict[str, Callable[[], Any]] = {
            "session": lambda: self.bridge.tenant("mem/F1", "T1", actor="staff:ann"),
            "desk": lambda: self.bridge.staff("mem/F1", "T1", actor="staff:ann"),
            "accounts": lambda: self.bridge.accounts, "bridge": lambda: self.bridge,
        }  # fmt: skip
        return faces[name]()

    def changes(self) -> tuple[int, ...]:
        """What the offices carried out, and how many actions there are."""
        return (*(len(office.applied) for office in self.offices), len(self.bridge.runtime.actions()))


def ids_of(bridge: Bridge, place: str, tenant_id: str, number: str, click: str) -> dict[str, Any]:
    """Ids of everything that one tenant has."""
    session = bridge.tenant(place, tenant_id, actor="staff:ann")
    bridge.record_mail(place, message_id=f"mail-{number}", sender="visitor@example.test", at=SAID.at)
    if number == "62":
        bridge.staff(place, tenant_id, actor="staff:ann").take_mail("mail-62")
    return {
        "call_off_id": session.request_call_off(
            f"K{number}", f"I{number}", 1, SOON, key=f"call-off-{click}"
        ).action_id,
        "message_id": f"mail-{number}",
        "rental_id": f"R{number}", "item_id": f"I{number}", "unit_id": f"U{number}", "document_id": f"D{number}",
        "invoice_id": f"N{number}", "invoice_ids": [f"N{number}"], "payment_id": f"P{number}", "tenant_id": tenant_id,
        "means": StoredMethod(method_id=f"M{number}"), "method": StoredMethod(method_id=f"M{number}"),
        "lines": [f"L{number}"],
        "contact_id": f"C{number}", "quote": session.quote(f"R{number}").id,
        "action_id": session.ask_staff("A question", "Is there one?", key=f"click-{click}").action_id,
        "request_id": session.ask_payment(
            Money.of("1.00", "USD"), "A lock", key=f"request-{click}", rental_id=f"R{number}"
        ).action_id,
    }  # fmt: skip


def login(logins: Logins, place: str, tenant_id: str, contact_id: str = "") -> None:
    account, _, facility = place.partition("/")
    logins.keep(account, facility, tenant_id, contact_id, name=f"{tenant_id}{contact_id}@{facility}.test".casefold())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    clock = TestClock()
    here = MemoryOffice(clock, facilities=("F1", "F2"))
    south = MemoryOffice(clock, account="south", facilities=("S1",))
    everybody = {
        "own": (here, "mem/F1", "T1", "51"), "tenant": (here, "mem/F1", "T2", "62"),
        "facility": (here, "mem/F2", "T77", "77"), "namesake": (here, "mem/F2", "T1", "99"),
        "account": (south, "south/S1", "T88", "88"),
    }  # fmt: skip
    for office, place, tenant_id, number in everybody.values():
        Books(office, place.partition("/")[2], tenant_id, number).fill()
    settings = Settings(
        accounts={name: AccountSettings(system="memory") for name in ("mem", "south")},
        portal=PortalSettings(
            shop=(ShopItem(id="I51", name="A lock"),), link_address="https://portal.example/enter?token={token}"
        ),
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("isolation")
    with Bridge(
        settings, database=open_database(f"sqlite:///{folder}/bridge.db"), mailer=Outbox(), clock=clock,
        adapters={"mem": BillingMemoryAdapter(here), "south": BillingMemoryAdapter(south)},
    ) as bridge:  # fmt: skip
        bridge.sync()
        ids = {}
        for name, (_, place, tenant_id, number) in everybody.items():
            login(bridge.logins, place, tenant_id)
            login(bridge.logins, place, tenant_id, f"C{number}")
            ids[name] = ids_of(bridge, place, tenant_id, number, f"of-{name}")
        ids["tenant"]["unit_id"] = ids["facility"]["unit_id"]  # a unit is nobody's own; one elsewhere is out of reach
        ids["own"]["unit_id"] = "U9"
        mine = bridge.tenant("mem/F1", "T1", actor="staff:ann")
        mine.change_access_code("R51", GateCode("73915#"), key="click-of-a-code")
        nothing = StoredMethod(method_id=NOWHERE)
        ids["nowhere"] = {
            **dict.fromkeys(IDS, NOWHERE), "invoice_ids": [NOWHERE], "lines": [NOWHERE], "means": nothing,
            "method": nothing,
        }  # fmt: skip
        yield World(bridge, (here, south), ids)


def call(world: World, face: str, name: str, **given: Any) -> object:
    """Call with ids of one's own but for those that are given; what is opened or bound later is used, too."""
    kind, own = FACES[face], dict(world.ids["own"])
    if name == "request_call_off":
        own["rental_id"] = "K51"
    arguments: dict[str, Any] = {}
    beside = {BESIDE[name, each] for each in given if (name, each) in BESIDE}
    for parameter in parameters(kind, name).values():
        if parameter.name in given:
            arguments[parameter.name] = given[parameter.name]
        elif parameter.name in beside or (parameter.name in IDS and parameter.default is inspect.Parameter.empty):
            arguments[parameter.name] = own[parameter.name]
        elif (name, parameter.name) in MADE:
            arguments[parameter.name] = "method" in given or MADE[name, parameter.name]()
        elif parameter.name == "key":
            arguments["key"] = hashlib.sha256(f"{face} {name} {given}".encode()).hexdigest()
        elif parameter.name == "dry_run":
            arguments["dry_run"] = True
        elif parameter.default is inspect.Parameter.empty:
            arguments[parameter.name] = GIVEN[parameter.name]
    if face in {"accounts", "bridge"}:
        arguments["facility"] = "mem/F1"
    found = getattr(world.face(face), name)(**arguments)
    if isinstance(found, AbstractContextManager):  # a document is fetched when it is opened
        with found:
            pass
    return found.account() if isinstance(found, TenantSession | StaffDesk) else found


def answer(world: World, face: str, name: str, **given: Any) -> object:
    """What comes of it: an error by class, code and words, or what is returned."""
    try:
        return call(world, face, name, **given)
    except PmsBridgeError as error:
        return (type(error), error.code, str(error))


def values(world: World, face: str, parameter: str) -> Iterator[Any]:
    """Everybody else's, for a parameter."""
    is_of_staff = face in {"accounts", "bridge"} and parameter == "tenant_id"  # staff may mean any tenant of theirs
    for origin in ORIGINS:
        if not (is_of_staff and origin == "tenant"):
            yield world.ids[origin][parameter]
    if parameter == "quote":
        yield world.bridge.tenant("mem/F1", "T2").quote("R62")
    if parameter in {"quote", "action_id", "request_id"}:  # the same tenant's id at another facility
        yield world.ids["namesake"][parameter]


@pytest.mark.fact("S0.1", "S3.5")
@pytest.mark.parametrize(("face", "name", "parameter"), reaching())
def test_what_is_somebody_elses_is_answered_as_what_does_not_exist(
    world: World, face: str, name: str, parameter: str
) -> None:
    unknown = answer(world, face, name, **{parameter: world.ids["nowhere"][parameter]})
    others = list(values(world, face, parameter))
    before = world.changes()

    answers = [answer(world, face, name, **{parameter: each}) for each in others]

    assert world.changes() == before
    assert answers == [unknown] * len(answers)
    if (face, name) == ("accounts", "standing"):
        assert unknown is None
    elif name in {"hold", "lift_hold", "record_mail"}:  # of whom and of what nothing is known here, too
        assert not isinstance(unknown, tuple)
    elif (face, name) == ("bridge", "erase"):
        assert getattr(unknown, "rows", None) == {}
    else:
        assert isinstance(unknown, tuple)
        assert unknown[0] is (InputError if parameter == "quote" else NotFoundError)


@pytest.mark.parametrize(("face", "name", "parameter"), reaching())
def test_the_same_call_with_ones_own_id_is_understood(world: World, face: str, name: str, parameter: str) -> None:
    own = "K51" if (name, parameter) == ("request_call_off", "rental_id") else world.ids["own"][parameter]

    found = answer(world, face, name, **{parameter: own})

    if name == "attach_document":
        assert found == (UnsupportedError, "not_supported", "This back office cannot attach document.")
    elif isinstance(found, tuple) and found and isinstance(found[0], type):
        assert found[0] not in {NotFoundError, InputError, UnsupportedError}, found


def test_every_parameter_of_every_method_is_known_to_name_something_or_nothing() -> None:
    """Fails for a new parameter: say in ``IDS`` that it means something of somebody, or elsewhere that it does not."""
    found = {p for kind in FACES.values() for name in methods(kind) for p in parameters(kind, name)}

    assert found - {*IDS, *GIVEN, *WITHOUT} == set()
    assert {*IDS, *WITHOUT} - found == set()
    assert not [each for each in {*GIVEN, *WITHOUT} if each.endswith(("_id", "_ids"))]
    assert len(reaching()) >= 40


@pytest.mark.fact("S0.1")
@pytest.mark.parametrize("back_office", ["sitelink"], indirect=True)
def test_no_id_of_another_tenant_or_facility_is_of_use_before_another_back_office(portal: Portal) -> None:
    bridge, office = portal.bridge, portal.bridge.adapters["demo"]
    mine = portal.of(portal.busy, actor="staff:ann")
    own = {row.id for row in mine.account().rentals}
    batches = office.fetch(Query(Entity.RENTALS, "L002"))
    away = next(each for batch in batches for each in batch.records if each.id not in own)  # ids are a facility's own
    strangers = [
        (portal.of(portal.other, actor="staff:ann"), portal.of(portal.other).account().rentals[0].rental),
        (bridge.tenant("L002", away.tenant_id, actor="staff:ann"), away),  # type: ignore[attr-defined]
    ]
    reached = []
    for number, (stranger, rental) in enumerate(strangers):
        asked = stranger.ask_staff("A question", "Is there one?", key=f"click-stranger-{number}")
        theirs: dict[str, Any] = {
            "rental_id": rental.id, "action_id": asked.action_id, "document_id": f"our:receipt:{rental.id}:1",
            "method": StoredMethod(method_id=f"{rental.id}:card"),
        }  # fmt: skip
        assert rental.id not in own
        before = portal.changes()
        for face, name, parameter in reaching():
            if parameter not in theirs or face not in {"session", "desk"}:
                continue
            target = mine if face == "session" else bridge.staff(portal.facility, portal.busy, actor="staff:ann")
            try:
                found = _used(target, name, {parameter: theirs[parameter]}, portal)
            except (NotFoundError, UnsupportedError):
                continue
            reached.append((name, parameter, found))
        assert portal.changes() == before
    assert reached == []


def _used(target: object, name: str, given: dict[str, Any], portal: Portal) -> object:
    arguments = dict(given)
    for parameter in parameters(type(target), name).values():
        if parameter.name == "key":
            arguments["key"] = portal.key
        elif (name, parameter.name) in MADE:
            arguments[parameter.name] = "method" in given or MADE[name, parameter.name]()
        elif parameter.name not in given and parameter.default is inspect.Parameter.empty:
            own = {"rental_id": portal.row().id} if parameter.name == "rental_id" else {}
            made_up = {**GIVEN, "means": MONEY, "unit_id": "1", "item_id": "1", "payment_id": "1", **own}
            arguments[parameter.name] = made_up[parameter.name]
    found = getattr(target, name)(**arguments)
    if isinstance(found, AbstractContextManager):
        with found:
            pass
    return found


def test_searching_at_one_facility_finds_nobody_of_another(world: World) -> None:
    search = TenantSearch(email="t77@example.test")

    assert world.bridge.find_tenants("mem/F1", search) == []
    assert all(match.is_elsewhere for match in world.bridge.search_tenants("mem/F1", search))
    assert world.bridge.accounts.sign_in("mem/F1", "t77@example.test", WebPassword("fake-pw-77")) is None
