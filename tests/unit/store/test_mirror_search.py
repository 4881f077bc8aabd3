from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text

from pmsbridge.model.people import PersonName, Phone, Tenant
from pmsbridge.model.rental import RentalState
from pmsbridge.ports.adapter import TenantSearch
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.mirror import Mirror, Scope
from pmsbridge.store.record_rows import rows_of
from pmsbridge.testing.memory import TestClock
from tests import builders


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    on_postgresql = request.param == "postgresql"
    url = request.getfixturevalue("postgres_journal") if on_postgresql else f"sqlite:///{tmp_path / 'm.db'}"
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def mirror(database: Database) -> Mirror:
    return Mirror(database, TestClock())


def person(number: int, first: str, last: str, *, facility: str = "F1", account: str = "north", **more: Any) -> Tenant:
    ref = builders.ref("tenant", f"T{number}").changed(facility=facility, account=account)
    facts = {"name": PersonName(first=first, last=last), "email": "", "phone": None, **more}
    return builders.tenant(ref=ref, **facts)


def keep(mirror: Mirror, *records: Any) -> None:
    scopes = {Scope(record.ref.account, record.ref.facility, record.entity) for record in records}
    for scope in sorted(scopes):
        mine = [r for r in records if Scope(r.ref.account, r.ref.facility, r.entity) == scope]
        reading = mirror.reading(scope, "r1", is_full=False)
        reading.take(rows_of(mine))
        reading.finish(is_complete=False, cap_percent=20)


def ids(found: Any) -> list[str]:
    return [match.tenant_id for match in found]


@pytest.mark.fact("S1.7", "S1.61")
@pytest.mark.parametrize(("held", "asked"), [
    ("Müller", "Mueller"), ("Mueller", "Müller"), ("Mueller", "muller"), ("O'Brien", "obrien"),
    ("OBrien", "O\u2019Brien"),
    ("Smith-Jones", "Smith Jones"), ("Smith-Jones", "Jones"), ("Smith-Jones", "smith"), ("Jones", "Smith-Jones"),
    ("Smith-Jones", "Jones-Smith"), ("van der Berg", "Berg"), ("Berg", "von Berg"), ("McDonald", "Mac Donald"),
    ("de la Cruz", "Delacruz"), ("Muller", "Mulelr"), ("Muller", "Miller"), ("Smith-Jones", "Jonse"), ("Muller", "Mul"),
])  # fmt: skip
def test_a_name_is_found_however_it_is_spelled_but_not_called_exact(mirror: Mirror, held: str, asked: str) -> None:
    keep(mirror, person(1, "Anna", held), person(2, "Anna", "Zzyzx"))

    for search in (TenantSearch(last_name=asked), TenantSearch(first_name="anna", last_name=asked)):
        found = mirror.find("north", search, facility="F1")
        assert ids(found) == ["T1"]
        assert not found[0].is_exact
    assert mirror.find("north", TenantSearch(first_name="Bob", last_name=asked), facility="F1") == ()


def test_the_better_a_name_fits_the_earlier_it_stands(mirror: Mirror) -> None:
    keep(
        mirror, person(1, "Ann", "Muler"), person(2, "Ann", "Mullerbach"), person(3, "Muller", "Ann"),
        person(4, "Ann", "Muller-Smith"), person(5, "Ann", "Mueller"), person(6, "Ann", "Müller"),
    )  # fmt: skip

    found = mirror.find("north", TenantSearch(first_name="Ann", last_name="Muller"), facility="F1")

    assert ids(found) == ["T6", "T5", "T4", "T3", "T2", "T1"]
    assert [match.is_exact for match in found] == [True, False, False, False, False, False]


def test_typos_are_looked_for_over_few_facilities_and_not_over_very_many(mirror: Mirror) -> None:
    keep(mirror, person(1, "Ann", "Muller"))
    assert ids(mirror.find("north", TenantSearch(last_name="Mulelr"))) == ["T1"]

    keep(mirror, *(person(1, "Bob", "Stone", facility=f"G{number}") for number in range(30)))

    assert mirror.find("north", TenantSearch(last_name="Mulelr")) == ()
    assert ids(mirror.find("north", TenantSearch(last_name="Mulelr"), facility="F1")) == ["T1"]


@pytest.mark.fact("S1.8")
@pytest.mark.parametrize("held", ["312.555.0101", "+13125550101", "03125550101"])
@pytest.mark.parametrize("asked", ["3125550101", "+1 (312) 555-0101", "001 312 555 0101", "0312 5550101"])
def test_a_number_is_found_with_and_without_prefix_in_both_columns(mirror: Mirror, held: str, asked: str) -> None:
    keep(mirror, person(1, "A", "B", phone=Phone(raw=held)), person(2, "C", "D", mobile=Phone(raw=held)))
    keep(mirror, person(3, "E", "F", phone=Phone(raw="3125550102")))

    assert sorted(ids(mirror.find("north", TenantSearch(phone=asked), facility="F1"))) == ["T1", "T2"]


