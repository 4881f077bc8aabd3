"""What runs in the process that makes workers: preparing, forking, killing, and the work of one worker."""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.outcomes import ActionView
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import ConfigurationError, PmsBridgeError, UnavailableError
from pmsbridge.model.account import TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.payments import ExternalPayment
from pmsbridge.model.sealed import Card
from pmsbridge.portal.office import Office
from pmsbridge.portal.session import TenantSession
from pmsbridge.ports.clock import SystemClock
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import Database, open_database
from pmsbridge.store.prepared import Query
from pmsbridge_sitelink.adapter import SiteLinkAdapter, create
from pmsbridge_sitelink.sandbox import CORP_CODE, CORP_PASSWORD, CORP_USER, LICENCE_KEY
from tests.crashes.boundaries import Boundaries, FileMailer, guard_adapter, guard_database
from tests.crashes.planted import plant

Json = dict[str, Any]

LEASE_MARGIN: Final = timedelta(seconds=1)
_HUNG_SECONDS: Final = 120.0
_FAILED: Final = 70
_PATIENT: Final = {"connect": "3s", "read": "5s", "live": "6s", "write": "6s", "batch": "6s"}
_HURRIED: Final = {"connect": "1s", "read": "2s", "live": "2s", "write": "2s", "batch": "2s"}
_PAUSE_SECONDS: Final = 0.05


class AheadClock(SystemClock):
    """The machine's clock, some seconds ahead: time that passed while every worker was dead.

    Leases go by the server's clock where there is a server, as they do in life.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Secrets:
    def get(self, reference: str) -> str:
        held = {"env:LICENSE": LICENCE_KEY, "env:PASSWORD": CORP_PASSWORD}
        if reference not in held:
            message = f"{reference} is not set"
            raise ConfigurationError(message, code="secret_missing")
        return held[reference]


class Forge:
    """What every worker inherits, and the making of workers."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.by_real_time = spec["by_real_time"]
        self.remembers = False
        self.clock = SystemClock() if self.by_real_time else AheadClock()
        self.adapters = {name: self._adapter(name, codes, spec) for name, codes in spec["accounts"].items()}
        self.settings = EngineSettings(
            lease_margin=LEASE_MARGIN, backoff=tuple(timedelta(seconds=s) for s in (0.05, 0.2, 1)),
            action_deadline=timedelta(days=1), mail_timeout=timedelta(seconds=2), busy_wait=timedelta(0),
            sealed_wait=timedelta(0), review_after=timedelta(hours=2),
        )  # fmt: skip
        self._spec = spec
        self._folder = Path(tempfile.mkdtemp(prefix="forge-", dir=spec["folder"]))

    def _adapter(self, name: str, codes: Sequence[str], spec: Mapping[str, Any]) -> SiteLinkAdapter:
        options = {
            "corp_code": CORP_CODE, "user": CORP_USER, "license_key": "env:LICENSE", "password": "env:PASSWORD",
            "call_center_url": spec["call_center_url"], "reporting_url": spec["reporting_url"],
            "facilities": [{"code": code, "zone": "America/New_York"} for code in codes], "allow_raw_cards": True,
            "settle_window": "2s",
            "timeouts": _HURRIED if self.by_real_time else _PATIENT,
        }  # fmt: skip
        adapter = create(name, options, secrets=_Secrets(), clock=self.clock)
        self._remember_reads(adapter)
        return adapter

    def _remember_reads(self, adapter: SiteLinkAdapter) -> None:
        """Keep every tenant's account as it was last read, for workers whose reading is not what a test is about."""
        honest, seen = adapter.account, dict[tuple[str, str], TenantAccount]()

        def account(facility: str, tenant_id: str) -> TenantAccount:
            place = facility, tenant_id
            if not (self.remembers and place in seen):
                seen[place] = honest(facility, tenant_id)
            return seen[place]

        adapter.account = account  # type: ignore[method-assign]

    def rehearse(self, wishes: Sequence[Json]) -> list[Json]:
        """Do everything once in this process, so that its forks find all caches filled; returns what was told."""
        mails, paper = self._folder / "rehearsal", self._folder / "told"
        job = {"url": self._spec["url"], "ahead": 0.0, "mails": str(mails), "wishes": wishes, "works": True}
        diary = os.open(paper, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 0o600)
        worker = Worker(self, job, diary)
        try:
            worker.work(is_rehearsal=True)
            _say_every_question(worker.database)
        finally:
            os.close(diary)
            worker.database.close()
            for adapter in self.adapters.values():
                adapter.close()
        return [json.loads(line[1:]) for line in paper.read_text(encoding="utf-8").splitlines() if line[0] == "="]

    def run(self, order: Mapping[str, Any]) -> list[Json]:
        """Fork a worker per job, kill those that are to be killed, and say how each ended and what it told."""
        began = time.monotonic()
        jobs = order["workers"]
        papers = [self._folder / f"{number}" for number in range(len(jobs))]
        pids = [self._fork(job, paper) for job, paper in zip(jobs, papers, strict=True)]
        for after, pid in sorted(
            (job["kill_after"], pid) for job, pid in zip(jobs, pids, strict=True) if "kill_after" in job
        ):
            time.sleep(max(0.0, began + after - time.monotonic()))
            os.kill(pid, signal.SIGKILL)
        return [self._ended(pid, paper) for pid, paper in zip(pids, papers, strict=True)]

    def _fork(self, job: Mapping[str, Any], paper: Path) -> int:
        pid = os.fork()
        if pid:
            return pid
        gc.disable()
        code = _FAILED
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            diary = os.open(paper, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 0o600)
            Worker(self, job, diary).work()
            code = 0
        except BaseException:  # noqa: BLE001 - the fork must end here, whatever happens
            traceback.print_exc()
        finally:
            os._exit(code)

    @staticmethod
    def _ended(pid: int, paper: Path) -> Json:
        if not _ends_within(_HUNG_SECONDS, pid):
            os.kill(pid, signal.SIGABRT)
        _, status = os.waitpid(pid, 0)
        lines = paper.read_text(encoding="utf-8").splitlines() if paper.exists() else []
        paper.unlink(missing_ok=True)
        told = [json.loads(line[1:]) for line in lines if line.startswith("=")]
        reached = [line for line in lines if not line.startswith("=")]
        return {
            "status": os.waitstatus_to_exitcode(status),
            "reached": reached,
            "told": told,
        }


