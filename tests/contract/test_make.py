"""What `make` gives to whatever it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _make(*arguments: str) -> str:
    program = shutil.which("make")
    if program is None:
        pytest.skip("needs make")
    # Nothing of the make that may have started this run.
    surroundings = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [program, "--no-print-directory", "-o", ".venv/.installed", *arguments],
        cwd=ROOT, env=surroundings, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_what_is_compiled_is_kept_also_where_the_surroundings_want_nothing_kept() -> None:
    asked = "asked: ; @python3 -c 'import sys; print(sys.dont_write_bytecode)'"

    assert _make("--eval", asked, "asked").strip() == "False"


def test_the_suite_brings_its_servers_along_and_the_tests_of_other_pythons_do_not() -> None:
    assert "tools/servers.sh" in _make("-n", "test")
    assert "tools/servers.sh" not in _make("-n", "test", "SERVERS=")
    assert " SERVERS= " in (ROOT / "tools/test_matrix.sh").read_text(encoding="utf-8")
