"""A vendor's own OpenAPI document, as far as a mapping is held against it: operations, bodies, answers.

Only what is needed is read: documents of vendors are large and seldom valid, so nothing else in them is judged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from pmsbridge.errors import ConfigurationError

__all__ = ["Operation", "Shape", "Spec", "load_spec", "path_fits"]

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_LARGEST_BYTES: Final = 60_000_000
_DEEPEST: Final = 12
_PLACE: Final = re.compile(r"\{[^{}]*\}")
_MEDIA: Final = re.compile(r"^application/([a-z.+-]*\+)?json|^application/x-www-form-urlencoded|^multipart/form-data")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a document says a table looks like.

    Attributes:
        properties: By key, the schema of its value, references followed.
        required: Keys that must be there.
        is_open: Other keys are allowed as well.
    """

    properties: dict[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document.

    Attributes:
        path: With its own names of places ("/customers/{customerId}").
        body: The schema of what is sent; None for none.
        answer: The schema of a good answer; None when it does not say.
        query: Names of its query parameters, and whether each is required.
        headers: Headers that it requires, with the value that the document suggests; empty where it suggests none.
        counted_by: The header of a good answer that counts all rows; empty where none looks like it.
    """

    method: str
    path: str
    summary: str
    body: dict[str, Any] | None
    answer: dict[str, Any] | None
    query: dict[str, bool]
    headers: dict[str, str] = field(default_factory=dict)
    counted_by: str = ""


class Spec:
    """An OpenAPI document, 3.x."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take a parsed document; nothing is fetched that it refers to elsewhere."""
        self.document = document

    @property
    def servers(self) -> list[str]:
        """Addresses of the back office."""
        found = self.document.get("servers")
        return [str(each.get("url", "")) for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def operations(self) -> Iterator[Operation]:
        """Every operation, in the document's order."""
        paths = self.document.get("paths")
        for path, given in paths.items() if isinstance(paths, dict) else ():
            item = self.resolved(given)
            for method in _METHODS:
                if isinstance(item.get(method), dict):
                    yield self._operation(method, str(path), item)

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that a request goes to; a place of the mapping stands for a place of the document.

        The base address may end with the first steps of the document's paths.
        """
        candidates = [each for each in self.operations() if each.method == method.lower()]
        fitting = [each for each in candidates if path_fits(path, each.path)]
        return min(fitting, key=lambda each: (_guessed(path, each.path), len(each.path)), default=None)

    def shape(self, schema: Any) -> Shape:  # noqa: ANN401 - whatever stands in the document
        """The keys of a table schema, with those of everything it is put together from."""
        return self._shape(schema, _DEEPEST)

    def resolved(self, schema: Any) -> dict[str, Any]:  # noqa: ANN401
        """A schema with its own reference followed; an empty one where that leads nowhere."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            schema = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:  # noqa: ANN401
        here: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            here = here.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
        return here

    def _shape(self, schema: Any, depth: int) -> Shape:  # noqa: ANN401
        here = self.resolved(schema)
        if not depth or not here:
            return Shape(is_open=True)
        properties = {str(key): self.resolved(each) for key, each in (here.get("properties") or {}).items()}
        required = frozenset(map(str, here.get("required") or ()))
        is_open = not properties and "allOf" not in here
        parts = [self._shape(each, depth - 1) for each in here.get("allOf") or ()]
        choices = [self._shape(each, depth - 1) for each in (here.get("oneOf") or here.get("anyOf") or ())]
        for part in (*parts, *choices):
            properties = {**part.properties, **properties}
        required |= frozenset().union(*(part.required for part in parts))
        extra = here.get("additionalProperties")
        is_open = extra is True or isinstance(extra, dict) or (is_open and not parts and not choices)
        return Shape(properties, required, is_open)

    def _operation(self, method: str, path: str, item: dict[str, Any]) -> Operation:
        operation = item[method]
        parameters = [
            self.resolved(each) for each in (*(item.get("parameters") or ()), *(operation.get("parameters") or ()))
        ]
        return Operation(
            method=method,
            path=path,
            summary=str(operation.get("summary") or operation.get("operationId") or ""),
            body=self._content(self.resolved(operation.get("requestBody"))),
            answer=self._answer(operation),
            query={
                str(p["name"]): bool(p.get("required")) for p in parameters if p.get("in") == "query" and "name" in p
            },
            headers={str(p["name"]): self._suggested(p) for p in parameters if _is_required_header(p)},
            counted_by=self._counted_by(operation),
        )

    def _suggested(self, parameter: dict[str, Any]) -> str:
        """The value of a header: the only one there is, the usual one, or the document's version where it asks that."""
        schema = self.resolved(parameter.get("schema"))
        choices = schema.get("enum") if isinstance(schema.get("enum"), list) else []
        only = choices[0] if choices and len(choices) == 1 else None
        given = [schema.get("const"), only, schema.get("default"), parameter.get("example"), schema.get("example")]
        info = self.document.get("info")
        if "version" in str(parameter["name"]).lower() and isinstance(info, dict):
            given.append(info.get("version"))
        return str(next((value for value in given if isinstance(value, str | int) and str(value)), ""))

    def _answer(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        good = self._good(operation)
        return None if good is None else self._content(good)

    def _counted_by(self, operation: dict[str, Any]) -> str:
        headers = (self._good(operation) or {}).get("headers")
        names = map(str, headers) if isinstance(headers, dict) else ()
        return next((name for name in names if _COUNTS.search(name)), "")

    def _good(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """The good answer as the document describes it; None where it describes none."""
        answers = operation.get("responses")
        for status in ("200", "201", "202", "2XX", "default"):
            if isinstance(answers, dict) and status in answers:
                return self.resolved(answers[status])
        return None

    def _content(self, holder: dict[str, Any]) -> dict[str, Any] | None:
        content = holder.get("content")
        for media, each in content.items() if isinstance(content, dict) else ():
            if _MEDIA.match(str(media)) and isinstance(each, dict):
                return self.resolved(each.get("schema"))
        return None


_COUNTS: Final = re.compile(r"total[-_]?(count|rows|records|items)|count[-_]?total", re.IGNORECASE)
_NO_PARAMETERS: Final = frozenset({"accept", "authorization", "content-type"})
"""Headers that a document must not describe as parameters, and that one that does so leaves to the client."""


def _is_required_header(parameter: dict[str, Any]) -> bool:
    name = str(parameter.get("name") or "")
    is_ours = parameter.get("in") == "header" and parameter.get("required") is True
    return bool(name) and is_ours and name.lower() not in _NO_PARAMETERS


def _steps(path: str) -> list[str]:
    return [_PLACE.sub("{}", step) for step in path.strip("/").split("/")]


def path_fits(path: str, documented: str) -> bool:
    """Whether a path of a mapping is a documented one, or its end where the base address has the beginning.

    Args:
        path: The mapping's.
        documented: The document's; its places stand for anything.
    """
    wanted, given = _steps(path), _steps(documented)
    shorter = min(len(wanted), len(given))
    if not shorter or len(given) < len(wanted):
        return False
    pairs = zip(wanted, given[len(given) - len(wanted) :], strict=True)
    return all(one == other or "{}" in other for one, other in pairs)


def _guessed(path: str, documented: str) -> int:
    """Words of the mapping's path that a place of the document stands for: "/tasks/{id}" is not "/tasks/open"."""
    wanted, given = _steps(path), _steps(documented)
    pairs = zip(wanted, given[len(given) - len(wanted) :], strict=True)
    return sum("{}" in other and "{}" not in one for one, other in pairs)


def load_spec(path: Path) -> Spec:
    """Read an OpenAPI document, JSON or YAML.

    Raises:
        ConfigurationError: There is no such file, or it is no OpenAPI document of version 3.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}). Name an OpenAPI document."
        raise ConfigurationError(message, code="no_openapi") from None
    document = _parsed(path, content)
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3"):
        message = f"{path}: not an OpenAPI document of version 3. Convert it, or name another."
        raise ConfigurationError(message, code="no_openapi")
    return Spec(document)


def _parsed(path: Path, content: bytes) -> Any:  # noqa: ANN401
    if len(content) > _LARGEST_BYTES:
        message = f"{path}: larger than {_LARGEST_BYTES:,} bytes"
        raise ConfigurationError(message, code="no_openapi")
    try:
        return json.loads(content) if content.lstrip()[:1] == b"{" else yaml.load(content, Loader=_Loader)  # noqa: S506
    except (ValueError, yaml.YAMLError, RecursionError):
        message = f"{path}: neither JSON nor YAML"
    raise ConfigurationError(message, code="no_openapi")


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
