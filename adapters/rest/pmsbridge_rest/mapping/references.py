"""Names that a mapping uses must be names it declares, and places must stand where they can be filled."""

from __future__ import annotations

from collections.abc import Iterator

from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.problems import Problem
from pmsbridge_rest.mapping.yaml_nodes import Tree

__all__ = ["reference_problems"]


def reference_problems(mapping: Mapping, tree: Tree) -> Iterator[Problem]:
    """Every name that leads nowhere."""
    del mapping, tree
    yield from ()
