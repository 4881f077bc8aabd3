"""How a document is written into a request: one function per content type."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Final
from urllib.parse import quote_plus

from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import StreamedBody
from pmsbridge_rest.bodies.exact_json import UnwritableError, write_json, written_number
from pmsbridge_rest.mapping.requests import CallEncoding

__all__ = ["Upload", "encoded", "encoded_whole", "form_text", "pairs_of"]

_UNSAFE_IN_NAMES: Final = frozenset('"\r\n\0')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file within a request. Its repr shows name and size, and nothing of it is read for that.

    Attributes:
        file: Where its bytes are.
        file_name: As the back office shall show it.
    """

    file: HandedFile
    file_name: str

    def __repr__(self) -> str:
        return f"<{self.file_name or 'the file'}, {self.file.size} bytes>"


def encoded(document: object, encoding: CallEncoding) -> tuple[bytes | StreamedBody, str]:
    """The body and its content type; one with a file in it is streamed.

    Raises:
        UnwritableError: The document cannot be said faithfully in this encoding; nothing was sent.
    """
    if encoding == "file":
        return _whole_file(document)
    if encoding == "multipart":
        return _multipart(document, secrets.token_hex(16))
    return encoded_whole(document, encoding)


def encoded_whole(document: object, encoding: CallEncoding) -> tuple[bytes, str]:
    """The bytes of a body without files, and its content type.

    Raises:
        UnwritableError: As for ``encoded``; or it has a file, or is multipart.
    """
    if encoding == "jsonapi":
        return write_json(document), "application/vnd.api+json"
    if encoding in {"json", "graphql"}:
        return write_json(document), "application/json"
    if encoding == "form":
        text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in _texts(document))
        return text.encode("ascii"), "application/x-www-form-urlencoded"
    raise UnwritableError("not_whole")


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


def _whole_file(document: object) -> tuple[StreamedBody, str]:
    if not isinstance(document, Upload):
        raise UnwritableError("no_file")
    return StreamedBody(document.file.size, document.file.pieces), _safe(document.file.media_type)


def _multipart(document: object, boundary: str) -> tuple[bytes | StreamedBody, str]:
    parts: list[bytes | HandedFile] = []
    for name, value in pairs_of(document):
        parts += _part(name, value, boundary)
    parts.append(f"--{boundary}--\r\n".encode("ascii"))
    kind = f"multipart/form-data; boundary={boundary}"
    plain = [part for part in parts if isinstance(part, bytes)]
    if len(plain) == len(parts):
        return b"".join(plain), kind
    length = sum(part.size if isinstance(part, HandedFile) else len(part) for part in parts)
    return StreamedBody(length, partial(_pieces, parts)), kind


def _pieces(parts: Sequence[bytes | HandedFile]) -> Iterator[bytes]:
    return chain.from_iterable([part.begun() if isinstance(part, HandedFile) else (part,) for part in parts])


def _part(name: str, value: object, boundary: str) -> Iterator[bytes | HandedFile]:
    words = f'--{boundary}\r\nContent-Disposition: form-data; name="{_safe(name)}"'
    if isinstance(value, Upload):
        # A file is not searched for the boundary beforehand: that 128 random bits stand in it is as good as impossible.
        yield (
            f'{words}; filename="{_safe(value.file_name)}"\r\nContent-Type: {_safe(value.file.media_type)}\r\n\r\n'
        ).encode()
        yield value.file
        yield b"\r\n"
        return
    content = str(value).encode("utf-8")
    if boundary.encode("ascii") in content:
        raise UnwritableError("boundary_in_content")
    yield f"{words}\r\n\r\n".encode() + content + b"\r\n"


def _safe(text: str) -> str:
    if not _UNSAFE_IN_NAMES.isdisjoint(text):
        raise UnwritableError("unsafe_name")
    return text
