"""A mapping that reads a calendar and requests: the portal shows them. One that reads none says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import UnavailableError, UnsupportedError
from pmsbridge.model.documents import EventKind
from pmsbridge.model.requests import RequestKind, RequestState
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.books import CalendarlessPort, EventPort, RequestPort, UntoldRequestsPort
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import RestAdapter, create
from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.reading import examine
from tests.adapters.rest.wire.harbor_office import HarborOffice, bad, good, opened_harbor
from tests.adapters.rest.wire.test_adapter import HARBOR, SECRETS, SITE, options

CODECS = """
  event_kind: {kind: enum, words: {visit: appointment, party: social}}
  ticket_state: {kind: enum, words: {open: sent, seen: acknowledged, done: done}}
"""
NOUNS = """
  events:
    of_tenant: {get: "/customers/{read.tenant_id}/visits"}
    all: {get: "/sites/{option.site}/days"}
    for_everybody: {type: party}
    fields:
      id: id
      tenant_id: {at: customer_id, missing: default}
      kind: {at: type, codec: event_kind}
      title: name
      starts_at: {at: starts, codec: local_time}
  requests:
    of_tenant: {get: "/customers/{read.tenant_id}/tickets"}
    fields:
      id: id
      tenant_id: customer_id
      kind: {value: service}
      state: {at: state, codec: ticket_state}
      vendor_state: state
      reference: ref
      asked_at: {at: opened, codec: local_time}
