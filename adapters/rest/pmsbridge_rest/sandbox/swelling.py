"""Answers with far more rows than there are, made while they are sent: never held as a whole."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

from .answers import Reply
from .exact import written

_ROWS_AT_ONCE: Final = 500
_HERE: Final = "rows without end"
_ID: Final = "id of a row without end"


def swollen(reply: Reply, rows: int) -> Reply:
    """An answer with so many more rows in its longest list; one without a list gets one, of itself.

    Args:
        reply: As it should be; one that is no JSON, or neither a table nor a list of tables, stays as it is.
        rows: How many more, from 1, each with an id of its own where rows have one.
    """
    if reply.raw is not None or reply.document is None:
        return reply
    document = copy.deepcopy(reply.document)
    listed = _longest_list(document)
    if listed is None and not isinstance(document, dict):
        return reply
    if listed is None:
        own = copy.deepcopy(document)
        listed = [own]
        document["more"] = listed
    row = copy.deepcopy(listed[-1]) if listed else {"id": 0}
    listed.append(_HERE)
    before, _, after = written(document).partition(written(_HERE))
    before = before if len(listed) > 1 else f"{before}{written(row)}, "
    return Reply(reply.status, headers=reply.headers, pieces=lambda: _pieces(before, row, rows, after))


def _pieces(before: str, row: Any, rows: int, after: str) -> Iterator[bytes]:  # noqa: ANN401 - any JSON
    yield before.encode()
    start, mark, end = written(_marked(row)).partition(written(_ID))
    for first in range(0, rows, _ROWS_AT_ONCE):
        numbers = range(first, min(first + _ROWS_AT_ONCE, rows))
        ids = (written(_id_of(row, number)) if mark else "" for number in numbers)
        text = ", ".join(f"{start}{one}{end}" for one in ids)
        yield (text if numbers.stop == rows else f"{text}, ").encode()
    yield after.encode()


def _marked(row: Any) -> Any:  # noqa: ANN401
    return {**row, "id": _ID} if isinstance(row, dict) and "id" in row else row


def _id_of(row: dict[str, Any], number: int) -> Any:  # noqa: ANN401 - a number or a text, as ids are here
    return 1_000_000_000 + number if isinstance(row["id"], int) else f"more-{number}"


def _longest_list(document: Any) -> list[Any] | None:  # noqa: ANN401
    found = [each for each in _lists(document) if all(isinstance(row, dict) for row in each)]
    return max(found, key=len, default=None)


def _lists(here: Any) -> Iterator[list[Any]]:  # noqa: ANN401
    if isinstance(here, list):
        yield here
    elif isinstance(here, dict):
        for each in here.values():
            yield from _lists(each)
