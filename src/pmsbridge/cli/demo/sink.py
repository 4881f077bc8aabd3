"""A real mail server on loopback that keeps what it is handed."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from pmsbridge.errors import ConfigurationError

__all__ = ["Letter", "Sink", "mail_sink"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as it arrived."""

    to: tuple[str, ...]
    subject: str
    text: str
    message_id: str


@dataclass(slots=True)
class Sink:
    """What arrived so far.

    Attributes:
        port: Where it listens on 127.0.0.1.
    """

    port: int = 0
    _letters: list[Letter] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @property
    def letters(self) -> tuple[Letter, ...]:
        """Every mail, oldest first."""
        with self._lock:
            return tuple(self._letters)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: ANN401, N802 - the library's hook
        """Keep one mail and accept it."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = message.get_body(("plain",))
        text = part.get_content() if part is not None else ""
        letter = Letter(
            to=tuple(envelope.rcpt_tos),
            subject=str(message["Subject"]),
            text=str(text).replace("\r\n", "\n").strip(),
            message_id=str(message["Message-ID"] or ""),
        )
        with self._lock:
            self._letters.append(letter)
        return "250 kept"


@contextmanager
def mail_sink() -> Iterator[Sink]:
    """A mail server for as long as the context is open.

    Raises:
        ConfigurationError: The library it stands on is not installed.
    """
    try:
        from aiosmtpd.controller import Controller
    except ModuleNotFoundError:
        message = "the demonstration needs a local mail server. Run: pip install 'pmsbridge[testing]'."
        raise ConfigurationError(message, code="missing_extra") from None

    class FreePort(Controller):
        """Asks the system for a port; the library itself would knock at port 0."""

        def _trigger_server(self) -> None:
            self.port = _port(self.server)
            super()._trigger_server()  # type: ignore[no-untyped-call]

    sink = Sink()
    controller = FreePort(sink, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        sink.port = controller.port
        yield sink
    finally:
        controller.stop()


def _port(server: Any) -> int:  # noqa: ANN401 - the library's own type names too little
    """The free port the system gave."""
    return int(server.sockets[0].getsockname()[1])
