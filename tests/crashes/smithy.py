"""The test's side of the forge: one journal, one back office, workers that die, and time that passes between them."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.store.database import open_database
from pmsbridge.store.journal import ActionFilter
from pmsbridge_sitelink.sandbox import SandboxControl

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

__all__ = ["KINDS", "Scene", "Smithy", "open_smithy"]

ROOT: Final = Path(__file__).resolve().parents[2]
ACCOUNTS: Final = {"a": ["L001"], "b": ["L002"], "c": ["L003"]}
KINDS: Final = ("pay", "edit", "autopay", "move_out", "pay_by_card")
BEYOND_EVERY_LEASE: Final = timedelta(seconds=20)
"""Longer than a lease and the settle window after it, as the workers are set."""
REALLY_BEYOND_EVERY_LEASE: Final = timedelta(seconds=8)
"""The same for workers that live by the real time, and are set to be less patient."""

Wish = dict[str, Any]


@dataclass
class Smithy:
    """A forge that is ready: its journal's address, its back office, and what can be wished there.

    Attributes:
        wipe: Makes the journal empty.
        pass_time: Makes seconds pass for leases where those do not go by the workers' clock; None where they do.
        wishable: By verb, where it is known to be carried out.
        by_real_time: Nobody's clock is moved: what must pass is waited for.
    """

    url: str
    folder: Path
    control: SandboxControl
    wipe: Callable[[], None]
    process: subprocess.Popen[str]
    wishable: dict[str, list[Wish]] = field(default_factory=dict)
    by_real_time: bool = False
    pass_time: Callable[[float], None] | None = None
    places: dict[str, Any] = field(default_factory=dict)

    def ask(self, order: Mapping[str, Any]) -> Any:
        """One order to the forge, and its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the forge has ended; its words are on standard error"
        return json.loads(line)

    def audition(self) -> None:
        """Find out what can be wished, by wishing everything once; it also fills the forge's caches."""
        candidates = [wish for codes in ACCOUNTS.values() for code in codes for wish in self._candidates(code)]
        told = self.ask({"rehearsal": candidates})
        settled = {answer["key"] for answer in told if answer.get("outcome") == "settled"}
        self.wishable = {
            verb: sorted(
                (wish for wish in candidates if wish["verb"] == verb and wish["key"] in settled),
                key=lambda wish: str(wish["key"]).rpartition("-")[2],  # neighbours are in different lanes
            )
            for verb in KINDS
        }

    def _candidates(self, code: str) -> Iterator[Wish]:
        site = self.control.state(code)["sites"][code]
        account = next(name for name, codes in ACCOUNTS.items() if code in codes)
        seen: dict[tuple[str, str], int] = {}
        for ledger in site["ledgers"].values():
            for verb, value in _possible(site, ledger):
                tenant = str(ledger["tenant_id"])
                number = seen.setdefault((verb, ""), 0)
                if number >= 6 or (verb, tenant) in seen:
                    continue
                seen[verb, ""] += 1
                seen[verb, tenant] = 1
                yield {
                    "account": account, "facility": code, "tenant": tenant, "rental": str(ledger["ledger_id"]),
                    "verb": verb, "value": value, "key": f"try-{code}-{verb}-{number}",
                }  # fmt: skip


