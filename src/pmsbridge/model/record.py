"""What every record of the model is: frozen, typed, and honest about where it came from."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

__all__ = ["Id", "Instant", "OpenEnum", "Record", "Source", "Value", "VendorRef"]


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        message = "an instant needs a time zone; give an aware datetime"
        raise ValueError(message)
    return value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_aware_utc)]
"""A point in time: timezone-aware, kept as UTC."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A vendor's identifier: opaque text, never a number ("015" is not "15")."""


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


class Value(BaseModel):
    """A frozen value without an identity of its own.

    Validation errors never repeat the input: it may be a card number typed into the wrong field.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, ser_json_inf_nan="strings"
    )

    def changed(self, **changes: Any) -> Self:
        """Return a validated copy with some fields replaced (``model_copy`` does not validate)."""
        current = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**current, **changes})


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
        return f"{self.account}/{self.facility}/{self.entity}/{self.id}"


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
