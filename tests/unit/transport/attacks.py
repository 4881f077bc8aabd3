"""Answers made to exhaust a reader, each run on its own: ``python -m tests.unit.transport.attacks NAME``."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator

from pmsbridge.errors import UnavailableError
from pmsbridge.transport.dataset import DataSetReader
from tests.unit.transport.answers import ENVELOPE, RESULT, answer, data_set, row

PIECE = b"y" * 65_536
TIMES = 1000
HEAD, _, TAIL = answer(data_set(["@"])).partition(b"@")
BODY = ENVELOPE.format(body=RESULT.format(namespace="u", schema="", diffgram="@")).encode().partition(b"@")[0]


def _endless(start: bytes, piece: bytes = PIECE) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield start
        for _ in range(TIMES):
            yield piece

    return pieces


def _whole(rows: Iterator[str] | list[str]) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield HEAD
        for each in rows:
            yield each.encode()
        yield TAIL

    return pieces


def _many_attributes() -> Iterator[str]:
    yield "<T" + "".join(f' a{number}="1"' for number in range(100_000)) + "/>"


STALLED = {"no_row_in_sight"}
BROKEN = {"no_row_in_sight", "unreadable_xml"}
ATTACKS: dict[str, tuple[Callable[[], Iterator[bytes]], set[str]]] = {
    "depth": (_endless(HEAD, b"<a>" * 20_000), BROKEN),
    "depth outside": (_endless(BODY, b"<a>" * 20_000), BROKEN),
    "endless comment": (_endless(HEAD + b"<!--"), BROKEN),
    "endless instruction": (_endless(HEAD + b"<?x "), BROKEN),
    "endless row": (_endless(HEAD + b"<T>", b"<x>1</x>" * 8000), {"too_many_cells"}),
    "endless row of empty cells": (_endless(HEAD + b"<T>", b"<x/>" * 16_000), {"too_many_cells"}),
    "endless cell": (_endless(HEAD + b"<T><x>"), BROKEN),
    "endless attribute": (_endless(HEAD + b'<T x="'), BROKEN),
    "endless name": (_endless(HEAD + b"<T"), BROKEN),
    "endless CDATA": (_endless(HEAD + b"<T><x><![CDATA["), BROKEN),
    "endless white space": (_endless(HEAD, b" " * 65_536), BROKEN),
    "endless junk before the data": (_endless(BODY, b"<junk>x</junk>" * 4000), STALLED),
    "endless junk after the data": (
        _endless(BODY + data_set([row("T", {"x": "1"})]).encode(), b"<junk>x</junk>" * 4000),
        STALLED,
    ),
    "endless text": (_endless(b"<html>", b"text " * 10_000), BROKEN),
    "attributes": (_whole(_many_attributes()), {"too_many_attributes"}),
    "columns": (_whole(row("T", {f"c{number}": "1"}) for number in range(100_000)), {"too_many_names"}),
    "tables": (_whole(row(f"T{number}", {}) for number in range(100_000)), {"too_many_names"}),
    "rows": (_endless(HEAD, row("T", {"x": "1"}).encode() * 1000), {"too_many_rows"}),
}


def run(name: str) -> dict[str, object]:
    """Read one attack; the code it ends with, and what it cost."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    code = ""
    try:
        for _ in DataSetReader(ATTACKS[name][0](), row_cap=100_000).tables():
            pass
    except UnavailableError as error:
        code = error.code
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"code": code, "megabytes": (after - before) / 1024, "cpu_seconds": time.process_time() - began}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
