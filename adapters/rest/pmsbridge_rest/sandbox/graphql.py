"""GraphQL: what a query asks for. A server answers with the fields that a query names, and with nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

_TOKEN: Final = re.compile(
    r'(?P<blank>[\s,\ufeff]+|#[^\n\r]*)|(?P<word>[_A-Za-z]\w*)|(?P<text>"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\\n])*")'
    r"|(?P<number>-?\d[\w.+-]*)|(?P<sign>\.\.\.|[!$&()\[\]{}:=@|])",
    re.ASCII | re.DOTALL,
)
_KINDS: Final = ("query", "mutation", "subscription")
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}
_DEEPEST: Final = 30


class QueryError(ValueError):
    """No GraphQL that can be carried out; the message says what is wrong."""


@dataclass(slots=True)
class Selection:
    """The fields that are asked for of one thing.

    Attributes:
        fields: By the name that the answer has them under; empty for a plain value.
    """

    fields: dict[str, Selection] = field(default_factory=dict)

    def add(self, other: Selection) -> None:
        """What is asked for twice is asked for together."""
        for name, below in other.fields.items():
            self.fields.setdefault(name, Selection()).add(below)


@dataclass(frozen=True, slots=True)
class Query:
    """One operation.

    Attributes:
        kind: "query" or "mutation".
        name: Empty for one without.
        variables: By name, whether it has to be given.
        used: Names of the variables that stand somewhere in it.
        selection: What is answered.
    """

    kind: str
    name: str
    variables: Mapping[str, bool]
    used: frozenset[str]
    selection: Selection


def one_line(text: str) -> str:
    """A query without the blanks, commas and comments that mean nothing: two that say the same are equal."""
    return " ".join(token for _, token in _tokens(text))


@lru_cache(maxsize=256)
def query_of(text: str) -> Query:
    """Read a query.

    Raises:
        QueryError: It is none, holds several operations, or uses what it does not declare.
    """
    return _Reader(text).document()


def selected(content: Any, selection: Selection) -> Any:  # noqa: ANN401 - any JSON
    """What of some content is asked for; what is asked for and not there is null."""
    if isinstance(content, list):
        return [selected(each, selection) for each in content]
    if not selection.fields:
        return content if not isinstance(content, dict) else {}
    if not isinstance(content, dict):
        return content
    return {name: selected(content.get(name), below) for name, below in selection.fields.items()}


def objections(query: Query, variables: Any, *, is_write: bool) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """What is wrong with how a query is asked: the place, and what is wrong there."""
    if (query.kind == "mutation") is not is_write:
        yield "query", "a mutation changes something, a query does not"
    given = variables if isinstance(variables, dict) else {}
    for name in given.keys() - query.variables.keys():
        yield f"variables.{name}", "is not declared by the query"
    for name, is_needed in query.variables.items():
        if is_needed and given.get(name) is None:
            yield f"variables.{name}", "is missing"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            message = f"{text[place : place + 10]!r} cannot stand in a query"
            raise QueryError(message)
        place = found.end()
        if found.lastgroup != "blank":
            yield str(found.lastgroup), found[0]


class _Reader:
    """Reads one document from its tokens."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._used: set[str] = set()
        self._fragments: dict[str, tuple[Selection, list[str]]] = {}
        self._spreads: list[str] = []

    def document(self) -> Query:
        found: list[tuple[str, str, dict[str, bool], Selection, list[str]]] = []
        while self._at < len(self._tokens):
            if self._peek() == "fragment":
                self._fragment()
            else:
                found.append(self._operation())
        if len(found) != 1:
            message = f"{len(found)} operations; exactly one is expected"
            raise QueryError(message)
        kind, name, variables, selection, spreads = found[0]
        self._spread(selection, spreads, ())
        for used in sorted(self._used - variables.keys()):
            message = f"${used} is used and not declared"
            raise QueryError(message)
        return Query(kind, name, variables, frozenset(self._used), selection)

    # parts

    def _operation(self) -> tuple[str, str, dict[str, bool], Selection, list[str]]:
        if self._peek() == "{":
            return ("query", "", {}, *self._fresh())
        kind = self._take()
        if kind not in _KINDS or kind == "subscription":
            message = f"{kind!r} is neither query nor mutation"
            raise QueryError(message)
        name = self._take() if self._is_word() else ""
        variables = self._variables() if self._peek() == "(" else {}
        self._directives()
        return (kind, name, variables, *self._fresh())

    def _fragment(self) -> None:
        self._take("fragment")
        name = self._take()
        self._take("on")
        self._take()
        self._directives()
        self._fragments[name] = self._fresh()

    def _fresh(self) -> tuple[Selection, list[str]]:
        """A selection, and the names of the fragments that are spread in it, however deep."""
        before, self._spreads = self._spreads, []
        found = self._selection(_DEEPEST)
        spreads, self._spreads = self._spreads, before
        return found, spreads

    def _spread(self, selection: Selection, spreads: list[str], within: tuple[str, ...]) -> None:
        """Fill in the fragments; each stands as a field of its own name with three dots before it."""
        for name in spreads:
            if name in within or name not in self._fragments:
                message = f"fragment {name} {'leads back to itself' if name in within else 'is not there'}"
                raise QueryError(message)
            inside, deeper = self._fragments[name]
            self._spread(inside, deeper, (*within, name))
            _filled_in(selection, name, inside)

    def _variables(self) -> dict[str, bool]:
        found = {}
        self._take("(")
        while self._peek() != ")":
            self._take("$")
            name = self._take()
            self._take(":")
            is_needed = self._type()
            if self._peek() == "=":
                self._take("=")
                self._value()
                is_needed = False
            self._directives()
            found[name] = is_needed
        self._take(")")
        return found

    def _type(self) -> bool:
        """Whether a value of this type has to be given."""
        if self._peek() == "[":
            self._take("[")
            self._type()
            self._take("]")
        else:
            self._take()
        if self._peek() == "!":
            self._take("!")
            return True
        return False

    def _selection(self, depth: int) -> Selection:
        if not depth:
            message = "the query is too deep"
            raise QueryError(message)
        found = Selection()
        self._take("{")
        while self._peek() != "}":
            if self._peek() == "...":
                self._inline(found, depth)
                continue
            name = self._take()
            if self._peek() == ":":
                self._take(":")
                self._take()
            if self._peek() == "(":
                self._value()
            self._directives()
            below = self._selection(depth - 1) if self._peek() == "{" else Selection()
            found.fields.setdefault(name, Selection()).add(below)
        self._take("}")
        if not found.fields:
            message = "a selection without a field"
            raise QueryError(message)
        return found

    def _inline(self, above: Selection, depth: int) -> None:
        """A fragment within the query, or the name of one that stands elsewhere."""
        self._take("...")
        if self._peek() == "on":
            self._take("on")
            self._take()
        elif self._is_word():
            name = self._take()
            self._spreads.append(name)
            above.fields[f"...{name}"] = Selection()
            self._directives()
            return
        self._directives()
        above.add(self._selection(depth - 1))

    def _directives(self) -> None:
        while self._peek() == "@":
            self._take("@")
            self._take()
            if self._peek() == "(":
                self._value()

    def _value(self) -> None:
        """A value, or the arguments of a field: nothing of it is answered, but its variables are used."""
        token = self._take()
        if token == "$":  # noqa: S105 - the sign before a variable
            self._used.add(self._take())
        elif token in _CLOSING:
            while self._peek() != _CLOSING[token]:
                self._value()
            self._take(_CLOSING[token])

    # tokens

    def _peek(self) -> str:
        if self._at >= len(self._tokens):
            message = "the query ends too early"
            raise QueryError(message)
        return self._tokens[self._at][1]

    def _is_word(self) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][0] == "word"

    def _take(self, wanted: str = "") -> str:
        token = self._peek()
        if (wanted and token != wanted) or (not wanted and token in {")", "]", "}"}):
            message = f"{token!r} stands where {wanted or 'something else'} is expected"
            raise QueryError(message)
        self._at += 1
        return token


def _filled_in(selection: Selection, name: str, inside: Selection) -> None:
    if selection.fields.pop(f"...{name}", None) is not None:
        selection.add(inside)
    for below in list(selection.fields.values()):
        _filled_in(below, name, inside)
