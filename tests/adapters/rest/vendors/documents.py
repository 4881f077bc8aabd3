"""The vendors' own documents, where a machine has them: they are not ours to ship."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[4]
_BESIDE = _ROOT.parent / "shared" / "reference" / "rest" / "openapi"
VARIABLE = "PMSBRIDGE_VENDOR_DOCUMENTS"
_NAMED = os.environ.get(VARIABLE)  # no test sees settings of the machine it runs on


NOT_RUN = "the vendor's document"
"""How every reason begins."""


def missing(name: str) -> str:
    """What is missing, where a vendor's document is not on this machine, and how to give it; empty where it is.

    Raises:
        ValueError: The folder that is named is none: a mistake, and no machine without the documents.
    """
    if _NAMED and not Path(_NAMED).is_dir():
        message = f"{VARIABLE}={_NAMED}: there is no such folder"
        raise ValueError(message)
    if (Path(_NAMED or _BESIDE) / name).is_file():
        return ""
    where = Path(_NAMED or _BESIDE)
    return f"{NOT_RUN} {name} is not in {where}; name the folder that has it: {VARIABLE}=FOLDER make test"


def told(reasons: Iterable[str]) -> str:
    """One line for the end of a run, of the reasons for which its tests were skipped; empty where none is of these."""
    names = [reason.partition(f"{NOT_RUN} ")[2].partition(" ")[0] for reason in reasons if NOT_RUN in reason]
    if not names:
        return ""
    listed = ", ".join(sorted(set(names)))
    return f"NOT RUN: {len(names)} tests against documents of vendors ({listed}): {VARIABLE}=FOLDER make test runs them"


def document(name: str) -> Path:
    """A vendor's document; skips the test, and says what is missing, where it is not."""
    if what := missing(name):
        pytest.skip(what)
    return Path(_NAMED or _BESIDE) / name


@cache
def _parsed(path: Path) -> Any:
    if path.suffix == ".json":
        return json.loads(path.read_bytes())
    import yaml

    return yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def parsed(name: str) -> Any:
    """The same, read."""
    return _parsed(document(name))


def examples(name: str) -> list[dict[str, Any]]:
    """The vendor's published examples; what is no JSON as published is repaired where that is plain."""
    return [_repaired(each) for each in parsed(name)["operations"]]


_ID = re.compile(r"[0-9]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""A number or a UUID: what an example's path holds where one of ours has an id. A hyphen alone is in verbs, too."""


def is_example_of(path: str, example: str) -> bool:
    """Whether an example was published for a path: word by word the same, but for the example's own ids.

    Args:
        path: The whole path of a request of ours, from the host on.
        example: The example's.
    """
    ours, theirs = path.split("/"), example.split("/")
    return len(ours) == len(theirs) and all(
        one == other or _ID.fullmatch(other) for one, other in zip(ours, theirs, strict=True)
    )


def _repaired(example: dict[str, Any]) -> dict[str, Any]:
    path = str(example.get("path") or example["url"]).split("?")[0]
    found = {"method": example["method"], "path": path}
    for side in ("request", "response"):
        if side in example:
            found[side] = example[side]
        elif f"{side}_raw" in example:
            found[side] = repaired(str(example[f"{side}_raw"]))
    return found


_ALTERNATIVES = re.compile(r'("[A-Z_]+")(?:\s*\|\s*"[A-Z_]+")+')
_NO_COMMA = re.compile(r'(["\d}\]]|true|false|null)(\s*\n\s*)(?=")')
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"])//[^\n]*", re.DOTALL)
_TRAILING = re.compile(r",(\s*[}\]])")


def repaired(text: str) -> Any:
    """The first of several alternatives, commas where they were forgotten; None for what is no JSON even so."""
    text = _COMMENT.sub("", text).replace("[ ... ]", "[]")
    text = _NO_COMMA.sub(r"\1,\2", _ALTERNATIVES.sub(r"\1", text))
    try:
        return json.loads(_TRAILING.sub(r"\1", text))
    except ValueError:
        return None
