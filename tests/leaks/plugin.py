"""Everything a test run writes is searched for secrets, and a secret that is found fails the run.

Searched are the log records of all libraries (with exceptions and the local variables of their frames), the command
lines of child processes, every file below the temporary folder of this process, the files of its PostgreSQL, and
the report files. What is gone before the end is searched when it goes: databases that are removed, dropped or emptied,
and temporary folders that are removed. Looked for are the canaries of this run, and card numbers in general.

A test that writes a secret on purpose says so: ``@pytest.mark.plants_secrets("why")``, or a line in ``allowed.py``.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from pmsbridge.testing.canaries import Canaries
from pmsbridge.testing.canary_faces import faces
from tests.leaks.allowed import reason_for
from tests.leaks.luhn import card_numbers

__all__ = ["LeakWatch", "canaries_of_this_run", "watch"]

# Read when this is imported: a test sees no setting of whoever runs the suite.
SEED: Final = int(os.environ.get("PMSBRIDGE_LEAK_SEED", "20261122"))
_NAME: Final = "pmsbridge-leaks"
_FLUSH_BYTES: Final = 1 << 19
_OWN_CODE: Final = ("/tests/", "/_pytest/", "/pluggy/")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Data of programs, not of ours: too much to read, and nothing of ours is in it.
_SKIPPED: Final = frozenset({"site-packages", "__pycache__", ".git", "node_modules"})
_OTHER_FORMATS: Final = frozenset({".pyc", ".so", ".whl", ".gz", ".png"})

_READ_BYTES: Final = 8 << 20
_PAGE_BYTES: Final = 4096
_WAL_HEAD_BYTES: Final = 32
_WAL_FRAME_BYTES: Final = _PAGE_BYTES + 24
_EDGE_BYTES: Final = 200
_MOST_TOLD: Final = 5
_SIMULATED: Final = "pmsbridge-simulation-"
_WATCHED: Final = frozenset({"subprocess.Popen", "tempfile.mkdtemp", "os.remove", "shutil.rmtree"})
_SEARCHED_OTHERWISE: Final = "pmsbridge-pg-"

_RUN = Canaries(SEED)


def canaries_of_this_run() -> Canaries:
    """The secrets that tests of this run are to use."""
    return _RUN


def watch(config: pytest.Config) -> None:
    """Begin to watch this run, once."""
    config.addinivalue_line("markers", "plants_secrets(reason): writes a secret on purpose; its output is not searched")
    if not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(LeakWatch(config), _NAME)


class _Stream(logging.Handler):
    """Every record, as the most talkative handler would write it."""

    def __init__(self, keeper: LeakWatch) -> None:
        super().__init__(logging.NOTSET)
        self._keeper = keeper

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):  # a record that cannot be said is not written by anybody
            extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
            self._keeper.take(
                f"{record.name} {record.getMessage()} {record.args!r} {extra!r} {record.exc_text} {record.stack_info}"
            )
            if record.exc_info and record.exc_info[1] is not None:
                for name, text in faces(record.exc_info[1], ignoring=_OWN_CODE):
                    self._keeper.take(f"{record.name} {name} {text.decode('latin-1')}")


class LeakWatch:
    """What one test process wrote, and what was found in it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folders: dict[str, str] = {}
        self._kept: list[tuple[str, str]] = []
        self._kept_bytes = 0
        self._test = ""
        self._is_excused = False
        self._is_over = False
        self._pages: set[int] = set()
        self._pid = os.getpid()
        self._rooms: dict[str, str] = {}
        self.found: list[str] = []
        self.read_bytes = 0
        self.seconds = 0.0

    # -- while tests run -----------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        root = logging.getLogger()
        root.addHandler(_Stream(self))
        if os.environ.get("PMSBRIDGE_LEAK_LEVEL"):
            root.setLevel(os.environ["PMSBRIDGE_LEAK_LEVEL"])
        sys.addaudithook(self._on_audit)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._test = item.nodeid
        self._is_excused = item.get_closest_marker("plants_secrets") is not None or bool(reason_for(item.nodeid))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if isinstance(folder, Path):
            self._folders[folder.name] = "" if self._is_excused else item.nodeid

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        made = yield
        if type(made).__name__ == "PostgresServer":
            made.watchers.append(self.search_database)
            if made.folder is not None:
                fixturedef.addfinalizer(lambda: self._search_files(_postgres_files(made.folder)))
        return made

    def _on_audit(self, event: str, args: tuple[Any, ...]) -> None:
        # Most events are none of ours, and some come thousands of times a second.
        if event not in _WATCHED or self._is_over or os.getpid() != self._pid:
            return
        if event == "subprocess.Popen":
            self.take(f"command line {args[1]!r}")
        elif event == "tempfile.mkdtemp":
            self._rooms[str(args[0])] = self._test
        elif event == "os.remove":
            self._search_journal(str(args[0]))
        else:
            self._search_room(str(args[0]))

    # -- what goes before the end --------------------------------------------------------------------------------------

    def _search_journal(self, path: str) -> None:
        """A database file, or its log, that is about to be removed."""
        if ".db" not in Path(path).name or self._is_excused:
            return
        if _SIMULATED in path:
            # Thousands a minute, all of the same few rows: of one in some its log is removed and its file overwritten.
            if not path.endswith("-wal"):
                return
            path = path.removesuffix("-wal")
        with suppress(Exception):  # whoever removes it must not hear of the search
            self._search_file(self._test, Path(path))

    def _search_room(self, path: str) -> None:
        """A temporary folder of this process that is about to be removed."""
        maker = self._rooms.pop(path, None)
        is_excused = self._is_excused and maker == self._test
        if maker is None or is_excused or _SEARCHED_OTHERWISE in path:
            return
        with suppress(Exception):
            for file in _files_below(Path(path)):
                with suppress(OSError):
                    self._search_file(maker or self._test, file)

    def search_database(self, server: Any, database: str) -> None:
        """Every row of a PostgreSQL database that is about to be dropped or emptied, as text."""
        if self._is_excused or self._is_over:
            return
        with suppress(Exception), server.connect(database) as connection:
            for table in _used_tables(connection):
                with connection.cursor().copy(f"COPY {table} TO STDOUT") as rows:
                    text = b"".join(map(bytes, rows))
                self._tell(self._test, self._problems(text, f"table {table} of a database that went"))

    def take(self, text: str) -> None:
        """Keep a piece of output of the running test until there is enough to search."""
        if self._is_excused or self._is_over:
            return
        self._kept.append((self._test, text))
        self._kept_bytes += len(text)
        if self._kept_bytes > _FLUSH_BYTES:
            self._search_kept()

    # -- searching -----------------------------------------------------------------------------------------------

    def _search_kept(self) -> None:
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        if self._problems("\n".join(text for _, text in kept).encode("utf-8", "backslashreplace"), "logs"):
            by_test: dict[str, list[str]] = {}
            for test, text in kept:
                found = self._problems(text.encode("utf-8", "backslashreplace"), "a log record or command line")
                by_test.setdefault(test, []).extend(found)
            for test, problems in by_test.items():
                self._tell(test, problems)

    def _problems(self, data: bytes, where: str) -> list[str]:
        began = time.process_time()
        found = [str(hit) for hit in _RUN.scan(data, where)]
        found += [f"card number {shown} in {where} at byte {at}" for at, shown in card_numbers(data)]
        self.seconds += time.process_time() - began
        self.read_bytes += len(data)
        return found

    def _tell(self, test: str, problems: Iterable[str]) -> None:
        if told := list(dict.fromkeys(problems)):
            more = [f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
            self.found += [f"{test or 'unknown test'}: {problem}" for problem in (*told[:_MOST_TOLD], *more)]

    def _search_files(self, files: Iterable[Path], base: Path | None = None) -> None:
        for file in files:
            top = file.relative_to(base).parts[0] if base is not None else file.name
            test = self._folders.get(top, f"folder {top}")
            if not test or reason_for(top):
                continue
            with suppress(OSError):
                self._search_file(test, file)

    def _search_file(self, test: str, file: Path) -> None:
        if file.suffix in _OTHER_FORMATS or file.stat().st_size == 0:
            return
        with file.open("rb") as opened:
            kept = b""
            while block := opened.read(_READ_BYTES):
                is_wal = file.name.endswith("-wal")
                piece = kept + block if kept else b"\n".join(self._unseen(block, is_wal=is_wal))
                if self._problems(piece, str(file)):
                    self._tell(test, self._problems(kept + block, str(file)))
                kept = block[-4096:]

    def _unseen(self, block: bytes, *, is_wal: bool) -> Iterator[bytes]:
        """The pages of a database that no file had before, each with the edges of its neighbours.

        Hundreds of files begin with the same tables. Other files have no such pages, and are returned as they are.
        """
        head, step = (_WAL_HEAD_BYTES, _WAL_FRAME_BYTES) if is_wal else (0, _PAGE_BYTES)
        for start in range(head, len(block), step):
            page = hash(block[start + step - _PAGE_BYTES : start + step])
            if page not in self._pages:
                self._pages.add(page)
                yield block[max(0, start - _EDGE_BYTES) : start + step + _EDGE_BYTES]

    # -- the end -------------------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._search_kept()
        self._is_over = True
        is_worker = hasattr(self._config, "workerinput")
        if is_worker or not getattr(self._config.option, "numprocesses", None):
            self._search_files(*_temporary_files(self._config))
        if not is_worker:
            self._search_files(_reports(self._config))
        self.found = list(dict.fromkeys(self.found))
        if is_worker:
            self._config.workeroutput["leaks"] = (self.found, self.read_bytes, self.seconds)  # type: ignore[attr-defined]
        elif self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found, read, seconds = getattr(node, "workeroutput", {}).get("leaks", ([], 0, 0.0))
        self.found += found
        self.read_bytes += read
        self.seconds += seconds

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        said = f"{self.read_bytes / 1e6:.0f} MB searched for secrets in {self.seconds:.1f} s (seed {SEED})"
        if not self.found:
            terminalreporter.write_line(f"leaks: none; {said}")
            return
        terminalreporter.section("leaked secrets", red=True)
        for problem in self.found[:100]:
            terminalreporter.write_line(problem)
        terminalreporter.write_line(f"{len(self.found)} places; {said}")


def _temporary_files(config: pytest.Config) -> tuple[list[Path], Path | None]:
    factory = getattr(config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)
    return ([], None) if base is None else (list(_files_below(base)), base)


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (Path(parent, name) for name in files if not Path(parent, name).is_symlink())


def _postgres_files(folder: Path) -> Iterator[Path]:
    """The log, the write-ahead log and the tables of our databases; the cluster's own catalogues hold nothing."""
    yield from (folder.parent / "log", *sorted((folder / "pg_wal").glob("0*")))
    for database in sorted((folder / "base").glob("*")):
        if database.name.isdigit() and int(database.name) > 16_000:
            yield from (file for file in sorted(database.iterdir()) if file.name[:1].isdigit())


def _used_tables(connection: Any) -> list[str]:
    """The tables that hold rows, as they are spelled in a statement."""
    names = connection.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for (name,) in names)  # noqa: S608 - as the server spells them
    return [name for (name,) in connection.execute(asked).fetchall()] if asked else []


def _reports(config: pytest.Config) -> list[Path]:
    paths = [getattr(config.option, name, None) for name in ("xmlpath", "report_log", "resultlog")]
    return [Path(path) for path in paths if path and Path(path).is_file()]
