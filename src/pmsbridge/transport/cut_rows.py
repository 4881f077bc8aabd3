"""Rows of a DataSet answer as the bytes they came in, for whoever compares them before looking inside.

Most rows of a night are what they were the night before. To learn that, their bytes are enough: here plain rows are cut
out of an answer while it arrives, and the parser gets what is left, so that everything around the rows is checked as in
any other answer. What is not plain (a comment, a CDATA section, a processing instruction, an attribute that is a
column, another encoding) ends the cutting: from there on the parser gets all. A cut row is parsed when somebody asks
for its cells, by a pattern where it is as simple as rows are, by the XML library where it is not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Final, Protocol

from lxml import etree

from pmsbridge.transport._dataset_parser import CELL_CAP, COLUMN_CAP, local_name

__all__ = ["CutRow", "PassedOver", "RowCutter", "cells_of_cut"]

_ROW_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 1024 * 1024
_START_BYTES: Final = 4096
_BETWEEN: Final = b"\x1f"
_DECLARATION: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\s[^<>]{0,200}\?>")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)")
_DATA: Final = re.compile(rb"<diffgr:diffgram(?:\s[^<>]*)?(?<!/)>\s*<[A-Za-z_][\w.-]*(?:\s[^<>]*)?(?<!/)>")
_ROW: Final = re.compile(rb"\s*<([A-Za-z_][\w.-]*)(?:\s+(?:diffgr|msdata):[\w.-]+=\"[^\"<>&]*\")*\s*>")
_NOT_XML: Final = bytes({*range(32)} - {9, 10, 13})

_CELL: Final = re.compile(r"<([^>]+)>([^<]*)</\1>")
_NAME: Final = re.compile(r"(?!.*_x)[A-Za-z_][\w.-]*", re.ASCII)
_LAYOUT_CAP: Final = 64
_MOST_COLUMNS: Final = 800
_MOST_LESSONS: Final = 128
_LESSONS_AT_ONCE: Final = 16

_ESCAPE: Final = re.compile(rb"&(amp|quot|apos);")
_OTHER_ESCAPE: Final = re.compile(rb"&(?!(?:amp|quot|apos);)")
_CHARACTERS: Final = {b"amp": b"&", b"quot": b'"', b"apos": b"'"}
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_WRAPPED: Final = (
    b'<row xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    b'xmlns:msdata="urn:schemas-microsoft-com:xml-msdata" '
    b'xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1">%s</row>'
)


class CutRow:
    """One row: its cells can be looked up, and cells of our own added, without parsing the others.

    Attributes:
        inner: What stands between its tags.
    """

    __slots__ = ("_added", "inner")

    def __init__(self, inner: bytes) -> None:
        self.inner = inner
        self._added: dict[str, str] = {}

    def get(self, column: str, default: str = "") -> str:
        """One cell; the default when it is NULL.

        Raises:
            ValueError: The row cannot be read.
        """
        if column in self._added:
            return self._added[column]
        tag, inner = b"<" + column.encode(), self.inner
        first = inner.find(tag)
        if first < 0:
            return default
        # The last of several counts; from the front, because an id stands there.
        begin, following = -1, inner.find(tag + b">", first)
        while following >= 0:
            begin = following + len(tag) + 1
            following = inner.find(tag + b">", begin)
        if begin > 0:
            end = inner.find(b"<", begin)
            found = inner[begin:end]
            if inner[end + 1 : end + 2] == b"/" and b"&" not in found and b"\r" not in found:
                return found.decode()
        return cells_of_cut(inner).get(column, default)

    def __setitem__(self, column: str, value: str) -> None:
        self._added[column] = value

    @property
    def line(self) -> bytes:
        """The row with what was added, as bytes; ``cells_of_cut`` reads it."""
        added = (part.encode() for pair in self._added.items() for part in pair)
        return _BETWEEN.join((self.inner, *added)) if self._added else self.inner


def cells_of_cut(line: bytes, drop: Collection[str] = (), only: frozenset[str] | None = None) -> dict[str, str]:
    """The cells of a cut row by column, as the parser tells them: NULL is absent, empty is "".

    Args:
        line: What ``CutRow.line`` gave.
        drop: Columns to leave out.
        only: The columns that are wanted, those added to the row aside; None for all.

    Raises:
        ValueError: It is no sound XML, or no row of cells.
    """
    inner, *added = line.split(_BETWEEN) if _BETWEEN in line else (line,)
    found = _simple(inner, only)
    cells = _wanted(_parsed(inner), only) if found is None else found
    if not cells.keys().isdisjoint(drop):
        cells = {name: cell for name, cell in cells.items() if name not in drop}
    if not added:
        return cells
    words = [part.decode() for part in added]
    return cells | dict(zip(words[::2], words[1::2], strict=True))


def _wanted(cells: dict[str, str], only: frozenset[str] | None) -> dict[str, str]:
    return cells if only is None else {name: cell for name, cell in cells.items() if name in only}


def _simple(inner: bytes, only: frozenset[str] | None) -> dict[str, str] | None:
    """The cells of a row that is nothing but plain cells; None for any other."""
    if b"&" in inner:
        if _OTHER_ESCAPE.search(inner) is not None:
            return None
        inner = _ESCAPE.sub(_character, inner)
    if b"\r" in inner or (b"]" in inner and b"]]>" in inner):
        return None
    kind, told = inner[: inner.find(b">")], inner.decode()
    layout = _LAYOUTS.get((kind, only))
    found = None if layout is None else layout.cells(told)
    return _by_itself(kind, only, told) if found is None else found


def _by_itself(kind: bytes, only: frozenset[str] | None, told: str) -> dict[str, str] | None:
    """The same of a row that is laid out as none before it; the next one like it is read by what is learned here."""
    pairs = _CELL.findall(told)
    if 2 * len(pairs) != told.count("<") or not all(_NAME.fullmatch(name) for name, _ in pairs):
        return None
    cells = dict(pairs)
    if pairs and len(cells) == len(pairs) and ((kind, only) in _LAYOUTS or len(_LAYOUTS) < _LAYOUT_CAP):
        _LAYOUTS.setdefault((kind, only), _Layout(only)).learn(list(cells))
    return _wanted(cells, only)


class _Layout:
    """Columns of one kind of rows in the order in which they stand: one pattern reads all cells of a row at once."""

    __slots__ = ("_before", "_known", "_lessons", "_only", "_pending")

    def __init__(self, only: frozenset[str] | None) -> None:
        self._only = only
        # Together, because another thread may be reading a row.
        self._known: tuple[tuple[str, ...], re.Pattern[str]] = ((), re.compile(r"[^\s\S]"))
        self._before: dict[str, set[str]] = {}
        self._lessons = self._pending = 0

    def cells(self, told: str) -> dict[str, str] | None:
        """The cells of a row; None when it has other columns, or in another order."""
        names, pattern = self._known
        found = pattern.fullmatch(told)
        if found is None:
            return None
        return {name: cell for name, cell in zip(names, found.groups(), strict=True) if cell is not None}

    def learn(self, columns: Sequence[str]) -> None:
        """Know the columns of a row, too; those that others have and this one has not may be absent."""
        if self._lessons >= _MOST_LESSONS or len(self._before.keys() | set(columns)) > _MOST_COLUMNS:
            return
        before = {name: set(self._before.get(name, ())) for name in (*self._before, *columns)}
        for first, second in pairwise(columns):
            before[second].add(first)
        self._lessons += 1
        try:
            names = tuple(TopologicalSorter(before).static_order())
        except CycleError:
            return  # two rows in different orders: the first one's is kept
        self._before = before
        self._pending += 1
        # Rows of one kind lack different columns. To make a pattern takes as long as to read hundreds of rows without.
        if self._lessons > 1 and self._pending < _LESSONS_AT_ONCE:
            return
        self._pending = 0
        # Nothing is tried a second time: a row that does not fit is refused in one pass.
        cells = "".join(f"(?:[^<]*+<{re.escape(name)}>{self._cell(name)}</{re.escape(name)}>)?+" for name in names)
        wanted = tuple(name for name in names if self._is_wanted(name))
        self._known = (wanted, re.compile(f"{cells}[^<]*+"))

    def _is_wanted(self, name: str) -> bool:
        return self._only is None or name in self._only

    def _cell(self, name: str) -> str:
        return "([^<]*+)" if self._is_wanted(name) else "[^<]*+"


def _character(match: re.Match[bytes]) -> bytes:
    return _CHARACTERS[match[1]]


def _parsed(inner: bytes) -> dict[str, str]:
    """The same by the XML library."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        row = etree.fromstring(_WRAPPED % inner, parser)
    except etree.LxmlError:
        row = None
    if row is None or len(row) > CELL_CAP:
        message = "a row is no sound XML"
        raise ValueError(message)
    cells: dict[str, str] = {}
    for cell in row:
        if cell.get(_NIL, "").strip() in {"true", "1"}:
            continue
        if len(cell) or not isinstance(cell.tag, str):
            message = "a cell holds more than text"
            raise ValueError(message)
        cells[local_name(cell.tag)] = cell.text or ""
    return cells


