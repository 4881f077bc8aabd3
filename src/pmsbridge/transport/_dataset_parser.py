"""Turns the bytes of an ASP.NET DataSet answer into rows, a piece at a time.

An answer holds up to three things: an inline ``xs:schema`` that declares tables and columns, a ``diffgr:diffgram``
whose first child is the data set and whose grandchildren are rows, or a ``soap:Fault``. libxml2 builds the tree as the
bytes arrive; after every piece the rows that are complete (all but the last, which may still be open) are turned into
dicts and cut out of the tree. So the tree never holds more than a piece, and no Python code runs per element but one
comprehension.

To be told of elements as they start would cost a third more, and take the interpreter's lock once per cell. So the
parser is only told of comments, and is handed one of our own before the root: from there the growing tree is reached.

libxml2 keeps its own limits (depth 256, entity amplification); any DOCTYPE is refused, nothing is ever fetched. What
could still grow is capped here: cells and attributes of a row, names in an answer, bytes that go by without a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from lxml import etree

__all__ = [
    "CELL_CAP",
    "COLUMN_CAP",
    "FEED_BYTES",
    "Column",
    "DataSetParser",
    "FaultFoundError",
    "RefusedError",
    "local_name",
]

ATTRIBUTE_CAP = 256
CELL_CHARACTER_CAP = 1024 * 1024
CELL_CAP = 10_000
COLUMN_CAP = 20_000
STALL_BYTE_CAP = 2 * 1024 * 1024
FEED_BYTES = 32_768

_XS = "{http://www.w3.org/2001/XMLSchema}"
_DIFFGR = "{urn:schemas-microsoft-com:xml-diffgram-v1}"
_SOAP_11 = "{http://schemas.xmlsoap.org/soap/envelope/}"
_SOAP_12 = "{http://www.w3.org/2003/05/soap-envelope}"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_SCHEMA = _XS + "schema"
_DIFFGRAM = _DIFFGR + "diffgram"
_FAULTS = (_SOAP_11 + "Fault", _SOAP_12 + "Fault")
_MARKER = b"<!---->"
_HEAD_BYTES = 256
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]{0,200}\?>)?")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
# Whether any cell of the rows below holds an element or carries an attribute: asked once per piece, in C.
_has_odd_cells: Callable[..., bool] = etree.XPath("boolean(*/*/*) or boolean(*/*/@*)")  # type: ignore[assignment]


# Besides its own errors the library hands on what a codec or a wrong state raises.
_XML_ERRORS = (etree.LxmlError, ValueError, LookupError, AssertionError)


class RefusedError(Exception):
    """The bytes are not taken any further; ``code`` says why. It never leaves this package."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FaultFoundError(Exception):
    """The answer is a SOAP fault. It never leaves this package, because ``text`` is the vendor's own."""

    def __init__(self, fault_code: str, text: str) -> None:
        super().__init__("soap fault")
        self.fault_code = fault_code
        self.text = text


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the inline schema declares it.

    Attributes:
        name: Decoded ("Unit Name", not "Unit_x0020_Name").
        type: Local name of its XML Schema type ("int", "decimal", "dateTime", "string"); "" when not declared.
        required: Whether a row always has it.
    """

    name: str
    type: str
    required: bool


class DataSetParser:
    """Feed it bytes; collect rows.

    Attributes:
        rows: (table, row) pairs found since the list was last cleared. A row maps column to raw text; NULL is absent.
        schema: Columns of every table declared so far, empty tables included.
        saw_data: Whether the diffgram has begun, so that the schema is complete.
    """

    def __init__(self, *, wanted: Collection[str] | None, drop: Collection[str], row_cap: int) -> None:
        self.rows: list[tuple[str, dict[str, str]]] = []
        self.schema: dict[str, tuple[Column, ...]] = {}
        self._wanted = wanted
        self.saw_data = False
        self._rows_left = row_cap
        self._drop = frozenset(drop)
        self._names: dict[str, str | None] = {}
        self._tables: dict[object, str | None] = {}
        self._head = b""
        self._marker: etree._Element | None = None
        self._diffgram: etree._Element | None = None
        self._has_comments = False
        self._idle_bytes = 0
        self._parser = etree.XMLPullParser(
            events=("comment",),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_pis=True,
            collect_ids=False,
        )

    def narrow(self, tables: Collection[str]) -> None:
        """From here on read only ``tables``, of those wanted so far; rows of others already found are forgotten."""
        self._wanted = frozenset(tables) if self._wanted is None else frozenset(tables) & frozenset(self._wanted)
        self._tables.clear()
        self.rows[:] = [pair for pair in self.rows if pair[0] in self._wanted]

    def count(self, rows: int) -> None:
        """Rows that were taken out before the parser saw them count as well.

        Raises:
            RefusedError: They are too many.
        """
        self._rows_left -= rows
        if self._rows_left < 0:
            raise RefusedError("too_many_rows")

    def feed(self, data: bytes) -> None:
        """Parse the next bytes; a few KiB at a time, so that what one call adds is bounded.

        Raises:
            RefusedError: Not XML, or past a cap.
        """
        self._idle_bytes += len(data)
        if self._marker is None:
            self._head += data
            if len(self._head) >= _HEAD_BYTES:
                self._start()
        else:
            self._parse(data)
        if self._diffgram is not None:
            self._harvest(self._diffgram, is_complete=False)
        if self._idle_bytes > STALL_BYTE_CAP:
            raise RefusedError("no_row_in_sight")

    def finish(self) -> None:
        """Declare the end of the bytes, and take what only the end completes.

        Raises:
            RefusedError: The document is not complete, or no data set was in it.
            FaultFoundError: It is a SOAP fault.
        """
        if not self._idle_bytes and not self.saw_data:
            raise RefusedError("empty_answer")
        if self._marker is None:
            self._start()
        try:
            root = self._parser.close()
        except _XML_ERRORS:
            root = None
        if root is None:
            raise RefusedError("unreadable_xml")
        self._take_the_rest(root)

    def _take_the_rest(self, root: etree._Element) -> None:
        _refuse_doctype(root)
        fault = next(filter(_is_in_body, root.iter(*_FAULTS)), None)
        if fault is not None:
            raise _fault(fault)
        if len(list(root.iter(_DIFFGRAM))) > 1:
            raise RefusedError("two_data_sets")
        if self._diffgram is not None:
            self._harvest(self._diffgram, is_complete=True)
        elif next(root.iter(_SCHEMA), None) is not None:
            self._read_schema(root)
        else:
            raise RefusedError("not_a_dataset")

    def _start(self) -> None:
        """Parse the first bytes, with our comment between the XML declaration and all else."""
        place = _declaration_end(self._head)
        self._parse(self._head[:place] + _MARKER)
        self._parse(self._head[place:])

    def _parse(self, data: bytes) -> None:
        is_broken = False
        try:
            self._parser.feed(data)
        except _XML_ERRORS:
            is_broken = True
        if is_broken:
            raise RefusedError("unreadable_xml")
        for _, found in self._parser.read_events():
            if self._marker is None:
                self._marker = cast("etree._Element", found)  # noqa: SLF001  (the library's only name for it)
            else:
                self._has_comments = True
        if self._diffgram is None and self._marker is not None:
            self._look_for_data(self._marker)

    def _look_for_data(self, marker: etree._Element) -> None:
        root = next(filter(_is_element, marker.itersiblings()), None)
        if root is None:
            return
        _refuse_doctype(root)
        self._diffgram = next(root.iter(_DIFFGRAM), None)
        if self._diffgram is not None:
            self.saw_data = True
            self._idle_bytes = 0
            self._read_schema(root)

    def _read_schema(self, root: etree._Element) -> None:
        declaration = next(root.iter(_SCHEMA), None)
        if declaration is not None:
            self.schema.update(_declared(declaration))

    def _harvest(self, diffgram: etree._Element, *, is_complete: bool) -> None:
        """Take the complete rows out of the tree: all, or all but the last while it may still be open."""
        for place, section in enumerate(diffgram):
            if len(section) and len(section[-1]) > CELL_CAP:
                raise RefusedError("too_many_cells")
            is_whole = is_complete or place + 1 < len(diffgram)
            ready = len(section) if is_whole else len(section) - 1
            if ready <= 0:
                continue
            # A section of the diffgram's own are rows as they were before a change, or errors: not data.
            if not str(section.tag).startswith(_DIFFGR):
                self._take(section, list(section)[:ready])
            del cast("list[etree._Element]", section)[:ready]  # noqa: SLF001  (an element is a list of its children)
            self._idle_bytes = 0

    def _take(self, section: etree._Element, rows: Iterable[etree._Element]) -> None:
        read_cells = self._odd_cells if self._has_comments or _has_odd_cells(section) else self._cells
        is_long = self._idle_bytes + 2 * FEED_BYTES > CELL_CHARACTER_CAP
        tables = self._tables
        for row in rows:
            tag = row.tag
            table = tables[tag] if tag in tables else self._learn_table(tag)
            if table is None:
                continue
            self.count(1)
            columns = read_cells(row)
            if is_long and max(map(len, columns.values()), default=0) > CELL_CHARACTER_CAP:
                raise RefusedError("cell_too_long")
            self.rows.append((table, columns))

    def _learn_table(self, tag: object) -> str | None:
        """Decide what the tag of a row stands for: a table, or None for one not wanted and for a comment."""
        table = local_name(tag) if isinstance(tag, str) else None
        self._tables[tag] = table if self._wanted is None or table in self._wanted else None
        if len(self._tables) > COLUMN_CAP:
            raise RefusedError("too_many_names")
        return self._tables[tag]

    def _cells(self, row: etree._Element) -> dict[str, str]:
        names = self._names
        cells: dict[str, str] = {}
        try:
            for cell in row:
                name = names[cell.tag]
                if name is not None:  # else it is a dropped column, and its text is never asked for
                    cells[name] = cell.text or ""
        except KeyError:
            self._learn(cell.tag for cell in row)
            return self._cells(row)
        return self._with_attributes(row, cells)

    def _odd_cells(self, row: etree._Element) -> dict[str, str]:
        """The same where a cell may be marked nil, hold elements, or be parted by comments."""
        etree.strip_tags(row, etree.Comment)  # the text around a comment is one text
        cells: dict[str, str] = {}
        for cell in row:
            name = self._column(cell.tag)
            if name is None or cell.get(_NIL, "").strip() in {"true", "1"}:
                continue
            if len(cell):
                raise RefusedError("nested_cell")
            cells[name] = cell.text or ""
        return self._with_attributes(row, cells)

    def _with_attributes(self, row: etree._Element, cells: dict[str, str]) -> dict[str, str]:
        """Attributes without a prefix are columns; diffgr: and msdata: ones are not."""
        tags = row.keys()  # names alone: looking up every value by its name would be quadratic
        if len(tags) > ATTRIBUTE_CAP:
            raise RefusedError("too_many_attributes")
        plain = [str(tag) for tag in tags if tag[0] != "{"]
        if not plain:
            return cells
        named = ((self._column(tag), tag) for tag in plain)
        return {name: row.get(tag, "") for name, tag in named if name is not None} | cells

    def _column(self, tag: str) -> str | None:
        if tag not in self._names:
            self._learn((tag,))
        return self._names[tag]

    def _learn(self, tags: Iterable[str]) -> None:
        """Decide what tags stand for: a column, or None for a dropped one."""
        for tag in tags:
            column = local_name(tag)
            self._names[tag] = None if column in self._drop else column
        if len(self._names) > COLUMN_CAP:
            raise RefusedError("too_many_names")


def _is_element(node: etree._Element) -> bool:
    """Whether a node is an element; the tag of a comment is a function."""
    tag: object = node.tag
    return isinstance(tag, str)


def _declaration_end(head: bytes) -> int:
    """Where the XML declaration (and a byte order mark before it) ends.

    Raises:
        RefusedError: Two- and four-byte encodings, which no service of this kind uses, cannot be followed.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:4]:
        raise RefusedError("unreadable_xml")
    found = _DECLARATION.match(head)
    return found.end() if found else 0


