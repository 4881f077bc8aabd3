"""Values out and in: exact, or refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmsbridge.errors import InputError
from pmsbridge_tryton.wire import Number, Reference, UnreadableError, compared, decoded, encoded, nested, reference_of

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
_NAIVE = datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None)
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    _TEXT,
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.binary(),
)


@given(
    st.recursive(
        _VALUES, lambda held: st.lists(held) | st.dictionaries(_TEXT.filter(lambda name: name != "__class__"), held)
    )
)
def test_what_goes_out_comes_back_equal(value: object) -> None:
    assert decoded(encoded(value).encode()) == value


@given(st.dictionaries(_TEXT.filter(lambda name: name != "__class__"), st.one_of(_VALUES, st.lists(_VALUES))))
def test_a_row_as_bytes_gives_the_row_again_and_equal_rows_are_equal_bytes(row: dict[str, Any]) -> None:
    raw = compared(row)

    assert decoded(raw) == row
    assert compared(dict(reversed(row.items()))) == raw
    assert compared({**row, "more.": [{"b": Decimal("1.50"), "a": None}]}) == compared(
        {"more.": [{"a": None, "b": Decimal("1.50")}], **row}
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("12.30"), {"__class__": "Decimal", "decimal": "12.30"}),
        (Decimal("1E+3"), {"__class__": "Decimal", "decimal": "1000"}),
        (date(2026, 3, 1), {"__class__": "date", "year": 2026, "month": 3, "day": 1}),
        (
            datetime(2026, 3, 1, 8, 30, tzinfo=timezone(timedelta(hours=-6))),
            {"__class__": "datetime", "year": 2026, "month": 3, "day": 1, "hour": 14,
             "minute": 30, "second": 0, "microsecond": 0},
        ),
        (timedelta(days=1), {"__class__": "timedelta", "seconds": 86400}),
        (b"abc", {"__class__": "bytes", "base64": "YWJj"}),
        (Reference("sale.rental", 7), "sale.rental,7"),
        ([["add", [5]], ("OR", ["name", "=", "x"])], [["add", [5]], ["OR", ["name", "=", "x"]]]),
    ],
)  # fmt: skip
def test_values_are_said_as_the_server_says_them(value: object, words: object) -> None:
    assert json.loads(encoded(value)) == words


def test_a_quantity_is_written_digit_by_digit() -> None:
    assert encoded({"quantity": Number(Decimal("0.10000000000000000001"))}) == '{"quantity":0.10000000000000000001}'


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), Decimal("NaN"), Decimal("Infinity"), Number(Decimal("-Infinity")), _NAIVE,
     object(), {1: "x"}, {1, 2}, time(8, tzinfo=UTC), "half \ud800", "nul \0", Reference("Sale,Rental", 1)],
)  # fmt: skip
def test_what_cannot_be_said_faithfully_is_refused_by_its_place(value: object) -> None:
    with pytest.raises(InputError) as refused:
        encoded({"outer": [0, value]})

    assert refused.value.field == "value.outer[1]"
    assert "half" not in str(refused.value)


def test_no_number_of_an_answer_is_a_float() -> None:
    found = decoded(b'{"a": 1.10, "b": 7, "c": 1e2, "d": 0.1000000000000000055511151231257827}')

    assert found == {
        "a": Decimal("1.10"),
        "b": 7,
        "c": Decimal(100),
        "d": Decimal("0.1000000000000000055511151231257827"),
    }
    assert not any(isinstance(value, float) for value in found.values())


def test_moments_of_an_answer_are_utc() -> None:
    words = b'{"__class__":"datetime","year":2026,"month":3,"day":1,"hour":8,"minute":0,"second":0,"microsecond":5}'

    assert decoded(words) == datetime(2026, 3, 1, 8, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "words",
    [b"", b"<html>", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b'{"__class__": "Money"}', b'{"__class__": 5}',
     b'{"__class__": "date", "year": 2026}', b'{"__class__": "date", "year": "x", "month": 1, "day": 1}',
     b'{"__class__": "date", "year": 2026, "month": 13, "day": 1}', b'{"__class__": "Decimal", "decimal": "NaN"}',
     b'{"__class__": "Decimal", "decimal": "12,5"}', b'{"__class__": "bytes", "base64": "!!!"}',
     b'{"__class__": "bytes", "base64": 5}', b'{"__class__": "timedelta", "seconds": "x"}', b"\xff\xfe",
     b"[" * 100_000, b"1" * 5_000],
)  # fmt: skip
def test_an_answer_that_is_none_of_this_protocol_is_unreadable(words: bytes) -> None:
    with pytest.raises(UnreadableError) as unreadable:
        decoded(words)

    assert unreadable.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("sale.rental,7", Reference("sale.rental", 7)), (None, None), ("", None), ("sale.rental,-1", None)],
)  # fmt: skip
def test_a_reference_is_a_model_and_an_id(text: str | None, found: Reference | None) -> None:
    assert reference_of(text) == found


@pytest.mark.parametrize("text", ["sale.rental", "sale.rental,", ",7", "sale.rental,x", 7, "Sale Rental,7", "a,1,2"])
def test_what_is_no_reference_is_unreadable(text: object) -> None:
    with pytest.raises(UnreadableError):
        reference_of(text)


def test_records_of_a_dotted_field_are_a_list_whether_one_or_many() -> None:
    row = {"party": 3, "party.": {"id": 3, "name": "Ada"}, "lines.": [{"id": 1}, {"id": 2}], "none.": None}

    assert nested(row, "party") == [{"id": 3, "name": "Ada"}]
    assert [line["id"] for line in nested(row, "lines")] == [1, 2]
    assert nested(row, "none") == nested(row, "absent") == []


def test_a_dotted_field_that_holds_no_records_is_unreadable() -> None:
    with pytest.raises(UnreadableError):
        nested({"party.": "Ada"}, "party")


def test_a_time_of_day_has_no_zone() -> None:
    assert decoded(encoded(time(8, 30)).encode()) == time(8, 30)
