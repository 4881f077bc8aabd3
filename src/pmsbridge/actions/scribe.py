"""What staff are told, as facts. Which words say it, in which language, and to whom, is a scribe's business.

A notice's fields are the variables of its template, so their names are part of what an operator may rely on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar, Final, Protocol, TypedDict

from pmsbridge.actions.case import CalledOff
from pmsbridge.actions.effects import ContactField
from pmsbridge.model.account import RentalAccount, TenantAccount
from pmsbridge.model.money import Money
from pmsbridge.model.people import ConsentChannel, ConsentPurpose
from pmsbridge.model.places import Unit
from pmsbridge.model.rental import ItemOut

__all__ = [
    "AutopayWanted",
    "CallOffRequested",
    "CallOffWithdrawn",
    "ConsentChanged",
    "ContactChanged",
    "FieldChange",
    "InstalmentMissed",
    "LanguageWanted",
    "MoveOutCancelled",
    "MoveOutRequested",
    "NightMissed",
    "Notice",
    "PrepaymentFailed",
    "QuoteAccepted",
    "ReservationWanted",
    "ReviewNeeded",
    "Scribe",
    "StaffRequest",
    "TransferWanted",
    "Written",
    "addresses_in",
    "mail_names",
]

_ADDRESS: Final = re.compile(r"[^\s@,;<>\"()\x00-\x20\x7f]{1,64}@[^\s@,;<>\"()\x00-\x20\x7f]{1,190}")
_LEGAL_NAME: Final = frozenset({"name.last", "name.company"})


@dataclass(frozen=True, slots=True)
class Written:
    """A notice in words.

    Attributes:
        subject: One line.
    """

    subject: str
    text: str


class _Who(TypedDict):
    tenant_id: str
    tenant_name: str
    units: tuple[str, ...]
    facility_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What every notice knows.

    Attributes:
        tenant_id: The back office's id of the tenant; empty when it is about nobody in particular.
        tenant_name: Full name; empty when it is not known.
        units: Numbers of the units the tenant rents now.
        facility_name: As the operator writes it; empty when it is not known.
    """

    name: ClassVar[str]
    must_say: ClassVar[frozenset[str]]
    """Variables without which the text would not tell staff what they need; subject and text count together."""
    paragraphs: ClassVar[frozenset[str]] = frozenset()
    """Variables that may have several lines; every other text is one line."""

    tenant_id: str
    tenant_name: str
    units: tuple[str, ...] = ()
    facility_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of the contact data.

    Attributes:
        field: As ``ChangeContact`` names it ("address.city").
        old: Empty when there was nothing, or when it is not known.
        new: Empty when the field was cleared.
    """

    field: ContactField
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged(Notice):
    """Contact data was changed in the portal.

    Attributes:
        changes: Each with ``field``, ``old`` and ``new``; ``words.field(change.field)`` names the field for people.
        is_legal_name: The family name or the company changed, which the lease may have to follow.
        by_hand: The back office has no operation for it: staff write it.
    """

    name: ClassVar[str] = "contact_changed"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "changes", "is_legal_name", "by_hand"})

    changes: tuple[FieldChange, ...]
    is_legal_name: bool = False
    by_hand: bool = False

    @classmethod
    def of(
        cls,
        account: TenantAccount,
        changes: Mapping[ContactField, str],
        seen: Mapping[ContactField, str],
        *,
        by_hand: bool,
    ) -> ContactChanged:
        """What changed, old and new."""
        rows = tuple(FieldChange(field=name, old=seen.get(name, ""), new=new) for name, new in changes.items())
        is_legal = not _LEGAL_NAME.isdisjoint(changes)
        return cls(**_who(account), changes=rows, is_legal_name=is_legal, by_hand=by_hand)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOutRequested(Notice):
    """A tenant wants to leave. The rental runs on until staff end it.

    Attributes:
        unit_number: Which unit.
        leaving_on: Business date at the facility.
        by_hand: The back office has no operation for it: staff write the day.
    """

    name: ClassVar[str] = "move_out_requested"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "unit_number", "leaving_on", "by_hand"})

    unit_number: str
    leaving_on: date
    by_hand: bool = False

    @classmethod
    def of(cls, account: TenantAccount, row: RentalAccount, leaving_on: date, *, by_hand: bool) -> MoveOutRequested:
        """A day to leave on."""
        return cls(**_who(account), unit_number=row.rental.label, leaving_on=leaving_on, by_hand=by_hand)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOutCancelled(Notice):
    """A tenant wants to stay after all.

    Attributes:
        unit_number: Which unit.
        by_hand: The back office has no operation for it: staff take the day out.
    """

    name: ClassVar[str] = "move_out_cancelled"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "unit_number", "by_hand"})

    unit_number: str
    by_hand: bool = False

    @classmethod
    def of(cls, account: TenantAccount, row: RentalAccount, *, by_hand: bool) -> MoveOutCancelled:
        """The day is taken back."""
        return cls(**_who(account), unit_number=row.rental.label, by_hand=by_hand)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffRequested(Notice):
    """A customer asks for items to be called off rent. The rental runs on until the yard acts.

    Attributes:
        contract_number: Which contract.
        item: What the line is about, with its code.
        quantity: How many, as it is written ("2").
        measure: In what; empty when it is not known.
        wanted_on: Business date from which it shall be off rent and may be collected.
        place: Where it is to be collected; empty for where it was delivered.
        comment: The tenant's words; empty when there are none.
        by_hand: The back office has no operation for it: staff write it down.
    """

    name: ClassVar[str] = "call_off_requested"
    must_say: ClassVar[frozenset[str]] = frozenset({
        "tenant_id", "contract_number", "item", "quantity", "wanted_on", "place", "comment", "by_hand",
    })  # fmt: skip
    paragraphs: ClassVar[frozenset[str]] = frozenset({"comment"})

    contract_number: str
    item: str
    quantity: str
    measure: str = ""
    wanted_on: date
    place: str = ""
    comment: str = ""
    by_hand: bool = False

    @classmethod
    def of(
        cls, account: TenantAccount, row: RentalAccount, item: ItemOut, quantity: Decimal, wanted_on: date, *,
        place: str, comment: str, by_hand: bool,
    ) -> CallOffRequested:  # fmt: skip
        """A quantity of an item from a day on."""
        return cls(
            **_who(account), contract_number=row.rental.label,
            item=" ".join(part for part in (item.code, item.description) if part) or item.id,
            quantity=f"{quantity.normalize():f}", measure=item.measure, wanted_on=wanted_on, place=place,
            comment=comment, by_hand=by_hand,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffWithdrawn(Notice):
    """A customer keeps what they had called off.

    Attributes:
        contract_number: Which contract.
        item: What the line is about, with its code.
        quantity: How many were called off, as it is written ("2").
        measure: In what; empty when it is not known.
        called_off: The reference of the request that is taken back; empty where it has none.
        by_hand: The back office has no operation for it: staff take it back.
    """

    name: ClassVar[str] = "call_off_withdrawn"
    must_say: ClassVar[frozenset[str]] = frozenset({
        "tenant_id", "contract_number", "item", "quantity", "called_off", "by_hand",
    })  # fmt: skip

    contract_number: str
    item: str
    quantity: str
    measure: str = ""
    called_off: str = ""
    by_hand: bool = False

    @classmethod
    def of(
        cls, account: TenantAccount, row: RentalAccount, call_off: CalledOff, item: ItemOut | None, *, by_hand: bool
    ) -> CallOffWithdrawn:
        """A call-off, and the item it is about, where the contract still has it."""
        named = (item.code, item.description) if item is not None else ()
        return cls(
            **_who(account), contract_number=row.rental.label, item=" ".join(filter(None, named)) or call_off.item_id,
            quantity=f"{call_off.quantity.normalize():f}", measure=item.measure if item is not None else "",
            called_off=call_off.reference, by_hand=by_hand,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteAccepted(Notice):
    """A customer accepts a quote. Only staff make a contract of it.

    Attributes:
        quote_number: Which quote.
        comment: The tenant's words; empty when there are none.
    """

    name: ClassVar[str] = "quote_accepted"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "quote_number", "comment"})
    paragraphs: ClassVar[frozenset[str]] = frozenset({"comment"})

    quote_number: str
    comment: str = ""

    @classmethod
    def of(cls, account: TenantAccount, row: RentalAccount, comment: str) -> QuoteAccepted:
        """A quote."""
        return cls(**_who(account), quote_number=row.rental.label, comment=comment)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutopayWanted(Notice):
    """Autopay is to be switched by staff, because only they can without harm to the stored method.

    Attributes:
        unit_number: Which unit.
        on: Whether the back office shall charge by itself.
        method: What of what is stored shall be charged, masked; empty keeps what is charged.
        days_after_due: When to charge; None keeps what is set.
    """

    name: ClassVar[str] = "autopay_wanted"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "unit_number", "on", "method", "days_after_due"})

    unit_number: str
    on: bool
    method: str = ""
    days_after_due: int | None = None

    @classmethod
    def of(
        cls, account: TenantAccount, row: RentalAccount, *, on: bool, method: str, days_after_due: int | None
    ) -> AutopayWanted:
        """Autopay on or off, and what it shall charge when."""
        label = row.rental.label
        return cls(**_who(account), unit_number=label, on=on, method=method, days_after_due=days_after_due)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChanged(Notice):
    """An answer about one channel and purpose, for staff to write down.

    Attributes:
        channel: "email", "sms" ...; ``words.channel(channel)`` names it for people.
        purpose: "marketing", "account_notifications" ...; ``words.purpose(purpose)`` names it for people.
        granted: The answer.
    """

    name: ClassVar[str] = "consent_changed"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "channel", "purpose", "granted"})

    channel: str
    purpose: str
    granted: bool

    @classmethod
    def of(
        cls, account: TenantAccount, channel: ConsentChannel, purpose: ConsentPurpose, *, granted: bool
    ) -> ConsentChanged:
        """An answer."""
        return cls(**_who(account), channel=channel.value, purpose=purpose.value, granted=granted)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageWanted(Notice):
    """A tenant wants to be written to in another language, for staff to write down.

    Attributes:
        language: A language tag ("fr", "en-CA").
    """

    name: ClassVar[str] = "language_wanted"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "language"})

    language: str

    @classmethod
    def of(cls, account: TenantAccount, language: str) -> LanguageWanted:
        """A language."""
        return cls(**_who(account), language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationWanted(Notice):
    """A unit is to be reserved by staff.

    Attributes:
        unit_number: Which unit.
        needed_on: Business date at the facility.
        expires_on: Business date until which it is wanted; None when the facility's own rule decides.
        quoted_rate: Asking rate that was shown, before tax; None when none was.
        comment: The tenant's words; empty when there are none.
    """

    name: ClassVar[str] = "reservation_wanted"
    must_say: ClassVar[frozenset[str]] = frozenset({
        "tenant_id", "unit_number", "needed_on", "expires_on", "quoted_rate", "comment",
    })  # fmt: skip
    paragraphs: ClassVar[frozenset[str]] = frozenset({"comment"})

    unit_number: str
    needed_on: date
    expires_on: date | None = None
    quoted_rate: Money | None = None
    comment: str = ""

    @classmethod
    def of(
        cls, account: TenantAccount, unit: Unit, needed_on: date, *, expires_on: date | None, comment: str
    ) -> ReservationWanted:
        """A unit from a day on."""
        return cls(
            **_who(account), unit_number=unit.number, needed_on=needed_on, expires_on=expires_on,
            quoted_rate=unit.asking_rate, comment=comment,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferWanted(Notice):
    """A tenant changes from one unit to another. The new one is held before a day is written for the old one.

    Attributes:
        unit_number: The unit to be left.
        new_unit: The number of the unit wanted.
        moving_on: Business date from which the new unit is needed.
        leaving_on: Business date on which the old one is to be left.
        comment: The tenant's words; empty when there are none.
        by_hand: The back office cannot hold a unit: staff do all of it.
    """

    name: ClassVar[str] = "transfer_wanted"
    must_say: ClassVar[frozenset[str]] = frozenset({
        "tenant_id", "unit_number", "new_unit", "moving_on", "leaving_on", "comment", "by_hand",
    })  # fmt: skip
    paragraphs: ClassVar[frozenset[str]] = frozenset({"comment"})

    unit_number: str
    new_unit: str
    moving_on: date
    leaving_on: date
    comment: str = ""
    by_hand: bool = False

    @classmethod
    def of(
        cls, account: TenantAccount, row: RentalAccount, unit: Unit, moving_on: date, leaving_on: date, *,
        comment: str, by_hand: bool,
    ) -> TransferWanted:  # fmt: skip
        """From the unit of a rental to another one."""
        return cls(
            **_who(account), unit_number=row.rental.label, new_unit=unit.number, moving_on=moving_on,
            leaving_on=leaving_on, comment=comment, by_hand=by_hand,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepaymentFailed(Notice):
    """Charges for future periods were posted, and the payment for them failed.

    Attributes:
        months: How many periods were billed.
    """

    name: ClassVar[str] = "prepayment_failed"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "months"})

    months: int

    @classmethod
    def of(cls, account: TenantAccount, months: int) -> PrepaymentFailed:
        """Charges that stayed."""
        return cls(**_who(account), months=months)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalmentMissed(Notice):
    """A part of an agreed payment plan was due and did not come.

    Attributes:
        unit_number: Which unit the plan is about.
        due_on: Business date at the facility.
        amount: What was to come.
    """

    name: ClassVar[str] = "instalment_missed"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "unit_number", "due_on", "amount"})

    unit_number: str
    due_on: date
    amount: Money

    @classmethod
    def of(cls, account: TenantAccount, row: RentalAccount, due_on: date, amount: Money) -> InstalmentMissed:
        """A part of a plan."""
        return cls(**_who(account), unit_number=row.rental.label, due_on=due_on, amount=amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRequest(Notice):
    """A request in the tenant's own words: a transfer, a call-off, a question.

    Attributes:
        subject: The tenant's words.
        request: The tenant's words; may have several lines.
        due_on: Business date by which staff should have followed up; None for no day in particular.
    """

    name: ClassVar[str] = "staff_request"
    must_say: ClassVar[frozenset[str]] = frozenset({"tenant_id", "subject", "request"})
    paragraphs: ClassVar[frozenset[str]] = frozenset({"request"})

    subject: str
    request: str
    due_on: date | None = None

    @classmethod
    def of(cls, account: TenantAccount, subject: str, request: str, *, due_on: date | None = None) -> StaffRequest:
        """A request."""
        return cls(**_who(account), subject=subject, request=request, due_on=due_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNeeded(Notice):
    """Something was sent and nobody can know by machine whether it was done.

    Attributes:
        kind: The effect ("take_payment"); ``words.effect(kind)`` names it for people.
        unit_numbers: What it was for; empty when it is about no unit.
        amount: For a payment; None for anything else.
        sent_at: When the first byte may have left; None when it is not known. Shown in the facility's time.
        why: What the engine saw, in its own words, which are English.
        action_id: The action.
        step: The effect's name in the action.
    """

    name: ClassVar[str] = "review_needed"
    must_say: ClassVar[frozenset[str]] = frozenset({
        "tenant_id", "kind", "unit_numbers", "amount", "sent_at", "why", "action_id", "step",
    })  # fmt: skip

    kind: str
    unit_numbers: tuple[str, ...] = ()
    amount: Money | None = None
    sent_at: datetime | None = None
    why: str
    action_id: str
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightMissed(Notice):
    """The nightly copy of one or several facilities did not take place.

    Attributes:
        nights: One line for each: its day, the facility, and what did not run.
        why: What is known about the newest of them, in our own words, which are English.
    """

    name: ClassVar[str] = "night_missed"
    must_say: ClassVar[frozenset[str]] = frozenset({"nights", "why"})

    nights: tuple[str, ...]
    why: str


class Scribe(Protocol):
    """Writes for the staff of one facility, in their language. The same facts always give the same words."""

    @property
    def language(self) -> str:
        """Which language: "en" or "fr"."""

    @property
    def staff(self) -> tuple[str, ...]:
        """Where the facility's staff read mail; empty when no address is known."""

    def write(self, notice: Notice) -> Written:
        """A notice in words, without its reference."""

    def for_mail(self, written: Written, reference: str) -> Written:
        """The same as a mail, which carries its reference in subject and text."""

    def for_board(self, written: Written, *, has_mail: bool) -> Written:
        """The same as a note and a bulletin post, to which the adapter adds the reference.

        Args:
            written: What to say.
            has_mail: False when nobody can be mailed, which the staff are told.
        """


def addresses_in(text: str) -> tuple[str, ...]:
    """The mail addresses in a back office's field, which may hold several, or none at all ("n/a").

    Commas, semicolons and blanks separate them; of ``Office <a@example.com>`` the part in brackets counts. Each address
    comes once, in the order written.
    """
    found = (part.strip("<>").rstrip(".") for part in re.split(r"[\s,;]+", text))
    return tuple({part.lower(): part for part in found if _ADDRESS.fullmatch(part)}.values())


def mail_names(prefix: str, addresses: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The step's name for each address: every recipient gets a mail with a life of its own."""
    return tuple((prefix if i == 1 else f"{prefix}.{i}", to) for i, to in enumerate(addresses, start=1))


def _who(account: TenantAccount) -> _Who:
    return {
        "tenant_id": account.tenant.id,
        "tenant_name": account.tenant.name.full,
        "units": tuple(row.rental.label for row in account.current),
        "facility_name": account.facility.name,
    }
