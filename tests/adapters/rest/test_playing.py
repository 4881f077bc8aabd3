"""The back office of a mapping, served by the command line, with settings that a portal can be tried on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pmsbridge import Bridge, InputError
from pmsbridge.cli.init import write_account
from pmsbridge.cli.running import run
from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.tools import MappingTools


def test_a_portal_can_be_tried_on_a_mapping_by_two_commands(tmp_path: Path) -> None:
    settings = tmp_path / "portal.toml"
    command = [sys.executable, "-m", "pmsbridge.cli", "map", "sandbox", "cubby", "--port", "0", "--json"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PMSBRIDGE_")}
    with subprocess.Popen(
        [*command, "--settings", str(settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as served:
        try:
            assert served.stdout is not None
            told = json.loads(served.stdout.readline())
            with Bridge.from_config(settings) as bridge:
                report = bridge.sync()
                (facility,) = bridge.facilities()
                dashboard = bridge.tenant(facility.ref.facility, "1001").dashboard()
        finally:
            served.send_signal(signal.SIGTERM)
            served.communicate(timeout=20)

    assert told["url"].startswith("http://127.0.0.1:")
    assert str(settings) in told["written"]
    assert not report.failed
    assert dashboard.rows
    assert all(Path(each).stat().st_mode & 0o077 == 0 for each in told["written"])


def test_settings_that_are_there_are_never_overwritten(tmp_path: Path) -> None:
    settings = tmp_path / "portal.toml"
    settings.write_text("mine")
    with pytest.raises(InputError):
        write_account(settings, "rest", {}, {})

    assert settings.read_text() == "mine"


def test_what_cannot_be_played_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "sandbox", "nobody"]) == ConfigurationError.exit_code
    assert "nobody" in capsys.readouterr().err
    assert run(["sandbox", "cubby"]) != 0
    assert "pmsbridge map sandbox" in capsys.readouterr().err
    with pytest.raises(ConfigurationError):
        MappingTools().play(tmp_path / "none.yaml", port=0, ready=lambda *_: None)
