"""What every record of the model is: frozen, typed, and honest about where it came from."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    field_validator,
)

from pmsbridge.model.safe_errors import without_input

__all__ = ["Id", "Instant", "OpenEnum", "Record", "Source", "Value", "VendorRef", "Words"]


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        message = "an instant needs a time zone; give an aware datetime"
        raise ValueError(message)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        message = "an instant must lie in the calendar in UTC, too"
        raise ValueError(message) from None


Instant = Annotated[datetime, AfterValidator(_aware_utc)]
"""A point in time: timezone-aware, kept as UTC."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A vendor's identifier: opaque text without control characters, never a number ("015" is not "15")."""

Words = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str], when_used="json")]
"""A set of words; sorted in JSON, so that the same record is always the same text."""


class OpenEnum(StrEnum):
    """A neutral vocabulary whose unknown words read as ``unknown`` instead of failing a sync.

    Every subclass has a member ``UNKNOWN``; the vendor's own word is kept beside it in ``vendor_state``.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        return cls.__members__.get("UNKNOWN") if isinstance(value, str) else None


class Source(StrEnum):
    """Where an answer comes from."""

    LIVE = "live"
    MIRROR = "mirror"
    OVERLAY = "overlay"


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _Construction
else:

    class _Construction(type(BaseModel)):
        """Lets no validation error leave a constructor with the input in it.

        Overriding ``__init__`` instead would make pydantic call it for every nested value.
        """

        def __call__(cls, *given: Any, **fields: Any) -> BaseModel:
            try:
                return super().__call__(*given, **fields)
            except ValidationError as error:
                cleaned = without_input(error)
            raise cleaned


class Value(BaseModel, metaclass=_Construction):
    """A frozen value without an identity of its own.

    Validation errors never repeat the input, neither in their text nor in their details: it may be a card number typed
    into the wrong field.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, ser_json_inf_nan="strings"
    )

    if not TYPE_CHECKING:

        @classmethod
        def model_validate(cls, *given: Any, **options: Any) -> Self:
            """As pydantic's, with errors that repeat nothing."""
            try:
                return super().model_validate(*given, **options)
            except ValidationError as error:
                cleaned = without_input(error)
            raise cleaned

        @classmethod
        def model_validate_json(cls, *given: Any, **options: Any) -> Self:
            """As pydantic's, with errors that repeat nothing."""
            try:
                return super().model_validate_json(*given, **options)
            except ValidationError as error:
                cleaned = without_input(error)
            raise cleaned

    def changed(self, **changes: Any) -> Self:
        """Return a validated copy with some fields replaced (``model_copy`` does not validate)."""
        current = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**current, **changes})


def _plain(part: str) -> str:
    """A part of a key without the sign that separates parts."""
    return part.replace("%", "%25").replace("/", "%2F")


class VendorRef(Value):
    """Which record of which back office this is.

    Ids are unique only per account and facility: the same ledger id exists at several sites.

    Attributes:
        system: The back office product ("sitelink").
        account: The configured account name.
        facility: The facility's code in that account.
        entity: The neutral noun ("tenant", "rental").
        id: The vendor's id, opaque.
        version: The vendor's row version, where it has one.
        seen_at: When this state was read; None when unknown.
    """

    system: Id
    account: Id
    facility: Id
    entity: Id
    id: Id
    version: str | None = None
    seen_at: Instant | None = None

    @property
    def key(self) -> str:
        """One text that is unique over all accounts, facilities and entities."""
        return "/".join(_plain(part) for part in (self.account, self.facility, self.entity, self.id))


class Record(Value):
    """A noun of the model with an identity in the back office.

    Attributes:
        ref: Which record of which back office.
        extra: Vendor fields the model has no name for, as text. Never secrets: those are dropped at the parser.
    """

    entity: ClassVar[str]

    ref: VendorRef
    extra: dict[str, str] = Field(default_factory=dict, repr=False)

    @field_validator("ref")
    @classmethod
    def _ref_names_this_entity(cls, ref: VendorRef) -> VendorRef:
        if ref.entity != cls.entity:
            message = f"the reference of a {cls.entity} must name the entity {cls.entity!r}"
            raise ValueError(message)
        return ref

    @property
    def id(self) -> str:
        """The vendor's id within its account and facility."""
        return self.ref.id
