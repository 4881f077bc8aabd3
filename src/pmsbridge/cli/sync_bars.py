"""What a person sees while a sync runs: a bar per facility, and one for all of them."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeElapsedColumn

from pmsbridge.engine.sync import BatchTaken, EntityFinished, EntityStarted, RunFinished, RunStarted

if TYPE_CHECKING:
    from pmsbridge.engine.sync import SyncEvent
    from pmsbridge.store.mirror import Scope

__all__ = ["SyncBars", "pace"]

_MOST_SHOWN: Final = 20
"""With more bars than this, full ones go."""


class SyncBars:
    """Draws the events of a run on a console; hand it to ``Bridge.sync`` as ``watch``."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(24),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=not console.is_terminal)
        self._bars: dict[tuple[str, str], Task] = {}
        self._lengths: dict[tuple[str, str], int | None] = {}
        self._failed: set[tuple[str, str]] = set()
        self._full: set[tuple[str, str]] = set()
        self._total: Task | None = None
        self._shown: list[tuple[str, str]] = []
        self._facilities = self._parts = self._rows = 0

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def __call__(self, event: SyncEvent) -> None:
        """Draw one event."""
        match event:
            case RunStarted():
                self._begin(event)
            case EntityStarted():
                self._start(event)
            case BatchTaken():
                self._move(event)
            case EntityFinished():
                self._finish(event)
            case RunFinished():
                self._end()

    def _begin(self, event: RunStarted) -> None:
        self._facilities, self._parts = len(event.facilities), event.entities
        self._total = self._added("all", self._parts)

    def _start(self, event: EntityStarted) -> None:
        place = _place(event.scope)
        # Only of a full reading is it known how many rows will come.
        self._lengths[place] = event.held if event.is_full and event.held else None
        words = f"{event.scope.entity}: goes on" if event.is_resumed else f"{event.scope.entity}: begins"
        self._draw(place, self._lengths[place], 0, words)
        self._full.discard(place)
        self._make_room()

    def _move(self, event: BatchTaken) -> None:
        place, read = _place(event.scope), event.counts.read
        length = self._lengths.get(place)
        if length is not None and read > length:
            length = self._lengths[place] = None
        told = f"{event.scope.entity}: {read:,} read, {event.counts.changed:,} changed"
        words = f"{told}{pace(read, event.seconds, length)}"
        self._draw(place, length, read, words)

    def _finish(self, event: EntityFinished) -> None:
        row, place = event.row, _place(event.row.scope)
        told = f"{row.scope.entity}: {row.counts.read:,} read, {row.counts.changed:,} changed, {row.deleted:,} deleted"
        if row.error:
            self._failed.add(place)
        words = f"{row.scope.entity}: failed" if row.error else f"{told}{pace(row.counts.read, row.seconds, None)}"
        self._full.add(place)
        length = max(row.counts.read, 1)
        self._draw(place, length, length, words)
        self._rows += row.counts.read
        if self._total is not None:
            self.progress.update(self._total.id, advance=1, words=self._all_words())

    def _end(self) -> None:
        if self._total is not None:
            whole = max(self._parts, 1)
            self.progress.update(self._total.id, total=whole, completed=whole, words=self._all_words())

    def _all_words(self) -> str:
        told = f"{self._rows:,} rows of {len(self._bars):,}/{self._facilities:,} facilities"
        task = self._total
        if task is None or not task.elapsed:
            return told
        left = ""
        if task.completed and task.total is not None and task.completed < task.total:
            # The parts that are left take as long as those that are done.
            left = f", {_length(task.elapsed / task.completed * (task.total - task.completed))} left"
        return f"{told}{pace(self._rows, task.elapsed, None)}{left}"

    def _draw(self, place: tuple[str, str], length: int | None, done: int, words: str) -> None:
        if place not in self._bars:
            self._bars[place] = self._added("/".join(place), None)
        if place not in self._shown:
            self._shown.append(place)
        bar = self._bars[place]
        # An update takes None for "as it was", not for "not known".
        bar.total = length
        self.progress.update(bar.id, visible=True, completed=done, words=words)

    def _added(self, name: str, length: int | None) -> Task:
        self.progress.add_task(name, total=length, words="")
        return self.progress.tasks[-1]

    def _make_room(self) -> None:
        """Thousands of bars would fill the screen: full ones go, oldest first, but not where something failed."""
        full = [place for place in self._shown if place in self._full and place not in self._failed]
        for place in full[: max(len(self._shown) - _MOST_SHOWN, 0)]:
            self.progress.update(self._bars[place].id, visible=False)
            self._shown.remove(place)


def pace(read: int, seconds: float, length: int | None) -> str:
    """Rows per second, and how long the rest takes; nothing that is not known.

    Args:
        read: Rows so far.
        seconds: Since the reading began.
        length: Rows in all; None when that is not known.
    """
    if not read or seconds <= 0:
        return ""
    told = f", {read / seconds:,.0f} rows/s"
    return told if length is None or length <= read else f"{told}, {_length(seconds / read * (length - read))} left"


def _length(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"


def _place(scope: Scope) -> tuple[str, str]:
    return scope.account, scope.facility
