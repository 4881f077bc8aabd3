"""Single values of a row: where a field is, how it is spelt, and what stands for nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from pmsbridge.model.money import Money
from pmsbridge.model.record import VendorRef
from pmsbridge_rest.codecs.making import codec_named, codec_of
from pmsbridge_rest.codecs.scene import Codec, CodecError, Scene
from pmsbridge_rest.filling import CannotSayError, Filler
from pmsbridge_rest.mapping.codec_sections import BUILT_IN
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import FieldMap
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.model_fields import Sort, Target
from pmsbridge_rest.mapping.paths import ABSENT, read_at
from pmsbridge_rest.matching import row_fits

__all__ = ["FieldReader", "RowError", "Scope", "searched"]

_DEFAULT_CODECS: Final = {
    Sort.TEXT: "text",
    Sort.ENUM: "text",
    Sort.INTEGER: "integer",
    Sort.DECIMAL: "decimal",
    Sort.BOOLEAN: "boolean",
    Sort.DATE: "date",
    Sort.INSTANT: "instant",
    Sort.PHONE: "phone",
    Sort.WORDS: "words",
}


class RowError(ValueError):
    """A row is no record: a field is missing or holds something else. The text names the field, never its value."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where rows come from.

    Attributes:
        seen_at: When they were read; None for a copy, whose records say nothing of that.
    """

    system: str
    account: str
    facility: str
    zone: ZoneInfo
    currency: str
    seen_at: datetime | None = None

    @property
    def scene(self) -> Scene:
        """What codecs need to know."""
        return Scene(self.zone, self.currency)

    def ref(self, entity: str, vendor_id: str, version: str | None = None) -> VendorRef:
        """The reference of a record of this facility."""
        return VendorRef(
            system=self.system,
            account=self.account,
            facility=self.facility,
            entity=entity,
            id=vendor_id,
            version=version,
            seen_at=self.seen_at,
        )


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads the fields of rows.

    Attributes:
        places: What places of the fields lead to, by root: ``read`` and ``facility``.
    """

    mapping: Mapping
    scope: Scope
    places: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str, where: FieldMap, target: Target, row: Any) -> Any:  # noqa: ANN401 - one row as answered
        """A field's value; ``ABSENT`` where the model's own default is to stand.

        Raises:
            RowError: The row has something else there, or nothing where that drops the record.
        """
        raw = self._raw(where, row)
        try:
            value = None if raw is ABSENT else self._codec(where, target).decode(raw, self._scene(where, row))
            value = self._reckoned(where, target, row, value) if where.is_reckoned else value
        except (CodecError, ValidationError) as problem:
            words = str(problem) if isinstance(problem, CodecError) else "not what the field may hold"
            message = f"{name}: {words}"
        else:
            if value is not None:
                return value
            if where.missing != "refuse":
                return ABSENT
            message = f"{name}: a row without one"
        raise RowError(message)

    def _reckoned(self, where: FieldMap, target: Target, row: Any, value: Any) -> Any:  # noqa: ANN401
        """An amount less another, or with the other sign; what is not there takes nothing off."""
        if not isinstance(value, Money):
            return value
        off = ABSENT if where.less is None else read_at(row, where.less)
        less = None if off is ABSENT else self._codec(where, target).decode(off, self._scene(where, row))
        value = value - less if isinstance(less, Money) else value
        return -value if where.negate_when and row_fits(where.negate_when, row) else value

    def decoded(self, name: str, codec: str, raw: Any) -> Any:  # noqa: ANN401
        """A raw value, read by a codec that the mapping names.

        Raises:
            RowError: It is no such value.
        """
        try:
            return codec_named(self.mapping, codec).decode(raw, self.scope.scene)
        except CodecError as problem:
            message = f"{name}: {problem}"
        raise RowError(message)

    def _raw(self, where: FieldMap, row: Any) -> Any:  # noqa: ANN401
        if where.value is not None:
            said = self._said(where.value)
            if said is not ABSENT:
                return said
        if where.expr is not None:
            return searched(where.expr, row)
        return ABSENT if where.at is None else read_at(row, where.at)

    def _said(self, template: str) -> Any:  # noqa: ANN401
        try:
            return Filler(self.mapping, self.scope.scene, self.places).value(template)
        except CannotSayError:
            return ABSENT

    def _codec(self, where: FieldMap, target: Target) -> Codec:
        """The field's codec. A text of the model that the vendor keeps as a number is read as its digits."""
        name = where.codec or _DEFAULT_CODECS[target.sort]
        if target.sort is Sort.TEXT and self.mapping.codec(name).kind == "integer":
            return codec_of(BUILT_IN["text"])
        return codec_named(self.mapping, name)

    def _scene(self, where: FieldMap, row: Any) -> Scene:  # noqa: ANN401
        """The facility's, with the row's own currency where it names one."""
        if where.currency_at is None:
            return self.scope.scene
        currency = read_at(row, where.currency_at)
        if not isinstance(currency, str) or not re.fullmatch(r"[A-Za-z]{3}", currency):
            message = "no currency beside the amount"
            raise CodecError(message)
        return Scene(self.scope.zone, currency.upper())


def searched(expression: str, row: Any) -> Any:  # noqa: ANN401
    """What an expression finds in a row; ``ABSENT`` where it finds nothing.

    Raises:
        RowError: The expression does not fit the row.
    """
    try:
        found = search(expression, row)
    except ValueError as problem:
        raise RowError(str(problem)) from None
    return ABSENT if found is None else found
