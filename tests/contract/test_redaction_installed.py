"""Opening a bridge and running a command install the redactor: each as a process whose logging nobody has touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.init import write_sandbox_settings

PRINTS_THE_ERROR = """
import json
from pmsbridge import Bridge, ConfigurationError
try:
    Bridge.from_config("pmsbridge.toml").close()
except ConfigurationError as error:
    print(json.dumps(error.code))
else:
    print(json.dumps(None))
"""
CONFIGURED = """
import structlog
from pmsbridge.logging import redaction_processor
structlog.configure(processors=[{processors}])
"""
PRINTS_THE_FILTERS = """
import json, logging
import pmsbridge.transport.soap
from pmsbridge import Bridge
from pmsbridge.logging import RedactingFilter
names = ["zeep", "zeep.transports", "httpx", "httpcore", "httpcore.http11", "urllib3", "urllib3.connectionpool"]
def filtered():
    return {name: any(isinstance(f, RedactingFilter) for f in logging.getLogger(name).filters) for name in names}
Bridge.from_config("pmsbridge.toml").close()
for name in names:
    logging.getLogger(name).filters.clear()
before = filtered()
Bridge.from_config("pmsbridge.toml").close()
print(json.dumps({"before": before, "after": filtered()}))
"""
RUNS_A_COMMAND = """
import json, sys
import structlog
from pmsbridge.cli.running import run
from pmsbridge.logging import redaction_processor
from pmsbridge.store.database import open_database
open_database("sqlite:///pmsbridge.db").close()
was = structlog.is_configured()
code = run(["status"])
now = structlog.is_configured() and redaction_processor in structlog.get_config()["processors"]
print(json.dumps({"was": was, "now": now, "code": code}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings of an account whose back office is not there: a bridge opens without asking it."""
    write_sandbox_settings(tmp_path / "pmsbridge.toml", "sitelink", "http://127.0.0.1:9")
    return tmp_path


def told(program: str, folder: Path) -> Any:
    """The last line a fresh process prints, as JSON."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PMSBRIDGE_")}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=kept
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("processors", "code"),
    [
        ("structlog.processors.JSONRenderer()", "redaction_missing"),
        ("structlog.processors.JSONRenderer(), redaction_processor", "redaction_too_late"),
        ("structlog.processors.add_log_level, redaction_processor, structlog.processors.JSONRenderer()", None),
    ],
)
def test_a_bridge_opens_only_where_the_redactor_comes_before_the_renderer(
    folder: Path, processors: str, code: str | None
) -> None:
    assert told(CONFIGURED.replace("{processors}", processors) + PRINTS_THE_ERROR, folder) == code


def test_a_bridge_opens_where_nobody_has_configured_structlog(folder: Path) -> None:
    assert told(PRINTS_THE_ERROR, folder) is None


def test_opening_a_bridge_puts_filters_on_the_loggers_of_the_libraries_underneath(folder: Path) -> None:
    # Importing the transport sets them too; a host that sets up its logging afterwards takes them off again.
    found = told(PRINTS_THE_FILTERS, folder)

    assert not any(found["before"].values())
    assert [name for name, is_filtered in found["after"].items() if not is_filtered] == []


def test_running_a_command_configures_structlog_with_the_redactor(folder: Path) -> None:
    assert told(RUNS_A_COMMAND, folder) == {"was": False, "now": True, "code": 0}
