"""Files that are sent: of each, what it is called, what it is, how large, and its digest; its bytes are not kept."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

_BOUNDARY: Final = re.compile(r'boundary="?([^";]{1,70})"?')
_NAME: Final = re.compile(r'[;\s]name="([^"]*)"')
_FILE_NAME: Final = re.compile(r'filename="([^"]*)"')
_MEDIA_TYPE: Final = re.compile(r"(?im)^content-type:\s*([^\s;]+)")
_GAP: Final = b"\r\n\r\n"


class Handed(dict[str, Any]):
    """One file: ``name``, ``media_type``, ``size`` in bytes and ``sha256``, as plain data."""

    @classmethod
    def of(cls, content: bytes, *, name: str, media_type: str) -> Handed:
        """Of its bytes."""
        digest = hashlib.sha256(content).hexdigest()
        return cls(name=name, media_type=media_type, size=len(content), sha256=digest)


def parts_of(kind: str, body: bytes) -> dict[str, Any]:
    """The parts of a multipart body by name: text, or a file.

    Args:
        kind: The content type, with the boundary.
        body: As it came.

    Raises:
        ValueError: It is not multipart, is cut short, or two parts have one name.
    """
    found = _BOUNDARY.search(kind)
    if found is None:
        message = "has no boundary"
        raise ValueError(message)
    first, *pieces, last = (b"\r\n" + body).split(b"\r\n--" + found[1].encode("ascii"))
    if first or last != b"--\r\n":
        message = "is cut short"
        raise ValueError(message)
    parts = [_part(piece) for piece in pieces]
    if len(dict(parts)) != len(parts):
        message = "has two parts of one name"
        raise ValueError(message)
    return dict(parts)


def _part(piece: bytes) -> tuple[str, Any]:
    head, gap, content = piece.partition(_GAP)
    words = head.decode("utf-8")
    name, called, media_type = _NAME.search(words), _FILE_NAME.search(words), _MEDIA_TYPE.search(words)
    if not gap or name is None:
        message = "has a part without a name"
        raise ValueError(message)
    if called is None:
        return name[1], content.decode("utf-8")
    return name[1], Handed.of(content, name=called[1], media_type="" if media_type is None else media_type[1])
