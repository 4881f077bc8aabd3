"""The order of all tests, dealt so that every worker begins with some of what takes longest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import pytest

__all__ = ["dealt"]


def dealt(items: Sequence[pytest.Item], longest: Mapping[str, int], workers: int) -> list[pytest.Item]:
    """The items in the order in which they are to be handed out; the same in every worker.

    Workers that steal work from each other get equal pieces of the order to begin with, each what lies together in it.
    So each piece begins with some of the longest, and goes on with a stretch of the others as they were. What lies
    together stays together, for it shares servers that take long to start.

    Args:
        items: As they were collected.
        longest: By the beginning of their ids, about how many seconds they take together; the first that fits counts.
        workers: How many pieces; 1 where nobody shares.
    """
    groups: dict[str, list[pytest.Item]] = {begin: [] for begin in (*longest, "")}
    for item in items:
        groups[next(begin for begin in groups if item.nodeid.startswith(begin))].append(item)
    others = iter(groups.pop(""))
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    seconds = [0] * workers
    for begin in sorted(filter(groups.get, groups), key=longest.__getitem__, reverse=True):
        least = seconds.index(min(seconds))
        shares[least] += groups[begin]
        seconds[least] += longest[begin]
    order: list[pytest.Item] = []
    for share, size in zip(shares, _pieces(len(items), workers), strict=True):
        order += [*share, *islice(others, max(0, size - len(share)))]
    return order


def _pieces(count: int, workers: int) -> Iterator[int]:
    """How many the scheduler hands to each worker at the beginning."""
    for left in range(workers, 0, -1):
        yield count // left
        count -= count // left
