"""Doors that the tour does not pass: a mail server, a database that refuses, a process killed in mid-send."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from pmsbridge.engine.deliver import Runtime
from pmsbridge.engine.settings import EngineSettings
from pmsbridge.errors import PmsBridgeError
from pmsbridge.logging import install_filters
from pmsbridge.ports.outcome import Outcome
from pmsbridge.store.database import open_database
from pmsbridge.testing.canaries import Canaries
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.engine.test_mail import MAIL, Handler, certificate, encrypted, mailer, offered, smtp
from tests.leaks.tour import talkative

__all__ = ["certificate"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = talkative(stream)
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the server's own
    yield stream
    logging.getLogger().removeHandler(handler)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.NOTSET)


def _said_by(error: BaseException, canaries: Canaries) -> list[str]:
    """What an error says with its whole chain: texts, arguments, notes, pickles, copies. Not the variables of frames:
    whoever connects with a password holds it in one, and a driver does so in seven.
    """
    return [str(hit) for hit in canaries.scan(error, ignoring=("",))]


def refused(act: Any) -> BaseException:
    with pytest.raises(PmsBridgeError) as caught:
        act()
    return caught.value


def test_a_mail_server_that_repeats_the_password_it_refuses(
    certificate: Path, canaries: Canaries, said: io.StringIO
) -> None:
    word = canaries["password.smtp"]
    login = {"username": "portal", "password": SecretStr(word)}

    def no(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 the password {word} is wrong")

    with smtp(Handler(), tls_context=offered(certificate), authenticator=no) as port:
        wrong = refused(lambda: encrypted(port, certificate, **login).send(MAIL))
    with smtp(Handler()) as port:
        in_clear = refused(lambda: mailer(port, **login).send(MAIL))

    for error in (wrong, in_clear):
        assert _said_by(error, canaries) == []
    assert canaries.scan(said.getvalue()) == []


@pytest.mark.postgresql
def test_a_database_that_is_not_there_or_refuses_shows_no_password(
    postgres_server: Any, canaries: Canaries, said: io.StringIO
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        places = (f"127.0.0.1:{port}/db", f"{postgres_server.host}:{postgres_server.port}/there_is_none")
        for place in places:
            address = f"postgresql+psycopg://portal:{canaries['password.database']}@{place}"
            with pytest.raises(Exception) as caught:
                open_database(address)
            assert _said_by(caught.value, canaries) == []
    assert canaries.scan(said.getvalue()) == []


def test_the_reason_phrase_of_an_answer_is_not_logged(canaries: Canaries, said: io.StringIO) -> None:
    install_filters()
    word = canaries["password.web"]
    words = ("POST", "http://127.0.0.1/a.asmx", "HTTP/1.1", 402, f"the password {word}")

    logging.getLogger("httpx").info('HTTP Request: %s %s "%s %d %s"', *words)

    assert 'HTTP Request: POST http://127.0.0.1/a.asmx "HTTP/1.1 402"' in said.getvalue()
    assert canaries.scan(said.getvalue()) == []


_WORKER = """
import os, signal, sys
from datetime import date
from pmsbridge.engine.deliver import Runtime
from pmsbridge.model.sealed import Card
from pmsbridge.store.database import open_database
from pmsbridge.testing.canaries import Canaries
from pmsbridge.testing.memory import MemoryAdapter, MemoryOffice, TestClock
from tests.engine.stage import pay_by_card
from tests.leaks.tour import talkative

class Deadly(MemoryAdapter):
    def _execute(self, effect, attempt):
        with attempt.sealed.open():
            os.kill(os.getpid(), signal.SIGKILL)

canaries = Canaries(int(sys.argv[2]))
talkative(sys.stdout)
clock = TestClock()
adapter = Deadly(MemoryOffice(clock))
runtime = Runtime(open_database(sys.argv[1]), {adapter.account_name: adapter}, clock=clock)
card = Card(
    number=canaries["card.mastercard16"], expires_on=date(2031, 12, 31), holder="Test Payer", cvv=canaries["cvv.3"]
)
runtime.submit(pay_by_card(), sealed=card)
"""


def test_a_worker_killed_in_mid_send_leaves_no_card_and_the_next_one_finds_none(
    canaries: Canaries, tmp_path: Path, said: io.StringIO
) -> None:
    from tests.leaks.plugin import SEED

    address = f"sqlite:///{tmp_path / 'bridge.db'}"
    ended = subprocess.run(
        [sys.executable, "-c", _WORKER, address, str(SEED)],
        cwd=ROOT, capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    left = canaries.scan(tmp_path)  # the write-ahead log is still there: nobody closed it

    clock = TestClock()
    database = open_database(address)
    runtime = Runtime(database, {"mem": MemoryAdapter(MemoryOffice(clock))}, clock=clock)
    for _ in range(6):
        clock.advance(EngineSettings().mail_timeout + EngineSettings().lease_margin + timedelta(hours=1))
        runtime.run_due()
    (view,) = runtime.actions()
    database.close()

    assert view.outcome is Outcome.NOT_SENT
    assert left == canaries.scan(tmp_path) == canaries.scan(ended.stdout + ended.stderr) == []
    assert canaries.scan(view) == canaries.scan(said.getvalue()) == []
