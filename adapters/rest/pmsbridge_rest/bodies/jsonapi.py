"""JSON:API: resources with attributes and relationships, unfolded into plain rows and folded for writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pmsbridge_rest.bodies.exact_json import UnreadableError

__all__ = ["resource", "unfolded"]

_RESERVED: Final = frozenset({"id", "type"})


def unfolded(document: object) -> object:
    """The document with ``data`` as plain rows: attributes beside ``id`` and ``type``, relationships by name.

    A relationship becomes the included resource, itself unfolded one level deep, or its ``id`` and ``type`` where it
    was not included. Everything beside ``data`` and ``included`` stays.

    Raises:
        UnreadableError: ``not_jsonapi``: a resource is no object, or an attribute called ``id`` or ``type`` says
            something else than the resource does.
    """
    if not isinstance(document, Mapping) or "data" not in document:
        return document
    known = {_key(one): one for one in _objects(document.get("included"))}
    rest = {name: value for name, value in document.items() if name not in {"data", "included"}}
    return {**rest, "data": _rows(document["data"], known)}


def _rows(data: object, known: Mapping[tuple[str, str], Mapping[str, Any]]) -> object:
    if data is None:
        return None
    if isinstance(data, Mapping):
        return _row(data, known)
    return [_row(one, known) for one in _objects(data)]


def _row(one: Mapping[str, Any], known: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[str, object]:
    related = one.get("relationships") or {}
    if not isinstance(related, Mapping):
        raise UnreadableError("not_jsonapi")
    found = {name: _related(link, known) for name, link in related.items()}
    return {**found, **_plain(one)}


def _plain(one: Mapping[str, Any]) -> dict[str, object]:
    attributes = one.get("attributes") or {}
    if not isinstance(attributes, Mapping) or any(
        attributes[name] != one.get(name) for name in _RESERVED & set(attributes)
    ):
        raise UnreadableError("not_jsonapi")
    return {**attributes, **{name: one[name] for name in ("id", "type") if name in one}}


def _related(link: object, known: Mapping[tuple[str, str], Mapping[str, Any]]) -> object:
    data = link.get("data") if isinstance(link, Mapping) else None
    if data is None:
        return None
    if isinstance(data, Mapping):
        return _plain(known.get(_key(data), data))
    return [_plain(known.get(_key(one), one)) for one in _objects(data)]


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if value is None:
        return
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise UnreadableError("not_jsonapi")
    for one in value:
        if not isinstance(one, Mapping):
            raise UnreadableError("not_jsonapi")
        yield one


def _key(one: Mapping[str, Any]) -> tuple[str, str]:
    return str(one.get("type", "")), str(one.get("id", ""))


def resource(
    kind: str,
    attributes: Mapping[str, object],
    *,
    resource_id: str | None = None,
    relationships: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, object]:
    """The document that writes one resource.

    Args:
        kind: Its ``type``.
        attributes: What is written.
        resource_id: Of the one to change; None for a new one.
        relationships: By name, type and id of what it belongs to.
    """
    data: dict[str, object] = {"type": kind}
    if resource_id is not None:
        data["id"] = resource_id
    data["attributes"] = dict(attributes)
    if relationships:
        data["relationships"] = {
            name: {"data": {"type": of, "id": to}} for name, (of, to) in relationships.items()
        }  # fmt: skip
    return {"data": data}
