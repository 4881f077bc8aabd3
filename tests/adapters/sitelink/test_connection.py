"""What an account bears: one log-on at a time, and so many calls a month; and how a night's answer is held."""

from __future__ import annotations

import errno
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from pmsbridge.actions.effects import SetAutopay
from pmsbridge.errors import UnavailableError
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.transport.http import HttpClient, HttpLimits
from pmsbridge_sitelink.adapter import SiteLinkAdapter
from pmsbridge_sitelink.connection import Connection
from pmsbridge_sitelink.sandbox import SandboxControl
from pmsbridge_sitelink.settings import read_settings
from pmsbridge_sitelink.wire import Table
from tests.adapters.sitelink.office import (
    LUKASZ,
    RENEE,
    SIOBHAN,
    SITE,
    FixedSecrets,
    Judge,
    OfficeClock,
    adapter_on,
    attempt,
    options,
)


def test_calls_of_one_account_never_overlap(office: SandboxControl) -> None:
    """Parallel log-ons of one account fail with -99."""
    office.settings(overlap_refused=True)
    office.inject("TenantInfoByTenantID", "delay", seconds=0.1, count=0)
    adapter = adapter_on(office, limits={"read_attempts": 1})
    failures: list[Exception] = []

    def read(tenant_id: str) -> None:
        try:
            adapter.tenant(SITE, tenant_id)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=read, args=(who,)) for who in (RENEE, SIOBHAN, LUKASZ, RENEE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert failures == []
    assert {call["return_code"] for call in office.calls("TenantInfoByTenantID")} <= {None, 0, 1}


def test_calls_may_overlap_where_the_account_bears_it(office: SandboxControl) -> None:
    office.settings(overlap_refused=True)
    office.inject("TenantInfoByTenantID", "delay", seconds=0.3, count=0)
    adapter = adapter_on(office, limits={"concurrency": 2, "read_attempts": 1})
    failures: list[Exception] = []

    def read(tenant_id: str) -> None:
        try:
            adapter.tenant(SITE, tenant_id)
        except UnavailableError as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(who,)) for who in (RENEE, SIOBHAN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [error.code for error in failures if isinstance(error, UnavailableError)] == ["general_exception"]


def test_included_calls_warn_and_do_not_stop(office: SandboxControl) -> None:
    adapter = adapter_on(office, limits={"monthly_calls": 2})

    for _ in range(4):
        adapter.tenant(SITE, RENEE)


def test_a_monthly_stop_stops_before_anything_is_sent_and_per_location(office: SandboxControl) -> None:
    adapter = adapter_on(office, limits={"monthly_calls": 2, "stop_at_monthly_calls": True})
    for _ in range(2):
        adapter.tenant(SITE, RENEE)

    with pytest.raises(UnavailableError) as stopped:
        adapter.tenant(SITE, RENEE)

    assert stopped.value.code == "monthly_budget_spent"
    assert len(office.calls()) == 2
    assert adapter.tenant("L002", RENEE).ref.facility == "L002"


def test_every_effect_has_the_accounts_lane(office: SandboxControl) -> None:
    adapter = adapter_on(office)

    assert adapter.connection.lane == "sitelink:CCTST:demo"
    assert adapter.send_timeout > adapter.connection.settings.timeouts.write


# a night's answer


def in_time(work: Callable[[], object]) -> list[object]:
    """What ``work`` returned, or nothing when it still waits after some seconds."""
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(work()), daemon=True)
    thread.start()
    thread.join(5)
    return done


