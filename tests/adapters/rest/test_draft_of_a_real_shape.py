"""A draft from a document of a shape that real ones have: a header on every call, lists that go on with a token."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pmsbridge_rest.lint import lint
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.reading import read_mapping
from pmsbridge_rest.scaffold import scaffold
from pmsbridge_rest.spec import Spec

CUSTOMER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "firstName": {"type": "string"}, "lastName": {"type": "string"},
        "email": {"type": "string"}, "phone": {"type": "string"}, "marketingConsent": {"type": "boolean"},
    },
}  # fmt: skip
MANY = {
    "type": "object",
    "properties": {
        "data": {"type": "array", "items": CUSTOMER}, "count": {"type": "number"}, "total": {"type": "number"},
        "nextPageToken": {"type": "string"},
    },
}  # fmt: skip
VERSION = {"name": "x-wharf-version", "in": "header", "required": True, "schema": {"type": "string"}}
LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}
TOKEN = {"name": "pageToken", "in": "query", "schema": {"type": "string"}}


def answered(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "Good", "content": {"application/json": {"schema": schema}}}}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.2.0",
    "info": {"title": "Wharf", "version": "2023-02-01"},
    "servers": [{"url": "https://api.wharf.example/admin"}],
    "paths": {
        "/customers": {"get": {"parameters": [LIMIT, TOKEN, VERSION], "responses": answered(MANY)}},
        "/customers/{id}": {"get": {"parameters": [VERSION], "responses": answered(CUSTOMER)}},
    },
}


def drafted(document: dict[str, Any]) -> tuple[str, Mapping]:
    text = scaffold(Spec(document), name="wharf", file="wharf.json")
    return text, read_mapping(text.encode(), file="wharf.yaml")


def test_a_header_that_every_call_requires_is_proposed_with_the_documents_version() -> None:
    text, mapping = drafted(DOCUMENT)

    assert mapping.connection.headers == {"x-wharf-version": "2023-02-01"}
    assert not [each for each in lint(text.encode(), spec=Spec(DOCUMENT)) if each.level == "error"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [({"enum": ["2.0"]}, "2.0"), ({"default": "b"}, "b"), ({"const": 7}, "7"), ({"enum": ["a", "b"]}, "")],
)
def test_a_header_has_the_value_that_the_document_suggests_or_is_an_option(schema: dict[str, Any], value: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    for path in document["paths"].values():
        path["get"]["parameters"][-1] = {**VERSION, "name": "X-Shop", "schema": schema}

    _, mapping = drafted(document)

    assert mapping.connection.headers == {"X-Shop": value or "{option.x_shop}"}
    assert set(mapping.connection.options) == (set() if value else {"x_shop"})


def test_a_list_is_asked_on_with_the_token_of_the_answer_before() -> None:
    _, mapping = drafted(DOCUMENT)

    pages = mapping.pagination["pages"].model_dump(exclude_unset=True)
    assert pages == {
        "style": "cursor", "cursor_as": "pageToken", "next_at": "nextPageToken", "size_as": "limit", "size": 50,
    }  # fmt: skip
    listed = mapping.entities["tenants"].all
    assert listed is not None
    assert (listed.paginate, listed.rows) == ("pages", "data")


def test_a_token_of_which_the_answer_says_nothing_is_told() -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["paths"]["/customers"]["get"]["responses"]["200"]["content"]["application/json"]["schema"][
        "properties"
    ]["nextPageToken"]

    text, mapping = drafted(document)

    assert mapping.pagination == {}
    assert "takes pageToken, and no key of its answer looks like the next one" in text


def test_a_mapping_without_the_header_is_found_out_by_the_document() -> None:
    text, _ = drafted(DOCUMENT)
    wrong = text.replace("x-wharf-version", "x-other")

    found = [each for each in lint(wrong.encode(), spec=Spec(DOCUMENT)) if each.rule == "missing_required"]

    assert len(found) == 2
    assert all("x-wharf-version" in each.what for each in found)


def test_a_header_that_the_log_in_adds_is_not_missed() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["components"] = {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Wharf-Version"}}}
    text, _ = drafted(document)
    bare = text.replace("  headers:\n    x-wharf-version: 2023-02-01\n", "").replace(
        '    x-wharf-version: "2023-02-01"\n', ""
    )

    assert not [each for each in lint(bare.encode(), spec=Spec(document)) if each.rule == "missing_required"]


PAGED: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Jetty", "version": "1"},
    "servers": [{"url": "https://api.jetty.example/v1"}],
    "paths": {
        "/contacts": {
            "get": {
                "parameters": [
                    {"name": "offset", "in": "query", "schema": {"type": "integer"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                ],
                "responses": {
                    "200": {
                        "description": "Good",
                        "headers": {"X-Total-Count": {"schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"type": "array", "items": CUSTOMER}}},
                    }
                },
            }
        },
        "/contacts/{id}": {
            "get": {
                "responses": answered(
                    {
                        "type": "object",
                        "properties": {**CUSTOMER["properties"], "changedBy": {"type": "string"}},
                    }
                )
            },
            "put": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    **{name: {"type": "string"} for name in ("firstName", "lastName", "email", "tag")},
                                    "phone": {"type": "string", "readOnly": True},
                                },
                            }
                        }
                    }
                },
                "responses": answered(CUSTOMER),
            },
        },
    },
}


def test_a_header_that_counts_all_rows_ends_the_pages_of_a_draft() -> None:
    _, mapping = drafted(PAGED)

    pages = mapping.pagination["pages"]
    assert (pages.style, pages.total_header, pages.stop) == ("offset", "X-Total-Count", "total")


def test_a_whole_put_of_a_draft_sends_back_what_it_takes_and_the_read_shows_and_nothing_else() -> None:
    _, mapping = drafted(PAGED)

    update = mapping.actions["change_contact"].steps[0].update
    assert update is not None
    assert update.keep == ("email", "firstName", "lastName")
