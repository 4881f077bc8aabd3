"""Edits of a record: what a body changes, and what it must not hold. Everything that arrives is accounted for."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .mapping_file import Sheet
from .paths import ABSENT, get, leaves, put, take_out, turned_round
from .records import Move, Record
from .spelling import Place, SpellingError, read


@dataclass(slots=True)
class Edit:
    """What an edit comes to.

    Attributes:
        values: New values, by field.
        raw: What else the record keeps now.
        wrong: Where something is wrong, and what.
        is_stale: The sender saw an older version.
    """

    values: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    is_stale: bool = False

    def move(self, record: Record) -> Move:
        """The change of the books."""
        return Move("merge", record.noun, record.id, self.values, self.raw)


@dataclass(frozen=True, slots=True)
class Editor:
    """Reads edits of one step.

    Attributes:
        sheet: The mapping.
        update: The step's ``update``.
        where: The facility.
    """

    sheet: Sheet
    update: Mapping[str, Any]
    where: Place

    @property
    def noun(self) -> str:
        """What is edited."""
        return str(self.update.get("entity", "tenants"))

    @property
    def replaces(self) -> bool:
        """A put of the whole record: what it does not hold is gone."""
        return str(self.update["strategy"]) == "put_full"

    def read_edit(self, record: Record, shown: dict[str, Any], sent: dict[str, Any]) -> Edit:
        """What a body comes to.

        Args:
            record: As it is.
            shown: As it is shown.
            sent: The record's part of the body.
        """
        left, edit = copy.deepcopy(sent), Edit()
        self._guard(record, left, edit)
        for name, path, codec in self._writable():
            self._field(name, path, codec, left, edit)
        edit.raw = self._kept(record, left, shown, edit)
        if not edit.values and not edit.wrong and not left:
            edit.wrong.append(("", "nothing to change"))
        return edit

    def _guard(self, record: Record, left: dict[str, Any], edit: Edit) -> None:
        guard = self.update.get("guard") or {}
        if guard.get("by") == "version":
            edit.is_stale = str(get(left, guard["at"])) != str(record.version)
            take_out(left, guard["at"])

    def _field(self, name: str, path: str, codec: str | None, left: dict[str, Any], edit: Edit) -> None:
        raw = get(left, path)
        if raw is ABSENT:
            if self.replaces and not name.startswith("consent."):
                edit.values[name] = ""
            return
        try:
            value = read(self.sheet.codec(codec), raw, self.where)
        except SpellingError as problem:
            edit.wrong.append((path, str(problem)))
            return
        edit.values.update(_in_parts(self.sheet.codec(codec), name, "" if value is None else value))
        take_out(left, path)

    def _writable(self) -> Iterator[tuple[str, str, str | None]]:
        entity = self.sheet.part("entities", self.noun)
        for name, where in entity.get("fields", {}).items():
            table = {"at": where} if isinstance(where, str) else where
            if table.get("at") and table.get("dir") != "read" and name not in {"id", "version"}:
                yield name, table["at"], table.get("codec")
        for consent in entity.get("consents", []):
            if consent.get("dir") != "read":
                name = f"consent.{consent['channel']}.{consent['purpose']}"
                yield name, consent["at"], consent.get("codec", "boolean")

    def _kept(self, record: Record, left: dict[str, Any], shown: dict[str, Any], edit: Edit) -> dict[str, Any]:
        """What else is kept, after this edit; what arrived and belongs nowhere is wrong."""
        raw = copy.deepcopy(record.raw)
        keep = list(self.update.get("keep", []))
        if self.replaces:
            for path in keep or list(raw):
                take_out(raw, path if keep else f'"{path}"')
        for path, value in [*leaves(left)]:
            if value in ([], {}) or self._is_elsewhere(path, raw, value):
                continue
            is_known = isinstance(value, list) or get(shown, path) is not ABSENT or _is_under(path, keep)
            if not is_known:
                edit.wrong.append((path, "is not known"))
                continue
            if get(shown, path) != value or get(record.raw, path) is not ABSENT or _is_under(path, keep):
                put(raw, path, value)
        return raw

    def _is_elsewhere(self, path: str, raw: dict[str, Any], value: Any) -> bool:  # noqa: ANN401
        """Whether a value is written here and shown elsewhere; it is put where it is shown."""
        for reshape in self.update.get("reshape", []):
            if reshape["write"] == path:
                shown_at = turned_round(reshape["read"])
                if shown_at:
                    put(raw, shown_at, value)
                return True
        return False


def _is_under(path: str, above: list[str]) -> bool:
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in above)


def _in_parts(codec: Mapping[str, Any] | None, name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """A whole name is kept in parts."""
    if codec is None or codec["kind"] != "name" or not isinstance(value, str):
        return {name: value}
    if codec.get("order") == "last_comma_first":
        last, _, first = value.partition(",")
    else:
        first, _, last = value.rpartition(" ")
    return {"name.first": first.strip(), "name.last": last.strip()}


def changed_line(record: Record, edit: Edit) -> str:
    """What an edit changes, as one text: ``email=new@tenant.example``."""
    before = record.values
    changed = {name: value for name, value in edit.values.items() if (before.get(name) or "") != value}
    return ",".join(f"{name}={_word(value)}" for name, value in sorted(changed.items()))


def _word(value: Any) -> str:  # noqa: ANN401
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
