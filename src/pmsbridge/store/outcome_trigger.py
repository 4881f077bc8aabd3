"""Noting every other outcome of an action in the transaction that gives it, whichever code does.

A trigger sees what nothing else sees whole: deliveries, an operator's word, a submission in a portal's own transaction,
and code of an earlier schema while a deployment rolls. It writes only where somebody has asked to be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["TRIGGER"]

_NOTE: Final = (
    "INSERT INTO pmsbridge_outcomes (action_id, before, outcome, at) "
    "VALUES (NEW.id, OLD.outcome, NEW.outcome, NEW.changed_at);"
)
_WANTED: Final = "EXISTS (SELECT 1 FROM pmsbridge_webhooks)"

# One line each: the statements of an upgrade can be printed, and a person's tool may split them at line ends.
_ON_SQLITE: Final = (
    "CREATE TRIGGER IF NOT EXISTS pmsbridge_note_outcome AFTER UPDATE OF outcome ON pmsbridge_actions "
    f"WHEN NEW.outcome <> OLD.outcome AND {_WANTED} BEGIN {_NOTE} END"
)
_FUNCTION: Final = (
    "CREATE OR REPLACE FUNCTION pmsbridge_note_outcome() RETURNS trigger LANGUAGE plpgsql AS "
    f"$note$ BEGIN IF {_WANTED} THEN {_NOTE} END IF; RETURN NULL; END $note$"
)
_ON_POSTGRESQL: Final = (
    "CREATE TRIGGER pmsbridge_note_outcome AFTER UPDATE OF outcome ON pmsbridge_actions FOR EACH ROW "
    "WHEN (NEW.outcome IS DISTINCT FROM OLD.outcome) EXECUTE FUNCTION pmsbridge_note_outcome()"
)
_AWAY: Final = "DROP TRIGGER IF EXISTS pmsbridge_note_outcome ON pmsbridge_actions"

TRIGGER: Final[Mapping[str, tuple[str, ...]]] = {
    "sqlite": (_ON_SQLITE,),
    "postgresql": (_FUNCTION, _AWAY, _ON_POSTGRESQL),
}
"""The statements that make it, by kind of database; each may be run again."""
