"""JSON Schemas of everything that is stored or handed over: records, effects, plans and receipts.

They are generated from the models, kept under ``schemas/`` for people and for other languages, checked for drift, and
never read at run time::

    python -m pmsbridge.model.schemas --write schemas
    python -m pmsbridge.model.schemas --check schemas

A schema describes what pmsbridge writes. Money is text there ("129.00"): a reader must not turn it into a binary float.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from pmsbridge.model.record import Value

__all__ = ["PACKAGES", "drift", "json_schemas", "main", "public_models", "write"]

PACKAGES: Final = ("pmsbridge.model", "pmsbridge.actions", "pmsbridge.ports")
"""Packages whose public models have a schema. They are walked by name: this module imports none of the upper ones."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def _modules() -> Iterator[Any]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.iter_modules(package.__path__, prefix=f"{name}."):
            yield importlib.import_module(found.name)


def _has_a_schema(thing: object) -> bool:
    """A concrete model, or a union of models told apart by a discriminator."""
    if isinstance(thing, type):
        return issubclass(thing, Value) and bool(thing.model_fields) and not _is_abstract(thing)
    if get_origin(thing) is not Annotated:
        return False
    return any(isinstance(mark, FieldInfo) and mark.discriminator for mark in get_args(thing)[1:])


def _is_abstract(model: type[Value]) -> bool:
    """A model that others extend, with a tag (``kind``, ``entity``) that it does not set itself."""
    for tag in ("entity", "kind"):
        owners = [child for child in model.__subclasses__() if tag in child.__dict__ or tag in child.model_fields]
        if owners and not (tag in model.__dict__ or tag in model.model_fields):
            return True
    return False


def public_models() -> dict[str, Any]:
    """Every public model class and every tagged union of them, by name, sorted.

    Raises:
        ValueError: Two public models share a name.
    """
    found: dict[str, Any] = {}
    for module in _modules():
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if _has_a_schema(thing) and found.setdefault(name, thing) is not thing:
                message = f"two public models are named {name}"
                raise ValueError(message)
    return dict(sorted(found.items()))


def json_schemas() -> dict[str, dict[str, Any]]:
    """Every public model's JSON Schema by the model's name, sorted by name."""
    return {name: _schema(name, thing) for name, thing in public_models().items()}


def _schema(name: str, thing: Any) -> dict[str, Any]:  # noqa: ANN401 - a model or a union of models
    body = TypeAdapter(thing).json_schema(mode="serialization")
    return {"$schema": _DIALECT, "title": name, **body}


def _file_name(model: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model).lower() + ".json"


def _files() -> dict[str, str]:
    return {
        _file_name(name): json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }


def drift(folder: Path) -> list[str]:
    """What differs between a folder and the models, one sentence per file; empty when nothing does."""
    wanted = _files()
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    missing = [f"{name} is missing" for name in wanted.keys() - kept.keys()]
    stale = [f"{name} has no model" for name in kept.keys() - wanted.keys()]
    changed = [f"{name} differs from its model" for name in wanted.keys() & kept.keys() if wanted[name] != kept[name]]
    return sorted(missing + stale + changed)


def write(folder: Path) -> int:
    """Write every schema, remove those without a model, and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _files()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(wanted)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check a folder of schemas; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pmsbridge.model.schemas", description="JSON Schemas of the model")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write every schema")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="fail when a schema differs from its model")
    given = parser.parse_args(arguments)
    if given.write is not None:
        sys.stderr.write(f"{write(given.write)} schemas written\n")
    if given.check is not None:
        return _report(drift(given.check))
    return 0


def _report(differences: Sequence[str]) -> int:
    for line in differences:
        sys.stderr.write(f"{line}\n")
    if differences:
        sys.stderr.write("run `make schemas` and look at the difference\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
