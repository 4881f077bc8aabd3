"""Who may sign in to the portal, and how far they have come."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pmsbridge.model.earlier import Since
from pmsbridge.model.record import Id, Instant, OpenEnum, Record, Value

__all__ = ["AccessLevel", "InvitationState", "OnboardingState", "OnboardingStep", "PortalAccount", "SignInState"]


class AccessLevel(StrEnum):
    """How much of the portal an identity sees."""

    NONE = "none"
    TICKETS_ONLY = "tickets_only"
    FULL = "full"


class SignInState(OpenEnum):
    """Whether somebody can sign in."""

    NOT_INVITED = "not_invited"
    INVITED = "invited"
    CLAIMED = "claimed"
    LOCKED = "locked"
    UNKNOWN = "unknown"


class InvitationState(OpenEnum):
    """What became of the last invitation."""

    NEVER = "never"
    SENT = "sent"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class OnboardingState(OpenEnum):
    """One onboarding step's state."""

    TO_DO = "to_do"
    DONE = "done"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class OnboardingStep(Value):
    """One ordered step before the portal opens fully."""

    name: str
    is_required: bool = True
    state: OnboardingState = OnboardingState.TO_DO


class PortalAccount(Record):
    """A login bound to one tenant of one facility.

    Attributes:
        login: The sign-in name (an e-mail address, phone digits).
        eligibility_reasons: Why this tenant may not use the portal; empty when nothing is in the way.
        steps: Onboarding, in order; access is full only after the last required one.
        invitation: What became of the last invitation to the portal, where one can be sent.
    """

    entity: ClassVar[str] = "portal_account"

    tenant_id: Id
    login: str
    state: SignInState = SignInState.UNKNOWN
    access: AccessLevel = AccessLevel.NONE
    eligibility_reasons: tuple[str, ...] = ()
    steps: tuple[OnboardingStep, ...] = ()
    invitation: Annotated[InvitationState, Since(5)] = InvitationState.UNKNOWN
    last_signed_in_at: Instant | None = None

    @property
    def next_step(self) -> OnboardingStep | None:
        """The first required step not yet done; None when onboarding is complete."""
        return next((s for s in self.steps if s.is_required and s.state is OnboardingState.TO_DO), None)
