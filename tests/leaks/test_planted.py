"""A leak that is planted is found, on every way a secret may take; else a clean result would mean nothing."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pmsbridge import telemetry
from pmsbridge.engine import deliver
from pmsbridge.errors import RejectedError
from pmsbridge.logging import get_logger
from pmsbridge.model.sealed import Card
from pmsbridge.ports.outcome import Attempt, Outcome, Receipt
from pmsbridge.store.database import open_database
from pmsbridge.testing.canaries import Canaries
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.engine.stage import pay_by_card
from tests.leaks.tour import talkative

pytestmark = pytest.mark.plants_secrets("leaks are planted, to see them found")

ROOT = Path(__file__).resolve().parents[2]
NAME = "card.visa16"


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = talkative(stream)
    yield stream
    logging.getLogger().removeHandler(handler)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)


class Indiscreet(MemoryAdapter):
    """An adapter that does with an opened card what it should not."""

    fault = ""

    def _execute(self, effect: Any, attempt: Attempt) -> Receipt:
        number = ""
        if attempt.sealed is not None:
            with attempt.sealed.open() as parts:
                number = parts["number"]
        if self.fault == "error":
            raise RejectedError(f"card {number} is no good", code="declined")
        if self.fault == "chain":
            try:
                raise KeyError(number)
            except KeyError as error:
                raise RejectedError("no good", code="declined") from error
        if self.fault == "log":
            get_logger("pmsbridge.planted").debug("sending", note=f"{number[:8]}x{number[8:]}")
        if self.fault == "library":
            logging.getLogger("planted.library").debug("<envelope>%s</envelope>", number)
        if self.fault == "span":
            with telemetry.span("send", account=f"{number[:8]}x{number[8:]}"):
                pass
        receipt = self.office.execute(effect, attempt)
        return receipt.changed(evidence=f"receipt {number[:9]}x{number[9:]}") if self.fault == "split" else receipt


def pay(folder: Path, canaries: Canaries, fault: str) -> Any:
    """Pay once through the indiscreet adapter; the office, the runtime and the file it leaves."""
    clock = TestClock()
    adapter = Indiscreet(MemoryOffice(clock))
    adapter.fault = fault
    database = open_database(f"sqlite:///{folder / 'bridge.db'}")
    try:
        runtime = deliver.Runtime(database, {adapter.office.account: adapter}, clock=clock)
        card = Card(number=canaries[NAME], expires_on=date(2031, 12, 31), holder="Test Payer", cvv=canaries["cvv.3"])
        return runtime.submit(pay_by_card(), sealed=card)
    finally:
        database.close()


def test_nothing_is_found_when_nothing_leaks(tmp_path: Path, canaries: Canaries, said: io.StringIO) -> None:
    view = pay(tmp_path, canaries, "")

    assert view.outcome is Outcome.SETTLED
    assert canaries.scan(tmp_path) == canaries.scan(said.getvalue()) == canaries.scan(view) == []


def test_a_number_that_got_around_the_redactor_is_found_in_the_database(tmp_path: Path, canaries: Canaries) -> None:
    view = pay(tmp_path, canaries, "split")

    assert {hit.canary for hit in canaries.scan(tmp_path)} == {NAME}
    assert {hit.canary for hit in canaries.scan(view)} == {NAME}


@pytest.mark.parametrize("fault", ["log", "library"])
def test_a_log_line_with_a_number_is_found(tmp_path: Path, canaries: Canaries, said: io.StringIO, fault: str) -> None:
    pay(tmp_path, canaries, fault)

    assert {hit.canary for hit in canaries.scan(said.getvalue(), "the log")} == {NAME}


def test_a_span_with_a_number_is_found(tmp_path: Path, canaries: Canaries) -> None:
    exporter, tracing = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.enable(tracer_provider=tracing)
    try:
        pay(tmp_path, canaries, "span")
    finally:
        telemetry.disable()
        tracing.shutdown()

    assert canaries.scan(json.dumps([span.to_json() for span in exporter.get_finished_spans()]))


@pytest.mark.parametrize("fault", ["error", "chain"])
def test_an_adapters_error_with_a_number_is_redacted_before_it_is_stored(
    tmp_path: Path, canaries: Canaries, said: io.StringIO, fault: str
) -> None:
    view = pay(tmp_path, canaries, fault)

    assert view.outcome is Outcome.DECLINED
    assert canaries.scan(tmp_path) == canaries.scan(said.getvalue()) == canaries.scan(view) == []


def test_an_error_text_a_cause_and_a_variable_with_a_number_are_found(canaries: Canaries) -> None:
    number = canaries[NAME]

    def fail(kind: str) -> BaseException:
        try:
            if kind == "text":
                raise RejectedError(f"card {number}", code="declined")
            try:
                raise KeyError(number if kind == "cause" else "clean")
            except KeyError as error:
                raise RejectedError("clean", code="declined") from (error if kind == "cause" else None)
        except RejectedError as error:
            return error

    for kind in ("text", "cause"):
        assert canaries.scan(fail(kind), ignoring=("/tests/",)), kind
    assert canaries.scan(fail("variable"), ignoring=("/tests/",)) == []
    assert canaries.scan(fail("variable"))  # its frame holds the number in a variable


def test_a_deleted_row_that_stays_in_the_file_is_found_and_ours_do_not_stay(tmp_path: Path, canaries: Canaries) -> None:
    careless = sqlite3.connect(tmp_path / "careless.db")
    careless.execute("PRAGMA secure_delete=OFF")
    careless.execute("CREATE TABLE notes (text)")
    careless.execute("INSERT INTO notes VALUES (?)", (f"use {canaries[NAME]} please",))
    careless.commit()
    careless.execute("DELETE FROM notes")
    careless.commit()
    careless.close()
    ours = open_database(f"sqlite:///{tmp_path / 'ours.db'}")
    with ours.write() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    ours.close()

    assert {Path(hit.where).name for hit in canaries.scan(tmp_path)} == {"careless.db"}


def test_a_number_in_the_write_ahead_log_alone_is_found(tmp_path: Path, canaries: Canaries) -> None:
    path = tmp_path / "open.db"
    line = sqlite3.connect(path, isolation_level=None)
    line.execute("PRAGMA journal_mode=WAL")
    line.execute("CREATE TABLE notes (text)")
    line.execute("INSERT INTO notes VALUES (?)", (canaries[NAME],))
    try:
        assert {Path(hit.where).name for hit in canaries.scan(tmp_path)} == {"open.db-wal"}
    finally:
        line.close()


@pytest.mark.postgresql
def test_a_number_in_a_column_and_in_the_servers_own_files_is_found(
    postgres_server: Any, postgres_url: str, canaries: Canaries
) -> None:
    from tests.leaks.test_tour import tables_as_text

    open_database(postgres_url).close()
    name = postgres_url.rpartition("/")[2]
    with postgres_server.connect(name) as connection:
        connection.execute("CREATE UNLOGGED TABLE planted (note bytea)")
        connection.execute("INSERT INTO planted VALUES (%s)", (canaries[NAME].encode(),))

    assert {(hit.canary, hit.form) for hit in canaries.scan(tables_as_text(postgres_url))} == {(NAME, "hexadecimal")}
    # An unlogged table: what is planted stays out of the write-ahead log, which the run searches when it ends.


def test_a_pickle_a_report_and_a_command_line_with_a_secret_are_found(tmp_path: Path, canaries: Canaries) -> None:
    (tmp_path / "a.pickle").write_bytes(pickle.dumps({"number": canaries[NAME]}))
    (tmp_path / "report.json").write_text(json.dumps({"rows": [{"note": " ".join(canaries[NAME])}]}))
    (tmp_path / "junit.xml").write_text(f'<testcase name="pay[{canaries["password.web"]}]"/>')
    (tmp_path / "ps").write_text(f"pmsbridge\0--password={canaries['password.office']}\0")
    (tmp_path / "mail").write_bytes(f"dear office, the gate code is {canaries['gate.code']}\r\n".encode("utf-16"))

    found = {(Path(hit.where).name, hit.canary) for hit in canaries.scan(tmp_path)}

    assert found == {
        ("a.pickle", NAME), ("report.json", NAME), ("junit.xml", "password.web"), ("ps", "password.office"),
        ("mail", "gate.code"),
    }  # fmt: skip


# -- the watch over a whole run ---------------------------------------------------------------------------------------

_INNER = """
import logging, subprocess, sys
from pathlib import Path
import pytest
from tests.leaks.plugin import canaries_of_this_run
CANARIES = canaries_of_this_run()

