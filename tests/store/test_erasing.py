"""Forgetting a person: nothing of theirs is left in any byte, and every trail still proves itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from pmsbridge.errors import IneligibleError, InputError
from pmsbridge.model.documents import Bulletin, Event, EventKind
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.people import Contact, ContactRole, PersonName, Phone, Tenant
from pmsbridge.model.record import VendorRef
from pmsbridge.model.sealed import WebPassword
from pmsbridge.portal.bridge import Bridge
from pmsbridge.ports.outcome import Outcome
from pmsbridge.settings import AccountSettings, PortalSettings, Settings
from pmsbridge.store.audit import Audit, Breach
from pmsbridge.store.database import open_database
from pmsbridge.store.mirror import Scope
from pmsbridge.store.person import Words
from pmsbridge.store.record_rows import rows_of
from pmsbridge.store.tables import METADATA, MIRROR, actions, effects, findings, trail
from pmsbridge.testing.memory import Fault, MemoryAdapter, MemoryOffice, TestClock
from tests.facts.portal import MONEY
from tests.mailbox import Outbox

SECRETS = (
    "Zolltan",
    "Quassnoi",
    "5125550188",
    "(512) 555-0188",
    "zolltan@example.test",
    "Odalys",
    "8 Elm Passage",
    "5125550210",
    "former@example.test",
)
KEPT = ("Robert", "O'Neil", "robert@example.test")


@pytest.fixture(autouse=True)
def _passwords_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmsbridge.accounts.passwords._PASSES", 1)
    monkeypatch.setattr("pmsbridge.accounts.passwords._MEMORY_KIB", 32)


only_sqlite = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
"""For what does not depend on the database."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def office() -> MemoryOffice:
    """T1 is the person; T2 is somebody else."""
    made = MemoryOffice(TestClock())
    tenant = made.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    contact = Contact(
        ref=VendorRef(system="memory", account="mem", facility="F1", entity="contact", id="C1"), tenant_id="T1",
        role=ContactRole.SPOUSE, name=PersonName(first="Odalys", last="Quassnoi"), email="odalys@example.test",
    )  # fmt: skip
    made.books.put("F1", tenant.changed(
        name=PersonName(first="Zolltan", last="Quassnoi"), phone=Phone(raw="(512) 555-0188"),
        email="zolltan@example.test", address=tenant.address.changed(line1="8 Elm Passage"), contacts=(contact,),
    ))  # fmt: skip
    return made


@pytest.fixture
def bridge(address: str, office: MemoryOffice) -> Iterator[Bridge]:
    settings = Settings(
        accounts={"mem": AccountSettings(system="memory")},
        portal=PortalSettings(link_address="https://portal.example/enter?token={token}"),
    )
    with Bridge(
        settings, database=open_database(address), adapters={"mem": MemoryAdapter(office)}, mailer=Outbox(),
        clock=office.clock,
    ) as made:  # fmt: skip
        yield made


def lived(bridge: Bridge, tenant_id: str = "T1", **contact: str) -> None:
    """Everything a person does in a portal."""
    bridge.sync()
    session = bridge.tenant("F1", tenant_id)
    tenant, rental = session.tenant(), session.account().rentals[0].id
    name = tenant.name.first
    session.edit_contact(
        {"alternate.name.first": name, "mobile": f"51255502{tenant_id[1:]}0"}, key=f"edit-{tenant_id}-0001"
    )
    session.ask_staff("Question", f"{name} asks: please call.", key=f"ask-{tenant_id}-00001")
    session.add_note(rental, f"{name} moves soon.", key=f"note-{tenant_id}-0001")
    session.pay_rental(rental, MONEY, key=f"pay-{tenant_id}-00001")
    session.reserve("U9", date(2026, 12, 1), key=f"hold-{tenant_id}-0001", comment=f"for {name}")
    session.set_language("fr", key=f"words-{tenant_id}-001")
    bridge.accounts.contact_us(
        "F1", name=tenant.name.full, email=tenant.email, text=f"This is {name}.", key=f"visitor-{tenant_id}"
    )
    assert tenant.phone is not None
    bridge.accounts.register(
        "F1", phone=tenant.phone.raw, email=tenant.email, postal_code=tenant.address.postal_code,
        password=WebPassword("fake-pw-77"),
    )  # fmt: skip
    bridge.accounts.ask_link("F1", tenant.email)
    bridge.runtime.run_due()
    bridge.sync()
    session.dashboard()


