"""One noun of one facility: rows from the back office into the mirror, with what is noticed on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.sources import fingerprint_of, rows_from
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.model.rental import Rental, RentalState, step_is_allowed
from pmsbridge.ports.adapter import Adapter, Query
from pmsbridge.ports.streams import Document, Rows
from pmsbridge.store.mirror import Scope, UpsertCounts
from pmsbridge.store.mirror_batch import Different
from pmsbridge.store.mirror_pass import Pass
from pmsbridge.store.oddities import MOST_ODDITIES, ODDITIES, oddities

__all__ = ["Reading", "Tally"]

_SHOWN: Final = 5
_STATES: Final = frozenset(state.value for state in RentalState)
_OVER: Final = "a later reading found it healed"


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
        rows = Rows((), (), json.loads)
        source = rows_from(
            self._adapter, self._query, since=started.since, resume=started.resume, held=started.held
        )  # fmt: skip
        for rows in source:
            self._count(started, rows, started.take(rows))
            told()
        self._watch_steps(started.take_rest(rows.document))
        tally.counts, tally.unreadable = started.counts, started.unreadable
        ended = started.finish(is_complete=tally.is_complete, cap_percent=cap_percent)
        tally.deleted, tally.held = ended.deleted, ended.held
        self._find(started, is_whole=tally.is_complete and started.since is None)

    def _count(self, started: Pass, rows: Rows, different: Iterable[Different]) -> None:
        tally = self.tally
        tally.counts, tally.unreadable = started.counts, started.unreadable
        tally.calls += rows.calls
        tally.bytes_read += rows.bytes_read
        tally.is_complete = rows.is_complete
        self._watch_steps(different)

    def _find(self, started: Pass, *, is_whole: bool) -> None:
        """What the reading noticed; what a whole one did not notice any more is over."""
        noun, held = self._scope.entity, self.tally.held
        self.tally.findings += int(held > 0)
        if started.unreadable:
            self._add("unreadable_rows", f"{started.unreadable} {noun} rows could not be read")
        if repeated := started.repeats.ids:
            some = ", ".join(sorted(repeated)[:_SHOWN])
            text = f"{len(repeated)} {noun} ids came twice and said different things ({some}): the last row counts"
            self._add("id_came_twice", text)
        if is_whole:
            is_over = {
                "mass_deletion_held": not held,
                "unreadable_rows": not started.unreadable,
                "id_came_twice": not repeated,
            }
            self._close({code for code, over in is_over.items() if over}, subject=self._subject())

    def _watch_steps(self, different: Iterable[Different]) -> None:
        """A rental that took a step no rental takes is for a person to look at."""
        if self._scope.entity != Rental.entity:
            return
        for row in different:
            before, after = _state_of(row.before), _state_of(row.after)
            # Where somebody else has written into the mirror, nothing is known of the state before.
            if before is not None and after is not None and not step_is_allowed(before, after):
                text = f"rental {row.id} (unit {row.after['unit_number']}) went from {before} to {after}"
                self._add("impossible_rental_step", text, subject=row.id)

    def look_around(self) -> int:
        """Compare the facility's records with each other; returns how many impossible states there are.

        Findings of states that are possible again are closed.
        """
        found = oddities(self._runtime.database, self._scope.account, self._scope.facility)
        for odd in found:
            self._add(odd.code, odd.text, subject=odd.id, entity=odd.entity)
        still = {self._subject(odd.entity, odd.id) for odd in found}
        many = Counter(odd.code for odd in found)
        self._close({code for code in ODDITIES if many[code] < MOST_ODDITIES}, but=still)
        return len(found)

    def _subject(self, entity: str = "", subject: str = "") -> str:
        scope = self._scope
        return "/".join(filter(None, (scope.account, scope.facility, entity or scope.entity, subject)))

    def _close(self, codes: Collection[str], *, subject: str = "", but: Collection[str] = ()) -> None:
        """End findings of what is over.

        Args:
            codes: Which.
            subject: Only of this; empty for all of the facility.
            but: Not of these.
        """
        scope, findings = self._scope, self._runtime.findings
        for found in findings.open(account=scope.account, facility=scope.facility):
            about = found.finding.subject
            if found.finding.code in codes and about not in but and subject in {"", about}:
                findings.close(found.number, self._runtime.clock.now(), by="pmsbridge", note=_OVER)

    def _add(self, code: str, text: str, *, subject: str = "", entity: str = "") -> None:
        scope = self._scope
        self.tally.findings += 1
        self._runtime.findings.add(
            Finding(
                code=code, severity=Severity.WARNING, account=scope.account, facility=scope.facility,
                subject=self._subject(entity, subject), text=text, found_at=self._runtime.clock.now(),
            )
        )  # fmt: skip


def _state_of(rental: Document) -> RentalState | None:
    state = rental.get("state")
    return RentalState(state) if state in _STATES else None
