"""What a back office hands out as a paper, before it goes on to a browser: its type by its first bytes, and a cap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from pmsbridge.errors import RejectedError
from pmsbridge.ports.books import PaperContent

__all__ = ["UNKNOWN_TYPE", "guarded"]

UNKNOWN_TYPE: Final = "application/octet-stream"
"""A browser saves it and does not show it."""

_HEAD_BYTES: Final = 16
_OPEN_DOCUMENT: Final = "application/vnd.oasis.opendocument."
_OFFICE_XML: Final = "application/vnd.openxmlformats-officedocument."
_BEGINNINGS: Final[tuple[tuple[bytes, tuple[str, ...]], ...]] = (
    (b"%PDF-", ("application/pdf",)),
    (b"\x89PNG\r\n\x1a\n", ("image/png",)),
    (b"\xff\xd8\xff", ("image/jpeg",)),
    (b"PK\x03\x04", ("application/zip", _OPEN_DOCUMENT, _OFFICE_XML)),
)


def guarded(content: PaperContent, limit_bytes: int) -> PaperContent:
    """The same paper with a type that its bytes bear out, and no more of them than may be.

    A page that calls itself a PDF is not shown as one: whatever does not begin as its type does is ``UNKNOWN_TYPE``.

    Raises:
        RejectedError: While the bytes are read: there are more than the limit ("too_large").
    """
    head, rest = _head(content.chunks)
    return replace(
        content, media_type=_borne_out(content.media_type, head), chunks=_capped(chain([head], rest), limit_bytes)
    )


def _head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """So much from the beginning that a type can be told, and what is left."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    return head, chunks


def _borne_out(claimed: str, head: bytes) -> str:
    plain = claimed.partition(";")[0].strip().lower()
    fitting = next((kinds for start, kinds in _BEGINNINGS if head.startswith(start)), ())
    return (
        plain
        if any(plain == kind or (kind[-1] == "." and plain.startswith(kind)) for kind in fitting)
        else (fitting[0] if fitting and plain in {"", UNKNOWN_TYPE} else UNKNOWN_TYPE)
    )


def _capped(chunks: Iterator[bytes], limit_bytes: int) -> Iterator[bytes]:
    sent = 0
    for chunk in chunks:
        sent += len(chunk)
        if sent > limit_bytes:
            message = f"the paper is larger than {limit_bytes:,} bytes"
            raise RejectedError(message, code="too_large")
        yield chunk
