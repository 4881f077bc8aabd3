"""Actions per second through the journal, beside the same four-step job on Celery, Procrastinate and DBOS.

``python benchmarks/journal.py`` prints a table, ``--json`` one object; ``tools/bench.sh`` installs the peers first. One
action is four calls of a back office that takes no time: a change and three notices that wait for it. Every engine must
survive a ``kill -9`` at any moment without losing an action or silently repeating a completed step, and syncs to disk
before it says so: SQLite with ``synchronous=FULL``, PostgreSQL with ``fsync`` and ``synchronous_commit`` on, RabbitMQ
with durable queues, persistent messages and publisher confirms. A run whose steps were not each made exactly once, in
order, and recorded as done does not count.

The clock runs from the first submit to the last step; a process of its own submits, one action after the other, while
``workers`` processes work (embedded: one process does both). Rounds alternate between the engines, so that a busy
machine is busy for all. A worker does eight things at once.

Engines without steps are measured twice. ``chain``: a durable job per step, as their documentation teaches; nothing
says that a call began, so a crash in mid-call repeats it. ``own rows``: one job, and a table written by hand for it,
with the intent before each call and the result after it; it knows no lanes, no trail, no outcome, no leases.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness
from benchmarks.engines.brokers import running_broker
from benchmarks.engines.running import Run, Script, WrongRunError, ask
from benchmarks.engines.subjects import SQLITE, WORKERS, Engine, Stage, engines, ours
from tests.servers.postgres import PostgresServer, running_postgres

LANES: Final = 16
PEERS: Final = harness.ROOT / ".venv-bench" / "bin" / "python"
_ENOUGH_LANES: Final = 64
_SLOW_CALL: Final = 0.2


@dataclass(slots=True)
class Measured(harness.Subject):
    """All runs of one engine."""

    engine: Engine
    runs: list[Run] = field(default_factory=list)
    wrong: str = ""

    @property
    def rates(self) -> list[float]:
        """Actions per second of every round."""
        return [each.actions / each.seconds for each in self.runs]

    @property
    def rate(self) -> float:
        """Median; 0 when no run counted."""
        return statistics.median(self.rates) if self.runs else 0.0

    @property
    def noise(self) -> float:
        """Fastest over slowest."""
        return max(self.rates) / min(self.rates) if self.runs else 1.0

    @property
    def facts(self) -> dict[str, object]:
        """As JSON holds it."""
        return {
            "subject": self.engine.name, "workers": self.engine.workers, "rounds": len(self.runs),
            "actions": self.runs[0].actions if self.runs else 0, "actions_per_second": round(self.rate, 1),
            "min": round(min(self.rates, default=0), 1), "max": round(max(self.rates, default=0), 1),
            "submits_per_second": round(self.median(lambda each: each.actions / each.submit_seconds), 1),
            "cpu_ms_per_action": round(self.median(lambda each: each.cpu_ms), 2),
            "server_cpu_ms_per_action": round(self.median(lambda each: each.server_ms), 2), "wrong": self.wrong,
        }  # fmt: skip

    def median(self, of: Callable[[Run], float]) -> float:
        """Median of a figure over the rounds."""
        return statistics.median(map(of, self.runs)) if self.runs else 0.0


def measure(stage: Stage, settings: argparse.Namespace, say: Callable[[str], None]) -> list[Measured]:
    """All engines, taking turns; one whose run was wrong is left out from then on, and the report says why."""
    found = [Measured(engine) for engine in engines(stage) if _is_wanted(engine, settings.only)]
    for number in range(1, settings.rounds + 1):
        for subject in found:
            say(f"round {number}/{settings.rounds}: {subject.engine.name}, workers {subject.engine.workers}")
            if subject.wrong:
                continue
            try:
                subject.runs.append(stage.run(subject.engine, max(20, int(settings.actions * subject.engine.share))))
            except WrongRunError as error:
                subject.wrong = str(error)
    return found


def _is_wanted(engine: Engine, only: Sequence[str]) -> bool:
    return not only or any(part in f"{engine.name}, {engine.workers}" for part in only)


# -- what only we are asked -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alone:
    """Figures without a peer.

    Attributes:
        lane: By store, actions per second of one lane.
        slow: By workers, actions per second when a call takes 200 ms.
        latency: By store, milliseconds by name: p50 and p99.
        statements: By store, statements, commits and milliseconds per action.
    """

    lane: Mapping[str, float]
    slow: Mapping[int, float]
    latency: Mapping[str, Mapping[str, float]]
    statements: Mapping[str, Mapping[str, float]]


def measure_alone(stage: Stage, settings: argparse.Namespace, say: Callable[[str], None]) -> Alone:
    """One lane, a slow back office, the latency a person sees, and what the database is asked."""
    lane = {}
    for engine in (ours("SQLite, embedded", 0), ours("PostgreSQL", 1, stage.server_pid)):
        say(f"one lane: {engine.store}")
        lane[engine.store] = _rate(stage.run(engine, settings.lane_actions, lanes=1))
    slow = {}
    for workers in (1, 4):
        say(f"200 ms per call, workers {workers}")
        engine = ours("PostgreSQL", workers, stage.server_pid, per_worker=8)
        actions = settings.per_lane * _ENOUGH_LANES
        slow[workers] = _rate(
            stage.run(engine, actions, lanes=_ENOUGH_LANES, seconds=_SLOW_CALL, submitted_before=True)
        )
    say("latency and statements")
    script = Script(sys.executable, "ours")
    latency, statements = {}, {}
    for store in ("SQLite", "PostgreSQL"):
        with ExitStack() as stack:
            urls = [SQLITE if store == "SQLite" else stack.enter_context(stage.database()) for _ in range(2)]
            times = ask(script, urls[0], "latency", actions=settings.lane_actions)
            latency[store] = {f"{what} {name}": value for what in times for name, value in _shape(times, what)}
            statements[store] = ask(script, urls[1], "statements", actions=settings.lane_actions, lanes=LANES)
    return Alone(lane, slow, latency, statements)


def _rate(found: Run) -> float:
    return found.actions / found.seconds


def _shape(times: Mapping[str, Sequence[float]], what: str) -> Iterator[tuple[str, float]]:
    """Median and 99th percentile, of a submit over the bare call of the same moment."""
    bare = times["call"] if what != "call" else [0.0] * len(times["call"])
    cuts = statistics.quantiles([each - call for each, call in zip(times[what], bare, strict=True)], n=100)
    yield "p50", round(cuts[49], 3)
    yield "p99", round(cuts[98], 3)


# -- what the figures say ---------------------------------------------------------------------------------------------


def claims(found: Sequence[Measured], alone: Alone) -> list[harness.Claim]:
    """Every bound, with what this run measured."""
    said = [_against_peers(found, workers, against) for against in _PEERS for workers in WORKERS]
    said += [_against_dbos_on_sqlite(found, way) for way in ("", "write-ahead log")]
    for store, rate in alone.lane.items():
        said.append(harness.Claim(f"one lane, {store}", ">= 50 actions/s", f"{rate:.0f} actions/s", rate >= 50))
    ratio = alone.slow[4] / alone.slow[1]
    measured = f"{ratio:.2f} times ({alone.slow[1]:.1f} and {alone.slow[4]:.1f} actions/s)"
    wanted = ">= 3.6 times one worker"
    return [*said, harness.Claim("4 workers, 200 ms per call, 64 lanes", wanted, measured, ratio >= 3.6)]


_PEERS: Final[Mapping[str, Sequence[str]]] = {
    "each keeping what became of every step": ("", "chain"),
    "a queue that keeps nothing included": ("", "chain", "chain, nothing kept"),
    "a journal written by hand included": ("", "chain", "chain, nothing kept", "own rows"),
}
"""Whom a claim is about: by how the job is written."""


def _against_peers(found: Sequence[Measured], workers: int, against: str) -> harness.Claim:
    peers = [
        each for each in found
        if each.engine.family != "pmsbridge" and each.engine.workers == workers and each.runs
        and each.engine.way in _PEERS[against]
    ]  # fmt: skip
    claim = f"PostgreSQL, {workers} workers, against the fastest peer, {against}"
    mine = [each for way in ("", "procrastinate") if (each := _of(found, "pmsbridge", "PostgreSQL", workers, way))]
    fastest = [max(group, key=lambda each: each.rate, default=None) for group in (mine, peers)]
    return _ratio_claim(claim, 1.3, *fastest)


def _against_dbos_on_sqlite(found: Sequence[Measured], way: str) -> harness.Claim:
    store = "SQLite, embedded"
    claim = "SQLite embedded, against DBOS" + (f" helped to a {way}" if way else " as it comes")
    return _ratio_claim(claim, 2.0, _of(found, "pmsbridge", store, 0), _of(found, "DBOS", store, 0, way))


def _ratio_claim(claim: str, bound: float, mine: Measured | None, peer: Measured | None) -> harness.Claim:
    """The median of the ratios of the rounds."""
    wanted = f">= {bound:g} times"
    if mine is None or peer is None or not mine.runs or not peer.runs:
        return harness.Claim(claim, wanted, "not measured: the peer is not there", holds=False)
    ratio = statistics.median(a / b for a, b in zip(mine.rates, peer.rates, strict=False))
    return harness.Claim(claim, wanted, f"{ratio:.2f} times {peer.engine.name}", ratio >= bound)


def _of(found: Sequence[Measured], family: str, store: str, workers: int, way: str = "") -> Measured | None:
    wanted = (family, store, workers, way)
    return next((m for m in found if (m.engine.family, m.engine.store, m.engine.workers, m.engine.way) == wanted), None)


def lines(found: Sequence[Measured]) -> list[list[str]]:
    """The table."""
    return [
        [
            each.engine.name, str(each.engine.workers or "-"), f"{each.rate:.1f}",
            f"{min(each.rates, default=0):.1f}-{max(each.rates, default=0):.1f}",
            str(each.facts["submits_per_second"]), str(each.facts["cpu_ms_per_action"]),
            str(each.facts["server_cpu_ms_per_action"]), each.wrong[:80],
        ]
        for each in found
    ]  # fmt: skip


HEADER: Final = (
    "engine", "workers", "actions/s", "min-max", "submits/s", "CPU ms/action", "servers' CPU ms/action", "wrong",
)  # fmt: skip


def main() -> None:
    """Measure, and print."""
    settings = _settings()
    # Servers and workers are stopped when we are told to stop, not only at the end.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    with running_postgres() as postgres, running_broker() as broker:
        process = postgres._process  # noqa: SLF001 - whose processor time counts
        stage = Stage(postgres, broker, _peers(settings.peers), process.pid if process else 0)
        durability = {f"PostgreSQL {name}": _setting(postgres, name) for name in ("fsync", "synchronous_commit")}
        found = measure(stage, settings, _say)
        alone = None if settings.only else measure_alone(stage, settings, _say)
    about = harness.machine(
        ("sqlalchemy", "psycopg"),
        {
            "broker": broker.name if broker else "none", "peers": settings.peers if stage.peers else "not installed",
            "noise": round(max(each.noise for each in found), 2), **durability, **_flat("added ms", alone, "latency"),
            **_flat("ours, per action", alone, "statements"),
        },
    )  # fmt: skip
    harness.report(
        f"{settings.actions} actions of four steps over {LANES} lanes, back office 0 ms, {settings.rounds} rounds",
        HEADER, lines(found), claims(found, alone) if alone else [], about, as_json=settings.json, subjects=found,
    )  # fmt: skip


def _setting(postgres: PostgresServer, name: str) -> str:
    with postgres.connect() as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _flat(what: str, alone: Alone | None, name: str) -> dict[str, object]:
    """One entry per store and figure."""
    by_store: Mapping[str, Mapping[str, float]] = getattr(alone, name, {})
    return {
        f"{what}, {store}, {name}": round(value, 2) for store, each in by_store.items() for name, value in each.items()
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _peers(python: str) -> str | None:
    if Path(python).is_file():
        return python
    _say(f"the peers are not installed ({python}): run tools/bench.sh; only ours is measured")
    return None


def _settings() -> argparse.Namespace:
    parser = harness.options("Actions per second: pmsbridge, Celery, Procrastinate, DBOS.")
    parser.set_defaults(rounds=2)
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT",
        help='only engines whose name, ", " and number of workers contain this, and nothing else; may be repeated',
    )  # fmt: skip
    parser.add_argument("--peers", default=str(PEERS), help="the interpreter that has them")
    settings = parser.parse_args()
    settings.actions, settings.lane_actions, settings.per_lane = (40, 40, 1) if settings.quick else (300, 200, 4)
    if settings.quick:
        settings.rounds = 1
    return settings


if __name__ == "__main__":
    main()