@pytest.mark.fact("S1.9")
def test_an_email_is_found_but_for_case_and_no_other_difference(mirror: Mirror) -> None:
    keep(
        mirror, person(1, "A", "B", email="Ann@Example.test"), person(2, "C", "D", email="ann+unit@example.test"),
        person(3, "E", "F", email="a.nn@example.test"), person(4, "G", "H", email="änn@example.test"),
    )  # fmt: skip

    found = mirror.find("north", TenantSearch(email="ANN@example.TEST"), facility="F1")

    assert [(match.tenant_id, match.is_exact) for match in found] == [("T1", True)]
    assert len(mirror.find("north", TenantSearch(email="example.test"), facility="F1")) == 4
    assert ids(mirror.find("north", TenantSearch(email="ÄNN@example.test"), facility="F1")) == ["T4"]


@pytest.mark.fact("S3.7")
def test_a_company_is_found_by_its_beginning_and_by_a_word_of_it(mirror: Mirror) -> None:
    name = PersonName(company="Łódź Storage & Sons")
    keep(mirror, person(1, "", "", name=name), person(2, "", "", name=PersonName(company="Other Ltd")))

    for asked, exact in (("lodz storage & sons", True), ("Lodz", False), ("storage", False)):
        found = mirror.find("north", TenantSearch(company=asked), facility="F1")
        assert [(match.tenant_id, match.is_exact) for match in found] == [("T1", exact)]


@pytest.mark.fact("S1.10")
def test_a_unit_number_finds_who_lets_it_now_before_who_did(mirror: Mirror) -> None:
    def lets(number: int, tenant: int, unit: str, state: RentalState) -> Any:
        rental = builders.row().rental
        return rental.changed(
            ref=rental.ref.changed(id=f"R{number}"), tenant_id=f"T{tenant}", unit_number=unit, state=state
        )

    past, now, other = (
        lets(1, 1, "A 015", RentalState.CLOSED),
        lets(2, 2, "A 015", RentalState.ACTIVE),
        lets(3, 3, "A150", RentalState.ACTIVE),
    )
    keep(mirror, person(1, "A", "B"), person(2, "C", "D"), person(3, "E", "F"), past, now, other)

    for asked, exact in (("A 015", True), ("a15", False), ("A-15", False), ("a 0015", False)):
        found = mirror.find("north", TenantSearch(unit_number=asked), facility="F1")
        assert [(match.tenant_id, match.is_exact) for match in found] == [("T2", exact), ("T1", exact)]
    assert ids(mirror.find("north", TenantSearch(unit_number="a15", last_name="d"), facility="F1")) == ["T2"]
    assert mirror.find("north", TenantSearch(unit_number="A51"), facility="F1") == ()


@pytest.mark.fact("S1.10")
def test_a_unit_number_finds_who_lets_it_where_rentals_name_their_unit_by_its_id_alone(mirror: Mirror) -> None:
    rental, unit = builders.row("R1").rental, builders.unit()
    ref = rental.ref.changed(account="north", facility="F1")
    for number in (1, 2):
        keep(
            mirror, person(number, "Anna", f"N{number}"),
            unit.changed(ref=ref.changed(entity="unit", id=f"U{number}"), number=f"A 0{number}5"),
            rental.changed(
                ref=ref.changed(id=f"R{number}"), tenant_id=f"T{number}", unit_id=f"U{number}", unit_number="",
            ),
        )  # fmt: skip

    exact, spelled = (mirror.find("north", TenantSearch(unit_number=each), facility="F1") for each in ("A 025", "a-25"))
    both = mirror.find("north", TenantSearch(unit_number="A 025", last_name="N2"), facility="F1")

    assert [(each.tenant_id, each.is_exact) for each in exact] == [("T2", True)]
    assert [(each.tenant_id, each.is_exact) for each in spelled] == [("T2", False)]
    assert ids(both) == ["T2"]
    assert mirror.find("north", TenantSearch(unit_number="A 025", last_name="N1"), facility="F1") == ()
    assert mirror.find("north", TenantSearch(unit_number="B 5"), facility="F1") == ()


