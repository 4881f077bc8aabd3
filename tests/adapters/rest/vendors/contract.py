"""An OpenAPI document as a strict judge: unknown keys are refused even where the document would let them pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

_METHODS = ("get", "post", "put", "patch", "delete")
_PLACE = re.compile(r"\{[^{}]+\}")
_DEEPEST = 4


@dataclass(slots=True)
class Contract:
    """One document.

    Attributes:
        prefix: What every path of the document begins with, and the mapping's base address ends with.
    """

    document: dict[str, Any]
    prefix: str = ""
    _strict: dict[str, Any] = field(default_factory=dict)

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The operation of a request: of several that fit, the one with the fewest places."""
        wanted = f"{self.prefix}{path}"
        fitting = [
            (template.count("{"), template)
            for template, item in self.document["paths"].items()
            if method.lower() in item and re.fullmatch(_PLACE.sub("[^/]+", template), wanted)
        ]
        assert fitting, f"the document has no {method} {wanted}"
        found: dict[str, Any] = self.document["paths"][min(fitting)[1]][method.lower()]
        return found

    # requests

    def check_query(self, method: str, path: str, names: dict[str, str]) -> None:
        operation = self.operation(method, path)
        known = {
            each["name"]: each for each in map(self._followed, operation.get("parameters", ())) if each["in"] == "query"
        }
        unknown = set(names) - set(known)
        assert not unknown, f"{method} {path} has no query parameter {sorted(unknown)}; it has {sorted(known)}"
        missing = {name for name, each in known.items() if each.get("required")} - set(names)
        assert not missing, f"{method} {path} needs the query parameters {sorted(missing)}"
        for name, text in names.items():
            schema = self._followed(known[name]["schema"])
            schema = self._followed(schema["items"]) if schema.get("type") == "array" else schema
            words = schema.get("enum")
            assert words is None or text in words, f"{method} {path}: {name}={text} is none of {words}"
            assert schema.get("type") != "integer" or re.fullmatch(r"-?\d+", text), f"{name}={text} is no number"

    def check_body(self, method: str, path: str, body: Any) -> None:
        schema = self.body_schema(method, path)
        assert schema is not None, f"{method} {path} takes no body"
        problems = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(body))
        assert not problems, f"{method} {path}: " + "; ".join(
            f"{'.'.join(map(str, each.path))}: {each.message}" for each in problems
        )

    def body_schema(self, method: str, path: str) -> dict[str, Any] | None:
        body = self.operation(method, path).get("requestBody")
        return None if body is None else self.strict(_json_of(self._followed(body)["content"]))

    # answers

    def answer_schema(self, method: str, path: str) -> dict[str, Any]:
        responses = self.operation(method, path)["responses"]
        good = next(responses[status] for status in ("200", "201") if status in responses)
        return self._followed(_json_of(self._followed(good)["content"]))

    def sample(self, schema: dict[str, Any], *, bare: bool = False, deep: int = _DEEPEST) -> Any:
        """A value of a schema: with everything in it, or with null and nothing wherever that is allowed."""
        here = self._merged(schema)
        if bare and here.get("nullable"):
            return None
        if "enum" in here:
            return here["enum"][0]
        kind = here.get("type", "object" if "properties" in here else "string")
        if kind == "array":
            return [] if bare or not deep else [self.sample(here["items"], bare=bare, deep=deep - 1)]
        if kind == "object":
            inner = here.get("properties", {}) if deep else {}
            return {name: self.sample(each, bare=bare, deep=deep - 1) for name, each in inner.items()}
        return {"integer": 7, "number": 12.5, "boolean": True}.get(kind) or _TEXTS.get(here.get("format", ""), "text")

    # schemas

    def strict(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema as JSON Schema has it: no key beside those it names, null where it is allowed."""
        return {**self._made_strict(schema, ()), "$defs": self._strict}

    def _made_strict(self, schema: dict[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
        reference = schema.get("$ref")
        if reference is not None:
            name = reference.rsplit("/", 1)[1]
            if name not in self._strict and name not in above:
                self._strict[name] = {}
                self._strict[name] = self._made_strict(self._followed(schema), (*above, name))
            return {"$ref": f"#/$defs/{name}"}
        here = self._merged(schema)
        made: dict[str, Any] = {
            key: here[key] for key in ("type", "enum", "format", "required", "maxLength", "minLength") if key in here
        }
        if "properties" in here:
            made["properties"] = {
                name: {"not": {}} if self._followed(each).get("readOnly") else self._made_strict(each, above)
                for name, each in here["properties"].items()
            }
            made["additionalProperties"] = False
        if "items" in here:
            made["items"] = self._made_strict(here["items"], above)
        return {"anyOf": [made, {"type": "null"}]} if here.get("nullable") else made

    def _merged(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema with everything it is put together from."""
        here = self._followed(schema)
        made: dict[str, Any] = {}
        for part in here.get("allOf", ()):
            merged = self._merged(part)
            made |= merged
            made["properties"] = {**made.get("properties", {}), **merged.get("properties", {})}
        own = {key: value for key, value in here.items() if key != "allOf"}
        inner = {**made.pop("properties", {}), **own.pop("properties", {})}
        return {**made, **own, **({"properties": inner} if inner else {})}

    def _followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            here: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                here = here[part]
            schema = here
        return schema


_TEXTS = {"date": "2026-03-01", "date-time": "2026-03-01T12:00:00Z"}


def _json_of(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["application/json"]["schema"]
    return found
