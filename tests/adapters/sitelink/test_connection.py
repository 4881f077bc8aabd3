"""What an account bears: one log-on at a time, and so many calls a month."""

from __future__ import annotations

import threading

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge_sitelink.sandbox import SandboxControl
from tests.adapters.sitelink.office import LUKASZ, RENEE, SIOBHAN, SITE, adapter_on


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
