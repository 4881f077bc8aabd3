"""The code of earlier releases, from the history of this repository, run in processes of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["EARLIER", "RELEASES", "by_an_old_release", "sources_of"]

_ROOT: Final = Path(__file__).parents[2]
_OLD_JOURNAL: Final = Path(__file__).with_name("old_journal.py")

RELEASES: Final = {
    "first_release": "4f8cad6", "second_release": "1b5b14e", "third_release": "6a95064", "fourth_release": "2c21054",
}  # fmt: skip
"""By name, the last commit whose schema has that number."""

EARLIER: Final = ("second_release", "third_release", "fourth_release")
"""Those whose code may go on with the schema of today."""


def sources_of(folder: Path, release: str) -> Path:
    """The sources of an earlier release."""
    commit = RELEASES[release]
    if shutil.which("git") is None:
        pytest.skip("needs git, for the code of an earlier release")
    done = subprocess.run(["git", "archive", commit, "src"], cwd=_ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs the history of this repository, down to {commit}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def by_an_old_release(sources: Path, place: Path | str, *words: str) -> Any:
    """What ``old_journal.py`` prints when that code runs it."""
    url = f"sqlite:///{place}" if isinstance(place, Path) else place
    done = subprocess.run(
        [sys.executable, str(_OLD_JOURNAL), url, *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(sources)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
