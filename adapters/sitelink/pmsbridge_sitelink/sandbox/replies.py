"""HTTP answers, well-formed and malformed: what goes back over the wire and how."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .faults import FaultKind, Rule
from .soap import echoed, fault

XML: Final = "text/xml; charset=utf-8"
_CHUNK: Final = 1 << 16
_PAGE: Final = b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1>The web server is down</body></html>"
_UNABLE: Final = "Server was unable to process request."


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        body: Its bytes, or pieces of them to be sent chunked.
        content_type: Content type header; empty for none.
        headers: Further headers.
        byte_pause: Seconds between single bytes; 0 sends at once.
        cut: Announce the whole length, send half, close.
        silent: Send nothing at all and close.
    """

    status: int
    body: bytes | Iterator[bytes]
    content_type: str = XML
    headers: tuple[tuple[str, str], ...] = ()
    byte_pause: float = 0.0
    cut: bool = False
    silent: bool = False


SILENCE: Final = Reply(0, b"", silent=True)


def _with_wait(rule: Rule) -> tuple[tuple[str, str], ...]:
    return () if rule.retry_after is None else (("Retry-After", str(rule.retry_after)),)


def spoiled(rule: Rule, body: str, account: Mapping[str, str], trap_url: str) -> Reply:
    """The answer a rule turns a good body into; an empty body when the call was not carried out."""
    bodies: dict[FaultKind, Callable[[], Reply]] = {
        FaultKind.DROP_BEFORE: lambda: SILENCE,
        FaultKind.DROP_AFTER: lambda: SILENCE,
        FaultKind.DRIP: lambda: Reply(200, body.encode(), byte_pause=rule.seconds),
        FaultKind.TRUNCATE: lambda: Reply(200, body.encode(), cut=True),
        FaultKind.HTML_503: lambda: Reply(503, _PAGE, "text/html", _with_wait(rule)),
        FaultKind.HTTP_429: lambda: Reply(429, b"Too many requests", "text/plain", _with_wait(rule)),
        FaultKind.SOAP_FAULT: lambda: Reply(500, fault(echoed(account, _UNABLE)).encode()),
        FaultKind.REDIRECT: lambda: Reply(307, b"", "", (("Location", rule.target or trap_url),)),
        FaultKind.GZIP_BOMB: lambda: Reply(200, bomb(rule.size), headers=(("Content-Encoding", "gzip"),)),
        FaultKind.HUGE_ROWS: lambda: Reply(200, swollen(body, rule.rows)),
        FaultKind.DOCTYPE: lambda: Reply(200, _with_entity(body).encode()),
        FaultKind.NOT_XML: lambda: Reply(200, b"The operation has completed. This is not XML.", "text/plain"),
        FaultKind.WRONG_CONTENT: lambda: Reply(200, b'{"d": {"status": "ok"}}', "application/json; charset=utf-8"),
    }
    spoil = bodies.get(rule.kind)
    return spoil() if spoil else Reply(200, body.encode())


def _with_entity(body: str) -> str:
    head, _, rest = body.partition("?>")
    extra = "<surprise>&surprise;</surprise></soap:Body>"
    return f'{head}?><!DOCTYPE Envelope [<!ENTITY surprise "expanded">]>{rest.replace("</soap:Body>", extra)}'


@lru_cache(maxsize=4)
def bomb(size: int) -> bytes:
    """A gzip body of a few hundred kilobytes that inflates to so many bytes of an envelope full of blanks."""
    press = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    blanks = b" " * (1 << 20)
    parts = [press.compress(b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>')]
    parts.extend(press.compress(blanks) for _ in range(size >> 20))
    parts.extend([press.compress(b"</soap:Body></soap:Envelope>"), press.flush()])
    return b"".join(parts)


def swollen(body: str, rows: int) -> Iterator[bytes]:
    """The answer with so many more rows at its end, in pieces: never held as a whole."""
    end = body.rfind("</NewDataSet>")
    if end < 0:
        yield body.encode()
        return
    row = body[_last_row(body, end) : end]
    yield body[:end].encode()
    per_piece = max(1, _CHUNK // len(row))
    piece = (row * per_piece).encode()
    for _ in range(rows // per_piece):
        yield piece
    yield (row * (rows % per_piece)).encode()
    yield body[end:].encode()


def _last_row(body: str, end: int) -> int:
    """Where the last row before a position begins; rows of attributes close themselves."""
    last = body.rfind("<", 0, end)
    if body[last + 1] != "/":
        return last
    return body.rfind(f"<{body[last + 2 : end - 1]} ", 0, last)