def test_clean(tmp_path):
    (tmp_path / "a").write_text("nothing")

def test_file(tmp_path):
    (tmp_path / "kept.db").write_bytes(b"." * 9000 + CANARIES["card.amex15"].encode())

def test_general(tmp_path):
    (tmp_path / "notes.txt").write_text("pay with 6011-1111-1111-1117")

def test_log():
    logging.getLogger("some.library").warning("sent %s", CANARIES["password.web"])

def test_traceback():
    try:
        int("x", base=len(CANARIES["token.link"]))
    except ValueError as error:
        error.add_note(CANARIES["token.link"])
        logging.getLogger("x").warning("failed", exc_info=True)

def test_command_line():
    subprocess.run([sys.executable, "-c", "", "--key=" + CANARIES["token.api"]], check=True)

@pytest.mark.plants_secrets("on purpose")
def test_excused(tmp_path):
    (tmp_path / "b").write_text(CANARIES["card.visa19"])
    logging.getLogger("y").warning(CANARIES["card.visa19"])

def test_printed():
    assert CANARIES["gate.code"] == "", CANARIES["gate.code"]
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_leaks_fails_and_names_the_test(tmp_path: Path, canaries: Canaries, workers: str) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.leaks.plugin import watch\n\ndef pytest_configure(config):\n    watch(config)\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_inner.py").write_text(textwrap.dedent(_INNER))
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}",
         "-n", workers,
         "-c", str(tmp_path / "pytest.ini"), f"--junitxml={tmp_path / 'junit.xml'}", str(tmp_path / "test_inner.py")],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    told = ended.stdout.partition("leaked secrets")[2].partition("short test summary")[0]

    assert ended.returncode == 1, ended.stdout + ended.stderr
    for test, secret in (
        ("test_file", "card.amex15"), ("test_general", "601111...1117"), ("test_log", "password.web"),
        ("test_traceback", "token.link"), ("test_command_line", "token.api"), ("junit.xml", "gate.code"),
    ):  # fmt: skip
        assert any(test in line and secret in line for line in told.splitlines()), (test, ended.stdout)
    assert "test_excused" not in told
    assert "test_clean" not in told
    assert canaries.scan(told) == []
