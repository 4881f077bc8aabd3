"""What a live dashboard costs a back office, in calls: three at most, or the reason why its interface asks for more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import live_dashboards


@pytest.mark.fact("S0.5")
@pytest.mark.parametrize("mapping", live_dashboards.MAPPED)
def test_a_live_dashboard_costs_at_most_three_calls_or_as_many_as_the_interface_asks_for(
    tmp_path: Path, mapping: str
) -> None:
    cost = live_dashboards.MAPPED[mapping]
    with live_dashboards.before(mapping, tmp_path) as look:
        seen = {tenant_id: look(tenant_id) for tenant_id in ("1001", "1002")}

    assert {rentals for rentals, _ in seen.values()} == {1, 2}
    for rentals, calls in seen.values():
        assert cost.may_be(rentals, calls), (mapping, rentals, calls, cost.of(rentals))