"""


def event(number: str, name: str, starts: str, *, kind: str = "visit", whose: str | None = None) -> dict[str, Any]:
    row = {"id": number, "type": kind, "name": name, "starts": starts}
    return row if whose is None else {**row, "customer_id": whose}


def ticket(number: str, state: str, opened: str, *, whose: str = "7") -> dict[str, Any]:
    return {"id": number, "customer_id": whose, "state": state, "ref": f"PB-{number}", "opened": opened}


@pytest.fixture
def office() -> Iterator[HarborOffice]:
    visits = [event("v1", "Oil change", "2031-05-01T09:00:00", whose="7")]
    days = [
        event("d1", "Party", "2031-06-01T18:00:00", kind="party"),
        event("d2", "Delivery", "2031-05-02T09:00:00", whose="8"),
    ]
    tickets = [ticket("T1", "done", "2026-05-01T09:00:00"), ticket("T2", "seen", "2026-05-03T09:00:00"),
               ticket("T3", "open", "2026-05-02T09:00:00", whose="8")]  # fmt: skip
    with opened_harbor() as found:
        found.routes += [
            ("GET", r"/customers/7/visits", lambda _seen: good(visits)),
            ("GET", r"/sites/1/days", lambda _seen: good(days)),
            ("GET", r"/customers/7/tickets", lambda _seen: good(tickets)),
            ("GET", r"/customers/8/tickets", lambda _seen: bad(500, "ODD")),
        ]
        yield found


@pytest.fixture
def mapped() -> str:
    text = HARBOR.read_text(encoding="utf-8")
    return text.replace("\nentities:\n", f"{CODECS}\nentities:\n", 1).replace("\nactions:\n", f"{NOUNS}\nactions:\n", 1)


@pytest.fixture
def adapter(office: HarborOffice, mapped: str, tmp_path: Path) -> Iterator[RestAdapter]:
    file = tmp_path / "harbor.yaml"
    file.write_text(mapped, encoding="utf-8")
    made = create("main", {**options(office, read_attempts=1), "mapping": str(file)}, secrets=SECRETS)
    yield made
    made.close()


def test_events_are_the_tenants_and_those_for_everybody(adapter: RestAdapter) -> None:
    assert isinstance(adapter, EventPort)
    assert isinstance(adapter, CalendarlessPort)
    assert adapter.keeps_calendar
    found = adapter.events(SITE, "7")

    assert [(each.title, each.kind, each.tenant_id) for each in found] == [
        ("Oil change", EventKind.APPOINTMENT, "7"), ("Party", EventKind.SOCIAL, None),
    ]  # fmt: skip
    assert found[0].starts_at == datetime(2031, 5, 1, 14, tzinfo=UTC)  # nine o'clock in Chicago


EVERYBODYS = "    for_everybody: {type: party}\n"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (EVERYBODYS, ["Oil change", "Party"]),
        (EVERYBODYS.replace("type: party", "type: {present: true}"), ["Oil change", "Inspection", "Party"]),
        ("", ["Oil change"]),
    ],
)
def test_a_row_that_names_no_tenant_is_everybodys_only_where_the_mapping_says_so(
    office: HarborOffice, mapped: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, said: str, shown: list[str]
) -> None:
    visits = [
        event("v1", "Oil change", "2031-05-01T09:00:00", whose="7"),
        event("v2", "Inspection", "2031-05-01T09:00:00"),
    ]
    office.routes.insert(0, ("GET", r"/customers/7/visits", lambda _seen: good(visits)))
    file = tmp_path / "harbor.yaml"
    assert mapped.count(EVERYBODYS) == 1
    file.write_text(mapped.replace(EVERYBODYS, said), encoding="utf-8")
    adapter = create("main", {**options(office, read_attempts=1), "mapping": str(file)}, secrets=SECRETS)

    found = adapter.events(SITE, "7")

    adapter.close()
    assert [each.title for each in found] == shown
    assert ("events_of_nobody" in caplog.text) is (len(shown) < 3)


@pytest.mark.parametrize(
    ("everybodys", "whose", "rules"),
    [
        (EVERYBODYS, "default", []),
        ("", "refuse", []),
        ("", "default", ["event_of_nobody"]),
    ],
)
def test_who_sees_an_event_of_no_tenant_is_to_be_said(
    mapped: str, everybodys: str, whose: str, rules: list[str]
) -> None:
    text = mapped.replace(EVERYBODYS, everybodys)
    text = text.replace("customer_id, missing: default", f"customer_id, missing: {whose}")

    assert [each.rule for each in lint(text.encode()) if each.key == "entities.events"] == rules


def test_only_events_are_for_everybody(mapped: str) -> None:
    text = mapped.replace(EVERYBODYS, "").replace("  requests:\n", f"  requests:\n{EVERYBODYS}")

    found = examine(text.encode()).problems

    assert [(each.key, each.rule) for each in found] == [("entities.requests.for_everybody", "wrong_place")]


@pytest.mark.parametrize(
    ("field", "key", "rule"),
    [
        ("", "entities.events.fields", "missing_field"),
        ("tenant_id: {at: customer_id, dir: write}", "entities.events.fields", "missing_field"),
        ('tenant_id: {value: "{read.tenant_id}"}', "entities.events.fields.tenant_id", "wrong_place"),
        ('tenant_id: {at: customer_id, value: "{read.tenant_id?}"}', "entities.events.fields.tenant_id", "wrong_place"),
    ],
)
def test_a_calendar_of_everybodys_that_does_not_say_whose_a_row_is_is_refused(
    mapped: str, field: str, key: str, rule: str
) -> None:
    whose = "tenant_id: {at: customer_id, missing: default}"
    assert mapped.count(whose) == 1

    found = examine(mapped.replace(whose, field).encode()).problems

    assert [(each.key, each.rule) for each in found] == [(key, rule)]


def test_a_calendar_of_the_tenants_alone_may_say_whose_it_is_by_what_was_asked(mapped: str) -> None:
    everybody = '    all: {get: "/sites/{option.site}/days"}\n'
    own = mapped.replace("{at: customer_id, missing: default}", '{value: "{read.tenant_id}"}')

    assert own != mapped
    assert list(examine(own.replace(everybody, "").encode()).problems) == []


def test_autopay_of_everybodys_by_units_is_refused_for_no_row_says_of_which_rental_it_is(mapped: str) -> None:
    rows = """
  autopay:
    all: {get: "/sites/{option.site}/autopay"}
    fields: {unit_id: unit, tenant_id: customer_id, state: {at: state, codec: autopay_state}}
