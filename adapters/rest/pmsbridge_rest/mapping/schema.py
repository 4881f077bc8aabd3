"""The JSON Schema of the mapping format, for editors and for other programs.

It is generated from the sections, kept under ``schemas/mapping/``, checked for drift, and never read at run time::

    python -m pmsbridge_rest.mapping.schema --write schemas/mapping
    python -m pmsbridge_rest.mapping.schema --check schemas/mapping

What it cannot say (that a named codec exists, that a path parses) ``pmsbridge map lint`` says.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.model_fields import ACTIONS, ENTITY_MODELS
from pmsbridge_rest.mapping.requests import METHODS
from pmsbridge_rest.mapping.sections import Section

__all__ = ["FILE", "attributes_of", "drift", "main", "mapping_schema", "write"]

FILE: Final = "pmsmap-1.json"
"""The schema's file: the format's name and version."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_COMMON: Final = {
    **dict.fromkeys(("scheme", "style", "kind", "by", "proof"), "Says which kind this is."),
    **{method: f"The path below the base address, for a {method.upper()}." for method in METHODS},
}
"""What is said of keys that mean the same everywhere."""

_ATTRIBUTE: Final = re.compile(r"^(\w+): (.*)$")


def mapping_schema() -> dict[str, Any]:
    """The schema, with every key's documentation and with the names of nouns and actions."""
    schema = Mapping.model_json_schema()
    models = _models()
    for name, section in {**schema["$defs"], "Mapping": schema}.items():
        if name in models:
            _describe(section, models[name])
    properties = schema["properties"]
    for key, words in (("entities", ENTITY_MODELS), ("actions", ACTIONS), ("unsupported", ACTIONS)):
        properties[key]["propertyNames"] = {"enum": sorted(words)}
    return {"$schema": _DIALECT, **schema}


def _models() -> dict[str, type[BaseModel]]:
    """Every section by its name."""
    heap: list[type[BaseModel]] = [Section]
    found: dict[str, type[BaseModel]] = {}
    while heap:
        model = heap.pop()
        found[model.__name__] = model
        heap += model.__subclasses__()
    return found


def _describe(section: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the documentation of a section's keys where editors show it."""
    section = next((each for each in section.get("anyOf", ()) if "properties" in each), section)
    for name, text in attributes_of(model).items():
        if name in section.get("properties", {}):
            section["properties"][name].setdefault("description", text)


def attributes_of(model: type[BaseModel]) -> dict[str, str]:
    """What a section's documentation, and that of what it extends, says about each key."""
    found = {name: text for name, text in _COMMON.items() if name in model.model_fields}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found.update(_attributes(each.__doc__ or ""))
    return found


def _attributes(text: str) -> dict[str, str]:
    _, _, listed = text.partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in (each.strip() for each in listed.splitlines()):
        match = _ATTRIBUTE.match(line)
        if match is not None:
            name = match[1]
        if name and line:
            found[name] = match[2] if match is not None else f"{found[name]} {line}"
    return found


def _text() -> str:
    return json.dumps(mapping_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def drift(folder: Path) -> list[str]:
    """What differs between a folder and the sections, one sentence per file; empty when nothing does."""
    path = folder / FILE
    if not path.exists():
        return [f"{FILE} is missing"]
    return [] if path.read_text(encoding="utf-8") == _text() else [f"{FILE} differs from the sections"]


def write(folder: Path) -> None:
    """Write the schema."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(_text(), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schema, or check it; 1 when it differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FOLDER")
    what.add_argument("--check", type=Path, metavar="FOLDER")
    chosen = parser.parse_args(arguments)
    if chosen.write is not None:
        write(chosen.write)
        return 0
    found = drift(chosen.check)
    for sentence in found:
        sys.stdout.write(f"{sentence}; run: make schemas\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
