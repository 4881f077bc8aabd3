from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text

from pmsbridge import Bridge
from pmsbridge.cli.sync_bars import SyncBars, pace
from pmsbridge.cli.sync_facts import drift_facts
from pmsbridge.engine.sync import (
    BatchTaken,
    Drift,
    DriftKind,
    EntityFinished,
    EntityStarted,
    FacilityKey,
    RunFinished,
    RunStarted,
    SyncReport,
)
from pmsbridge.engine.sync.planning import PlannedAccount, SyncPlan
from pmsbridge.store.database import open_database
from pmsbridge.store.mirror import Mirror, Scope, SyncRow, UpsertCounts
from tests.unit.cli.conftest import BOOK, Command

NOW = datetime(2026, 9, 30, 3, tzinfo=UTC)


def rewritten(book: Path, **tenant: str) -> None:
    """The same rent book with another first tenant."""
    first = {**BOOK["tenants"][0], **tenant}
    book.write_text(json.dumps({**BOOK, "tenants": [first]}), encoding="utf-8")


# -- what it did -------------------------------------------------------------------------------------------------------


def test_a_sync_ends_with_a_report_of_everything_it_did(command: Command, rentbook: Path) -> None:
    ran = command("sync", "--json")

    assert ran.data["totals"]["read"] == sum(row["read"] for row in ran.data["entities"])
    assert {"calls", "bytes_read", "milliseconds", "findings"} <= set(ran.data["entities"][0])
    shown = command("sync").out
    for heading in ("read", "changed", "deleted", "calls", "kB", "findings", "all"):
        assert heading in shown


def test_a_report_shows_the_last_day_one_run_or_all_runs_of_a_day(command: Command, rentbook: Path) -> None:
    nothing = command("sync", "report")
    first = command("sync", "--json").data["run_id"]
    rewritten(rentbook, last="Other")
    _set_back(rentbook.parent / "pmsbridge.db")
    second = command("sync", "--json").data["run_id"]

    assert nothing.code == 0
    assert "Nothing was copied yet" in nothing.err
    last = command("sync", "report", "--json").data
    assert (last["runs"], last["totals"]["changed"]) == ([second], 1)
    assert command("sync", "report", second[:8], "--json").data["runs"] == [second]
    assert command("sync", "report", f"2001{first[4:]}", "--json").data["totals"]["changed"] >= 3
    assert second in command("sync", "report").err
    unknown = command("sync", "report", "1999", "--json")
    assert (unknown.code, unknown.data["error"]["type"]) == (2, "NotFoundError")


def _set_back(file: Path) -> None:
    """Let the runs so far be of another year, so that none has the day of the next one."""
    database = open_database(f"sqlite:///{file}")
    with database.write() as connection:
        connection.execute(text("UPDATE pmsbridge_sync_reports SET run_id = '2001' || substr(run_id, 5)"))
    database.close()


def test_a_failed_part_is_told_by_the_report_too(command: Command, rentbook: Path) -> None:
    rentbook.unlink()
    command("sync")

    ran = command("sync", "report")

    assert ran.code == 0
    assert "home, 4 parts failed" in ran.err
    assert command("sync", "report", "--json").data["ok"] is False


# -- events ------------------------------------------------------------------------------------------------------------


def test_every_event_is_one_line_of_json_and_nothing_else_is_printed(command: Command, rentbook: Path) -> None:
    ran = command("sync", "--json-events")

    events = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert (events[0]["event"], events[-1]["event"]) == ("run_started", "run_finished")
    assert {event["event"] for event in events[1:-1]} == {"entity_started", "batch_taken", "entity_finished"}
    assert events[0]["facilities"] == [{"account": "home", "facility": "HOME"}]
    assert len({event["run_id"] for event in events}) == 1
    (tenants,) = [e for e in events if e["event"] == "entity_finished" and e["entity"] == "tenant"]
    assert (tenants["read"], tenants["result"]) == (1, "ok")
    assert events[-1]["totals"]["read"] == sum(e["read"] for e in events if e["event"] == "entity_finished")


