"""A request's body that is made while it is sent, so that memory does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

from pmsbridge.errors import PmsBridgeError, UnavailableError

__all__ = ["Outgoing", "StreamedBody"]


@dataclass(frozen=True, slots=True)
class StreamedBody:
    """A body of a known length; its repr shows that alone.

    Attributes:
        length: In bytes, said in the request's head.
        source: Opens it: exactly so many bytes, in pieces. Called once for every time that it is sent, before a byte
            leaves: a file within the body is begun here (``HandedFile.begun``), not when it is its turn.
    """

    length: int
    source: Callable[[], Iterator[bytes]] = field(repr=False, compare=False)


class Outgoing:
    """One streamed body on its way.

    Attributes:
        length: In bytes.
        is_cut: It could not be read to its end, or its length is another.
    """

    def __init__(self, body: StreamedBody) -> None:
        self.length = body.length
        self.is_cut = False
        self._pieces = body.source()
        self._first = next(self._pieces, b"")

    @classmethod
    def of(cls, body: bytes | StreamedBody | None, subject: str) -> Self | None:
        """The body with its first piece read; None for one that is whole, or none.

        Raises:
            UnavailableError: It cannot be read; nothing was sent.
        """
        if not isinstance(body, StreamedBody):
            return None
        try:
            return cls(body)
        except PmsBridgeError:
            raise
        except Exception:  # noqa: BLE001 - nothing was sent, whatever it is
            problem = f"{subject}: the body could not be read; nothing was sent"
        raise UnavailableError(problem, code="body_lost")

    def __iter__(self) -> Iterator[bytes]:
        """Every piece, once."""
        left = self.length
        try:
            piece: bytes | None = self._first
            while piece is not None:
                left -= len(piece)
                self._check(left)
                yield piece
                piece = next(self._pieces, None)
            self._check(-left)
        except GeneratorExit:  # whoever sends it stops
            raise
        except BaseException:
            self.is_cut = True
            raise

    @staticmethod
    def _check(left: int) -> None:
        if left < 0:
            message = "a streamed body has another length than it said"
            raise ValueError(message)
