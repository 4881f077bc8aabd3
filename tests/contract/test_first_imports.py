from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.contract.first_imports import circles, modules_of

NAMES = ("pmsbridge", "pmsbridge_sitelink", "pmsbridge_tryton", "pmsbridge_rest")
GOES_ROUND = {
    # Of the package's members only "deep" comes to the package while nothing of it is there.
    "__init__.py": "",
    "deep.py": "from round.inner.facts import FACT\nDEEP = FACT\n",
    "inner/__init__.py": "from round.inner.night import NIGHT\n",
    "inner/facts.py": "FACT = 1\n",
    "inner/night.py": "import round.inner.facts\nfrom round.deep import DEEP\nNIGHT = DEEP\n",
    "late.py": "def look():\n    from round.deep import DEEP\n    return DEEP\n",
    "typed.py": "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from round.deep import DEEP\nelse:\n    DEEP = 2\n",
    "sub.py": "from round.inner import facts, night\n",
}


def folder_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.mark.parametrize("package", NAMES)
def test_every_module_can_be_the_first_that_is_imported(package: str) -> None:
    assert circles(modules_of(folder_of(package))) == {}


def test_a_module_that_comes_back_to_itself_is_found_exactly_where_an_interpreter_fails(tmp_path: Path) -> None:
    for name, text in GOES_ROUND.items():
        path = tmp_path / "round" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    modules = modules_of(tmp_path / "round")

    really = {
        name
        for name in modules
        if subprocess.run(
            [sys.executable, "-IS", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {name}"],
            check=False, capture_output=True,
        ).returncode
    }  # fmt: skip

    assert set(circles(modules)) == really == {"round.deep"}
