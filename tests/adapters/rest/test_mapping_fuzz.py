from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.reading import examine
from pmsbridge_rest.mapping.yaml_nodes import read_tree

TEXT = (Path(__file__).parent / "harbor.yaml").read_text(encoding="utf-8")
LINES = TEXT.splitlines()
DATA: dict[str, Any] = read_tree(TEXT.encode())[0].data
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 7, -1, "", "x", "{effect.total}", "{", "a[", [], ["x"], [[]], {}, {"x": 1}, {"$each": 1}]
)


def paths_of(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(path for key, each in inner for path in paths_of(each, (*above, key)))]


PATHS = [path for path in paths_of(DATA) if path]


def replaced(path: tuple[Any, ...], new: Any) -> Any:
    data = copy.deepcopy(DATA)
    here = data
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = new
    return data


def looked_at(text: str) -> None:
    """Whatever the file: problems with a place in it, or a mapping."""
    examined = examine(text.encode())
    lines = text.splitlines() or [""]

    assert (examined.mapping is None) == bool(examined.problems)
    for problem in examined.problems or lint(text.encode()):
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
        assert problem.what


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), new=ODD)
def test_whatever_stands_at_a_key_the_file_is_told_and_nothing_breaks(path: tuple[Any, ...], new: Any) -> None:
    looked_at(json.dumps(replaced(path, new), indent=1))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.integers(0, len(LINES) - 1), count=st.integers(1, 4), again=st.booleans())
def test_lines_that_are_lost_or_doubled_are_told(first: int, count: int, again: bool) -> None:
    kept = LINES[: first + count if again else first]
    looked_at("\n".join([*kept, *LINES[first if again else first + count :]]) + "\n")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.integers(0, len(TEXT) - 1), sign=st.sampled_from(list("{}[]:,#&*!|>'\"%@`\t\n -")))
def test_a_stray_sign_is_told(place: int, sign: str) -> None:
    looked_at(TEXT[:place] + sign + TEXT[place:])
