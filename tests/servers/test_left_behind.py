"""A process that a test forgets fails the run; runs of their own, so that it is not this one."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs processes shown below /proc")

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """
    from tests.servers import left_behind

    left_behind._PATIENCE_SECONDS = 0.5


    def pytest_configure(config):
        left_behind.watch_processes(config)
"""
TESTS = """
    import os, subprocess, sys

    SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(120)"]


    def test_that_ends_what_it_starts():
        with subprocess.Popen(SLEEPS, stdout=subprocess.PIPE) as process:
            process.kill()


    def test_that_forgets_a_child():
        global child
        child = subprocess.Popen(SLEEPS, stdout=subprocess.DEVNULL)


    def test_that_forgets_a_grandchild_in_a_session_of_its_own():
        starts = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
        subprocess.run([sys.executable, "-c", starts, *SLEEPS], check=True, stdout=subprocess.DEVNULL)


    def test_that_forgets_one_without_its_environment():
        global bare
        bare = subprocess.Popen(SLEEPS, stdout=subprocess.DEVNULL, env={})
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_a_test_leaves_behind_fails_the_run_and_is_ended(tmp_path: Path, workers: str) -> None:
    (tmp_path / "conftest.py").write_text(textwrap.dedent(CONFTEST))
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "-n", workers,
         f"--rootdir={tmp_path}", f"--basetemp={tmp_path / 'temp'}", "-W", "ignore", str(tmp_path / "test_it.py")],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=120,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    assert "4 passed" in ended.stdout, ended.stdout
    assert ended.returncode == 1, ended.stdout
    told = ended.stdout.partition("processes left behind")[2].splitlines()
    for name in ("forgets_a_child", "forgets_a_grandchild_in_a_session_of_its_own", "no test"):
        assert sum(name in line for line in told) == 1, ended.stdout
    assert "ends_what_it_starts" not in "".join(told)
    left = [int(line.rpartition("(process ")[2].rstrip(")")) for line in told if "(process " in line]
    assert len(left) == 3
    assert not any(_is_alive(process) for process in left)


def _is_alive(process: int) -> bool:
    """As nobody may be its parent any more, a dead one may be there without being awake."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
