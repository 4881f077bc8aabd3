"""What a request says, once it was read; and since when it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .exact import read_back
from .spelling import SpellingError
from .templates import Matched, Reader, match_structure


@dataclass(slots=True)
class Understood:
    """A request that was read as one role's.

    Attributes:
        values: What stood in its places.
        wrong: Where something is wrong, and what.
        in_path: Names of places in the address; in GraphQL, of those in the variables.
        body: The body as plain data, less what belongs to lists and the log-in; None for none.
        whole: All of it.
        record: The part of the body that is an edited record.
        since: Only what changed after this is asked for.
        constants: Query parameters whose text the mapping writes out.
    """

    values: dict[str, Any] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    in_path: frozenset[str] = frozenset()
    body: Any = None
    whole: Any = None
    record: dict[str, Any] | None = None
    since: datetime | None = None
    constants: dict[str, str] = field(default_factory=dict)

    def take(self, found: Matched) -> None:
        """Add what a match found."""
        whole = Matched(self.values, self.wrong)
        whole.take(found)
        self.values, self.wrong = whole.values, whole.wrong


def since_name(since: Mapping[str, Any]) -> str:
    """What carries since when is asked: a parameter, a header, or a path into the body."""
    return str(since.get("name") or since["filter"]["name"])


def asked_since(since: Mapping[str, Any], raw: Any, found: Understood, read: Reader) -> None:  # noqa: ANN401
    """Since when is asked: the instant itself, or a filter that it stands in as one JSON text."""
    if raw in (None, ""):
        return
    name = since_name(since)
    if since.get("filter"):
        raw = _filtered(since["filter"]["json_text"], raw, name, found, read)
    try:
        told = read(since.get("spelt_as", "instant"), raw)
    except SpellingError as problem:
        found.wrong.append((name, str(problem)))
        return
    if told is not None:
        # What changed at that very instant is shown, too, where the vendor does so.
        found.since = told if since.get("bound") == "exclusive" else told - timedelta.resolution


def _filtered(template: Any, raw: Any, name: str, found: Understood, read: Reader) -> Any:  # noqa: ANN401
    try:
        filtering = read_back(raw.encode()) if isinstance(raw, str) else None
    except ValueError:
        filtering = None
    if filtering is None:
        found.wrong.append((name, "a filter as one JSON text is expected"))
        return None
    matched = match_structure(template, filtering, read, name)
    told = matched.values.pop("since", None)
    found.take(matched)
    return told
