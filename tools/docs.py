"""The generated parts of the documentation, written from the code that they describe.

A page asks for a part with a pair of comments::

    <!-- generated: error-tree -->
    ...
    <!-- end -->

``--write`` fills them, ``--check`` fails when one differs from what the code says now.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

import pmsbridge.errors
from pmsbridge.model.schemas import json_schemas
from tools.mapping_reference import built_in_codecs, mapping_places, mapping_sections

ROOT: Final = Path(__file__).resolve().parent.parent
_BLOCK: Final = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


_BY_MAPPING: Final = frozenset({"rest"})
"""Adapters whose promises stand in a mapping file, a different one per vendor."""


def error_tree() -> str:
    """The tree as it is drawn at the head of the errors module."""
    drawn = inspect.getdoc(pmsbridge.errors) or ""
    lines = drawn.split("::\n", 1)[1].split("\nOnly ", 1)[0]
    return f"```text\n{inspect.cleandoc(lines)}\n```"


def error_table() -> str:
    """One row per class: exit code and the first sentence of its docstring."""
    rows = ["| error | exit code | what is true |", "|---|---|---|"]
    for name in pmsbridge.errors.__all__:
        kind = getattr(pmsbridge.errors, name)
        first = (inspect.getdoc(kind) or "").split("\n\n", 1)[0].replace("\n", " ")
        rows.append(f"| `{name}` | {kind.exit_code} | {first} |")
    return "\n".join(rows)


def schema_list() -> str:
    """One row per schema with the model's first sentence."""
    rows = ["| model | schema | what it is |", "|---|---|---|"]
    for name, schema in json_schemas().items():
        file = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() + ".json"
        first = str(schema.get("description", "A union, told apart by its tag.")).split("\n\n", 1)[0].replace("\n", " ")
        rows.append(f"| {name} | [{file}](../schemas/{file}) | {first} |")
    return "\n".join(rows)


