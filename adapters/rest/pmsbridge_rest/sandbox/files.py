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


def nested(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names as forms spell what stands within something, ``a[b]`` and ``a[]``, as tables and lists.

    Raises:
        ValueError: A name comes twice, or stands for a value and for a table.
    """
    made: dict[str, Any] = {}
    for name, value in pairs:
        first, *inner = name.replace("]", "").split("[") if name.endswith("]") else [name]
        here: Any = made
        for step, following in zip([first, *inner], [*inner, None], strict=True):
            here = _within(here, step, following, value, name)
    return made


def _within(here: Any, step: str, following: str | None, value: Any, name: str) -> Any:  # noqa: ANN401
    """One step of a name: what stands there is made where it is missing."""
    if isinstance(here, list):
        if following is not None:  # a table in a list begins anew where the last one has the key
            if not here or not isinstance(here[-1], dict) or following in here[-1]:
                here.append({})
            return here[-1]
        here.append(value)
        return None
    wanted: type = type(value) if following is None else list if not following else dict
    if step in here and (following is None or not isinstance(here[step], wanted)):
        message = f"has two parts of one name: {name}"
        raise ValueError(message)
    if following is None:
        here[step] = value
        return None
    return here.setdefault(step, wanted())


def parts_of(kind: str, body: bytes) -> list[tuple[str, Any]]:
    """The parts of a multipart body, each with its name: text, or a file.

    Args:
        kind: The content type, with the boundary.
        body: As it came.

    Raises:
        ValueError: It is not multipart, or is cut short.
    """
    found = _BOUNDARY.search(kind)
    if found is None:
        message = "has no boundary"
        raise ValueError(message)
    first, *pieces, last = (b"\r\n" + body).split(b"\r\n--" + found[1].encode("ascii"))
    if first or last != b"--\r\n":
        message = "is cut short"
        raise ValueError(message)
    return [_part(piece) for piece in pieces]


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
