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


@pytest.mark.parametrize("is_absolute", [True, False])
def test_prism_is_named_where_it_is(tmp_path: Path, *, is_absolute: bool) -> None:
    """Whatever its room is called, the program is printed by a path that leads there from anywhere."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("node", "npm"):  # never asked: the program is there
        (programs / name).write_text("#!/bin/sh\nexit 1\n")
        (programs / name).chmod(0o755)
    folder = tmp_path / "room"
    script = (ROOT / "tools/prism.sh").read_text(encoding="utf-8")
    (version,) = [line.removeprefix("VERSION=") for line in script.splitlines() if line.startswith("VERSION=")]
    program = folder / version / "node_modules/@stoplight/prism-cli/dist/index.js"
    program.parent.mkdir(parents=True)
    program.touch()
    room = str(folder) if is_absolute else os.path.relpath(folder, ROOT)

    said = subprocess.run(
        [bash, ROOT / "tools/prism.sh"], cwd=tmp_path, check=True, capture_output=True, text=True,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "PRISM_ROOM": room},
    ).stdout.strip()  # fmt: skip

    assert Path(said).is_absolute()
    assert Path(said).resolve() == program.resolve()
