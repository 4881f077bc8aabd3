"""How far a nightly reading is: which table, after which id, and the latest change that was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from pmsbridge.ports.watermark import Watermark
from pmsbridge_tryton.wire import Row

__all__ = ["CHANGED", "Stand"]

CHANGED: Final = "last_modified_at"
"""The vendor's name of a record's stamp."""


def _stamps(row: Mapping[str, Any]) -> Iterator[datetime]:
    """When a record changed, and what hangs on it."""
    stamp = row.get(CHANGED)
    if isinstance(stamp, datetime):
        yield stamp.astimezone(UTC)
    for name, held in row.items():
        if name.endswith(".") and isinstance(held, list):
            for child in held:
                yield from _stamps(child)


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a reading is.

    Attributes:
        place: Which table.
        after: After which id of it.
        mark: The latest change seen, not later than the reading's beginning: what changed after its page was read has
            a later stamp, and comes again.
        began: By our clock; a clock that is ahead of the vendor's bounds nothing, one behind only reads more again.
    """

    place: int
    after: int
    mark: Watermark
    began: datetime

    @classmethod
    def of(cls, resume: str | None, *, began: datetime, mark: Watermark) -> Self:
        """Where a reading goes on, or its beginning."""
        if resume is None:
            return cls(0, 0, mark, began)
        place, after, cursor, started = json.loads(resume)
        return cls(int(place), int(after), Watermark.of(cursor, mark.overlap), datetime.fromisoformat(started))

    def reached(self, place: int, page: Sequence[Row]) -> Self:
        """After a page."""
        mark = self.mark
        for row in page:
            for stamp in _stamps(row):
                mark = mark.seen(stamp, began=self.began)
        return type(self)(place, page[-1]["id"], mark, self.began)

    @property
    def text(self) -> str:
        """To go on from."""
        return json.dumps([self.place, self.after, self.mark.cursor, self.began.isoformat()])
