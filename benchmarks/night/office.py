"""The SiteLink sandbox with many more tenants, in a process of its own; told what to do by lines on standard input.

Everything but the list of tenants is answered by the sandbox itself. That list is written to a file beforehand, by the
sandbox's own writers, and sent from it: what is measured is who reads, not how fast a sandbox in Python writes.

Each line ``N P`` makes N tenants of which P in a hundred have changed, and is answered by ``ready``; the first line out
is the address.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.night.rows import OPERATION, cells, version_of
from pmsbridge_sitelink.sandbox.contract import OPERATIONS
from pmsbridge_sitelink.sandbox.dataset import Row, Rowset, Value, _element_rows, schema
from pmsbridge_sitelink.sandbox.faults import Rule
from pmsbridge_sitelink.sandbox.people import tenant_row
from pmsbridge_sitelink.sandbox.records import Site
from pmsbridge_sitelink.sandbox.replies import Reply
from pmsbridge_sitelink.sandbox.server import SandboxServer
from pmsbridge_sitelink.sandbox.soap import Request, envelope
from pmsbridge_sitelink.sandbox.tables import TENANT_LIST
from pmsbridge_sitelink.sandbox.visit import Answer

_PIECE = 65_536
_MARK = "@rows@"


def _row(number: int, changed_percent: int) -> Row:
    told = cells(number, version_of(number, changed_percent))
    found: dict[str, Value] = {name: text == "true" if name.startswith("b") else text for name, text in told.items()}
    return found


def _rows(site: Site, tenants: int, changed_percent: int) -> Iterator[Row]:
    yield from (tenant_row(site, tenant) for tenant in site.tenants.values())
    yield from (_row(number, changed_percent) for number in range(tenants))


def write_answer(server: SandboxServer, path: Path, tenants: int, changed_percent: int) -> None:
    """The whole answer, in a file."""
    site = server.office.site("L001")
    rowset = Rowset(TENANT_LIST, cast("Any", _rows(site, tenants, changed_percent)))
    head = (
        '<diffgr:diffgram xmlns:msdata="urn:schemas-microsoft-com:xml-msdata" '
        'xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1"><NewDataSet xmlns="">'
    )
    tail = "</NewDataSet></diffgr:diffgram>"
    operation = OPERATIONS["ReportingWs"][OPERATION]
    start, _, end = envelope(operation, schema([rowset]), f"{head}{_MARK}{tail}").partition(_MARK)
    with path.open("w", encoding="utf-8") as answer:
        answer.write(start)
        answer.writelines(_element_rows(rowset))
        answer.write(end)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as answer:
        while piece := answer.read(_PIECE):
            yield piece


def serve(folder: Path) -> None:
    """Until standard input ends."""
    path = folder / "tenants.xml"
    with SandboxServer(units=40, sites=1) as server:
        gateway: Any = server.gateway
        sent = gateway._sent  # noqa: SLF001 - who was let in, and what was asked, the sandbox has judged by then

        def from_file(request: Request, rule: Rule | None, run: Callable[[], Answer]) -> Reply:
            if request.operation.name == OPERATION and rule is None:
                return Reply(200, _pieces(path))
            reply: Reply = sent(request, rule, run)
            return reply

        gateway._sent = from_file  # noqa: SLF001
        print(json.dumps({"url": server.base_url}), flush=True)
        for line in sys.stdin:
            tenants, changed_percent = map(int, line.split())
            write_answer(server, path, tenants, changed_percent)
            print("ready", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="pmsbridge-bench-") as room:
        serve(Path(room))
