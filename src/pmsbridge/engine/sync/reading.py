"""One noun of one facility: rows from the back office into the mirror, with what is noticed on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.sources import fingerprint_of, rows_from
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.rental import Rental, RentalState, step_is_allowed
from pmsbridge.ports.adapter import Adapter, Query
from pmsbridge.store.mirror import Scope, UpsertCounts
from pmsbridge.store.mirror_batch import Different
from pmsbridge.store.mirror_pass import Pass
from pmsbridge.store.oddities import oddities

__all__ = ["Reading", "Tally"]


@dataclass(slots=True)
class Tally:
    """What a reading has come to.

    Attributes:
        calls: Of the back office.
        bytes_read: Of its answers.
        findings: Things noticed.
    """

    counts: UpsertCounts = field(default_factory=UpsertCounts)
    calls: int = 0
    bytes_read: int = 0
    findings: int = 0
    deleted: int = 0
    held: int = 0
    unreadable: int = 0
    is_complete: bool = False


class Reading:
    """Reads one scope; ``tally`` says how far it is at any moment, also after an error."""

    def __init__(self, runtime: Runtime, adapter: Adapter, query: Query, scope: Scope, run_id: str) -> None:
        self._runtime, self._adapter, self._query, self._scope = runtime, adapter, query, scope
        self._run_id = run_id
        self.tally = Tally()

    def begin(self, *, is_full: bool) -> Pass:
        """Look where to start."""
        fingerprint = fingerprint_of(self._adapter, self._query)
        return self._runtime.mirror.reading(self._scope, self._run_id, is_full=is_full, fingerprint=fingerprint)

    def run(self, started: Pass, *, cap_percent: int, told: Callable[[], None]) -> None:
        """Read to the end.

        Args:
            started: What ``begin`` gave.
            cap_percent: The largest share of records that may be missing before nothing is deleted.
            told: Called after every committed batch.
        """
        tally = self.tally
        for rows in rows_from(self._adapter, self._query, since=started.since, resume=started.resume):
            different = started.take(rows)
            tally.counts, tally.unreadable = started.counts, started.unreadable
            tally.calls += rows.calls
            tally.bytes_read += rows.bytes_read
            tally.is_complete = rows.is_complete
            self._watch_steps(different)
            told()
        ended = started.finish(is_complete=tally.is_complete, cap_percent=cap_percent)
        tally.deleted, tally.held = ended.deleted, ended.held
        tally.findings += int(ended.held > 0)
        if started.unreadable:
            self._add("unreadable_rows", f"{started.unreadable} {self._scope.entity} rows could not be read")

    def _watch_steps(self, different: Iterable[Different]) -> None:
        """A rental that took a step no rental takes is for a person to look at."""
        if self._scope.entity != Rental.entity:
            return
        for row in different:
            before, after = RentalState(row.before["state"]), RentalState(row.after["state"])
            if not step_is_allowed(before, after):
                text = f"rental {row.id} (unit {row.after['unit_number']}) went from {before} to {after}"
                self._add("impossible_rental_step", text, subject=row.id)

    def look_around(self) -> int:
        """Compare the facility's records with each other; returns how many impossible states there are."""
        found = oddities(self._runtime.database, self._scope.account, self._scope.facility)
        for odd in found:
            self._add(odd.code, odd.text, subject=odd.id, entity=odd.entity)
        return len(found)

    def _add(self, code: str, text: str, *, subject: str = "", entity: str = "") -> None:
        scope = self._scope
        key = "/".join(filter(None, (scope.account, scope.facility, entity or scope.entity, subject)))
        self.tally.findings += 1
        self._runtime.findings.add(
            Finding(
                code=code, severity=Severity.WARNING, account=scope.account, facility=scope.facility, subject=key,
                text=text, found_at=self._runtime.clock.now(),
            )
        )  # fmt: skip