def test_events_of_a_run_that_fails_say_so_and_so_does_the_exit_code(command: Command, rentbook: Path) -> None:
    rentbook.unlink()

    ran = command("sync", "--json-events")

    assert ran.code == 7
    assert json.loads(ran.out.splitlines()[-1])["ok"] is False


def test_what_is_refused_before_a_run_is_one_line_of_json_too(command: Command, rentbook: Path) -> None:
    ran = command("sync", "--json-events", "--facility", "L404")

    assert ran.code == 2
    assert ran.data["error"]["type"] == "NotFoundError"


@pytest.mark.parametrize("words", [
    ("--json", "--json-events"), ("--full", "verify"), ("--facility", "HOME", "plan"), ("--json", "report"),
    ("--rewrite",), ("--believe-deletions",), ("--full", "--rewrite", "verify"), ("--believe-deletions", "plan"),
])  # fmt: skip
def test_options_that_would_be_ignored_are_refused(command: Command, rentbook: Path, words: tuple[str, ...]) -> None:
    assert command("sync", *words).code == 2


# -- is the copy equal -------------------------------------------------------------------------------------------------


def test_an_equal_copy_verifies_and_exits_with_zero(command: Command, rentbook: Path) -> None:
    command("sync")

    ran = command("sync", "verify", "--json")

    assert ran.code == 0
    assert ran.data["is_equal"] is True
    assert ran.data["failed"] == []
    assert "HOME" in command("sync", "verify").out


def test_drift_is_shown_to_the_field_and_exits_with_nine(command: Command, rentbook: Path) -> None:
    command("sync")
    rewritten(rentbook, last="Nowak")

    ran = command("sync", "verify", "--facility", "HOME", "--entity", "tenants", "--json")
    shown = command("sync", "verify")

    (drift,) = ran.data["facilities"][0]["drifts"]
    assert ran.code == shown.code == 9
    assert (drift["entity"], drift["id"], drift["kind"]) == ("tenant", "t1", "fields")
    assert {"field": "name.last", "mirror": "Wójcik", "back_office": "Nowak"} in drift["fields"]
    for word in ("name.last", "Wójcik", "Nowak", "pmsbridge sync --full"):
        assert word in shown.out + shown.err
    assert command("sync", "verify", "--entity", "units").code == 0


def test_what_somebody_else_wrote_is_healed_by_the_remedy_that_is_named(command: Command, rentbook: Path) -> None:
    command("sync")
    database = open_database(f"sqlite:///{rentbook.parent / 'pmsbridge.db'}")
    with database.write() as connection:
        connection.execute(text("UPDATE pmsbridge_mirror_tenants SET last_name = 'planted'"))
    database.close()

    found = command("sync", "verify", "--json").data["facilities"][0]
    shown = command("sync", "verify")

    assert found["rewrites"] == found["drifted"] >= 1
    assert {drift["healed_by"] for drift in found["drifts"]} == {"sync --full --rewrite"}
    assert "pmsbridge sync --full --rewrite" in shown.err
    assert "healed by: pmsbridge sync --full\n" not in shown.err
    assert command("sync", "--full").code == 0
    assert command("sync", "verify").code == 9
    assert command("sync", "--full", "--rewrite").code == 0
    assert command("sync", "verify").code == 0


def test_what_is_really_gone_is_deleted_when_a_person_says_so(command: Command, rentbook: Path) -> None:
    tenants = [{**BOOK["tenants"][0], "id": f"t{number}"} for number in range(9)]
    rentbook.write_text(json.dumps({**BOOK, "tenants": tenants, "rentals": []}), encoding="utf-8")
    command("sync", "--full")
    rentbook.write_text(json.dumps({**BOOK, "tenants": tenants[:1], "rentals": []}), encoding="utf-8")

    held = command("sync", "--full")
    believed = command("sync", "--full", "--believe-deletions", "--json")

    assert held.code == 7
    assert "pmsbridge sync --full --believe-deletions" in held.err
    assert (believed.code, believed.data["totals"]["deleted"]) == (0, 8)
    assert command("status", "--json").data["findings"] == []


