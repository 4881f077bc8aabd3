"""A night of a thousand small facilities over a line of 50 ms, by lanes and by worker processes.

``python benchmarks/fleet.py`` prints a table, ``--json`` one object. The back office is the SiteLink sandbox in a
process of its own, its books made beforehand; every call waits 50 ms before it is answered. Each run copies every
facility for the first time, through the jobs of the nightly clock: a facility's slot runs once over all processes, and
calls take turns at the account's gate, which is in the database.

A lane is a thread that works on one facility at a time; the account's ``concurrency`` is set to all lanes together.
After each run the mirror is counted: every facility was run once, and every unit and tenant is there; else the figure
does not count. All of it shares one machine: what the sandbox and the database take, the workers do not have.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from benchmarks.night.process import Office, running_office
from pmsbridge.store.database import open_database
from tests.servers.postgres import PostgresServer, running_postgres

LANES: Final = (1, 4, 16)
WORKERS: Final = (1, 2, 4)
_PER_WORKER: Final = 8
_MOST_LANES: Final = 32
_FLAT: Final = 1.25
_FLAT_LANES: Final = 4
_WORKER: Final = harness.ROOT / "benchmarks" / "night" / "worker.py"


class WrongRunError(Exception):
    """A night did not do its job: its figure does not count."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Who works.

    Attributes:
        lanes: Of each process.
    """

    store: str
    workers: int
    lanes: int

    @property
    def name(self) -> str:
        """As the table shows it."""
        each = " each" if self.workers > 1 else ""
        return f"{self.store}, processes {self.workers}, lanes {self.lanes}{each}"


@dataclass(frozen=True, slots=True)
class Night:
    """What one night measured.

    Attributes:
        seconds: From go until the last process is done.
        cpu_seconds: Of all workers together.
    """

    crew: Crew
    facilities: int
    seconds: float
    cpu_seconds: float

    @property
    def per_facility(self) -> float:
        """Milliseconds of the clock on the wall."""
        return self.seconds * 1000 / self.facilities

    @property
    def cpu_per_facility(self) -> float:
        """Milliseconds of processor time."""
        return self.cpu_seconds * 1000 / self.facilities


class Stage:
    """Where nights are run."""

    def __init__(self, office: Office, postgres: PostgresServer, latency: float) -> None:
        self.office, self.postgres, self.latency = office, postgres, latency

    def night(self, crew: Crew, facilities: int) -> Night:
        """One night into an empty database.

        Raises:
            WrongRunError: Something is missing, or was run twice.
        """
        there = self.office.tell(facilities, self.latency)
        with tempfile.TemporaryDirectory(prefix="pmsbridge-bench-") as folder, self._database(crew, folder) as url:
            open_database(url).close()
            seconds, told = self._run(crew, facilities, url, Path(folder))
            held = [_count(url, table) for table in ("units", "tenants", "facilities")]
        ran = sum(int(each["ran"]) for each in told)
        if held != [*there, facilities] or ran != facilities:
            message = f"{crew.name}: {ran} of {facilities} facilities ran, {held} instead of {there} are held"
            raise WrongRunError(message)
        return Night(crew, facilities, seconds, sum(float(each["cpu_seconds"]) for each in told))

    @contextmanager
    def _database(self, crew: Crew, folder: str) -> Iterator[str]:
        if crew.store == "SQLite":
            yield f"sqlite:///{folder}/fleet.db"
            return
        url = self.postgres.create_database()
        try:
            yield url
        finally:
            self.postgres.drop_database(url)

    def _run(self, crew: Crew, facilities: int, url: str, folder: Path) -> tuple[float, list[dict[str, Any]]]:
        account_lanes = min(_MOST_LANES, crew.workers * crew.lanes)
        numbers = {"--facilities": facilities, "--lanes": crew.lanes, "--account-lanes": account_lanes}
        command = [sys.executable, str(_WORKER), "--url", url, "--office", self.office.url]
        command += [word for name, number in numbers.items() for word in (name, str(number))]
        with ExitStack() as stack:
            workers = [
                stack.enter_context(_worker([*command, "--folder", str(folder / str(number))]))
                for number in range(crew.workers)
            ]
            for worker in workers:
                _line(worker)
            began = time.perf_counter()
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            told = [json.loads(_line(worker)) for worker in workers]
            return time.perf_counter() - began, told


@contextmanager
def _worker(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=harness.ROOT
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        assert process.stderr is not None
        message = f"a worker died: {process.stderr.read()[-2000:]}"
        raise WrongRunError(message)
    return line


def _count(url: str, table: str) -> int:
    database = open_database(url)
    with database.read() as connection:
        statement = f"SELECT count(*) FROM pmsbridge_mirror_{table} WHERE deleted_at IS NULL"  # noqa: S608 - our own
        found: int = connection.exec_driver_sql(statement).scalar_one()
    database.close()
    return found


def measure(stage: Stage, settings: argparse.Namespace, say: Callable[[str], None]) -> list[Night]:
    """Every crew; the large and the small fleet."""
    wanted = [(Crew("PostgreSQL", 1, _FLAT_LANES), settings.small)]
    wanted += [(Crew("PostgreSQL", 1, lanes), settings.facilities) for lanes in LANES]
    wanted += [(Crew("PostgreSQL", workers, _PER_WORKER), settings.facilities) for workers in WORKERS]
    wanted += [(Crew("SQLite", 1, _FLAT_LANES), number) for number in (settings.small, settings.facilities)]
    found = []
    for crew, facilities in wanted:
        say(f"{facilities} facilities: {crew.name}")
        try:
            found.append(stage.night(crew, facilities))
        except WrongRunError as error:
            say(f"does not count: {error}")
            continue
        say(f"{found[-1].seconds:.1f} s, {found[-1].per_facility:.0f} ms a facility")
    return found


def claims(found: list[Night], settings: argparse.Namespace) -> list[harness.Claim]:
    """Every bound, with what this run measured."""
    by: Mapping[tuple[Crew, int], Night] = {(night.crew, night.facilities): night for night in found}
    said = []
    for store in ("PostgreSQL", "SQLite"):
        crew = Crew(store, 1, _FLAT_LANES)
        small, large = by.get((crew, settings.small)), by.get((crew, settings.facilities))
        said.append(_flatness(crew, small, large))
    return said


def _flatness(crew: Crew, small: Night | None, large: Night | None) -> harness.Claim:
    claim, wanted = f"{crew.name}: time of one facility among many and among few", f"<= {_FLAT} times"
    if small is None or large is None:
        return harness.Claim(claim, wanted, "not measured", holds=False)
    ratio, by_processor = large.per_facility / small.per_facility, large.cpu_per_facility / small.cpu_per_facility
    measured = f"{ratio:.2f} times ({by_processor:.2f} by processor time), {large.facilities} and {small.facilities}"
    return harness.Claim(claim, wanted, measured, ratio <= _FLAT)


HEADER: Final = ("crew", "facilities", "night s", "facilities/s", "ms/facility", "workers' CPU ms/facility")


def lines(found: list[Night]) -> list[list[str]]:
    """The table."""
    return [
        [
            night.crew.name, str(night.facilities), f"{night.seconds:.1f}", f"{night.facilities / night.seconds:.1f}",
            f"{night.per_facility:.0f}", f"{night.cpu_per_facility:.0f}",
        ]
        for night in found
    ]  # fmt: skip


def main() -> None:
    """Measure, and print."""
    parser = harness.options("A night of many small facilities, by lanes and by processes.")
    parser.add_argument("--facilities", type=int, default=1000)
    parser.add_argument("--small", type=int, default=100, help="facilities of the fleet to compare with")
    parser.add_argument("--units", type=int, default=20, help="of a facility")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds each call waits")
    settings = parser.parse_args()
    if settings.quick:
        settings.facilities, settings.small, settings.latency = 12, 4, 0.005
    # Servers are stopped when we are told to stop, not only at the end.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    sizes = [str(settings.facilities), str(settings.units)]
    with running_postgres() as postgres, running_office("small_office", sizes) as office:
        found = measure(Stage(office, postgres, settings.latency), settings, _say)
    subjects = [
        harness.Subject(
            night.crew.name, [harness.Sample(night.seconds, night.facilities, 0.0, night.cpu_seconds)]
        )
        for night in found
    ]  # fmt: skip
    harness.report(
        f"A first night of {settings.facilities} facilities of {settings.units} units, "
        f"{settings.latency * 1000:g} ms a call",
        HEADER, lines(found), claims(found, settings), harness.machine(("sqlalchemy", "psycopg")),
        as_json=settings.json, subjects=subjects,
    )  # fmt: skip


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
