"""Mapping files as the sandbox reads them: plain tables, with a reader of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

_CODECS: Final[dict[str, dict[str, Any]]] = {
    "text": {"kind": "text"},
    "integer": {"kind": "integer"},
    "decimal": {"kind": "decimal"},
    "boolean": {"kind": "boolean"},
    "cents": {"kind": "money", "spelt": "cents"},
    "amount_text": {"kind": "money", "spelt": "text"},
    "amount_number": {"kind": "money", "spelt": "number"},
    "date": {"kind": "date"},
    "month": {"kind": "month"},
    "last_digits": {"kind": "last_digits"},
    "instant": {"kind": "instant"},
    "epoch": {"kind": "instant", "spelt": "epoch"},
    "phone": {"kind": "phone"},
    "phone_digits": {"kind": "phone", "spelt": "digits"},
    "words": {"kind": "words"},
}
METHODS: Final = ("get", "post", "put", "patch", "delete")


class CannotPlayError(ValueError):
    """A mapping says something that this sandbox cannot play; the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One mapping, and what is said beside it about the back office.

    Attributes:
        mapping: The mapping's tables as they are written.
        office: The tables of the file beside it; empty when there is none.
        path: Where the mapping is.
    """

    mapping: Mapping[str, Any]
    office: Mapping[str, Any]
    path: Path

    def part(self, *keys: str) -> dict[str, Any]:
        """A table inside the mapping; an empty one where it is not written."""
        here: Any = self.mapping
        for key in keys:
            here = here.get(key) if isinstance(here, Mapping) else None
        return dict(here) if isinstance(here, Mapping) else {}

    def beside(self, key: str) -> dict[str, Any]:
        """A table of the file beside the mapping; an empty one where it is not written."""
        found = self.office.get(key)
        return dict(found) if isinstance(found, Mapping) else {}

    def cannot_play(self, what: str, *keys: str | int) -> CannotPlayError:
        """The refusal of what stands at some keys, with its line: ``vendor.yaml:57: actions.take_payment: what``."""
        return CannotPlayError(self.said(what, *keys))

    def said(self, what: str, *keys: str | int) -> str:
        """A sentence about what stands at some keys, with the line."""
        return f"{self.path.name}:{line_of(self.path, keys)}: {'.'.join(map(str, keys))}: {what}"

    def codec(self, name: str | None) -> dict[str, Any] | None:
        """A codec by its name; None for none.

        Raises:
            CannotPlayError: There is no such codec.
        """
        if name is None:
            return None
        found = self.part("codecs").get(name, _CODECS.get(name))
        if not isinstance(found, Mapping):
            message = f"{self.path.name}: there is no codec {name!r}"
            raise CannotPlayError(message)
        return dict(found)


def load_sheet(path: Path | str, *, office: Path | str | None = None) -> Sheet:
    """Read a mapping, and what lies beside it: ``vendor.office.yaml`` beside ``vendor.yaml``.

    Args:
        path: The mapping.
        office: The other file, where it lies elsewhere; it must be there then.

    Raises:
        CannotPlayError: A file cannot be read, or is no table.
    """
    file = Path(path)
    beside = Path(office) if office is not None else file.with_suffix(".office.yaml")
    there = office is not None or beside.is_file()
    return Sheet(_tables(file), _tables(beside) if there else {}, file)


def _tables(path: Path) -> dict[str, Any]:
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise CannotPlayError(message) from None


@lru_cache(maxsize=64)
def _read(path: Path, changed_at: int) -> dict[str, Any]:
    """Read once, until it changes. Nobody writes into what is read."""
    del changed_at
    problem = "is no table"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        found, problem = None, "is no YAML"
    if not isinstance(found, dict):
        message = f"{path}: {problem}"
        raise CannotPlayError(message)
    return found


def line_of(path: Path, keys: Sequence[str | int]) -> int:
    """The line, from 1, of what stands at some keys of a file, or of what holds it where there is no such key."""
    try:
        here = _nodes(path, path.stat().st_mtime_ns)
    except (OSError, yaml.YAMLError):
        return 1
    line = 1
    for key in keys:
        found = _child(here, key)
        if found is None:
            break
        named, here = found
        line = int(named.start_mark.line) + 1
    return line


def _child(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """What names an entry of a node, and the entry; of a list the entry itself is both."""
    if isinstance(node, yaml.MappingNode):
        return next(((name, value) for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    return None


@lru_cache(maxsize=16)
def _nodes(path: Path, changed_at: int) -> yaml.Node | None:
    del changed_at
    return yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)


def method_and_path(call: Mapping[str, Any]) -> tuple[str, str]:
    """How and where a call goes, ``("GET", "/leases/{read.id}")``.

    Raises:
        CannotPlayError: It has no method.
    """
    for name in METHODS:
        if isinstance(call.get(name), str):
            return name.upper(), call[name]
    message = f"a call has no method: {sorted(call)}"
    raise CannotPlayError(message)
