"""Filling places: values by root, spelt by codecs, escaped for where they stand. Nothing is dropped or guessed."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from pmsbridge.model.money import Money
from pmsbridge.ports.files import HandedFile
from pmsbridge_rest.bodies.encoding import Upload
from pmsbridge_rest.codecs.making import codec_named
from pmsbridge_rest.codecs.scene import CodecError, Scene, say
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.paths import ABSENT, Absent, parse_path, read_at
from pmsbridge_rest.mapping.paths import Step as PathStep
from pmsbridge_rest.mapping.templates import Place, parse_template

__all__ = ["CannotSayError", "Filler", "value_at"]

_DOTS: Final = frozenset({".", ".."})
_LAST_LATIN: Final = 0xFF
_FIRST_PRINTABLE: Final = 0x20
_DELETE: Final = 0x7F


class CannotSayError(ValueError):
    """Something cannot be said to this back office as it is; nothing was sent.

    The text names the place, never the value.
    """


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills templates and structures.

    Attributes:
        mapping: Whose codecs spell the values.
        scene: The facility's zone and currency.
        places: By root ("effect", "facility", "read", "step" ...), what paths lead into.
        record: What ``$record`` stands for, by "whole" and "changes".
        file: What ``$file`` stands for; None where nothing was handed in.
    """

    mapping: Mapping
    scene: Scene
    places: Table[str, Any] = field(repr=False)
    record: Table[str, Any] = field(default_factory=dict, repr=False)
    file: HandedFile | None = None

    def with_places(self, **places: Any) -> Filler:
        """The same with some roots set."""
        return replace(self, places={**self.places, **places})

    def with_record(self, **record: Any) -> Filler:
        """The same with what ``$record`` stands for."""
        return replace(self, record={**self.record, **record})

    # templates

    def value(self, template: str) -> Any:  # noqa: ANN401 - whatever the place holds
        """What a template says: the value itself where it is nothing but one place, else text.

        Returns:
            ``ABSENT`` where its only place is optional and there is nothing.

        Raises:
            CannotSayError: There is nothing for a place, or a value cannot be spelt.
        """
        pieces = parse_template(template)
        if len(pieces) == 1 and isinstance(pieces[0], Place):
            return self._place(pieces[0])
        texts = [piece if isinstance(piece, str) else self._text(piece) for piece in pieces]
        return ABSENT if any(isinstance(text, Absent) for text in texts) else "".join(map(str, texts))

    def text(self, template: str) -> str | Absent:
        """What a template says, as text."""
        value = self.value(template)
        return value if isinstance(value, Absent) else _as_words(value, template)

    def path(self, template: str) -> str:
        """An address path with every value escaped; a value can neither add a step nor take one away."""
        pieces = parse_template(template)
        return "".join(piece if isinstance(piece, str) else self._segment(piece) for piece in pieces)

    def header(self, template: str) -> str | Absent:
        """A header's text.

        Raises:
            CannotSayError: It holds a line break or another character that no header can carry.
        """
        text = self.text(template)
        if isinstance(text, str) and any(not _may_stand_in_a_header(sign) for sign in text):
            message = f"{_shown(template)}: a character that no header can carry"
            raise CannotSayError(message)
        return text

    # structures

    def structure(self, made: Any) -> Any:  # noqa: ANN401 - tables, lists and plain values
        """A structure with its places filled; what is optional and not there is left out."""
        if isinstance(made, str):
            return self.value(made)
        if isinstance(made, list):
            entries = [self.structure(each) for each in made]
            return [each for each in entries if each is not ABSENT]
        if not isinstance(made, dict):
            return made
        if any(key.startswith("$") for key in made):
            return self._special(made)
        filled = {key: self.structure(each) for key, each in made.items()}
        return {key: each for key, each in filled.items() if each is not ABSENT}

    def _special(self, made: dict[str, Any]) -> Any:  # noqa: ANN401
        if "$each" in made:
            entries = self._resolved(str(made["$each"]))
            return [self.with_places(part=entry).structure(made["$make"]) for entry in entries or ()]
        if "$file" in made:
            return self.upload(str(made["$file"]))
        if "$record" in made:
            beside = {key: each for key, each in made.items() if key != "$record"}
            return {**self._record(str(made["$record"])), **self.structure(beside)}
        return self._long_form(made)

    def upload(self, called: str) -> Upload:
        """The file that was handed in, and what a template says it is called.

        Raises:
            CannotSayError: Nothing was handed in, or there is nothing for a place.
        """
        name = self.text(called)
        if self.file is None or isinstance(name, Absent):
            message = "$file: there is no file" if self.file is None else f"{_shown(called)}: there is no value"
            raise CannotSayError(message)
        return Upload(self.file, name)

    def _record(self, which: str) -> dict[str, Any]:
        if which not in self.record:
            message = "$record: nothing is updated here"
            raise CannotSayError(message)
        record: dict[str, Any] = self.record[which]
        return record

    def _long_form(self, made: dict[str, Any]) -> Any:  # noqa: ANN401
        value = self.value(made["$value"]) if isinstance(made["$value"], str) else made["$value"]
        if value is None or value is ABSENT:
            return self._none(str(made.get("$none", "refuse")), made)
        return self._spelt(value, str(made["$as"]), "$value") if "$as" in made else value

    @staticmethod
    def _none(how: str, made: dict[str, Any]) -> Any:  # noqa: ANN401
        if how == "refuse":
            message = f"{_shown(str(made['$value']))}: there is no value"
            raise CannotSayError(message)
        return {"omit": ABSENT, "null": None, "empty": ""}[how]

    # single places

    def _place(self, place: Place) -> Any:  # noqa: ANN401
        value = self._resolved(place.path)
        if value is None or value is ABSENT:
            if place.is_optional:
                return ABSENT
            message = f"{{{place.path}}}: there is no value"
            raise CannotSayError(message)
        return self._spelt(value, place.codec, place.path) if place.codec else _plain(value, place.path)

    def _text(self, place: Place) -> str | Absent:
        value = self._place(place)
        return value if isinstance(value, Absent) else _as_words(value, place.path)

    def _segment(self, place: Place) -> str:
        text = self._text(place)
        if isinstance(text, Absent) or not text or text in _DOTS:
            message = f"{{{place.path}}}: nothing that can stand in an address"
            raise CannotSayError(message)
        return quote(text, safe="")

    def _spelt(self, value: Any, codec: str, where: str) -> Any:  # noqa: ANN401
        try:
            return say(codec_named(self.mapping, codec), value, self.scene)
        except CodecError as problem:
            message = f"{{{where}|{codec}}}: {problem}"
        raise CannotSayError(message)

    def _resolved(self, path: str) -> Any:  # noqa: ANN401
        first, *rest = parse_path(path)
        if first.key not in self.places:
            message = f"{{{path}}}: nothing is known of {first.key} here"
            raise CannotSayError(message)
        return value_at(self.places[first.key], tuple(rest))


