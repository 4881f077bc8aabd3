"""The same copy as a dlt pipeline with the merge disposition. Runs in the peers' environment.

A plain generator of rows, as its documentation teaches.

``zeep`` reads with zeep, the SOAP library, which knows numbers, dates and yes-or-no by itself. ``lean`` is helped: the
answer is parsed by the XML library while it arrives, and every cell stays text, so nothing of what is measured is
reading. ``lean, csv``: PostgreSQL is filled by COPY, besides.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}

import dlt  # type: ignore[import-not-found]
import requests
from lxml import etree

from benchmarks.night import peer
from benchmarks.night.rows import COLUMNS, NAMESPACE, OPERATION, TABLE, request_body
from benchmarks.night.soap import soap_rows

_KNOWN = frozenset(COLUMNS)


def lean_rows(office: str) -> Iterator[dict[str, str]]:
    """One dictionary per tenant."""
    answer = requests.post(
        f"{office}/CCWs_3.5/ReportingWs.asmx", data=request_body(peer.LOG_ON), stream=True, timeout=600,
        headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{NAMESPACE}/{OPERATION}"'},
    )  # fmt: skip
    answer.raise_for_status()
    answer.raw.decode_content = True
    for _, element in etree.iterparse(answer.raw, tag=TABLE):
        yield {cell.tag: cell.text or "" for cell in element if cell.tag in _KNOWN}
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _in_utc(name: str, value: object) -> object:
    """A point in time that lost its zone: it was kept in UTC."""
    if value is None or name[0] != "d" or name.startswith("dc"):
        return value
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class WithDlt(peer.Peer):
    """A pipeline of one resource."""

    def _pipeline(self) -> dlt.Pipeline:
        if self.url.startswith("sqlite"):
            destination = dlt.destinations.sqlalchemy(self.url)
        else:
            # It wants a password, though the server asks for none.
            address = self.url.replace("+psycopg", "").replace("@", ":none@", 1)
            destination = dlt.destinations.postgres(address)
        return dlt.pipeline(
            "night", destination=destination, dataset_name="night", pipelines_dir=str(self.folder / "pipelines")
        )

    def load(self) -> int:
        """Extract, normalize, load and merge."""
        seen = 0

        @dlt.resource(name="tenants", primary_key="TenantID", write_disposition="merge")  # type: ignore[untyped-decorator]
        def tenants() -> Iterator[dict[str, Any]]:
            nonlocal seen
            for row in lean_rows(self.office) if self.way.startswith("lean") else soap_rows(self.office):
                seen += 1
                yield row

        more = {"loader_file_format": "csv"} if self.way.endswith("csv") else {}
        self._pipeline().run(tenants(), **more).raise_on_failed_jobs()
        return seen

    def held(self) -> Iterator[Mapping[str, Any]]:
        """Its table, with the names it gave the columns taken back."""
        pipeline = self._pipeline()
        pipeline.sync_destination()
        names = {pipeline.default_schema.naming.normalize_identifier(name): name for name in COLUMNS}
        with pipeline.sql_client() as client, client.execute_query("SELECT * FROM tenants") as found:
            cursor = found.native_cursor
            told = cursor.keys() if hasattr(cursor, "keys") else [each[0] for each in cursor.description]
            columns = [names.get(name) for name in told]
            for row in found.fetchall():
                yield {name: _in_utc(name, value) for name, value in zip(columns, row, strict=True) if name}


if __name__ == "__main__":
    peer.main(WithDlt)
