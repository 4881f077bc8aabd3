"""YAML, strictly: plain data with the place of every key and value, and none of the language's traps.

YAML readers disagree about what ``no``, ``012``, ``12:30`` and ``1.10`` are, and aliases can unfold to gigabytes. A
mapping is read by several programs, so what they disagree about is refused, with the line and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["Mark", "Tree", "Trouble", "read_tree"]

_LARGEST_BYTES: Final = 1_000_000
_DEEPEST: Final = 40
_MOST_NODES: Final = 50_000
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_BOOLEANS: Final = re.compile(r"y|n|yes|no|on|off|true|false", re.IGNORECASE)
_LOOKS_LIKE_A_NUMBER: Final = re.compile(r"[-+]?(\.?[0-9][0-9_.,:eExXoOa-fA-F+-]*|\.(inf|nan))", re.IGNORECASE)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Trouble(Exception):  # noqa: N818 - it never leaves this room
    """What is wrong with the YAML itself, and where.

    Attributes:
        what: The problem and the remedy, without the text that is there.
    """

    mark: Mark
    what: str


@dataclass(slots=True)
class Tree:
    """A file as plain data, and where each part of it stands.

    Attributes:
        data: Tables, lists, texts, whole numbers, true, false and null.
        keys: By path, where the key stands; a list's entries have no key.
        values: By path, where the value stands.
    """

    data: Any = None
    keys: dict[tuple[str | int, ...], Mark] = field(default_factory=dict)
    values: dict[tuple[str | int, ...], Mark] = field(default_factory=dict)


def read_tree(content: bytes) -> tuple[Tree, list[Trouble]]:
    """Read a file. The troubles are all that could be found; with any, the data is what could be understood."""
    troubles: list[Trouble] = []
    tree = Tree()
    try:
        text = _decoded(content)
        node = _composed(text)
    except Trouble as trouble:
        return tree, [trouble]
    except yaml.MarkedYAMLError as error:
        return tree, [Trouble(_mark(error.problem_mark or error.context_mark), f"not YAML: {_own_words(error)}")]
    except yaml.YAMLError:
        return tree, [Trouble(Mark(1, 1), "not YAML: a character that may not stand in it")]
    if node is None:
        return tree, [Trouble(Mark(1, 1), "the file is empty; it begins with pmsmap: 1")]
    tree.data = _plain(node, (), tree, troubles)
    return tree, troubles


def _decoded(content: bytes) -> str:
    if len(content) > _LARGEST_BYTES:
        raise Trouble(Mark(1, 1), f"larger than {_LARGEST_BYTES:,} bytes; a mapping is a page or two")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
    raise Trouble(Mark(line, column), "not UTF-8 text; save the file as UTF-8")


def _own_words(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, in words that hold nothing of the file."""
    problem = error.problem or "it cannot be parsed"
    if "'\\t'" in problem:
        return "a tab; indent with blanks"
    if "found another document" in problem:
        return "a second document; a mapping is one, so take out the ---"
    if "mapping values are not allowed" in problem:
        return "a colon where no key can stand; put the text in quotes"
    return re.sub(r"'[^']*'|\"[^\"]*\"", "...", problem)


def _mark(mark: Any) -> Mark:  # noqa: ANN401 - the library's own, or None
    return Mark(1, 1) if mark is None else Mark(mark.line + 1, mark.column + 1)


class _Strict(yaml.SafeLoader):
    """Refuses what must be refused before the tree is built: depth, size, aliases, tags."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # noqa: ANN401 - the library's own
        """One node, looked at before anything below it is."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        here = _mark(event.start_mark)
        self._nodes += 1
        if self._depth > _DEEPEST or self._nodes > _MOST_NODES:
            raise Trouble(here, f"deeper than {_DEEPEST} levels, or more than {_MOST_NODES:,} values")
        if isinstance(event, AliasEvent) or event.anchor:
            raise Trouble(here, "anchors (&) and aliases (*) are not read; name a codec or a pagination instead")
        if event.tag:
            raise Trouble(here, "tags (!) are not read; write plain values")
        self._depth += 1
        try:
            node: Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        return node


def _composed(text: str) -> Node | None:
    loader = _Strict(text)
    try:
        node: Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


def _plain(node: Node, path: tuple[str | int, ...], tree: Tree, troubles: list[Trouble]) -> Any:  # noqa: ANN401
    tree.values[path] = _mark(node.start_mark)
    if isinstance(node, MappingNode):
        return {key: _plain(value, (*path, key), tree, troubles) for key, value in _pairs(node, path, tree, troubles)}
    if isinstance(node, SequenceNode):
        return [_plain(each, (*path, number), tree, troubles) for number, each in enumerate(node.value)]
    try:
        return _scalar(node)
    except Trouble as trouble:
        troubles.append(trouble)
        return node.value


def _pairs(
    node: MappingNode, path: tuple[str | int, ...], tree: Tree, troubles: list[Trouble]
) -> Iterator[tuple[str, Node]]:
    seen: dict[str, Mark] = {}
    for key, value in node.value:
        here = _mark(key.start_mark)
        trouble = _key_trouble(key)
        if trouble is None and key.value in seen:
            trouble = Trouble(here, f"the same key stands in line {seen[key.value].line} already; keep one")
        if trouble is not None:
            troubles.append(trouble)
            continue
        seen[key.value] = tree.keys[*path, key.value] = here
        yield key.value, value


def _key_trouble(key: Node) -> Trouble | None:
    if not isinstance(key, ScalarNode):
        return Trouble(_mark(key.start_mark), "a table or a list as a key; a key is text")
    if key.value == "<<" and key.style is None:
        return Trouble(_mark(key.start_mark), "<< is not read; write the keys out")
    try:
        value = _scalar(key)
    except Trouble as trouble:
        return trouble
    return None if isinstance(value, str) else Trouble(_mark(key.start_mark), "a key is text; put it in quotes")


def _scalar(node: Any) -> Any:  # noqa: ANN401 - a scalar of the library
    """Text, a whole number, true, false or null; whatever readers disagree about is refused."""
    word, here = node.value, _mark(node.start_mark)
    if node.style is not None:
        return word
    if word in {"true", "false"}:
        return word == "true"
    if word == "null":
        return None
    if word in {"", "~"}:
        raise Trouble(here, 'nothing stands here; write null, or "" for an empty text')
    if word.lower() == "null" or _BOOLEANS.fullmatch(word):
        raise Trouble(here, "some readers take this for true, false or null; write true, false or null, or quotes")
    if _WHOLE.fullmatch(word):
        return int(word)
    if _DATE.fullmatch(word):
        raise Trouble(here, "some readers take this for a date; put it in quotes")
    if _LOOKS_LIKE_A_NUMBER.fullmatch(word):
        raise Trouble(here, _about_numbers(word))
    return word


def _about_numbers(word: str) -> str:
    if re.fullmatch(r"[-+]?[0-9]*\.[0-9]*", word):
        return "a number with a point would become a binary float; put it in quotes"
    return "readers disagree about this number; write a plain whole number, or put it in quotes"
