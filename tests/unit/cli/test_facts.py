"""``pmsbridge facts``."""

from __future__ import annotations

from tests.unit.cli.conftest import Command


def test_the_command_prints_the_table_one_kind_one_fact_and_json(command: Command) -> None:
    every = command("facts", "--json")
    one = command("facts", "S0.28")
    kind = command("facts", "S4", "--json")

    assert len(every.data["facts"]) == 181
    assert {row["id"].partition(".")[0] for row in kind.data["facts"]} == {"S4"}
    (row,) = [row for row in every.data["facts"] if row["id"] == "S0.28"]
    assert row["offices"]["sitelink"]["support"] == "native"
    assert row["tests"]
    assert "S0.28" in one.out
    assert next(iter(row["tests"])) in one.err
    still_open = command("facts", "--open", "--json").data["facts"]
    assert all(row["missing"] and not row["tests"] for row in still_open)
    assert command("facts", "S9").code != 0


def test_the_columns_and_rows_that_are_asked_for_are_printed(command: Command) -> None:
    some = command("facts", "S4", "--office", "tryton", "--office", "cubby", "--json").data["facts"]
    declared = command("facts", "--office", "buildium", "--declared", "--json").data["facts"]
    table = command("facts", "S4", "--office", "cubby").out

    assert {tuple(row["offices"]) for row in some} == {("tryton", "cubby")}  # in the table's own order
    assert declared
    assert all(row["offices"]["buildium"]["declared_only"] for row in declared)
    assert all(not row["offices"]["buildium"]["tests"] for row in declared)
    assert "cubby" in table
    assert "sitelink" not in table
    unknown = command("facts", "--office", "yardi")
    assert unknown.code != 0
    assert "tryton" in unknown.err


def test_a_fact_that_stands_alone_says_why(command: Command) -> None:
    (row,) = command("facts", "S1.52", "--json").data["facts"]

    assert row["alone"]
    assert row["alone"] in command("facts", "S1.52").err
