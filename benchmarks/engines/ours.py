"""The job on pmsbridge: the real journal, lanes, leases and trail, over a back office that only counts."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from sqlalchemy import Engine, event

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.engines.job import STEPS, Office, Order, Orders, order, say
from pmsbridge.actions.effects import AddNote, ChangeContact, Effect, EffectBody, PostBulletin
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, reference_of
from pmsbridge.dispatch.by_procrastinate import ProcrastinateDispatcher
from pmsbridge.dispatch.embedded import EmbeddedDispatcher
from pmsbridge.engine.deliver import Runtime
from pmsbridge.ports.adapter import Adapter
from pmsbridge.ports.capability import Capability, Dedup, Support
from pmsbridge.ports.outcome import Attempt, CannotTell, Outcome, Probed, Receipt
from pmsbridge.store.database import open_database
from pmsbridge.store.journal import Journal

ACCOUNT: Final = "bench"
_SWEEP: Final = timedelta(milliseconds=200)
_WARM_UP: Final = 5
_CONTROL: Final = ("BEGIN", "COMMIT", "ROLLBACK")
_KINDS: Final = ("change_contact", "add_note", "post_bulletin")


class CountingAdapter:
    """A back office in this process that counts; only its writing half is ever asked."""

    system = "bench"
    account_name = ACCOUNT
    settle_window = timedelta(seconds=60)
    send_timeout = timedelta(seconds=30)
    pays_together: ClassVar[frozenset[str]] = frozenset()
    capabilities: ClassVar[Mapping[str, Capability]] = {
        kind: Capability(
            kind,
            Support.NATIVE,
            Dedup.STATE,
            absence_conclusive=True,
            can_probe=True,
            source="benchmark",
            reads_before=False,
        )
        for kind in _KINDS
    }

    def __init__(self, office: Office) -> None:
        self.office = office

    def lane(self, effect: EffectBody) -> str:
        """One per facility."""
        return f"bench:{effect.facility}"

    def execute(self, effect: EffectBody, attempt: Attempt) -> Receipt:
        """Call the back office; which action and step it is, the text says."""
        del attempt
        receipt = self.office.call(*_place(effect))
        return Receipt(evidence=f"receipt {receipt}", vendor_ids={"id": receipt}, at=datetime.now(UTC))

    def probe(self, effect: EffectBody, attempt: Attempt) -> Probed:
        """Never asked here: nothing is lost."""
        del effect, attempt
        return CannotTell("a counter remembers nothing")

    def baseline(self, effect: EffectBody) -> Mapping[str, str]:
        """Nothing to compare with."""
        del effect
        return {}

    def close(self) -> None:
        """Nothing is open."""


def _place(effect: EffectBody) -> tuple[int, int]:
    if isinstance(effect, ChangeContact):
        return int(effect.tenant_id), 0
    if isinstance(effect, AddNote):
        return int(effect.tenant_id), STEPS.index(effect.text)
    assert isinstance(effect, PostBulletin)
    return int(effect.body), STEPS.index("bulletin")


def submission(number: int, lanes: int, prefix: str = "click") -> Submission:
    """One action: a contact edit and three notices that wait for it."""
    key, facility, tenant = f"{prefix}-{number:07d}", f"F{number % lanes:04d}", str(number)
    action_id = Submission.id_for(ACCOUNT, facility, tenant, key)
    common: dict[str, Any] = {"account": ACCOUNT, "facility": facility}

    def step(name: str, effect: Effect, **fields: Any) -> PlannedEffect:
        key = effect_key(action_id, name, effect.target)
        return PlannedEffect(name=name, key=key, effect=effect, **fields)

    def note(name: str) -> AddNote:
        return AddNote(**common, tenant_id=tenant, rental_id="R1", text=name, reference=reference_of(action_id, name))

    post = PostBulletin(**common, subject="changed", body=tenant, reference=reference_of(action_id, "bulletin"))
    notice: dict[str, Any] = {"after": "change", "is_principal": False}
    steps = (
        step("change", ChangeContact(**common, tenant_id=tenant, changes={"email": f"t{number}@example.test"})),
        step("note", note("note"), **notice),
        step("bulletin", post, **notice),
        step("notice", note("notice"), **notice),
    )
    return Submission(
        action_id=action_id, key=key, kind="edit_contact", account=ACCOUNT, facility=facility, tenant_id=tenant,
        intent=f'{{"email": "t{number}@example.test"}}', plan=Plan(steps=steps),
    )  # fmt: skip


def runtime(url: str, office: Office) -> Runtime:
    """The runtime over a database."""
    return Runtime(open_database(url), {ACCOUNT: cast("Adapter", CountingAdapter(office))})


def enqueue(runtime_: Runtime, wanted: Submission) -> None:
    """Store an action in a transaction of its own, as a portal does that commits its own rows beside it."""
    with runtime_.database.write() as connection:
        runtime_.submit(wanted, connection=connection)
    if runtime_.on_poke is not None:
        runtime_.poke(f"bench:{wanted.facility}")


def _prepare(told: Order) -> None:
    runtime_ = runtime(told.url, told.office)
    if told.variant == "procrastinate":
        dispatcher = ProcrastinateDispatcher(runtime_, told.url)
        dispatcher.install()
        dispatcher.stop()
    runtime_.database.close()


def _settled(url: str) -> int:
    """How many actions are over, every step of them settled."""
    database = open_database(url)
    found = Journal(database).counts()
    database.close()
    return found.by_outcome.get(Outcome.SETTLED, 0) if not found.open_effects else 0


def _deliver(told: Order) -> None:
    """Submit, work, or both; the wake-ups between processes go by Procrastinate when the variant says so."""
    orders = Orders()
    runtime_ = runtime(told.url, told.office)
    dispatcher: ProcrastinateDispatcher | EmbeddedDispatcher
    if told.variant == "procrastinate":
        dispatcher = ProcrastinateDispatcher(runtime_, told.url)
    else:
        dispatcher = EmbeddedDispatcher(runtime_, sweep_every=_SWEEP, concurrency=told.concurrency)
    if told.role == "both" and isinstance(dispatcher, EmbeddedDispatcher):
        dispatcher.start()
    if told.role == "work":
        say("ready")
        orders.go.wait()
        dispatcher.run(runtime_, concurrency=told.concurrency, stop=orders.stop)
    else:
        orders.submit_all(told.actions, lambda number: enqueue(runtime_, submission(number, told.lanes)))
    dispatcher.stop()
    runtime_.database.close()


# -- what one action costs -------------------------------------------------------------------------------------------


def _latencies(told: Order) -> dict[str, list[float]]:
    """Milliseconds: of the bare call, of a submit that answers for the edit, of one that delivers all four steps."""
    runtime_, office = runtime(told.url, told.office), told.office
    for number in range(-_WARM_UP, 0):
        runtime_.submit(submission(number, told.lanes, "warming"))
    found: dict[str, list[float]] = {"call": [], "answer": [], "whole": []}
    for number in range(told.actions):
        found["call"].append(_timed(lambda number=number: office.call(number, 0)))  # type: ignore[misc]
        wanted = submission(number, told.lanes, "whole")
        found["whole"].append(_timed(lambda wanted=wanted: runtime_.submit(wanted)))  # type: ignore[misc]
        wanted = submission(number, told.lanes, "answer")
        # With workers somewhere, the submit leaves the notices to them.
        runtime_.on_poke = lambda _lane, _not_before: None
        found["answer"].append(_timed(lambda wanted=wanted: runtime_.submit(wanted)))  # type: ignore[misc]
        runtime_.on_poke = None
        runtime_.drain(f"bench:{wanted.facility}")
    runtime_.database.close()
    return found


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _statements(told: Order) -> dict[str, float]:
    """Statements and transactions per action, of submits and of drains, one thread; on PostgreSQL also round trips."""
    runtime_ = runtime(told.url, told.office)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        count = _counted(runtime_.database.engine, Path(folder))
        for what in ("submit", "drain"):
            before, began = count(), time.process_time()
            if what == "submit":
                for number in range(told.actions):
                    enqueue(runtime_, submission(number, told.lanes))
            else:
                runtime_.run_due()
            found[f"{what} ms"] = (time.process_time() - began) * 1000 / told.actions
            found |= {f"{what} {name}": each / told.actions for name, each in (count() - before).items()}
        runtime_.database.close()
    return found


def _counted(engine: Engine, folder: Path) -> Callable[[], Counter[str]]:
    """What has reached the database so far, by SQLite's own trace, or by libpq's of every message."""
    seen: Counter[str] = Counter()
    traces: list[Path] = []

    def note(text: str) -> None:
        seen["statements"] += not text.startswith((*_CONTROL, "PRAGMA"))

    def trace(driver: Any, record: Any, _proxy: object) -> None:  # noqa: ANN401 - the driver's and the pool's
        if "trace" not in record.info:
            traces.append(folder / str(len(traces)))
            record.info["trace"] = traces[-1].open("a")
        driver.pgconn.trace(record.info["trace"].fileno())

    if engine.dialect.name == "sqlite":
        event.listen(engine, "commit", lambda *_args: seen.update(["commits"]))
        event.listen(engine, "checkout", lambda driver, *_args: driver.set_trace_callback(note))
        return seen.copy
    event.listen(engine, "checkout", trace)
    # The library writes its trace out when it ends.
    event.listen(engine, "checkin", lambda driver, _record: driver and driver.pgconn.untrace())
    return lambda: Counter(name for each in traces for line in each.read_text().splitlines() for name in _said(line))


def _said(line: str) -> Iterator[str]:
    """What a line of libpq's trace counts as; a read counts as a commit, as it does on SQLite."""
    _time, _sep, message = line.partition("\t")
    if message.startswith("B") and "ReadyForQuery" in message:
        yield "round trips"
        yield from ["commits"] * message.endswith(" I")
    elif message.startswith("F") and ("\tExecute" in message or "\tQuery" in message):
        yield from ["statements"] * (not any(f'"{word}' in message for word in _CONTROL))


def main() -> None:
    """One process of a run."""
    told = order()
    if told.role == "check":
        say("done", _settled(told.url))
    elif told.role == "prepare":
        _prepare(told)
    elif told.role == "latency":
        say(json.dumps(_latencies(told)))
    elif told.role == "statements":
        say(json.dumps(_statements(told)))
    else:
        _deliver(told)


if __name__ == "__main__":
    main()
