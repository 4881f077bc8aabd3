"""A night as a cron job: finish what is open, copy every facility, and say what a person should look at.

    30 2 * * *  cd /srv/portal && python nightly_job.py

Exits with 1 when some part of the night failed; one facility's failure never stops another's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pmsbridge import Bridge, Outcome


def run_night(config: Path | None = None) -> bool:
    """Work through one night; True when every part of it succeeded."""
    with Bridge.from_config(config) as bridge:
        bridge.runtime.run_due()
        report = bridge.sync()
        waiting = bridge.journal.counts().by_outcome.get(Outcome.NEEDS_REVIEW, 0)
        for row in report.rows:
            counts = f"{row.counts.read} read, {row.counts.changed} changed, {row.deleted} deleted"
            print(f"{row.scope.account}/{row.scope.facility} {row.scope.entity}: {row.error or counts}")
        if waiting:
            print(f"{waiting} actions wait for a person: pmsbridge actions list --outcome needs_review")
        return not report.failed


if __name__ == "__main__":
    sys.exit(0 if run_night() else 1)
