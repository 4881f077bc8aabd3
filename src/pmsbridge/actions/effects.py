"""Effects: the single things a back office (or a mail server) is asked to do, in the tenant's words.

An effect is plain data: it can be stored, shown and compared, and it holds nothing secret. What is secret (a card, a
bank account, a password) travels beside it, sealed, to one send.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from pmsbridge.model.documents import NoteKind, Visibility
from pmsbridge.model.earlier import Since, stored_json
from pmsbridge.model.money import ExactDecimal, Money, sum_money
from pmsbridge.model.payments import Means
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.record import Id, Value
from pmsbridge.model.safe_errors import without_input
from pmsbridge.model.sealed import BankAccountFace, CardFace

__all__ = [
    "EFFECT_KINDS",
    "AddNote",
    "AttachDocument",
    "CancelMoveOut",
    "ChangeAccessCode",
    "ChangeContact",
    "ContactField",
    "Effect",
    "EffectBody",
    "PaymentPart",
    "PostBulletin",
    "PostFutureCharges",
    "RequestCallOff",
    "ReserveUnit",
    "ScheduleMoveOut",
    "SendMail",
    "SetAutopay",
    "SetConsent",
    "SetWebPassword",
    "TakePayment",
    "WithdrawCallOff",
    "effect_class",
    "effect_from_json",
]

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{6,40}$")]
"""What an effect is found by again in a back office that keeps it: short, printable, unique per effect."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a file, in small hexadecimal."""


class EffectBody(Value):
    """What all effects share.

    Attributes:
        account: The configured account.
        facility: The facility's code.
    """

    needs_sealed: ClassVar[bool] = False
    moves_money: ClassVar[bool] = False
    is_notice: ClassVar[bool] = False

    account: Id
    facility: Id

    @property
    def target(self) -> str:
        """What it is done to; part of the effect's key."""
        return f"{self.account}/{self.facility}"

    @property
    def as_stored(self) -> str:
        """How the journal keeps it; ``effect_from_json`` reads it, earlier code too where it knows all that is said."""
        return stored_json(self)

    @property
    def needs_a_sealed_value(self) -> bool:
        """Whether this effect cannot be sent without a card, bank account or password from a person."""
        return self.needs_sealed


class PaymentPart(Value):
    """What one rental gets of a payment.

    Attributes:
        invoice_id: The one invoice it settles; None for whatever is due, the oldest first.
        line_id: The one line of that invoice; None for all of it.
    """

    rental_id: Id
    invoice_id: Annotated[Id | None, Since(5)] = None
    line_id: Annotated[Id | None, Since(5)] = None
    unit_id: Id | None
    unit_number: str = ""
    amount: Money


class TakePayment(EffectBody):
    """Have the back office take (or record) money for one or several rentals of one tenant, as one payment.

    Attributes:
        parts: One per rental, each positive.
        reference: Our reference; written where the back office has a free field.
    """

    moves_money: ClassVar[bool] = True

    kind: Literal["take_payment"] = "take_payment"
    tenant_id: Id
    parts: tuple[PaymentPart, ...] = Field(min_length=1)
    means: Means
    reference: Reference

    @property
    def total(self) -> Money:
        """The sum of the parts."""
        return sum_money((part.amount for part in self.parts), self.parts[0].amount.currency)

    @property
    def target(self) -> str:
        """The tenant and the rentals paid for."""
        return f"{super().target}/{self.tenant_id}/" + ",".join(sorted(part.rental_id for part in self.parts))

    @property
    def needs_a_sealed_value(self) -> bool:
        """A card or a bank account typed now travels beside it."""
        return self.means.by in {"card", "bank_debit"}


class PostFutureCharges(EffectBody):
    """Bill the next periods of all of a tenant's rentals now, so that a prepayment has charges to settle.

    Attributes:
        months: 1 to 12 periods.
    """

    kind: Literal["post_future_charges"] = "post_future_charges"
    tenant_id: Id
    months: int = Field(ge=1, le=12)

    @property
    def target(self) -> str:
        """The tenant and how many periods."""
        return f"{super().target}/{self.tenant_id}/{self.months}"


class SetAutopay(EffectBody):
    """Set autopay of one rental to a state; doing it twice is the same as once.

    Attributes:
        on: Whether the back office shall charge by itself.
        method: The face of a new card or bank account, which travels sealed; None keeps the stored method untouched.
        days_after_due: When to charge; None keeps what is set.
        method_id: What is charged from now on, of what is stored already; None where none is named.
        stored_face: Its face, as far as the back office tells it.
        unit_id: The unit let, for a back office that tells of autopay by units; None elsewhere.
    """

    kind: Literal["set_autopay"] = "set_autopay"
    tenant_id: Id
    rental_id: Id
    on: bool
    method: CardFace | BankAccountFace | None = None
    days_after_due: int | None = Field(default=None, ge=0, le=28)
    method_id: Annotated[Id | None, Since(5)] = None
    stored_face: Annotated[CardFace | BankAccountFace | None, Since(5)] = None
    unit_id: Annotated[Id | None, Since(5)] = None

    @property
    def target(self) -> str:
        """The rental."""
        return f"{super().target}/{self.rental_id}"

    @property
    def needs_a_sealed_value(self) -> bool:
        """A new method travels beside it."""
        return self.method is not None


