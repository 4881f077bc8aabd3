from __future__ import annotations

import hashlib
import io
import itertools
import re
import shutil
import sqlite3
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update

from pmsbridge.errors import InputError
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store import audit as audit_module
from pmsbridge.store import trail as chain
from pmsbridge.store.audit import Audit, Breach, Head, Trouble
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.head_file import read_heads, write_heads
from pmsbridge.store.tables import actions, effects, trail
from pmsbridge.testing.memory import Fault
from tests.engine.stage import Stage, action_id, edit, move_out, pay

PAID, LOST, RETRIED, REVIEWED, EDITED = "click-paid", "click-lost", "click-retried", "click-reviewed", "click-edit"
OPEN = "click-open"
COLUMNS = ("action_id", "number", "at", "event", "data", "prev_hash", "hash")


def lived(stage: Stage) -> None:
    """A journal in which everything has happened that can: settled, found, declined, retried, reviewed, resolved."""
    runtime = stage.runtime()
    runtime.submit(pay(PAID))
    stage.office.fail(Fault.DROP_AFTER, kind="take_payment")
    runtime.submit(pay(LOST, tenant="T2", rental="R2"))
    runtime.submit(pay("click-again", tenant="T2", rental="R2"))  # attaches
    stage.later(timedelta(minutes=5))
    runtime.run_due()
    stage.office.fail(Fault.REJECT, kind="take_payment")
    runtime.submit(pay("click-declined", tenant="T3", rental="R3"))
    runtime.submit(edit(EDITED))
    stage.office.fail(Fault.REFUSE, kind="take_payment")
    runtime.submit(pay(RETRIED, amount="7.00"))
    stage.later(timedelta(minutes=20))
    runtime.run_due()
    assert runtime.action(action_id(RETRIED)).outcome is Outcome.NOT_SENT
    assert runtime.retry(action_id(RETRIED), "anna").outcome is Outcome.SETTLED
    stage.office.fail(Fault.REFUSE, kind="take_payment", retry_after=timedelta(minutes=1))
    runtime.submit(pay("click-later", rental="R4"))  # waits
    stage.office.fail(Fault.DROP_AFTER, kind="schedule_move_out")
    stage.office.blind = True
    runtime.submit(move_out(REVIEWED, rental="R4"))
    for _ in range(20):
        stage.later(timedelta(minutes=10))
        runtime.run_due()
    stage.office.blind = False
    assert runtime.action(action_id(REVIEWED)).outcome is Outcome.NEEDS_REVIEW
    stage.office.fail(Fault.DROP_AFTER, kind="take_payment")
    runtime.submit(pay(OPEN, tenant="T3", rental="R3", amount="9.00"))  # stays unknown
    runtime.submit(pay("click-joined", tenant="T3", rental="R3", amount="9.00"))


def troubles(database: Database, **fields: Any) -> list[Trouble]:
    return list(Audit(database).troubles(**fields))


def change(stage: Stage, statement: str, **values: Any) -> None:
    with stage.database.write() as connection:
        assert connection.execute(text(statement), values).rowcount


def test_a_digest_with_digits_like_a_card_number_is_no_trouble(stage: Stage) -> None:
    """One digest in some thousands has them; an earlier release kept it masked."""
    wishes = (f"wish {number}" for number in itertools.count())
    wish, digits = next(
        (w, found[0]) for w in wishes if (found := re.search(r"\d{16}", hashlib.sha256(w.encode()).hexdigest()))
    )
    digest = hashlib.sha256(wish.encode()).hexdigest()
    stage.runtime().submit(pay(PAID, intent=wish))
    with stage.database.read() as connection:
        kept = connection.execute(text("select data from pmsbridge_trail where number = 1")).scalar_one()
    assert digest in kept
    masked = digest.replace(digits, f"[card ending {digits[-4:]}]")
    assert audit_module._is_digest_of(masked, wish)
    assert not audit_module._is_digest_of(masked, "another wish")
    assert not audit_module._is_digest_of(digest.replace(digits, "[card ending 0000]"), wish)

    assert troubles(stage.database) == []

    change(stage, "update pmsbridge_actions set intent = 'another wish'")
    assert [trouble.breach for trouble in troubles(stage.database)] == [Breach.ASKED]


