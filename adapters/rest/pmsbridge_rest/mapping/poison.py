"""Keys that must not stand in a mapping: numbers of cards and banks, security codes, gate codes, passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pmsbridge_rest.mapping.actions import Look, Step, Update
from pmsbridge_rest.mapping.codec_sections import BUILT_IN
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.entities import Consent, EntityMap, FieldMap
from pmsbridge_rest.mapping.paths import parse_path
from pmsbridge_rest.mapping.requests import Call
from pmsbridge_rest.mapping.walking import Key, sections_of

__all__ = ["poison_problems", "poisonous"]

_CARD_NUMBER: Final = re.compile(
    r"(^|_)pan(_|$)|(card|cc|account_card)_?(no|nr|num|number)(_|$)|primary_account_number"
)
_CARD_CODE: Final = re.compile(
    r"(^|_)(cvv2?|cvc2?|cvn|csc|cid_code|track_?[12]?_data|magstripe)(_|$)"
    r"|(card|cc|account_card)_?(code|security|pin)(_|$)|(^|_)security_code(_|$)"
)
_PERSON: Final = re.compile(
    r"(^|_)(ssn|sin|social_security(_(no|num|number))?|tax_?id_?number|gate_?code|access_?code|pass_?word|pin_?code)(_|$)"
)
_ACCOUNT_NUMBER: Final = re.compile(r"(^|_)(iban|bank_account)_?(no|nr|num|number)(_|$)|(^|_)iban(_|$)")
_ROUTING: Final = re.compile(r"(^|_)(routing|aba)_?(no|nr|num|number)(_|$)")
_CODE: Final = re.compile(r"(^|_)(access|cid|code|door|gate|pin)(_|$)")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_LAST_DIGITS_AT: Final = ("entities", "payment_methods", "fields", "face.last4")
"""The one field that a masked number may be read for."""

Found = Iterator[tuple[Key, str, str]]


def poisonous(name: str) -> str:
    """What a key names that must not pass through a mapping; empty for nothing."""
    word = _word(name)
    if _CARD_NUMBER.search(word) or _CARD_CODE.search(word):
        return "a card's number or code"
    if _PERSON.search(word):
        return "a secret of a person"
    return "a bank account's number" if _ACCOUNT_NUMBER.search(word) or _ROUTING.search(word) else ""


def _word(name: str) -> str:
    """A name in small letters, its words parted by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower())


def poison_problems(mapping: Mapping) -> Found:
    """Every such key that is read or sent."""
    for key, section in sections_of(mapping):
        if key[:1] == ("auth",):
            continue
        for where, name in _keys_of(section, key):
            what = poisonous(name)
            if what and not _is_harmless(name) and not (_is_number(name) and _is_cut(mapping, key, section)):
                words = f"names {what}; no mapping may read or send it. Use a stored method or a token."
                yield where, "poison_key", words


def _is_harmless(name: str) -> bool:
    """A masked number, and whether there is one."""
    return re.search(r"(?i)last_?(4|four)|masked|^(has|is)[_A-Z]", name) is not None


def _is_number(name: str) -> bool:
    """A card's or an account's number, which vendors mask; of a code, four digits are often the whole."""
    word = _word(name)
    is_secret = any(words.search(word) for words in (_CARD_CODE, _PERSON, _ROUTING, _CODE))
    return not is_secret and any(words.search(word) for words in (_CARD_NUMBER, _ACCOUNT_NUMBER))


def _is_cut(mapping: Mapping, key: Key, section: Any) -> bool:  # noqa: ANN401
    """Only its last four digits are kept, on the face of a stored method, and nothing where it is not masked."""
    name = section.codec if isinstance(section, FieldMap) and key == _LAST_DIGITS_AT else None
    return name is not None and name in _codecs(mapping) and mapping.codec(name).kind == "last_digits"


def _codecs(mapping: Mapping) -> set[str]:
    return {*BUILT_IN, *mapping.codecs}


def _keys_of(section: Any, key: Key) -> Iterator[tuple[Key, str]]:  # noqa: ANN401
    """Keys that a section sends, and names of places in an answer that it reads."""
    if isinstance(section, Call):
        yield from (((*key, "query", name), name) for name in section.query)
        yield from _body_keys(section.body, (*key, "body"))
    if isinstance(section, Step | Look):
        for name, expression in section.outputs.items():
            yield from (((*key, "outputs", name), word) for word in _words_of(expression))
    if isinstance(section, Update):
        yield from _update_names(section, key)
    if isinstance(section, FieldMap):
        yield from _read_names(section, key)
    if isinstance(section, Consent):
        yield from ((((*key, "at"), step.key)) for step in parse_path(section.at))
    if isinstance(section, EntityMap):
        for name, path in section.extra.items():
            yield from ((((*key, "extra", name), step.key)) for step in parse_path(path))


def _read_names(field: FieldMap, key: Key) -> Iterator[tuple[Key, str]]:
    if field.at is not None:
        yield from (((*key, "at"), step.key) for step in parse_path(field.at))
    if field.expr is not None:
        yield from (((*key, "expr"), word) for word in _words_of(field.expr))


def _update_names(update: Update, key: Key) -> Iterator[tuple[Key, str]]:
    """What goes back with a record, and where."""
    for number, path in enumerate(update.keep):
        yield from (((*key, "keep", number), step.key) for step in parse_path(path))
    for number, reshape in enumerate(update.reshape):
        yield from (((*key, "reshape", number, "write"), step.key) for step in parse_path(reshape.write))
        yield from (((*key, "reshape", number, "read"), word) for word in _words_of(reshape.read))


def _words_of(expression: str) -> list[str]:
    return re.findall(r"[A-Za-z_][A-Za-z0-9_]*", expression)


def _body_keys(value: Any, key: Key) -> Iterator[tuple[Key, str]]:  # noqa: ANN401
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*key, name), name
            yield from _body_keys(each, (*key, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _body_keys(each, (*key, number))
