"""What every section of a mapping is made of: nothing unknown, never changed, its values in no error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

__all__ = ["Also", "ExactNumber", "HeaderName", "Section", "ShortForm", "Span", "Word"]

_SPAN: Final = re.compile(r"([0-9]{1,9}) ?(ms|s|m|h|d)")
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _span(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        message = 'not a duration; write a number and a unit, such as "200ms", "90s", "15m" or "1h"'
        raise ValueError(message)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _as_words(span: timedelta) -> str:
    thousandths = span // timedelta(milliseconds=1)
    return f"{thousandths // 1000}s" if thousandths % 1000 == 0 else f"{thousandths}ms"


def _whole(value: object) -> object:
    """A number that YAML readers agree on: whole. Pydantic would take "5", true and 5.0 as well."""
    if isinstance(value, bool) or not isinstance(value, int):
        message = "not a whole number"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a field error
    return value


Span = Annotated[
    timedelta,
    BeforeValidator(_span),
    PlainSerializer(_as_words, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,9} ?(ms|s|m|h|d)$", "examples": ["200ms", "90s", "15m"]}),
]
"""A length of time with its unit: "200ms", "90s", "15m", "1h"."""

ExactNumber = Annotated[int, BeforeValidator(_whole)]
"""A whole number, written as one."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A name that the mapping itself gives: small letters, digits and _."""

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}$")]
"""The name of a header."""


@dataclass(frozen=True, slots=True)
class Also:
    """In the JSON Schema: what may stand in place of the full form."""

    short: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either of the two."""
        return {"anyOf": [self.short, handler(core)]}


class Section(BaseModel):
    """Part of a mapping."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, use_attribute_docstrings=False
    )


class ShortForm(Section):
    """A section that may be written as a single text, which then is its field ``short``."""

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return {cls.short: given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either the text or the table."""
        table = handler.resolve_ref_schema(handler(core))
        text = {"type": "string", "description": f"Short for a table with only {cls.short}."}
        return {"anyOf": [text, table], "title": table.get("title", cls.__name__)}
