"""Webhooks: where each endpoint stands, and every other outcome of an action, noted by a trigger."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import Column, Integer, String

from pmsbridge.store.columns import PlainText, RowNumber, UtcInstant
from pmsbridge.store.migrations.steps import note_version

revision = "0004"
down_revision = "0003"

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()
# As it was in this schema.
_NOTE: Final = (
    "INSERT INTO pmsbridge_outcomes (action_id, before, outcome, at) "
    "VALUES (NEW.id, OLD.outcome, NEW.outcome, NEW.changed_at);"
)
_WANTED: Final = "EXISTS (SELECT 1 FROM pmsbridge_webhooks)"
_ON_SQLITE: Final = (
    "CREATE TRIGGER pmsbridge_note_outcome AFTER UPDATE OF outcome ON pmsbridge_actions "
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
_TRIGGER: Final = {"sqlite": (_ON_SQLITE,), "postgresql": (_FUNCTION, _ON_POSTGRESQL)}


def upgrade() -> None:
    """Add two tables and a trigger; code of the schemas before goes on, and what it does is noted too."""
    op.create_table(
        "pmsbridge_webhooks",
        Column("name", _ID, primary_key=True),
        Column("registered_at", UtcInstant, nullable=False),
        Column("changes_seq", RowNumber, nullable=False),
        Column("outcomes_number", RowNumber, nullable=False),
        Column("head_feed", String(10), nullable=False, server_default=""),
        Column("head_seq", RowNumber, nullable=False, server_default="0"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("failing_since", UtcInstant),
        Column("next_at", UtcInstant, nullable=False),
        Column("problem", _TEXT, nullable=False, server_default=""),
        Column("delivered_at", UtcInstant),
        Column("delivered", RowNumber, nullable=False, server_default="0"),
        Column("disabled_at", UtcInstant),
        Column("owner", _ID, nullable=False, server_default=""),
        Column("epoch", Integer, nullable=False, server_default="0"),
        Column("lease_until", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_outcomes",
        Column("seq", RowNumber, primary_key=True, autoincrement=True),
        Column("action_id", _ID, nullable=False),
        Column("before", String(20), nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("at", UtcInstant, nullable=False),
        Column("number", RowNumber),
        sqlite_autoincrement=True,
    )
    op.create_index("pmsbridge_outcomes_number", "pmsbridge_outcomes", ["number"], unique=True)
    for statement in _TRIGGER[op.get_context().dialect.name]:
        op.execute(statement)
    note_version(4, oldest_code=2)
