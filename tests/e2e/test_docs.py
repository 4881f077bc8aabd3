from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from pmsbridge import Bridge, Outcome, WebPassword
from pmsbridge.cli.demo.sink import mail_sink
from pmsbridge.cli.init import write_sandbox_settings
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.slow

RUN = re.compile(
    r"^```(?P<language>python|console|sh|bash|pycon|yaml(?=\n# file: ))\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
ANY_BLOCK = re.compile(r"^```(?P<language>\S*)\n.*?^```$", re.MULTILINE | re.DOTALL)
ILLUSTRATIONS = {"text", "toml", "json", "xml", "yaml"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PORTALS = ROOT / "docs" / "portals"  # run head by head in tests/e2e/portals, which judge the books in between
WRITTEN_URL = "http://127.0.0.1:8790"
WRITTEN_ACTION = "act_1f0c..."
LONGEST_LINE = 160
# Runs the blocks it gets, in order: Python ones in one namespace, as on one reader's screen. A block that begins with
# "# file: NAME" is saved under that name instead. Our own commands run here, which spares a start each.
READER = """
import json, shlex, subprocess, sys
from pathlib import Path
from pmsbridge.cli.running import run
blocks = json.load(sys.stdin)
here = {"__name__": "__page__"}
for number, (language, code) in enumerate(blocks, 1):
    print(f"-- block {number}", flush=True)
    if code.startswith("# file: "):
        Path(code.split()[2]).write_text(code, encoding="utf-8")
    elif language == "python":
        exec(compile(code, f"<block {number}>", "exec"), here)
    else:
        for line in code.splitlines():
            words = shlex.split(line)
            if words[:1] == ["pmsbridge"]:
                assert run(words[1:]) == 0, line
            else:
                subprocess.run(["bash", "-euo", "pipefail", "-c", line], check=True, stdin=subprocess.DEVNULL)
"""


@dataclass(frozen=True)
class Place:
    """Where a reader sits.

    Attributes:
        office: The back office of the page.
        action_id: An action that waits for a person.
    """

    folder: Path
    office: SandboxControl
    action_id: str


@contextmanager
def prepared(page: str, folder: Path, office: SandboxControl) -> Iterator[Place]:
    """What a page says one needs: a sandbox as on its first day, a mail server, settings with a quick settle window."""
    with mail_sink() as sink:
        office.reset()
        office.settings(payment_delay=0)
        action_id = ""
        if not any("pmsbridge init" in m["code"] for m in RUN.finditer(page)):
            mail = f'host = "127.0.0.1"\nport = {sink.port}\nsender = "portal@example.com"\n'
            write_sandbox_settings(
                folder / "pmsbridge.toml", "sitelink", office.base_url, mail=mail, engine='settle_window = "1s"\n'
            )
            action_id = waiting_for_a_person(folder, office) if WRITTEN_ACTION in page else ""
        yield Place(folder, office, action_id)


def waiting_for_a_person(folder: Path, office: SandboxControl) -> str:
    """An action whose answer was lost, and that no read can show."""
    with Bridge.from_config(folder / "pmsbridge.toml", wait=timedelta(seconds=5)) as bridge:
        office.inject("TenantLoginAndSecurityUpdate", "drop_before")
        session = bridge.tenant("L001", "1005")
        view = session.change_password("firm@example.com", WebPassword("abcd1"), key="page-click-0001")
        assert view.outcome is Outcome.NEEDS_REVIEW
        return view.action_id


def adapted(language: str, code: str, place: Place) -> str:
    """A block with what a reader would fill in: address, action id; and without what runs this very test."""
    code = code.replace(WRITTEN_URL, place.office.base_url).replace(WRITTEN_ACTION, place.action_id)
    if language in {"python", "yaml"}:
        return code
    return "\n".join(adapted_line(line, place) for line in code.splitlines())


def adapted_line(line: str, place: Place) -> str:
    words = line.partition(" #")[0].replace(".venv/bin/", "").strip()
    if words.startswith("git clone"):
        return ":"
    if words.startswith("make "):
        target = words.split()[1]
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target
        return ":"
    if words.startswith("pmsbridge sandbox"):
        return ":"  # one is running already
    if words.startswith("pmsbridge init --sandbox"):
        return f"{words} --url {place.office.base_url}"
    return words


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if RUN.search(p.read_text(encoding="utf-8")) and p.parent != PORTALS],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_every_block_of_a_page_runs_in_order(page: Path, tmp_path: Path, office: SandboxControl) -> None:
    text = page.read_text(encoding="utf-8")
    with prepared(text, tmp_path, office) as place:
        blocks = [(m["language"], adapted(m["language"], m["code"], place)) for m in RUN.finditer(text)]
        ended = subprocess.run(
            [sys.executable, "-c", READER], cwd=tmp_path, input=json.dumps(blocks),
            capture_output=True, text=True, timeout=60, check=False, env=environment(),
        )  # fmt: skip
        books, doubled = place.office.journal(), doubles(place.office)

    if os.environ.get("SHOW_PAGES"):
        print(ended.stdout)
    assert ended.returncode == 0, f"{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}"
    assert ended.stdout.count("-- block ") == len(blocks) > 0
    assert "Traceback" not in ended.stderr
    assert books["total"] in {"0", "0.00", "0.0000"}
    assert doubled == []


def doubles(office: SandboxControl) -> list[tuple[str, str]]:
    """Rental and reference of payments that a page made twice, by the back office's own books; pages write "pi_..."."""
    rentals = office.state("L001")["sites"]["L001"]["ledgers"].items()
    references = [(number, str(p["reference"])) for number, row in rentals for p in row["payments"]]
    return [pair for pair, times in Counter(references).items() if times > 1 and pair[1].startswith("pi_")]


def environment() -> dict[str, str]:
    """The reader's: our commands are found, nothing is set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PMSBRIDGE_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}", "COLUMNS": "120"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_is_not_run_is_marked_as_an_illustration(page: Path) -> None:
    languages = {m["language"] for m in ANY_BLOCK.finditer(page.read_text(encoding="utf-8"))}

    assert languages <= ILLUSTRATIONS | {"python", "console", "sh"}


def test_every_portal_that_is_built_by_a_page_is_told_by_a_test() -> None:
    pages = {page.stem for page in PORTALS.glob("*.md")}
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/e2e/portals").glob("test_*.py")]

    assert len(pages) == len(tests) == 5
    assert {page for page in pages if not any(re.search(rf'told\(\s*"{page}"', text) for text in tests)} == set()


OURS = ["portal.md", "delivery.md", "security.md", "sandbox.md", "adapters/sitelink.md", "bad-input.md"]
OURS += ["adapters/rest.md", "adapters/write-a-mapping.md"]
OURS += [f"adapters/{name}.md" for name in ("buildium", "cubby", "storedge", "booqable")]
OURS += [f"portals/{page.name}" for page in sorted(PORTALS.glob("*.md"))]


@pytest.mark.parametrize("name", OURS)
def test_no_line_of_a_guide_is_too_long(name: str) -> None:
    lines = (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if len(line) > LONGEST_LINE] == []


def test_a_block_that_fails_fails_its_page(tmp_path: Path, office: SandboxControl) -> None:
    with prepared("", tmp_path, office):
        for language, code in (("python", "assert 1 == 2"), ("sh", "pmsbridge actions show act_none")):
            ended = subprocess.run(
                [sys.executable, "-c", READER], cwd=tmp_path, input=json.dumps([(language, code)]),
                capture_output=True, text=True, timeout=60, check=False, env=environment(),
            )  # fmt: skip
            assert ended.returncode != 0
