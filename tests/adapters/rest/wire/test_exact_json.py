"""Numbers go and come digit by digit."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge_rest.bodies.exact_json import UnreadableError, UnwritableError, read_json, write_json

_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**15), max_value=10**15)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | _DECIMALS
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_TREES)
def test_what_is_written_reads_the_same(tree: Any) -> None:
    assert read_json(write_json(tree)) == tree


@given(_TREES)
def test_what_is_written_is_json_to_everybody(tree: Any) -> None:
    json.loads(write_json(tree))


@pytest.mark.parametrize(
    "digits", ["0.1", "120.00", "79228162514264337593543950335.12345678", "0.10000000000000001", "-0.01"]
)
def test_an_amount_keeps_every_digit(digits: str) -> None:
    assert write_json({"amount": Decimal(digits)}) == f'{{"amount":{digits}}}'.encode()
    assert str(read_json(f'{{"amount":{digits}}}'.encode())["amount"]) == digits


def test_an_exponent_is_written_out() -> None:
    assert write_json([Decimal("1E+3"), Decimal("1E-7"), Decimal("-0")]) == b"[1000,0.0000001,0]"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1.5, "float"),
        ({"a": [0.1]}, "float"),
        (Decimal("NaN"), "not_finite"),
        (Decimal("Infinity"), "not_finite"),
        (Decimal("1E+99999999"), "number_too_long"),
        ({1: "a"}, "key_is_no_text"),
        (b"bytes", "unknown_type"),
        ({"a": object()}, "unknown_type"),
        ("\ud800", "not_unicode"),
    ],
)
def test_what_cannot_be_said_faithfully_is_refused(value: object, code: str) -> None:
    with pytest.raises(UnwritableError) as refused:
        write_json(value)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html>", "not_json"),
        (b'{"a": 1', "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": Infinity}', "not_json"),
        (b'{"amount": 1, "amount": 2}', "name_twice"),
        (b"\xff\xfe", "not_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b"9" * 5_000, "number_too_long"),
        (b"1e999999999", "number_too_long"),
        (b"0." + b"1" * 5_000, "number_too_long"),
    ],
)
def test_what_is_no_document_is_told_apart(content: bytes, code: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_json(content)

    assert refused.value.code == code


def test_a_byte_order_mark_is_no_content() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
