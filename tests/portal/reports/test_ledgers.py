"""How customers paid, read from one ledger per rental where a report wants it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.testing.memory import MemoryAdapter
from tests import builders as make
from tests.facts.portal import MONEY, in_memory

DAYS = (date(2026, 1, 1), date(2026, 12, 31))


def test_a_report_says_what_was_paid_when_ledgers_are_read(tmp_path: Path) -> None:
    with in_memory(tmp_path) as portal:
        portal.bridge.sync()
        portal.session.pay_rental("R1", MONEY, key=portal.key)

        without = portal.bridge.customer_figures("F1", *DAYS)
        found = portal.bridge.customer_figures("F1", *DAYS, read_ledgers=True)

        assert {row.paid for row in without} == {None}
        assert [row.tenant_id for row in without] == [row.tenant_id for row in found]
        desk = portal.bridge.staff("F1", "T1", actor="staff:ann").figures(*DAYS)
        assert [row.paid for row in found if row.tenant_id == "T1"] == [desk.paid] == [make.usd("120.00")]


def test_a_back_office_that_is_away_is_no_report_without_money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> list[LedgerEntry]:
        raise UnavailableError("away")

    with in_memory(tmp_path) as portal:
        portal.bridge.sync()
        monkeypatch.setattr(MemoryAdapter, "ledger", away)

        with pytest.raises(UnavailableError):
            portal.bridge.customer_figures("F1", *DAYS, read_ledgers=True)
        assert portal.bridge.customer_figures("F1", *DAYS)
        with pytest.raises(InputError):
            portal.bridge.customer_figures("F1", *DAYS, read_ledgers="no")  # type: ignore[arg-type]
