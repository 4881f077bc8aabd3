"""Recognising what a step did among rows that match: by a reference, or because it was not there before the send."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from typing import Any

from pmsbridge.actions.effects import EffectBody, TakePayment
from pmsbridge.errors import UnavailableError
from pmsbridge_rest.looking import Looked
from pmsbridge_rest.mapping.actions import NaturalKey, Step
from pmsbridge_rest.mapping.expressions import search

__all__ = ["known_before", "new_matches", "row_keys", "rows_before"]


def before_name(step: Step) -> str:
    """Under which name the rows that were there before are kept."""
    return f"rows.{step.name}"


def row_keys(key: NaturalKey, rows: Sequence[Any]) -> list[str]:
    """What tells rows apart.

    Raises:
        UnavailableError: A row has nothing that does; a look that leaves it out would prove nothing.
    """
    return [_key(key, row) for row in rows]


def _key(key: NaturalKey, row: Any) -> str:  # noqa: ANN401 - one row as answered
    try:
        found = search(key.row_key, row)
    except ValueError:
        found = None
    if isinstance(found, str | int) and not isinstance(found, bool) and str(found):
        return str(found)
    raise UnavailableError("a row that may be ours has no key of its own", code="row_without_key")


def known_before(step: Step, baseline: Table[str, str]) -> frozenset[str] | None:
    """The keys that were there before the send; None when that is not known."""
    kept = baseline.get(before_name(step))
    return None if kept is None else frozenset(kept.split("\n")) - {""}


def new_matches(step: Step, seen: Looked, baseline: Table[str, str]) -> list[Any]:
    """Matching rows that were not there before the send; all of them where a row is recognised by itself."""
    key = step.idempotency
    if not isinstance(key, NaturalKey):
        return list(seen.matches)
    before = known_before(step, baseline) or frozenset()
    return [row for row in seen.matches if _key(key, row) not in before]


def rows_before(effect: EffectBody, step: Step, keys: Sequence[str]) -> dict[str, str]:
    """What is kept of the rows that were there before the send."""
    kept = {before_name(step): "\n".join(keys)}
    if isinstance(effect, TakePayment) and len(effect.parts) == 1:
        kept[f"receipts.{effect.parts[0].rental_id}"] = "\n".join(keys)
    return kept