def test_a_journal_in_which_everything_happened_is_whole_and_grows_whole(stage: Stage) -> None:
    lived(stage)
    audit, file = Audit(stage.database), kept(stage)

    assert list(audit.troubles()) == []
    assert audit.actions >= 7
    assert audit.entries >= 25

    runtime = stage.runtime()
    runtime.resolve(action_id(REVIEWED), "move_out", Outcome.NOT_SENT, "no such move-out", "anna")
    runtime.submit(pay("click-new", tenant="T3", rental="R3", amount="8.00"))
    assert troubles(stage.database) == []
    assert compared(stage, file) == []

    change(
        stage, "update pmsbridge_trail set event = 'Settled' where event = 'settled' and action_id = :id", id=_paid()
    )
    assert [(t.action_id, t.number, t.breach) for t in troubles(stage.database)] == [
        (_paid(), 3, Breach.ENTRY),
        (_paid(), 0, Breach.END),
    ]


def _paid() -> str:
    return action_id(PAID)


# -- the chain ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real file, closed."""
    folder = tmp_path_factory.mktemp("lived")
    stage = Stage(folder)
    lived(stage)
    stage.close()
    with sqlite3.connect(stage.path) as raw:
        raw.execute("pragma wal_checkpoint(truncate)")
    raw.close()
    return stage.path


@pytest.fixture
def old(journal: Path, tmp_path: Path) -> Iterator[Stage]:
    """The same journal, open."""
    shutil.copy(journal, tmp_path / "journal.db")
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def bench(journal: Path) -> Iterator[Bench]:
    """A copy of the file, open, that is put back after every change."""
    copy = journal.with_name("bench.db")
    shutil.copy(journal, copy)
    database = open_database(f"sqlite:///{copy}")
    raw, whole = sqlite3.connect(copy), sqlite3.connect(journal)
    raw.execute("pragma synchronous = off")
    yield Bench(database, raw, whole)
    for connection in (raw, whole):
        connection.close()
    database.close()


@dataclass(frozen=True)
class Bench:
    database: Database
    raw: sqlite3.Connection
    whole: sqlite3.Connection


def _after(bench: Bench, *statements: tuple[str, tuple[Any, ...]]) -> list[Trouble]:
    """What is found after somebody wrote into the file past us."""
    try:
        for statement, values in statements:
            assert bench.raw.execute(statement, values).rowcount > 0
        bench.raw.commit()
        return troubles(bench.database)
    finally:
        bench.raw.rollback()
        bench.whole.backup(bench.raw)


def _rows(journal: Path) -> list[tuple[Any, ...]]:
    raw = sqlite3.connect(journal)
    try:
        return raw.execute(f"select {', '.join(COLUMNS)} from pmsbridge_trail").fetchall()  # noqa: S608 - our own
    finally:
        raw.close()


def test_the_file_is_whole_before_it_is_touched(bench: Bench) -> None:
    assert _after(bench) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_of_any_column_of_any_entry_that_is_flipped_is_found(
    bench: Bench, journal: Path, data: st.DataObject
) -> None:
    row = data.draw(st.sampled_from(_rows(journal)))
    column = data.draw(st.sampled_from(COLUMNS))
    value = str(row[COLUMNS.index(column)]).encode()
    if not value:
        new = "x"
    else:
        place = data.draw(st.integers(0, len(value) - 1))
        other = data.draw(st.integers(0, 127).filter(lambda byte: byte != value[place] and value[place] < 128))
        new = (value[:place] + bytes([other]) + value[place + 1 :]).decode()
    written: Any = int(new) if column == "number" and new.isascii() and new.isdigit() and new == str(int(new)) else new
    statement = f"update or ignore pmsbridge_trail set {column} = ? where action_id = ? and number = ?"  # noqa: S608
    if column in {"action_id", "number"} and any(
        (other[0], other[1]) == ((written, row[1]) if column == "action_id" else (row[0], written))
        for other in _rows(journal)
    ):
        return  # the database itself refuses a number that is taken

    assert _after(bench, (statement, (written, row[0], row[1])))


@pytest.mark.parametrize(
    "at", ["2026-11-21 15:00:00.000000Z", "2026-11-21T15:00:00Z", "2026-11-21T15:00:00.000000+00:00"]
)
def test_another_spelling_of_the_same_instant_is_found(bench: Bench, journal: Path, at: str) -> None:
    first = next(row for row in _rows(journal) if row[1] == 1 and str(row[2]).startswith("2026-11-21T15:00:00"))
    statement = "update pmsbridge_trail set at = ? where action_id = ? and number = 1"

    assert _after(bench, (statement, (at, first[0])))


