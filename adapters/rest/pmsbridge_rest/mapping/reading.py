"""Reading a mapping file: every mistake at its line and column, with the shape of what was given and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.problems import Problem, as_text, at, from_validation
from pmsbridge_rest.mapping.references import reference_problems
from pmsbridge_rest.mapping.yaml_nodes import Tree, read_tree

__all__ = ["Examined", "examine", "load_mapping", "read_mapping"]


@dataclass(frozen=True, slots=True)
class Examined:
    """A file, looked at.

    Attributes:
        mapping: None when something in the file cannot be used.
        problems: Errors, in no order; none when there is a mapping.
        tree: The file as plain data, with the place of everything.
    """

    mapping: Mapping | None
    problems: tuple[Problem, ...]
    tree: Tree


def examine(content: bytes) -> Examined:
    """Look at a file's content; nothing is raised for what stands in it."""
    tree, troubles = read_tree(content)
    problems = [Problem(each.mark.line, each.mark.column, "", each.what, "yaml") for each in troubles]
    if problems:
        return Examined(None, tuple(problems), tree)
    if not isinstance(tree.data, dict):
        return Examined(None, (at(tree, (), "a mapping is a table; it begins with pmsmap: 1"),), tree)
    try:
        mapping = Mapping.model_validate(tree.data)
    except ValidationError as error:
        problems = from_validation(error, tree, Mapping)
    else:
        problems = list(reference_problems(mapping, tree))
        return Examined(None if problems else mapping, tuple(problems), tree)
    return Examined(None, tuple(problems), tree)


def read_mapping(content: bytes, *, file: str) -> Mapping:
    """Read a mapping.

    Args:
        content: The file's bytes.
        file: Its name, for messages.

    Raises:
        ConfigurationError: It cannot be used; a line per mistake, ``file:line:column: key: what``.
    """
    examined = examine(content)
    if examined.mapping is None:
        raise ConfigurationError(as_text(examined.problems, file), code="mapping")
    return examined.mapping


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        ConfigurationError: There is no such file, or it cannot be used.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}). Name a mapping file."
        raise ConfigurationError(message, code="no_mapping") from None
    return read_mapping(content, file=str(path))
