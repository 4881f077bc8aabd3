"""Whether an answer or a row is what a mapping says it must be."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from decimal import Decimal
from typing import Any

from pmsbridge_rest.filling import CannotSayError, Filler, value_at
from pmsbridge_rest.mapping.conditions import Condition, Demand, Holds, fits_status
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.paths import ABSENT, parse_path
from pmsbridge_rest.mapping.templates import Place, parse_template

__all__ = ["case_fits", "condition_holds", "is_equal", "row_fits"]


def condition_holds(
    condition: Condition,
    *,
    status: int,
    headers: Table[str, str],
    body: Any,  # noqa: ANN401 - plain data of any shape
    filler: Filler | None = None,
) -> bool:
    """Whether everything that a condition asks holds of an answer.

    Args:
        condition: What is asked.
        status: The answer's status.
        headers: Its headers, by names in small letters.
        body: Its whole body as plain data; None when it is none.
        filler: Fills places in the condition's texts; None when it has none.
    """
    if condition.status is not None and not fits_status(status, condition.status):
        return False
    found = {name.lower(): text.casefold() for name, text in headers.items()}
    if any(text.casefold() not in found.get(name.lower(), "\n") for name, text in condition.headers.items()):
        return False
    return row_fits(condition.body, body, filler)


def row_fits(holds: Holds, row: Any, filler: Filler | None = None) -> bool:  # noqa: ANN401
    """Whether every demand on a row is met. An expression that does not fit the row finds nothing in it."""
    return all(_meets(demand, _found(expression, row), filler) for expression, demand in holds.items())


def case_fits(cases: Table[str, Demand], effect: Any) -> bool:  # noqa: ANN401
    """Whether an effect is one that an action or a step is for."""
    return all(_meets(demand, _of_effect(effect, path), None) for path, demand in cases.items())


def _found(expression: str, row: Any) -> Any:  # noqa: ANN401
    try:
        return search(expression, row)
    except ValueError:
        return None


def _of_effect(effect: Any, path: str) -> Any:  # noqa: ANN401
    value = value_at(effect, parse_path(path))
    return None if value is ABSENT else getattr(value, "value", value)


def _meets(demand: Demand, value: Any, filler: Filler | None) -> bool:  # noqa: ANN401
    asked = demand.model_fields_set
    if demand.present is not None and demand.present != (value is not None and value not in ("", [], {})):
        return False
    checks: dict[str, Callable[[], bool]] = {
        "equals": lambda: is_equal(value, _filled(demand.equals, filler), fold_case=demand.fold_case),
        "among": lambda: _is_among(demand, value, filler),
        "contains": lambda: _contains(value, _filled(demand.contains, filler), fold_case=demand.fold_case),
        "starts_with": lambda: _starts(value, _filled(demand.starts_with, filler), fold_case=demand.fold_case),
        "at_least": lambda: _in_order(_filled(demand.at_least, filler), value),
        "at_most": lambda: _in_order(value, _filled(demand.at_most, filler)),
    }
    return all(check() for name, check in checks.items() if name in asked)


def _filled(wanted: Any, filler: Filler | None) -> Any:  # noqa: ANN401
    """A wanted text with its places filled. Nothing for an optional place matches nothing."""
    if not isinstance(wanted, str):
        return wanted
    pieces = parse_template(wanted)
    if not any(isinstance(piece, Place) for piece in pieces):
        return "".join(map(str, pieces))
    if filler is None:
        message = "a place in a condition where nothing can fill it"
        raise CannotSayError(message)
    return filler.value(wanted)


def is_equal(value: Any, wanted: Any, *, fold_case: bool = False) -> bool:  # noqa: ANN401
    """Equal: numbers as decimals, an id as text or as a number, true and false only with themselves."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return isinstance(value, bool) and isinstance(wanted, bool) and value is wanted
    if isinstance(value, int | Decimal) and isinstance(wanted, int | Decimal):
        return value == wanted
    if isinstance(value, int) and isinstance(wanted, str):
        return str(value) == wanted
    if isinstance(value, str) and isinstance(wanted, int):
        return value == str(wanted)
    if fold_case and isinstance(value, str) and isinstance(wanted, str):
        return value.casefold() == wanted.casefold()
    return bool(value == wanted)


def _is_among(demand: Demand, value: Any, filler: Filler | None) -> bool:  # noqa: ANN401
    wanted = demand.among or ()
    return any(is_equal(value, _filled(each, filler), fold_case=demand.fold_case) for each in wanted)


def _contains(value: Any, wanted: Any, *, fold_case: bool) -> bool:  # noqa: ANN401
    if isinstance(value, list):
        return any(is_equal(each, wanted, fold_case=fold_case) for each in value)
    if not isinstance(value, str) or not isinstance(wanted, str) or not wanted:
        return False
    return wanted.casefold() in value.casefold() if fold_case else wanted in value


def _starts(value: Any, wanted: Any, *, fold_case: bool) -> bool:  # noqa: ANN401
    if not isinstance(value, str) or not isinstance(wanted, str) or not wanted:
        return False
    return value.casefold().startswith(wanted.casefold()) if fold_case else value.startswith(wanted)


def _in_order(low: Any, high: Any) -> bool:  # noqa: ANN401
    """Low is not more than high. What cannot be compared is in no order."""
    if isinstance(low, bool) or isinstance(high, bool):
        return False
    if isinstance(low, int | Decimal) and isinstance(high, int | Decimal):
        return low <= high
    return isinstance(low, str) and isinstance(high, str) and low <= high
