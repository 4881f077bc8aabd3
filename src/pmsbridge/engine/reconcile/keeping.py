"""What a person should look at, kept as findings: opened by a comparison, closed by a later one that answers them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pmsbridge.engine.reconcile.report import FacilityReport
from pmsbridge.logging import get_logger
from pmsbridge.model.finding import Finding, Severity
from pmsbridge.store.findings import Findings

__all__ = ["PREFIX", "keep_findings"]

_log = get_logger(__name__)

PREFIX: Final = "reconcile_"
"""How the codes of all findings of a comparison begin."""

_UNREAD: Final = f"{PREFIX}unread"


def keep_findings(findings: Findings, report: FacilityReport, now: datetime) -> None:
    """Open a finding for what needs a person, and for what was not read; close one that is no longer true."""
    true = {(finding.code, finding.subject): finding for finding in _of(report, now)}
    for finding in true.values():
        findings.add(finding)
    for known in findings.open(account=report.account, facility=report.facility):
        finding = known.finding
        if (finding.code, finding.subject) not in true and _is_answered(finding, report):
            findings.close(known.number, now, note="a later comparison of these days no longer shows it")
            _log.info("reconcile_resolved", finding=known.number, code=finding.code)


def _of(report: FacilityReport, now: datetime) -> Iterator[Finding]:
    def finding(code: str, severity: Severity, subject: str, text: str) -> Finding:
        return Finding(
            code=code, severity=severity, account=report.account, facility=report.facility, subject=subject,
            text=text, found_at=now,
        )  # fmt: skip

    for row in report.for_a_person:
        yield finding(row.code, row.kind.severity, row.subject, f"{row.what}. To do: {row.remedy}")
    if report.unread:
        yield finding(_UNREAD, Severity.WARNING, _span(report), f"{report.unread_text}. To do: {_again(report)}")


def _is_answered(finding: Finding, report: FacilityReport) -> bool:
    """The report looked at what a finding of ours is about. What was not read may still be true."""
    if finding.code == _UNREAD:
        return _is_of(finding.subject[:10], report) and _is_of(finding.subject[-10:], report)
    return not report.unread and finding.code.startswith(PREFIX) and _is_of(finding.subject[:10], report)


def _is_of(day: str, report: FacilityReport) -> bool:
    return report.since.isoformat() <= day <= report.until.isoformat()


def _span(report: FacilityReport) -> str:
    return f"{report.since.isoformat()} to {report.until.isoformat()}"


def _again(report: FacilityReport) -> str:
    place = f"--facility {report.account}/{report.facility}"
    return f"when it can be read again, pmsbridge reconcile {place} --since {report.since} --until {report.until}"