def capability_matrix() -> str:
    """What every installed adapter promises, collected from its handlers."""
    parts = []
    for entry in sorted(entry_points(group="pmsbridge.adapters"), key=lambda entry: entry.name):
        if entry.name in _BY_MAPPING:
            continue
        rows = [
            f"### {entry.name}",
            "",
            "| effect | support | recognised again by | absence is proof | source |",
            "|---|---|---|---|---|",
        ]
        for row in sorted(_capabilities(entry.module).values(), key=lambda row: str(row.effect)):
            proof = "yes" if row.absence_conclusive else "no"
            rows.append(f"| `{row.effect}` | {row.support} | {row.dedup} | {proof} | {row.source} |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _capabilities(package: str) -> Mapping[str, Any]:
    """The class-level table of the adapter class in ``<package>.adapter``."""
    room = importlib.import_module(f"{package}.adapter")
    for _, kind in inspect.getmembers(room, inspect.isclass):
        table: Mapping[str, Any] | None = getattr(kind, "capabilities", None)
        if kind.__module__ == room.__name__ and isinstance(table, Mapping) and table:
            return table
    message = f"{room.__name__} has no adapter class with capabilities"
    raise LookupError(message)


# -- the page of one adapter -----------------------------------------------------------------------------------------

_SITELINK: Final = "pmsbridge_sitelink"
_TRYTON: Final = "pmsbridge_tryton"


def adapter_capabilities(package: str) -> str:
    """What an adapter promises, and below where each promise comes from."""
    table = sorted(_capabilities(package).values(), key=lambda row: str(row.effect))
    rows = [
        "| effect | support | recognised again by | can be looked for | absence is proof |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{row.effect}` | {row.support} | {row.dedup} | {_yes(row.can_probe)} | {_yes(row.absence_conclusive)} |"
        for row in table
    ]
    sources = [_item(f"`{row.effect}`: {row.source}.") for row in table]
    return "\n".join([*rows, "", "Where the promises come from:", "", *sources])


def sitelink_settings() -> str:
    """Every option of an account: key, default, and the sentence of its docstring."""
    room = importlib.import_module(f"{_SITELINK}.settings")
    return _settings({
        "`[accounts.NAME.options]`": [room.SiteLinkSettings],
        "`[[accounts.NAME.options.facilities]]`": [room.FacilitySettings],
        "`[accounts.NAME.options.timeouts]`": [room.Timeouts],
        "`[accounts.NAME.options.limits]`": [room.Limits],
    })  # fmt: skip


def tryton_settings() -> str:
    """Every option of an account: key, default, and the sentence of its docstring."""
    room = importlib.import_module(f"{_TRYTON}.settings")
    connection = importlib.import_module(f"{_TRYTON}.connection")
    return _settings({
        "`[accounts.NAME.options]`": [connection.ConnectionSettings, room.TrytonSettings],
        "`[accounts.NAME.options.facility]`": [room.FacilitySettings],
        "`[accounts.NAME.options.timeouts]`": [connection.Timeouts],
        "`[accounts.NAME.options.limits]`": [connection.Limits],
    })  # fmt: skip


def _settings(tables: Mapping[str, list[Any]]) -> str:
    """Tables of settings; one that is built on another names only what it adds."""
    parts = []
    for title, kinds in tables.items():
        said = {name: text for kind in kinds for name, text in _attributes(kind).items()}
        fields = kinds[-1].model_fields
        items = [_item(f"`{key}` ({_default(fields[key])}): {said[key]}") for key in fields if key in said]
        parts.append("\n".join([f"### {title}", "", *items]))
    return "\n\n".join(parts)


def mapping_capabilities(vendor: str) -> str:
    """What a mapping that comes with the adapter promises, and what becomes of everything else."""
    mapping = importlib.import_module("pmsbridge_rest.mapping.reading").load_mapping(
        importlib.import_module("pmsbridge_rest.shipped").file_of(vendor)
    )
    table = importlib.import_module("pmsbridge_rest.promises").capabilities_of(mapping)
    rows = [
        "| effect | support | recognised again by | can be looked for | absence is proof |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{row.effect}`{_taking_back(mapping.actions[row.effect].reverses)} | {row.support} | {row.dedup} "
        f"| {_yes(row.can_probe)} | {_yes(row.absence_conclusive)} |"
        for row in sorted(table.values(), key=lambda row: str(row.effect))
        if row.effect in mapping.actions
    ]
    rows += ["", "| not possible | instead | why |", "|---|---|---|"]
    for kind, missing in sorted(mapping.unsupported.items()):
        instead = "a task for staff" if missing.fallback == "staff" else "refused, and said so"
        rows.append(f"| `{kind}` | {instead} | {missing.because} |")
    head = _item(f"Evidence: `{mapping.vendor.evidence.value}`, {mapping.vendor.source}.")
    return "\n".join([head, "", *rows])


def _taking_back(action: str | None) -> str:
    return f", which takes back `{action}`" if action else ""


def sitelink_operations() -> str:
    """The operations the adapter may call."""
    operations = importlib.import_module(f"{_SITELINK}.wire").OPERATIONS.values()
    parts = []
    for title, is_write in (("Reads", False), ("Writes", True)):
        names = sorted(f"`{each.name}`" for each in operations if each.is_write is is_write)
        parts.append(_item(f"{title} ({len(names)}): {', '.join(names)}."))
    return "\n".join(parts)


def sitelink_codes() -> str:
    """What the return codes mean; first row that fits wins."""
    rules = importlib.import_module(f"{_SITELINK}.faults").RULES
    rows = ["| operations | code | meaning | our code | words |", "|---|---|---|---|---|"]
    rows += [f"| `{r.operations}` | {r.code} | {r.meaning.value} | `{r.word}` | {r.text} |" for r in rules]
    return "\n".join(rows)


def sitelink_dropped() -> str:
    """The columns that are thrown away while an answer is parsed."""
    poison = importlib.import_module(f"{_SITELINK}.wire").POISON
    return _item(", ".join(f"`{name}`" for name in sorted(poison)) + ".")


# -- what staff are told ---------------------------------------------------------------------------------------------


def notice_examples() -> str:
    """Every notice in every language, about invented facts."""
    samples = importlib.import_module("pmsbridge.engine.notices.samples")
    return "\n\n".join(_example(kind, samples) for kind in samples.KINDS)


def _example(kind: Any, samples: Any) -> str:  # noqa: ANN401 - found at run time
    """One notice: when, and its words as a mail in each language."""
    desk = importlib.import_module("pmsbridge.engine.notices.desk")
    phrases = importlib.import_module("pmsbridge.engine.notices.phrases")
    languages = importlib.import_module("pmsbridge.engine.notices.formats").LANGUAGES
    shown = []
    for language in languages:
        scribe = desk.FacilityScribe(phrases.built_in(language), (), ZoneInfo("America/Chicago"), "North Yard")
        mail = scribe.for_mail(scribe.write(samples.samples(kind)[0]), samples.REFERENCE)
        shown.append("\n".join(["```text", *_wrapped(f"Subject: {mail.subject}\n\n{mail.text}"), "```"]))
    when = (inspect.getdoc(kind) or "").split("\n\n", 1)[0].replace("\n", " ")
    return "\n\n".join([f"### `{kind.name}`", when, *shown])


def _wrapped(text: str) -> list[str]:
    """Lines that fit a page."""
    return [part for line in text.splitlines() for part in (textwrap.wrap(line, 118) or [""])]


def notice_variables() -> str:
    """Every template with its variables; those that a template cannot do without are marked."""
    kinds = importlib.import_module("pmsbridge.engine.notices.samples").KINDS
    checking = importlib.import_module("pmsbridge.engine.notices.checking")
    every = importlib.import_module("pmsbridge.actions.scribe").Notice
    parts = [_variables("every notice", _attributes(every), frozenset({"tenant_id"}))]
    parts += [_variables(f"`{kind.name}`", _attributes(kind), kind.must_say) for kind in kinds]
    parts += [
        _variables(f"`{name}`", dict(row.variables), row.must_say)
        for name, row in {**checking.LAYOUTS, **checking.LETTERS}.items()
    ]
    return "\n\n".join(parts)


def _variables(title: str, said: Mapping[str, str], must: frozenset[str]) -> str:
    rows = [f"| {title} | must be said | what it is |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| `{name}` | {_yes(name in must)} | {text} |" for name, text in said.items())])


