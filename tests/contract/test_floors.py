from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = [
    ("src/pmsbridge/model/planted.py", "from pmsbridge.actions import plan\n", "Floors"),
    ("src/pmsbridge/engine/planted.py", "import pmsbridge.portal\n", "Floors"),
    ("src/pmsbridge/planted.py", "X = 1\n", "Floors"),
    ("src/pmsbridge/ports/planted.py", "import httpx\n", "httpx, zeep and lxml"),
    ("src/pmsbridge/portal/planted.py", "import sqlalchemy\n", "sqlalchemy and alembic appear only"),
    ("src/pmsbridge/engine/planted.py", "import apscheduler\n", "apscheduler appears only"),
    ("src/pmsbridge/portal/planted.py", "import smtplib\n", "smtplib appears only"),
    ("src/pmsbridge/engine/planted.py", "import tenacity\n", "tenacity appears only"),
    ("src/pmsbridge/engine/planted.py", "import pmsbridge_sitelink\n", "The core never names"),
    ("adapters/sitelink/pmsbridge_sitelink/planted.py", "import lxml.etree\n", "httpx, zeep and lxml"),
    ("adapters/sitelink/pmsbridge_sitelink/planted.py", "import pmsbridge.actions.plan\n", "Adapters see"),
    ("src/pmsbridge/engine/planted.py", "import pmsbridge_tryton\n", "The core never names"),
    ("adapters/tryton/pmsbridge_tryton/planted.py", "import httpx\n", "httpx, zeep and lxml"),
    (
        "adapters/sitelink/pmsbridge_sitelink/sandbox/planted.py",
        "import pmsbridge.errors\n",
        "A sandbox shares nothing",
    ),
]


def broken_contracts(root: Path) -> list[str]:
    """Names of the contracts that a checkout breaks, as import-linter prints them."""
    program = (
        "import sys; sys.path[:0] = ['src', 'adapters/sitelink', 'adapters/tryton', 'adapters/rest']\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=root)
    assert "Contracts: " in ran.stdout, ran.stdout + ran.stderr
    return [line for line in ran.stdout.splitlines() if " BROKEN" in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code and of the contracts."""
    for folder in ("src", "adapters"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_module_stands_on_its_floor(checkout: Path) -> None:
    assert broken_contracts(checkout) == []


@pytest.mark.slow
@pytest.mark.parametrize(("place", "text", "contract"), PLANTED)
def test_a_planted_import_breaks_its_contract(checkout: Path, place: str, text: str, contract: str) -> None:
    (checkout / place).write_text(text, encoding="utf-8")

    assert [line for line in broken_contracts(checkout) if line.startswith(contract)]