@pytest.mark.parametrize("column", ["trail_length", "trail_head", "actor", "submitted_at", "outcome", "is_partial"])
def test_a_changed_column_of_an_action_is_found(bench: Bench, column: str) -> None:
    new: Any = {"trail_length": 2, "trail_head": "0" * 64, "is_partial": 1, "outcome": "declined"}.get(column, "2026")
    ours = (new, action_id(PAID))

    found = _after(bench, (f"update pmsbridge_actions set {column} = ? where id = ?", ours))  # noqa: S608 - our own

    assert {trouble.action_id for trouble in found} == {action_id(PAID)}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_entry_is_found(bench: Bench, number: int) -> None:
    found = _after(bench, ("delete from pmsbridge_trail where action_id = ? and number = ?", (_paid(), number)))

    assert [trouble.breach for trouble in found] == ([Breach.END] if number == 3 else [Breach.ORDER, Breach.END])


def test_a_tail_that_is_cut_together_with_the_actions_own_end_contradicts_the_steps(
    bench: Bench, journal: Path
) -> None:
    two = next(row for row in _rows(journal) if row[:2] == (action_id(PAID), 2))

    found = _after(
        bench,
        ("delete from pmsbridge_trail where action_id = ? and number > 2", (action_id(PAID),)),
        ("update pmsbridge_actions set trail_length = 2, trail_head = ? where id = ?", (two[6], action_id(PAID))),
    )

    assert [trouble.breach for trouble in found] == [Breach.STEP]


def test_an_added_entry_is_found(bench: Bench) -> None:
    values = (action_id(PAID), 4, "2026-11-21T15:00:00.000000Z", "settled", "{}", "a" * 64, "b" * 64)

    trouble, *_ = _after(bench, ("insert into pmsbridge_trail values (?, ?, ?, ?, ?, ?, ?)", values))

    assert (trouble.number, trouble.breach) == (4, Breach.ENTRY)


def test_swapped_entries_are_found(bench: Bench) -> None:
    swap = "update pmsbridge_trail set number = ? where action_id = ? and number = ?"
    mine = action_id(LOST, "T2")

    assert _after(bench, (swap, (99, mine, 2)), (swap, (2, mine, 3)), (swap, (3, mine, 99)))


def test_entries_without_their_action_are_found(old: Stage) -> None:
    mine = action_id(PAID)
    raw = sqlite3.connect(old.path)
    raw.execute("delete from pmsbridge_actions where id = ?", (mine,))
    raw.commit()
    raw.close()

    assert [(t.action_id, t.breach) for t in troubles(old.database)] == [(mine, Breach.ORPHAN)]


# -- the tables beside the chain ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "values", "part"),
    [
        (PAID, {"ended": "declined"}, "state"),
        (PAID, {"evidence": "receipt 99 answered"}, "evidence"),
        (PAID, {"vendor_ids": {"take_payment": "99"}}, "evidence"),
        ("click-declined", {"ended": "settled"}, "state"),
        ("click-declined", {"message": "all is well"}, "message"),
        ("click-declined", {"code": "0"}, "code"),
        (LOST, {"state": "waiting", "ended": None}, "state"),
        (REVIEWED, {"state": "done", "ended": "settled"}, "state"),
        (PAID, {"kind": "add_note"}, "kind"),
    ],
)
def test_a_step_that_stands_other_than_its_trail_tells_is_found(
    old: Stage, key: str, values: dict[str, Any], part: str
) -> None:
    tenant = {LOST: "T2", "click-declined": "T3"}.get(key, "T1")
    mine = action_id(key, tenant)
    with old.database.write() as connection:
        connection.execute(update(effects).where(effects.c.action_id == mine).values(**values))

    found = [trouble for trouble in troubles(old.database) if trouble.breach is Breach.STEP]

    assert [trouble.action_id for trouble in found] == [mine]
    assert part in found[0].text


FOLLOWS = {
    "actions": (
        "id key kind account facility tenant_id intent actor outcome is_partial submitted_at changed_at trail_length "
        "trail_head"
    ),
    "effects": (
        "action_id position name key kind payload after run_when is_principal emulates guards lane account facility "
        "tenant_id target state ended message code evidence vendor_ids attempts looks resends is_doubtful asked_at "
        "first_sent_at last_sent_at due_at finished_at version"
    ),
    "aliases": "id action_id intent kind attached_at",
    "guards": "guard action_id effect_key held_since",
}
"""By table, the columns that follow from the trail, the key and the payload: what docs/reconcile.md says is covered."""
SAYS_NOBODY = {
    "actions": "seq",
    "effects": "seq receipt_at is_read_back is_emulated baseline known_before quiet_until sealed_until",
    "aliases": "",
    "guards": "",
}
VALUES: dict[str, Any] = {
    "run_when": "failed", "guards": '["x"]', "vendor_ids": '{"x": "y"}', "state": "waiting", "ended": "declined",
    "outcome": "declined",
}  # fmt: skip


