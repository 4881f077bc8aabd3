from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pmsbridge.model import schemas
from tools import docs

ROOT = Path(__file__).resolve().parents[2]
PAGES = docs.pages(ROOT)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS_A_BACK_OFFICE = "Bridge.from_config"
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


def test_the_schemas_are_what_the_models_say() -> None:
    assert schemas.drift(ROOT / "schemas") == []


def test_the_generated_parts_of_the_documentation_are_fresh() -> None:
    assert docs.stale(ROOT) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_documentation_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert [target for target in LINK.findall(text) if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_block_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    if any(NEEDS_A_BACK_OFFICE in block for block in blocks):
        return  # the end-to-end tests run every such page
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks), encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60
    )

    assert ran.returncode == 0, ran.stderr


def test_the_glossary_is_in_order_and_has_one_row_per_word() -> None:
    rows = re.findall(r"^\| ([a-z][^|]*?) \|", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)[
        1:
    ]

    assert rows == sorted(set(rows), key=lambda word: word.replace("-", " "))
