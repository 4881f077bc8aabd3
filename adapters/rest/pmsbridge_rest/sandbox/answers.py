"""How this vendor wraps what it answers: content, errors, what proves a success."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .exact import written
from .mapping_file import Sheet
from .paths import ABSENT, PathError, get, put, turned_round
from .templates import slots_in

_STATUS: Final = {
    "validation": 422, "auth": 401, "forbidden": 403, "not_found": 404, "conflict": 409, "stale": 412,
    "throttled": 429, "declined": 402, "transient": 500, "vendor_bug": 500,
}  # fmt: skip


_GOOD: Final = 200
_BEFORE_GRAPHQL: Final = frozenset({"auth", "throttled", "transient"})
"""What stands before a GraphQL server says by its status, unless the mapping says otherwise."""
_RUN: Final = frozenset({"not_found", "conflict", "stale", "declined", "transient", "vendor_bug"})
"""Errors of a field that was run."""


@dataclass(slots=True)
class Reply:
    """An answer.

    Attributes:
        document: Plain data; None for an empty body.
        raw: Bytes instead of the document.
        pieces: Makes the bytes while they are sent, where there are too many to hold; None for all at once.
    """

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    pieces: Callable[[], Iterator[bytes]] | None = None

    @property
    def content(self) -> bytes:
        """The body, whole."""
        if self.pieces is not None:
            return b"".join(self.pieces())
        if self.raw is not None:
            return self.raw
        return b"" if self.document is None else written(self.document).encode()


class Wrapping:
    """Wraps content and errors.

    In GraphQL an error stands within a good status: without ``data`` where nothing was run, with ``data: null`` where a
    field was run and failed, which leaves it open what it did before.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._envelope = sheet.part("envelope")
        self._errors = sheet.part("errors")
        self._is_jsonapi = self._envelope.get("style") == "jsonapi"
        self._is_graphql = self._envelope.get("style") == "graphql"
        self._relations: list[str] = list(sheet.office.get("relations") or [])

    def good(self, content: Any, *, status: int = 200, beside: Mapping[str, Any] | None = None) -> Reply:  # noqa: ANN401
        """A good answer.

        Args:
            content: What the envelope is put around.
            status: HTTP.
            beside: What else stands in the answer, by path.
        """
        if self._is_jsonapi:
            content = _folded(content, self._relations)
        document = self._around(content)
        if self._envelope.get("good"):
            satisfy(document, self._envelope["good"].get("body", {}))
        for path, value in (beside or {}).items():
            _put_if_it_fits(document, path, value)
        return Reply(status, document)

    def bad(self, means: str, words: str, *, code: str = "", fields: list[str] | None = None) -> Reply:
        """An error, shaped as this vendor's are; by a rule of the mapping where there is one for its class."""
        rule = next((r for r in self._errors.get("rules", []) if r["means"] == means and _is_sayable(r)), None)
        document: dict[str, Any] = {}
        if self._envelope.get("good"):
            _falsify(document, self._envelope["good"].get("body", {}))
        if self._is_graphql:
            document["errors"] = [{"message": words, "extensions": {"code": (code or means).upper()}}]
            document |= {"data": None} if means in _RUN else {}
        for path, value in self._said(words, code or means, fields or []):
            _put_if_it_fits(document, path, value)
        status = _STATUS.get(means, 400)
        if self._is_graphql and means not in _BEFORE_GRAPHQL:
            status = _GOOD
        if rule is not None:
            satisfy(document, rule["when"].get("body", {}))
            status = _status_of(rule["when"].get("status"), status)
        return Reply(status, document or {"error": words})

    def _said(self, words: str, code: str, fields: list[str]) -> list[tuple[str, Any]]:
        pairs = [(self._errors.get("message"), words), (self._errors.get("code"), code.upper())]
        found: list[tuple[str, Any]] = [(path, value) for path, value in pairs if path]
        names = self._errors.get("fields")
        if names and "[]" in names and fields:
            above, _, below = names.partition("[]")
            found.append((above, [_nested(below.lstrip("."), name) for name in fields]))
        return found

    def _around(self, content: Any) -> Any:  # noqa: ANN401
        path = turned_round(str(self._envelope.get("data", "@")))
        if not path or (self._is_jsonapi and path == "data"):
            return content
        document: dict[str, Any] = {}
        put(document, path, content)
        return document


