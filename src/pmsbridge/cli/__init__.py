"""The command line: data on standard output, words for people on standard error, exit codes from the error tree."""

from __future__ import annotations

from pmsbridge.cli.running import main

__all__ = ["main"]
