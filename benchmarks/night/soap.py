"""Reading the answer with zeep, as its documentation teaches. Runs in the peers' environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import zeep

from benchmarks.night.peer import LOG_ON
from benchmarks.night.rows import COLUMNS, FACILITY, OPERATION, TABLE

__all__ = ["soap_rows"]


def soap_rows(office: str) -> Iterator[dict[str, Any]]:
    """One dictionary per tenant; zeep makes numbers, dates and yes-or-no of the cells."""
    make_client: Any = zeep.Client
    settings = zeep.Settings(xml_huge_tree=True)
    client = make_client(f"{office}/CCWs_3.5/ReportingWs.asmx?wsdl", settings=settings)
    result = getattr(client.service, OPERATION)(**LOG_ON, sLocationCode=FACILITY, lngLastTimePolled="0")
    for found in result["_value_1"]["_value_1"]:
        row = found[TABLE]
        yield {name: row[name] for name in COLUMNS}
