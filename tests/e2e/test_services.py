"""The systemd unit and the container file of docs/running.md: complete, accepted, and what they start is started."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge import Bridge
from pmsbridge.dispatch.recovery import longest_end
from tests.e2e.conftest import ROOT

PAGE = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(UNIT,) = [block for block in BLOCKS if block.startswith("[Unit]")]
(CONTAINER,) = [block for block in BLOCKS if block.startswith("FROM ")]
PROGRAM, CONFIG = "/srv/portal/venv/bin/pmsbridge", "/srv/portal/pmsbridge.toml"


def unit() -> dict[str, str]:
    lines = [line for line in UNIT.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def instructions() -> list[tuple[str, str]]:
    """A container file's instructions, in order, without comments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", CONTAINER, flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def given(word: str) -> str:
    (found,) = [rest for name, rest in instructions() if name == word]
    return found


def test_the_unit_says_who_runs_it_when_it_comes_back_and_how_it_ends() -> None:
    said = unit()

    assert said["User"] == "portal"
    assert said["Restart"] == "always"
    assert (said["KillSignal"], said["KillMode"]) == ("SIGTERM", "mixed")
    assert said["ProtectSystem"] == "strict"
    assert said["ReadWritePaths"] == "/srv/portal/data"


def test_both_wait_longer_than_an_orderly_end_may_take(workplace: Path) -> None:
    with Bridge.from_config(workplace / "pmsbridge.toml") as bridge:
        end = longest_end(bridge.runtime)
    (command,) = [block for block in BLOCKS if block.startswith("docker run")]
    waits = int(command.split("--stop-timeout ")[1].split()[0])

    assert timedelta(seconds=int(unit()["TimeoutStopSec"])) > end
    assert timedelta(seconds=waits) > end


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize(("old", "new", "is_fine"), [("", "", True), ("Restart=always", "Restart=perhaps", False)])
def test_systemd_accepts_the_unit(old: str, new: str, is_fine: bool, tmp_path: Path) -> None:
    program = tmp_path / "pmsbridge"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    text = UNIT.replace(PROGRAM, str(program)).replace("User=portal\n", "").replace(old, new)
    path = tmp_path / "pmsbridge-worker.service"
    path.write_text(text, encoding="utf-8")

    ran = subprocess.run(
        ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    ours = [line for line in (ran.stdout + ran.stderr).splitlines() if path.name in line]
    assert (ran.returncode == 0 and ours == []) is is_fine, ours


def started(command: list[str], workplace: Path) -> None:
    """A command as it stands in a file, of this checkout and with the settings of a test, works and ends in order."""
    words = [str(workplace / "pmsbridge.toml") if word.endswith("pmsbridge.toml") else word for word in command[1:]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "pmsbridge.cli", *words], stderr=subprocess.PIPE, text=True, env=environment,
        cwd=workplace,
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            assert "Working: embedded" in process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.slow
def test_what_the_unit_starts_works_and_ends_on_its_signal(workplace: Path) -> None:
    command = shlex.split(unit()["ExecStart"])

    assert command[:3] == [PROGRAM, "--config", CONFIG]
    started(command, workplace)


@pytest.mark.slow
def test_what_the_container_starts_works_and_ends_on_its_signal(workplace: Path) -> None:
    assert given("STOPSIGNAL") == "SIGTERM"

    started([*json.loads(given("ENTRYPOINT")), *json.loads(given("CMD"))], workplace)


@pytest.mark.slow
def test_the_health_check_says_zero_when_the_journal_can_be_read_and_else_not(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pmsbridge.cli.running import run

    options, _, check = given("HEALTHCHECK").partition(" CMD ")
    command = [str(workplace / "pmsbridge.toml") if "toml" in word else word for word in json.loads(check)]
    assert {"--interval", "--timeout", "--retries"} <= {word.split("=")[0] for word in options.split()}

    assert run(command[1:]) == 0
    (workplace / "pmsbridge.toml").unlink()
    assert run(command[1:]) != 0
    capsys.readouterr()


def test_the_container_is_nobody_special_and_keeps_the_journal_outside_its_root() -> None:
    names = [name for name, _ in instructions()]
    known = {"FROM", "RUN", "COPY", "USER", "ENV", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    (command,) = [block for block in BLOCKS if block.startswith("docker run")]

    assert names[0] == "FROM"
    assert set(names) == known
    assert int(given("USER")) > 0
    assert names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")
    assert given("VOLUME") == "/data"
    for flag in ("--read-only", "--tmpfs /tmp", f":{given('VOLUME')}", "--restart always"):
        assert flag in command