def test_a_facility_that_cannot_be_read_is_told_and_exits_with_seven(command: Command, rentbook: Path) -> None:
    command("sync")
    rentbook.unlink()

    ran = command("sync", "verify", "--json")

    assert ran.code == 7
    assert (ran.data["is_equal"], ran.data["facilities"]) == (False, [])
    assert ran.data["failed"][0]["facility"] == "home/HOME"


@pytest.mark.parametrize(("field", "value"), [
    ("extra.sWebPassword", "hunter2-fake"), ("extra.GateCode", "98765-fake"), ("note", "card 4111111111111111"),
    ("extra", {"sWebPassword": "hunter2-fake", "Plain": "x"}), ("extra", '{"sWebPassword":"hunter2-fake"}'),
    ("doc", '{"extra":{"GateCode":"98765-fake"}}'), ("extra", '{"sPIN": "98765-fake"}'),
])  # fmt: skip
def test_a_secret_field_is_named_and_its_value_never_shown(field: str, value: Any) -> None:
    told = json.dumps(drift_facts(Drift("tenant", "t1", DriftKind.FIELDS, {field: (value, value)})))

    assert f'"{field}"' in told
    for secret in ("hunter2", "98765", "4111111111111111"):
        assert secret not in told


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    fields = {"moved_in_on": (NOW.date(), None), "rent": ("80.00", 7), "is_active": (True, False)}

    facts = drift_facts(Drift("tenant", "t1", DriftKind.FIELDS, fields))

    assert [(f["field"], f["mirror"], f["back_office"]) for f in facts["fields"]] == [
        ("is_active", True, False), ("moved_in_on", "2026-09-30", None), ("rent", "80.00", 7),
    ]  # fmt: skip


def test_the_last_day_are_the_runs_of_24_hours_newest_first(command: Command, rentbook: Path) -> None:
    command("sync")
    file = rentbook.parent / "pmsbridge.db"
    _replace_runs(file, {"20260930T0305": "F9", "20260930T0004": "F2", "20260929T0306": "F1", "20260929T0304": "F0"})

    told = command("sync", "report", "--json").data

    assert [row["facility"] for row in told["entities"]] == ["F9", "F2", "F1"]
    assert told["runs"] == ["20260929T030600-x", "20260930T000400-x", "20260930T030500-x"]


def test_a_report_of_thousands_shows_the_newest_lines_and_counts_all(command: Command, rentbook: Path) -> None:
    command("sync")
    runs = {f"20260930T{number // 60:02d}{number % 60:02d}": f"F{number}" for number in range(203)}
    _replace_runs(rentbook.parent / "pmsbridge.db", runs)

    ran = command("sync", "report")

    assert "3 older lines are not shown, of 203" in ran.err
    assert "F202" in ran.out
    assert "F2 " not in ran.out
    assert len(command("sync", "report", "--json").data["entities"]) == 203


def _replace_runs(file: Path, runs: dict[str, str]) -> None:
    """Runs by the minute they began in, each of one facility."""
    database = open_database(f"sqlite:///{file}")
    with database.write() as connection:
        connection.execute(text("DELETE FROM pmsbridge_sync_reports"))
    mirror = Mirror(database)
    for began, facility in runs.items():
        at = datetime.strptime(began, "%Y%m%dT%H%M").replace(tzinfo=UTC)
        mirror.report(SyncRow(f"{began}00-x", Scope("home", facility, "unit"), at, at))
    database.close()


# -- what it will cost -------------------------------------------------------------------------------------------------


def test_a_plan_counts_calls_and_asks_no_back_office(command: Command, rentbook: Path) -> None:
    rentbook.unlink()

    ran = command("sync", "plan", "--json")
    shown = command("sync", "plan", "--facility", "HOME", "--entity", "units")

    assert ran.code == shown.code == 0
    assert ran.data["fits"] is True
    assert (
        ran.data["accounts"][0]["calls"] == ran.data["calls"] == sum(ran.data["accounts"][0]["calls_by_part"].values())
    )
    assert "unit" in shown.out
    assert "tenant" not in shown.out


