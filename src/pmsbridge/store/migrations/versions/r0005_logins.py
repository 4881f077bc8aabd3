"""People who sign in: logins, links, failed attempts; what they hand in and wrote; and whose data stay."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, String, UniqueConstraint

from pmsbridge.store.columns import JsonText, PlainText, UtcInstant
from pmsbridge.store.migrations.steps import note_version

revision = "0005"
down_revision = "0004"

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()


def upgrade() -> None:
    """Add six tables; nothing of the schema before is touched, and nobody who works with it has to wait."""
    op.create_table(
        "pmsbridge_logins",
        Column("id", _ID, primary_key=True),
        *(Column(name, _ID, nullable=False) for name in ("account", "facility", "tenant_id", "contact_id")),
        Column("name", _ID, nullable=False),
        Column("phone", _ID, nullable=False),
        Column("password", _TEXT),
        Column("state", String(20), nullable=False),
        Column("access", String(20), nullable=False),
        Column("permissions", JsonText, nullable=False),
        Column("steps", JsonText, nullable=False),
        *(Column(name, UtcInstant) for name in ("invited_at", "opened_at", "claimed_at", "signed_in_at")),
        UniqueConstraint("account", "facility", "name", name="pmsbridge_logins_name"),
        UniqueConstraint("account", "facility", "tenant_id", "contact_id", name="pmsbridge_logins_person"),
    )
    op.create_index("pmsbridge_logins_phone", "pmsbridge_logins", ["account", "facility", "phone"])
    op.create_table(
        "pmsbridge_links",
        Column("id", _ID, primary_key=True),
        Column("login_id", _ID, nullable=False),
        Column("purpose", String(20), nullable=False),
        Column("token", _ID, unique=True),
        Column("lives_seconds", Integer, nullable=False),
        Column("made_at", UtcInstant, nullable=False),
        Column("expires_at", UtcInstant),
        Column("ended_at", UtcInstant),
    )
    op.create_index("ix_pmsbridge_links_login_id", "pmsbridge_links", ["login_id"])
    op.create_table(
        "pmsbridge_attempts",
        Column("subject", _ID, primary_key=True),
        Column("failures", Integer, nullable=False),
        Column("since", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_file_pieces",
        Column("effect_key", _ID, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("content", LargeBinary, nullable=False),
    )
    op.create_table(
        "pmsbridge_holds",
        *(Column(name, _ID, primary_key=True) for name in ("account", "facility", "tenant_id")),
        Column("reason", _TEXT, nullable=False),
        Column("actor", _ID, nullable=False),
        Column("since", UtcInstant, nullable=False),
    )
    op.create_table(
        "pmsbridge_interactions",
        *(Column(name, _ID, primary_key=True) for name in ("account", "facility", "tenant_id", "message_id")),
        Column("at", UtcInstant, nullable=False),
        Column("direction", String(10), nullable=False),
        Column("doc", _TEXT, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("recorded_at", UtcInstant, nullable=False),
    )
    note_version(5, oldest_code=2)
