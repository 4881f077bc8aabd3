"""Findings: what a machine noticed and a person should look at. The same observation is one row, seen several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from pmsbridge.logging import redact
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.store.database import Database
from pmsbridge.store.portable import lock_scope
from pmsbridge.store.tables import findings

__all__ = ["Findings", "OpenFinding", "add"]


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding nobody has closed.

    Attributes:
        number: What it is closed by.
        times: How often it was seen.
        seen_at: When it was last seen.
    """

    number: int
    finding: Finding
    times: int
    seen_at: datetime


def add(connection: Connection, finding: Finding) -> None:
    """Store a finding, or count it again when the same one is open."""
    lock_scope(connection, "finding", finding.code, finding.account, finding.facility, finding.subject)
    same = (
        findings.c.code == finding.code,
        findings.c.account == finding.account,
        findings.c.facility == finding.facility,
        findings.c.subject == finding.subject,
        findings.c.closed_at.is_(None),
    )
    known = connection.execute(
        update(findings)
        .where(*same)
        .values(times=findings.c.times + 1, seen_at=finding.found_at, text=redact(finding.text))
        .returning(findings.c.seq)
    ).first()
    if known is None:
        connection.execute(
            insert(findings).values(
                code=finding.code, severity=finding.severity.value, account=finding.account,
                facility=finding.facility, subject=finding.subject, text=redact(finding.text),
                found_at=finding.found_at, seen_at=finding.found_at,
            )
        )  # fmt: skip


class Findings:
    """The list a person works off."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, finding: Finding) -> None:
        """Store one."""
        with self._database.write() as connection:
            add(connection, finding)

    def open(self, *, account: str | None = None, facility: str | None = None) -> Sequence[OpenFinding]:
        """Those nobody has closed, oldest first."""
        query = select(findings).where(findings.c.closed_at.is_(None)).order_by(findings.c.seq)
        if account is not None:
            query = query.where(findings.c.account == account)
        if facility is not None:
            query = query.where(findings.c.facility == facility)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            OpenFinding(
                row.seq,
                Finding(
                    code=row.code, severity=Severity(row.severity), account=row.account, facility=row.facility,
                    subject=row.subject, text=row.text, found_at=row.found_at,
                ),
                row.times,
                row.seen_at,
            )
            for row in rows
        ]  # fmt: skip

    def close(self, number: int, at: datetime, *, by: str = "", note: str = "") -> bool:
        """A person has dealt with it; False when there is no such open finding.

        Args:
            number: Which one.
            at: When.
            by: Who, as your own records call the person; empty when nobody says.
            note: What was done about it.
        """
        still_open = (findings.c.seq == number, findings.c.closed_at.is_(None))
        values = {"closed_at": at, "closed_by": redact(by), "note": redact(note)}
        with self._database.write() as connection:
            done = connection.execute(update(findings).where(*still_open).values(**values).returning(findings.c.seq))
            return done.first() is not None
