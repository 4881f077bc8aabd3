"""Updates: how some fields of a record are changed so that every other stays as it is. Pure: no call is made here."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pmsbridge.actions.effects import ChangeContact, SetConsent
from pmsbridge_rest.codecs.making import codec_named
from pmsbridge_rest.codecs.scene import CodecError, Scene, say
from pmsbridge_rest.filling import CannotSayError
from pmsbridge_rest.mapping.actions import Update
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import FieldMap
from pmsbridge_rest.mapping.expressions import search
from pmsbridge_rest.mapping.model_fields import Sort, target_of
from pmsbridge_rest.mapping.paths import ABSENT, parse_path, path_of, read_at, without, write_at

__all__ = ["Edit", "Updating", "changed_meanwhile", "not_as_asked"]

_FIRST_KEY: Final = re.compile(r'(?:([A-Za-z_][A-Za-z0-9_]*)|"([^"\\]+)")')
"""The key that an expression begins with."""

Edit = ChangeContact | SetConsent
"""Effects that change fields of a record."""


@dataclass(frozen=True, slots=True)
class Updating:
    """One update of one record.

    Attributes:
        mapping: The mapping.
        update: How the record is changed.
        effect: What is to be changed.
        scene: The facility's zone and currency.
    """

    mapping: Mapping
    update: Update
    effect: Edit
    scene: Scene

    @property
    def needs_record(self) -> bool:
        """Whether the record must be read before: a list is sent as a whole, a guard compares, a PUT sends it all."""
        if self.update.strategy == "put_full" or self.update.guard is not None:
            return True
        return any(_list_above(path) is not None for path in self.paths())

    def paths(self) -> list[str]:
        """Where the record is changed.

        Raises:
            CannotSayError: The back office has no such field, or it cannot be written.
        """
        return [path for path, _ in self._writes()]

    def records(self, record: dict[str, Any] | None) -> dict[str, Any]:
        """What ``$record`` stands for: the ``changes`` alone, and with a record the ``whole`` of it.

        Args:
            record: As it was answered, its envelope taken off; None where none was read.

        Raises:
            CannotSayError: A field cannot be written or spelt, or the record is needed and was not read.
        """
        if record is None:
            if self.needs_record:
                message = "the record must be read before it can be changed"
                raise CannotSayError(message)
            return {"changes": self._changes({})}
        return {"changes": self._changes(record), "whole": self._whole(record)}

    def differences(self, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        """Keys of the record, beside what was asked for, that are not as they were; dotted, sorted."""
        for path in (*self.paths(), *self.read_elsewhere(), *self.update.moves):
            entry = _entry_above(path)
            if entry is not None and read_at(before, entry) is ABSENT:
                after = without(after, entry)
            before, after = without(before, path), without(after, path)
        return sorted(_differing(before, after, ""))

    def read_elsewhere(self) -> Iterator[str]:
        """Places that a changed field is read from, where that is another place than it is written to."""
        if isinstance(self.effect, SetConsent):
            wanted = (self.effect.channel.value, self.effect.purpose.value)
            consents = self.mapping.entities[self.update.entity].consents
            yield from (one.at for one in consents if (one.channel, one.purpose) == wanted and one.dir == "read")
        if isinstance(self.effect, ChangeContact):
            fields = self.mapping.entities[self.update.entity].fields
            for name in self.effect.changes:
                found = _FIRST_KEY.match(fields[name].expr or "") if name in fields else None
                if found is not None:
                    yield f'"{found[1] or found[2]}"'

    # what is written

    def _writes(self) -> Iterator[tuple[str, Any]]:
        """Path and raw value of every change; ``ABSENT`` for what is taken out."""
        if isinstance(self.effect, SetConsent):
            yield self._consent(self.effect)
            return
        for name, text in self.effect.changes.items():
            where = self.mapping.entities[self.update.entity].fields.get(name)
            if where is None or where.at is None or not where.is_written:
                message = f"{name}: this back office has no place for it"
                raise CannotSayError(message)
            yield where.at, self._raw(name, where, text)

    def _consent(self, effect: SetConsent) -> tuple[str, Any]:
        for each in self.mapping.entities[self.update.entity].consents:
            if (each.channel, each.purpose) == (effect.channel.value, effect.purpose.value) and each.dir != "read":
                return each.at, self._spelt(f"{each.channel} {each.purpose}", each.codec, value=effect.granted)
        message = f"{effect.channel.value} {effect.purpose.value}: this back office has no place for it"
        raise CannotSayError(message)

    def _raw(self, name: str, where: FieldMap, text: str) -> Any:  # noqa: ANN401 - any JSON value
        if text:
            target = target_of(self.update.entity, name)
            usual = "phone" if target is not None and target.sort is Sort.PHONE else "text"
            return self._spelt(name, where.codec or usual, value=text)
        if where.cleared == "refuse" or (where.cleared == "omit" and self.update.strategy != "put_full"):
            message = f"{name}: this back office cannot be told that it is empty"
            raise CannotSayError(message)
        return {"empty": "", "null": None, "omit": ABSENT}[where.cleared]

    def _spelt(self, name: str, codec: str, *, value: Any) -> Any:  # noqa: ANN401
        try:
            return say(codec_named(self.mapping, codec), value, self.scene)
        except CodecError as problem:
            message = f"{name}: {problem}"
        raise CannotSayError(message)

    # records

    def _changes(self, record: dict[str, Any]) -> dict[str, Any]:
        """The changes alone. A list that one of them is in goes whole, or its other entries would be lost."""
        made: dict[str, Any] = {}
        for path, raw in self._writes():
            above = _list_above(path)
            if above is not None and read_at(made, above) is ABSENT:
                made = write_at(made, above, copy.deepcopy(_list_at(record, above)))
            made = _written(made, path, raw)
        return self._with_version(made, record)

    def _whole(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record as it was read, less what must not be sent back, reshaped, with the changes in it."""
        made = copy.deepcopy(record)
        if self.update.keep:
            made = _kept(record, self.update.keep)
        for path in self.update.drop:
            made = without(made, path)
        for reshape in self.update.reshape:
            made = made if reshape.drop is None else without(made, reshape.drop)
            found = _searched(reshape.read, record)
            made = made if found is None else write_at(made, reshape.write, copy.deepcopy(found))
        for path, raw in self._writes():
            made = _written(made, path, raw)
        return self._with_version(made, record)

    def _with_version(self, made: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
        """The version that was read goes back, where that is the guard."""
        guard = self.update.guard
        if guard is None or guard.at is None:
            return made
        version = read_at(record, guard.at)
        if version is ABSENT or version is None:
            message = "the record that was read has no version to send back"
            raise CannotSayError(message)
        return write_at(made, guard.at, version)


def _kept(record: dict[str, Any], paths: tuple[str, ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for path in paths:
        value = read_at(record, path)
        if value is not ABSENT:
            kept = write_at(kept, path, copy.deepcopy(value))
    return kept


def _searched(expression: str, record: dict[str, Any]) -> Any:  # noqa: ANN401
    try:
        return search(expression, record)
    except ValueError:
        message = "the record that was read is of another shape than the mapping says"
    raise CannotSayError(message)


def _written(record: dict[str, Any], path: str, raw: Any) -> dict[str, Any]:  # noqa: ANN401
    if raw is ABSENT:
        return without(record, path)
    try:
        return write_at(record, path, raw)
    except ValueError as problem:
        message = str(problem)
    raise CannotSayError(message)


def _list_above(path: str) -> str | None:
    """The path of the first list that a path goes through; None when it goes through none."""
    steps = parse_path(path)
    for number, step in enumerate(steps):
        if step.index is not None or step.equals is not None:
            return path_of(steps[:number])
    return None


def _entry_above(path: str) -> str | None:
    """The path of the innermost list entry that a path goes through; None when it goes through none."""
    steps = parse_path(path)
    inner = [number for number, step in enumerate(steps) if step.index is not None or step.equals is not None]
    return path_of(steps[: inner[-1] + 1]) if inner else None


def _list_at(record: dict[str, Any], path: str) -> list[Any]:
    found = read_at(record, path)
    return found if isinstance(found, list) else []


def _differing(one: Any, other: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    """Where two records differ: the keys, to the depth of tables."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _differing(one.get(key, ABSENT), other.get(key, ABSENT), f"{path}.{key}".removeprefix("."))
    elif isinstance(one, bool) != isinstance(other, bool) or one != other:
        yield path


def not_as_asked(effect: ChangeContact, texts: dict[str, str]) -> list[str]:
    """Fields whose text in the back office is not what the edit asks for; none when it is so already."""
    return sorted(name for name, text in effect.changes.items() if texts.get(name, "") != text)


def changed_meanwhile(effect: ChangeContact, texts: dict[str, str]) -> list[str]:
    """Fields that hold neither what the person saw while editing nor what the edit asks for."""
    seen = effect.seen.items()
    return sorted(name for name, text in seen if texts.get(name, "") not in {text, effect.changes.get(name, text)})
