"""A record as the mirror keeps it: the text that decides whether anything has changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.store.mirror_batch import parsed, text_of

ANY_TEXT = st.text(st.characters(codec="utf-8"))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(ANY_TEXT, DOCUMENTS))
def test_it_is_spelled_as_every_mirror_before_has_spelled_it(document: dict[str, object]) -> None:
    # Else every record of an older copy would count as changed.
    assert text_of(document) == json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@given(st.dictionaries(ANY_TEXT, DOCUMENTS))
def test_it_is_read_as_it_was_written(document: dict[str, object]) -> None:
    assert parsed(text_of(document)) == document


@pytest.mark.parametrize("text", ["\ud800", "before \udfff after"])
def test_half_of_a_surrogate_pair_loses_no_record(text: str) -> None:
    assert parsed(text_of({"id": "1", "note": text})) == {"id": "1", "note": text}
