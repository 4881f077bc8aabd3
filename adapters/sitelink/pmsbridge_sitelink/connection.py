"""The one way to the back office: log-on, slot, call, return code. Reads may be repeated; a write is sent once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from pmsbridge.errors import (
    ConfigurationError,
    InputError,
    NotFoundError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.logging import get_logger
from pmsbridge.ports.adapter import Secrets
from pmsbridge.ports.calling import priority_of
from pmsbridge.ports.calls import CallGate
from pmsbridge.ports.clock import Clock
from pmsbridge.ports.streams import HeldRows
from pmsbridge.transport.cut_rows import CutRow, cells_of_cut
from pmsbridge.transport.dataset import DataSetReader
from pmsbridge.transport.http import Deadline, HttpClient, HttpLimits
from pmsbridge.transport.limits import LaneLimiter, LaneLimits, Priority
from pmsbridge.transport.retry import read_with_retry
from pmsbridge.transport.same_rows import SameRows
from pmsbridge.transport.soap import SoapService
from pmsbridge_sitelink.faults import fault_of
from pmsbridge_sitelink.mapping.cells import Row, Scope
from pmsbridge_sitelink.settings import FacilitySettings, SiteLinkSettings
from pmsbridge_sitelink.wire import NAMESPACES, OPERATIONS, POISON, Operation, Service, Table

__all__ = ["Answered", "Connection", "RawAnswer", "RawRow", "Rows", "cells_of", "seen_after", "vendor_id"]

T = TypeVar("T")

Rows = Mapping[str, Sequence[Row]]
"""Rows by table; a table without rows is absent."""

_log = get_logger(__name__)

_LEASE: Final = timedelta(seconds=30)
_LARGEST_ID: Final = 2**31 - 1
_CODE: Final = "Ret_Code"
_MESSAGE: Final = "Ret_Msg"
_BATCH_BYTES: Final = 512 * 1024 * 1024
"""Largest answer to a nightly read, raw or decoded: some 200,000 tenants of sixty columns. It waits on disk."""

_SPOOL_BUFFER: Final = 256 * 1024
_BETWEEN: Final = "\x1f"
_PARSED: Final = b"\x1e"
"""No XML document can hold these two characters, so no cell does, and no row begins with one."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A write that the back office accepted.

    Attributes:
        code: Its return code, above zero; often the new id.
        message: Its text, not made safe; some operations put a number here.
        rows: Everything it answered with.
    """

    code: int
    message: str
    rows: Rows


class RawRow(NamedTuple):
    """One row as it came.

    Attributes:
        id: What ``prepare`` said; empty when the row has none that could be stored.
        line: What ``cells_of`` makes cells of; equal lines are equal rows.
    """

    table: str
    id: str
    line: bytes


RowCells = dict[str, str] | CutRow
"""A row of which cells can be asked, and to which cells can be added."""

Prepare = Callable[[RowCells], str | None]
"""Gives a row's id, and may add cells to it; None leaves the row out."""


