from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import changelog, docs, lint

ROOT = Path(__file__).resolve().parents[2]
LINTED_MODULE = "src/pmsbridge/engine/planted.py"
ADAPTER = "adapters/other/pmsbridge_other"
# Spelled in halves: the rules read this file too.
PLANTED: list[tuple[lint.Rule, str, str]] = [
    (lint.module_names_say_what_is_inside, "src/pmsbridge/engine/helpers.py", ""),
    (lint.module_names_say_what_is_inside, "src/pmsbridge/core/__init__.py", ""),
    (lint.module_names_say_what_is_inside, f"{ADAPTER}/_utils.py", ""),
    (lint.nothing_is_left_to_do, "docs/page.md", "We will see. TO" + "DO: write this."),
    (lint.nothing_is_left_to_do, LINTED_MODULE, "x = 1  # FIX" + "ME"),
    (lint.money_never_meets_float, LINTED_MODULE, "def f(x):\n    return float(x)"),
    (lint.money_never_meets_float, f"{ADAPTER}/mapping.py", "RATE = float('1.1')"),
    (lint.money_never_meets_float, "src/pmsbridge/model/planted.py", "RATE = 1.1"),
    (lint.library_code_is_silent, LINTED_MODULE, "def f():\n    print('x')"),
    (lint.library_code_is_silent, f"{ADAPTER}/adapter.py", "print('x')"),
    (lint.nothing_retries_by_decorator, f"{ADAPTER}/adapter.py", "@retry\ndef pay(): ..."),
    (lint.nothing_retries_by_decorator, LINTED_MODULE, "class A:\n    @tenacity.retry(stop=3)\n    def pay(self): ..."),
    (lint.vendor_words_stay_in_their_room, LINTED_MODULE, "def f():\n    return row['dcRent']"),
    (lint.vendor_words_stay_in_their_room, LINTED_MODULE, "call('PaymentSimple')"),
    (lint.vendor_words_stay_in_their_room, LINTED_MODULE, "if row['Ret_Code'] == '1': ..."),
    (lint.adapters_import_only_what_is_theirs, f"{ADAPTER}/adapter.py", "from pmsbridge.engine import deliver"),
    (lint.adapters_import_only_what_is_theirs, f"{ADAPTER}/adapter.py", "from pmsbridge import Bridge"),
    (lint.adapters_import_only_what_is_theirs, f"{ADAPTER}/adapter.py", "import pmsbridge.actions.plan"),
    (lint.adapters_import_only_what_is_theirs, f"{ADAPTER}/adapter.py", "from pmsbridge_sitelink import wire"),
    (lint.adapters_import_only_what_is_theirs, f"{ADAPTER}/adapter.py", "from pmsbridge_other.sandbox import server"),
    (lint.adapters_import_only_what_is_theirs, f"{ADAPTER}/adapter.py", "from .sandbox import server"),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/office.py", "from pmsbridge.model.money import Money"),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/office.py", "from pmsbridge_other.wire import FIELDS"),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/office.py", "from ..wire import FIELDS"),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/office.py", "import lxml.etree"),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/office.py", "import pytest"),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/pytest_plugin.py", "import httpx"),
    (lint.constraints_hold_names_versions_hashes, "constraints.txt", "https://example.test/a.whl"),
    (lint.constraints_hold_names_versions_hashes, "constraints.txt", f"--{'index'}-url x"),
    (lint.constraints_hold_names_versions_hashes, "constraints.txt", "-e ."),
    (lint.constraints_hold_names_versions_hashes, "constraints.txt", "httpx==0.28.1"),
    (lint.no_place_outside_the_repository_is_named, "docs/page.md", "see https://py" + "pi.org/simple"),
    (lint.no_place_outside_the_repository_is_named, "Makefile", "X := /wo" + "rk/main"),
    (lint.no_place_outside_the_repository_is_named, "tools/a.sh", "cd /ro" + "ot/x"),
]
ALLOWED: list[tuple[lint.Rule, str, str]] = [
    (lint.money_never_meets_float, "src/pmsbridge/transport/planted.py", "def f(x):\n    return float(x)"),
    (lint.money_never_meets_float, f"{ADAPTER}/sandbox/office.py", "WAIT = float(body['delay_seconds'])"),
    (lint.library_code_is_silent, "src/pmsbridge/cli/planted.py", "print('x')"),
    (lint.nothing_retries_by_decorator, LINTED_MODULE, "@app.command('retry')\ndef retry(): ..."),
    (lint.vendor_words_stay_in_their_room, f"{ADAPTER}/wire.py", "FIELD = 'dcRent'"),
    (
        lint.vendor_words_stay_in_their_room,
        LINTED_MODULE,
        "class ScheduleMoveOut(Base): '''An effect has that name too.\\n\\nThe end.'''",
    ),
    (
        lint.adapters_import_only_what_is_theirs,
        f"{ADAPTER}/adapter.py",
        "from pmsbridge.actions.effects import TakePayment",
    ),
    (
        lint.adapters_import_only_what_is_theirs,
        f"{ADAPTER}/adapter.py",
        "from pmsbridge_other import wire\nfrom .wire import X",
    ),
    (lint.sandboxes_stand_alone, f"{ADAPTER}/sandbox/pytest_plugin.py", "import pytest"),
    (
        lint.sandboxes_stand_alone,
        f"{ADAPTER}/sandbox/office.py",
        "import json\nfrom .clock import now\nfrom pmsbridge_other.sandbox import x",
    ),
    (lint.no_place_outside_the_repository_is_named, "docs/page.md", "the network/wire path and my-home/work.md"),
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small clean repository."""
    for folder in ("src/pmsbridge/actions", "src/pmsbridge/engine", f"{ADAPTER}/sandbox", f"{ADAPTER}/wsdl", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src/pmsbridge/actions/effects.py").write_text("class ScheduleMoveOut(EffectBody): ...\n")
    operations = "".join(f'<operation name="{name}">' for name in ("PaymentSimple", "ScheduleMoveOut"))
    (tmp_path / ADAPTER / "wsdl" / "contract.wsdl").write_text(operations)
    (tmp_path / "constraints.txt").write_text("a-b==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    return tmp_path


@pytest.mark.parametrize("rule", lint.RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps_every_rule(rule: lint.Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("rule", lint.RULES, ids=lambda rule: rule.__name__)
def test_a_clean_repository_has_no_findings(rule: lint.Rule, repository: Path) -> None:
    assert list(rule(repository)) == []


@pytest.mark.parametrize(("rule", "place", "text"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_fault_is_found(rule: lint.Rule, place: str, text: str, repository: Path) -> None:
    path = repository / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")

    found = list(rule(repository))

    assert found
    assert all(place.split("/", 1)[0] in finding for finding in found)


@pytest.mark.parametrize(("rule", "place", "text"), ALLOWED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_allowed_is_not_found(rule: lint.Rule, place: str, text: str, repository: Path) -> None:
    path = repository / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")

    assert list(rule(repository)) == []


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(lint.RULES)


def test_the_real_lock_file_is_read_whole() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert len([line for line in lines if "==" in line]) > 40


def test_the_changelog_and_its_fragments_are_in_order() -> None:
    assert list(changelog.faults(ROOT)) == []
    assert changelog.fragments(ROOT) or "## " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text"),
    [("Not A Name.added.md", "Text."), ("a.improved.md", "Text."), ("a.added.md", ""), ("a.added.md", "no full stop")],
)
def test_a_bad_fragment_is_found(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "changes").mkdir()
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    (tmp_path / "changes" / name).write_text(text)

    assert list(changelog.faults(tmp_path))


def test_a_release_folds_the_fragments_by_kind_and_removes_them(tmp_path: Path) -> None:
    (tmp_path / "changes").mkdir()
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    (tmp_path / "changes" / "README.md").write_text("stays")
    (tmp_path / "changes" / "b.fixed.md").write_text("A bug\nis gone.\n")
    (tmp_path / "changes" / "a.added.md").write_text("A thing is new.\n")

    changelog.release(tmp_path, "0.2.0", "2027-01-15")

    text = (tmp_path / "CHANGELOG.md").read_text()
    assert text.index("## 0.2.0 (2027-01-15)") < text.index("- A thing is new.") < text.index("- A bug is gone.")
    assert [path.name for path in (tmp_path / "changes").iterdir()] == ["README.md"]


def test_a_stale_generated_part_is_found_and_made_fresh() -> None:
    page = "# x\n<!-- generated: error-tree -->\nstale words\n<!-- end -->\n"

    fresh = docs.fill(page)

    assert "PmsBridgeError" in fresh
    assert "stale words" not in fresh
    assert docs.fill(fresh) == fresh


def test_a_page_cannot_ask_for_what_nobody_generates() -> None:
    with pytest.raises(KeyError):
        docs.fill("<!-- generated: nothing-such -->\n<!-- end -->\n")
