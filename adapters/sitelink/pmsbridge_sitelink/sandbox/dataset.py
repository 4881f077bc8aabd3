"""Writing an ASP.NET DataSet answer: an inline schema and a diffgram.

By string building, because answers reach tens of megabytes.

Facts: money has 4 decimals, sizes 2, coordinates 10; booleans are `true`/`false`; dates carry the server's US Eastern
offset; a NULL column is left out of its row; the schema describes empty tables too; with no row at all the diffgram
is empty; a row id such as `diffgr:id="Table1"` has nothing to do with an element named `Table1`; rows built in code
carry `diffgr:hasChanges="inserted"`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from .clock import eastern, eastern_offset

Value = str | int | bool | Decimal | date | datetime | None
Row = Mapping[str, Value]
ColumnType = Literal["string", "int", "long", "money", "size", "geo", "percent", "boolean", "dateTime"]

NULL_DATE: Final = datetime(1, 1, 1)  # noqa: DTZ001 - the .NET default has no zone
_XSD: Final[dict[ColumnType, str]] = {
    "string": "xs:string",
    "int": "xs:int",
    "long": "xs:long",
    "money": "xs:decimal",
    "size": "xs:decimal",
    "geo": "xs:decimal",
    "percent": "xs:decimal",
    "boolean": "xs:boolean",
    "dateTime": "xs:dateTime",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name and how its values are written."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Table:
    """A result table: the element name of its rows and its columns in schema order."""

    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Rowset:
    """The rows of one table in one answer.

    Attributes:
        table: Which table.
        rows: Its rows; a column that is missing or None is NULL.
        inserted: Mark rows as built in code, as return tables are.
        as_attributes: Write columns as unprefixed attributes of the row.
    """

    table: Table
    rows: Sequence[Row]
    inserted: bool = False
    as_attributes: bool = False


@lru_cache(maxsize=16384)
def _decimal(value: object, places: int) -> str:
    return f"{Decimal(str(value)):.{places}f}"


@lru_cache(maxsize=16384)
def _day(day: date) -> str:
    return f"{day.isoformat()}T00:00:00{eastern_offset(day)}"


def _percent(value: Value) -> str:
    text = f"{Decimal(str(value)).normalize():f}"
    return text if "." in text else f"{text}.0"


def _date_time(value: Value) -> str:
    if isinstance(value, datetime):
        if value == NULL_DATE:
            return "0001-01-01T00:00:00"
        local = eastern(value).replace(microsecond=0)
        return local.isoformat()
    if isinstance(value, date):
        return _day(value)
    return escape(str(value))


def _money(value: Value) -> str:
    return _decimal(value, 4)


def _size(value: Value) -> str:
    return _decimal(value, 2)


def _geo(value: Value) -> str:
    return _decimal(value, 10)


def _boolean(value: Value) -> str:
    return "true" if value else "false"


def _text(value: Value) -> str:
    return escape(str(value))


FORMATS: Final[dict[ColumnType, Callable[[Value], str]]] = {
    "string": _text,
    "int": str,
    "long": str,
    "money": _money,
    "size": _size,
    "geo": _geo,
    "percent": _percent,
    "boolean": _boolean,
    "dateTime": _date_time,
}


@lru_cache(maxsize=256)
def _schema_of(table: Table, *, as_attributes: bool) -> str:
    if as_attributes:
        columns = "".join(f'<xs:attribute name="{c.name}" type="{_XSD[c.type]}"/>' for c in table.columns)
        return f'<xs:element name="{table.name}"><xs:complexType>{columns}</xs:complexType></xs:element>'
    columns = "".join(f'<xs:element name="{c.name}" type="{_XSD[c.type]}" minOccurs="0"/>' for c in table.columns)
    body = f"<xs:complexType><xs:sequence>{columns}</xs:sequence></xs:complexType>"
    return f'<xs:element name="{table.name}">{body}</xs:element>'


def schema(rowsets: Iterable[Rowset]) -> str:
    """The inline schema of an answer: one element per table, empty tables included."""
    tables = "".join(_schema_of(rowset.table, as_attributes=rowset.as_attributes) for rowset in rowsets)
    return (
        '<xs:schema id="NewDataSet" xmlns="" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:msdata="urn:schemas-microsoft-com:xml-msdata">'
        '<xs:element name="NewDataSet" msdata:IsDataSet="true" msdata:UseCurrentLocale="true"><xs:complexType>'
        f'<xs:choice minOccurs="0" maxOccurs="unbounded">{tables}</xs:choice></xs:complexType></xs:element></xs:schema>'
    )


def _element_rows(rowset: Rowset) -> Iterator[str]:
    table = rowset.table
    mark = ' diffgr:hasChanges="inserted"' if rowset.inserted else ""
    cells = [(c.name, f"<{c.name}>", f"</{c.name}>", FORMATS[c.type]) for c in table.columns]
    close = f"</{table.name}>"
    for order, row in enumerate(rowset.rows):
        parts = [f'<{table.name} diffgr:id="{table.name}{order + 1}" msdata:rowOrder="{order}"{mark}>']
        get = row.get
        for name, start, end, write in cells:
            value = get(name)
            if value is not None:
                parts.append(f"{start}{write(value)}{end}")
        parts.append(close)
        yield "".join(parts)


def _attribute_rows(rowset: Rowset) -> Iterator[str]:
    table = rowset.table
    for order, row in enumerate(rowset.rows):
        pairs = ((c.name, FORMATS[c.type](row[c.name])) for c in table.columns if row.get(c.name) is not None)
        cells = " ".join(f"{name}={quoteattr(text)}" for name, text in pairs)
        yield f'<{table.name} diffgr:id="{table.name}{order + 1}" msdata:rowOrder="{order}" {cells}/>'


def diffgram(rowsets: Sequence[Rowset]) -> str:
    """The rows of an answer, table after table; an empty element when there is none."""
    head = (
        '<diffgr:diffgram xmlns:msdata="urn:schemas-microsoft-com:xml-msdata"'
        ' xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1"'
    )
    if not any(rowset.rows for rowset in rowsets):
        return f"{head}/>"
    parts: list[str] = [f'{head}><NewDataSet xmlns="">']
    for rowset in rowsets:
        parts.extend(_attribute_rows(rowset) if rowset.as_attributes else _element_rows(rowset))
    parts.append("</NewDataSet></diffgr:diffgram>")
    return "".join(parts)
