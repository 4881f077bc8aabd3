"""One run: what it writes, what it tells, and which accounts it has given up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pmsbridge.engine.deliver import Beat, Runtime
from pmsbridge.engine.refusals import concerns_facility
from pmsbridge.engine.sync.facts import SyncProgress
from pmsbridge.engine.sync.reading import Tally
from pmsbridge.engine.sync.resuming import LongRun
from pmsbridge.engine.sync.telling import EntityFinished, SyncEvent
from pmsbridge.errors import ConfigurationError
from pmsbridge.logging import get_logger
from pmsbridge.store.mirror import Mirror, Scope, SyncRow, UpsertCounts
from pmsbridge.store.mirror_writes import RUN_ID_TIME

__all__ = ["Began", "How", "Night", "StopError"]

_log = get_logger(__name__)


class StopError(Exception):
    """Another process has taken this run over."""


@dataclass(frozen=True, slots=True)
class How:
    """What is done with every scope.

    Attributes:
        cap_percent: The largest share of records that may be missing before nothing is deleted.
    """

    full: bool
    rewrite: bool
    cap_percent: int


class Night:
    """One run: what it writes, what it tells, and which accounts it has given up."""

    def __init__(
        self,
        runtime: Runtime,
        how: How,
        progress: Callable[[SyncProgress], None] | None,
        watch: Callable[[SyncEvent], None] | None,
        beat: Beat | None,
        long: LongRun | None,
        *,
        by_clock: bool,
    ) -> None:
        self.runtime = runtime
        self.how = how
        self.mirror: Mirror = runtime.mirror
        self.started_at = runtime.clock.now() if long is None else long.began_at
        made = f"{self.started_at.strftime(RUN_ID_TIME)}-{uuid.uuid4().hex[:8]}"
        self.run_id = (long.run_id if long is not None else "") or made
        self._done: Mapping[Scope, SyncRow] = {} if long is None else long.done
        self.rows: list[SyncRow] = []
        self._given_up: dict[tuple[str, str], str] = {}
        self._by_clock = by_clock
        self._progress = progress
        self.watch = watch
        self._beat = beat

    def has_done(self, scope: Scope) -> bool:
        """Whether an earlier process of this run has brought a scope to its end; its line is in the report, too."""
        row = self._done.get(scope)
        if row is not None:
            self.rows.append(row)
            self.say(EntityFinished(self.run_id, row))
        return row is not None

    def say(self, event: SyncEvent) -> None:
        """Hand an event to whoever watches."""
        if self.watch is not None:
            self.watch(event)

    def tell(self, scope: Scope, counts: UpsertCounts, *, is_done: bool = False, error: str = "") -> None:
        """Say how far it is, and learn whether to go on."""
        if self._progress is not None:
            self._progress(SyncProgress(scope.account, scope.facility, scope.entity, counts, is_done, error))
        self.go_on()

    def go_on(self) -> None:
        """Learn whether to go on.

        Raises:
            StopError: This run ends where it is.
        """
        if self._beat is not None and not self._beat():
            raise StopError

    def close(self, scope: Scope, began: Began, tally: Tally, *, error: str = "", failure: str = "") -> None:
        """Keep what became of a scope."""
        row = SyncRow(
            self.run_id, scope, began.at, self.runtime.clock.now(), tally.counts, tally.deleted, error, failure,
            tally.calls, tally.bytes_read, began.seconds(self.runtime), tally.findings,
        )  # fmt: skip
        self.rows.append(row)
        self.mirror.report(row)
        self.say(EntityFinished(self.run_id, row))
        if error:
            _log.warning("sync_failed", account=scope.account, facility=scope.facility, entity=scope.entity, why=error)
        self.tell(scope, tally.counts, is_done=True, error=error)

    def why_not(self, scope: Scope) -> str:
        """Why a scope is not tried; empty when it is."""
        given_up = self._given_up.get((scope.account, "")) or self._given_up.get((scope.account, scope.facility))
        why = given_up or (self.runtime.refusals.why_not(scope.account) if self._by_clock else "")
        return f"not tried: {why}" if why else ""

    def give_up(self, scope: Scope, error: Exception) -> None:
        """What a person must put right is not tried again tonight, and refused credentials no other night either."""
        if isinstance(error, ConfigurationError):
            facility = scope.facility if concerns_facility(error) else ""
            self._given_up[scope.account, facility] = error.message
            self.runtime.refusals.remember(scope.account, error)


@dataclass(frozen=True, slots=True)
class Began:
    """When something began, by both clocks."""

    at: datetime
    monotonic: float

    @classmethod
    def now(cls, runtime: Runtime) -> Self:
        """At this moment."""
        return cls(runtime.clock.now(), runtime.clock.monotonic())

    def seconds(self, runtime: Runtime) -> float:
        """How long ago."""
        return runtime.clock.monotonic() - self.monotonic
