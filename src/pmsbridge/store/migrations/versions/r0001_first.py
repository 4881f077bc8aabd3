"""The first schema, as released: the journal, what runs by the clock, the mirror."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, UniqueConstraint

from pmsbridge.store.columns import JsonText, PlainText, RowNumber, UtcInstant
from pmsbridge.store.migrations.steps import note_version

revision = "0001"
down_revision = None

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()


def upgrade() -> None:
    """Create every table."""
    _journal()
    _clockwork()
    _mirror()
    note_version(1, oldest_code=None)


def _journal() -> None:
    op.create_table(
        "pmsbridge_schema",
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("installed_at", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_actions",
        Column("seq", RowNumber, primary_key=True, autoincrement=True),
        Column("id", _ID, nullable=False, unique=True),
        Column("key", _ID, nullable=False),
        Column("kind", _ID, nullable=False),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        Column("tenant_id", _ID, nullable=False),
        Column("intent", _TEXT, nullable=False),
        Column("actor", _ID, nullable=False),
        Column("outcome", String(20), nullable=False),
        Column("is_partial", Boolean, nullable=False),
        Column("submitted_at", UtcInstant, nullable=False),
        Column("changed_at", UtcInstant, nullable=False),
        Column("trail_length", Integer, nullable=False),
        Column("trail_head", String(64), nullable=False),
        UniqueConstraint("account", "facility", "tenant_id", "key"),
        Index("pmsbridge_actions_outcome", "outcome", "seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pmsbridge_aliases",
        Column("id", _ID, primary_key=True),
        Column("action_id", _ID, ForeignKey("pmsbridge_actions.id"), nullable=False),
        Column("intent", _TEXT, nullable=False),
        Column("kind", _ID, nullable=False),
        Column("attached_at", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_effects",
        Column("seq", RowNumber, primary_key=True, autoincrement=True),
        Column("action_id", _ID, ForeignKey("pmsbridge_actions.id"), nullable=False, index=True),
        Column("position", Integer, nullable=False),
        Column("name", _ID, nullable=False),
        Column("key", _ID, nullable=False, unique=True),
        Column("kind", _ID, nullable=False),
        Column("payload", _TEXT, nullable=False),
        Column("after", _ID),
        Column("run_when", String(10), nullable=False),
        Column("is_principal", Boolean, nullable=False),
        Column("emulates", _ID, nullable=False),
        Column("guards", JsonText, nullable=False),
        Column("lane", _ID, nullable=False),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        Column("tenant_id", _ID, nullable=False),
        Column("target", _TEXT, nullable=False),
        Column("state", String(10), nullable=False),
        Column("ended", String(20)),
        Column("message", _TEXT, nullable=False),
        Column("code", _ID, nullable=False),
        Column("evidence", _TEXT, nullable=False),
        Column("vendor_ids", JsonText, nullable=False),
        Column("receipt_at", UtcInstant),
        Column("is_read_back", Boolean, nullable=False),
        Column("is_emulated", Boolean, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("looks", Integer, nullable=False),
        Column("resends", Integer, nullable=False),
        Column("baseline", JsonText, nullable=False),
        Column("known_before", JsonText, nullable=False),
        Column("asked_at", UtcInstant, nullable=False),
        Column("first_sent_at", UtcInstant),
        Column("last_sent_at", UtcInstant),
        Column("quiet_until", UtcInstant),
        Column("due_at", UtcInstant, nullable=False),
        Column("sealed_until", UtcInstant),
        Column("finished_at", UtcInstant),
        Column("version", Integer, nullable=False),
        UniqueConstraint("action_id", "name"),
        Index("pmsbridge_effects_work", "state", "lane", "due_at"),
        Index("pmsbridge_effects_tenant", "account", "facility", "tenant_id", "state"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pmsbridge_guards",
        Column("guard", PlainText(400), primary_key=True),
        Column("action_id", _ID, ForeignKey("pmsbridge_actions.id"), nullable=False),
        Column("effect_key", _ID, nullable=False, index=True),
        Column("held_since", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_lanes",
        Column("name", _ID, primary_key=True),
        Column("owner", _ID, nullable=False),
        Column("epoch", Integer, nullable=False),
        Column("lease_until", UtcInstant),
    )
    op.create_table(
        "pmsbridge_trail",
        Column("action_id", _ID, ForeignKey("pmsbridge_actions.id"), primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("at", UtcInstant, nullable=False),
        Column("event", _ID, nullable=False),
        Column("data", _TEXT, nullable=False),
        Column("prev_hash", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
    )


def _clockwork() -> None:
    op.create_table(
        "pmsbridge_runs",
        Column("name", _ID, primary_key=True),
        Column("slot", UtcInstant, primary_key=True),
        Column("state", String(10), nullable=False),
        Column("owner", _ID, nullable=False),
        Column("started_at", UtcInstant, nullable=False),
        Column("lease_until", UtcInstant, nullable=False),
        Column("finished_at", UtcInstant),
        Column("message", _TEXT, nullable=False),
    )
    op.create_table(
        "pmsbridge_quotes",
        Column("id", _ID, primary_key=True),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        Column("tenant_id", _ID, nullable=False),
        Column("doc", _TEXT, nullable=False),
        Column("valid_until", UtcInstant, nullable=False, index=True),
    )
    op.create_table(
        "pmsbridge_call_counts",
        Column("lane", _ID, primary_key=True),
        Column("month", String(7), primary_key=True),
        Column("calls", Integer, nullable=False),
    )


def _mirror() -> None:
    op.create_table(
        "pmsbridge_records",
        Column("account", _ID, primary_key=True),
        Column("facility", _ID, primary_key=True),
        Column("entity", _ID, primary_key=True),
        Column("id", _ID, primary_key=True),
        Column("tenant_id", _ID, nullable=False),
        Column("first_name", _TEXT, nullable=False),
        Column("last_name", _TEXT, nullable=False),
        Column("company", _TEXT, nullable=False),
        Column("email", _TEXT, nullable=False),
        Column("phone_digits", _TEXT, nullable=False),
        Column("unit_number", _TEXT, nullable=False),
        Column("record_state", _TEXT, nullable=False),
        Column("content_hash", String(64), nullable=False),
        Column("doc", _TEXT, nullable=False),
        Column("first_seen", UtcInstant, nullable=False),
        Column("changed_at", UtcInstant, nullable=False),
        Column("deleted_at", UtcInstant),
        Index("pmsbridge_records_tenant", "account", "facility", "tenant_id"),
        Index("pmsbridge_records_unit", "account", "facility", "entity", "unit_number"),
    )
    op.create_table(
        "pmsbridge_seen_marks",
        Column("run_id", _ID, primary_key=True),
        Column("account", _ID, primary_key=True),
        Column("facility", _ID, primary_key=True),
        Column("entity", _ID, primary_key=True),
        Column("id", _ID, primary_key=True),
    )
    op.create_table(
        "pmsbridge_accounts_seen",
        Column("account", _ID, primary_key=True),
        Column("facility", _ID, primary_key=True),
        Column("tenant_id", _ID, primary_key=True),
        Column("doc", _TEXT, nullable=False),
        Column("as_of", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_watched_tenants",
        Column("account", _ID, primary_key=True),
        Column("facility", _ID, primary_key=True),
        Column("tenant_id", _ID, primary_key=True),
        Column("asked_at", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_cursors",
        Column("account", _ID, primary_key=True),
        Column("facility", _ID, primary_key=True),
        Column("entity", _ID, primary_key=True),
        Column("cursor", _TEXT),
        Column("synced_at", UtcInstant),
        Column("moved_at", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_sync_reports",
        Column("run_id", _ID, primary_key=True),
        Column("account", _ID, primary_key=True),
        Column("facility", _ID, primary_key=True),
        Column("entity", _ID, primary_key=True),
        Column("started_at", UtcInstant, nullable=False),
        Column("finished_at", UtcInstant, nullable=False),
        Column("rows_read", Integer, nullable=False),
        Column("rows_changed", Integer, nullable=False),
        Column("rows_unchanged", Integer, nullable=False),
        Column("rows_deleted", Integer, nullable=False),
        Column("error", _TEXT, nullable=False),
        Column("failure", _ID, nullable=False),
    )
    op.create_table(
        "pmsbridge_findings",
        Column("seq", RowNumber, primary_key=True, autoincrement=True),
        Column("code", _ID, nullable=False),
        Column("severity", String(10), nullable=False),
        Column("account", _ID, nullable=False),
        Column("facility", _ID, nullable=False),
        Column("subject", _TEXT, nullable=False),
        Column("text", _TEXT, nullable=False),
        Column("found_at", UtcInstant, nullable=False),
        Column("seen_at", UtcInstant, nullable=False),
        Column("times", Integer, nullable=False),
        Column("closed_at", UtcInstant),
        Index("pmsbridge_findings_open", "closed_at", "code", "account", "facility"),
        sqlite_autoincrement=True,
    )
