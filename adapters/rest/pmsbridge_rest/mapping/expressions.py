"""JMESPath, for reading only: compiled once, refused where it does not parse."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from pydantic import AfterValidator, Field

__all__ = ["Expression", "search"]

_LONGEST = 500


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def search(expression: str, document: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """What an expression finds in a document; None where it finds nothing.

    Raises:
        ValueError: A function of the expression does not fit the document.
    """
    try:
        return _compiled(expression).search(document)
    except JMESPathError:
        message = f"the expression {expression!r} does not fit what was answered"
    raise ValueError(message)


def _parses(expression: str) -> str:
    message = ""
    try:
        _compiled(expression)
    except JMESPathError as error:
        place = getattr(error, "lex_position", None)
        message = "not a JMESPath expression" + (f", at its character {place + 1}" if isinstance(place, int) else "")
    if message:
        raise ValueError(message)
    return expression


Expression = Annotated[
    str,
    Field(min_length=1, max_length=_LONGEST),
    AfterValidator(_parses),
]
"""A JMESPath expression: reads, never writes."""