def test_a_plan_beyond_the_month_names_the_facilities_and_exits_with_nine(
    command: Command, rentbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = PlannedAccount(
        "home", 2, {"unit": 2, "account": 40}, 40, 50, 42, 52, 990, 1000, ("HOME",), kept_for_people=50
    )
    monkeypatch.setattr(Bridge, "plan_sync", lambda *_, **__: SyncPlan((line,)))

    ran = command("sync", "plan")

    assert ran.code == 9
    for words in ("1,000", "990", "40 to 50", "42 to 52"):
        assert words in ran.out
    assert "beyond the month's budget: 1 facilities (HOME)" in ran.err
    assert "of the budget, 50 calls are kept for people" in ran.err


# -- bars --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("read", "seconds", "length", "words"), [
    (0, 1.0, 100, ""), (100, 0.0, 100, ""), (100, 2.0, None, ", 50 rows/s"), (100, 2.0, 100, ", 50 rows/s"),
    (100, 2.0, 400, ", 50 rows/s, 6 s left"), (1000, 100.0, 2000, ", 10 rows/s, 1 min 40 s left"),
    (1, 60.0, 121, ", 0 rows/s, 2 h 0 min left"),
])  # fmt: skip
def test_a_pace_tells_what_is_left_only_where_the_whole_is_known(
    read: int, seconds: float, length: int | None, words: str
) -> None:
    assert pace(read, seconds, length) == words


def bars() -> SyncBars:
    return SyncBars(Console(file=io.StringIO(), force_terminal=False, width=120))


def drawn(watcher: SyncBars, name: str) -> Any:
    return next(task for task in watcher.progress.tasks if task.description == name)


def row(scope: Scope, read: int = 10, error: str = "") -> SyncRow:
    return SyncRow(
        "r", scope, NOW, NOW + timedelta(seconds=1), UpsertCounts(read, 1, read - 1), error=error, seconds=1.0
    )


def test_a_bar_is_as_long_as_the_copy_and_of_unknown_length_where_only_changes_are_read() -> None:
    watcher, scope = bars(), Scope("north", "F1", "tenant")
    watcher(RunStarted("r", NOW, (FacilityKey("north", "F1"),), 2))
    watcher(EntityStarted("r", scope, True, False, 400))
    watcher(BatchTaken("r", scope, UpsertCounts(100, 7, 93), 1, 5, 2.0))

    assert (drawn(watcher, "north/F1").total, drawn(watcher, "north/F1").completed) == (400, 100)
    assert drawn(watcher, "north/F1").fields["words"] == "tenant: 100 read, 7 changed, 50 rows/s, 6 s left"

    watcher(BatchTaken("r", scope, UpsertCounts(500, 7, 493), 1, 5, 2.0))  # more than was held
    assert drawn(watcher, "north/F1").total is None
    watcher(EntityFinished("r", row(scope)))
    watcher(EntityStarted("r", Scope("north", "F1", "rental"), False, False, 400))
    assert drawn(watcher, "north/F1").total is None
    assert "left" not in drawn(watcher, "north/F1").fields["words"]


def test_the_line_of_all_counts_facilities_and_rows_and_is_full_at_the_end() -> None:
    watcher = bars()
    keys = tuple(FacilityKey("north", f"F{number}") for number in range(2))
    watcher(RunStarted("r", NOW, keys, len(keys)))
    for key in keys:
        watcher(EntityStarted("r", Scope("north", key.facility, "unit"), True, False, 0))
        watcher(EntityFinished("r", row(Scope("north", key.facility, "unit"))))
    watcher(RunFinished(SyncReport("r", NOW, NOW, ())))

    whole = drawn(watcher, "all")
    assert (whole.completed, whole.total) == (2, 2)
    assert whole.fields["words"].startswith("20 rows of 2/2 facilities")


