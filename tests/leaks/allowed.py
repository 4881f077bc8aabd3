"""Tests that write a secret on purpose, each with its reason. What they write is not searched; everything else is."""

from __future__ import annotations

from typing import Final

__all__ = ["ALLOWED", "reason_for"]

ALLOWED: Final[dict[str, str]] = {
    "tests/unit/test_logging.py": "logs secrets through loggers of its own, to see what the handlers make of them",
    "tests/contract/test_redaction_installed.py": "the same, with chains of structlog",
}
"""Beginnings of test ids, or names of folders below the temporary folder, with the reason."""


def reason_for(name: str) -> str:
    """Why this test or folder may hold a secret; empty when it may not."""
    return next((reason for begin, reason in ALLOWED.items() if name.startswith(begin)), "")
