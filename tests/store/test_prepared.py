"""Statements made once answer as SQLAlchemy does, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, literal, select, union_all
from sqlalchemy.exc import DBAPIError, IntegrityError

from pmsbridge.store.database import Database, open_database
from pmsbridge.store.portable import insert_absent, put
from pmsbridge.store.prepared import Command, Query, driver_rows
from pmsbridge.store.tables import findings, lanes, watched_tenants

NOW = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)
TENANTS = [
    {"account": "A", "facility": "F", "tenant_id": f"T{n}", "asked_at": NOW + timedelta(hours=n)} for n in range(5)
]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/j.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_database(url)
    with opened.write() as connection:
        put(connection, watched_tenants, TENANTS)
    yield opened
    opened.close()


ASKED = select(watched_tenants.c.tenant_id, watched_tenants.c.asked_at).order_by(watched_tenants.c.tenant_id)


@pytest.mark.parametrize("wanted", [[], ["T1"], ["T1", "T3", "none"], [f"T{n}" for n in range(5)]])
def test_a_list_of_any_length_finds_what_sqlalchemy_finds(database: Database, wanted: list[str]) -> None:
    statement = ASKED.where(watched_tenants.c.tenant_id.in_(bindparam("wanted", expanding=True)))
    query = Query(statement)
    with database.read() as connection:
        expected = [tuple(row) for row in connection.execute(statement, {"wanted": wanted})]

        assert [tuple(row) for row in query.all(connection, {"wanted": wanted})] == expected
    assert len(expected) == len(set(wanted) - {"none"})


def test_one_question_is_put_into_words_once_for_lists_of_all_lengths(database: Database) -> None:
    query = Query(ASKED.where(watched_tenants.c.tenant_id.in_(bindparam("wanted", expanding=True))))
    words = query.compiled(database.engine.dialect)
    with database.read() as connection:
        found = [
            [tenant for tenant, _ in query.all(connection, {"wanted": wanted})]
            for wanted in (["T1"], [f"T{n}" for n in range(5)], [], ["T0", "T2"], ["T1"])
        ]

    assert found[0] == found[4] == ["T1"]
    assert found[2] == []
    assert found[3] == ["T0", "T2"]
    assert len(found[1]) == 5
    assert query.compiled(database.engine.dialect) is words


def test_instants_are_compared_and_come_back_as_instants(database: Database) -> None:
    query = Query(ASKED.where(watched_tenants.c.asked_at <= bindparam("until")))
    # The same instant in another zone: what is sent to the database must be made comparable first.
    until = (NOW + timedelta(hours=2)).astimezone()
    with database.read() as connection:
        found = query.all(connection, {"until": until})

    assert [tuple(row) for row in found] == [(f"T{n}", NOW + timedelta(hours=n)) for n in range(3)]


def test_values_a_statement_was_built_with_are_sent_with_it(database: Database) -> None:
    made_in = Query(ASKED.where(watched_tenants.c.tenant_id.in_(["T1", "T2"]), watched_tenants.c.asked_at > NOW))
    both = Query(
        union_all(
            select(watched_tenants.c.tenant_id, literal(0)).where(watched_tenants.c.tenant_id == bindparam("id")),
            select(watched_tenants.c.facility, literal(1)).where(watched_tenants.c.tenant_id == bindparam("id")),
        )
    )
    with database.read() as connection:
        assert [row[0] for row in made_in.all(connection)] == ["T1", "T2"]
        assert sorted(map(tuple, both.all(connection, {"id": "T4"}))) == [("F", 1), ("T4", 0)]
        assert both.first(connection, {"id": "nobody"}) is None
        assert both.scalar(connection, {"id": "nobody"}) is None


def test_what_a_row_leaves_out_gets_the_tables_default(database: Database) -> None:
    with database.write() as connection:
        insert_absent(connection, lanes, [{"name": "one"}, {"name": "two"}])
        insert_absent(connection, lanes, [{"name": "two"}, {"name": "three"}])
        found = connection.execute(select(lanes.c.name, lanes.c.owner, lanes.c.epoch).order_by(lanes.c.name)).all()

    assert [tuple(row) for row in found] == [("one", "", 0), ("three", "", 0), ("two", "", 0)]


def test_a_command_takes_rows_with_other_columns_next_time(database: Database) -> None:
    command = Command(insert(findings))
    row = {
        "code": "c", "severity": "notice", "account": "A", "facility": "F", "subject": "s", "text": "t",
        "found_at": NOW, "seen_at": NOW,
    }  # fmt: skip
    with database.write() as connection:
        command.run(connection, [row])
        command.run(connection, [row | {"subject": "other", "closed_at": NOW, "closed_by": "me"}])
        found = connection.execute(
            select(findings.c.subject, findings.c.times, findings.c.closed_at).order_by(findings.c.seq)
        ).all()

    assert [tuple(each) for each in found] == [("s", 1, None), ("other", 1, NOW)]


def test_a_drivers_error_is_sqlalchemys_and_repeats_no_value(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught, database.write() as connection:
        Command(insert(watched_tenants)).run(connection, [TENANTS[0] | {"account": "A"}])

    assert "T0" not in str(caught.value)
    with database.read() as connection, pytest.raises(DBAPIError):
        driver_rows(connection, "SELECT nothing_of_that_name", ())


def test_a_callers_connection_that_has_not_begun_begins(database: Database) -> None:
    engine = database.engine
    with engine.connect() as connection:
        Command(insert(lanes)).run(connection, [{"name": "mine"}])
        assert connection.in_transaction()
        connection.rollback()
        connection.begin()
        assert connection.execute(select(lanes.c.name)).all() == []
