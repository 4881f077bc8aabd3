"""A request held against what its vendor publishes, strictly: what is not named there is not sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pmsbridge_rest.mapping.connection import Contract
from tests.adapters.rest.vendors.documents import is_example_of
from tests.adapters.rest.vendors.keys import Table, flat
from tests.adapters.rest.vendors.said import Said


def keys_unknown_to(tables: Mapping[str, Table], contract: Contract, each: Said) -> list[str]:
    """Keys that the vendor does not know, and values of a kind that it does not take.

    Args:
        tables: What the vendor says, by where a request is made.
        contract: Whose ``accept`` names what the vendor says in words only.
        each: The request.
    """
    table = tables.get(each.where, {})
    found = []
    for key, kind in flat(each.body):
        if contract.accepts(key.replace("[]", "")):
            continue
        kinds = table.get(key)
        if kinds is None:
            found.append(f"{each.where}: {key} is unknown")
        elif kind not in kinds and kind != "null" and set(kinds) != {"null"}:
            found.append(f"{each.where}: {key} is {kind}, not {' or '.join(kinds)}")
    return found


def of(published: list[dict[str, Any]], each: Said, *, prefix: str) -> list[dict[str, Any]]:
    """The examples of one request's method and path; ``prefix`` is the path of the base address."""
    return [
        one for one in published if one["method"] == each.method and is_example_of(f"{prefix}{each.path}", one["path"])
    ]


def unknown_keys(body: Any, requests: list[Any], above: str = "") -> Iterator[str]:
    """Keys that no example has, and values of another kind than an example's."""
    tables = [each for each in requests if isinstance(each, dict)]
    for key, value in body.items() if isinstance(body, dict) else ():
        path, there = f"{above}.{key}".removeprefix("."), [each[key] for each in tables if key in each]
        if not there:
            yield path
        elif not isinstance(value, dict | list):
            kinds = {type(each) for each in there if each is not None}
            if kinds and type(value) not in kinds:
                yield f"{path} is {type(value).__name__}"
        yield from unknown_keys(value, there, path)
