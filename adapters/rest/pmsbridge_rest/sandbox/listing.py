"""Reads: which records are meant, in which order and piece, as which rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from .mapping_file import Sheet
from .paths import ABSENT, get, is_plain, put, turned_round
from .plan import POLL, PREPAY, Plan, Route
from .records import Record, Shelf
from .showing import Window

_SAME_AS: Final = {
    "tenant_id": ("tenant_id",),
    "rental_id": ("rental_id",),
    "unit_id": ("unit_id", "id"),
    "email": ("email",),
    "phone": ("phone", "mobile"),
    "first_name": ("name.first",),
    "last_name": ("name.last",),
    "company": ("name.company",),
}
_OWNERS: Final = {"tenant_id": "tenants", "rental_id": "rentals", "unit_id": "units"}


class MissingError(LookupError):
    """There is no such thing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a read asks for.

    Attributes:
        values: What stood in its places.
        in_path: Names of those that stood in the address: what they name must be there.
        since: Only what changed after this; None for everything.
        constants: Query parameters that always say the same.
    """

    values: Mapping[str, Any]
    in_path: frozenset[str] = frozenset()
    since: datetime | None = None
    constants: Mapping[str, str] = field(default_factory=dict)


class Lists:
    """Finds and shows records."""

    def __init__(self, plan: Plan, window: Window) -> None:
        self._plan = plan
        self._window = window
        self._sheet: Sheet = plan.sheet
        for route in plan.routes:
            if any(role.sort == "read" for role in route.roles):
                self.rows_at(route)

    def rows_at(self, route: Route) -> str:
        """Where in the content the rows are; empty for the content itself.

        Raises:
            CannotPlayError: That cannot be known from the mapping.
        """
        resource = self._plan.resource(route)
        if "rows" in resource:
            return str(resource["rows"] or "")
        path = turned_round(str(route.leading.call.get("rows", "@")))
        if path is None:
            what = f"rows cannot be turned round; say under resources where they are ({route.method} {route.template})"
            raise self._sheet.cannot_play(what, *route.leading.key, "rows")
        return path

    def is_single(self, route: Route) -> bool:
        """Whether one thing is served here, and no list."""
        resource = self._plan.resource(route)
        if "single" in resource:
            return bool(resource["single"])
        if route.leading.scope == PREPAY:
            return True
        if route.method != "GET" and not route.asks:
            return False
        return route.leading.scope in {"one", "account_of_rental"} or route.ends_with_a_place

    def rows(self, route: Route, wanted: Wanted, shelf: Shelf) -> list[dict[str, Any]]:
        """The rows of a read.

        Raises:
            MissingError: What the address names is not there.
        """
        resource = self._plan.resource(route)
        noun = str(resource.get("of") or route.leading.nouns[0])
        for name in wanted.in_path & _OWNERS.keys():
            if shelf.one(_OWNERS[name], str(wanted.values[name])) is None:
                raise MissingError(name)
        found = [record for record in self._records(noun, shelf) if self._is_meant(noun, record, wanted, shelf)]
        if self.is_single(route) and not found:
            raise MissingError(noun)
        if route.leading.scope == PREPAY:
            return [self._priced(record, wanted, shelf) for record in found]
        renders = () if "show" in resource else tuple(n for n in route.renders if n in self._sheet.part("entities"))
        return [self._row(route, renders, record, shelf, resource.get("show")) for record in found]

    def _priced(self, record: Record, wanted: Wanted, shelf: Shelf) -> dict[str, Any]:
        """What months ahead of a rental cost: the rent, so many times."""
        ahead = record.values["rent"] * int(wanted.values["months"])
        bare = replace(record, raw={}, values={**record.values, "future": ahead})
        return self._window.row((PREPAY,), bare, shelf)

    def _records(self, noun: str, shelf: Shelf) -> list[Record]:
        return shelf.all(noun)

    def _row(
        self, route: Route, renders: tuple[str, ...], record: Record, shelf: Shelf, more: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        row = self._window.row(renders, record, shelf, more)
        for role in route.roles:
            key = role.call.get("row_key", "id")
            for path in [*role.call.get("outputs", {}).values(), key]:
                is_look = role.scope in {"look", POLL} or role.is_write
                if is_look and is_plain(path) and get(row, path) is ABSENT and not renders and more is None:
                    put(row, path, record.id)
        return row

    def _is_meant(self, noun: str, record: Record, wanted: Wanted, shelf: Shelf) -> bool:
        del shelf
        if wanted.since is not None and record.changed_at is not None and record.changed_at <= wanted.since:
            return False
        return all(
            _fits(noun, record, name, value) for name, value in wanted.values.items() if value not in (None, "")
        ) and all(self._passes(name, text, record) for name, text in wanted.constants.items())

    def _passes(self, name: str, text: str, record: Record) -> bool:
        """Whether a record passes a filter that the file beside the mapping explains; any other lets all pass."""
        rule = self._sheet.beside("filters").get(name)
        if not isinstance(rule, Mapping):
            return True
        return str(record.values.get(rule["of"])) == str(rule["words"].get(text))


def _fits(noun: str, record: Record, name: str, value: Any) -> bool:  # noqa: ANN401 - whatever stood there
    if name == "id" or _OWNERS.get(name) == noun:
        return record.id == str(value) or (noun == "facilities" and name == "id")
    if name == "reference":
        return str(value) in str(record.raw) + str(record.values)
    names = _SAME_AS.get(name)
    if names is None:
        return True
    known = [record.values[one] for one in names if record.values.get(one) is not None]
    return not known or any(_same_text(one, value) for one in known)


def _same_text(one: Any, other: Any) -> bool:  # noqa: ANN401
    return str(one).casefold() == str(other).casefold()