class PassedOver(Protocol):
    """Knows rows by what stands between their tags, and which of them nobody is to get."""

    def take(self, inner: bytes) -> bool:
        """Whether this one is passed over: it was cut out of an answer before, and kept as it is."""

    def differs(self, inner: bytes) -> None:
        """This one is handed out."""


class RowCutter:
    """Takes an answer in pieces, keeps the plain rows of some tables, and gives the rest back for the parser.

    Attributes:
        rows: (table, row) pairs cut since the list was last emptied.
        passed: How many others were passed over since this was last set to 0.
    """

    def __init__(self, tables: Collection[str], drop: Collection[str], passed: PassedOver | None = None) -> None:
        """Nothing is cut yet.

        Args:
            tables: Whose rows are cut out; all others go to the parser.
            drop: Columns that are taken out of a row before anybody gets it.
            passed: Rows that nobody is to get; None when all are wanted.
        """
        self.rows: list[tuple[str, CutRow]] = []
        self.passed = 0
        self._passed = passed
        self._drops = False
        self._tables = {table.encode(): table for table in tables}
        names = _any_of([name.encode() for name in drop]) or b"(?!)"
        self._odd = re.compile(rb"<(?:[!?]|(?:" + names + rb")[\s/>])")
        self._poison = re.compile(rb"<(" + names + rb")(?:\s[^<>]*)?(?:/>|>[^<]*</\1\s*>)")
        self._ends: dict[bytes, bytes] = {}
        self._waiting = b""
        self._step = self._head

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; what the parser is to be fed with."""
        self._waiting += data
        return self._step()

    def rest(self) -> bytes:
        """What still waits at the end of the answer, for the parser."""
        waiting, self._waiting = self._waiting, b""
        return waiting

    def _all(self) -> bytes:
        """Cut nothing any more."""
        self._step = self.rest
        return self.rest()

    def _head(self) -> bytes:
        """Wait for the data to begin; everything before it is the parser's."""
        data = self._waiting
        found = _DATA.search(data)
        if found is None:
            return self._all() if len(data) > _HEAD_BYTES else b""
        if not _is_plain_head(data[: found.end()]):
            return self._all()
        self._waiting, self._step = data[found.end() :], self._body
        return data[: found.end()] + self._body()

    def _body(self) -> bytes:
        """Cut rows until one is not complete, or not plain."""
        data, position, others = self._waiting, 0, list[bytes]()
        while (start := _ROW.match(data, position)) is not None:
            name = start[1]
            end_tag = self._ends.get(name) or self._learned(name)
            end = data.find(end_tag, start.end())
            if end < 0:
                break
            after = end + len(end_tag)
            table = self._tables.get(name)
            if table is None:
                others.append(data[position:after])
            elif not self._keep(table, name, data[start.end() : end]):
                self._waiting = data[position:]
                return b"".join((*others, self._all()))
            position = after
        self._waiting = data[position:]
        is_waiting = len(self._waiting) < (_ROW_BYTES if start is not None else _START_BYTES)
        may_begin = start is not None or b">" not in self._waiting
        return b"".join((*others, b"" if is_waiting and may_begin else self._all()))

    def _learned(self, name: bytes) -> bytes:
        if len(self._ends) < COLUMN_CAP:
            self._ends[name] = b"</" + name + b">"
        return b"</" + name + b">"

    def _keep(self, table: str, name: bytes, inner: bytes) -> bool:
        """Keep a row, or pass it over; False when it is not plain."""
        passed = self._passed
        # A row that is held was plain when it came first. Where rows have something to drop, none is held as it comes.
        if passed is not None and not self._drops and passed.take(inner):
            self.passed += 1
            return True
        drops = False
        if self._odd.search(inner) is not None:
            inner, drops = self._poison.sub(b"", inner), True
            if self._odd.search(inner) is not None:
                return False
        is_nested = name in inner and (b"<" + name in inner or b"</" + name in inner)
        if is_nested or len(inner.translate(None, _NOT_XML)) != len(inner):
            return False
        if passed is not None:
            is_other, self._drops = drops or self._drops, drops
            if is_other and passed.take(inner):
                self.passed += 1
                return True
            passed.differs(inner)
        self.rows.append((table, CutRow(inner)))
        return True


_LAYOUTS: Final[dict[tuple[bytes, frozenset[str] | None], _Layout]] = {}
"""By what rows begin with, up to the end of the name of their first column, and by the columns that are wanted."""


def _any_of(names: Iterable[bytes]) -> bytes:
    """A pattern of names, as a tree: one letter tells most other names apart, not a comparison with each of these."""
    rests: dict[bytes, list[bytes]] = {}
    for name in sorted(names):
        rests.setdefault(name[:1], []).append(name[1:])
    ways = [re.escape(letter) + _any_of(rest) for letter, rest in rests.items() if letter]
    may_end = b"?" if b"" in rests else b""
    return b"(?:" + b"|".join(ways) + b")" + may_end if ways else b""


def _is_plain_head(head: bytes) -> bool:
    """UTF-8, and nothing in it in which a tag could stand that is none."""
    declared = _DECLARATION.match(head)
    if declared is not None:
        encoding = _ENCODING.search(declared[0])
        if encoding is not None and encoding[1].lower() not in {b"utf-8", b"utf8"}:
            return False
        head = head[declared.end() :]
    return b"<!" not in head and b"<?" not in head
