from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
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
    ((b"what?", None), UnavailableError),
    ((*GREETED, b"530 log in first", None), ConfigurationError),
    ((*GREETED, b"250 ok", b"what?", None), UnavailableError),
    ((*GREETED, b"250 ok", b"550 no such mailbox", None), RejectedError),
    ((*GREETED, b"250 ok", b"451 greylisted", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", b"451 not now", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", b"what?", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", b"354 go", b"451 later", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", b"354 go", b"421 going down", None), UnavailableError),
    ((*GREETED, b"250 ok", b"250 ok", b"354 go", b"554 spam", None), RejectedError),
    ((*GREETED, b"250 ok", b"250 ok", b"354 go", b"what?", None), OutcomeUnknownError),
    ((*GREETED, b"250 ok", b"250 ok", b"354 go", b"354 go on", None), OutcomeUnknownError),
])  # fmt: skip
def test_where_the_conversation_broke_off_says_whether_it_went_out(
    lines: tuple[bytes | None, ...], error: type[Exception]
) -> None:
    with script(*lines) as port, pytest.raises(error):
        mailer(port).send(MAIL)


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does what it is told with the first that connects."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                talk(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(30)


def play(peer: socket.socket, *lines: bytes) -> None:
    """Say a line for each thing heard; the last thing heard is not answered."""
    reader = peer.makefile("rb")
    for line in lines:
        peer.sendall(line + b"\r\n")
        reader.readline()


UP_TO_DATA = (*GREETED, b"250 ok", b"250 ok", b"354 go")


def test_a_server_that_hangs_up_in_the_middle_of_the_message_did_not_get_it() -> None:
    def talk(peer: socket.socket) -> None:
        play(peer, *UP_TO_DATA[:-1])
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.sendall(b"354 go\r\n")
        peer.recv(100)

    long = Mail(MAIL.to, "long", "a line of text\n" * 1_000_000, "abc@x.invalid")
    with server(talk) as port, pytest.raises(UnavailableError):
        mailer(port).send(long)


def test_a_server_that_goes_silent_after_the_message_leaves_the_outcome_unknown() -> None:
    hold = threading.Event()

    def talk(peer: socket.socket) -> None:
        play(peer, *UP_TO_DATA)
        hold.wait(20)

    with server(talk) as port:
        with pytest.raises(OutcomeUnknownError):
            mailer(port, timeout=timedelta(milliseconds=300)).send(MAIL)
        hold.set()


def drip(peer: socket.socket, line: bytes) -> None:
    """Say a line so slowly that no single wait is long."""
    for byte in line:
        peer.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.parametrize(("before", "error"), [((), UnavailableError), (UP_TO_DATA, OutcomeUnknownError)])
def test_a_server_that_drips_its_answer_is_left_at_the_deadline(
    before: tuple[bytes, ...], error: type[Exception]
) -> None:
    def talk(peer: socket.socket) -> None:
        if before:
            play(peer, *before)
            reader = peer.makefile("rb")
            while reader.readline() not in {b".\r\n", b""}:
                pass
        drip(peer, b"250-" + b"x" * 400 + b"\r\n")
        peer.sendall(b"250 ok\r\n")

    with server(talk) as port, pytest.raises(error):
        mailer(port, timeout=timedelta(seconds=20), deadline=timedelta(seconds=1)).send(MAIL)


def test_an_answer_far_too_long_is_not_read_to_its_end() -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(b"220 hi\r\n" + (b"250-" + b"x" * 1000 + b"\r\n") * 2000)
        peer.sendall(b"250 hello\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n")
        while peer.recv(100_000):
            pass

    with server(talk) as port, pytest.raises(UnavailableError):
        mailer(port).send(MAIL)


# -- what a mail looks like ------------------------------------------------------------------------------------------