class ScheduleMoveOut(EffectBody):
    """Write the day a tenant wants to leave. The rental stays let."""

    kind: Literal["schedule_move_out"] = "schedule_move_out"
    tenant_id: Id
    rental_id: Id
    leaving_on: date
    notice_given_on: date

    @property
    def target(self) -> str:
        """The rental."""
        return f"{super().target}/{self.rental_id}"


class RequestCallOff(EffectBody):
    """Ask for a quantity of one contract line to be called off rent. The rental runs on until the yard acts.

    Attributes:
        item_id: The line.
        description: What the line is about, for people.
        quantity: How many, in the line's measure.
        wanted_on: Business date from which it shall be off rent and may be collected.
        place: Where it is to be collected; empty for where it was delivered.
        comment: The tenant's words; empty when there are none.
    """

    kind: Literal["request_call_off"] = "request_call_off"
    tenant_id: Id
    rental_id: Id
    item_id: Id
    description: str = ""
    quantity: ExactDecimal = Field(gt=0)
    wanted_on: date
    place: str = ""
    comment: str = ""
    reference: Reference

    @property
    def target(self) -> str:
        """The rental and the line."""
        return f"{super().target}/{self.rental_id}/{self.item_id}"


class WithdrawCallOff(EffectBody):
    """Take back a call-off that nobody has confirmed: the items stay with the customer, and the rent runs on.

    Attributes:
        item_id: The line.
        called_off: The reference of the request that is taken back; empty where it has none.
        description: What the line is about, for people.
        quantity: How many were called off, in the line's measure.
    """

    kind: Literal["withdraw_call_off"] = "withdraw_call_off"
    tenant_id: Id
    rental_id: Id
    item_id: Id
    called_off: str = ""
    description: str = ""
    quantity: ExactDecimal = Field(gt=0)
    reference: Reference

    @property
    def target(self) -> str:
        """The rental, the line and the request."""
        return f"{super().target}/{self.rental_id}/{self.item_id}/{self.called_off}"


class CancelMoveOut(EffectBody):
    """Take a scheduled move-out back."""

    kind: Literal["cancel_move_out"] = "cancel_move_out"
    tenant_id: Id
    rental_id: Id

    @property
    def target(self) -> str:
        """The rental."""
        return f"{super().target}/{self.rental_id}"


ContactField = Literal[
    "name.title",
    "name.first",
    "name.middle",
    "name.last",
    "name.company",
    "address.line1",
    "address.line2",
    "address.city",
    "address.region",
    "address.postal_code",
    "address.country",
    "phone",
    "mobile",
    "email",
    "alternate.name.first",
    "alternate.name.last",
    "alternate.phone",
    "alternate.email",
]


class ChangeContact(EffectBody):
    """Change some contact fields; every field not named here stays byte-equal in the back office.

    Attributes:
        changes: New values by field; an empty text clears the field.
        seen: What the person saw in those fields when editing; a field that changed meanwhile refuses the edit.
    """

    kind: Literal["change_contact"] = "change_contact"
    tenant_id: Id
    changes: dict[ContactField, str] = Field(min_length=1)
    seen: dict[ContactField, str] = Field(default_factory=dict)

    @property
    def target(self) -> str:
        """The tenant."""
        return f"{super().target}/{self.tenant_id}"


class SetConsent(EffectBody):
    """Write an answer about one channel and purpose."""

    kind: Literal["set_consent"] = "set_consent"
    tenant_id: Id
    channel: ConsentChannel
    purpose: ConsentPurpose
    granted: bool

    @property
    def target(self) -> str:
        """The tenant, the channel and the purpose."""
        return f"{super().target}/{self.tenant_id}/{self.channel.value}/{self.purpose.value}"


class AddNote(EffectBody):
    """Write a note on a rental's account; the reference in the text lets it be found again.

    Attributes:
        text: Without the reference; the adapter adds it.
    """

    is_notice: ClassVar[bool] = True

    kind: Literal["add_note"] = "add_note"
    tenant_id: Id
    rental_id: Id
    note_kind: NoteKind = NoteKind.GENERAL
    visibility: Visibility = Visibility.INTERNAL
    text: str = Field(min_length=1)
    reference: Reference

    @property
    def target(self) -> str:
        """The rental."""
        return f"{super().target}/{self.rental_id}"


