"""Every worker of the suite begins with some of what takes longest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dealing import dealt


@dataclass(frozen=True)
class _Item:
    nodeid: str


def _order(names: list[str], workers: int) -> list[str]:
    items: list[Any] = [_Item(name) for name in names]
    return [item.nodeid for item in dealt(items, {"nights": 20, "kills/tls": 10, "kills": 50}, workers)]


def test_each_workers_piece_begins_with_some_of_the_longest_and_goes_on_with_neighbours() -> None:
    names = ["a1", "a2", "nights1", "kills/tls", "b1", "kills1", "b2", "b3", "kills2", "c1", "nights2", "c2"]

    order = _order(names, workers=3)

    assert order[:4] == ["kills1", "kills2", "a1", "a2"]
    assert order[4:8] == ["nights1", "nights2", "b1", "b2"]
    assert order[8:] == ["kills/tls", "b3", "c1", "c2"]


def test_who_has_least_to_do_gets_the_next() -> None:
    order = _order(["a", "b", "nights", "kills/tls", "kills", "c"], workers=2)

    assert order == ["kills", "a", "b", "nights", "kills/tls", "c"]


def test_who_works_alone_begins_with_the_longest() -> None:
    assert _order(["a", "nights", "b", "kills"], workers=1) == ["kills", "nights", "a", "b"]


@given(st.lists(st.sampled_from(["a", "b", "kills", "kills/tls", "nights"]), max_size=30), st.integers(1, 8))
def test_nothing_is_left_out_or_run_twice(kinds: list[str], workers: int) -> None:
    names = [f"{kind}{number}" for number, kind in enumerate(kinds)]

    assert sorted(_order(names, workers)) == sorted(names)


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_what_needs_no_long_test_stays_in_its_order(workers: int) -> None:
    names = [f"{number:02}" for number in range(23)]

    assert _order(names, workers) == names
