"""Words of a fixed vocabulary: the vendor's and ours."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from pmsbridge_rest.codecs.scene import CodecError, Scene
from pmsbridge_rest.mapping.codec_sections import EnumCodec

__all__ = ["Vocabulary"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The vendor's words to ours, and back to the one that is written."""

    section: EnumCodec

    def decode(self, raw: Any, scene: Scene) -> str | None:  # noqa: ANN401
        """Our word; None for null. A word that is not listed reads as ``unknown`` where the mapping says so."""
        del scene
        if raw is None:
            return None
        word = _spelt(raw)
        words = self.section.words
        if self.section.fold_case:
            word, words = word.casefold(), {key.casefold(): means for key, means in words.items()}
        if word in words:
            return words[word]
        if self.section.unknown == "unknown":
            return "unknown"
        message = "a word that the mapping does not list"
        raise CodecError(message)

    def encode(self, value: Any, scene: Scene) -> str | int:  # noqa: ANN401
        """The vendor's word, where exactly one is meant."""
        del scene
        ours = value.value if isinstance(value, Enum) else value
        vendors = [self.section.write[ours]] if ours in self.section.write else self._vendors_of(ours)
        if len(vendors) != 1:
            message = "several words of the vendor mean it" if vendors else "the vendor has no word for it"
            raise CodecError(message)
        return vendors[0] if self.section.spelt == "text" else int(vendors[0])

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """The same word of ours."""
        del scene
        return bool(value == (other.value if isinstance(other, Enum) else other))

    def _vendors_of(self, ours: Any) -> list[str]:  # noqa: ANN401
        return [vendor for vendor, means in self.section.words.items() if means == ours]


def _spelt(raw: Any) -> str:  # noqa: ANN401
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str | int):
        return str(raw)
    if isinstance(raw, Decimal) and raw == raw.to_integral_value():
        return str(int(raw))
    message = "not a word"
    raise CodecError(message)
