"""The night: every facility's records into the mirror, streaming, resumable, one failure never stopping another."""

from __future__ import annotations

from pmsbridge.engine.sync.comparing import Drift, DriftKind, Verification
from pmsbridge.engine.sync.facts import FacilityKey, SyncProgress, SyncReport
from pmsbridge.engine.sync.night import BELIEVE_ALL_PERCENT, DELETE_CAP_PERCENT, Sync
from pmsbridge.engine.sync.planning import PlannedAccount, SyncPlan
from pmsbridge.engine.sync.sources import ALL_ENTITIES, copied_of
from pmsbridge.engine.sync.telling import (
    BatchTaken,
    EntityFinished,
    EntityStarted,
    RunFinished,
    RunStarted,
    SyncEvent,
)

__all__ = [
    "ALL_ENTITIES",
    "BELIEVE_ALL_PERCENT",
    "DELETE_CAP_PERCENT",
    "BatchTaken",
    "Drift",
    "DriftKind",
    "EntityFinished",
    "EntityStarted",
    "FacilityKey",
    "PlannedAccount",
    "RunFinished",
    "RunStarted",
    "Sync",
    "SyncEvent",
    "SyncPlan",
    "SyncProgress",
    "SyncReport",
    "Verification",
    "copied_of",
]