def lets_by_id(number: int, facility: str, unit: str, *, account: str = "north") -> tuple[Any, ...]:
    """A tenant, a unit, and a rental that names it by its id alone; units of all facilities have the same ids."""
    ref = builders.row().rental.ref.changed(account=account, facility=facility)
    return (
        person(number, "Anna", f"N{number}", facility=facility, account=account),
        builders.unit().changed(ref=ref.changed(entity="unit", id="U1"), number=unit),
        builders.row().rental.changed(
            ref=ref.changed(id=f"R{number}"), tenant_id=f"T{number}", unit_id="U1", unit_number="",
        ),
    )  # fmt: skip


def test_a_unit_that_is_let_at_a_sister_facility_by_its_id_alone_is_a_hint(mirror: Mirror) -> None:
    keep(mirror, *lets_by_id(1, "F1", "B 7"), *lets_by_id(2, "F2", "A 015"), *lets_by_id(3, "F3", "C 9"))
    keep(mirror, *lets_by_id(4, "F1", "A 015", account="south"))
    search = TenantSearch(unit_number="A 015")

    assert mirror.find("north", search, facility="F1") == ()
    (hint,) = mirror.find("north", search, facility="F1", hints=True)
    assert (hint.tenant_id, hint.facility, hint.is_elsewhere, hint.has_active_rental) == ("T2", "F2", True, True)
    (match,) = mirror.find("north", search)
    assert (match.tenant_id, match.facility, match.is_elsewhere, match.is_exact) == ("T2", "F2", False, True)
    assert mirror.find("north", search, facility="F9") == ()


def test_a_past_tenants_rental_with_the_number_does_not_hide_who_lets_the_unit_now(mirror: Mirror) -> None:
    rental = builders.row().rental
    past = rental.changed(
        ref=rental.ref.changed(account="north", facility="F1", id="R2"), tenant_id="T2", unit_id="U1",
        unit_number="A 015", state=RentalState.CLOSED,
    )  # fmt: skip
    keep(mirror, *lets_by_id(1, "F1", "A 015"), person(2, "Bob", "Before"), past)

    for asked, is_exact in (("A 015", True), ("a-15", False)):
        found = mirror.find("north", TenantSearch(unit_number=asked), facility="F1")
        assert [(match.tenant_id, match.is_exact) for match in found] == [("T1", is_exact), ("T2", is_exact)]


@pytest.mark.fact("S1.61")
def test_archived_and_deleted_tenants_come_only_on_request(mirror: Mirror) -> None:
    keep(mirror, person(1, "A", "Muller", is_active=False), person(2, "B", "Muller"), person(3, "C", "Muller"))
    reading = mirror.reading(Scope("north", "F1", "tenant"), "r2", is_full=True)
    reading.take(rows_of([person(1, "A", "Muller", is_active=False), person(2, "B", "Muller")]))
    reading.finish(is_complete=True, cap_percent=100)

    search = TenantSearch(last_name="muller")
    assert ids(mirror.find("north", search, facility="F1")) == ["T2"]
    assert ids(mirror.find("north", search, facility="F1", include_archived=True)) == ["T1", "T2", "T3"]


@pytest.mark.fact("S1.61")
def test_who_is_only_at_another_facility_is_a_hint_and_no_match(mirror: Mirror) -> None:
    keep(mirror, person(1, "Ann", "Müller", facility="F2"), person(2, "Bob", "Stone", facility="F1"))
    keep(mirror, person(3, "Ann", "Müller", facility="F9", account="south"))
    search = TenantSearch(last_name="muller")

    assert mirror.find("north", search, facility="F1") == ()
    (hint,) = mirror.find("north", search, facility="F1", hints=True)
    assert (hint.tenant_id, hint.account, hint.facility) == ("T1", "north", "F2")
    assert (hint.is_elsewhere, hint.is_exact) == (True, False)
    (match,) = mirror.find("north", search, facility="F2", hints=True)
    assert (match.is_elsewhere, match.is_exact) == (False, True)
    assert mirror.find("north", TenantSearch(last_name="mulelr"), facility="F1", hints=True) == ()  # no guess as a hint


def test_no_hint_is_given_where_somebody_is_found(mirror: Mirror) -> None:
    keep(mirror, person(1, "Ann", "Müller", facility="F2"), person(2, "Bob", "Mueller", facility="F1"))

    found = mirror.find("north", TenantSearch(last_name="Müller"), facility="F1", hints=True)

    assert [(match.tenant_id, match.is_elsewhere) for match in found] == [("T2", False)]


def test_another_accounts_tenants_are_never_found(mirror: Mirror) -> None:
    phone = Phone(raw="3125550101")
    keep(mirror, person(1, "A", "Muller", account="south", email="a@example.test", phone=phone))
    keep(mirror, person(2, "B", "Other"))

    for search in (
        TenantSearch(last_name="muller"), TenantSearch(email="a@example.test"), TenantSearch(phone="3125550101"),
        TenantSearch(first_name="A"), TenantSearch(last_name="mulelr"),
    ):  # fmt: skip
        for facility in (None, "F1"):
            assert mirror.find("north", search, facility=facility, hints=True, include_archived=True) == ()


