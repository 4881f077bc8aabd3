"""Mails, calls and visits as they are handed in: checked, freed of secrets, and given to whose they are."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from email.utils import parseaddr
from typing import Final

from pmsbridge.accounts.matching import CopiedPeople
from pmsbridge.engine.deliver import Runtime
from pmsbridge.errors import InputError
from pmsbridge.logging import redact
from pmsbridge.model.interactions import (
    MOST_ATTACHMENTS,
    SUBJECT_LIMIT_CHARS,
    TEXT_LIMIT_CHARS,
    AttachedPaper,
    Channel,
    Direction,
    RecordedInteraction,
)
from pmsbridge.model.people import Contact
from pmsbridge.portal.arguments import checked_id, checked_instant, checked_whole, checked_words, has_happened, shape_of
from pmsbridge.portal.views import HeardMail
from pmsbridge.ports.adapter import Adapter
from pmsbridge.store.folding import fold
from pmsbridge.store.interactions import Interactions
from pmsbridge.store.mirror import Mirror, Scope

__all__ = ["Corresponding", "cleaned"]

_BY_THE_HOOK: Final = "pmsbridge:mail"
_LONGEST_ID_CHARS: Final = 200
_LONGEST_SENDER_CHARS: Final = 320


class Corresponding(ABC):
    """Mails that come in; a part of ``Bridge``."""

    runtime: Runtime

    @property
    @abstractmethod
    def mirror(self) -> Mirror:
        """What the back offices held when they were last asked."""

    @abstractmethod
    def place(self, facility: str) -> tuple[Adapter, str]:
        """The adapter and the code of a facility."""

    def record_mail(
        self,
        facility: str,
        *,
        message_id: str,
        sender: str,
        at: datetime,
        subject: str = "",
        text: str = "",
        attachments: Sequence[AttachedPaper] = (),
    ) -> HeardMail:
        """Take a mail that a mail server or a service for mails hands in, once however often it is handed in.

        It is laid to the history of the one customer who has the sender's address by the last copy, themselves or as a
        contact of theirs, for staff only; else it waits for staff among ``unassigned_mails``. It starts nothing: who a
        mail says it is from proves nothing. Card numbers and passwords in it are taken out.

        Args:
            facility: "L001", or "account/L001" where several accounts have one.
            message_id: The Message-ID; of another mail by the same id both are kept.
            sender: The address in From, with or without a name.
            at: When it was sent, or came in; with a time zone. A date is the sender's to write: one before 1970 or
                more than a day ahead gives way to the time at which the mail is handed in first.
            subject: At most 500 characters.
            text: The plain text, at most 50,000 characters; hand in what is longer as an attachment.
            attachments: By reference, at most 50; the bytes stay where you keep them.

        Raises:
            NotFoundError: No account has such a facility.
            InputError: An argument is none, or too long.
            UnavailableError: The database cannot be used now: hand it in again.
        """
        given = checked_words("message_id", message_id)
        if len(given) > _LONGEST_ID_CHARS:  # there is no limit to them; what is kept must tell them apart
            given = f"sha256:{hashlib.sha256(given.encode(errors='surrogatepass')).hexdigest()}"
        checked_id("message_id", given)
        address = parseaddr(_clean("sender", sender, _LONGEST_SENDER_CHARS))[1]
        papers = tuple(attachments)
        if len(papers) > MOST_ATTACHMENTS or not all(isinstance(each, AttachedPaper) for each in papers):
            raise InputError("attachments", f"must be at most {MOST_ATTACHMENTS} AttachedPaper", shape=f"{len(papers)}")
        written, now = checked_instant("at", at), self.runtime.clock.now()
        is_dated = has_happened(written, now)
        said = cleaned(RecordedInteraction(
            message_id=given, at=written if is_dated else now, channel=Channel.EMAIL, direction=Direction.IN,
            sender=address or sender.strip(), subject=_clean("subject", subject, SUBJECT_LIMIT_CHARS),
            text=_clean("text", text, TEXT_LIMIT_CHARS), attachments=papers, recorded_by=_BY_THE_HOOK,
        ))  # fmt: skip
        adapter, code = self.place(facility)
        whose = self._whose(adapter.account_name, code, address)
        held = self._interactions(adapter.account_name, code).hear(whose, said, is_dated=is_dated)
        return HeardMail((whose if held is None else held) or None, replayed=held is not None)

    def unassigned_mails(self, facility: str, *, limit: int = 100) -> tuple[RecordedInteraction, ...]:
        """Mails of which it is not known whose they are, the newest first. ``staff(...).take_mail`` says whose.

        Raises:
            NotFoundError: No account has such a facility.
        """
        most = checked_whole("limit", limit, low=1, high=1000)
        adapter, code = self.place(facility)
        return tuple(self._interactions(adapter.account_name, code).of("", limit=most))

    def _interactions(self, account: str, facility: str) -> Interactions:
        return Interactions(self.runtime.database, self.runtime.clock, account, facility)

    def _whose(self, account: str, facility: str, address: str) -> str:
        """The one tenant of this address; empty for none and for several."""
        if not address:
            return ""
        people = CopiedPeople(self.mirror, account, facility)
        found = {each.id for each in people.with_email(address)}
        contacts = self.mirror.list(Scope(account, facility, Contact.entity), email=fold(address))
        found |= {each.tenant_id for each in contacts if isinstance(each, Contact)}
        return found.pop() if len(found) == 1 else ""


def cleaned(said: RecordedInteraction) -> RecordedInteraction:
    """The same without secrets: what is in no place of a text, such as a card number, is taken out of it.

    Raises:
        InputError: It is none, holds a card number for an id, or is too long with what stands for a secret.
    """
    if not isinstance(said, RecordedInteraction):
        raise InputError("said", "must be a RecordedInteraction", shape=shape_of(said))
    checked_id("message_id", said.message_id)
    with_name = (each.changed(name=_clean("name", each.name, 255)) for each in said.attachments)
    return said.changed(
        sender=_clean("sender", said.sender, _LONGEST_SENDER_CHARS),
        subject=_clean("subject", said.subject, SUBJECT_LIMIT_CHARS), text=_clean("text", said.text, TEXT_LIMIT_CHARS),
        attachments=tuple(with_name),
    )  # fmt: skip


def _clean(field: str, text: str, limit: int) -> str:
    """Without secrets and blanks around it.

    Raises:
        InputError: It is no text, or longer than that.
    """
    given = redact(checked_words(field, text))
    if len(given) > limit:
        remedy = "Nothing is cut: hand the whole in as an attachment, and here what fits."
        raise InputError(field, f"is longer than {limit} characters", shape=f"{len(given)} characters", remedy=remedy)
    return given
