"""What several steps need."""

from __future__ import annotations

from alembic import op

__all__ = ["note_version"]

# Stored as the column type of each database stores an instant.
_NOW = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'",
    "postgresql": "clock_timestamp()",
}


def note_version(version: int, *, oldest_code: int | None) -> None:
    """Say in the database which schema it has.

    Args:
        version: The schema's.
        oldest_code: The oldest code, by its schema version, that may use it; None where there is no such column yet.
    """
    row = {"version": f"{version:d}", "installed_at": _NOW[op.get_context().dialect.name]}
    if oldest_code is not None:
        row["oldest_code"] = f"{oldest_code:d}"
    op.execute(f"INSERT INTO pmsbridge_schema ({', '.join(row)}) VALUES ({', '.join(row.values())})")  # noqa: S608 - ours
