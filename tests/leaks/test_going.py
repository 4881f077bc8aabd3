"""What is gone before a run ends is searched before it goes: a leak that is planted there fails the run."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.leaks.plugin import SEED

pytestmark = pytest.mark.plants_secrets("leaks are planted, to see them found")

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """
    from tests.leaks.plugin import watch
    from tests.servers.fixtures import _postgres_tables, postgres_journal, postgres_server, postgres_url


    def pytest_configure(config):
        watch(config)
"""
BEGIN = """
    import os, shutil, sqlite3, tempfile
    from pathlib import Path

    import pytest

    from pmsbridge.store.database import open_database
    from tests.leaks.plugin import canaries_of_this_run

    PAN = canaries_of_this_run()["card.visa16"]


    def plant(path, pan=PAN):
        with sqlite3.connect(path) as line:
            line.execute("CREATE TABLE notes (note)")
            line.execute("INSERT INTO notes VALUES (?)", (f"{path} {pan}",))  # a page that was seen is not read again
        line.close()
"""
REMOVED = """
    def test_a_journal_is_removed(tmp_path):
        plant(tmp_path / "journal.db")
        (tmp_path / "journal.db").unlink()


    def test_a_folder_is_removed():
        folder = tempfile.mkdtemp()
        plant(Path(folder) / "races.sqlite")
        shutil.rmtree(folder)


    def test_a_folder_in_memory_is_left():
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            plant(Path(folder) / "races.sqlite")


    def test_simulated_journals_are_overwritten():
        from pmsbridge.testing.simulation.journal_file import MADE_ANEW_EVERY, JournalFile

        file = JournalFile()
        for number in range(1, MADE_ANEW_EVERY + 2):
            if number == MADE_ANEW_EVERY:
                plant(file._path)
            file.reset()
        file.close()


    def test_nothing_leaks(tmp_path):
        plant(tmp_path / "journal.db", "nothing")
        (tmp_path / "journal.db").unlink()
"""
DROPPED = """
    def insert(server, url):
        with server.connect(url.rpartition("/")[2]) as connection:
            # Unlogged: what is planted stays out of the write-ahead log, which is searched in any case.
            connection.execute("CREATE UNLOGGED TABLE planted (note text)")
            connection.execute("INSERT INTO planted VALUES (%s)", (PAN,))


    def test_a_database_is_dropped(postgres_server, postgres_url):
        insert(postgres_server, postgres_url)


    def test_a_database_is_emptied(postgres_server):
        from tests.crashes.smithy import emptied

        url = postgres_server.create_database()
        open_database(url).close()
        insert(postgres_server, url)
        emptied(postgres_server, url)()
        with postgres_server.connect(url.rpartition("/")[2]) as connection:
            assert connection.execute("SELECT count(*) FROM planted").fetchone() == (0,)
"""


def _told(folder: Path, tests: str) -> tuple[int, str]:
    """A run of its own, watched like this one: how it ended, and what it said of leaks."""
    (folder / "conftest.py").write_text(textwrap.dedent(CONFTEST))
    (folder / "test_it.py").write_text(textwrap.dedent(BEGIN) + textwrap.dedent(tests))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--import-mode=importlib",
         "-m", "", f"--rootdir={folder}", f"--basetemp={folder / 'temp'}", str(folder / "test_it.py")],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin", "PMSBRIDGE_LEAK_SEED": str(SEED)},
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_file_and_a_folder_that_are_removed_are_searched_before(tmp_path: Path) -> None:
    code, said = _told(tmp_path, REMOVED)

    assert code == 1, said
    assert "5 passed" in said
    for name in ("a_journal_is_removed", "a_folder_is_removed", "a_folder_in_memory_is_left", "simulated_journals_are"):
        assert re.search(rf"test_it.py::test_{name}\w*: card.visa16", said), said
    assert "test_nothing_leaks:" not in said


@pytest.mark.postgresql
@pytest.mark.usefixtures("postgres_server")
def test_a_database_that_is_dropped_or_emptied_is_searched_before(tmp_path: Path) -> None:
    code, said = _told(tmp_path, DROPPED)

    assert code == 1, said
    assert "2 passed" in said
    for name in ("a_database_is_dropped", "a_database_is_emptied"):
        assert f"test_it.py::test_{name}: card.visa16" in said, said
