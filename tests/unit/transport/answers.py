"""Writes DataSet answers the way an ASP.NET service does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

Row = Mapping[str, str]

ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body>{body}</soap:Body></soap:Envelope>'
)
RESULT = '<OpResponse xmlns="{namespace}"><OpResult>{schema}{diffgram}</OpResult></OpResponse>'
DIFFGRAM = (
    '<diffgr:diffgram xmlns:msdata="urn:schemas-microsoft-com:xml-msdata" '
    'xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1">{data}</diffgr:diffgram>'
)


def schema(tables: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """An inline schema."""
    declared = "".join(
        f'<xs:element name="{table}"><xs:complexType><xs:sequence>'
        + "".join(f'<xs:element name="{name}" type="xs:{kind}" minOccurs="0"/>' for name, kind in columns)
        + "</xs:sequence></xs:complexType></xs:element>"
        for table, columns in tables.items()
    )
    return (
        '<xs:schema id="NewDataSet" xmlns="" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:msdata="urn:schemas-microsoft-com:xml-msdata"><xs:element name="NewDataSet" msdata:IsDataSet="true">'
        f'<xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">{declared}</xs:choice></xs:complexType>'
        "</xs:element></xs:schema>"
    )


def row(table: str, columns: Row, position: int = 0, *, attributes: Row | None = None) -> str:
    """One row element."""
    own = "".join(f" {name}={quoteattr(value)}" for name, value in (attributes or {}).items())
    cells = "".join(f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>" for name, value in columns.items())
    return f'<{table} diffgr:id="{table}{position + 1}" msdata:rowOrder="{position}"{own}>{cells}</{table}>'


def data_set(rows: Iterable[str]) -> str:
    """A diffgram around rows."""
    return DIFFGRAM.format(data=f'<NewDataSet xmlns="">{"".join(rows)}</NewDataSet>')


def answer(diffgram: str = "", schema_text: str = "", namespace: str = "http://pms.test/Ws") -> bytes:
    """A whole envelope."""
    return ENVELOPE.format(body=RESULT.format(namespace=namespace, schema=schema_text, diffgram=diffgram)).encode()


def simple(rows: Iterable[tuple[str, Row]]) -> bytes:
    """An answer that holds rows, and a schema."""
    listed = list(rows)
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, columns in listed:
        known = tables.setdefault(table, [])
        known += [(name, "string") for name in columns if (name, "string") not in known]
    return answer(data_set(row(table, columns, at) for at, (table, columns) in enumerate(listed)), schema(tables))


def fault(text: str, code: str = "soap:Server") -> bytes:
    """A SOAP 1.1 fault."""
    inner = f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring><detail/></soap:Fault>"
    return ENVELOPE.format(body=inner).encode()
