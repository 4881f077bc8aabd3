"""The played back office takes files: their digests stand in its books, and what is not whole is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pmsbridge_rest.sandbox import Office, Request
from pmsbridge_rest.sandbox.files import Handed, parts_of

QUARRY = Path(__file__).parent.parent / "quarry.yaml"
KIND = "multipart/form-data; boundary=xx"
PDF = b"%PDF-1.7\r\n\x00\xff\r\n\r\n--x\r\n"
DIGEST = hashlib.sha256(PDF).hexdigest()


def body(**parts: str | bytes) -> bytes:
    made = b""
    for name, value in parts.items():
        head = f'--xx\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            head += '; filename="a.pdf"\r\nContent-Type: application/pdf'
        made += f"{head}\r\n\r\n".encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return made + b"--xx--\r\n"


WHOLE: dict[str, Any] = {"name": "a.pdf", "contract": "2001", "ref": "PB-TEST01", "file": PDF}


def answered(office: Office, content: bytes, kind: str = KIND) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {office.secrets['token']}", "content-type": kind}
    reply = office.handle(Request("POST", "/customers/1001/papers", headers, content)).reply
    assert reply is not None
    return reply.status, reply.document


def test_a_file_is_taken_and_shown_by_its_digest() -> None:
    office = Office(QUARRY)

    assert answered(office, body(**WHOLE))[0] == 201
    (done,) = office.report()["done"]
    assert (done["kind"], done["subject"], done["what"]) == ("attach_document", "2001", DIGEST)
    headers = {"authorization": f"Bearer {office.secrets['token']}"}
    shown = office.handle(Request("GET", "/customers/1001/papers", headers)).reply
    assert shown is not None
    (row,) = shown.document["rows"]
    assert (row["ref"], row["file"]["sha256"], row["file"]["size"]) == ("PB-TEST01", DIGEST, len(PDF))


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (body(**WHOLE)[:-4], KIND, "cut short"), (body(**WHOLE), "multipart/form-data", "no boundary"),
        (body(**WHOLE), "application/json", "multipart/form-data is expected"), (body(**WHOLE)[4:], KIND, "cut short"),
        (body(**{**WHOLE, "file": "text"}), KIND, "a file is expected"),
        (body(**{**WHOLE, "name": "other.pdf"}), KIND, "two different values"),
        (body(**{each: WHOLE[each] for each in WHOLE if each != "file"}), KIND, "file is missing"),
        (body(**WHOLE).replace(b"--xx--", body(ref="PB-TEST01")[:-8] + b"--xx--"), KIND, "two parts of one name"),
    ],
)  # fmt: skip
def test_what_is_no_whole_form_with_its_file_is_refused(content: bytes, kind: str, words: str) -> None:
    office = Office(QUARRY)
    status, document = answered(office, content, kind)

    assert (status, words in str(document)) == (422, True), document
    assert office.report()["done"] == []


def test_parts_keep_every_byte() -> None:
    found = dict(parts_of(KIND, body(a="ü", file=PDF)))

    assert found == {"a": "ü", "file": Handed.of(PDF, name="a.pdf", media_type="application/pdf")}
