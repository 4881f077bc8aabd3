"""Looking for what a step did: rows that match, and whether their absence proves anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pmsbridge.errors import NotFoundError
from pmsbridge.transport.http import Deadline
from pmsbridge_rest.connection import Connection
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.lists import Listing
from pmsbridge_rest.mapping.actions import Look, Verify
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.files import Shown
from pmsbridge_rest.matching import row_fits

__all__ = ["Looked", "look", "outputs_of"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look saw.

    Attributes:
        matches: Rows that are what was looked for.
        seen: How many rows were there in all.
        unclear: Why an absence proves nothing; empty when it does.
    """

    matches: Sequence[Any] = field(repr=False)
    seen: int = 0
    unclear: str = ""


def look(
    connection: Connection,
    facility: str,
    what: Look | Verify | Shown,
    filler: Filler,
    operation: str,
    deadline: Deadline,
) -> Looked:
    """Read, and pick the rows that match.

    "No such record" is the absence of what was looked for only where the mapping says so in this very look: else it may
    be the tenant, or the address, that is not there.

    Raises:
        ConfigurationError: A person must act.
        RejectedError: It is refused, or cannot be asked.
        UnavailableError: No usable answer.
    """
    listing = Listing(connection, facility, what, filler, operation)
    matches: list[Any] = []
    seen, unclear = 0, ""
    try:
        for page in listing.pages(deadline=lambda: deadline):
            seen += len(page.rows)
            matches += [row for row in page.rows if row_fits(what.match, row, filler)]
            is_told = "missing" in what.model_fields_set and not page.came.unreadable
            unclear = "" if page.walk.is_complete else "the list does not prove that it was read whole"
            unclear = "there is no such record to look into" if page.is_missing and not is_told else unclear
    except NotFoundError:
        return Looked((), 0, "there is no such record to look into")
    except CannotSayError as problem:
        return Looked((), 0, f"it cannot be looked for: {problem}")
    return Looked(matches, seen, unclear)


def outputs_of(wanted: dict[str, str], document: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON
    """What is taken from an answer or a row, as text, by our names; what is not there is left out."""
    found: dict[str, str] = {}
    for name, expression in wanted.items():
        try:
            value = search(expression, document)
        except ValueError:
            value = None
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            found[name] = str(value)
    return found
