from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge_rest.mapping.paths import ABSENT, parse_path, path_of, read_at, without, write_at

KEYS = st.sampled_from(["a", "b", "first name", "$x", "c-d"])
PATHS = st.lists(KEYS, min_size=1, max_size=4).map(lambda keys: ".".join(f'"{key}"' for key in keys))
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
DOCUMENTS = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)


def test_a_path_reads_and_writes_the_same_place() -> None:
    row = {"a": {"b": [{"type": "home", "number": "1"}, {"type": "cell", "number": "2"}]}}

    assert read_at(row, "a.b[type=cell].number") == "2"
    assert read_at(write_at(row, "a.b[type=cell].number", "3"), "a.b[type=cell].number") == "3"
    assert read_at(row, "a.b[1].number") == "2"
    assert row["a"]["b"][1]["number"] == "2"  # the given one is as before


def test_null_and_empty_and_nothing_are_three_things() -> None:
    row = {"a": None, "b": ""}

    assert read_at(row, "a") is None
    assert read_at(row, "b") == ""
    assert read_at(row, "c") is ABSENT
    assert read_at(row, "a.x") is ABSENT


def test_an_entry_that_is_not_there_is_made_with_its_key() -> None:
    assert write_at({}, "phones[type=home].number", "1") == {"phones": [{"type": "home", "number": "1"}]}


def test_other_entries_of_a_list_stay() -> None:
    row = {"phones": [{"type": "cell", "number": "2"}]}

    assert write_at(row, "phones[type=home].number", "1")["phones"][0] == {"type": "cell", "number": "2"}


def test_nothing_is_written_over_something_of_another_kind() -> None:
    with pytest.raises(ValueError, match="something else"):
        write_at({"a": "text"}, "a.b", 1)
    with pytest.raises(ValueError, match="too short"):
        write_at({}, "a[2]", 1)


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a b", "a[", "a[-1]", "a[01]", "a.[0]", "[a=]", '"', "a\n"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


@given(document=DOCUMENTS.filter(lambda each: isinstance(each, dict)), path=PATHS, value=VALUES)
def test_what_was_written_is_read(document: dict[str, Any], path: str, value: object) -> None:
    try:
        written = write_at(document, path, value)
    except ValueError:
        return
    assert read_at(written, path) == value
    assert path_of(parse_path(path)) == path
    assert read_at(without(written, path), path) is ABSENT


@given(document=DOCUMENTS.filter(lambda each: isinstance(each, dict)), path=PATHS)
def test_writing_back_what_was_read_changes_nothing(document: dict[str, Any], path: str) -> None:
    value = read_at(document, path)
    if value is not ABSENT:
        assert write_at(document, path, value) == document
