"""A streaming reader of ASP.NET DataSet answers: inline schema and diffgram, as rows of raw text.

Memory does not grow with the answer. Nothing is converted: what a column's text means is the mapping's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import redact
from pmsbridge.transport._dataset_parser import FEED_BYTES, Column, DataSetParser, FaultFoundError, RefusedError
from pmsbridge.transport.cut_rows import CutRow, PassedOver, RowCutter
from pmsbridge.transport.status import no_usable_answer

__all__ = ["Column", "DataSetReader"]

ROW_CAP = 2_000_000
_FAULT_TEXT_CHARACTERS = 300


class DataSetReader:
    """Rows of one answer, once, in document order.

    A row maps column to text. A NULL column is absent; an empty element is "". An attribute without a prefix on a row
    is a column like any other. Dropped columns never become text.

    Attributes:
        bytes_read: Decoded bytes taken so far.

    Args:
        chunks: The decoded body.
        tables: Only these tables are read; None for all.
        drop: Columns to discard while parsing: passwords, social security numbers, unmasked cards.
        row_cap: Most rows (of the tables read) the answer may hold.
        is_write: Whether the call may have changed the back office: decides which error an unusable answer is.
        subject: What was asked of whom, for messages.
        scrub: Makes the vendor's fault text safe to repeat.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        tables: Collection[str] | None = None,
        drop: Collection[str] = (),
        row_cap: int = ROW_CAP,
        is_write: bool = False,
        subject: str = "the answer",
        scrub: Callable[[str], str] = redact,
    ) -> None:
        self._drop = drop
        self._cutter: RowCutter | None = None
        self._parser = DataSetParser(wanted=None if tables is None else frozenset(tables), drop=drop, row_cap=row_cap)
        self._feeds = _feeds(chunks)
        self._is_write = is_write
        self._subject = subject
        self._scrub = scrub
        self._is_taken = False
        self._is_over = False
        self.bytes_read = 0

    @property
    def schema(self) -> Mapping[str, tuple[Column, ...]]:
        """Tables the answer declares, empty ones too; reads on until the data begins."""
        while not self._parser.saw_data and self._advance():
            pass
        return MappingProxyType(self._parser.schema)

    def rows(self, table: str) -> Iterator[dict[str, str]]:
        """Rows of one table, by element name; the other tables are passed over.

        Raises:
            OutcomeUnknownError: For a write: a fault, a broken or an oversized answer.
            UnavailableError: The same for a read. Rows already handed out stand.
        """
        for _, row in self.tables(table):
            yield row

    def tables(self, *names: str) -> Iterator[tuple[str, dict[str, str]]]:
        """(table, row) of the named tables, or of all, in document order. Raises like :meth:`rows`."""
        self._take(names)
        while True:
            batch = self._parser.rows
            if batch:
                # Taken out whole: the parser goes on filling the same list.
                found, batch[:] = batch[:], []
                yield from found
            if not self._advance():
                return

    def cut_tables(
        self, *names: str, cut: Collection[str], passed: PassedOver | None = None
    ) -> Iterator[tuple[str, dict[str, str] | CutRow]]:
        """(table, row) of the named tables; rows of those in ``cut`` as they came, where they are plain.

        Plain rows that ``passed`` takes are handed to nobody. A cut row that is no sound XML is noticed when its cells
        are asked for. Raises like :meth:`rows`; rows already handed out stand.
        """
        self._take(names)
        self._cutter = RowCutter(set(cut).intersection(names), self._drop, passed)
        while True:
            for rows in (self._cutter.rows, self._parser.rows):
                # Taken out whole: the cutter and the parser go on filling the same lists.
                found, rows[:] = rows[:], []
                yield from found
            if not self._advance():
                return

    def read(self) -> dict[str, list[dict[str, str]]]:
        """All rows by table. For small answers; a table without rows is absent."""
        found: dict[str, list[dict[str, str]]] = {}
        for table, row in self.tables():
            found.setdefault(table, []).append(row)
        return found

    def _take(self, names: tuple[str, ...]) -> None:
        if self._is_taken:
            message = "a DataSet answer can be read once; ask for several tables with tables() or read()"
            raise RuntimeError(message)
        self._is_taken = True
        if names:
            self._parser.narrow(names)

    def _advance(self) -> bool:
        """Parse the next piece. True while rows may follow."""
        if self._is_over:
            return bool(self._parser.rows or (self._cutter is not None and self._cutter.rows))
        feed = next(self._feeds, None)
        try:
            if feed is None:
                self._is_over = True
                self._finish()
            else:
                self.bytes_read += len(feed)
                self._feed(feed)
        except RefusedError as refusal:
            error = self._unusable(f"the answer could not be used ({refusal.code})", refusal.code)
        except FaultFoundError as fault:
            error = self._unusable(f"SOAP fault {self._told(fault)}", "soap_fault")
        else:
            return True
        self._is_over = True
        self._parser.rows.clear()
        if self._cutter is not None:
            self._cutter.rows.clear()
        raise error

    def _feed(self, data: bytes) -> None:
        if self._cutter is None:
            self._parser.feed(data)
            return
        left = self._cutter.feed(data)
        self._parser.count(len(self._cutter.rows) + self._cutter.passed)
        self._cutter.passed = 0
        if left:
            self._parser.feed(left)

    def _finish(self) -> None:
        if self._cutter is not None and (left := self._cutter.rest()):
            self._parser.feed(left)
        self._parser.finish()

    def _told(self, fault: FaultFoundError) -> str:
        text = " ".join(self._scrub(fault.text).split())[:_FAULT_TEXT_CHARACTERS]
        return f"{self._scrub(fault.fault_code)[:40]}: {text}"

    def _unusable(self, problem: str, code: str) -> PmsBridgeError:
        return no_usable_answer(f"{self._subject}: {problem}", is_write=self._is_write, code=code)


def _feeds(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in equal pieces, the last excepted.

    Too large a piece would add too much to the tree at once. Too small ones cost more than they bring.
    """
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= FEED_BYTES:
            data = b"".join(waiting)
            whole = size - size % FEED_BYTES
            yield from (data[start : start + FEED_BYTES] for start in range(0, whole, FEED_BYTES))
            waiting, size = [data[whole:]], size - whole
    if size:
        yield b"".join(waiting)