def _refuse_doctype(element: etree._Element) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise RefusedError("doctype_refused")


def _is_in_body(element: etree._Element) -> bool:
    """Whether an element stands where a fault stands: in the body of the envelope."""
    body = element.getparent()
    return body is not None and body.getparent() is not None and str(body.tag).endswith("}Body")


def _fault(element: etree._Element) -> FaultFoundError:
    code = element.findtext("faultcode") or element.findtext(f"{_SOAP_12}Code/{_SOAP_12}Value") or ""
    text = element.findtext("faultstring") or element.findtext(f"{_SOAP_12}Reason/{_SOAP_12}Text") or ""
    return FaultFoundError(code.strip().rpartition(":")[2], text)


def _declared(schema: etree._Element) -> Iterator[tuple[str, tuple[Column, ...]]]:
    """Tables of an inline schema: named elements nest three deep, the data set, its tables, their columns."""
    for data_set in _named(schema):
        for table in _named(data_set):
            attributes = (_column(child, child.get("use") == "required") for child in table.iter(_XS + "attribute"))
            elements = (_column(child, child.get("minOccurs") != "0") for child in _named(table))
            yield _decoded(table.get("name", "")), (*elements, *attributes)


def _named(parent: etree._Element) -> Iterator[etree._Element]:
    """The nearest named ``xs:element`` s below."""
    waiting = list(parent)[::-1]
    while waiting:
        child = waiting.pop()
        if child.tag == _XS + "element" and child.get("name"):
            yield child
        else:
            waiting.extend(list(child)[::-1])


def _column(declaration: etree._Element, required: bool) -> Column:  # noqa: FBT001
    kind = declaration.get("type", "")
    if not kind:
        restriction = next(declaration.iter(_XS + "restriction"), None)
        kind = "" if restriction is None else restriction.get("base", "")
    return Column(_decoded(declaration.get("name", "")), kind.rpartition(":")[2], required)


def local_name(tag: str) -> str:
    """What a tag stands for: without its namespace, with every character of its own."""
    return _decoded(tag.rpartition("}")[2])


def _decoded(name: str) -> str:
    """Undo the escaping of characters an XML name may not hold ("_x0020_" is a space)."""
    return _ESCAPED.sub(_character, name) if "_x" in name else name


def _character(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character.isprintable() or character.isspace() else match[0]
