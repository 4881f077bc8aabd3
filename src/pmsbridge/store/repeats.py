"""Ids that come twice in one answer: the last row counts, and no night tells a change that is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pmsbridge.store.mirror_sql import Known
from pmsbridge.store.seen_keys import SeenKeys

__all__ = ["Repeats"]

_MOST_PUT_OFF: Final = 10_000


class Repeats:
    """What a reading knows of ids that come twice, from the last one and from itself.

    Were the first row of such an id written when it comes, the record would say two things a night. So rows of ids that
    came twice in the last reading are put off until its end.

    Attributes:
        ids: Under which two rows of this reading said different things.
    """

    def __init__(self, packed: bytes | None) -> None:
        """As the last reading left it; None for nothing."""
        self.ids: set[str] = set()
        self._keys = SeenKeys.unpacked(packed) if packed else SeenKeys()
        self._put_off: dict[str, bytes] = {}

    @property
    def has_put_off(self) -> bool:
        """Rows wait that are nowhere but here."""
        return bool(self._put_off)

    def came_again(self, row_id: str, key: int) -> None:
        """A record that this reading has written says something else now."""
        self.ids.add(row_id)
        self._keys.add((key,))

    def put_off(self, latest: dict[str, bytes], known: dict[str, Known]) -> None:
        """Take rows that may come again out of a batch."""
        if not self._keys:
            return
        for row_id in [row_id for row_id, row in known.items() if row.key in self._keys]:
            held = self._put_off.get(row_id)
            if held is None and len(self._put_off) >= _MOST_PUT_OFF:
                continue
            if held is not None and held != latest[row_id]:
                self.ids.add(row_id)
            self._put_off[row_id] = latest.pop(row_id)
            del known[row_id]

    def rest(self) -> dict[str, bytes]:
        """The last row of each id that was put off."""
        rest, self._put_off = self._put_off, {}
        return rest

    def settle(self, known: Mapping[str, Known]) -> None:
        """The reading is over: of what was put off, let that go which came once only."""
        for row_id, row in known.items():
            if row_id not in self.ids:
                self._keys.remove(row.key)

    def remember(self, known: Mapping[str, Known]) -> None:
        """The reading is over: the next one puts off all that came twice, also what one batch held both rows of."""
        self._keys.add(row.key for row_id, row in known.items() if row_id in self.ids)

    def packed(self) -> bytes | None:
        """For the next reading; None for nothing."""
        return self._keys.packed() if self._keys else None
