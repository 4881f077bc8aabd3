"""The codec of a section."""

from __future__ import annotations

from typing import Any, Final

from pmsbridge_rest.codecs.moments import Dates, Instants
from pmsbridge_rest.codecs.money import Amounts
from pmsbridge_rest.codecs.paying import LastDigits, Months
from pmsbridge_rest.codecs.people import FullNames, Phones
from pmsbridge_rest.codecs.plain import Booleans, Decimals, Integers, Texts, WordLists
from pmsbridge_rest.codecs.scene import Codec
from pmsbridge_rest.codecs.vocabulary import Vocabulary
from pmsbridge_rest.mapping.codec_sections import CodecSection
from pmsbridge_rest.mapping.document import Mapping

__all__ = ["codec_named", "codec_of"]

_BY_KIND: Final[dict[str, Any]] = {
    "text": Texts,
    "integer": Integers,
    "decimal": Decimals,
    "boolean": Booleans,
    "money": Amounts,
    "date": Dates,
    "month": Months,
    "last_digits": LastDigits,
    "instant": Instants,
    "enum": Vocabulary,
    "phone": Phones,
    "name": FullNames,
    "words": WordLists,
}


def codec_of(section: CodecSection) -> Codec:
    """The codec that a section declares."""
    codec: Codec = _BY_KIND[section.kind](section)
    return codec


def codec_named(mapping: Mapping, name: str) -> Codec:
    """A mapping's own codec, or a built-in one.

    Raises:
        KeyError: There is none of that name; a mapping that was read names none such.
    """
    return codec_of(mapping.codec(name))
