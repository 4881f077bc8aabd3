"""Findings a person has put aside: what was looked at once need not be shown again."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from pmsbridge.store.database import Database
from pmsbridge.store.tables import findings

__all__ = ["put_aside"]


def put_aside(database: Database, account: str, facility: str, prefix: str) -> Mapping[tuple[str, str], str]:
    """By code and subject, who closed a finding whose code begins so; those that nobody is named for are left out.

    Args:
        database: Where findings are.
        account: Of this account.
        facility: Of this facility.
        prefix: How the code begins.
    """
    query = select(findings.c.code, findings.c.subject, findings.c.closed_by).where(
        findings.c.account == account,
        findings.c.facility == facility,
        findings.c.code.startswith(prefix, autoescape=True),
        findings.c.closed_at.is_not(None),
        findings.c.closed_by != "",
    )
    with database.read() as connection:
        return {(row.code, row.subject): row.closed_by for row in connection.execute(query)}
