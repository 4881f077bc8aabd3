"""The sandbox as a server: on loopback, in a process of its own, behind a control endpoint, as a fixture."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pmsbridge.actions.effects import TakePayment
from pmsbridge.errors import OutcomeUnknownError, UnavailableError
from pmsbridge.model.money import Money
from pmsbridge.ports.outcome import Attempt, Found
from pmsbridge_rest.adapter import RestAdapter, create
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.sandbox import ControlError, Office, SandboxControl, SandboxServer, spawn
from pmsbridge_rest.testing.harness import OfficeClock, SandboxSecrets, examples_of
from tests.adapters.rest.sandbox.callers import HARBOR

CLOCK = OfficeClock()
PAYMENT = next(one for one in examples_of(load_mapping(HARBOR), CLOCK.now().date()) if isinstance(one, TakePayment))


def _adapter(control: SandboxControl, clock: OfficeClock | None = None) -> RestAdapter:
    account = control.account()
    words = account.pop("secrets")
    options = {**account, "secrets": {name: f"env:{name}" for name in words}, "base_url": control.base_url}
    return create("main", options, secrets=SandboxSecrets(words), clock=clock)


@pytest.fixture(scope="module")
def control() -> Iterator[SandboxControl]:
    with SandboxServer(Office(HARBOR, now=CLOCK.now)) as server:
        yield server.control


@pytest.fixture
def office(control: SandboxControl) -> SandboxControl:
    CLOCK.sleep(61)
    control.reset()
    return control


def test_the_control_endpoint_tells_and_does(office: SandboxControl) -> None:
    adapter = _adapter(office, CLOCK)
    health = office.health()
    assert [each.partition(": ")[2] for each in health.pop("not_played")] == ["webhooks: webhooks are not sent"]
    assert health == {"up": True, "vendor": "harbor", "today": "2026-05-04", "seed": 7}

    adapter.execute(PAYMENT, Attempt(key="k" * 40))
    office.enter_payment("2003", "10.00")

    state = office.state()
    assert [(one["kind"], one["subject"], one["what"]) for one in state["done"]] == [
        ("take_payment", "2001", "120.05"), ("desk", "2003", "10.00"),
    ]  # fmt: skip
    assert state["owed"]["2001"] == "0.00"
    assert state["journal_total"] == "0.00"
    assert [call["name"] for call in office.calls("take_payment.pay")] == ["take_payment.pay"]
    adapter.close()


def test_what_the_control_endpoint_cannot_do_is_said(office: SandboxControl) -> None:
    with pytest.raises(ControlError, match="hail"):
        office.inject("*", "hail")
    with pytest.raises(ControlError, match="no such rental"):
        office.enter_payment("1", "1.00")


@pytest.mark.parametrize("kind", ["refuse", "drop_before", "drop_after", "truncate", "late_commit"])
def test_a_connection_that_is_cut_is_an_unknown_outcome_and_a_look_knows_better(
    office: SandboxControl, kind: str
) -> None:
    adapter = _adapter(office, CLOCK)
    office.inject("take_payment.*", kind, seconds=30)

    with pytest.raises((OutcomeUnknownError, UnavailableError)):
        adapter.execute(PAYMENT, Attempt(key="k" * 40))
    office.advance(31)

    found = adapter.probe(PAYMENT, Attempt(key="k" * 40))
    assert isinstance(found, Found) is (kind in {"drop_after", "truncate", "late_commit"})
    assert len(office.state()["done"]) == int(isinstance(found, Found))
    adapter.close()


def test_an_answer_that_inflates_is_not_swallowed(office: SandboxControl) -> None:
    adapter = _adapter(office, CLOCK)
    office.inject("take_payment.*", "gzip_bomb", size=30_000_000)

    with pytest.raises(OutcomeUnknownError):
        adapter.execute(PAYMENT, Attempt(key="k" * 40))
    adapter.close()


def test_it_runs_in_a_process_of_its_own_and_ends_with_it() -> None:
    with spawn(HARBOR) as control:
        adapter = _adapter(control)
        receipt = adapter.execute(
            PAYMENT.model_copy(update={"reference": "PB-PROCESS1"}), Attempt(key="k" * 40)
        )  # fmt: skip
        assert receipt.evidence
        assert control.state()["done"][0]["what"] == str(Money.of("120.05", "USD").amount)
        adapter.close()
    with pytest.raises(OSError, match=r".*"):
        control.health()


def test_a_mapping_that_cannot_be_played_ends_the_process_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n", encoding="utf-8")
    command = [sys.executable, "-m", "pmsbridge_rest.sandbox", str(tmp_path / "list.yaml")]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "is no table" in done.stderr


PORTAL_TESTS = f"""
import pytest

@pytest.fixture(scope="session")
def rest_sandbox_mapping():
    return {str(HARBOR)!r}

def test_first(rest_office, rest_account):
    assert rest_account["mapping"].endswith("harbor.yaml")
    assert rest_account["secrets"]["client_id"].startswith("env:")
    rest_office.enter_payment("2001", "1.00")

def test_second(rest_office):
    assert rest_office.state()["done"] == []
"""


def test_its_fixtures_give_a_portal_an_account(tmp_path: Path) -> None:
    (tmp_path / "test_portal.py").write_text(PORTAL_TESTS, encoding="utf-8")
    own = [] if _is_installed() else ["-p", "pmsbridge_rest.sandbox.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *own, "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)

    assert "2 passed" in done.stdout, done.stdout + done.stderr


def _is_installed() -> bool:
    """Whether the installed distribution brings the fixtures by itself already."""
    return any(one.value == "pmsbridge_rest.sandbox.pytest_plugin" for one in entry_points(group="pytest11"))


def test_loading_the_fixtures_loads_nothing_else() -> None:
    code = "import sys, pmsbridge_rest.sandbox.pytest_plugin; print(sorted({'yaml', 'http.server'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"


def test_a_server_that_was_stopped_answers_no_more() -> None:
    server = SandboxServer(Office(HARBOR))
    server.start()
    control = server.control
    assert control.health()["up"]
    server.stop()
    server.stop()
    began = time.monotonic()
    with pytest.raises(OSError, match=r".*"):
        control.health()
    assert time.monotonic() - began < 25