def value_at(here: Any, steps: tuple[PathStep, ...]) -> Any:  # noqa: ANN401 - any part of anything
    """What a path leads to in records, tables and lists; ``ABSENT`` where there is nothing."""
    for step in steps:
        if isinstance(here, BaseModel):
            here = _of_model(here, step.key)
        elif step.index is not None and isinstance(here, list | tuple):
            here = here[step.index] if step.index < len(here) else ABSENT
        elif isinstance(here, Table) and step.index is None and step.equals is None:
            here = here.get(step.key, ABSENT)
        elif isinstance(here, list):
            here = _chosen(here, step)
        else:
            return ABSENT
    return here


def _of_model(here: BaseModel, name: str) -> Any:  # noqa: ANN401
    """A field of a record, or one of its public properties."""
    kind = type(here)
    is_ours = name in kind.model_fields or isinstance(getattr(kind, name, None), property)
    return getattr(here, name) if is_ours and not name.startswith("_") else ABSENT


def _chosen(entries: list[Any], step: PathStep) -> Any:  # noqa: ANN401
    return read_at(entries, f"[{step.key}={step.equals}]") if step.equals is not None else ABSENT


def _plain(value: Any, path: str) -> Any:  # noqa: ANN401
    """A value that is spelt the same everywhere; what is not needs a codec."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return _whole_seconds(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | bool):
        return value
    what = (
        "money" if isinstance(value, Money) else "an exact number" if isinstance(value, Decimal) else "no plain value"
    )
    message = f"{{{path}}}: {what}; name the codec that spells it, like {{{path}|cents}}"
    raise CannotSayError(message)


def _whole_seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _as_words(value: Any, where: str) -> str:  # noqa: ANN401
    """A plain value inside a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    message = f"{_shown(where)}: a table or a list cannot stand in a text"
    raise CannotSayError(message)


def _may_stand_in_a_header(sign: str) -> bool:
    return sign == "\t" or (_FIRST_PRINTABLE <= ord(sign) <= _LAST_LATIN and ord(sign) != _DELETE)


def _shown(template: str) -> str:
    """The places of a template, for a message; its texts stay out."""
    places = [f"{{{piece.path}}}" for piece in parse_template(template) if isinstance(piece, Place)]
    return " ".join(places) or "a text"
