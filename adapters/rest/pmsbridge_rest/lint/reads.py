"""Lints of what is read: lists that may be cut off, orders that may move, words that could not be written back."""

from __future__ import annotations

from collections.abc import Iterator

from pmsbridge_rest.lint.findings import Finding, doubt
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import EntityMap
from pmsbridge_rest.mapping.walking import Key

__all__ = ["read_findings"]


def read_findings(mapping: Mapping) -> Iterator[Finding]:
    """Everything doubtful about reads."""
    for name, section in mapping.pagination.items():
        if section.style in {"page", "offset", "header"} and not section.sort:
            what = "nothing keeps the order while pages are read, so rows may be skipped or come twice; say sort"
            yield doubt(("pagination", name), "moving_pages", what)
    for name, entity in mapping.entities.items():
        yield from _entity(mapping, ("entities", name), entity)


def _entity(mapping: Mapping, key: Key, entity: EntityMap) -> Iterator[Finding]:
    if key[-1] == "events":
        yield from _events(key, entity)
    if entity.all is not None and entity.all.paginate is None and mapping.pagination:
        yield doubt((*key, "all"), "unpaged_list", "everything in one answer? Name a pagination if it comes in pieces")
    for name, field in entity.fields.items():
        codec = mapping.codecs.get(field.codec or "")
        if codec is not None and codec.kind == "enum" and field.dir == "both" and codec.doubtful:
            yield doubt(
                (*key, "fields", name), "doubtful_word", f"cannot write {codec.doubtful[0]}: several words mean it"
            )


def _events(key: Key, entity: EntityMap) -> Iterator[Finding]:
    """Whose a row is that names no tenant must be said: it is another tenant's as likely as everybody's."""
    whose = entity.fields.get("tenant_id")
    is_always_told = whose is not None and (whose.value is not None or whose.missing == "refuse")
    if not is_always_told and not entity.for_everybody:
        what = (
            "a row that names no tenant is shown to nobody; say in for_everybody which rows are everybody's, or "
            "missing: refuse of tenant_id where each names one"
        )
        yield doubt(key, "event_of_nobody", what)
