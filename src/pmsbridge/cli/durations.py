"""Lengths of time as they are written on the command line: a number and a unit."""

from __future__ import annotations

from datetime import timedelta

import typer
from pydantic import TypeAdapter, ValidationError

from pmsbridge.settings.values import Duration

__all__ = ["duration_of"]


def duration_of(text: str, option: str) -> timedelta:
    """A length of time.

    Raises:
        BadParameter: It is none.
    """
    try:
        return TypeAdapter(Duration).validate_python(text)
    except (ValidationError, OverflowError):
        problem = "no time; write a number and a unit, such as 730d"
    raise typer.BadParameter(problem, param_hint=option)
