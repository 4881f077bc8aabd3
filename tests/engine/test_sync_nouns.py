"""What a night copies of a back office that lists more than others do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync import ALL_ENTITIES, FacilityKey, Sync, copied_of
from pmsbridge.model.portal_accounts import AccessLevel, PortalAccount
from pmsbridge.model.record import VendorRef
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.store.database import open_database
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock

WIDE, PLAIN = FacilityKey("wide", "F1"), FacilityKey("plain", "F2")


class WideAdapter(MemoryAdapter):
    """Lists who may use the portal, too."""

    copied_besides = (Entity.PORTAL_ACCOUNTS, Entity.TENANTS)

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        if query.entity is not Entity.PORTAL_ACCOUNTS:
            yield from super().fetch(query, since=since)
            return
        ref = VendorRef(
            system="memory", account="wide", facility=query.facility, entity="portal_account", id="T1",
            seen_at=self._now,
        )  # fmt: skip
        yield Batch([PortalAccount(ref=ref, tenant_id="T1", login="5125550101", access=AccessLevel.FULL)], None, True)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    clock = TestClock()
    wide = MemoryOffice(clock, account="wide", facilities=("F1",))
    plain = MemoryOffice(clock, account="plain", facilities=("F2",))
    database = open_database(f"sqlite:///{tmp_path}/bridge.db")
    yield Runtime(database, {"wide": WideAdapter(wide), "plain": MemoryAdapter(plain)}, clock=clock)
    database.close()


def parts_of(runtime: Runtime, key: FacilityKey, *, full: bool = False) -> list[str]:
    return [row.scope.entity for row in Sync(runtime).run([key], full=full).rows]


def test_a_night_copies_what_an_adapter_lists_besides_and_nothing_twice(runtime: Runtime) -> None:
    assert parts_of(runtime, WIDE) == ["facility", "unit", "tenant", "rental", "portal_account"]
    assert parts_of(runtime, PLAIN) == ["facility", "unit", "tenant", "rental"]
    assert runtime.mirror.get("wide", "F1", "portal_account", "T1") is not None
    assert copied_of(None) == ALL_ENTITIES


def test_a_full_run_a_plan_and_a_compare_are_about_the_same_nouns(runtime: Runtime) -> None:
    assert "portal_account" in parts_of(runtime, WIDE, full=True)

    planned = {line.account: line.calls_by_part for line in Sync(runtime).plan([WIDE, PLAIN]).lines}
    checked = Sync(runtime).verify(WIDE)

    assert "portal_account" in planned["wide"]
    assert "portal_account" not in planned["plain"]
    assert checked.is_equal
    assert checked.compared > Sync(runtime).verify(WIDE, ALL_ENTITIES).compared


def test_what_is_named_is_all_that_is_copied(runtime: Runtime) -> None:
    report = Sync(runtime).run([WIDE, PLAIN], [Entity.UNITS])

    assert [(row.scope.account, row.scope.entity) for row in report.rows] == [("wide", "unit"), ("plain", "unit")]
