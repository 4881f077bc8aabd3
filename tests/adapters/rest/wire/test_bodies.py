"""Forms, multipart, JSON:API and GraphQL."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pmsbridge.errors import UnavailableError
from pmsbridge.ports.files import HandedFile
from pmsbridge.transport.http import StreamedBody
from pmsbridge_rest.bodies.encoding import Upload, encoded, encoded_whole
from pmsbridge_rest.bodies.exact_json import UnreadableError, UnwritableError, read_json
from pmsbridge_rest.bodies.graphql import errors_in, posted
from pmsbridge_rest.bodies.jsonapi import resource, unfolded


def upload(content: bytes, media_type: str, name: str) -> Upload:
    return Upload(HandedFile.of_bytes(content, name="as handed in", media_type=media_type), name)


def test_an_attribute_may_repeat_what_the_resource_is_and_not_deny_it() -> None:
    said = {"id": "4", "type": "payment_charges", "attributes": {"type": "payment_charges", "amount": 1}}

    assert unfolded({"data": said}) == {"data": {"id": "4", "type": "payment_charges", "amount": 1}}
    with pytest.raises(UnreadableError):
        unfolded({"data": {**said, "attributes": {"type": "payment_refunds"}}})


def test_a_form_spells_nesting_lists_and_truth_like_forms_do() -> None:
    body, kind = encoded_whole(
        {"payment": {"amount": Decimal("120.00"), "ids": ["7", "8"]}, "all": True, "q": "a&b=ü +"}, "form"
    )

    assert kind == "application/x-www-form-urlencoded"
    assert parse_qsl(body.decode(), keep_blank_values=True) == [
        ("payment[amount]", "120.00"),
        ("payment[ids][]", "7"),
        ("payment[ids][]", "8"),
        ("all", "true"),
        ("q", "a&b=ü +"),
    ]


@pytest.mark.parametrize(
    ("value", "code"), [(None, "null_in_form"), (1.5, "unknown_type"), (upload(b"x", "a/b", "c"), "file_in_form")]
)
def test_a_form_refuses_what_it_cannot_say(value: object, code: str) -> None:
    with pytest.raises(UnwritableError) as refused:
        encoded({"a": value}, "form")

    assert refused.value.code == code


def test_a_multipart_body_is_read_back_by_a_mail_parser() -> None:
    body, kind = encoded(
        {"tenant": "7", "file": upload(b"%PDF-1.7\r\n\x00\xff", "application/pdf", "lease 1.pdf")}, "multipart"
    )

    assert isinstance(body, StreamedBody)
    first, again = b"".join(body.source()), b"".join(body.source())
    assert len(first) == body.length
    assert first == again
    parts: list[Any] = list(message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + first).walk())[1:]
    assert [part.get_param("name", header="content-disposition") for part in parts] == ["tenant", "file"]
    assert parts[0].get_payload(decode=True) == b"7"
    assert parts[1].get_payload(decode=True) == b"%PDF-1.7\r\n\x00\xff"
    assert (parts[1].get_filename(), parts[1].get_content_type()) == ("lease 1.pdf", "application/pdf")


@pytest.mark.parametrize("data", [b"x", bytes(200_000)])
def test_a_file_that_cannot_be_read_says_so_before_the_body_begins(data: bytes) -> None:
    whole, gone = upload(data, "a/b", "c"), upload(data, "a/b", "d")
    gone = replace(gone, file=replace(gone.file, source=lambda: iter(())))
    body, _ = encoded({"first": whole, "second": gone}, "multipart")

    assert isinstance(body, StreamedBody)
    with pytest.raises(UnavailableError) as refused:
        body.source()
    assert refused.value.code == "file_damaged"


@pytest.mark.parametrize("name", ['a"b', "a\r\nX-Evil: 1"])
def test_a_multipart_name_cannot_end_its_header(name: str) -> None:
    with pytest.raises(UnwritableError, match="unsafe_name"):
        encoded({name: "1"}, "multipart")
    with pytest.raises(UnwritableError, match="unsafe_name"):
        encoded({"file": upload(b"x", "text/plain", name)}, "multipart")


def test_an_upload_shows_nothing_of_its_file() -> None:
    assert repr(upload(b"the lease", "text/plain", "a.txt")) == "<a.txt, 9 bytes>"


def test_a_file_can_be_the_whole_body_and_nothing_else_can() -> None:
    body, kind = encoded(upload(b"%PDF-1.7", "application/pdf", ""), "file")

    assert isinstance(body, StreamedBody)
    assert (b"".join(body.source()), body.length, kind) == (b"%PDF-1.7", 8, "application/pdf")
    with pytest.raises(UnwritableError, match="no_file"):
        encoded({"a": 1}, "file")
    with pytest.raises(UnwritableError):
        encoded({"file": upload(b"x", "a/b", "c")}, "json")


def test_jsonapi_rows_are_plain_and_hold_what_was_included() -> None:
    document = {
        "data": [
            {
                "id": "1",
                "type": "orders",
                "attributes": {"number": 7},
                "relationships": {
                    "customer": {"data": {"id": "9", "type": "customers"}},
                    "lines": {"data": [{"id": "3", "type": "lines"}]},
                    "none": {"data": None},
                },
            }
        ],
        "included": [{"id": "9", "type": "customers", "attributes": {"name": "Ada"}}],
        "meta": {"total": 1},
    }

    found: Any = unfolded(document)

    assert found["meta"] == {"total": 1}
    assert found["data"] == [
        {
            "id": "1",
            "type": "orders",
            "number": 7,
            "customer": {"id": "9", "type": "customers", "name": "Ada"},
            "lines": [{"id": "3", "type": "lines"}],
            "none": None,
        }
    ]


def test_jsonapi_one_resource_no_resource_and_other_documents() -> None:
    assert unfolded({"data": {"id": "1", "type": "a"}}) == {"data": {"id": "1", "type": "a"}}
    assert unfolded({"data": None}) == {"data": None}
    assert unfolded({"errors": []}) == {"errors": []}
    assert unfolded([1]) == [1]


@pytest.mark.parametrize(
    "data",
    [[1], {"id": "1", "attributes": [1]}, {"id": "1", "attributes": {"id": "2"}}, {"id": "1", "relationships": "x"}],
)
def test_jsonapi_that_is_none_is_refused(data: object) -> None:
    with pytest.raises(UnreadableError, match="not_jsonapi"):
        unfolded({"data": data})


def test_a_jsonapi_write_names_type_attributes_and_relations() -> None:
    made = resource("notes", {"body": "hello"}, relationships={"owner": ("customers", "9")})

    body, kind = encoded_whole(made, "jsonapi")
    assert kind == "application/vnd.api+json"
    assert read_json(body) == {
        "data": {
            "type": "notes",
            "attributes": {"body": "hello"},
            "relationships": {"owner": {"data": {"type": "customers", "id": "9"}}},
        }
    }
    assert resource("notes", {}, resource_id="4") == {"data": {"type": "notes", "id": "4", "attributes": {}}}


def test_graphql_errors_say_whether_anything_was_run() -> None:
    assert errors_in({"data": {"pay": {}}}) == ()
    (refused,) = errors_in({"errors": [{"message": "no", "extensions": {"code": "BAD_USER_INPUT"}}]})
    (ran,) = errors_in({"data": {"pay": None}, "errors": [{"message": "no"}]})

    assert (refused.code, refused.before_execution) == ("bad_user_input", True)
    assert (ran.code, ran.before_execution) == ("", False)
    assert posted("query X", {"id": "1"}, "X") == {"query": "query X", "variables": {"id": "1"}, "operationName": "X"}


@pytest.mark.parametrize("document", [[], {}, {"errors": "x"}, {"errors": [1]}, None])
def test_what_is_no_graphql_answer_is_refused(document: object) -> None:
    with pytest.raises(UnreadableError, match="not_graphql"):
        errors_in(document)
