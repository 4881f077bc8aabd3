"""Lists in pieces, as this vendor cuts them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from .paths import ABSENT, get, take_out_whole
from .templates import match_text

_OWN_TOTAL: Final = 100
_SET: Final = "set-1"
"""The name of every set that is built: one does not change while it is read."""


@dataclass(slots=True)
class Cut:
    """One piece of a list.

    Attributes:
        rows: Of this piece.
        beside: What stands beside them in the answer, by path.
        headers: Likewise.
    """

    rows: list[Any]
    beside: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """Where the parameters of a piece may stand.

    Attributes:
        url: The whole address that was asked, for links to the next piece.
    """

    query: Mapping[str, str]
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str


def names_of(paging: Mapping[str, Any]) -> set[str]:
    """Query parameters that belong to the paging."""
    named = {
        str(paging[key])
        for key in ("size_as", "page_as", "offset_as", "cursor_as", "after_as", "set_as")
        if paging.get(key)
    }
    if paging.get("style") in {"page", "stored_set"} and "page_as" not in paging:
        named.add("page")
    if paging.get("style") == "offset" and "offset_as" not in paging:
        named.add("offset")
    linked = {"page"} if paging.get("style") in {"link_header", "next_url"} else set()
    return named | linked | set(paging.get("sort", {}))


def cut(paging: Mapping[str, Any], rows: list[Any], asked: Asked, *, most: int | None = None) -> Cut:
    """The piece that was asked for.

    Args:
        paging: How this vendor does it.
        rows: All of them.
        asked: The request.
        most: Rows a piece has at most, where the vendor gives fewer than it is asked for; None for as asked.
    """
    size = _number(paging, asked, paging.get("size_as"), int(paging.get("size", _OWN_TOTAL)))
    if most is not None and paging.get("stop") in {"total", "more", "empty_page", "no_next"}:
        size = min(size, most)
    first = _first(paging, asked, size, rows)
    piece = Cut([] if _builds(paging, asked) else rows[first : first + size])
    there_is_more = first + size < len(rows)
    if paging.get("total_at"):
        piece.beside[paging["total_at"]] = len(rows)
    if paging.get("total_header"):
        piece.headers[paging["total_header"]] = str(len(rows))
    if paging.get("more_at"):
        piece.beside[paging["more_at"]] = there_is_more
    if paging.get("set_at"):
        piece.beside[paging["set_at"]] = _SET
    if paging.get("last_at"):
        piece.beside[paging["last_at"]] = max(1, -(-len(rows) // size))
    _next(paging, asked, piece, str(first + size) if there_is_more else None)
    return piece


def _builds(paging: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a set is built by this call, and nothing of it shown yet."""
    if paging["style"] != "stored_set" or paging.get("build_page", 0) == paging.get("first", 1):
        return False
    return _number(paging, asked, paging.get("page_as", "page"), -1) == int(paging.get("build_page", 0))


def _first(paging: Mapping[str, Any], asked: Asked, size: int, rows: list[Any]) -> int:
    style = paging["style"]
    if style in {"page", "stored_set"}:
        begin = int(paging.get("first", 1))
        return max(0, _number(paging, asked, paging.get("page_as", "page"), begin) - begin) * size
    if style == "keyset":
        after = _text(paging, asked, paging["after_as"])
        keys = [str(get(row, paging.get("row_key", "id"))) for row in rows]
        return keys.index(after) + 1 if after in keys else 0
    if style == "header":
        return _first_by_header(paging, asked, size)
    name = {"offset": paging.get("offset_as", "offset"), "cursor": paging.get("cursor_as")}.get(style, "page")
    return _number(paging, asked, name, 0)


def _first_by_header(paging: Mapping[str, Any], asked: Asked, size: int) -> int:
    found = match_text(
        paging["spelt"], asked.headers.get(paging["header"].lower(), ""), lambda _codec, raw: raw, "page"
    )
    if "step.offset" in found.values:
        return int(found.values["step.offset"])
    begin = int(paging.get("first", 1))
    return (int(found.values.get("step.page", begin)) - begin) * size


def _next(paging: Mapping[str, Any], asked: Asked, piece: Cut, token: str | None) -> None:
    """How to go on, where the answer says that."""
    if paging["style"] in {"link_header", "next_url"}:
        base = asked.url.split("?")[0]
        link = None if token is None else f"{base}?{urlencode({**asked.query, 'page': token})}"
        if paging["style"] == "link_header":
            if link is not None:
                piece.headers[paging.get("header", "Link")] = f'<{link}>; rel="{paging.get("relation", "next")}"'
            return
        token = link
    if paging.get("next_at"):
        piece.beside[paging["next_at"]] = token
    if paging.get("next_header") and token is not None:
        piece.headers[paging["next_header"]] = token


def _number(paging: Mapping[str, Any], asked: Asked, name: str | None, default: int) -> int:
    text = _text(paging, asked, name)
    return int(text) if text is not None and text.isdigit() else default


def _text(paging: Mapping[str, Any], asked: Asked, name: str | None) -> str | None:
    if name is None:
        return None
    carried = paging.get("carried", "query")
    if carried == "body":
        found = get(asked.body, name)
        return None if found is ABSENT else str(found)
    return asked.headers.get(name.lower()) if carried == "header" else asked.query.get(name)


def without_paging(paging: Mapping[str, Any], body: Any) -> Any:  # noqa: ANN401 - a body
    """A body less what belongs to the paging."""
    if paging.get("carried") != "body" or not isinstance(body, dict):
        return body
    rest = copy.deepcopy(body)
    for name in names_of(paging) - set(paging.get("sort", {})):
        take_out_whole(rest, name)
    return rest
