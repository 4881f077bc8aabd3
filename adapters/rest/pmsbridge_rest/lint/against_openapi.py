"""A mapping held against the vendor's own OpenAPI document: operations, required keys, unknown keys, read-only keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pmsbridge_rest.lint.findings import Finding, doubt, wrong
from pmsbridge_rest.lint.sending import sent_keys
from pmsbridge_rest.lint.writes import steps_of
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.problems import did_you_mean
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.walking import Key, sections_of
from pmsbridge_rest.spec import Operation, Spec

__all__ = ["openapi_findings"]

_DEEPEST: Final = 8


def openapi_findings(mapping: Mapping, spec: Spec) -> Iterator[Finding]:
    """Where the mapping and the document disagree."""
    steps = {id(step): key for _, _, key, step in steps_of(mapping)}
    for key, section in sections_of(mapping):
        if not isinstance(section, Call) or key[0] == "auth":
            continue
        operation = spec.find(section.method, section.path)
        if operation is None:
            what = f"the document has no {section.method} of such a path"
            yield (wrong if id(section) in steps else doubt)((*key, section.method.lower()), "no_operation", what)
            continue
        yield from _query(mapping, key, section, operation)
        yield from _headers(mapping, key, section, operation)
        if section.method != "GET" and operation.body is not None:
            yield from _body(mapping, spec, key, section, operation.body)


def _query(mapping: Mapping, key: Key, call: Call, operation: Operation) -> Iterator[Finding]:
    for name, required in operation.query.items():
        if required and name not in call.query and not _is_paged(mapping, name):
            yield wrong((*key, "query"), "missing_required", f"the document requires the query parameter {name}")
    for name in call.query:
        if name not in operation.query and not mapping.contract.accepts(name):
            what = f"the document knows no query parameter of that name. {did_you_mean(name, operation.query)}"
            yield doubt((*key, "query", name), "unknown_to_vendor", what)


def _headers(mapping: Mapping, key: Key, call: Call, operation: Operation) -> Iterator[Finding]:
    said = {name.lower() for name in (*mapping.connection.headers, *call.headers)}
    for name in operation.headers:
        if name.lower() not in said and not _is_added(mapping, call, name):
            what = f"the document requires the header {name}; say it in connection.headers"
            yield wrong((*key, call.method.lower()), "missing_required", what)


def _is_added(mapping: Mapping, call: Call, name: str) -> bool:
    """A header that the log-in, a pagination, or a key of ours adds."""
    adding = (mapping.auth, *mapping.pagination.values(), getattr(call, "idempotency", None))
    return any(name.lower() in section.model_dump_json().lower() for section in adding if section is not None)


def _is_paged(mapping: Mapping, name: str) -> bool:
    """A parameter that a pagination adds."""
    return any(name in section.model_dump().values() for section in mapping.pagination.values())


def _body(mapping: Mapping, spec: Spec, key: Key, call: Call, schema: dict[str, Any]) -> Iterator[Finding]:
    body = sent_keys(mapping, call)
    if body is not None:
        yield from _table(mapping, spec, (*key, "body"), body, schema, _DEEPEST)


def _table(
    mapping: Mapping, spec: Spec, key: Key, body: dict[str, Any], schema: dict[str, Any], depth: int
) -> Iterator[Finding]:
    shape = spec.shape(schema)
    partial = any(part in {"change_contact", "set_consent"} for part in key)
    for name in sorted(shape.required - set(body)):
        if not partial and not shape.properties.get(name, {}).get("readOnly"):
            yield wrong(key, "missing_required", f"the document requires the key {name}, which is not sent")
    for name, value in body.items():
        if name.startswith("$"):
            continue
        if name not in shape.properties:
            if not shape.is_open and not mapping.contract.accepts(_in_body((*key, name))):
                what = f"the document knows no key of that name. {did_you_mean(name, shape.properties)}"
                yield wrong((*key, name), "unknown_to_vendor", what)
            continue
        schema = shape.properties[name]
        if schema.get("readOnly"):
            yield wrong((*key, name), "read_only_written", "the document says that this key is only read")
        yield from _inside(mapping, spec, (*key, name), value, schema, depth)


def _in_body(key: Key) -> str:
    """A key's dotted path in its body."""
    return ".".join(map(str, key[key.index("body") + 1 :]))


def _inside(
    mapping: Mapping,
    spec: Spec,
    key: Key,
    value: Any,  # noqa: ANN401 - a body
    schema: dict[str, Any],
    depth: int,
) -> Iterator[Finding]:
    made = value.get("$make") if isinstance(value, dict) and "$each" in value else None
    rows = [made] if made is not None else value if isinstance(value, list) else []
    if not depth:
        return
    if rows:
        for row in rows:
            if isinstance(row, dict):
                yield from _table(mapping, spec, key, row, spec.resolved(schema.get("items")), depth - 1)
    elif isinstance(value, dict) and not any(name.startswith("$") for name in value):
        yield from _table(mapping, spec, key, value, schema, depth - 1)