def _possible(site: Mapping[str, Any], ledger: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    tenant = site["tenants"][str(ledger["tenant_id"])]
    if not ledger["active"] or tenant["online_blocked"]:
        return
    if 20 < float(ledger["balance"]) < 300:
        yield ("pay", "pay_by_card")[int(ledger["ledger_id"]) % 2], "1.00"
    if ledger["billing"]["autopay"]:
        yield "autopay", "off"
    elif ledger["billing"]["card_type_id"] and ledger["billing"]["card"]:
        yield "autopay", "on"
    yield "edit", "new@example.test"
    yield "move_out", (date.today() + timedelta(days=40)).isoformat()  # noqa: DTZ011 - the sandbox's own day


@contextmanager
def open_smithy(
    url: str,
    folder: Path,
    control: SandboxControl,
    wipe: Callable[[], None],
    *,
    by_real_time: bool = False,
    pass_time: Callable[[float], None] | None = None,
) -> Iterator[Smithy]:
    """Start a forge for a journal and a back office, and end it."""
    spec = {
        "url": url, "accounts": ACCOUNTS, "folder": str(folder), "call_center_url": control.call_center_url,
        "reporting_url": control.reporting_url, "by_real_time": by_real_time,
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.crashes.forge"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            smithy = Smithy(url, folder, control, wipe, process, by_real_time=by_real_time, pass_time=pass_time)
            assert process.stdin is not None
            process.stdin.write(json.dumps(spec) + "\n")
            wipe()
            control.reset()
            smithy.audition()
            yield smithy
        finally:
            process.kill()


class Scene:
    """One journal and one back office, both fresh, and everything that was wished and told on them.

    Attributes:
        kills: How many processes were killed.
        reached: The boundaries at which they died, counted by the label of the last one.
    """

    def __init__(self, smithy: Smithy, seed: int = 0) -> None:
        smithy.wipe()
        smithy.control.reset()
        self.smithy = smithy
        self.control = smithy.control
        self.chance = random.Random(seed)  # noqa: S311 - which worker dies when, the same in every run
        self.mails = smithy.folder / "mails"
        self.mails.unlink(missing_ok=True)
        self.ahead = 0.0
        self.wishes: dict[str, Wish] = {}
        self.told: list[dict[str, Any]] = []
        self.kills = 0
        self._used: dict[str, int] = {}

    # -- wishing -------------------------------------------------------------------------------------------------------

    def left(self, verb: str) -> int:
        """How many more wishes of a verb there is a place for."""
        return len(self.smithy.wishable[verb]) - self._used.get(verb, 0)

    def wish(self, verb: str) -> Wish:
        """Something nobody wished before: another tenant, another amount or address, a new key."""
        place = self._used.get(verb, 0)
        self._used[verb] = place + 1
        number = len(self.wishes)
        wish = {**self.smithy.wishable[verb][place], "key": f"click-{number:04}"}
        if verb in {"pay", "pay_by_card"}:
            wish["value"] = f"{1 + number / 100:.2f}"
        elif verb == "edit":
            wish["value"] = f"new{number}@example.test"
        self.wishes[wish["key"]] = wish
        return wish

    # -- working -------------------------------------------------------------------------------------------------------

    def job(self, *wishes: Wish, **how: Any) -> dict[str, Any]:
        """A worker: what it is asked for, and ``works``, ``die_at``, ``kill_after``, ``planted``."""
        return {"url": self.smithy.url, "ahead": self.ahead, "mails": str(self.mails), "wishes": wishes, **how}

    def run(self, *jobs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Workers alive at the same time; returns how each ended, when all have."""
        ended: list[dict[str, Any]] = self.smithy.ask({"workers": jobs})
        for worker in ended:
            assert worker["status"] in {0, -9}, worker
            self.kills += worker["status"] == -9
            self.told += worker["told"]
        return ended

    def later(self, by: timedelta = BEYOND_EVERY_LEASE) -> None:
        """Let time pass, for the workers to come and for the back office; nobody is at work meanwhile."""
        if self.smithy.by_real_time:
            time.sleep(REALLY_BEYOND_EVERY_LEASE.total_seconds())
            return
        self.ahead += by.total_seconds()
        if self.smithy.pass_time is not None:
            self.smithy.pass_time(by.total_seconds())
        self.control.advance(by.total_seconds())

    def finish(self, *, killing: int = 0, planted: str | None = None, rounds: int = 20) -> None:
        """Let workers come until nothing is open; the first ones come two at a time, and die on their way.

        Args:
            killing: How many times they die.
            planted: With this bug.
            rounds: How many times others come, at most: what waits for a person stays open.
        """
        for number in range(killing + rounds):
            self.later()
            how: list[dict[str, Any]] = [{"works": True, "planted": planted} for _ in range(1 + (number < killing))]
            if number < killing:
                how[0]["die_at"] = self.chance.randint(1, 12)
                how[1]["die_at"] = self.chance.randint(1, 24)
            self.run(*(self.job(**one) for one in how))
            if number >= killing and not self.open_effects():
                return

    # -- looking -------------------------------------------------------------------------------------------------------

    @contextmanager
    def journal(self) -> Iterator[Runtime]:
        """The journal as any process sees it; it can do nothing there."""
        database = open_database(self.smithy.url)
        try:
            yield Runtime(database, {})
        finally:
            database.close()

    def open_effects(self) -> int:
        """How much is not over."""
        with self.journal() as runtime:
            return runtime.counts().open_effects

    def views(self) -> dict[str, ActionView]:
        """Every action by its key, as a user would be told now."""
        with self.journal() as runtime:
            return {view.key: view for view in runtime.actions(ActionFilter(limit=10_000))}


def fresh_file(template: Path, path: Path) -> Callable[[], None]:
    """Makes a SQLite journal empty: its files are replaced by a copy of an empty one."""

    def wipe() -> None:
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        shutil.copyfile(template, path)
        path.chmod(0o600)

    return wipe


def emptied(server: PostgresServer, url: str) -> Callable[[], None]:
    """Makes a PostgreSQL journal empty: every table but the one that says which schema it is."""
    database = url.rpartition("/")[2]

    def wipe() -> None:
        server.goes(url)
        with server.connect(database) as connection:
            rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            names = [
                name for (name,) in rows if name.removeprefix("pmsbridge_") not in {"schema", "alembic", "version"}
            ]
            # Emptying a table costs files, also when it is empty, and most of them are the mirror's.
            asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names)  # noqa: S608 - tables of the journal
            used = [name for (name,) in connection.execute(asked).fetchall()]
            if used:
                connection.execute(f"TRUNCATE {', '.join(used)} RESTART IDENTITY CASCADE")

    return wipe


def aged(server: PostgresServer, url: str) -> Callable[[float], None]:
    """Makes time pass for the leases of a PostgreSQL journal: its server's clock is ahead of when they were given."""
    database = url.rpartition("/")[2]

    def pass_time(seconds: float) -> None:
        with server.connect(database) as connection:
            connection.execute(
                "UPDATE pmsbridge_lanes SET lease_until = lease_until - make_interval(secs => %s)", [seconds]
            )

    return pass_time