class RawAnswer:
    """Rows of one answer on disk, in a file without a name: gone with the block, or with the process.

    It holds tenants' rows as they came, poison dropped before. Only the owner may read it.

    Attributes:
        bytes_read: How long the answer was, decoded.
        same: Of rows that are as they are held, and not on disk: which records they are.

    Raises:
        UnavailableError: The disk cannot take them; nothing was handed out.
    """

    bytes_read = 0
    same: Sequence[int] = ()

    def __enter__(self) -> Self:
        with _on_disk():
            self._rows = tempfile.TemporaryFile("w+b", buffering=_SPOOL_BUFFER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # What could not be written before is not written on closing either, and the first error is the one to tell.
        with suppress(OSError):
            self._rows.close()

    def fill(self, rows: Iterable[tuple[str, RowCells]], prepare: Prepare) -> None:
        """Take rows; those of which ``prepare`` makes None are left out."""
        write = self._rows.write
        for table, row in rows:
            row_id = "" if table == Table.ROWS_1 else _prepared(row, prepare)
            if row_id is None:
                continue
            kept = row_id if row_id.isprintable() else ""
            line = row.line if isinstance(row, CutRow) else _line_of(row)
            try:
                write(f"{table}\t{kept}\t{len(line)}\n".encode())
                write(line)
            except OSError as problem:
                raise _no_room(problem) from None

    def __iter__(self) -> Iterator[RawRow]:
        with _on_disk():
            read = self._rows.read
            self._rows.seek(0)
            while head := self._rows.readline():
                table, row_id, length = head.split(b"\t")
                yield RawRow(table.decode(), row_id.decode(), read(int(length)))


def _prepared(row: RowCells, prepare: Prepare) -> str | None:
    try:
        return prepare(row)
    except ValueError:
        return ""  # it can be read by nobody, so not even its id is known


def _line_of(row: Mapping[str, str]) -> bytes:
    return _PARSED + _BETWEEN.join(chain.from_iterable(row.items())).encode()


def cells_of(line: bytes, only: frozenset[str] | None = None) -> dict[str, str]:
    """The cells of a ``RawRow``, by column.

    Args:
        line: Its own.
        only: The columns that are asked for: others may be left out. None for all.

    Raises:
        ValueError: The row is no sound XML.
    """
    if line[:1] != _PARSED:
        return cells_of_cut(line, POISON, only)
    parts = line[1:].decode().split(_BETWEEN)
    return dict(zip(parts[::2], parts[1::2], strict=False))


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _no_room(problem) from None


def _no_room(problem: OSError) -> UnavailableError:
    message = f"the answer could not be kept in the temporary folder ({type(problem).__name__})"
    return UnavailableError(message, code="no_room_for_the_answer")


def vendor_id(field: str, text: str) -> int:
    """An id as the number the back office wants.

    Raises:
        NotFoundError: It is no number, so nothing there has it.
    """
    if not (text.isascii() and text.isdigit()) or int(text) > _LARGEST_ID:
        raise NotFoundError(
            field, "there is nothing of this id", shape=f"{len(text)} characters", code=f"{field}_not_found"
        )
    return int(text)


class Connection:
    """Calls of one account over both services.

    Slots, spacing and the month's count are those of the gate: processes that share one share what the account bears.

    Args:
        account: The configured account's name.
        settings: Its settings.
        secrets: Where licence key and password are looked up, at every call, so that a new one is used at once.
        clock: Time.
        http: Takes the place of our own HTTP client (tests).
        gate: Where all processes that use this account take turns; None for this process alone.
    """

    def __init__(
        self,
        account: str,
        settings: SiteLinkSettings,
        *,
        secrets: Secrets,
        clock: Clock,
        http: HttpClient | None = None,
        gate: CallGate | None = None,
    ) -> None:
        self.account = account
        self.settings = settings
        self.clock = clock
        self._secrets = secrets
        times = settings.timeouts
        limits = HttpLimits(connect_timeout=times.connect, read_timeout=times.read, deadline=times.live)
        self.http = http or HttpClient(limits, verify=settings.verify_tls, clock=clock.now, monotonic=clock.monotonic)
        self.lane = f"sitelink:{settings.corp_code}:{account}"
        self._batch_limits = replace(self.http.limits, raw_bytes=_BATCH_BYTES, decoded_bytes=_BATCH_BYTES)
        self.bears = _bears(settings)
        self._slots = _limiter(self.bears, clock, gate)
        self._services = {service: self._service(service) for service in Service}

    def __repr__(self) -> str:
        return f"<Connection {self.account}>"

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self.http.close()

    def facility(self, code: str) -> FacilitySettings:
        """The settings of a facility.

        Raises:
            NotFoundError: It is not configured for this account.
        """
        found = self.settings.facility(code)
        if found is None:
            raise NotFoundError("facility", "is not configured for this account", code="facility_not_found")
        return found

    def scope(self, code: str) -> Scope:
        """Where rows of a facility come from, read now."""
        found = self.facility(code)
        return Scope(self.account, found.code, found.currency, found.zone, found.measure, self.clock.now())

    def deadline(self, span: timedelta, *, not_after: datetime | None = None) -> Deadline:
        """The end of one piece of work, the waiting for a slot included."""
        return self.http.deadline(span, not_after=not_after)

    def read(
        self,
        operation: str,
        facility: str,
        params: Mapping[str, object],
        *,
        drop: Collection[str] = POISON,
        deadline: Deadline | None = None,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Rows:
        """Read a small answer, again while the back office says "busy".

        A read of a night has the time of one (``timeouts.batch``), because it stands behind everybody else; a process
        that is killed meanwhile blocks the account for ``_LEASE`` at most.

        Raises:
            ConfigurationError: Log-on, location or contract are wrong.
            NotFoundError: There is no such record.
            RejectedError: The back office refuses to tell.
            UnavailableError: No usable answer in time.
        """
        times, asked = self.settings.timeouts, priority_of(priority)
        is_batch = asked is Priority.BATCH
        end = deadline or self.deadline(times.batch if is_batch else times.live)
        lease = _LEASE if is_batch else None

        def once() -> Rows:
            with self._called(
                operation, facility, params, drop=drop, deadline=end, priority=asked, lease=lease
            ) as reader:
                found = reader.read()
            _check_read(operation, found)
            return found

        return read_with_retry(once, attempts=self.settings.limits.read_attempts, deadline=end, sleep=self.clock.sleep)

    def stream(
        self, operation: str, facility: str, params: Mapping[str, object], *tables: str
    ) -> Iterator[tuple[str, Row]]:
        """Read a large answer; hand its rows out one by one; see ``raw``.

        Raises:
            UnavailableError: As ``raw``; or a row is no sound XML, and the rows before it were handed out.
        """
        with self.raw(operation, facility, params, *tables) as answer:
            for row in answer:
                try:
                    cells = cells_of(row.line)
                except ValueError:
                    message = f"{operation}: the answer could not be used (unreadable_xml)"
                    raise UnavailableError(message, code="unreadable_xml") from None
                yield row.table, cells

    @contextmanager
    def raw(
        self,
        operation: str,
        facility: str,
        params: Mapping[str, object],
        *tables: str,
        prepare: Prepare = lambda _row: "",
        held: HeldRows | None = None,
        as_they_came: bool = False,
    ) -> Iterator[RawAnswer]:
        """Read a large answer; its rows are handed out after the whole of it is here. Asked once.

        The account's slot is held while the answer comes in, not while the rows are worked on: the rows wait on disk,
        so memory does not grow with the answer and a person who pays does not wait for a night's work. A process that
        is killed meanwhile blocks the account for ``_LEASE`` at most.

        Args:
            operation: What is asked.
            facility: Of which.
            params: With what.
            tables: Which tables of the answer are read.
            prepare: Gives a row's id, and may add cells to it; None leaves the row out.
            held: Rows that it finds are only named; None when all are wanted.
            as_they_came: ``prepare`` gives the id and does nothing else.

        Raises:
            ConfigurationError: Log-on, location or contract are wrong.
            UnavailableError: No usable answer in time, one of more than half a gigabyte, or no room to keep it. No row
                was handed out.
        """
        end = self.deadline(self.settings.timeouts.batch)
        same = None if held is None else SameRows(held.find, prepare, as_they_came=as_they_came)
        with RawAnswer() as answer:
            with self._called(
                operation,
                facility,
                params,
                drop=POISON,
                deadline=end,
                priority=Priority.BATCH,
                lease=_LEASE,
                limits=self._batch_limits,
            ) as reader:
                rows = reader.cut_tables(*tables, Table.RETURN, cut=set(tables) - {Table.ROWS_1}, passed=same)
                answer.fill(_checked_rows(operation, rows), prepare)
                answer.same = () if same is None else same.keys
                answer.bytes_read = reader.bytes_read
            yield answer

    def write(
        self,
        operation: str,
        facility: str,
        params: Mapping[str, object],
        *,
        deadline: Deadline,
        priority: Priority = Priority.WRITE,
    ) -> Answered:
        """Send once. What comes back is a positive return code or an error that says whether something changed.

        Raises:
            ConfigurationError: Nothing was tried: log-on, location or contract are wrong.
            UnsupportedError: The back office does not offer it.
            RejectedError: It said no; nothing changed.
            UnavailableError: It certainly never got there.
            OutcomeUnknownError: It was sent, and the answer is lost, unusable or proves nothing.
        """
        with self._called(operation, facility, params, drop=POISON, deadline=deadline, priority=priority) as reader:
            found = reader.read()
        return _judged(operation, found)

    @contextmanager
    def _called(
        self,
        operation: str,
        facility: str,
        params: Mapping[str, object],
        *,
        drop: Collection[str],
        deadline: Deadline,
        priority: Priority,
        lease: timedelta | None = None,
        limits: HttpLimits | None = None,
    ) -> Iterator[DataSetReader]:
        described = OPERATIONS[operation]
        sent = {**self._log_on(facility), **params}
        with ExitStack() as held:
            held.enter_context(
                self._slots.slot(
                    self.lane, deadline=deadline, priority=priority, counted_as=f"{self.lane}:{facility}", lease=lease
                )
            )
            try:
                reader = held.enter_context(self._call(described, sent, drop=drop, deadline=deadline, limits=limits))
            except InputError as problem:
                raise _not_sendable(operation, problem) from None
            yield reader

    def _call(
        self,
        operation: Operation,
        sent: Mapping[str, object],
        *,
        drop: Collection[str],
        deadline: Deadline,
        limits: HttpLimits | None,
    ) -> AbstractContextManager[DataSetReader]:
        return self._services[operation.service].call(
            operation.name, sent, is_write=operation.is_write, deadline=deadline, drop=drop, limits=limits
        )

    def _log_on(self, facility: str) -> dict[str, object]:
        """The first four elements of every request. The user carries the licence key behind three colons."""
        settings = self.settings
        user = settings.user
        if ":::" not in user:
            user = f"{user}:::{self._secrets.get(settings.license_key)}"
        return {
            "sCorpCode": settings.corp_code,
            "sLocationCode": facility,
            "sCorpUserName": user,
            "sCorpPassword": self._secrets.get(settings.password),
        }

    def _service(self, service: Service) -> SoapService:
        settings = self.settings
        is_reporting = service is Service.REPORTING
        return SoapService(
            self.http,
            wsdl=settings.reporting_wsdl if is_reporting else settings.call_center_wsdl,
            endpoint=settings.reporting_url if is_reporting else settings.call_center_url,
            namespace=NAMESPACES[service],
        )


def _not_sendable(operation: str, problem: InputError) -> PmsBridgeError:
    """Text that cannot be written (control characters) is refused; all else is a mistake of ours."""
    message = f"{operation}: {problem.field} {problem.problem}; nothing was sent"
    if "xs:string" in problem.problem:
        return RejectedError(message, code="unsendable_text")
    return ConfigurationError(message, code="contract_mismatch")


def _bears(settings: SiteLinkSettings) -> LaneLimits:
    """Slots and spacing are the account's, the month's calls each location's."""
    limits = settings.limits
    return LaneLimits(
        concurrency=limits.concurrency,
        calls_per_second=limits.calls_per_second,
        monthly_calls=limits.monthly_calls,
        stop_at_monthly_calls=limits.stop_at_monthly_calls,
        warn_at_percent=limits.warn_at_percent,
        nights_percent=limits.nights_percent,
    )


def _limiter(limits: LaneLimits, clock: Clock, gate: CallGate | None) -> LaneLimiter:
    return LaneLimiter(limits, gate=gate, clock=clock.now, monotonic=clock.monotonic)


def _check_read(operation: str, found: Rows) -> None:
    for table, rows in found.items():
        for row in rows[:1] if table != Table.RETURN else rows:
            _check_row(operation, row, is_return=table == Table.RETURN)


def _checked_rows(operation: str, rows: Iterable[tuple[str, RowCells]]) -> Iterator[tuple[str, RowCells]]:
    for table, row in rows:
        is_return = table == Table.RETURN
        if is_return or row.get(_CODE, ""):
            _check_row(operation, row, is_return=is_return)
        if not is_return:
            yield table, row


def _check_row(operation: str, row: Row | CutRow, *, is_return: bool) -> None:
    """Raise what a row's return code stands for. Unit lists carry it as a column of every row."""
    word = row.get(_CODE, "").strip()
    if not word:
        return
    fault = fault_of(operation, _code_of(word), row.get(_MESSAGE, "") if is_return else "", is_write=False)
    if fault is not None:
        raise fault


def _code_of(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        return 0


def _judged(operation: str, found: Rows) -> Answered:
    returned = found.get(Table.RETURN) or ()
    word = returned[0].get(_CODE, "").strip() if returned else ""
    if not word or not word.lstrip("-").isdigit():
        problem = f"{operation}: the answer has no return code"
        raise OutcomeUnknownError(problem, code="no_return_code")
    code, message = int(word), returned[0].get(_MESSAGE, "")
    fault = fault_of(operation, code, message, is_write=True)
    if fault is not None:
        _log.info("refused", operation=operation, code=code, kind=type(fault).__name__)
        raise fault
    return Answered(code, message, found)


def seen_after(look: Callable[[], T]) -> T | None:
    """A look after a write that was answered: whatever goes wrong with it says nothing about the write."""
    try:
        return look()
    except PmsBridgeError:
        return None
