"""What somebody meets who has just installed it: the first example twice, a server in the background, a wrong path."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge_sitelink.sandbox import SandboxControl, spawn
from tests.e2e.conftest import ROOT, Start
from tests.servers.postgres import PostgresServer
from tests.servers.redis import NoRedisError, running_redis

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_first_example_run_twice_pays_once_and_gives_the_same_answer(tmp_path: Path) -> None:
    example = PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))[0]

    with spawn(units=40, sites=2) as office:
        write_sandbox_settings(tmp_path / "pmsbridge.toml", "sitelink", office.base_url)
        runs = [
            subprocess.run(
                [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            for _ in range(2)
        ]
        books = office.state("L001", 1001)["sites"]["L001"]["ledgers"].values()
        times = [sum("pi_3Nx81k" in str(payment) for payment in row["payments"]) for row in books]

    assert [ran.returncode for ran in runs] == [0, 0], runs[1].stderr
    assert "settled False" in runs[0].stdout
    assert "settled True" in runs[1].stdout
    assert max(times) == 1


# -- a server that a script starts in the background ------------------------------------------------------------------


@contextmanager
def in_the_background(*args: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """``pmsbridge ... &`` of a script: SIGINT is ignored in what it starts."""
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "pmsbridge.cli", *args]
    process = subprocess.Popen(shell, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def told(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    line: dict[str, object] = json.loads(process.stdout.readline())
    return line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sandbox_in_the_background_of_a_script_stops_when_it_is_told_to(
    number: signal.Signals, tmp_path: Path
) -> None:
    args = ("sandbox", "sitelink", "--port", "0", "--units", "20", "--json")
    with in_the_background(*args, folder=tmp_path) as process:
        assert told(process)["url"]
        process.send_signal(number)

        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_in_the_background_of_a_script_stops_when_it_is_told_to(
    number: signal.Signals, workplace: Path
) -> None:
    with in_the_background("run", "--no-night", "--json", folder=workplace) as process:
        assert told(process)["event"] == "ready"
        process.send_signal(number)

        assert process.wait(30) == 0
        assert told(process) == {"event": "stopping", "signal": number.name}


# -- the doctor -------------------------------------------------------------------------------------------------------


def checks(command: Start) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in command("doctor", "--json").data["checks"]}


def dispatched(workplace: Path, lines: str) -> None:
    settings = workplace / "pmsbridge.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("[dispatch]", f"[dispatch]\n{lines}", 1))


def test_the_doctor_asks_redis_whether_it_is_there(command: Start, workplace: Path) -> None:
    pytest.importorskip("celery", reason="needs celery: install pmsbridge[celery]")
    try:
        with running_redis() as server:
            dispatched(workplace, f'by = "celery"\nbroker = "{server.url}"')
            there = checks(command)["dispatch"]
    except NoRedisError as error:
        pytest.skip(f"needs Redis: {error}")
    gone = checks(command)["dispatch"]

    assert (there["status"], there["remedy"]) == ("ok", "")
    assert gone["status"] == "failed"
    assert "cannot be reached" in gone["detail"]
    assert "dispatch.broker" in gone["remedy"]
    assert not list(workplace.glob("never-opened*"))


@pytest.mark.postgresql
def test_the_doctor_asks_postgresql_whether_it_is_there_and_makes_no_table(
    command: Start, workplace: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    dispatched(workplace, f'by = "procrastinate"\nbroker = "{postgres_url}"')

    found = checks(command)["dispatch"]

    assert found["status"] == "ok", found
    with postgres_server.connect(postgres_url.rpartition("/")[2]) as connection:
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pmsbridge%'").fetchone() == (
            0,
        )


@pytest.mark.parametrize(("service", "option"), [
    ("CallCenterWs", "call_center_url"),
    ("ReportingWs", "reporting_url"),
])  # fmt: skip
def test_a_wrong_path_of_a_service_is_told_by_the_option_that_holds_it(
    command: Start, workplace: Path, service: str, option: str
) -> None:
    settings = workplace / "pmsbridge.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace(f"CCWs_3.5/{service}", f"elsewhere/{service}"), encoding="utf-8")

    found = checks(command)

    contract = found[f"account demo: contract {service}"]
    assert contract["status"] == "failed"
    assert f"Check {option} in the account's options (given: a path of " in contract["remedy"]
    assert f"/CCWs_3.5/{service}.asmx" in contract["remedy"]
    if option == "call_center_url":
        names = ("licence", "credentials", "location L001", "location L002")
        assert {found[f"account demo: {name}"]["status"] for name in names} == {"skipped"}
        told = command("sync", "--facility", "L001", "--entity", "units", "--json").out
        assert "pmsbridge doctor names the option" in told or "no such service" not in told


# -- a database -------------------------------------------------------------------------------------------------------


def statements(which: str, role: str, database: str) -> list[str]:
    """SQL of the page about storage with names that nobody else uses; what only a person can answer is left out."""
    blocks = TEXT.findall((ROOT / "docs" / "storage.md").read_text(encoding="utf-8"))
    (block,) = [block for block in blocks if block.startswith(which)]
    lines = [line for line in block.splitlines() if not line.startswith("\\")]
    return [re.sub(r"\bpmsbridge\b", role, line).replace(" portal ", f" {database} ") for line in lines]


@pytest.mark.postgresql
def test_the_page_about_storage_makes_a_role_that_may_do_what_it_must(
    command: Start, workplace: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    role, own, other = f"bridge_{uuid4().hex[:8]}", f"portal_{uuid4().hex[:8]}", postgres_url.rpartition("/")[2]
    made: list[int] = []
    try:
        with postgres_server.connect() as connection:
            for line in statements("CREATE ROLE", role, own):
                connection.execute(line)
        with postgres_server.connect(other) as connection:
            for line in statements("CREATE SCHEMA", role, other):
                connection.execute(line)
        settings = workplace / "pmsbridge.toml"
        text = settings.read_text(encoding="utf-8")
        for database in (own, other):
            url = f"postgresql://{role}@{postgres_server.host}:{postgres_server.port}/{database}"
            settings.write_text(re.sub(r"(?m)^url = .*", f'url = "{url}"', text, count=1), encoding="utf-8")
            made.append(command("db", "upgrade", "--json").code)
        with postgres_server.connect(other) as connection:
            where = connection.execute(
                "SELECT schemaname FROM pg_tables WHERE tablename = 'pmsbridge_schema'"
            ).fetchall()
    finally:
        postgres_server.drop_database(f"/{own}")
        with postgres_server.connect(other) as connection:
            connection.execute(f'DROP OWNED BY "{role}" CASCADE')
            connection.execute(f'DROP ROLE IF EXISTS "{role}"')

    assert made == [0, 0]
    assert where == [(role,)]


# -- what goes to one file --------------------------------------------------------------------------------------------


def test_words_for_people_stand_where_they_belong_when_both_streams_go_to_one_file(
    workplace: Path, office: SandboxControl
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pmsbridge.cli", "reconcile"], cwd=workplace,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip

    order = [
        ended.stdout.index(words)
        for words in (
            "demo/L001, ",
            "demo/L001: read at",
            "demo/L001: both sides agree",
            "demo/L002, ",
            "demo/L002: read",
        )
    ]
    assert order == sorted(order)


def test_words_stand_below_the_digest_that_they_explain(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    ended = subprocess.run(
        [sys.executable, "-m", "pmsbridge.cli", "audit", "head"], cwd=workplace,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip

    digest, words = ended.stdout.splitlines()
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert "Keep the digest" in words
