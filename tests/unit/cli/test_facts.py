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
