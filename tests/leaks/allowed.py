"""Tests that write a secret on purpose, each with its reason. What they write is not searched; everything else is."""

from __future__ import annotations

from typing import Final

__all__ = ["ALLOWED", "reason_for"]

ALLOWED: Final[dict[str, str]] = {
    "tests/unit/test_logging.py": "logs secrets through loggers of its own, to see what the handlers make of them",
    "tests/contract/test_redaction_installed.py": "the same, with chains of structlog",
    "tests/e2e/test_bad_input.py::test_a_canary_in_a_log_line": "plants one, to see that the page would notice",
    "tests/contract/test_floors.py": "copies the source, in which the demo has its obviously fake cards",
    "first-release": "the source of the first release, in which the demo has its obviously fake cards",
    "second-release": "the source of the second one, likewise",
    "third-release": "the source of the third one, likewise",
    "fourth-release": "the source of the fourth one, likewise",
    "tests/unit/store/test_database.py": "writes a card into a table of its own, to see that no error repeats it",
}
"""Beginnings of test ids, or names of folders below the temporary folder, with the reason."""


def reason_for(name: str) -> str:
    """Why this test or folder may hold a secret; empty when it may not."""
    return next((reason for begin, reason in ALLOWED.items() if name.startswith(begin)), "")
