"""Mail, as a port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Mail", "Mailer"]


@dataclass(frozen=True, slots=True)
class Mail:
    """One plain-text mail.

    Attributes:
        message_id: Made from the effect's key, without angle brackets: the same for every attempt.
    """

    to: str
    subject: str
    text: str
    message_id: str


class Mailer(Protocol):
    """Hands mails to a server."""

    def send(self, mail: Mail) -> str:
        """Hand over once; returns what the server answered.

        Raises:
            ConfigurationError: No server is set, or it refuses our login.
            RejectedError: The server refused the recipient or the message for good.
            UnavailableError: Not handed over, or told to wait.
            OutcomeUnknownError: The message was handed over and the answer was lost.
        """
