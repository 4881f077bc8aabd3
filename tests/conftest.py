"""What every test may rely on: loopback only, a machine-independent environment, hypothesis without surprises."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.adapters.rest.vendors.documents import told
from tests.dealing import dealt
from tests.facts.recording import record_facts
from tests.leaks.plugin import watch
from tests.servers.fixtures import _postgres_tables, postgres_journal, postgres_server, postgres_url
from tests.servers.left_behind import watch_processes
from tests.servers.tryton.fixtures import fresh_tryton, tryton_customer, tryton_pg, tryton_server, tryton_yard

__all__ = [
    "_postgres_tables", "fresh_tryton", "postgres_journal", "postgres_server", "postgres_url", "tryton_customer",
    "tryton_pg", "tryton_server", "tryton_yard",
]  # fmt: skip

_LONGEST = {
    "tests/crashes": 550, "tests/simulation": 430, "tests/races": 200, "tests/clock": 100,
    "tests/adapters/tryton": 100, "tests/conformance/test_tryton": 80, "tests/e2e/test_demo_yard": 70,
    "tests/leaks/test_tour": 60, "tests/e2e": 60,
}  # fmt: skip
"""What takes longest, and about how many seconds on a machine with two processors."""

_LOOKED_AT_TOGETHER = 10_000
"""New objects."""

# Derandomised: the same code gives the same result on every machine. Wide: by hand, before a release.
settings.register_profile(
    "suite",
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("wide", parent=settings.get_profile("suite"), max_examples=2000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_configure(config: pytest.Config) -> None:
    """Marks of tests that need a server (`-m "not postgresql"` leaves them out), and what watches over a whole run."""
    watch(config)
    watch_processes(config)
    record_facts(config)
    config.addinivalue_line("markers", "postgresql: runs on a real PostgreSQL; skipped where there is none")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left alone with it when the others have nothing to do."""
    items[:] = dealt(items, _LONGEST, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    """What was collected lives to the end: it need not be looked through for garbage again and again.

    Nor need what a test makes, most of which is gone when the test is: Python looks at every 700 new objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LOOKED_AT_TOGETHER)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many fault schedules were played, and how long that took; and what was not run for want of documents."""
    reasons = [str(each.longrepr) for each in terminalreporter.getreports("skipped")]
    if not_run := told(reasons):
        terminalreporter.write_line(not_run)
    reports = [each for each in terminalreporter.getreports("passed") if "played" in dict(each.user_properties)]
    if reports:
        played, seconds = (
            sum(dict(each.user_properties)["played"] for each in reports),
            sum(each.duration for each in reports),
        )
        workers = len({getattr(each, "worker_id", "") for each in reports})
        each_alone = f"{seconds / workers:.0f} s on {workers} at once" if workers > 1 else "one worker"
        terminalreporter.write_line(f"simulation: {played} schedules in {seconds:.0f} s of workers' time, {each_alone}")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting, proxy or terminal width of whoever runs the suite reaches a test."""
    for name in list(os.environ):
        if name.startswith("PMSBRIDGE_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a test configures, a command line run included, does not reach the next one."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