def _nested(path: str, value: Any) -> Any:  # noqa: ANN401
    if not path:
        return value
    made: dict[str, Any] = {}
    put(made, path, value)
    return made


def _put_if_it_fits(document: Any, path: str, value: Any) -> None:  # noqa: ANN401
    plain = turned_round(path)
    if plain and isinstance(document, dict):
        try:
            put(document, plain, value)
        except PathError:
            return


def _is_sayable(rule: Mapping[str, Any]) -> bool:
    """Whether a rule tells an error by the body or status of an answer, in a way that can be written."""
    return all(turned_round(path) for path in rule["when"].get("body", {})) and "headers" not in rule["when"]


def _status_of(statuses: Any, otherwise: int) -> int:  # noqa: ANN401 - a status, a word or a list of them
    wanted = statuses if isinstance(statuses, list) else [statuses]
    exact = [int(one) for one in wanted if one is not None and str(one).isdigit()]
    if not exact or otherwise in exact:
        return otherwise
    return exact[0]


def first_success(outcome: Mapping[str, Any], otherwise: int) -> int:
    """The status of a success that says something, where the mapping names statuses."""
    named = outcome.get("success")
    listed = named if isinstance(named, list) else [named]
    exact = [int(one) for one in listed if one is not None and str(one).isdigit()]
    return otherwise if not exact or otherwise in exact else exact[0]


def satisfy(document: Any, holds: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Write into a document what makes conditions hold, where they are about plain places."""
    for path, demand in holds.items():
        value = _wanted(demand)
        if value is not ABSENT and not any(True for _ in slots_in(value)) and not _is_there(document, path, demand):
            _put_if_it_fits(document, path, value)


def _is_there(document: Any, path: str, demand: Any) -> bool:  # noqa: ANN401
    """Whether something is there where that is all that is asked for."""
    plain = turned_round(path)
    return demand == {"present": True} and bool(plain) and get(document, str(plain)) not in (ABSENT, None)


def _wanted(demand: Any) -> Any:  # noqa: ANN401
    if not isinstance(demand, Mapping):
        return demand
    if "equals" in demand:
        return demand["equals"]
    if demand.get("among"):
        return demand["among"][0]
    for key in ("contains", "starts_with", "at_least", "at_most"):
        if key in demand:
            return demand[key]
    return "something" if demand.get("present") else ABSENT


def _falsify(document: dict[str, Any], holds: Mapping[str, Any]) -> None:
    """Write into a document what makes conditions fail."""
    for path, demand in holds.items():
        value = _wanted(demand)
        other: Any = not value if isinstance(value, bool) else 0 if isinstance(value, int) else f"not {value}"
        _put_if_it_fits(document, path, other)


def _folded(content: Any, relations: list[str]) -> Any:  # noqa: ANN401
    """Rows as JSON:API resources; what they are related to stands beside them."""
    if isinstance(content, dict) and set(content) == {"data"}:
        content = content["data"]
    included: list[dict[str, Any]] = []
    if isinstance(content, list):
        document: dict[str, Any] = {"data": [_resource(row, relations, included) for row in content]}
    else:
        document = {"data": _resource(content, relations, included) if isinstance(content, dict) else None}
    return {**document, "included": included} if included else document


def _resource(row: Mapping[str, Any], relations: list[str], included: list[dict[str, Any]]) -> dict[str, Any]:
    apart = {"id", "type", *relations}
    made: dict[str, Any] = {"id": str(row.get("id", "")), "type": str(row.get("type") or "records")}
    made["attributes"] = {key: value for key, value in row.items() if key not in apart}
    related = {name: [_resource(one, [], []) for one in row[name]] for name in relations if name in row}
    if related:
        made["relationships"] = {
            name: {"data": [{"id": one["id"], "type": one["type"]} for one in rows]} for name, rows in related.items()
        }
        included += [one for rows in related.values() for one in rows]
    return made


def unfolded(body: Any) -> Any:  # noqa: ANN401
    """The attributes of a resource that arrived; anything else as it is."""
    found = get(body, "data.attributes") if isinstance(body, dict) else ABSENT
    return body if found is ABSENT else found
