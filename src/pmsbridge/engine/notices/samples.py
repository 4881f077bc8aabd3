"""Invented facts for every notice: what templates are tried with before a tenant clicks, and what the guide shows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final, get_args

from pmsbridge.actions.effects import ContactField
from pmsbridge.actions.scribe import (
    AutopayWanted,
    CallOffRequested,
    CallOffWithdrawn,
    ConsentChanged,
    ContactChanged,
    FieldChange,
    InstalmentMissed,
    LanguageWanted,
    MoveOutCancelled,
    MoveOutRequested,
    NightMissed,
    Notice,
    PrepaymentFailed,
    QuoteAccepted,
    ReservationWanted,
    ReviewNeeded,
    StaffRequest,
    TransferWanted,
)
from pmsbridge.model.money import Money
from pmsbridge.model.people import ConsentChannel, ConsentPurpose

__all__ = ["KINDS", "REFERENCE", "samples"]

KINDS: Final[tuple[type[Notice], ...]] = (
    ContactChanged, MoveOutRequested, MoveOutCancelled, CallOffRequested, CallOffWithdrawn, QuoteAccepted,
    AutopayWanted, ConsentChanged, LanguageWanted, ReservationWanted, TransferWanted, StaffRequest, PrepaymentFailed,
    InstalmentMissed, ReviewNeeded, NightMissed,
)  # fmt: skip
"""Every notice there is."""

REFERENCE: Final = "PB-ABCDEFGHIJKL"

_WHO: Final[dict[str, Any]] = {
    "tenant_id": "1001", "tenant_name": "Renée Test", "units": ("015", "A-12"), "facility_name": "North Yard",
}  # fmt: skip
_NOBODY: Final[dict[str, Any]] = {"tenant_id": "", "tenant_name": "", "units": (), "facility_name": ""}
_DAY: Final = date(2026, 12, 31)
_CHANGES: Final = (FieldChange(field="phone", old="555-0101", new="555-0199"),)


def samples(kind: type[Notice]) -> tuple[Notice, ...]:
    """Facts of one kind, the plain case first, and together on every way through a template."""
    return _SAMPLES[kind.name]


_REVIEW: Final = ReviewNeeded(
    **_WHO, kind="take_payment", unit_numbers=("015",), amount=Money.of("1120.00", "USD"),
    sent_at=datetime(2026, 11, 21, 18, 5, tzinfo=UTC), why="the answer was lost", action_id="act_0123456789abcdef",
    step="payment.1",
)  # fmt: skip

_SAMPLES: Final[dict[str, tuple[Notice, ...]]] = {
    ContactChanged.name: (
        ContactChanged(**_WHO, changes=_CHANGES),
        ContactChanged(**_WHO, changes=_CHANGES, is_legal_name=True, by_hand=True),
        ContactChanged(
            **_NOBODY, changes=tuple(FieldChange(field=name, old="", new="") for name in get_args(ContactField))
        ),
    ),
    MoveOutRequested.name: (
        MoveOutRequested(**_WHO, unit_number="015", leaving_on=_DAY),
        MoveOutRequested(**_NOBODY, unit_number="015", leaving_on=_DAY, by_hand=True),
    ),
    MoveOutCancelled.name: (
        MoveOutCancelled(**_WHO, unit_number="015"),
        MoveOutCancelled(**_NOBODY, unit_number="015", by_hand=True),
    ),
    CallOffRequested.name: (
        CallOffRequested(
            **_WHO, contract_number="42", item="MIX-150 Mixer 150 l", quantity="2", measure="u", wanted_on=_DAY,
            place="Gate 3", comment="They stand by the fence.",
        ),
        CallOffRequested(**_NOBODY, contract_number="42", item="MIX-150", quantity="0.5", wanted_on=_DAY, by_hand=True),
    ),
    CallOffWithdrawn.name: (
        CallOffWithdrawn(
            **_WHO, contract_number="42", item="MIX-150 Mixer 150 l", quantity="2", measure="u", called_off=REFERENCE,
        ),
        CallOffWithdrawn(**_NOBODY, contract_number="42", item="MIX-150", quantity="0.5", by_hand=True),
    ),
    QuoteAccepted.name: (
        QuoteAccepted(**_WHO, quote_number="17", comment="Please deliver early."),
        QuoteAccepted(**_NOBODY, quote_number="17"),
    ),
    AutopayWanted.name: (
        AutopayWanted(**_WHO, unit_number="015", on=True, method="visa ****1111", days_after_due=5),
        AutopayWanted(**_WHO, unit_number="015", on=True),
        AutopayWanted(**_NOBODY, unit_number="015", on=False),
    ),
    ConsentChanged.name: (
        ConsentChanged(**_WHO, channel="sms", purpose="account_notifications", granted=True),
        *(
            ConsentChanged(**_NOBODY, channel=channel.value, purpose=purpose.value, granted=False)
            for channel in ConsentChannel
            for purpose in ConsentPurpose
        ),
    ),
    LanguageWanted.name: (
        LanguageWanted(**_WHO, language="fr-CA"),
        LanguageWanted(**_NOBODY, language="en"),
    ),
    ReservationWanted.name: (
        ReservationWanted(
            **_WHO, unit_number="B-7", needed_on=_DAY, expires_on=date(2027, 1, 1),
            quoted_rate=Money.of("89.50", "USD"), comment="Ground floor, please.",
        ),
        ReservationWanted(**_NOBODY, unit_number="B-7", needed_on=_DAY),
    ),
    TransferWanted.name: (
        TransferWanted(
            **_WHO, unit_number="015", new_unit="B-7", moving_on=date(2026, 12, 24), leaving_on=_DAY,
            comment="On the ground floor, please.",
        ),
        TransferWanted(
            **_NOBODY, unit_number="015", new_unit="B-7", moving_on=_DAY, leaving_on=_DAY, by_hand=True
        ),
    ),
    StaffRequest.name: (
        StaffRequest(**_WHO, subject="A larger unit", request="Is there one\non the ground floor?"),
        StaffRequest(**_NOBODY, subject="?", request="?", due_on=_DAY),
    ),
    PrepaymentFailed.name: (PrepaymentFailed(**_WHO, months=3), PrepaymentFailed(**_NOBODY, months=1)),
    InstalmentMissed.name: (
        InstalmentMissed(**_WHO, unit_number="015", due_on=_DAY, amount=Money.of("1120.00", "USD")),
        InstalmentMissed(**_NOBODY, unit_number="015", due_on=_DAY, amount=Money.of("0.50", "CAD")),
    ),
    NightMissed.name: (
        NightMissed(**_NOBODY, nights=("2026-11-20, demo/L001 (sync demo/L001)",), why="it failed: no answer"),
        NightMissed(**_NOBODY, nights=("2026-11-19, demo/L001", "2026-11-20, demo/L001"), why="it was never started"),
    ),
    ReviewNeeded.name: (
        _REVIEW,
        ReviewNeeded(**_NOBODY, kind="set_web_password", why="?", action_id="act_0123456789abcdef", step="password"),
    ),
}  # fmt: skip
