"""What many workers over one database need: gates, who closed a finding, which code may use a schema."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import Boolean, Column, Integer, false

from pmsbridge.store.columns import PlainText
from pmsbridge.store.migrations.steps import note_version

revision = "0002"
down_revision = "0001"

_ID: Final = PlainText(200)
_TEXT: Final = PlainText()


def upgrade() -> None:
    """Add tables, columns and indexes; no row of the first schema is touched."""
    op.add_column("pmsbridge_schema", Column("oldest_code", Integer, nullable=False, server_default="1"))
    op.create_index("pmsbridge_effects_target", "pmsbridge_effects", ["target"], postgresql_using="hash")
    op.add_column("pmsbridge_effects", Column("is_doubtful", Boolean, nullable=False, server_default=false()))
    op.create_table("pmsbridge_gates", Column("lane", _ID, primary_key=True), Column("doc", _TEXT, nullable=False))
    op.add_column("pmsbridge_findings", Column("closed_by", _ID, nullable=False, server_default=""))
    op.add_column("pmsbridge_findings", Column("note", _TEXT, nullable=False, server_default=""))
    note_version(2, oldest_code=2)
