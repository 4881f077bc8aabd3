"""A mapping held against the vendor's own examples: keys that are sent occur in one, every answer can be read.

A file of examples is JSON: ``{"operations": [{"method": "POST", "path": "/v1/notes", "request": {}, "response": {}}]}``
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pmsbridge.errors import ConfigurationError
from pmsbridge_rest.bodies.exact_json import UnreadableError
from pmsbridge_rest.bodies.jsonapi import unfolded
from pmsbridge_rest.lint.findings import Finding, doubt, remark, wrong
from pmsbridge_rest.lint.of_which_call import call_of
from pmsbridge_rest.lint.sending import sent_keys
from pmsbridge_rest.lint.writes import steps_of
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.requests import Call, Reading
from pmsbridge_rest.mapping.walking import Key
from pmsbridge_rest.matching import row_fits
from pmsbridge_rest.rows import RowError, RowReader, Scope

__all__ = ["Example", "example_findings", "load_examples"]

_READS: Final = ("all", "one", "of_tenant", "of_rental", "search")
_LARGEST_BYTES: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Example:
    """One request and its answer, as the vendor published them."""

    method: str
    path: str
    request: Any = None
    response: Any = None


def load_examples(path: Path) -> list[Example]:
    """Read a file of examples.

    Raises:
        ConfigurationError: There is no such file, or it holds no examples.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}). Name a file of examples."
        raise ConfigurationError(message, code="no_examples") from None
    message = f"{path}: not a file of examples; it holds a list named operations, each with method and path"
    try:
        listed = json.loads(content[:_LARGEST_BYTES], parse_float=Decimal)["operations"]
        return [_example(each) for each in listed]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ConfigurationError(message, code="no_examples")


def _example(given: dict[str, Any]) -> Example:
    path = str(given.get("path") or given["url"]).split("?")[0]
    return Example(str(given["method"]).upper(), path, given.get("request"), given.get("response"))


def example_findings(mapping: Mapping, examples: list[Example]) -> Iterator[Finding]:
    """Where the mapping and the examples disagree, and which of them are of no call that the mapping makes."""
    of_call: dict[int, list[Example]] = {}
    strangers = []
    for example in examples:
        calls = call_of(mapping, example.method, example.path)
        for call in calls:
            of_call.setdefault(id(call), []).append(example)
        strangers += [] if calls else [example]
    yield from _unused(strangers, len(examples))
    for _, _, key, step in steps_of(mapping):
        yield from _sent(mapping, key, step, [each.request for each in of_call.get(id(step), [])])
    for noun, entity in mapping.entities.items():
        for which in _READS:
            reading = getattr(entity, which)
            if reading is not None:
                own = of_call.get(id(reading), [])
                yield from _read(mapping, noun, ("entities", noun, which), reading, own)


def _unused(strangers: list[Example], of_all: int) -> Iterator[Finding]:
    """Examples that nothing was held against: a vendor publishes more than is mapped, and a path may be misspelt."""
    if not strangers:
        return
    names = ", ".join(dict.fromkeys(f"{each.method} {each.path}" for each in strangers))
    what = f"{len(strangers)} of {of_all} examples are of no call that the mapping makes: {names}"
    key = ("contract", "examples")
    yield doubt(key, "no_example_fits", what) if len(strangers) == of_all else remark(key, "examples_unused", what)


def _sent(mapping: Mapping, key: Key, call: Call, requests: list[Any]) -> Iterator[Finding]:
    """Keys that no example of the operation has. Examples are not complete, so it is a doubt."""
    tables = [request for request in requests if isinstance(request, dict)]
    body = sent_keys(mapping, call) if tables else None
    for path in _paths(body, ()):
        if not any(_has(request, path) for request in tables) and not mapping.contract.accepts(".".join(path)):
            yield doubt((*key, "body", *path), "not_in_examples", "no example of the vendor has this key")


def _paths(body: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - a body
    for name, each in body.items() if isinstance(body, dict) else ():
        if not name.startswith("$"):
            yield (*above, name)
            yield from _paths(each, (*above, name))


def _has(request: Any, path: tuple[str, ...]) -> bool:  # noqa: ANN401
    """Whether a path is in a request; the entries of a list count as one."""
    if isinstance(request, list):
        return any(_has(each, path) for each in request)
    if not path:
        return True
    return isinstance(request, dict) and path[0] in request and _has(request[path[0]], path[1:])


def _read(mapping: Mapping, noun: str, key: Key, reading: Reading, examples: list[Example]) -> Iterator[Finding]:
    """Rows of examples that are no records."""
    scope = Scope(mapping.vendor.name, "example", "example", ZoneInfo("UTC"), "USD")
    places = {"read": {"tenant_id": "T", "rental_id": "R", "id": "I"}, "facility": {"code": "example"}}
    reader = RowReader(mapping, noun, scope, places)
    said: set[str] = set()
    for example in examples:
        for row in _rows(mapping, reading, example.response):
            if not _is_ours(reading, row):
                continue
            try:
                reader.record(row)
            except RowError as problem:
                said.add(str(problem))
    for what in sorted(said):
        yield wrong(key, "unreadable_example", f"an example of the vendor cannot be read: {what}")


def _is_ours(reading: Reading, row: Any) -> bool:  # noqa: ANN401
    """Whether a row is one that is read. What depends on an account holds of every example."""
    told = {name: demand for name, demand in reading.where.items() if "{" not in demand.model_dump_json()[1:-1]}
    return row_fits(told, row)


def _rows(mapping: Mapping, reading: Reading, response: Any) -> list[Any]:  # noqa: ANN401
    """Rows of an answer; an empty table stands for what the vendor left out."""
    try:
        body = unfolded(response) if mapping.envelope.style == "jsonapi" else response
        found = search(reading.rows, search(mapping.envelope.data, body))
    except (ValueError, UnreadableError):
        return []
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, dict) and row]
