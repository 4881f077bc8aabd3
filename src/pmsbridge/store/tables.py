"""Every table, in one look: the newest schema, the same on SQLite and PostgreSQL.

A change here needs its step in ``migrations/versions``; a test compares the two. A column that is added to a table is
nullable or has a ``server_default``, so that rows of yesterday and code of yesterday go on.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    DDL,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    false,
)

from pmsbridge.store.columns import JsonText, PlainText, RowNumber, UtcInstant
from pmsbridge.store.login_tables import login_tables
from pmsbridge.store.mirror_tables import mirror_tables
from pmsbridge.store.outcome_trigger import TRIGGER

__all__ = [
    "LOGINS",
    "METADATA",
    "MIRROR",
    "OLDEST_CODE",
    "SCHEMA_VERSION",
    "accounts_seen",
    "actions",
    "aliases",
    "call_counts",
    "effects",
    "file_pieces",
    "findings",
    "gates",
    "guards",
    "holds",
    "interactions",
    "lanes",
    "newest_reports",
    "outcomes",
    "quotes",
    "runs",
    "schema_version",
    "sync_reports",
    "trail",
    "watched_tenants",
    "webhooks",
]

SCHEMA_VERSION: Final = 5
"""The schema this code writes. Older ones are upgraded by ``pmsbridge db upgrade``."""

OLDEST_CODE: Final = 2
"""The oldest code, by its SCHEMA_VERSION, that may go on using this schema: during a rolling deployment."""

METADATA: Final = MetaData()

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()

schema_version = Table(
    "pmsbridge_schema",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("installed_at", UtcInstant, nullable=False),
    # The first released code does not know this column; it refuses every schema but its own.
    Column("oldest_code", Integer, nullable=False, server_default="1"),
)

# -- the journal -----------------------------------------------------------------------------------------------------

actions = Table(
    "pmsbridge_actions",
    METADATA,
    Column("seq", RowNumber, primary_key=True, autoincrement=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("key", _ID, nullable=False),
    Column("kind", _ID, nullable=False),
    Column("account", _ID, nullable=False),
    Column("facility", _ID, nullable=False),
    Column("tenant_id", _ID, nullable=False, default=""),
    Column("intent", _TEXT, nullable=False),
    Column("actor", _ID, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("is_partial", Boolean, nullable=False, default=False),
    Column("submitted_at", UtcInstant, nullable=False),
    Column("changed_at", UtcInstant, nullable=False),
    Column("trail_length", Integer, nullable=False, default=0),
    Column("trail_head", String(64), nullable=False, default=""),
    UniqueConstraint("account", "facility", "tenant_id", "key"),
    Index("pmsbridge_actions_outcome", "outcome", "seq"),
    sqlite_autoincrement=True,
)

aliases = Table(
    "pmsbridge_aliases",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("action_id", _ID, ForeignKey(actions.c.id), nullable=False),
    Column("intent", _TEXT, nullable=False),
    Column("kind", _ID, nullable=False),
    Column("attached_at", UtcInstant, nullable=False),
)

effects = Table(
    "pmsbridge_effects",
    METADATA,
    Column("seq", RowNumber, primary_key=True, autoincrement=True),
    Column("action_id", _ID, ForeignKey(actions.c.id), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("name", _ID, nullable=False),
    Column("key", _ID, nullable=False, unique=True),
    Column("kind", _ID, nullable=False),
    Column("payload", _TEXT, nullable=False),
    Column("after", _ID),
    Column("run_when", String(10), nullable=False),
    Column("is_principal", Boolean, nullable=False),
    Column("emulates", _ID, nullable=False, default=""),
    Column("guards", JsonText, nullable=False),
    Column("lane", _ID, nullable=False),
    Column("account", _ID, nullable=False),
    Column("facility", _ID, nullable=False),
    Column("tenant_id", _ID, nullable=False, default=""),
    Column("target", _TEXT, nullable=False),
    Column("state", String(10), nullable=False),
    Column("ended", String(20)),
    Column("message", _TEXT, nullable=False, default=""),
    Column("code", _ID, nullable=False, default=""),
    Column("evidence", _TEXT, nullable=False, default=""),
    Column("vendor_ids", JsonText, nullable=False),
    Column("receipt_at", UtcInstant),
    Column("is_read_back", Boolean, nullable=False, default=False),
    Column("is_emulated", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("looks", Integer, nullable=False, default=0),
    Column("resends", Integer, nullable=False, default=0),
    Column("is_doubtful", Boolean, nullable=False, default=False, server_default=false()),
    Column("baseline", JsonText, nullable=False),
    Column("known_before", JsonText, nullable=False),
    Column("asked_at", UtcInstant, nullable=False),
    Column("first_sent_at", UtcInstant),
    Column("last_sent_at", UtcInstant),
    Column("quiet_until", UtcInstant),
    Column("due_at", UtcInstant, nullable=False),
    Column("sealed_until", UtcInstant),
    Column("finished_at", UtcInstant),
    Column("version", Integer, nullable=False, default=0),
    UniqueConstraint("action_id", "name"),
    Index("pmsbridge_effects_work", "state", "lane", "due_at"),
    Index("pmsbridge_effects_tenant", "account", "facility", "tenant_id", "state"),
    Index("pmsbridge_effects_target", "target", postgresql_using="hash"),
    sqlite_autoincrement=True,
)

guards = Table(
    "pmsbridge_guards",
    METADATA,
    Column("guard", PlainText(400), primary_key=True),
    Column("action_id", _ID, ForeignKey(actions.c.id), nullable=False),
    Column("effect_key", _ID, nullable=False, index=True),
    Column("held_since", UtcInstant, nullable=False),
)

lanes = Table(
    "pmsbridge_lanes",
    METADATA,
    Column("name", _ID, primary_key=True),
    Column("owner", _ID, nullable=False, default=""),
    Column("epoch", Integer, nullable=False, default=0),
    Column("lease_until", UtcInstant),
)

trail = Table(
    "pmsbridge_trail",
    METADATA,
    Column("action_id", _ID, ForeignKey(actions.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", UtcInstant, nullable=False),
    Column("event", _ID, nullable=False),
    Column("data", _TEXT, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# What people hand in, until a while after it was delivered. No foreign key: to add one to a table in use, an upgrade
# would wait for everybody who writes to it.
file_pieces = Table(
    "pmsbridge_file_pieces",
    METADATA,
    Column("effect_key", _ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

# -- what runs by the clock, what a payment refers to, what an account may spend ---------------------------------------

runs = Table(
    "pmsbridge_runs",
    METADATA,
    Column("name", _ID, primary_key=True),
    Column("slot", UtcInstant, primary_key=True),
    Column("state", String(10), nullable=False),
    Column("owner", _ID, nullable=False),
    Column("started_at", UtcInstant, nullable=False),
    Column("lease_until", UtcInstant, nullable=False),
    Column("finished_at", UtcInstant),
    Column("message", _TEXT, nullable=False, default=""),
    Index("pmsbridge_runs_slot", "slot"),
)

quotes = Table(
    "pmsbridge_quotes",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("account", _ID, nullable=False),
    Column("facility", _ID, nullable=False),
    Column("tenant_id", _ID, nullable=False),
    Column("doc", _TEXT, nullable=False),
    Column("valid_until", UtcInstant, nullable=False, index=True),
)

call_counts = Table(
    "pmsbridge_call_counts",
    METADATA,
    Column("lane", _ID, primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("calls", Integer, nullable=False),
)

gates = Table(
    "pmsbridge_gates",
    METADATA,
    Column("lane", _ID, primary_key=True),
    Column("doc", _TEXT, nullable=False),
)

# -- people who sign in ------------------------------------------------------------------------------------------------

LOGINS: Final = login_tables(METADATA)
"""Logins, the links mailed to them, and failed attempts."""

# Whose data nobody may erase, a proceeding being under way. Whoever it is may be known nowhere else.
holds = Table(
    "pmsbridge_holds",
    METADATA,
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("tenant_id", _ID, primary_key=True),
    Column("reason", _TEXT, nullable=False),
    Column("actor", _ID, nullable=False),
    Column("since", UtcInstant, nullable=False),
)

# Mails, calls and visits; of nobody until it is known whose they are.
interactions = Table(
    "pmsbridge_interactions",
    METADATA,
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("tenant_id", _ID, primary_key=True),
    Column("message_id", _ID, primary_key=True),
    Column("at", UtcInstant, nullable=False),
    Column("direction", String(10), nullable=False),
    Column("doc", _TEXT, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("recorded_at", UtcInstant, nullable=False),
)

# -- the mirror --------------------------------------------------------------------------------------------------------

MIRROR: Final = mirror_tables(METADATA)
"""Places, identities, streams, changes, and one table per noun."""

# Records, seen marks and cursors are what code of schema 2 reads and writes while a deployment rolls; today's does not.
records = Table(
    "pmsbridge_records",
    METADATA,
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("entity", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
    Column("tenant_id", _ID, nullable=False, default=""),
    Column("first_name", _TEXT, nullable=False, default=""),
    Column("last_name", _TEXT, nullable=False, default=""),
    Column("company", _TEXT, nullable=False, default=""),
    Column("email", _TEXT, nullable=False, default=""),
    Column("phone_digits", _TEXT, nullable=False, default=""),
    Column("unit_number", _TEXT, nullable=False, default=""),
    Column("record_state", _TEXT, nullable=False, default=""),
    Column("content_hash", String(64), nullable=False),
    Column("doc", _TEXT, nullable=False),
    Column("first_seen", UtcInstant, nullable=False),
    Column("changed_at", UtcInstant, nullable=False),
    Column("deleted_at", UtcInstant),
    Index("pmsbridge_records_tenant", "account", "facility", "tenant_id"),
    Index("pmsbridge_records_unit", "account", "facility", "entity", "unit_number"),
)

seen_marks = Table(
    "pmsbridge_seen_marks",
    METADATA,
    Column("run_id", _ID, primary_key=True),
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("entity", _ID, primary_key=True),
    Column("id", _ID, primary_key=True),
)

accounts_seen = Table(
    "pmsbridge_accounts_seen",
    METADATA,
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("tenant_id", _ID, primary_key=True),
    Column("doc", _TEXT, nullable=False),
    Column("as_of", UtcInstant, nullable=False),
)

watched_tenants = Table(
    "pmsbridge_watched_tenants",
    METADATA,
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("tenant_id", _ID, primary_key=True),
    Column("asked_at", UtcInstant, nullable=False),
)

cursors = Table(
    "pmsbridge_cursors",
    METADATA,
    Column("account", _ID, primary_key=True),
    Column("facility", _ID, primary_key=True),
    Column("entity", _ID, primary_key=True),
    Column("cursor", _TEXT),
    Column("synced_at", UtcInstant),
    Column("moved_at", UtcInstant, nullable=False),
)


def _report_columns(*keys: str) -> list[Column[Any]]:
    return [
        *(Column(name, _ID, primary_key=name in keys, nullable=False)
          for name in ("run_id", "account", "facility", "entity")),
        Column("started_at", UtcInstant, nullable=False),
        Column("finished_at", UtcInstant, nullable=False),
        Column("rows_read", Integer, nullable=False),
        Column("rows_changed", Integer, nullable=False),
        Column("rows_unchanged", Integer, nullable=False),
        Column("rows_deleted", Integer, nullable=False),
        Column("error", _TEXT, nullable=False, default=""),
        Column("failure", _ID, nullable=False, default=""),
        Column("calls", Integer, nullable=False, default=0, server_default="0"),
        Column("bytes_read", RowNumber, nullable=False, default=0, server_default="0"),
        Column("milliseconds", RowNumber, nullable=False, default=0, server_default="0"),
        Column("findings", Integer, nullable=False, default=0, server_default="0"),
    ]  # fmt: skip


sync_reports = Table(
    "pmsbridge_sync_reports",
    METADATA,
    *_report_columns("run_id", "account", "facility", "entity"),
    Index("pmsbridge_sync_reports_finished_at", "finished_at"),
)

# The newest line of every scope once more: all of them are many, and are asked for by run only.
newest_reports = Table("pmsbridge_newest_reports", METADATA, *_report_columns("account", "facility", "entity"))

findings = Table(
    "pmsbridge_findings",
    METADATA,
    Column("seq", RowNumber, primary_key=True, autoincrement=True),
    Column("code", _ID, nullable=False),
    Column("severity", String(10), nullable=False),
    Column("account", _ID, nullable=False),
    Column("facility", _ID, nullable=False),
    Column("subject", _TEXT, nullable=False),
    Column("text", _TEXT, nullable=False),
    Column("found_at", UtcInstant, nullable=False),
    Column("seen_at", UtcInstant, nullable=False),
    Column("times", Integer, nullable=False, default=1),
    Column("closed_at", UtcInstant),
    Column("closed_by", _ID, nullable=False, default="", server_default=""),
    Column("note", _TEXT, nullable=False, default="", server_default=""),
    Index("pmsbridge_findings_open", "closed_at", "code", "account", "facility"),
    sqlite_autoincrement=True,
)

# -- webhooks ----------------------------------------------------------------------------------------------------------

webhooks = Table(
    "pmsbridge_webhooks",
    METADATA,
    Column("name", _ID, primary_key=True),
    Column("registered_at", UtcInstant, nullable=False),
    Column("changes_seq", RowNumber, nullable=False),
    Column("outcomes_number", RowNumber, nullable=False),
    # The message that failed last: it is the next one, whatever else has come.
    Column("head_feed", String(10), nullable=False, default="", server_default=""),
    Column("head_seq", RowNumber, nullable=False, default=0, server_default="0"),
    Column("attempts", Integer, nullable=False, default=0, server_default="0"),
    Column("failing_since", UtcInstant),
    Column("next_at", UtcInstant, nullable=False),
    Column("problem", _TEXT, nullable=False, default="", server_default=""),
    Column("delivered_at", UtcInstant),
    Column("delivered", RowNumber, nullable=False, default=0, server_default="0"),
    Column("disabled_at", UtcInstant),
    Column("owner", _ID, nullable=False, default="", server_default=""),
    Column("epoch", Integer, nullable=False, default=0, server_default="0"),
    Column("lease_until", UtcInstant, nullable=False),
)

# Written by a trigger, in the transaction that gives an action another outcome; numbered in the order of commits later.
outcomes = Table(
    "pmsbridge_outcomes",
    METADATA,
    Column("seq", RowNumber, primary_key=True, autoincrement=True),
    Column("action_id", _ID, nullable=False),
    Column("before", String(20), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("at", UtcInstant, nullable=False),
    Column("number", RowNumber),
    Index("pmsbridge_outcomes_number", "number", unique=True),
    sqlite_autoincrement=True,
)

for _dialect, _statements in TRIGGER.items():
    for _statement in _statements:
        _made = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(METADATA, "after_create", _made.execute_if(dialect=_dialect))
