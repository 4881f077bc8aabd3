"""Files on their way: streamed, capped, and of the kind that they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain
from typing import Final

from pmsbridge.errors import NotFoundError, RejectedError, UnavailableError
from pmsbridge.transport.http import Deadline, HttpAnswer
from pmsbridge_rest.address import origin_of
from pmsbridge_rest.wire.asking import Ask
from pmsbridge_rest.wire.channel import Channel

__all__ = ["Coming", "linked", "streamed"]

_BEGINS: Final = {
    "application/pdf": (b"%PDF-",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}
"""How files of a kind begin."""

_ANY: Final = "application/octet-stream"
_GONE: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(frozen=True, slots=True)
class Coming:
    """A file on its way.

    Attributes:
        media_type: What it is, by how it begins; "application/octet-stream" where that does not tell.
        chunks: The bytes, once. Raises UnavailableError when they are cut, RejectedError when they are too many.
    """

    media_type: str
    chunks: Iterator[bytes] = field(repr=False)


@contextmanager
def streamed(channel: Channel, ask: Ask, *, kinds: tuple[str, ...], deadline: Deadline) -> Iterator[Coming]:
    """A file that is the answer of a call; it is on its way while the block runs.

    Raises:
        NotFoundError: There is no such file.
        RejectedError: It is of another kind than one of ``kinds``.
        UnavailableError: No usable answer.
    """
    with channel.file(ask, kinds=kinds, deadline=deadline) as answer:
        yield _coming(answer, ask.operation, kinds)


@contextmanager
def linked(
    channel: Channel, link: str, *, hosts: tuple[str, ...], kinds: tuple[str, ...], deadline: Deadline
) -> Iterator[Coming]:
    """A file behind a link that the back office gave, fetched without our credentials.

    Raises:
        NotFoundError: There is no such file, or the link is over.
        RejectedError: It leads where it may not, or the file is of another kind than one of ``kinds``.
        UnavailableError: No usable answer.
    """
    operation = "documents.link"
    _check_link(link, hosts, is_played=origin_of(channel.base)[0] == "http")
    with channel.stranger(link, operation, kinds=kinds, deadline=deadline) as answer:
        if answer.status in _GONE:
            message = "document"
            raise NotFoundError(message, "the link leads to no file any more", code="document_not_found")
        if answer.status != HTTPStatus.OK:
            message = f"{operation}: HTTP {answer.status}"
            raise UnavailableError(message, code="no_file")
        yield _coming(answer, operation, kinds)


def _check_link(link: str, hosts: tuple[str, ...], *, is_played: bool) -> None:
    """A link leads over https to a host that is allowed; a back office on loopback may link to loopback.

    Raises:
        RejectedError: It does not; nothing was fetched.
    """
    try:
        scheme, host, _ = origin_of(link)
    except ValueError:
        scheme, host = "", ""
    is_allowed = not hosts or any(host == each or (each.startswith(".") and host.endswith(each)) for each in hosts)
    if not is_allowed or not (scheme == "https" or (is_played and scheme == "http" and host == "127.0.0.1")):
        message = "documents.link: the link does not lead where files may be fetched from; nothing was fetched"
        raise RejectedError(message, code="bad_link")


def _coming(answer: HttpAnswer, operation: str, kinds: tuple[str, ...]) -> Coming:
    """What it is, by how it begins; what it is called is only believed of kinds that begin in no way of their own.

    Raises:
        RejectedError: It is of another kind, or larger than the cap.
    """
    chunks = _capped(answer.chunks(), operation)
    first = next(chunks, b"")
    begun = next((kind for kind, marks in _BEGINS.items() if first.startswith(marks)), "")
    called = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_told = called in kinds and called not in _BEGINS and not begun
    if begun not in kinds and not is_told:
        message = f"{operation}: the file is of a kind that is not handed out"
        raise RejectedError(message, code="wrong_media_type")
    return Coming(begun or _ANY, chain([first], chunks))


def _capped(chunks: Iterator[bytes], operation: str) -> Iterator[bytes]:
    """The bytes; that they are too many is told as what it is: asking again does not help."""
    try:
        yield from chunks
    except UnavailableError as error:
        if error.code != "answer_too_large":
            raise
    else:
        return
    message = f"{operation}: the file is larger than what is handed out"
    raise RejectedError(message, code="too_large")
