"""How customers paid, read from one ledger per rental where a report wants it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.model.ledger import LedgerEntry
from pmsbridge.model.record import Source
from pmsbridge.ports.adapter import Batch, Entity, Query
from pmsbridge.testing.memory import MemoryAdapter
from tests import builders as make
from tests.facts.portal import MONEY, in_memory

DAYS = (date(2026, 1, 1), date(2026, 12, 31))
DAWN = datetime(1970, 1, 1, tzinfo=UTC)


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


class KeepingAdapter(MemoryAdapter):
    """A back office that lists its ledgers at night."""

    copied_besides = (Entity.LEDGER_ENTRIES,)

    def fetch(self, query: Query, *, since: str | None = None) -> Iterator[Batch]:
        if query.entity is not Entity.LEDGER_ENTRIES:
            yield from super().fetch(query, since=since)
            return
        yield Batch([entry for code, entry in self.office.books.entries if code == query.facility], None, True)


def test_ledgers_that_are_copied_are_read_from_the_copy_and_say_of_when_they_are(tmp_path: Path) -> None:
    with in_memory(tmp_path, KeepingAdapter) as portal:
        portal.bridge.sync()
        copied_at = portal.clock.now()
        portal.clock.advance(timedelta(hours=1))
        portal.session.pay_rental("R1", MONEY, key=portal.key)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MemoryAdapter, "ledger", lambda *_: pytest.fail("the back office was asked"))
            before = [portal.bridge.customer_figures("F1", *DAYS, read_ledgers=live) for live in (False, True)]
        portal.bridge.sync()
        (after, *_) = portal.bridge.customer_figures("F1", *DAYS)

        assert before[0] == before[1]
        assert {(row.paid, row.ledger_source) for row in before[0]} == {(make.usd("0.00"), Source.MIRROR)}
        assert all(copied_at <= (row.ledger_as_of or DAWN) < portal.clock.now() for row in before[0])
        assert (after.tenant_id, after.paid, after.lifetime_paid) == ("T1", make.usd("120.00"), make.usd("120.00"))
        assert after.ledger_as_of is not None
        assert after.ledger_as_of > copied_at


def test_what_was_read_live_says_so(tmp_path: Path) -> None:
    with in_memory(tmp_path) as portal:
        portal.bridge.sync()

        (found, *_) = portal.bridge.customer_figures("F1", *DAYS, read_ledgers=True)
        (without, *_) = portal.bridge.customer_figures("F1", *DAYS)

        assert (found.ledger_source, found.ledger_as_of) == (Source.LIVE, portal.clock.now())
        assert (without.ledger_source, without.lifetime_paid) == (None, None)
