"""Mail over SMTP: one message, one try, and an exact answer to the only question: did it go out?

Before the line that ends the message, nothing was handed over, whatever happens. After it, only an answer that can be
read says what the server did.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final, NoReturn

from pydantic import SecretStr

from pmsbridge.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from pmsbridge.logging import redact
from pmsbridge.ports.clock import Clock, SystemClock
from pmsbridge.ports.mailer import Mail
from pmsbridge.transport.deadline import Deadline

__all__ = ["SmtpMailer", "SmtpSettings"]

_READY: Final = 220
_READY_FOR_DATA: Final = 354
_DONE: Final = range(200, 300)
_LATER: Final = range(400, 500)
_NEVER: Final = range(500, 600)
_WANTS_LOGIN: Final = frozenset({530, 534, 535, 538})
_ANSWER_CAP_BYTES: Final = 64 * 1024
_SEND_BYTES: Final = 16 * 1024
_ASCII_ONLY: Final = SMTP.clone(cte_type="7bit")
"""Text in other letters is encoded, so that it passes a server that knows nothing but ASCII."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where mail is handed over.

    Attributes:
        sender: Address in From and in the envelope.
        reply_to: Where answers go; empty for the sender.
        starttls: Encrypt, with the certificate checked; refuse to send when the server cannot.
        username: Login, over an encrypted line only; empty for a server that wants none.
        timeout: For connecting and for each answer.
        deadline: For the whole conversation, by the clock on the wall, however slowly the server talks. Shorter than
            the engine's ``mail_timeout``, which a lease outlives.
    """

    host: str
    port: int = 25
    sender: str = "pmsbridge@localhost"
    reply_to: str = ""
    starttls: bool = False
    username: str = ""
    password: SecretStr | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=20)
    deadline: timedelta = timedelta(seconds=50)


class SmtpMailer:
    """Hands mails to one server; a connection per mail."""

    def __init__(
        self, settings: SmtpSettings, *, clock: Clock | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        """Nothing is connected yet.

        Args:
            settings: Which server, and how.
            clock: For the Date header and the deadline.
            context: For STARTTLS; by default the machine's trusted certificates.
        """
        self._settings = settings
        self._clock = clock or SystemClock()
        self._context = context

    def send(self, mail: Mail) -> str:
        """Hand over once; returns the server's answer.

        Raises:
            ConfigurationError: The server refuses our login or our sender, or has no STARTTLS; or a login is set
                without STARTTLS.
            RejectedError: It refuses the recipient or the message for good; or the address cannot be said in SMTP.
            UnavailableError: It was not reached, or says later; the message was not handed over.
            OutcomeUnknownError: The whole message was handed over and no usable answer came.
        """
        self._refuse_plain_login()
        to = _spoken(mail.to)
        content = self._message(mail, to).as_bytes()
        server = _Line(self._settings.host, self._settings.timeout, self._deadline())
        try:
            with _before_the_message():
                self._greet(server)
                self._introduce(server)
                self._envelope(server, to)
                # Both are "before": a last line that could not be sent has not ended the message.
                server.send(_stuffed(content))
                server.send(b".\r\n")
            return _outcome(server)
        finally:
            # Said goodbye or not: what was answered stands.
            server.close()

    def _deadline(self) -> Deadline:
        return Deadline(self._settings.deadline, clock=self._clock.now, monotonic=self._clock.monotonic)

    def _refuse_plain_login(self) -> None:
        if self._settings.username and not self._settings.starttls:
            message = "a login is set without STARTTLS: the password would travel in clear. Set mail.starttls."
            raise ConfigurationError(message, code="login_in_clear")

    def _message(self, mail: Mail, to: str) -> EmailMessage:
        message = EmailMessage(policy=_ASCII_ONLY)
        message["From"] = self._settings.sender
        message["To"] = to
        if self._settings.reply_to:
            message["Reply-To"] = self._settings.reply_to
        message["Subject"] = _header(mail.subject)
        message["Message-ID"] = f"<{_header(mail.message_id)}>"
        message["Date"] = format_datetime(self._clock.now())
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_body(mail.text))
        return message

    def _greet(self, server: _Line) -> None:
        try:
            code, said = server.connect(self._settings.host, self._settings.port)
        except (OSError, smtplib.SMTPException) as error:
            message = f"the mail server was not reached ({type(error).__name__})"
            raise UnavailableError(message, code="not_reached") from None
        if code != _READY:
            _refuse(code, said, "greeted us with a refusal")

    def _introduce(self, server: _Line) -> None:
        settings = self._settings
        server.ehlo_or_helo_if_needed()
        if settings.starttls:
            self._encrypt(server)
        if settings.username:
            self._log_in(server)

    def _encrypt(self, server: _Line) -> None:
        try:
            server.starttls(context=self._context or ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise
        except smtplib.SMTPResponseException as error:
            _refuse(error.smtp_code, error.smtp_error, "refuses STARTTLS", for_good=ConfigurationError)
        except (smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
            message = f"the mail server offers no STARTTLS that can be trusted ({type(error).__name__})"
            raise ConfigurationError(message, code="not_offered") from None

    def _log_in(self, server: _Line) -> None:
        # Raised after the handler: an error raised within it keeps the server's words, which may repeat the password.
        refusal = self._login_refusal(server)
        if refusal is not None:
            raise refusal

    def _login_refusal(self, server: _Line) -> ConfigurationError | UnavailableError | None:
        password = self._settings.password.get_secret_value() if self._settings.password else ""
        try:
            server.login(self._settings.username, password)
        except smtplib.SMTPAuthenticationError as error:
            code = str(error.smtp_code)
            if error.smtp_code in _LATER:
                return UnavailableError(f"the mail server could not check our login: {code}", code=code)
            return ConfigurationError("the mail server refuses our login", code=code)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            message = f"the mail server offers no login that we can use ({type(error).__name__})"
            return ConfigurationError(message, code="not_offered")
        finally:
            # The library keeps both, and a report of a crash may show an object's attributes.
            server.user = server.password = ""
        return None

    def _envelope(self, server: _Line, to: str) -> None:
        code, said = server.mail(_spoken(self._settings.sender))
        if code not in _DONE:
            _refuse(code, said, "refuses our sender address", for_good=ConfigurationError)
        code, said = server.rcpt(to)
        if code not in _DONE:
            _refuse(code, said, "refuses the recipient")
        code, said = server.docmd("DATA")
        if code != _READY_FOR_DATA:
            _refuse(code, said, "refuses the message")


@contextmanager
def _before_the_message() -> Iterator[None]:
    """Until the message's last line has left, a broken connection means that nothing was handed over."""
    try:
        yield
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        message = f"the mail server broke off before the message ended ({type(error).__name__})"
        raise UnavailableError(message, code="broken_off") from None