"""
    codec = "\n  autopay_state: {kind: enum, words: {charged: card}}\nentities:\n"
    by_unit = mapped.replace("\nentities:\n", codec, 1).replace("\nactions:\n", f"{rows}\nactions:\n", 1)
    by_rental = by_unit.replace("{unit_id: unit,", "{rental_id: lease,")
    of_tenant = by_unit.replace('all: {get: "/sites/{option.site}/autopay"}', 'of_tenant: {get: "/a/{read.tenant_id}"}')

    found = {text: [(each.key, each.rule) for each in examine(text.encode()).problems]
             for text in (by_unit, by_rental, of_tenant)}  # fmt: skip

    assert found == {by_unit: [("entities.autopay.all", "wrong_place")], by_rental: [], of_tenant: []}


def test_a_row_of_everybodys_does_not_replace_the_tenants_own(office: HarborOffice, adapter: RestAdapter) -> None:
    both = [
        event("v1", "Engaged", "2031-05-01T09:00:00"),
        event("d9", "Yard closed", "2031-07-01T09:00:00", kind="party"),
    ]
    office.routes.insert(0, ("GET", r"/sites/1/days", lambda _seen: good(both)))

    found = adapter.events(SITE, "7")

    assert [(each.title, each.tenant_id) for each in found] == [("Oil change", "7"), ("Yard closed", None)]


def test_requests_are_the_tenants_newest_first_with_the_moment_they_were_read(adapter: RestAdapter) -> None:
    assert isinstance(adapter, RequestPort)
    assert isinstance(adapter, UntoldRequestsPort)
    assert adapter.tells_requests
    found = adapter.requests(SITE, "7")

    assert [(each.reference, each.kind, each.state, each.vendor_state) for each in found] == [
        ("PB-T2", RequestKind.SERVICE, RequestState.ACKNOWLEDGED, "seen"),
        ("PB-T1", RequestKind.SERVICE, RequestState.DONE, "done"),
    ]  # fmt: skip
    assert all(each.state_read_at is not None for each in found)
    with pytest.raises(UnavailableError):
        adapter.requests(SITE, "8")


def test_a_mapping_that_reads_neither_says_so(office: HarborOffice) -> None:
    plain = create("main", options(office, read_attempts=1), secrets=SECRETS)
    assert (plain.keeps_calendar, plain.tells_requests) == (False, False)
    for ask in (plain.events, plain.requests):
        with pytest.raises(UnsupportedError):
            ask(SITE, "7")
    plain.close()


@pytest.mark.parametrize("is_mapped", [True, False])
def test_the_portal_shows_what_the_mapping_reads_and_refuses_what_it_does_not(
    office: HarborOffice, adapter: RestAdapter, world_of: Any, *, is_mapped: bool
) -> None:
    plain = create("main", options(office, read_attempts=1), secrets=SECRETS)
    session: TenantSession = world_of(adapter if is_mapped else plain)
    if is_mapped:
        assert [each.title for each in session.events()] == ["Oil change", "Party"]
        assert [each.title for each in session.upcoming() if each.kind == "event"] == ["Oil change", "Party"]
    else:
        with pytest.raises(UnsupportedError):
            session.events()
        assert [each for each in session.upcoming() if each.kind == "event"] == []
    plain.close()


@pytest.fixture
def world_of(tmp_path: Path) -> Iterator[Any]:
    database, clock = open_database(f"sqlite:///{tmp_path}/store.db"), TestClock()

    def made(adapter: RestAdapter) -> TenantSession:
        runtime = Runtime(database, {"main": adapter}, clock=clock)
        return TenantSession(Office(
            adapter=adapter, runtime=runtime, clock=clock, facility=SITE, tenant_id="7", actor="tenant", wait=None,
        ))  # fmt: skip

    yield made
    database.close()
