"""What happens when a module is the first one of its package that an interpreter imports, worked out from the source.

To start an interpreter for each of hundreds of modules takes minutes. What an import does while modules import each
other is decided by the order of a module's own lines: which names are bound, which modules are begun, which are over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Step(NamedTuple):
    """What one line does.

    Attributes:
        loads: The module it imports; empty for a line that only binds names.
        takes: Names that it takes from that module, which has to have them by then.
        binds: Names that the module itself has afterwards.
    """

    loads: str = ""
    takes: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()


def modules_of(folder: Path) -> dict[str, tuple[Step, ...]]:
    """By name, the steps of every module of a package."""
    found: dict[str, tuple[Step, ...]] = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = tuple(_steps(ast.parse(path.read_text(encoding="utf-8")).body, parts[:-1]))
    return found


def _steps(lines: Iterable[ast.stmt], package: tuple[str, ...]) -> Iterator[Step]:
    for line in lines:
        match line:
            case ast.Import():
                for each in line.names:
                    yield Step(each.name, binds=(each.asname or each.name.partition(".")[0],))
            case ast.ImportFrom():
                above = package[: len(package) + 1 - line.level] if line.level else ()
                source = ".".join((*above, *filter(None, (line.module,))))
                taken = tuple(each.name for each in line.names)
                yield Step(source, taken, tuple(each.asname or each.name for each in line.names))
            case ast.If() if _is_for_types_only(line.test):
                yield from _steps(line.orelse, package)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield Step(binds=(line.name,))
            case _:
                yield Step(binds=tuple(_assigned(line)))
                for block in ("body", "handlers", "orelse", "finalbody"):
                    inner = getattr(line, block, ())
                    parts = inner if block != "handlers" else (part for each in inner for part in each.body)
                    yield from _steps(parts, package)


def _is_for_types_only(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _assigned(line: ast.stmt) -> Iterator[str]:
    targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
    for target in targets:
        for node in ast.walk(target) if target is not None else ():
            if isinstance(node, ast.Name):
                yield node.id


class CircularError(Exception):
    """A module is asked for a name before it has come to the line that makes it."""


@dataclass
class Interpreter:
    """One that has imported nothing yet.

    Attributes:
        bound: By module that was begun, the names that it has so far; None once it is over.
    """

    modules: Mapping[str, tuple[Step, ...]]
    bound: dict[str, set[str] | None] = field(default_factory=dict)

    def load(self, name: str) -> None:
        """Import a module: its packages before it.

        Raises:
            CircularError: It cannot be.
        """
        package = name.rpartition(".")[0]
        if package:
            self.load(package)
        if name in self.bound or name not in self.modules:
            return  # begun already, or another package's
        names: set[str] = {"__name__", "__doc__", "__file__"}
        self.bound[name] = names
        for step in self.modules[name]:
            if step.loads:
                self.load(step.loads)
                self._take(step, name)
            names.update(step.binds)
        self.bound[name] = None

    def _take(self, step: Step, by: str) -> None:
        names = self.bound.get(step.loads)
        if names is None:
            for each in step.takes:
                self.load(f"{step.loads}.{each}")
            return
        for each in step.takes:
            if each in names or "__getattr__" in names:
                continue
            if f"{step.loads}.{each}" not in self.modules:
                message = f"{by} wants {each} of {step.loads}, which has not made it yet"
                raise CircularError(message)
            self.load(f"{step.loads}.{each}")


def circles(modules: Mapping[str, tuple[Step, ...]]) -> dict[str, str]:
    """The modules that cannot be imported first, and why."""
    found: dict[str, str] = {}
    for name in modules:
        try:
            Interpreter(modules).load(name)
        except CircularError as circle:
            found[name] = str(circle)
    return found
