"""A run by hand that reads everything anew, and is gone on with when its process was killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.sync.facts import FacilityKey, Wanted
from pmsbridge.engine.sync.sources import fingerprint_of
from pmsbridge.errors import PmsBridgeError
from pmsbridge.ports.adapter import Entity, Query
from pmsbridge.store.copies import rows_of_run
from pmsbridge.store.mirror import Scope, SyncRow
from pmsbridge.store.mirror_writes import RUN_ID_TIME
from pmsbridge.store.runs import FULL_SYNC, RunState

__all__ = ["LongRun", "kind_of"]

_STALE: Final = timedelta(hours=6)
_OWNER: Final = "by hand"
_HELD_BY_NOBODY: Final = timedelta(seconds=-1)
"""Readings fence each other, so nobody has to wait until a killed run's lease is over."""


class LongRun:
    """What a run has done already, and the mark that it has not ended yet.

    Attributes:
        run_id: Under which it reports; that of the killed run when it goes on with one. Empty: any.
        began_at: When the first process of it began.
        done: By scope, what an earlier process of the same run has brought to its end without a failure.
    """

    def __init__(self, runtime: Runtime, kind: str) -> None:
        """Begin a run, or go on with the last one of this kind.

        Args:
            runtime: Whose runs.
            kind: What ``kind_of`` says.
        """
        self._runtime, self._name = runtime, f"{FULL_SYNC}{kind}"
        self.began_at = runtime.clock.now()
        self.done: Mapping[Scope, SyncRow] = {}
        before = runtime.runs.newest(self._name)
        if before is not None and before.state is RunState.RUNNING and self.began_at - before.slot <= _STALE:
            self.began_at = before.slot
            self.run_id = _run_id(self._name, before.slot)
            rows = rows_of_run(runtime.database, self.run_id)
            self.done = {row.scope: row for row in rows if not row.error}
        else:
            is_new = runtime.runs.start(self._name, self.began_at, _OWNER, _HELD_BY_NOBODY)
            self.run_id = _run_id(self._name, self.began_at) if is_new else ""

    def end(self) -> None:
        """It has come to its end, whatever its parts say: the next one begins anew."""
        self._runtime.runs.finish(self._name, self.began_at, _OWNER)


def kind_of(runtime: Runtime, wanted: Wanted, *options: object) -> str:
    """What has to be the same for one run to go on with another: facilities, nouns, options, settings that decide."""
    told = [
        [key.account, key.facility, *entities, *_prints(runtime, key, entities)] for key, entities in wanted.items()
    ]
    text = json.dumps([told, *map(str, options)])
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=12).hexdigest()


def _prints(runtime: Runtime, key: FacilityKey, entities: Iterable[Entity]) -> list[str]:
    adapter = runtime.adapters.get(key.account)
    if adapter is None:
        return []
    try:
        return [fingerprint_of(adapter, Query(entity, key.facility)) for entity in entities]
    except PmsBridgeError:
        return []  # the reading itself will say what is wrong


def _run_id(name: str, slot: datetime) -> str:
    digest = hashlib.blake2b(f"{name} {slot.isoformat()}".encode(), digest_size=4).hexdigest()
    return f"{slot.strftime(RUN_ID_TIME)}-{digest}"