def everything(bridge: Bridge, address: str) -> bytes:
    """Every byte of the file and its log; of a server, every column of every table."""
    if address.startswith("sqlite:///"):
        path = Path(address.removeprefix("sqlite:///"))
        return b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))
    with bridge.database.read() as connection:
        rows = [repr(tuple(row)) for table in METADATA.sorted_tables for row in connection.execute(select(table))]
    return "\n".join(rows).encode()


def found(bridge: Bridge, address: str, words: tuple[str, ...]) -> set[str]:
    held = everything(bridge, address).lower()
    return {word for word in words if word.lower().encode() in held}


def broken(bridge: Bridge) -> list[Breach]:
    return [each.breach for each in Audit(bridge.database).troubles()]


@pytest.mark.fact("S1.60")
def test_nothing_of_a_person_is_left_in_any_byte_and_every_trail_still_proves_itself(
    bridge: Bridge, address: str
) -> None:
    lived(bridge)
    lived(bridge, "T2")
    with bridge.database.write() as connection:  # what some back offices are asked before an edit
        edit = (effects.c.kind == "change_contact", effects.c.tenant_id == "T1")
        connection.execute(update(effects).where(*edit).values(baseline={"before.email": "former@example.test"}))
    assert found(bridge, address, SECRETS) == set(SECRETS)
    before = {view.action_id: view.outcome for view in bridge.runtime.actions()}
    heads = list(Audit(bridge.database).heads())

    done = bridge.erase("F1", "T1", actor="staff:ann")

    assert found(bridge, address, SECRETS) == set()
    assert found(bridge, address, KEPT) == set(KEPT)
    assert broken(bridge) == []
    assert list(Audit(bridge.database).missing(heads)) == []
    assert {view.action_id: view.outcome for view in bridge.runtime.actions()} == before
    assert done.is_wiped is address.startswith("sqlite")
    assert done.comes_back
    told = [
        entry for action_id in before for entry in bridge.runtime.trail(action_id) if entry.event == "erased"
    ]  # fmt: skip
    assert told
    assert {entry.data["actor"] for entry in told} == {"staff:ann"}
    assert all(bridge.runtime.verify_trail(action_id) for action_id in before)
    (paid,) = [view for view in bridge.tenant("F1", "T1").actions() if view.kind == "pay_rental"]
    assert paid.outcome is Outcome.SETTLED
    assert bridge.logins.of_person("mem", "F1", "T1") is None
    assert bridge.logins.of_person("mem", "F1", "T2") is not None


def test_a_dry_run_counts_what_would_go_and_changes_nothing(bridge: Bridge, address: str) -> None:
    lived(bridge)
    before = everything_by_table(bridge)

    counted = bridge.erase("F1", "T1", actor="staff:ann", dry_run=True)

    assert everything_by_table(bridge) == before
    assert counted.is_dry_run
    done = bridge.erase("F1", "T1", actor="staff:ann")
    assert done.rows == counted.rows
    assert {"actions", "logins", "links", "account copies", "tenant", "rental", "changes of the mirror"} <= set(
        done.rows
    )
    assert bridge.erase("F1", "T1", actor="staff:ann").rows == {}


def everything_by_table(bridge: Bridge) -> dict[str, list[Any]]:
    with bridge.database.read() as connection:
        return {table.name: list(connection.execute(select(table))) for table in METADATA.sorted_tables}


@only_sqlite
def test_what_is_not_over_is_not_erased(bridge: Bridge, office: MemoryOffice, address: str) -> None:
    bridge.sync()
    session = bridge.tenant("F1", "T1")
    office.fail(Fault.DROP_AFTER, kind="add_note")
    note = session.add_note("R1", "Zolltan calls.", key="note-0001-1")
    assert note.outcome is Outcome.PENDING

    with pytest.raises(IneligibleError) as refused:
        bridge.erase("F1", "T1", actor="staff:ann")

    assert refused.value.code == "actions_open"
    assert note.action_id in str(refused.value)
    assert "Quassnoi" in found(bridge, address, SECRETS)
    assert isinstance(office.clock, TestClock)
    for _ in range(10):
        office.clock.advance(timedelta(minutes=20))
        bridge.runtime.run_due()
    assert bridge.erase("F1", "T1", actor="staff:ann").rows
    assert found(bridge, address, SECRETS) == set()


