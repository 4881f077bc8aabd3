"""Mail over SMTP: one message, one try, and an exact answer to the only question: did it go out?"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, NoReturn

from pydantic import SecretStr

from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PmsBridgeError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.logging import redact
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.mailer import Mail

__all__ = ["SmtpMailer", "SmtpSettings"]

_PERMANENT: Final = 500
_READY_FOR_DATA: Final = 354
_DONE: Final = 250


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where mail is handed over.

    Attributes:
        sender: Address in From and in the envelope.
        starttls: Encrypt, with the certificate checked; refuse to send when the server cannot.
        username: Login; empty for a server that wants none.
        timeout: For connecting and for each answer.
    """

    host: str
    port: int = 25
    sender: str = "pmsbridge@localhost"
    starttls: bool = False
    username: str = ""
    password: SecretStr | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=20)


class SmtpMailer:
    """Hands mails to one server; a connection per mail."""

    def __init__(
        self, settings: SmtpSettings, *, clock: Clock | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        """Nothing is connected yet.

        Args:
            settings: Which server, and how.
            clock: For the Date header.
            context: For STARTTLS; by default the machine's trusted certificates.
        """
        self._settings = settings
        self._clock = clock or SystemClock()
        self._context = context

    def send(self, mail: Mail) -> str:
        """Hand over once; returns the server's answer.

        Raises:
            ConfigurationError: The server refuses our login or our sender, or has no STARTTLS.
            RejectedError: It refuses the recipient or the message for good.
            UnavailableError: It was not reached, or says later; the message was not handed over.
            OutcomeUnknownError: The whole message was handed over and the answer was lost.
        """
        content = self._message(mail).as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        server = self._connect()
        try:
            self._introduce(server)
            self._envelope(server, mail.to)
            return self._hand_over(server, content)
        finally:
            # Said goodbye or not: what was answered stands.
            server.close()

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Message-ID"] = f"<{mail.message_id}>"
        message["Date"] = format_datetime(self._clock.now())
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        server = smtplib.SMTP(timeout=settings.timeout.total_seconds())
        try:
            code, said = server.connect(settings.host, settings.port)
        except (OSError, smtplib.SMTPException) as error:
            message = f"the mail server was not reached ({type(error).__name__})"
            raise UnavailableError(message, code="not_reached") from None
        if code != 220:  # noqa: PLR2004 - the greeting
            server.close()
            _refuse(code, said, "greeted us with a refusal")
        return server

    def _introduce(self, server: smtplib.SMTP) -> None:
        settings = self._settings
        try:
            server.ehlo_or_helo_if_needed()
            if settings.starttls:
                server.starttls(context=self._context or ssl.create_default_context())
                server.ehlo()
            if settings.username:
                server.login(settings.username, settings.password.get_secret_value() if settings.password else "")
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code < _PERMANENT:
                _refuse(error.smtp_code, error.smtp_error, "could not check our login")
            message = "the mail server refuses our login"
            raise ConfigurationError(message, code=str(error.smtp_code)) from None
        except (smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
            message = f"the mail server does not offer what is set: STARTTLS or login ({type(error).__name__})"
            raise ConfigurationError(message, code="not_offered") from None
        except (smtplib.SMTPException, OSError) as error:
            message = f"the mail server broke off before the message ({type(error).__name__})"
            raise UnavailableError(message, code="broken_off") from None

    def _envelope(self, server: smtplib.SMTP, to: str) -> None:
        try:
            code, said = server.mail(self._settings.sender)
            if code != _DONE:
                self._refuse_sender(code, said)
            code, said = server.rcpt(to)
            if code not in {_DONE, 251}:
                _refuse(code, said, "refuses the recipient")
            code, said = server.docmd("DATA")
            if code != _READY_FOR_DATA:
                _refuse(code, said, "refuses the message")
        except PmsBridgeError:
            raise
        except (smtplib.SMTPException, OSError) as error:
            message = f"the mail server broke off before the message ({type(error).__name__})"
            raise UnavailableError(message, code="broken_off") from None

    def _refuse_sender(self, code: int, said: bytes) -> NoReturn:
        if code >= _PERMANENT:
            message = f"the mail server refuses our sender address: {_words(said)}"
            raise ConfigurationError(message, code=str(code))
        _refuse(code, said, "refuses our sender address for now")

    def _hand_over(self, server: smtplib.SMTP, content: bytes) -> str:
        """From here on a broken connection says nothing about what the server did."""
        try:
            server.send(_stuffed(content))
            code, said = server.getreply()
        except (smtplib.SMTPException, OSError) as error:
            message = f"the mail server took the message and did not answer ({type(error).__name__})"
            raise OutcomeUnknownError(message, code="no_answer") from None
        if code != _DONE:
            _refuse(code, said, "refuses the message")
        return f"{code} {_words(said)}"


def _stuffed(content: bytes) -> bytes:
    """As it travels: a line's leading period doubled, and the line that ends the message."""
    lines = content.removesuffix(b"\r\n").split(b"\r\n")
    doubled = [b"." + line if line.startswith(b".") else line for line in lines]
    return b"\r\n".join([*doubled, b".", b""])


def _refuse(code: int, said: bytes | str, what: str) -> NoReturn:
    message = f"the mail server {what}: {code} {_words(said)}"
    if code >= _PERMANENT:
        raise RejectedError(message, code=str(code))
    raise UnavailableError(message, code=str(code))


def _words(said: bytes | str) -> str:
    text = said if isinstance(said, str) else said.decode("ascii", errors="replace")
    return redact(text)[:200]