@pytest.mark.parametrize(("table", "column"), [(t, c) for t, names in FOLLOWS.items() for c in names.split()])
@pytest.mark.parametrize("row", [LOST, OPEN])
def test_a_changed_column_that_follows_from_what_is_chained_is_found(
    bench: Bench, table: str, column: str, row: str
) -> None:
    mine = action_id(row, {LOST: "T2", OPEN: "T3"}[row])
    identity = "id" if table == "actions" else "action_id"
    stored = bench.raw.execute(f"select {column} from pmsbridge_{table} where {identity} = ?", (mine,)).fetchone()  # noqa: S608
    if stored is None:
        assert (table, row) == ("guards", LOST)  # it is over, and holds nothing
        return
    new = VALUES.get(column, _another(column, stored[0]))
    assert new != stored[0]

    found = _after(bench, (f"update pmsbridge_{table} set {column} = ? where {identity} = ?", (new, mine)))  # noqa: S608

    assert found


def _another(column: str, value: Any) -> Any:
    if column.endswith(("_at", "_since")):
        return "2026-11-20T15:00:00.000000Z"
    return (
        1 - value
        if isinstance(value, int) and value in {0, 1}
        else value + 1
        if isinstance(value, int)
        else f"{value or ''}x"
    )


def test_of_every_column_it_is_known_whether_it_is_covered(bench: Bench) -> None:
    for table, names in FOLLOWS.items():
        there = {row[1] for row in bench.raw.execute(f"pragma table_info(pmsbridge_{table})")}
        assert there == {*names.split(), *SAYS_NOBODY[table].split()}


def test_the_end_of_a_wait_is_covered_while_the_trail_tells_it(bench: Bench) -> None:
    later = ("update pmsbridge_effects set quiet_until = '2027-01-01T00:00:00.000000Z' where action_id = ?",)

    (trouble,) = _after(bench, (*later, (action_id(OPEN, "T3"),)))

    assert "quiet_until" in trouble.text


@pytest.mark.parametrize(
    ("statement", "breach"),
    [
        ("delete from pmsbridge_guards", Breach.GUARD),
        ("insert into pmsbridge_guards select guard || 'x', action_id, 'none', held_since from {}guards", Breach.GUARD),
        ("delete from pmsbridge_aliases", Breach.CLICK),
        ("insert into {0}aliases select id || 'x', action_id, intent, kind, attached_at from {0}aliases", Breach.CLICK),
    ],
)
def test_clicks_and_guards_that_were_added_or_removed_are_found(bench: Bench, statement: str, breach: Breach) -> None:
    assert {found.breach for found in _after(bench, (statement.format("pmsbridge_"), ()))} == {breach}


def test_a_removed_step_is_found(old: Stage) -> None:
    with old.database.write() as connection:
        connection.execute(
            delete(effects).where(effects.c.action_id == action_id(EDITED), effects.c.name == "bulletin")
        )

    assert Breach.STEPS in {trouble.breach for trouble in troubles(old.database)}


def test_only_what_was_asked_for_since_is_looked_at(old: Stage) -> None:
    change(old, "update pmsbridge_actions set actor = 'eve' where id = :id", id=action_id(PAID))

    assert [trouble.breach for trouble in troubles(old.database)] == [Breach.ASKED]
    assert troubles(old.database, since=old.clock.now() + timedelta(days=1)) == []


# -- heads -------------------------------------------------------------------------------------------------------------


def kept(stage: Stage) -> io.StringIO:
    file = io.StringIO(newline="\n")
    write_heads(Audit(stage.database).heads(), file)
    file.seek(0)
    return file


def compared(stage: Stage, file: io.StringIO, **fields: str) -> list[Trouble]:
    file.seek(0)
    return list(Audit(stage.database).missing(list(read_heads(file, **fields))))