def test_words_that_a_back_office_repeated_in_a_trail_are_taken_out_and_the_trail_still_proves_itself(
    bridge: Bridge, office: MemoryOffice, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.sync()
    monkeypatch.setattr(
        "pmsbridge.testing.memory_office._before", lambda planned: refusal("Quassnoi, Zolltan is blocked")
    )
    office.fail(Fault.REJECT, kind="add_note")
    view = bridge.tenant("F1", "T1").add_note("R1", "Please call.", key="note-0001-1")
    assert view.outcome is Outcome.DECLINED
    assert "Quassnoi" in repr(bridge.runtime.trail(view.action_id))

    bridge.erase("F1", "T1", actor="staff:ann")

    assert found(bridge, address, SECRETS) == set()
    assert broken(bridge) == []
    assert bridge.runtime.verify_trail(view.action_id)
    (declined,) = [each for each in bridge.runtime.trail(view.action_id) if each.event == "declined"]
    with bridge.database.write() as connection:
        one = (trail.c.action_id == view.action_id, trail.c.number == declined.number)
        connection.execute(update(trail).where(*one).values(data=json.dumps({**declined.data, "why": "never mind"})))
    assert Breach.ENTRY in broken(bridge)
    assert not bridge.runtime.verify_trail(view.action_id)


def refusal(text: str) -> Exception:
    from pmsbridge.errors import RejectedError

    return RejectedError(text, code="-1")


@only_sqlite
@pytest.mark.parametrize("column", ["payload", "target", "evidence"])
def test_what_was_changed_after_an_erasure_is_found(bridge: Bridge, column: str) -> None:
    lived(bridge)
    bridge.erase("F1", "T1", actor="staff:ann")
    assert broken(bridge) == []
    with bridge.database.write() as connection:
        row = connection.execute(select(effects).where(effects.c.kind == "send_mail").limit(1)).mappings().one()
        changed = {
            "payload": row["payload"].replace("[erased]", "paid"), "target": "elsewhere", "evidence": "it was sent",
        }  # fmt: skip
        connection.execute(update(effects).where(effects.c.key == row["key"]).values({column: changed[column]}))

    assert Breach.STEP in broken(bridge)


@only_sqlite
def test_the_intent_of_an_erased_action_cannot_be_changed_unseen(bridge: Bridge) -> None:
    lived(bridge)
    bridge.erase("F1", "T1", actor="staff:ann")
    with bridge.database.write() as connection:
        connection.execute(update(actions).where(actions.c.kind == "edit_contact").values(intent='{"erased": false}'))

    assert Breach.ASKED in broken(bridge)


@only_sqlite
def test_what_was_erased_is_never_asked_for_again(
    bridge: Bridge, office: MemoryOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.sync()
    monkeypatch.setattr(bridge.runtime.settings.__class__, "is_urgent", lambda *_: True)
    office.fail(Fault.REFUSE, kind="add_note", times=50)
    view = bridge.tenant("F1", "T1").add_note("R1", "Please call.", key="note-0001-1")
    assert isinstance(office.clock, TestClock)
    for _ in range(60):
        office.clock.advance(timedelta(hours=2))
        bridge.runtime.run_due()
    assert bridge.runtime.action(view.action_id).outcome is Outcome.NOT_SENT
    bridge.erase("F1", "T1", actor="staff:ann")

    with pytest.raises(InputError) as refused:
        bridge.runtime.retry(view.action_id, "staff:ann")

    assert refused.value.code == "action_erased"


@only_sqlite
def test_a_record_that_was_merged_goes_with_the_one_it_became(
    bridge: Bridge, address: str, office: MemoryOffice
) -> None:
    from pmsbridge.store.mirror_writes import Scope

    tenant = office.books.find(Tenant, "F1", "T3")
    assert tenant is not None
    office.books.put("F1", tenant.changed(name=PersonName(first="Zolltan", last="Kwasnoy"), email="old@example.test"))
    bridge.sync()
    bridge.mirror.identities.merge(Scope("mem", "F1", "tenant"), "T3", "T1")

    bridge.erase("F1", "T1", actor="staff:ann")

    assert found(bridge, address, (*SECRETS, "Kwasnoy", "old@example.test")) == set()


def test_what_the_back_office_still_lists_comes_back_with_the_next_copy(bridge: Bridge, address: str) -> None:
    bridge.sync()
    bridge.erase("F1", "T1", actor="staff:ann")
    assert bridge.mirror.tenant("mem", "F1", "T1") is None

    bridge.sync(full=True)

    assert bridge.mirror.tenant("mem", "F1", "T1") is not None
    assert {each.tenant_id for each in bridge.mirror.rentals("mem", "F1")} == {"T1", "T2", "T3"}


WORDS_OF_OURS = ("Lang", "Subject", "Main", "Unit")
OF_OTHERS = "We cannot afford it. Unit 12 near the main gate: a kind of text post."


@pytest.mark.parametrize("last", WORDS_OF_OURS)
@only_sqlite
def test_a_surname_that_is_a_word_takes_nothing_from_others(bridge: Bridge, office: MemoryOffice, last: str) -> None:
    renamed(office, "Anna", last)
    bridge.sync()
    of_another(bridge)
    before = kept_of_others(bridge)

    bridge.erase("F1", "T1", actor="staff:ann")

    assert kept_of_others(bridge) == before


@only_sqlite
def test_an_open_question_of_a_stranger_stands_in_nobodys_way(bridge: Bridge, office: MemoryOffice) -> None:
    renamed(office, "Anna", "Lang")
    bridge.sync()
    office.fail(Fault.DROP_AFTER, kind="post_bulletin")
    asked = bridge.accounts.contact_us("F1", name="Bo Vee", email="bo@x.test", text=OF_OTHERS, key="visitor-1")

    bridge.erase("F1", "T1", actor="staff:ann")

    assert "erased" not in repr(bridge.runtime.trail(asked.action_id))


@pytest.mark.parametrize(
    ("said", "goes"),
    [
        ("Anna Lang", True), ("my ex anna, now called LANG.", True), ("Lang's unit", False),
        ("Annabel Lang", False), ("mail zolltan@example.test!", True), ("mail the.zolltan@example.test", False),
        ("call (512) 555-0188", True), ("call 95125550188", False), ("see anna_lang.pdf", True),
    ],
)  # fmt: skip
def test_whatever_names_the_person_for_sure_is_theirs(said: str, *, goes: bool) -> None:
    sure = ["(512) 555-0188", "5125550188", "zolltan@example.test"]
    words = Words([*sure, "Lang", "Anna Lang"], sure=sure, names=[("Anna", "Lang")])

    assert words.are_surely_in(said) is goes
    assert words.are_surely_in_document(json.dumps({"body": said, "language": "Anna Lang"})) is goes


@only_sqlite
def test_a_post_that_names_the_person_goes_and_one_with_a_word_of_theirs_stays(
    bridge: Bridge, office: MemoryOffice
) -> None:
    renamed(office, "Anna", "Lang")
    bridge.sync()
    posted(bridge, "Lang and short are the ways to the gate.", "Lang, Anna: called twice.")

    bridge.erase("F1", "T1", actor="staff:ann")

    assert bridge.mirror.get("mem", "F1", Bulletin.entity, "B-0") is not None
    assert bridge.mirror.get("mem", "F1", Bulletin.entity, "B-1") is None


def renamed(office: MemoryOffice, first: str, last: str) -> None:
    tenant = office.books.find(Tenant, "F1", "T1")
    assert tenant is not None
    office.books.put("F1", tenant.changed(name=PersonName(first=first, last=last), contacts=()))


def posted(bridge: Bridge, *bodies: str) -> None:
    """Posts as a night has copied them: B-0, B-1 ..."""
    posts = [Bulletin(ref=ref("bulletin", f"B-{n}"), subject="News", body=body) for n, body in enumerate(bodies)]
    bridge.mirror.reading(Scope("mem", "F1", Bulletin.entity), "r1", is_full=False).take(rows_of(posts))


def ref(entity: str, id_: str) -> VendorRef:
    return VendorRef(system="memory", account="mem", facility="F1", entity=entity, id=id_)


def of_another(bridge: Bridge) -> None:
    """A question, a post, an event and a finding, in which nobody is named."""
    now = bridge.clock.now()
    posted(bridge, OF_OTHERS)
    event = Event(ref=ref("event", "E-1"), kind=EventKind.SOCIAL, title=OF_OTHERS, starts_at=now)
    bridge.mirror.reading(Scope("mem", "F1", Event.entity), "r1", is_full=False).take(rows_of([event]))
    bridge.accounts.contact_us("F1", name="Bo Vee", email="bo@x.test", text=OF_OTHERS, key="visitor-1")
    bridge.runtime.findings.add(
        Finding(
            code="balance_gap", severity=Severity.WARNING, account="mem", facility="F1", subject="Unit/afford/main",
            text=OF_OTHERS, found_at=now,
        )
    )  # fmt: skip


def kept_of_others(bridge: Bridge) -> dict[str, list[Any]]:
    tables = (actions, effects, trail, findings, MIRROR.nouns[Bulletin.entity], MIRROR.nouns[Event.entity])
    with bridge.database.read() as connection:
        held = {table.name: [tuple(row) for row in connection.execute(select(table))] for table in tables}
    assert sum("afford" in repr(rows) for rows in held.values()) == len((effects, findings, "posts", "events"))
    return held


@only_sqlite
def test_whoever_was_never_known_leaves_nothing_to_erase(bridge: Bridge) -> None:
    bridge.sync()

    assert bridge.erase("F1", "T99", actor="staff:ann").rows == {}
    with pytest.raises(InputError):
        bridge.erase("F1", "T1", actor="")
