from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pmsbridge.cli.screen import jsonable, print_json, print_table
from pmsbridge.model.money import Money
from pmsbridge.ports.outcome import Outcome


def test_every_plain_value_has_one_json_form() -> None:
    value = {
        "money": Money.of("129.0000", "USD"),
        "decimal": Decimal("1E+2"),
        "outcome": Outcome.SETTLED,
        "at": datetime(2026, 11, 21, 12, tzinfo=UTC),
        "on": date(2026, 11, 21),
        "for": timedelta(seconds=90),
        "path": Path("/x"),
        "many": ({"a"}, [None, True, 3, "é"]),
    }

    assert jsonable(value) == {
        "money": {"amount": "129.00", "currency": "USD"},
        "decimal": "100",
        "outcome": "settled",
        "at": "2026-11-21T12:00:00+00:00",
        "on": "2026-11-21",
        "for": "0:01:30",
        "path": "/x",
        "many": [["a"], [None, True, 3, "é"]],
    }


@pytest.mark.parametrize("value", [0.1, b"bytes", object()])
def test_what_has_no_exact_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no JSON form"):
        jsonable({"x": [value]})


def test_json_is_one_line_of_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Łukasz\nWójcik"})

    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out.count("\n") == 1
    assert json.loads(out) == {"name": "Łukasz\nWójcik"}


def test_a_cell_is_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Units [bold]", ["unit", ">rent"], [("[red]015[/red]", Money.of(80, "EUR")), (None, True)])

    out = capsys.readouterr().out
    assert "[red]015[/red]" in out
    assert "Units [bold]" in out
    assert "80.00 EUR" in out
    assert "yes" in out
