"""Links that are mailed: asked for here, given their token only when the mail leaves. The journal never holds one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pmsbridge.actions.effects import SendMail
from pmsbridge.actions.plan import Plan, PlannedEffect, Submission, effect_key, reference_of
from pmsbridge.errors import ConfigurationError, RejectedError
from pmsbridge.store.logins import Login, Logins

__all__ = ["LINK_MARK", "Letter", "LinkMaker", "submission_of"]

LINK_MARK: Final = "{link}"
"""Stands in the text of a mail until it leaves."""


@dataclass(frozen=True, slots=True)
class LinkMaker:
    """Makes the address in a mail, when it leaves.

    Attributes:
        address: The portal's own page, with ``{token}`` where the token belongs; empty when none is set.
    """

    logins: Logins
    address: str

    def checked(self) -> None:
        """Refuse to ask for a link that could not be made.

        Raises:
            ConfigurationError: No address is set.
        """
        if "{token}" not in self.address:
            message = "portal.link_address is not set; write your portal's page with {token} in it"
            raise ConfigurationError(message, code="no_link_address")

    def __call__(self, link_id: str) -> str:
        """A fresh address for a link; an earlier one of it is dead.

        Raises:
            RejectedError: A newer link was asked for meanwhile: this mail would bring a dead one.
            ConfigurationError: No address is set.
        """
        self.checked()
        try:
            return self.address.replace("{token}", self.logins.arm(link_id))
        except LookupError:
            message = "a newer link was asked for meanwhile; this one was not mailed"
            raise RejectedError(message, code="link_replaced") from None


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail with a link in it, before it is planned.

    Attributes:
        kind: The verb it is journalled under ("invite", "request_link").
        text: With ``LINK_MARK`` where the link belongs.
        lives: How long the link works once it was mailed.
    """

    kind: str
    to: str
    subject: str
    text: str
    language: str
    purpose: str
    lives: timedelta


def submission_of(letter: Letter, login: Login, link_id: str, *, key: str, actor: str) -> Submission:
    """An action of one mail."""
    scope = (login.account, login.facility, login.tenant_id)
    action_id = Submission.id_for(*scope, key)
    mail = SendMail(
        account=login.account, facility=login.facility, to=letter.to, subject=letter.subject, text=letter.text,
        language=letter.language, reference=reference_of(action_id, "mail"), link=link_id,
    )  # fmt: skip
    step = PlannedEffect(name="mail", key=effect_key(action_id, "mail", mail.target), effect=mail)
    return Submission(
        action_id=action_id, key=key, kind=letter.kind, account=login.account, facility=login.facility,
        tenant_id=login.tenant_id, intent="{}", actor=actor, plan=Plan(steps=(step,)),
    )  # fmt: skip
