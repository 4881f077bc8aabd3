"""A mail server for tests that keeps what it is handed."""

from __future__ import annotations

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.mailer import Mail

__all__ = ["Outbox"]


class Outbox:
    """Keeps mails instead of sending them; refuses while it is closed."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.is_closed = False

    def send(self, mail: Mail) -> str:
        """Keep one."""
        if self.is_closed:
            message = "the mail server is closed"
            raise UnavailableError(message)
        self.mails.append(mail)
        return "250 ok"
