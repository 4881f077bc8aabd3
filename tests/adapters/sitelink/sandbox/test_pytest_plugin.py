"""The fixtures that come with the sandbox, used as a portal's own tests would use them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from pmsbridge_sitelink import sandbox

CONFTEST = """
import datetime
import pytest

@pytest.fixture(scope="session")
def sitelink_sandbox_options():
    return {"sites": 2, "units": 20, "seed": 11, "today": datetime.date(2026, 11, 21)}
"""
PORTAL = """
import os
import pytest
from pmsbridge import Bridge, ExternalPayment

URLS = set()

def test_one_sandbox_of_the_wanted_size_serves_all_tests(sitelink_sandbox):
    URLS.add(sitelink_sandbox.base_url)
    health = sitelink_sandbox.health()
    assert (health["today"], health["seed"]) == ("2026-11-21", 11)
    assert "L002" in sitelink_sandbox.state("L002")["sites"]

def test_what_a_test_does_to_the_office_is_its_own(sitelink_office, sitelink_settings):
    URLS.add(sitelink_office.base_url)
    with Bridge.from_config(sitelink_settings) as bridge:
        session = bridge.tenant("L001", "1001")
        rental_id = session.dashboard().rows[0].id
        means = ExternalPayment(gateway="test", reference="pi_1")
        assert session.pay_rental(rental_id, means, key="first-click").outcome == "settled"
    sitelink_office.settings(payment_delay=9)
    sitelink_office.inject("*", "refuse", count=0)
    assert "pi_1" in str(sitelink_office.state("L001"))

def test_the_next_test_finds_it_as_on_the_first_day(sitelink_office):
    URLS.add(sitelink_office.base_url)
    assert len(URLS) == 1
    assert sitelink_office.faults() == []
    assert sitelink_office.calls() == []
    assert sitelink_office.settings()["payment_delay"] == 0
    assert "pi_1" not in str(sitelink_office.state("L001"))

def test_the_account_names_every_location_and_no_secret(sitelink_account, sitelink_office):
    assert [row["code"] for row in sitelink_account["facilities"]] == ["L001", "L002"]
    assert sitelink_account["call_center_url"] == sitelink_office.call_center_url
    for name in ("license_key", "password"):
        scheme, _, variable = sitelink_account[name].partition(":")
        assert scheme == "env"
        assert os.environ[variable]
        assert os.environ[variable] not in str(sitelink_account)

def test_its_secrets_leave_the_environment_with_it():
    assert not [name for name in os.environ if name.startswith("SITELINK_SANDBOX_")]
"""
DEFAULTS = """
def test_without_options_there_is_one_location(sitelink_account, sitelink_office):
    assert [row["code"] for row in sitelink_account["facilities"]] == ["L001"]
    assert sitelink_office.health()["seed"] == 7
"""
# The package around the plugin is stood in for, so that only what the plugin itself loads is seen.
ALONE = """
import sys, types
package = types.ModuleType("pmsbridge_sitelink")
package.__path__ = [sys.argv[1]]
sys.modules["pmsbridge_sitelink"] = package
import pytest
before = set(sys.modules)
import pmsbridge_sitelink.sandbox.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *options, str(folder)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, env=kept)


def test_the_fixtures_of_an_installed_sandbox_serve_a_portals_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_portal.py").write_text(PORTAL, encoding="utf-8")

    ended = run_pytest(tmp_path)

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]
    assert "5 passed" in ended.stdout


def test_the_fixtures_work_without_any_option(tmp_path: Path) -> None:
    (tmp_path / "test_defaults.py").write_text(DEFAULTS, encoding="utf-8")

    ended = run_pytest(tmp_path)

    assert "1 passed" in ended.stdout, ended.stdout[-3000:]


def test_a_run_that_uses_no_fixture_starts_no_sandbox(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\ndef test_nothing_is_loaded():\n"
        "    assert 'pmsbridge_sitelink.sandbox.pytest_plugin' in sys.modules\n"
        "    assert 'pmsbridge_sitelink.sandbox.process' not in sys.modules\n",
        encoding="utf-8",
    )

    ended = run_pytest(tmp_path)

    assert "1 passed" in ended.stdout, ended.stdout[-3000:]


def test_the_plugin_itself_loads_only_the_front_of_the_sandbox() -> None:
    folder = Path(sandbox.__file__).parent.parent

    ended = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder)], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = ended.stdout.split()

    ours = [name for name in loaded if name.startswith("pmsbridge")]
    assert ours == [
        "pmsbridge_sitelink.sandbox",
        "pmsbridge_sitelink.sandbox.access",
        "pmsbridge_sitelink.sandbox.pytest_plugin",
    ]
    assert not {"zeep", "httpx", "lxml", "pydantic", "sqlalchemy", "http.server"} & set(loaded)


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    found = [point for point in entry_points(group="pytest11") if point.name == "pmsbridge-sitelink-sandbox"]

    assert [point.value for point in found] == ["pmsbridge_sitelink.sandbox.pytest_plugin"]