def _say_every_question(database: Database) -> None:
    """Put every question of the product into the database's words, those too that a rehearsal does not come to."""
    for found in gc.get_objects():
        if isinstance(found, Query):
            found.compiled(database.engine.dialect)


def _ends_within(seconds: float, pid: int) -> bool:
    """Wait for a child without looking again and again: many of them wait for the processor."""
    watched = os.pidfd_open(pid)
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


class Worker:
    """One process of a portal or one worker: does its job, tells what it would tell the user, or dies on the way."""

    def __init__(self, forge: Forge, job: Mapping[str, Any], diary: int) -> None:
        self._forge, self._job, self._diary = forge, job, diary

    def work(self, *, is_rehearsal: bool = False) -> None:
        """Everything that was ordered."""
        forge, job = self._forge, self._job
        if isinstance(forge.clock, AheadClock):
            forge.clock.ahead = job["ahead"]
        boundaries = Boundaries(
            self._diary, die_at=job.get("die_at"), die_in=job.get("die_in", ()),
            later_seconds=job.get("die_later_seconds"),
        )  # fmt: skip
        forge.remembers = job.get("remembers", False)
        time.sleep(job.get("delay_seconds", 0))
        self.database = database = self._opened()
        if not is_rehearsal:
            guard_database(database, boundaries)
            for adapter in forge.adapters.values():
                guard_adapter(adapter, boundaries)
            plant(job.get("planted"), forge.adapters)
            plant(job.get("office"), forge.adapters)
        self.runtime = Runtime(
            database, forge.adapters, clock=forge.clock, settings=forge.settings,
            mailer=FileMailer(Path(job["mails"]), boundaries),
            staff_address=lambda _account, code: f"{code}@staff.test",
        )  # fmt: skip
        if "file_limit_bytes" in job:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_limit_bytes"], job["file_limit_bytes"]))
        ends = time.monotonic() + job.get("patience_seconds", 0)
        for wish in job.get("wishes", ()):
            while self._wish(wish) == "UnavailableError" and time.monotonic() < ends:
                time.sleep(_PAUSE_SECONDS)
        for statement in job.get("statements", ()):
            self._state(statement)
        while job.get("works"):
            self._work_once()
            if time.monotonic() >= ends:
                break
            time.sleep(_PAUSE_SECONDS)

    def _opened(self) -> Database:
        """The journal, as soon as it can be reached."""
        ends = time.monotonic() + self._job.get("patience_seconds", 0)
        while True:
            try:
                return open_database(self._job["url"])
            except UnavailableError:
                if time.monotonic() >= ends:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _work_once(self) -> None:
        """As a worker does it: one that cannot reach its database now comes again."""
        with suppress(UnavailableError):
            self.runtime.run_due()

    def _wish(self, wish: Mapping[str, Any]) -> str:
        """Ask for it and tell what came of it; returns the class of an error."""
        try:
            view = do(self._session(wish), wish)
        except PmsBridgeError as error:
            self._tell(wish, {"error": type(error).__name__, "code": error.code, "text": error.message})
            return type(error).__name__
        told = {"outcome": view.outcome.value, "replayed": view.replayed, "attached": view.attached}
        self._tell(wish, {**told, "action_id": view.action_id})
        return ""

    def _state(self, statement: Mapping[str, str]) -> None:
        """An operator says of a step nobody could know what is there, and asks once more for what is not."""
        action_id, found = statement["action_id"], Outcome(statement["found"])
        with suppress(PmsBridgeError):  # another operator was there first
            self.runtime.resolve(action_id, statement["step"], found, "seen in the books", "anna")
        with suppress(PmsBridgeError):
            self.runtime.retry(action_id, "anna")

    def _tell(self, wish: Mapping[str, Any], answer: Json) -> None:
        os.write(self._diary, f"={json.dumps({'key': wish['key'], **answer})}\n".encode())

    def _session(self, wish: Mapping[str, Any]) -> TenantSession:
        forge = self._forge
        return TenantSession(
            Office(
                adapter=forge.adapters[wish["account"]], runtime=self.runtime, clock=forge.clock,
                facility=wish["facility"], tenant_id=wish["tenant"], actor="tenant", wait=None,
            )
        )  # fmt: skip


def do(session: TenantSession, wish: Mapping[str, Any]) -> ActionView:
    """What a person wishes, by the portal's own verbs."""
    key, rental, value = wish["key"], wish["rental"], wish["value"]
    if wish["verb"] == "pay":
        means = ExternalPayment(gateway="stripe", reference=f"pi_{key}")
        return session.pay_rental(rental, means, amount=Money.of(value, "USD") if value else None, key=key)
    if wish["verb"] == "pay_by_card":
        card = Card(number="4111111111111111", expires_on=date(2039, 5, 31), holder="Test Holder", cvv="123")
        return session.pay_rental(rental, card, amount=Money.of(value, "USD"), key=key)
    if wish["verb"] == "edit":
        return session.edit_contact({"email": value}, key=key)
    if wish["verb"] == "autopay":
        return session.set_autopay(rental, on=value == "on", key=key)
    if wish["verb"] == "move_out":
        return session.request_move_out(rental, date.fromisoformat(value), key=key)
    raise AssertionError(wish["verb"])
