"""An action in a plain connection of the caller's: a worker that never sweeps is woken by its commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from pmsbridge.ports.outcome import Outcome
from tests.dispatch.crew import crew, dispatcher_over
from tests.dispatch.office import Ledger, payment, runtime_over
from tests.dispatch.waiting import soon

pytestmark = pytest.mark.slow

Places = Callable[[str, str], tuple[str, str]]
RARELY = timedelta(seconds=30)


@pytest.mark.parametrize(("by", "store"), [("celery", "sqlite"), ("procrastinate", "postgres")])
def test_the_commit_of_a_plain_connection_wakes_a_worker_that_never_sweeps(
    by: str, store: str, places: Places, office: tuple[str, Ledger]
) -> None:
    (url, ledger), (database, broker) = office, places(by, store)
    runtime = runtime_over(database, url)
    teller = dispatcher_over(runtime, by, broker, sweep_every=RARELY)
    if by == "procrastinate":
        teller.install()  # a poke into a queue that is not there yet is lost, and here nobody sweeps
    engine = create_engine(database)

    with crew(1, by=by, store=database, office=url, broker=broker, blind=True, sweep=RARELY.seconds):
        with engine.begin() as own:
            runtime.submit(payment(1), connection=own)
            assert ledger.calls == []
        # The first one may lie there until the worker has come up and looks; the second one finds it listening.
        assert soon(lambda: len(ledger.calls) == 1, 90)
        with engine.begin() as own:
            runtime.submit(payment(2), connection=own)
        assert soon(lambda: len(ledger.calls) == 2, 20)
        assert soon(lambda: runtime.counts().open_effects == 0, 20)

    assert runtime.counts().by_outcome == {Outcome.SETTLED: 2}
    teller.stop()
    engine.dispose()
    runtime.database.close()
