from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import SecretStr

from pmsbridge.engine.mail import SmtpMailer, SmtpSettings
from pmsbridge.errors import ConfigurationError, OutcomeUnknownError, RejectedError, UnavailableError
from pmsbridge.ports.mailer import Mail
from pmsbridge.ports.outcome import Outcome
from tests.engine.stage import Stage, edit

MAIL = Mail(
    "manager@f1.example", "Contact data changed: Müller", "Line one\n.hidden dot\n..two\nÄpfel\n", "abc@x.invalid"
)


class Handler:
    """Keeps what arrives; answers as told."""

    def __init__(self, rcpt: str = "", data: str = "") -> None:
        self.mails: list[bytes] = []
        self.rcpt, self.data = rcpt, data

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if not self.rcpt:
            envelope.rcpt_tos.append(address)
        return self.rcpt or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if not self.data.startswith("5"):
            self.mails.append(envelope.content)
        return self.data or "250 queued as 7"


@contextmanager
def smtp(handler: Handler, **options: Any) -> Iterator[int]:
    """A real server on a free port."""
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), list[int]()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        made = loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=False, loop=loop, **options), "127.0.0.1", 0)
        server = loop.run_until_complete(made)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@contextmanager
def script(*lines: bytes | None) -> Iterator[int]:
    """A server that says prepared lines, one per thing it hears, and hangs up at None."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with peer:
            reader = peer.makefile("rb")
            in_data = False
            for line in lines:
                if line is None:
                    return
                peer.sendall(line + b"\r\n")
                heard = reader.readline()
                while in_data and heard not in {b".\r\n", b""}:
                    heard = reader.readline()
                in_data = heard.upper().startswith(b"DATA")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(10)


def mailer(port: int, **fields: Any) -> SmtpMailer:
    return SmtpMailer(SmtpSettings("127.0.0.1", port, sender="bridge@example.test", **fields))


def test_a_mail_arrives_byte_for_byte_with_its_message_id() -> None:
    handler = Handler()
    with smtp(handler) as port:
        answer = mailer(port).send(MAIL)

    message = message_from_bytes(handler.mails[0], policy=default)
    assert answer == "250 queued as 7"
    assert message["Message-ID"] == "<abc@x.invalid>"
    assert message["Subject"] == MAIL.subject
    assert (message["To"], message["From"]) == (MAIL.to, "bridge@example.test")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n") == MAIL.text


def test_a_server_that_is_not_there_was_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(UnavailableError):
        mailer(port).send(MAIL)


@pytest.mark.parametrize(("handler", "error", "code"), [
    (lambda: Handler(rcpt="550 no such mailbox"), RejectedError, "550"),
    (lambda: Handler(rcpt="450 greylisted"), UnavailableError, "450"),
    (lambda: Handler(data="554 spam"), RejectedError, "554"),
    (lambda: Handler(data="451 try later"), UnavailableError, "451"),
])  # fmt: skip
def test_a_refusal_is_final_or_for_now_as_its_code_says(
    handler: Callable[[], Handler], error: type[Exception], code: str
) -> None:
    with smtp(handler()) as port, pytest.raises(error) as caught:
        mailer(port).send(MAIL)

    assert caught.value.code == code  # type: ignore[attr-defined]


GREETED = (b"220 hi", b"250 hello")


@pytest.mark.parametrize(("lines", "error"), [
    ((None,), UnavailableError),
    ((b"554 go away", None), RejectedError),
    ((b"421 busy", None), UnavailableError),
    ((b"220 hi", None), UnavailableError),
    ((*GREETED, None), UnavailableError),
    ((*GREETED, b"550 not you", None), ConfigurationError),
    ((*GREETED, b"451 not now", None), UnavailableError),
    ((*GREETED, b"250 ok", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", b"503 no", None), RejectedError),
    ((*GREETED, b"250 ok", b"250 ok", b"354 go", None), OutcomeUnknownError),
])  # fmt: skip
def test_where_the_conversation_broke_off_says_whether_it_went_out(
    lines: tuple[bytes | None, ...], error: type[Exception]
) -> None:
    with script(*lines) as port, pytest.raises(error):
        mailer(port).send(MAIL)


def test_a_server_that_goes_silent_after_the_message_leaves_the_outcome_unknown() -> None:
    from datetime import timedelta

    hold = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            reader = peer.makefile("rb")
            for line in (b"220 hi", b"250 hello", b"250 ok", b"250 ok", b"354 go"):
                peer.sendall(line + b"\r\n")
                reader.readline()
            hold.wait(20)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with pytest.raises(OutcomeUnknownError):
            mailer(listener.getsockname()[1], timeout=timedelta(milliseconds=300)).send(MAIL)
    finally:
        hold.set()
        thread.join(10)
        listener.close()


def test_a_login_that_is_refused_is_a_configuration_error_and_shows_no_password() -> None:
    def no(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    server = smtp(Handler(), authenticator=no, auth_require_tls=False)
    with server as port, pytest.raises(ConfigurationError) as caught:
        mailer(port, username="u", password=SecretStr("hunter2-canary")).send(MAIL)

    assert "hunter2-canary" not in str(caught.value)
    assert "hunter2-canary" not in repr(SmtpSettings("h", password=SecretStr("hunter2-canary")))


def test_a_server_without_starttls_is_refused_when_encryption_is_set() -> None:
    with smtp(Handler()) as port, pytest.raises(ConfigurationError):
        mailer(port, starttls=True).send(MAIL)


def test_a_notice_reaches_a_real_mail_server_through_the_journal(stage: Stage) -> None:
    handler = Handler()
    with smtp(handler) as port:
        view = stage.runtime(mailer=mailer(port)).submit(edit())

    assert view.step("mail").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    assert len(handler.mails) == 1
