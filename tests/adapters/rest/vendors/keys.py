"""Which keys each request of a shipped mapping may have, and what kind of value each holds, as its vendor says.

The vendors' documents are not ours to ship, so a clone has none. The names of keys are facts: ``keys.json`` has those
of the requests that we make, and what can be proven with them is proven everywhere. A test holds the table against the
documents where they are; ``python -m tests.adapters.rest.vendors.keys`` writes it anew there.

storEDGE has no document: its keys are entered by hand, from the tables of parameters on the vendor's public pages of
``make_payment``, ``update_autopay``, tenants and notes. Keys of cards typed now stand there too, and are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pmsbridge_rest.filling import CannotSayError
from pmsbridge_rest.mapping.document import Mapping as MappingDocument
from pmsbridge_rest.mapping.reading import load_mapping
from pmsbridge_rest.matching import case_fits
from pmsbridge_rest.samples import sample_effects
from pmsbridge_rest.shipped import shipped_mappings
from tests.adapters.rest.vendors.contract import Contract
from tests.adapters.rest.vendors.documents import examples, is_example_of, parsed
from tests.adapters.rest.vendors.said import Said, asked, reads

FILE = Path(__file__).parent / "keys.json"
EXAMPLES = {"cubby": "cubby-v1.examples.json", "booqable": "booqable-v4.examples.json"}
VENDORS = ("booqable", "buildium", "cubby", "storedge")
DOCUMENTED = ("booqable", "buildium", "cubby")
"""Vendors of whose document the table can be made."""
_RECORD: dict[str, Any] = {"PhoneNumbers": None, "Address": None, "FirstName": "A", "LastName": "B"}

Table = dict[str, list[str]]
"""By a key's dotted path: which kinds of values stand there."""


def flat(value: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a body with the kind of its value; a list's entries stand under ``[]``."""
    if above:
        yield above, _kind(value)
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from flat(each, f"{above}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for each in value:
            yield from flat(each, f"{above}[]")


def _kind(value: Any) -> str:
    kinds = {dict: "table", list: "list", str: "text", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")


def requests_of(name: str) -> Iterator[Said]:
    """Every request with a body that made-up effects lead to."""
    mapping: MappingDocument = load_mapping(shipped_mappings()[name])
    for kind, action in mapping.actions.items():
        for effect in sample_effects(kind, today=date(2026, 3, 1), currency="USD"):
            if not case_fits(action.accepts, effect):
                continue
            try:
                found = list(asked(mapping, effect, record=dict(_RECORD)))
            except CannotSayError:
                continue
            yield from (each for each in found if each.body is not None)
    yield from (each for each in reads(mapping) if each.body is not None and not each.where.endswith(".since"))


def said_by_the_vendor(name: str) -> dict[str, Table]:
    """The table of one vendor, from its document; skips where that is not on this machine."""
    mapping = load_mapping(shipped_mappings()[name])
    prefix = "/" + mapping.connection.base_url.split("/", 3)[3]
    known: dict[str, Table] = {}
    for each in requests_of(name):
        if each.where not in known:
            known[each.where] = _of_document(each) if name == "buildium" else _of_examples(name, prefix, each)
    return {where: known[where] for where in sorted(known)}


def _of_document(each: Said) -> Table:
    contract = Contract(parsed("buildium-v1.openapi.json"), prefix="/v1")
    body = contract.operation(each.method, each.path).get("requestBody")
    assert body is not None, each.where
    schema = contract._followed(body)["content"]["application/json"]["schema"]
    return {key: sorted(kinds) for key, kinds in sorted(_of_schema(contract, schema, "").items())}


_WORDS = {"string": "text", "integer": "number", "number": "number", "boolean": "boolean", "object": "table"}


def _of_schema(contract: Contract, schema: dict[str, Any], above: str) -> dict[str, set[str]]:
    here, found = contract._merged(schema), dict[str, set[str]]()
    kind = here.get("type", "object" if "properties" in here else "string")
    if above:
        kinds = {"list" if kind == "array" else _WORDS[kind]} | ({"null"} if here.get("nullable") else set())
        found[above] = kinds
    for key, each in here.get("properties", {}).items():
        if not contract._followed(each).get("readOnly"):
            found |= _of_schema(contract, each, f"{above}.{key}".removeprefix("."))
    if kind == "array" and above.count(".") < 4:
        found |= _of_schema(contract, here["items"], f"{above}[]")
    return found


def _of_examples(name: str, prefix: str, each: Said) -> Table:
    found: dict[str, set[str]] = {}
    for one in examples(EXAMPLES[name]):
        if one["method"] == each.method and is_example_of(f"{prefix}{each.path}", one["path"]):
            for key, kind in flat(one.get("request") or {}):
                found.setdefault(key, set()).add(kind)
    return {key: sorted(kinds) for key, kinds in sorted(found.items())}


def kept() -> dict[str, dict[str, Table]]:
    """The table as it is kept."""
    found = json.loads(FILE.read_bytes())
    return {name: {where: _read(line) for where, line in table.items()} for name, table in found.items()}


def _read(line: str) -> Table:
    """One request's keys, "key:kind|kind key:kind"."""
    pairs = (each.rpartition(":") for each in line.split())
    return {key: kinds.split("|") for key, _, kinds in pairs}


def _written(table: Table) -> str:
    return " ".join(f"{key}:{'|'.join(kinds)}" for key, kinds in table.items())


if __name__ == "__main__":
    made = {name: {where: _written(each) for where, each in said_by_the_vendor(name).items()} for name in DOCUMENTED}
    tables = {**json.loads(FILE.read_bytes()), **made}
    FILE.write_text(json.dumps(tables, indent=1, sort_keys=True) + "\n", encoding="utf-8")