def test_a_person_is_served_while_a_nights_rows_are_worked_on(
    adapter: SiteLinkAdapter, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pmsbridge_sitelink.fetching._BATCH_ROWS", 10)
    rental = judge.rental(RENEE, "015")["ledger_id"]
    stop = SetAutopay(account="demo", facility=SITE, tenant_id=RENEE, rental_id=str(rental), on=False)
    night = adapter.fetch(Query(Entity.UNITS, SITE))
    first = next(night)

    read = in_time(lambda: adapter.tenant(SITE, RENEE).id)
    written = in_time(lambda: adapter.execute(stop, attempt()).read_back)
    rest = list(night)

    assert (read, written) == ([RENEE], [True])
    assert len(first.records) == 10
    assert len(first.records) + sum(len(batch.records) for batch in rest) == 40
    assert rest[-1].is_complete


def test_of_an_answer_that_breaks_off_no_row_is_handed_out(
    adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[tuple[str, dict[str, str]]]:
        yield "Table", {"UnitID": "1"}
        raise UnavailableError("the answer broke off", code="broken")

    answering(monkeypatch, broken)
    seen: list[object] = []

    with pytest.raises(UnavailableError, match="broke off"):
        seen.extend(units_of(adapter.connection))

    assert seen == []


def test_a_refusal_behind_the_rows_is_told_before_any_of_them(
    adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, lambda: iter([("Table", {"UnitID": "1"}), (Table.RETURN, {"Ret_Code": "-99"})]))
    seen: list[object] = []

    with pytest.raises(UnavailableError):
        seen.extend(units_of(adapter.connection))

    assert seen == []


def test_rows_come_back_from_disk_as_they_were(adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ("Table", {"UnitID": "1", "sUnitName": "Zażółć 東京 \U0001f600"}),
        ("Table", {"sNote": "one\ntwo\r\nthree\u2028four\u0085five", "sEmpty": "", "sQuote": '"\\'}),
        ("Table1", {}),
    ]
    answering(monkeypatch, lambda: iter(rows))

    assert list(units_of(adapter.connection)) == rows


def test_an_answer_without_a_row_is_empty(adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda: iter([(Table.RETURN, {"Ret_Code": "1"})]))

    assert list(units_of(adapter.connection)) == []


def test_memory_does_not_grow_with_a_nights_answer(adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 20_000
    answering(monkeypatch, lambda: (("Table", {"UnitID": str(n), "sNote": "x" * 200 + str(n)}) for n in range(count)))
    tracemalloc.start()
    try:
        seen = sum(1 for _ in units_of(adapter.connection))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert seen == count
    assert peak < 1_000_000


def test_a_nights_answer_may_be_larger_than_one_a_person_waits_for(office: SandboxControl) -> None:
    small = HttpClient(HttpLimits(raw_bytes=4_000, decoded_bytes=4_000))
    settings = read_settings("demo", options(office))
    with closing(Connection("demo", settings, secrets=FixedSecrets(), clock=OfficeClock(office), http=small)) as asked:
        rows = list(units_of(asked))
        with pytest.raises(UnavailableError) as refused:
            asked.read("UnitsInformation_v3", SITE, {"lngLastTimePolled": "0", "bReturnExcludedFromWebsiteUnits": True})

    assert len(rows) > 40
    assert refused.value.code == "answer_too_large"


def test_a_nights_answer_is_bounded_too(office: SandboxControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmsbridge_sitelink.connection._BATCH_BYTES", 4_000)

    with pytest.raises(UnavailableError) as refused:
        list(adapter_on(office).pull(Query(Entity.UNITS, SITE)))

    assert refused.value.code == "answer_too_large"


def test_a_full_disk_is_told_as_no_usable_answer(adapter: SiteLinkAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_named: Any) -> Any:
        raise OSError(errno.ENOSPC, "no space left on device", "/secret/folder")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)

    with pytest.raises(UnavailableError) as failed:
        list(units_of(adapter.connection))

    assert failed.value.code == "no_room_for_the_answer"
    assert "/secret/folder" not in str(failed.value)


def units_of(connection: Connection) -> Iterator[tuple[str, Any]]:
    params = {"lngLastTimePolled": "0", "bReturnExcludedFromWebsiteUnits": True}
    return connection.stream("UnitsInformation_v3", SITE, params, Table.ROWS, Table.ROWS_1)


def answering(monkeypatch: pytest.MonkeyPatch, rows: Callable[[], Iterator[tuple[str, Any]]]) -> None:
    """Every call is answered with these rows."""

    class Reader:
        bytes_read = 0

        def cut_tables(self, *_names: str, cut: object, passed: object = None) -> Iterator[tuple[str, Any]]:
            return rows()

    @contextmanager
    def called(*_args: Any, **_named: Any) -> Iterator[Reader]:
        yield Reader()

    monkeypatch.setattr(Connection, "_called", called)
