"""Shipped mappings that read no papers: ours are listed and made instead."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.portal.office import Office as PortalOffice
from pmsbridge.portal.session import TenantSession
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import TestClock
from pmsbridge_rest.adapter import create
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.sandbox import Office, SandboxServer
from pmsbridge_rest.shipped import file_of
from pmsbridge_rest.testing import account_options
from tests.adapters.rest.wire.office import FakeSecrets


@pytest.mark.parametrize(
    ("name", "keeps"), [("buildium", True), ("cubby", False), ("storedge", False), ("booqable", False)]
)
def test_where_a_mapping_reads_no_documents_ours_are_listed_and_each_opens(
    tmp_path: Path, name: str, *, keeps: bool
) -> None:
    clock = TestClock()
    office = Office(file_of(name), now=clock.now)
    with SandboxServer(office) as server, closing(open_database(f"sqlite:///{tmp_path}/b.db")) as database:
        options = account_options(office, name, load_mapping(file_of(name)), server.base_url)
        secrets = FakeSecrets()
        secrets.words |= {f"env:{each}": word for each, word in office.secrets.items()}
        adapter = create("main", options, secrets=secrets, clock=clock)
        session = TenantSession(
            PortalOffice(
                adapter=adapter, runtime=Runtime(database, {"main": adapter}, mailer=None, clock=clock), clock=clock,
                facility=office.terms.facility, tenant_id="1001", actor="tenant", wait=None,
            )
        )  # fmt: skip

        found = session.documents()

        assert adapter.keeps_papers is keeps
        assert bool(found) is (name == "cubby")  # the sandboxes of the others know of no payments
        assert all(paper.id.startswith("our:") is not keeps for paper in found)
        for paper in found:
            with session.document(paper.id) as content:
                assert b"".join(content.chunks)
        adapter.close()