def delivered(mail: Mail, **settings: Any) -> tuple[bytes, EmailMessage]:
    """A mail as a server got it, raw and read."""
    handler = Handler()
    with smtp(handler) as port:
        mailer(port, **settings).send(mail)
    message = message_from_bytes(handler.mails[0], policy=default)
    assert isinstance(message, EmailMessage)
    return handler.mails[0], message


FRENCH = "Coordonnées modifiées : Renée Müller, à vérifier dès aujourd'hui, s'il vous plaît " * 3
LONG_LINE = "é" * 3000


@pytest.mark.parametrize("text", [LONG_LINE, "x" * 3000, "À vérifier : 1\u00a0120,00\u00a0USD 😀\n\n.\n..\n", "plain"])
def test_french_and_long_lines_travel_as_ascii_and_arrive_as_written(text: str) -> None:
    raw, message = delivered(Mail(MAIL.to, FRENCH.strip(), text, "abc@x.invalid"))

    assert message["Subject"] == FRENCH.strip()
    assert message.get_content().replace("\r\n", "\n").removesuffix("\n") == text.removesuffix("\n")
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\r" not in raw.replace(b"\r\n", b"")


def test_answers_go_where_they_should_and_machines_see_a_machine() -> None:
    _, message = delivered(MAIL, reply_to="desk@example.test")

    assert message["Reply-To"] == "desk@example.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.tzinfo is not None
    assert delivered(MAIL)[1]["Reply-To"] is None


def test_a_subject_with_a_line_end_adds_no_header() -> None:
    raw, message = delivered(Mail(MAIL.to, "Hello\r\nBcc: x@example.test\u2028X-Y: z", "text\r\rmore", "abc@x.invalid"))

    assert message["Bcc"] is None
    assert message["X-Y"] is None
    assert message["Subject"] == "Hello Bcc: x@example.test X-Y: z"
    assert b"\r" not in raw.replace(b"\r\n", b"")


def test_a_domain_with_accents_is_spoken_in_ascii() -> None:
    _, message = delivered(Mail("office@dépôt.example", "s", "t", "abc@x.invalid"))

    assert message["To"] == f"office@{'dépôt.example'.encode('idna').decode()}"


@pytest.mark.parametrize("to", ["bureau-é@example.test", "a b@example.test", "a>@example.test", "@example.test"])
def test_an_address_that_smtp_cannot_say_is_refused_before_anybody_is_called(to: str) -> None:
    with pytest.raises(RejectedError) as caught:
        mailer(1).send(Mail(to, "s", "t", "abc@x.invalid"))

    assert caught.value.code == "address"


# -- encryption and login --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own for the loopback address, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl, which makes the certificate")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", path.with_suffix(".crt"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def offered(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def encrypted(port: int, certificate: Path, **fields: Any) -> SmtpMailer:
    """A mailer that trusts the certificate."""
    settings = SmtpSettings("127.0.0.1", port, sender="bridge@example.test", starttls=True, **fields)
    return SmtpMailer(settings, context=ssl.create_default_context(cafile=str(certificate)))


LOGIN = {"username": "u", "password": SecretStr("hunter2-canary")}


def test_a_mail_goes_out_encrypted_and_logged_in(certificate: Path) -> None:
    seen: list[Any] = []

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    handler = Handler()
    with smtp(handler, tls_context=offered(certificate), require_starttls=True, authenticator=check) as port:
        encrypted(port, certificate, **LOGIN).send(MAIL)

    assert len(handler.mails) == 1
    assert seen == [(b"u", b"hunter2-canary")]


