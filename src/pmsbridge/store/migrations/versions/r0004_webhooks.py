"""Webhooks and their feed of outcomes, noted by a trigger; readings that fence each other; the newest reports."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, String

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


_KEYS: Final = ("account", "facility", "entity")
_OTHERS: Final = (
    "run_id", "started_at", "finished_at", "rows_read", "rows_changed", "rows_unchanged", "rows_deleted", "error",
    "failure", "calls", "bytes_read", "milliseconds", "findings",
)  # fmt: skip


def upgrade() -> None:
    """Add tables, columns, indexes and a trigger; code of the schemas before goes on, and what it does is noted too."""
    _webhooks()
    _readings()
    _reports()
    note_version(4, oldest_code=2)


def _webhooks() -> None:
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


def _readings() -> None:
    op.add_column("pmsbridge_mirror_streams", Column("reading", RowNumber, nullable=False, server_default="0"))
    op.add_column("pmsbridge_mirror_streams", Column("repeated", LargeBinary))


def _reports() -> None:
    op.create_index("pmsbridge_runs_slot", "pmsbridge_runs", ["slot"])
    op.create_index("pmsbridge_sync_reports_finished_at", "pmsbridge_sync_reports", ["finished_at"])
    op.create_table(
        "pmsbridge_newest_reports",
        Column("run_id", _ID, nullable=False),
        *(Column(name, _ID, primary_key=True) for name in _KEYS),
        Column("started_at", UtcInstant, nullable=False),
        Column("finished_at", UtcInstant, nullable=False),
        *(Column(name, Integer, nullable=False) for name in _OTHERS[3:7]),
        Column("error", _TEXT, nullable=False),
        Column("failure", _ID, nullable=False),
        Column("calls", Integer, nullable=False, server_default="0"),
        *(Column(name, RowNumber, nullable=False, server_default="0") for name in ("bytes_read", "milliseconds")),
        Column("findings", Integer, nullable=False, server_default="0"),
    )
    keys, columns = ", ".join(_KEYS), ", ".join((*_KEYS, *_OTHERS))
    op.execute(
        f"INSERT INTO pmsbridge_newest_reports ({columns}) SELECT {columns} FROM ("  # noqa: S608 - our own names
        f"SELECT {columns}, row_number() OVER (PARTITION BY {keys} ORDER BY finished_at DESC, run_id DESC) AS place "
        "FROM pmsbridge_sync_reports) AS told WHERE place = 1"
    )
