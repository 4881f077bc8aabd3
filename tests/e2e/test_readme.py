from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge_sitelink.sandbox import spawn
from tests.e2e.conftest import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
PAGES = ["README.md", "docs/quickstart.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_runs_as_it_is_printed(page: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks

    for block in blocks:
        with spawn(units=40, sites=2) as office:
            for old in tmp_path.iterdir():
                old.unlink()
            write_sandbox_settings(tmp_path / "pmsbridge.toml", "sitelink", office.base_url)
            ended = subprocess.run(
                [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
            )
            books = office.state("L001", 1001)["sites"]["L001"]["ledgers"].values()
        assert ended.returncode == 0, ended.stderr
        assert "settled" in ended.stdout or "capture the money; receipt" in ended.stdout
        assert any(payment["reference"] or "pi_3Nx81k" in str(payment) for row in books for payment in row["payments"])


def test_the_first_example_is_ten_lines() -> None:
    block = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[0]

    assert len([line for line in block.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("page", [*PAGES, "docs/configuration.md", "docs/cli.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent

    assert [
        link for link in LINK.findall((ROOT / page).read_text(encoding="utf-8")) if not (folder / link).exists()
    ] == []
