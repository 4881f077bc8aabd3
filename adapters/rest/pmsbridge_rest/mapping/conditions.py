"""Conditions on an answer, and on a row: what has to hold."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.sections import Also, HeaderName, Section
from pmsbridge_rest.mapping.templates import HAS_PLACES, Template, parse_template

__all__ = ["Condition", "Demand", "Holds", "Scalar", "Statuses", "fits_status"]

_STATUSES: Final = re.compile(r"[1-5][0-9]{2}|[1-5]xx")


def _statuses(given: object) -> tuple[str, ...]:
    listed = given if isinstance(given, list | tuple) else [given]
    words = tuple(str(each) for each in listed if isinstance(each, int | str) and not isinstance(each, bool))
    if not words or len(words) != len(listed) or not all(_STATUSES.fullmatch(word) for word in words):
        message = "a status is a number such as 404, or a class such as 5xx"
        raise ValueError(message)
    return words


Statuses = Annotated[
    tuple[str, ...],
    BeforeValidator(_statuses),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^([1-5][0-9]{2}|[1-5]xx)$"},
                {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1},
            ]
        }
    ),
]
"""HTTP statuses: ``404``, ``5xx``, ``[200, 201]``."""


def fits_status(status: int, statuses: tuple[str, ...]) -> bool:
    """Whether a status is one of those listed."""
    return str(status) in statuses or f"{status // 100}xx" in statuses


def _scalar(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        parse_template(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    message = "text in quotes, a whole number, true, false or null"
    raise ValueError(message)


Scalar = Annotated[
    Any,
    AfterValidator(_scalar),
    HAS_PLACES,
    WithJsonSchema({"type": ["string", "integer", "boolean", "null"]}),
]
"""A plain value: text, where a condition stands with places to fill, whole number, true, false or null."""


class Demand(Section):
    """What one value must be. Every test that is given must pass; text may have places to fill.

    Attributes:
        equals: The same value. Numbers are compared as decimals, so ``12.50`` equals ``12.5``.
        among: One of these.
        contains: Text that contains this text, or a list that has this entry.
        starts_with: Text that begins with this.
        at_least: Not less: numbers as decimals, text (ISO dates) by its characters.
        at_most: Not more, likewise.
        present: There is a value that is not null (true), or there is none (false).
        fold_case: Texts are compared without regard to capitals.
    """

    equals: Scalar = None
    among: tuple[Scalar, ...] | None = None
    contains: Template | None = None
    starts_with: Template | None = None
    at_least: Scalar = None
    at_most: Scalar = None
    present: bool | None = None
    fold_case: bool = False

    @model_validator(mode="after")
    def _tests_something(self) -> Self:
        if not self.model_fields_set - {"fold_case"}:
            message = "tests nothing; give equals, among, contains, starts_with, at_least, at_most or present"
            raise ValueError(message)
        return self


def _demand(given: Any) -> Any:  # noqa: ANN401
    """A plain value means equals, a list means among."""
    if isinstance(given, list):
        return {"among": given}
    return given if isinstance(given, dict | Demand) else {"equals": given}


Holds = dict[
    Expression,
    Annotated[
        Demand,
        BeforeValidator(_demand),
        Also({"type": ["string", "integer", "boolean", "null", "array"]}),
    ],
]
"""By JMESPath expression, what its value must be; all must hold."""


class Condition(Section):
    """When something about an answer holds: all that is given must.

    Attributes:
        status: One of these statuses.
        body: By JMESPath into the whole body, what must hold.
        headers: Headers whose text contains this, whatever its capitals.
    """

    status: Statuses | None = None
    body: Holds = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.status is None and not self.body and not self.headers:
            message = "asks nothing; give status, body or headers"
            raise ValueError(message)
        return self
