"""Rules of this house that no off-the-shelf linter knows.

Every rule yields sentences "where: what"; none means clean. ``python tools/lint.py`` prints them all and fails on any.
The suite proves each rule on a planted fault.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeGuard

ROOT: Final = Path(__file__).resolve().parent.parent
Rule = Callable[[Path], Iterator[str]]

_BANNED_MODULES: Final = frozenset({"utils", "helpers", "common", "misc", "base", "manager", "core", "types"})
# Spelled in halves, so that this file obeys its own rules.
_UNFINISHED: Final = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
_FOREIGN_PLACES: Final = tuple(
    "".join(parts)
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("/opt/py", "pi"),
        ("/opt/", "wheels"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
    )
)
_TEXT: Final = frozenset({".py", ".md", ".toml", ".txt", ".sh", ".yml", ".yaml", ".json", ".cfg", ""})
_OURS: Final = (
    "src", "adapters", "tests", "tools", "benchmarks", "examples", "docs", "changes", "schemas", ".ci",
    "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", "constraints.txt",
)  # fmt: skip
_MONEY_ROOMS: Final = ("model", "actions", "ports", "store", "engine", "portal", "accounts")
_FLOAT_LITERAL_ROOMS: Final = ("model", "actions")
# Waiting times and chance|closed_fors are no money.
_NO_MONEY: Final = re.compile(r"second|timeout|delay|probability|chance|closed_for", re.IGNORECASE)
_ADAPTER_MAY_IMPORT: Final = (
    "pmsbridge.ports", "pmsbridge.actions.effects", "pmsbridge.model", "pmsbridge.errors", "pmsbridge.transport",
    "pmsbridge.logging",
)  # fmt: skip
_SANDBOX_ALSO: Final = {
    "pytest_plugin.py": frozenset({"pytest"}),
    "mapping_file.py": frozenset({"yaml"}),
    "seed.py": frozenset({"proteus"}),
}
_VENDOR_FIELD: Final = re.compile(r"(?<!\\)\b(?:dc|[bdins])[A-Z][a-z]+[A-Za-z]*\b|\bRet_(?:Code|Msg)\b")
_OPERATION: Final = re.compile(r"<(?:\w+:)?operation\s+name=\"([A-Za-z0-9_]+)\"")
_CONSTRAINT: Final = re.compile(
    r"^[a-z0-9.-]+(\[[a-z0-9,-]+\])?==[A-Za-z0-9.!+]+( ; [^\\:]+)? \\$|^ {4}--hash=sha256:[0-9a-f]{64}( \\)?$"
)


def _python(folder: Path, *, word: str = "") -> Iterator[tuple[Path, ast.Module]]:
    """The modules below a folder, parsed; those that do not hold the word a rule is about are left out."""
    for path in sorted(folder.rglob("*.py")):
        if "__pycache__" not in path.parts and word in (text := path.read_text(encoding="utf-8")):
            yield path, ast.parse(text, str(path))


def _texts(root: Path) -> Iterator[tuple[Path, str]]:
    for name in _OURS:
        top = root / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and path.suffix in _TEXT and "__pycache__" not in path.parts:
                yield path, path.read_text(encoding="utf-8")


def _product(root: Path) -> Iterator[Path]:
    yield root / "src"
    yield root / "adapters"


def _at(root: Path, path: Path, line: int | None = None) -> str:
    where = path.relative_to(root).as_posix()
    return where if line is None else f"{where}:{line}"


def _imported(path: Path, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Absolute names of what a module of an adapter imports, and the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = ".".join(part for part in (_package(path, node.level), node.module or "") if part)
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def _package(path: Path, level: int) -> str:
    """The package that so many leading dots mean in a module below ``adapters/<vendor>/``; empty for none."""
    if not level:
        return ""
    parts = path.parts[len(path.parts) - path.parts[::-1].index("adapters") + 1 : -1]
    return ".".join(parts[: len(parts) - level + 1])


def _calls(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def module_names_say_what_is_inside(root: Path) -> Iterator[str]:
    """No module or package has a name that fits everything."""
    for folder in _product(root):
        for path in sorted(folder.rglob("*")):
            if (path.suffix == ".py" or path.is_dir()) and path.stem.strip("_") in _BANNED_MODULES:
                yield f"{_at(root, path)}: name the module for what it holds"


def nothing_is_left_to_do(root: Path) -> Iterator[str]:
    """No reminder of unfinished work in any file."""
    for path, text in _texts(root):
        lines = text.splitlines() if _UNFINISHED.search(text) else []
        for number, line in enumerate(lines, 1):
            if found := _UNFINISHED.search(line):
                yield f"{_at(root, path, number)}: {found[0]} means unfinished; finish it or say it in the docs"


def money_never_meets_float(root: Path) -> Iterator[str]:
    """No call of ``float`` where money passes, and no float literal in the model and the actions."""
    rooms = [root / "src/pmsbridge" / room for room in _MONEY_ROOMS] + [root / "adapters"]
    for room in rooms:
        for path, tree in _python(room, word="float"):
            for node in ast.walk(tree):
                if _calls(node, "float") and not _NO_MONEY.search(ast.unparse(node)):
                    yield f"{_at(root, path, node.lineno)}: float() where money passes"
    for name in _FLOAT_LITERAL_ROOMS:
        for path, tree in _python(root / "src/pmsbridge" / name):
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, float):
                    yield f"{_at(root, path, node.lineno)}: a float literal; write a Decimal from text"


def library_code_is_silent(root: Path) -> Iterator[str]:
    """No ``print`` outside the command line."""
    for folder in _product(root):
        for path, tree in _python(folder, word="print"):
            if path.is_relative_to(root / "src/pmsbridge/cli"):
                continue
            for node in ast.walk(tree):
                if _calls(node, "print"):
                    yield f"{_at(root, path, node.lineno)}: print() in library code"


def nothing_retries_by_decorator(root: Path) -> Iterator[str]:
    """No function is wrapped in a retry: a read asks transport.retry, a write is never repeated blindly."""
    for folder in _product(root):
        for path, tree in _python(folder, word="retry"):
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    for mark in node.decorator_list:
                        name = ast.unparse(mark.func if isinstance(mark, ast.Call) else mark)
                        if name.split(".")[-1] == "retry":
                            yield f"{_at(root, path, node.lineno)}: {node.name} is retried by a decorator"


def vendor_words_stay_in_their_room(root: Path) -> Iterator[str]:
    """No operation or field name of a back office outside its adapter."""
    operations = {
        name
        for wsdl in sorted((root / "adapters").rglob("*.wsdl"))
        for name in _OPERATION.findall(wsdl.read_text("utf-8"))
    }
    for path in sorted((root / "src").rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = set(re.findall(r"\w+", line)) & operations | set(_VENDOR_FIELD.findall(line))
            for word in sorted(words):
                if not _is_ours(root, word):
                    yield f"{_at(root, path, number)}: {word} is a back office's word"


def _is_ours(root: Path, word: str) -> bool:
    """A vendor may call an operation as we call an effect; then the word is ours too."""
    effects = (root / "src/pmsbridge/actions/effects.py").read_text(encoding="utf-8")
    return f"class {word}(" in effects


def adapters_import_only_what_is_theirs(root: Path) -> Iterator[str]:
    """An adapter sees ports, effects, model, errors, transport and logging; never a sandbox, never another adapter.

    Its room for tests puts it and its sandbox together.
    """
    for package in sorted((root / "adapters").glob("*/pmsbridge_*")):
        for path, tree in _python(package):
            if path.is_relative_to(package / "sandbox") or path.is_relative_to(package / "testing"):
                continue
            for name, line in _imported(path, tree):
                if name.split(".")[0] == "pmsbridge" and not name.startswith(_ADAPTER_MAY_IMPORT):
                    yield f"{_at(root, path, line)}: an adapter may not import {name}"
                if name.startswith("pmsbridge_") and not name.startswith(f"{package.name}."):
                    yield f"{_at(root, path, line)}: an adapter may not import another adapter ({name})"
                if name.startswith(f"{package.name}.sandbox"):
                    yield f"{_at(root, path, line)}: an adapter may not know the sandbox that judges it"


def sandboxes_stand_alone(root: Path) -> Iterator[str]:
    """A sandbox imports the standard library and itself, nothing of the library or the adapter that it judges.

    Its fixtures import pytest, which alone loads them; what reads mapping files imports a reader of YAML; a seed
    runs in the environment of the server that it fills.
    """
    for sandbox in sorted((root / "adapters").glob("*/pmsbridge_*/sandbox")):
        own = f"{sandbox.parent.name}.sandbox"
        for path, tree in _python(sandbox):
            allowed = sys.stdlib_module_names | _SANDBOX_ALSO.get(path.name, frozenset())
            for name, line in _imported(path, tree):
                if name.split(".")[0] not in allowed and not f"{name}.".startswith(f"{own}."):
                    yield f"{_at(root, path, line)}: a sandbox may not import {name}"


def constraints_hold_names_versions_hashes(root: Path) -> Iterator[str]:
    """The lock file says what to install, never where from."""
    path = root / "constraints.txt"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if "://" in line or not _CONSTRAINT.match(line):
            yield f"{_at(root, path, number)}: a constraint is a name, a version, a marker or a hash"


def no_place_outside_the_repository_is_named(root: Path) -> Iterator[str]:
    """No registry host and no path of somebody's machine."""
    for path, text in _texts(root):
        named = [place for place in _FOREIGN_PLACES if place in text]
        for number, line in enumerate(text.splitlines() if named else [], 1):
            for place in named:
                if re.search(rf"(?<![\w.-]){re.escape(place)}", line):
                    yield f"{_at(root, path, number)}: names {place}"


RULES: Final[tuple[Rule, ...]] = (
    module_names_say_what_is_inside,
    nothing_is_left_to_do,
    money_never_meets_float,
    library_code_is_silent,
    nothing_retries_by_decorator,
    vendor_words_stay_in_their_room,
    adapters_import_only_what_is_theirs,
    sandboxes_stand_alone,
    constraints_hold_names_versions_hashes,
    no_place_outside_the_repository_is_named,
)


def main() -> int:
    """Print every finding; 1 when there is one."""
    found = [finding for rule in RULES for finding in rule(ROOT)]
    for finding in found:
        print(finding)
    print(f"house rules: {len(RULES)} checked, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
