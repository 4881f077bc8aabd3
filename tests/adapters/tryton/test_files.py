"""Files within a question: their Base64 stands in the JSON, and is there only while it is sent."""

from __future__ import annotations

import json
import tracemalloc
from base64 import b64decode
from dataclasses import replace
from itertools import repeat

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import StreamedBody
from pmsbridge_tryton.files import files_in, spliced
from pmsbridge_tryton.wire import decoded, encoded

ZEROS = "9e21c61969cd3e077a1b2b58ddb583b175e13c6479d2d83912eaddc23c0cdd52"
"""The digest of twenty million zeros."""


def file(data: bytes) -> HandedFile:
    return HandedFile.of_bytes(data, name="a.pdf", media_type="application/pdf")


@pytest.mark.parametrize("size", [1, 2, 3, 65_535, 65_536, 65_537, 200_000])
def test_a_file_is_said_as_its_bytes_would_be(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    value = [{"name": "a", "data": file(data), "text": "\x01 stays \x01"}, {"data": file(b"x")}]

    body = spliced(encoded(value), list(files_in(value)))

    assert isinstance(body, StreamedBody)
    text = b"".join(body.source())
    assert (len(text), text) == (body.length, b"".join(body.source()))
    found = decoded(text)
    assert (found[0]["data"], found[1]["data"], found[0]["text"]) == (data, b"x", "\x01 stays \x01")
    assert b64decode(json.loads(text)[0]["data"]["base64"], validate=True) == data


def test_a_question_without_a_file_is_whole() -> None:
    assert spliced(encoded({"a": "\x01"}), []) == b'{"a":"\\u0001"}'


@pytest.mark.parametrize("data", [b"x", bytes(200_000)])
def test_a_file_that_cannot_be_read_says_so_before_the_question_begins(data: bytes) -> None:
    gone = replace(file(data), source=lambda: iter(()))
    body = spliced(encoded([file(b"x"), gone]), [file(b"x"), gone])

    assert isinstance(body, StreamedBody)
    with pytest.raises(UnavailableError) as refused:
        body.source()
    assert refused.value.code == "file_damaged"


def test_memory_does_not_grow_with_the_file() -> None:
    size = 20_000_000
    large = HandedFile("a.pdf", "application/pdf", size, ZEROS, lambda: iter(repeat(bytes(50_000), size // 50_000)))
    body = spliced(encoded({"data": large}), [large])
    assert isinstance(body, StreamedBody)
    tracemalloc.start()
    try:
        length = sum(map(len, body.source()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert length == body.length
    assert peak < 1_000_000
