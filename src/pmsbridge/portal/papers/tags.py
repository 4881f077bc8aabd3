"""The structure of a tagged PDF: what a screen reader is told of headings, tables and their cells.

The library draws; its own builder knows figures only. This one nests elements, so that a table has rows, and a row
cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fpdf.structure_tree import StructElem, StructureTreeBuilder
from fpdf.syntax import PDFObject

__all__ = ["Structure"]

_HEAD_OF_COLUMN = "<</O /Table /Scope /Column>>"


class _Element(StructElem):
    """An element that may hold elements, with what its kind needs (``a``).

    No ``__slots__``: what the base class writes into the file is looked up by name.
    """

    a: str | None = None
    if TYPE_CHECKING:  # the library knows only that it is nothing yet
        pg: Any


class Structure(StructureTreeBuilder):
    """Collects elements in reading order while pages are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._path: list[StructElem] = [self.doc_struct_elem]
        self._all: list[StructElem] = []
        self._marks: Counter[int] = Counter()

    @contextmanager
    def group(self, kind: str, page: int) -> Iterator[None]:
        """Everything that is marked within belongs to one element ("Table", "TR")."""
        made = self._add(kind, page, None)
        self._path.append(made)
        try:
            yield
        finally:
            self._path.pop()

    def mark(self, kind: str, page: int, page_object: PDFObject, alt: str | None = None) -> int:
        """A new element for what is drawn next on a page.

        Returns:
            The number that its content is marked with there.
        """
        number = self._marks[page]
        self._marks[page] += 1
        made = self._add(kind, page, number, alt)
        made.pg = page_object
        self.struct_tree_root.parent_tree.nums[self.parents_of(page)].append(made)
        return number

    def parents_of(self, page: int) -> int:
        """The number by which a page finds its elements."""
        return self.spid_per_page_number.setdefault(page, len(self.spid_per_page_number))

    def _add(self, kind: str, page: int, number: int | None, alt: str | None = None) -> _Element:
        kids: Any = [] if number is None else [number]
        made = _Element(struct_type=f"/{kind}", parent=self._path[-1], kids=kids, page_number=page, alt=alt)
        made.a = _HEAD_OF_COLUMN if kind == "TH" else None
        self._path[-1].k.append(made)
        self._all.append(made)
        return made

    def empty(self) -> bool:
        """Nothing is marked."""
        return not self._all

    def __iter__(self) -> Iterator[PDFObject]:
        """Every object to be written, the root first."""
        yield self.struct_tree_root
        yield self.doc_struct_elem
        yield self.struct_tree_root.parent_tree
        yield from self._all