def test_a_whole_action_that_is_gone_is_found_only_with_the_heads(old: Stage) -> None:
    file = kept(old)
    mine = action_id(PAID)
    with old.database.write() as connection:
        for table in (trail, effects):
            connection.execute(delete(table).where(table.c.action_id == mine))
        connection.execute(delete(actions).where(actions.c.id == mine))

    assert troubles(old.database) == []
    assert [(t.action_id, t.breach) for t in compared(old, file)] == [(mine, Breach.GONE)]


def test_a_trail_that_was_written_anew_from_the_start_is_found_only_with_the_heads(old: Stage) -> None:
    """Who may write everything may make a chain that fits in itself."""
    file = kept(old)
    mine = action_id(PAID)
    with old.database.write() as connection:
        told = [chain.Event(e.event, {**e.data, "epoch": 99} if e.number == 2 else e.data) for e in _told(old, mine)]
        at = [entry.at for entry in _told(old, mine)]
        connection.execute(delete(trail).where(trail.c.action_id == mine))
        length, head = 0, ""
        for event, when in zip(told, at, strict=True):
            new = chain.links(mine, [event], when, length=length, head=head)
            connection.execute(trail.insert(), list(new.rows))
            length, head = new.length, new.head
        connection.execute(update(actions).where(actions.c.id == mine).values(trail_head=head))

    assert troubles(old.database) == []
    assert [(t.action_id, t.breach) for t in compared(old, file)] == [(mine, Breach.CUT)]


def _told(stage: Stage, mine: str) -> Any:
    return stage.runtime().trail(mine)


def test_a_file_of_heads_that_was_changed_or_cut_is_refused(old: Stage) -> None:
    whole = kept(old).getvalue()
    lines = whole.splitlines(keepends=True)
    digest = lines[-1].split("\t")[1].strip()
    bad = [
        whole.replace("\t3\t", "\t4\t", 1), "".join(lines[:-1]), "".join([*lines[:2], *lines[3:]]), whole + lines[1],
        "something else\n", lines[0] + "1\t2\n",
    ]  # fmt: skip

    for text_ in bad:
        with pytest.raises(InputError):
            list(read_heads(io.StringIO(text_)))
    assert len(list(read_heads(io.StringIO(whole), digest=digest.upper()))) == len(lines) - 2
    with pytest.raises(InputError):
        list(read_heads(io.StringIO(whole), digest="0" * 64))


def test_the_digest_stands_for_every_head() -> None:
    heads = [Head(1, "act_a", 3, "a" * 64), Head(2, "act_b", 1, "b" * 64)]

    assert write_heads(heads, None).hex != write_heads(heads[:1], None).hex != write_heads(heads[::-1], None).hex
    assert (write_heads(heads, None).actions, write_heads(heads, None).entries) == (2, 4)


def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    runtime = stage.runtime()
    runtime.submit(pay("click-0001"))
    stage.close()
    raw = sqlite3.connect(stage.path)
    _multiply(raw, 620)
    raw.close()
    database = open_database(f"sqlite:///{stage.path}")
    audit = Audit(database)
    peaks = []
    tracemalloc.start()
    for number, _ in enumerate(audit.troubles()):
        if number in {210, 610}:
            peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    database.close()

    assert audit.actions == 621
    assert peaks[1] < peaks[0] * 1.2


def _multiply(raw: sqlite3.Connection, times: int) -> None:
    """Copies of an action without its entries: each is trouble."""
    names = [
        row[1] for row in raw.execute("pragma table_info(pmsbridge_actions)") if row[1] not in {"seq", "id", "key"}
    ]
    columns = ", ".join(names)
    for number in range(times):
        raw.execute(
            f"insert into pmsbridge_actions (id, key, {columns}) "  # noqa: S608 - our own
            f"select 'act_{number}', 'key_{number}', {columns} from pmsbridge_actions where seq = 1"
        )
    raw.commit()


@pytest.mark.parametrize(("table", "column"), [("pmsbridge_effects", "payload"), ("pmsbridge_actions", "intent")])
def test_what_was_asked_cannot_be_changed_unseen(tmp_path: Path, table: str, column: str) -> None:
    stage = Stage(tmp_path)
    stage.runtime().submit(pay("click-0001"))
    stage.close()
    raw = sqlite3.connect(stage.path)
    raw.execute(f"update {table} set {column} = {column} || ' '")  # noqa: S608 - our own
    raw.commit()
    raw.close()
    database = open_database(f"sqlite:///{stage.path}")

    found = [trouble.breach for trouble in Audit(database).troubles()]

    database.close()
    assert found in ([Breach.STEP], [Breach.ASKED])
