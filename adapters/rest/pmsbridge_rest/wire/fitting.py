"""Whether conditions hold: of an answer's status, headers and body, or of a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.mapping.conditions import Condition, Demand, Holds, fits_status
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.templates import Place, parse_template

__all__ = ["Fill", "all_hold", "holds", "meets", "plain"]

Fill = Callable[[str], object]
"""Fills a template: a text that is one place gives its value, any other gives text."""

_FRACTION: Final = re.compile(r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,20}")
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,20})")


def plain(template: str) -> object:
    """A text without places, as it is.

    Raises:
        ConfigurationError: It has one, and nothing here fills it.
    """
    pieces = parse_template(template)
    if any(isinstance(piece, Place) for piece in pieces):
        message = "a condition on answers has a place that nothing fills here"
        raise ConfigurationError(message, code="bad_place")
    return "".join(str(piece) for piece in pieces)


def holds(
    condition: Condition, *, status: int, headers: Mapping[str, str], document: object, fill: Fill = plain
) -> bool:
    """Whether everything that is given holds.

    Args:
        condition: What is asked.
        status: HTTP status.
        headers: Names in lower case.
        document: The whole body; None when there is none.
        fill: Fills places.
    """
    if condition.status is not None and not fits_status(status, condition.status):
        return False
    wanted = condition.headers.items()
    if any(text.lower() not in headers.get(name.lower(), "\0").lower() for name, text in wanted):
        return False
    return all_hold(condition.body, document, fill)


def all_hold(wanted: Holds, document: object, fill: Fill = plain) -> bool:
    """Whether every demand is met; what cannot be searched meets none."""
    try:
        return all(meets(demand, search(expression, document), fill) for expression, demand in wanted.items())
    except ValueError:
        return False


def meets(demand: Demand, found: object, fill: Fill = plain) -> bool:
    """Whether a value is what is demanded."""
    given, fold = demand.model_fields_set, demand.fold_case
    tests: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("present", lambda: (found is not None) == demand.present),
        ("equals", lambda: _same(found, _filled(demand.equals, fill), fold=fold)),
        ("among", lambda: any(_same(found, _filled(one, fill), fold=fold) for one in demand.among or ())),
        ("contains", lambda: _contains(found, str(_filled(demand.contains, fill)), fold=fold)),
        (
            "starts_with",
            lambda: _text(found, fold=fold).startswith(_text(_filled(demand.starts_with, fill), fold=fold)),
        ),
        ("at_least", lambda: _order(found, _filled(demand.at_least, fill)) in {0, 1}),
        ("at_most", lambda: _order(found, _filled(demand.at_most, fill)) in {0, -1}),
    )
    return all(
        test() for name, test in tests if name in given and (name == "equals" or getattr(demand, name) is not None)
    )


def _filled(value: object, fill: Fill) -> object:
    return fill(value) if isinstance(value, str) else value


def _same(found: object, wanted: object, *, fold: bool) -> bool:
    """The same value. Numbers are compared as decimals; an id that is a number there and text here is one id."""
    if isinstance(found, bool) or isinstance(wanted, bool) or found is None or wanted is None:
        return found is wanted
    if isinstance(found, str) and isinstance(wanted, str) and _text(found, fold=fold) == _text(wanted, fold=fold):
        return True
    one, two = _number(found), _number(wanted)
    is_text = isinstance(found, str) and isinstance(wanted, str)
    if is_text and not (_FRACTION.fullmatch(str(found)) or _FRACTION.fullmatch(str(wanted))):
        return False
    return one is not None and one == two


def _number(value: object) -> Decimal | None:
    """A number, or a text that is one as numbers are written: "015" is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = value if isinstance(value, str) else ""
    return Decimal(text) if _FRACTION.fullmatch(text) or _WHOLE.fullmatch(text) else None


def _text(value: object, *, fold: bool) -> str:
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | Decimal) else ""
    return text.casefold() if fold else text


def _contains(found: Any, wanted: str, *, fold: bool) -> bool:  # noqa: ANN401 - any part of a document
    if isinstance(found, list):
        return any(_same(one, wanted, fold=fold) for one in found)
    return bool(wanted) and _text(wanted, fold=fold) in _text(found, fold=fold)


def _order(found: object, wanted: object) -> int | None:
    """-1, 0 or 1; None for what has no order."""
    one, two = _number(found), _number(wanted)
    if one is not None and two is not None:
        return (one > two) - (one < two)
    if isinstance(found, str) and isinstance(wanted, str):
        return (found > wanted) - (found < wanted)
    return None
