"""News fragments: one file per change in ``changes/``, folded into CHANGELOG.md at a release.

A fragment is ``changes/<words-with-dashes>.<kind>.md`` and holds one or two sentences that a portal developer
understands.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
KINDS: Final = ("added", "changed", "fixed", "removed", "security")
_NAME: Final = re.compile(rf"^[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md$")
_MARK: Final = "<!-- releases -->"
_LONGEST_CHARS: Final = 600


def fragments(root: Path) -> list[Path]:
    """Every fragment, by name."""
    return sorted(path for path in (root / "changes").glob("*") if path.name != "README.md")


def faults(root: Path) -> Iterator[str]:
    """What is wrong with a fragment or with the changelog."""
    for path in fragments(root):
        text = path.read_text(encoding="utf-8").strip()
        if not _NAME.match(path.name):
            yield f"changes/{path.name}: name it <words-with-dashes>.<{'|'.join(KINDS)}>.md"
        if not text or len(text) > _LONGEST_CHARS or not text.endswith("."):
            yield f"changes/{path.name}: one to {_LONGEST_CHARS} characters, whole sentences"
    if _MARK not in (root / "CHANGELOG.md").read_text(encoding="utf-8"):
        yield f"CHANGELOG.md: the line {_MARK} is missing; releases are put below it"


def section(root: Path, version: str, day: str) -> str:
    """The fragments as one section of the changelog."""
    lines = [f"## {version} ({day})", ""]
    for kind in KINDS:
        found = [path for path in fragments(root) if path.name.endswith(f".{kind}.md")]
        if found:
            lines += [f"### {kind.capitalize()}", ""]
            lines += ["- " + " ".join(path.read_text(encoding="utf-8").split()) for path in found]
            lines.append("")
    return "\n".join(lines)


def release(root: Path, version: str, day: str) -> None:
    """Fold the fragments into the changelog and remove them."""
    log = root / "CHANGELOG.md"
    text = log.read_text(encoding="utf-8")
    log.write_text(text.replace(_MARK, f"{_MARK}\n\n{section(root, version, day).rstrip()}", 1), encoding="utf-8")
    for path in fragments(root):
        path.unlink()


def main() -> int:
    """Check, or release a version; returns the exit code."""
    parser = argparse.ArgumentParser(description="news fragments")
    parser.add_argument("--check", action="store_true", help="fail on a bad fragment")
    parser.add_argument(
        "--release", nargs=2, metavar=("VERSION", "YYYY-MM-DD"), help="fold fragments into CHANGELOG.md"
    )
    given = parser.parse_args()
    found = list(faults(ROOT))
    for fault in found:
        print(fault)
    if found:
        return 1
    if given.release:
        release(ROOT, *given.release)
    return 0


if __name__ == "__main__":
    sys.exit(main())
