"""Entities: where the rows of a noun are read, and which of their values is which field of the model."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from pmsbridge_rest.mapping.conditions import Holds
from pmsbridge_rest.mapping.expressions import Expression
from pmsbridge_rest.mapping.files import FileRead, Shown
from pmsbridge_rest.mapping.paths import Path
from pmsbridge_rest.mapping.requests import Reading
from pmsbridge_rest.mapping.sections import Section, ShortForm, Word
from pmsbridge_rest.mapping.templates import Template, places_in

__all__ = ["Consent", "EntityMap", "FieldMap", "FieldName", "Items"]

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}$")]
"""A field of the model, dotted: ``name.first``, ``address.postal_code``."""


class FieldMap(ShortForm):
    """Where one field of the model is. As a plain text: the path, read and written as it is.

    Attributes:
        at: The path that is read and written.
        expr: JMESPath that is read instead of the path; what is written still goes to ``at``.
        value: A template instead of both, for what the row does not say: ``{read.tenant_id}``. Beside one of them it
            goes first, and where its optional place is empty, the row tells: ``{read.tenant_id?}``.
        codec: How it is spelt, by the codec's name; None for text, or what the model's field asks for.
        dir: Which ways it goes.
        currency_at: Of money: where the row has the currency; None for the facility's.
        less: Of money that is only read: the path of an amount that is taken off, spelt in the same way.
        negate_when: Of money that is only read: rows of which this holds have it with the other sign.
        missing: What the field is where the row has none: ``refuse`` drops the record with a finding, ``default`` takes
            the model's own default.
        cleared: How an emptied field is written: as an empty text, as null, left out, or not at all (refused).
    """

    short = "at"

    at: Path | None = None
    expr: Expression | None = None
    value: Template | None = None
    codec: Word | None = None
    dir: Literal["both", "read", "write"] | None = None
    currency_at: Path | None = None
    less: Path | None = None
    negate_when: Holds = Field(default_factory=dict)
    missing: Literal["refuse", "default"] = "default"
    cleared: Literal["empty", "null", "omit", "refuse"] = "empty"

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.at is None and self.expr is None and self.value is None:
            message = "give at (a path), expr (JMESPath) or value (a template)"
            raise ValueError(message)
        if self.value is not None and (self.at is not None or self.expr is not None) and not self._may_be_empty():
            message = "value stands alone, unless its place is optional ({read.tenant_id?})"
            raise ValueError(message)
        if self.at is None and self.dir in {"both", "write"}:
            message = "only what has a path (at) can be written"
            raise ValueError(message)
        if self.is_reckoned and self.dir in {"both", "write"}:
            message = "what is reckoned (less, negate_when) can only be read"
            raise ValueError(message)
        return self

    def _may_be_empty(self) -> bool:
        """The template can have nothing to say."""
        return any(place.is_optional for place in places_in(self.value))

    @property
    def is_reckoned(self) -> bool:
        """The amount of the row is not taken as it is."""
        return self.less is not None or bool(self.negate_when)

    @property
    def is_read(self) -> bool:
        """It is read."""
        return self.dir != "write"

    @property
    def is_written(self) -> bool:
        """It may be written."""
        return self.at is not None and self.dir != "read" and not self.is_reckoned


class Items(Section):
    """A list inside a row: contacts, lines, allocations.

    Attributes:
        rows: Where the list is.
        where: Only entries of which this holds.
        fields: Of every entry.
    """

    rows: Expression
    where: Holds = Field(default_factory=dict)
    fields: dict[FieldName, FieldMap] = Field(min_length=1)


class Consent(Section):
    """One answer about one channel and one purpose.

    Attributes:
        channel: How a message travels.
        purpose: What a message is for.
        at: Where it is, read and written.
        codec: How yes and no are spelt.
        given_at: Where the instant of the answer is; None when it is not kept.
        given_codec: How that is spelt.
        dir: Which ways it goes.
    """

    channel: Literal["email", "sms", "phone", "post"]
    purpose: Literal["marketing", "payment_reminders", "account_notifications", "service_reminders"]
    at: Path
    codec: Word = "boolean"
    given_at: Path | None = None
    given_codec: Word = "instant"
    dir: Literal["both", "read", "write"] = "both"


class EntityMap(Section):
    """One noun.

    Attributes:
        all: Every row of a facility, for the nightly reading.
        one: One row by its id, ``{read.id}``.
        of_tenant: The rows of a tenant, ``{read.tenant_id}``.
        of_rental: The rows of a rental, ``{read.rental_id}``.
        search: Of tenants: rows that may be the one looked for, ``{read.first_name}``, ``{read.last_name}``,
            ``{read.company}``, ``{read.email}``, ``{read.phone}``, ``{read.unit_number}``; they are compared again.
        fields: By field of the model.
        items: By field of the model that is a list.
        consents: Of tenants.
        account: Of rentals: what the account says beside the rental: ``ledger``, ``due``, ``payable_now``,
            ``past_due``, ``credit``, ``billed``, ``days_past_due``, ``payments_blocked``, ``is_complimentary``,
            ``last_payment_on``. Without ``billed``, a rental whose ``next_charge_on`` lies ahead is billed, and one
            whose day has come is not; without both nobody knows.
        account_of_rental: The read that has the account's fields; None when the rental's own row has them.
        ledger_is_summed: Of rentals: no call tells the balance, so it is the sum of all ``ledger_entries``.
        shown: Of documents: what must hold for the tenant to see one; None when every one that is listed is shown.
        file: Of documents: how the bytes are had; None when they cannot be.
        for_everybody: Of events: which rows that name no tenant are for everybody; another is shown to nobody.
        hides_reference: Our reference in a text that people read is taken out of it again.
        extra: Further values that are kept as text, by our name.
    """

    all: Reading | None = None
    one: Reading | None = None
    of_tenant: Reading | None = None
    of_rental: Reading | None = None
    search: Reading | None = None
    fields: dict[FieldName, FieldMap] = Field(min_length=1)
    items: dict[Word, Items] = Field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    account: dict[Word, FieldMap] = Field(default_factory=dict)
    account_of_rental: Reading | None = None
    ledger_is_summed: bool = False
    shown: Shown | None = None
    file: FileRead | None = None
    for_everybody: Holds = Field(default_factory=dict)
    hides_reference: bool = True
    extra: dict[Word, Path] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        reads = (self.all, self.one, self.of_tenant, self.of_rental, self.search)
        if all(read is None for read in reads):
            message = "no read; give all, one, of_tenant, of_rental or search"
            raise ValueError(message)
        return self