@given(
    last=st.sampled_from(["Müller", "O'Brien", "Smith-Jones", "van der Berg", "McDonald", "Sørensen", "García López"]),
    first=st.sampled_from(["Anna", "José", "Zoë"]),
    upper=st.booleans(), swapped=st.booleans(), blank=st.sampled_from(["", " ", "  "]),
)  # fmt: skip
def test_any_case_blanks_and_order_of_two_names_finds_the_tenant(
    tmp_path_factory: pytest.TempPathFactory, last: str, first: str, upper: bool, swapped: bool, blank: str
) -> None:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('search') / 'm.db'}")
    mirror = Mirror(database, TestClock())
    keep(mirror, person(1, first, last), person(2, "Bob", "Stone"))
    one, other = (f"{blank}{name.upper() if upper else name}{blank}" for name in (first, last))

    search = TenantSearch(first_name=other, last_name=one) if swapped else TenantSearch(first_name=one, last_name=other)

    assert [(m.tenant_id, m.is_exact) for m in mirror.find("north", search, facility="F1")] == [("T1", not swapped)]
    database.close()


# -- no full scan ------------------------------------------------------------------------------------------------------

SEARCHES = [
    TenantSearch(last_name="Muller"), TenantSearch(first_name="Ann", last_name="Smith-Jones"),
    TenantSearch(phone="+1 312 555 0101"), TenantSearch(email="ann@example.test"), TenantSearch(unit_number="a15"),
]  # fmt: skip
TENANTS = "pmsbridge_mirror_tenants"
RENTALS = "pmsbridge_mirror_rentals"


def plans(database: Database, search: TenantSearch, facility: str | None) -> Iterator[tuple[str, bool]]:
    """How the database answers all that a search asks of tenants and rentals; True for questions of wrong letters."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        asked.append((statement, given))

    mirror = Mirror(database, TestClock())
    event.listen(database.engine, "before_cursor_execute", note)
    assert mirror.find("north", search, facility=facility)
    event.remove(database.engine, "before_cursor_execute", note)
    on_postgresql = database.kind == "postgresql"
    with database.read() as connection:
        for statement, given in asked:
            if TENANTS in statement or RENTALS in statement:
                is_of_typos = len(given) > 100
                if on_postgresql:
                    # Hundreds of wrong letters: among so few tenants reading all would be quicker.
                    connection.exec_driver_sql(f"SET LOCAL enable_seqscan = {'off' if is_of_typos else 'on'}")
                how = "EXPLAIN " if on_postgresql else "EXPLAIN QUERY PLAN "
                rows = connection.exec_driver_sql(how + statement, given).all()
                plan = "\n".join(str(row[0] if on_postgresql else row[3]) for row in rows)
                yield plan, is_of_typos


def test_names_numbers_and_addresses_are_found_without_reading_every_tenant(database: Database, mirror: Mirror) -> None:
    people: list[Tenant] = []
    for n in range(1000):
        phone, name = Phone(raw=f"312777{n:04}"), f"Last{n:05}-Other{n:05}"
        people.append(person(n, f"First{n}", name, email=f"p{n}@example.test", phone=phone, mobile=phone))
    number = Phone(raw="3125550101")
    wanted = person(9999, "Ann", "Muller", email="ann@example.test", phone=number, mobile=number)
    rental = builders.row().rental
    lets = [
        rental.changed(ref=rental.ref.changed(id=f"R{n}"), tenant_id=f"T{n}", unit_number=f"B{n}") for n in range(1000)
    ]
    mine = rental.changed(ref=rental.ref.changed(id="R9999"), tenant_id="T9999", unit_number="A 015")
    keep(mirror, *people, wanted, person(9998, "Ann", "Smith-Jones"), *lets, mine)
    if database.kind == "postgresql":
        with database.write() as connection:
            connection.execute(text("ANALYZE"))

    found = [plan for search in SEARCHES for facility in ("F1", None) for plan in plans(database, search, facility)]

    assert len(found) >= 2 * len(SEARCHES)
    for plan, is_of_typos in found:
        assert not re.search(rf"(SCAN|Seq Scan on) (TABLE )?({TENANTS}|{RENTALS})", plan), plan
        # An index, and by what is sought in it, not only by the facility.
        assert not re.search(r"USING INDEX \S+ \(place=\?\)(?!\s*AND)", plan), plan
        assert is_of_typos or not re.search(r"Index Cond: \(place = \S+\)$", plan, re.MULTILINE), plan
