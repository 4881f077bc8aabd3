"""Real processes: the command line as a user starts it, against a back office in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge.cli.running import run
from pmsbridge.store.database import open_database
from pmsbridge_sitelink.sandbox import SandboxControl, spawn

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("SANDBOX-LICENCE-KEY", "sandbox-only")


@dataclass(frozen=True)
class Ran:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The one JSON object on standard output; anything else there fails the test."""
        assert self.out.count("\n") == 1, self.out + self.err
        return json.loads(self.out)


Start = Callable[..., Ran]


def start(*args: str, folder: Path, seconds: int = 60, env: dict[str, str] | None = None) -> Ran:
    """Run ``pmsbridge`` as a process."""
    ended = subprocess.run(
        [sys.executable, "-m", "pmsbridge.cli", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def office() -> Iterator[SandboxControl]:
    """A back office in its own process, shared by a module."""
    with spawn(units=40, sites=2) as control:
        yield control


@pytest.fixture
def workplace(office: SandboxControl, tmp_path: Path) -> Path:
    """A folder with settings for that back office as ``init`` writes them, a quick settle window, an empty store."""
    write_sandbox_settings(tmp_path / "pmsbridge.toml", "sitelink", office.base_url, engine='settle_window = "1s"\n')
    open_database(f"sqlite:///{tmp_path}/pmsbridge.db").close()
    return tmp_path


@pytest.fixture
def command(workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs ``pmsbridge`` in that folder, inside this process: quick, and the same from the first argument on."""
    monkeypatch.chdir(workplace)

    def _command(*args: str) -> Ran:
        capsys.readouterr()
        code = run(list(args))
        caught = capsys.readouterr()
        return Ran(code, caught.out, caught.err)

    return _command


@pytest.fixture
def process(workplace: Path) -> Start:
    """Starts ``pmsbridge`` in that folder as a user does."""

    def _process(*args: str) -> Ran:
        return start(*args, folder=workplace)

    return _process
