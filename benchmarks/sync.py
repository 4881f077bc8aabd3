"""One facility of 20,000 tenants and 60 columns copied over HTTP: pmsbridge, dlt, and zeep with SQLAlchemy's ORM.

``python benchmarks/sync.py`` prints a table, ``--json`` one object; ``tools/bench.sh`` installs the peers first. The
back office is the SiteLink sandbox in a process of its own. Everybody reads the same answer from it three times, each
time in a fresh process: into an empty database, again unchanged, and with one tenant in a hundred changed.

- ``pmsbridge`` runs its whole night: facility, units, tenants and rentals, compared by hash, with typed columns, search
  indexes, the identity map, the feed of changes, findings, the report, the gate and the count of calls.
- ``dlt`` is a pipeline of one resource with the merge disposition, fed by a generator: ``zeep`` reads with zeep, the
  SOAP library; ``lean`` is helped to a hand-written streaming reader that leaves every cell a text; ``lean, csv`` fills
  PostgreSQL by COPY, besides.
- ``ORM`` reads with zeep and writes with ``Session.merge``, or with bulk upserts of a thousand rows.

The clock runs from the first byte asked for to the last commit; tables of the ORM and of pmsbridge are made before.
Everybody is as durable: SQLite as it comes or stricter (``synchronous=FULL``), PostgreSQL with ``fsync`` and
``synchronous_commit``. After the first and the last load the copy is read back and compared with what the back office
holds, cell by cell: all 60 columns of the peers, and of pmsbridge the 34 that its records have a field for (a change in
any of the 60 is noticed). A copy that is not equal gives no figure.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from benchmarks.night.process import Office, running_office
from benchmarks.night.rows import COLUMNS, KEPT, cells, digest, version_of
from tests.servers.postgres import PostgresServer, running_postgres

PEERS: Final = harness.ROOT / ".venv-bench" / "bin" / "python"
LOADS: Final = ("first", "unchanged", "1 % changed")
STORES: Final = ("SQLite", "PostgreSQL")
_FLAT: Final = 1.25


class WrongCopyError(Exception):
    """A copy is not what the back office holds: its figure does not count."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of keeping a copy.

    Attributes:
        family: Whose it is: "pmsbridge", "dlt", "ORM".
        way: Which of several ways of writing it; empty where there is one.
    """

    family: str
    store: str
    way: str = ""

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.family}{f' {self.way}' if self.way else ''}, {self.store}"

    @property
    def script(self) -> Path:
        """What runs it."""
        name = {"pmsbridge": "ours", "dlt": "with_dlt", "ORM": "with_orm"}[self.family]
        return harness.ROOT / "benchmarks" / "night" / f"{name}.py"


OURS: Final = tuple(Way("pmsbridge", store) for store in STORES)
THEIRS: Final = (
    *(Way("dlt", store, way) for store in STORES for way in ("zeep", "lean")), Way("dlt", "PostgreSQL", "lean, csv"),
    *(Way("ORM", store, way) for store in STORES for way in ("merge", "upsert")),
)  # fmt: skip


@dataclass(slots=True)
class Measured:
    """All loads of one way, by load."""

    way: Way
    samples: dict[str, list[harness.Sample]] = field(default_factory=lambda: {load: [] for load in LOADS})
    wrong: str = ""

    def subject(self, load: str) -> harness.Subject | None:
        """Of one load; None when no figure counts."""
        found = self.samples[load]
        return harness.Subject(f"{self.way.name}, {load}", found) if found and not self.wrong else None

    @property
    def subjects(self) -> list[harness.Subject]:
        """Of every load that counts."""
        return [found for load in LOADS if (found := self.subject(load)) is not None]


@cache
def truth(tenants: int, changed_percent: int, *, whole: bool) -> str:
    """What a copy has to say."""
    rows = (cells(number, version_of(number, changed_percent)) for number in range(tenants))
    return digest(rows, COLUMNS if whole else KEPT)


class Stage:
    """Where a copy is made: the back office, the servers, and the interpreters.

    Args:
        peers: The interpreter that has the peers.
    """

    def __init__(self, office: Office, postgres: PostgresServer, peers: str) -> None:
        self.office, self.postgres, self.peers = office, postgres, peers

    @contextmanager
    def copy(self, way: Way) -> Iterator[Copy]:
        """An empty database and folder; gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="pmsbridge-bench-"))
        url = f"sqlite:///{folder}/copy.db" if way.store == "SQLite" else self.postgres.create_database()
        try:
            copy = Copy(self, way, url, folder)
            copy.ask("prepare")
            yield copy
        finally:
            if way.store != "SQLite":
                self.postgres.drop_database(url)
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy under way."""

    stage: Stage
    way: Way
    url: str
    folder: Path

    @property
    def _python(self) -> str:
        return sys.executable if self.way.family == "pmsbridge" else self.stage.peers

    def _arguments(self, role: str) -> list[str]:
        told = [role, "--url", self.url, "--office", self.stage.office.url, "--folder", str(self.folder)]
        return told if self.way.family == "pmsbridge" else [*told, "--way", self.way.way]

    def ask(self, role: str) -> str:
        """Run a role; what it printed last."""
        return harness.last_line(self.way.script, self._arguments(role), python=self._python)

    def load(self, *more: str) -> harness.Sample:
        """One load in a process of its own."""
        return harness.measured_apart(self.way.script, [*self._arguments("load"), *more], python=self._python)

    def check(self, tenants: int, changed_percent: int) -> None:
        """Compare with the back office.

        Raises:
            WrongCopyError: It is not equal.
        """
        wanted = [truth(tenants, changed_percent, whole=False)]
        if self.way.family != "pmsbridge":
            wanted.append(truth(tenants, changed_percent, whole=True))
        if self.ask("check").split() != wanted:
            message = f"not what the back office holds ({changed_percent} % changed)"
            raise WrongCopyError(message)


def measure(stage: Stage, found: Measured, tenants: int) -> None:
    """The three loads of one way, once."""
    with stage.copy(found.way) as copy:
        stage.office.tell(tenants, 0)
        samples = [copy.load()]
        copy.check(tenants, 0)
        samples.append(copy.load())
        stage.office.tell(tenants, 1)
        samples.append(copy.load())
        copy.check(tenants, 1)
    for load, sample in zip(LOADS, samples, strict=True):
        found.samples[load].append(sample)


def measure_all(stage: Stage, settings: argparse.Namespace, say: Callable[[str], None]) -> list[Measured]:
    """Every way, taking turns; a way that went wrong is left out from then on, and the report says why."""
    ways = OURS + (THEIRS if stage.peers else ())
    found = [Measured(way) for way in ways if way.store in settings.stores]
    for number in range(1, settings.rounds + 1):
        for each in found:
            is_ours = each.way.family == "pmsbridge"
            if each.wrong or (not is_ours and number > settings.peer_rounds):
                continue
            say(f"round {number}: {each.way.name}")
            try:
                measure(stage, each, settings.rows)
                say(", ".join(f"{subject.rows_per_second:,.0f} rows/s" for subject in each.subjects))
            except (WrongCopyError, RuntimeError) as error:
                each.wrong = str(error)
                say(f"{each.way.name}: {error}")
    return found


def measure_memory(
    stage: Stage, settings: argparse.Namespace, say: Callable[[str], None]
) -> dict[str, dict[int, harness.Sample]]:
    """Our first load of ever more tenants, by store and number."""
    found: dict[str, dict[int, harness.Sample]] = {store: {} for store in settings.stores}
    for tenants in settings.sizes:
        stage.office.tell(tenants, 0)
        for way in (each for each in OURS if each.store in settings.stores):
            say(f"{tenants:,} tenants: {way.store}")
            with stage.copy(way) as copy:
                sample = copy.load("--any-size")
                copy.check(tenants, 0)
            say(f"{tenants / sample.seconds:,.0f} rows/s, {sample.grown_mb:.0f} MB")
            found[way.store][tenants] = sample
    return found


# -- what the figures say ---------------------------------------------------------------------------------------------


def claims(found: list[Measured], memory: dict[str, dict[int, harness.Sample]]) -> list[harness.Claim]:
    """Every bound, with what this run measured."""
    said: list[harness.Claim] = []
    for mine in (each for each in found if each.way.family == "pmsbridge"):
        theirs = [each for each in found if each.way.store == mine.way.store and each is not mine]
        said += [_against(mine, theirs, family, "first", 10) for family in ("dlt zeep", "dlt lean", "ORM")]
        said.append(_against_itself(mine))
        said += [_against(mine, theirs, family, "unchanged", 40) for family in ("dlt zeep", "dlt lean")]
    return said + [_flatness(store, by_size) for store, by_size in memory.items()]


def _against(mine: Measured, theirs: list[Measured], family: str, load: str, bound: float) -> harness.Claim:
    """Against the fastest of the ways whose name begins so."""
    claim, wanted = f"{mine.way.store}, {load} load, against {family}", f">= {bound:g} times its rows/s"
    peers = [
        subject for each in theirs if each.way.name.startswith(family) and (subject := each.subject(load)) is not None
    ]
    fastest, own = min(peers, key=lambda each: each.seconds, default=None), mine.subject(load)
    if fastest is None or own is None:
        return harness.Claim(claim, wanted, "not measured", holds=False)
    ratio = own.rows_per_second / fastest.rows_per_second
    by_processor = fastest.cpu_seconds / own.cpu_seconds
    name = fastest.name.rpartition(f", {mine.way.store}")[0]
    measured = f"{ratio:.1f} times {name} ({by_processor:.1f} by processor time)"
    return harness.Claim(claim, wanted, measured, ratio >= bound)


def _against_itself(mine: Measured) -> harness.Claim:
    claim, wanted = f"{mine.way.store}, unchanged load", ">= 1.5 times the rows/s of its own first"
    first, again = mine.subject("first"), mine.subject("unchanged")
    if first is None or again is None:
        return harness.Claim(claim, wanted, f"not measured: {mine.wrong}", holds=False)
    ratio = again.rows_per_second / first.rows_per_second
    return harness.Claim(claim, wanted, f"{ratio:.2f} times", ratio >= 1.5)


def _flatness(store: str, by_size: dict[int, harness.Sample]) -> harness.Claim:
    small, large = min(by_size), max(by_size)
    added = [by_size[size].grown_mb for size in (small, large)]
    claim, wanted = f"{store}, memory added, {small:,} and {large:,} tenants", f"<= {_FLAT} times as much"
    return harness.Claim(claim, wanted, f"{added[0]:.0f} MB and {added[1]:.0f} MB", added[1] <= added[0] * _FLAT)


HEADER: Final = ("copy", "load", "rows/s", "median s", "min-max", "CPU s", "peak +MB", "wrong")


def lines(found: list[Measured], memory: dict[str, dict[int, harness.Sample]]) -> list[list[str]]:
    """The table."""
    table = []
    for each in found:
        if each.wrong:
            table.append([each.way.name, "", "", "", "", "", "", each.wrong[-160:]])
        counted = ((load, each.subject(load)) for load in LOADS)
        table += [[each.way.name, load, *_figures(subject), ""] for load, subject in counted if subject is not None]
    for store, by_size in memory.items():
        for size, sample in by_size.items():
            subject = harness.Subject(f"pmsbridge, {store}", [sample])
            table.append([subject.name, f"first of {size:,}", *_figures(subject), ""])
    return table


def _figures(subject: harness.Subject) -> list[str]:
    return [
        f"{subject.rows_per_second:,.0f}", f"{subject.seconds:.2f}", subject.spread, f"{subject.cpu_seconds:.2f}",
        f"{subject.grown_mb:.0f}",
    ]  # fmt: skip


# -- running ----------------------------------------------------------------------------------------------------------


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _setting(postgres: PostgresServer, name: str) -> str:
    with postgres.connect() as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _settings() -> argparse.Namespace:
    parser = harness.options("Copying one large facility: pmsbridge, dlt, zeep with SQLAlchemy's ORM.")
    parser.set_defaults(rounds=3)
    parser.add_argument("--rows", type=int, default=20_000, help="tenants")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--peer-rounds", type=int, default=1, help="measurements of each peer")
    parser.add_argument("--big", action="store_true", help="memory up to 500,000 tenants instead of 200,000")
    parser.add_argument("--peers", default=str(PEERS), help="the interpreter that has them")
    settings = parser.parse_args()
    settings.sizes = [settings.rows, settings.rows * (25 if settings.big else 10)]
    if settings.quick:
        settings.rounds, settings.rows, settings.sizes = 1, 500, [2_000, 4_000]
    if not Path(settings.peers).is_file():
        _say(f"the peers are not installed ({settings.peers}): run tools/bench.sh; only ours is measured")
        settings.peers = ""
    return settings


def main() -> None:
    """Measure, and print."""
    settings = _settings()
    # Servers are stopped when we are told to stop, not only at the end.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    with running_postgres() as postgres, running_office("office") as office:
        stage = Stage(office, postgres, settings.peers)
        durability = {f"PostgreSQL {name}": _setting(postgres, name) for name in ("fsync", "synchronous_commit")}
        found = measure_all(stage, settings, _say)
        memory = measure_memory(stage, settings, _say)
    subjects = [subject for each in found for subject in each.subjects]
    about = harness.machine(
        ("sqlalchemy", "psycopg", "lxml"),
        {
            "peers": _versions(settings.peers), "SQLite synchronous": "FULL", **durability,
            "noise": round(max((each.noise for each in subjects), default=1.0), 2),
        },
    )  # fmt: skip
    harness.report(
        f"{settings.rows:,} tenants x {len(COLUMNS)} columns over HTTP; rounds: {settings.rounds} of ours, "
        f"{settings.peer_rounds} of theirs",
        HEADER, lines(found, memory), claims(found, memory), about, as_json=settings.json, subjects=subjects,
    )  # fmt: skip


def _versions(python: str) -> str:
    if not python:
        return "not installed"
    names = ("dlt", "zeep", "sqlalchemy")
    script = f"from importlib.metadata import version; print(*(f'{{n}} {{version(n)}}' for n in {names}), sep=' / ')"
    return harness.said(python, script)


if __name__ == "__main__":
    main()