def _outcome(server: _Line) -> str:
    """What became of the whole message. A broken connection says nothing about what the server did."""
    try:
        code, said = server.getreply()
    except (smtplib.SMTPException, OSError) as error:
        message = f"the mail server took the message and did not answer ({type(error).__name__})"
        raise OutcomeUnknownError(message, code="no_answer") from None
    if code in _LATER or code in _NEVER:
        _refuse(code, said, "refuses the message")
    if code not in _DONE:
        message = "the mail server took the message and its answer is none"
        raise OutcomeUnknownError(message, code="no_answer")
    return f"{code} {_words(said)}"


# -- the line ---------------------------------------------------------------------------------------------------------


class _Line(smtplib.SMTP):
    """A conversation that is over at its deadline, and whose answers are bounded, however a server drips them."""

    def __init__(self, host: str, timeout: timedelta, deadline: Deadline) -> None:
        self._each = timeout.total_seconds()
        self._deadline = deadline
        super().__init__(timeout=self._each)
        # The library notes the name that a certificate must bear only when it connects in its constructor.
        self._host = host

    def patience(self) -> float:
        """Seconds for the next wait.

        Raises:
            TimeoutError: The deadline has passed.
        """
        left = min(self._each, self._deadline.seconds_left())
        if left <= 0:
            raise TimeoutError
        return left

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002 - the library's hook
        """Try every address of the host, all within the deadline."""
        error: OSError = OSError("no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            line = socket.socket(family, kind, protocol)
            try:
                line.settimeout(self.patience())
                line.connect(address)
            except OSError as refused:
                line.close()
                error = refused
            else:
                return line
        raise error

    def send(self, s: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Send all of it, or fail by the deadline."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        rest = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        try:
            while rest:
                self.sock.settimeout(self.patience())
                rest = rest[self.sock.send(rest[:_SEND_BYTES]) :]
        except OSError:
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """Read one answer."""
        if self.file is None and self.sock is not None:
            self.file = _Answers(self.sock, self)
        return super().getreply()


class _Answers:
    """Lines from a socket; what a file would be, with a deadline and an end."""

    def __init__(self, line: socket.socket, patience: _Line) -> None:
        self._line = line
        self._patience = patience
        self._held = b""
        self._read = 0

    def readline(self, limit: int) -> bytes:
        """The next line, or as much of it as ``limit`` allows; empty at the end."""
        while b"\n" not in self._held and len(self._held) < limit:
            self._line.settimeout(self._patience.patience())
            more = self._line.recv(4096)
            self._read += len(more)
            if self._read > _ANSWER_CAP_BYTES:
                message = "the answer is too long"
                raise OSError(message)
            if not more:
                break
            self._held += more
        end = min(self._held.find(b"\n") + 1 or len(self._held), limit)
        line, self._held = self._held[:end], self._held[end:]
        return line

    def close(self) -> None:
        """Nothing is held but bytes."""


# -- words -----------------------------------------------------------------------------------------------------------


def _spoken(address: str) -> str:
    """An address as SMTP can say it: its domain in ASCII.

    Raises:
        RejectedError: Its local part is not ASCII, or something in it is no part of an address.
    """
    name, _, domain = address.rpartition("@")
    try:
        spoken = f"{name}@{domain.encode('idna').decode('ascii')}"
        spoken.encode("ascii")
    except UnicodeError:
        raise RejectedError("this mail address cannot be said to a mail server", code="address") from None
    if not name or any(char in '<>,;"\\' or not char.isprintable() or char.isspace() for char in spoken):
        raise RejectedError("this mail address cannot be said to a mail server", code="address")
    return spoken


def _header(text: str) -> str:
    """One line: no line end in it can begin another header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _body(text: str) -> str:
    """Text whose only control characters are line ends and tabs, ending with a line end."""
    lines = text.splitlines()
    kept = ["".join(char for char in line if char.isprintable() or char in "\t\u00a0\u202f") for line in lines]
    return "\n".join([*kept, ""])


def _stuffed(content: bytes) -> bytes:
    """As it travels: a line's leading period doubled, ending with a line end."""
    lines = content.removesuffix(b"\r\n").split(b"\r\n")
    doubled = [b"." + line if line.startswith(b".") else line for line in lines]
    return b"\r\n".join([*doubled, b""])


def _refuse(
    code: int, said: bytes | str, what: str, *, for_good: type[ConfigurationError | RejectedError] = RejectedError
) -> NoReturn:
    """Nothing was handed over: for good, or for now."""
    message = f"the mail server {what}: {code} {_words(said)}"
    if code in _WANTS_LOGIN:
        raise ConfigurationError(message, code=str(code))
    if code in _NEVER:
        raise for_good(message, code=str(code))
    raise UnavailableError(message, code=str(code))


def _words(said: bytes | str) -> str:
    text = said if isinstance(said, str) else said.decode("ascii", errors="replace")
    return redact(text)[:200]