def test_a_login_that_is_refused_is_a_configuration_error_and_shows_no_password(certificate: Path) -> None:
    def no(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    refusing = smtp(Handler(), tls_context=offered(certificate), authenticator=no)
    with refusing as port, pytest.raises(ConfigurationError) as caught:
        encrypted(port, certificate, **LOGIN).send(MAIL)

    assert caught.value.code == "535"
    assert "hunter2-canary" not in str(caught.value)
    assert "hunter2-canary" not in repr(SmtpSettings("h", password=SecretStr("hunter2-canary")))


def test_a_password_never_travels_in_clear() -> None:
    heard: list[bytes] = []

    def talk(peer: socket.socket) -> None:
        peer.sendall(b"220 hi\r\n250 AUTH PLAIN LOGIN\r\n235 ok\r\n")
        heard.append(peer.recv(1000))

    with pytest.raises(ConfigurationError) as caught:
        mailer(1, **LOGIN).send(MAIL)

    assert caught.value.code == "login_in_clear"
    with server(talk) as port, pytest.raises(ConfigurationError):
        mailer(port, starttls=True, **LOGIN).send(MAIL)
    assert heard
    assert b"AUTH" not in b"".join(heard)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    handler = Handler()
    with smtp(handler, tls_context=offered(certificate)) as port, pytest.raises(ConfigurationError):
        mailer(port, starttls=True).send(MAIL)

    assert handler.mails == []


def test_a_server_without_starttls_is_refused_when_encryption_is_set() -> None:
    with smtp(Handler()) as port, pytest.raises(ConfigurationError):
        mailer(port, starttls=True).send(MAIL)


@pytest.mark.parametrize(("answer", "error"), [
    (b"454 not now", UnavailableError), (b"554 never", ConfigurationError), (b"220 go", UnavailableError),
])  # fmt: skip
def test_a_server_that_breaks_off_before_the_encryption_got_no_mail(answer: bytes, error: type[Exception]) -> None:
    with script(b"220 hi", b"250-hello\r\n250 STARTTLS", answer, None) as port, pytest.raises(error):
        mailer(port, starttls=True).send(MAIL)


# -- through the journal ---------------------------------------------------------------------------------------------


def test_a_notice_reaches_a_real_mail_server_through_the_journal(stage: Stage) -> None:
    handler = Handler()
    with smtp(handler) as port:
        view = stage.runtime(mailer=mailer(port)).submit(edit())

    assert view.step("mail").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    assert len(handler.mails) == 1


def test_a_greylisted_notice_waits_and_arrives_once(stage: Stage) -> None:
    handler = Handler(rcpt="450 greylisted")
    with smtp(handler) as port:
        runtime = stage.runtime(mailer=mailer(port))
        view = runtime.submit(edit())
        assert view.step("mail").outcome is Outcome.PENDING  # type: ignore[union-attr]
        handler.rcpt = ""
        stage.later(timedelta(hours=1))
        runtime.run_due()

    assert runtime.action(view.action_id).step("mail").outcome is Outcome.SETTLED  # type: ignore[union-attr]
    assert len(handler.mails) == 1


def test_a_notice_refused_for_good_is_declined_and_the_others_go_out(stage: Stage) -> None:
    with smtp(Handler(rcpt="550 no such mailbox")) as port:
        runtime = stage.runtime(mailer=mailer(port))
        view = runtime.submit(edit())

    assert [row.finding.code for row in runtime.findings.open()] == ["notice_declined"]
    assert view.outcome is Outcome.SETTLED
    assert {step.name: step.outcome for step in view.notices} == {
        "mail": Outcome.DECLINED, "bulletin": Outcome.SETTLED, "note": Outcome.SETTLED,
    }  # fmt: skip


def test_a_server_that_stays_away_gets_the_mail_until_the_deadline_and_then_a_person_hears_of_it(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    runtime = stage.runtime(mailer=mailer(port), notice_deadline=timedelta(days=2))
    view = runtime.submit(edit())
    for _ in range(30):
        stage.later(timedelta(hours=1))
        runtime.run_due()
    tried = runtime.journal.action(view.action_id).effect_named("mail")
    assert tried is not None
    assert tried.attempts > 20
    assert tried.outcome is Outcome.PENDING

    stage.later(timedelta(days=1))
    runtime.run_due()

    assert runtime.action(view.action_id).step("mail").outcome is Outcome.NOT_SENT  # type: ignore[union-attr]
    assert "given_up" in [row.finding.code for row in runtime.findings.open()]