def _attributes(kind: type) -> dict[str, str]:
    """Names and sentences of a Google docstring's attributes."""
    text = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    entries = re.split(r"^ {4}(?=\w+: )", text, flags=re.MULTILINE)[1:]
    return {name: " ".join(said.split()) for name, _, said in (entry.partition(": ") for entry in entries)}


def _default(field: Any) -> str:  # noqa: ANN401 - pydantic's description of a field
    if field.is_required():
        return "required"
    if isinstance(field.default, Path):
        return f"the adapter's own `{field.default.name}`"
    shown = TypeAdapter(Any).dump_python(field.get_default(call_default_factory=True), mode="json")
    if shown in ("", None, {}):
        return "default: none"
    return f"default `{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _yes(is_so: object) -> str:
    return "yes" if is_so else "no"


def _item(text: str) -> str:
    """A list item, wrapped."""
    return textwrap.fill(text, 118, initial_indent="- ", subsequent_indent="  ", break_long_words=False)


PARTS: Final[Mapping[str, Callable[[], str]]] = MappingProxyType({
    "error-tree": error_tree,
    "error-table": error_table,
    "schema-list": schema_list,
    "capability-matrix": capability_matrix,
    "sitelink-capabilities": partial(adapter_capabilities, _SITELINK),
    "sitelink-settings": sitelink_settings,
    "sitelink-operations": sitelink_operations,
    "sitelink-codes": sitelink_codes,
    "sitelink-dropped": sitelink_dropped,
    "tryton-capabilities": partial(adapter_capabilities, _TRYTON),
    "tryton-settings": tryton_settings,
    "buildium-capabilities": partial(mapping_capabilities, "buildium"),
    "cubby-capabilities": partial(mapping_capabilities, "cubby"),
    "storedge-capabilities": partial(mapping_capabilities, "storedge"),
    "booqable-capabilities": partial(mapping_capabilities, "booqable"),
    "notice-examples": notice_examples,
    "notice-variables": notice_variables,
    "mapping-sections": mapping_sections,
    "mapping-codecs": built_in_codecs,
    "mapping-places": mapping_places,
})  # fmt: skip


def fill(page: str) -> str:
    """A page with every generated part as the code has it now.

    Raises:
        KeyError: A page asks for a part that nobody generates.
    """
    made: dict[str, str] = {}

    def replaced(block: re.Match[str]) -> str:
        name = block["name"]
        if name not in made:
            made[name] = PARTS[name]()
        return f"{block[1]}{made[name]}\n{block[4]}"

    return _BLOCK.sub(replaced, page)


def pages(root: Path) -> list[Path]:
    """Every page that may hold a generated part."""
    return [*sorted((root / "docs").rglob("*.md")), root / "README.md"]


def stale(root: Path) -> list[Path]:
    """Pages whose generated parts differ from the code."""
    return [page for page in pages(root) if fill(text := page.read_text(encoding="utf-8")) != text]


def main() -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description="generated parts of the documentation")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true")
    mode.add_argument("--check", action="store_true")
    given = parser.parse_args()
    outdated = stale(ROOT)
    for page in outdated:
        if given.write:
            page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{page.relative_to(ROOT)}: {'written' if given.write else 'outdated; run `make docs`'}")
    print(
        f"generated documentation: {len(pages(ROOT))} pages, {len(outdated)} {'written' if given.write else 'outdated'}"
    )
    return 1 if given.check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
