"""How a document is written into a request: one function per content type."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import quote_plus

from pmsbridge_rest.bodies.exact_json import UnwritableError, write_json, written_number
from pmsbridge_rest.mapping.requests import Encoding

__all__ = ["Upload", "encoded", "form_text", "pairs_of"]

_UNSAFE_IN_NAMES: Final = frozenset('"\r\n\0')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a multipart request.

    Attributes:
        content: The file; at most what the caller's cap let through.
        media_type: "application/pdf".
        file_name: As the back office shall show it.
    """

    content: bytes
    media_type: str
    file_name: str

    def __repr__(self) -> str:
        return f"<upload of {len(self.content)} bytes>"


def encoded(document: object, encoding: Encoding) -> tuple[bytes, str]:
    """The body's bytes and its content type.

    Raises:
        UnwritableError: The document cannot be said faithfully in this encoding; nothing was sent.
    """
    if encoding == "jsonapi":
        return write_json(document), "application/vnd.api+json"
    if encoding in {"json", "graphql"}:
        return write_json(document), "application/json"
    if encoding == "form":
        text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in _texts(document))
        return text.encode("ascii"), "application/x-www-form-urlencoded"
    return _multipart(document, secrets.token_hex(16))


def pairs_of(document: object) -> Iterator[tuple[str, object]]:
    """Names and values of a nested document as forms spell them: ``a[b]``, ``a[]``. Uploads stay as they are.

    Raises:
        UnwritableError: It is no mapping, or holds None: a form has no null, leave the name out or say "".
    """
    if not isinstance(document, Mapping):
        raise UnwritableError("form_needs_names")
    for name, value in document.items():
        yield from _flat(str(name), value)


def _flat(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _flat(f"{name}[{inner}]", item)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        for item in value:
            yield from _flat(f"{name}[]", item)
    else:
        yield name, value if isinstance(value, Upload) else form_text(value)


def form_text(value: object) -> str:
    """A value as the text of a form, a query or a header.

    Raises:
        UnwritableError: None, a float or anything else that is no text, number or truth value.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, Decimal):
        return written_number(value)
    raise UnwritableError("null_in_form" if value is None else "unknown_type")


def _texts(document: object) -> Iterator[tuple[str, str]]:
    for name, value in pairs_of(document):
        if not isinstance(value, str):
            raise UnwritableError("file_in_form")
        yield name, value


def _multipart(document: object, boundary: str) -> tuple[bytes, str]:
    lines: list[bytes] = []
    for name, value in pairs_of(document):
        lines.append(_part(name, value, boundary))
    body = b"".join(lines) + f"--{boundary}--\r\n".encode("ascii")
    return body, f"multipart/form-data; boundary={boundary}"


def _part(name: str, value: object, boundary: str) -> bytes:
    words = f'--{boundary}\r\nContent-Disposition: form-data; name="{_safe(name)}"'
    content = str(value).encode("utf-8")
    if isinstance(value, Upload):
        words += f'; filename="{_safe(value.file_name)}"\r\nContent-Type: {_safe(value.media_type)}'
        content = value.content
    if boundary.encode("ascii") in content:
        raise UnwritableError("boundary_in_content")
    return f"{words}\r\n\r\n".encode() + content + b"\r\n"


def _safe(text: str) -> str:
    if not _UNSAFE_IN_NAMES.isdisjoint(text):
        raise UnwritableError("unsafe_name")
    return text