def test_thousands_of_facilities_do_not_fill_the_screen_but_failed_ones_stay() -> None:
    watcher = bars()
    keys = tuple(FacilityKey("north", f"F{number}") for number in range(60))
    watcher(RunStarted("r", NOW, keys, len(keys)))
    for key in keys:
        scope = Scope("north", key.facility, "unit")
        watcher(EntityStarted("r", scope, True, False, 0))
        watcher(EntityFinished("r", row(scope, error="away" if key.facility == "F3" else "")))

    shown = [task.description for task in watcher.progress.tasks if task.visible]
    assert len(shown) <= 22
    assert {"all", "north/F3", "north/F59"} <= set(shown)
    assert drawn(watcher, "north/F3").fields["words"] == "unit: failed"


# -- the age of every copy ---------------------------------------------------------------------------------------------


class _Codes:
    """An adapter of which only the facilities matter."""

    settle_window = timedelta(0)

    def __init__(self, count: int) -> None:
        self.facility_codes = [f"F{number:04}" for number in range(count)]

    def close(self) -> None:
        """Nothing to let go of."""


def test_the_status_of_many_facilities_is_oldest_first_limited_and_asked_in_a_few_questions(
    command: Command, rentbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("sync")
    _copied(rentbook.parent / "pmsbridge.db", 300)
    made = Bridge.from_config

    def many(*args: Any, **options: Any) -> Bridge:
        bridge = made(*args, **options)
        bridge.adapters["home"] = _Codes(301)  # type: ignore[assignment]
        return bridge

    monkeypatch.setattr(Bridge, "from_config", many)
    facts = command("status", "--json").data
    shown = command("status")

    assert facts["facilities_in_all"] == len(facts["facilities"]) == 301
    assert [f["facility"] for f in facts["facilities"][:3]] == ["F0300", "F0299", "F0298"]  # never, oldest, next
    assert facts["facilities"][0]["last_sync"] == "never"
    assert facts["facilities"][-1]["facility"] == "F0000"
    assert [f["facility"] for f in facts["facilities"] if f["failed_sync"]] == ["F0007"]
    assert "F0299" in shown.out
    assert "F0000" not in shown.out
    assert "251 facilities with younger copies are not shown, of 301" in shown.err
    assert "(F0007) failed" in shown.err
    assert "F0000" in command("status", "--limit", "0").out
    assert len(command("status", "--json", "--limit", "2").data["facilities"]) == 2


def _copied(file: Path, count: int) -> None:
    """Facilities of which every part was copied, the higher the number the longer ago; number 7 failed last."""
    database = open_database(f"sqlite:///{file}")
    mirror = Mirror(database)
    with database.write() as connection:
        for number in range(count):
            connection.execute(
                text("INSERT INTO pmsbridge_mirror_places (place, account, facility) VALUES (:p, 'home', :f)"),
                {"p": 1000 + number, "f": f"F{number:04}"},
            )
            for entity in ("facility", "unit", "tenant", "rental"):
                at = f"{(NOW - timedelta(minutes=number)).isoformat(timespec='microseconds')[:26]}Z"
                connection.execute(
                    text(
                        "INSERT INTO pmsbridge_mirror_streams (place, entity, synced_at, moved_at) "
                        "VALUES (:p, :e, :at, :at)"
                    ),
                    {"p": 1000 + number, "e": entity, "at": at},
                )
    for number, error, minute in ((7, "", 0), (7, "login refused", 1), (8, "login refused", 0), (8, "", 1)):
        scope, ended = Scope("home", f"F{number:04}", "unit"), NOW + timedelta(minutes=minute)
        mirror.report(SyncRow(f"run{minute}", scope, ended, ended, error=error))
    database.close()


def test_the_status_of_three_hundred_facilities_takes_as_many_statements_as_that_of_one(
    command: Command, rentbook: Path
) -> None:
    from sqlalchemy import event

    from pmsbridge.store.copies import copies

    command("sync")
    database = open_database(f"sqlite:///{rentbook.parent / 'pmsbridge.db'}")
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert len(copies(database)) == 1
    few = len(asked)
    database.close()
    _copied(rentbook.parent / "pmsbridge.db", 300)
    database = open_database(f"sqlite:///{rentbook.parent / 'pmsbridge.db'}")
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    assert len(copies(database)) == 301
    assert len(asked) == 2 * few
    database.close()
