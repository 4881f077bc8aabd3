"""A night that asks only for what changed: which part of the request says since when, and what a deleted row does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pmsbridge.ports.adapter import Entity, Query
from pmsbridge_rest.adapter import RestAdapter, create
from tests.adapters.rest.wire.harbor_office import HarborOffice, opened_harbor
from tests.adapters.rest.wire.test_adapter import HARBOR, SECRETS, SITE, options

BY_QUERY = "since: {name: changed_after, bound: exclusive, row_changed_at: changed_at}"
TENANTS = Query(Entity.TENANTS, SITE)
MARK = "2026-05-08T09:55:00Z"
"""Five minutes, which is the overlap, before the newest customer changed."""


@pytest.fixture
def office() -> Iterator[HarborOffice]:
    with opened_harbor() as found:
        yield found


@contextmanager
def asking(office: HarborOffice, folder: Path, since: str) -> Iterator[RestAdapter]:
    """The sample, asking for what changed in another way."""
    text = HARBOR.read_text(encoding="utf-8")
    assert BY_QUERY in text
    mapping = folder / "harbor.yaml"
    mapping.write_text(text.replace(BY_QUERY, f"since: {since}"), encoding="utf-8")
    adapter = create("main", options(office, mapping=str(mapping)), secrets=SECRETS)
    yield adapter
    adapter.close()


def test_since_when_travels_in_a_header(office: HarborOffice, tmp_path: Path) -> None:
    with asking(office, tmp_path, "{carried: header, name: X-Changed, row_changed_at: changed_at}") as adapter:
        (everything,) = adapter.pull(TENANTS)
        assert "x-changed" not in office.seen[-1].headers

        list(adapter.pull(TENANTS, since=everything.cursor))

    assert office.seen[-1].headers["x-changed"] == MARK
    assert MARK not in office.seen[-1].target


@pytest.mark.parametrize("carried", ["query", "header"])
def test_since_when_travels_within_one_json_text(office: HarborOffice, tmp_path: Path, carried: str) -> None:
    text = 'filter: {name: X-Filter, json_text: {changed: {after: "{read.since}"}, all: true}}'
    with asking(office, tmp_path, f"{{carried: {carried}, {text}, row_changed_at: changed_at}}") as adapter:
        (everything,) = adapter.pull(TENANTS)
        first = office.seen[-1]
        list(adapter.pull(TENANTS, since=everything.cursor))
        asked = office.seen[-1]

    assert "X-Filter" not in first.query
    assert "x-filter" not in first.headers
    sent = asked.query["X-Filter"] if carried == "query" else asked.headers["x-filter"]
    assert json.loads(sent) == {"changed": {"after": MARK}, "all": True}


def test_a_row_that_is_flagged_as_deleted_is_gone(office: HarborOffice, tmp_path: Path) -> None:
    flagged = "{name: changed_after, row_changed_at: changed_at, deleted_when: {body: {is_gone: true}}}"
    with asking(office, tmp_path, flagged) as adapter:
        (everything,) = adapter.pull(TENANTS)
        assert (list(everything.ids), list(everything.gone)) == (["7", "8"], [])
        office.customers["8"] |= {"is_gone": True, "changed_at": "2026-05-08T10:01:00Z"}

        (changed,) = adapter.pull(TENANTS, since=everything.cursor)

    assert list(changed.gone) == ["8"]
    assert "8" not in changed.ids
