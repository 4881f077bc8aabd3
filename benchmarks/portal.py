"""What a person waits for: a dashboard from the copy, a live one in back-office calls, and the import.

``python benchmarks/portal.py`` prints a table, ``--json`` one object. The store holds a million ledger rows; a tenant
with ten units looks at the dashboard, each look with units, balances, every verb judged for every unit, and what is
still open. Looks are timed one by one in a process of its own, so that the percentile is one of single looks. Calls are
counted where they arrive: by the SiteLink sandbox, by the sandbox of every mapping that is shipped, and before a real
Tryton where one is installed. The import is timed in a fresh interpreter.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from benchmarks.portals.filling import fill
from benchmarks.portals.live import Live, live_calls
from tests.servers.postgres import running_postgres

STORES: Final = ("SQLite", "PostgreSQL")
LOOKING: Final = harness.ROOT / "benchmarks" / "portals" / "looking.py"
_MOST_MS: Final = 10.0
_MOST_IMPORT_MS: Final = 250.0
_NOT_LOADED: Final = ("zeep", "apscheduler")
_IMPORT: Final = (
    "import sys, time; began = time.perf_counter(); import pmsbridge; took = time.perf_counter() - began;"
    f" print(took * 1000, *[name for name in {_NOT_LOADED} if name in sys.modules])"
)


@dataclass(slots=True)
class Looks:
    """Single looks at a dashboard, by round.

    Attributes:
        rounds: Milliseconds of each look.
    """

    store: str
    rounds: list[list[float]] = field(default_factory=list)

    def percentile(self, number: int) -> float:
        """Median over the rounds of a percentile of the looks of each."""
        return statistics.median(statistics.quantiles(times, n=100)[number - 1] for times in self.rounds)

    @property
    def worst_p99(self) -> float:
        """The slowest round's 99th percentile."""
        return max(statistics.quantiles(times, n=100)[98] for times in self.rounds)


def measure_looks(url: str, store: str, settings: argparse.Namespace) -> Looks:
    """Every round in a process of its own."""
    found = Looks(store)
    for number in range(1, settings.rounds + 1):
        _say(f"round {number}/{settings.rounds}: {store}")
        found.rounds.append(json.loads(harness.last_line(LOOKING, [url, str(settings.looks)])))
    return found


def import_times(rounds: int) -> tuple[list[float], list[str]]:
    """Milliseconds of the import in fresh interpreters, and what it loaded that it must not."""
    said = [harness.said(sys.executable, _IMPORT).split() for _ in range(rounds)]
    return [float(words[0]) for words in said], sorted({name for words in said for name in words[1:]})


# -- what the figures say ---------------------------------------------------------------------------------------------


def claims(
    looks: list[Looks], rows: int, live: list[Live], imports: list[float], loaded: list[str]
) -> list[harness.Claim]:
    """Every bound, with what this run measured."""
    said = [
        harness.Claim(
            f"dashboard from the copy, 10 units, {rows:,} ledger rows, {each.store}", f"p99 < {_MOST_MS:g} ms",
            f"{each.percentile(99):.2f} ms (median {each.percentile(50):.2f}, worst round's p99 {each.worst_p99:.2f})",
            each.percentile(99) < _MOST_MS,
        )
        for each in looks
    ]  # fmt: skip
    took = statistics.median(imports)
    beside = f", loaded {', '.join(loaded)}" if loaded else ""
    return [
        *said,
        *(each.claim for each in live),
        harness.Claim(
            f"import pmsbridge, without {' or '.join(_NOT_LOADED)}", f"< {_MOST_IMPORT_MS:g} ms",
            f"{took:.0f} ms ({min(imports):.0f}-{max(imports):.0f}){beside}",
            took < _MOST_IMPORT_MS and not loaded,
        ),
    ]  # fmt: skip


def lines(looks: list[Looks]) -> list[list[str]]:
    """The table."""
    return [
        [each.store, *(f"{each.percentile(number):.2f}" for number in (50, 90, 99)), f"{each.worst_p99:.2f}",
         str(sum(map(len, each.rounds)))]
        for each in looks
    ]  # fmt: skip


# -- running ----------------------------------------------------------------------------------------------------------


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _address(store: str, folder: Path) -> Iterator[str]:
    if store == "SQLite":
        yield f"sqlite:///{folder}/portal.db"
        return
    with running_postgres() as server:
        yield server.create_database()


def _settings() -> argparse.Namespace:
    parser = harness.options("What a person waits for before a portal.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="ledger rows in the store")
    parser.add_argument("--looks", type=int, default=1000, help="looks at the dashboard in each round")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    settings = parser.parse_args()
    if settings.quick:
        settings.rounds, settings.rows, settings.looks = 1, 2_000, 120
    return settings


def main() -> None:
    """Measure, and print."""
    settings = _settings()
    # Servers are stopped when we are told to stop, not only at the end.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    looks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for store in settings.stores:
            with _address(store, folder) as url:
                _say(f"{settings.rows:,} ledger rows: {store}")
                fill(url, settings.rows)
                looks.append(measure_looks(url, store, settings))
        _say("live dashboard, import")
        live = live_calls(folder, _say)
    imports, loaded = import_times(max(3, settings.rounds))
    harness.report(
        f"Dashboard of 10 units from the copy, {settings.rows:,} ledger rows in the store, milliseconds per look",
        ("store", "p50", "p90", "p99", "worst p99", "looks"),
        lines(looks), claims(looks, settings.rows, live, imports, loaded),
        harness.machine(["sqlalchemy", "pydantic", "psycopg"]), as_json=settings.json,
    )  # fmt: skip


if __name__ == "__main__":
    main()
