"""How a command ends: every error becomes a sentence and an exit code, and no traceback shows a value."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final, cast

import typer

from pmsbridge.cli.screen import print_json, say
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import redact, render_error

__all__ = ["EXIT_BUG", "EXIT_INTERRUPTED", "EXIT_USAGE", "main", "run"]

EXIT_USAGE: Final = 2
EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130

_UsageProblem: Final = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""What the command-line library raises for a wrong option, a missing argument and the like."""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command.

    Returns:
        0, or the exit code of the error class: 2 wrong input, 3 not eligible, 4 configuration, 5 unsupported,
        6 rejected, 7 unavailable, 8 outcome unknown, 70 a defect of ours, 130 interrupted; 9 from a command that found
        something a person must look at.
    """
    from pmsbridge.cli.app import app  # the commands load only when one runs

    wants_json = not {"--json", "--json-events"}.isdisjoint(args)
    try:
        code = app(args=list(args), prog_name="pmsbridge", standalone_mode=False)
    except PmsBridgeError as error:
        return _refuse(error, wants_json=wants_json)
    except _UsageProblem as error:
        return _usage(error, wants_json=wants_json)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: whatever it is, its text may hold a secret
        return _bug(error, wants_json=wants_json)
    return code if isinstance(code, int) else 0


def _refuse(error: PmsBridgeError, *, wants_json: bool) -> int:
    message = redact(str(error))
    say(message)
    if unblock := getattr(error, "unblock", ""):
        say(redact(unblock))
    if wants_json:
        _print_error(type(error).__name__, message, code=error.code, exit_code=error.exit_code)
    _trace(error)
    return error.exit_code


def _usage(error: Any, *, wants_json: bool) -> int:  # noqa: ANN401 - the library has no public name for it
    message = redact(str(error.format_message()))
    context = getattr(error, "ctx", None)
    if context is not None:
        say(context.get_usage())
    say(message)
    if wants_json:
        _print_error("UsageError", message, code="usage", exit_code=EXIT_USAGE)
    return EXIT_USAGE


def _bug(error: Exception, *, wants_json: bool) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    message = f"a defect in pmsbridge: {type(error).__name__} at {place}"
    say(f"{message}. Set PMSBRIDGE_DEBUG=1 for the redacted traceback, and report it.")
    if wants_json:
        _print_error(type(error).__name__, message, code="defect", exit_code=EXIT_BUG)
    _trace(error)
    return EXIT_BUG


def _print_error(kind: str, message: str, *, code: str, exit_code: int) -> None:
    print_json({"error": {"type": kind, "code": code, "message": message, "exit_code": exit_code}})


def _trace(error: Exception) -> None:
    """Places and our own words, never the values of variables, and only for who asks."""
    if os.environ.get("PMSBRIDGE_DEBUG") == "1":
        say(render_error(error))