class AttachDocument(EffectBody):
    """Put a document that a tenant hands in beside the rental, or beside the tenant.

    The file itself is kept beside the journal and travels as ``Attempt.file``; the effect says which one it is.

    Attributes:
        rental_id: None for the tenant as a whole.
        title: A file name without a folder.
        size: In bytes.
        sha256: Of the file.
    """

    kind: Literal["attach_document"] = "attach_document"
    tenant_id: Id
    rental_id: Id | None = None
    title: str = Field(min_length=1, max_length=120, pattern=r"^[^/\\\x00-\x1f\x7f]+$")
    media_type: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")
    size: int = Field(ge=1)
    sha256: Digest
    reference: Reference

    @property
    def target(self) -> str:
        """The tenant and the rental."""
        return f"{super().target}/{self.tenant_id}/{self.rental_id or ''}"


class PostBulletin(EffectBody):
    """Post to the staff of a facility.

    Attributes:
        tenant_id: Whom it is about; None for nobody in particular, and where the back office has no place for it.
        rental_id: Which rental it is about; a back office that keeps its talk beside the contract posts it there.
    """

    is_notice: ClassVar[bool] = True

    kind: Literal["post_bulletin"] = "post_bulletin"
    tenant_id: Annotated[Id | None, Since(5)] = None
    rental_id: Annotated[Id | None, Since(5)] = None
    subject: str = Field(min_length=1)
    body: str = Field(min_length=1)
    due_on: date | None = None
    reference: Reference


class SendMail(EffectBody):
    """Send a mail. The Message-ID comes from the effect's key, so a repeated delivery can be recognised.

    Attributes:
        to: Recipient; the facility's primary address for notices to staff.
        link: What the ``{link}`` in the text stands for: the address is made when the mail leaves, and never stored.
            Empty for a mail without one.
    """

    is_notice: ClassVar[bool] = True

    kind: Literal["send_mail"] = "send_mail"
    to: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    subject: str = Field(min_length=1, pattern=r"^[^\r\n]+$")
    text: str = Field(min_length=1)
    language: str = "en"
    link: Annotated[str, Since(5)] = ""
    reference: Reference

    @property
    def target(self) -> str:
        """The recipient."""
        return f"{super().target}/{self.to}"


class ReserveUnit(EffectBody):
    """Reserve a unit for an existing tenant."""

    kind: Literal["reserve_unit"] = "reserve_unit"
    tenant_id: Id
    unit_id: Id
    needed_on: date
    expires_on: date | None = None
    quoted_rate: Money | None = None
    comment: str = ""
    reference: Reference

    @property
    def target(self) -> str:
        """The tenant and the unit."""
        return f"{super().target}/{self.tenant_id}/{self.unit_id}"


class SetWebPassword(EffectBody):
    """Set the portal login of a tenant where the back office keeps it; the password travels sealed."""

    needs_sealed: ClassVar[bool] = True

    kind: Literal["set_web_password"] = "set_web_password"
    tenant_id: Id
    login: str = Field(min_length=3)

    @property
    def target(self) -> str:
        """The tenant."""
        return f"{super().target}/{self.tenant_id}"


class ChangeAccessCode(EffectBody):
    """Change the code that a tenant opens gates and doors with; the new one travels sealed.

    Attributes:
        rental_id: Of a back office that keeps one code per tenant, it changes for everything they rent.
    """

    needs_sealed: ClassVar[bool] = True

    kind: Literal["change_access_code"] = "change_access_code"
    tenant_id: Id
    rental_id: Id

    @property
    def target(self) -> str:
        """The tenant and the rental."""
        return f"{super().target}/{self.tenant_id}/{self.rental_id}"


Effect = Annotated[
    TakePayment
    | PostFutureCharges
    | SetAutopay
    | ScheduleMoveOut
    | RequestCallOff
    | CancelMoveOut
    | WithdrawCallOff
    | ChangeContact
    | SetConsent
    | AddNote
    | AttachDocument
    | PostBulletin
    | SendMail
    | ReserveUnit
    | SetWebPassword
    | ChangeAccessCode,
    Field(discriminator="kind"),
]
"""Any effect, told apart by ``kind``."""

_EFFECT: TypeAdapter[Effect] = TypeAdapter(Effect)
_BY_KIND: dict[str, type[EffectBody]] = {
    str(body.model_fields["kind"].default): body for body in get_args(get_args(Effect)[0])
}
EFFECT_KINDS: tuple[str, ...] = tuple(_BY_KIND)
"""Every kind there is."""


def effect_class(kind: str) -> type[EffectBody]:
    """The class of a kind; ``EffectBody`` itself for a kind this version does not know."""
    return _BY_KIND.get(kind, EffectBody)


def effect_from_json(text: str | bytes) -> Effect:
    """Read an effect that was stored.

    Raises:
        pydantic.ValidationError: It is no effect. The error repeats nothing of the text.
    """
    try:
        return _EFFECT.validate_json(text)
    except ValidationError as error:
        cleaned = without_input(error)
    raise cleaned
