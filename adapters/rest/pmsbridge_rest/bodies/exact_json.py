"""JSON whose numbers are exact: a Decimal is written digit by digit and read as a Decimal; a float never exists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

__all__ = ["UnreadableError", "UnwritableError", "read_json", "write_json"]

_LONGEST_NUMBER: Final = 64
_FARTHEST_EXPONENT: Final = 64
_DEEPEST: Final = 60


class UnreadableError(Exception):
    """A text is not the JSON it should be; ``code`` says how. It never leaves this adapter and repeats nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UnwritableError(Exception):
    """A value cannot be said faithfully; ``code`` says why. Nothing was sent. It repeats nothing of the value."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def write_json(value: object) -> bytes:
    """The value as compact UTF-8 JSON.

    Takes None, bool, int, Decimal, str, mappings with text keys, lists and tuples.

    Raises:
        UnwritableError: A float, a number that is not finite, a key that is no text, half of a surrogate pair, too
            deep, or any other type.
    """
    try:
        return "".join(_pieces(value, 0)).encode("utf-8")
    except UnicodeEncodeError:
        problem = "not_unicode"
    raise UnwritableError(problem)


def _pieces(value: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise UnwritableError("too_deep")
    if value is None or isinstance(value, bool | str):
        yield json.dumps(value, ensure_ascii=False)
    elif isinstance(value, int):
        yield int.__repr__(value)
    elif isinstance(value, Decimal):
        yield written_number(value)
    elif isinstance(value, Mapping):
        yield from _object(value, depth)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        yield from _array(value, depth)
    else:
        raise UnwritableError("float" if isinstance(value, float) else "unknown_type")


def _object(value: Mapping[Any, object], depth: int) -> Iterator[str]:
    yield "{"
    for place, (key, item) in enumerate(value.items()):
        if not isinstance(key, str):
            raise UnwritableError("key_is_no_text")
        yield f"{',' if place else ''}{json.dumps(key, ensure_ascii=False)}:"
        yield from _pieces(item, depth + 1)
    yield "}"


def _array(value: Sequence[object], depth: int) -> Iterator[str]:
    yield "["
    for place, item in enumerate(value):
        if place:
            yield ","
        yield from _pieces(item, depth + 1)
    yield "]"


def written_number(number: Decimal) -> str:
    """All digits of a Decimal, without an exponent.

    Raises:
        UnwritableError: It is not finite, or longer than any number a back office means.
    """
    if not number.is_finite():
        raise UnwritableError("not_finite")
    if abs(int(number.as_tuple().exponent)) > _FARTHEST_EXPONENT:
        raise UnwritableError("number_too_long")
    text = format(number, "f")
    return "0" if text == "-0" else text


def read_json(content: bytes) -> Any:  # noqa: ANN401 - JSON is any of its kinds
    """The document in ``content``: UTF-8, numbers with a point as Decimal, no name twice in one object.

    Raises:
        UnreadableError: ``empty``, ``not_utf8``, ``not_json``, ``name_twice``, ``too_deep`` or ``number_too_long``.
    """
    if not content.strip():
        raise UnreadableError("empty")
    code = ""
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_without_repeats,
        )
    except UnicodeDecodeError:
        code = "not_utf8"
    except RecursionError:
        code = "too_deep"
    except ValueError:
        code = "not_json"
    raise UnreadableError(code)


def _decimal(text: str) -> Decimal:
    number = Decimal(text) if len(text) <= _LONGEST_NUMBER else None
    if number is None or abs(int(number.as_tuple().exponent)) > _FARTHEST_EXPONENT:
        raise UnreadableError("number_too_long")
    return number


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise UnreadableError("number_too_long")
    return int(text)


def _no_constant(_name: str) -> None:
    raise UnreadableError("not_json")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object that says a name twice says two things; which one the back office means is a guess."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("name_twice")
    return found
