"""``pmsbridge metrics`` over a rent book: four forms, one content."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from pmsbridge.portal.bridge import Bridge
from pmsbridge.store.mirror_writes import Scope
from pmsbridge.store.record_rows import rows_of
from tests.unit.cli.conftest import Command

DAYS = ("--from", "2026-01-01", "--to", "2026-11-21")


@pytest.fixture
def copied(command: Command, rentbook: Path) -> Path:
    """The rent book in the mirror, its rental running since a day."""
    assert command("sync").code == 0
    with Bridge.from_config(rentbook.parent / "pmsbridge.toml") as bridge:
        (kept,) = bridge.mirror.rentals("home", "HOME")
        reading = bridge.mirror.reading(Scope("home", "HOME", "rental"), "again", is_full=False)
        reading.take(rows_of([kept.changed(moved_in_on=date(2026, 3, 1))]))
        reading.finish(is_complete=True, cap_percent=20)
    return rentbook.parent


def test_every_form_says_the_same(command: Command, copied: Path) -> None:
    as_csv = command("metrics", *DAYS)
    as_json = command("metrics", *DAYS, "--format", "json")
    as_xlsx = command("metrics", *DAYS, "--format", "xlsx", "--out", "figures.xlsx", "--language", "fr")
    as_html = command("metrics", *DAYS, "--format", "html", "--out", "figures.html")

    assert {each.code for each in (as_csv, as_json, as_xlsx, as_html)} == {0}
    (line,) = csv.DictReader(io.StringIO(as_csv.out))
    (fact,) = json.loads(as_json.out)
    sheet = openpyxl.load_workbook(copied / "figures.xlsx").active
    heads, row = ([cell.value for cell in cells] for cells in sheet.iter_rows())
    assert line["tenant_id"] == fact["tenant_id"] == row[0] == "t1"
    assert int(line["longest_days"]) == fact["longest_days"] == row[heads.index("Plus longue location, jours")] == 265
    assert "Customers of Chez Zoë" in (copied / "figures.html").read_text(encoding="utf-8")
    assert "1 customers" in as_html.err


def test_what_no_ledger_tells_is_not_known(command: Command, copied: Path) -> None:
    (with_,) = json.loads(command("metrics", *DAYS, "--format", "json", "--read-ledgers").out)

    assert (with_["rentals"], with_["paid"], with_["charges"]) == (1, None, None)


def test_a_workbook_goes_into_a_file_and_a_day_is_a_day(command: Command, copied: Path) -> None:
    assert command("metrics", "--format", "xlsx").code == 2
    assert command("metrics", "--from", "yesterday").code == 2
    assert command("metrics", "--from", "2026-12-01", "--to", "2026-01-01").code == 2
    assert command("metrics", "--facility", "ELSEWHERE").code == 2
